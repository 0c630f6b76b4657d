/* SPDX-License-Identifier: MIT */
/*
 * cli/demo_transfer.c - a file one way, and records there and back
 *
 * This process writes, the other one reads. The clock runs from the first write here to
 * the last byte there (one host, one CLOCK_MONOTONIC).
 */
#define _GNU_SOURCE
#include "bench/histogram.h"
#include "bench/ticks.h"
#include "cli/demo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX  20000
#define ROUNDS_NS   150000000 /* or when this time is over */
#define ROUNDS_WARM 200

static int send_file(const struct demo_file *file, struct demo_end *writer, size_t record)
{
    for (size_t off = 0; off < file->len; off += record) {
        size_t len = file->len - off < record ? file->len - off : record;
        int rc = demo_write(writer, file->bytes + off, len);
        if (rc)
            return rc;
    }
    return 0;
}

int demo_transfer(const struct demo_file *file, enum demo_way way, size_t record, const int cpu[2],
                  double *seconds, bool *wrong)
{
    struct demo_end reader, writer;
    struct demo_child child = {.pid = -1, .report = -1};
    struct demo_report report = {0};
    struct demo_job job = {.role = "receive",
                           .record = record,
                           .len = file->len,
                           .file = -1,
                           .cpu = cpu[1],
                           .end = {&reader, NULL}};
    int rc = demo_pair(way, demo_capacity(record), &reader, &writer);

    if (!rc)
        rc = demo_child_start(&child, &job);
    if (!rc)
        rc = demo_child_report(&child, &report);
    int64_t start = bench_now_ns();
    if (!rc)
        rc = send_file(file, &writer, record);
    demo_end_close(&writer);
    demo_end_close(&reader);
    int err = child.pid > 0 ? demo_child_report(&child, &report) : 0;
    demo_child_end(&child);
    if (rc || err)
        return rc ? rc : err;
    *seconds = (double)(report.done_ns - start) / 1e9;
    if (memcmp(report.sha256, file->sha256, sizeof(report.sha256)) || report.bytes != file->len)
        *wrong = true;
    return 0;
}

static int rounds(struct demo_end *out, struct demo_end *in, size_t record, struct histogram *h)
{
    unsigned char *buf = calloc(1, record);
    int64_t start = bench_now_ns(), now = start;
    int rc = buf ? 0 : -ENOMEM;

    for (int i = 0; i < ROUNDS_MAX + ROUNDS_WARM && now - start < ROUNDS_NS && !rc; i++) {
        int64_t begin = bench_now_ns();
        memset(buf, i & 0xff, 8);
        rc = demo_write(out, buf, record);
        if (!rc)
            rc = demo_read_all(in, buf, record);
        now = bench_now_ns();
        if (!rc && buf[0] != (i & 0xff))
            rc = -EBADMSG;
        if (i >= ROUNDS_WARM)
            histogram_add(h, (uint64_t)(now - begin));
    }
    free(buf);
    return rc;
}

int demo_round_trip(enum demo_way way, size_t record, const int cpu[2], double *p50_ns,
                    double *p99_ns)
{
    struct demo_end there[2], back[2] = {{.fd = -1}, {.fd = -1}}; /* reader, writer */
    struct demo_child child = {.pid = -1, .report = -1};
    struct demo_report report;
    struct demo_job job = {.role = "echo",
                           .record = record,
                           .len = record,
                           .file = -1,
                           .cpu = cpu[1],
                           .end = {&there[0], &back[1]}};
    struct histogram *h = calloc(1, sizeof(*h));
    int rc = demo_pair(way, demo_capacity(record), &there[0], &there[1]);

    if (!h)
        rc = -ENOMEM;
    if (!rc)
        rc = demo_pair(way, demo_capacity(record), &back[0], &back[1]);
    if (!rc)
        rc = demo_child_start(&child, &job);
    if (!rc)
        rc = demo_child_report(&child, &report);
    if (!rc)
        rc = rounds(&there[1], &back[0], record, h);
    for (int i = 0; i < 2; i++) {
        demo_end_close(&there[i]);
        demo_end_close(&back[i]);
    }
    demo_child_end(&child);
    if (!rc) {
        *p50_ns = histogram_percentile(h, 0.5);
        *p99_ns = histogram_percentile(h, 0.99);
    }
    free(h);
    return rc;
}
