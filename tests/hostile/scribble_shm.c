/* SPDX-License-Identifier: MIT */
/*
 * scribble_shm.c - a segment under attack: a mutex, and a cell that ends where the segment does,
 * so that one byte beyond it is a fault
 *
 * The attacker also pretends to be an owner: one of the actors, itself, or nobody.
 */
#define _GNU_SOURCE
#include "scribble.h"

#include <errno.h>
#include <hepta/shm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/self.h"
#include "memory/mutex_internal.h"

#define PAGE 4096u
#define VALUE_MAX 900 /* four of them fit into a page */

enum verb_number { LOCK, UNLOCK, MENDED, WRITE, READ };

static const struct verb verbs[] = {
    [LOCK] = {"lock", {EAGAIN, ETIMEDOUT, EDEADLK, EBADMSG, ENOTRECOVERABLE, EOWNERDEAD, EXDEV}},
    [UNLOCK] = {"unlock", {EPERM}},
    [MENDED] = {"mended", {EPERM, EINVAL}},
    [WRITE] = {"write", {0}},
    [READ] = {"read", {EAGAIN}},
};

static struct hepta_shm *shm;
static hepta_shm_mutex_t *mutex;
static struct hepta_shm_cell *cell;
static size_t value_len;

static void lock_and_unlock(void)
{
    int64_t deadline = some_deadline(), start = begin_verb(LOCK);
    int rc = hepta_shm_mutex_lock(mutex, deadline);

    end_verb(LOCK, start, deadline, rc);
    if (rc == -EOWNERDEAD && rnd(4)) {
        start = begin_verb(MENDED);
        end_verb(MENDED, start, 0, hepta_shm_mutex_mended(mutex));
    }
    start = begin_verb(UNLOCK);
    end_verb(UNLOCK, start, 0, hepta_shm_mutex_unlock(mutex));
}

/* A heap buffer of exactly the length: ASan sees one byte too many. */
static void use_cell(bool writes)
{
    char *value = calloc(1, value_len + 1);
    int64_t start = begin_verb(writes ? WRITE : READ);
    int rc = writes ? hepta_shm_cell_write(cell, value + 1, value_len)
                    : hepta_shm_cell_read(cell, value + 1, value_len, NULL);

    end_verb(writes ? WRITE : READ, start, 0, rc == 0 ? (int64_t)value_len : rc);
    free(value);
}

static void act(int role)
{
    if (rnd(2))
        lock_and_unlock();
    else
        use_cell(role ? rnd(4) == 0 : rnd(4) > 0);
}

static void nothing(int role)
{
    (void)role;
}

static void end(int role)
{
    (void)role;
    hepta_shm_close(shm);
}

/* Words that could be an owner's, and some that couldn't. */
static void pretend(void)
{
    uint64_t pidns = h7_self() ? h7_self_pidns() : 0;
    const uint32_t tids[] = {(uint32_t)getpid(), (uint32_t)getppid(), 0, 1, H7_MUTEX_TID};
    struct h7_mutex_shared *m = (struct h7_mutex_shared *)mutex;
    uint64_t word = h7_mutex_owner(tids[rnd(5)], rnd(2) ? rnd(1000) : 0, rnd(4) ? pidns : rnd(9));

    h7_store64_relaxed(&m->word, rnd(3) ? word : word | H7_MUTEX_WAITERS);
    h7_store32_relaxed(&m->state, (uint32_t)rnd(4));
}

static void scribble(void)
{
    t_sleep_ns((int64_t)rnd(3) * T_MS); /* some honest work first */
    while (!stopped()) {
        if (rnd(2))
            scribble_over(hepta_shm_data(shm), hepta_shm_len(shm));
        for (int i = 0; i < 200 && !stopped(); i++)
            pretend();
        memset(hepta_shm_data(shm), 0, sizeof(*mutex)); /* and let them work again */
        if (rnd(2))
            memset(cell, 0, hepta_shm_cell_size(value_len));
        t_sleep_ns((int64_t)rnd(200) * 1000);
    }
}

static void make(void)
{
    struct hepta_shm_options opt = {.size = sizeof(opt), .len = 2 * PAGE, .len_max = 16 * PAGE};
    int rc = hepta_shm_new(&opt, &shm);

    if (rc < 0)
        t_die("hepta_shm_new: %s", strerror(-rc));
    value_len = 1 + rnd(VALUE_MAX);
    mutex = hepta_shm_data(shm);
    cell = (struct hepta_shm_cell *)((char *)hepta_shm_data(shm) + 2 * PAGE -
                                     hepta_shm_cell_size(value_len));
}

static void drop(void)
{
    hepta_shm_close(shm);
    shm = NULL;
}

const struct room shm_room = {
    .name = "shm",
    .actors = {"writer", "reader"},
    .verbs = verbs,
    .make = make,
    .begin = nothing,
    .act = act,
    .end = end,
    .scribble = scribble,
    .drop = drop,
};
