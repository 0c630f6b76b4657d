/* SPDX-License-Identifier: MIT */
/*
 * shm_fault.c - every system call and allocation of segments and of the mutex fails in turn
 *
 * After each failure the segment is as if nobody had tried, or as the result says: its bytes stand,
 * its length is the old or the new one, nothing is mapped or open that wasn't, and one that lives
 * as long as its users goes with them, at once or when somebody sweeps.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "inject.h"

#include <errno.h>
#include <fcntl.h>
#include <hepta/shm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memory/memory_internal.h"
#include "name/name.h"

#define NAME "/s"
#define PAGE 4096

static char dir[] = "/dev/shm/hepta-fault-XXXXXX";
static struct hepta_shm *shm, *mine; /* what the verb gave; what is there anyway */
static int fd = -1;

static long open_it(uint32_t flags, struct hepta_shm **s)
{
    struct hepta_shm_options opt = {.size = sizeof(opt), .len = PAGE, .len_max = 8 * PAGE};

    return hepta_shm_open(NAME, flags | HEPTA_SHM_WRITE, 0600, &opt, s);
}

static void have(uint32_t flags)
{
    if (open_it(HEPTA_SHM_CREATE | flags, &mine) < 0)
        t_die("hepta_shm_open");
    strcpy(hepta_shm_data(mine), "mine");
}

static void have_named(void)
{
    have(0);
}

static void have_auto(void)
{
    have(HEPTA_SHM_AUTO);
}

static void have_new(void)
{
    struct hepta_shm_options opt = {.size = sizeof(opt), .len = PAGE, .len_max = 8 * PAGE};

    if (hepta_shm_new(&opt, &mine) < 0)
        t_die("hepta_shm_new");
    strcpy(hepta_shm_data(mine), "mine");
}

static void have_stale(void)
{
    pid_t pid = t_fork();

    if (pid == 0) {
        have_auto();
        raise(SIGKILL);
    }
    t_reap(pid, 5000);
}

static void have_export(void)
{
    have_new();
    fd = hepta_shm_export(mine, HEPTA_SHM_WRITE);
}

static void have_auto_export(void)
{
    have_auto();
    fd = hepta_shm_export(mine, HEPTA_SHM_WRITE);
}

static void drop(struct hepta_shm **s)
{
    if (*s)
        hepta_shm_close(*s);
    *s = NULL;
}

static void leave(void)
{
    drop(&shm);
    drop(&mine);
    close(fd);
    fd = -1;
    hepta_shm_unlink(NAME);
}

/* --- what is run ---------------------------------------------------------------------- */

static long run_make(void)
{
    return open_it(HEPTA_SHM_CREATE | HEPTA_SHM_EXCL, &shm);
}

static long run_make_auto(void)
{
    return open_it(HEPTA_SHM_CREATE | HEPTA_SHM_AUTO, &shm);
}

static long run_open(void)
{
    return open_it(0, &shm);
}

static long run_new(void)
{
    struct hepta_shm_options opt = {.size = sizeof(opt), .len = 65ul << 20};

    return hepta_shm_new(&opt, &shm);
}

static long run_grow(void)
{
    return hepta_shm_grow(mine, 4 * PAGE);
}

static long run_close(void)
{
    long rc = hepta_shm_close(mine);

    mine = NULL;
    return rc;
}

static long run_unlink(void)
{
    return hepta_shm_unlink(NAME);
}

static long run_export(void)
{
    return fd = hepta_shm_export(mine, 0);
}

static long run_fix(void)
{
    return fd = hepta_shm_export(mine, HEPTA_SHM_WRITE | HEPTA_SHM_FIXED);
}

static long run_import(void)
{
    return hepta_shm_import(fd, HEPTA_SHM_WRITE, NULL, &shm);
}

static long run_stat(void)
{
    struct hepta_shm_stat st;

    return hepta_shm_stat(mine, &st);
}

static long run_lock(void)
{
    long rc = hepta_shm_mutex_lock(hepta_shm_data(mine), hepta_in_ms(20));

    if (rc == -EOWNERDEAD && hepta_shm_mutex_mended(hepta_shm_data(mine)) < 0)
        return -EIO;
    if (rc == 0 || rc == -EOWNERDEAD)
        rc = hepta_shm_mutex_unlock(hepta_shm_data(mine));
    return rc;
}

/* --- how it must be afterwards -------------------------------------------------------- */

/* All of it can be used. */
static bool usable(struct hepta_shm *s, const char *text)
{
    char *p = hepta_shm_data(s);

    if (strcmp(p, text) != 0)
        return false;
    memset(p + PAGE / 2, 1, hepta_shm_len(s) - PAGE / 2);
    return true;
}

static bool is_made(long result)
{
    long again = open_it(0, &mine);

    if (result < 0)
        return !shm && again == -ENOENT;
    return again == 0 && usable(shm, "") && usable(mine, "");
}

static bool is_open(long result)
{
    if (result < 0)
        return !shm && open_it(0, &shm) == 0 && usable(shm, "mine");
    return usable(shm, "mine");
}

static bool is_gone(long result)
{
    return result < 0 && open_it(0, &shm) == -ENOENT;
}

static bool has_grown(long result)
{
    struct hepta_shm_stat st;

    if (hepta_shm_len(mine) != (result < 0 ? PAGE : 4 * PAGE) || !usable(mine, "mine"))
        return false;
    return hepta_shm_stat(mine, &st) == 0 && (st.len == PAGE || st.len == 4 * PAGE) &&
           hepta_shm_grow(mine, 5 * PAGE) == 0 && usable(mine, "mine");
}

/* Closed it is in any case; what couldn't be removed then, is stale. */
static bool is_closed(long result)
{
    return result == 0 && open_it(0, &shm) == -ENOENT;
}

static bool is_unlinked(long result)
{
    return usable(mine, "mine") && open_it(0, &shm) == (result == 0 ? -ENOENT : 0);
}

static bool new_works(long result)
{
    return result < 0 ? !shm : usable(shm, "");
}

static bool mine_works(long result)
{
    (void)result;
    return usable(mine, "mine");
}

static bool import_works(long result)
{
    return usable(mine, "mine") && (result < 0 ? !shm : usable(shm, "mine"));
}

static bool is_free(long result)
{
    hepta_shm_mutex_t *m = hepta_shm_data(mine);

    return m->word == 0 || (result < 0 && hepta_shm_mutex_lock(m, HEPTA_NOW) == -EOWNERDEAD);
}

/* A mutex that a dead process has. */
static void have_dead(void)
{
    have_new();
    memset(hepta_shm_data(mine), 0, PAGE);
    pid_t pid = t_fork();
    if (pid == 0)
        _exit(hepta_shm_mutex_lock(hepta_shm_data(mine), HEPTA_NOW) != 0);
    t_reap(pid, 5000);
}

static void have_mutex(void)
{
    have_new();
    memset(hepta_shm_data(mine), 0, PAGE);
}

#define SYSTEM ENOMEM, EMFILE, ENFILE, ENOSYS, EPERM, EACCES, ENOSPC
#define MAKING SYSTEM, EEXIST, ENOENT, EOPNOTSUPP, EPROTO, EBADMSG, ENOTDIR, EBADF, ESRCH, \
               EINVAL, ETIMEDOUT

static const struct inject_op ops[] = {
    {"make", {MAKING, EAGAIN}, NULL, run_make, is_made, leave, 1},
    {"make, as long as it is used", {MAKING, EAGAIN}, NULL, run_make_auto, is_made, leave, 1},
    {"open", {MAKING}, have_named, run_open, is_open, leave, 1},
    {"open, as long as it is used", {MAKING}, have_auto, run_open, is_open, leave, 1},
    {"open a stale one", {MAKING}, have_stale, run_open, is_gone, leave, 1},
    {"make in place of a stale one", {MAKING, EAGAIN}, have_stale, run_make_auto, is_made, leave,
     1},
    {"grow", {SYSTEM, ETIMEDOUT, EBADMSG}, have_named, run_grow, has_grown, leave, 1},
    {"grow, anonymous", {SYSTEM, ETIMEDOUT, EBADMSG}, have_new, run_grow, has_grown, leave, 1},
    {"close", {0}, have_auto, run_close, is_closed, leave, 1},
    {"unlink", {MAKING}, have_named, run_unlink, is_unlinked, leave, 1},
    {"new", {SYSTEM, EBUSY, EFBIG}, NULL, run_new, new_works, leave, 1},
    {"export", {SYSTEM, EBADMSG}, have_auto, run_export, mine_works, leave, 1},
    {"export, fixed", {SYSTEM, EBUSY}, have_new, run_fix, mine_works, leave, 1},
    {"import", {SYSTEM, EBADF, EPROTO, EBADMSG}, have_export, run_import, import_works, leave, 1},
    {"import, named", {SYSTEM, EBADF, EPROTO, EBADMSG}, have_auto_export, run_import,
     import_works, leave, 1},
    {"lock, unlock", {SYSTEM}, have_mutex, run_lock, is_free, leave, 1},
    {"lock after a death", {SYSTEM, ETIMEDOUT}, have_dead, run_lock, is_free, leave,
     1},
};

static const struct inject_op stat_op = {
    "stat", {SYSTEM, ENOENT}, have_new, run_stat, mine_works, leave, 1};

/* What an unlink or close could not remove goes with the next who looks. */
int main(void)
{
    int n_bad;

    t_limit(180);
    if (!mkdtemp(dir) || setenv("HEPTA_DIR", dir, 1) != 0)
        t_die("%s", dir);
    n_bad = inject_all(ops, T_COUNT(ops)) + inject_first(&stat_op, 30);
    h7_shm_sweep(1);
    h7_name_clean();
    if (rmdir(dir) != 0) {
        printf("something is left in %s\n", dir);
        n_bad++;
        char cmd[100];
        snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
        if (system(cmd) != 0)
            t_die("%s", cmd);
    }
    printf("%d failed\n", n_bad);
    return n_bad != 0;
}
