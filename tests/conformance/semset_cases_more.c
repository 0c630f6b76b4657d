/* SPDX-License-Identifier: MIT */
/* semset_cases_more.c - what only Hepta's have: detach, limits of each set, its maker's options */
#define _GNU_SOURCE
#include "semset_room.h"

static void detach(struct conf *c)
{
    int id = make_set(c, 1);
    int n_fds = conf_n_fds();
    EQ(c, one_op(c, id, 0, 3, SEM_UNDO, NOW), 0);
    EQ(c, hepta_semset_detach(id), 0);
    EQ(c, hepta_semset_detach(id), -EINVAL);
    OK(c, conf_n_fds() <= n_fds);
    VALUES(c, id, 3); /* found again; undo is of the process, not of what it has open */
    EQ(c, one_op(c, id, 0, -1, SEM_UNDO, NOW), 0);
    VALUES(c, id, 2);
    remove_set(c, id);
    EQ(c, hepta_semset_detach(0x7ffffff0), -EINVAL);
}

/* As many processes as the maker says can have something to undo at one time. */
static void undoers(struct conf *c)
{
    struct hepta_semset_options opt = {.size = sizeof(opt), .undoers_max = 2};
    int id = hepta_semset_get(own_ipc_key(), 1, IPC_CREAT | 0600, &opt);
    OK(c, id >= 0);
    pid_t a = set_doer(c, id, 0, 0, 2, SEM_UNDO), b = set_doer(c, id, 1, 0, 2, SEM_UNDO);
    EQ(c, one_op(c, id, 0, 1, SEM_UNDO, NOW), -ENOSPC);
    EQ(c, one_op(c, id, 0, 1, 0, NOW), 0);
    VALUES(c, id, 5);
    conf_kill(c, a);
    EQ(c, one_op(c, id, 0, 1, SEM_UNDO, NOW), 0);
    conf_kill(c, b);
    VALUES(c, id, 2);
    remove_set(c, id);
}

static void bad_options(struct conf *c)
{
    struct hepta_semset_options opt = {0};
    key_t key = own_ipc_key();
    EQ(c, hepta_semset_get(key, 1, IPC_CREAT | 0600, &opt), -EINVAL);
    opt.size = sizeof(opt);
    opt.undoers_max = HEPTA_SEMSET_UNDOERS_MAX + 1;
    EQ(c, hepta_semset_get(key, 1, IPC_CREAT | 0600, &opt), -EINVAL);
    EQ(c, hepta_semset_get(key, 1, 0600, NULL), -ENOENT);
    opt.undoers_max = HEPTA_SEMSET_UNDOERS_MAX;
    int id = hepta_semset_get(key, 1, IPC_CREAT | 0600, &opt);
    OK(c, id >= 0);
    remove_set(c, id);
}

/* The array's deadline, for whatever in it would wait. */
static void now(struct conf *c)
{
    int id = make_set(c, 2);
    EQ(c, OPS(c, id, NOW, {0, 1, 0}, {1, -1, 0}), -EAGAIN);
    EQ(c, OPS(c, id, 1, {0, 1, 0}, {1, -1, 0}), -ETIMEDOUT);
    EQ(c, OPS(c, id, 1, {0, 1, 0}, {1, 0, 0}), 0);
    VALUES(c, id, 1, 0);
    remove_set(c, id);
}

const struct conf_case semset_more_cases[] = {
    {"more.detach", detach, NEEDS_HEPTA, NULL, NULL, 0},
    {"more.undoers", undoers, NEEDS_HEPTA, NULL, NULL, 0},
    {"more.bad_options", bad_options, NEEDS_HEPTA, NULL, NULL, 0},
    {"more.now", now, NEEDS_HEPTA, NULL, NULL, 0},
    {0},
};
