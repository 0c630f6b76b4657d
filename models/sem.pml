/* SPDX-License-Identifier: MIT */
/*
 * models/sem.pml - sleep and wake of a semaphore: src/semaphore/sem_internal.h and sem.c
 *
 * Waiters take one each, posters give some. A compare-and-swap of the state is one step, a load
 * or store of event another, and so is each half of a futex call. The store buffers of x86 add
 * nothing: a locked instruction or a system call follows each store of event. Who sleeps may be
 * woken for no reason (a look at a tick), or give up. One may be killed between any two steps,
 * asleep, or just woken; a dead poster's pending word is looked at as in handle_futex_death().
 * Sleepers are woken in the order in which they came. Start at waiter() and poster().
 *
 * What is checked: when nobody does anything any more, no living waiter sleeps while the value
 * is above 0, and nobody sleeps while there are no arrivals, where a later post would call nobody.
 * Two waiters, two posters and a death of either (-DLOOK_FAR -DSPURIOUS=0) hold, too, in 29 million
 * states: too long for run.sh, which has one poster for that.
 *
 * Options (numbers): WAITERS, POSTERS, POSTS (each one's), DEATHS, SPURIOUS (in all).
 *   LOOK_NEAR        who isn't alone looks by itself; who is alone, doesn't
 *   LOOK_FAR         all do
 *   ONLY_WAITERS, ONLY_POSTERS   whom death strikes
 *   NOT_OWING        no waiter that has cleared event, and not yet taken, or found the value 0
 *   CALM             only while every waiter is asleep or done
 *   IN_ORDER         no waiter overtakes one that came alone, on its way into the kernel
 *   ANY_ORDER        the kernel wakes whom it likes
 *   BROKEN_PEND      pending isn't set            BROKEN_AGAIN   event isn't changed again
 *   BROKEN_BATON     what is left is left         BROKEN_FIND    the baton leaves event as it is
 *   BROKEN_RESET     arrivals reset in any case   BROKEN_CLEAR   arrive, then clear event
 *   BROKEN_STAY      sleep again without a new arrival
 */
#ifndef WAITERS
#define WAITERS 2
#endif
#ifndef POSTERS
#define POSTERS 2
#endif
#ifndef POSTS
#define POSTS 1
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef SPURIOUS
#define SPURIOUS 1
#endif

#define FIRST_POSTER 4 /* waiters are 1 to 3 */
#define N 6
#define OTHER 7 /* called: a waiter, or the kernel */

#ifdef LOOK_NEAR
#define NOTE(what) what
#else
#define NOTE(what) skip
#endif
#ifdef NOT_OWING
#define OWES(whether) owes[me] = whether
#else
#define OWES(whether) skip
#endif

/* The state, in two halves that only change in one step. */
byte value, arrivals;
byte event;                       /* 0, or called: which poster, or OTHER; WAITERS is understood */
chan sleepers = [3] of { byte };  /* in futex_wait, in this order */
bool pending[N];
bool killed[N];
bool ended[N];                    /* done, or dead and seen to by the kernel */
bool alone[N];
bool owes[N];                     /* has cleared event, and may have to call another */
byte mine[N];                     /* arrivals that somebody remembers: a waiter's last, ... */
byte met[N];                      /* ... those that a poster's commit met */
byte deaths, spurious;

#if defined(LOOK_FAR)
#define LOOKS(id) (value > 0)
#elif defined(LOOK_NEAR)
#define LOOKS(id) (value > 0 && !alone[id])
#else
#define LOOKS(id) false
#endif

/* Is id, who came alone, in the kernel before those who came later? */
#ifdef IN_ORDER
#define IN_FRONT(id) (!alone[id] || id == me || sleepers??[id])
#else
#define IN_FRONT(id) true
#endif

/* One step; whom, or 0. */
inline wake_one()
{
    woken = 0;
    if
#ifdef ANY_ORDER
    :: sleepers??[1] -> sleepers??eval(1); woken = 1
    :: sleepers??[2] -> sleepers??eval(2); woken = 2
    :: sleepers??[3] -> sleepers??eval(3); woken = 3
#else
    :: len(sleepers) > 0 -> sleepers?woken
#endif
    :: len(sleepers) == 0
    fi
}

inline clear()
{
    if
    :: event == 0
    :: event != 0 -> atomic { event = 0; OWES(true) }
    fi
}

#define REMEMBERED(n) \
    (mine[1] == n || mine[2] == n || mine[3] == n || met[4] == n || met[5] == n)

/* The number is only compared: any that nobody remembers is as good as the next one. */
inline count()
{
    arrivals = 1;
    do
    :: REMEMBERED(arrivals) -> arrivals++
    :: else -> break
    od
}

/* On to take if there is something. Inside an atomic step. */
inline arrive()
{
    NOTE(alone[me] = (arrivals == 0 || alone[me] && arrivals == mine[me]))
#ifdef BROKEN_STAY
    if
    :: mine[me] == 0 || arrivals == 0 -> count()
    :: else
    fi;
#else
    count();
#endif
    mine[me] = arrivals;
    if
    :: value > 0 -> goto take
    :: else -> OWES(false)
    fi
}

proctype waiter(byte me)
{
    byte woken;
    bool last, baton;

    {
        skip;
        atomic {
            if
            :: value > 0 -> value--; goto done /* the fast path */
            :: else
            fi
        }
again:
#ifdef BROKEN_CLEAR
        atomic { arrive() }
        clear();
#else
        clear();
        atomic { arrive() }
#endif
        atomic {
            if
            :: event == 0 && IN_FRONT(1) && IN_FRONT(2) && IN_FRONT(3) -> sleepers!me
            :: event != 0 -> goto take
            fi
        }
end_sleep:
        if
        :: atomic { !(sleepers??[eval(me)]) -> skip }
        :: atomic { sleepers??[eval(me)] && spurious < SPURIOUS ->
                    sleepers??eval(me); spurious++ }
        :: atomic { sleepers??[eval(me)] && spurious < SPURIOUS ->
                    sleepers??eval(me); spurious++; last = true }
        :: atomic { sleepers??[eval(me)] && LOOKS(me) && timeout -> sleepers??eval(me) }
        fi;
take:
        atomic {
            if
            :: value > 0 ->
                baton = (value > 1 && arrivals > 0);
                value--;
                mine[me] = 0;
                alone[me] = false
            :: value == 0 && last -> alone[me] = false; goto done /* -ETIMEDOUT */
            :: value == 0 && !last -> OWES(false); goto again
            fi
        }
        if
#ifndef BROKEN_BATON
        :: baton ->
#ifndef BROKEN_FIND
            event = OTHER;
#endif
            atomic { wake_one(); woken = 0 }
#endif
        :: else
        fi;
done:
        skip
    } unless { killed[me] };

    atomic {
        if
        :: sleepers??[eval(me)] -> sleepers??eval(me)
        :: else
        fi;
        mine[me] = 0;
        OWES(false);
        alone[me] = false;
        last = false;
        baton = false;
        ended[me] = true
    }
}

proctype poster(byte me)
{
    byte left = POSTS, woken, value_then;

    {
        skip;
next:
        atomic {
            if
            :: left == 0 -> goto done
            :: left > 0 && arrivals == 0 -> value++; left--; goto next
            :: left > 0 && arrivals > 0 -> left--
            fi;
#ifndef BROKEN_PEND
            pending[me] = true /* nobody else sees it */
#endif
        }
        event = me; /* W1 */
        atomic { /* the commit */
            value++;
            if
            :: arrivals == 0 -> goto called
            :: else
            fi;
            value_then = value;
            met[me] = arrivals
        }
#ifndef BROKEN_AGAIN
        event = me; /* W2 */
#endif
        atomic { wake_one() }
        atomic { /* W3 */
            if
#ifdef BROKEN_RESET
            :: woken == 0 -> arrivals = 0
#else
            :: woken == 0 && value == value_then && arrivals == met[me] -> arrivals = 0
#endif
            :: else
            fi;
            woken = 0;
            value_then = 0;
            met[me] = 0
        }
called:
        pending[me] = false;
        goto next;
done:
        skip
    } unless { killed[me] };

    /* The kernel, on behalf of the dead. */
    if
    :: !killed[me] || !pending[me]
    :: else ->
        atomic {
            if
            :: event == 0 -> goto wake
            :: event == me -> event = OTHER /* a compare-and-swap */
            :: else -> goto over
            fi
        }
wake:
        atomic { wake_one() }
over:
        skip
    fi;
    atomic {
        woken = 0;
        value_then = 0;
        met[me] = 0;
        left = 0;
        ended[me] = true
    }
}

#ifdef NOT_OWING
#define MAY_DIE(id) (!ended[id] && !killed[id] && !owes[id])
#elif defined(CALM)
#define RESTS(id) (ended[id] || sleepers??[id])
#define MAY_DIE(id) (!ended[id] && !killed[id] && RESTS(1) && RESTS(2) && RESTS(3))
#else
#define MAY_DIE(id) (!ended[id] && !killed[id])
#endif
/* One of each is as good as the other. */
#define KILL(id) atomic { deaths < DEATHS && MAY_DIE(id) -> killed[id] = true; deaths++ }

proctype demon()
{
end:
    do
#ifndef ONLY_POSTERS
    :: KILL(1)
#endif
#ifndef ONLY_WAITERS
    :: KILL(4)
#endif
    :: break /* or else a blow would be awaited, and `timeout` never came */
    od
}

#define ASLEEP(id) (!killed[id] && sleepers??[id])
#define STILL(id) (ended[id] || ASLEEP(id) && !LOOKS(id))
#define ALL_STILL (STILL(1) && STILL(2) && STILL(3) && ended[4] && ended[5])
#define LOST (value > 0 && len(sleepers) > 0)
/* With looks, a killed one may leave no arrivals for whom a look brings back. */
#define DEAF (arrivals == 0 && len(sleepers) > 0 && deaths == 0)

active proctype watch()
{
end:
    do
    :: atomic { ALL_STILL && (LOST || DEAF) -> assert(false) }
    od
}

init {
    atomic {
        byte i;
        for (i : 1 .. 3) {
            if
            :: i <= WAITERS -> run waiter(i)
            :: else -> ended[i] = true
            fi
        }
        for (i : FIRST_POSTER .. 5) {
            if
            :: i < FIRST_POSTER + POSTERS -> run poster(i)
            :: else -> ended[i] = true
            fi
        }
        if
        :: DEATHS > 0 -> run demon()
        :: else
        fi;
        i = 0
    }
}
