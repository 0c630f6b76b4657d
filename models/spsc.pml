/* SPDX-License-Identifier: MIT */
/*
 * models/spsc.pml - sleep and wake in the SPSC mode, on a machine with store buffers
 *
 * One writer, one reader, no lock around the publish: ring if wanted, publish, barrier,
 * look again whether a ring or a wake-up is wanted; the sleeper announces, barrier, looks
 * at the ring. A ringer that finds the lock held shouts: it rings without the lock, and the
 * listener takes out only bytes that it has counted before its look. Stores
 * go through a first-in-first-out buffer for each end, as on x86, and reach memory when
 * they like; locked instructions, full fences and system calls that have one wait until
 * the own buffer is empty. Each end chooses whether it fences its publishes, or says in
 * asym that it does not: then the sleeper's membarrier empties the other's buffer, too.
 * Both directions are there (bytes, space). Start at end_of(); see also waiter.pml.
 *
 * What is checked: when nothing can happen any more, no living reader sleeps on the bell
 * while bytes are there or the writer is gone, and the same for the writer and LEVEL free
 * bytes; nobody waits for a lock. No end turns for ever (-DNP, pan -l).
 *
 * Options: MSG, CAP, LEVEL, DEATHS.
 *   POLLER            a program may use its own poll(2): lower() and h7_conduit_after()
 *   NO_NAP_END, STAY  naps have no time-out; ends never close
 *   OTHER_HOLDER      another process keeps the writer's descriptors open
 *   BROKEN_FENCE      a publish without fence, and asym is not set
 *   BROKEN_TUNE       no fence between setting asym and the first publish
 *   BROKEN_LISTENER   the sleeper has no barrier     BROKEN_NO_RECHECK  nor a look
 *   BROKEN_DEAF       no shout: a ringer that finds the lock held gives up
 *   BROKEN_COUNT      the listener takes out what it finds, not what it has counted
 *   BROKEN_FULL       ... and empties a full bell, into which no shout would have gone
 */
#ifndef MSG
#define MSG 3
#endif
#ifndef CAP
#define CAP 1
#endif
#ifndef LEVEL
#define LEVEL CAP
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifdef OTHER_HOLDER
#define HOLDERS 2
#else
#define HOLDERS 1
#endif

#define BELL_MAX 2

#define W 0
#define R 1
#define NOBODY 9
#define DIED 8

/* Memory: what both sides see. */
byte count[2];          /* head, tail */
bool want[2];
bool event[2];
bool asym[2];
byte lock[2] = NOBODY;
/* The kernel's. */
byte bell[2] = 1;       /* bytes in it; a new one is high */
bool napping[2];        /* [who] */
byte open[2];
bool killed[2];
bool sleeps[2];
byte deaths;

mtype = { COUNT, WANT, EVENT, ASYM };
/* Store buffers: which variable of which side, value. */
chan buffer[2] = [2] of { mtype, byte, byte };

#define FENCED(who) empty(buffer[who])
#define USED(head, tail) ((head) - (tail))

proctype memory(byte who)
{
    byte s, v;
end:
    do
    :: atomic { buffer[who] ? COUNT(s, v) -> count[s] = v }
    :: atomic { buffer[who] ? WANT(s, v) -> want[s] = v }
    :: atomic { buffer[who] ? EVENT(s, v) -> event[s] = v }
    :: atomic { buffer[who] ? ASYM(s, v) -> asym[s] = v }
    od
}

/* What me could use, and what the other could, as me sees it: its own count is index. */
#define READY(level) \
    ((me == R && count[W] != index) || (me == W && CAP - USED(index, count[R]) >= (level)))
#define OFFER_AT(at, level) \
    ((me == W && (at) != count[R]) || (me == R && CAP - USED(count[W], at) >= (level)))
#define OFFER(level) OFFER_AT(index, level)

inline enter(s)
{
    atomic { FENCED(me) && (lock[s] == NOBODY || lock[s] == DIED) -> lock[s] = me }
}

inline leave(s)
{
    atomic { FENCED(me) -> lock[s] = NOBODY }
}

/* order() of conduit_wait.c */
inline order()
{
#ifdef BROKEN_LISTENER
    skip
#else
    FENCED(me);
    if
    :: asym[other] -> FENCED(other)
    :: else
    fi
#endif
}

/* bytes_to_lower() */
inline count_bytes()
{
    atomic {
        n_bytes = bell[other];
#ifndef BROKEN_FULL
        if
        :: n_bytes == BELL_MAX -> n_bytes--
        :: else
        fi
#endif
    }
}

inline take_out()
{
#ifdef BROKEN_COUNT
    bell[other] = 0
#else
    atomic { bell[other] = bell[other] - n_bytes; n_bytes = 0 }
#endif
}

inline lower()
{
    enter(other);
    buffer[me] ! WANT(other, 1);
    count_bytes();
    order();
    if
    :: READY(LEVEL)
    :: else -> take_out()
    fi;
    leave(other)
}

/* A byte into the bell, unless it is full or nobody listens. */
inline write_bell()
{
    atomic {
        if
        :: open[other] > 0 && bell[me] < BELL_MAX -> bell[me]++
        :: else
        fi
    }
}

/* ring_spsc(), called if a ring is wanted */
inline ring(after)
{
    if
    :: enter(me);
        if
        :: want[me] && (me == W || OFFER_AT(after, LEVEL)) ->
            write_bell();
            buffer[me] ! WANT(me, 0)
        :: else
        fi;
        leave(me)
    :: FENCED(me) && lock[me] == other -> /* having tried the lock is a barrier */
#ifdef BROKEN_DEAF
        skip
#else
        write_bell()
#endif
    fi
}

proctype end_of(byte me)
{
    byte other = 1 - me;
    byte index, n_bytes;
    bool fenced, gone;

    {
        /* h7_conduit_tune() */
        if
        :: fenced = true
        :: fenced = false;
#ifndef BROKEN_FENCE
            buffer[me] ! ASYM(me, 1);
#ifndef BROKEN_TUNE
            FENCED(me)
#endif
#endif
        fi;
verb:
        if
        :: me == W && index == MSG -> goto finished
        :: else
        fi;
        if
        :: READY(1) ->
            if
            :: want[me] -> ring(index + 1)
            :: else
            fi;
            atomic { nfull(buffer[me]) -> index++; buffer[me] ! COUNT(me, index) }
            if
            :: fenced -> FENCED(me)
            :: else
            fi;
            if
            :: event[me] && OFFER(1) ->
                buffer[me] ! EVENT(me, 0);
                atomic { FENCED(me) -> napping[other] = false }
            :: else
            fi;
            if
            :: want[me] -> ring(index)
            :: else
            fi;
#ifdef POLLER
            if
            :: READY(LEVEL)
            :: else -> lower()
            fi;
#endif
            goto verb
        :: else
        fi;
        if
        :: gone -> goto finished
        :: else
        fi;

        if
#ifdef POLLER
        :: lower()
#endif
        :: atomic { FENCED(me) -> event[other] = true }
            order();
            if
            :: READY(1) -> goto verb
            :: else
            fi;
            atomic {
                if
                :: event[other] -> napping[me] = true
                :: else -> goto verb
                fi
            }
end_nap:
            if
            :: !napping[me] -> goto verb
#ifndef NO_NAP_END
            :: atomic { napping[me] -> napping[me] = false }
#endif
            fi;
            enter(other);
            buffer[me] ! WANT(other, 1);
            count_bytes();
            order();
            if
#ifndef BROKEN_NO_RECHECK
            :: READY(1) -> leave(other); goto verb
            :: else ->
#else
            :: true ->
#endif
                take_out();
                leave(other)
            fi
        fi;
        sleeps[me] = true;
end_sleep:
        if
        :: atomic { bell[other] > 0 -> sleeps[me] = false }
            goto verb
        :: atomic { bell[other] == 0 && open[other] == 0 -> sleeps[me] = false }
        fi;
        gone = true;
        goto verb;
finished:
        if
#ifndef STAY
        :: skip
#else
        :: gone
#endif
        :: me == W && !gone ->
end_idle:
            false
        fi
    } unless { killed[me] };

    atomic {
        FENCED(me) ->
        sleeps[me] = false;
        napping[me] = false;
        if
        :: lock[W] == me -> lock[W] = DIED
        :: lock[R] == me -> lock[R] = DIED
        :: else
        fi
    }
    open[me]--;
    if
    :: killed[me]
    :: else -> /* h7_conduit_closed() */
        event[W] = false; napping[R] = false;
        event[R] = false; napping[W] = false
    fi
}

#define KILL(id) atomic { deaths < DEATHS && !killed[id] -> killed[id] = true; deaths++ }

active proctype demons()
{
end:
    do
    :: KILL(W)
    :: KILL(R)
    :: break /* or else a late blow would be awaited, and nothing ever looked stuck */
    od
}

#define WAITS(who) (!killed[who] && (sleeps[who] || napping[who]))

active proctype watch()
{
end:
    atomic { timeout ->
        assert(!(WAITS(R) && (count[W] != count[R] || open[W] == 0)));
        assert(!(WAITS(W) && (CAP - USED(count[W], count[R]) >= LEVEL || open[R] == 0))) }
}

init {
    atomic {
        open[W] = HOLDERS;
        open[R] = 1;
        run memory(W);
        run memory(R);
        run end_of(W);
        run end_of(R)
    }
}
