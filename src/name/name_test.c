/* SPDX-License-Identifier: MIT */
/*
 * name/name_test.c - what is a name, and which directory of names is trusted
 *
 * The directories that HEPTA_DIR doesn't name are tried in a /dev/shm that only the child
 * sees. Started with --as-another-user, this program is set-user-ID (see there).
 */
#define _GNU_SOURCE
#include "name/name_test.h"

static void test_names(void **state)
{
    char longest[HEPTA_NAME_MAX + 3] = "/";
    const char *const good[] = {"/a", "/...", "/.a", "/..a", "/jobs.1", "/ ", "/\n", "/\xff\x01"};
    const char *const bad[] = {"", "a", "/", "//", "/a/", "//a", "/a/b", "/.", "/..", "./a"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(h7_name_check(good[i]), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(h7_name_check(bad[i]), -EINVAL);
    assert_int_equal(h7_name_check(NULL), -EFAULT);
    memset(longest + 1, 'n', HEPTA_NAME_MAX);
    assert_int_equal(h7_name_check(longest), 0);
    longest[HEPTA_NAME_MAX + 1] = 'n';
    assert_int_equal(h7_name_check(longest), -ENAMETOOLONG);
}

static void test_entries(void **state)
{
    char entry[H7_NAME_ENTRY_MAX + 1], longest[HEPTA_NAME_MAX + 2] = "/";
    (void)state;
    h7_name_entry(entry, "fifo", "/jobs");
    assert_string_equal(entry, "fifo.jobs");
    memset(longest + 1, 'n', HEPTA_NAME_MAX);
    h7_name_entry(entry, "fourteen_bytes", longest);
    assert_int_equal(strlen(entry), H7_NAME_ENTRY_MAX);
}

/* What h7_name_dir() gives with HEPTA_DIR=names_path/below. */
static int dir_at(const char *below)
{
    char path[8192];
    snprintf(path, sizeof path, "%s/%s", names_path, below);
    setenv("HEPTA_DIR", path, 1);
    int fd = h7_name_dir();
    setenv("HEPTA_DIR", names_path, 1);
    if (fd < 0)
        return fd;
    struct stat st;
    int r = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) && (fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    return r ? (int)(st.st_mode & 07777) : -EIO;
}

static void plant_dir(const char *entry, mode_t mode)
{
    assert_int_equal(mkdirat(names_dir, entry, 0700), 0);
    assert_int_equal(fchmodat(names_dir, entry, mode, 0), 0);
}

static void test_directory_of_the_environment(void **state)
{
    char longest[4200];
    (void)state;
    umask(0);
    assert_int_equal(dir_at("new"), 0700);
    assert_int_equal(dir_at("new"), 0700);
    assert_int_equal(dir_at("new///"), 0700);
    assert_int_equal(dir_at("no/parent"), -ENOENT);
    close(openat(names_dir, "file", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    assert_int_equal(dir_at("file"), -ENOTDIR);
    assert_int_equal(mkfifoat(names_dir, "fifo", 0600), 0);
    assert_int_equal(dir_at("fifo"), -ENOTDIR);
    assert_int_equal(symlinkat("new", names_dir, "link"), 0);
    assert_int_equal(dir_at("link"), -ELOOP);
    assert_int_equal(dir_at("link/"), -ELOOP);
    assert_int_equal(symlinkat("nowhere", names_dir, "dangling"), 0);
    assert_int_equal(dir_at("dangling"), -ELOOP);
    memset(longest, 'n', sizeof longest);
    longest[300] = 0;
    assert_int_equal(dir_at(longest), -ENAMETOOLONG);
    longest[300] = 'n';
    longest[sizeof longest - 1] = 0;
    assert_int_equal(dir_at(longest), -ENAMETOOLONG);
    assert_int_equal(names_count(""), 5);
}

static void test_who_could_write_it(void **state)
{
    (void)state;
    plant_dir("group", 0770);
    assert_int_equal(dir_at("group"), -EPERM);
    plant_dir("others", 0707);
    assert_int_equal(dir_at("others"), -EPERM);
    plant_dir("sticky", 01777);
    assert_int_equal(dir_at("sticky"), 01777);
    plant_dir("readable", 0755);
    assert_int_equal(dir_at("readable"), 0755);
}

static int whose_it_is(void *arg)
{
    (void)arg;
    if (fchownat(names_dir, "theirs", NOBODY, NOBODY, 0) != 0)
        return UNIT_SKIP;
    CHILD_CHECK(dir_at("theirs") == -EPERM);
    CHILD_CHECK(fchmod(names_dir, 0777) == 0 && names_become(NOBODY) == 0);
    CHILD_CHECK(dir_at("theirs") == 01777);
    CHILD_CHECK(dir_at("roots") == 01777);
    umask(0777); /* and still it can be used */
    CHILD_CHECK(dir_at("new") == 0700);
    return 0;
}

static void test_of_another_user(void **state)
{
    (void)state;
    plant_dir("theirs", 01777);
    plant_dir("roots", 01777);
    unit_in_child(whose_it_is, NULL);
}

/* In a child: an empty /dev/shm of its own, and no HEPTA_DIR. */
static int own_shm(void)
{
    unsetenv("HEPTA_DIR");
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0)
        return -1;
    return mount("none", "/dev/shm", "tmpfs", 0, "mode=1777,size=16m");
}

/* Is the directory of names now this one, with this mode? */
static int is_dir(const char *path, mode_t mode)
{
    struct stat a, b;
    int fd = h7_name_dir();
    int r = fd >= 0 && fstat(fd, &a) == 0 && lstat(path, &b) == 0 && a.st_ino == b.st_ino &&
            a.st_dev == b.st_dev && (a.st_mode & 07777) == mode && a.st_uid == geteuid();
    if (fd >= 0)
        close(fd);
    return r;
}

static int first_use(void *arg)
{
    (void)arg;
    if (own_shm() != 0)
        return UNIT_SKIP;
    umask(0777);
    CHILD_CHECK(is_dir("/dev/shm/hepta", 01777));
    CHILD_CHECK(is_dir("/dev/shm/hepta", 01777));
    CHILD_CHECK(setenv("HEPTA_DIR", "", 1) == 0);
    CHILD_CHECK(is_dir("/dev/shm/hepta", 01777));
    CHILD_CHECK(names_count_in("/dev/shm", "") == 1);
    CHILD_CHECK(names_make("fifo", "/roots", 0755) == 0);
    CHILD_CHECK(names_become(NOBODY) == 0);
    CHILD_CHECK(names_make("fifo", "/mine", 0755) == 0); /* both in the same */
    CHILD_CHECK(names_count_in("/dev/shm/hepta", "") == 2);
    CHILD_CHECK(h7_name_unlink("fifo", "/roots") == -EPERM);
    CHILD_CHECK(h7_name_unlink("fifo", "/mine") == 0);
    return 0;
}

static int after_a_death(void *arg)
{
    (void)arg;
    if (own_shm() != 0)
        return UNIT_SKIP;
    CHILD_CHECK(mkdir("/dev/shm/hepta-0.new", 0500) == 0); /* N0 */
    CHILD_CHECK(is_dir("/dev/shm/hepta", 01777));
    CHILD_CHECK(names_count_in("/dev/shm", "") == 1);
    return 0;
}

static int several_at_once(void *arg)
{
    pid_t pids[8];
    (void)arg;
    if (own_shm() != 0)
        return UNIT_SKIP;
    for (int round = 0; round < 8; round++) {
        for (int i = 0; i < 8; i++)
            if ((pids[i] = unit_fork()) == 0)
                _exit(!is_dir("/dev/shm/hepta", 01777));
        for (int i = 0; i < 8; i++)
            CHILD_CHECK(unit_reap(pids[i]) == 0);
        CHILD_CHECK(names_count_in("/dev/shm", "") == 1);
        CHILD_CHECK(rmdir("/dev/shm/hepta") == 0);
    }
    return 0;
}

/* A stranger was there before root. */
static int planted(void *arg)
{
    (void)arg;
    if (own_shm() != 0)
        return UNIT_SKIP;
    CHILD_CHECK(mkdir("/dev/shm/evil", 0777) == 0);
    CHILD_CHECK(symlink("evil", "/dev/shm/hepta") == 0);
    CHILD_CHECK(is_dir("/dev/shm/hepta-0", 0700));
    CHILD_CHECK(unlink("/dev/shm/hepta") == 0 && mkfifo("/dev/shm/hepta", 0666) == 0);
    CHILD_CHECK(is_dir("/dev/shm/hepta-0", 0700));
    CHILD_CHECK(unlink("/dev/shm/hepta") == 0 && mkdir("/dev/shm/hepta", 0700) == 0);
    CHILD_CHECK(chmod("/dev/shm/hepta", 0777) == 0); /* not sticky */
    CHILD_CHECK(is_dir("/dev/shm/hepta-0", 0700));
    CHILD_CHECK(chown("/dev/shm/hepta", NOBODY, NOBODY) == 0);
    CHILD_CHECK(chmod("/dev/shm/hepta", 01777) == 0); /* a stranger's */
    CHILD_CHECK(is_dir("/dev/shm/hepta-0", 0700));
    CHILD_CHECK(chmod("/dev/shm/hepta-0", 0755) == 0);
    CHILD_CHECK(is_dir("/dev/shm/hepta-0", 0700)); /* mended */
    CHILD_CHECK(chown("/dev/shm/hepta-0", NOBODY, NOBODY) == 0);
    CHILD_CHECK(h7_name_dir() == -EPERM);
    CHILD_CHECK(rmdir("/dev/shm/hepta-0") == 0);
    CHILD_CHECK(symlink("evil", "/dev/shm/hepta-0") == 0);
    CHILD_CHECK(h7_name_dir() == -EPERM);
    CHILD_CHECK(names_count_in("/dev/shm/evil", "") == 0);
    return 0;
}

/* What root would make its shared directory of is a stranger's. */
static int planted_new(void *arg)
{
    (void)arg;
    if (own_shm() != 0)
        return UNIT_SKIP;
    CHILD_CHECK(mkdir("/dev/shm/hepta-0.new", 0755) == 0);
    CHILD_CHECK(chown("/dev/shm/hepta-0.new", NOBODY, NOBODY) == 0);
    CHILD_CHECK(is_dir("/dev/shm/hepta-0", 0700));
    CHILD_CHECK(names_count_in("/dev/shm", "") == 2);
    return 0;
}

static int no_shm(void *arg)
{
    (void)arg;
    if (own_shm() != 0)
        return UNIT_SKIP;
    CHILD_CHECK(mount("none", "/dev/shm", "none", MS_REMOUNT | MS_RDONLY, "") == 0);
    CHILD_CHECK(h7_name_dir() == -EROFS);
    CHILD_CHECK(mount("none", "/dev", "tmpfs", 0, "") == 0);
    CHILD_CHECK(h7_name_dir() == -ENOENT);
    return 0;
}

/* A set-user-ID program: its user doesn't choose where it works. */
static int set_user_id(void *arg)
{
    char copy[] = "/dev/shm/program";
    (void)arg;
    if (own_shm() != 0)
        return UNIT_SKIP;
    CHILD_CHECK(mkdir("/dev/shm/evil", 01777) == 0 && chmod("/dev/shm/evil", 01777) == 0);
    pid_t pid = unit_fork();
    if (pid == 0) { /* not /proc/self/exe: that can be valgrind */
        execlp("cp", "cp", program_invocation_name, copy, NULL);
        _exit(1);
    }
    CHILD_CHECK(unit_reap(pid) == 0);
    CHILD_CHECK(chown(copy, NOBODY, NOBODY) == 0 && chmod(copy, 04755) == 0);
    setenv("HEPTA_DIR", "/dev/shm/evil", 1);
    execl(copy, copy, "--as-another-user", NULL);
    return errno == EACCES ? UNIT_SKIP : 1; /* valgrind runs no such program */
}

static int as_another_user(void)
{
    if (getuid() == geteuid())
        return UNIT_SKIP; /* no set-user-ID programs here */
    return !is_dir("/dev/shm/hepta", 01777);
}

#define IN_CHILD(fn)                \
    static void test_##fn(void **s) \
    {                               \
        (void)s;                    \
        unit_in_child(fn, NULL);    \
    }

IN_CHILD(first_use)
IN_CHILD(after_a_death)
IN_CHILD(several_at_once)
IN_CHILD(planted)
IN_CHILD(planted_new)
IN_CHILD(no_shm)
IN_CHILD(set_user_id)

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_names),
    NAMES_TEST(test_entries),
    NAMES_TEST(test_directory_of_the_environment),
    NAMES_TEST(test_who_could_write_it),
    NAMES_TEST(test_of_another_user),
    NAMES_TEST(test_first_use),
    NAMES_TEST(test_after_a_death),
    NAMES_TEST(test_several_at_once),
    NAMES_TEST(test_planted),
    NAMES_TEST(test_planted_new),
    NAMES_TEST(test_no_shm),
    NAMES_TEST(test_set_user_id),
};

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--as-another-user") == 0)
        _exit(as_another_user()); /* without a look for leaks, which needs more rights */
    alarm(UNIT_LIMIT_S);
    return cmocka_run_group_tests(tests, names_begin, names_end);
}
