/* SPDX-License-Identifier: MIT */
/*
 * prim/conduit_test.h - both sides of a conduit in one process, for its unit tests
 *
 * Each test opens one; closing it runs the invariant check, so that every test ends with
 * it. A child closes the side that it doesn't play, as after any fork.
 */
#ifndef H7_PRIM_CONDUIT_TEST_H
#define H7_PRIM_CONDUIT_TEST_H

#include "base/unit_test.h"

#include <sched.h>
#include <sys/socket.h>

#include "base/sys.h"
#include "prim/conduit.h"
#include "prim/segment.h"

struct flow {
    struct h7_segment seg;
    struct h7_conduit w, r;
    uint32_t *stage; /* shared with children */
    int corrupt;     /* the test broke it on purpose */
};

/* Two ends of a bell: [0] for listeners, [1] for ringers. A socket's begins silent. */
static inline void flow_bell(int fds[2], enum h7_bell_kind kind, int type)
{
    if (kind == H7_BELL_PIPE)
        assert_int_equal(h7_bell_new(fds), 0);
    else
        assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds), 0);
}

static inline void flow_open_on(struct flow *f, uint32_t flags, size_t capacity, uint32_t mode,
                                enum h7_bell_kind kind, int type)
{
    const struct h7_segment_spec spec = {.label = "hepta-test",
                                         .kind = H7_KIND_TEST,
                                         .flags = flags,
                                         .control_len = sizeof(struct h7_conduit_shared),
                                         .data_len = capacity,
                                         .ring = 1};
    int d[2], s[2];
    *f = (struct flow){.stage = unit_shared(sizeof *f->stage)};
    assert_int_equal(h7_segment_new(&f->seg, &spec), 0);
    flow_bell(d, kind, type);
    flow_bell(s, kind, type);
    struct h7_conduit_shared *shared = h7_segment_control(&f->seg);
    assert_int_equal(h7_conduit_init(&f->w, shared, H7_WRITER, flags, f->seg.data, f->seg.data_len),
                     0);
    assert_int_equal(h7_conduit_init(&f->r, shared, H7_READER, flags, f->seg.data, f->seg.data_len),
                     0);
    f->w.ring_fd = d[1];
    f->w.listen_fd = s[0];
    f->r.ring_fd = s[1];
    f->r.listen_fd = d[0];
    f->w.bell_kind = f->r.bell_kind = kind;
    for (int i = 0; i < 2 && kind == H7_BELL_SOCKET; i++)
        h7_bell_announce(&shared->side[i].bell);
    h7_conduit_tune(&f->w, mode, 0);
    h7_conduit_tune(&f->r, mode, 0);
}

static inline void flow_open(struct flow *f, uint32_t flags, size_t capacity, uint32_t mode)
{
    flow_open_on(f, flags, capacity, mode, H7_BELL_PIPE, 0);
}

/* As if the peer waited on this CPU: then the nap is tried, too. */
static inline void flow_stay_near_peer(const struct h7_conduit *c)
{
    cpu_set_t set;
    int cpu = sched_getcpu();
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
    h7_store32_relaxed(&c->peer->cpu, (uint32_t)cpu + 1);
}

/* What a room's close does to one side. */
static inline void flow_drop(struct flow *f, struct h7_conduit *c)
{
    h7_conduit_abandon(c);
    h7_sys_close(c->ring_fd);
    h7_sys_close(c->listen_fd);
    c->ring_fd = c->listen_fd = -1;
    h7_conduit_closed(f->w.shared);
}

/* In a child: only its copies of the descriptors go; the side itself stays. */
static inline void flow_forget(struct h7_conduit *c)
{
    h7_sys_close(c->ring_fd);
    h7_sys_close(c->listen_fd);
    c->ring_fd = c->listen_fd = -1;
}

static inline void flow_close(struct flow *f)
{
    char why[128] = "";
    int r = f->corrupt ? 0 : h7_conduit_check(&f->w, why, sizeof why);
    flow_drop(f, &f->w);
    flow_drop(f, &f->r);
    h7_segment_close(&f->seg);
    munmap(f->stage, sizeof *f->stage);
    if (r < 0)
        fail_msg("after the test: %s", why);
}

/* Bytes that tell where they belong. */
static inline void flow_pattern(char *buf, size_t len, uint64_t at)
{
    for (size_t i = 0; i < len; i++)
        buf[i] = (char)((at + i) * 31 + ((at + i) >> 8));
}

static inline int flow_is_pattern(const char *buf, size_t len, uint64_t at)
{
    for (size_t i = 0; i < len; i++)
        if (buf[i] != (char)((at + i) * 31 + ((at + i) >> 8)))
            return 0;
    return 1;
}

static inline uint64_t flow_head(const struct flow *f)
{
    return h7_load64_relaxed(&f->w.ring.shared->head);
}

static inline uint64_t flow_tail(const struct flow *f)
{
    return h7_load64_relaxed(&f->w.ring.shared->tail);
}

/* As if so many bytes had gone through already. */
static inline void flow_start_at(struct flow *f, uint64_t index)
{
    h7_store64_relaxed(&f->w.ring.shared->head, index);
    h7_store64_relaxed(&f->w.ring.shared->tail, index);
    for (int i = 0; i < 2; i++) {
        h7_store64_relaxed(&f->w.shared->side[i].own, index);
        h7_store64_relaxed(&f->w.shared->side[i].cache, index);
    }
    h7_store64_relaxed(&f->w.cache, index);
    h7_store64_relaxed(&f->r.cache, index);
}

#endif
