/* SPDX-License-Identifier: MIT */
/*
 * cli/demo_peer.c - the demo's other process (a hidden verb)
 *
 * It reports through a kernel pipe: once when it is ready, and the receiver again when it
 * has everything. Receiving goes into a buffer that exists before the clock starts; the
 * checksum is computed after it has stopped, in the same way for all pipes.
 */
#define _GNU_SOURCE
#include "bench/cpus.h"
#include "bench/ticks.h"
#include "cli/cli.h"
#include "cli/demo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct peer {
    size_t record, len;
    int file, report;
    struct demo_end end[2];
};

static int tell(const struct peer *p, struct demo_report *r, int err)
{
    r->err = err;
    return write(p->report, r, sizeof(*r)) == sizeof(*r) && !err ? CLI_OK : CLI_FAILED;
}

static unsigned char *room(size_t len)
{
    void *at =
        mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    return at == MAP_FAILED ? NULL : at;
}

static int receive_all(struct peer *p, unsigned char *buf, struct demo_report *r)
{
    unsigned char surplus;
    size_t off = 0;

    while (off < p->len) {
        size_t want = p->len - off < p->record ? p->len - off : p->record;
        ssize_t n = demo_read(&p->end[0], buf + off, want);
        if (n <= 0)
            return n < 0 ? (int)n : -ENODATA;
        off += (size_t)n;
    }
    r->done_ns = bench_now_ns();
    r->bytes = off;
    ssize_t n = demo_read(&p->end[0], &surplus, 1);
    return n > 0 ? -EMSGSIZE : (int)n;
}

static int receive(struct peer *p)
{
    struct demo_report r = {0};
    unsigned char *buf = room(p->len);

    if (tell(p, &r, buf ? 0 : -ENOMEM))
        return CLI_FAILED;
    int rc = receive_all(p, buf, &r);
    demo_sha256(buf, p->len, r.sha256);
    return tell(p, &r, rc);
}

static int echo(struct peer *p)
{
    struct demo_report r = {0};
    unsigned char *buf = room(p->record);
    int rc = tell(p, &r, buf ? 0 : -ENOMEM);

    while (!rc) {
        rc = demo_read_all(&p->end[0], buf, p->record);
        if (!rc)
            rc = demo_write(&p->end[1], buf, p->record);
    }
    return CLI_OK;
}

/* The file again and again, in whole records: it is killed at some point. */
static int send_for_ever(struct peer *p)
{
    struct demo_report r = {0};
    size_t n_records = p->len / p->record;
    unsigned char *buf = demo_load(p->file, p->len);

    if (tell(p, &r, buf ? 0 : -errno))
        return CLI_FAILED;
    for (size_t i = 0;; i = (i + 1) % (n_records ? n_records : 1)) {
        size_t len = n_records ? p->record : p->len;
        if (demo_write(&p->end[0], buf + i * p->record, len))
            return CLI_FAILED;
    }
}

static const struct {
    const char *role;
    int (*run)(struct peer *p);
    int n_ends;
} roles[] = {{"receive", receive, 1}, {"echo", echo, 2}, {"send", send_for_ever, 1}};

static int play(struct peer *p, char **argv, int n_ends, int (*run)(struct peer *))
{
    struct demo_report r = {0};
    int rc = 0;

    bench_cpus_pin(atoi(argv[2]));
    if (getppid() != atoi(argv[3]))
        return CLI_FAILED; /* it is dead already: PR_SET_PDEATHSIG came too late */
    for (int i = 0; i < n_ends && !rc; i++)
        rc = demo_end_take(argv[8 + i], &p->end[i]);
    return rc ? tell(p, &r, rc) : run(p);
}

/* argv: demo-peer ROLE CPU PARENT RECORD LEN FILE REPORT END [END] */
int cli_demo_peer(int argc, char **argv)
{
    for (size_t i = 0; argc > 8 && i < sizeof(roles) / sizeof(*roles); i++) {
        struct peer p = {.end = {{.fd = -1}, {.fd = -1}}};
        if (strcmp(argv[1], roles[i].role) || argc != 8 + roles[i].n_ends)
            continue;
        p.record = strtoull(argv[4], NULL, 10);
        p.len = strtoull(argv[5], NULL, 10);
        p.file = atoi(argv[6]);
        p.report = atoi(argv[7]);
        if (p.record > 0 && p.len > 0)
            return play(&p, argv, roles[i].n_ends, roles[i].run);
    }
    return cli_usage("demo-peer is started by the demo, not by hand");
}
