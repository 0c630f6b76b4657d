/* SPDX-License-Identifier: MIT */
/*
 * signal_cases_full.c - where no more can be queued
 *
 * The kernel's limit is of all signals that are queued to a user's processes, so these cases are a
 * user of their own, to whom nobody else sends any.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signal_room.h"

#define DEPTH 16

/* Nobody else's, also if two of these programs run. */
static uid_t lonely(void)
{
    return 0x40000000u + (uid_t)getpid();
}

/* An inbox that holds DEPTH: by the limit of its user, or its own. */
static void small_inbox(struct conf *c, struct inbox *in)
{
    struct rlimit few = {DEPTH, DEPTH};
    *in = (struct inbox){.at = new_place(), .fd = -1};
    if (has(c, NEEDS_MAILBOX)) {
        struct hepta_mailbox_options opt = {.size = sizeof(opt), .depth = DEPTH};
        struct hepta_mailbox *box;
        EQ(c, hepta_mailbox_open(in->at.name, HEPTA_MAILBOX_CREATE, 0600, &opt, &box), 0);
        EQ(c, hepta_mailbox_close(box), 0);
    } else {
        EQ(c, setrlimit(RLIMIT_SIGPENDING, &few), 0);
    }
    EQ(c, ops(c)->open(in, USUAL), 0);
}

static void refused(struct conf *c)
{
    struct inbox in;
    struct peer p;
    conf_become(c, lonely(), NOBODY);
    small_inbox(c, &in);
    find_self(c, &p, &in);
    for (int i = 0; i < DEPTH; i++)
        queue(c, &p, RT(i % 4), (uint64_t)i);
    for (int i = 0; i < 3; i++)
        EQ(c, ops(c)->send(&p, RT(i), WITH_VALUE, 99), -EAGAIN);
    take_value(c, &in, RT(0), 0);
    queue(c, &p, RT(0), 100); /* one is free again */
    EQ(c, ops(c)->send(&p, RT(0), WITH_VALUE, 99), -EAGAIN);
    for (int n = 0; n < 4; n++) {
        for (int i = n == 0 ? 4 : n; i < DEPTH; i += 4)
            take_value(c, &in, RT(n), (uint64_t)i);
        if (n == 0)
            take_value(c, &in, RT(0), 100);
    }
    is_empty(c, &in);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* Signals that coalesce need no room, and lose nothing. */
static void standard_ones(struct conf *c)
{
    struct inbox in;
    struct peer p;
    conf_become(c, lonely(), NOBODY);
    small_inbox(c, &in);
    find_self(c, &p, &in);
    for (int i = 0; i < DEPTH; i++)
        queue(c, &p, RT(0), (uint64_t)i);
    tell(c, &p, SIGUSR1);
    EQ(c, ops(c)->send(&p, 0, 0, 0), 0);
    EQ(c, (long long)pending(c, &in), (long long)(BIT(SIGUSR1) | BIT(RT(0))));
    struct hepta_signal_info info = take_one(c, &in, SIGUSR1);
    EQ(c, info.pid, getpid());
    EQ(c, info.uid, getuid());
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* Only with a value they do, without a word: it is lost, and who sent it. */
static void value_of_standard(struct conf *c)
{
    struct inbox in;
    struct peer p;
    conf_become(c, lonely(), NOBODY);
    small_inbox(c, &in);
    find_self(c, &p, &in);
    for (int i = 0; i < DEPTH; i++)
        queue(c, &p, RT(0), (uint64_t)i);
    queue(c, &p, SIGUSR1, 77);
    struct hepta_signal_info info = take_one(c, &in, SIGUSR1);
    EQ(c, info.code, SI_USER);
    EQ(c, (long long)info.value, 0);
    EQ(c, info.pid, 0);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* A real-time one without a value: the kernel marks it, once, and doesn't queue. */
static void without_a_value(struct conf *c)
{
    struct inbox in;
    struct peer p;
    conf_become(c, lonely(), NOBODY);
    small_inbox(c, &in);
    find_self(c, &p, &in);
    for (int i = 0; i < DEPTH; i++)
        queue(c, &p, RT(0), (uint64_t)i);
    for (int i = 0; i < 3; i++)
        EQ(c, ops(c)->send(&p, RT(1), 0, 0), DIFFERS(c, 0, -EAGAIN));
    for (int i = 0; i < DEPTH; i++)
        take_value(c, &in, RT(0), (uint64_t)i);
    EQ(c, ops(c)->wait(&in, NULL, NOW), DIFFERS(c, RT(1), -EAGAIN));
    is_empty(c, &in);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* The limit of the receiver's user, all of his processes together. A mailbox has its own. */
static void of_the_user(struct conf *c)
{
    struct inbox a;
    struct peer p;
    conf_become(c, lonely(), NOBODY);
    make_inbox(c, &a, USUAL);
    find_self(c, &p, &a);
    for (int i = 0; i < DEPTH; i++)
        queue(c, &p, RT(0), (uint64_t)i);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct rlimit few = {DEPTH + 4, DEPTH + 4};
        struct inbox b;
        struct peer to_b;
        EQ(c, setrlimit(RLIMIT_SIGPENDING, &few), 0);
        make_inbox(c, &b, USUAL);
        find_self(c, &to_b, &b);
        for (int i = 0; i < 4; i++)
            queue(c, &to_b, RT(0), (uint64_t)i);
        EQ(c, ops(c)->send(&to_b, RT(0), WITH_VALUE, 4), DIFFERS(c, -EAGAIN, 0));
        leave_peer(c, &to_b);
        drop_inbox(c, &b);
        conf_exit();
    }
    conf_join(c, pid);
    leave_peer(c, &p);
    drop_inbox(c, &a);
}

/* The default is room for a thousand; who makes it says how much, up to 65,536. */
static void own_depth(struct conf *c)
{
    static const uint32_t depths[] = {0, 1, 63, 65536};
    for (int i = 0; i < 4; i++) {
        struct hepta_mailbox_options opt = {.size = sizeof(opt), .depth = depths[i]};
        struct hepta_mailbox_stat stat;
        struct where at = new_place();
        struct hepta_mailbox *box;
        EQ(c, hepta_mailbox_open(at.name, HEPTA_MAILBOX_CREATE, 0600, &opt, &box), 0);
        uint32_t depth = depths[i] ? depths[i] : HEPTA_MAILBOX_DEPTH_DEFAULT;
        for (uint32_t k = 0; k < depth; k++)
            EQ(c, hepta_mailbox_send(box, 32 + (int)(k % 33), &k, sizeof(k), 0), 0);
        EQ(c, hepta_mailbox_send(box, 40, NULL, 0, 0), -EAGAIN);
        EQ(c, hepta_mailbox_send(box, 41, NULL, 0, 0), -EAGAIN);
        EQ(c, hepta_mailbox_stat(box, &stat), 0);
        EQ(c, stat.depth, depth);
        EQ(c, stat.queued, depth);
        EQ(c, (long long)stat.refused, 2);
        EQ(c, (long long)stat.sent, depth);
        EQ(c, hepta_mailbox_close(box), 0);
        unlink_place(c, &at);
    }
    struct hepta_mailbox_options opt = {.size = sizeof(opt), .depth = 65537};
    struct hepta_mailbox *box;
    struct where at = new_place();
    EQ(c, hepta_mailbox_open(at.name, HEPTA_MAILBOX_CREATE, 0600, &opt, &box), -EINVAL);
}

const struct conf_case signal_full_cases[] = {
    {"full.refused", refused, CONF_AS_ROOT, NULL, NULL, 0},
    {"full.standard_ones", standard_ones, CONF_AS_ROOT, NULL, NULL, 0},
    {"full.value_of_standard", value_of_standard, NEEDS_SIGNALS | CONF_AS_ROOT, NULL, NULL, 0},
    {"full.without_a_value", without_a_value, CONF_AS_ROOT, "signal-always-queued", NULL, 0},
    {"full.of_the_user", of_the_user, CONF_AS_ROOT, "signal-no-limits", NULL, 0},
    {"full.own_depth", own_depth, NEEDS_MAILBOX, NULL, NULL, 0},
    {0},
};
