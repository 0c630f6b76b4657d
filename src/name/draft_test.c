/* SPDX-License-Identifier: MIT */
/* name/draft_test.c - objects appear whole under a name of their own, or not at all */
#define _GNU_SOURCE
#include "name/name_test.h"

#include <sys/ptrace.h>
#include <sys/syscall.h>

static mode_t mode_of(const char *entry)
{
    struct stat st;
    return fstatat(names_dir, entry, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_mode & 07777 : 0xffff;
}

static void test_invisible_until_published(void **state)
{
    struct h7_draft d;
    (void)state;
    assert_int_equal(h7_draft_begin(&d), 0);
    assert_true(fcntl(d.fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(d.dir, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(names_fill(d.fd), 0);
    assert_int_equal(names_count(""), 1);
    assert_int_equal(names_count("tmp."), 1);
    assert_int_equal(names_attach("fifo", "/jobs"), -ENOENT);
    assert_int_equal(h7_draft_publish(&d, "fifo", "/jobs", 0755), 0);
    assert_int_equal(names_attach("fifo", "/jobs"), 0);
    h7_draft_end(&d);
    h7_draft_end(&d);
    assert_int_equal(names_count(""), 1);
    assert_int_equal(names_attach("fifo", "/jobs"), 0);
}

static void test_end_removes_all_parts(void **state)
{
    struct h7_draft d;
    (void)state;
    assert_int_equal(h7_draft_begin(&d), 0);
    assert_int_equal(names_fill(d.fd), 0);
    assert_int_equal(symlinkat("/etc/passwd", d.fd, "link"), 0);
    assert_int_equal(mkdirat(d.fd, "dir", 0700), 0);
    h7_draft_end(&d);
    assert_int_equal(names_count(""), 0);
}

static int modes_whatever_the_umask_is(void *arg)
{
    struct h7_draft d;
    const mode_t masks[] = {0, 077, 0777};
    (void)arg;
    if (fchown(names_dir, NOBODY, NOBODY) != 0 || names_become(NOBODY) != 0)
        return UNIT_SKIP;
    for (int i = 0; i < 3; i++) {
        umask(masks[i]);
        CHILD_CHECK(h7_draft_begin(&d) == 0);
        CHILD_CHECK(mode_of(d.entry) == 0700);
        CHILD_CHECK(mkfifoat(d.fd, "bell", 0600) == 0);
        CHILD_CHECK(h7_draft_publish(&d, "fifo", "/jobs", 0711) == 0);
        CHILD_CHECK(mode_of("fifo.jobs") == 0711);
        h7_draft_end(&d);
        CHILD_CHECK(h7_name_unlink("fifo", "/jobs") == 0);
        CHILD_CHECK(names_count("") == 0);
    }
    return 0;
}

static void test_modes(void **state)
{
    (void)state;
    unit_in_child(modes_whatever_the_umask_is, NULL);
    assert_int_equal(fchown(names_dir, geteuid(), getegid()), 0);
}

static void test_a_name_is_given_once(void **state)
{
    struct h7_draft d;
    (void)state;
    assert_int_equal(names_make("fifo", "/jobs", 0755), 0);
    assert_int_equal(mkfifoat(names_dir, "fifo.planted", 0600), 0);
    assert_int_equal(symlinkat("nowhere", names_dir, "fifo.link"), 0);
    assert_int_equal(h7_draft_begin(&d), 0);
    assert_int_equal(names_fill(d.fd), 0);
    assert_int_equal(h7_draft_publish(&d, "fifo", "/jobs", 0755), -EEXIST);
    assert_int_equal(h7_draft_publish(&d, "fifo", "/planted", 0755), -EEXIST);
    assert_int_equal(h7_draft_publish(&d, "fifo", "/link", 0755), -EEXIST);
    assert_int_equal(mode_of(d.entry), 0700); /* a draft as before */
    assert_int_equal(h7_draft_publish(&d, "mq", "/jobs", 0755), 0);
    h7_draft_end(&d);
    assert_int_equal(names_attach("mq", "/jobs"), 0);
    assert_int_equal(names_count("tmp."), 0);
    assert_int_equal(names_count(""), 4);
}

static void test_directories_that_others_could_write(void **state)
{
    const mode_t bad[] = {0775, 0757, 01755, 04755};
    struct h7_draft d;
    (void)state;
    assert_int_equal(h7_draft_begin(&d), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(h7_draft_publish(&d, "fifo", "/jobs", bad[i]), -EINVAL);
    h7_draft_end(&d);
    assert_int_equal(names_count(""), 0);
}

static void test_longest_name(void **state)
{
    char name[HEPTA_NAME_MAX + 2] = "/";
    (void)state;
    memset(name + 1, 0xff, HEPTA_NAME_MAX);
    assert_int_equal(names_make("fourteen_bytes", name, 0700), 0);
    assert_int_equal(names_attach("fourteen_bytes", name), 0);
    assert_int_equal(h7_name_unlink("fourteen_bytes", name), 0);
}

static int without_descriptors(void *arg)
{
    struct h7_draft d;
    struct rlimit lim;
    int r = -EMFILE, n_failed = 0;
    (void)arg;
    CHILD_CHECK(getrlimit(RLIMIT_NOFILE, &lim) == 0);
    int first = dup(0);
    close(first);
    for (rlim_t n = (rlim_t)first; r == -EMFILE; n++, n_failed++) {
        lim.rlim_cur = n;
        CHILD_CHECK(setrlimit(RLIMIT_NOFILE, &lim) == 0);
        r = h7_draft_begin(&d);
        if (r == 0)
            h7_draft_end(&d);
        lim.rlim_cur = lim.rlim_max;
        CHILD_CHECK(setrlimit(RLIMIT_NOFILE, &lim) == 0);
        CHILD_CHECK(names_count("") == 0);
    }
    CHILD_CHECK(r == 0 && n_failed >= 2);
    return 0;
}

static void test_no_descriptors(void **state)
{
    (void)state;
    unit_in_child(without_descriptors, NULL);
}

static int full_tmpfs(void *arg)
{
    struct h7_draft d;
    (void)arg;
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", names_path, "tmpfs", 0, "nr_inodes=2,mode=0700") != 0)
        return UNIT_SKIP;
    CHILD_CHECK(h7_draft_begin(&d) == 0);
    h7_draft_end(&d);
    CHILD_CHECK(mkdir(strcat(strcpy((char[64]){0}, names_path), "/full"), 0700) == 0);
    CHILD_CHECK(h7_draft_begin(&d) == -ENOSPC);
    CHILD_CHECK(d.fd == -1 && d.dir == -1);
    CHILD_CHECK(mount("none", names_path, "none", MS_REMOUNT | MS_RDONLY, "") == 0);
    CHILD_CHECK(h7_draft_begin(&d) == -EROFS);
    return 0;
}

static void test_no_room(void **state)
{
    (void)state;
    unit_in_child(full_tmpfs, NULL);
}

static int without_noreplace(void *arg)
{
    (void)arg;
    CHILD_CHECK(names_make("fifo", "/jobs", 0755) == 0);
    if (unit_forbid(SYS_renameat2, EINVAL) != 0)
        return UNIT_SKIP;
    CHILD_CHECK(names_make("fifo", "/other", 0755) == -EOPNOTSUPP);
    CHILD_CHECK(h7_name_unlink("fifo", "/jobs") == -EOPNOTSUPP);
    CHILD_CHECK(names_count("") == 1);
    return 0;
}

static void test_old_file_system(void **state)
{
    (void)state;
    unit_in_child(without_noreplace, NULL);
}

static int not_mine(void *arg)
{
    (void)arg;
    if (fchmod(names_dir, 0755) != 0 || names_become(NOBODY) != 0)
        return UNIT_SKIP;
    CHILD_CHECK(names_make("fifo", "/jobs", 0755) == -EACCES);
    return 0;
}

static void test_read_only_for_others(void **state)
{
    (void)state;
    unit_in_child(not_mine, NULL);
    assert_int_equal(names_count(""), 0);
}

/* Kill a child at its nth system call in fn; 0 if it came to an end before. */
static int killed_at(int nth, int (*fn)(void))
{
    int status, stops = 0;
    pid_t pid = unit_fork();
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        _exit(fn() != 0);
    }
    for (;;) {
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (!WIFSTOPPED(status)) {
            assert_int_equal(status, 0);
            return 0;
        }
        if (++stops > nth) {
            unit_kill(pid);
            return 1;
        }
        ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
    }
}

static int make_one(void)
{
    return names_make("fifo", "/jobs", 0755);
}

static int unlink_one(void)
{
    return h7_name_unlink("fifo", "/jobs");
}

/* N1: whenever the maker dies, the object is there whole or not at all, and what it left
 * is found once. */
static void test_death_while_making(void **state)
{
    int nth = 1, n_whole = 0, n_left = 0;
    (void)state;
    for (; killed_at(nth, make_one); nth++) {
        int left = names_count("tmp.");
        assert_in_range(left, 0, 1);
        assert_int_equal(h7_name_clean(), left);
        assert_int_equal(names_count("tmp."), 0);
        int whole = names_attach("fifo", "/jobs");
        assert_true(whole == 0 || whole == -ENOENT);
        assert_true(whole != 0 || left == 0);
        n_left += left;
        n_whole += whole == 0;
        if (whole == 0)
            assert_int_equal(h7_name_unlink("fifo", "/jobs"), 0);
        assert_int_equal(names_count(""), 0);
    }
    assert_true(n_left > 5 && n_whole > 2);
}

/* N2: the name is there with all parts, or free for the next. */
static void test_death_while_unlinking(void **state)
{
    int nth = 1, n_whole = 0, n_left = 0;
    (void)state;
    assert_int_equal(make_one(), 0);
    for (; killed_at(nth, unlink_one); nth++) {
        int whole = names_attach("fifo", "/jobs");
        assert_true(whole == 0 || whole == -ENOENT);
        if (whole == -ENOENT)
            assert_int_equal(make_one(), 0); /* which may clean, too */
        n_left += h7_name_clean();
        n_whole += whole == 0;
        assert_int_equal(names_count("tmp."), 0);
        assert_int_equal(names_count(""), 1);
    }
    assert_true(n_left > 3 && n_whole > 3);
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_invisible_until_published),
    NAMES_TEST(test_end_removes_all_parts),
    NAMES_TEST(test_modes),
    NAMES_TEST(test_a_name_is_given_once),
    NAMES_TEST(test_directories_that_others_could_write),
    NAMES_TEST(test_longest_name),
    NAMES_TEST(test_no_descriptors),
    NAMES_TEST(test_no_room),
    NAMES_TEST(test_old_file_system),
    NAMES_TEST(test_read_only_for_others),
    NAMES_TEST(test_death_while_making),
    NAMES_TEST(test_death_while_unlinking),
};

NAMES_MAIN(tests)
