#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# models/run.sh - verify the protocol models exhaustively, and show that they can fail
#
# A line of the tables below is one run of spin: a name, the model, its options, and for
# the second table what spin must find. A run that must fail removes one rule of the
# protocol, or, where it is named "limit", steps outside what the protocol promises. One
# line of output a run; non-zero if any came out otherwise, 77 without spin or gcc.
# With arguments only the runs of these models: models/run.sh fifo tags
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
memory_mb=1900
cpu_seconds=300

if ! command -v spin >/dev/null || ! command -v gcc >/dev/null; then
    echo "run.sh: needs spin and gcc" >&2
    exit 77
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# chosen MODEL MODEL...: is the first among the others, or are there none?
chosen() {
    [ $# -eq 1 ] || [[ " ${*:2} " == *" $1 "* ]]
}

# Sets of options, @name in the tables.
declare -A sets=(
    [no_tick]='-DNO_TICK -DNO_DEADLINE -DNO_PROBE -DLOST=0'
    [kernel_alone]='-DTICK_LATE -DNO_DEADLINE -DNO_PROBE -DLOST=0'
    [one_each]='-DWRITERS=1 -DREADERS=1'
    [two_readers]='-DWRITERS=1 -DREADERS=2'
    [two_rounds]='-DDEATHS=0 -DROUNDS=2'
    [one_sender]='-DSENDERS=1 -DRECEIVERS=2'
    [two_posts]='-DPOSTERS=1 -DPOSTS=2'
    [woken]='-DPOSTERS=1 -DONLY_WAITERS -DLOOK_NEAR -DSPURIOUS=0'
    [in_order]='-DNOT_OWING -DIN_ORDER'
    [one_call]='-DSENDERS=1'
    [three_wait]='-DSENDERS=1 -DRECEIVERS=3 -DLEAVERS=0'
    [ranks]='-DSENDERS=1 -DRECEIVERS=3 -DLEAVERS=0 -DRANKS=2 -DSETTLED'
    [prompt]='-DPROMPT -DDEATHS=0'
    [three_prompt]='-DPROMPT -DDEATHS=0 -DSENDERS=1 -DRECEIVERS=3'
    [places]='-DEACH=1 -DPLACES=2'
    [polls]='-DSLEEPERS=0 -DPOLLERS=1'
    [polls_dead]='-DSLEEPERS=0 -DPOLLERS=1 -DDEATHS=1 -DLOOKS'
    [one_sends]='-DSENDERS=1'
    [nap_only]='-DNO_NAP_END -DSTAY'
)

# "safety": assertions and stuck states; "cycles": also that nobody turns for ever
must_hold='
lock, ticks at any time             lock   safety
lock, everybody gets in             lock   cycles -DTICK_LATE -DNO_DEADLINE
lock, by the kernel alone, 2 die    lock   cycles @kernel_alone -DDEATHS=2
lock, none dies, no tick            lock   safety @no_tick @two_rounds
pipe, 2 writers, 2 readers          waiter safety -DREADERS=2
pipe, level kept, 2 readers         waiter safety @two_readers -DMSG=2 -DCAP=1 -DKEEP_LEVEL
pipe, level kept, 2 writers         waiter safety -DCAP=1 -DKEEP_LEVEL
pipe, 2 die                         waiter safety @two_readers -DLEVEL=1 -DDEATHS=2
pipe, nobody turns for ever         waiter cycles @one_each -DMSG=3 -DLEVEL=1 -DKEEP_LEVEL
pipe, none dies, naps without end   waiter safety @one_each -DMSG=3 -DCAP=1 @nap_only -DDEATHS=0
pipe, a sleeper registers its need  waiter safety -DLEAST
spsc                                spsc   safety -DPOLLER -DCAP=2
spsc, both die                      spsc   safety -DMSG=2 -DDEATHS=2
spsc, nobody turns for ever         spsc   cycles -DMSG=2 -DDEATHS=0
spsc, none dies, naps without end   spsc   safety @nap_only -DDEATHS=0
fifo, one of two dies               fifo   safety -DPROCS=2
fifo, both die                      fifo   safety -DPROCS=2 -DDEATHS=2
fifo, nobody tries for ever         fifo   cycles -DPROCS=2 -DPAUSE_LATE
fifo, they come twice, none dies    fifo   safety -DPROCS=2 -DROUNDS=2 -DDEATHS=0
ending, one dies                    ending safety -DENDERS=1
ending, two enders, one dies        ending safety -DMSG=1
tags, one of two senders dies       tags   safety
tags, two die                       tags   safety -DDEATHS=2
tags, two receivers, two die        tags   safety @one_sender -DMSG=2 -DDEATHS=2
tags, full again and again          tags   safety @one_sender -DMSG=2 -DCAP=1
sem, none dies, nobody looks        sem    safety -DDEATHS=0 @two_posts
sem, the same, two posters          sem    safety -DDEATHS=0 -DSPURIOUS=0
sem, the same, three sleepers       sem    safety -DDEATHS=0 -DWAITERS=3 -DPOSTERS=1 -DSPURIOUS=0
sem, a poster dies, all asleep      sem    safety @two_posts -DONLY_POSTERS -DCALM -DSPURIOUS=0
sem, one dies                       sem    safety @two_posts -DLOOK_FAR
sem, a sleeper dies, others look    sem    safety @woken @in_order
mailbox, a sender dies              mailbox safety @places -DONLY_SENDERS
mailbox, a receiver dies            mailbox safety @places -DONLY_RECEIVERS
mailbox, the same, with ack         mailbox safety @places -DONLY_RECEIVERS -DACK
mailbox, three messages             mailbox safety @one_sends -DEACH=3
mailbox, two die, with ack          mailbox safety @one_sends -DACK -DDEATHS=2 -DRECEIVERS=3
mailbox, two threads sleep          mailbox_wake safety -DSLEEPERS=2
mailbox, the mask changes           mailbox_wake safety -DMASKED
mailbox, who dies calls nobody      mailbox_wake safety -DSLEEPERS=2 -DDEATHS=1
mailbox, and then they look         mailbox_wake safety -DDEATHS=1 -DLOOKS
mailbox, one polls                  mailbox_wake safety @polls
mailbox, one polls, the mask too    mailbox_wake safety @polls -DMASKED
mailbox, one polls, a sender dies   mailbox_wake safety @polls_dead
sleepers, one dies                  sleepers safety
sleepers, two die                   sleepers safety @one_call -DDEATHS=2
sleepers, they come twice           sleepers safety @one_call -DROUNDS=2
sleepers, two types of message      sleepers safety @three_wait -DTYPES
sleepers, two ranks                 sleepers safety @ranks -DRANKS=1
sleepers, two ranks, two die        sleepers safety @ranks -DDEATHS=2
sleepers, none dies, no tick        sleepers safety @prompt
sleepers, the same, three receive   sleepers safety @three_prompt
'
# What spin must find: an assertion, "stuck" (invalid end state) or a "cycle".
must_fail='
lock, no tick (C5)                  lock   stuck     safety @no_tick
lock, no probe (C4)                 lock   cycle     cycles -DTICK_LATE -DNO_PROBE
lock, probe blind to zombies        lock   cycle     cycles -DTICK_LATE -DBROKEN_PROBE
lock, pending set too late          lock   cycle     cycles @kernel_alone -DBROKEN_PEND_LATE
lock, WAITERS dropped               lock   stuck     safety @no_tick @two_rounds -DBROKEN_WAITERS
lock, death not told                lock   assertion safety -DBROKEN_TOLD
pipe, publish before ring           waiter assertion safety -DBROKEN_ORDER
pipe, the same, nobody polls        waiter assertion safety -DBROKEN_ORDER -DNO_B2
pipe, no look after announcing      waiter assertion safety -DBROKEN_NO_RECHECK -DNO_B2
pipe, announce without the lock     waiter assertion safety -DBROKEN_UNLOCKED -DNO_B2
pipe, the woken takes the byte      waiter assertion safety -DREADERS=2 -DBROKEN_TAKE -DNO_B2
pipe, naps without end, 1 dies      waiter assertion safety @one_each -DMSG=2 @nap_only
pipe, two share a registration      waiter assertion safety -DLEAST -DBROKEN_SHARED
spsc, no fence                      spsc   assertion safety -DBROKEN_FENCE
spsc, no fence, at the nap          spsc   assertion safety -DBROKEN_FENCE @nap_only -DDEATHS=0
spsc, no fence after asym           spsc   assertion safety -DBROKEN_TUNE
spsc, sleeper without barrier       spsc   assertion safety -DBROKEN_LISTENER
spsc, no look after announcing      spsc   assertion safety -DBROKEN_NO_RECHECK
spsc, no shout                      spsc   assertion safety -DBROKEN_DEAF
spsc, bytes not counted first       spsc   assertion safety -DBROKEN_COUNT
spsc, a full bell emptied           spsc   assertion safety -DBROKEN_FULL
spsc, limit: writer end held twice  spsc   assertion safety -DOTHER_HOLDER
fifo, wait without slices (O3)      fifo   assertion safety -DPROCS=2 -DBROKEN_SLICE
fifo, the first refusal believed    fifo   assertion safety -DPROCS=2 -DBROKEN_ONCE
fifo, a lock of a third file         fifo   assertion safety -DPROCS=2 -DBROKEN_FILE
fifo, shared before the reset (F3)  fifo   assertion safety -DPROCS=2 -DBROKEN_SHARED
fifo, space not announced (F4)      fifo   assertion safety -DPROCS=2 -DBROKEN_SPACE
fifo, temporary end stays open      fifo   assertion safety -DPROCS=2 -DBROKEN_HELP
fifo, temporary end without wait    fifo   assertion safety -DPROCS=2 -DBROKEN_NOW
ending, over said without the lock  ending assertion safety -DENDERS=1 -DBROKEN_UNLOCKED
ending, no look under the lock      ending assertion safety -DENDERS=1 -DBROKEN_MOVE
ending, kernel before over           ending assertion safety -DENDERS=1 -DBROKEN_LATE
ending, space is not shut down      ending assertion safety -DENDERS=1 -DBROKEN_ONE
ending, no last look at the ring    ending assertion safety -DENDERS=1 -DBROKEN_LOOK
ending, the refused does nothing    ending assertion safety -DENDERS=1 -DBROKEN_REFUSED
tags, tag of the dead stays (T3)     tags   assertion safety -DBROKEN_RETRACT
tags, claim dropped first           tags   assertion safety -DBROKEN_DROP
tags, number counted too late       tags   assertion safety -DBROKEN_NUMBER
tags, numbers not compared (T2)     tags   assertion safety -DBROKEN_NEXT
tags, fetched, not copied           tags   assertion safety @one_sender -DBROKEN_FETCH
tags, finished before taken         tags   assertion safety @one_sender -DBROKEN_FINISH
tags, put after the commit          tags   assertion safety -DBROKEN_PUT
tags, limit: rights full of T2      tags   assertion safety -DRIGHTS=1
sem, arrive, then clear event       sem    assertion safety -DDEATHS=0 -DBROKEN_CLEAR
sem, event not changed again        sem    assertion safety -DDEATHS=0 -DBROKEN_AGAIN
sem, no baton                       sem    assertion safety -DDEATHS=0 -DBROKEN_BATON
sem, the baton leaves event         sem    assertion safety -DDEATHS=0 -DBROKEN_FIND
sem, arrivals reset in any case     sem    assertion safety -DDEATHS=0 -DBROKEN_RESET
sem, sleep again without arrival    sem    assertion safety -DDEATHS=0 -DBROKEN_STAY
sem, no pending                     sem    assertion safety @two_posts -DCALM -DBROKEN_PEND
sem, a poster dies, nobody looks    sem    assertion safety -DPOSTERS=1 -DONLY_POSTERS
sem, a sleeper dies, nobody looks   sem    assertion safety -DPOSTERS=1 -DONLY_WAITERS
sem, limit: event cleared (W6)      sem    assertion safety @woken -DPOSTERS=2 -DIN_ORDER
sem, limit: overtaken by priority   sem    assertion safety @woken @in_order -DANY_ORDER
sem, limit: overtaken (W5)          sem    assertion safety @woken -DNOT_OWING
mailbox, swept, then asked (B1)     mailbox assertion safety @places -DONLY_SENDERS -DBROKEN_SWEEP
mailbox, taken without a note (B6)  mailbox assertion safety @one_sends -DBROKEN_MOVING
mailbox, linked from the tail on    mailbox assertion safety @one_sends -DEACH=3 -DBROKEN_TAIL
mailbox, one not marked (B7)        mailbox assertion safety @one_sends -DEACH=3 -DBROKEN_QUEUED
mailbox, freed while given          mailbox assertion safety @one_sends -DACK -DBROKEN_FORGET
mailbox, noted too late (B8)        mailbox assertion safety @one_sends -DACK -DBROKEN_GIVEN
mailbox, put back without a look    mailbox assertion safety @one_sends -DACK -DBROKEN_BACK
mailbox, no look after arming       mailbox_wake assertion safety -DBROKEN_LOOK
mailbox, armed with the same value  mailbox_wake assertion safety -DSLEEPERS=2 -DBROKEN_ARM
mailbox, bit 0 goes too early (B3)  mailbox_wake assertion safety -DDEATHS=1 -DBROKEN_EARLY
mailbox, bit 0 goes in any case     mailbox_wake assertion safety -DSLEEPERS=2 -DBROKEN_CLEAR
mailbox, who coalesces is silent    mailbox_wake assertion safety -DDEATHS=1 -DBROKEN_COALESCE
mailbox, unblocked, nobody called   mailbox_wake assertion safety -DMASKED -DBROKEN_MASK
mailbox, the bell has no number     mailbox_wake assertion safety @polls -DBROKEN_WANT
mailbox, no look after lowering     mailbox_wake assertion safety @polls -DBROKEN_LEVEL
mailbox, not rung before (B2)       mailbox_wake assertion safety @polls_dead -DBROKEN_FIRST
sleepers, call after the commit     sleepers assertion safety @one_call -DBROKEN_LATE
sleepers, pending not turned (S3)   sleepers assertion safety @one_call -DBROKEN_PEND
sleepers, pending turned too late   sleepers assertion safety -DBROKEN_TURN
sleepers, turned back too early     sleepers assertion safety @one_call -DBROKEN_UNPEND
sleepers, a word without the TID    sleepers assertion safety @one_call -DBROKEN_TID
sleepers, no tick for those behind  sleepers assertion safety @one_call -DBROKEN_TICK
sleepers, who is behind, unguarded  sleepers assertion safety @one_call -DBROKEN_PLACE
sleepers, the same, by a newcomer   sleepers assertion safety @three_wait -DTYPES -DBROKEN_PLACE
sleepers, no look after entering    sleepers assertion safety @one_call -DBROKEN_LOOK
sleepers, not counted again         sleepers assertion safety @one_call -DBROKEN_MEND
sleepers, a call not passed on      sleepers assertion safety @three_prompt -DBROKEN_PASS
sleepers, ranks said too soon       sleepers assertion safety @ranks -DDEATHS=2 -DBROKEN_RANKED
sleepers, limit: types need a tick  sleepers assertion safety @three_prompt -DTYPES
'

# search MODEL safety|cycles OPTION...: leaves spin's report in $tmp/log
search() {
    local model=$here/$1.pml mode=-DSAFETY pan=()
    [ "$2" = safety ] || { mode=-DNP && pan=(-l); }
    shift 2
    (
        cd "$tmp"
        rm -f pan pan.? ./*.trail
        spin "$@" -a "$model"
        gcc -O2 -w -DCOLLAPSE "$mode" "-DMEMLIM=$memory_mb" -o pan pan.c
        ulimit -t "$cpu_seconds" && ./pan -m1000000 "${pan[@]}"
    ) >"$tmp/log" 2>&1
}

held() {
    grep -q 'errors: 0$' "$tmp/log" && ! grep -Eq 'not completed|too small' "$tmp/log"
}

found() {
    case $1 in
    assertion) grep -q '^pan:.*assertion violated' "$tmp/log" ;;
    stuck) grep -q '^pan:.*invalid end state' "$tmp/log" ;;
    cycle) grep -q '^pan:.*non-progress cycle' "$tmp/log" ;;
    esac
}

# expand OPTION...: into $words, named sets replaced
expand() {
    local word set
    words=()
    for word in "$@"; do
        if [[ $word == @* ]]; then
            read -r -a set <<<"${sets[${word#@}]}"
            words+=("${set[@]}")
        else
            words+=("$word")
        fi
    done
}

passed=0 failed=0
# report WHETHER NAME WHAT
report() {
    local states
    states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' "$tmp/log")
    printf '%-6s %-36s %10s states  %s\n' "$1" "$2" "${states:-no}" "$3"
    if [ "$1" = ok ]; then
        passed=$((passed + 1))
        return
    fi
    failed=$((failed + 1))
    tail -n 30 "$tmp/log" | cut -c1-300 >&2
}

# The name ends at two spaces, the options are words.
while IFS= read -r line; do
    [ -n "$line" ] || continue
    read -r -a words <<<"${line#*  }"
    chosen "${words[0]}" "$@" || continue
    expand "${words[@]}"
    if search "${words[@]}" && held; then verdict=ok; else verdict=FAILED; fi
    report "$verdict" "${line%%  *}" "holds"
done <<<"$must_hold"

while IFS= read -r line; do
    [ -n "$line" ] || continue
    read -r model what mode options <<<"${line#*  }"
    chosen "$model" "$@" || continue
    read -r -a words <<<"$options"
    expand "${words[@]}"
    search "$model" "$mode" "${words[@]}" || true
    if found "$what"; then verdict=ok; else verdict=FAILED; fi
    report "$verdict" "${line%%  *}" "must fail: $what"
done <<<"$must_fail"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
