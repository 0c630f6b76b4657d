/* SPDX-License-Identifier: MIT */
/*
 * fifo_room.c - the FIFO's back ends, groups, directory, and the short forms cases use
 *
 * All groups but the FIFO's own come from the pipe: see fifo_room.h.
 */
#define _GNU_SOURCE
#include "fifo_room.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "name_dir.h"

static const struct conf_backend backends[] = {
    {"kernel", CONF_KERNEL, NEEDS_MANY | NEEDS_UNLINK_ANY, &fifo_kernel_ops},
    {"hepta", CONF_HEPTA, NEEDS_MANY | NEEDS_HEPTA | NEEDS_UNLINK_ANY, &fifo_hepta_ops},
    {"via", CONF_VIA, NEEDS_MANY | NEEDS_VERBS, &fifo_via_ops},
    {0},
};

static const struct conf_case *const groups[] = {
    fifo_open_cases, fifo_wait_cases, fifo_partner_cases, fifo_names_cases,
    fifo_spelling_cases, fifo_dir_cases, fifo_mode_cases, fifo_reopen_cases,
    fifo_contents_cases, fifo_order_cases, fifo_poll_cases, fifo_inherit_cases,
    pipe_data_cases, pipe_readers_cases, pipe_block_cases, pipe_atomic_cases, pipe_eof_cases,
    pipe_epipe_cases, pipe_poll_cases, pipe_poll_many_cases, pipe_fork_cases, pipe_exec_cases,
    pipe_capacity_cases, pipe_packet_cases, pipe_signal_cases, pipe_restart_cases,
    pipe_error_cases, pipe_context_cases, pipe_deadline_cases, pipe_place_cases, NULL,
};

const struct conf_room fifo_room = {"fifo", backends,      groups,
                                    name_dir_make, name_dir_tidy, name_dir_remove};

static const struct pipe_want usual;

void name_it(struct fifo *f)
{
    static int n;

    snprintf(f->name, sizeof(f->name), "/%d-%d", (int)getpid(), n++);
}

void make_fifo(struct conf *c, struct fifo *f)
{
    mode_t mask = umask(0);

    name_it(f);
    EQ(c, fops(c)->make(f->name, 0666, &usual), 0);
    umask(mask);
}

void remove_fifo(struct conf *c, struct fifo *f)
{
    EQ(c, fops(c)->unlink(f->name), 0);
}

struct pend *must_open(struct conf *c, const struct fifo *f, unsigned access, int64_t deadline)
{
    struct pend *end = NULL;

    EQ(c, fops(c)->open(&end, f->name, access, &usual, deadline), 0);
    OK(c, end != NULL);
    return end;
}

int try_open(struct conf *c, const struct fifo *f, unsigned access, int64_t deadline)
{
    struct pend *end = NULL;
    int err = fops(c)->open(&end, f->name, access, &usual, deadline);

    if (err == 0)
        ops(c)->close(end);
    return err;
}

void shut_fifo(struct conf *c, struct pend **end)
{
    ops(c)->close(*end);
    *end = NULL;
}

void open_pair(struct conf *c, const struct fifo *f, struct pipe_pair *p)
{
    *p = (struct pipe_pair){.r = must_open(c, f, FOR_READ, NOW)};
    p->w = must_open(c, f, FOR_WRITE, NOW);
}

bool has_reader(struct conf *c, const struct fifo *f)
{
    int err = try_open(c, f, FOR_WRITE, NOW);

    OK(c, err == 0 || err == -ENXIO);
    return err == 0;
}

static void open_and_stay(struct conf *c, const struct fifo *f, unsigned access, int i,
                          int64_t deadline)
{
    struct pend *end = NULL;
    int err = fops(c)->open(&end, f->name, access, &usual, deadline);

    conf_set(c, RESULT, err);
    conf_set(c, RETURNED, 1);
    if (err < 0)
        return;
    conf_set(c, OPENED + i, 1);
    conf_await(c, LEAVE, 1);
    ops(c)->close(end);
}

pid_t opener(struct conf *c, const struct fifo *f, unsigned access, int i, int flags,
             int64_t deadline)
{
    conf_set(c, CALLING, 0);
    conf_set(c, RETURNED, 0);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_handle(c, SIGUSR1, flags);
        conf_set(c, CALLING, 1);
        open_and_stay(c, f, access, i, deadline);
        conf_exit();
    }
    conf_asleep_after(c, child, CALLING);
    return child;
}
