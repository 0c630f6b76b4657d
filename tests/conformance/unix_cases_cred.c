/* SPDX-License-Identifier: MIT */
/*
 * unix_cases_cred.c - who is there, by the kernel's word: SO_PEERCRED, and with messages
 */
#define _GNU_SOURCE
#include "unix_room.h"

#include <errno.h>
#include <unistd.h>

#define GROUP 65533

static void is(struct conf *c, struct usock *s, pid_t pid, uint32_t uid, uint32_t gid)
{
    struct hepta_sock_stat st;

    EQ(c, uops(c)->stat(s, &st), 0);
    EQ(c, st.pid, pid);
    EQ(c, st.uid, uid);
    EQ(c, st.gid, gid);
}

/* A child that connects to @at after @before(), then runs @after() and waits for cell 1. */
static pid_t client(struct conf *c, const char *at, void (*before)(struct conf *),
                    void (*after)(struct conf *))
{
    pid_t child = conf_fork(c);

    if (child == 0) {
        if (before)
            before(c);
        struct usock *s = connector(c, at);
        if (after)
            after(c);
        conf_set(c, 0, 1);
        conf_await(c, 1, 1);
        say(c, s, "hello");
        conf_exit();
    }
    conf_await(c, 0, 1);
    return child;
}

static void check_client(struct conf *c, void (*before)(struct conf *),
                         void (*after)(struct conf *), uint32_t uid, uint32_t gid)
{
    const char *at = abstract("s");
    struct usock *l = listener(c, at), *b;
    pid_t child = client(c, at, before, after);

    b = accepted(c, l);
    is(c, b, child, uid, gid);
    conf_set(c, 1, 1);
    conf_join(c, child);
    is(c, b, child, uid, gid); /* also when it is gone */
    shut(c, &b);
    shut(c, &l);
}

static void connectors(struct conf *c)
{
    check_client(c, NULL, NULL, 0, 0);
}

static void of_nobody(struct conf *c)
{
    check_client(c, be_nobody, NULL, NOBODY, NOBODY);
}

static void set_effective(struct conf *c)
{
    EQ(c, setresgid((gid_t)-1, GROUP, (gid_t)-1), 0);
    EQ(c, setresuid((uid_t)-1, NOBODY, (uid_t)-1), 0);
}

static void effective_ones(struct conf *c)
{
    check_client(c, set_effective, NULL, NOBODY, GROUP);
}

/* What it was when it connected; what it becomes later doesn't count. */
static void of_the_time(struct conf *c)
{
    check_client(c, NULL, be_nobody, 0, 0);
}

static void before_accept_gone(struct conf *c)
{
    const char *at = abstract("s");
    struct usock *l = listener(c, at), *b;
    pid_t child = client(c, at, be_nobody, NULL);

    conf_set(c, 1, 1);
    conf_join(c, child);
    b = accepted(c, l);
    is(c, b, child, NOBODY, NOBODY);
    shut(c, &b);
    shut(c, &l);
}

/* The connector sees who listened, not who accepts. */
static void listeners(struct conf *c)
{
    const char *at = abstract("s");
    struct usock *s;
    pid_t child = conf_fork(c);

    if (child == 0) {
        be_nobody(c);
        struct usock *l = listener(c, at);

        conf_set(c, 0, 1);
        pid_t grandchild = conf_fork(c);
        if (grandchild == 0) {
            s = accepted(c, l);
            say(c, s, "hello");
            conf_await(c, 1, 1);
            conf_exit();
        }
        conf_join(c, grandchild);
        conf_exit();
    }
    conf_await(c, 0, 1);
    s = connector(c, at);
    is(c, s, child, NOBODY, NOBODY);
    hear(c, s, "hello");
    is(c, s, child, NOBODY, NOBODY);
    conf_set(c, 1, 1);
    conf_join(c, child);
    shut(c, &s);
}

static void listened_before(struct conf *c)
{
    const char *at = abstract("s");
    pid_t child = conf_fork(c);

    if (child == 0) {
        listener(c, at);
        be_nobody(c);
        conf_set(c, 0, 1);
        pause();
    }
    conf_await(c, 0, 1);
    struct usock *s = connector(c, at);
    is(c, s, child, 0, 0);
    conf_kill(c, child);
    shut(c, &s);
}

static void of_pairs(struct conf *c)
{
    struct two t;
    pid_t me = getpid();

    pair(c, &t);
    is(c, t.a, me, getuid(), getgid());
    pid_t child = conf_fork(c);
    if (child == 0) {
        is(c, t.b, me, 0, 0); /* the one who made it */
        be_nobody(c);
        is(c, t.b, me, 0, 0);
        conf_exit();
    }
    conf_join(c, child);
    part(c, &t);
}

static void of_messages(struct conf *c)
{
    const char *at = abstract("s");
    struct usock *l = listener(c, at), *b;
    struct hepta_sock_msg m = {0};
    pid_t child = client(c, at, be_nobody, NULL);
    char buf[10];

    conf_set(c, 1, 1);
    b = uops(c)->type == HEPTA_SOCK_DGRAM ? l : accepted(c, l);
    EQ(c, recv_into(c, b, &m, buf, sizeof(buf), EVER), 5);
    EQ(c, m.pid, child);
    OK(c, m.uid == NOBODY && m.gid == NOBODY);
    conf_join(c, child);
    if (b != l)
        shut(c, &b);
    shut(c, &l);
}

/* A datagram carries its own sender's. */
static void of_each_datagram(struct conf *c)
{
    const char *at = abstract("s");
    struct usock *l = listener(c, at), *s = connector(c, at);
    struct hepta_sock_msg m = {0};
    char buf[10];

    for (int i = 0; i < 3; i++) {
        pid_t child = conf_fork(c);
        if (child == 0) {
            if (i == 1)
                be_nobody(c);
            say(c, s, "hello");
            conf_exit();
        }
        conf_join(c, child);
        EQ(c, recv_into(c, l, &m, buf, sizeof(buf), EVER), 5);
        EQ(c, m.pid, child);
        EQ(c, m.uid, i == 1 ? NOBODY : 0);
    }
    shut(c, &s);
    shut(c, &l);
}

const struct conf_case unix_cred_cases[] = {
    {"cred.connector", connectors, NEEDS_CONNECTION, NULL, NULL, 0},
    {"cred.of_nobody", of_nobody, NEEDS_CONNECTION, NULL, NULL, 0},
    {"cred.effective", effective_ones, NEEDS_CONNECTION, NULL, NULL, 0},
    {"cred.of_the_time", of_the_time, NEEDS_CONNECTION, NULL, NULL, 0},
    {"cred.gone_before_accept", before_accept_gone, NEEDS_CONNECTION, NULL, NULL, 0},
    {"cred.listener", listeners, NEEDS_CONNECTION, NULL, NULL, 0},
    {"cred.listened_before", listened_before, NEEDS_CONNECTION, NULL, NULL, 0},
    {"cred.pair", of_pairs, NEEDS_PAIR, NULL, NULL, 0},
    {"cred.message", of_messages, NEEDS_ANY, NULL, NULL, 0},
    {"cred.each_datagram", of_each_datagram, NEEDS_DGRAM, NULL, NULL, 0},
    {0},
};
