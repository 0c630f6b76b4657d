/* SPDX-License-Identifier: MIT */
/*
 * cli/demo_kill.c - the writer is killed in the middle: what does the reader see?
 *
 * The writer sends the file's records in an endless loop. When half of the file has
 * arrived it gets SIGKILL. The reader goes on until end-of-file; then everything that the
 * writer had committed must be here, nothing else, and no part of a record.
 */
#define _GNU_SOURCE
#include "bench/ticks.h"
#include "cli/demo.h"

#include <errno.h>
#include <hepta/pipe.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 65536

struct reading {
    struct demo_end *from;
    const struct demo_file *file;
    size_t period; /* bytes after which the writer begins again */
    struct demo_kill *k;
    unsigned char buf[CHUNK];
};

static void compare(struct reading *r, size_t n)
{
    for (size_t done = 0; done < n;) {
        size_t at = (r->k->received + done) % r->period;
        size_t len = n - done < r->period - at ? n - done : r->period - at;
        if (memcmp(r->buf + done, r->file->bytes + at, len))
            r->k->prefix = false;
        done += len;
    }
    r->k->received += n;
}

/* Reads at least @bytes in all, or to the end: 1 at end-of-file. */
static int read_on(struct reading *r, uint64_t bytes)
{
    while (r->k->received < bytes) {
        ssize_t n = demo_read(r->from, r->buf, sizeof(r->buf));
        if (n <= 0)
            return n < 0 ? (int)n : 1;
        compare(r, (size_t)n);
    }
    return 0;
}

static int committed(struct demo_end *end, uint64_t *bytes)
{
    struct hepta_pipe_stat st;

    if (end->way == DEMO_KERNEL)
        return 0;
    int rc = hepta_pipe_stat(end->pipe, &st, sizeof(st));
    *bytes = rc ? 0 : st.bytes_in;
    return rc;
}

static int watch(struct reading *r, struct demo_child *child)
{
    int rc = read_on(r, r->file->len / 2 + 1);

    if (rc)
        return rc < 0 ? rc : -ENODATA;
    int64_t start = bench_now_ns();
    if (kill(child->pid, SIGKILL))
        return -errno;
    rc = read_on(r, UINT64_MAX);
    r->k->eof_ns = (double)(bench_now_ns() - start);
    return rc < 0 ? rc : committed(r->from, &r->k->committed);
}

int demo_kill(const struct demo_file *file, enum demo_way way, const int cpu[2],
              struct demo_kill *k)
{
    size_t record = file->len < DEMO_KILL_RECORD ? file->len : DEMO_KILL_RECORD;
    struct demo_end reader, writer;
    struct demo_child child = {.pid = -1, .report = -1};
    struct demo_report report;
    struct demo_job job = {.role = "send",
                           .record = record,
                           .len = file->len,
                           .file = file->fd,
                           .cpu = cpu[1],
                           .end = {&writer, NULL}};
    struct reading *r = calloc(1, sizeof(*r));
    int rc = demo_pair(way, demo_capacity(record), &reader, &writer);

    *k = (struct demo_kill){.prefix = true};
    if (!r)
        rc = -ENOMEM;
    if (!rc)
        rc = demo_child_start(&child, &job);
    if (!rc)
        rc = demo_child_report(&child, &report);
    if (!rc) {
        r->from = &reader;
        r->file = file;
        r->k = k;
        r->period = file->len / record * record;
        rc = watch(r, &child);
    }
    k->whole = k->received % record == 0;
    demo_end_close(&reader);
    demo_end_close(&writer);
    demo_child_end(&child);
    free(r);
    return rc;
}
