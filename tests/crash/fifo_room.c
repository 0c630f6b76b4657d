/* SPDX-License-Identifier: MIT */
/*
 * fifo_room.c - a FIFO's two ends as flow.h knows them
 */
#define _GNU_SOURCE
#include "fifo_room.h"

#include "fifo/fifo_internal.h"
#include "scratch.h"

static int fifo_make(const struct flow_case *c, void **r, void **w)
{
    struct hepta_fifo_options opt = {.size = sizeof(opt),
                                     .flags = c->flags,
                                     .capacity = c->capacity,
                                     .wait = c->adaptive ? HEPTA_WAIT_ADAPTIVE
                                                          : HEPTA_WAIT_SLEEP};
    struct hepta_fifo *reader = NULL, *writer = NULL;
    int rc;

    scratch_empty();
    rc = hepta_fifo_make(FIFO_NAME, 0600, &opt);
    if (rc == 0)
        rc = hepta_fifo_open(&reader, FIFO_NAME, HEPTA_FIFO_READ, &opt, HEPTA_NOW);
    if (rc == 0)
        rc = hepta_fifo_open(&writer, FIFO_NAME, HEPTA_FIFO_WRITE, &opt, HEPTA_NOW);
    *r = reader;
    *w = writer;
    return rc;
}

static void fifo_unmake(struct step_run *run)
{
    step_check(run, hepta_fifo_unlink(FIFO_NAME) == 0 && scratch_is_empty(),
               "something is left of the name");
}

static ssize_t fifo_write(void *w, const void *buf, size_t len, int64_t deadline)
{
    return hepta_fifo_write(w, buf, len, deadline);
}

static ssize_t fifo_read(void *r, void *buf, size_t len, int64_t deadline)
{
    return hepta_fifo_read(r, buf, len, deadline);
}

static int fifo_reserve(void *w, size_t len, void **ptr, int64_t deadline)
{
    return hepta_fifo_reserve(w, len, ptr, deadline);
}

static int fifo_commit(void *w, size_t len)
{
    return hepta_fifo_commit(w, len);
}

static ssize_t fifo_peek(void *r, const void **ptr, int64_t deadline)
{
    return hepta_fifo_peek(r, ptr, deadline);
}

static int fifo_release(void *r, size_t len)
{
    return hepta_fifo_release(r, len);
}

static int fifo_pollfd(void *end, bool reading, struct pollfd *p)
{
    int fd = hepta_fifo_fd(end, reading ? HEPTA_FIFO_READ : HEPTA_FIFO_WRITE);

    *p = (struct pollfd){fd, POLLIN, 0};
    return fd < 0 ? fd : 0;
}

static int fifo_used(void *end, bool reading, uint64_t *n)
{
    struct hepta_pipe_stat st = {0};
    int rc = hepta_fifo_stat(end, &st, sizeof(st));

    (void)reading;
    *n = st.used;
    return rc;
}

static void *fifo_close(void *end)
{
    return hepta_fifo_close(end);
}

static int fifo_check(void *end, char *why, size_t n)
{
    return h7_fifo_check(end, why, n);
}

void fifo_warm_up(void)
{
    struct hepta_fifo *f;

    if (hepta_fifo_make(FIFO_NAME, 0600, NULL) == 0 &&
        hepta_fifo_open(&f, FIFO_NAME, HEPTA_FIFO_READ | HEPTA_FIFO_WRITE, NULL, HEPTA_NOW) == 0)
        hepta_fifo_close(f);
    hepta_fifo_unlink(FIFO_NAME);
}

const struct flow_room fifo_room = {
    .name = "FIFO",
    .make = fifo_make,
    .write = fifo_write,
    .read = fifo_read,
    .reserve = fifo_reserve,
    .commit = fifo_commit,
    .peek = fifo_peek,
    .release = fifo_release,
    .pollfd = fifo_pollfd,
    .used = fifo_used,
    .close = fifo_close,
    .check = fifo_check,
    .unmake = fifo_unmake,
    .packet = HEPTA_FIFO_PACKET,
};
