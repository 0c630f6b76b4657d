/* SPDX-License-Identifier: MIT */
/*
 * scribble_sem.c - a named semaphore under attack: its 32 bytes, or all of its file
 */
#define _GNU_SOURCE
#include "scribble.h"

#include <errno.h>
#include <fcntl.h>
#include <hepta/sem.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAME "/s"

enum verb_number { POST, WAIT, VALUE, OPEN, CLOSE };

static const struct verb verbs[] = {
    [POST] = {"post", {EINVAL, EOVERFLOW}},
    [WAIT] = {"wait", {EINVAL, EAGAIN, ETIMEDOUT}},
    [VALUE] = {"value", {EINVAL}},
    [OPEN] = {"open", {EPROTO, EPROTONOSUPPORT, EMEDIUMTYPE, ENODATA, EBADMSG, EXDEV, ENOMEM}},
    [CLOSE] = {"close", {0}},
};

static char dir[] = "/dev/shm/hepta-hostile-XXXXXX";
static hepta_sem_t *sem;

static void open_again(void)
{
    hepta_sem_t *again;
    int64_t start = begin_verb(OPEN);
    int rc = hepta_sem_open(NAME, rnd(2) ? HEPTA_SEM_CREATE : 0, 0600, 1, &again);

    end_verb(OPEN, start, 0, rc);
    if (rc < 0)
        return;
    start = begin_verb(CLOSE);
    end_verb(CLOSE, start, 0, again == sem ? hepta_sem_close(again) : -9999);
}

static void act(int role)
{
    uint64_t what = rnd(100);
    int64_t deadline = some_deadline(), start;

    if (what < 80) {
        start = begin_verb(role ? WAIT : POST);
        end_verb(role ? WAIT : POST, start, role ? deadline : 0,
                 role ? hepta_sem_wait(sem, deadline) : hepta_sem_post(sem));
    } else if (what < 97) {
        start = begin_verb(VALUE);
        end_verb(VALUE, start, 0, hepta_sem_value(sem));
    } else {
        open_again();
    }
}

static void begin(int role)
{
    (void)role;
}

static void end(int role)
{
    int64_t start = begin_verb(CLOSE);

    (void)role;
    end_verb(CLOSE, start, 0, hepta_sem_close(sem));
}

/* One of its words: states and events that mean something, or nothing. */
static void scribble_word(void)
{
    static const uint64_t some[] = {0, 1, UINT64_MAX, INT32_MAX, 1ULL << 32, 0xffffffff00000000,
                                    0x80000000, 0x40000000, 0xc0000000};
    volatile uint32_t *words = (volatile uint32_t *)(void *)sem;
    size_t at = rnd(sizeof(*sem) / 4);
    uint64_t value = rnd(2) ? some[rnd(T_COUNT(some))] : (uint64_t)getpid() + rnd(4);
    uint32_t old = words[at];

    if (at < 2 && rnd(2)) {
        sem->state = value;
    } else {
        words[at] = (uint32_t)value;
        if (at == 3) { /* not a semaphore, for a moment */
            t_sleep_ns((int64_t)rnd(20000));
            words[at] = old;
        }
    }
    if (rnd(4) == 0)
        syscall(SYS_futex, &sem->event, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void scribble(void)
{
    bool all = rnd(2);
    char path[64];
    int fd;

    snprintf(path, sizeof(path), "%s/sem.%s/data", dir, &NAME[1]);
    fd = open(path, O_RDWR | O_CLOEXEC);
    char *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd < 0 || at == MAP_FAILED)
        _exit(2);
    t_sleep_ns((int64_t)rnd(3) * T_MS); /* some honest work first */
    while (!stopped())
        all ? scribble_over(at, 4096) : scribble_word();
}

static void make(void)
{
    int rc;

    if (!mkdtemp(dir) || setenv("HEPTA_DIR", dir, 1) != 0)
        t_die("%s", dir);
    rc = hepta_sem_open(NAME, HEPTA_SEM_CREATE, 0600, (uint32_t)rnd(3), &sem);
    if (rc < 0)
        t_die("hepta_sem_open: %s", strerror(-rc));
}

static void drop(void)
{
    if (hepta_sem_close(sem) < 0 || hepta_sem_unlink(NAME) < 0)
        t_die("close or unlink");
    if (rmdir(dir) < 0)
        t_die("something was left in %s", dir);
    memset(strchr(dir, 0) - 6, 'X', 6);
}

const struct room sem_room = {
    .name = "sem",
    .actors = {"poster", "waiter"},
    .verbs = verbs,
    .make = make,
    .begin = begin,
    .act = act,
    .end = end,
    .scribble = scribble,
    .drop = drop,
};
