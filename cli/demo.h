/* SPDX-License-Identifier: MIT */
/*
 * cli/demo.h - the parts of `hepta demo`
 *
 * Each mechanism is a scene: a sender and a receiver, separately executed programs, carry a real
 * file over it, by the kernel's object and by Hepta's; and before that they do what only this
 * mechanism does, and check it. demo.c tells the story; demo_scene.c lists the scenes and plays
 * one; demo_child.c starts the two programs, demo_peer.c is such a program. What they do there:
 * demo_carry.c with channels, demo_gate.c with memory and semaphores. demo_lease.c is the last act,
 * demo_net.c two network namespaces with a cable, demo_file.c finds something to send.
 */
#ifndef CLI_DEMO_H
#define CLI_DEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct hepta_channel;

/* The signal that ends the demo, or 0. */
int demo_stopped(void);

/* ---- what is sent ---- */

#define DEMO_FILE_MAX ((size_t)64 << 20) /* bytes: of a larger file the beginning is sent */

struct demo_file {
    char *path;
    int fd; /* not close-on-exec: the senders read it */
    unsigned char *bytes;
    size_t len;
    bool cut;
};

/* @path NULL: a large file of this machine. Tells what is wrong; returns a cli_status. */
int demo_file_open(struct demo_file *file, const char *path);
void demo_file_close(struct demo_file *file);
/* Reads the first @len bytes; NULL and errno. munmap() frees. */
unsigned char *demo_load(int fd, size_t len);
void demo_sha256(const void *bytes, size_t len, unsigned char sha256[32]);

/* ---- scenes ---- */

enum demo_way { DEMO_KERNEL, DEMO_HEPTA, DEMO_WAYS };

#define DEMO_TEXT 256 /* an address */

struct demo_peer;

struct demo_scene {
    const char *name;   /* "mq": in argv */
    const char *title;  /* "message queue (POSIX)" */
    const char *shows;  /* what was checked, in half a sentence */
    size_t record;      /* bytes of a message */
    size_t most;        /* so much of the file, at most; 0: all */
    /* Addresses, with %d for the demo's number, and options; the first NULL: Hepta's is the
     * kernel's own. Of signal: DEMO_KERNEL's sender gets the receiver's process. */
    const char *from[DEMO_WAYS], *to[DEMO_WAYS];
    const char *made[DEMO_WAYS]; /* the demo makes it, and removes it; NULL: nothing */
    uint32_t flags;
    /* All return 0 or negative errno; -EBADMSG: it isn't so. NULL: nothing, or as a channel. */
    int (*before)(struct demo_peer *p); /* receiver, before there is a sender */
    int (*offer)(struct demo_peer *p);  /* sender, before the receiver looks */
    int (*judge)(struct demo_peer *p);  /* receiver: is it so? */
    int (*send)(struct demo_peer *p), (*receive)(struct demo_peer *p);
};

#define DEMO_INHERITED 1u /* a pipe: its ends are handed over */
#define DEMO_TOGETHER 2u  /* the receiver's open waits for the sender's */
#define DEMO_WINDOW 4u    /* nothing holds the sender back: the receiver answers now and then */
#define DEMO_APART 8u     /* in two network namespaces */
#define DEMO_NO_CHANNEL 16u
#define DEMO_ROOT 32u     /* needs privileges */

extern const struct demo_scene demo_scenes[];
extern const size_t demo_n_scenes;

struct demo_result {
    int err;      /* negative errno; DEMO_SKIPPED */
    bool wrong;   /* the checksum */
    double bytes, messages, seconds;
};
#define DEMO_SKIPPED 1

void demo_play(const struct demo_scene *scene, enum demo_way way, const struct demo_file *file,
               const int cpu[2], struct demo_result *result);

/* ---- the two programs ---- */

enum demo_step { DEMO_READY = 1, DEMO_JUDGED, DEMO_DONE };

struct demo_report {
    int32_t step;
    int32_t err;    /* 0 or negative errno */
    int64_t at_ns;  /* CLOCK_MONOTONIC: sender: before the first byte; receiver: after the last */
    int64_t waited_ns; /* of the receiver's open */
    uint64_t bytes;
    unsigned char sha256[32];
};

struct demo_child {
    pid_t pid;
    int report, go;
};

/* What a program is to do: "send" or "receive" (or "lease") in a scene. */
struct demo_job {
    const char *role, *scene;
    enum demo_way way;
    const char *address;
    size_t len;
    int file; /* descriptor */
    int cpu;
    pid_t net; /* a process in whose network namespace it lives; 0 */
};

/* fork and execve of this program. 0 or negative errno. */
int demo_child_start(struct demo_child *child, const struct demo_job *job);
/* Its next report, of that step. 0, what it says is wrong, -ETIMEDOUT, -ECHILD (it died). */
int demo_child_report(struct demo_child *child, enum demo_step step, struct demo_report *report);
int demo_child_go(struct demo_child *child);
/* Kills it if it still runs, and reaps it. */
void demo_child_end(struct demo_child *child);

/* In such a program. */
struct demo_peer {
    const struct demo_scene *scene;
    enum demo_way way;
    const char *address;
    struct hepta_channel *ch; /* NULL: DEMO_NO_CHANNEL */
    unsigned char *buf;       /* what is to be sent; or receives what comes */
    size_t len, done;
    bool receives;
    int64_t waited_ns;
    int id; /* of the demo: in names */
    int file, report, go;
};

int64_t demo_deadline(void); /* for a step that nothing should hold up */

/* demo_carry.c */
int demo_send_file(struct demo_peer *p);
int demo_receive_file(struct demo_peer *p);
int demo_refuses_to_send(struct demo_peer *p);
int demo_waited(struct demo_peer *p);
int demo_offer_prios(struct demo_peer *p), demo_judge_prios(struct demo_peer *p);
int demo_offer_types(struct demo_peer *p), demo_judge_types(struct demo_peer *p);
int demo_offer_signals(struct demo_peer *p), demo_judge_signals(struct demo_peer *p);
int demo_send_signals(struct demo_peer *p), demo_receive_signals(struct demo_peer *p);
int demo_receive_raw(struct demo_peer *p);

/* demo_gate.c */
int demo_memory_send(struct demo_peer *p), demo_memory_receive(struct demo_peer *p);
int demo_gate_open(struct demo_peer *p), demo_gate_is_shut(struct demo_peer *p);
int demo_gate_send(struct demo_peer *p), demo_gate_receive(struct demo_peer *p);
void demo_gate_clean(int id);

/* demo_net.c: two namespaces, 10.77.0.1 and 10.77.0.2. 0, or DEMO_SKIPPED. */
struct demo_net {
    pid_t pid[2];
};
int demo_net_make(struct demo_net *net);
void demo_net_end(struct demo_net *net);

/* ---- the last act ---- */

struct demo_lease {
    int err;
    bool wrong;
    size_t messages, before; /* all; those that the victim had finished */
    unsigned again;          /* that were delivered twice */
};
void demo_lease_play(const struct demo_file *file, const int cpu[2], struct demo_lease *result);
int demo_lease_peer(struct demo_peer *p);

#endif
