/* SPDX-License-Identifier: MIT */
/*
 * cli/demo.h - the parts of `hepta demo`
 *
 * demo.c tells the story; demo_file.c finds something to send; demo_end.c is a pipe's end,
 * the kernel's or Hepta's, that can be handed over exec; demo_child.c starts the other
 * process and demo_peer.c is that process; demo_transfer.c and demo_kill.c are the acts.
 */
#ifndef CLI_DEMO_H
#define CLI_DEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct hepta_pipe;

/* ---- what is sent ---- */

#define DEMO_FILE_MAX ((size_t)64 << 20) /* bytes: of a larger file the beginning is sent */

struct demo_file {
    char *path;
    int fd; /* not close-on-exec: the writer that gets killed reads it, too */
    unsigned char *bytes;
    size_t len;
    bool cut;
    unsigned char sha256[32];
};

/* @path NULL: a large file of this machine. Tells what is wrong; returns a cli_status. */
int demo_file_open(struct demo_file *file, const char *path);
void demo_file_close(struct demo_file *file);
/* Reads the first @len bytes; NULL and errno. munmap() frees. */
unsigned char *demo_load(int fd, size_t len);
void demo_sha256(const void *bytes, size_t len, unsigned char sha256[32]);

/* ---- one end of a pipe ---- */

enum demo_way { DEMO_KERNEL, DEMO_HEPTA, DEMO_SPSC, DEMO_WAYS };
const char *demo_way_name(enum demo_way way);

struct demo_end {
    enum demo_way way;
    int fd;
    struct hepta_pipe *pipe;
};

#define DEMO_END_TEXT 64 /* "hepta:5,6,7": how an end travels in argv */
#define DEMO_END_FDS  3

/* All return 0 or a count, or a negative errno. */
int demo_pair(enum demo_way way, size_t capacity, struct demo_end *reader, struct demo_end *writer);
int demo_end_hand(const struct demo_end *end, char text[DEMO_END_TEXT], int fds[DEMO_END_FDS]);
int demo_end_take(const char *text, struct demo_end *end);
int demo_write(struct demo_end *end, const void *buf, size_t len); /* all of it */
ssize_t demo_read(struct demo_end *end, void *buf, size_t len);    /* what is there */
int demo_read_all(struct demo_end *end, void *buf, size_t len);    /* -EPIPE at its end */
void demo_end_close(struct demo_end *end);

/* ---- the other process ---- */

struct demo_report {
    int64_t err;     /* 0 or negative errno */
    int64_t done_ns; /* CLOCK_MONOTONIC when the last byte was there */
    uint64_t bytes;
    unsigned char sha256[32];
};

struct demo_child {
    pid_t pid;
    int report;
};

/* What the process is to do; a pair of ends is handed over where the role needs two. */
struct demo_job {
    const char *role; /* "receive", "echo", "send" */
    size_t record, len;
    int file; /* descriptor for "send"; -1 */
    int cpu;
    struct demo_end *end[2]; /* the second may be NULL; closed here once handed over */
};

/* fork and execve of this program. 0 or negative errno. */
int demo_child_start(struct demo_child *child, const struct demo_job *job);
int demo_child_report(struct demo_child *child, struct demo_report *report);
/* Kills it if it still runs, and reaps it. */
void demo_child_end(struct demo_child *child);

/* ---- the acts ---- */

#define DEMO_RUNS_MAX 3

struct demo_result {
    int err;
    bool wrong; /* a checksum didn't match */
    int n;
    double seconds[DEMO_RUNS_MAX];
    double rtt_p50_ns, rtt_p99_ns;
};

int demo_transfer(const struct demo_file *file, enum demo_way way, size_t record, const int cpu[2],
                  double *seconds, bool *wrong);
int demo_round_trip(enum demo_way way, size_t record, const int cpu[2], double *p50_ns,
                    double *p99_ns);

struct demo_kill {
    uint64_t received, committed; /* bytes; committed 0: the kernel doesn't tell */
    double eof_ns;                /* from kill(2) to end-of-file */
    bool prefix;                  /* what came is what was sent, from the first byte on */
    bool whole;                   /* and no part of a record */
};

#define DEMO_KILL_RECORD 4096

int demo_kill(const struct demo_file *file, enum demo_way way, const int cpu[2],
              struct demo_kill *k);

/* Equal for both sides of the comparison. */
size_t demo_capacity(size_t record);

#endif
