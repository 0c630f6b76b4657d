/* SPDX-License-Identifier: MIT */
/*
 * unix_cases_mode.c - who may connect: mode bits, umask, owners, directories
 *
 * The stranger is the user nobody; the cases run as root.
 */
#define _GNU_SOURCE
#include "unix_room.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static int mode_of(struct conf *c, const char *file)
{
    struct stat st;

    EQ(c, lstat(file, &st), 0);
    OK(c, S_ISSOCK(st.st_mode));
    return st.st_mode & 07777;
}

static struct usock *listener_as(struct conf *c, const char *at, unsigned mode, unsigned mask)
{
    struct hepta_sock_options opt = options(c);
    struct usock *l;
    mode_t old = umask(mask);

    opt.mode = mode;
    EQ(c, uops(c)->listen(&l, at, &opt), 0);
    EQ(c, umask(old), mask); /* and is left alone */
    return l;
}

/* Connecting as nobody gives @result. */
static void nobody_gets(struct conf *c, const char *at, int result)
{
    pid_t child = conf_fork(c);

    if (child == 0) {
        struct usock *s;

        be_nobody(c);
        EQ(c, connect_to(c, &s, at, EVER), result);
        shut(c, &s);
        conf_exit();
    }
    conf_join(c, child);
}

static void by_umask(struct conf *c)
{
    static const unsigned masks[] = {0, 022, 077, 0777};
    const char *at = path("s");

    for (int i = 0; i < 4; i++) {
        struct usock *l = listener_as(c, at, 0, masks[i]);

        EQ(c, mode_of(c, at), 0777 & ~masks[i]);
        shut(c, &l);
        unlink(at);
    }
}

static void by_option(struct conf *c)
{
    static const unsigned modes[] = {0600, 0666, 0222, 0400};
    const char *at = path("s");

    for (int i = 0; i < 4; i++) {
        struct usock *l = listener_as(c, at, modes[i], 0);

        EQ(c, mode_of(c, at), modes[i]);
        shut(c, &l);
        unlink(at);
    }
}

static void write_permission(struct conf *c)
{
    static const struct {
        unsigned mode;
        int result;
    } want[] = {{0666, 0}, {0222, 0}, {0002, 0}, {0600, -EACCES}, {0445, -EACCES}, {0660, -EACCES}};
    const char *at = path("s");

    for (int i = 0; i < 6; i++) {
        struct usock *l = listener_as(c, at, want[i].mode, 0);

        nobody_gets(c, at, want[i].result);
        shut(c, &l);
        unlink(at);
    }
}

static void changed_later(struct conf *c)
{
    const char *at = path("s");
    struct usock *l = listener_as(c, at, 0600, 0);

    nobody_gets(c, at, -EACCES);
    EQ(c, chmod(at, 0666), 0);
    nobody_gets(c, at, 0);
    EQ(c, chmod(at, 0600), 0);
    EQ(c, chown(at, NOBODY, NOBODY), 0);
    nobody_gets(c, at, 0);
    shut(c, &l);
}

/* Who is connected stays so. */
static void not_undone(struct conf *c)
{
    const char *at = path("s");
    struct usock *l = listener_as(c, at, 0666, 0), *b;
    pid_t child = conf_fork(c);

    if (child == 0) {
        be_nobody(c);
        struct usock *s = connector(c, at);

        conf_set(c, 0, 1);
        conf_await(c, 1, 1);
        say(c, s, "still here");
        hear(c, s, "yes");
        conf_exit();
    }
    conf_await(c, 0, 1);
    EQ(c, chmod(at, 0), 0);
    conf_set(c, 1, 1);
    b = accepted(c, l);
    hear(c, b, "still here");
    say(c, b, "yes");
    conf_join(c, child);
    shut(c, &b);
    shut(c, &l);
}

static void directory_search(struct conf *c)
{
    const char *dir = path("d"), *at = path("d/s");
    struct usock *l;

    EQ(c, mkdir(dir, 0700), 0);
    l = listener_as(c, at, 0666, 0);
    nobody_gets(c, at, -EACCES);
    EQ(c, chmod(dir, 0711), 0);
    nobody_gets(c, at, 0);
    shut(c, &l);
    unlink(at);
}

static void directory_write(struct conf *c)
{
    pid_t child;

    EQ(c, mkdir(path("d"), 0755), 0);
    EQ(c, mkdir(path("e"), 0777), 0);
    EQ(c, chmod(path("e"), 0777), 0);
    child = conf_fork(c);
    if (child == 0) {
        struct usock *l;
        struct stat st;

        be_nobody(c);
        EQ(c, listen_at(c, &l, path("d/s")), -EACCES);
        OK(c, l == NULL);
        l = listener(c, path("e/s"));
        EQ(c, lstat(path("e/s"), &st), 0); /* the maker's */
        OK(c, st.st_uid == NOBODY && st.st_gid == NOBODY);
        shut(c, &l);
        conf_exit();
    }
    conf_join(c, child);
    unlink(path("e/s"));
}

static void abstract_has_none(struct conf *c)
{
    const char *at = abstract("s");
    struct usock *l = listener_as(c, at, 0, 0777);

    nobody_gets(c, at, 0);
    shut(c, &l);
}

/* A stranger's stale file: whose directory lets him remove it may take it over. */
static void stale_of_another(struct conf *c)
{
    const char *dir = path("d"), *at = path("d/s");
    pid_t child;

    EQ(c, mkdir(dir, 0777), 0);
    EQ(c, chmod(dir, 01777), 0); /* sticky: not this one */
    child = conf_fork(c);
    if (child == 0) {
        listener_as(c, at, 0666, 0);
        conf_exit();
    }
    conf_join(c, child);
    child = conf_fork(c);
    if (child == 0) {
        struct usock *l;

        be_nobody(c);
        int err = listen_at(c, &l, at);
        OK(c, err == -EADDRINUSE || (c->be->side == CONF_HEPTA && (err == -EACCES ||
                                                                   err == -EPERM)));
        conf_exit();
    }
    conf_join(c, child);
    OK(c, exists(at));
    unlink(at);
}

const struct conf_case unix_mode_cases[] = {
    {"mode.umask", by_umask, NEEDS_ANY, NULL, NULL, 0},
    {"mode.option", by_option, NEEDS_ANY, NULL, NULL, 0},
    {"mode.write_permission", write_permission, NEEDS_ANY, NULL, NULL, 0},
    {"mode.changed_later", changed_later, NEEDS_ANY, NULL, NULL, 0},
    {"mode.not_undone", not_undone, NEEDS_CONNECTION, NULL, NULL, 0},
    {"mode.directory_search", directory_search, NEEDS_ANY, NULL, NULL, 0},
    {"mode.directory_write", directory_write, NEEDS_ANY, NULL, NULL, 0},
    {"mode.abstract_has_none", abstract_has_none, NEEDS_ANY, NULL, NULL, 0},
    {"mode.stale_of_another", stale_of_another, NEEDS_ANY, NULL, NULL, 0},
    {0},
};
