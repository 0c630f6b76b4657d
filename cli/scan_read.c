/* SPDX-License-Identifier: MIT */
/* cli/scan_read.c - pipes, FIFOs, connections, semaphores, segments; see scan_read.h */
#define _GNU_SOURCE
#include "cli/scan_read.h"

#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cli/scan_part.h"
#include "memory/sysv_internal.h"
#include "prim/conduit.h"
#include "prim/life.h"
#include "semaphore/sem_internal.h"

/* --- getting at it ---------------------------------------------------------------------- */

static ssize_t from_file(const struct view *v, void *to, size_t len, uint64_t off)
{
    return pread(v->fd, to, len, (off_t)off);
}

static ssize_t from_process(const struct view *v, void *to, size_t len, uint64_t off)
{
    struct iovec here = {to, len}, there = {(void *)(uintptr_t)(v->address + off), len};
    return process_vm_readv(v->pid, &here, 1, &there, 1, 0);
}

static const char *wrong_header(const struct h7_segment_header *h, uint64_t len, uint32_t kind)
{
    if (h->magic != H7_SEGMENT_MAGIC)
        return "it isn't a segment of Hepta's";
    if (h->version != H7_SEGMENT_VERSION)
        return "it is of another version's layout";
    if (h->kind != kind)
        return "what lies there is of another kind";
    if (len && h->len != len)
        return h->len > len ? "it was cut short" : "its length isn't what its header says";
    if (h->data_off > h->len || h->data_len > h->len - h->data_off)
        return "its header isn't consistent";
    return NULL;
}

static bool view_begin(struct scan *s, struct object *o, struct view *v, uint32_t kind,
                       size_t control_len)
{
    static char bytes[VIEW_MAX] __attribute__((aligned(H7_APART)));
    size_t want = H7_SEGMENT_CONTROL + control_len;
    v->bytes = bytes;
    ssize_t n = want > sizeof bytes ? -1 : v->read(v, bytes, want, 0);
    v->n_bytes = n < 0 ? 0 : (size_t)n;
    if (v->n_bytes >= sizeof v->head)
        memcpy(&v->head, bytes, sizeof v->head);
    const char *wrong = v->n_bytes < sizeof v->head ? "it is too short"
                                                    : wrong_header(&v->head, v->len, kind);
    if (!wrong && (v->n_bytes < want || v->head.data_off < want))
        wrong = "it is too short";
    if (wrong)
        object_is(o, OBJECT_CORRUPT, "%s", wrong);
    v->same_pids = s->pidns && v->head.pidns == s->pidns;
    if (!wrong && !v->same_pids)
        object_fact(s, o, "pid namespace", "another (%llu): its processes can't be judged",
                    (unsigned long long)v->head.pidns);
    return !wrong;
}

bool view_file(struct scan *s, struct object *o, struct view *v, int fd, uint32_t kind,
               size_t control_len)
{
    off_t len = lseek(fd, 0, SEEK_END);
    *v = (struct view){.read = from_file, .fd = fd, .len = len > 0 ? (uint64_t)len : 1};
    return view_begin(s, o, v, kind, control_len);
}

bool view_process(struct scan *s, struct object *o, struct view *v, pid_t pid, uint64_t address,
                  uint32_t kind, size_t control_len)
{
    /* Its length isn't known: header and data are mapped apart. */
    *v = (struct view){.read = from_process, .fd = -1, .pid = pid, .address = address};
    return view_begin(s, o, v, kind, control_len);
}

/* --- who holds it ----------------------------------------------------------------------- */

void part_lock(struct scan *s, struct object *o, const struct view *v, const struct h7_lock *lock,
               const char *what)
{
    uint32_t w = h7_load32_relaxed(&lock->word), tid = w & H7_LOCK_TID;
    if (w & H7_LOCK_OWNER_DIED)
        object_is(o, OBJECT_DEAD, "its lock (%s) is a dead process's; the next user mends it",
                  what);
    else if (tid && v->same_pids && !scan_lives((pid_t)tid))
        object_is(o, OBJECT_DEAD, "its lock (%s) is held by thread %u, which is dead", what, tid);
    else if (tid)
        object_fact(s, o, "lock", "%s: held by thread %u", what, tid);
}

bool part_holder(struct object *o, const struct view *v, uint32_t pid, uint64_t mark,
                 int64_t since_ns, const char *what)
{
    const struct h7_life life = {.pid = pid, .mark = mark};
    bool dead = v->same_pids && pid && pid <= INT32_MAX && !h7_life_alive(&life);
    struct object_user *u = object_user(o, (pid_t)pid, 0, USE_HOLD);
    u->dead = dead;
    u->since_ns = since_ns;
    if (dead)
        object_is(o, OBJECT_DEAD, "%s is held by process %u, which is dead", what, pid);
    return dead;
}

void part_sleepers(struct scan *s, struct object *o, const struct view *v,
                   const struct h7_sleepers *t, const char *call, bool has_since)
{
    uint32_t high = h7_load32_relaxed(&t->high), n = 0;
    bool any = h7_load32_relaxed(&t->n_waiting) != 0;
    o->has_waiters = true;
    for (uint32_t i = 0; any && i < high && i < H7_SLEEPERS; i++) {
        const struct h7_sleeper *at = &t->at[i];
        pid_t tid = (pid_t)h7_load32_relaxed(&at->tid);
        if (h7_load32_relaxed(&at->state) == H7_SLEEPER_FREE ||
            (v->same_pids && !scan_lives(tid)))
            continue;
        n++;
        struct object_user *u = object_user(o, 0, tid, USE_WAIT);
        u->call = call;
        u->since_ns = has_since ? (int64_t)h7_load64_relaxed(&at->own[1]) : 0;
    }
    o->n_waiters += n;
    object_fact(s, o, call, "slept %llu times, were woken %llu",
                (unsigned long long)h7_load64_relaxed(&t->n_sleeps),
                (unsigned long long)h7_load64_relaxed(&t->n_wakes));
}

void part_sysv(struct scan *s, struct object *o, const struct h7_sysv_shared *sh)
{
    o->uid = h7_load32_relaxed(&sh->uid);
    o->gid = h7_load32_relaxed(&sh->gid);
    o->mode = h7_load32_relaxed(&sh->mode) & 0777;
    if (h7_load32_relaxed(&sh->id) != (uint32_t)o->id)
        object_is(o, OBJECT_CORRUPT, "it says that its id is %u", h7_load32_relaxed(&sh->id));
    object_fact(s, o, "made by", "user %u, group %u", h7_load32_relaxed(&sh->cuid),
                h7_load32_relaxed(&sh->cgid));
    object_time(s, o, "changed", (int64_t)h7_load64_relaxed(&sh->ctime));
}

/* --- kinds ------------------------------------------------------------------------------ */

static void read_claim(struct scan *s, struct object *o, const struct view *v,
                       const struct h7_claim *c, const char *what)
{
    if (h7_load32_relaxed(&c->state) == 0)
        return;
    uint32_t pid = h7_load32_relaxed(&c->pid), tid = h7_load32_relaxed(&c->tid);
    if (!part_holder(o, v, pid, h7_load64_relaxed(&c->mark), 0, what))
        object_fact(s, o, what, "held by process %u, thread %u", pid, tid);
}

void read_conduit(struct scan *s, struct object *o, const struct view *v)
{
    const struct h7_conduit_shared *c = (const void *)(v->bytes + H7_SEGMENT_CONTROL);
    static const char *const whose[] = {"writers'", "readers'"};
    uint64_t head = h7_load64_relaxed(&c->ring.head), tail = h7_load64_relaxed(&c->ring.tail);
    uint64_t cap = v->head.data_len;
    o->depth = (int64_t)(head - tail);
    o->size = (int64_t)cap;
    o->keeps_data = head != tail;
    if (head - tail > cap) {
        o->depth = UNKNOWN;
        object_is(o, OBJECT_CORRUPT, "head and tail are further apart than the capacity");
    }
    object_fact(s, o, "bytes so far", "%llu written, %llu read", (unsigned long long)head,
                (unsigned long long)tail);
    for (int side = 0; side < 2; side++) {
        part_lock(s, o, v, &c->side[side].lock, whose[side]);
        read_claim(s, o, v, &c->side[side].claim, side ? "peek" : "reservation");
        object_fact(s, o, side ? "readers' deaths" : "writers' deaths", "%u inside a verb, mended",
                    h7_load32_relaxed(&c->side[side].recoveries));
    }
}

void read_sem(struct scan *s, struct object *o, const struct view *v)
{
    const struct h7_sem *sem = (const void *)(v->bytes + H7_SEGMENT_CONTROL);
    char why[100];
    uint64_t state = h7_load64_relaxed(&sem->state);
    o->depth = H7_SEM_VALUE(state);
    o->size = HEPTA_SEM_VALUE_MAX;
    if (h7_sem_check(sem, why, sizeof why) < 0)
        object_is(o, OBJECT_CORRUPT, "%s", why);
    object_fact(s, o, "arrivals", "%u attempts to sleep since nobody slept",
                H7_SEM_ARRIVALS(state));
}

void read_shmid(struct scan *s, struct object *o, const struct view *v)
{
    const struct h7_shmid_shared *sh = (const void *)(v->bytes + H7_SEGMENT_CONTROL);
    pid_t maker = (pid_t)h7_load32_relaxed(&sh->cpid);
    part_sysv(s, o, &sh->common);
    part_lock(s, o, v, &sh->lock, "control");
    o->size = (int64_t)h7_load64_relaxed(&sh->len);
    o->maker_gone = v->same_pids && !scan_lives(maker);
    if (h7_load32_relaxed(&sh->removed))
        object_fact(s, o, "removed", "goes with the last process that has it");
    object_fact(s, o, "maker", "process %d", (int)maker);
    object_fact(s, o, "last attach", "process %u", h7_load32_relaxed(&sh->lpid));
    object_time(s, o, "attached", (int64_t)h7_load64_relaxed(&sh->atime));
    object_time(s, o, "detached", (int64_t)h7_load64_relaxed(&sh->dtime));
    if (h7_load32_relaxed(&sh->removed))
        o->maker_gone = true; /* who removed it said so */
}
