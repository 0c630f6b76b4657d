/* SPDX-License-Identifier: MIT */
/*
 * badinput_shm.c - segments and mutexes where there is no room, no descriptor, no memory, and in
 * threads and namespaces that they aren't for. What arguments are refused, the unit tests say.
 */
#define _GNU_SOURCE
#include "expect.h"

#include "../lib/t.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <hepta/shm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "name/name.h"

#define NAME "/s"
#define PAGE 4096
#define MAKE (HEPTA_SHM_WRITE | HEPTA_SHM_CREATE)

static char dir[] = "/dev/shm/hepta-badinput-XXXXXX";
static struct hepta_shm *shm;

static int n_entries(void)
{
    int n = 0;
    DIR *d = opendir(dir);

    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

static int make_as(const char *name, uint32_t flags, uint64_t len)
{
    struct hepta_shm_options opt = {.size = sizeof(opt), .len = len};

    shm = (struct hepta_shm *)dir;
    return hepta_shm_open(name, flags, 0600, &opt, &shm);
}

/* Make it and close it again. */
static int try_make(const char *name, uint32_t flags, uint64_t len)
{
    int rc = make_as(name, flags, len);

    if (rc == 0)
        hepta_shm_close(shm);
    else
        EXPECT(shm != NULL, 0);
    return rc;
}

static int try_new(uint64_t len)
{
    struct hepta_shm_options opt = {.size = sizeof(opt), .len = len};
    int rc = hepta_shm_new(&opt, &shm);

    if (rc == 0)
        hepta_shm_close(shm);
    return rc;
}

static int try_import(int fd)
{
    int rc = hepta_shm_import(fd, HEPTA_SHM_WRITE, NULL, &shm);

    if (rc == 0)
        hepta_shm_close(shm);
    return rc;
}

/* --- places --------------------------------------------------------------------------- */

static void in_directory(const char *path, int for_make, int for_open)
{
    setenv("HEPTA_DIR", path, 1);
    EXPECT(try_make(NAME, MAKE, 1), for_make);
    EXPECT(try_make(NAME, MAKE | HEPTA_SHM_AUTO, 1), for_make);
    EXPECT(try_make(NAME, 0, 0), for_open);
    EXPECT(hepta_shm_unlink(NAME), for_open);
    setenv("HEPTA_DIR", dir, 1);
}

static void test_directories(void)
{
    char path[128];

    in_directory("/dev/null", -ENOTDIR, -ENOTDIR);
    in_directory("/nowhere/at/all", -ENOENT, -ENOENT);
    snprintf(path, sizeof(path), "%s/link", dir);
    if (symlink(dir, path) < 0)
        t_die("symlink");
    in_directory(path, -ELOOP, -ELOOP);
    unlink(path);
    EXPECT(n_entries(), 0);
}

static bool mounted(const char *options, unsigned long flags)
{
    return IS(mount("hepta-test", dir, "tmpfs", flags, options), 0);
}

static bool refused_without_inodes(void)
{
    bool ok = true;

    for (int n = 2; ok && n < 7; n++) { /* the directory itself is one */
        char options[32];
        int rc;

        snprintf(options, sizeof(options), "nr_inodes=%d", n);
        ok = mounted(options, 0);
        rc = ok ? try_make(NAME, MAKE, PAGE) : 0;
        ok = ok && (rc == 0 || IS(rc, -ENOSPC)) && (n > 2 || IS(rc, -ENOSPC)) &&
             IS(n_entries(), rc == 0) && IS(umount2(dir, 0), 0);
    }
    return ok;
}

static bool refused_when_read_only(void)
{
    return mounted(NULL, 0) && IS(try_make(NAME, MAKE, PAGE), 0) &&
           IS(mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0) &&
           IS(try_make("/other", MAKE, PAGE), -EROFS) && IS(try_make(NAME, 0, 0), 0) &&
           IS(hepta_shm_unlink(NAME), -EROFS) && IS(n_entries(), 1);
}

/* A killed process's segment fills the file system: whoever makes one finds the room. */
static bool room_of_the_dead(void)
{
    if (!mounted("size=64k", 0))
        return false;
    pid_t pid = t_fork();
    if (pid == 0)
        _exit(make_as("/dead", MAKE | HEPTA_SHM_AUTO, 8 * PAGE) != 0); /* not closed */
    int status = t_reap(pid, 5000);
    return IS(status, 0) && IS(n_entries(), 1) && IS(try_make(NAME, MAKE, 12 * PAGE), 0) &&
           IS(n_entries(), 1);
}

static bool works_without_proc(void)
{
    if (!IS(mount("none", "/proc", "tmpfs", 0, NULL), 0))
        return false;
    bool ok = IS(make_as(NAME, MAKE | HEPTA_SHM_AUTO, PAGE), 0) &&
              IS(hepta_shm_grow(shm, PAGE), 0) && IS(hepta_shm_export(shm, 0), -ENOSYS) &&
              IS(hepta_shm_users(shm, NULL, 0), 0);
    int fd = ok ? hepta_shm_export(shm, HEPTA_SHM_WRITE) : -1;
    struct hepta_shm *other;

    ok = ok && IS(fd >= 0, 1) && IS(hepta_shm_import(fd, 0, NULL, &other), -EPERM);
    close(fd);
    return ok && IS(hepta_shm_close(shm), 0) && IS(n_entries(), 0);
}

/* --- shortages ------------------------------------------------------------------------ */

/* Room for @n descriptors more. */
static void leave_descriptors(int n, struct rlimit *old)
{
    struct rlimit low;
    int first = open("/dev/null", O_RDONLY | O_CLOEXEC);

    close(first);
    getrlimit(RLIMIT_NOFILE, old);
    low = *old;
    low.rlim_cur = (rlim_t)(first + n);
    setrlimit(RLIMIT_NOFILE, &low);
}

static bool refused_without_descriptors(void)
{
    struct t_usage before = t_usage();
    struct rlimit old;
    bool ok = true;

    for (int n = 0; n < 4; n++) {
        leave_descriptors(n, &old);
        int rc = try_make(NAME, MAKE | HEPTA_SHM_AUTO, PAGE);
        setrlimit(RLIMIT_NOFILE, &old);
        ok = ok && IS(rc == -EMFILE || (rc == 0 && n > 2), 1);
    }
    ok = ok && IS(make_as(NAME, MAKE | HEPTA_SHM_AUTO, PAGE), 0);
    struct hepta_shm *mine = shm;
    int fd = hepta_shm_export(mine, HEPTA_SHM_WRITE);
    leave_descriptors(0, &old);
    int rc[] = {try_make(NAME, 0, 0), try_new(PAGE), try_import(fd), hepta_shm_export(mine, 0),
                hepta_shm_export(mine, HEPTA_SHM_WRITE), hepta_shm_users(mine, NULL, 0)};
    setrlimit(RLIMIT_NOFILE, &old);
    for (size_t i = 0; i < T_COUNT(rc); i++)
        ok = ok && IS(rc[i], -EMFILE);
    close(fd);
    return ok && IS(hepta_shm_close(mine), 0) && IS(try_make(NAME, 0, 0), -ENOENT) &&
           IS(t_usage_same("no descriptors", before, t_usage()), 1);
}

/* A draft can't be removed without a descriptor either: it stays until its process is gone. */
static void test_no_descriptors(void)
{
    pid_t pid = t_fork();

    if (pid == 0)
        _exit(!refused_without_descriptors());
    EXPECT(t_reap(pid, 10000), 0);
    EXPECT(h7_name_clean() >= 0, 1);
    EXPECT(n_entries(), 0);
}

static void test_no_memory(void)
{
#ifndef __SANITIZE_ADDRESS__ /* its shadow alone is more than any limit */
    struct hepta_shm_options opt = {.size = sizeof(opt), .len = PAGE, .len_max = 1UL << 30};
    struct rlimit old, low;

    getrlimit(RLIMIT_AS, &old);
    low = old;
    low.rlim_cur = 64UL << 20;
    setrlimit(RLIMIT_AS, &low);
    int rc = hepta_shm_open(NAME, MAKE, 0600, &opt, &shm), rc2 = hepta_shm_new(&opt, &shm);
    setrlimit(RLIMIT_AS, &old);
    EXPECT(rc, -ENOMEM);
    EXPECT(rc2, -ENOMEM);
    EXPECT(n_entries(), 0); /* and no name is left of it */
#endif
}

/* --- contexts ------------------------------------------------------------------------- */

static struct hepta_shm *mine;

static bool other_namespace(void)
{
    hepta_shm_mutex_t *m = hepta_shm_data(mine);

    /* The parent has the first one: here nobody can see whether it lives. */
    return IS(hepta_shm_mutex_lock(m, HEPTA_NOW), -EXDEV) &&
           IS(hepta_shm_mutex_lock(m, HEPTA_FOREVER), -EXDEV) &&
           IS(hepta_shm_mutex_unlock(m), -EPERM) &&
           IS(hepta_shm_mutex_lock(m + 1, HEPTA_NOW), 0) &&
           IS(hepta_shm_mutex_unlock(m + 1), 0) && IS(try_make(NAME, 0, 0), 0);
}

static bool raw_thread(void)
{
    hepta_shm_mutex_t *m = hepta_shm_data(mine);

    return IS(hepta_shm_mutex_lock(m + 1, HEPTA_NOW), -ENOSYS) &&
           IS(hepta_shm_mutex_unlock(m), -EPERM) && IS(try_make("/raw", MAKE, PAGE), -ENOSYS) &&
           IS(hepta_shm_unlink(NAME), -ENOSYS);
}

static bool vfork_child(void)
{
    return IS(try_make("/raw", MAKE, PAGE), -ENOSYS) && IS(hepta_shm_unlink(NAME), -ENOSYS);
}

static void test_contexts(void)
{
    EXPECT(make_as(NAME, MAKE | HEPTA_SHM_AUTO, PAGE), 0);
    mine = shm;
    EXPECT(hepta_shm_mutex_lock(hepta_shm_data(mine), HEPTA_NOW), 0);
    in_new_pidns("another PID namespace", other_namespace);
    in_raw_thread("a thread without robust futexes", raw_thread);
    in_vfork_child("a child that shares the memory", vfork_child);
    EXPECT(hepta_shm_mutex_unlock(hepta_shm_data(mine)), 0); /* none of which did any harm */
    EXPECT(hepta_shm_close(mine), 0);
    EXPECT(n_entries(), 0);
}

int main(void)
{
    struct t_usage before;

    t_limit(80);
    if (!mkdtemp(dir) || setenv("HEPTA_DIR", dir, 1) != 0)
        t_die("%s", dir);
    test_contexts(); /* what is made once per process or thread is made now */
    before = t_usage();
    test_directories();
    in_new_mounts("a file system without inodes", refused_without_inodes);
    in_new_mounts("a read-only file system", refused_when_read_only);
    in_new_mounts("a file system that the dead have filled", room_of_the_dead);
    in_new_mounts("no /proc", works_without_proc);
    test_no_descriptors();
    test_no_memory();
    EXPECT(t_usage_same("all", before, t_usage()), 1);
    EXPECT(rmdir(dir), 0);
    return expect_verdict();
}
