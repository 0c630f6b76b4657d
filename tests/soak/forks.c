/* SPDX-License-Identifier: MIT */
/*
 * forks.c - 40 forks, for philosophers.c: semaphores of one System V set, both taken at once; or
 * permits, the lower one first, so that no circle of them waits
 */
#define _GNU_SOURCE
#include "forks.h"

#include <hepta/sem.h>
#include <hepta/semset.h>
#include <stdio.h>

/* --- a set -------------------------------------------------------------------------------- */

static int id = -1;

static int set_make(void)
{
    struct hepta_semset_options opt = {.size = sizeof(opt), .wait = HEPTA_WAIT_SLEEP};
    unsigned short ones[FORKS];

    for (int i = 0; i < FORKS; i++)
        ones[i] = 1;
    id = hepta_semset_get(IPC_PRIVATE, FORKS, 0600, &opt);
    return id < 0 ? id : hepta_semset_ctl(id, 0, SETALL, (union hepta_semun){.array = ones});
}

static int set_open(unsigned seat)
{
    (void)seat; /* an id needs no opening */
    return 0;
}

static int set_move(const unsigned fork[2], short by, int64_t deadline)
{
    struct sembuf ops[2] = {{(unsigned short)fork[0], by, SEM_UNDO},
                            {(unsigned short)fork[1], by, SEM_UNDO}};

    return hepta_semset_op(id, ops, 2, deadline);
}

static int set_take(const unsigned fork[2], int64_t deadline)
{
    return set_move(fork, -1, deadline);
}

static int set_give(const unsigned fork[2])
{
    return set_move(fork, 1, hepta_in_ms(FORKS_PATIENCE_MS));
}

static int set_lying(unsigned fork)
{
    union hepta_semun none = {0};
    int value = hepta_semset_ctl(id, (int)fork, GETVAL, none);
    int waiters = hepta_semset_ctl(id, (int)fork, GETNCNT, none);

    return waiters < 0 ? waiters : value == 1 && waiters > 0 ? 0 : value;
}

static int set_remove(void)
{
    return hepta_semset_ctl(id, 0, IPC_RMID, (union hepta_semun){0});
}

const struct forks forks_set = {
    .make = set_make, .open = set_open, .take = set_take, .give = set_give, .lying = set_lying,
    .remove = set_remove,
};

/* --- permits ----------------------------------------------------------------------------- */

static struct hepta_permit *permit[FORKS];

static const char *name_of(unsigned fork)
{
    static char name[16];

    snprintf(name, sizeof(name), "/fork-%u", fork);
    return name;
}

static int permit_make(void)
{
    int rc = 0;

    for (unsigned i = 0; i < FORKS && rc == 0; i++)
        rc = hepta_permit_open(name_of(i), HEPTA_SEM_CREATE | HEPTA_SEM_EXCL, 0600, 1, NULL,
                               &permit[i]);
    return rc;
}

/* Every other one uses what it inherits. */
static int permit_open(unsigned seat)
{
    struct hepta_permit_options opt = {.size = sizeof(opt), .wait = HEPTA_WAIT_SLEEP};
    unsigned fork[2] = {seat, (seat + 1) % FORKS};
    int rc = 0;

    for (int i = 0; i < 2 && rc == 0 && seat % 2; i++) {
        rc = hepta_permit_close(permit[fork[i]]);
        if (rc == 0)
            rc = hepta_permit_open(name_of(fork[i]), 0, 0, 0, &opt, &permit[fork[i]]);
    }
    return rc;
}

static int permit_take(const unsigned fork[2], int64_t deadline)
{
    unsigned low = fork[0] < fork[1] ? fork[0] : fork[1];
    int rc = hepta_permit_take(permit[low], deadline);

    return rc ? rc : hepta_permit_take(permit[fork[0] + fork[1] - low], deadline);
}

static int permit_give(const unsigned fork[2])
{
    int rc = hepta_permit_give(permit[fork[0]]);

    return rc ? rc : hepta_permit_give(permit[fork[1]]);
}

static int permit_lying(unsigned fork)
{
    struct hepta_permit_stat stat;
    int rc = hepta_permit_stat(permit[fork], &stat);

    return rc ? rc : stat.free == 1 && stat.holders == 0 && stat.waiters == 0;
}

static int permit_remove(void)
{
    int rc = 0, bad = 0;

    for (unsigned i = 0; i < FORKS; i++) {
        rc = hepta_permit_unlink(name_of(i));
        bad = rc ? rc : bad;
        rc = hepta_permit_close(permit[i]);
        bad = rc ? rc : bad;
    }
    return bad;
}

const struct forks forks_permits = {
    .make = permit_make, .open = permit_open, .take = permit_take, .give = permit_give,
    .lying = permit_lying, .remove = permit_remove,
};
