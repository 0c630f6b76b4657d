/* SPDX-License-Identifier: MIT */
/* signal_cases_host.c - receivers in a program that has masks and handlers of its own; names */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "signal_room.h"

/* Handlers are nobody's business here: all are as they were. */
static void handlers_untouched(struct conf *c)
{
    struct sigaction before[HEPTA_SIGNAL_MAX + 1] = {0}, now;
    struct inbox in;
    struct peer p;
    conf_handle(c, SIGHUP, SA_RESTART);
    signal(SIGTERM, SIG_IGN);
    for (int n = 1; n <= HEPTA_SIGNAL_MAX; n++)
        sigaction(n, NULL, &before[n]);
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    tell(c, &p, SIGHUP);
    take_one(c, &in, SIGHUP);
    leave_peer(c, &p);
    for (int i = 0; i < 2; i++) {
        for (int n = 1; n <= HEPTA_SIGNAL_MAX; n++) {
            if (sigaction(n, NULL, &now) < 0)
                continue; /* glibc's own */
            OK(c, now.sa_handler == before[n].sa_handler && now.sa_flags == before[n].sa_flags);
        }
        if (i == 0)
            drop_inbox(c, &in);
    }
    EQ(c, atomic_load(&c->share->n_signals), 0);
}

/* Two that overlap: what either has stays blocked until the last is closed. */
static void overlapping(struct conf *c)
{
    struct inbox a, b;
    struct peer p;
    uint64_t before = blocked_here();
    make_inbox(c, &a, BIT(RT(0)) | BIT(RT(1)));
    make_inbox(c, &b, BIT(RT(1)) | BIT(RT(2)));
    find_self(c, &p, &a);
    queue(c, &p, RT(1), 1);
    queue(c, &p, RT(1), 2);
    take_value(c, &b, RT(1), 1);
    EQ(c, ops(c)->close(&a), 0); /* not the one opened last */
    EQ(c, (long long)(blocked_here() & ~before), (long long)(BIT(RT(1)) | BIT(RT(2))));
    take_value(c, &b, RT(1), 2);
    is_empty(c, &b);
    EQ(c, ops(c)->close(&b), 0);
    EQ(c, (long long)blocked_here(), (long long)before);
    leave_peer(c, &p);
}

static void closed(struct conf *c)
{
    struct inbox in;
    uint64_t set;
    make_inbox(c, &in, USUAL);
    EQ(c, ops(c)->close(&in), 0);
    EQ(c, hepta_signal_close(in.sig), -EBADF);
    EQ(c, hepta_signal_wait(in.sig, NULL, NOW), -EBADF);
    EQ(c, hepta_signal_mask(in.sig, HEPTA_SIGNAL_BLOCK, 0, NULL), -EBADF);
    EQ(c, hepta_signal_pending(in.sig, &set), -EBADF);
    EQ(c, hepta_signal_fd(in.sig), -EBADF);
    EQ(c, hepta_signal_on(in.sig, SIGHUP, NULL, NULL), -EBADF);
    EQ(c, hepta_signal_dispatch(in.sig, NOW), -EBADF);
    EQ(c, hepta_signal_unblocked(in.sig), -EBADF);
    EQ(c, hepta_signal_open(0, &in.sig), -EINVAL);
}

/* Only what is of its set can be held back. */
static void not_of_its_set(struct conf *c)
{
    struct inbox in;
    uint64_t old = 1;
    make_inbox(c, &in, BIT(SIGHUP) | BIT(RT(0)));
    for (int how = HEPTA_SIGNAL_BLOCK; how <= HEPTA_SIGNAL_SETMASK; how++)
        EQ(c, hepta_signal_mask(in.sig, how, BIT(SIGHUP) | BIT(RT(1)), NULL), -EINVAL);
    EQ(c, hepta_signal_mask(in.sig, HEPTA_SIGNAL_BLOCK, 0, &old), 0);
    EQ(c, (long long)old, 0);
    drop_inbox(c, &in);
}

struct other {
    struct conf *c;
    struct inbox *in;
};

static void *close_there(void *arg)
{
    struct other *o = arg;
    EQ(o->c, hepta_signal_close(o->in->sig), -EPERM);
    return NULL;
}

/* The mask is the opening thread's, so only that one can put it back. */
static void other_thread(struct conf *c)
{
    struct inbox in;
    struct other o = {c, &in};
    pthread_t thread;
    make_inbox(c, &in, USUAL);
    EQ(c, pthread_create(&thread, NULL, close_there, &o), 0);
    EQ(c, pthread_join(thread, NULL), 0);
    EQ(c, (long long)(blocked_here() & USUAL), (long long)USUAL);
    drop_inbox(c, &in);
}

/* --- names ---------------------------------------------------------------------------- */

/* glibc's, and kill(1)'s ways to write them. */
static void names(struct conf *c)
{
    char text[32];
    for (int n = 1; n <= 31; n++) {
        snprintf(text, sizeof(text), "SIG%s", sigabbrev_np(n));
        if (n != SIGIO) /* signal(7)'s first name of it; glibc's is SIGPOLL, as good a number */
            EQ(c, strcmp(hepta_signal_name(n), text), 0);
        EQ(c, hepta_signal_number(text), n);
        EQ(c, hepta_signal_number(text + 3), n);
        for (char *p = text; *p; p++)
            *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
        EQ(c, hepta_signal_number(text + 3), n);
        snprintf(text, sizeof(text), "%d", n);
        EQ(c, hepta_signal_number(text), n);
    }
    for (int n = SIGRTMIN; n <= SIGRTMAX; n++) {
        OK(c, hepta_signal_name(n) != NULL);
        EQ(c, hepta_signal_number(hepta_signal_name(n)), n);
        snprintf(text, sizeof(text), "RTMAX-%d", SIGRTMAX - n);
        EQ(c, hepta_signal_number(text), n);
    }
    static const int none[] = {-1, 0, 32, 33, 65};
    for (int i = 0; i < 5; i++)
        OK(c, hepta_signal_name(none[i]) == NULL);
    static const char *const bad[] = {"", "SIG", "FOO", "0", "65", "-1", "RTMIN+31", "RTMAX-31",
                                      "RTMIN+", "INTX", "1x"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        EQ(c, hepta_signal_number(bad[i]), -EINVAL);
}

const struct conf_case signal_host_cases[] = {
    {"host.handlers_untouched", handlers_untouched, NEEDS_PIDFD, NULL, NULL, 0},
    {"host.overlapping", overlapping, NEEDS_HEPTA, NULL, NULL, 0},
    {"host.closed", closed, NEEDS_HEPTA, NULL, NULL, 0},
    {"host.not_of_its_set", not_of_its_set, NEEDS_HEPTA, NULL, NULL, 0},
    {"host.other_thread", other_thread, NEEDS_HEPTA, NULL, NULL, 0},
    {"host.names", names, NEEDS_HEPTA, NULL, NULL, 0},
    {0},
};
