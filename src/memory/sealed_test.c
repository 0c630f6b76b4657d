/* SPDX-License-Identifier: MIT */
/*
 * memory/sealed_test.c - anonymous segments, and descriptors: what they allow, what is refused
 */
#define _GNU_SOURCE
#include "memory/memory_test.h"

static void test_new(void **state)
{
    struct hepta_shm *s, *t;
    struct hepta_shm_options opt = shm_opt(100, 4 * PAGE);
    struct hepta_shm_stat st;
    (void)state;
    assert_int_equal(hepta_shm_new(&opt, NULL), -EFAULT);
    assert_int_equal(hepta_shm_new(NULL, &s), -EINVAL);
    assert_int_equal(hepta_shm_new(&opt, &s), 0);
    assert_int_equal(hepta_shm_len(s), PAGE);
    strcpy(hepta_shm_data(s), "one");
    int fd = hepta_shm_export(s, HEPTA_SHM_WRITE);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(ftruncate(fd, 0), -1); /* nobody can cut it short */
    assert_int_equal(hepta_shm_import(fd, HEPTA_SHM_WRITE, &opt, &t), 0);
    close(fd);
    assert_string_equal(hepta_shm_data(t), "one");
    strcpy(hepta_shm_data(t), "two");
    assert_string_equal(hepta_shm_data(s), "two");
    assert_int_equal(hepta_shm_grow(t, 2 * PAGE), 0);
    assert_int_equal(hepta_shm_grow(s, 0), 0);
    assert_int_equal(hepta_shm_len(s), 2 * PAGE);
    assert_int_equal(hepta_shm_stat(t, &st), 0);
    assert_int_equal(st.creator, getpid());
    assert_int_equal(st.flags, HEPTA_SHM_WRITE);
    assert_int_equal(st.users, 1);
    hepta_shm_close(s);
    assert_string_equal(hepta_shm_data(t), "two");
    hepta_shm_close(t);
    opt = shm_opt(HEPTA_SHM_SIZE_MAX, 0);
    assert_int_equal(hepta_shm_new(&opt, &s), -ENOSPC);
    assert_null(s);
    assert_int_equal(names_count(""), 0);
}

static void test_read_only(void **state)
{
    struct hepta_shm *s, *t;
    struct hepta_shm_options opt = shm_opt(100, 0);
    char path[64];
    (void)state;
    assert_int_equal(hepta_shm_new(&opt, &s), 0);
    int fd = hepta_shm_export(s, 0);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_true(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
    assert_int_equal(hepta_shm_import(fd, HEPTA_SHM_WRITE, NULL, &t), -EACCES);
    assert_int_equal(hepta_shm_import(fd, 0, NULL, &t), 0);
    close(fd);
    strcpy(hepta_shm_data(s), "one");
    assert_string_equal(hepta_shm_data(t), "one");
    assert_int_equal(hepta_shm_grow(t, 2 * PAGE), -ENOMEM);
    assert_int_equal(hepta_shm_export(t, HEPTA_SHM_WRITE), -EACCES);
    assert_int_equal(hepta_shm_export(t, HEPTA_SHM_FIXED), -EACCES);
    fd = hepta_shm_export(t, 0);
    assert_true(fd >= 0);
    /* Not even through /proc, by who isn't its owner. */
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    pid_t pid = unit_fork();
    if (pid == 0)
        _exit(names_become(NOBODY) != 0 ? UNIT_SKIP : open(path, O_RDWR) >= 0);
    int r = unit_reap(pid);
    assert_true(r == 0 || r == UNIT_SKIP);
    close(fd);
    hepta_shm_close(t);
    /* Read-only where the descriptor could do more. */
    fd = hepta_shm_export(s, HEPTA_SHM_WRITE);
    assert_int_equal(hepta_shm_import(fd, 0, NULL, &t), 0);
    assert_int_equal(hepta_shm_export(t, HEPTA_SHM_WRITE), -EACCES);
    int ro = hepta_shm_export(t, 0);
    assert_int_equal(fcntl(ro, F_GETFL) & O_ACCMODE, O_RDONLY);
    close(ro);
    close(fd);
    hepta_shm_close(t);
    hepta_shm_close(s);
}

static void test_fixed(void **state)
{
    struct hepta_shm *s, *t;
    struct hepta_shm_options opt = shm_opt(PAGE, 4 * PAGE);
    (void)state;
    assert_int_equal(hepta_shm_new(&opt, &s), 0);
    assert_int_equal(hepta_shm_grow(s, 2 * PAGE), 0);
    int fd = hepta_shm_export(s, HEPTA_SHM_WRITE | HEPTA_SHM_FIXED);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GET_SEALS) & 7, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW);
    assert_int_equal(hepta_shm_grow(s, 3 * PAGE), -EPERM);
    assert_int_equal(hepta_shm_len(s), 2 * PAGE);
    assert_int_equal(ftruncate(fd, 1 << 20), -1);
    assert_int_equal(hepta_shm_import(fd, HEPTA_SHM_WRITE, &opt, &t), 0);
    assert_int_equal(hepta_shm_grow(t, 3 * PAGE), -EPERM);
    close(fd);
    fd = hepta_shm_export(t, HEPTA_SHM_FIXED); /* once more */
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(hepta_shm_export(s, 1), -EINVAL);
    assert_int_equal(hepta_shm_export(NULL, 0), -EINVAL);
    hepta_shm_close(t);
    hepta_shm_close(s);
}

static void test_named(void **state)
{
    struct hepta_shm *s, *t;
    struct hepta_shm_stat st;
    (void)state;
    assert_int_equal(shm_make("/a data/../x", MAKE, PAGE, &s), -EINVAL);
    assert_int_equal(shm_make("/data", MAKE, PAGE, &s), 0);
    strcpy(hepta_shm_data(s), "one");
    assert_int_equal(hepta_shm_export(s, HEPTA_SHM_FIXED), -EPERM);
    int fd = hepta_shm_export(s, 0), rw = hepta_shm_export(s, HEPTA_SHM_WRITE);
    assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_int_equal(hepta_shm_import(fd, HEPTA_SHM_WRITE, NULL, &t), -EACCES);
    assert_int_equal(hepta_shm_import(rw, HEPTA_SHM_WRITE, NULL, &t), 0);
    assert_string_equal(hepta_shm_data(t), "one");
    assert_int_equal(hepta_shm_stat(t, &st), 0);
    assert_int_equal(st.creator, getpid());
    assert_int_equal(st.flags, HEPTA_SHM_WRITE);
    hepta_shm_close(t);
    assert_int_equal(hepta_shm_unlink("/data"), 0); /* it has no name any more */
    assert_int_equal(hepta_shm_import(fd, 0, NULL, &t), 0);
    assert_string_equal(hepta_shm_data(t), "one");
    assert_int_equal(hepta_shm_stat(t, &st), 0);
    assert_int_equal(st.creator, 0); /* who made it can't be known now */
    hepta_shm_close(t);
    close(fd);
    close(rw);
    hepta_shm_close(s);
}

static int imported(int fd, uint32_t flags)
{
    struct hepta_shm *s;
    int r = hepta_shm_import(fd, flags, NULL, &s);
    if (r == 0)
        hepta_shm_close(s);
    else
        assert_null(s);
    return r;
}

static int memfd_of(off_t len, int seals, int fill)
{
    int fd = memfd_create("stranger", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(fd, len), 0);
    if (fill)
        assert_int_equal(posix_fallocate(fd, 0, len), 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

static void test_strangers(void **state)
{
    static const struct {
        off_t len;
        int seals, fill, result;
    } memfds[] = {
        {4096, F_SEAL_SHRINK, 1, 0},        /* as good as one of ours */
        {4096, 0, 1, -EPERM},               /* could be cut short */
        {4096, F_SEAL_GROW, 1, -EPERM},
        {4096, F_SEAL_SHRINK, 0, -EBADMSG}, /* a hole: memory may be lacking at the touch */
        {100, F_SEAL_SHRINK, 1, -EBADMSG},
        {4096 + 1, F_SEAL_SHRINK, 1, -EBADMSG},
    };
    int fds[2];
    struct hepta_shm *s;
    (void)state;
    for (size_t i = 0; i < sizeof memfds / sizeof *memfds; i++) {
        int fd = memfd_of(memfds[i].len, memfds[i].seals, memfds[i].fill);
        assert_int_equal(imported(fd, 0), memfds[i].result);
        close(fd);
    }
    int fd = memfd_of(4096, F_SEAL_SHRINK | F_SEAL_WRITE, 1);
    assert_int_equal(imported(fd, HEPTA_SHM_WRITE), -EACCES);
    close(fd);
    fd = memfd_create("huge", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);
    if (fd >= 0)
        assert_int_equal(imported(fd, 0), -EPROTO);
    close(fd);
    assert_int_equal(imported(-1, 0), -EBADF);
    assert_int_equal(imported(1000000, 0), -EBADF);
    assert_int_equal(imported(names_dir, 0), -EPROTO);
    fd = openat(names_dir, ".", O_PATH | O_CLOEXEC);
    assert_int_equal(imported(fd, 0), -EBADF);
    close(fd);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(imported(fds[0], 0), -EPROTO);
    assert_int_equal(imported(fds[1], 0), -EACCES);
    close(fds[0]);
    close(fds[1]);
    fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_true(imported(fd, 0) < 0);
    close(fd);
    fd = openat(names_dir, "data", O_RDWR | O_CREAT | O_CLOEXEC, 0600); /* no segment's */
    assert_int_equal(posix_fallocate(fd, 0, 4096), 0);
    assert_int_equal(imported(fd, 0), -EPERM);
    assert_int_equal(hepta_shm_import(fd, 1, NULL, &s), -EINVAL);
    assert_int_equal(hepta_shm_import(fd, 0, NULL, NULL), -EFAULT);
    close(fd);
}

static int grow_in_child(void *arg)
{
    CHILD_CHECK(hepta_shm_grow(arg, 2 * PAGE) == 0);
    ((char *)hepta_shm_data(arg))[PAGE] = 8;
    return 0;
}

static void test_fork(void **state)
{
    struct hepta_shm *s;
    struct hepta_shm_options opt = shm_opt(PAGE, 2 * PAGE);
    (void)state;
    assert_int_equal(hepta_shm_new(&opt, &s), 0);
    unit_in_child(grow_in_child, s);
    assert_int_equal(hepta_shm_grow(s, 0), 0);
    assert_int_equal(((char *)hepta_shm_data(s))[PAGE], 8);
    hepta_shm_close(s);
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_new),   NAMES_TEST(test_read_only), NAMES_TEST(test_fixed),
    NAMES_TEST(test_named), NAMES_TEST(test_strangers), NAMES_TEST(test_fork),
};

NAMES_MAIN(tests)
