/* SPDX-License-Identifier: MIT */
/* sem_cases_signal.c - handlers: they end a wait, and may post; threads that are cancelled */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

#include "sem_room.h"

static const struct conf *of_handler;
static union semaphore *posted_by_handler;

static void post_in_handler(int sig)
{
    (void)sig;
    int saved = errno;
    if (sops(of_handler)->post(posted_by_handler) == 0)
        atomic_fetch_add(&of_handler->share->n_signals, 1);
    errno = saved;
}

static void post_on(struct conf *c, union semaphore *s, int sig, int flags)
{
    struct sigaction sa = {.sa_handler = post_in_handler, .sa_flags = flags};
    of_handler = c;
    posted_by_handler = s;
    EQ(c, sigaction(sig, &sa, NULL), 0);
}

static void interrupted_with(struct conf *c, union semaphore *s)
{
    conf_handle(c, SIGUSR1, 0);
    for (int timed = 0; timed < 2; timed++) {
        pid_t pid = sem_waiter(c, s, timed, timed ? in_some_ms(LONG_MS) : EVER);
        conf_break_off(c, pid, SIGUSR1, COUNTER, timed + 1);
        conf_join(c, pid);
        EQ(c, conf_get(c, RESULT + timed), -EINTR);
        EQ(c, sops(c)->value(s), 0);
    }
    EQ(c, sops(c)->post(s), 0);
    EQ(c, sops(c)->value(s), 1);
}

static void interrupted(struct conf *c)
{
    with_both(c, 0, interrupted_with);
}

/* Restarted by the kernel under SA_RESTART; with a time it isn't, whatever signal(7) says. */
static void restarted(struct conf *c)
{
    struct one_sem one;
    make_unnamed(c, &one, 0);
    conf_handle(c, SIGUSR1, SA_RESTART);
    pid_t ever = sem_waiter(c, one.s, 0, EVER),
          timed = sem_waiter(c, one.s, 1, in_some_ms(LONG_MS));
    conf_break_off(c, timed, SIGUSR1, COUNTER, 1);
    conf_join(c, timed);
    EQ(c, conf_get(c, RESULT + 1), -EINTR);
    if (conf_side(c) == CONF_HEPTA) {
        conf_break_off(c, ever, SIGUSR1, COUNTER, 2);
    } else {
        EQ(c, kill(ever, SIGUSR1), 0);
        conf_asleep(c, ever);
        EQ(c, sops(c)->post(one.s), 0);
    }
    conf_join(c, ever);
    EQ(c, conf_get(c, RESULT), DIFFERS(c, 0, -EINTR));
    OK(c, atomic_load(&c->share->n_signals) >= 2);
    drop_sem(c, &one);
}

/* The manual's example: a handler posts to what its own thread waits for. */
static void handler_posts_with(struct conf *c, union semaphore *s)
{
    struct itimerval soon = {.it_value = {.tv_usec = 20000}};
    post_on(c, s, SIGALRM, 0);
    EQ(c, setitimer(ITIMER_REAL, &soon, NULL), 0);
    int r, n = 0;
    while ((r = sops(c)->wait(s, EVER)) == -EINTR)
        n++;
    EQ(c, r, 0);
    OK(c, n <= 1);
    EQ(c, sops(c)->value(s), 0);
}

static void handler_posts(struct conf *c)
{
    with_both(c, 0, handler_posts_with);
}

/* A storm of handlers that post, into verbs of the same thread on the same semaphore: none is
 * lost, none too many. */
static void storm(struct conf *c)
{
    struct one_sem one;
    struct itimerval often = {{.tv_usec = 100}, {.tv_usec = 100}}, never = {0};
    long taken = 0, given = 0;

    make_unnamed(c, &one, 0);
    atomic_store(&c->share->n_signals, 0);
    post_on(c, one.s, SIGALRM, SA_RESTART);
    EQ(c, setitimer(ITIMER_REAL, &often, NULL), 0);
    for (int64_t until = in_some_ms(300); hepta_now_ns() < until;) {
        EQ(c, sops(c)->post(one.s), 0);
        given++;
        taken += sops(c)->wait(one.s, EVER) == 0;
        taken += sops(c)->wait(one.s, NOW) == 0;
    }
    EQ(c, setitimer(ITIMER_REAL, &never, NULL), 0);
    EQ(c, sops(c)->value(one.s), given + atomic_load(&c->share->n_signals) - taken);
    OK(c, atomic_load(&c->share->n_signals) > 0);
    drop_sem(c, &one);
}

struct waiting_thread {
    struct conf *c;
    union semaphore *s;
};

static void *wait_once(void *arg)
{
    struct waiting_thread *t = arg;
    conf_set(t->c, 0, 1);
    while (sops(t->c)->wait(t->s, EVER) == -EINTR)
        continue;
    return NULL;
}

/* sem_wait(3) is a cancellation point, the verb is not: it ends, then the thread. */
static void cancellation(struct conf *c)
{
    struct one_sem one;
    pthread_t thread;
    void *end;

    make_unnamed(c, &one, 0);
    struct waiting_thread arg = {c, one.s};
    EQ(c, pthread_create(&thread, NULL, wait_once, &arg), 0);
    conf_await(c, 0, 1);
    conf_pause_ms(5); /* asleep, or not yet: both sides must do the same then */
    EQ(c, pthread_cancel(thread), 0);
    conf_pause_ms(5);
    EQ(c, sops(c)->post(one.s), 0);
    EQ(c, pthread_join(thread, &end), 0);
    EQ(c, end == PTHREAD_CANCELED, DIFFERS(c, 1, 0));
    EQ(c, sops(c)->value(one.s), DIFFERS(c, 1, 0));
    drop_sem(c, &one);
}

const struct conf_case sem_signal_cases[] = {
    {"signal.interrupted", interrupted, 0, NULL, NULL, 0},
    {"signal.restarted", restarted, 0, "sem-no-restart", NULL, 0},
    {"signal.handler_posts", handler_posts, 0, NULL, NULL, 0},
    {"signal.storm", storm, 0, NULL, NULL, 0},
    {"signal.cancellation", cancellation, 0, "no-cancellation", NULL, 0},
    {0},
};
