/* SPDX-License-Identifier: MIT */
/*
 * models/mailbox.pml - the places of a mailbox: claimed, pushed, turned over, taken, and found
 * again after deaths; src/signal/mailbox_internal.h. Who sleeps and who is called: mailbox_wake.pml.
 *
 * Senders send one number to a pool of places; receivers follow one another, each when the one
 * before is dead, and mend first. Each load, store or compare-and-swap of a shared word is a step.
 * The store buffers of x86 add nothing: what a sender writes is published by a locked instruction,
 * and what the receiver writes is read by others only under its lock, or never. A sender that
 * has ended without being killed is a living thread: its TID keeps what it has. Anybody may be
 * killed between two steps; the last receiver isn't. Start at sender() and receiver().
 *
 * What is checked: everything that was committed is taken (with ACK: acknowledged) once, in the
 * order of its sender, nothing else is, and in the end all places are free.
 *
 * Options (numbers): SENDERS, EACH (messages of one), PLACES, DEATHS (in all), RECEIVERS.
 *   ACK              what is given stays noted until the next wait
 *   ONLY_SENDERS, ONLY_RECEIVERS   whom death strikes
 *   BROKEN_SWEEP     stacks turned over before it is asked who is dead
 *   BROKEN_MOVING    a stack is taken without a note
 *   BROKEN_TAIL      linked again from the tail on       BROKEN_QUEUED a lone one isn't marked
 *   BROKEN_FORGET    freed, then no more given           BROKEN_GIVEN  taken, then noted
 *   BROKEN_BACK      put back without a look whether it was taken
 */
#ifndef SENDERS
#define SENDERS 2
#endif
#ifndef EACH
#define EACH 2
#endif
#ifndef PLACES
#define PLACES 3
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef RECEIVERS
#define RECEIVERS 2
#endif

#define N_PLACES 4 /* 1 to PLACES */
#define N_MSGS 6   /* (sender - 1) * EACH + 0 ... */
#define FREE 0
#define QUEUED 9

byte state[N_PLACES]; /* FREE, a sender, QUEUED */
byte next[N_PLACES], fwd[N_PLACES], what[N_PLACES];
byte stack, head, tail, moving, given;

bool committed[N_MSGS];
byte taken[N_MSGS];
bool killed[4], ended[4], dead[4]; /* senders */
bool shot;                         /* the receiver is to die */
byte deaths;

/* --- senders ----------------------------------------------------------------------------- */

#define CLAIM(i) i <= PLACES && state[i] == FREE -> state[i] = me; at = i

proctype sender(byte me)
{
    byte at, h, n;

    {
        skip;
again:
        atomic {
            if
            :: n == EACH -> goto done
            :: else
            fi;
            if
            :: CLAIM(1)
            :: CLAIM(2)
            :: CLAIM(3)
            :: state[1] != FREE && (PLACES < 2 || state[2] != FREE) &&
               (PLACES < 3 || state[3] != FREE) -> goto done /* -EAGAIN */
            fi;
            what[at] = (me - 1) * EACH + n
        }
push:
        atomic { h = stack; next[at] = h } /* nobody else looks at next before the swap */
        atomic {
            if
            :: stack == h ->
                stack = at;
                committed[what[at]] = true;
                n++;
                h = 0;
                at = 0;
                goto again
            :: else -> goto push
            fi
        }
done:
        skip
    } unless { killed[me] };

    atomic { dead[me] = killed[me]; ended[me] = true; at = 0; h = 0; n = 0 }
}

/* --- the receiver ------------------------------------------------------------------------ */

/* Once, after the sender's earlier ones, and only if it was sent. */
#define TOOK(m)                                                        \
    taken[m]++;                                                        \
    assert(committed[m] && taken[m] == 1);                             \
    assert(m % EACH == 0 || taken[m - 1] == 1)

inline deliver()
{
#ifdef ACK
    skip
#else
    state[at] = FREE
#endif
}

inline forget()
{
    if
    :: given != 0 ->
        x = given;
#ifdef BROKEN_FORGET
        state[x] = FREE;
        atomic { given = 0; TOOK(what[x]) }
#else
        atomic { given = 0; TOOK(what[x]) }
        state[x] = FREE
#endif
    :: else
    fi
}

/* Of the newest place `at`; it may be done again. */
inline link()
{
    /* Nobody else looks at these. */
    d_step {
        x = 0;
        y = at;
        do
        :: y == 0 -> break
        :: else -> state[y] = QUEUED; fwd[y] = x; x = y; y = next[y]
        od
    }
    if
    :: head == 0 -> head = x
#ifdef BROKEN_TAIL
    :: head != 0 && tail != at -> fwd[tail] = x
#else
    :: head != 0 && head != x && tail != at -> fwd[tail] = x
#endif
    :: else
    fi;
    tail = at;
    moving = 0
}

inline move()
{
    do
    :: stack == 0 -> break
    :: stack != 0 ->
        at = stack;
#ifndef BROKEN_MOVING
        moving = at;
#endif
        atomic {
            if
            :: stack == at -> stack = 0; swapped = true
            :: else
            fi
        }
        if
        :: swapped -> swapped = false; link(); break
        :: else
        fi
    od;
    moving = 0
}

inline in_stack(place)
{
    d_step {
        found = false;
        y = stack;
        do
        :: y == 0 -> break
        :: y == place -> found = true; break
        :: else -> y = next[y]
        od;
        y = 0
    }
}

inline take_alone()
{
#ifndef BROKEN_QUEUED
    state[at] = QUEUED;
#endif
#if defined(ACK) && !defined(BROKEN_GIVEN)
    given = at;
#endif
    atomic {
        if
        :: stack == at ->
            stack = 0;
            swapped = true;
#ifndef ACK
            TOOK(what[at])
#endif
        :: else
        fi
    }
    if
    :: swapped ->
        swapped = false;
#if defined(ACK) && defined(BROKEN_GIVEN)
        given = at;
#endif
        deliver();
        got = true
    :: else ->
#ifdef ACK
        given = 0
#endif
        skip
    fi
}

inline take_ready()
{
    at = head;
#ifdef ACK
    given = at;
    head = fwd[at];
#else
    atomic { head = fwd[at]; TOOK(what[at]) }
#endif
    deliver();
    got = true
}

inline take()
{
    got = false;
    forget();
    if
    :: head != 0 -> take_ready()
    :: else ->
        at = stack;
        if
        :: at != 0 && next[at] == 0 -> take_alone()
        :: else
        fi;
        if
        :: !got && at != 0 ->
            move();
            if
            :: head != 0 -> take_ready()
            :: else
            fi
        :: else
        fi
    fi
}

/* --- the dead ---------------------------------------------------------------------------- */

#define IS_CLAIMED(i) (state[i] != FREE && state[i] != QUEUED)
#define LOOK(i) cand[i] = IS_CLAIMED(i)
#define ASK(i)                                    \
    if                                            \
    :: cand[i] && dead[state[i]]                  \
    :: else -> cand[i] = false                    \
    fi
#define FREE_DEAD(i)                              \
    if                                            \
    :: cand[i] && IS_CLAIMED(i) -> state[i] = FREE \
    :: else                                       \
    fi;                                           \
    cand[i] = false

inline sweep()
{
#ifdef BROKEN_SWEEP
    move();
#endif
    atomic { LOOK(1); LOOK(2); LOOK(3) }
    atomic { ASK(1); ASK(2); ASK(3) }
#ifndef BROKEN_SWEEP
    move();
#endif
    atomic { FREE_DEAD(1); FREE_DEAD(2); FREE_DEAD(3) }
    d_step { /* what is QUEUED, nobody else changes */
        x = head;
        do
        :: x == 0 -> break
        :: else -> assert(state[x] == QUEUED && !cand[x]); cand[x] = true; x = fwd[x]
        od;
        if
        :: given != 0 -> cand[given] = true
        :: else
        fi;
        x = 1;
        do
        :: x > PLACES -> break
        :: else ->
            if
            :: state[x] == QUEUED && !cand[x] -> state[x] = FREE
            :: else
            fi;
            cand[x] = false;
            x++
        od;
        x = 0;
        at = 0
    }
}

inline put_back()
{
    in_stack(given);
    if
#ifndef BROKEN_BACK
    :: head == given || found -> given = 0
    :: else ->
#else
    :: true ->
#endif
        at = given;
        state[at] = QUEUED;
        fwd[at] = head;
        if
        :: head == 0 -> tail = at
        :: else
        fi;
        head = at;
        given = 0
    fi
}

inline mend()
{
    if
    :: moving != 0 ->
        at = moving;
        in_stack(at);
        if
        :: found -> moving = 0
        :: else -> link()
        fi
    :: else
    fi;
    if
    :: given != 0 -> put_back()
    :: else
    fi;
    sweep()
}

#define QUIET (ended[1] && (SENDERS < 2 || ended[2]) && (SENDERS < 3 || ended[3]))

proctype receiver(byte nth)
{
    byte at, x, y;
    bool got, swapped, found;
    bool cand[N_PLACES];

    {
        mend();
        do
        :: take();
           if
           :: got
           :: !got && !QUIET -> atomic { stack != 0 || QUIET -> skip }
           :: !got && QUIET && stack == 0 -> break
           :: !got && QUIET && stack != 0
           fi
        od;
        sweep();
        atomic {
            assert(state[1] == FREE || IS_CLAIMED(1) && !dead[state[1]]);
            assert(stack == 0 && head == 0 && given == 0);
            for (x : 1 .. PLACES) {
                assert(state[x] == FREE)
            }
            for (x : 0 .. SENDERS * EACH - 1) {
                assert(taken[x] == committed[x])
            }
            x = 0
        }
    } unless { shot };

    atomic {
        if
        :: shot -> shot = false; run receiver(nth + 1)
        :: else
        fi;
        at = 0; x = 0; y = 0
    }
}

/* --- deaths ------------------------------------------------------------------------------ */

byte n_shot;

#define KILL(id) atomic { deaths < DEATHS && !ended[id] && !killed[id] -> \
                          killed[id] = true; deaths++ }

proctype demon()
{
end:
    do
#ifndef ONLY_RECEIVERS
    :: KILL(1) /* any other is as good */
#endif
#ifndef ONLY_SENDERS
    :: atomic { deaths < DEATHS && n_shot < RECEIVERS - 1 && !shot ->
                shot = true; n_shot++; deaths++ }
#endif
    :: break
    od
}

init {
    atomic {
        byte i;
        for (i : 1 .. 3) {
            if
            :: i <= SENDERS -> run sender(i)
            :: else -> ended[i] = true
            fi
        }
        run receiver(1);
        if
        :: DEATHS > 0 -> run demon()
        :: else
        fi;
        i = 0
    }
}
