#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Completion for bash, asked as the shell asks it.

load common
load channel

setup() {
    channel_setup
    ln -s "$HEPTA" "$tmp/hepta"
    PATH=$tmp:$PATH
}
teardown() { channel_teardown; }

# complete_line WORD...: what is offered for the last one
offered() {
    bash -c '. "$1"; shift; compopt() { :; }; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; _hepta; printf "%s\n" "${COMPREPLY[@]}"' \
        bash "$BATS_TEST_DIRNAME/../../cli/completion/hepta.bash" "$@"
}

@test "verbs" {
    run offered hepta re
    [[ "$output" == *recv* ]] && [[ "$output" == *relay* ]] && [[ "$output" != *send* ]]
}

@test "options of a verb" {
    run offered hepta recv mq:/q --fo
    [ "$output" = --follow ]
    run offered hepta send mq:/q --fo
    [ -z "$output" ]
}

@test "kinds, and objects by name" {
    run offered hepta send kernel.m
    [ "${lines[*]}" = "kernel.mq:/ kernel.msg:" ]
    hepta new mq:/jobs
    hepta new mq:/other
    run offered hepta send mq:/jo
    [ "$output" = /jobs ]
}
