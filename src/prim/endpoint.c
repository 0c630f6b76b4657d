/* SPDX-License-Identifier: MIT */
/* prim/endpoint.c - see prim/endpoint.h */
#include "prim/endpoint.h"

#include <string.h>
#include <sys/stat.h>

#include "base/self.h"

#define OPTIONS_MAX 4096 /* what claims to be longer is no struct of any version */

int h7_endpoint_options(void *ours, size_t size, const void *opt)
{
    uint32_t theirs = (uint32_t)size;
    memset(ours, 0, size);
    if (opt)
        memcpy(&theirs, opt, sizeof theirs);
    if (theirs < sizeof theirs || theirs > OPTIONS_MAX)
        return -EINVAL;
    for (size_t i = size; i < theirs; i++)
        if (((const char *)opt)[i])
            return -E2BIG;
    if (opt)
        memcpy(ours, opt, theirs < size ? theirs : size);
    return 0;
}

int h7_endpoint_ways(uint32_t wait, uint32_t spin_ns)
{
    return wait > HEPTA_WAIT_SLEEP || spin_ns > H7_SPIN_MAX_NS ? -EINVAL : 0;
}

int h7_endpoint_at_home(uint64_t pidns)
{
    int r = h7_self() ? 0 : h7_self_fill();
    if (r < 0)
        return r;
    return h7_self_pidns() != pidns ? -EXDEV : 0;
}

/* relaxed: what comes after is published by the lock that keeps others out */
static void reset_side(struct h7_conduit_side *s)
{
    h7_store32_relaxed(&s->lock.word, 0);
    h7_bell_announce(&s->bell);
    h7_store64_relaxed(&s->own, 0);
    h7_store64_relaxed(&s->cache, 0);
    h7_claim_drop(&s->claim);
    h7_store32_relaxed(&s->event.word, 0);
    h7_store32_relaxed(&s->least, 0);
    h7_store32_relaxed(&s->least_tid, 0);
    h7_store32_relaxed(&s->asym, 0);
    h7_store32_relaxed(&s->cpu, 0);
}

void h7_endpoint_reset(struct h7_conduit_shared *shared)
{
    for (int role = 0; role < 2; role++) {
        reset_side(&shared->side[role]);
        h7_store32_relaxed(&shared->level_hint[role], 0);
    }
    h7_store64_relaxed(&shared->ring.head, 0);
    h7_store64_relaxed(&shared->ring.tail, 0);
    h7_store32_relaxed(&shared->over, 0);
}

uint64_t h7_endpoint_inode(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) ? (uint64_t)st.st_ino : 0;
}

/* Is anybody of that role there, seen from c? */
static uint32_t someone(const struct h7_conduit *c, int role)
{
    return c->role == role || !h7_conduit_hangup(c);
}

int h7_endpoint_stat_room(const struct hepta_pipe_stat *st, size_t st_size)
{
    if (!st)
        return -EFAULT;
    return st_size == 0 ? -EINVAL : 0;
}

void h7_endpoint_give_stat(struct hepta_pipe_stat *st, size_t st_size,
                           const struct hepta_pipe_stat *ours)
{
    memcpy(st, ours, st_size < sizeof *ours ? st_size : sizeof *ours);
    if (st_size > sizeof *ours)
        memset((char *)st + sizeof *ours, 0, st_size - sizeof *ours);
}

int h7_endpoint_stat(const struct h7_conduit *c, struct hepta_pipe_stat *st, size_t st_size)
{
    int r = h7_endpoint_stat_room(st, st_size);
    if (r < 0)
        return r;
    const struct h7_conduit_side *w = &c->shared->side[H7_WRITER];
    const struct h7_conduit_side *d = &c->shared->side[H7_READER];
    struct hepta_pipe_stat s = {.capacity = c->ring.cap, .flags = c->flags};
    s.bytes_out = h7_load64_acquire(&c->ring.shared->tail);
    s.bytes_in = h7_load64_acquire(&c->ring.shared->head);
    s.used = s.bytes_in - s.bytes_out;
    if (s.used > s.capacity) /* a snapshot across both: tail was read first */
        s.used = s.capacity;
    s.has_writer = someone(c, H7_WRITER);
    s.has_reader = someone(c, H7_READER);
    /* A side rings what the other sleeps on; statistics: relaxed. */
    s.sleeps[0] = h7_load32_relaxed(&w->bell.n_sleeps);
    s.sleeps[1] = h7_load32_relaxed(&d->bell.n_sleeps);
    s.wakes[0] = h7_load32_relaxed(&w->bell.n_rings);
    s.wakes[1] = h7_load32_relaxed(&d->bell.n_rings);
    s.recoveries = (uint64_t)h7_load32_relaxed(&w->recoveries) + h7_load32_relaxed(&d->recoveries);
    h7_endpoint_give_stat(st, st_size, &s);
    return 0;
}
