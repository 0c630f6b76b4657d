/* SPDX-License-Identifier: MIT */
/*
 * cli/demo_lease.c - the demo's last act: a worker is killed in the middle of its work
 *
 * The file lies in a queue, a block to a message. A worker takes blocks on a lease, puts each where
 * it belongs, and acknowledges it. When half of them are done it gets SIGKILL. Another one goes on.
 * What the first had taken and not acknowledged has to come again: at the end the file is whole.
 */
#define _GNU_SOURCE
#include "cli/demo.h"

#include <errno.h>
#include <hepta/channel.h>
#include <hepta/mq.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define BLOCK  4096
#define BLOCKS 4096 /* 16 MiB at most */

/* What the workers make of it, in a memfd that they inherit. */
struct bench {
    volatile uint32_t finished, again;
    char pad[BLOCK - 8];
    unsigned char bytes[];
};

struct block {
    uint32_t at, len;
    unsigned char bytes[BLOCK];
};

/* ---- a worker ---- */

static int work(struct demo_peer *p, struct bench *b, const struct hepta_channel_msg *m)
{
    const struct block *in = m->data;
    const size_t head = offsetof(struct block, bytes);

    if (m->len < head || m->len - head < in->len || in->at + (size_t)in->len > p->len)
        return -EBADMSG;
    memcpy(b->bytes + in->at, in->bytes, in->len);
    if (m->set & HEPTA_CHANNEL_HAS_DELIVERIES && m->deliveries > 1)
        b->again++;
    int rc = hepta_channel_ack(p->ch, m->lease);
    b->finished++;
    return rc;
}

int demo_lease_peer(struct demo_peer *p)
{
    size_t len = sizeof(struct bench) + p->len;
    struct bench *b = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, p->file, 0);
    int rc = b == MAP_FAILED ? -errno : 0;

    while (!rc) {
        struct hepta_channel_msg m = {.size = sizeof(m)};
        rc = hepta_channel_recv(p->ch, &m, HEPTA_NOW);
        if (rc == -EAGAIN)
            return 0; /* the queue is empty */
        rc = rc == 1 ? work(p, b, &m) : rc == 0 ? -EPIPE : rc;
    }
    return rc;
}

/* ---- the demo's side ---- */

static int fill(const char *name, const struct demo_file *file, size_t len)
{
    struct hepta_mq_options opt = {
        .size = sizeof(opt), .msgs_max = BLOCKS, .msg_max = sizeof(struct block)};
    static struct block block;
    struct hepta_mq *mq;
    int rc = hepta_mq_open(&mq, name, HEPTA_MQ_WRITE | HEPTA_MQ_CREATE | HEPTA_MQ_EXCL, 0600, &opt);

    for (size_t at = 0; at < len && !rc; at += BLOCK) {
        block.at = (uint32_t)at;
        block.len = (uint32_t)(len - at < BLOCK ? len - at : BLOCK);
        memcpy(block.bytes, file->bytes + at, block.len);
        rc = hepta_mq_send(mq, &block, sizeof(block), 0, HEPTA_NOW);
    }
    hepta_mq_close(mq);
    return rc;
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

static int kill_half_way(struct demo_child *child, const struct bench *b, size_t half)
{
    struct demo_report report;
    int64_t end = hepta_in_ms(20000);
    int rc = demo_child_report(child, DEMO_READY, &report);

    if (!rc)
        rc = demo_child_go(child);
    while (!rc && b->finished < half && hepta_now_ns() < end && !demo_stopped())
        nap();
    if (!rc && b->finished < half)
        rc = -ETIMEDOUT;
    if (!rc && kill(child->pid, SIGKILL))
        rc = -errno;
    return rc;
}

static int go_on(struct demo_job *job)
{
    struct demo_child child;
    struct demo_report report;
    int rc = demo_child_start(&child, job);

    if (!rc)
        rc = demo_child_report(&child, DEMO_READY, &report);
    if (!rc)
        rc = demo_child_go(&child);
    if (!rc)
        rc = demo_child_report(&child, DEMO_DONE, &report);
    demo_child_end(&child);
    return rc;
}

static int play(const struct demo_file *file, const char *name, struct bench *b,
                struct demo_job *job, struct demo_lease *result)
{
    unsigned char is[32], should[32];
    struct demo_child child = {.pid = -1, .report = -1, .go = -1};
    int rc = fill(name, file, job->len);

    if (!rc)
        rc = demo_child_start(&child, job);
    if (!rc)
        rc = kill_half_way(&child, b, result->messages / 2);
    demo_child_end(&child); /* reaped: its leases are nobody's */
    result->before = b->finished;
    if (!rc)
        rc = go_on(job);
    result->again = b->again;
    demo_sha256(b->bytes, job->len, is);
    demo_sha256(file->bytes, job->len, should);
    result->wrong = memcmp(is, should, sizeof(is)) != 0;
    return rc;
}

void demo_lease_play(const struct demo_file *file, const int cpu[2], struct demo_lease *result)
{
    char name[64], address[DEMO_TEXT];
    size_t len = file->len < (size_t)BLOCKS * BLOCK ? file->len : (size_t)BLOCKS * BLOCK;
    size_t all = sizeof(struct bench) + len;
    int fd = memfd_create("hepta-demo", 0); /* inherited */
    struct bench *b = MAP_FAILED;

    *result = (struct demo_lease){.messages = (len + BLOCK - 1) / BLOCK};
    snprintf(name, sizeof(name), "/hepta-demo-%d-lease", (int)getpid());
    snprintf(address, sizeof(address), "mq:%s,lease", name);
    struct demo_job job = {.role = "lease", .scene = "mq", .way = DEMO_HEPTA, .address = address,
                           .len = len, .file = fd, .cpu = cpu[1]};
    if (fd >= 0 && ftruncate(fd, (off_t)all) == 0)
        b = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    result->err = b == MAP_FAILED ? -errno : play(file, name, b, &job, result);
    hepta_mq_unlink(name);
    if (b != MAP_FAILED)
        munmap(b, all);
    if (fd >= 0)
        close(fd);
}
