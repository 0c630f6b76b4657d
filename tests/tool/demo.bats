#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# hepta demo: every byte arrives, and a killed writer leaves exactly what it committed.

load common

# Bytes that differ from page to page, and no whole number of records.
make_file() {
    seq 1 200000 | head -c "$2" >"$tmp/$1"
}

@test "a file: all checksums right, all kills exact, status 0" {
    make_file some 1000003
    hepta demo "$tmp/some" >"$tmp/out" 2>"$tmp/err"
    [ ! -s "$tmp/err" ]
    [ "$(grep -cE ' (kernel|hepta|hepta-spsc) .*x? +right$' "$tmp/out")" -eq 9 ]
    [ "$(grep -c 'as sent' "$tmp/out")" -eq 3 ]
    for way in hepta hepta-spsc; do
        read -r _ got committed _ < <(grep "^$way .*as sent" "$tmp/out")
        [ "$got" -gt 500000 ]
        [ "$got" = "$committed" ]
        [ $((got % 4096)) -eq 0 ]
    done
}

@test "the smallest file, and one of exactly a record" {
    for size in 1 64 4096; do
        make_file small $size
        run hepta demo "$tmp/small"
        [ "$status" -eq 0 ]
        [[ "$output" == *"($size bytes)"* ]]
        [[ "$output" != *WRONG* ]]
    done
}

@test "without a name it finds a file itself" {
    run hepta demo
    [ "$status" -eq 0 ]
    [[ "${lines[0]}" =~ ^Sending\ .*/.*\ \([0-9]+\ bytes\) ]]
    [[ "$output" == *"SHA-256"* ]]
    [[ "$output" == *"SIGKILL"* ]]
}

@test "no such file: status 3; what can't be sent: status 1; two files: status 2" {
    run hepta demo "$tmp/missing"
    [ "$status" -eq 3 ]
    [[ "$output" == *"missing"*"No such file"* ]]
    run hepta demo "$tmp"
    [ "$status" -eq 1 ]
    [[ "$output" == *"not a regular file"* ]]
    : >"$tmp/empty"
    run hepta demo "$tmp/empty"
    [ "$status" -eq 1 ]
    [[ "$output" == *"empty"* ]]
    mkfifo "$tmp/fifo"
    run hepta demo "$tmp/fifo"
    [ "$status" -eq 1 ]
    run hepta demo "$tmp/empty" "$tmp/empty"
    [ "$status" -eq 2 ]
}

@test "progress on a terminal only" {
    make_file some 100000
    on_terminal "'$HEPTA' demo '$tmp/some'"
    [ "$status" -eq 0 ]
    [[ "$output" == *"round trips of 64 bytes"* ]]
    run hepta demo "$tmp/some"
    [ "$status" -eq 0 ]
    [[ "$output" != *"round trips of 64 bytes"* ]]
    [[ "$output" != *$'\033'* ]]
}

@test "standard output full: status 1" {
    make_file some 10000
    run bash -c 'timeout 60 "$0" demo "$1" 2>&1 >/dev/full' "$HEPTA" "$tmp/some"
    [ "$status" -eq 1 ]
    [[ "$output" == *"No space left"* ]]
}

@test "on one cpu it works, too" {
    command -v taskset >/dev/null || skip "no taskset(1)"
    make_file some 100000
    cpu=$(taskset -pc $$ | sed 's/.*[: ]\([0-9]\+\)\([-,].*\)\?$/\1/')
    run timeout 100 taskset -c "$cpu" "$HEPTA" demo "$tmp/some"
    [ "$status" -eq 0 ]
    [[ "$output" == *"both on one cpu"* ]]
}
