/* SPDX-License-Identifier: MIT */
/*
 * name/name_test.h - what the tests of names share: a directory of names of their own on
 * tmpfs, which goes away whatever happens, and a count of descriptors around each test
 */
#ifndef H7_NAME_NAME_TEST_H
#define H7_NAME_NAME_TEST_H

#include "base/unit_test.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "name/name_internal.h"

#define NOBODY 65534

static char names_path[] = "/dev/shm/hepta-unit-XXXXXX";
static int names_dir = -1; /* O_RDONLY */
static int names_fds;

/* Entries that begin with prefix. */
static inline int names_count_in(const char *path, const char *prefix)
{
    int n = 0;
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
             strncmp(e->d_name, prefix, strlen(prefix)) == 0;
    if (d)
        closedir(d);
    return n;
}

static inline int names_count(const char *prefix)
{
    return names_count_in(names_path, prefix);
}

/* By another program: in a signal handler not even malloc may be called. */
static inline void names_rm(const char *path, int keep)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (keep)
            execl("/usr/bin/find", "find", path, "-mindepth", "1", "-delete", NULL);
        else
            execl("/bin/rm", "rm", "-rf", path, NULL);
        _exit(1);
    }
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

static inline void names_on_alarm(int sig)
{
    (void)sig;
    names_rm(names_path, 0);
    _exit(1);
}

static inline int names_begin(void **state)
{
    (void)state;
    if (!mkdtemp(names_path))
        return -1;
    signal(SIGALRM, names_on_alarm);
    names_dir = open(names_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return names_dir < 0 || setenv("HEPTA_DIR", names_path, 1) != 0;
}

static inline int names_end(void **state)
{
    (void)state;
    close(names_dir);
    names_rm(names_path, 0);
    return 0;
}

/* Before and after each test. */
static inline int names_setup(void **state)
{
    (void)state;
    umask(022);
    names_fds = names_count_in("/proc/self/fd", "");
    return fchmod(names_dir, 0700);
}

static inline int names_teardown(void **state)
{
    (void)state;
    names_rm(names_path, 1);
    int n = names_count_in("/proc/self/fd", "");
    if (n != names_fds)
        fprintf(stderr, "%d descriptors before, %d after\n", names_fds, n);
    return n != names_fds;
}

#define NAMES_TEST(fn) cmocka_unit_test_setup_teardown(fn, names_setup, names_teardown)
#define NAMES_MAIN(tests)                                                \
    int main(void)                                                       \
    {                                                                    \
        alarm(UNIT_LIMIT_S);                                             \
        return cmocka_run_group_tests(tests, names_begin, names_end);    \
    }

/* The rest of this child is another user: 0, or -1 where that isn't possible. */
static inline int names_become(uid_t uid)
{
    return setgid(uid) != 0 || setuid(uid) != 0 ? -1 : 0;
}

/* A file and a FIFO in dirfd. 0 or -1. */
static inline int names_fill(int dirfd)
{
    int fd = openat(dirfd, "data", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0666);
    if (fd < 0 || write(fd, "data", 4) != 4)
        return -1;
    close(fd);
    return mkfifoat(dirfd, "bell", 0666);
}

/* An object with two parts. 0 or negative errno. */
static inline int names_make(const char *kind, const char *name, mode_t dir_mode)
{
    struct h7_draft d;
    int r = h7_draft_begin(&d);
    if (r == 0 && names_fill(d.fd) != 0)
        r = -EIO;
    if (r == 0)
        r = h7_draft_publish(&d, kind, name, dir_mode);
    h7_draft_end(&d);
    return r;
}

/* Both parts are there and right. 0 or negative errno. */
static inline int names_look(int obj, void *arg)
{
    char text[5] = "";
    (void)arg;
    int data = h7_name_part(obj, "data", O_RDONLY, S_IFREG);
    if (data < 0)
        return data;
    ssize_t n = read(data, text, 4);
    close(data);
    int bell = h7_name_part(obj, "bell", O_RDONLY, S_IFIFO);
    if (bell < 0)
        return bell;
    close(bell);
    return n == 4 && strcmp(text, "data") == 0 ? 0 : -EIO;
}

static inline int names_attach(const char *kind, const char *name)
{
    return h7_name_attach(kind, name, names_look, NULL);
}

#endif
