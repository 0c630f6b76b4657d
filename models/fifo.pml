/* SPDX-License-Identifier: MIT */
/*
 * models/fifo.pml - who has a FIFO open, who waits for whom, when contents end: fifo/open.c
 *
 * Processes open one FIFO as enter() of open.c does, system call by system call: d, the locks
 * on it, the reset, s, the temporary ends, the announcement of space, the count; then they
 * wait for a partner, move a byte, sleep on a bell, close, and perhaps come again. Any may be
 * killed between any two steps: the open lock is free at once, then the kernel closes what the
 * dead had, in any order and any time later. Start at opener(); then inside().
 *
 * What is checked:
 *   - an open that succeeds finds memory in its first state if nobody had d meanwhile (stale),
 *     and never a half-made reset (torn): F2, F3;
 *   - what a living handle has is never reset;
 *   - a writer that doesn't wait opens only if a read end of d is there, be it temporary;
 *   - when nobody does anything any more, nobody waits for a partner that is there or has
 *     come and gone since, no reader sleeps while a byte is there or no living writer is, no
 *     writer while room or no living reader is, and no living handle's bell is low while its
 *     predicate holds (B2, F4);
 *   - nobody tries again and again (-DNP, pan -l, with PAUSE_LATE).
 *
 * Not here: the lock itself (lock.pml); what verbs do step by step (waiter.pml: here a move
 * and an announcement are each one step; the ring has room for one byte); naps; names,
 * permissions, failing system calls; handles open for both; POLLHUP of the bell that is
 * listened to, beside the POLLERR of the one that is rung; handles inherited by fork(). Three
 * processes, so two of one role, are possible here, but too many states for run.sh.
 *
 * Options: PROCS (2 or 3: a reader, a writer, either), ROUNDS, DEATHS, MSG (each writer's).
 *   HEIR              the third comes after the last death only
 *   PAUSE_LATE        who must try again does so when nothing else can happen; nothing is
 *                     checked at the end then
 *   BROKEN_SLICE      the wait for a partner has no slices (O3)
 *   BROKEN_ONCE       alone() believes its first refusal
 *   BROKEN_FILE       the lock that says "open" is that of a third file, not of d
 *   BROKEN_SHARED     the exclusive lock is made a shared one before the reset
 *   BROKEN_SPACE      a writer doesn't announce space (F4)
 *   BROKEN_HELP       a temporary end stays open
 *   BROKEN_NOW        a writer that doesn't wait uses a temporary end, too
 */
#ifndef PROCS
#define PROCS 3
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef MSG
#define MSG 1
#endif

#define W 0
#define R 1

#define SHARED 1
#define EXCLUSIVE 2

/* What one is doing; from WAITS on it has the FIFO open. */
#define OUT 0
#define INSIDE 1
#define WAITS 2
#define BUSY 3
#define SLEEPS 4
#define IDLE 5

/* Shared memory. */
byte lock;              /* the open lock: 0 or who */
byte n;                 /* bytes in the ring: 0 or 1 */
bool want_d = true, want_s = true;
byte n_opens[2];
/* The kernel's. */
bool d_byte, s_byte;
byte role[4];
bool d[4], s[4];        /* [who]: has it open in his role */
bool temp_d[4];         /* for both, for a moment */
bool temp_s[4];
bool ring_s[4];         /* for writing, for a moment */
byte flock[4];
bool woken[4];          /* out of futex_wait */
bool killed[4];
byte deaths, leavers;
/* Only for the checks. */
byte doing[4];
bool owed[4];           /* a partner came while it waited */
bool stale, torn;

#define D_READS(i) (d[i] && role[i] == R || temp_d[i])
#define S_READS(i) (s[i] && role[i] == W || temp_s[i])
#define D_READERS (D_READS(1) || D_READS(2) || D_READS(3))
#define S_READERS (S_READS(1) || S_READS(2) || S_READS(3))
#define D_HAS(i) (d[i] || temp_d[i])
#define S_HAS(i) (s[i] || temp_s[i] || ring_s[i])
#define D_OPEN (D_HAS(1) || D_HAS(2) || D_HAS(3))
#define S_OPEN (S_HAS(1) || S_HAS(2) || S_HAS(3))

#define HAS_IT(i) (!killed[i] && doing[i] >= WAITS)
#ifdef BROKEN_SLICE
#define LOOKS_AGAIN woken[me]
#else
#define LOOKS_AGAIN true
#endif
#define OTHERS_HAVE_IT \
    (me != 1 && HAS_IT(1) || me != 2 && HAS_IT(2) || me != 3 && HAS_IT(3))
#define LOCKED(i, how) (me != (i) && flock[i] >= (how))
#define REFUSED(how) (LOCKED(1, how) || LOCKED(2, how) || LOCKED(3, how))

/* A kernel FIFO that nobody has any more has no bytes, either. */
inline close_d(end)
{
    atomic {
        end = false;
        if
        :: D_OPEN
        :: else -> d_byte = false; stale = true
        fi
    }
}

inline close_s(end)
{
    atomic {
        end = false;
        if
        :: S_OPEN
        :: else -> s_byte = false
        fi
    }
}

inline close_my_d()
{
#ifndef BROKEN_FILE
    flock[me] = 0;
#endif
    close_d(d[me])
#ifdef BROKEN_FILE
    ; flock[me] = 0
#endif
}

/* --- inside the open lock; to out if it doesn't succeed --------------------------------- */

/* ringing_end(), of d and of s */
inline ringing_end_of_d()
{
    if
    :: atomic { D_READERS -> d[me] = true; partner = true }
    :: atomic { !D_READERS -> temp_d[me] = true }
        d[me] = true;
#ifndef BROKEN_HELP
        close_d(temp_d[me])
#endif
    fi
}

inline ringing_end_of_s()
{
    if
    :: atomic { S_READERS -> s[me] = true; partner = true }
    :: atomic { !S_READERS -> temp_s[me] = true }
        s[me] = true;
#ifndef BROKEN_HELP
        close_s(temp_s[me])
#endif
    fi
}

inline open_d()
{
    if
    :: role[me] == R -> d[me] = true
#ifndef BROKEN_NOW
    :: role[me] == W && now ->
        atomic {
            if
            :: D_READERS -> d[me] = true; partner = true
            :: else -> goto out /* -ENXIO */
            fi
        }
    :: role[me] == W && !now ->
#else
    :: role[me] == W ->
#endif
        ringing_end_of_d()
    fi
}

/* flock(2) to another kind gives the old one up first. */
inline lock_exclusively()
{
    atomic {
        if
        :: REFUSED(SHARED) -> flock[me] = 0; refused = true
        :: else -> flock[me] = EXCLUSIVE; refused = false
        fi
    }
}

inline lock_shared()
{
    atomic {
        if
        :: REFUSED(EXCLUSIVE) -> flock[me] = 0; refused = true
        :: else -> flock[me] = SHARED; refused = false
        fi
    }
}

inline begin_anew_if_alone()
{
    lock_exclusively();
    if
    :: refused ->
        lock_shared();
        if
        :: refused -> again = true; goto out /* -EAGAIN */
        :: else
        fi;
#ifndef BROKEN_ONCE
        lock_exclusively();
        if
        :: refused -> lock_shared()
        :: else
        fi
#endif
    :: else
    fi;
    if
    :: flock[me] == EXCLUSIVE ->
#ifdef BROKEN_SHARED
        lock_shared();
#endif
        atomic { assert(!OTHERS_HAVE_IT); torn = true; n = 0 }
        atomic { want_d = true; want_s = true; torn = false; stale = false }
        lock_shared()
    :: else
    fi
}

inline announce_space()
{
    if
    :: s_byte
    :: else ->
        ring_s[me] = true;
        s_byte = true;
        close_s(ring_s[me])
    fi
}

inline inside()
{
    open_d();
    begin_anew_if_alone();
    if
    :: role[me] == R -> ringing_end_of_s()
    :: role[me] == W ->
        s[me] = true;
#ifndef BROKEN_SPACE
        announce_space()
#endif
    fi;
    atomic { /* count() */
        assert(!stale && !torn);
        n_opens[role[me]]++;
        seen = n_opens[1 - role[me]];
        owed[1] = owed[1] || doing[1] == WAITS && role[1] != role[me];
        owed[2] = owed[2] || doing[2] == WAITS && role[2] != role[me];
        owed[3] = owed[3] || doing[3] == WAITS && role[3] != role[me];
        owed[me] = false;
        woken[me] = false;
        doing[me] = WAITS
    }
}

inline wake_partners()
{
    atomic {
        woken[1] = woken[1] || role[1] != role[me];
        woken[2] = woken[2] || role[2] != role[me];
        woken[3] = woken[3] || role[3] != role[me]
    }
}

/* --- with the FIFO open ------------------------------------------------------------------ */

inline write_all()
{
    do
    :: atomic { left == 0 -> break }
    :: atomic { left > 0 && n == 0 ->
            if
            :: want_d && !D_READERS -> break /* -EPIPE */
            :: want_d && D_READERS -> d_byte = true; want_d = false
            :: !want_d
            fi;
            n = 1;
            left-- }
    :: atomic { left > 0 && n == 1 -> want_s = true; s_byte = false; doing[me] = SLEEPS }
end_full:
        if
        :: atomic { s_byte -> doing[me] = BUSY }
        :: atomic { !D_READERS -> doing[me] = BUSY; break }
        fi
    od
}

inline read_all()
{
    do
    :: atomic { n == 1 ->
            if
            :: want_s && S_READERS -> s_byte = true; want_s = false
            :: else
            fi;
            n = 0 }
    :: atomic { n == 0 && gone -> break } /* end-of-file */
    :: atomic { n == 0 && !gone -> want_d = true; d_byte = false; doing[me] = SLEEPS }
end_empty:
        if
        :: atomic { d_byte -> doing[me] = BUSY }
        :: atomic { !S_READERS -> doing[me] = BUSY; gone = true }
        fi
    :: true -> break
    od
}

proctype opener(byte me)
{
    byte rounds, seen, left;
    bool now, partner, refused, again, gone;

    {
        skip;
#ifdef HEIR
end_heir:
        me != 3 || deaths == DEATHS;
#endif
next:
        atomic {
            if
            :: rounds == ROUNDS -> goto done
            :: else -> rounds++
            fi;
            left = MSG;
            gone = false;
            if
            :: me == 1 -> role[1] = R
            :: me == 2 -> role[2] = W
            :: me == 3 -> role[3] = R
            :: me == 3 -> role[3] = W
            fi;
            if
            :: now = true
            :: now = false
            fi
        }
retry:
        atomic {
            lock == 0 -> lock = me;
            partner = false;
            again = false;
            doing[me] = INSIDE
        }
        inside();
        lock = 0;
        wake_partners();
        assert(!now || role[me] == R || partner);
        if
        :: now || partner
        :: else ->
end_waits:
            do
            :: atomic { n_opens[1 - role[me]] != seen && LOOKS_AGAIN -> break }
            :: atomic { leavers == 0 -> leavers++; goto closes } /* the deadline, a signal */
            od
        fi;
        atomic { doing[me] = BUSY; owed[me] = false }
        if
        :: role[me] == W -> write_all()
        :: role[me] == R -> read_all()
        fi;
        if
        :: skip
        :: true ->
            doing[me] = IDLE;
end_idle:
            false
        fi;
closes:
        atomic { doing[me] = OUT; owed[me] = false }
        close_s(s[me]);
        close_my_d();
        goto next;
out:
        lock = 0;
        doing[me] = OUT;
        if
        :: d[me] -> close_my_d()
        :: else
        fi;
        if
#ifdef PAUSE_LATE
        :: again -> timeout; goto retry
#else
        :: again -> goto retry
#endif
        :: else -> goto next
        fi;
done:
        skip
    } unless { killed[me] };

    /* The kernel, for the dead. */
    atomic {
        if
        :: lock == me -> lock = 0
        :: else
        fi
    }
    do
#ifdef BROKEN_FILE
    :: d[me] -> close_d(d[me])
    :: flock[me] != 0 -> flock[me] = 0
#else
    :: d[me] && flock[me] == 0 -> close_d(d[me])
    :: d[me] && flock[me] != 0 -> flock[me] = 0
#endif
    :: s[me] -> close_s(s[me])
    :: temp_d[me] -> close_d(temp_d[me])
    :: temp_s[me] -> close_s(temp_s[me])
    :: ring_s[me] -> close_s(ring_s[me])
    :: else -> break
    od
}

#define KILL(i) \
    atomic { i <= PROCS && deaths < DEATHS && !killed[i] -> killed[i] = true; deaths++ }

active proctype demons()
{
end:
    do
    :: KILL(1)
    :: KILL(2)
    :: KILL(3)
    :: leavers == 0 -> leavers++ /* nobody leaves */
    :: break /* or else a late blow would be awaited, and nothing ever looked stuck */
    od
}

#define IS(i, what, r) (!killed[i] && doing[i] == (what) && role[i] == (r))
#define SOME(what, r) (IS(1, what, r) || IS(2, what, r) || IS(3, what, r))
#define LIVES(i, r) (HAS_IT(i) && role[i] == (r))
#define THERE(r) (LIVES(1, r) || LIVES(2, r) || LIVES(3, r))
#define OWED(i) (!killed[i] && doing[i] == WAITS && owed[i])

#ifndef PAUSE_LATE
active proctype watch()
{
end:
    atomic { timeout ->
        assert(!OWED(1) && !OWED(2) && !OWED(3));
        assert(!(SOME(WAITS, R) && THERE(W)) && !(SOME(WAITS, W) && THERE(R)));
        assert(!(SOME(SLEEPS, R) && (n == 1 || !THERE(W))));
        assert(!(SOME(SLEEPS, W) && (n == 0 || !THERE(R))));
        assert(!(THERE(R) && n == 1 && !d_byte) && !(THERE(W) && n == 0 && !s_byte)) }
}
#endif

init {
    atomic {
        run opener(1);
        run opener(2);
        if
        :: PROCS > 2 -> run opener(3)
        :: else
        fi
    }
}
