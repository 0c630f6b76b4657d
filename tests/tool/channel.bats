#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# send, recv and peek: every kind of address, every form of messages, every way to end.

load common
load channel

setup() { channel_setup; }
teardown() { channel_teardown; }

@test "mq: priorities, order, peek leaves it there" {
    hepta new mq:/q,depth=8
    hepta send mq:/q,prio=1 low
    hepta send mq:/q,prio=9 high
    run hepta peek mq:/q
    [ "$status" -eq 0 ] && [ "$output" = high ]
    run hepta recv mq:/q --count 2
    [ "$status" -eq 0 ]
    [ "${lines[*]}" = "high low" ]
}

@test "every queue takes lines and gives them back" {
    for q in mq:/q msg:77 kernel.mq:/hepta-bats-$$ "kernel.msg:$((0x48000000 + $$))"; do
        made+=("$q")
        seq 8 | hepta send "$q,create"
        run hepta recv "$q" --count 8
        [ "$status" -eq 0 ]
        [ "${lines[*]}" = "1 2 3 4 5 6 7 8" ]
        hepta rm "$q"
    done
}

@test "streams: all lines until the other side ends" {
    hepta new fifo:/f
    mkfifo "$tmp/k"
    for a in fifo:/f "kernel.fifo:$tmp/k"; do
        begin hepta recv "$a"
        seq 1000 | hepta send "$a"
        ended
        seq 1000 | cmp - "$tmp/out"
    done
    for a in "unix:$tmp/s" "kernel.unix:$tmp/s" "unix:@hepta-bats-$$" tcp:127.0.0.1:"$port"; do
        begin hepta recv "$a,listen"
        seq 1000 | listening hepta send "$a"
        ended
        seq 1000 | cmp - "$tmp/out"
    done
}

@test "the kernel's pipe, and standard input and output" {
    seq 100 | hepta send kernel.pipe:1 | hepta recv kernel.pipe:0 >"$tmp/out"
    seq 100 | cmp - "$tmp/out"
    run bash -c 'seq 3 | "$0" send - | "$0" recv -' "$HEPTA"
    [ "${lines[*]}" = "1 2 3" ]
}

@test "boundaries: seqpackets and datagrams, with --jsonl who sent them" {
    begin hepta recv "unix:$tmp/s,listen,type=seqpacket" --jsonl --count 2
    listening hepta send "unix:$tmp/s,type=seqpacket" "one two" $'three\nfour'
    ended
    run jq -r .data "$tmp/out"
    [ "${lines[*]}" = "one two three four" ]
    [ "$(jq -s '.[0].uid' "$tmp/out")" = "$(id -u)" ]
    begin hepta recv "kernel.unix:$tmp/d,listen,type=dgram" --count 1
    listening hepta send "kernel.unix:$tmp/d,type=dgram" hello
    ended
    [ "$(cat "$tmp/out")" = hello ]
}

@test "whole files: through a queue in one piece, through a stream as bytes" {
    head -c 300000 /dev/urandom >"$tmp/file"
    hepta new mq:/q,size=1M
    hepta send mq:/q --file "$tmp/file"
    hepta send mq:/q --file <"$tmp/file"
    for _ in 1 2; do
        hepta recv mq:/q --file >"$tmp/out"
        cmp "$tmp/file" "$tmp/out"
    done
    begin hepta recv "unix:$tmp/s,listen" --file
    listening hepta send "unix:$tmp/s" --file "$tmp/file" "$tmp/file"
    ended
    cat "$tmp/file" "$tmp/file" | cmp - "$tmp/out"
}

@test "pieces of one size, and records behind their length" {
    head -c 1000 /dev/urandom >"$tmp/file"
    hepta new mq:/q
    hepta send mq:/q --size 250 <"$tmp/file"
    run hepta peek mq:/q --size 250
    [ "$status" -eq 0 ]
    hepta recv mq:/q --size 250 --count 4 | cmp "$tmp/file"
    printf '\0\0\0\3a\nb\0\0\0\0\0\0\0\1c' >"$tmp/records"
    hepta send mq:/q --prefixed <"$tmp/records"
    hepta recv mq:/q --prefixed --count 3 | cmp "$tmp/records"
    printf '\0\0\0\3a' >"$tmp/cut"
    run hepta send mq:/q --prefixed <"$tmp/cut"
    [ "$status" -eq 1 ]
    [[ "$output" == *"end of standard input"* ]]
    run hepta send mq:/q --size 3 <<<four
    [ "$status" -eq 1 ]
}

@test "--jsonl: binary safe, metadata both ways, valid JSON" {
    hepta new mq:/q
    printf '%s\n' '{"data":"a\u0000\nb","prio":7}' '{"base64":"/wD+","prio":3}' '{}' |
        hepta send mq:/q --jsonl
    hepta recv mq:/q --jsonl --count 3 >"$tmp/out"
    jq -e . "$tmp/out" >/dev/null
    [ "$(jq -r '"\(.prio) \(.data) \(.base64)"' "$tmp/out" | tail -n 2)" = "3 null /wD+
0  null" ]
    [ "$(jq -r 'select(.prio == 7).data' "$tmp/out" | od -An -tx1 | tr -d ' \n')" = 61000a620a ]
    # What recv prints, send takes.
    hepta send mq:/q --jsonl <"$tmp/out"
    hepta recv mq:/q --jsonl --count 3 | cmp "$tmp/out"
    hepta send msg:5,create --jsonl <<<'{"data":"x","type":42}'
    run hepta recv msg:5,type=42 --jsonl
    [ "$output" = '{"data":"x","type":42}' ]
}

@test "--jsonl: what isn't right is refused, with its number" {
    hepta new mq:/q
    for bad in 'text' '[1]' '{"data":1}' '{"data":"a"} x' '{"base64":"@@@@"}' '{"base64":"abc"}' \
        '{"data":"a","base64":"YQ=="}' '{"what":1}' '{"prio":-1}' '{"prio":"high"}' '{"data":"a"'; do
        run hepta send mq:/q --jsonl <<<"$bad"
        [ "$status" -eq 1 ]
        [[ "$output" == *"message 1: "* ]]
    done
    run hepta peek mq:/q
    [ "$status" -eq 4 ]
}

@test "--timeout: status 4, and in time" {
    hepta new mq:/q,depth=1
    run hepta recv mq:/q --timeout 0.2
    [ "$status" -eq 4 ]
    [[ "$output" == *"in time"* ]]
    run hepta recv mq:/q --timeout 0
    [ "$status" -eq 4 ]
    hepta send mq:/q full
    run hepta send mq:/q more --timeout 0.2
    [ "$status" -eq 4 ]
    hepta new fifo:/f
    run hepta send fifo:/f nobody --timeout 0.2
    [ "$status" -eq 4 ]
}

@test "--lease: what standard output didn't take returns" {
    hepta new mq:/q
    hepta send mq:/q job
    run bash -c '"$0" recv mq:/q --lease >/dev/full' "$HEPTA"
    [ "$status" -eq 1 ]
    run hepta peek mq:/q --jsonl
    [ "$output" = '{"data":"job","prio":0,"deliveries":1}' ]
    run hepta recv mq:/q --lease
    [ "$output" = job ]
    run hepta peek mq:/q
    [ "$status" -eq 4 ]
    run hepta recv msg:9,create --lease
    [ "$status" -eq 2 ]
    [[ "$output" == *"can't lease"* ]]
}

@test "--follow: over the end of writers, until SIGINT, which is no failure of data" {
    hepta new fifo:/f
    begin hepta recv fifo:/f --follow
    hepta send fifo:/f one
    hepta send fifo:/f two
    until_true grep -q two "$tmp/out"
    interrupt INT
    [ "$code" -eq 130 ]
    [ "$(cat "$tmp/out")" = $'one\ntwo' ]
}

@test "a semaphore: send posts, recv takes, peek looks" {
    for s in sem:/s "semset:7[2]" "kernel.sem:/hepta-bats-$$" "kernel.semset:$((0x49000000 + $$))"; do
        made+=("$s")
        hepta new "$s"
        hepta send "$s" --count 3
        run hepta recv "$s"
        [ "$status" -eq 0 ] && [ -z "$output" ]
        run hepta peek "$s"
        [ "$output" = 2 ]
        run hepta recv "$s" --count 3 --timeout 0.1
        [ "$status" -eq 4 ]
        run hepta send "$s" text
        [ "$status" -eq 2 ]
        hepta rm "$s"
    done
}

@test "signals: to a process, from one, and a mailbox" {
    begin hepta recv signal:self/USR1.USR2 --count 2 --jsonl
    # Waiting in rt_sigtimedwait(2): before that a signal would end it.
    until_true grep -qE '^(128|137) ' "/proc/${started[-1]}/syscall"
    hepta send "signal:${started[-1]}/USR1"
    hepta send "signal:${started[-1]}/USR2,value=7"
    ended
    [ "$(jq -c '[.signo, .value]' "$tmp/out" | tr -d '\n')" = "[10,null][12,7]" ]
    hepta new signal:/box
    hepta send signal:/box one two
    run hepta recv signal:/box --count 2 --lease
    [ "${lines[*]}" = "one two" ]
    run hepta send signal:/box "$(head -c 57 /dev/zero | tr '\0' x)"
    [ "$status" -eq 1 ]
    run hepta send "signal:2147483647/USR1"
    [ "$status" -eq 3 ]
    run hepta send "signal:$$/FROG"
    [ "$status" -eq 2 ]
}

@test "the latest value" {
    hepta new shm:/v,size=64
    run hepta peek shm:/v
    [ "$status" -eq 4 ]
    hepta send shm:/v old new
    run hepta peek shm:/v
    [ "$output" = new ]
    begin hepta recv shm:/v --count 2
    until_true grep -q new "$tmp/out"
    hepta send shm:/v newer
    ended
    [ "$(cat "$tmp/out")" = $'new\nnewer' ]
    run hepta send shm:/v --file <(head -c 5000 /dev/zero)
    [ "$status" -eq 1 ]
    [[ "$output" == *"never fit"* ]]
}

@test "a line that can't be one" {
    hepta new mq:/q
    begin hepta recv "unix:$tmp/s,listen"
    printf 'a\nb' >"$tmp/file"
    hepta send mq:/q --file "$tmp/file"
    run listening hepta relay mq:/q "unix:$tmp/s,framing=line" --once
    [ "$status" -eq 1 ]
    [[ "$output" == *"framing=record"* ]]
    ended
}

@test "wrong usage: status 2 and the nearest right word" {
    for words in "" "mqq:/x" "mq:x" "mq:/q,prioo=1" "tcp:h:1,listenn" "jobs" "mq:/q --cuont 3" \
        "mq:/q --count 0" "mq:/q --count" "mq:/q --size 0" "mq:/q --timeout x" "mq:/q --timeout -1"; do
        for verb in recv send; do
            # shellcheck disable=SC2086
            run hepta $verb $words </dev/null
            [ "$status" -eq 2 ]
            [[ "$output" == *"hepta $verb --help"* ]]
        done
    done
    run hepta recv mqq:/x
    [[ "$output" == *"did you mean 'mq:'"* ]]
    run hepta recv mq:/q,prioo=1
    [[ "$output" == *"did you mean 'prio'"* ]]
    run hepta recv mq:/q mq:/r
    [ "$status" -eq 2 ]
    run hepta peek tcp:localhost:1
    [ "$status" -ne 0 ]
}

@test "not there: status 3, and how to make it; nobody listens: status 3" {
    run hepta send mq:/nothing x
    [ "$status" -eq 3 ]
    [[ "$output" == *"hepta new mq:/nothing"* ]]
    run hepta recv kernel.msg:@2147483647
    [ "$status" -eq 3 ]
    run hepta send tcp:127.0.0.1:1 x
    [ "$status" -eq 3 ]
    run hepta send unix:/nowhere/at/all x
    [ "$status" -eq 3 ]
}

@test "not permitted: status 5" {
    [ "$(id -u)" -eq 0 ] || skip "not root"
    chmod 755 "$HEPTA_DIR"
    hepta new mq:/q,mode=0600
    run setpriv --reuid 65534 --clear-groups "$HEPTA" send mq:/q x
    [ "$status" -eq 5 ]
}

@test "the other side gone: status 7" {
    begin hepta recv "unix:$tmp/s,listen" --count 1
    run bash -c 'sleep 0.2; { echo one; sleep 1; seq 100000; } | "$0" send "unix:$1/s"' "$HEPTA" "$tmp"
    ended
    [ "$status" -eq 7 ]
    run bash -c 'printf "a\n" | "$0" recv - --count 2' "$HEPTA"
    [ "$status" -eq 7 ]
}

@test "standard output closed early: ends like any filter, silently" {
    hepta new mq:/q,depth=1000
    seq 1000 | hepta send mq:/q
    run bash -c '"$0" recv mq:/q --count 1000 2>"$1" | head -n 1; echo "${PIPESTATUS[0]}"' \
        "$HEPTA" "$tmp/err"
    [ "${lines[0]}" = 1 ]
    [ "${lines[1]}" -eq 141 ] || [ "${lines[1]}" -eq 0 ] # all of it may fit into the pipe
    [ ! -s "$tmp/err" ]
}

@test "SIGTERM and SIGINT while waiting end it at once" {
    hepta new mq:/q
    for signal in INT TERM; do
        begin hepta recv mq:/q
        sleep 0.3
        interrupt $signal
        [ "$code" -gt 128 ]
    done
}
