/* SPDX-License-Identifier: MIT */
/*
 * unix_cases_name.c - names: paths and abstract ones, how long, whose, how long they last
 */
#define _GNU_SOURCE
#include "unix_room.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LONGEST 107 /* bytes of sun_path, less a final 0 */

/* Somebody hears at @at what somebody says who connects to it. */
static void works(struct conf *c, struct usock *l, const char *at)
{
    struct usock *a = connector(c, at);

    say(c, a, "hello");
    if (uops(c)->type == HEPTA_SOCK_DGRAM) {
        hear(c, l, "hello");
    } else {
        struct usock *b = accepted(c, l);

        hear(c, b, "hello");
        shut(c, &b);
    }
    shut(c, &a);
}

static void by_path(struct conf *c)
{
    const char *at = path("s");
    struct usock *l = listener(c, at);

    OK(c, exists(at));
    works(c, l, at);
    works(c, l, at);
    shut(c, &l);
}

static void by_relative_path(struct conf *c)
{
    const char *at = path("s"), *slash = strrchr(at, '/');
    struct usock *l;

    EQ(c, chdir("/dev/shm"), 0);
    char rel[128] = "./";
    for (const char *p = slash - 1; p > at; p--)
        if (*p == '/') {
            strcat(rel, p + 1);
            break;
        }
    l = listener(c, rel);
    OK(c, exists(at));
    works(c, l, rel);
    works(c, l, at);
    shut(c, &l);
}

static void by_abstract_name(struct conf *c)
{
    const char *at = abstract("s");
    struct usock *l = listener(c, at);

    works(c, l, at);
    OK(c, !exists(at) && !exists(at + 1)); /* no file */
    shut(c, &l);
}

static void strange_bytes(struct conf *c)
{
    const char *at = abstract(" a/../b:c@\xff\n");
    struct usock *l = listener(c, at);

    works(c, l, at);
    shut(c, &l);
}

static void seen_names(struct conf *c)
{
    const char *names[] = {path("s"), abstract("s")};
    struct hepta_sock_stat st;

    for (int i = 0; i < 2; i++) {
        struct usock *l = listener(c, names[i]), *a = connector(c, names[i]),
                     *b = accepted(c, l);

        EQ(c, uops(c)->stat(l, &st), 0);
        OK(c, !strcmp(st.local, names[i]) && !st.peer[0]);
        say(c, a, "and data");
        say(c, b, "change nothing");
        hear(c, a, "change nothing");
        EQ(c, uops(c)->stat(a, &st), 0); /* one that connects has no name */
        OK(c, !st.local[0] && !strcmp(st.peer, names[i]));
        EQ(c, uops(c)->stat(b, &st), 0);
        OK(c, !strcmp(st.local, names[i]) && !st.peer[0]);
        shut(c, &a);
        shut(c, &b);
        shut(c, &l);
    }
}

static void pad(char *name, size_t len)
{
    size_t n = strlen(name);

    memset(name + n, 'x', len - n);
    name[len] = 0;
}

static void longest_path(struct conf *c)
{
    char at[HEPTA_SOCK_ADDRESS_MAX];
    struct usock *l;

    strcpy(at, path("s"));
    pad(at, LONGEST);
    l = listener(c, at);
    works(c, l, at);
    shut(c, &l);
    unlink(at);
    pad(at, LONGEST + 2);
    EQ(c, listen_at(c, &l, at), -ENAMETOOLONG);
    EQ(c, connect_to(c, &l, at, EVER), -ENAMETOOLONG);
}

/* Linux fills the array to its last byte; then no 0 is in it. */
static void without_final_zero(struct conf *c)
{
    char at[HEPTA_SOCK_ADDRESS_MAX];
    struct usock *l;

    strcpy(at, path("s"));
    pad(at, LONGEST + 1);
    EQ(c, listen_at(c, &l, at), DIFFERS(c, 0, -ENAMETOOLONG));
    EQ(c, exists(at), DIFFERS(c, 1, 0));
    shut(c, &l);
}

static void longest_abstract(struct conf *c)
{
    char at[HEPTA_SOCK_ADDRESS_MAX];
    struct usock *l;

    strcpy(at, abstract("s"));
    pad(at, LONGEST + 1); /* the @ stands for a byte of the name, and no 0 ends it */
    l = listener(c, at);
    works(c, l, at);
    shut(c, &l);
    pad(at, LONGEST + 2);
    EQ(c, listen_at(c, &l, at), -ENAMETOOLONG);
}

/* A name is all of its bytes. */
static void no_prefix(struct conf *c)
{
    struct usock *l = listener(c, abstract("name")), *s;

    EQ(c, connect_to(c, &s, abstract("nam"), NOW), -ECONNREFUSED);
    EQ(c, connect_to(c, &s, abstract("name2"), NOW), -ECONNREFUSED);
    works(c, l, abstract("name"));
    shut(c, &l);
}

static void in_use(struct conf *c)
{
    const char *names[] = {path("s"), abstract("s")};

    for (int i = 0; i < 2; i++) {
        struct usock *l = listener(c, names[i]), *second = (struct usock *)c;

        EQ(c, listen_at(c, &second, names[i]), -EADDRINUSE);
        OK(c, second == NULL);
        works(c, l, names[i]);
        shut(c, &l);
    }
}

/* Nobody has to accept what the second one may have tried. */
static void in_use_unnoticed(struct conf *c)
{
    const char *at = path("s");
    struct usock *l = listener(c, at), *s;

    for (int i = 0; i < 3; i++)
        EQ(c, listen_at(c, &s, at), -EADDRINUSE);
    EQ(c, uops(c)->accept(l, &s, NOW), -EAGAIN);
    OK(c, !can(c, l, POLLIN));
    works(c, l, at);
    shut(c, &l);
}

/* Abstract names are one space for each type; paths are one for all. */
static void types_apart(struct conf *c)
{
    struct hepta_sock_options opt = options(c);
    const char *at = abstract("s");
    struct usock *l = listener(c, at), *other;

    opt.type = other_type(c);
    EQ(c, uops(c)->listen(&other, at, &opt), 0);
    works(c, l, at);
    shut(c, &other);
    shut(c, &l);
    at = path("s");
    l = listener(c, at);
    EQ(c, uops(c)->listen(&other, at, &opt), -EADDRINUSE);
    works(c, l, at);
    shut(c, &l);
}

static void abstract_ends(struct conf *c)
{
    const char *at = abstract("s");
    struct usock *l = listener(c, at), *s;

    shut(c, &l);
    EQ(c, connect_to(c, &s, at, NOW), -ECONNREFUSED);
    l = listener(c, at);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_set(c, 0, 1);
        pause();
    }
    conf_await(c, 0, 1);
    shut(c, &l);
    EQ(c, listen_at(c, &s, at), -EADDRINUSE); /* the child has it open */
    conf_kill(c, child);
    l = listener(c, at);
    works(c, l, at);
    shut(c, &l);
}

static void no_directory(struct conf *c)
{
    struct usock *s;

    EQ(c, listen_at(c, &s, path("none/s")), -ENOENT);
    EQ(c, connect_to(c, &s, path("none/s"), EVER), -ENOENT);
    make_file(c, path("file"));
    EQ(c, listen_at(c, &s, path("file/s")), -ENOTDIR);
    EQ(c, connect_to(c, &s, path("file/s"), EVER), -ENOTDIR);
    EQ(c, symlink(path("loop"), path("loop")), 0);
    EQ(c, listen_at(c, &s, path("loop/s")), -ELOOP);
    EQ(c, connect_to(c, &s, path("loop"), EVER), -ELOOP);
}

/* The kernel makes a name up for a socket that is bound to none (autobind). */
static void no_name(struct conf *c)
{
    struct usock *s;

    EQ(c, listen_at(c, &s, ""), DIFFERS(c, 0, -EINVAL));
    shut(c, &s);
    EQ(c, connect_to(c, &s, "", EVER), -EINVAL);
}

/* Who is renamed is reached by the new name. */
static void renamed(struct conf *c)
{
    struct usock *l = listener(c, path("s")), *s;

    EQ(c, rename(path("s"), path("t")), 0);
    EQ(c, connect_to(c, &s, path("s"), EVER), -ENOENT);
    works(c, l, path("t"));
    EQ(c, symlink("t", path("u")), 0);
    works(c, l, path("u"));
    EQ(c, link(path("t"), path("v")), 0);
    works(c, l, path("v"));
    shut(c, &l);
}

const struct conf_case unix_name_cases[] = {
    {"name.path", by_path, NEEDS_ANY, NULL, NULL, 0},
    {"name.relative_path", by_relative_path, NEEDS_ANY, NULL, NULL, 0},
    {"name.abstract", by_abstract_name, NEEDS_ANY, NULL, NULL, 0},
    {"name.strange_bytes", strange_bytes, NEEDS_ANY, NULL, NULL, 0},
    {"name.seen", seen_names, NEEDS_CONNECTION, NULL, NULL, 0},
    {"name.longest_path", longest_path, NEEDS_ANY, NULL, NULL, 0},
    {"name.without_final_zero", without_final_zero, NEEDS_ANY, "unix-107-bytes", NULL, 0},
    {"name.longest_abstract", longest_abstract, NEEDS_ANY, NULL, NULL, 0},
    {"name.no_prefix", no_prefix, NEEDS_ANY, NULL, NULL, 0},
    {"name.in_use", in_use, NEEDS_ANY, NULL, NULL, 0},
    {"name.in_use_unnoticed", in_use_unnoticed, NEEDS_CONNECTION, NULL, NULL, 0},
    {"name.types_apart", types_apart, NEEDS_CONNECTION, NULL, NULL, 0},
    {"name.abstract_ends", abstract_ends, NEEDS_ANY, NULL, NULL, 0},
    {"name.no_directory", no_directory, NEEDS_ANY, NULL, NULL, 0},
    {"name.none", no_name, NEEDS_ANY, "unix-no-autobind", NULL, 0},
    {"name.renamed", renamed, NEEDS_ANY, NULL, NULL, 0},
    {0},
};
