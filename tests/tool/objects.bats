#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# new, rm and lock

load common
load channel

setup() { channel_setup; }
teardown() { channel_teardown; }

# Every kind that is an object; names of the kernel's are this test's own.
objects() {
    echo "fifo:/x kernel.fifo:$tmp/fifo mq:/x kernel.mq:/hepta-bats-$$ msg:77 \
kernel.msg:$((0x4a000000 + $$)) shm:/x kernel.shm:/hepta-bats-$$ sem:/x kernel.sem:/hepta-bats-$$ \
permit:/x signal:/x semset:77[3] kernel.semset:$((0x4b000000 + $$))[1]"
}

@test "new and rm: all kinds, once each" {
    for a in $(objects); do
        made+=("$a")
        run hepta new "$a"
        [ "$status" -eq 0 ] && [ -z "$output" ]
        run hepta new "$a"
        [ "$status" -eq 1 ]
        [[ "$output" == *"already"*"hepta rm"* ]]
        run hepta rm "$a"
        [ "$status" -eq 0 ] && [ -z "$output" ]
        run hepta rm "$a"
        [ "$status" -eq 3 ]
    done
}

@test "new: mode, size and depth are the object's" {
    hepta new mq:/q,depth=3,size=100,mode=0640
    seq 3 | hepta send mq:/q
    run hepta send mq:/q 4 --timeout 0.1
    [ "$status" -eq 4 ]
    run hepta send mq:/q --file <(head -c 101 /dev/zero)
    [ "$status" -eq 1 ]
    hepta new "kernel.fifo:$tmp/f,mode=0640"
    [ "$(stat -c %a "$tmp/f")" = 640 ]
    hepta new sem:/s,depth=5
    [ "$(hepta peek sem:/s)" = 5 ]
}

@test "several at once: all are tried, the first failure is the status" {
    run hepta new mq:/a nonsense mq:/b
    [ "$status" -eq 2 ]
    run hepta rm mq:/none mq:/a mq:/b
    [ "$status" -eq 3 ]
    run hepta rm mq:/b
    [ "$status" -eq 3 ]
}

@test "what can't be made or removed: status 2" {
    for a in tcp:localhost:7 - kernel.pipe:1 udp:localhost:7 "unix:$tmp/s"; do
        run hepta new "$a"
        [ "$status" -eq 2 ]
    done
    run hepta rm tcp:localhost:7
    [ "$status" -eq 2 ]
    run hepta new
    [ "$status" -eq 2 ]
}

@test "rm: a socket's file that a killed listener left, never one in use" {
    begin hepta recv "unix:$tmp/s,listen"
    until_true test -S "$tmp/s"
    run hepta rm "unix:$tmp/s"
    [ "$status" -eq 1 ]
    [[ "$output" == *"somebody listens"* ]]
    interrupt KILL
    run hepta rm "unix:$tmp/s"
    [ "$status" -eq 0 ]
    [ ! -e "$tmp/s" ]
    : >"$tmp/file"
    run hepta rm "unix:$tmp/file"
    [ "$status" -eq 1 ]
    [ -e "$tmp/file" ]
}

@test "lock: status and output are the command's; the permit is free again" {
    hepta new permit:/p
    for a in permit:/p semset:7[0],create,depth=1 sem:/s,create,depth=1 \
        "kernel.semset:$((0x4c000000 + $$))[0],create,depth=1" \
        "kernel.sem:/hepta-bats-$$,create,depth=1"; do
        made+=("${a%%,*}")
        run hepta lock "$a" -- sh -c 'echo "$1 $2"; exit 7' sh 'a b' c
        [ "$status" -eq 7 ]
        [ "$output" = "a b c" ]
        run hepta lock "$a" -- sh -c 'kill -KILL $$'
        [ "$status" -ge 128 ]
        run hepta lock "$a" --timeout 5 -- true
        [ "$status" -eq 0 ]
    done
}

@test "lock: one at a time; whoever is killed gives it back" {
    hepta new permit:/p
    begin hepta lock permit:/p -- sleep 30
    until_true sh -c "[ \"\$('$HEPTA' peek permit:/p)\" = 0 ]"
    run hepta lock permit:/p --timeout 0.2 -- true
    [ "$status" -eq 4 ]
    [[ "$output" == *"not free in time"* ]]
    interrupt KILL
    run hepta lock permit:/p --timeout 5 -- echo mine
    [ "$status" -eq 0 ]
    [ "$output" = mine ]
}

@test "lock: a set's place returns by undo, whatever kills its holder" {
    for a in semset:7[1] "kernel.semset:$((0x4d000000 + $$))[1]"; do
        made+=("$a")
        hepta new "$a,depth=1"
        begin hepta lock "$a" -- sleep 30
        until_true sh -c "[ \"\$('$HEPTA' peek '$a')\" = 0 ]"
        interrupt KILL
        run hepta lock "$a" --timeout 5 -- true
        [ "$status" -eq 0 ]
    done
}

@test "lock: a plain semaphore is given back when the command is interrupted" {
    hepta new sem:/s,depth=1
    begin hepta lock sem:/s -- sleep 30
    until_true sh -c "[ \"\$('$HEPTA' peek sem:/s)\" = 0 ]"
    interrupt TERM
    [ "$code" -eq 143 ]
    [ "$(hepta peek sem:/s)" = 1 ]
}

@test "lock: a command that can't be run: 127 or 126, and nothing is held" {
    hepta new permit:/p
    code=0
    hepta lock permit:/p -- /nowhere/command 2>"$tmp/err" || code=$?
    [ "$code" -eq 127 ]
    grep -q nowhere "$tmp/err"
    run hepta lock permit:/p -- /dev/null
    [ "$status" -eq 126 ]
    [ "$(hepta peek permit:/p)" = 1 ]
}

@test "lock: wrong usage and what isn't there" {
    run hepta lock permit:/p
    [ "$status" -eq 2 ]
    run hepta lock -- true
    [ "$status" -eq 2 ]
    run hepta lock mq:/q,create -- true
    [ "$status" -eq 2 ]
    [[ "$output" == *"no semaphore"* ]]
    run hepta lock permit:/none -- true
    [ "$status" -eq 3 ]
}
