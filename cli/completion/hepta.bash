# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# hepta.bash - completion for bash: verbs, options, kinds of address, and Hepta's objects by name

_hepta_addresses() {
    local kinds=(pipe: kernel.pipe: fifo:/ kernel.fifo: mq:/ kernel.mq:/ msg: kernel.msg: shm:/
        kernel.shm:/ sem:/ kernel.sem:/ permit:/ semset: kernel.semset: unix: kernel.unix: tcp: udp:
        raw: signal: -)
    local entry
    printf '%s\n' "${kinds[@]}"
    for entry in "${HEPTA_DIR:-/dev/shm/hepta}"/*; do
        entry=${entry##*/}
        case $entry in
        fifo.* | mq.* | shm.* | sem.* | permit.*) printf '%s:/%s\n' "${entry%%.*}" "${entry#*.}" ;;
        mailbox.*) printf 'signal:/%s\n' "${entry#*.}" ;;
        esac
    done
}

_hepta() {
    local word=${COMP_LINE:0:COMP_POINT} verb=${COMP_WORDS[1]-} options prefix
    word=${word##*[[:space:]]}
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(hepta --help 2>/dev/null |
            sed -n '/^Verbs:/,/^$/s/^  \([a-z-]*\) .*/\1/p') --help --version" -- "$word")
        return
    fi
    case $verb in
    send | recv | peek | relay | new | rm | lock | show | clean | ls | doctor | bench | demo) ;;
    *) return ;;
    esac
    if [[ $word == -?* ]]; then
        options=$(hepta "$verb" --help 2>/dev/null | grep -oE '(^|[ ,])--[a-z-]+' | tr -d ' ,' | sort -u)
        mapfile -t COMPREPLY < <(compgen -W "$options --help" -- "$word")
    elif [[ $verb != @(ls|doctor|bench|demo) ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_hepta_addresses)" -- "$word")
        # The shell takes a colon for the end of a word: give it only what is behind the last one.
        prefix=${word%"${word##*:}"}
        COMPREPLY=("${COMPREPLY[@]#"$prefix"}")
        compopt -o nospace
    fi
}

complete -o default -F _hepta hepta
