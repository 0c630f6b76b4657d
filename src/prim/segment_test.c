/* SPDX-License-Identifier: MIT */
/*
 * prim/segment_test.c - anonymous segments: what is made, and each way in which one that
 * comes from a stranger is refused
 *
 * Forgeries are made from a good segment by changing one thing of it.
 */
#define _GNU_SOURCE
#include "base/unit_test.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include "base/self.h"
#include "base/sys.h"
#include "prim/segment.h"

#define CONTROL_LEN 512
#define DATA_LEN    8192

static const struct h7_segment_spec spec = {
    .label = "hepta-test",
    .kind = H7_KIND_TEST,
    .flags = 5,
    .control_len = CONTROL_LEN,
    .data_len = DATA_LEN,
    .ring = 1,
};

static struct h7_segment made;
static int n_fds;

static int count_fds(void)
{
    int n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static int set_up(void **state)
{
    (void)state;
    n_fds = count_fds();
    return h7_segment_new(&made, &spec);
}

/* Descriptors that an attempt left behind fail the test that made it. */
static int tear_down(void **state)
{
    (void)state;
    h7_segment_close(&made);
    return count_fds() == n_fds ? 0 : -1;
}

static struct h7_segment_header *header(void)
{
    return (struct h7_segment_header *)made.base;
}

/* Attach to what `made` has become; a success is undone. */
static int try_attach(int require_seals)
{
    struct h7_segment seg;
    int fd = h7_sys_dup(made.fd, 1);
    int r = h7_segment_attach(&seg, fd, &spec, require_seals);
    if (r == 0)
        h7_segment_close(&seg);
    else if (fcntl(fd, F_GETFD) < 0)
        r = -EBADFD; /* a descriptor that was refused stays the caller's */
    else
        h7_sys_close(fd);
    return r;
}

static void test_what_is_made(void **state)
{
    struct stat st;
    (void)state;
    assert_int_equal(fstat(made.fd, &st), 0);
    assert_true(made.data_off >= H7_SEGMENT_CONTROL + CONTROL_LEN);
    assert_int_equal(made.data_len, DATA_LEN);
    assert_int_equal((size_t)st.st_size, made.data_off + made.data_len);
    assert_true((size_t)st.st_blocks * 512 >= (size_t)st.st_size); /* allocated, all of it */
    assert_int_equal(made.flags, 5);
    assert_int_equal(header()->kind, H7_KIND_TEST);
    assert_true(header()->pidns == h7_self_pidns());
    assert_ptr_equal(h7_segment_control(&made), made.base + H7_SEGMENT_CONTROL);
    assert_int_equal(h7_segment_check(&made, H7_KIND_TEST), 0);
}

static void test_sizes_are_rounded_up(void **state)
{
    struct h7_segment_spec small = {.label = "hepta-test", .kind = 1, .control_len = 1};
    struct h7_segment seg;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    (void)state;
    assert_int_equal(h7_segment_new(&seg, &small), 0);
    assert_int_equal(seg.data_off, page);
    assert_int_equal(seg.data_len, 0);
    h7_segment_close(&seg);
    small.data_len = 1;
    assert_int_equal(h7_segment_new(&seg, &small), 0);
    assert_int_equal(seg.data_len, page);
    h7_segment_close(&seg);
    small.data_len = SIZE_MAX;
    assert_int_equal(h7_segment_new(&seg, &small), -EOVERFLOW);
}

static void test_ring_is_mapped_twice(void **state)
{
    (void)state;
    volatile char *data = made.data;
    for (size_t i = 0; i < DATA_LEN; i += 1000) {
        data[i] = (char)(i / 1000 + 1);
        assert_int_equal(data[i + DATA_LEN], i / 1000 + 1);
    }
    data[2 * DATA_LEN - 1] = 9;
    assert_int_equal(data[DATA_LEN - 1], 9);
}

static void test_attach_sees_the_same_memory(void **state)
{
    struct h7_segment seg;
    (void)state;
    assert_int_equal(h7_segment_seal(&made), 0);
    made.data[17] = 'x';
    assert_int_equal(h7_segment_attach(&seg, h7_sys_dup(made.fd, 1), &spec, 1), 0);
    assert_ptr_not_equal(seg.data, made.data);
    assert_int_equal(seg.data[17], 'x');
    assert_int_equal(seg.data[17 + DATA_LEN], 'x');
    assert_int_equal(seg.data_len, made.data_len);
    assert_int_equal(seg.flags, 5);
    assert_int_equal(h7_segment_check(&seg, H7_KIND_TEST), 0);
    h7_segment_close(&seg);
    assert_int_equal(seg.fd, -1);
    h7_segment_close(&seg); /* again: nothing to do */
}

static void test_sealed_keeps_its_size(void **state)
{
    (void)state;
    assert_int_equal(h7_segment_seal(&made), 0);
    assert_int_equal(ftruncate(made.fd, 100), -1);
    assert_int_equal(ftruncate(made.fd, 1 << 20), -1);
    assert_int_equal(h7_segment_seal(&made), -EPERM); /* no more seals either */
    made.data[0] = 1;                                 /* but writable */
}

static void test_unsealed_is_refused(void **state)
{
    (void)state;
    assert_int_equal(try_attach(1), -EPERM);
    assert_int_equal(try_attach(0), 0);
    assert_int_equal(fcntl(made.fd, F_ADD_SEALS, F_SEAL_GROW), 0);
    assert_int_equal(try_attach(1), -EPERM); /* one of two is not enough */
    assert_int_equal(fcntl(made.fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    assert_int_equal(try_attach(1), 0);
}

/* One field of the header is changed at a time. */
static void test_forged_headers(void **state)
{
    struct h7_segment_header good = *header(), *h = header();
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    (void)state;
    assert_int_equal(h7_segment_seal(&made), 0);
#define FORGED(field, value, err)               \
    do {                                        \
        h->field = (value);                     \
        assert_int_equal(try_attach(1), (err)); \
        *h = good;                              \
    } while (0)
    FORGED(magic, good.magic + 1, -EPROTO);
    FORGED(magic, 0, -EPROTO);
    FORGED(version, H7_SEGMENT_VERSION + 1, -EPROTONOSUPPORT);
    FORGED(version, 0, -EPROTONOSUPPORT);
    FORGED(kind, H7_KIND_PIPE, -EMEDIUMTYPE);
    FORGED(len, good.len + 1, -ENODATA);
    FORGED(len, UINT64_MAX, -ENODATA);
    FORGED(len, good.len - page, -EBADMSG);
    FORGED(pidns, good.pidns + 1, -EXDEV);
    FORGED(data_off, good.data_off + page, -EBADMSG);
    FORGED(data_off, good.data_off + 1, -EBADMSG);
    FORGED(data_off, UINT64_MAX, -EBADMSG);
    FORGED(data_off, 0, -EBADMSG);
    FORGED(data_len, good.data_len + page, -EBADMSG);
    FORGED(data_len, UINT64_MAX, -EBADMSG);
    FORGED(data_len, 0, -EBADMSG);
#undef FORGED
    /* Consistent with each other, but no room for the control block. */
    h->data_off = 0;
    h->data_len = good.len;
    assert_int_equal(try_attach(1), -EBADMSG);
    /* Consistent, but not whole pages. */
    h->data_off = good.data_off + 8;
    h->data_len = good.data_len - 8;
    assert_int_equal(try_attach(1), -EBADMSG);
    *h = good;
    assert_int_equal(try_attach(1), 0);
}

/* Unsealed, so its maker can cut it: only where seals are not asked for. */
static void test_truncated(void **state)
{
    (void)state;
    assert_int_equal(ftruncate(made.fd, (off_t)(made.data_off + made.data_len - 4096)), 0);
    assert_int_equal(try_attach(0), -ENODATA);
    assert_int_equal(ftruncate(made.fd, (off_t)sizeof(struct h7_segment_header) - 1), 0);
    assert_int_equal(try_attach(0), -EPROTO);
    assert_int_equal(ftruncate(made.fd, 0), 0);
    assert_int_equal(try_attach(0), -EPROTO);
    assert_int_equal(try_attach(1), -EPROTO);
}

/* As long as it says, but not in whole pages. */
static void test_odd_length(void **state)
{
    (void)state;
    header()->len -= 8;
    header()->data_off -= 8;
    assert_int_equal(ftruncate(made.fd, (off_t)header()->len), 0);
    assert_int_equal(try_attach(0), -EBADMSG);
    header()->data_off += 8;
    header()->data_len -= 8;
    assert_int_equal(try_attach(0), -EBADMSG);
}

static int attach_fd(int fd)
{
    struct h7_segment seg;
    return h7_segment_attach(&seg, fd, &spec, 1);
}

static void test_wrong_descriptors(void **state)
{
    int fds[2];
    char path[64];
    (void)state;
    assert_int_equal(attach_fd(-1), -EBADF);
    assert_int_equal(attach_fd(250), -EBADF);
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(attach_fd(fds[0]), -EPROTO);
    assert_int_equal(attach_fd(fds[1]), -EPROTO);
    close(fds[0]);
    close(fds[1]);

    int flags[] = {O_RDONLY, O_WRONLY, O_PATH};
    snprintf(path, sizeof path, "/proc/self/fd/%d", made.fd);
    assert_int_equal(h7_segment_seal(&made), 0);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        int fd = open(path, flags[i]);
        assert_true(fd >= 0);
        assert_int_equal(attach_fd(fd), -EBADF);
        close(fd);
    }
    int dir = open("/", O_RDONLY | O_DIRECTORY);
    assert_int_equal(attach_fd(dir), -EPROTO);
    close(dir);
}

/* Sealed against writing: its pages can't be mapped as we need them. */
static void test_read_only_memory(void **state)
{
    struct h7_segment_header h = *header();
    (void)state;
    int fd = h7_sys_memfd("hepta-test");
    assert_int_equal(ftruncate(fd, (off_t)h.len), 0);
    assert_int_equal(pwrite(fd, &h, sizeof h, 0), sizeof h);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
    assert_int_equal(attach_fd(fd), -EACCES);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC); /* still ours, and open */
    close(fd);
}

static void test_changed_under_us(void **state)
{
    struct h7_segment_header good = *header();
    (void)state;
    assert_int_equal(h7_segment_check(&made, H7_KIND_PIPE), -EBADMSG);
    header()->data_len++;
    assert_int_equal(h7_segment_check(&made, H7_KIND_TEST), -EBADMSG);
    *header() = good;
    header()->flags = 0;
    assert_int_equal(h7_segment_check(&made, H7_KIND_TEST), -EBADMSG);
    *header() = good;
    assert_int_equal(h7_segment_check(&made, H7_KIND_TEST), 0);
}

static int attach_in_namespace(void *arg)
{
    (void)arg;
    if (unshare(CLONE_NEWPID) != 0)
        return UNIT_SKIP;
    CHILD_CHECK(try_attach(1) == 0); /* this process itself stays outside */
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        CHILD_CHECK(try_attach(1) == -EXDEV);
        _exit(0);
    }
    return unit_reap(pid);
}

static void test_another_pid_namespace(void **state)
{
    (void)state;
    assert_int_equal(h7_segment_seal(&made), 0);
    unit_in_child(attach_in_namespace, NULL);
}

static int without_memory(void *arg)
{
    struct rlimit lim = {0, 0};
    struct h7_segment seg;
    (void)arg;
    CHILD_CHECK(h7_self());
    CHILD_CHECK(setrlimit(RLIMIT_AS, &lim) == 0);
    CHILD_CHECK(h7_segment_new(&seg, &spec) == -ENOMEM);
    CHILD_CHECK(try_attach(1) == -ENOMEM);
    CHILD_CHECK(count_fds() == n_fds + 1); /* `made`, and nothing of the attempts */
    CHILD_CHECK(unit_no_descriptors() == 0);
    CHILD_CHECK(h7_segment_new(&seg, &spec) == -EMFILE);
    return 0;
}

static void test_no_memory_no_descriptors(void **state)
{
    (void)state;
    assert_int_equal(h7_segment_seal(&made), 0);
    unit_in_child(without_memory, NULL);
}

#define SEGMENT_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

static const struct CMUnitTest tests[] = {
    SEGMENT_TEST(test_what_is_made),
    SEGMENT_TEST(test_sizes_are_rounded_up),
    SEGMENT_TEST(test_ring_is_mapped_twice),
    SEGMENT_TEST(test_attach_sees_the_same_memory),
    SEGMENT_TEST(test_sealed_keeps_its_size),
    SEGMENT_TEST(test_unsealed_is_refused),
    SEGMENT_TEST(test_forged_headers),
    SEGMENT_TEST(test_truncated),
    SEGMENT_TEST(test_odd_length),
    SEGMENT_TEST(test_wrong_descriptors),
    SEGMENT_TEST(test_read_only_memory),
    SEGMENT_TEST(test_changed_under_us),
    SEGMENT_TEST(test_another_pid_namespace),
    SEGMENT_TEST(test_no_memory_no_descriptors),
};

UNIT_MAIN(tests)
