#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# kernel.fifo: against mkfifo, cat, dd and the shell: who waits for whom in open, blocks of any
# size, the end of either side.

load common

size=3000017

fifo_cat() { timeout -k 2 30 "$FIFO_CAT" "$@"; }

# a_fifo: $fifo is its path, $name what Hepta calls it
a_fifo() {
    fifo=$tmp/fifo
    name=kernel.fifo:$fifo
    mkfifo "$fifo"
    some there $size
}

# begin_to IN COMMAND, begin_from OUT COMMAND: the FIFO is opened by the shell's redirection
begin_to() { begin "$1" /dev/null sh -c "exec $2 >'$fifo'"; }
begin_from() { begin /dev/null "$1" sh -c "exec $2 <'$fifo'"; }

# asleep: what was begun last waits, in a system call
asleep() {
    local pid
    pid=$(tr -d ' ' <"/proc/${started[-1]}/task/${started[-1]}/children") # timeout's child
    [ -n "$pid" ] && grep -q '^State:.S' "/proc/$pid/status"
}

@test "cat waits in open for a writer of Hepta's" {
    a_fifo
    begin_from "$tmp/got" cat
    until_true asleep
    fifo_cat write "$name" <"$tmp/there"
    ended
    cmp "$tmp/there" "$tmp/got"
}

@test "cat waits in open for a reader of Hepta's" {
    a_fifo
    begin_to "$tmp/there" cat
    until_true asleep
    fifo_cat read "$name" >"$tmp/got"
    ended
    cmp "$tmp/there" "$tmp/got"
}

@test "a reader of Hepta's waits for cat, for ever and with a deadline" {
    a_fifo
    for deadline in 0 20000; do
        begin /dev/null "$tmp/got" "$FIFO_CAT" read "$name" -d $deadline
        until_true asleep
        timeout -k 2 30 sh -c "exec cat >'$fifo'" <"$tmp/there"
        ended
        cmp "$tmp/there" "$tmp/got"
    done
}

@test "a writer of Hepta's waits for cat, for ever and with a deadline" {
    a_fifo
    for deadline in 0 20000; do
        begin "$tmp/there" /dev/null "$FIFO_CAT" write "$name" -d $deadline
        until_true asleep
        timeout -k 2 30 sh -c "exec cat <'$fifo'" >"$tmp/got"
        ended
        cmp "$tmp/there" "$tmp/got"
    done
}

@test "nobody comes: the deadline ends it" {
    a_fifo
    run fifo_cat read "$name" -d 30
    [ "$status" -eq 1 ]
    [[ $output == *"timed out"* ]]
    run fifo_cat write "$name" -d 30
    [ "$status" -eq 1 ]
    [[ $output == *"timed out"* ]]
}

@test "dd writes in blocks of any size" {
    a_fifo
    for bs in 511 4096 5000 65536 1048576; do
        begin_to "$tmp/there" "dd bs=$bs status=none"
        fifo_cat read "$name" -b 10000 >"$tmp/got"
        ended
        cmp "$tmp/there" "$tmp/got"
    done
}

@test "dd reads in blocks of any size" {
    a_fifo
    for bs in 511 4096 5000 65536 1048576; do
        begin_from "$tmp/got" "dd bs=$bs status=none"
        fifo_cat write "$name" -b 10000 <"$tmp/there"
        ended
        cmp "$tmp/there" "$tmp/got"
    done
}

@test "several megabytes, checksummed by another program" {
    a_fifo
    begin "$tmp/there" /dev/null "$FIFO_CAT" write "$name" -b 1048576
    sum=$(timeout -k 2 30 sh -c "exec sha256sum <'$fifo'")
    ended
    [ "$sum" = "$(sha256sum <"$tmp/there")" ]
}

@test "end-of-file when the last of two cats is gone" {
    a_fifo
    begin /dev/null "$tmp/got" "$FIFO_CAT" read "$name"
    until_true asleep # or the shell would wait for it without end
    exec 8>"$fifo" 9>"$fifo" # the shell's own
    echo one >&8
    exec 8>&-
    until_true size_is got 4
    kill -0 "${started[-1]}"
    echo two >&9
    exec 9>&-
    ended
    [ "$(cat "$tmp/got")" = $'one\ntwo' ]
}

@test "a killed cat is the end, too" {
    a_fifo
    begin /dev/null "$tmp/got" "$FIFO_CAT" read "$name"
    mkfifo "$tmp/silent"
    exec 8<>"$tmp/silent"
    sh -c "exec cat <'$tmp/silent' >'$fifo'" 3>&- 8>&- &
    cat=$!
    started=("$cat" "${started[@]}")
    echo word >&8
    until_true size_is got 5
    kill -9 "$cat"
    ended
    exec 8>&-
}

@test "the reader goes: -EPIPE, no signal, though it had read" {
    a_fifo
    begin_from "$tmp/got" "head -c 100000"
    run fifo_cat write "$name" <"$tmp/there"
    ended
    [ "$status" -eq 1 ]
    [[ $output == *"Broken pipe"* ]]
    head -c 100000 "$tmp/there" | cmp - "$tmp/got"
    begin_from "$tmp/got" "head -c 1"
    fifo_cat write "$name" -e <"$tmp/there"
    ended
}

@test "what is no FIFO is refused and stays as it is" {
    some there 100
    cp "$tmp/there" "$tmp/file"
    for way in read write; do
        run fifo_cat $way "kernel.fifo:$tmp/file"
        [ "$status" -eq 1 ]
        [[ $output == *"Wrong medium type"* ]]
    done
    cmp "$tmp/there" "$tmp/file"
    run fifo_cat write kernel.fifo:/dev/null
    [ "$status" -eq 1 ]
    run fifo_cat read "kernel.fifo:$tmp/nothing"
    [[ $output == *"No such file"* ]]
}
