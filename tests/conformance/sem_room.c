/* SPDX-License-Identifier: MIT */
/* sem_room.c - POSIX semaphores: back ends, groups, surroundings, and the short forms cases use */
#define _GNU_SOURCE
#include "sem_room.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "name_dir.h"
#include "shm_names.h"

_Static_assert(sizeof(hepta_sem_t) <= sizeof(sem_t), "it fits into glibc's");

static const struct conf_backend backends[] = {
    {"kernel", CONF_KERNEL, 0, &sem_kernel_ops},
    {"hepta", CONF_HEPTA, NEEDS_PERMITS, &sem_hepta_ops},
    {0},
};

static const struct conf_case *const groups[] = {
    sem_value_cases, sem_wait_cases, sem_signal_cases, sem_place_cases,
    sem_open_cases,  sem_mode_cases, sem_permit_cases, NULL,
};

static void begin(void)
{
    shm_names_begin();
    name_dir_make();
}

static int tidy(void)
{
    return name_dir_tidy() + shm_names_tidy();
}

static void end(void)
{
    shm_names_tidy();
    name_dir_remove();
}

const struct conf_room sem_room = {"sem", backends, groups, begin, tidy, end};

/* --- semaphores ---------------------------------------------------------------------- */

struct sem_name sem_name(void)
{
    struct sem_name name;
    shm_names_next(name.s, sizeof(name.s));
    return name;
}

void make_unnamed(struct conf *c, struct one_sem *one, uint32_t value)
{
    void *p = mmap(NULL, sizeof(union semaphore), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    OK(c, p != MAP_FAILED);
    one->name.s[0] = 0;
    one->s = p;
    EQ(c, sops(c)->init(one->s, 1, value), 0);
}

void make_named(struct conf *c, struct one_sem *one, uint32_t value)
{
    mode_t mask = umask(0);
    one->name = sem_name();
    EQ(c, sops(c)->open(one->name.s, O_CREAT | O_EXCL, 0666, value, &one->s), 0);
    umask(mask);
}

void drop_sem(struct conf *c, struct one_sem *one)
{
    if (one->name.s[0]) {
        EQ(c, sops(c)->unlink(one->name.s), 0);
        EQ(c, sops(c)->close(one->s), 0);
    } else {
        EQ(c, sops(c)->destroy(one->s), 0);
        munmap(one->s, sizeof(union semaphore));
    }
}

void with_both(struct conf *c, uint32_t value, void (*run)(struct conf *c, union semaphore *s))
{
    for (int named = 0; named < 2; named++) {
        pid_t pid = conf_fork(c);
        if (pid == 0) {
            struct one_sem one;
            (named ? make_named : make_unnamed)(c, &one, value);
            run(c, one.s);
            drop_sem(c, &one);
            conf_exit();
        }
        conf_join(c, pid);
        for (int i = 0; i < CONF_N_CELLS; i++)
            conf_set(c, i, 0);
    }
}

int try_sem(struct conf *c, const char *name, int flags, mode_t mode, uint32_t value)
{
    union semaphore *s;
    int r = sops(c)->open(name, flags, mode, value, &s);
    if (r == 0)
        EQ(c, sops(c)->close(s), 0);
    return r;
}

union semaphore *open_sem(struct conf *c, const struct sem_name *name)
{
    union semaphore *s = NULL;
    EQ(c, sops(c)->open(name->s, 0, 0, 0, &s), 0);
    return s;
}

pid_t sem_waiter(struct conf *c, union semaphore *s, int i, int64_t deadline)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_set(c, BEFORE, i + 1);
        int r = sops(c)->wait(s, deadline);
        conf_set(c, ORDER + i, conf_add(c, COUNTER, 1));
        conf_set(c, RESULT + i, r);
        conf_exit();
    }
    conf_asleep_after(c, pid, BEFORE);
    conf_set(c, BEFORE, 0);
    return pid;
}
