/* SPDX-License-Identifier: MIT */
/* signal_cases_box.c - what only mailboxes have: names, one receiver after the other, payloads */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signal_room.h"

static int try_open(const struct where *at, uint32_t flags, struct hepta_mailbox **box)
{
    struct hepta_mailbox *b = NULL;
    int r = hepta_mailbox_open(at->name, flags, 0600, NULL, &b);
    if (box)
        *box = b;
    else if (r == 0)
        hepta_mailbox_close(b);
    return r;
}

static struct hepta_mailbox *open_box(struct conf *c, const struct where *at, uint32_t flags)
{
    struct hepta_mailbox *box;
    EQ(c, try_open(at, flags, &box), 0);
    return box;
}

static void names(struct conf *c)
{
    static const char *const bad[] = {"", "/", "no-slash", "/two/slashes", "/.", "/.."};
    struct where at = new_place();
    struct hepta_mailbox *box;
    char longer[300];
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        EQ(c, hepta_mailbox_open(bad[i], HEPTA_MAILBOX_CREATE, 0600, NULL, &box), -EINVAL);
    memset(longer, 'a', sizeof(longer));
    longer[0] = '/';
    longer[sizeof(longer) - 1] = 0;
    EQ(c, hepta_mailbox_open(longer, HEPTA_MAILBOX_CREATE, 0600, NULL, &box), -ENAMETOOLONG);
    EQ(c, try_open(&at, 0, NULL), -ENOENT);
    EQ(c, try_open(&at, HEPTA_MAILBOX_RECEIVE, NULL), -ENOENT);
    EQ(c, hepta_mailbox_unlink(at.name), -ENOENT);
    EQ(c, try_open(&at, HEPTA_MAILBOX_CREATE, NULL), 0);
    EQ(c, try_open(&at, HEPTA_MAILBOX_CREATE, NULL), 0);
    EQ(c, try_open(&at, HEPTA_MAILBOX_CREATE | HEPTA_MAILBOX_EXCL, NULL), -EEXIST);
    EQ(c, try_open(&at, HEPTA_MAILBOX_ACK, NULL), -EINVAL);
    EQ(c, try_open(&at, 32, NULL), -EINVAL);
    unlink_place(c, &at);
}

/* Of all processes, and in this one. */
static void one_receiver(struct conf *c)
{
    struct where at = new_place();
    struct hepta_mailbox *box = open_box(c, &at, HEPTA_MAILBOX_CREATE | HEPTA_MAILBOX_RECEIVE);
    EQ(c, try_open(&at, HEPTA_MAILBOX_RECEIVE, NULL), -EBUSY);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, try_open(&at, HEPTA_MAILBOX_RECEIVE, NULL), -EBUSY);
        EQ(c, try_open(&at, 0, NULL), 0);
        EQ(c, hepta_mailbox_close(box), 0); /* a copy: it is still the parent's */
        EQ(c, try_open(&at, HEPTA_MAILBOX_RECEIVE, NULL), -EBUSY);
        conf_exit();
    }
    conf_join(c, pid);
    EQ(c, try_open(&at, HEPTA_MAILBOX_RECEIVE, NULL), -EBUSY);
    EQ(c, hepta_mailbox_close(box), 0);
    EQ(c, try_open(&at, HEPTA_MAILBOX_RECEIVE, NULL), 0);
    unlink_place(c, &at);
}

/* Who only sends. */
static void not_the_receiver(struct conf *c)
{
    struct where at = new_place();
    struct hepta_mailbox_stat stat;
    uint64_t set;
    struct hepta_mailbox *box = open_box(c, &at, HEPTA_MAILBOX_CREATE);
    EQ(c, hepta_mailbox_wait(box, NULL, NOW), -EPERM);
    EQ(c, hepta_mailbox_ack(box), -EPERM);
    EQ(c, hepta_mailbox_mask(box, HEPTA_SIGNAL_BLOCK, 1, NULL), -EPERM);
    EQ(c, hepta_mailbox_fd(box), -EPERM);
    EQ(c, hepta_mailbox_send(box, 1, NULL, 0, 0), 0);
    EQ(c, hepta_mailbox_pending(box, &set), 0);
    EQ(c, (long long)set, 1);
    EQ(c, hepta_mailbox_stat(box, &stat), 0);
    EQ(c, stat.receiver, 0);
    EQ(c, hepta_mailbox_close(box), 0);
    unlink_place(c, &at);
}

/* Nobody receives: accepted all the same, unless the sender wants one who lives. */
static void nobody_receives(struct conf *c)
{
    struct where at = new_place();
    struct inbox in = {.fd = -1};
    struct peer p;
    EQ(c, try_open(&at, HEPTA_MAILBOX_CREATE, NULL), 0);
    find_peer(c, &p, &at);
    EQ(c, ops(c)->send(&p, 0, IF_LIVE, 0), -ESRCH);
    EQ(c, ops(c)->send(&p, RT(0), IF_LIVE | WITH_VALUE, 1), -ESRCH);
    EQ(c, ops(c)->send(&p, 0, 0, 0), 0);
    tell(c, &p, SIGUSR1);
    queue(c, &p, RT(0), 2);
    in.at = at;
    EQ(c, ops(c)->open(&in, USUAL), 0);
    take_one(c, &in, SIGUSR1);
    take_value(c, &in, RT(0), 2);
    is_empty(c, &in);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* Killed, blocked ones and others pending: the next has all, by its own mask, in order. */
static void receiver_killed(struct conf *c)
{
    struct where at = new_place();
    struct peer p;
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct inbox in = {.at = at, .fd = -1};
        EQ(c, ops(c)->open(&in, USUAL), 0);
        EQ(c, ops(c)->mask(&in, HEPTA_SIGNAL_BLOCK, BIT(RT(1)), NULL), 0);
        conf_set(c, BEFORE, 1);
        EQ(c, (long long)await_signal(c, &in).value, 1);
        conf_set(c, COUNTER, 1);
        conf_await(c, FREE, 1);
    }
    conf_await(c, BEFORE, 1);
    find_peer(c, &p, &at);
    queue(c, &p, RT(2), 1);
    conf_await(c, COUNTER, 1);
    queue(c, &p, RT(1), 2);
    queue(c, &p, RT(2), 3);
    tell(c, &p, SIGHUP);
    tell(c, &p, SIGHUP);
    queue(c, &p, RT(1), 4);
    conf_kill(c, pid);
    queue(c, &p, RT(1), 5);
    struct hepta_mailbox_stat stat;
    EQ(c, hepta_mailbox_stat(p.box, &stat), 0);
    EQ(c, stat.receiver, 0);
    EQ(c, (long long)(stat.blocked & USUAL), (long long)BIT(RT(1))); /* it stays */
    struct inbox in = {.at = at, .fd = -1};
    EQ(c, ops(c)->open(&in, USUAL), 0);
    take_one(c, &in, SIGHUP);
    take_value(c, &in, RT(1), 2);
    take_value(c, &in, RT(1), 4);
    take_value(c, &in, RT(1), 5);
    take_value(c, &in, RT(2), 3);
    is_empty(c, &in);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* The name goes at once; who has it open goes on, until nobody receives. */
static void unlinked(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    queue(c, &p, RT(0), 1);
    EQ(c, hepta_mailbox_unlink(in.at.name), 0);
    EQ(c, try_open(&in.at, 0, NULL), -ENOENT);
    EQ(c, try_open(&in.at, HEPTA_MAILBOX_CREATE | HEPTA_MAILBOX_EXCL, NULL), 0); /* another */
    queue(c, &p, RT(0), 2);
    take_value(c, &in, RT(0), 1);
    take_value(c, &in, RT(0), 2);
    EQ(c, ops(c)->close(&in), 0);
    EQ(c, ops(c)->send(&p, 0, 0, 0), -ESRCH);
    EQ(c, ops(c)->send(&p, SIGUSR1, 0, 0), -ESRCH);
    EQ(c, ops(c)->send(&p, RT(0), WITH_VALUE, 3), -ESRCH);
    leave_peer(c, &p);
    unlink_place(c, &in.at);
}

static void payloads(struct conf *c)
{
    struct inbox in;
    struct peer p;
    unsigned char bytes[HEPTA_MAILBOX_PAYLOAD_MAX + 1];
    struct hepta_signal_info info;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i * 7 + 1);
    make_inbox(c, &in, ~0ull);
    find_self(c, &p, &in);
    for (uint32_t len = 0; len <= HEPTA_MAILBOX_PAYLOAD_MAX; len++)
        EQ(c, hepta_mailbox_send(p.box, 64, bytes, len, 0), 0);
    EQ(c, hepta_mailbox_send(p.box, 64, NULL, 0, 0), 0);
    EQ(c, hepta_mailbox_send(p.box, 64, bytes, HEPTA_MAILBOX_PAYLOAD_MAX + 1, 0), -EMSGSIZE);
    EQ(c, hepta_mailbox_send(p.box, 64, NULL, 1, 0), -EFAULT);
    EQ(c, hepta_mailbox_send(p.box, 31, bytes, 1, 0), -EINVAL);
    EQ(c, hepta_mailbox_send(p.box, 0, bytes, 1, 0), -EINVAL);
    EQ(c, hepta_mailbox_send(p.box, 64, bytes, 1, 2), -EINVAL);
    for (uint32_t len = 0; len <= HEPTA_MAILBOX_PAYLOAD_MAX; len++) {
        EQ(c, hepta_mailbox_wait(in.box, &info, NOW), 64);
        EQ(c, info.len, len);
        EQ(c, memcmp(info.payload, bytes, len), 0);
        for (uint32_t i = len; i < HEPTA_MAILBOX_PAYLOAD_MAX; i++)
            EQ(c, info.payload[i], 0); /* nothing of those before */
    }
    EQ(c, hepta_mailbox_wait(in.box, &info, NOW), 64);
    EQ(c, info.len, 0);
    is_empty(c, &in);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

static void counted(struct conf *c)
{
    struct inbox in;
    struct peer p;
    struct hepta_mailbox_stat s;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    for (int i = 0; i < 3; i++)
        tell(c, &p, SIGUSR1);
    for (int i = 0; i < 5; i++)
        queue(c, &p, RT(1), 1);
    EQ(c, hepta_mailbox_stat(p.box, &s), 0);
    EQ(c, (long long)s.sent, 8);
    EQ(c, (long long)s.coalesced, 2);
    EQ(c, s.queued, 5);
    EQ(c, s.receiver, getpid());
    EQ(c, (long long)s.pending, (long long)(BIT(SIGUSR1) | BIT(RT(1))));
    EQ(c, (long long)s.blocked, (long long)~USUAL);
    take_one(c, &in, SIGUSR1);
    take_one(c, &in, RT(1));
    EQ(c, hepta_mailbox_stat(p.box, &s), 0);
    EQ(c, (long long)s.received, 2);
    EQ(c, s.queued, 4);
    EQ(c, (long long)s.sent, 8);
    EQ(c, (long long)s.refused, 0);
    EQ(c, (long long)s.recovered, 0);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* Its mode, after the umask: to send and to receive takes both bits. */
static void mode_and_umask(struct conf *c)
{
    static const mode_t modes[] = {0600, 0660, 0640, 0606, 0604, 0666};
    static const int group[] = {0, 1, 0, 0, 0, 1}, others[] = {0, 0, 0, 1, 0, 1};
    for (int i = 0; i < 6; i++)
        for (int who = 0; who < 2; who++) {
            struct where at = new_place();
            struct hepta_mailbox *box;
            mode_t was = umask(0);
            EQ(c, hepta_mailbox_open(at.name, HEPTA_MAILBOX_CREATE, modes[i], NULL, &box), 0);
            umask(was);
            EQ(c, hepta_mailbox_close(box), 0);
            pid_t pid = conf_fork(c);
            if (pid == 0) {
                int allowed = (who ? others : group)[i];
                conf_become(c, SOMEBODY, who ? SOMEBODY : 0);
                EQ(c, try_open(&at, 0, NULL), allowed ? 0 : -EACCES);
                EQ(c, try_open(&at, HEPTA_MAILBOX_RECEIVE, NULL), allowed ? 0 : -EACCES);
                conf_exit();
            }
            conf_join(c, pid);
            unlink_place(c, &at);
        }
}

static void closed(struct conf *c)
{
    struct inbox in;
    struct hepta_mailbox_stat stat;
    uint64_t set;
    make_inbox(c, &in, USUAL);
    EQ(c, ops(c)->close(&in), 0);
    EQ(c, hepta_mailbox_close(in.box), -EBADF);
    EQ(c, hepta_mailbox_send(in.box, 1, NULL, 0, 0), -EBADF);
    EQ(c, hepta_mailbox_wait(in.box, NULL, NOW), -EBADF);
    EQ(c, hepta_mailbox_ack(in.box), -EBADF);
    EQ(c, hepta_mailbox_mask(in.box, HEPTA_SIGNAL_BLOCK, 0, NULL), -EBADF);
    EQ(c, hepta_mailbox_pending(in.box, &set), -EBADF);
    EQ(c, hepta_mailbox_fd(in.box), -EBADF);
    EQ(c, hepta_mailbox_stat(in.box, &stat), -EBADF);
    unlink_place(c, &in.at);
}

const struct conf_case signal_box_cases[] = {
    {"box.names", names, NEEDS_MAILBOX, NULL, NULL, 0},
    {"box.one_receiver", one_receiver, NEEDS_MAILBOX, NULL, NULL, 0},
    {"box.not_the_receiver", not_the_receiver, NEEDS_MAILBOX, NULL, NULL, 0},
    {"box.nobody_receives", nobody_receives, NEEDS_MAILBOX, NULL, NULL, 0},
    {"box.receiver_killed", receiver_killed, NEEDS_MAILBOX, NULL, NULL, 0},
    {"box.unlinked", unlinked, NEEDS_MAILBOX, NULL, NULL, 0},
    {"box.payloads", payloads, NEEDS_MAILBOX, NULL, NULL, 0},
    {"box.counted", counted, NEEDS_MAILBOX, NULL, NULL, 0},
    {"box.mode_and_umask", mode_and_umask, NEEDS_MAILBOX | CONF_AS_ROOT, NULL, NULL, 0},
    {"box.closed", closed, NEEDS_MAILBOX, NULL, NULL, 0},
    {0},
};
