/* SPDX-License-Identifier: MIT */
/*
 * prim/segment_named_test.c - segments with a name: complete before they have it, and
 * nothing that somebody planted in its place is believed
 *
 * All in a directory of its own on tmpfs, which the teardown, or the alarm, removes.
 */
#define _GNU_SOURCE
#include "base/unit_test.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/self.h"
#include "base/sys.h"
#include "prim/segment.h"

#define DATA_LEN 65536

static const struct h7_segment_spec spec = {
    .kind = H7_KIND_TEST, .control_len = 64, .data_len = DATA_LEN};

static char dir_path[] = "/dev/shm/hepta-unit-XXXXXX";
static int dir = -1;

static const char *const names[] = {"made", "other", "link", "fifo", "socket", "dir"};

static void empty_dir(void)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (unlinkat(dir, names[i], 0) != 0)
            unlinkat(dir, names[i], AT_REMOVEDIR);
}

static int remove_dir(void **state)
{
    (void)state;
    empty_dir();
    close(dir);
    return rmdir(dir_path);
}

static void on_alarm(int sig)
{
    (void)sig;
    empty_dir();
    rmdir(dir_path);
    _exit(1);
}

static int make_dir(void **state)
{
    (void)state;
    if (!mkdtemp(dir_path))
        return -1;
    signal(SIGALRM, on_alarm);
    dir = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0;
}

static int tear_down(void **state)
{
    (void)state;
    empty_dir();
    return 0;
}

static int n_entries(int dirfd)
{
    int n = 0;
    DIR *d = fdopendir(openat(dirfd, ".", O_RDONLY | O_DIRECTORY));
    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void make(struct h7_segment *seg, const char *name)
{
    assert_int_equal(h7_segment_new_in(seg, &spec, dir, 0600), 0);
    if (name)
        assert_int_equal(h7_segment_publish(seg, dir, name), 0);
}

static int attach(const char *name)
{
    struct h7_segment seg;
    int r = h7_segment_attach_in(&seg, dir, name, &spec);
    if (r == 0)
        h7_segment_close(&seg);
    return r;
}

static void test_no_name_before_publication(void **state)
{
    struct h7_segment seg;
    (void)state;
    make(&seg, NULL);
    assert_int_equal(n_entries(dir), 0);
    assert_int_equal(attach("made"), -ENOENT);
    assert_int_equal(h7_segment_publish(&seg, dir, "made"), 0);
    assert_int_equal(n_entries(dir), 1);
    assert_int_equal(attach("made"), 0);
    h7_segment_close(&seg);
    assert_int_equal(attach("made"), 0); /* the name keeps it */
}

static void test_unpublished_leaves_nothing(void **state)
{
    struct h7_segment seg;
    (void)state;
    make(&seg, NULL);
    h7_segment_close(&seg);
    assert_int_equal(n_entries(dir), 0);
}

static void test_mode_and_contents(void **state)
{
    struct h7_segment seg, again;
    struct stat st;
    mode_t old = umask(0);
    (void)state;
    assert_int_equal(h7_segment_new_in(&seg, &spec, dir, 0640), 0);
    umask(old);
    memcpy(h7_segment_control(&seg), "ready", 6);
    assert_int_equal(h7_segment_publish(&seg, dir, "made"), 0);
    assert_int_equal(fstatat(dir, "made", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_true(st.st_blocks * 512 >= DATA_LEN);
    assert_int_equal(h7_segment_attach_in(&again, dir, "made", &spec), 0);
    assert_string_equal(h7_segment_control(&again), "ready");
    assert_true(fcntl(again.fd, F_GETFD) & FD_CLOEXEC);
    again.data[5] = 5;
    assert_int_equal(seg.data[5], 5);
    h7_segment_close(&again);
    h7_segment_close(&seg);
}

static void test_name_is_taken_once(void **state)
{
    struct h7_segment first, second;
    (void)state;
    make(&first, "made");
    make(&second, NULL);
    assert_int_equal(h7_segment_publish(&second, dir, "made"), -EEXIST);
    assert_int_equal(h7_segment_publish(&second, dir, "other"), 0);
    h7_segment_close(&first);
    h7_segment_close(&second);
}

static void test_bad_names(void **state)
{
    struct h7_segment seg;
    char name[300];
    (void)state;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    make(&seg, NULL);
    assert_int_equal(h7_segment_publish(&seg, dir, name), -ENAMETOOLONG);
    assert_int_equal(h7_segment_publish(&seg, dir, "no/such"), -ENOENT);
    assert_int_equal(attach(name), -ENAMETOOLONG);
    h7_segment_close(&seg);
}

static void test_symbolic_links_are_not_followed(void **state)
{
    struct h7_segment seg;
    (void)state;
    make(&seg, "made");
    assert_int_equal(symlinkat("made", dir, "link"), 0);
    assert_int_equal(attach("link"), -ELOOP);
    assert_int_equal(h7_segment_publish(&seg, dir, "link"), -EEXIST);
    h7_segment_close(&seg);
}

/* None of them may hold the caller either: the alarm would tell. */
static void test_planted_objects(void **state)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    (void)state;
    assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
    assert_int_equal(attach("fifo"), -EPROTO);
    assert_int_equal(mkdirat(dir, "dir", 0700), 0);
    assert_int_equal(attach("dir"), -EISDIR);
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s/socket", dir_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    assert_int_equal(attach("socket"), -ENXIO);
    close(fd);
}

static void test_foreign_files(void **state)
{
    char zeros[8192] = {0};
    (void)state;
    int fd = openat(dir, "other", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    assert_int_equal(attach("other"), -EPROTO); /* empty */
    assert_int_equal(write(fd, zeros, sizeof zeros), sizeof zeros);
    assert_int_equal(attach("other"), -EPROTO); /* no magic */
    close(fd);
}

static void test_truncated_file(void **state)
{
    struct h7_segment seg;
    (void)state;
    make(&seg, "made");
    assert_int_equal(ftruncate(seg.fd, (off_t)seg.data_off), 0);
    assert_int_equal(attach("made"), -ENODATA);
    h7_segment_close(&seg);
}

static void test_another_kind(void **state)
{
    struct h7_segment seg;
    struct h7_segment_spec other = spec;
    (void)state;
    other.kind = H7_KIND_PIPE;
    make(&seg, "made");
    h7_segment_close(&seg);
    assert_int_equal(h7_segment_attach_in(&seg, dir, "made", &other), -EMEDIUMTYPE);
}

static int as_nobody(void *arg)
{
    struct h7_segment seg;
    (void)arg;
    if (setgid(65534) != 0 || setuid(65534) != 0)
        return UNIT_SKIP;
    CHILD_CHECK(attach("made") == -EACCES);
    CHILD_CHECK(h7_segment_new_in(&seg, &spec, dir, 0600) == -EACCES);
    return 0;
}

static void test_mode_bits_decide(void **state)
{
    struct h7_segment seg;
    (void)state;
    make(&seg, "made");
    h7_segment_close(&seg);
    unit_in_child(as_nobody, NULL);
}

static void test_file_system_without_unnamed_files(void **state)
{
    struct h7_segment seg;
    (void)state;
    int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(h7_segment_new_in(&seg, &spec, proc, 0600), -EOPNOTSUPP);
    close(proc);
}

/* A tmpfs that only this child sees, with room for 16 pages. */
static int fill_a_tmpfs(void *arg)
{
    struct h7_segment seg;
    struct h7_segment_spec large = spec;
    struct stat st;
    (void)arg;
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", dir_path, "tmpfs", 0, "size=64k") != 0)
        return UNIT_SKIP;
    int small = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHILD_CHECK(fstat(small, &st) == 0);
    for (int i = 0; i < 3; i++) /* a leak of the first would show in the third */
        CHILD_CHECK(h7_segment_new_in(&seg, &spec, small, 0600) == -ENOSPC);
    CHILD_CHECK(n_entries(small) == 0);
    large.data_len = (size_t)1 << 61; /* more than any file can be */
    CHILD_CHECK(h7_segment_new_in(&seg, &large, small, 0600) == -ENOSPC);

    large.data_len = 32768; /* all of it is free again */
    CHILD_CHECK(h7_segment_new_in(&seg, &large, small, 0600) == 0);
    memset(seg.data, 1, seg.data_len); /* no SIGBUS */
    CHILD_CHECK(h7_segment_publish(&seg, small, "made") == 0);
    h7_segment_close(&seg);
    close(small);
    return umount(dir_path);
}

static void test_no_room(void **state)
{
    (void)state;
    unit_in_child(fill_a_tmpfs, NULL);
}

static int read_only(void *arg)
{
    struct h7_segment seg;
    (void)arg;
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", dir_path, "tmpfs", MS_RDONLY, "") != 0)
        return UNIT_SKIP;
    int fd = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHILD_CHECK(h7_segment_new_in(&seg, &spec, fd, 0600) == -EROFS);
    return 0;
}

static void test_read_only_file_system(void **state)
{
    (void)state;
    unit_in_child(read_only, NULL);
}

#define NAMED_TEST(fn) cmocka_unit_test_teardown(fn, tear_down)

static const struct CMUnitTest tests[] = {
    NAMED_TEST(test_no_name_before_publication),
    NAMED_TEST(test_unpublished_leaves_nothing),
    NAMED_TEST(test_mode_and_contents),
    NAMED_TEST(test_name_is_taken_once),
    NAMED_TEST(test_bad_names),
    NAMED_TEST(test_symbolic_links_are_not_followed),
    NAMED_TEST(test_planted_objects),
    NAMED_TEST(test_foreign_files),
    NAMED_TEST(test_truncated_file),
    NAMED_TEST(test_another_kind),
    NAMED_TEST(test_mode_bits_decide),
    NAMED_TEST(test_file_system_without_unnamed_files),
    NAMED_TEST(test_no_room),
    NAMED_TEST(test_read_only_file_system),
};

int main(void)
{
    alarm(UNIT_LIMIT_S);
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
