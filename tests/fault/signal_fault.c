/* SPDX-License-Identifier: MIT */
/*
 * signal_fault.c - every system call and allocation of the verbs of the kernel's signals fails in
 * turn
 *
 * After each failure masks and handlers are what the result says: the receiver's, or the host's. A
 * signal that wasn't taken is still pending.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "inject.h"

#include <errno.h>
#include <hepta/signal.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SET (HEPTA_SIGNAL(SIGUSR1) | HEPTA_SIGNAL(40))

static struct hepta_signal_peer *peer, *adopted;
static struct hepta_signal *sig, *other;
static struct hepta_signal_info info;
static uint64_t pending;
static int n_called;
static char *page;

/* --- what is there ------------------------------------------------------------------- */

static void have_peer(void)
{
    if (hepta_signal_peer_open(getpid(), 0, &peer) < 0)
        t_die("hepta_signal_peer_open");
}

static void have_receiver(void)
{
    if (hepta_signal_open(SET, &sig) < 0)
        t_die("hepta_signal_open");
}

static void have_both(void)
{
    have_peer();
    have_receiver();
}

static void have_fd(void)
{
    have_receiver();
    if (hepta_signal_fd(sig) < 0)
        t_die("hepta_signal_fd");
}

static void calls(const struct hepta_signal_info *got, void *arg)
{
    n_called += got->signo == SIGUSR1;
    (void)arg;
}

static void have_pending(void)
{
    have_receiver();
    hepta_signal_on(sig, SIGUSR1, calls, NULL);
    kill(getpid(), SIGUSR1);
}

static void have_page(void)
{
    page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        t_die("mmap");
}

static void leave(void)
{
    while (sig && hepta_signal_wait(sig, NULL, HEPTA_NOW) > 0)
        ;
    if (other)
        hepta_signal_close(other);
    if (sig)
        hepta_signal_close(sig);
    if (peer)
        hepta_signal_peer_close(peer);
    if (adopted)
        hepta_signal_peer_close(adopted);
    if (page)
        munmap(page, 4096);
    other = sig = NULL;
    peer = adopted = NULL;
    page = NULL;
}

/* --- what is done -------------------------------------------------------------------- */

static long run_peer_open(void)
{
    return hepta_signal_peer_open(getpid(), 0, &peer);
}

static long run_thread_open(void)
{
    return hepta_signal_peer_open(getpid(), HEPTA_SIGNAL_THREAD, &peer);
}

static long run_adopt(void)
{
    return hepta_signal_peer_adopt(hepta_signal_peer_fd(peer), &adopted);
}

static long run_send(void)
{
    return hepta_signal_send(peer, SIGUSR1, 0, 0);
}

static long run_send_value(void)
{
    return hepta_signal_send(peer, 40, HEPTA_SIGNAL_VALUE, 5);
}

static long run_open(void)
{
    return hepta_signal_open(SET, &sig);
}

static long run_open_more(void)
{
    return hepta_signal_open(SET | HEPTA_SIGNAL(41), &other);
}

static long run_fd(void)
{
    return hepta_signal_fd(sig);
}

static long run_mask(void)
{
    return hepta_signal_mask(sig, HEPTA_SIGNAL_BLOCK, HEPTA_SIGNAL(40), NULL);
}

static long run_pending(void)
{
    return hepta_signal_pending(sig, &pending);
}

static long run_wait(void)
{
    return hepta_signal_wait(sig, &info, hepta_in_ms(5000));
}

static long run_wait_in_vain(void)
{
    return hepta_signal_wait(sig, &info, hepta_in_ms(3));
}

static long run_dispatch(void)
{
    return hepta_signal_dispatch(sig, hepta_in_ms(5000));
}

static long run_unblocked(void)
{
    return hepta_signal_unblocked(sig);
}

static long run_close(void)
{
    return hepta_signal_close(sig);
}

static int touch(void *p)
{
    return *(volatile char *)p;
}

static long run_guard(void)
{
    return hepta_signal_guard(page, 4096, touch, page, &info);
}

static long run_faults(void)
{
    long r = hepta_signal_faults(HEPTA_SIGNAL(SIGFPE), calls, NULL);

    return r < 0 ? r : hepta_signal_faults_end();
}

/* --- what must hold ------------------------------------------------------------------ */

static uint64_t blocked(void)
{
    sigset_t set;
    uint64_t mask;

    sigprocmask(SIG_BLOCK, NULL, &set);
    memcpy(&mask, &set, sizeof(mask));
    return mask;
}

static bool usable(struct hepta_signal_peer *p)
{
    return hepta_signal_send(p, 0, 0, 0) == 0;
}

static bool opened_or_not(long result)
{
    return result == 0 ? usable(peer) : peer == NULL;
}

/* Its number may stay unknown; whom it is, not. */
static bool adopted_or_not(long result)
{
    return usable(peer) && (result == 0 ? usable(adopted) : adopted == NULL);
}

static bool sent_or_not(long result)
{
    return hepta_signal_pending(sig, &pending) == 0 && (pending != 0) == (result == 0);
}

static bool blocks_or_not(long result)
{
    return result == 0 ? (blocked() & SET) == SET : sig == NULL && (blocked() & SET) == 0;
}

static bool both_block(long result)
{
    bool more = (blocked() & HEPTA_SIGNAL(41)) != 0;

    return (blocked() & SET) == SET && more == (result == 0) && (other != NULL) == more;
}

static bool same_fd(long result)
{
    int again = hepta_signal_fd(sig);

    return again >= 0 && (result < 0 || again == result);
}

static bool held_back(long result)
{
    uint64_t old;

    return result == 0 && hepta_signal_mask(sig, HEPTA_SIGNAL_SETMASK, 0, &old) == 0 &&
           old == HEPTA_SIGNAL(40);
}

static bool is_pending(long result)
{
    return result == 0 && pending == HEPTA_SIGNAL(SIGUSR1);
}

static bool taken_or_pending(long result)
{
    if (result > 0)
        return result == SIGUSR1 && info.pid == getpid() && run_pending() == 0 && pending == 0;
    return run_pending() == 0 && pending == HEPTA_SIGNAL(SIGUSR1);
}

static bool dispatched_or_pending(long result)
{
    run_pending();
    return result == (result > 0) + (result < 0) * result && n_called == (result > 0) &&
           (pending == 0) == (result > 0);
}

static bool in_vain(long result)
{
    return result == -ETIMEDOUT || result == -EINTR;
}

static bool none_open(long result)
{
    return result <= 0;
}

static bool unblocks(long result)
{
    struct hepta_signal *closed = sig;

    sig = NULL;
    return result == 0 && (blocked() & SET) == 0 && hepta_signal_close(closed) == -EBADF;
}

static bool default_again(int signo)
{
    struct sigaction now;

    return sigaction(signo, NULL, &now) == 0 && now.sa_handler == SIG_DFL;
}

static bool ended(long result)
{
    return result == -EFAULT && info.address == (uintptr_t)page && default_again(SIGSEGV) &&
           default_again(SIGBUS) && blocked() == 0;
}

static bool over(long result)
{
    return result == 0 && default_again(SIGFPE);
}

#define PIDFD EMFILE, ENFILE, ENOMEM, ENOSYS, EPERM

static const struct inject_op ops[] = {
    {"peer open", {PIDFD}, NULL, run_peer_open, opened_or_not, leave, 1},
    {"peer open, thread", {PIDFD}, NULL, run_thread_open, opened_or_not, leave, 1},
    {"peer adopt", {PIDFD, EINTR, EAGAIN}, have_peer, run_adopt, adopted_or_not, leave, 1},
    {"send", {EPERM, EAGAIN, ENOSYS}, have_both, run_send, sent_or_not, leave, 1},
    {"send, a value", {EPERM, EAGAIN, ENOSYS}, have_both, run_send_value, sent_or_not, leave, 1},
    {"open", {ENOMEM}, NULL, run_open, blocks_or_not, leave, 1},
    {"open, overlapping", {ENOMEM}, have_receiver, run_open_more, both_block, leave, 1},
    {"fd", {EMFILE, ENFILE, ENODEV, ENOMEM}, have_receiver, run_fd, same_fd, leave, 1},
    {"mask", {0}, have_fd, run_mask, held_back, leave, 1},
    {"pending", {0}, have_pending, run_pending, is_pending, leave, 1},
    {"wait", {EINTR}, have_pending, run_wait, taken_or_pending, leave, 1},
    {"wait, in vain", {EINTR, ETIMEDOUT}, have_receiver, run_wait_in_vain, in_vain, leave, 1},
    {"dispatch", {EINTR}, have_pending, run_dispatch, dispatched_or_pending, leave, 1},
    {"unblocked", {EMFILE, ENFILE, ENOENT, EACCES, EAGAIN, ENOMEM}, have_receiver, run_unblocked,
     none_open, leave, 1},
    {"close", {0}, have_fd, run_close, unblocks, leave, 1},
    {"guard", {EFAULT}, have_page, run_guard, ended, leave, 1},
    {"faults, and their end", {0}, NULL, run_faults, over, leave, 1},
};

int main(void)
{
    int n_bad;

    t_limit(180);
    n_bad = inject_all(ops, sizeof(ops) / sizeof(*ops));
    printf("%d failed\n", n_bad);
    return n_bad != 0;
}
