/* SPDX-License-Identifier: MIT */
/*
 * storm.c - threads send values to one receiver as fast as they can: none is lost, none comes
 * twice, each sender's come in order
 *
 * Twice: all use one number, and a dispatcher is called when the descriptor says so; then each has
 * a number of its own, and the receiver waits. More than RLIMIT_SIGPENDING can't be pending: who
 * sends is told, and tries again. That is made small here: the kernel looks through all that is
 * pending for the one to take.
 *
 *   signal-storm [SIGNALS]     of each sender
 */
#define _GNU_SOURCE
#include "../lib/t.h"

#include <errno.h>
#include <hepta/signal.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SENDERS 4
#define FIRST 40
#define PENDING 500 /* of all processes of this user */
#define WAIT_MS 20000

static int n_each = 25000, step; /* step: 0 one number for all, 1 one for each */
static struct hepta_signal_peer *receiver;
static uint32_t next[SENDERS];
static int n_wrong, n_got;

/* --- senders ------------------------------------------------------------------------- */

static void *sends(void *arg)
{
    uint64_t me = (uintptr_t)arg;
    intptr_t n_refused = 0;

    for (uint64_t i = 0; i < (uint64_t)n_each;) {
        int signo = FIRST + (int)me * step;
        int r = hepta_signal_send(receiver, signo, HEPTA_SIGNAL_VALUE, me << 32 | i);

        if (r == 0) {
            i++;
        } else if (r == -EAGAIN) {
            n_refused++;
            t_sleep_ns(50000);
        } else {
            t_die("send: %s", hepta_strerror(r));
        }
    }
    return (void *)n_refused;
}

static pid_t start_senders(void)
{
    pid_t me = getpid(), pid = t_fork();
    pthread_t t[SENDERS];
    void *n;
    long n_refused = 0;

    if (pid != 0)
        return pid;
    if (hepta_signal_peer_open(me, 0, &receiver) < 0)
        _exit(1);
    for (uintptr_t i = 0; i < SENDERS; i++)
        if (pthread_create(&t[i], NULL, sends, (void *)i) != 0)
            _exit(1);
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(t[i], &n);
        n_refused += (long)(intptr_t)n;
    }
    printf("tried again %ld times; ", n_refused);
    exit(0);
}

/* --- the receiver -------------------------------------------------------------------- */

static void takes(const struct hepta_signal_info *info, void *arg)
{
    uint32_t sender = (uint32_t)(info->value >> 32), number = (uint32_t)info->value;
    pid_t *pid = arg;

    n_got++;
    if (sender >= SENDERS || number != next[sender] || info->pid != *pid ||
        info->source != HEPTA_SIGNAL_FROM_QUEUE)
        n_wrong++;
    else
        next[sender]++;
}

/* False when nothing came for a long time. */
static bool takes_some(struct hepta_signal *sig, pid_t pid)
{
    struct pollfd p = {.fd = hepta_signal_fd(sig), .events = POLLIN};
    struct hepta_signal_info info;

    if (step == 0)
        return poll(&p, 1, WAIT_MS) == 1 && hepta_signal_dispatch(sig, HEPTA_NOW) > 0;
    if (hepta_signal_wait(sig, &info, hepta_in_ms(WAIT_MS)) <= 0)
        return false;
    takes(&info, &pid);
    return true;
}

static void storm(void)
{
    struct hepta_signal *sig;
    uint64_t set = 0;
    pid_t pid;

    memset(next, 0, sizeof(next));
    n_got = 0;
    for (int i = 0; i < SENDERS; i++)
        set |= HEPTA_SIGNAL(FIRST + i);
    if (hepta_signal_open(set, &sig) < 0)
        t_die("open");
    pid = start_senders();
    for (int i = 0; i < SENDERS; i++)
        hepta_signal_on(sig, FIRST + i, takes, &pid);
    while (n_got < SENDERS * n_each && takes_some(sig, pid))
        ;
    if (t_reap(pid, WAIT_MS) != 0 || hepta_signal_wait(sig, NULL, HEPTA_NOW) != -EAGAIN)
        n_wrong++;
    hepta_signal_close(sig);
    printf("%s: %d of %d, %d wrong\n", step ? "a number each, wait" : "one number, dispatch", n_got,
           SENDERS * n_each, n_wrong);
    n_wrong += n_got != SENDERS * n_each;
}

int main(int argc, char **argv)
{
    const struct rlimit limit = {PENDING, PENDING};

    t_limit(80);
    if (setrlimit(RLIMIT_SIGPENDING, &limit) != 0)
        t_die("setrlimit");
    if (argc > 1)
        n_each = atoi(argv[1]);
    for (step = 0; step < 2; step++)
        storm();
    return n_wrong != 0;
}
