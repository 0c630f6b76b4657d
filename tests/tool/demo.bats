#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# hepta demo: all seven, every checksum right, nothing left behind.

load common

# Bytes that differ from page to page, and no whole number of records.
make_file() {
    seq 1 200000 | head -c "$2" >"$tmp/$1"
}

# What a demo could leave: its objects' names, the kernel's and Hepta's; processes go with it.
leftovers() {
    find /dev/shm /dev/mqueue /tmp -maxdepth 2 -name '*hepta-demo*' 2>/dev/null || true
    ipcs -q -s | grep -E '0x(4|4e)[0-9a-f]{6,7} ' || true
}

# The scenes, in order, and how they ended.
rows() {
    sed -n '/^MECHANISM/,/^$/p' "$tmp/out" | tail -n +2 | sed '/^$/d'
}

@test "a file: all scenes right, a killed worker loses nothing, status 0, nothing left" {
    make_file some 1000003
    before=$(leftovers)
    hepta demo "$tmp/some" >"$tmp/out" 2>"$tmp/err"
    [ ! -s "$tmp/err" ]
    [ "$(rows | wc -l)" -eq 16 ]
    [ "$(rows | grep -cE ' (right|-)$')" -eq 16 ]
    [ "$(rows | grep -c ' x right$')" -eq 11 ]
    grep -q 'the file is whole' "$tmp/out"
    absent -E 'WRONG|FAILED' "$tmp/out"
    [ "$(leftovers)" = "$before" ]
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

@test "an ordinary user: what takes root is left out, and said; the rest is right" {
    [ "$(id -u)" -eq 0 ] || skip "not root"
    make_file some 100003
    timeout 100 setpriv --reuid 65534 --regid 65534 --clear-groups bash -c \
        'cat >"$1" && "$0" demo "$1"; s=$?; rm -f "$1"; exit $s' "$HEPTA" "/tmp/hepta-test-$$" \
        <"$tmp/some" >"$tmp/out"
    [ "$(rows | grep -c ' x right$')" -eq 11 ]
    grep -q 'left out: it takes root' "$tmp/out"
}

@test "without a name it finds a file itself" {
    run hepta demo
    [ "$status" -eq 0 ]
    [[ "${lines[0]}" =~ ^Sending\ .*/.*\ \([0-9]+\ bytes\) ]]
    [[ "$output" == *"SHA-256"* ]]
    [[ "$output" == *"SIGKILL"* ]]
}

@test "SIGINT: it stops, and leaves nothing" {
    make_file some 1000003
    before=$(leftovers)
    "$HEPTA" demo "$tmp/some" >"$tmp/out" 2>"$tmp/err" &
    pid=$!
    for _ in {1..100}; do
        grep -q '^FIFO' "$tmp/out" && break
        sleep 0.05
    done
    kill -INT "$pid"
    status=0
    wait "$pid" || status=$?
    [ "$status" -eq 1 ]
    grep -q 'stopped' "$tmp/err"
    [ "$(leftovers)" = "$before" ]
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
    [[ "$output" == *"message queue, POSIX: Hepta"* ]]
    run hepta demo "$tmp/some"
    [ "$status" -eq 0 ]
    [[ "$output" != *"message queue, POSIX: Hepta"* ]]
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
