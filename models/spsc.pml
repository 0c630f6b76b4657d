/* SPDX-License-Identifier: MIT */
/*
 * models/spsc.pml - sleep and wake in the SPSC mode, on a machine with store buffers
 *
 * One writer, one reader, no lock around the publish: publish, barrier, look whether a
 * ring or a wake-up is wanted; the sleeper announces, barrier, looks at the ring. Stores
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
 *   GIVE_UP           a ringer that finds the lock held may run out of patience
 *   NO_NAP_END, STAY  naps have no time-out; ends never close
 *   OTHER_HOLDER      another process keeps the writer's descriptors open
 *   BROKEN_FENCE      a publish without fence, and asym is not set
 *   BROKEN_TUNE       no fence between setting asym and the first publish
 *   BROKEN_LISTENER   the sleeper has no barrier     BROKEN_NO_RECHECK  nor a look
 *   BROKEN_NO_SECOND  with GIVE_UP: no second look after the sleeper's unlock
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
bool bell[2] = true;
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
#define OFFER(level) \
    ((me == W && index != count[R]) || (me == R && CAP - USED(count[W], index) >= (level)))

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

inline lower()
{
    enter(other);
    buffer[me] ! WANT(other, 1);
    order();
    if
    :: READY(LEVEL)
    :: else -> bell[other] = false
    fi;
    leave(other)
}

proctype end_of(byte me)
{
    byte other = 1 - me;
    byte index;
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
            :: want[me] -> /* ring_spsc() */
                if
                :: atomic { FENCED(me) && (lock[me] == NOBODY || lock[me] == DIED) -> lock[me] = me };
                    if
                    :: want[me] && (me == W || OFFER(LEVEL)) ->
                        if
                        :: open[other] > 0 -> bell[me] = true
                        :: else
                        fi;
                        buffer[me] ! WANT(me, 0)
                    :: else
                    fi;
                    leave(me)
#ifdef GIVE_UP
                :: FENCED(me) && lock[me] == other /* having tried the lock is a barrier */
#endif
                fi
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
            order();
            if
#ifndef BROKEN_NO_RECHECK
            :: READY(1) -> leave(other); goto verb
            :: else ->
#else
            :: true ->
#endif
                bell[other] = false; leave(other)
            fi;
#if !defined(BROKEN_NO_RECHECK) && !defined(BROKEN_NO_SECOND)
            if
            :: READY(1) -> goto verb
            :: else
            fi
#endif
        fi;
        sleeps[me] = true;
end_sleep:
        if
        :: atomic { bell[other] -> sleeps[me] = false }
            goto verb
        :: atomic { !bell[other] && open[other] == 0 -> sleeps[me] = false }
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
