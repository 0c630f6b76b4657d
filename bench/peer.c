/* SPDX-License-Identifier: MIT */
/*
 * bench/peer.c - the two loops that are measured
 *
 * A peer sleeps on its control socket until it is told how many messages to exchange, so
 * warm-up and measurement run the same code in the same process, and nothing but the
 * messages happens in between: streams look at the clock at their two ends only,
 * ping-pong reads the cycle counter twice a round. Each process counts the messages for
 * itself; the number travels in the message and is checked there.
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

struct run {
    const struct bench_backend *to;
    void *link;
    unsigned char *buf;
    size_t len;
    uint64_t out, in; /* numbers of the next message each way */
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

static inline int get(struct run *r)
{
    const void *at;
    int rc;

    if (!r->to->peek) {
        rc = r->to->recv(r->link, r->buf, r->len);
        if (rc)
            return rc;
        return message_check(r->buf, r->len, r->in++) ? -EBADMSG : 0;
    }
    rc = r->to->peek(r->link, r->len, &at);
    if (rc)
        return rc;
    if (message_check(at, r->len, r->in++))
        return -EBADMSG;
    return r->to->release(r->link, r->len);
}

static int ping(struct run *r, uint64_t n, struct histogram *rtt)
{
    int rc = 0;

    while (n-- > 0 && !rc) {
        uint64_t t0 = bench_ticks();
        rc = put(r);
        if (!rc)
            rc = get(r);
        histogram_add(rtt, bench_ticks() - t0);
    }
    return rc;
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

/* The consumer's clock starts at its first message: it may have been waiting before. */
static int stream(struct run *r, const struct peer *p, uint64_t n, int64_t *start)
{
    if (p->side == BENCH_FIRST)
        return produce(r, n);
    int rc = consume(r, 1);
    *start = bench_now_ns();
    return rc ? rc : consume(r, n - 1);
}

static uint64_t preemptions(void)
{
    struct rusage u;

    return getrusage(RUSAGE_SELF, &u) ? 0 : (uint64_t)u.ru_nivcsw;
}

static void obey(struct run *r, const struct peer *p, uint64_t n, struct peer_reply *reply)
{
    uint64_t preempted = preemptions();
    uint64_t ticks = bench_ticks();
    int64_t start = bench_now_ns();

    if (p->on->test == BENCH_STREAM)
        reply->err = stream(r, p, n, &start);
    else if (p->side == BENCH_FIRST)
        reply->err = ping(r, n, p->rtt);
    else
        reply->err = pong(r, n);
    reply->ns = (uint64_t)(bench_now_ns() - start);
    reply->ticks = bench_ticks() - ticks;
    reply->preempted = preemptions() - preempted;
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

_Noreturn void bench_peer_run(const struct peer *p)
{
    struct run r = {.to = p->backend, .link = p->link, .len = p->on->bytes};
    struct peer_command command;
    struct peer_reply reply = {.err = settle(p)};

    if (!reply.err && posix_memalign((void **)&r.buf, 4096, r.len))
        reply.err = -ENOMEM;
    if (!reply.err)
        memset(r.buf, 0x5a, r.len);
    while (read(p->control, &command, sizeof(command)) == sizeof(command)) {
        if (!reply.err)
            obey(&r, p, command.n, &reply);
        if (write(p->control, &reply, sizeof(reply)) != sizeof(reply))
            break;
    }
    _exit(0);
}
