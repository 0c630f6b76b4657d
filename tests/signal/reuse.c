/* SPDX-License-Identifier: MIT */
/*
 * reuse.c - a peer that died, and whose number another process was given, is never hit
 *
 * In a PID namespace of its own, where the next process can be told which number to take. Each
 * round: one process, a peer held of it, its death, a stranger with the same number. Every way to
 * send must say -ESRCH; kill(2), the control, hits the stranger, which says whether that was the
 * first signal that it was ever given.
 *
 *   signal-reuse [ROUNDS]
 */
#define _GNU_SOURCE
#include "../lib/t.h"

#include <errno.h>
#include <hepta/signal.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NUMBER 777
#define SKIP 77
#define VALUE_SIGNAL 40

static sigset_t ours;

/* fork() whose child is given NUMBER. */
static pid_t fork_as(void)
{
    pid_t number = NUMBER;
    struct clone_args args = {.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&number,
                              .set_tid_size = 1};

    fflush(NULL);
    return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static void reap(pid_t pid, int wanted)
{
    int status;

    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != wanted)
        t_die("process %d: status %x", (int)pid, status);
}

/* A peer whose process is gone: opened by its number, or handed over as a pidfd. */
static struct hepta_signal_peer *dead_peer(bool adopt)
{
    struct hepta_signal_peer *opened, *adopted;
    pid_t pid = fork_as();
    int r;

    if (pid == 0) {
        siginfo_t si;

        _exit(sigtimedwait(&ours, &si, &(struct timespec){20, 0}) == SIGUSR1 ? 0 : 1);
    }
    if (pid != NUMBER)
        t_die("clone3: %s", strerror(errno));
    r = hepta_signal_peer_open(pid, 0, &opened);
    if (r < 0)
        t_die("open: %s", hepta_strerror(r));
    if (adopt) {
        r = hepta_signal_peer_adopt(hepta_signal_peer_fd(opened), &adopted);
        if (r < 0)
            t_die("adopt: %s", hepta_strerror(r));
        hepta_signal_peer_close(opened);
        opened = adopted;
    }
    if (hepta_signal_send(opened, SIGUSR1, 0, 0) != 0)
        t_die("the living one isn't hit");
    reap(pid, 0);
    return opened;
}

/* The first signal that the stranger is given has to be the control. SIGUSR1 would come first, and
 * the real-time one would still be pending. */
static pid_t stranger(void)
{
    pid_t pid = fork_as();

    if (pid == 0) {
        siginfo_t si;
        int first = sigtimedwait(&ours, &si, &(struct timespec){20, 0});

        _exit(first == SIGUSR2 && sigtimedwait(&ours, &si, &(struct timespec){0, 0}) < 0 ? 0 : 1);
    }
    if (pid != NUMBER)
        t_die("clone3, again: %s", strerror(errno));
    return pid;
}

/* How many of the ways to send said -ESRCH, of three. */
static int n_refused(struct hepta_signal_peer *peer)
{
    return (hepta_signal_send(peer, SIGUSR1, 0, 0) == -ESRCH) +
           (hepta_signal_send(peer, VALUE_SIGNAL, HEPTA_SIGNAL_VALUE, 5) == -ESRCH) +
           (hepta_signal_send(peer, 0, 0, 0) == -ESRCH);
}

static int rounds(int n)
{
    int refused = 0, spared = 0, control = 0;

    for (int i = 0; i < n; i++) {
        struct hepta_signal_peer *peer = dead_peer(i % 2);
        pid_t pid = stranger();
        int status;

        refused += n_refused(peer) == 3;
        control += kill(pid, SIGUSR2) == 0; /* by number: it goes to whoever has it */
        if (waitpid(pid, &status, 0) != pid)
            t_die("wait: %s", strerror(errno));
        spared += WIFEXITED(status) && WEXITSTATUS(status) == 0;
        hepta_signal_peer_close(peer);
    }
    printf("%d rounds: -ESRCH %d, stranger not hit %d; kill(2) hit it %d times\n", n, refused,
           spared, control);
    return refused == n && spared == n && control == n ? 0 : 1;
}

int main(int argc, char **argv)
{
    int status, n = argc > 1 ? atoi(argv[1]) : 1000;
    pid_t init;

    t_limit(80);
    sigemptyset(&ours);
    sigaddset(&ours, SIGUSR1);
    sigaddset(&ours, SIGUSR2);
    sigaddset(&ours, VALUE_SIGNAL);
    sigprocmask(SIG_BLOCK, &ours, NULL);
    if (unshare(CLONE_NEWPID) != 0) {
        printf("no PID namespace: %s\n", strerror(errno));
        return SKIP;
    }
    init = t_fork();
    if (init == 0)
        exit(rounds(n));
    status = t_reap(init, 70000); /* and with it all others */
    return status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
