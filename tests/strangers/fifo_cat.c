/* SPDX-License-Identifier: MIT */
/*
 * fifo_cat.c - standard input into a Hepta FIFO, or what comes out of it to standard output
 *
 *   fifo-cat read|write NAME [-b BYTES] [-d MS] [-e]
 *
 * The peer is a program that knows nothing of Hepta. -b: so many in one call. -d: deadline of
 * the open and of each call; without, they wait for ever. -e: end well when the readers go.
 *
 * Exit status: 0 all went well, 1 with a line on standard error.
 */
#define _GNU_SOURCE
#include "../lib/t.h"

#include <errno.h>
#include <hepta/fifo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIMIT_S 60
#define MAX_BLOCK (1 << 20)

static struct {
    const char *name;
    bool writes, readers_may_go;
    size_t block;
    int64_t ms;
} job = {.block = 65536};

static char buf[MAX_BLOCK];

static _Noreturn void fail(const char *what, long err)
{
    t_die("fifo-cat: %s: %s", what, strerror((int)-err));
}

static int64_t deadline(void)
{
    return job.ms ? hepta_in_ms(job.ms) : HEPTA_FOREVER;
}

static void parse(int argc, char **argv)
{
    int c;

    while ((c = getopt(argc, argv, "b:d:e")) != -1)
        switch (c) {
        case 'b': job.block = strtoull(optarg, NULL, 10); break;
        case 'd': job.ms = strtoll(optarg, NULL, 10); break;
        case 'e': job.readers_may_go = true; break;
        default: t_die("fifo-cat: wrong option");
        }
    if (argc - optind != 2 || job.block == 0 || job.block > MAX_BLOCK)
        t_die("usage: fifo-cat read|write NAME [-b BYTES] [-d MS] [-e]");
    job.writes = !strcmp(argv[optind], "write");
    job.name = argv[optind + 1];
}

static void copy_in(struct hepta_fifo *f)
{
    ssize_t len;

    while ((len = read(0, buf, job.block)) > 0)
        for (ssize_t done = 0; done < len;) {
            ssize_t n = hepta_fifo_write(f, buf + done, (size_t)(len - done), deadline());
            if (n == -EPIPE && job.readers_may_go)
                return;
            if (n < 0)
                fail("write", n);
            done += n;
        }
}

static void copy_out(struct hepta_fifo *f)
{
    ssize_t len;

    while ((len = hepta_fifo_read(f, buf, job.block, deadline())) > 0)
        for (ssize_t done = 0; done < len;) {
            ssize_t n = write(1, buf + done, (size_t)(len - done));
            if (n < 0)
                fail("standard output", -errno);
            done += n;
        }
    if (len < 0)
        fail("read", len);
}

int main(int argc, char **argv)
{
    struct hepta_fifo *f;

    t_limit(LIMIT_S);
    parse(argc, argv);
    int err = hepta_fifo_open(&f, job.name, job.writes ? HEPTA_FIFO_WRITE : HEPTA_FIFO_READ, NULL,
                              deadline());
    if (err < 0)
        fail(job.name, err);
    if (job.writes)
        copy_in(f);
    else
        copy_out(f);
    hepta_fifo_close(f);
    return 0;
}
