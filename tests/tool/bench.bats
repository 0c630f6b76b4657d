#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# hepta bench: what it prints and how it exits. Figures are never judged here.

load common

# A row has to come to its end, not to be exact; a busy machine gets time for that.
quick="--seconds 0.02 --give-up 20 --runs 1"

teardown() {
    [ -z "${names-}" ] || rm -rf -- "$names"
}

# Directories of names that only this test uses, Hepta's and the kernel's.
own_names() {
    names=$(mktemp -d /dev/shm/hepta-bench-test.XXXXXX)
    mkdir "$names/hepta" "$names/kernel"
    export HEPTA_DIR="$names/hepta" TMPDIR="$names/kernel"
}

no_names() {
    [ -z "$(ls -A "$names/hepta" "$names/kernel" | grep -v ':$')" ]
}

@test "JSON: one object a line with every field, for every back end" {
    needs_two_cpus
    hepta bench pipe $quick --bytes 64,65536 --json >"$tmp/out" 2>"$tmp/err"
    [ -z "$(complaints "$tmp/err")" ]
    jq -es 'all(.[]; .mechanism == "pipe" and .cpus == "apart" and .mode == "adaptive"
                     and .status == "ok" and .runs == 1 and .spread >= 0
                     and .msgs_per_s > 0 and .bytes_per_s > 0)' "$tmp/out"
    jq -es 'all(.[] | select(.test == "pingpong");
                .p50_ns > 0 and .p50_ns <= .p99_ns and .p99_ns <= .p999_ns)' "$tmp/out"
    jq -es 'all(.[] | select(.test == "stream"); .p50_ns == null and .p99_ns == null
                and (.bytes_per_s - .msgs_per_s * .bytes | fabs) < .bytes)' "$tmp/out"
    run jq -r 'select(.test == "stream" and .bytes == 65536) | .backend' "$tmp/out"
    [ "$(sort <<<"$output" | xargs)" = \
        "hepta hepta-spsc hepta-spsc-zerocopy hepta-zerocopy kernel kernel-vmsplice limit" ]
    run jq -r 'select(.test == "pingpong" and .bytes == 64) | .backend' "$tmp/out"
    [ "$(sort <<<"$output" | xargs)" = "hepta hepta-spsc kernel limit" ]
    [ "$(wc -l <"$tmp/out")" -eq "$(jq -s length "$tmp/out")" ]
}

# Measures mechanism $1, with messages of $2 bytes where they have any; which back ends did which
# test. Boost's is not always there.
ran() {
    hepta bench "$1" $quick --queued 10 ${2:+--bytes "$2"} "${@:3}" --json \
        >"$tmp/out" 2>"$tmp/err"
    ! complaints "$tmp/err" || return 1
    jq -es --arg m "$1" 'all(.[]; .mechanism == $m and .status == "ok" and .msgs_per_s > 0)' \
        "$tmp/out" >/dev/null
    jq -rs 'map(select(.backend != "boost")) | group_by(.test)[]
        | .[0].test + ": " + ([.[].backend] | sort | join(" "))' "$tmp/out"
}

@test "fifo, unix, tcp, udp: every back end, in JSON" {
    needs_two_cpus
    own_names
    [ "$(ran fifo 65536)" = "pingpong: hepta hepta-pipe kernel limit
stream: hepta hepta-pipe hepta-zerocopy kernel limit" ]
    no_names
    unix="hepta hepta-seqpacket kernel kernel-dgram kernel-seqpacket limit"
    [ "$(ran unix 64)" = "pingpong: $unix
stream: $unix" ]
    [ "$(ran unix 1M)" = "pingpong: $unix
stream: hepta hepta-seqpacket hepta-seqpacket-zerocopy hepta-zerocopy${unix#*seqpacket}" ]
    for mechanism in tcp udp; do
        [ "$(ran $mechanism 60000)" = "pingpong: hepta kernel
stream: hepta kernel" ]
    done
}

@test "mq, msg: every back end does every test, in JSON" {
    needs_two_cpus
    own_names
    [ "$(ran mq 64)" = "fan-in: hepta hepta-lease kernel
many: hepta hepta-lease kernel
pair: hepta hepta-lease kernel
pingpong: hepta hepta-lease kernel limit
stream: hepta hepta-lease kernel limit" ]
    jq -es 'all(.[] | select(.test == "pair"); .cpus == "same" and .p50_ns > 0)
        and all(.[] | select(.test == "many"); .p50_ns == null)' "$tmp/out"
    no_names
    [ "$(ran msg 64)" = "fan-in: hepta kernel
many: hepta kernel
pair: hepta kernel
pingpong: hepta kernel limit
select: hepta kernel
stream: hepta kernel limit" ]
    jq -es 'all(.[]; (.test == "select") == (.queued == 10))' "$tmp/out"
    no_names
}

@test "sem, semset: every back end does every test, in JSON; nothing has a size" {
    needs_two_cpus
    own_names
    [ "$(ran sem)" = "pair: hepta kernel
pair-permit: hepta kernel
pingpong: hepta kernel limit" ]
    jq -es 'all(.[]; .bytes == null and .bytes_per_s == null and .p50_ns > 0
        and .cpus == (if .test == "pingpong" then "apart" else "same" end))' "$tmp/out"
    no_names
    [ "$(ran semset)" = "pair: hepta kernel
pair-undo: hepta kernel
pingpong: hepta kernel limit" ]
    no_names
}

@test "signal: every back end does every test, in JSON; in every mode, on one cpu too" {
    needs_two_cpus
    own_names
    [ "$(ran signal)" = "pair: hepta kernel kernel-signalfd
pingpong: hepta kernel kernel-signalfd limit
stream: hepta kernel kernel-signalfd limit" ]
    jq -es 'all(.[]; .bytes == 8)' "$tmp/out"
    [ "$(ran signal 56 --test pair)" = "pair: hepta" ]
    for row in busy,apart sleep,same; do
        run hepta bench signal --mode "${row%,*}" --cpus "${row#*,}" $quick --json
        printf '%s\n' "$output" | grep '^{' | jq -es 'length >= 9 and all(.[]; .status == "ok")'
    done
    no_names
}

@test "shm: mutexes without a size, cells with one" {
    needs_two_cpus
    own_names
    [ "$(ran shm)" = "cell: hepta hepta kernel kernel limit limit
cell-storm: hepta hepta kernel kernel limit limit
mutex: hepta kernel
mutex-contended: hepta kernel" ]
    jq -es 'all(.[]; (.test | startswith("cell")) == (.bytes != null))
        and ([.[].bytes // empty] | unique) == [64, 4096]
        and all(.[] | select(.test != "mutex-contended"); .p50_ns > 0)' "$tmp/out"
    [ "$(ran shm 100 --test cell)" = "cell: hepta kernel limit" ]
    jq -es 'all(.[]; .bytes == 100)' "$tmp/out"
    no_names
}

@test "sem, semset, shm: every back end in every mode, on one cpu too" {
    needs_two_cpus
    own_names
    for row in sem,busy,apart sem,sleep,same semset,busy,apart semset,sleep,same shm,sleep,same; do
        IFS=, read -r mechanism mode cpus <<<"$row"
        run hepta bench "$mechanism" --mode "$mode" --cpus "$cpus" $quick --json
        printf '%s\n' "$output" | grep '^{' | jq -es 'length >= 6 and all(.[]; .status == "ok")'
    done
    no_names
}

@test "mq, msg: every back end in every mode, on one cpu too; messages of many sizes" {
    needs_two_cpus
    own_names
    for row in mq,8,busy,apart mq,9000,sleep,same mq,100,sleep,apart msg,8,busy,apart \
        msg,9000,sleep,same msg,100,sleep,apart; do
        IFS=, read -r mechanism bytes mode cpus <<<"$row"
        run hepta bench "$mechanism" --mode "$mode" --cpus "$cpus" --bytes "$bytes" $quick \
            --queued 0,7 --json
        printf '%s\n' "$output" | grep '^{' | jq -es 'length >= 10 and all(.[]; .status == "ok")'
    done
    no_names
}

# Runs a command as somebody without any right to raise limits.
as_nobody() {
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
    else
        "$@"
    fi
}

limits() {
    grep . /proc/sys/kernel/msgm* /proc/sys/fs/mqueue/*
}

@test "mq, msg: the kernel's limits are as before" {
    before=$(limits)
    for mechanism in mq msg; do
        # Not in the background of this shell, where SIGINT is ignored.
        timeout -s INT 0.5 "$HEPTA" bench $mechanism --cpus same --backends kernel --seconds 30 ||
            true
        run hepta bench $mechanism --backends kernel --test pair $quick
        [ "$status" -eq 0 ]
    done
    [ "$(limits)" = "$before" ]
}

@test "mq: without root the kernel's queue is shallow, and it says so" {
    max=$(cat /proc/sys/fs/mqueue/msg_max)
    [ "$max" -lt 1024 ] || skip "no limit here"
    as_nobody "$HEPTA" --version || skip "nobody can't run it"
    run as_nobody timeout 60 "$HEPTA" bench mq --backends kernel --test pair $quick --json
    [ "$status" -eq 0 ]
    [[ "$output" == *"held $max messages, not 1024"* ]]
    [ "$(printf '%s\n' "$output" | grep '^{' | jq .depth)" -eq "$max" ]
}

# System V queues (msg) or sets of semaphores (sem) in the kernel that user $2 has made.
made_by() {
    awk -v uid="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "cuid") col = i }
                     NR > 1 && $col == uid' "/proc/sysvipc/$1" | wc -l
}

@test "msg, semset: without root, too, nothing of the kernel's is left by a killed run" {
    as_nobody "$HEPTA" --version || skip "nobody can't run it"
    uid=$(as_nobody id -u)
    for row in msg,msg semset,sem; do
        kind=${row#*,}
        before=$(made_by "$kind" "$uid")
        as_nobody "$HEPTA" bench "${row%,*}" --backends kernel --seconds 5 --cpus same &
        sleep 0.5
        [ "$(made_by "$kind" "$uid")" -gt "$before" ]
        kill -KILL "$(pgrep -P $!)"
        wait $! || true
        for _ in $(seq 50); do
            [ "$(made_by "$kind" "$uid")" -gt "$before" ] || continue 2
            sleep 0.1
        done
        return 1
    done
}

@test "the kernel's FIFO and sockets: every one of them, in every mode" {
    needs_two_cpus
    own_names
    for row in fifo,kernel unix,kernel,kernel-seqpacket,kernel-dgram tcp,kernel udp,kernel; do
        for mode in busy sleep; do
            run hepta bench "${row%%,*}" --mode $mode --backends "${row#*,}" --bytes 60000 \
                $quick --json
            [ "$status" -eq 0 ]
            printf '%s\n' "$output" | grep '^{' |
                jq -es --arg row "$row" 'all(.[]; .status == "ok")
                    and ([.[0].mechanism] + ([.[].backend] | unique) | sort)
                        == ($row | split(",") | sort)'
        done
    done
    no_names
}

@test "the help names every mechanism and its back ends" {
    run hepta bench --help
    [ "$status" -eq 0 ]
    for mechanism in pipe fifo unix tcp udp mq msg sem semset shm signal; do
        [[ "$output" == *"Back ends of $mechanism ("*"  kernel "* ]]
    done
}

@test "several kinds, all of them: what the options leave, one after the other" {
    needs_two_cpus
    own_names
    hepta bench tcp pipe $quick --test pingpong --backends kernel --cpus both --json >"$tmp/out"
    [ "$(jq -r '.mechanism + " " + .cpus' "$tmp/out" | xargs)" = \
        "tcp apart tcp same pipe apart pipe same" ]
    hepta bench $quick --test pair --json >"$tmp/out" 2>"$tmp/err"
    jq -es 'all(.[]; .status == "ok" and .test == "pair")
        and ([.[].mechanism] | unique) == ["mq", "msg", "sem", "semset", "signal"]' "$tmp/out"
    grep -q "rows, 1 x 0.02 s each: about" "$tmp/err"
    hepta bench $quick --cpus same --backends kernel --queued 10 >"$tmp/out" 2>"$tmp/err"
    [ "$(grep -c '^TEST.*P50' "$tmp/out")" -eq 11 ]
    grep -q '^semset, ' "$tmp/out"
    no_names
}

@test "--within bounds the whole: fewer runs, and rows that have none say so" {
    run hepta bench pipe --cpus same --test stream --backends kernel --runs 100 --seconds 0.02 \
        --give-up 20 --within 0.5 --json
    [ "$status" -eq 0 ]
    [[ "$output" == *"the time was up: 1 of 1 rows"* ]]
    printf '%s\n' "$output" | grep '^{' | jq -es '.[0].runs > 0 and .[0].runs < 100'
    run hepta bench $quick --cpus same --within 0.000000001 --json
    [ "$status" -eq 1 ]
    printf '%s\n' "$output" | grep '^{' |
        jq -es 'all(.[]; .status == "unavailable" and (.why | contains("time was up")))'
}

@test "every wait mode works, on one cpu too" {
    for mode in sleep adaptive; do
        run hepta bench pipe $quick --mode $mode --cpus same --json
        [ "$status" -eq 0 ]
        printf '%s\n' "$output" | jq -es --arg m $mode \
            'length == 6 and all(.[]; .mode == $m and .cpus == "same" and .status == "ok")'
    done
    needs_two_cpus
    run hepta bench pipe $quick --mode busy --json
    [ "$status" -eq 0 ]
    printf '%s\n' "$output" | grep '^{' | jq -es 'all(.[]; .mode == "busy" and .status == "ok")'
}

@test "odd sizes: the smallest, no multiple of anything, more than the capacity" {
    run hepta bench pipe $quick --cpus same --bytes 8,100,4099,3M --json
    [ "$status" -eq 0 ]
    printf '%s\n' "$output" | jq -es 'all(.[]; .status == "ok")
        and ([.[].bytes] | unique) == [8, 100, 4099, 3145728]'
}

@test "tables: rows, then ratios to the kernel" {
    run hepta bench pipe $quick --cpus same --test pingpong
    [ "$status" -eq 0 ]
    [[ "${lines[0]}" == TEST*P50*P99*P99.9*MSGS/S*SPREAD* ]]
    [[ "$output" == *"VS KERNEL"* ]]
    [ "$(printf '%s\n' "$output" | grep -cE '^pingpong +64 adaptive same +hepta ')" -eq 2 ]
    [[ "$output" != *$'\033'* ]]
}

@test "--backends and --test narrow the rows" {
    run hepta bench pipe $quick --runs 3 --cpus same --backends kernel --test stream --json
    [ "$status" -eq 0 ]
    printf '%s\n' "$output" |
        jq -es 'length == 1 and .[0].backend == "kernel" and .[0].test == "stream"
                and .[0].runs == 3'
}

@test "wrong values: status 2 and what would be right" {
    wrong() {
        run hepta bench "$@"
        [ "$status" -eq 2 ] || { echo "status $status for: $*"; return 1; }
        [[ "$output" == *"hepta bench --help"* ]] || { echo "no hint for: $*"; return 1; }
    }
    wrong pipe pipe
    wrong teapot
    wrong pipe --bytes 0
    wrong pipe --bytes 7
    wrong pipe --bytes 17M
    wrong pipe --bytes -64
    wrong pipe --bytes 64x
    wrong pipe --bytes ,
    wrong pipe --bytes ""
    wrong pipe --bytes 99999999999999999999
    wrong pipe --bytes 18446744073709551615G
    wrong pipe --bytes 8,8,8,8,8,8,8,8,8,8,8,8,8,8,8,8,8
    wrong pipe --mode lazy
    wrong pipe --cpus three
    wrong pipe --test juggling
    wrong pipe --seconds 0
    wrong pipe --seconds -1
    wrong pipe --seconds nan
    wrong pipe --seconds inf
    wrong pipe --seconds 1x
    wrong pipe --give-up 0
    wrong pipe --give-up soon
    wrong pipe --within 0
    wrong pipe --runs 0
    wrong pipe --runs 1.5
    wrong pipe --runs 1000
    wrong pipe --backends kernel,teapot
    wrong pipe --test pair
    wrong mq --test select
    wrong msg --queued 1000001
    wrong msg --queued ten
    wrong msg --targets --queued 10
    wrong sem --bytes 64
    wrong sem --test mutex
    wrong shm --test mutex --bytes 64
    wrong shm --test cell --bytes 1M
    wrong shm --test pair
    wrong semset --test pair-permit
    wrong pipe --bytes
    wrong pipe --targets --bytes 64
    wrong pipe --backends limit --cpus same
    wrong fifo --backends hepta-spsc
    wrong unix --backends kernel,kernel-vmsplice
    wrong tcp --backends limit
    wrong pipe sem --bytes 64
    wrong pipe mq --test pair
    wrong pipe teapot
    wrong tcp udp --backends kernel,limit
    wrong --backends teapot
    wrong --test pair-undo --bytes 64
    wrong --backends kernel-dgram udp
    wrong udp --bytes 65508
}

@test "a measurement that takes ten times its bound is killed: status 4, and it says so" {
    # Two processes that spin on one cpu need a time slice for each message.
    run hepta bench pipe --mode busy --cpus same --backends kernel --test pingpong \
        --seconds 0.0001 --runs 5 --json
    [ "$status" -eq 4 ]
    [[ "$output" == *"timed out"*"killed"* ]]
    printf '%s\n' "$output" | grep '^{' | jq -es 'length == 1 and .[0].status == "timed out"
        and .[0].p50_ns == null and .[0].runs == 0'
}

@test "one cpu only: apart is unavailable, same is not" {
    command -v taskset >/dev/null || skip "no taskset(1)"
    cpu=$(taskset -pc $$ | sed 's/.*[: ]\([0-9]\+\)\([-,].*\)\?$/\1/')
    run timeout 60 taskset -c "$cpu" "$HEPTA" bench pipe $quick --backends kernel --json
    [ "$status" -eq 1 ]
    [[ "$output" == *unavailable* ]]
    run timeout 60 taskset -c "$cpu" "$HEPTA" bench pipe $quick --backends kernel --cpus same --json
    [ "$status" -eq 0 ]
}

@test "--targets judges every ratio: status 0 or 1 as it says" {
    needs_two_cpus
    run hepta bench pipe --targets $quick --json
    rows=$(printf '%s\n' "$output" | grep '"verdict"')
    printf '%s\n' "$rows" | jq -es 'length >= 20 and all(.[]; .ratio > 0 and .than > 0
        and (if .bound == "at most" then .ratio <= .than else .ratio >= .than end)
            == (.verdict == "met"))'
    missed=$(printf '%s\n' "$rows" | jq -s '[.[] | select(.verdict != "met")] | length')
    [ "$status" -eq $((missed > 0)) ]
}

@test "--targets: every mechanism has its own" {
    needs_two_cpus
    own_names
    for mechanism in fifo unix tcp udp mq msg sem semset shm signal; do
        run hepta bench $mechanism --targets $quick --json
        [ "$status" -le 1 ]
        printf '%s\n' "$output" | grep '"verdict"' |
            jq -es 'length >= 2 and all(.[]; .ratio > 0 and .verdict != "not measured")'
    done
    no_names
}

@test "head -1 gets its line" {
    run bash -c 'timeout 60 "$0" bench pipe --cpus same $1 --json | head -1' "$HEPTA" "$quick"
    [ "$(jq -r .mechanism <<<"$output")" = pipe ]
}

@test "progress and colours: on a terminal, not otherwise, no colours with NO_COLOR" {
    args="bench pipe --cpus same --backends kernel,hepta $quick"
    hepta $args >"$tmp/out" 2>"$tmp/err"
    [ ! -s "$tmp/err" ]
    on_terminal "'$HEPTA' $args"
    [ "$status" -eq 0 ]
    [[ "$output" == *"run 1 of 1"* ]]
    [[ "$output" == *$'\033[1m'* ]]
    on_terminal "NO_COLOR=1 '$HEPTA' $args"
    [ "$status" -eq 0 ]
    [[ "$output" == *"run 1 of 1"* ]]
    [[ "$output" != *$'\033[1m'* ]]
}

@test "killed in the middle: no process of it is left" {
    timeout 60 "$HEPTA" bench pipe --mode busy --cpus same --backends kernel --seconds 30 &
    sleep 0.5
    bench=$(pgrep -P $!)
    pair=$(pgrep -P "$bench")
    [ "$(printf '%s\n' "$pair" | wc -l)" -eq 2 ]
    kill -KILL "$bench"
    wait $! || true
    for _ in $(seq 100); do
        ps -o stat= -p "$(echo $pair | tr ' ' ,)" | grep -qv '^Z' || return 0
        sleep 0.1
    done
    return 1
}

@test "killed in the middle: no name is left" {
    own_names
    for row in fifo,hepta fifo,kernel mq,hepta msg,hepta sem,hepta semset,hepta shm,hepta \
        signal,hepta; do
        timeout 60 "$HEPTA" bench "${row%,*}" --cpus same --backends "${row#*,}" --seconds 30 &
        sleep 0.7
        kill -KILL "$(pgrep -P $!)"
        wait $! || true
        for _ in $(seq 50); do
            no_names && continue 2
            sleep 0.1
        done
        return 1
    done
}
