/* SPDX-License-Identifier: MIT */
/*
 * models/lock.pml - the one-word robust lock of src/prim/lock.h, with death at every step
 *
 * Threads take and leave the lock as lock.c does, load by load and swap by swap. A killer
 * may strike between any two steps, also while one sleeps or has just been woken; then
 * the kernel looks at the pending field as in handle_futex_death(), and the thread is a
 * zombie. A second demon loses the pending field (C4). Start at thread(); run.sh says
 * which variant is checked how.
 *
 * What is checked: never two living holders; who takes a lock whose holder died inside is
 * told; a thread never finds its own TID; everybody gets in or gives up in the end.
 *
 * Options (numbers): THREADS, ROUNDS, DEATHS, LOST (times pending is lost).
 *   TICK_LATE        ticks end a sleep only when nothing else can happen: for the search
 *                    for cycles without progress (-DNP, pan -l), which is then "stuck"
 *   NO_TICK          sleeps have no end: C3 and C5 need it
 *   NO_DEADLINE      nobody gives up
 *   NO_PROBE         nobody asks whether the holder lives: C4 needs it
 *   BROKEN_PROBE     the probe takes a zombie for alive; nobody reaps it
 *   BROKEN_PEND_LATE, BROKEN_WAITERS, BROKEN_TOLD   what the rules forbid
 */
#ifndef THREADS
#define THREADS 3
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef LOST
#define LOST 1
#endif

/* The word, in small: TIDs are 1 to 3. */
#define TID 3
#define DIED 4
#define WAITERS 8

#ifdef BROKEN_PROBE
#define PROBE_DEAD(t) false
#else
#define PROBE_DEAD(t) zombie[t]
#endif

#if defined(NO_TICK)
#define TICK false
#elif defined(TICK_LATE)
#define TICK timeout
#else
#define TICK true
#endif

byte word;
bool dirty;           /* what the lock guards is half-made */
bool pending[4];
bool asleep[4];       /* in futex_wait */
bool inside[4];
bool killed[4];
bool zombie[4];       /* and nobody reaps it */
byte deaths, lost;

/* Compare-and-swap of try_take(): found says what it came from. */
inline take(expected, desired)
{
    atomic {
        if
        :: word == expected ->
            word = desired;
            assert(!inside[1] && !inside[2] && !inside[3]);
            inside[me] = true;
            found = expected;
            goto in
        :: else
        fi
    }
}

/* futex_wake(1): the kernel's order is not promised, so any sleeper may be the one. */
inline wake_one()
{
    atomic {
        if
        :: asleep[1] -> asleep[1] = false
        :: asleep[2] -> asleep[2] = false
        :: asleep[3] -> asleep[3] = false
        :: !asleep[1] && !asleep[2] && !asleep[3]
        fi
    }
}

#ifdef BROKEN_WAITERS
#define WAITED 0
#else
#define WAITED WAITERS
#endif

proctype thread(byte me)
{
    byte v, found, rounds;
    bool ticked;

    {
        skip;
next:
        atomic {
            if
            :: rounds == ROUNDS -> goto done
            :: else -> rounds++; v = 0; found = 0; ticked = false
            fi
        }
#ifndef BROKEN_PEND_LATE
        pending[me] = true;
#endif
        take(0, me);
        /* spin() */
        v = word;
        if
        :: (v & TID) == 0 -> take(v, me | (v & WAITERS))
        :: else
        fi;
wait:
        atomic {
            ticked = false;
            v = word;
            assert((v & TID) != me) /* -EBADMSG */
        }
        if
        :: (v & TID) == 0 -> take(v, me | WAITED | (v & WAITERS))
        :: else ->
            /* sleep_once() */
            if
            :: v & WAITERS
            :: else ->
                atomic {
                    if
                    :: word == v -> word = v | WAITERS; v = v | WAITERS
                    :: else -> goto slept
                    fi
                }
            fi;
            atomic {
                if
                :: word == v -> asleep[me] = true
                :: else -> goto slept
                fi
            }
            if
            :: !asleep[me]
            :: atomic { asleep[me] && TICK -> asleep[me] = false; ticked = true }
            fi
        fi;
slept:
#ifndef NO_PROBE
        if
        :: ticked -> /* take_from_dead() */
            v = word;
            if
            :: (v & TID) != 0 && PROBE_DEAD(v & TID) -> take(v, me | WAITERS)
            :: else
            fi
        :: else
        fi;
#endif
#ifdef NO_DEADLINE
        goto wait;
#else
        if
        :: goto wait
        :: true -> /* the deadline: once more, then -ETIMEDOUT */
            v = word;
            if
            :: (v & TID) == 0 -> take(v, me | WAITED | (v & WAITERS))
            :: else
            fi;
            pending[me] = false;
            goto next
        fi;
#endif
in:
#ifdef BROKEN_PEND_LATE
        pending[me] = true;
#endif
progress_in:
        if
#ifdef BROKEN_TOLD
        :: found & DIED -> dirty = false
        :: else -> assert(!dirty)
#else
        :: found & (DIED | TID) -> dirty = false /* -EOWNERDEAD: mend */
        :: else -> assert(!dirty)
#endif
        fi;
        dirty = true;
        dirty = false;
        atomic { v = word; word = 0; inside[me] = false }
        if
        :: v & WAITERS -> wake_one()
        :: else
        fi;
        pending[me] = false;
        goto next;
done:
        skip
    } unless { killed[me] };

    /* The kernel, on behalf of the dead: futex_exit_release(). */
    if
    :: !killed[me] -> goto end
    :: else
    fi;
    atomic { inside[me] = false; asleep[me] = false }
    if
    :: pending[me] ->
again:
        v = word;
        if
        :: v == 0 -> wake_one()
        :: v != 0 && (v & TID) == me ->
            atomic {
                if
                :: word == v -> word = (v & WAITERS) | DIED
                :: else -> goto again
                fi
            }
            if
            :: v & WAITERS -> wake_one()
            :: else
            fi
        :: else
        fi
    :: else
    fi;
    zombie[me] = true;
end:
    skip
}

#define KILL(i) \
    atomic { i <= THREADS && deaths < DEATHS && !killed[i] -> killed[i] = true; deaths++ }
#define LOSE(i) \
    atomic { lost < LOST && pending[i] && !killed[i] -> pending[i] = false; lost++ }

active proctype demons()
{
end:
    do
    :: KILL(1)
    :: KILL(2)
    :: KILL(3)
    :: LOSE(1)
    :: LOSE(2)
    :: LOSE(3)
    :: break /* or else a late blow would be awaited, and nothing ever looked stuck */
    od
}

init {
    atomic {
        byte i;
        for (i : 1 .. THREADS) {
            run thread(i)
        }
        i = 0
    }
}
