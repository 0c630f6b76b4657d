/* SPDX-License-Identifier: MIT */
/*
 * models/tags.pml - descriptors that belong to bytes: prim/tags.h with socket/rights.c
 *
 * Senders write plain messages under the writers' lock, and messages with descriptors under a
 * reservation: number, rights, tag, commit, drop. Receivers take plain messages under the
 * readers' lock, and tagged ones under a peek: find the number, copy, take, finish, drop.
 * Whoever meets a claim of the dead clears it, and first what it had tagged. Anybody may be
 * killed between any two steps, a recoverer, too. Start at sender() and receiver().
 *
 * Each message in the ring carries, for the checks, which descriptors belong to it (0: none).
 *
 * What is checked:
 *   - a tagged message is taken with exactly its own descriptors, a plain one without;
 *   - tags are never more than the table holds (G1), and their indices grow (G2);
 *   - when nobody does anything any more and a receiver lives, all is taken and no living
 *     sender or receiver is on its way; nobody waits for a lock (invalid end state).
 *
 * Not here: sleep and wake-up (waits are for the condition itself: waiter.pml, and the ticks
 * of wait_for_rights()); memory order (all goes with the head's release); several bytes to a
 * message, so no parts of a tagged span; numbers that wrap; MAX_PASSED; a full ring of
 * SCM_RIGHTS in flight; more than TAGS messages of the dead (limit).
 *
 * Options: SENDERS, RECEIVERS (1 or 2), MSG (each sender's), CAP, TAGS, RIGHTS (messages the
 * socket holds), DEATHS.
 *   BROKEN_RETRACT    a dead one's tag is not taken back
 *   BROKEN_DROP       a claim is dropped first, then what was tagged taken back
 *   BROKEN_NUMBER     the number is counted after the message was sent
 *   BROKEN_NEXT       the receiver takes what is next on rights, whatever its number
 *   BROKEN_FETCH      ... or takes it out at once, not a copy
 *   BROKEN_FINISH     it is taken out before the tail moves
 *   BROKEN_PUT        the tag is put after the commit
 */
#ifndef SENDERS
#define SENDERS 2
#endif
#ifndef RECEIVERS
#define RECEIVERS 1
#endif
#ifndef MSG
#define MSG 1
#endif
#ifndef CAP
#define CAP 2
#endif
#ifndef TAGS
#define TAGS 2
#endif
#ifndef RIGHTS
#define RIGHTS 3
#endif
#ifndef DEATHS
#define DEATHS 1
#endif

#define LAST 4

byte wlock, rlock;      /* 0 or who */
byte wclaim, rclaim;
byte head, tail;
byte belongs[CAP];      /* what is in the ring: whose descriptors, 0 plain */
byte n_put, n_taken, last_id;
byte tag_index[TAGS], tag_id[TAGS];
chan rights = [RIGHTS] of { byte, byte }; /* number, descriptors */
bool killed[5], done[5];
byte deaths;

inline enter(l)
{
    atomic { l == 0 -> l = me }
}

/* h7_tags_retract() */
inline retract()
{
    atomic {
        if
        :: n_put != n_taken && tag_index[(n_put - 1) % TAGS] >= head -> n_put--
        :: else
        fi
    }
}

/* let_go() of a reservation */
inline drop_reservation()
{
#ifdef BROKEN_DROP
    wclaim = 0;
    retract()
#else
    retract();
    wclaim = 0
#endif
}

/* h7_conduit_enter() of a writer: the lock, and no claim in the way. */
inline enter_writers()
{
    atomic { wlock == 0 && (wclaim == 0 || killed[wclaim]) -> wlock = me }
    if
    :: wclaim == 0
    :: else ->
#ifndef BROKEN_RETRACT
        retract();
#endif
        wclaim = 0
    fi
}

inline enter_readers()
{
    atomic { rlock == 0 && (rclaim == 0 || killed[rclaim]) -> rlock = me }
    rclaim = 0
}

inline put_tag()
{
    atomic {
        assert(n_put - n_taken < TAGS);
        assert(n_put == n_taken || tag_index[(n_put - 1) % TAGS] < at);
        tag_index[n_put % TAGS] = at;
        tag_id[n_put % TAGS] = id
    }
    n_put++
}

proctype sender(byte me)
{
    byte left = MSG;
    byte at, id, mine;

    {
        do
        :: left == 0 -> break
        :: left > 0 -> /* plain */
end_full:
            head - tail < CAP;
end_claimed:
            enter_writers();
            atomic {
                if
                :: head - tail < CAP -> belongs[head % CAP] = 0; head++; left--
                :: else
                fi;
                wlock = 0
            }
        :: left > 0 -> /* with descriptors */
retry:
end_claimed_too:
            enter_writers();
            wclaim = me;
            wlock = 0;
            at = head;
end_full_claimed:
            head - tail < CAP;
            mine = me * 4 + left;
            if
            :: n_put - n_taken >= TAGS -> goto no_room
            :: else
            fi;
#ifdef BROKEN_NUMBER
            id = last_id + 1;
#else
            atomic { id = last_id + 1; last_id = id } /* T1 */
#endif
            atomic {
                if
                :: nfull(rights) -> rights ! id, mine /* T2 */
                :: full(rights) -> goto no_room
                fi
            }
#ifdef BROKEN_NUMBER
            last_id = id;
#endif
#ifndef BROKEN_PUT
            put_tag(); /* T3 */
#endif
            belongs[at % CAP] = mine;
            enter(wlock);
            head++;
            wlock = 0;
#ifdef BROKEN_PUT
            put_tag();
#endif
            drop_reservation();
            left--;
            goto sent;
no_room:
            drop_reservation();
end_rights:
            nfull(rights) && n_put - n_taken < TAGS; /* RETRY_NS */
            goto retry;
sent:
            id = 0
        od;
        done[me] = true
    } unless { killed[me] };

    atomic {
        if
        :: wlock == me -> wlock = 0
        :: else
        fi
    }
}

/* next() of tags.c: counts out what lies behind the tail. */
inline next_tag()
{
    do
    :: n_taken != n_put && tag_index[n_taken % TAGS] < tail -> n_taken++
    :: else -> break
    od;
    tagged = n_taken != n_put && tag_index[n_taken % TAGS] == tail;
    id = (tagged -> tag_id[n_taken % TAGS] : 0)
}

/* find() of rights.c: passes over what is older. */
inline find()
{
    do
    :: atomic { nempty(rights) ->
            rights ? <found, theirs>;
#ifdef BROKEN_NEXT
            break
#else
            if
            :: found >= id -> break
            :: else
            fi
#endif
        }
        rights ? _, _
    :: atomic { empty(rights) -> found = 0; break }
    od;
    if
#ifdef BROKEN_NEXT
    :: found != 0 -> found = id
#endif
    :: else
    fi
}

proctype receiver(byte me)
{
    byte id, found, theirs, got;
    bool tagged;

    {
        do
        :: true ->
end_empty:
            head != tail;
            done[me] = false;
            enter_readers();
            if
            :: head == tail -> rlock = 0; done[me] = true; goto again
            :: else
            fi;
            next_tag();
            if
            :: !tagged ->
                atomic {
                    assert(belongs[tail % CAP] == 0);
                    tail++;
                    rlock = 0
                }
            :: else -> /* a peek */
                rclaim = me;
                rlock = 0;
                find();
                got = (found == id -> theirs : 0);
#if defined(BROKEN_FETCH) || defined(BROKEN_FINISH)
                if
                :: found == id -> rights ? _, _
                :: else
                fi;
#endif
                assert(belongs[tail % CAP] != 0);
                enter(rlock);
                atomic { assert(got == belongs[tail % CAP]); tail++ }
                rlock = 0; /* T4 */
                find();
                if
                :: found == id -> rights ? _, _
                :: else
                fi;
                rclaim = 0
            fi;
            done[me] = true;
again:
            atomic { id = 0; found = 0; theirs = 0; got = 0 }
        od
    } unless { killed[me] };

    atomic {
        if
        :: rlock == me -> rlock = 0
        :: else
        fi
    }
}

#define KILL(i) atomic { deaths < DEATHS && !killed[i] && (i > 2 || !done[i]) -> \
        killed[i] = true; deaths++ }

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

active proctype watch()
{
end:
    atomic { timeout ->
        if
        :: !killed[3] || RECEIVERS > 1 && !killed[4] ->
            assert(head == tail);
            assert((done[1] || killed[1]) && (done[2] || killed[2]));
            assert((done[3] || killed[3]) && (done[4] || killed[4]))
        :: else
        fi }
}

init {
    atomic {
        byte i;
        for (i : 1 .. LAST) {
            done[i] = i > 2 || i > SENDERS
        }
        i = 0;
        run sender(1);
        if
        :: SENDERS > 1 -> run sender(2)
        :: else
        fi;
        run receiver(3);
        if
        :: RECEIVERS > 1 -> run receiver(4)
        :: else
        fi
    }
}
