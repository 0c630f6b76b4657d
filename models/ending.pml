/* SPDX-License-Identifier: MIT */
/*
 * models/ending.pml - one direction of a connection is ended by one side: socket/memory_io.c
 *
 * A writer and a reader move bytes and sleep on their bells; enders, each on the writer's or
 * the reader's side, say `over` under the writers' lock and then shut down main, then space.
 * Whoever finds the direction over after that finishes what a dead ender left: a refused
 * writer (refused()), a reader at the end (at_end()). Anybody may be killed between any two
 * steps; then the kernel recovers the lock, and closes what he had. Start at ender().
 *
 * What is checked:
 *   - who is told end-of-file has read every write that was accepted, and none is accepted
 *     after that;
 *   - when nobody does anything any more, nobody sleeps though a living ender has finished, a
 *     write was refused or an end-of-file was given for it, or the other side is gone; nor, as
 *     ever, a reader while bytes are there, a writer while there is room;
 *   - nobody waits for a lock (invalid end state).
 * A sleeper that nobody tells of the death of an ender between the two parts is no error: it
 * goes on when somebody else meets the end.
 *
 * Not here: naps (they end by themselves), SPSC mode (connections don't have it), sleeps with a
 * registered need (waiter.pml), reservations (they meet `over` in the same move), resets. A
 * second reader neither: without one the check holds also if at_end() does nothing, for a
 * sleeping writer is woken by the read that made the end reachable.
 *
 * Options: MSG, CAP, ENDERS (1 or 2), DEATHS.
 *   BROKEN_UNLOCKED   over is said without the lock
 *   BROKEN_MOVE       a move doesn't look at over under the lock, only the verb before it
 *   BROKEN_LATE       the kernel's part comes before over
 *   BROKEN_ONE        only main is shut down, not space
 *   BROKEN_LOOK       a reader that saw the end doesn't look at the ring once more
 *   BROKEN_REFUSED    who is refused leaves it at that
 */
#ifndef MSG
#define MSG 2
#endif
#ifndef CAP
#define CAP 1
#endif
#ifndef ENDERS
#define ENDERS 2
#endif
#ifndef DEATHS
#define DEATHS 1
#endif

#define WRITER 1
#define READER 2

/* Shared memory. */
byte wlock, rlock;      /* 0 or who */
bool over;
byte n;                 /* bytes in the ring */
bool want_d = true, want_s;
/* The kernel's. */
bool d_byte, s_byte = true;
bool main_shut, space_shut;
byte has[5];            /* which side's descriptors he has, 0 none */
byte deaths;
bool killed[5], sleeps[5];
/* Only for the checks. */
byte accepted, taken;
bool ended, refused, at_end;

#define SIDE(who) (has[1] == (who) || has[2] == (who) || has[3] == (who) || has[4] == (who))
#define WRITERS_GONE (!SIDE(WRITER))
#define READERS_GONE (!SIDE(READER))
/* What poll(2) shows as a hang-up of main to the reader, of space to the writer. */
#define MAIN_ENDS (main_shut || WRITERS_GONE)
#define SPACE_ENDS (space_shut || READERS_GONE)

inline enter(l)
{
    atomic { l == 0 -> l = me }
}

/* shut_kernel(): for either side it ends the same two flows. */
inline shut_kernel()
{
    main_shut = true;
#ifndef BROKEN_ONE
    space_shut = true
#endif
}

proctype writer()
{
    byte me = WRITER;
    byte left = MSG;
    bool moved;

    {
        do
        :: left == 0 -> break
        :: left > 0 ->
            moved = false;
            /* reader_gone() may look, or believe in what it knows. */
            if
            :: over || SPACE_ENDS -> goto refuse
            :: skip
            fi;
again:
            enter(wlock);
            if
            :: n < CAP ->
#ifndef BROKEN_MOVE
                if
                :: over -> wlock = 0; goto refuse
                :: else
                fi;
#endif
                if
                :: want_d ->
                    atomic {
                        if
                        :: main_shut || READERS_GONE -> wlock = 0; goto refuse
                        :: else -> d_byte = true
                        fi
                    }
                    want_d = false
                :: else
                fi;
                atomic { n++; accepted++; left--; moved = true; assert(!at_end) }
            :: else
            fi;
            wlock = 0;
            if
            :: moved
            :: else ->
                /* h7_wait(): gone(), announce(), sleep() */
                if
                :: over || SPACE_ENDS -> goto refuse
                :: skip
                fi;
                enter(rlock);
                want_s = true;
                if
                :: n < CAP -> rlock = 0; goto again
                :: else -> s_byte = false; rlock = 0
                fi;
                sleeps[me] = true;
end_sleep:
                if
                :: atomic { s_byte && !SPACE_ENDS -> sleeps[me] = false }
                    goto again
                :: atomic { SPACE_ENDS -> sleeps[me] = false }
                    goto refuse
                fi
            fi
        :: true -> break /* it has no more to say for now */
        od;
        goto idle;
refuse:
#ifndef BROKEN_REFUSED
        if
        :: over -> shut_kernel()
        :: else
        fi;
#endif
        refused = true;
idle:
        if
        :: skip
        :: true ->
end_idle:
            false
        fi
    } unless { killed[WRITER] };

    atomic {
        sleeps[me] = false;
        if
        :: wlock == me -> wlock = 0
        :: rlock == me -> rlock = 0
        :: else
        fi
    }
    has[me] = 0
}

proctype reader()
{
    byte me = READER;
    bool gone, moved;

    {
        do
        :: moved = false;
again:
            enter(rlock);
            if
            :: n > 0 ->
                if
                :: want_s ->
                    atomic {
                        if
                        :: space_shut || WRITERS_GONE
                        :: else -> s_byte = true; want_s = false
                        fi
                    }
                :: else
                fi;
                atomic { n--; taken++; moved = true }
            :: else
            fi;
            rlock = 0;
            if
            :: moved
            :: !moved && gone -> break
            :: !moved && !gone ->
                if
                :: over || MAIN_ENDS ->
                    gone = true;
#ifdef BROKEN_LOOK
                    break
#else
                    goto again
#endif
                :: skip
                fi;
                enter(wlock);
                want_d = true;
                if
                :: n > 0 -> wlock = 0; goto again
                :: else -> d_byte = false; wlock = 0
                fi;
                sleeps[me] = true;
end_sleep:
                if
                :: atomic { d_byte && !MAIN_ENDS -> sleeps[me] = false }
                :: atomic { MAIN_ENDS -> sleeps[me] = false; gone = true }
                fi;
                goto again
            fi
        :: true -> goto idle
        od;
        atomic { at_end = true; assert(taken == accepted) }
        if
        :: over -> shut_kernel()
        :: else
        fi;
        refused = true; /* somebody has met the end and done his part */
idle:
        if
        :: skip
        :: true ->
end_idle:
            false
        fi
    } unless { killed[READER] };

    atomic {
        sleeps[me] = false;
        if
        :: wlock == me -> wlock = 0
        :: rlock == me -> rlock = 0
        :: else
        fi
    }
    has[me] = 0
}

/* Another process or thread of one side. */
proctype ender(byte me)
{
    {
        if
        :: has[me] = WRITER
        :: has[me] = READER
        fi;
#ifdef BROKEN_LATE
        shut_kernel();
#endif
#ifdef BROKEN_UNLOCKED
        over = true;
#else
        enter(wlock);
        over = true;
        wlock = 0;
#endif
#ifndef BROKEN_LATE
        shut_kernel();
#endif
        ended = true
    } unless { killed[me] };

    atomic {
        if
        :: wlock == me -> wlock = 0
        :: else
        fi
    }
    has[me] = 0
}

#define KILL(i) atomic { deaths < DEATHS && !killed[i] -> killed[i] = true; deaths++ }

active proctype demons()
{
end:
    do
    :: KILL(1)
    :: KILL(2)
    :: KILL(3)
    :: KILL(4)
    :: break /* or else a late blow would be awaited, and nothing ever looked stuck */
    od
}

#define MET (ended || refused && over)

active proctype watch()
{
end:
    atomic { timeout ->
        assert(!(sleeps[READER] && (MET || n > 0 || WRITERS_GONE)));
        assert(!(sleeps[WRITER] && (MET || n < CAP || READERS_GONE))) }
}

init {
    atomic {
        has[WRITER] = WRITER;
        has[READER] = READER;
        run writer();
        run reader();
        run ender(3);
        if
        :: ENDERS > 1 -> run ender(4)
        :: else
        fi
    }
}
