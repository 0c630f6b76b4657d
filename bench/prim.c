/* SPDX-License-Identifier: MIT */
/*
 * bench/prim.c - what the library's blocks cost when nobody is in the way
 *
 * One process, one thread, no contention: the price that every message pays. Each line is
 * a pair (take and give back) in ns, the median of five runs, with what glibc and the
 * kernel ask for the same beside it. To add a block: write run() and a line in the table.
 *
 *   prim-bench [SECONDS]      bound of one run, default 0.05
 */
#define _GNU_SOURCE
#include "bench/ticks.h"
#include "prim/bell.h"
#include "prim/claim.h"
#include "prim/life.h"
#include "prim/lock.h"
#include "prim/ring.h"
#include "prim/segment.h"

#include <errno.h>
#include <hepta/base.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RUNS 5

/* Everything that the blocks need, made once. The shared part is what a room would have
 * in its control block. */
struct shared {
    struct h7_lock lock __attribute__((aligned(H7_APART)));
    struct h7_claim claim;
    struct h7_bell_word bell __attribute__((aligned(H7_APART)));
    struct h7_ring_shared ring;
    pthread_mutex_t pshared, robust;
};

static struct {
    struct shared *shared;
    struct h7_segment segment;
    struct h7_ring ring;
    struct h7_life self;
    int bell[2], event, pipe[2];
    char message[64];
} w;

static int run_ring(uint64_t n)
{
    uint64_t head = h7_load64_relaxed(&w.shared->ring.head), tail = head, room, used;

    while (n-- > 0) {
        if (h7_ring_free(&w.ring, head, &room) || room < sizeof(w.message))
            return -EBADMSG;
        memcpy(h7_ring_at(&w.ring, head), w.message, sizeof(w.message));
        h7_ring_publish(&w.ring, head += sizeof(w.message));
        if (h7_ring_used(&w.ring, tail, &used) || used != sizeof(w.message))
            return -EBADMSG;
        memcpy(w.message, h7_ring_at(&w.ring, tail), sizeof(w.message));
        h7_ring_consume(&w.ring, tail += sizeof(w.message));
    }
    return 0;
}

static int run_lock(uint64_t n)
{
    while (n-- > 0) {
        int rc = h7_lock(&w.shared->lock, HEPTA_FOREVER);
        if (rc)
            return rc;
        h7_unlock(&w.shared->lock);
    }
    return 0;
}

static int run_mutex(pthread_mutex_t *mutex, uint64_t n)
{
    while (n-- > 0) {
        int err = pthread_mutex_lock(mutex);
        if (err)
            return -err;
        pthread_mutex_unlock(mutex);
    }
    return 0;
}

static int run_pshared(uint64_t n)
{
    return run_mutex(&w.shared->pshared, n);
}

static int run_robust(uint64_t n)
{
    return run_mutex(&w.shared->robust, n);
}

static int run_claim(uint64_t n)
{
    while (n-- > 0) {
        int rc = h7_claim_take(&w.shared->claim);
        if (rc)
            return rc;
        h7_claim_drop(&w.shared->claim);
    }
    return 0;
}

static int run_life(uint64_t n)
{
    while (n-- > 0)
        if (!h7_life_alive(&w.self))
            return -ESRCH;
    return 0;
}

static int run_wanted(uint64_t n)
{
    uint64_t rung = 0;

    while (n-- > 0) {
        rung += (uint64_t)h7_bell_wanted(&w.shared->bell);
        h7_fence_compiler();
    }
    return rung ? -EBADMSG : 0;
}

/* The level goes down, as for a sleeper or a poller, and up again. */
static int run_bell(uint64_t n)
{
    while (n-- > 0) {
        h7_bell_announce(&w.shared->bell);
        h7_bell_lower(w.bell[0], 1, H7_BELL_PIPE);
        int rc = h7_bell_ring(&w.shared->bell, w.bell[1], H7_BELL_PIPE);
        if (rc)
            return rc;
    }
    return 0;
}

/* The same, and the sleep between, from which a byte that is there wakes at once. */
static int run_wake(uint64_t n)
{
    while (n-- > 0) {
        int rc = run_bell(1);
        if (!rc)
            rc = h7_bell_sleep(&w.shared->bell, w.bell[0], w.bell[0], HEPTA_FOREVER);
        if (rc)
            return rc < 0 ? rc : -EPIPE;
    }
    return 0;
}

static int run_eventfd(uint64_t n)
{
    uint64_t value = 1;

    while (n-- > 0)
        if (write(w.event, &value, sizeof(value)) < 0 || read(w.event, &value, sizeof(value)) < 0)
            return -errno;
    return 0;
}

static int run_pipe(uint64_t n)
{
    while (n-- > 0)
        if (write(w.pipe[1], w.message, sizeof(w.message)) < 0 ||
            read(w.pipe[0], w.message, sizeof(w.message)) < 0)
            return -errno;
    return 0;
}

static int run_syscall(uint64_t n)
{
    while (n-- > 0)
        syscall(SYS_getppid);
    return 0;
}

static const struct block {
    const char *name;
    int (*run)(uint64_t n);
} blocks[] = {
    {"ring: push and pop 64 B", run_ring},
    {"  kernel pipe: write and read 64 B", run_pipe},
    {"lock: lock and unlock", run_lock},
    {"  glibc mutex, pshared", run_pshared},
    {"  glibc mutex, pshared and robust", run_robust},
    {"claim: take and drop", run_claim},
    {"life: is that process alive", run_life},
    {"bell: look whether anybody wants it", run_wanted},
    {"bell: lower and ring", run_bell},
    {"bell: lower, ring, wake", run_wake},
    {"  eventfd: write and read", run_eventfd},
    {"  a system call", run_syscall},
};

static int make_mutex(pthread_mutex_t *mutex, int robust)
{
    pthread_mutexattr_t attr;

    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, robust);
    int err = pthread_mutex_init(mutex, &attr);
    pthread_mutexattr_destroy(&attr);
    return -err;
}

static int make_memory(void)
{
    struct h7_segment_spec spec = {.label = "prim-bench",
                                   .kind = H7_KIND_TEST,
                                   .control_len = sizeof(struct shared),
                                   .data_len = 65536,
                                   .ring = 1};
    int rc = h7_segment_new(&w.segment, &spec);

    if (rc)
        return rc;
    /* The control block begins where the header ends, which is less aligned than this. */
    void *at = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                    -1, 0);
    if (at == MAP_FAILED)
        return -errno;
    w.shared = at;
    return h7_ring_init(&w.ring, &w.shared->ring, w.segment.data, w.segment.data_len);
}

static int make(void)
{
    int rc = make_memory();

    if (!rc)
        rc = make_mutex(&w.shared->pshared, PTHREAD_MUTEX_STALLED);
    if (!rc)
        rc = make_mutex(&w.shared->robust, PTHREAD_MUTEX_ROBUST);
    if (!rc)
        rc = h7_life_self(&w.self);
    if (!rc)
        rc = h7_bell_new(w.bell);
    w.event = eventfd(0, EFD_CLOEXEC);
    if (!rc && (w.event < 0 || pipe(w.pipe)))
        rc = -errno;
    return rc;
}

/* ns for each of the n, as many as fill the bound. Negative errno on failure. */
static double measure(const struct block *b, double seconds)
{
    for (uint64_t n = 64;; n *= 2) {
        int64_t start = bench_now_ns();
        int rc = b->run(n);
        double ns = (double)(bench_now_ns() - start);
        if (rc)
            return rc;
        if (ns >= seconds * 0.5e9)
            return ns / (double)n;
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static int report(const struct block *b, double seconds)
{
    double ns[RUNS];

    for (int i = 0; i < RUNS; i++)
        ns[i] = measure(b, seconds);
    qsort(ns, RUNS, sizeof(*ns), ascending);
    if (ns[0] < 0) {
        fprintf(stderr, "prim-bench: %s: %s\n", b->name, strerror((int)-ns[0]));
        return EXIT_FAILURE;
    }
    printf("%-36s %10.1f ns\n", b->name, ns[RUNS / 2]);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 0.05;
    int status = EXIT_SUCCESS, rc = make();

    if (rc || !(seconds > 0)) {
        fprintf(stderr, "prim-bench: %s\n", rc ? strerror(-rc) : "SECONDS must be above 0");
        return rc ? EXIT_FAILURE : 2;
    }
    for (size_t i = 0; i < sizeof(blocks) / sizeof(*blocks); i++)
        status |= report(&blocks[i], seconds);
    h7_segment_close(&w.segment);
    return status;
}
