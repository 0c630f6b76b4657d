/* SPDX-License-Identifier: MIT */
/*
 * scribble_mailbox.c - a mailbox under attack: its segment, while one process sends and another
 * receives
 *
 * What leads somewhere in a mailbox: the stacks and the lists through the places, what is moving or
 * given, lengths, who receives, the lock. And what only counts or calls: event, want, the bell,
 * which is filled and emptied, too.
 */
#define _GNU_SOURCE
#include "scribble.h"

#include "signal/mailbox_internal.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "/s"

enum verb_number { OPEN, SEND, WAIT, ACK, MASK, LOOK, FD };

#define COMMON EBADMSG, EDEADLK, EAGAIN, ETIMEDOUT

static const struct verb verbs[] = {
    [OPEN] = {"open", {COMMON, EBUSY, EPROTO, EPROTONOSUPPORT, EMEDIUMTYPE, ENODATA, EXDEV}},
    [SEND] = {"send", {EAGAIN, ESRCH, EBADMSG}},
    [WAIT] = {"wait", {COMMON}},
    [ACK] = {"ack", {COMMON, EINVAL}},
    [MASK] = {"mask", {COMMON}},
    [LOOK] = {"stat, pending", {COMMON}},
    [FD] = {"fd", {COMMON}},
};

static char dir[] = "/dev/shm/hepta-hostile-XXXXXX";
static struct hepta_mailbox *box; /* NULL: the receiver's couldn't be opened */

static int open_as(uint32_t flags, struct hepta_mailbox **b)
{
    struct hepta_mailbox_options opt = {
        .size = sizeof(opt), .depth = 1 + (uint32_t)rnd(40), .wait = (uint32_t)rnd(3)};

    return hepta_mailbox_open(NAME, flags, 0600, &opt, b);
}

static void mailbox_make(void)
{
    if (!mkdtemp(dir) || setenv("HEPTA_DIR", dir, 1) != 0)
        t_die("%s", dir);
    int rc = open_as(HEPTA_MAILBOX_CREATE, &box);
    if (rc < 0)
        t_die("hepta_mailbox_open: %s", strerror(-rc));
}

static void open_receiver(void)
{
    struct hepta_mailbox *next;
    int64_t start = begin_verb(OPEN);
    int rc = open_as(HEPTA_MAILBOX_RECEIVE | (rnd(2) ? HEPTA_MAILBOX_ACK : 0), &next);

    end_verb(OPEN, start, 0, rc);
    box = rc == 0 ? next : NULL;
}

static void mailbox_begin(int role)
{
    if (role == 1)
        return;
    hepta_mailbox_close(box);
    open_receiver();
}

static void look(void)
{
    struct hepta_mailbox_stat st;
    uint64_t set;
    int64_t start = begin_verb(LOOK);

    end_verb(LOOK, start, 0,
             rnd(4) ? hepta_mailbox_stat(box, &st) : hepta_mailbox_pending(box, &set));
}

static void send_some(void)
{
    int signo = (int)rnd(HEPTA_SIGNAL_MAX) + 1;
    size_t len = signo < 32 ? 0 : rnd(HEPTA_MAILBOX_PAYLOAD_MAX + 1);
    unsigned char *text = calloc(1, len + 1); /* ASan sees what is beyond */
    int64_t start = begin_verb(SEND);

    int rc = hepta_mailbox_send(box, signo, text, len, rnd(50) ? 0 : HEPTA_MAILBOX_LIVE);

    end_verb(SEND, start, 0, rc == 0 ? (int)len : rc);
    free(text);
}

static void wait_some(void)
{
    struct hepta_signal_info *info = malloc(sizeof(*info));
    int64_t deadline = some_deadline(), start = begin_verb(WAIT);
    int rc = hepta_mailbox_wait(box, info, deadline);

    end_verb(WAIT, start, deadline, rc);
    if (rc > HEPTA_SIGNAL_MAX || (rc > 0 && info->len > HEPTA_MAILBOX_PAYLOAD_MAX))
        t_die("number %d, %u bytes", rc, info->len);
    free(info);
}

static void poll_some(void)
{
    int64_t start = begin_verb(FD);
    struct pollfd pfd = {hepta_mailbox_fd(box), POLLIN, 0};

    end_verb(FD, start, 0, pfd.fd);
    poll(&pfd, pfd.fd >= 0, (int)rnd(3));
}

static void receive_some(void)
{
    uint64_t what = rnd(100);
    int64_t start;

    if (what < 60) {
        wait_some();
    } else if (what < 70) {
        start = begin_verb(ACK);
        end_verb(ACK, start, 0, hepta_mailbox_ack(box));
    } else if (what < 80) {
        uint64_t set = rnd(2) ? 0 : rnd(UINT64_MAX);
        start = begin_verb(MASK);
        end_verb(MASK, start, 0, hepta_mailbox_mask(box, (int)rnd(3), set, NULL));
    } else if (what < 85) {
        look();
    } else if (what < 92) {
        poll_some();
    } else {
        hepta_mailbox_close(box);
        open_receiver();
    }
}

static void mailbox_act(int role)
{
    if (!box)
        open_receiver();
    else if (role == 0)
        receive_some();
    else if (rnd(20))
        send_some();
    else
        look();
}

static void mailbox_end(int role)
{
    (void)role;
    if (box)
        hepta_mailbox_close(box);
}

static void mailbox_drop(void)
{
    hepta_mailbox_close(box);
    if (hepta_mailbox_unlink(NAME) < 0)
        t_die("hepta_mailbox_unlink");
    if (rmdir(dir) < 0)
        t_die("something was left in %s", dir);
    memset(strchr(dir, 0) - 6, 'X', 6);
}

static void scribble(void)
{
    char path[120], bytes[64];
    struct stat st;
    int fd, bell;

    snprintf(path, sizeof(path), "%s/mailbox.%s/r", dir, &NAME[1]);
    bell = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    snprintf(path, sizeof(path), "%s/mailbox.%s/data", dir, &NAME[1]);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (bell < 0 || fd < 0 || fstat(fd, &st) < 0)
        _exit(2);
    char *at = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        _exit(2);
    t_sleep_ns((int64_t)rnd(3) * T_MS); /* some honest work first */
    while (!stopped()) {
        scribble_over(at, (size_t)st.st_size);
        if ((rnd(2) ? read(bell, bytes, sizeof(bytes)) : write(bell, "", 1)) < 0)
            continue;
    }
}

const struct room mailbox_room = {
    .name = "mailbox",
    .actors = {"receiver", "sender"},
    .verbs = verbs,
    .make = mailbox_make,
    .begin = mailbox_begin,
    .act = mailbox_act,
    .end = mailbox_end,
    .scribble = scribble,
    .drop = mailbox_drop,
};
