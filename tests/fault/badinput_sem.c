/* SPDX-License-Identifier: MIT */
/*
 * badinput_sem.c - semaphores in places that they aren't for: directories that can't be used,
 * file systems that are full or read-only, threads without robust futexes, another PID namespace
 *
 * What verbs say to wrong arguments and forged files: src/semaphore/sem_test.c, sem_named_test.c.
 * A plain post and wait work everywhere, whatever is missing.
 */
#define _GNU_SOURCE
#include "expect.h"

#include "../lib/t.h"

#include <dirent.h>
#include <errno.h>
#include <hepta/sem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "/jobs"
#define CREATE HEPTA_SEM_CREATE

static char dir[64] = "/dev/shm/hepta-badinput-XXXXXX";
static hepta_sem_t *sem; /* shared */

static int n_entries(void)
{
    DIR *d = opendir(dir);
    int n = -2; /* . and .. */

    if (!d)
        return -1;
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static int try_open(const char *name, uint32_t flags)
{
    struct t_usage before = t_usage();
    hepta_sem_t *s = (hepta_sem_t *)(void *)dir;
    int rc = hepta_sem_open(name, flags, 0600, 0, &s);

    if (rc == 0)
        EXPECT(hepta_sem_close(s), 0);
    else
        EXPECT(s != NULL, 0);
    EXPECT(t_usage_same("open", before, t_usage()), 1);
    return rc;
}

/* --- directories and file systems -------------------------------------------------------- */

static void in_directory(const char *path, int err)
{
    setenv("HEPTA_DIR", path, 1);
    EXPECT(try_open(NAME, CREATE), err);
    EXPECT(try_open(NAME, 0), err);
    EXPECT(hepta_sem_unlink(NAME), err);
    setenv("HEPTA_DIR", dir, 1);
}

static void test_directories(void)
{
    char path[128];

    in_directory("/dev/null", -ENOTDIR);
    in_directory("/nowhere/at/all", -ENOENT);
    snprintf(path, sizeof(path), "%s/link", dir);
    if (symlink(dir, path) < 0)
        t_die("symlink");
    in_directory(path, -ELOOP);
    unlink(path);
    snprintf(path, sizeof(path), "%s/open", dir);
    if (mkdir(path, 0700) < 0 || chmod(path, 0777) < 0)
        t_die("mkdir");
    in_directory(path, -EPERM); /* anybody could replace what is there */
    rmdir(path);
    EXPECT(n_entries(), 0);
}

static bool mounted(const char *options)
{
    return IS(mount("hepta-test", dir, "tmpfs", 0, options), 0);
}

static bool refused_when_full(void)
{
    char path[128];
    FILE *f;
    bool ok = mounted("size=8k"); /* two pages */

    snprintf(path, sizeof(path), "%s/fill", dir);
    f = ok ? fopen(path, "we") : NULL;
    if (!f)
        return false;
    for (int i = 0; i < 8192; i++)
        fputc('x', f);
    fclose(f);
    ok = IS(try_open(NAME, CREATE), -ENOSPC) && IS(n_entries(), 1);
    unlink(path);
    return ok && IS(try_open(NAME, CREATE), 0) && IS(hepta_sem_unlink(NAME), 0);
}

static bool refused_without_inodes(void)
{
    bool ok = true;

    for (int n = 2; ok && n < 6; n++) { /* the directory itself is one */
        char options[32];
        int rc;

        snprintf(options, sizeof(options), "nr_inodes=%d", n);
        ok = mounted(options);
        rc = ok ? try_open(NAME, CREATE) : 0;
        ok = ok && (rc == 0 || IS(rc, -ENOSPC)) && (n > 2 || IS(rc, -ENOSPC)) &&
             IS(n_entries(), rc == 0) && IS(umount2(dir, 0), 0);
    }
    return ok;
}

static bool refused_when_read_only(void)
{
    return mounted(NULL) && IS(try_open(NAME, CREATE), 0) &&
           IS(mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0) &&
           IS(try_open("/other", CREATE), -EROFS) && IS(try_open(NAME, 0), -EROFS) &&
           IS(hepta_sem_unlink(NAME), -EROFS) && IS(n_entries(), 1);
}

/* --- contexts ------------------------------------------------------------------------- */

static bool still_works(void)
{
    return IS(hepta_sem_post(sem), 0) && IS(hepta_sem_wait(sem, hepta_in_ms(1000)), 0) &&
           IS(hepta_sem_wait(sem, hepta_in_ms(2)), -ETIMEDOUT) && IS(hepta_sem_value(sem), 0);
}

/* What another process sleeps for comes from here, too. */
static bool wakes_a_sleeper(void)
{
    pid_t pid = t_fork();

    if (pid == 0)
        _exit(hepta_sem_wait(sem, hepta_in_ms(5000)) != 0);
    return IS(t_asleep(pid, 2000), 1) && IS(hepta_sem_post(sem), 0) && IS(t_reap(pid, 6000), 0);
}

/* The names are of one namespace; what is open already, or plain, knows none. */
static bool in_pidns(void)
{
    return IS(try_open(NAME, 0), -EXDEV) && IS(try_open("/other", CREATE), 0) && still_works() &&
           wakes_a_sleeper();
}

static bool in_thread(void)
{
    return IS(try_open(NAME, 0), -ENOSYS) && IS(try_open("/raw", CREATE), -ENOSYS) &&
           still_works() && wakes_a_sleeper();
}

static bool refused_in_vfork_child(void)
{
    return IS(try_open(NAME, 0), -ENOSYS) && IS(try_open("/raw", CREATE), -ENOSYS) &&
           IS(hepta_sem_unlink(NAME), -ENOSYS);
}

static void test_contexts(void)
{
    hepta_sem_t *plain = t_shared(sizeof(*plain)), *named;

    EXPECT(hepta_sem_init(plain, 0), 0);
    EXPECT(hepta_sem_open(NAME, CREATE, 0600, 0, &named), 0);
    for (int i = 0; i < 2; i++) {
        sem = i ? named : plain;
        in_new_pidns("another PID namespace", in_pidns);
        hepta_sem_unlink("/other");
        in_raw_thread("a thread without robust futexes", in_thread);
    }
    in_vfork_child("a child that shares the memory", refused_in_vfork_child);
    EXPECT(hepta_sem_close(named), 0);
    EXPECT(hepta_sem_unlink(NAME), 0);
    EXPECT(n_entries(), 0);
}

static void run_all(void)
{
    hepta_sem_t *s;
    int n_fds;

    /* What the library makes once per process is made now. */
    EXPECT(hepta_sem_open(NAME, CREATE, 0600, 0, &s), 0);
    EXPECT(hepta_sem_close(s), 0);
    EXPECT(hepta_sem_unlink(NAME), 0);
    n_fds = t_usage().n_fds;
    test_directories();
    in_new_mounts("a full file system", refused_when_full);
    in_new_mounts("a file system without inodes", refused_without_inodes);
    in_new_mounts("a read-only file system", refused_when_read_only);
    test_contexts();
    EXPECT(t_usage().n_fds, n_fds);
}

/* The directory goes away whatever happens. */
int main(void)
{
    int status;
    pid_t pid;

    if (!mkdtemp(dir) || setenv("HEPTA_DIR", dir, 1) != 0)
        t_die("%s", dir);
    pid = t_fork();
    if (pid == 0) {
        t_limit(60);
        run_all();
        exit(expect_verdict());
    }
    if (waitpid(pid, &status, 0) == pid && rmdir(dir) == 0)
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    if (t_fork() == 0)
        execlp("rm", "rm", "-rf", dir, NULL);
    wait(NULL);
    return 1;
}
