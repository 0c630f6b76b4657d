#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The tool without a verb's own work: help, versions, wrong usage, standard output.

load common

@test "--version names tool and library" {
    run hepta --version
    [ "$status" -eq 0 ]
    [[ "$output" =~ ^hepta\ [0-9]+\.[0-9]+\.[0-9]+\ \(library\ [0-9]+\.[0-9]+\.[0-9]+\)$ ]]
}

@test "every --help begins with three examples and fits 100 columns" {
    for verb in "" bench clean demo doctor lock ls new peek recv relay rm send show; do
        run hepta $verb --help
        [ "$status" -eq 0 ]
        [ "${lines[0]}" = "Examples:" ]
        [ "$(printf '%s\n' "$output" | sed '/^$/,$d' | grep -cE '^  .*hepta ')" -ge 3 ]
        [ "$(printf '%s\n' "$output" | wc -L)" -le 100 ]
        [[ "$output" == *"Usage: hepta "* ]]
    done
}

@test "help goes to standard output, nothing to standard error" {
    hepta --help >"$tmp/out" 2>"$tmp/err"
    [ -s "$tmp/out" ]
    [ ! -s "$tmp/err" ]
}

@test "no verb: status 2, a message on standard error only" {
    run hepta
    [ "$status" -eq 2 ]
    hepta >"$tmp/out" 2>"$tmp/err" || true
    [ ! -s "$tmp/out" ]
    grep -q "hepta --help" "$tmp/err"
}

@test "unknown verb and unknown option: status 2, and what it was" {
    run hepta frobnicate
    [ "$status" -eq 2 ]
    [[ "$output" == *"'frobnicate'"*"--help"* ]]
    run hepta --frobnicate
    [ "$status" -eq 2 ]
    [[ "$output" == *"'--frobnicate'"* ]]
    run hepta bench pipe --frobnicate
    [ "$status" -eq 2 ]
    [[ "$output" == *"frobnicate"*"hepta bench --help"* ]]
    run hepta demo --frobnicate
    [ "$status" -eq 2 ]
}

@test "a full disk under standard output: status 1 and a message" {
    run bash -c 'timeout 20 "$0" --help 2>&1 >/dev/full' "$HEPTA"
    [ "$status" -eq 1 ]
    [[ "$output" == *"standard output"*"No space left"* ]]
}

@test "standard output closed from the start: status 1 and a message" {
    run bash -c 'timeout 20 "$0" --version 2>&1 >&-' "$HEPTA"
    [ "$status" -eq 1 ]
    [[ "$output" == *"standard output"* ]]
}

@test "standard output closed on the way: ends like any filter, silently" {
    # The reader is gone before the tool writes: it waits for the tool's end of a FIFO.
    run bash -c '(sleep 0.3; exec timeout 20 "$0" --help 2>"$1"; ) | :; echo "${PIPESTATUS[0]}"' \
        "$HEPTA" "$tmp/err"
    [ "$output" -eq 141 ]
    [ ! -s "$tmp/err" ]
}

@test "the demo's hidden verb refuses to be started by hand" {
    run hepta demo-peer
    [ "$status" -eq 2 ]
    run hepta demo-peer receive 0 1 64 64 -1 1 hepta:0,1,2
    [ "$status" -ne 0 ]
}
