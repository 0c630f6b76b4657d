/* SPDX-License-Identifier: MIT */
/*
 * fifo/kernel_test.c - the kernel's own FIFO behind Hepta's handle: opening with a deadline
 * without disturbing anybody, what is refused, what differs from Hepta's own
 *
 * That it is the kernel's in all else the conformance cases say (back end "via").
 */
#define _GNU_SOURCE
#include "name/name_test.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "base/sys.h"
#include "fifo/kernel.h"

#define R HEPTA_FIFO_READ
#define W HEPTA_FIFO_WRITE
#define SOON hepta_in_ms(20000)
#define SHORT_MS 30

static const char *path_to(const char *file)
{
    static char path[200];
    snprintf(path, sizeof path, "%s/%s", names_path, file);
    return path;
}

static const char *name_of(const char *file)
{
    static char name[220];
    snprintf(name, sizeof name, "kernel.fifo:%s", path_to(file));
    return name;
}

static void make(void)
{
    assert_int_equal(hepta_fifo_make(name_of("f"), 0666, NULL), 0);
}

static void unmake(void)
{
    assert_int_equal(hepta_fifo_unlink(name_of("f")), 0);
}

static struct hepta_fifo *get(uint32_t access, int64_t deadline)
{
    struct hepta_fifo *f;
    assert_int_equal(hepta_fifo_open(&f, name_of("f"), access, NULL, deadline), 0);
    return f;
}

static int try_as(const char *file, uint32_t access, uint32_t flags, uint64_t capacity,
                  int64_t deadline)
{
    struct hepta_fifo_options o = {.size = sizeof o, .flags = flags, .capacity = capacity};
    struct hepta_fifo *f;
    int r = hepta_fifo_open(&f, name_of(file), access, &o, deadline);
    if ((r == 0) != (f != NULL))
        return -EPROTO;
    hepta_fifo_close(f);
    return r;
}

static int try(uint32_t access, int64_t deadline)
{
    return try_as("f", access, 0, 0, deadline);
}

static int strange(int flags)
{
    int fd = open(path_to("f"), flags | O_NONBLOCK | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

/* A child that opens as a program without Hepta does, waiting, and ends when it is open. */
static pid_t visitor(int flags, const char *writes)
{
    pid_t pid = fork();
    if (pid == 0) {
        alarm(30);
        int fd = open(path_to("f"), flags);
        size_t len = writes ? strlen(writes) : 0;
        _exit(fd < 0 || (writes && write(fd, writes, len) != (ssize_t)len));
    }
    return pid;
}

/* --- a deadline ----------------------------------------------------------------------- */

static void test_nobody_comes(void **state)
{
    static const uint32_t sides[] = {R, W};
    (void)state;
    make();
    for (int i = 0; i < 2; i++) {
        int64_t deadline = hepta_in_ms(SHORT_MS);
        assert_int_equal(try(sides[i], deadline), -ETIMEDOUT);
        assert_true(hepta_now_ns() >= deadline);
        assert_int_equal(try(sides[i], 1), -ETIMEDOUT);
        assert_int_equal(try(sides[i], -5), -ETIMEDOUT);
    }
    assert_int_equal(try(W, HEPTA_NOW), -ENXIO);
    assert_int_equal(try(R, HEPTA_NOW), 0);
    unmake();
}

/* It is there and silent: nothing but tee(2) tells. */
static void test_silent_writer_counts(void **state)
{
    (void)state;
    make();
    int r = strange(O_RDONLY), w = strange(O_WRONLY);
    assert_int_equal(try(R, 1), 0);
    assert_int_equal(try(W, 1), 0);
    close(w);
    assert_int_equal(try(R, 1), -ETIMEDOUT); /* another reader is no writer */
    close(r);
    unmake();
}

/* What another one has written stays whole, in order, and is there once. */
static void test_takes_nothing(void **state)
{
    char buf[100];
    (void)state;
    make();
    int r = strange(O_RDONLY), w = strange(O_WRONLY), n = 0;
    assert_int_equal(write(w, "hello, ", 7), 7);
    assert_int_equal(write(w, "world", 5), 5);
    for (int i = 0; i < 20; i++)
        assert_int_equal(try(R, 1), 0);
    assert_int_equal(ioctl(r, FIONREAD, &n), 0);
    assert_int_equal(n, 12);
    assert_int_equal(read(r, buf, sizeof buf), 12);
    assert_memory_equal(buf, "hello, world", 12);
    assert_int_equal(read(r, buf, sizeof buf), -1);
    assert_int_equal(errno, EAGAIN);
    close(r);
    close(w);
    unmake();
}

static void test_somebody_comes(void **state)
{
    char buf[10];
    (void)state;
    make();
    pid_t pid = visitor(O_WRONLY, "abc");
    struct hepta_fifo *f = get(R, SOON);
    assert_int_equal(hepta_fifo_read(f, buf, sizeof buf, SOON), 3);
    assert_int_equal(hepta_fifo_read(f, buf, sizeof buf, SOON), 0);
    assert_int_equal(unit_reap(pid), 0);
    hepta_fifo_close(f);
    pid = visitor(O_WRONLY, NULL); /* one that goes at once has come */
    hepta_fifo_close(get(R, SOON));
    assert_int_equal(unit_reap(pid), 0);
    pid = visitor(O_RDONLY, NULL);
    hepta_fifo_close(get(W, SOON));
    assert_int_equal(unit_reap(pid), 0);
    unmake();
}

/* Both of Hepta's, both with a deadline. */
static void test_two_deadlines_meet(void **state)
{
    (void)state;
    make();
    for (int i = 0; i < 50; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            alarm(30);
            struct hepta_fifo *w = NULL;
            int r = hepta_fifo_open(&w, name_of("f"), W, NULL, SOON);
            _exit(r != 0 || hepta_fifo_write(w, "x", 1, SOON) != 1);
        }
        char c = 0;
        struct hepta_fifo *f = get(R, SOON);
        assert_int_equal(hepta_fifo_read(f, &c, 1, SOON), 1);
        assert_int_equal(hepta_fifo_read(f, &c, 1, SOON), 0);
        assert_int_equal(unit_reap(pid), 0);
        hepta_fifo_close(f);
    }
    unmake();
}

static int by_path_without_proc(void *arg)
{
    (void)arg;
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", "/proc", "tmpfs", 0, NULL) < 0)
        return UNIT_SKIP;
    CHILD_CHECK(try(R | W, HEPTA_NOW) == 0);
    CHILD_CHECK(try(W, HEPTA_NOW) == -ENXIO);
    CHILD_CHECK(try(R, hepta_in_ms(SHORT_MS)) == -ETIMEDOUT);
    CHILD_CHECK(try_as("nothing", R, 0, 0, HEPTA_NOW) == -ENOENT);
    return 0;
}

static void test_without_proc(void **state)
{
    (void)state;
    make();
    unit_in_child(by_path_without_proc, NULL);
    unmake();
}

/* --- what lies there ------------------------------------------------------------------ */

static void refused(const char *file)
{
    for (uint32_t access = R; access <= (R | W); access++) {
        assert_int_equal(try_as(file, access, 0, 0, HEPTA_NOW), -EMEDIUMTYPE);
        assert_int_equal(try_as(file, access, 0, 0, HEPTA_FOREVER), -EMEDIUMTYPE);
    }
    assert_int_equal(hepta_fifo_unlink(name_of(file)), -EMEDIUMTYPE);
    assert_int_equal(hepta_fifo_make(name_of(file), 0600, NULL), -EEXIST);
    assert_int_equal(access(path_to(file), F_OK), 0);
}

static void test_other_files(void **state)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct stat before, after;
    (void)state;
    int fd = open(path_to("file"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "text", 4), 4);
    assert_int_equal(fstat(fd, &before), 0);
    refused("file");
    assert_int_equal(fstat(fd, &after), 0);
    assert_memory_equal(&before.st_atim, &after.st_atim, sizeof before.st_atim);
    assert_int_equal(after.st_size, 4);
    close(fd);
    assert_int_equal(unlink(path_to("file")), 0);
    assert_int_equal(mkdir(path_to("dir"), 0700), 0);
    refused("dir");
    assert_int_equal(rmdir(path_to("dir")), 0);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strcpy(un.sun_path, path_to("sock"));
    assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
    refused("sock");
    close(fd);
    assert_int_equal(unlink(path_to("sock")), 0);
}

/* Opening follows a link as the kernel does; unlinking isn't asked to remove one. */
static void test_links(void **state)
{
    char to[200];
    (void)state;
    make();
    strcpy(to, path_to("f"));
    assert_int_equal(symlink(to, path_to("link")), 0);
    assert_int_equal(try_as("link", R | W, 0, 0, HEPTA_NOW), 0);
    assert_int_equal(hepta_fifo_unlink(name_of("link")), -EMEDIUMTYPE);
    assert_int_equal(hepta_fifo_make(name_of("link"), 0600, NULL), -EEXIST);
    assert_int_equal(unlink(path_to("link")), 0);
    unmake();
    assert_int_equal(try_as("f", R, 0, 0, HEPTA_NOW), -ENOENT);
    assert_int_equal(hepta_fifo_unlink(name_of("f")), -ENOENT);
    assert_int_equal(hepta_fifo_make("kernel.fifo:", 0600, NULL), -ENOENT);
    assert_int_equal(hepta_fifo_make("kernel.fif", 0600, NULL), -EINVAL); /* one of Hepta's */
}

/* --- options, and what only memory can ------------------------------------------------ */

static void test_options(void **state)
{
    struct hepta_fifo_options o = {.size = sizeof o, .capacity = 4096};
    struct hepta_pipe_stat st;
    struct hepta_fifo *f;
    (void)state;
    assert_int_equal(hepta_fifo_make(name_of("f"), 0600, &o), -EINVAL);
    o = (struct hepta_fifo_options){.size = sizeof o, .flags = HEPTA_FIFO_PACKET};
    assert_int_equal(hepta_fifo_make(name_of("f"), 0600, &o), -EINVAL);
    make();
    assert_int_equal(try_as("f", R, HEPTA_FIFO_PACKET, 0, HEPTA_NOW), -EINVAL);
    assert_int_equal(try_as("f", R, 2, 0, HEPTA_NOW), -EINVAL);
    o.capacity = 5000;
    assert_int_equal(hepta_fifo_open(&f, name_of("f"), R | W, &o, HEPTA_NOW), 0);
    assert_int_equal(hepta_fifo_stat(f, &st, sizeof st), 0);
    assert_int_equal(st.capacity, 8192);
    assert_int_equal(st.flags, HEPTA_FIFO_PACKET);
    char buf[10];
    assert_int_equal(hepta_fifo_write(f, "ab", 2, HEPTA_NOW), 2);
    assert_int_equal(hepta_fifo_write(f, "cd", 2, HEPTA_NOW), 2);
    assert_int_equal(hepta_fifo_read(f, buf, sizeof buf, HEPTA_NOW), 2);
    assert_int_equal(try_as("f", R, 0, 4096, HEPTA_NOW), 0); /* one packet, one page */
    hepta_fifo_close(f);
    unmake();
}

static void test_no_places(void **state)
{
    void *p;
    const void *q;
    (void)state;
    make();
    struct hepta_fifo *f = get(R | W, HEPTA_NOW);
    assert_int_equal(hepta_fifo_reserve(f, 1, &p, HEPTA_NOW), -EOPNOTSUPP);
    assert_int_equal(hepta_fifo_commit(f, 0), -EOPNOTSUPP);
    assert_int_equal(hepta_fifo_peek(f, &q, HEPTA_NOW), -EOPNOTSUPP);
    assert_int_equal(hepta_fifo_release(f, 0), -EOPNOTSUPP);
    assert_int_equal(hepta_fifo_fd(f, R), hepta_fifo_fd(f, W));
    assert_int_equal(hepta_fifo_fd(f, R | W), -EINVAL);
    hepta_fifo_close(f);
    assert_int_equal(hepta_fifo_read(f, &p, 1, HEPTA_NOW), -EBADF);
    assert_null(hepta_fifo_close(f)); /* again */
    f = get(R, HEPTA_NOW);
    assert_int_equal(hepta_fifo_fd(f, W), -EBADF);
    assert_int_equal(hepta_fifo_write(f, "x", 1, HEPTA_NOW), -EBADF);
    assert_int_equal(hepta_fifo_reserve(f, 1, &p, HEPTA_NOW), -EBADF);
    hepta_fifo_close(f);
    unmake();
}

static void sees(struct hepta_fifo *f, uint64_t used, uint32_t has_reader, uint32_t has_writer)
{
    struct hepta_pipe_stat st;
    assert_int_equal(hepta_fifo_stat(f, &st, sizeof st), 0);
    assert_int_equal(st.used, used);
    assert_int_equal(st.has_reader, has_reader);
    assert_int_equal(st.has_writer, has_writer);
}

static void test_stat(void **state)
{
    struct hepta_pipe_stat st;
    (void)state;
    make();
    struct hepta_fifo *r = get(R, HEPTA_NOW);
    sees(r, 0, 1, 0); /* none has come yet: POLLHUP doesn't say so */
    struct hepta_fifo *w = get(W, HEPTA_NOW);
    sees(r, 0, 1, 1);
    sees(w, 0, 1, 1);
    assert_int_equal(hepta_fifo_write(w, "abc", 3, HEPTA_NOW), 3);
    sees(r, 3, 1, 1);
    sees(w, 3, 1, 1);
    hepta_fifo_close(w);
    sees(r, 3, 1, 0);
    w = get(W, HEPTA_NOW);
    hepta_fifo_close(r);
    sees(w, 3, 0, 1);
    assert_int_equal(hepta_fifo_stat(w, NULL, sizeof st), -EFAULT);
    assert_int_equal(hepta_fifo_stat(w, &st, 0), -EINVAL);
    hepta_fifo_close(w);
    unmake();
}

/* --- data under a deadline -------------------------------------------------------------- */

/* A reader that is always fast enough doesn't carry a write past its deadline. */
static void test_deadline_of_a_flow(void **state)
{
    enum { LEN = 64 << 20 };
    (void)state;
    make();
    struct hepta_fifo *r = get(R, HEPTA_NOW), *w = get(W, HEPTA_NOW);
    char *data = calloc(1, LEN);
    assert_non_null(data);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(30);
        hepta_fifo_close(w);
        while (hepta_fifo_read(r, data, 1 << 16, HEPTA_FOREVER) > 0)
            ;
        _exit(0);
    }
    hepta_fifo_close(r);
    ssize_t n = hepta_fifo_write(w, data, LEN, 1);
    assert_true(n > 0 && n < LEN);
    assert_int_equal(hepta_fifo_write(w, data, LEN, HEPTA_FOREVER), LEN);
    hepta_fifo_close(w);
    assert_int_equal(unit_reap(pid), 0);
    free(data);
    unmake();
}

static int write_without_nosignal(void *arg)
{
    (void)arg;
    if (unit_forbid(SYS_pwritev2, EOPNOTSUPP) != 0)
        return UNIT_SKIP;
    char buf[4] = "abc";
    struct hepta_fifo *r, *w;
    signal(SIGPIPE, SIG_DFL);
    CHILD_CHECK(hepta_fifo_open(&r, name_of("f"), R, NULL, HEPTA_NOW) == 0);
    CHILD_CHECK(hepta_fifo_open(&w, name_of("f"), W, NULL, HEPTA_NOW) == 0);
    CHILD_CHECK(hepta_fifo_write(w, buf, 3, HEPTA_NOW) == 3);
    memset(buf, 'z', 3); /* what was written is a copy */
    CHILD_CHECK(hepta_fifo_read(r, buf, 3, HEPTA_NOW) == 3 && memcmp(buf, "abc", 3) == 0);
    hepta_fifo_close(r);
    CHILD_CHECK(hepta_fifo_write(w, buf, 3, HEPTA_NOW) == -EPIPE);
    hepta_fifo_close(w);
    return 0;
}

static void test_no_signal_on_older_kernels(void **state)
{
    (void)state;
    make();
    unit_in_child(write_without_nosignal, NULL);
    unmake();
}

static void test_busy(void **state)
{
    struct hepta_fifo_options o = {.size = sizeof o, .wait = HEPTA_WAIT_BUSY};
    struct hepta_fifo *f;
    char c;
    (void)state;
    make();
    assert_int_equal(hepta_fifo_open(&f, name_of("f"), R | W, &o, HEPTA_NOW), 0);
    int64_t deadline = hepta_in_ms(SHORT_MS);
    assert_int_equal(hepta_fifo_read(f, &c, 1, deadline), -ETIMEDOUT);
    assert_true(hepta_now_ns() >= deadline);
    assert_int_equal(hepta_fifo_read(f, &c, 1, HEPTA_NOW), -EAGAIN);
    hepta_fifo_close(f);
    unmake();
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_nobody_comes),
    NAMES_TEST(test_silent_writer_counts),
    NAMES_TEST(test_takes_nothing),
    NAMES_TEST(test_somebody_comes),
    NAMES_TEST(test_two_deadlines_meet),
    NAMES_TEST(test_without_proc),
    NAMES_TEST(test_other_files),
    NAMES_TEST(test_links),
    NAMES_TEST(test_options),
    NAMES_TEST(test_no_places),
    NAMES_TEST(test_stat),
    NAMES_TEST(test_deadline_of_a_flow),
    NAMES_TEST(test_no_signal_on_older_kernels),
    NAMES_TEST(test_busy),
};

NAMES_MAIN(tests)
