/* SPDX-License-Identifier: MIT */
/*
 * channel_fault.c - every system call and allocation of the channels' verbs fails in turn, over
 * each kind of address of which one process can hold both ends
 *
 * After each failure: a message that was not sent is not there, one that was not received still
 * is, an object is there or isn't as the result says, and the next try works. The same operations
 * run over all kinds; struct kind says what is different. Start with main().
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "inject.h"

#include <errno.h>
#include <fcntl.h>
#include <hepta/channel.h>
#include <hepta/msg.h>
#include <hepta/pipe.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEND HEPTA_CHANNEL_SEND
#define RECV HEPTA_CHANNEL_RECV
#define MSG_KEY 77
#define ROOMS 12

enum { ONE, PIPE, KERNEL_PIPE, LISTEN, SIGNAL }; /* how both ends come about */

struct kind {
    const char *name;    /* with %d: our own process's number, %s: the directory */
    const char *options; /* of what is made */
    const char *more;    /* of all: behind the name */
    int ends;
    uint32_t can; /* HEPTA_CHANNEL_LEASE, _PEEK, _EVENTS, _NAMED */
};

static char dir[] = "/dev/shm/hepta-fault-XXXXXX";
static const struct kind *kind;
static char name[200], made[260];
static struct hepta_channel *tx, *rx, *next; /* tx is rx where one handle does both */
static struct hepta_channel_msg got;
static uint32_t n_sent;
static char last[40]; /* what was sent last */

static bool can(uint32_t what)
{
    return kind->can & what;
}

/* --- the verbs ---------------------------------------------------------------------------- */

static int open_it(const char *address, uint32_t flags, struct hepta_channel **ch)
{
    char why[HEPTA_CHANNEL_WHY_MAX];

    return hepta_channel_open(address, flags, NULL, hepta_in_ms(500), ch, why, sizeof(why));
}

/* Each message is another, or else nobody who waits for a new value would see it. */
static int send_next(int64_t deadline)
{
    struct hepta_channel_msg msg = {.size = sizeof(msg), .data = last};

    snprintf(last, sizeof(last), "message %u", ++n_sent);
    msg.len = can(HEPTA_CHANNEL_EVENTS) ? 0 : strlen(last);
    return hepta_channel_send(tx, &msg, deadline);
}

static int recv_it(int64_t deadline)
{
    got = (struct hepta_channel_msg){.size = sizeof(got)};
    return hepta_channel_recv(rx, &got, deadline);
}

static bool is_last(void)
{
    return can(HEPTA_CHANNEL_EVENTS) ||
           (got.len >= strlen(last) && memcmp(got.data, last, strlen(last)) == 0);
}

static int recv_now(void)
{
    int r = recv_it(HEPTA_NOW);

    if (r == 1 && got.set & HEPTA_CHANNEL_HAS_LEASE && hepta_channel_ack(rx, got.lease) < 0)
        t_die("%s: hepta_channel_ack", name);
    return r;
}

static bool empty(void)
{
    return recv_now() == -EAGAIN;
}

static bool works(void)
{
    return send_next(hepta_in_ms(1000)) == 0 && recv_it(hepta_in_ms(1000)) == 1 && is_last() &&
           (!(got.set & HEPTA_CHANNEL_HAS_LEASE) || hepta_channel_ack(rx, got.lease) == 0) &&
           empty();
}

/* --- setting up ----------------------------------------------------------------------------- */

static void address(void)
{
    char form[120];

    snprintf(form, sizeof(form), "%s%s", kind->name, kind->more);
    if (strstr(form, "%s"))
        snprintf(name, sizeof(name), form, dir);
    else
        snprintf(name, sizeof(name), form, (int)getpid());
    snprintf(made, sizeof(made), "%s%s", name, kind->options);
}

static void have_object(void)
{
    char why[HEPTA_CHANNEL_WHY_MAX] = "";

    address();
    if (can(HEPTA_CHANNEL_NAMED) && hepta_channel_create(made, why, sizeof(why)) < 0)
        t_die("%s", why);
}

static void open_pipes(void)
{
    struct hepta_pipe *r, *w;
    int rf[HEPTA_PIPE_NFDS], wf[HEPTA_PIPE_NFDS];

    if (hepta_pipe_new(&r, &w, NULL) < 0 || hepta_pipe_export(r, rf) < 0 ||
        hepta_pipe_export(w, wf) < 0)
        t_die("hepta_pipe_new");
    hepta_pipe_close(r);
    hepta_pipe_close(w);
    snprintf(name, sizeof(name), "pipe:%d.%d.%d", rf[0], rf[1], rf[2]);
    snprintf(made, sizeof(made), "pipe:%d.%d.%d", wf[0], wf[1], wf[2]);
}

static void open_kernel_pipes(void)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        t_die("pipe2");
    snprintf(name, sizeof(name), "kernel.pipe:%d", fds[0]);
    snprintf(made, sizeof(made), "kernel.pipe:%d", fds[1]);
}

/* Of signals one that kills nobody if it is left.
 * name is what receives, made what sends; of a pipe their numbers are known only now. */
static void have_ends(void)
{
    have_object();
    if (kind->ends == PIPE)
        open_pipes();
    else if (kind->ends == KERNEL_PIPE)
        open_kernel_pipes();
    else if (kind->ends == LISTEN)
        snprintf(name + strlen(name), sizeof(name) - strlen(name), ",listen");
    else if (kind->ends == SIGNAL)
        snprintf(name, sizeof(name), "signal:self/WINCH");
}

static void have_channels(void)
{
    int r;

    have_ends();
    r = open_it(name, kind->ends == ONE ? SEND | RECV : RECV, &rx);
    tx = rx;
    if (r == 0 && kind->ends != ONE)
        r = open_it(made, SEND, &tx);
    if (r < 0)
        t_die("%s: %s", name, strerror(-r));
    while (recv_now() == 1) /* what is free of a permit; the value before the first */
        ;
}

static void have_message(void)
{
    have_channels();
    if (send_next(HEPTA_NOW) < 0)
        t_die("%s: hepta_channel_send", name);
}

static void have_lease(void)
{
    have_message();
    if (recv_it(HEPTA_NOW) != 1 || !(got.set & HEPTA_CHANNEL_HAS_LEASE))
        t_die("%s: no lease", name);
}

static void leave(void)
{
    if (tx != rx)
        hepta_channel_close(tx);
    hepta_channel_close(rx);
    tx = rx = next = NULL;
    int id = strncmp(kind->name, "msg:", 4) == 0 ? hepta_msg_get(MSG_KEY, 0, NULL) : -1;

    if (can(HEPTA_CHANNEL_NAMED))
        hepta_channel_remove(name, NULL, 0);
    if (id >= 0)
        hepta_msg_detach(id); /* whose descriptor was asked for: they are the process's */
}

/* --- what is run ---------------------------------------------------------------------------- */

static long run_create(void)
{
    char why[HEPTA_CHANNEL_WHY_MAX];

    address();
    return hepta_channel_create(made, why, sizeof(why));
}

static long run_remove(void)
{
    char why[HEPTA_CHANNEL_WHY_MAX];

    return hepta_channel_remove(name, why, sizeof(why));
}

static long run_open_create(void)
{
    char text[300];

    address();
    snprintf(text, sizeof(text), "%s,create", made);
    return open_it(text, SEND | RECV, &next);
}

static long run_open_recv(void)
{
    return open_it(name, kind->ends == ONE ? SEND | RECV : RECV, &next);
}

static long run_open_send(void)
{
    return open_it(made, SEND, &next);
}

static long run_send(void)
{
    return send_next(hepta_in_ms(20));
}

static long run_recv(void)
{
    return recv_it(hepta_in_ms(20));
}

static long run_peek(void)
{
    got = (struct hepta_channel_msg){.size = sizeof(got)};
    return hepta_channel_peek(rx, &got, hepta_in_ms(20));
}

static long run_ack(void)
{
    return hepta_channel_ack(rx, got.lease);
}

static long run_wait(void)
{
    return hepta_channel_wait(rx, POLLIN, hepta_in_ms(20));
}

static long run_stat(void)
{
    struct hepta_channel_stat st;

    return hepta_channel_stat(rx, &st, sizeof(st));
}

static long run_close(void)
{
    if (tx != rx)
        tx = hepta_channel_close(tx);
    else
        tx = NULL;
    rx = hepta_channel_close(rx);
    return rx ? -EBUSY : 0;
}

/* --- what must hold --------------------------------------------------------------------- */

static bool there_if_made(long result)
{
    return hepta_channel_remove(name, NULL, 0) == (result == 0 ? 0 : -ENOENT);
}

/* Removed, or as it was, or it is out of its name and the rest of the work failed. */
static bool gone_if_removed(long result)
{
    int r = hepta_channel_remove(name, NULL, 0);

    return (r == -ENOENT || (result < 0 && r == 0)) && hepta_channel_create(made, NULL, 0) == 0;
}

/* The channel that the run opened, or one that is opened now, receives what the other sends. */
static bool opened(long result, const char *text, uint32_t flags, struct hepta_channel **ch)
{
    if ((result == 0) != (next != NULL))
        return false;
    *ch = next;
    next = NULL;
    return result == 0 || open_it(text, flags, ch) == 0;
}

static bool alone_works(void)
{
    tx = rx;
    while (recv_now() == 1)
        ;
    return works();
}

static bool made_or_can_be(long result)
{
    char text[300];

    snprintf(text, sizeof(text), "%s,create", made);
    return opened(result, text, SEND | RECV, &rx) && alone_works();
}

static bool receiver_opens(long result)
{
    if (!opened(result, name, kind->ends == ONE ? SEND | RECV : RECV, &rx))
        return false;
    if (kind->ends == ONE)
        return alone_works();
    return open_it(made, SEND, &tx) == 0 && works();
}

static bool sender_opens(long result)
{
    return opened(result, made, SEND, &tx) && works();
}

static bool one_if_sent(long result)
{
    if (result == 0 && (recv_it(hepta_in_ms(1000)) != 1 || !is_last()))
        return false;
    if (result == 0 && got.set & HEPTA_CHANNEL_HAS_LEASE && hepta_channel_ack(rx, got.lease) < 0)
        return false;
    return empty() && works();
}

static bool one_unless_taken(long result)
{
    if (result < 0 && recv_it(hepta_in_ms(1000)) != 1)
        return false;
    if (!is_last())
        return false;
    if (got.set & HEPTA_CHANNEL_HAS_LEASE && hepta_channel_ack(rx, got.lease) < 0)
        return false;
    return empty() && works();
}

static bool still_one(long result)
{
    (void)result;
    return recv_now() == 1 && is_last() && empty() && works();
}

/* Acknowledged, or it can still be. */
static bool acknowledged(long result)
{
    int r = hepta_channel_ack(rx, got.lease);

    return (r == -ESRCH || (result < 0 && r == 0)) && empty() && works();
}

#define SYSTEM ENOMEM, EMFILE, ENFILE, ENOSYS, EPERM, EACCES, EINTR, EAGAIN, ENOSPC, ENOBUFS
#define MAKING SYSTEM, EEXIST, ENOENT, EOPNOTSUPP, EXDEV, EPROTO, EBADMSG, ENOTDIR, EBADF, ESRCH, \
               EINVAL, EIDRM, ENOLCK, ENODEV, ELOOP, ETIMEDOUT
#define MOVING SYSTEM, ETIMEDOUT, EIDRM, EOVERFLOW, ETOOMANYREFS, ENODEV

struct op {
    struct inject_op op;
    uint32_t needs; /* of HEPTA_CHANNEL_* */
    int first; /* calls that fail; 0: all. The rooms' tests do all of theirs, without a channel */
};

static const struct op ops[] = {
    {{"create", {MAKING}, NULL, run_create, there_if_made, leave, 1}, HEPTA_CHANNEL_NAMED,
     ROOMS},
    {{"remove", {MAKING}, have_object, run_remove, gone_if_removed, leave, 1},
     HEPTA_CHANNEL_NAMED, ROOMS},
    {{"open, create", {MAKING}, NULL, run_open_create, made_or_can_be, leave, 1},
     HEPTA_CHANNEL_NAMED, 0},
    {{"open", {MAKING, EADDRINUSE}, have_ends, run_open_recv, receiver_opens, leave, 1}, 0, 0},
    {{"send", {MOVING}, have_channels, run_send, one_if_sent, leave, 1}, 0, 0},
    {{"recv", {MOVING}, have_message, run_recv, one_unless_taken, leave, 1}, 0, 0},
    {{"peek", {MOVING, EOPNOTSUPP}, have_message, run_peek, still_one, leave, 1},
     HEPTA_CHANNEL_PEEK, 0},
    {{"ack", {MOVING}, have_lease, run_ack, acknowledged, leave, 1}, HEPTA_CHANNEL_LEASE, 0},
    {{"wait", {MOVING, EOPNOTSUPP}, have_message, run_wait, still_one, leave, 1}, 0, 0},
    {{"stat", {MOVING}, have_message, run_stat, still_one, leave, 1}, 0, 0},
    {{"close", {0}, have_message, run_close, NULL, leave, 1}, 0, 0},
};

static void have_receiver(void)
{
    have_ends();
    if (open_it(name, RECV, &rx) < 0)
        t_die("%s", name);
}

static const struct inject_op open_sender = {
    "open to send", {MAKING, ECONNREFUSED, ETOOMANYREFS}, have_receiver, run_open_send,
    sender_opens, leave, 1};

static const struct kind kinds[] = {
    {"mq:/q", "", ",lease", ONE, HEPTA_CHANNEL_LEASE | HEPTA_CHANNEL_PEEK | HEPTA_CHANNEL_NAMED},
    {"kernel.mq:/hepta-fault-%d", ",depth=4,size=100", "", ONE, HEPTA_CHANNEL_NAMED},
    {"msg:77", "", "", ONE, HEPTA_CHANNEL_PEEK | HEPTA_CHANNEL_NAMED},
    {"kernel.msg:%d", ",size=4096", "", ONE, HEPTA_CHANNEL_PEEK | HEPTA_CHANNEL_NAMED},
    {"shm:/s", "", "", ONE, HEPTA_CHANNEL_PEEK | HEPTA_CHANNEL_NAMED},
    {"kernel.shm:/hepta-fault-%d", "", "", ONE, HEPTA_CHANNEL_PEEK | HEPTA_CHANNEL_NAMED},
    {"sem:/s", "", "", ONE, HEPTA_CHANNEL_PEEK | HEPTA_CHANNEL_EVENTS | HEPTA_CHANNEL_NAMED},
    {"kernel.sem:/hepta-fault-%d", ",depth=1", "", ONE,
     HEPTA_CHANNEL_PEEK | HEPTA_CHANNEL_EVENTS | HEPTA_CHANNEL_NAMED},
    {"permit:/p", ",depth=1", "", ONE,
     HEPTA_CHANNEL_PEEK | HEPTA_CHANNEL_EVENTS | HEPTA_CHANNEL_NAMED},
    {"semset:77[1]", ",depth=1", "", ONE,
     HEPTA_CHANNEL_PEEK | HEPTA_CHANNEL_EVENTS | HEPTA_CHANNEL_NAMED},
    {"kernel.semset:%d[1]", ",depth=1", "", ONE,
     HEPTA_CHANNEL_PEEK | HEPTA_CHANNEL_EVENTS | HEPTA_CHANNEL_NAMED},
    {"fifo:/f", "", "", ONE, HEPTA_CHANNEL_NAMED},
    {"kernel.fifo:%s/k", "", "", ONE, HEPTA_CHANNEL_NAMED},
    {"pipe:", "", "", PIPE, 0},
    {"kernel.pipe:", "", "", KERNEL_PIPE, 0},
    {"unix:%s/u", "", "", LISTEN, 0},
    {"unix:%s/p", "", ",type=seqpacket", LISTEN, 0},
    {"kernel.unix:%s/k", "", "", LISTEN, 0},
    {"kernel.unix:%s/d", "", ",type=dgram", LISTEN, 0},
    {"signal:%d/WINCH", "", "", SIGNAL, HEPTA_CHANNEL_EVENTS},
    {"signal:/box", "", ",lease", ONE, HEPTA_CHANNEL_LEASE | HEPTA_CHANNEL_NAMED},
};

static int each_op(void)
{
    struct inject_op op;
    char title[80];
    int n_bad = 0;

    for (size_t i = 0; i < T_COUNT(ops); i++) {
        if ((ops[i].needs & kind->can) != ops[i].needs)
            continue;
        op = ops[i].op;
        snprintf(title, sizeof(title), "%s %s", kind->name, op.name);
        op.name = title;
        n_bad += ops[i].first ? inject_first(&op, ops[i].first) : inject_all(&op, 1);
    }
    if (kind->ends != ONE) {
        op = open_sender;
        snprintf(title, sizeof(title), "%s %s", kind->name, op.name);
        op.name = title;
        n_bad += inject_all(&op, 1);
    }
    return n_bad;
}

int main(int argc, char **argv)
{
    char cmd[100];
    int n_bad = 0;

    t_limit(180);
    if (!mkdtemp(dir) || setenv("HEPTA_DIR", dir, 1) != 0)
        t_die("%s", dir);
    for (size_t i = 0; i < T_COUNT(kinds); i++) {
        kind = &kinds[i];
        if (argc < 2 || !strncmp(argv[1], kind->name, strlen(argv[1])))
            n_bad += each_op();
    }
    snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
    if (system(cmd) != 0)
        t_die("%s", cmd);
    printf("%d failed\n", n_bad);
    return n_bad != 0;
}
