/* SPDX-License-Identifier: MIT */
/*
 * models/sleepers.pml - threads called one by one: prim/sleepers.h, as src/queue uses it
 *
 * Senders do what send.c and wait.c do: under the guard they plan the call (turn pending to the
 * sleeper's word, change the word, state CALLED), commit, unlock, wake, unpend, or call another
 * one if that one is dead. Receivers look under a lock of their own (one step here), enter the
 * table under the guard, look again, sleep, and pass the call on if they leave with empty hands.
 * Any may be killed between any two steps, asleep, or just woken; then the kernel looks at the
 * word that pending names. The guard is abstract: lock.pml is about it. If pending named something
 * else when its holder died, those who want it find the holder dead. Start at sender() and
 * receiver().
 *
 * What is checked:
 *   - when nobody does anything any more, no living receiver sleeps without a tick while a message
 *     is there that it would take; nobody waits for the guard (invalid end state);
 *   - n_waiting is right whenever the guard was left.
 * A look every second, which the code has beside all this, isn't here, since it would hide
 * everything; with BELT it is.
 *
 * Options: SENDERS (at most 2), RECEIVERS (at most 3), ROUNDS (times that each receiver comes),
 * DEATHS, LEAVERS (times that a wait ends by a deadline or a signal).
 *   TYPES            the last sender's message, and the last receiver, are of another type
 *   RANKS            the last RANKS receivers go first
 *   SETTLED          senders begin when all receivers sleep, or are gone
 *   BELT             nobody sleeps without a tick
 *   PROMPT           nothing ticks: if nobody dies, each call must do
 *   BROKEN_LATE      the call after the commit     BROKEN_PEND      pending isn't turned
 *   BROKEN_TURN      pending is turned too late    BROKEN_UNPEND    and turned back too early
 *   BROKEN_TID       the word doesn't say who      BROKEN_TICK      those behind don't tick
 *   BROKEN_PLACE     who is behind is asked for without the guard
 *   BROKEN_PASS      a call isn't passed on        BROKEN_LOOK      no look after entering
 *   BROKEN_MEND      n_waiting isn't counted again after a death
 *   BROKEN_RANKED    that ranks differ is said before the others are called
 */
#ifndef SENDERS
#define SENDERS 2
#endif
#ifndef RECEIVERS
#define RECEIVERS 2
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef LEAVERS
#define LEAVERS 1
#endif
#ifndef RANKS
#define RANKS 0
#endif

/* Ids: senders 1 and 2, receivers from 3 on. */
#define IDS (3 + RECEIVERS)
#define NOBODY 0
#define DIED 9

#define RECORDS RECEIVERS
#define NONE 7 /* no record */
#define FREE 0
#define WAITING 1
#define CALLED 2

/* What pending names: nothing, the guard, or the word of a record. */
#define GUARD 1
#define WORD 2

#ifdef TYPES
#define TYPE(id) ((id) == 2 || (id) == IDS - 1)
#else
#define TYPE(id) 0
#endif
#define RANK(id) ((id) < IDS - RANKS)

byte guard;           /* NOBODY, who has it, DIED */
bool dirty;           /* a holder died inside, and nobody has mended since */
byte pending[IDS];
byte sent[2], taken[2]; /* of each type */

byte n_waiting;
bool ranked;
byte word[RECORDS], state[RECORDS], tid[RECORDS], ticket[RECORDS];
bool ticks[RECORDS];
bool asleep[RECORDS]; /* in futex_wait on its word */

bool killed[IDS], dead[IDS], ended[IDS];
byte deaths, leavers;

#if defined(BELT)
#define TICKS(i) true
#elif defined(PROMPT)
#define TICKS(i) false
#else
#define TICKS(i) ticks[i]
#endif

#define BEFORE(a, b) \
    (RANK(tid[a]) < RANK(tid[b]) || RANK(tid[a]) == RANK(tid[b]) && ticket[a] < ticket[b])
#define IN_FRONT(a, b) ((a) < RECORDS && (a) != (b) && state[a] != FREE && BEFORE(a, b))
#if RECEIVERS == 3
#define IS_BEHIND(b) (IN_FRONT(0, b) || IN_FRONT(1, b) || IN_FRONT(2, b))
#define N_WAITING ((state[0] == WAITING) + (state[1] == WAITING) + (state[2] == WAITING))
#elif RECEIVERS == 2
#define IS_BEHIND(b) (IN_FRONT(0, b) || IN_FRONT(1, b))
#define N_WAITING ((state[0] == WAITING) + (state[1] == WAITING))
#endif

/* --- the guard --- */

inline enter()
{
    atomic {
        guard == NOBODY || guard == DIED || dead[guard] ->
            dirty = dirty || guard != NOBODY;
            guard = me;
            pending[me] = GUARD;
#ifndef BROKEN_MEND
            if
            :: dirty -> n_waiting = N_WAITING; dirty = false /* h7_sleepers_mend() */
            :: else
            fi
#endif
    }
}

inline leave()
{
    atomic { guard = NOBODY; pending[me] = 0 } /* in between nothing can be lost: lock.pml */
}

/* --- the table, under the guard --- */

#define COUNT(at, to) n_waiting = n_waiting + (to == WAITING) - (state[at] == WAITING)

inline set_state(at, to)
{
    COUNT(at, to);
    state[at] = to
}

/* What nobody looks at any more is made equal, for fewer states. */
inline forget(at)
{
    state[at] = FREE;
    ticket[at] = 0;
    ticks[at] = false
}

inline set_free(at)
{
    COUNT(at, FREE);
    atomic { forget(at) }
}

/* h7_sleepers_next() into i: the first that waits, of any type or of this one. */
inline next(any, type)
{
    d_step {
        i = NONE;
        k = 0;
        do
        :: k < RECORDS ->
            if
            :: state[k] == WAITING && (any || TYPE(tid[k]) == type) &&
               (i == NONE || BEFORE(k, i)) -> i = k
            :: else
            fi;
            k++
        :: else -> break
        od;
        k = 0
    }
}

#ifdef BROKEN_TID
#define SAYS DIED + 1
#else
#define SAYS me
#endif

inline turn_and_call()
{
#if !defined(BROKEN_PEND) && !defined(BROKEN_TURN)
    pending[me] = WORD + i;
#endif
    word[i] = SAYS;
    set_state(i, CALLED)
#ifdef BROKEN_TURN
    ; pending[me] = WORD + i
#endif
}

/* futex_wake() */
inline wake()
{
    atomic { woke = asleep[i]; asleep[i] = false }
}

/* h7_call_leave(): i is who was called, or NONE. */
inline call_leave()
{
    do
    :: atomic { i == NONE -> guard = NOBODY; pending[me] = 0; break }
    :: atomic { i != NONE -> guard = NOBODY }
#ifdef BROKEN_UNPEND
        pending[me] = 0;
#endif
        wake();
        atomic {
            pending[me] = 0;
            woke = woke || !dead[tid[i]];
            if
            :: woke -> woke = false; i = NONE; break
            :: else
            fi
        }
        /* call_another() */
        enter();
        if
        :: state[i] == CALLED && dead[tid[i]] -> set_free(i)
        :: else
        fi;
        next(true, 0);
        if
        :: i != NONE -> turn_and_call()
        :: else
        fi
    od
}

/* The kernel, on behalf of the dead: handle_futex_death(). at: the record that it sleeps on. */
inline kernel(at)
{
    atomic {
        if
        :: at != NONE -> asleep[at] = false
        :: else
        fi;
        if
        :: pending[me] == GUARD && guard == me -> guard = DIED
        :: pending[me] >= WORD ->
            i = pending[me] - WORD;
            if
            :: word[i] == NOBODY || word[i] == DIED -> asleep[i] = false
            :: word[i] == me -> word[i] = DIED; asleep[i] = false
            :: else
            fi
        :: else
        fi;
        dead[me] = true;
        ended[me] = true;
        pending[me] = 0;
        i = NONE;
        k = 0;
        woke = false
    }
}

/* --- senders --- */

/* h7_call_plan() */
inline plan()
{
    if
    :: n_waiting > 0 ->
        next(false, TYPE(me));
        if
        :: i != NONE -> turn_and_call()
        :: else
        fi
    :: else
    fi
}

#define ASLEEP(i, id) (asleep[i] && tid[i] == (id))
#define SLEEPS_OR_ENDED(id) \
    (ended[id] || ASLEEP(0, id) || ASLEEP(1, id) || ASLEEP(RECORDS - 1, id))

proctype sender(byte me)
{
    byte i = NONE, k;
    bool woke;

    {
#ifdef SETTLED
        SLEEPS_OR_ENDED(3) && SLEEPS_OR_ENDED(4) && SLEEPS_OR_ENDED(IDS - 1);
#endif
        enter();
#ifndef BROKEN_LATE
        plan();
        sent[TYPE(me)]++; /* K1 before, K2 after */
#else
        sent[TYPE(me)]++;
        plan();
#endif
        call_leave();
        ended[me] = true
    } unless { killed[me] };

    if
    :: killed[me] -> kernel(NONE)
    :: else
    fi
}

/* --- receivers --- */

/* find_place(): the dead's records are freed on the way. And a ticket behind all that count. */
inline find_place()
{
    d_step {
        top = 0;
        k = 0;
        do
        :: k < RECORDS ->
            if
            :: state[k] != FREE && dead[tid[k]] -> COUNT(k, FREE); forget(k)
            :: else
            fi;
            if
            :: at == NONE && state[k] == FREE -> at = k
            :: else
            fi;
            if
            :: ticket[k] > top -> top = ticket[k]
            :: else
            fi;
            k++
        :: else -> break
        od;
        tid[at] = me;
        ticket[at] = top + 1;
        top = 0;
        k = 0
    }
}

#define OTHER_RANK(a) ((a) < RECORDS && state[a] != FREE && RANK(tid[a]) != RANK(me))

/* announce(): the first of another rank calls the others, so that they tick. */
inline call_others()
{
    i = 0;
    do
    :: i < RECORDS ->
        if
        :: i != at && state[i] == WAITING ->
            turn_and_call();
            wake();
            woke = false;
            pending[me] = GUARD
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = NONE
}

/* h7_sleepers_enter() */
inline enter_table()
{
    if
    :: at == NONE ->
        find_place();
#if RANKS > 0
        news = !ranked && (OTHER_RANK(0) || OTHER_RANK(1) || OTHER_RANK(2));
#endif
#ifdef BROKEN_RANKED
        ranked = ranked || news
#endif
    :: else
    fi;
    atomic {
#ifndef BROKEN_TICK
        ticks[at] = news || ranked || IS_BEHIND(at);
#endif
        word[at] = NOBODY
    }
    set_state(at, WAITING)
}

proctype receiver(byte me)
{
    byte at = NONE, i = NONE, k, seen, rounds, top;
    bool got, woke, news;

    {
        skip;
look:
        atomic {
            if
            :: sent[TYPE(me)] > taken[TYPE(me)] -> taken[TYPE(me)]++; got = true; goto ends
            :: sent[TYPE(me)] == taken[TYPE(me)] -> seen = sent[0] + sent[1]
            :: sent[TYPE(me)] == taken[TYPE(me)] && leavers < LEAVERS ->
                leavers++; /* the deadline */
                goto ends
            fi
        }
        /* announce() */
        enter();
#ifndef BROKEN_LOOK
        if
        :: sent[0] + sent[1] != seen -> leave(); goto look
        :: else
        fi;
#endif
        enter_table();
#if RANKS > 0
        if
        :: news ->
            call_others();
#ifndef BROKEN_RANKED
            ranked = true;
#endif
            news = false
        :: else
        fi;
#endif
        leave();
#ifdef BROKEN_PLACE
        ticks[at] = ranked || IS_BEHIND(at);
#endif
        /* h7_sleepers_sleep() */
        atomic {
            if
            :: word[at] == NOBODY -> asleep[at] = true
            :: else -> goto look
            fi
        }
end_asleep:
        if
        :: atomic { !asleep[at] -> goto look }
        :: atomic { asleep[at] && TICKS(at) -> asleep[at] = false; goto look }
        :: atomic { asleep[at] && leavers < LEAVERS -> leavers++; asleep[at] = false }
            skip /* a signal: no look */
        fi;
ends:
        /* h7_waiting_end() */
        if
        :: at == NONE -> goto back
        :: else
        fi;
        enter();
        seen = 0;
        i = (state[at] == CALLED && !got -> at : NONE);
        set_free(at);
        at = NONE;
#ifndef BROKEN_PASS
        if
        :: i != NONE ->
            next(true, 0);
            if
            :: i != NONE -> turn_and_call()
            :: else
            fi
        :: else
        fi;
#else
        i = NONE;
#endif
        call_leave();
back:
        atomic {
            rounds++;
            got = false;
            seen = 0;
            if
            :: rounds < ROUNDS -> goto look
            :: else -> ended[me] = true
            fi
        }
    } unless { killed[me] };

    if
    :: killed[me] -> kernel(at)
    :: else
    fi;
    at = NONE; seen = 0; rounds = 0; got = false; news = false
}

/* --- what is checked --- */

#define KILL(id) \
    atomic { (id) < IDS && !ended[id] && deaths < DEATHS && !killed[id] -> \
             killed[id] = true; deaths++ }

active proctype demons()
{
end:
    do
    :: KILL(1)
    :: KILL(2)
    :: KILL(3)
    :: KILL(4)
#if RECEIVERS == 3
    :: KILL(5)
#endif
    od
}

#define LEFT(type) (sent[type] > taken[type])
/* A tick finds nothing, or there is none. */
#define STUCK(i) (asleep[i] && !killed[tid[i]] && (!TICKS(i) || !LEFT(TYPE(tid[i]))))
#define STUCK_AS(i, id) (STUCK(i) && tid[i] == (id))
#define SLEEPS(id) (STUCK_AS(0, id) || STUCK_AS(1, id) || STUCK_AS(RECORDS - 1, id))
#define STILL(id) (ended[id] || SLEEPS(id))
#define LOST(id) (!ended[id] && SLEEPS(id) && LEFT(TYPE(id)))
#if RECEIVERS == 3
#define LOST_CALL \
    (ended[1] && ended[2] && STILL(3) && STILL(4) && STILL(5) && (LOST(3) || LOST(4) || LOST(5)))
#else
#define LOST_CALL (ended[1] && ended[2] && STILL(3) && STILL(4) && (LOST(3) || LOST(4)))
#endif
#define MISCOUNTED (guard == NOBODY && !dirty && n_waiting != N_WAITING)

active proctype watch()
{
end:
    do
    :: atomic { LOST_CALL -> assert(!LOST_CALL) }
    :: atomic { MISCOUNTED -> assert(!MISCOUNTED) }
    od
}

init {
    atomic {
        run sender(1);
        if
        :: SENDERS > 1 -> run sender(2)
        :: else -> ended[2] = true
        fi;
        run receiver(3);
        run receiver(4);
#if RECEIVERS == 3
        run receiver(5)
#endif
    }
}
