/* SPDX-License-Identifier: MIT */
/*
 * models/waiter.pml - sleep and wake in the default mode: waiter.h, bell.h and conduit.h
 *
 * Ends of a conduit do what conduit.c and conduit_wait.c do: take my side's lock, move,
 * ring before the publish, unlock, wake nappers; wait by nap, announcement under the other
 * side's lock, and sleep in poll(2) on the bell, which has no time-out here. Both ways are
 * the same code: side W rings "not empty", side R rings "LEVEL free". Some waits are those
 * of a program that uses its own poll(2) on the descriptor (h7_conduit_after(), lower()).
 * Any end may be killed between any two steps, asleep, or just woken; then the kernel
 * recovers its lock, and after that closes its descriptors. The lock is abstract here:
 * lock.pml is about it. Start at end_of().
 *
 * What is checked:
 *   - B2: if the predicate holds and nobody is inside the lock, the byte is there;
 *   - no lost wake-up: when nobody does anything any more, no living reader sleeps on a
 *     silent bell while bytes are there or all writers are gone, and no living writer while
 *     LEVEL is free or all readers are gone; nobody waits for a lock (invalid end state);
 *   - no end turns for ever (-DNP, pan -l).
 *
 * n is head - tail as one variable. A reader that looks under the writers' lock may have a
 * tail that is too old: then it finds bytes that are gone, and tries the verb in vain.
 *
 * Options: WRITERS, READERS (at most 2 each), MSG (each writer's), CAP, LEVEL, DEATHS.
 *   LEAST             a sleeping writer registers its need of 1, below LEVEL, and S says that;
 *                     the ring is full at first, a sleeper may leave (deadline, signal),
 *                     a reader may stop reading
 *   BROKEN_SHARED     a second writer with the same need sleeps under the first one's name
 *   KEEP_LEVEL        a descriptor was given out: verbs lower the level after themselves
 *   NO_NAP_END        naps have no time-out; STAY   writers never close
 *   NO_B2             B2 is not checked
 *   BROKEN_ORDER      publish, then ring          BROKEN_NO_RECHECK   no look after announcing
 *   BROKEN_UNLOCKED   announce without the lock   BROKEN_TAKE         the woken takes the byte
 */
#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef READERS
#define READERS 1
#endif
#ifndef MSG
#define MSG 1
#endif
#ifndef CAP
#define CAP 2
#endif
#ifndef LEVEL
#define LEVEL CAP
#endif
#ifndef DEATHS
#define DEATHS 1
#endif

#define W 0
#define R 1
#define NOBODY 0
#define DIED 9

#define BUSY 0
#define IDLE 1
#define ENDED 2

byte lock[2];       /* NOBODY, an end's id, DIED */
bool want[2];
bool bell[2] = true; /* is there a byte? A new bell is high */
bool event[2];
byte naps[2];       /* who naps on the event: a bit for each id */
byte open[2];       /* descriptors of each side */
byte n;             /* head - tail */
bool killed[5];
bool sleeps[5];     /* in poll(2) on a bell, without time-out */
byte rest[5];       /* BUSY, IDLE (keeps its end, does nothing), ENDED */
bool polls[5];      /* with LEAST: sleeps in its own poll(2), not in a verb */
byte least_id;      /* who registered: NOBODY or a writer */
byte deaths, leavers;

#define IS_FREE(s) (lock[s] == NOBODY || lock[s] == DIED)
#define BYTES_OR_ROOM(s) ((s) == W && n >= 1 || (s) == R && n < CAP)
#ifdef LEAST
#define MARK (least_id != NOBODY -> 1 : LEVEL)
#define NEEDED(id) (polls[id] -> LEVEL : 1) /* it must not sleep while this is free */
#else
#define MARK LEVEL
#define NEEDED(id) LEVEL
#endif
#define PREDICATE(s) ((s) == W && n >= 1 || (s) == R && CAP - n >= MARK)
#define BIT(id) (1 << (id))

inline enter(s)
{
    atomic { IS_FREE(s) -> lock[s] = me }
}

inline leave(s)
{
    lock[s] = NOBODY
}

/* Under the lock. What is offered counts with the move that is about to be published. */
inline ring()
{
    if
    :: want[mine] && (mine == W || CAP - (n - 1) >= MARK) ->
        if
        :: open[other] > 0 -> bell[mine] = true
        :: open[other] == 0 && mine == W -> leave(mine); goto hangup /* -EPIPE */
        :: open[other] == 0 && mine == R -> skip
        fi;
        want[mine] = false
    :: else
    fi
}

inline publish()
{
    if
    :: mine == W -> n++
    :: mine == R -> n--
    fi
}

/* lower() of conduit_wait.c */
inline lower()
{
    enter(other);
    want[other] = true;
    if
    :: PREDICATE(other)
    :: else -> bell[other] = false
    fi;
    leave(other)
}

#ifdef LEAST
/* Under the readers' lock. tick: another one has the registration. */
inline register_need()
{
    atomic {
        polls[me] = false;
        if
        :: mine == R
        :: mine == W && (least_id == NOBODY || least_id == me || rest[least_id] == ENDED) ->
            least_id = me;
            tick = false
#ifndef BROKEN_SHARED
        :: else -> tick = true
#else
        :: else
#endif
        fi
    }
}

/* A compare-and-swap, so also without the lock. */
inline unregister_need()
{
    atomic {
        if
        :: least_id == me -> least_id = NOBODY
        :: else
        fi
    }
}
#define UNREGISTER unregister_need();
#else
#define UNREGISTER
#endif

proctype end_of(byte me, mine)
{
    byte left = MSG;
    byte other = 1 - mine;
    bool gone, moved, tick;

    {
        skip;
verb:
        atomic {
            moved = false;
            if
            :: mine == W && left == 0 -> goto finished
            :: else
            fi
        }
        enter(mine);
        if
        :: BYTES_OR_ROOM(other) ->
            moved = true;
#ifdef BROKEN_ORDER
            publish();
            if
            :: want[mine] -> bell[mine] = true; want[mine] = false
            :: else
            fi
#else
            ring();
            publish()
#endif
        :: else
        fi;
        leave(mine);
        atomic {
            if
            :: event[mine] && BYTES_OR_ROOM(mine) -> event[mine] = false
            :: else -> goto looked
            fi
        }
        naps[mine] = 0;
looked:
        atomic {
            if
            :: !moved && gone -> goto finished /* looked once more: end-of-file, -EPIPE */
            :: !moved && !gone -> goto waits
            :: moved && mine == W -> left--
            :: moved && mine == R
#ifdef LEAST
            :: moved && mine == R -> goto stops
#endif
            fi
        }
#ifdef KEEP_LEVEL
        if
        :: PREDICATE(other)
        :: else -> lower()
        fi;
#endif
        goto verb;

waits:
        if
#ifdef KEEP_LEVEL
        :: /* HEPTA_NOW, then the program's own poll(2) */
            lower()
#ifdef LEAST
            ; polls[me] = true
#endif
#endif
        :: /* h7_wait() */
            event[other] = true;
            if
            :: BYTES_OR_ROOM(other) -> goto verb
            :: else
            fi;
            atomic {
                if
                :: event[other] -> naps[other] = naps[other] | BIT(me)
                :: else -> goto verb
                fi
            }
end_nap:
            if
            :: atomic { (naps[other] & BIT(me)) == 0 -> goto verb }
#ifndef NO_NAP_END
            :: atomic { naps[other] & BIT(me) -> naps[other] = naps[other] & (255 - BIT(me)) }
#endif
            fi;
#if defined(BROKEN_UNLOCKED)
            want[other] = true;
            if
            :: BYTES_OR_ROOM(other) -> goto verb
            :: else -> bell[other] = false
            fi
#else
            enter(other);
            want[other] = true;
#ifdef LEAST
            register_need();
#endif
            if
#ifndef BROKEN_NO_RECHECK
            :: BYTES_OR_ROOM(other) -> UNREGISTER leave(other); goto verb
            :: else ->
#else
            :: true ->
#endif
                bell[other] = false; leave(other)
            fi;
#ifdef LEAST
            if
            :: tick -> goto verb
            :: else
            fi
#endif
#endif
        fi;
        sleeps[me] = true;
end_sleep:
        if
#ifdef LEAST
        :: atomic { mine == W && leavers == 0 -> leavers++; sleeps[me] = false; gone = true }
            unregister_need();
            goto finished
#endif
        :: atomic { bell[other] -> sleeps[me] = false }
            UNREGISTER
#ifdef BROKEN_TAKE
            bell[other] = false;
            want[other] = true;
#endif
            goto verb
        :: atomic { !bell[other] && open[other] == 0 -> sleeps[me] = false }
#ifdef LEAST
            unregister_need()
#endif
        fi;
hangup:
        gone = true;
        if
        :: mine == R -> goto verb
        :: else
        fi;
finished:
        if
#ifndef STAY
        :: skip
#else
        :: gone || mine == R
#endif
        :: mine == W && !gone -> /* an end that is kept, and not used */
stops:
            rest[me] = IDLE;
end_idle:
            false
        fi
    } unless { killed[me] };

    /* close(), or the kernel's work for the dead: locks before descriptors. */
    atomic {
        sleeps[me] = false;
        naps[other] = naps[other] & (255 - BIT(me));
        if
        :: lock[W] == me -> lock[W] = DIED
        :: lock[R] == me -> lock[R] = DIED
        :: else
        fi
    }
    open[mine]--;
    if
    :: killed[me]
    :: else -> /* h7_conduit_closed() */
        event[W] = false; naps[W] = 0;
        event[R] = false; naps[R] = 0
    fi;
    rest[me] = ENDED
}

#define KILL(id) \
    atomic { rest[id] != ENDED && deaths < DEATHS && !killed[id] -> killed[id] = true; deaths++ }

active proctype demons()
{
end:
    do
    :: KILL(1)
    :: KILL(2)
    :: KILL(3)
    :: KILL(4)
    od
}

/* Of S only LEVEL is promised to all; whom else it promised something is among the stuck. */
#define PROMISED(s) ((s) == W && n >= 1 || (s) == R && CAP - n >= LEVEL)
#define FALSELY_LOW(s) (IS_FREE(s) && PROMISED(s) && !bell[s] && open[1 - s] > 0)

/* Waits for what only another can do, on the bell or event of side s. The demons are not
 * asked: nobody may need a killer in order to go on. */
#define STUCK_ON_BELL(id, s) (sleeps[id] && !bell[s] && open[s] > 0)
#ifdef NO_NAP_END
#define STUCK(id, s) (STUCK_ON_BELL(id, s) || naps[s] & BIT(id))
#else
#define STUCK(id, s) STUCK_ON_BELL(id, s)
#endif
#define STILL(id, s) \
    (rest[id] == ENDED || !killed[id] && (rest[id] == IDLE || STUCK(id, s)))
#define ALL_STILL (STILL(1, R) && STILL(2, W) && STILL(3, R) && STILL(4, W))
#define LOST_WRITER \
    (CAP - n >= NEEDED(1) && STUCK(1, R) || CAP - n >= NEEDED(3) && STUCK(3, R))
#define LOST_READER (n >= 1 && (STUCK(2, W) || STUCK(4, W)))
#define LOST_WAKE_UP (ALL_STILL && (LOST_WRITER || LOST_READER))

active proctype watch()
{
end:
    do
#ifndef NO_B2
    :: atomic { FALSELY_LOW(W) || FALSELY_LOW(R) -> assert(!FALSELY_LOW(W) && !FALSELY_LOW(R)) }
#endif
    :: atomic { LOST_WAKE_UP -> assert(!LOST_WAKE_UP) }
    od
}

init {
    atomic {
#ifdef LEAST
        n = CAP;
#endif
        open[W] = WRITERS;
        open[R] = READERS;
        run end_of(1, W);
        run end_of(2, R);
        if
        :: WRITERS > 1 -> run end_of(3, W)
        :: else -> rest[3] = ENDED
        fi;
        if
        :: READERS > 1 -> run end_of(4, R)
        :: else -> rest[4] = ENDED
        fi
    }
}
