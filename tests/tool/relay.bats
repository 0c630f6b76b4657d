#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# relay: both ways, ends that go and come back, leases, terminals. What it carries between all
# pairs of kinds is in tests/relay.

load common
load channel

setup() { channel_setup; }
teardown() { channel_teardown; }

@test "from standard input into a queue, and out of it" {
    hepta new mq:/q,depth=100
    seq 50 | hepta relay - mq:/q
    hepta relay mq:/q - --count 50 >"$tmp/out"
    seq 50 | cmp - "$tmp/out"
}

@test "both ways between a socket and standard input and output" {
    begin hepta relay "unix:$tmp/s,listen" "unix:$tmp/t,listen"
    until_true test -S "$tmp/t"
    { echo ping; sleep 1; } | hepta relay - "unix:$tmp/s" --timeout 3 >"$tmp/a" 2>/dev/null 3>&- &
    { sleep 0.3; echo pong; sleep 1; } |
        hepta relay - "unix:$tmp/t" --timeout 3 >"$tmp/b" 2>/dev/null 3>&- &
    until_true grep -q pong "$tmp/a"
    until_true grep -q ping "$tmp/b"
    interrupt INT
    wait
}

@test "destinations that come and go: each gets what is sent while it is there" {
    hepta new mq:/q
    begin hepta relay mq:/q "unix:$tmp/s,type=seqpacket,listen"
    until_true test -S "$tmp/s"
    for i in 1 2 3 4 5; do
        hepta send mq:/q "$i"
        run hepta recv "unix:$tmp/s,type=seqpacket" --count 1 --timeout 10
        [ "$status" -eq 0 ]
        [ "$output" = "$i" ]
    done
    interrupt INT
}

@test "a destination that isn't there any more is waited for" {
    hepta new mq:/q
    hepta recv "unix:$tmp/s,listen" --count 1 >"$tmp/first" 3>&- &
    first=$!
    until_true test -S "$tmp/s"
    begin hepta relay mq:/q "unix:$tmp/s"
    hepta send mq:/q one
    until_true grep -q one "$tmp/first"
    wait "$first"
    until_true test ! -e "$tmp/s"
    hepta recv "unix:$tmp/s,listen" --count 1 >"$tmp/second" 3>&- &
    hepta send mq:/q two
    # One that was on its way to the first when that ended is told by its end only.
    until_true sh -c "'$HEPTA' send mq:/q three; sleep 0.1; grep -qE 'two|three' '$tmp/second'"
    interrupt INT
    wait
}

@test "a source that goes and comes back" {
    hepta new fifo:/f
    hepta new mq:/q
    begin hepta relay fifo:/f mq:/q
    hepta send fifo:/f one
    hepta send fifo:/f two
    run hepta recv mq:/q --count 2
    [ "${lines[*]}" = "one two" ]
    interrupt INT
}

@test "--once ends when an end goes; --count and --timeout end it, too" {
    hepta new fifo:/f
    hepta new mq:/q
    begin hepta relay fifo:/f mq:/q --once
    hepta send fifo:/f one
    ended
    run hepta relay mq:/q - --count 1
    [ "$status" -eq 0 ]
    [ "$output" = one ]
    run hepta relay mq:/q - --timeout 0.2
    [ "$status" -eq 4 ]
}

@test "what can't be carried stops it, and a leased message returns" {
    hepta new mq:/q
    hepta new mq:/small,size=4
    hepta send mq:/q "too long"
    run hepta relay mq:/q mq:/small
    [ "$status" -eq 1 ]
    [[ "$output" == *"mq:/small"*"never fit"* ]]
    run hepta peek mq:/q
    [ "$output" = "too long" ]
}

@test "figures on a terminal only" {
    hepta new mq:/q
    run hepta relay - mq:/q <<<one
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    on_terminal "echo two | '$HEPTA' relay - mq:/q"
    [ "$status" -eq 0 ]
    [[ "$output" == *"1 messages"* ]]
    run hepta recv mq:/q --count 2
    [ "${lines[*]}" = "one two" ]
}

@test "a stop in the middle loses nothing of a queue" {
    hepta new mq:/q,depth=5000
    seq 5000 | hepta send mq:/q
    for _ in 1 2 3; do
        begin hepta relay mq:/q mq:/r,create,depth=5000
        sleep 0.02
        interrupt TERM
    done
    hepta relay mq:/q mq:/r --timeout 0.3 2>/dev/null || [ $? -eq 4 ]
    hepta recv mq:/r --count 5000 | sort -nu >"$tmp/out"
    seq 5000 | sort -n | cmp - "$tmp/out"
}

@test "wrong usage" {
    run hepta relay mq:/a
    [ "$status" -eq 2 ]
    run hepta relay sem:/s mq:/q
    [ "$status" -eq 2 ]
    run hepta relay mq:/none mq:/neither
    [ "$status" -eq 3 ]
    run hepta relay mqq:/a mq:/b
    [ "$status" -eq 2 ]
}

@test "a conversation is over when standard input and the service have ended" {
    begin hepta recv "unix:$tmp/s,listen"
    until_true test -S "$tmp/s"
    echo bye | hepta relay - "unix:$tmp/s" --lines 3>&- &
    speaker=$!
    until_true grep -q bye "$tmp/out"
    interrupt TERM
    wait "$speaker"
}
