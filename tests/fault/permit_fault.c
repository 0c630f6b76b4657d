/* SPDX-License-Identifier: MIT */
/*
 * permit_fault.c - every system call and allocation of the permits' verbs fails in turn
 *
 * After each failure places are where the result says: held, or free. Where a name was to be made,
 * it is there whole or not at all.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "inject.h"

#include <errno.h>
#include <hepta/sem.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME "/p"
#define PLACES 2

static char dir[] = "/dev/shm/hepta-fault-XXXXXX";
static struct hepta_permit *permit;
static pid_t other;

static long open_it(uint32_t flags)
{
    const struct hepta_permit_options o = {.size = sizeof(o), .wait = HEPTA_WAIT_SLEEP};

    return hepta_permit_open(NAME, flags, 0600, PLACES, &o, &permit);
}

static void have_permit(void)
{
    if (open_it(HEPTA_SEM_CREATE) < 0)
        t_die("hepta_permit_open");
}

static void have_name(void)
{
    have_permit();
    hepta_permit_close(permit);
    permit = NULL;
}

static void have_taken(void)
{
    have_permit();
    if (hepta_permit_take(permit, HEPTA_NOW) < 0)
        t_die("hepta_permit_take");
}

static void have_both(void)
{
    have_taken();
    if (hepta_permit_take(permit, HEPTA_NOW) < 0)
        t_die("hepta_permit_take");
}

/* One who sleeps for what this process has. */
static void have_sleeper(void)
{
    have_both();
    other = t_fork();
    if (other == 0)
        _exit(hepta_permit_take(permit, hepta_in_ms(3000)) != 0);
    t_asleep(other, 1000);
}

/* Dead ones had both. */
static void have_dead(void)
{
    have_permit();
    for (int i = 0; i < PLACES; i++) {
        pid_t pid = t_fork();

        if (pid == 0)
            _exit(hepta_permit_take(permit, HEPTA_NOW) != 0);
        if (t_reap(pid, 2000) != 0)
            t_die("the dead one can't take");
    }
}

static void leave(void)
{
    if (other > 0)
        t_kill(other);
    other = 0;
    if (permit)
        hepta_permit_close(permit);
    permit = NULL;
    hepta_permit_unlink(NAME);
}

/* --- what is run ---------------------------------------------------------------------- */

static long run_create(void)
{
    return open_it(HEPTA_SEM_CREATE | HEPTA_SEM_EXCL);
}

static long run_open(void)
{
    return open_it(0);
}

static long run_take(void)
{
    return hepta_permit_take(permit, hepta_in_ms(20));
}

static long run_give(void)
{
    return hepta_permit_give(permit);
}

static long run_fd(void)
{
    int fd = hepta_permit_fd(permit);
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return fd < 0 ? fd : poll(&p, 1, 0) >= 0 ? 0 : -EIO;
}

static long run_stat(void)
{
    struct hepta_permit_stat st;

    return hepta_permit_stat(permit, &st);
}

static long run_close(void)
{
    long rc = hepta_permit_close(permit);

    permit = NULL;
    return rc;
}

/* --- what must hold ------------------------------------------------------------------- */

/* This process holds n, the rest is free, and it works. */
static bool holds(int n)
{
    struct hepta_permit_stat st;

    if (hepta_permit_stat(permit, &st) < 0 || st.free != (uint32_t)(PLACES - n))
        return false;
    for (int i = n; i < PLACES; i++)
        if (hepta_permit_take(permit, HEPTA_NOW) < 0)
            return false;
    if (hepta_permit_take(permit, HEPTA_NOW) != -EAGAIN)
        return false;
    for (int i = 0; i < PLACES; i++)
        if (hepta_permit_give(permit) < 0)
            return false;
    return hepta_permit_give(permit) == -EPERM;
}

static bool one_if_taken(long result)
{
    return holds(result == 0);
}

static bool one_unless_given(long result)
{
    return holds(result < 0);
}

static bool still_one(long result)
{
    (void)result;
    return holds(1);
}

static bool still_both(long result)
{
    (void)result;
    return holds(2);
}

static bool there_if_made(long result)
{
    if (result == 0)
        hepta_permit_close(permit);
    permit = NULL;
    long again = open_it(0);

    return result == 0 ? again == 0 && holds(0) : again == -ENOENT;
}

static bool opens_again(long result)
{
    if (result == 0)
        hepta_permit_close(permit);
    return open_it(0) == 0 && holds(0);
}

static bool all_are_free(long result)
{
    (void)result;
    return open_it(0) == 0 && holds(0);
}

/* It has it, and has given it back by its end. */
static bool sleeper_was_woken(long result)
{
    if (result < 0)
        return true;
    bool ok = t_reap(other, 4000) == 0;

    other = 0;
    return ok && holds(1);
}

#define SYSTEM ENOMEM, EMFILE, ENFILE, ENOSYS, EPERM, EACCES, EINTR, EAGAIN, ENOSPC
#define MAKING SYSTEM, EEXIST, ENOENT, EOPNOTSUPP, EXDEV, EPROTO, EBADMSG, ENOTDIR, EBADF, ESRCH, \
               EINVAL

static const struct inject_op ops[] = {
    {"permit create", {MAKING}, NULL, run_create, there_if_made, leave, 1},
    {"permit open", {MAKING}, have_name, run_open, opens_again, leave, 1},
    {"permit take", {SYSTEM, ETIMEDOUT}, have_permit, run_take, one_if_taken, leave, 1},
    {"permit take of none", {SYSTEM, ETIMEDOUT}, have_both, run_take, still_both, leave, 1},
    {"permit take what the dead had", {SYSTEM, ETIMEDOUT}, have_dead, run_take, one_if_taken, leave,
     1},
    {"permit give", {SYSTEM, ETIMEDOUT}, have_taken, run_give, one_unless_given, leave, 1},
    {"permit give, one asleep", {SYSTEM}, have_sleeper, run_give, sleeper_was_woken, leave, 1},
    {"permit fd", {SYSTEM, ETIMEDOUT}, have_taken, run_fd, still_one, leave, 1},
    {"permit stat", {SYSTEM, ETIMEDOUT}, have_taken, run_stat, still_one, leave, 1},
    {"permit close", {SYSTEM, ETIMEDOUT}, have_taken, run_close, all_are_free, leave, 1},
};

int main(void)
{
    int n_bad;

    t_limit(180);
    if (!mkdtemp(dir) || setenv("HEPTA_DIR", dir, 1) != 0)
        t_die("%s", dir);
    n_bad = inject_all(ops, sizeof(ops) / sizeof(*ops));
    char cmd[100];
    snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
    if (system(cmd) != 0)
        t_die("%s", cmd);
    printf("%d failed\n", n_bad);
    return n_bad != 0;
}
