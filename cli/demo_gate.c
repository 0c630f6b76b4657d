/* SPDX-License-Identifier: MIT */
/*
 * cli/demo_gate.c - the demo's file through shared memory, without a copy; and block by block,
 * with semaphores that say whose turn it is
 *
 * Two gates: `full` counts blocks that are ready, `empty` those that are free. They are any of
 * three kinds of semaphore, the kernel's (glibc's) or Hepta's; all else is the same.
 */
#define _GNU_SOURCE
#include "cli/demo.h"

#include <errno.h>
#include <fcntl.h>
#include <hepta/sem.h>
#include <hepta/semset.h>
#include <hepta/shm.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <time.h>
#include <unistd.h>

#define BLOCKS   16
#define HEAD     4096 /* of the segment: semaphores in it */
#define SHUT_NS  1000000
#define DEADLINE_NS INT64_C(20000000000)

enum { FULL, EMPTY, GATES };

union memory_gates {
    hepta_sem_t hepta[GATES];
    sem_t glibc[GATES];
};

/* One scene at a time in a process. */
static struct {
    char *base;
    struct hepta_shm *shm;
    hepta_sem_t *hepta[GATES];
    sem_t *glibc[GATES];
    int set; /* id */
} g;

/* ---- memory ---- */

static size_t memory_len(const struct demo_peer *p)
{
    int whole = !strcmp(p->scene->name, "shm");

    return HEAD + (whole ? p->len : BLOCKS * p->scene->record);
}

static const char *name_of(const struct demo_peer *p, char text[64], const char *what)
{
    snprintf(text, 64, "/hepta-demo-%d%s", p->id, what);
    return text;
}

static int kernel_memory(struct demo_peer *p, int make)
{
    char name[64];
    size_t len = memory_len(p);
    int fd = shm_open(name_of(p, name, ""), O_RDWR | (make ? O_CREAT | O_EXCL : 0), 0600);

    if (fd < 0)
        return -errno;
    int rc = make ? -posix_fallocate(fd, 0, (off_t)len) : 0;
    void *at = rc ? MAP_FAILED : mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (!rc && at == MAP_FAILED)
        rc = -errno;
    close(fd);
    if (!rc)
        g.base = at;
    return rc;
}

static int hepta_memory(struct demo_peer *p, int make)
{
    char name[64];
    struct hepta_shm_options opt = {.size = sizeof(opt), .len = make ? memory_len(p) : 0};
    uint32_t flags = HEPTA_SHM_WRITE | (make ? HEPTA_SHM_CREATE | HEPTA_SHM_EXCL : 0);
    int rc = hepta_shm_open(name_of(p, name, ""), flags, 0600, &opt, &g.shm);

    if (!rc)
        g.base = hepta_shm_data(g.shm);
    return rc;
}

static int open_memory(struct demo_peer *p, int make)
{
    return p->way == DEMO_KERNEL ? kernel_memory(p, make) : hepta_memory(p, make);
}

/* ---- gates ---- */

static union memory_gates *in_memory(void)
{
    return (union memory_gates *)(void *)g.base;
}

static int unnamed(struct demo_peer *p, int make)
{
    int rc = 0;

    for (int i = 0; i < GATES && !rc; i++) {
        uint32_t value = i == EMPTY ? BLOCKS : 0;
        if (p->way == DEMO_KERNEL)
            g.glibc[i] = &in_memory()->glibc[i];
        else
            g.hepta[i] = &in_memory()->hepta[i];
        if (make && p->way == DEMO_KERNEL)
            rc = sem_init(g.glibc[i], 1, value) ? -errno : 0;
        else if (make)
            rc = hepta_sem_init(g.hepta[i], value);
    }
    return rc;
}

static int named(struct demo_peer *p, int make)
{
    static const char *const what[GATES] = {"-full", "-empty"};
    char name[64];
    int rc = 0;

    for (int i = 0; i < GATES && !rc; i++) {
        uint32_t value = i == EMPTY ? BLOCKS : 0;
        name_of(p, name, what[i]);
        if (p->way == DEMO_HEPTA) {
            rc = hepta_sem_open(name, make ? HEPTA_SEM_CREATE | HEPTA_SEM_EXCL : 0, 0600, value,
                                &g.hepta[i]);
            continue;
        }
        g.glibc[i] = sem_open(name, make ? O_CREAT | O_EXCL : 0, 0600, value);
        rc = g.glibc[i] == SEM_FAILED ? -errno : 0;
    }
    return rc;
}

static key_t key_of(int id)
{
    return (key_t)(0x4e000000 + id);
}

static int set(struct demo_peer *p, int make)
{
    unsigned short values[GATES] = {[EMPTY] = BLOCKS};
    int flags = 0600 | (make ? IPC_CREAT | IPC_EXCL : 0);

    if (p->way == DEMO_HEPTA) {
        g.set = hepta_semset_get(key_of(p->id), GATES, flags, NULL);
        if (g.set < 0 || !make)
            return g.set < 0 ? g.set : 0;
        return hepta_semset_ctl(g.set, 0, SETALL, (union hepta_semun){.array = values});
    }
    g.set = semget(key_of(p->id), GATES, flags);
    if (g.set < 0 || (make && semctl(g.set, 0, SETALL, values) < 0))
        return -errno;
    return 0;
}

static int set_op(struct demo_peer *p, int gate, short op, int64_t wait_ns)
{
    struct sembuf s = {.sem_num = (unsigned short)gate, .sem_op = op};
    struct timespec ts = {.tv_sec = wait_ns / 1000000000, .tv_nsec = wait_ns % 1000000000};

    if (p->way == DEMO_HEPTA) {
        int rc = hepta_semset_op(g.set, &s, 1, hepta_in_ns(wait_ns));
        return rc == -ETIMEDOUT ? -EAGAIN : rc;
    }
    return semtimedop(g.set, &s, 1, &ts) ? -errno : 0;
}

static int glibc_wait(sem_t *sem, int64_t wait_ns)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    wait_ns += ts.tv_nsec;
    ts.tv_sec += wait_ns / 1000000000;
    ts.tv_nsec = wait_ns % 1000000000;
    return sem_timedwait(sem, &ts) ? -errno : 0;
}

static int is_set(const struct demo_peer *p)
{
    return !strcmp(p->scene->name, "semset");
}

/* -EAGAIN: not in time. */
static int take(struct demo_peer *p, int gate, int64_t wait_ns)
{
    if (is_set(p))
        return set_op(p, gate, -1, wait_ns);
    int rc = p->way == DEMO_KERNEL ? glibc_wait(g.glibc[gate], wait_ns)
                                   : hepta_sem_wait(g.hepta[gate], hepta_in_ns(wait_ns));
    return rc == -ETIMEDOUT ? -EAGAIN : rc;
}

static int post(struct demo_peer *p, int gate)
{
    if (is_set(p))
        return set_op(p, gate, 1, DEADLINE_NS);
    if (p->way == DEMO_HEPTA)
        return hepta_sem_post(g.hepta[gate]);
    return sem_post(g.glibc[gate]) ? -errno : 0;
}

static int open_gates(struct demo_peer *p, int make)
{
    if (is_set(p))
        return set(p, make);
    return !strcmp(p->scene->name, "sem-named") ? named(p, make) : unnamed(p, make);
}

/* ---- the scenes ---- */

int demo_gate_open(struct demo_peer *p)
{
    int rc = open_memory(p, p->receives); /* who comes first makes them */

    return rc ? rc : open_gates(p, p->receives);
}

/* Nothing is there yet: it waits, and gives up when its time is over. */
int demo_gate_is_shut(struct demo_peer *p)
{
    int64_t start = hepta_now_ns();
    int rc = take(p, FULL, SHUT_NS);

    return rc == -EAGAIN && hepta_now_ns() - start >= SHUT_NS ? 0 : rc < 0 && rc != -EAGAIN ? rc
                                                                                     : -EBADMSG;
}

int demo_memory_send(struct demo_peer *p)
{
    memcpy(g.base + HEAD, p->buf, p->len);
    p->done = p->len;
    return post(p, FULL);
}

/* The bytes stay where they are: the checksum is made of them there. */
int demo_memory_receive(struct demo_peer *p)
{
    int rc = take(p, FULL, DEADLINE_NS);

    munmap(p->buf, p->len);
    p->buf = (unsigned char *)g.base + HEAD;
    p->done = p->len;
    return rc;
}

int demo_gate_send(struct demo_peer *p)
{
    size_t record = p->scene->record;

    for (size_t i = 0; p->done < p->len; i++) {
        size_t n = p->len - p->done < record ? p->len - p->done : record;
        int rc = take(p, EMPTY, DEADLINE_NS);
        if (rc)
            return rc;
        memcpy(g.base + HEAD + i % BLOCKS * record, p->buf + p->done, n);
        p->done += n;
        rc = post(p, FULL);
        if (rc)
            return rc;
    }
    return 0;
}

int demo_gate_receive(struct demo_peer *p)
{
    size_t record = p->scene->record;

    for (size_t i = 0; p->done < p->len; i++) {
        size_t n = p->len - p->done < record ? p->len - p->done : record;
        int rc = take(p, FULL, DEADLINE_NS);
        if (rc)
            return rc;
        memcpy(p->buf + p->done, g.base + HEAD + i % BLOCKS * record, n);
        p->done += n;
        rc = post(p, EMPTY);
        if (rc)
            return rc;
    }
    return 0;
}

/* Whatever is left of a scene, however it ended. */
void demo_gate_clean(int id)
{
    static const char *const what[] = {"", "-full", "-empty"};
    char name[64];

    for (size_t i = 0; i < sizeof(what) / sizeof(*what); i++) {
        snprintf(name, sizeof(name), "/hepta-demo-%d%s", id, what[i]);
        if (i == 0) {
            shm_unlink(name);
            hepta_shm_unlink(name);
        } else {
            sem_unlink(name);
            hepta_sem_unlink(name);
        }
    }
    int kernel = semget(key_of(id), 0, 0), hepta = hepta_semset_get(key_of(id), 0, 0, NULL);
    if (kernel >= 0)
        semctl(kernel, 0, IPC_RMID);
    if (hepta >= 0)
        hepta_semset_ctl(hepta, 0, IPC_RMID, (union hepta_semun){0});
}
