#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# models/run.sh - verify the protocol models exhaustively, and show that they can fail
#
# A line of the tables below is one run of spin: a name, the model, its options, and for
# the second table what spin must find. A run that must fail removes one rule of the
# protocol, or, where it is named "limit", steps outside what the protocol promises. One
# line of output a run; non-zero if any came out otherwise, 77 without spin or gcc.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
memory_mb=1900
seconds=300

if ! command -v spin >/dev/null || ! command -v gcc >/dev/null; then
    echo "run.sh: needs spin and gcc" >&2
    exit 77
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# "safety": assertions and stuck states; "cycles": also that nobody turns for ever
must_hold='
lock, ticks at any time             lock   safety
lock, everybody gets in             lock   cycles -DTICK_LATE -DNO_DEADLINE
lock, by the kernel alone, 2 die    lock   cycles -DTICK_LATE -DNO_DEADLINE -DNO_PROBE -DLOST=0 -DDEATHS=2
lock, none dies, no tick            lock   safety -DNO_TICK -DNO_DEADLINE -DNO_PROBE -DLOST=0 -DDEATHS=0 -DROUNDS=2
pipe, 2 writers, 2 readers          waiter safety -DWRITERS=2 -DREADERS=2
pipe, level kept, 2 readers         waiter safety -DWRITERS=1 -DREADERS=2 -DMSG=2 -DCAP=1 -DKEEP_LEVEL
pipe, level kept, 2 writers         waiter safety -DWRITERS=2 -DREADERS=1 -DCAP=1 -DKEEP_LEVEL
pipe, 2 die                         waiter safety -DWRITERS=1 -DREADERS=2 -DCAP=2 -DLEVEL=1 -DDEATHS=2
pipe, nobody turns for ever         waiter cycles -DWRITERS=1 -DREADERS=1 -DMSG=3 -DLEVEL=1 -DKEEP_LEVEL
pipe, none dies, naps without end   waiter safety -DWRITERS=1 -DREADERS=1 -DMSG=3 -DCAP=1 -DNO_NAP_END -DSTAY -DDEATHS=0
spsc                                spsc   safety
spsc, level kept                    spsc   safety -DPOLLER -DCAP=2
spsc, ringer out of patience        spsc   safety -DGIVE_UP
spsc, both die                      spsc   safety -DDEATHS=2 -DMSG=2
spsc, nobody turns for ever         spsc   cycles -DMSG=2
spsc, none dies, naps without end   spsc   safety -DNO_NAP_END -DSTAY -DDEATHS=0
'
# What spin must find: an assertion, "stuck" (invalid end state) or a "cycle".
must_fail='
lock, no tick (C5)                  lock   stuck     safety -DNO_TICK -DNO_DEADLINE -DNO_PROBE -DLOST=0
lock, no probe (C4)                 lock   cycle     cycles -DTICK_LATE -DNO_PROBE
lock, probe blind to zombies        lock   cycle     cycles -DTICK_LATE -DBROKEN_PROBE
lock, pending set too late          lock   cycle     cycles -DTICK_LATE -DNO_PROBE -DLOST=0 -DBROKEN_PEND_LATE
lock, WAITERS dropped               lock   stuck     safety -DNO_TICK -DNO_DEADLINE -DNO_PROBE -DLOST=0 -DDEATHS=0 -DROUNDS=2 -DBROKEN_WAITERS
lock, death not told                lock   assertion safety -DBROKEN_TOLD
pipe, publish before ring           waiter assertion safety -DBROKEN_ORDER
pipe, the same, nobody polls        waiter assertion safety -DBROKEN_ORDER -DNO_B2
pipe, no look after announcing      waiter assertion safety -DBROKEN_NO_RECHECK -DNO_B2
pipe, announce without the lock     waiter assertion safety -DBROKEN_UNLOCKED -DNO_B2
pipe, the woken takes the byte      waiter assertion safety -DREADERS=2 -DBROKEN_TAKE -DNO_B2
pipe, naps without end, 1 dies      waiter assertion safety -DWRITERS=1 -DMSG=2 -DNO_NAP_END -DSTAY
spsc, no fence                      spsc   assertion safety -DBROKEN_FENCE
spsc, no fence, at the nap          spsc   assertion safety -DBROKEN_FENCE -DNO_NAP_END -DSTAY -DDEATHS=0
spsc, no fence after asym           spsc   assertion safety -DBROKEN_TUNE
spsc, sleeper without barrier       spsc   assertion safety -DBROKEN_LISTENER
spsc, no look after announcing      spsc   assertion safety -DBROKEN_NO_RECHECK
spsc, no look after unlocking       spsc   assertion safety -DGIVE_UP -DBROKEN_NO_SECOND
spsc, limit: no patience, polled    spsc   assertion safety -DGIVE_UP -DPOLLER
spsc, limit: writer end held twice  spsc   assertion safety -DOTHER_HOLDER
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
        timeout "$seconds" ./pan -m1000000 "${pan[@]}"
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

failures=0
# report WHETHER NAME WHAT
report() {
    local states
    states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' "$tmp/log")
    printf '%-6s %-36s %10s states  %s\n' "$1" "$2" "${states:-no}" "$3"
    [ "$1" = ok ] && return
    failures=$((failures + 1))
    tail -n 30 "$tmp/log" | cut -c1-300 >&2
}

# The name ends at two spaces, the options are words.
while IFS= read -r line; do
    [ -n "$line" ] || continue
    read -r -a words <<<"${line#*  }"
    if search "${words[@]}" && held; then verdict=ok; else verdict=FAILED; fi
    report "$verdict" "${line%%  *}" "holds"
done <<<"$must_hold"

while IFS= read -r line; do
    [ -n "$line" ] || continue
    read -r model what mode options <<<"${line#*  }"
    read -r -a words <<<"$options"
    search "$model" "$mode" "${words[@]}" || true
    if found "$what"; then verdict=ok; else verdict=FAILED; fi
    report "$verdict" "${line%%  *}" "must fail: $what"
done <<<"$must_fail"

echo "models: $failures deviations"
[ "$failures" -eq 0 ]
