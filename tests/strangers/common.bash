# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# tests/strangers/common.bash - what the files here share. SOCK_CAT and FIFO_CAT
# name the programs.
#
# Whatever a test starts runs under timeout(1), in the background, and is ended in teardown.

setup() {
    : "${SOCK_CAT:?set it to the path of sock-cat}"
    tmp=$BATS_TEST_TMPDIR
    started=()
    export port=$((7000 + BATS_TEST_NUMBER)) # its own: what a connection leaves behind stays a minute
}

teardown() {
    [ ${#started[@]} -eq 0 ] || kill "${started[@]}" 2>/dev/null || true
    wait
}

sock_cat() { timeout -k 2 30 "$SOCK_CAT" "$@"; }

# begin IN OUT COMMAND...: in the background, no descriptor of bats' own kept; its id is in $!
begin() {
    timeout -k 2 30 "${@:3}" <"$1" >"$2" 2>>"$tmp/err" 3>&- &
    started+=($!)
}

# ended: what was begun last has ended well
ended() {
    wait "${started[-1]}" || { cat "$tmp/err" && return 1; }
    unset 'started[-1]'
}

# some NAME BYTES: a file that nobody can guess
some() { head -c "$2" /dev/urandom >"$tmp/$1"; }

# until COMMAND...: it succeeds within 10 s
until_true() {
    for _ in {1..200}; do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.05
    done
    echo "never became true: $*"
    cat "$tmp/err"
    return 1
}

# bound tcp|udp PORT: somebody listens there, by either family
bound() {
    local state=0A
    [ "$1" = tcp ] || state=07
    grep -qiE "^ *[0-9]+: [0-9A-F]+:$(printf %04X "$2") [0-9A-F:]+ $state " \
        "/proc/net/$1" "/proc/net/${1}6"
}
named() { grep -qF -- "$1" /proc/net/unix; }
size_is() { [ "$(stat -c %s "$tmp/$1")" -eq "$2" ]; }
