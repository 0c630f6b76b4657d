/* SPDX-License-Identifier: MIT */
/*
 * bench/peer.c - the loops that are measured
 *
 * A peer sleeps on its control socket until it is told how many messages to exchange, so
 * warm-up and measurement run the same code in the same process, and nothing but the
 * messages happens in between: streams look at the clock at their two ends only,
 * ping-pong reads the cycle counter twice a round. Each sender counts its messages;
 * the number travels in the message and is checked where that arrives. A receiver that is alone
 * gets all of them in order. One of several gets some, in order; the coordinator finds out
 * whether each arrived once. Where no messages are sent the back end has the loop (repeat).
 */
#define _GNU_SOURCE
#include "bench/peer.h"

#include "bench/cpus.h"
#include "bench/message.h"
#include "bench/ticks.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define PAGE 4096

struct run {
    const struct bench_backend *to;
    void *link;
    unsigned char *buf;
    size_t len;
    uint64_t out; /* number of the next message to send */
    uint64_t senders;
    bool alone;                  /* no other process receives */
    uint64_t in[BENCH_SIDE_MAX]; /* of each sender: number of the next to receive, at least */
    uint64_t n[BENCH_SIDE_MAX], sum[BENCH_SIDE_MAX];
};

static inline int put(struct run *r)
{
    void *at;

    if (!r->to->reserve) {
        message_stamp(r->buf, r->len, r->out++);
        return r->to->send(r->link, r->buf, r->len);
    }
    int rc = r->to->reserve(r->link, r->len, &at);
    if (rc)
        return rc;
    message_stamp(at, r->len, r->out++);
    return r->to->commit(r->link, r->len);
}

static inline int check(struct run *r, const void *at)
{
    uint64_t word = message_get(at);
    uint64_t from = word >> MESSAGE_FROM, i = word - (from << MESSAGE_FROM);

    if (from >= r->senders || i < r->in[from] || (r->alone && i > r->in[from]) ||
        message_check(at, r->len, word))
        return -EBADMSG;
    r->in[from] = i + 1;
    r->n[from]++;
    r->sum[from] += i;
    return 0;
}

static inline int get(struct run *r)
{
    const void *at;
    int rc;

    if (!r->to->peek) {
        rc = r->to->recv(r->link, r->buf, r->len);
        return rc ? rc : check(r, r->buf);
    }
    rc = r->to->peek(r->link, r->len, &at);
    if (!rc)
        rc = check(r, at);
    return rc ? rc : r->to->release(r->link, r->len);
}

static int ping(struct run *r, uint64_t n, struct histogram *times)
{
    int rc = 0;

    while (n-- > 0 && !rc) {
        uint64_t t0 = bench_ticks();
        rc = put(r);
        if (!rc)
            rc = get(r);
        histogram_add(times, bench_ticks() - t0);
    }
    return rc;
}

static int pairs(struct run *r, uint64_t n)
{
    int rc = 0;

    if (r->to->repeat)
        return r->to->repeat(r->link, n);
    while (n-- > 0 && !rc) {
        rc = put(r);
        if (!rc)
            rc = get(r);
    }
    return rc;
}

static int checked_pairs(struct run *r, uint64_t n)
{
    int rc = pairs(r, n);

    return rc || !r->to->check ? rc : r->to->check(r->link);
}

/* @group of them between two looks at the counter. */
static int timed_pairs(struct run *r, uint64_t n, uint64_t group, struct histogram *times)
{
    uint64_t t0 = bench_ticks();
    int rc = 0;

    for (; n >= group && !rc; n -= group) {
        rc = pairs(r, group);
        uint64_t t1 = bench_ticks();
        histogram_add(times, t1 - t0);
        t0 = t1;
        if (!rc && r->to->check) {
            rc = r->to->check(r->link);
            t0 = bench_ticks();
        }
    }
    return rc ? rc : checked_pairs(r, n);
}

static int pong(struct run *r, uint64_t n)
{
    int rc = 0;

    while (n-- > 0 && !rc) {
        rc = get(r);
        if (!rc)
            rc = put(r);
    }
    return rc;
}

static int produce(struct run *r, uint64_t n)
{
    int rc = 0;

    while (n-- > 0 && !rc)
        rc = put(r);
    return rc;
}

static int consume(struct run *r, uint64_t n)
{
    int rc = 0;

    while (n-- > 0 && !rc)
        rc = get(r);
    return rc;
}

/* A consumer's clock starts at its first message: it may have been waiting before. */
static int stream(struct run *r, const struct peer *p, uint64_t n, int64_t *start)
{
    const int *side = bench_shapes[p->on->test].n;

    if (p->side == BENCH_FIRST)
        return produce(r, n);
    n = n * (uint64_t)side[BENCH_FIRST] / (uint64_t)side[BENCH_SECOND];
    int rc = consume(r, 1);
    *start = bench_now_ns();
    return rc ? rc : consume(r, n - 1);
}

static uint64_t preemptions(void)
{
    struct rusage u;

    return getrusage(RUSAGE_SELF, &u) ? 0 : (uint64_t)u.ru_nivcsw;
}

static int carry_out(struct run *r, const struct peer *p, uint64_t n, int64_t *start)
{
    const struct bench_shape *shape = &bench_shapes[p->on->test];

    if (p->on->test == BENCH_PINGPONG)
        return p->side == BENCH_FIRST ? ping(r, n, p->times) : pong(r, n);
    if (p->backend->repeat && (shape->rate || p->side == BENCH_SECOND))
        return p->backend->repeat(r->link, n);
    if (shape->rate)
        return stream(r, p, n, start);
    return timed_pairs(r, n, (uint64_t)shape->group, p->times);
}

static void obey(struct run *r, const struct peer *p, uint64_t n, struct peer_reply *reply)
{
    if (p->backend->begin && (reply->err = p->backend->begin(r->link, n)))
        return;
    uint64_t preempted = preemptions();
    uint64_t ticks = bench_ticks();
    reply->start_ns = bench_now_ns();
    reply->err = carry_out(r, p, n, &reply->start_ns);
    reply->end_ns = bench_now_ns();
    reply->ticks = bench_ticks() - ticks;
    reply->preempted = preemptions() - preempted;
    memcpy(reply->n, r->n, sizeof(r->n));
    memcpy(reply->sum, r->sum, sizeof(r->sum));
}

/* The child must not outlive a coordinator that is killed: it may be spinning. */
static int settle(const struct peer *p)
{
    signal(SIGPIPE, SIG_IGN);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != p->parent)
        return -ESRCH;
    int rc = bench_cpus_pin(p->cpu);
    return rc ? rc : p->backend->enter(p->link, p->side);
}

/* Page-aligned, with room in front of it. */
static int make_buffer(struct run *r)
{
    unsigned char *at;

    if (posix_memalign((void **)&at, PAGE, PAGE + r->len))
        return -ENOMEM;
    memset(at, 0x5a, PAGE + r->len);
    r->buf = at + PAGE;
    return 0;
}

_Noreturn void bench_peer_run(const struct peer *p)
{
    const int *side = bench_shapes[p->on->test].n;
    struct run r = {.to = p->backend,
                    .link = p->link,
                    .len = p->on->bytes ? p->on->bytes : BENCH_BYTES_MIN,
                    .out = (uint64_t)p->rank << MESSAGE_FROM,
                    .senders = (uint64_t)side[BENCH_FIRST],
                    .alone = side[BENCH_SECOND] <= 1};
    struct peer_command command;
    struct peer_reply reply = {.err = settle(p)};

    if (!reply.err)
        reply.err = make_buffer(&r);
    while (read(p->control, &command, sizeof(command)) == sizeof(command)) {
        if (!reply.err)
            obey(&r, p, command.n, &reply);
        if (write(p->control, &reply, sizeof(reply)) != sizeof(reply))
            break;
    }
    _exit(0);
}
