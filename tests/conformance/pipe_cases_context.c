/* SPDX-License-Identifier: MIT */
/*
 * pipe_cases_context.c - where a call may be made from: handlers, threads, limited processes
 */
#define _GNU_SOURCE
#include "pipe_room.h"

#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>

static struct conf *handler_conf;
static struct pipe_pair *handler_pipe;

static void write_in_handler(int sig)
{
    struct conf *c = handler_conf;

    (void)sig;
    conf_set(c, 1, ops(c)->write(handler_pipe->w, "", 1, EVER));
    conf_set(c, 2, 1);
}

/* write(2) is async-signal-safe; a verb that interrupts a verb may refuse: it depends on
 * whether that one was inside its lock, or, as here most probably, asleep. */
static void in_handler(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        struct sigaction sa = {.sa_handler = write_in_handler, .sa_flags = SA_RESTART};

        handler_conf = c;
        handler_pipe = &p;
        OK(c, sigaction(SIGUSR1, &sa, NULL) == 0);
        conf_set(c, 0, 1);
        EQ(c, UNTIL_NOT(get(c, &p, 10, EVER), -EINTR), 1); /* 0, first of the sequence */
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    kill(child, SIGUSR1);
    conf_await(c, 2, 1);
    MAY(c, conf_get(c, 1), 1, -EDEADLK);
    if (conf_get(c, 1) != 1)
        EQ(c, put(c, &p, 1, EVER), 1);
    conf_join(c, child);
    close_both(c, &p);
}

/* A handler that interrupts nothing of the pipe's may use it. */
static void in_idle_handler(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    handler_conf = c;
    handler_pipe = &p;
    OK(c, signal(SIGUSR1, write_in_handler) != SIG_ERR);
    raise(SIGUSR1);
    EQ(c, conf_get(c, 1), 1);
    EQ(c, get(c, &p, 10, NOW), 1);
    close_both(c, &p);
}

struct reader_thread {
    struct conf *c;
    struct pipe_pair *p;
};

static void *read_once(void *arg)
{
    struct reader_thread *t = arg;
    char byte;

    conf_set(t->c, 0, 1);
    while (ops(t->c)->read(t->p->r, &byte, 1, EVER) == -EINTR)
        continue;
    return NULL;
}

/* read(2) and write(2) are cancellation points, verbs are not: they end, then the thread. */
static void cancellation(struct conf *c)
{
    struct pipe_pair p;
    struct reader_thread arg = {c, &p};
    pthread_t thread;
    void *end;

    make(c, &p);
    OK(c, pthread_create(&thread, NULL, read_once, &arg) == 0);
    conf_await(c, 0, 1);
    conf_pause_ms(5); /* asleep, or not yet: both sides must do the same then */
    OK(c, pthread_cancel(thread) == 0);
    conf_pause_ms(5);
    EQ(c, put(c, &p, 1, EVER), 1);
    OK(c, pthread_join(thread, &end) == 0);
    EQ(c, end == PTHREAD_CANCELED, DIFFERS(c, 1, 0));
    close_both(c, &p);
}

/* The limit on file sizes is for files on disks, and for the memory behind Hepta's pipe when
 * it is made; what is made already isn't touched by it. */
static void file_size_limit(struct conf *c)
{
    struct pipe_pair before;

    make(c, &before);
    pid_t child = conf_fork(c);
    if (child == 0) {
        struct rlimit lim = {100, 100};
        struct pipe_want want = {0};
        struct pend *r, *w;

        OK(c, setrlimit(RLIMIT_FSIZE, &lim) == 0);
        EQ(c, put(c, &before, 10000, EVER), 10000);
        EQ(c, get(c, &before, 10000, EVER), 10000);
        EQ(c, ops(c)->make(&r, &w, &want), DIFFERS(c, 0, -ENOSPC));
        conf_exit();
    }
    conf_join(c, child);
    close_both(c, &before);
}

const struct conf_case pipe_context_cases[] = {
    {"context.handler", in_handler, NEEDS_NOTHING, "not-in-handlers", NULL, 0},
    {"context.idle_handler", in_idle_handler, NEEDS_NOTHING, NULL, NULL, 0},
    {"context.cancellation", cancellation, NEEDS_NOTHING, "no-cancellation", NULL, 0},
    {"context.file_size_limit", file_size_limit, NEEDS_NOTHING, "file-size-limit",
     NULL, 0},
    {0},
};
