/* SPDX-License-Identifier: MIT */
/* bench/backends.c - the list of all rivals; a new mechanism is a line here */
#include "bench/backends.h"

#include "bench/inet.h"

#include <string.h>

static const struct bench_backend *const pipe_backends[] = {
    &bench_pipe_hepta,         &bench_pipe_spsc,   &bench_pipe_hepta_zerocopy,
    &bench_pipe_spsc_zerocopy, &bench_pipe_kernel, &bench_pipe_vmsplice,
    &bench_limit_line,         &bench_limit_ring,  NULL,
};

static const struct bench_backend *const fifo_backends[] = {
    &bench_fifo_hepta,
    &bench_fifo_hepta_zerocopy,
    &bench_fifo_pipe,
    &bench_fifo_kernel,
    &bench_limit_line,
    &bench_limit_ring,
    NULL,
};

static const struct bench_backend *const unix_backends[] = {
    &bench_unix_hepta,          &bench_unix_seqpacket,
    &bench_unix_hepta_zerocopy, &bench_unix_seqpacket_zerocopy,
    &bench_unix_kernel,         &bench_unix_kernel_seqpacket,
    &bench_unix_kernel_dgram,   &bench_limit_line,
    &bench_limit_ring,          NULL,
};

static const struct bench_backend *const tcp_backends[] = {&bench_tcp_hepta, &bench_tcp_kernel,
                                                           NULL};
static const struct bench_backend *const udp_backends[] = {&bench_udp_hepta, &bench_udp_kernel,
                                                           NULL};

static const struct bench_backend *const mq_backends[] = {
    &bench_mq_hepta,
    &bench_mq_lease,
    &bench_mq_zerocopy,
    &bench_mq_kernel,
#ifdef BENCH_BOOST
    &bench_mq_boost,
#endif
    &bench_limit_line,
    &bench_limit_ring,
    NULL,
};

static const struct bench_backend *const msg_backends[] = {
    &bench_msg_hepta,
    &bench_msg_kernel,
    &bench_limit_line,
    &bench_limit_ring,
    NULL,
};

static const struct bench_backend *const sem_backends[] = {
    &bench_sem_hepta,
    &bench_sem_permit,
    &bench_sem_kernel,
    &bench_limit_line,
    NULL,
};

static const struct bench_backend *const semset_backends[] = {
    &bench_semset_hepta,
    &bench_semset_kernel,
    &bench_limit_line,
    NULL,
};

static const struct bench_backend *const shm_backends[] = {
    &bench_shm_hepta,
    &bench_shm_kernel,
    &bench_shm_limit,
    NULL,
};

static const struct bench_backend *const signal_backends[] = {
    &bench_signal_hepta,
    &bench_signal_kernel,
    &bench_signal_kernel_fd,
    &bench_limit_line,
    &bench_limit_ring,
    NULL,
};

#define TWO_PROCESSES (1u << BENCH_PINGPONG | 1u << BENCH_STREAM)

#define SEM_TESTS    (1u << BENCH_PINGPONG | 1u << BENCH_PAIR | 1u << BENCH_PERMIT)
#define SEMSET_TESTS (1u << BENCH_PINGPONG | 1u << BENCH_PAIR | 1u << BENCH_UNDO)

#define MUTEX_TESTS (1u << BENCH_MUTEX | 1u << BENCH_CONTEND)
#define CELL_TESTS  (1u << BENCH_CELL | 1u << BENCH_STORM)

#define QUEUE_TESTS (TWO_PROCESSES | 1u << BENCH_PAIR | 1u << BENCH_FANIN | 1u << BENCH_MANY)

const struct bench_mechanism bench_mechanisms[] = {
    {.name = "pipe",
     .what = "between related processes",
     .tests = TWO_PROCESSES,
     .backends = pipe_backends},
    {.name = "fifo", .what = "opened by name", .tests = TWO_PROCESSES, .backends = fifo_backends},
    {.name = "unix",
     .what = "connections on one host; capacity: two messages or more",
     .tests = TWO_PROCESSES,
     .whole = true,
     .backends = unix_backends},
    {.name = "tcp",
     .what = "over 127.0.0.1; the system's buffers",
     .tests = TWO_PROCESSES,
     .backends = tcp_backends},
    {.name = "udp",
     .what = "over 127.0.0.1; with a window",
     .tests = TWO_PROCESSES,
     .most = INET_UDP_MAX,
     .backends = udp_backends},
    {.name = "mq",
     .what = "POSIX message queues",
     .tests = QUEUE_TESTS,
     .whole = true,
     .backends = mq_backends},
    {.name = "msg",
     .what = "System V message queues",
     .tests = QUEUE_TESTS | 1u << BENCH_SELECT,
     .whole = true,
     .backends = msg_backends},
    {.name = "sem",
     .what = "POSIX semaphores",
     .tests = SEM_TESTS,
     .bare = SEM_TESTS,
     .backends = sem_backends},
    {.name = "semset",
     .what = "System V semaphore sets",
     .tests = SEMSET_TESTS,
     .bare = SEMSET_TESTS,
     .backends = semset_backends},
    {.name = "shm",
     .what = "what is put into shared memory",
     .tests = MUTEX_TESTS | CELL_TESTS,
     .bare = MUTEX_TESTS,
     .bytes = {64, 4096},
     .backends = shm_backends},
    {.name = "signal",
     .what = "mailboxes and real-time signals",
     .tests = TWO_PROCESSES | 1u << BENCH_PAIR,
     .bytes = {8},
     .backends = signal_backends},
    {.name = NULL},
};

const struct bench_mechanism *bench_mechanism(const char *name)
{
    for (const struct bench_mechanism *m = bench_mechanisms; m->name; m++)
        if (!strcmp(m->name, name))
            return m;
    return NULL;
}

bool bench_has_test(const struct bench_mechanism *m, enum bench_test test)
{
    return m->tests & 1u << test;
}

bool bench_has_bytes(const struct bench_mechanism *m, enum bench_test test)
{
    return !(m->bare & 1u << test);
}

bool bench_fits(const struct bench_backend *backend, const struct bench_case *c)
{
    return !backend->fits || backend->fits(c);
}

const struct bench_backend *bench_backend(const struct bench_mechanism *m, const char *name,
                                          const struct bench_case *c)
{
    for (const struct bench_backend *const *b = m->backends; *b; b++)
        if (!strcmp((*b)->name, name) && (!c || bench_fits(*b, c)))
            return *b;
    return NULL;
}

/* Larger messages get the largest pipe that the kernel gives without privilege. */
size_t bench_capacity(const struct bench_mechanism *m, size_t bytes)
{
    size_t capacity = bytes < 65536 ? 65536 : 1u << 20;

    while (m->whole && capacity < 2 * (bytes + BENCH_HEAD_MAX))
        capacity *= 2;
    return capacity;
}
