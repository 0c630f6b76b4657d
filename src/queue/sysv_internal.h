/* SPDX-License-Identifier: MIT */
/*
 * queue/sysv_internal.h - System V queues inside the library: names, memory, the table of ids
 *
 * A queue is a store (queue/store.h) whose keys are the message types. What is its own: ids and
 * keys without a daemon, permissions as ipc(5) has them, times and pids, and that a verb is
 * given a number, not a handle. Reading order: this; sysv.c (send, receive, fd);
 * sysv_table.c (from an id to an attached store); sysv_names.c (ids and keys as names);
 * sysv_ids.c (get: making); sysv_ctl.c and sysv_list.c (msgctl); sysv_room.c.
 *
 * Names (name/name.h). An id is the name "msg.ID", decimal; a key is "msgkey.KEY", 8 hexadecimal
 * digits. All these directories can be searched by all, as with the kernel's everybody sees that
 * an id exists; the files are the protection.
 *   queue             entry        parts
 *   IPC_PRIVATE       msg.ID       the store's
 *   with a key        msgkey.KEY   the store's, and `id`: the text of the id
 *                     msg.ID       a stub: only `key`, the text "KEY PIDNS PID MARK" (hexadecimal)
 *                                  with the maker
 * A stub counts if the key's `id` names it. The text files never change. So a name leads to
 * what it says without a look into memory that others may write.
 *
 * Making with a key: the stub takes the id, by exclusive publication; then msgkey.KEY appears,
 * whole, by one rename: it exists. Removing, under both locks: `removed` is stored: it is
 * gone; then the key's name goes, then the id's. Names of a removed queue go only with its
 * lock P held, and the key's only while its `id` is this id: a new queue of that key is safe.
 *
 * Where one can die:
 *   Y1 stub there, key not          garbage once the maker is dead: h7_msg_clean()
 *   Y2 lost the race for the key    the same
 *   Y3 removed, names there         whoever attaches it finishes: h7_msg_unlink()
 *   Y4 key's name gone, id's not    garbage, as its part `gone` says: who meets it, removes it
 *   Y5 IPC_SET, files half changed  the fields come last: who may do it does it again. With a
 *                                   new owner (root) it can't be attached until then: -EBADMSG
 *
 * Shared layout, struct h7_msg_shared, in the store's room:
 *   field            written under  by                    meaning
 *   id, key, seq     -              maker                 who it is; seq is for IPC_STAT
 *   cuid, cgid       -              maker                 who made it
 *   qbytes_max       -              maker                 the most that msg_qbytes can be
 *   uid, gid, mode   P C            IPC_SET               whose it is
 *   ctime            P C            maker, IPC_SET        seconds since 1970
 *   changes          P C            IPC_SET               moves on with uid, gid, mode; from 1
 *   lspid, stime     P              senders               the last of them
 *   lrpid, rtime     C              receivers             the last of them
 */
#ifndef H7_QUEUE_SYSV_INTERNAL_H
#define H7_QUEUE_SYSV_INTERNAL_H

#include <errno.h>
#include <hepta/msg.h>

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define H7_SINGLE_THREADED 1
#endif

#include "base/self.h"
#include "prim/life.h"
#include "queue/store.h"

#define H7_MSG_ID_KIND  "msg" /* of the names */
#define H7_MSG_KEY_KIND "msgkey"
#define H7_MSG_PART_ID  "id"
#define H7_MSG_PART_KEY "key"

#define H7_MSG_READ 04u /* as in permission bits */
#define H7_MSG_WRITE 02u

struct h7_msg_shared {
    struct h7_a32 id, key, seq;
    struct h7_a32 mode, uid, gid, cuid, cgid;
    struct h7_a32 changes, reserved;
    struct h7_a64 ctime;
    struct h7_a64 qbytes_max;
    struct h7_a64 stime __attribute__((aligned(H7_APART)));
    struct h7_a32 lspid;
    struct h7_a64 rtime __attribute__((aligned(H7_APART)));
    struct h7_a32 lrpid;
};

_Static_assert(sizeof(struct h7_msg_shared) <= H7_STORE_ROOM, "it lies in the store's room");

/* --- sysv_table.c: what this process has attached --- */

/* An entry of the table. Its memory is never given back, so that a verb may look at it while
 * it goes.
 * word: one of these bits, or 0 (free), and how many verbs are inside:
 *   READY      can be used: verbs come in
 *   DYING      detached or removed: the last one out closes it
 *   BUSY       one thread is filling or closing it
 *   POLLED     with READY or DYING: its descriptor was handed out, so only detach ends it */
struct h7_msg {
    struct h7_a32 word;
    struct h7_a32 id;
    struct h7_a64 may;    /* permissions of this process | changes they are of << 32 */
    struct h7_msg *next;  /* in its bucket; written once */
    struct h7_store st;
};

#define H7_MSG_READY    (1u << 31)
#define H7_MSG_DYING    (1u << 30)
#define H7_MSG_BUSY     (1u << 29)
#define H7_MSG_POLLED   (1u << 28)
#define H7_MSG_VERBS    (H7_MSG_POLLED - 1)
#define H7_MSG_BUCKETS  1024u

extern struct h7_a64 h7_msg_gen; /* fork generation in which the table is in order */
extern struct h7_msg *h7_msg_bucket[H7_MSG_BUCKETS];

struct h7_msg_ways {
    uint32_t wait, spin_ns;
};

static inline struct h7_msg_shared *h7_msg_room(const struct h7_store *st)
{
    return h7_store_room(st);
}

/* Has this process one thread only? Then the count of verbs needs no locked instruction: nobody
 * else is inside, and a handler that interrupts leaves it as it was. */
static inline int h7_msg_alone(void)
{
#ifdef H7_SINGLE_THREADED
    return __libc_single_threaded;
#else
    return 0;
#endif
}

/* Come in, if it is ready and still this id's. Acquire, with the release that made it ready. */
static inline int h7_msg_try(struct h7_msg *m, int id)
{
    uint32_t w = h7_load32_relaxed(&m->word);
    if (h7_likely(h7_msg_alone() && w & H7_MSG_READY)) {
        h7_store32_relaxed(&m->word, w + 1);
        return h7_likely(h7_load32_relaxed(&m->id) == (uint32_t)id) ? 1 : -1;
    }
    while (w & H7_MSG_READY)
        if (h7_cas32_acquire(&m->word, &w, w + 1))
            return h7_likely(h7_load32_relaxed(&m->id) == (uint32_t)id) ? 1 : -1;
    return 0;
}

void h7_msg_bury(struct h7_msg *m);

static inline void h7_msg_leave(struct h7_msg *m)
{
    uint32_t w;
    if (h7_likely(h7_msg_alone())) {
        w = h7_load32_relaxed(&m->word);
        h7_store32_relaxed(&m->word, w - 1);
    } else {
        /* Release: the closing comes after all that this verb did. */
        w = h7_add32_release(&m->word, (uint32_t)-1);
    }
    if (h7_unlikely((w & (H7_MSG_DYING | H7_MSG_VERBS)) == (H7_MSG_DYING | 1)))
        h7_msg_bury(m);
}

/* From an id to its queue, attached if need be, with ways (NULL: default, or as it is). 0, and
 * h7_msg_leave() has to follow; -EINVAL (no such id), -EIDRM (it is being removed), -EACCES, ... */
int h7_msg_enter_slow(int id, const struct h7_msg_ways *ways, struct h7_msg **m);

static inline int h7_msg_enter(int id, struct h7_msg **m)
{
    /* Relaxed: who finds another generation makes it anew under a lock. */
    if (h7_likely(h7_load64_relaxed(&h7_msg_gen) == h7_fork_gen())) {
        struct h7_msg *e =
            __atomic_load_n(&h7_msg_bucket[(uint32_t)id % H7_MSG_BUCKETS], __ATOMIC_ACQUIRE);
        for (; e; e = e->next) {
            if (h7_load32_relaxed(&e->id) != (uint32_t)id)
                continue;
            int got = h7_msg_try(e, id);
            if (h7_likely(got == 1)) {
                *m = e;
                return 0;
            }
            if (got < 0)
                h7_msg_leave(e); /* it was given to another id in between */
        }
    }
    return h7_msg_enter_slow(id, NULL, m);
}

/* No more verbs come in; the last one out closes it. polled: also if it was handed out. */
void h7_msg_retire(struct h7_msg *m, int polled);
/* Its descriptor is handed out. 0, -EIDRM: it goes already. */
int h7_msg_keep(struct h7_msg *m);

int h7_msg_may_slow(struct h7_msg *m, uint32_t bits);

/* May this process? A change of its own identity shows with the next h7_msg_ask(). 0, -EACCES. */
static inline int h7_msg_may(struct h7_msg *m, uint32_t bits)
{
    uint64_t may = h7_load64_relaxed(&m->may);
    uint32_t changes = h7_load32_relaxed(&h7_msg_room(&m->st)->changes);
    if (h7_likely(may >> 32 == changes && (may & bits) == bits))
        return 0;
    return h7_msg_may_slow(m, bits);
}

/* --- sysv_perm.c --- */

/* The kernel's answer by the fields: bits of 07 for the calling process; or negative errno. */
int h7_msg_granted(const struct h7_msg_shared *sh);
/* Ask anew, and remember. 0, -EACCES, -ENOMEM. */
int h7_msg_ask(struct h7_msg *m, uint32_t bits);
/* Its owner or maker, or root? */
int h7_msg_is_owner(const struct h7_msg_shared *sh);
/* The files follow: mode and, where it differs, owner. 0, -EPERM, ... */
int h7_msg_set_files(const struct h7_store *st, mode_t mode, uid_t uid, gid_t gid, int new_owner);
/* What the files of a queue of that mode get. Its owner can always look, and remove. */
mode_t h7_msg_file_mode(mode_t mode);

/* --- sysv_names.c --- */

/* "/ID" and "/KEY" for name/name.h. */
#define H7_MSG_NAME 16
void h7_msg_id_name(char name[H7_MSG_NAME], int id);
void h7_msg_key_name(char name[H7_MSG_NAME], key_t key);
/* The other way round. 0: it is no id. */
int h7_msg_id_of(const char *name);

/* What a stub says. */
struct h7_msg_stub {
    key_t key;
    uint64_t pidns;
    struct h7_life maker;
    int gone; /* it is being removed */
};
/* Which id has the key? 0, -ENOENT, -EBADMSG, ... */
int h7_msg_key_id(key_t key, int *id);
/* 1 msg.ID is a stub, 0 it isn't, or negative errno: -ENOENT, ... */
int h7_msg_read_stub(int id, struct h7_msg_stub *stub);
/* Take the id: 0, -EEXIST, ... */
int h7_msg_make_stub(int id, key_t key);
/* The part `id` of a draft. */
int h7_msg_make_id(int dir, int id);

/* Attach to an id's queue. -EINVAL (no such id), -EIDRM (removed; its names are gone, if that
 * was possible), -EACCES, ... On failure nothing is attached. */
int h7_msg_attach(struct h7_store *st, int id, const struct h7_msg_ways *ways);
/* Remove the names of an id: of a removed queue under P, or of one that is past all help. */
int h7_msg_unlink(int id);
/* A removed one whose names may be there still. 0, -ETIMEDOUT, -EACCES, -EPERM, ... */
int h7_msg_finish(struct h7_store *st, int id);
/* Remove msg.ID if it is a stub that nobody needs any more. */
void h7_msg_clean(int id);

/* --- sysv_ids.c --- */

/* The options, with the environment's and the defaults put in. 0, -EINVAL, -E2BIG. */
int h7_msg_options(struct hepta_msg_options *o, const struct hepta_msg_options *opt);

/* --- sysv_list.c --- */

/* The ids that this user can see, sorted; *ids is the caller's to free. Their number, or negative
 * errno. */
int h7_msg_ids(int **ids);
int h7_msg_info(int cmd, struct msginfo *info);

/* --- sysv_ctl.c --- */

/* What IPC_STAT gives. 0, ... */
int h7_msg_snapshot(struct h7_store *st, struct msqid_ds *ds);

/* --- sysv_room.c --- */

int h7_msg_check(const struct h7_msg *m, char *why, size_t n);

#endif
