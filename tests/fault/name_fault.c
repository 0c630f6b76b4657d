/* SPDX-License-Identifier: MIT */
/*
 * name_fault.c - every system call of making, finding, listing and unlinking fails in turn
 *
 * What must hold after each failure: a documented errno, no descriptor left, and objects
 * that are whole or not there. A draft whose removal was refused may stay until its
 * process is dead; then clean-up finds it, which the parent checks at the end.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "inject.h"
#include "name/name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/dev/shm/hepta-fault-XXXXXX";

static int open_bell(int obj, void *arg)
{
    int fd = h7_name_part(obj, "bell", O_RDONLY, S_IFIFO);
    (void)arg;
    if (fd < 0)
        return fd;
    close(fd);
    return 0;
}

static long run_attach(void)
{
    return h7_name_attach("fifo", "/jobs", open_bell, NULL);
}

static long run_make(void)
{
    struct h7_draft d;
    int rc = h7_draft_begin(&d);

    if (rc == 0 && mkfifoat(d.fd, "bell", 0600) < 0)
        rc = -EIO;
    if (rc == 0)
        rc = h7_draft_publish(&d, "fifo", "/jobs", 0755);
    h7_draft_end(&d);
    return rc;
}

static long run_unlink(void)
{
    return h7_name_unlink("fifo", "/jobs");
}

static int count_one(const struct h7_name_seen *seen, void *arg)
{
    ++*(int *)arg;
    return strcmp(seen->name, "/jobs") == 0 ? 0 : 1;
}

static long run_list(void)
{
    int n = 0, rc = h7_name_list(NULL, count_one, &n);

    return rc < 0 ? rc : n;
}

static long run_clean(void)
{
    return h7_name_clean();
}

static void have_object(void)
{
    if (run_make() < 0)
        t_die("make");
}

/* A draft of a process that was killed, with a part in it. */
static void have_orphan(void)
{
    pid_t pid = t_fork();

    if (pid == 0) {
        struct h7_draft d;

        _exit(h7_draft_begin(&d) < 0 || mkfifoat(d.fd, "bell", 0600) < 0);
    }
    if (t_reap(pid, 5000) != 0)
        t_die("orphan");
}

/* The name leads to a whole object, or to nothing, as the result says. */
static bool there_if_made(long result)
{
    return run_attach() == (result == 0 ? 0 : -ENOENT);
}

static bool gone_if_unlinked(long result)
{
    return run_attach() == (result == 0 ? -ENOENT : 0);
}

static bool still_there(long result)
{
    (void)result;
    return run_attach() == 0;
}

static bool listed(long result)
{
    return result < 0 || result == 1;
}

static void no_object(void)
{
    run_unlink();
    h7_name_clean();
}

#define DIR_ERRORS EPERM, ENOTDIR, ELOOP, ENOENT, EACCES, EMFILE, ENFILE, ENOMEM, ENOSPC, EROFS

static const struct inject_op ops[] = {
    {"make", {DIR_ERRORS, ENOSYS, ESRCH, EEXIST, EOPNOTSUPP}, NULL, run_make, there_if_made,
     no_object, 1},
    {"make, after a death", {DIR_ERRORS, ENOSYS, ESRCH, EEXIST, EOPNOTSUPP}, have_orphan, run_make,
     there_if_made, no_object, 1},
    {"attach", {DIR_ERRORS, EBADMSG}, have_object, run_attach, still_there, no_object, 1},
    {"list", {DIR_ERRORS}, have_object, run_list, listed, no_object, 1},
    {"unlink", {DIR_ERRORS, ENOSYS, ESRCH}, have_object, run_unlink, gone_if_unlinked, no_object,
     1},
    {"clean", {DIR_ERRORS}, have_orphan, run_clean, NULL, no_object, 1},
};

static int run_all(void)
{
    int n_bad = inject_all(ops, T_COUNT(ops)), n_left = h7_name_clean();

    printf("%d drafts whose removal had failed, removed now\n", n_left);
    return n_bad != 0 || n_left < 0 || h7_name_clean() != 0;
}

/* The directory goes away whatever happens, and must be empty. */
int main(void)
{
    int status;

    if (!mkdtemp(dir) || setenv("HEPTA_DIR", dir, 1) != 0)
        t_die("%s", dir);
    pid_t pid = t_fork();
    if (pid == 0) {
        t_limit(180);
        exit(run_all());
    }
    if (waitpid(pid, &status, 0) == pid && rmdir(dir) == 0)
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    if (t_fork() == 0)
        execlp("rm", "rm", "-rf", dir, NULL);
    wait(NULL);
    return 1;
}
