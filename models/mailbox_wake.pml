/* SPDX-License-Identifier: MIT */
/*
 * models/mailbox_wake.pml - who sleeps for a mailbox, who polls it, and who calls them:
 * src/signal/mailbox_internal.h, mailbox_send.c, mailbox.c, mailbox_fd.c
 *
 * Senders make the one signal pending, which coalesces, and tell: event, then want and the bell.
 * Receivers, threads of one process, take it: SLEEPERS in futex_wait, or POLLERS, one at most, in
 * poll(2). A masker blocks the signal before they begin, and unblocks it. Each load, store and
 * compare-and-swap is a step. Before each look at a word that another changes there is a full fence
 * or a locked instruction, so that store buffers add nothing. The sleeper's look once a second and
 * the poller's timer, where it is armed, don't come while a sender is inside: nobody is held up for
 * a second. Start at sender().
 *
 * What is checked, when nothing else can happen: while the signal is pending, and a sender who
 * lives has told, no receiver is asleep, and the bell isn't silent. With looks (LOOKS) nobody waits
 * while it is pending, whoever was killed.
 *
 * Options (numbers): SENDERS, SLEEPERS, POLLERS, DEATHS.
 *   LOOKS            sleepers look by themselves; the poller's timer runs
 *   MASKED           there is a masker
 *   BROKEN_ARM       no other value for each sleep     BROKEN_LOOK   no look after arming
 *   BROKEN_EARLY     bit 0 goes before the wake-up     BROKEN_CLEAR  it goes in any case
 *   BROKEN_COALESCE  who finds it pending tells nobody
 *   BROKEN_WANT      the bell's word has no number     BROKEN_LEVEL  no look after lowering
 *   BROKEN_FIRST     nobody rings before the commit    BROKEN_MASK   unblocked, nobody called
 */
#ifndef SENDERS
#define SENDERS 2
#endif
#ifndef SLEEPERS
#define SLEEPERS 1
#endif
#ifndef POLLERS
#define POLLERS 0
#endif
#ifndef DEATHS
#define DEATHS 0
#endif
#define N_RECEIVERS (SLEEPERS + POLLERS)

bool pending, due; /* due: and a living sender has told */
bool sent[3];      /* a sender's is in what is pending */
bool blocked;
bool odd;          /* event: bit 0, ... */
byte number;       /* ... and the rest */
bool want;
byte want_number;
byte mine[6], my_want[6]; /* what somebody remembers of them: receivers 0 to 2, senders, masker */
#define NOBODYS 9
bool bell, timer;
bool heard = true; /* at first: who didn't know yet of the poller */
bool asleep[3], polls[3];
bool killed[4], ended[4];
bool busy[3];      /* a sender inside: the timer takes longer than that */
byte deaths;

/* Numbers are only compared: any that nobody remembers is as good as the next one. */
#define REMEMBERED(of, n) \
    (of[0] == n || of[1] == n || of[2] == n || of[3] == n || of[4] == n || of[5] == n)
#define ANOTHER(n, of)                      \
    n = 0;                                  \
    do                                      \
    :: REMEMBERED(of, n) -> n++             \
    :: else -> break                        \
    od

/* --- calling ----------------------------------------------------------------------------- */

inline call()
{
    atomic {
        called = false;
        if
        :: odd -> ANOTHER(number, mine); called = true; mine[id] = number;
#ifdef BROKEN_EARLY
           odd = false
#else
           skip
#endif
        :: else
        fi
    }
    if
    :: called ->
        atomic { asleep[0] = false; asleep[1] = false; asleep[2] = false }
        atomic {
            if
#ifdef BROKEN_CLEAR
            :: true -> odd = false
#else
            :: number == mine[id] -> odd = false
            :: else
#endif
            fi;
            mine[id] = NOBODYS
        }
    :: else
    fi
}

inline ring()
{
    atomic {
        called = want;
        if
        :: want -> my_want[id] = want_number
        :: else
        fi
    }
    if
    :: called ->
        bell = true;
        atomic {
            if
#ifdef BROKEN_WANT
            :: true -> want = false
#else
            :: want && want_number == my_want[id] -> want = false
            :: else
#endif
            fi;
            my_want[id] = NOBODYS
        }
    :: else
    fi
}

inline tell()
{
    if
    :: !blocked -> call(); ring()
    :: else
    fi
}

/* --- who sends --------------------------------------------------------------------------- */

proctype sender(byte me)
{
    byte id = me + 2;
    bool called, was;

    {
        busy[me] = true;
#ifndef BROKEN_FIRST
        if
        :: !blocked -> ring()
        :: else
        fi;
#endif
        atomic { was = pending; pending = true; sent[me] = true }
#ifdef BROKEN_COALESCE
        if
        :: !was -> tell()
        :: else
        fi;
#else
        tell();
#endif
        atomic { due = due || sent[me] }
    } unless { killed[me] };
    atomic {
        ended[me] = true;
        busy[me] = false;
        mine[id] = NOBODYS;
        my_want[id] = NOBODYS;
        called = false;
        was = false
    }
}

proctype masker()
{
    byte id = 5;
    bool called;

    blocked = false;
#ifndef BROKEN_MASK
    if
    :: POLLERS > 0 -> /* the level, under the lock */
        atomic { ANOTHER(want_number, my_want); want = true }
        if
        :: pending -> ring()
        :: else
        fi
    :: else
    fi;
    call();
#endif
    atomic { ended[3] = true; called = false }
}

/* --- who receives ------------------------------------------------------------------------ */

#define READY (pending && !blocked)
#define TAKE pending = false; due = false; sent[1] = false; sent[2] = false

proctype sleeper(byte me)
{
again:
    atomic {
        if
        :: READY -> TAKE; goto again
        :: else
        fi
    }
    atomic {
#ifdef BROKEN_ARM
        if
        :: odd
        :: else -> ANOTHER(number, mine)
        fi;
#else
        ANOTHER(number, mine);
#endif
        odd = true;
        mine[me] = number
    }
#ifndef BROKEN_LOOK
    if
    :: atomic { READY -> mine[me] = NOBODYS; goto again }
    :: else
    fi;
#endif
    atomic {
        if
        :: odd && number == mine[me] -> asleep[me] = true; mine[me] = NOBODYS
        :: else -> mine[me] = NOBODYS; goto again
        fi
    }
end_sleep:
    if
    :: atomic { !asleep[me] -> goto again }
#ifdef LOOKS
    :: atomic { asleep[me] && READY && timeout -> asleep[me] = false; goto again }
#endif
    fi
}

/* A wait without time, under the lock; then poll(2). */
proctype poller(byte me)
{
    byte id = me;
    bool called;

again:
    atomic {
        if
        :: READY -> TAKE; heard = true; goto again
        :: else
        fi
    }
    atomic {
        if
        :: bell -> bell = false; heard = true
        :: else
        fi
    }
    atomic {
#ifndef BROKEN_WANT
        ANOTHER(want_number, my_want);
#endif
        want = true
    }
#ifndef BROKEN_LEVEL
    if
    :: READY -> ring()
    :: else -> atomic {
        timer = heard;
        heard = false
    }
    fi;
#else
    atomic { timer = heard; heard = false }
#endif
    atomic { called = false; polls[me] = true }
end_poll:
    if
    :: atomic { bell -> polls[me] = false; goto again }
#ifdef LOOKS
    :: atomic { timer && !busy[1] && !busy[2] -> timer = false; polls[me] = false; goto again }
#endif
    fi
}

#define KILL(id) atomic { deaths < DEATHS && !ended[id] -> killed[id] = true; deaths++ }

proctype demon()
{
end:
    do
    :: KILL(1)
    :: break
    od
}

/* --- what must hold ---------------------------------------------------------------------- */

#define RESTS(id) (asleep[id] || polls[id] && !bell)
#define ALL_REST (RESTS(0) && (N_RECEIVERS < 2 || RESTS(1)) && (N_RECEIVERS < 3 || RESTS(2)))
#define ALL_ENDED (ended[1] && ended[2] && ended[3])

#ifdef LOOKS
/* Who can look, will. */
#define LOST (pending && polls[SLEEPERS] && !timer)
#else
#define LOST due
#endif

active proctype watch()
{
end:
    do
    :: atomic { ALL_ENDED && ALL_REST && !blocked && LOST -> assert(false) }
    od
}

init {
    atomic {
        byte i;
        for (i : 0 .. 5) {
            mine[i] = NOBODYS;
            my_want[i] = NOBODYS
        }
        for (i : 1 .. 2) {
            if
            :: i <= SENDERS -> run sender(i)
            :: else -> ended[i] = true
            fi
        }
#ifdef MASKED
        blocked = true;
        run masker();
#else
        ended[3] = true;
#endif
        for (i : 0 .. N_RECEIVERS - 1) {
            if
            :: i < SLEEPERS -> run sleeper(i)
            :: else -> run poller(i)
            fi
        }
        if
        :: DEATHS > 0 -> run demon()
        :: else
        fi;
        i = 0
    }
}
