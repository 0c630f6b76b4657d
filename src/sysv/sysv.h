/* SPDX-License-Identifier: MIT */
/*
 * sysv/sysv.h - what all System V objects have in common: ids, keys, permissions, without a daemon
 *
 * Message queues, semaphore sets and shared memory are families. A verb is given a number, not a
 * handle; the process attaches what it leads to on first use and keeps it in a table. Stands on
 * name/ and prim/, below the rooms; knows nothing of what an object is for. Reading order: this;
 * table.c (from an id to an attached object); names.c (ids and keys as names); ids.c (get:
 * finding and making); perm.c (who may); ctl.c (IPC_STAT, IPC_SET, IPC_RMID); list.c (all of them).
 *
 * Names (name/name.h). For queues an id is the name "msg.ID", decimal; a key is "msgkey.KEY", 8
 * hexadecimal digits; other families have other kinds. All these directories can be searched by
 * all, as with the kernel's everybody sees that an id exists; the files are the protection.
 *   object            entry        parts
 *   IPC_PRIVATE       msg.ID       the family's
 *   with a key        msgkey.KEY   the family's, and `id`: the text of the id
 *                     msg.ID       a stub: only `key`, the text "KEY PIDNS PID MARK" (hexadecimal)
 *                                  with the maker
 * A stub counts if the key's `id` names it. The text files never change. So a name leads to
 * what it says without a look into memory that others may write.
 *
 * Making with a key: the stub takes the id, by exclusive publication; then msgkey.KEY appears,
 * whole, by one rename: it exists. Removing, under the object's locks: `removed` is stored: it
 * is gone; then the key's name goes, then the id's. Names of a removed object go only with its
 * lock of names held, and the key's only while its `id` is this id: a new object of that key is
 * safe.
 *
 * A family whose objects outlive removal (`lingers`: shared memory, which can be attached by its id
 * until nobody has it) frees only the key: object and stub, which has an `id` here, too, change
 * names by one exchange, then the key's name, now the stub's, goes. The id's name goes when the
 * family says so: h7_sysv_unlink().
 *
 * Where one can die:
 *   Y1 stub there, key not          garbage once the maker is dead: h7_sysv_clean()
 *   Y2 lost the race for the key    the same
 *   Y3 removed, names there         whoever attaches it finishes: h7_sysv_finish()
 *   Y4 key's name gone, id's not    garbage, as its part `gone` says: who meets it, removes it
 *   Y5 IPC_SET, files half changed  the fields come last: who may do it does it again. With a
 *                                   new owner (root) it can't be attached until then: -EBADMSG
 *   Y6 exchanged, key's name there  as Y3: it still leads to the id
 *
 * A new family, sx:
 *   - its shared block begins with struct h7_sysv_shared, its struct h7_sx, which the table has
 *     one of for each attached id, with struct h7_sysv_entry;
 *   - `const struct h7_sysv_family h7_sx_family`, with the callbacks below, and `struct
 *     h7_sysv_table h7_sx_table = {.family = &h7_sx_family}`;
 *   - get: check the arguments, h7_sysv_get(); detach: h7_sysv_detach();
 *   - a verb: h7_sysv_enter(&h7_sx_table, ...), h7_sysv_may(), work, h7_sysv_leave_with();
 *   - ctl: h7_sysv_ask() and h7_sysv_read_perm(), h7_sysv_set(), h7_sysv_remove(),
 *     h7_sysv_at(), h7_sysv_each();
 *   - its check: h7_sysv_what_is_wrong().
 * family_test.c has the smallest one, queue/sysv_family.c one in use.
 *
 * Shared layout, struct h7_sysv_shared:
 *   field            written under  by                    meaning
 *   id, key, seq     -              maker                 who it is; seq is for IPC_STAT
 *   cuid, cgid       -              maker                 who made it
 *   uid, gid, mode   all locks      IPC_SET               whose it is
 *   changes          all locks      IPC_SET               moves on with uid, gid, mode; from 1
 *   removed          all locks      IPC_RMID              1; or the family has a word of its own
 *   ctime            all locks      maker, IPC_SET        seconds since 1970
 */
#ifndef H7_SYSV_SYSV_H
#define H7_SYSV_SYSV_H

#include <errno.h>
#include <hepta/base.h>
#include <stddef.h>
#include <sys/ipc.h>
#include <sys/types.h>

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define H7_SINGLE_THREADED 1
#endif

#include "base/atomic.h"
#include "base/mutex.h"
#include "base/self.h"

#define H7_SYSV_READ  04u /* as in permission bits */
#define H7_SYSV_WRITE 02u

struct h7_sysv_shared {
    struct h7_a32 id, key, seq;
    struct h7_a32 mode, uid, gid, cuid, cgid;
    struct h7_a32 changes, removed;
    struct h7_a64 ctime;
};

/* How an attached one waits; NULL: the default, or as it is. */
struct h7_sysv_ways {
    uint32_t wait, spin_ns;
};

/* --- entries and tables --- */

/* An entry of the table, at the beginning of the family's own. Its memory is never given back, so
 * that a verb may look at it while it goes.
 * word: one of these bits, or 0 (free), and how many verbs are inside:
 *   READY      can be used: verbs come in
 *   DYING      detached or removed: the last one out closes it
 *   BUSY       one thread is filling or closing it
 *   KEPT       with READY or DYING: a descriptor was handed out, or so, and only detach ends it */
struct h7_sysv_entry {
    struct h7_a32 word;
    struct h7_a32 id;
    struct h7_a64 may; /* permissions of this process | changes they are of << 32 */
    struct h7_sysv_entry *next; /* in its bucket; written once */
    /* The family's attach() sets these; they are its to close. */
    struct h7_sysv_shared *sh;
    struct h7_a32 *removed; /* the word that says so, in shared memory: `removed_bits` */
    int obj;                /* O_PATH, the object's directory */
};

#define H7_SYSV_READY   (1u << 31)
#define H7_SYSV_DYING   (1u << 30)
#define H7_SYSV_BUSY    (1u << 29)
#define H7_SYSV_KEPT    (1u << 28)
#define H7_SYSV_VERBS   (H7_SYSV_KEPT - 1)
#define H7_SYSV_BUCKETS 1024u

/* What this process has attached of a family. Verbs name it as a constant, so that its address
 * needs no load. */
struct h7_sysv_table {
    struct h7_a64 gen; /* fork generation in which it is in order */
    const struct h7_sysv_family *family;
    struct h7_mutex lock;
    struct h7_a32 holder; /* tid, so that a signal handler finds out */
    struct h7_a64 pidns;
    struct h7_a32 since, left; /* attaches since the last look for removed ones, and those it left:
                                * only advice */
    struct h7_sysv_entry *bucket[H7_SYSV_BUCKETS];
};

/* --- families --- */

/* The parts of an object: what IPC_SET does with them. */
enum h7_sysv_mode {
    H7_SYSV_SHARED, /* written by all who use the object: h7_sysv_file_mode() */
    H7_SYSV_EXACT,  /* the permission bits themselves */
    H7_SYSV_FIXED,  /* stays as it is; only the owner changes */
};
struct h7_sysv_part {
    const char *name;
    mode_t type; /* S_IFREG, S_IFIFO */
    enum h7_sysv_mode mode;
};
#define H7_SYSV_PARTS 6

struct h7_sysv_family {
    const char *id_kind, *key_kind; /* of names: "msg", "msgkey" */
    struct h7_sysv_table *table;
    size_t entry_size;
    /* A SHARED part, a file, that every object has: who can open it for reading and writing may
     * attach. parts: all, this one last. */
    const char *main;
    struct h7_sysv_part parts[H7_SYSV_PARTS]; /* ended by one without a name */
    uint32_t removed_bits; /* of the word that an entry's `removed` leads to */
    int lingers; /* it can be attached by its id after removal, until h7_sysv_unlink() */

    /* Make the parts in a draft's directory; the shared block begins with sh; arg of
     * struct h7_sysv_asked. 0, -EINVAL (arg), -ENOSPC, ... */
    int (*make)(int dir, const struct h7_sysv_shared *sh, const void *arg);
    /* Is what was found good for arg? NULL: always. 0, -EINVAL. Without locks. */
    int (*fits)(const struct h7_sysv_entry *e, const void *arg);
    /* Attach to the parts in obj, an object's directory, of which it keeps a duplicate; main first:
     * -ESTALE if it isn't there. On failure nothing is attached. As h7_name_part(). */
    int (*attach)(struct h7_sysv_entry *e, int obj, const struct h7_sysv_ways *ways);
    void (*detach)(struct h7_sysv_entry *e);
    /* Another way to wait, while it is in use; NULL: there is none. */
    void (*tune)(struct h7_sysv_entry *e, const struct h7_sysv_ways *ways);

    /* Under all locks, if h7_sysv_is_owner(): store `removed`, h7_sysv_let_go(), call all who
     * sleep. Bounded in time. 0, -EPERM, -EIDRM (it was already; not of one that lingers), ... */
    int (*remove)(struct h7_sysv_entry *e, int id);
    /* The lock of names, one of these, of a removed object. Whatever a dead holder left there. */
    int (*lock_names)(struct h7_sysv_entry *e);
    void (*unlock_names)(struct h7_sysv_entry *e);
};

/* --- table.c --- */

/* Has this process one thread only? Then the count of verbs needs no locked instruction: nobody
 * else is inside, and a handler that interrupts leaves it as it was. */
static inline int h7_sysv_alone(void)
{
#ifdef H7_SINGLE_THREADED
    return __libc_single_threaded;
#else
    return 0;
#endif
}

/* Come in, if it is ready and still this id's. Acquire, with the release that made it ready. */
static inline int h7_sysv_try(struct h7_sysv_entry *e, int id)
{
    uint32_t w = h7_load32_relaxed(&e->word);
    if (h7_likely(h7_sysv_alone() && w & H7_SYSV_READY)) {
        h7_store32_relaxed(&e->word, w + 1);
        return h7_likely(h7_load32_relaxed(&e->id) == (uint32_t)id) ? 1 : -1;
    }
    while (w & H7_SYSV_READY)
        if (h7_cas32_acquire(&e->word, &w, w + 1))
            return h7_likely(h7_load32_relaxed(&e->id) == (uint32_t)id) ? 1 : -1;
    return 0;
}

void h7_sysv_bury(const struct h7_sysv_table *t, struct h7_sysv_entry *e);

static inline void h7_sysv_leave(const struct h7_sysv_table *t, struct h7_sysv_entry *e)
{
    uint32_t w;
    if (h7_likely(h7_sysv_alone())) {
        w = h7_load32_relaxed(&e->word);
        h7_store32_relaxed(&e->word, w - 1);
    } else {
        /* Release: the closing comes after all that this verb did. */
        w = h7_add32_release(&e->word, (uint32_t)-1);
    }
    if (h7_unlikely((w & (H7_SYSV_DYING | H7_SYSV_VERBS)) == (H7_SYSV_DYING | 1)))
        h7_sysv_bury(t, e);
}

/* From an id to its object, attached if need be. 0, and h7_sysv_leave() has to follow; -EINVAL (no
 * such id), -EIDRM (it is being removed), -EACCES, ... */
int h7_sysv_enter_slow(struct h7_sysv_table *t, int id, const struct h7_sysv_ways *ways,
                       struct h7_sysv_entry **e);
/* The same, and says 1 if it is this call that has attached it. */
int h7_sysv_enter_or_attach(struct h7_sysv_table *t, int id, const struct h7_sysv_ways *ways,
                            struct h7_sysv_entry **e);

static inline int h7_sysv_enter(struct h7_sysv_table *t, int id, struct h7_sysv_entry **out)
{
    /* Relaxed: who finds another generation makes it anew under a lock. */
    if (h7_likely(h7_load64_relaxed(&t->gen) == h7_fork_gen())) {
        struct h7_sysv_entry *e =
            __atomic_load_n(&t->bucket[(uint32_t)id % H7_SYSV_BUCKETS], __ATOMIC_ACQUIRE);
        for (; e; e = e->next) {
            if (h7_load32_relaxed(&e->id) != (uint32_t)id)
                continue;
            int got = h7_sysv_try(e, id);
            if (h7_likely(got == 1)) {
                *out = e;
                return 0;
            }
            if (got < 0)
                h7_sysv_leave(t, e); /* it was given to another id in between */
        }
    }
    return h7_sysv_enter_slow(t, id, NULL, out);
}

/* No more verbs come in; the last one out closes it. kept: also if it was handed out. */
void h7_sysv_retire(const struct h7_sysv_table *t, struct h7_sysv_entry *e, int kept);
/* A descriptor of it is handed out. 0, -EIDRM: it goes already. */
int h7_sysv_keep(struct h7_sysv_entry *e);
/* This process forgets an id. 0, -EINVAL. */
int h7_sysv_detach(struct h7_sysv_table *t, int id);

/* Leave with a verb's result. What is removed is forgotten, unless it was handed out. */
static inline ssize_t h7_sysv_leave_with(const struct h7_sysv_table *t, struct h7_sysv_entry *e,
                                         ssize_t r)
{
    if (h7_unlikely(r == -EIDRM))
        h7_sysv_retire(t, e, 0);
    h7_sysv_leave(t, e);
    return r;
}

static inline int h7_sysv_is_removed(const struct h7_sysv_family *f, const struct h7_sysv_entry *e)
{
    return (h7_load32_relaxed(e->removed) & f->removed_bits) != 0;
}

/* --- perm.c --- */

/* The kernel's answer by the fields: bits of 07 for the calling process; or negative errno. */
int h7_sysv_granted(const struct h7_sysv_shared *sh);
/* Ask anew, and remember. 0, -EACCES, -ENOMEM. */
int h7_sysv_ask(struct h7_sysv_entry *e, uint32_t bits);
int h7_sysv_may_slow(struct h7_sysv_entry *e, uint32_t bits);
/* Its owner or maker, or root? */
int h7_sysv_is_owner(const struct h7_sysv_shared *sh);
/* What the SHARED files of an object of that mode get. Its owner can always look, and remove. */
mode_t h7_sysv_file_mode(mode_t mode);

/* May this process? A change of its own identity shows with the next h7_sysv_ask(). 0, -EACCES. */
static inline int h7_sysv_may(struct h7_sysv_entry *e, uint32_t bits)
{
    uint64_t may = h7_load64_relaxed(&e->may);
    uint32_t changes = h7_load32_relaxed(&e->sh->changes);
    if (h7_likely(may >> 32 == changes && (may & bits) == bits))
        return 0;
    return h7_sysv_may_slow(e, bits);
}

/* --- names.c --- */

/* The id that a name of the kind id_kind is. 0: it is none. */
int h7_sysv_id_of(const char *name);
/* Attach to an id's object, outside the table: *e is zeroed and ends with the family's detach().
 * -EINVAL (no such id), -EIDRM (removed; its names are gone, if that was possible), -EACCES, ...
 * On failure nothing is attached. */
int h7_sysv_attach(const struct h7_sysv_family *f, struct h7_sysv_entry *e, int id,
                   const struct h7_sysv_ways *ways);
/* Under the lock of names of what is being removed: its names go, or, of one that lingers, its
 * key's. Whether they do or not, it is removed. 0, -EACCES, -EPERM, ... */
int h7_sysv_let_go(const struct h7_sysv_family *f, int id);
/* A removed one whose names may be there still. 0, -ETIMEDOUT, -EACCES, -EPERM, ... */
int h7_sysv_finish(const struct h7_sysv_family *f, struct h7_sysv_entry *e, int id);
/* All names of an id: of one that lingers, under its lock of names, when nobody has it any more; or
 * of what is past all help. 0, -EACCES, -EPERM, ... */
int h7_sysv_unlink(const struct h7_sysv_family *f, int id);

/* --- ids.c --- */

/* What *get() was asked for. */
struct h7_sysv_asked {
    key_t key;
    int flags; /* permission bits, IPC_CREAT, IPC_EXCL */
    const struct h7_sysv_ways *ways;
    const void *arg; /* the family's, for make() and fits() */
};
/* The id, or negative errno. Its object is in the table, if this process may attach it. Who may
 * not, and asks for no permission, is given the id without a look whether it fits. */
int h7_sysv_get(const struct h7_sysv_family *f, const struct h7_sysv_asked *asked);

/* --- ctl.c --- */

void h7_sysv_read_perm(const struct h7_sysv_shared *sh, struct ipc_perm *p);
/* IPC_SET, under all locks: files, then fields. 0, -EINVAL (no user or group), -EPERM, ... */
int h7_sysv_set(const struct h7_sysv_family *f, struct h7_sysv_entry *e, const struct ipc_perm *p);
/* IPC_RMID; also of what can't be attached any more. 0, -EINVAL, -EIDRM, -EPERM, ... */
int h7_sysv_remove(const struct h7_sysv_family *f, int id);
/* The common invariants. NULL, or what is wrong. */
const char *h7_sysv_what_is_wrong(const struct h7_sysv_entry *e);

/* --- list.c --- */

/* The ids that this user can see, sorted; *ids is the caller's to free. Their number, or negative
 * errno. */
int h7_sysv_ids(const struct h7_sysv_family *f, int **ids);
/* The one at an index of these, attached outside the table as by h7_sysv_attach(), if this user
 * may read it, or any is set. Its id, or negative errno. */
int h7_sysv_at(const struct h7_sysv_family *f, int index, int any, struct h7_sysv_entry *e);
/* Call fn (NULL: don't) for each that this user may read; e is for it. How many ids there
 * are, or negative errno. */
int h7_sysv_each(const struct h7_sysv_family *f, struct h7_sysv_entry *e,
                 void (*fn)(struct h7_sysv_entry *e, void *arg), void *arg);

#endif
