/* SPDX-License-Identifier: MIT */
/*
 * fifo_cases_names.c - names: made once, found by strangers, kept until unlinked
 *
 * A stranger is this program executed anew (conf_exec()): all it gets is the name.
 */
#define _GNU_SOURCE
#include "fifo_room.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct pipe_want usual;

static struct fifo named(const char *name)
{
    struct fifo f;

    snprintf(f.name, sizeof(f.name), "%s", name);
    return f;
}

static void exists(struct conf *c)
{
    struct fifo f;
    struct pipe_pair p;

    make_fifo(c, &f);
    EQ(c, fops(c)->make(f.name, 0666, &usual), -EEXIST);
    open_pair(c, &f, &p);
    EQ(c, put(c, &p, 10, EVER), 10);
    EQ(c, fops(c)->make(f.name, 0600, &usual), -EEXIST);
    EQ(c, get(c, &p, 10, EVER), 10); /* what was there is untouched */
    close_both(c, &p);
    remove_fifo(c, &f);
}

/* Of those who make the same name at the same time one succeeds. */
static void one_maker_wins(struct conf *c)
{
    enum { N_MAKERS = 6, N_ROUNDS = 20, ROUND = 0, MADE, REFUSED };
    struct fifo f = named("/contended");
    pid_t child[N_MAKERS];

    for (int i = 0; i < N_MAKERS; i++) {
        child[i] = conf_fork(c);
        for (int n = 1; child[i] == 0 && n <= N_ROUNDS; n++) {
            conf_await(c, ROUND, n);
            int err = fops(c)->make(f.name, 0600, &usual);
            OK(c, err == 0 || err == -EEXIST);
            conf_add(c, err == 0 ? MADE : REFUSED, 1);
        }
        if (child[i] == 0)
            conf_exit();
    }
    for (int n = 1; n <= N_ROUNDS; n++) {
        conf_set(c, ROUND, n);
        conf_await(c, MADE, n);
        conf_await(c, REFUSED, n * (N_MAKERS - 1));
        EQ(c, conf_get(c, MADE), n);
        remove_fifo(c, &f);
    }
    for (int i = 0; i < N_MAKERS; i++)
        conf_join(c, child[i]);
}

static void no_such(struct conf *c)
{
    struct fifo f = named("/nobody-made-this");

    EQ(c, try_open(c, &f, FOR_READ, EVER), -ENOENT);
    EQ(c, try_open(c, &f, FOR_WRITE, NOW), -ENOENT);
    EQ(c, try_open(c, &f, FOR_BOTH, hepta_in_ms(1000)), -ENOENT);
    EQ(c, fops(c)->unlink(f.name), -ENOENT);
    make_fifo(c, &f);
    remove_fifo(c, &f);
    EQ(c, try_open(c, &f, FOR_READ, NOW), -ENOENT);
    EQ(c, fops(c)->unlink(f.name), -ENOENT);
}

static void made_is_not_open(struct conf *c)
{
    struct fifo f;
    int n_fds = conf_n_fds();

    make_fifo(c, &f);
    EQ(c, conf_n_fds(), n_fds);
    EQ(c, try_open(c, &f, FOR_WRITE, NOW), -ENXIO);
    remove_fifo(c, &f);
    EQ(c, conf_n_fds(), n_fds);
}

static void unlinked_in_use(struct conf *c)
{
    struct fifo f;
    struct pipe_pair p;

    make_fifo(c, &f);
    open_pair(c, &f, &p);
    EQ(c, put(c, &p, 1000, EVER), 1000);
    remove_fifo(c, &f);
    EQ(c, try_open(c, &f, FOR_WRITE, NOW), -ENOENT);
    EQ(c, get(c, &p, 500, EVER), 500);
    for (int i = 0; i < 100; i++) {
        EQ(c, put(c, &p, 4000, EVER), 4000);
        get_all(c, &p, 4000);
    }
    OK(c, r_ready(c, &p) && w_ready(c, &p));
    close_w(c, &p);
    get_all(c, &p, 500);
    EQ(c, get(c, &p, 10, EVER), 0);
    close_r(c, &p);
}

static void new_is_another(struct conf *c)
{
    struct fifo f;
    struct pipe_pair old, new;

    make_fifo(c, &f);
    open_pair(c, &f, &old);
    EQ(c, put(c, &old, 10, EVER), 10);
    remove_fifo(c, &f);
    EQ(c, fops(c)->make(f.name, 0600, &usual), 0);
    EQ(c, try_open(c, &f, FOR_WRITE, NOW), -ENXIO); /* the old one's reader isn't here */
    open_pair(c, &f, &new);
    EQ(c, get(c, &new, 10, NOW), -EAGAIN);
    EQ(c, put(c, &new, 77, EVER), 77);
    EQ(c, get(c, &old, 100, EVER), 10);
    close_w(c, &new);
    EQ(c, get(c, &old, 100, NOW), -EAGAIN);
    EQ(c, get(c, &new, 100, NOW), 77);
    EQ(c, get(c, &new, 100, NOW), 0);
    close_r(c, &new);
    close_both(c, &old);
    remove_fifo(c, &f);
}

/* Who waits in open() when the name is unlinked waits for a partner in the old one. */
static void unlinked_while_waiting(struct conf *c)
{
    struct fifo f;

    make_fifo(c, &f);
    pid_t child = opener(c, &f, FOR_READ, 0, 0, EVER);
    remove_fifo(c, &f);
    EQ(c, fops(c)->make(f.name, 0600, &usual), 0);
    EQ(c, try_open(c, &f, FOR_WRITE, NOW), -ENXIO);
    EQ(c, try_open(c, &f, FOR_BOTH, EVER), 0);
    still_waits(c, child);
    conf_kill(c, child);
    remove_fifo(c, &f);
}

static void persists(struct conf *c)
{
    struct fifo f;
    struct pipe_pair p;

    make_fifo(c, &f);
    for (int i = 0; i < 20; i++) {
        open_pair(c, &f, &p);
        EQ(c, put(c, &p, 100, EVER), 100);
        EQ(c, get(c, &p, 100, EVER), 100);
        close_both(c, &p);
    }
    EQ(c, fops(c)->make(f.name, 0666, &usual), -EEXIST);
    remove_fifo(c, &f);
}

static void outlives_maker(struct conf *c)
{
    struct fifo f = named("/of-the-dead");
    struct pipe_pair p;
    pid_t child = conf_fork(c);

    if (child == 0) {
        EQ(c, fops(c)->make(f.name, 0600, &usual), 0);
        must_open(c, &f, FOR_BOTH, NOW);
        conf_set(c, 0, 1);
        pause();
    }
    conf_await(c, 0, 1);
    conf_kill(c, child);
    open_pair(c, &f, &p);
    EQ(c, put(c, &p, 10, EVER), 10);
    EQ(c, get(c, &p, 10, EVER), 10);
    close_both(c, &p);
    remove_fifo(c, &f);
}

static pid_t stranger(struct conf *c, const struct fifo *f, const char *role)
{
    pid_t child = conf_fork(c);

    if (child == 0)
        conf_exec(c, (const char *[]){f->name, role, NULL});
    return child;
}

/* Three programs with nothing but the name in common. */
static void strangers(struct conf *c)
{
    struct fifo f;

    make_fifo(c, &f);
    pid_t w1 = stranger(c, &f, "write"), r = stranger(c, &f, "read");
    pid_t w2 = stranger(c, &f, "write");
    conf_join(c, w1);
    conf_join(c, w2);
    conf_join(c, r);
    remove_fifo(c, &f);
}

static void stranger_reads(struct conf *c, struct fifo *f)
{
    struct pend *r = must_open(c, f, FOR_READ, EVER);
    char buf[3000];
    ssize_t n, total = 0;

    while (total < 2 * 500 * 1000) {
        n = ops(c)->read(r, buf, sizeof(buf), EVER);
        OK(c, n > 0); /* no writer leaves before the reader has all */
        total += n;
    }
    conf_set(c, 0, 1);
    EQ(c, ops(c)->read(r, buf, sizeof(buf), EVER), 0);
    shut_fifo(c, &r);
}

static void strangers_after(struct conf *c, int argc, char **argv)
{
    static char thousand[1000];

    EQ(c, argc, 2);
    struct fifo f = named(argv[0]);
    if (!strcmp(argv[1], "read")) {
        stranger_reads(c, &f);
        return;
    }
    struct pend *w = must_open(c, &f, FOR_WRITE, EVER);
    for (int i = 0; i < 500; i++)
        EQ(c, ops(c)->write(w, thousand, sizeof(thousand), EVER), sizeof(thousand));
    conf_await(c, 0, 1); /* the reader has all of it, and waits for the end */
    shut_fifo(c, &w);
}

/* Maker, users and who unlinks may all be different programs. */
static void stranger_makes(struct conf *c)
{
    struct fifo f = named("/by-a-stranger");

    conf_join(c, stranger(c, &f, "make"));
    EQ(c, try_open(c, &f, FOR_WRITE, NOW), -ENXIO);
    EQ(c, try_open(c, &f, FOR_BOTH, EVER), 0);
    conf_join(c, stranger(c, &f, "unlink"));
    EQ(c, try_open(c, &f, FOR_READ, NOW), -ENOENT);
}

static void stranger_makes_after(struct conf *c, int argc, char **argv)
{
    EQ(c, argc, 2);
    if (!strcmp(argv[1], "make"))
        EQ(c, fops(c)->make(argv[0], 0600, &usual), 0);
    else
        EQ(c, fops(c)->unlink(argv[0]), 0);
}

const struct conf_case fifo_names_cases[] = {
    {"names.exists", exists, NEEDS_NOTHING, NULL, NULL, 0},
    {"names.one_maker_wins", one_maker_wins, NEEDS_NOTHING, NULL, NULL, 0},
    {"names.no_such", no_such, NEEDS_NOTHING, NULL, NULL, 0},
    {"names.made_is_not_open", made_is_not_open, NEEDS_NOTHING, NULL, NULL, 0},
    {"names.unlinked_in_use", unlinked_in_use, NEEDS_NOTHING, NULL, NULL, 0},
    {"names.new_is_another", new_is_another, NEEDS_NOTHING, NULL, NULL, 0},
    {"names.unlinked_while_waiting", unlinked_while_waiting, NEEDS_NOTHING, NULL, NULL, 0},
    {"names.persists", persists, NEEDS_NOTHING, NULL, NULL, 0},
    {"names.outlives_maker", outlives_maker, NEEDS_NOTHING, NULL, NULL, 0},
    {"names.strangers", strangers, NEEDS_NOTHING, NULL, strangers_after, 0},
    {"names.stranger_makes", stranger_makes, NEEDS_NOTHING, NULL, stranger_makes_after, 0},
    {0},
};
