/* SPDX-License-Identifier: MIT */
/*
 * unix_cases_connect.c - connect: to whom, to whom not, and what a closed listener leaves
 */
#define _GNU_SOURCE
#include "unix_room.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static void nobody_listens(struct conf *c)
{
    static const int64_t deadlines[] = {NOW, EVER, 1};
    struct usock *s = (struct usock *)c;

    for (int i = 0; i < 3; i++) {
        EQ(c, connect_to(c, &s, abstract("none"), deadlines[i]), -ECONNREFUSED);
        OK(c, s == NULL);
        EQ(c, connect_to(c, &s, path("none"), deadlines[i]), -ENOENT);
    }
}

static void no_socket(struct conf *c)
{
    struct usock *s;

    make_file(c, path("file"));
    EQ(c, mkdir(path("dir"), 0777), 0);
    EQ(c, mkfifo(path("fifo"), 0666), 0);
    EQ(c, connect_to(c, &s, path("file"), EVER), -ECONNREFUSED);
    EQ(c, connect_to(c, &s, path("dir"), EVER), -ECONNREFUSED);
    EQ(c, connect_to(c, &s, path("fifo"), EVER), -ECONNREFUSED);
    OK(c, exists(path("file")) && exists(path("dir")) && exists(path("fifo")));
}

static void other_types(struct conf *c)
{
    static const uint32_t types[] = {HEPTA_SOCK_STREAM, HEPTA_SOCK_SEQPACKET, HEPTA_SOCK_DGRAM};
    struct hepta_sock_options opt = options(c);
    struct usock *l = listener(c, path("s")), *k = listener(c, abstract("s")), *s;

    for (int i = 0; i < 3; i++) {
        opt.type = types[i];
        if (types[i] == uops(c)->type)
            continue;
        EQ(c, uops(c)->connect(&s, path("s"), &opt, EVER), -EPROTOTYPE);
        /* Abstract names are one space for each type: nobody is there. */
        EQ(c, uops(c)->connect(&s, abstract("s"), &opt, EVER), -ECONNREFUSED);
    }
    shut(c, &l);
    shut(c, &k);
}

/* Doesn't wait for accept. */
static void at_once(struct conf *c)
{
    const char *at = abstract("s");
    struct usock *l = listener(c, at), *s;

    EQ(c, connect_to(c, &s, at, NOW), 0);
    shut(c, &s);
    EQ(c, connect_to(c, &s, at, 1), 0);
    shut(c, &s);
    shut(c, &l);
}

static void to_oneself(struct conf *c)
{
    const char *at = abstract("s");
    struct usock *l = listener(c, at), *a, *b;

    for (int i = 0; i < 50; i++) {
        a = connector(c, at);
        b = accepted(c, l);
        say(c, a, "me");
        hear(c, b, "me");
        shut(c, i % 2 ? &a : &b);
        shut(c, i % 2 ? &b : &a);
    }
    shut(c, &l);
}

/* A listener that goes leaves those that waited for accept with a broken connection. */
static void listener_closes(struct conf *c)
{
    const char *at = abstract("s");
    struct usock *l = listener(c, at), *a = connector(c, at);
    char buf[4];

    say(c, a, "lost");
    shut(c, &l);
    EQ(c, uops(c)->recv(a, buf, 4, EVER), -ECONNRESET);
    EQ(c, uops(c)->recv(a, buf, 4, EVER), 0);
    EQ(c, uops(c)->send(a, "x", 1, EVER), -EPIPE);
    shut(c, &a);
}

static void listener_closes_unused(struct conf *c)
{
    const char *at = abstract("s");
    struct usock *l = listener(c, at), *a = connector(c, at);
    char buf[4];

    shut(c, &l);
    EQ(c, uops(c)->recv(a, buf, 4, EVER), -ECONNRESET);
    EQ(c, uops(c)->recv(a, buf, 4, EVER), 0);
    shut(c, &a);
}

static void listener_killed(struct conf *c)
{
    const char *at = abstract("s");
    pid_t child = conf_fork(c);
    char buf[4];

    if (child == 0) {
        listener(c, at);
        conf_set(c, 0, 1);
        pause();
    }
    conf_await(c, 0, 1);
    struct usock *a = connector(c, at), *s;
    conf_kill(c, child);
    EQ(c, uops(c)->recv(a, buf, 4, EVER), -ECONNRESET);
    EQ(c, uops(c)->recv(a, buf, 4, EVER), 0);
    EQ(c, connect_to(c, &s, at, NOW), -ECONNREFUSED);
    shut(c, &a);
}

/* One who waits to receive is told at once. */
static void listener_closes_wakes(struct conf *c)
{
    const char *at = abstract("s");
    struct usock *l = listener(c, at);
    pid_t child = conf_fork(c);

    if (child == 0) {
        shut(c, &l);
        struct usock *a = connector(c, at);
        char buf[4];

        conf_set(c, 0, 1);
        EQ(c, uops(c)->recv(a, buf, 4, EVER), -ECONNRESET);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    shut(c, &l);
    conf_join(c, child);
}

static void copies_of_listener(struct conf *c)
{
    const char *at = abstract("s");
    struct usock *l = listener(c, at), *a;
    pid_t child = conf_fork(c);

    if (child == 0) {
        conf_await(c, 0, 1);
        struct usock *b = accepted(c, l);

        hear(c, b, "to the child");
        say(c, b, "from the child");
        conf_exit();
    }
    shut(c, &l);
    a = connector(c, at); /* the child still listens */
    conf_set(c, 0, 1);
    say(c, a, "to the child");
    hear(c, a, "from the child");
    conf_join(c, child);
    shut(c, &a);
}

static void many_strangers(struct conf *c)
{
    enum { N = 10, EACH = 20 };
    const char *at = path("s");
    struct usock *l = listener(c, at);
    pid_t child[N];

    for (int i = 0; i < N; i++) {
        child[i] = conf_fork(c);
        if (child[i] == 0) {
            for (int k = 0; k < EACH; k++) {
                struct usock *s = connector(c, at);

                say(c, s, "hello");
                hear(c, s, "welcome");
                shut(c, &s);
            }
            conf_exit();
        }
    }
    for (int k = 0; k < N * EACH; k++) {
        struct usock *b = accepted(c, l);

        hear(c, b, "hello");
        say(c, b, "welcome");
        shut(c, &b);
    }
    for (int i = 0; i < N; i++)
        conf_join(c, child[i]);
    EQ(c, uops(c)->accept(l, &(struct usock *){0}, NOW), -EAGAIN);
    shut(c, &l);
}

const struct conf_case unix_connect_cases[] = {
    {"connect.nobody_listens", nobody_listens, NEEDS_ANY, NULL, NULL, 0},
    {"connect.no_socket", no_socket, NEEDS_ANY, NULL, NULL, 0},
    {"connect.other_types", other_types, NEEDS_ANY, NULL, NULL, 0},
    {"connect.at_once", at_once, NEEDS_ANY, NULL, NULL, 0},
    {"connect.to_oneself", to_oneself, NEEDS_CONNECTION, NULL, NULL, 0},
    {"connect.listener_closes", listener_closes, NEEDS_CONNECTION, NULL, NULL, 0},
    {"connect.listener_closes_unused", listener_closes_unused, NEEDS_CONNECTION, NULL, NULL, 0},
    {"connect.listener_killed", listener_killed, NEEDS_CONNECTION, NULL, NULL, 0},
    {"connect.listener_closes_wakes", listener_closes_wakes, NEEDS_CONNECTION, NULL, NULL, 0},
    {"connect.copies_of_listener", copies_of_listener, NEEDS_CONNECTION, NULL, NULL, 0},
    {"connect.many_strangers", many_strangers, NEEDS_CONNECTION, NULL, NULL, 30},
    {0},
};
