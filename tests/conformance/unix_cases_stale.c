/* SPDX-License-Identifier: MIT */
/*
 * unix_cases_stale.c - socket files: what is left of a listener, and who removes what
 */
#define _GNU_SOURCE
#include "unix_room.h"

#include <errno.h>
#include <stdio.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A socket file whose listener was killed. */
static void leave_stale(struct conf *c, const char *at)
{
    pid_t child = conf_fork(c);

    if (child == 0) {
        listener(c, at);
        conf_set(c, 0, 1);
        pause();
    }
    conf_await(c, 0, 1);
    conf_kill(c, child);
    conf_set(c, 0, 0);
    OK(c, exists(at));
}

static void refuses(struct conf *c)
{
    const char *at = path("s");
    struct usock *s;

    leave_stale(c, at);
    EQ(c, connect_to(c, &s, at, EVER), -ECONNREFUSED);
    OK(c, s == NULL && exists(at)); /* connecting removes nothing */
}

static void taken_over(struct conf *c)
{
    const char *at = path("s");
    struct usock *l, *s;

    leave_stale(c, at);
    EQ(c, listen_at(c, &l, at), DIFFERS(c, -EADDRINUSE, 0));
    EQ(c, connect_to(c, &s, at, EVER), DIFFERS(c, -ECONNREFUSED, 0));
    shut(c, &s);
    shut(c, &l);
}

/* Whatever type it had. */
static void taken_over_other_type(struct conf *c)
{
    struct hepta_sock_options opt = options(c);
    const char *at = path("s");
    struct usock *l;

    leave_stale(c, at);
    opt.type = other_type(c);
    EQ(c, uops(c)->listen(&l, at, &opt), DIFFERS(c, -EADDRINUSE, 0));
    shut(c, &l);
}

/* Of several who find it stale at once one gets it, and nobody loses what he has. */
static void one_takes_over(struct conf *c)
{
    enum { N = 8, ROUNDS = 10 };
    const char *at = path("s");
    pid_t child[N];

    for (int round = 1; round <= ROUNDS; round++) {
        leave_stale(c, at);
        conf_set(c, 2, 0);
        for (int i = 0; i < N; i++) {
            child[i] = conf_fork(c);
            if (child[i] == 0) {
                struct usock *l;

                conf_await(c, 1, round);
                int err = listen_at(c, &l, at);
                OK(c, err == 0 || err == -EADDRINUSE);
                conf_add(c, 3, err == 0);
                conf_add(c, 2, 1);
                conf_await(c, 2, N);
                conf_exit(); /* no close: the file is left again */
            }
        }
        conf_set(c, 1, round);
        for (int i = 0; i < N; i++)
            conf_join(c, child[i]);
        EQ(c, conf_get(c, 3), round);
        EQ(c, unlink(at), 0);
    }
}

static void other_files(struct conf *c)
{
    const char *files[] = {path("file"), path("dir"), path("fifo"), path("link"), path("dangling")};
    struct stat before, after;
    struct usock *l;

    make_file(c, files[0]);
    EQ(c, mkdir(files[1], 0777), 0);
    EQ(c, mkfifo(files[2], 0666), 0);
    EQ(c, symlink("file", files[3]), 0);
    EQ(c, symlink("nowhere", files[4]), 0);
    for (int i = 0; i < 5; i++) {
        EQ(c, lstat(files[i], &before), 0);
        EQ(c, listen_at(c, &l, files[i]), -EADDRINUSE);
        EQ(c, lstat(files[i], &after), 0);
        OK(c, before.st_ino == after.st_ino && before.st_size == after.st_size);
    }
    OK(c, !exists(path("nowhere")));
}

/* A link to a stale socket isn't one. */
static void link_to_stale(struct conf *c)
{
    struct usock *l;

    leave_stale(c, path("s"));
    EQ(c, symlink("s", path("link")), 0);
    EQ(c, listen_at(c, &l, path("link")), -EADDRINUSE);
    OK(c, exists(path("s")) && exists(path("link")));
}

static void removed_at_close(struct conf *c)
{
    const char *at = path("s");
    struct usock *l = listener(c, at), *s;

    shut(c, &l);
    EQ(c, exists(at), DIFFERS(c, 1, 0));
    EQ(c, connect_to(c, &s, at, EVER), DIFFERS(c, -ECONNREFUSED, -ENOENT));
}

static void left_by_exit(struct conf *c)
{
    const char *at = path("s");
    pid_t child = conf_fork(c);

    if (child == 0) {
        listener(c, at);
        conf_exit();
    }
    conf_join(c, child);
    OK(c, exists(at));
}

/* A child that gives up its copy ends nothing. */
static void childs_close(struct conf *c)
{
    const char *at = path("s");
    struct usock *l = listener(c, at), *s;
    pid_t child = conf_fork(c);

    if (child == 0) {
        shut(c, &l);
        conf_exit();
    }
    conf_join(c, child);
    OK(c, exists(at));
    s = connector(c, at);
    shut(c, &s);
    shut(c, &l);
}

/* What has taken a listener's place isn't removed with it. */
static void others_stays(struct conf *c)
{
    const char *at = path("s");
    struct usock *l = listener(c, at), *second, *s;

    EQ(c, unlink(at), 0);
    second = listener(c, at);
    shut(c, &l);
    OK(c, exists(at));
    s = connector(c, at);
    shut(c, &s);
    EQ(c, rename(at, path("t")), 0);
    make_file(c, at);
    shut(c, &second);
    OK(c, exists(at));
}

static void unlinked_lives_on(struct conf *c)
{
    const char *at = path("s");
    struct usock *l = listener(c, at), *a = connector(c, at), *s;

    EQ(c, unlink(at), 0);
    EQ(c, connect_to(c, &s, at, EVER), -ENOENT);
    s = accepted(c, l);
    say(c, a, "still");
    hear(c, s, "still");
    shut(c, &s);
    shut(c, &a);
    shut(c, &l); /* nothing to remove any more */
}

const struct conf_case unix_stale_cases[] = {
    {"stale.refuses", refuses, NEEDS_ANY, NULL, NULL, 0},
    {"stale.taken_over", taken_over, NEEDS_ANY, "unix-stale-file", NULL, 0},
    {"stale.taken_over_other_type", taken_over_other_type, NEEDS_ANY, "unix-stale-file", NULL, 0},
    {"stale.one_takes_over", one_takes_over, NEEDS_HEPTA, NULL, NULL, 30},
    {"stale.other_files", other_files, NEEDS_ANY, NULL, NULL, 0},
    {"stale.link_to_stale", link_to_stale, NEEDS_ANY, NULL, NULL, 0},
    {"stale.removed_at_close", removed_at_close, NEEDS_ANY, "unix-file-removed", NULL, 0},
    {"stale.left_by_exit", left_by_exit, NEEDS_ANY, NULL, NULL, 0},
    {"stale.childs_close", childs_close, NEEDS_ANY, NULL, NULL, 0},
    {"stale.others_stays", others_stays, NEEDS_ANY, NULL, NULL, 0},
    {"stale.unlinked_lives_on", unlinked_lives_on, NEEDS_CONNECTION, NULL, NULL, 0},
    {0},
};
