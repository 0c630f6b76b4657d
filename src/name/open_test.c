/* SPDX-License-Identifier: MIT */
/* name/open_test.c - an object is found with all its parts, and nothing planted is believed */
#define _GNU_SOURCE
#include "name/name_test.h"

#include <sys/socket.h>
#include <sys/un.h>

static void plant_socket(const char *entry)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s/%s", names_path, entry);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    close(fd);
}

static int part_flags(int obj, const char *part, int flags, mode_t type)
{
    int fd = h7_name_part(obj, part, flags, type);
    if (fd >= 0)
        close(fd);
    return fd < 0 ? fd : 0;
}

/* The object "/jobs", opened, to do things to its parts. */
static int object(void)
{
    assert_int_equal(names_make("fifo", "/jobs", 0755), 0);
    int obj = h7_name_open("fifo", "/jobs");
    assert_true(obj >= 0);
    assert_true(fcntl(obj, F_GETFD) & FD_CLOEXEC);
    return obj;
}

static void test_parts(void **state)
{
    int obj = object();
    (void)state;
    int fd = h7_name_part(obj, "data", O_RDWR, S_IFREG);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDWR | O_NONBLOCK);
    close(fd);
    assert_int_equal(part_flags(obj, "bell", O_WRONLY, S_IFIFO), -ENXIO);
    fd = h7_name_part(obj, "bell", O_RDONLY, S_IFIFO);
    assert_true(fd >= 0);
    assert_int_equal(part_flags(obj, "bell", O_WRONLY, S_IFIFO), 0);
    close(fd);
    assert_int_equal(part_flags(obj, "data", O_RDWR | O_CREAT, S_IFREG), -EINVAL);
    assert_int_equal(part_flags(obj, "data", O_RDWR | O_TRUNC, S_IFREG), -EINVAL);
    close(obj);
}

static void test_parts_of_another_type(void **state)
{
    int obj = object();
    (void)state;
    assert_int_equal(part_flags(obj, "data", O_RDONLY, S_IFIFO), -EBADMSG);
    assert_int_equal(part_flags(obj, "bell", O_RDWR, S_IFREG), -EBADMSG);
    assert_int_equal(part_flags(obj, "bell", O_WRONLY, S_IFREG), -EBADMSG);
    assert_int_equal(symlinkat("data", obj, "link"), 0);
    assert_int_equal(part_flags(obj, "link", O_RDONLY, S_IFREG), -EBADMSG);
    assert_int_equal(mkdirat(obj, "dir", 0700), 0);
    assert_int_equal(part_flags(obj, "dir", O_RDONLY, S_IFREG), -EBADMSG);
    assert_int_equal(part_flags(obj, "dir", O_RDWR, S_IFREG), -EBADMSG);
    plant_socket("fifo.jobs/socket");
    assert_int_equal(part_flags(obj, "socket", O_RDONLY, S_IFREG), -EBADMSG);
    assert_int_equal(part_flags(obj, "socket", O_WRONLY, S_IFIFO), -EBADMSG);
    if (mknodat(obj, "null", S_IFCHR | 0600, (1 << 8) | 3) == 0)
        assert_int_not_equal(part_flags(obj, "null", O_RDWR, S_IFREG), 0);
    close(obj);
}

static void test_hard_links(void **state)
{
    int obj = object();
    (void)state;
    assert_int_equal(linkat(obj, "data", names_dir, "stolen", 0), 0);
    assert_int_equal(part_flags(obj, "data", O_RDWR, S_IFREG), -EBADMSG);
    assert_int_equal(unlinkat(names_dir, "stolen", 0), 0);
    assert_int_equal(part_flags(obj, "data", O_RDWR, S_IFREG), 0);
    close(obj);
}

static void test_parts_of_another_owner(void **state)
{
    int obj = object();
    (void)state;
    if (fchownat(obj, "data", NOBODY, NOBODY, 0) == 0) {
        assert_int_equal(part_flags(obj, "data", O_RDWR, S_IFREG), -EBADMSG);
        assert_int_equal(fchownat(obj, "", NOBODY, NOBODY, AT_EMPTY_PATH), 0);
        assert_int_equal(part_flags(obj, "data", O_RDWR, S_IFREG), 0); /* both of nobody's */
        assert_int_equal(part_flags(obj, "bell", O_RDWR, S_IFIFO), -EBADMSG);
    }
    close(obj);
}

static int hold_a_lease(void *arg)
{
    int fd = openat(names_dir, "fifo.jobs/data", O_RDWR | O_CLOEXEC);
    signal(SIGIO, SIG_IGN);
    CHILD_CHECK(fcntl(fd, F_SETLEASE, F_WRLCK) == 0);
    unit_say(arg, 1);
    return unit_stay();
}

/* An open(2) that waits would wait 45 s. */
static void test_leases_hold_up_nobody(void **state)
{
    uint32_t *ready = unit_shared(4096);
    int obj = object();
    (void)state;
    pid_t pid = unit_start(hold_a_lease, ready);
    unit_await(ready, 0);
    assert_int_equal(part_flags(obj, "data", O_RDWR, S_IFREG), -EBADMSG);
    unit_kill(pid);
    assert_int_equal(part_flags(obj, "data", O_RDWR, S_IFREG), 0);
    close(obj);
    munmap(ready, 4096);
}

static void test_planted_entries(void **state)
{
    int fd;
    (void)state;
    assert_int_equal(h7_name_open("fifo", "/none"), -ENOENT);
    assert_int_equal(names_make("mq", "/real", 0755), 0);
    assert_int_equal(symlinkat("mq.real", names_dir, "fifo.link"), 0);
    assert_int_equal(h7_name_open("fifo", "/link"), -EPROTO);
    assert_int_equal(mkfifoat(names_dir, "fifo.fifo", 0600), 0);
    assert_int_equal(h7_name_open("fifo", "/fifo"), -EPROTO);
    fd = openat(names_dir, "fifo.file", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    assert_int_equal(h7_name_open("fifo", "/file"), -EPROTO);
    assert_int_equal(ftruncate(fd, (off_t)1 << 50), 0);
    assert_int_equal(h7_name_open("fifo", "/file"), -EPROTO);
    close(fd);
    plant_socket("fifo.socket");
    assert_int_equal(h7_name_open("fifo", "/socket"), -EPROTO);
    assert_int_equal(mkdirat(names_dir, "fifo.open", 0700), 0);
    assert_int_equal(fchmodat(names_dir, "fifo.open", 0720, 0), 0);
    assert_int_equal(h7_name_open("fifo", "/open"), -EBADMSG);
    assert_int_equal(fchmodat(names_dir, "fifo.open", 01702, 0), 0);
    assert_int_equal(h7_name_open("fifo", "/open"), -EBADMSG);
}

static void test_a_missing_part(void **state)
{
    int obj = object();
    (void)state;
    assert_int_equal(part_flags(obj, "other", O_RDONLY, S_IFREG), -ESTALE);
    assert_int_equal(names_attach("fifo", "/jobs"), 0);
    assert_int_equal(unlinkat(obj, "bell", 0), 0);
    assert_int_equal(names_attach("fifo", "/jobs"), -EBADMSG);
    close(obj);
}

static void test_unlinked_meanwhile(void **state)
{
    int obj = object();
    (void)state;
    assert_int_equal(h7_name_unlink("fifo", "/jobs"), 0);
    assert_int_equal(part_flags(obj, "data", O_RDONLY, S_IFREG), -ESTALE);
    close(obj);
    assert_int_equal(names_attach("fifo", "/jobs"), -ENOENT);
}

/* Unlinks what it was given, the first *left times, and makes another of the same name. */
static int unlink_under_me(int obj, void *arg)
{
    int *left = arg;
    if ((*left)-- > 0) {
        assert_int_equal(h7_name_unlink("fifo", "/jobs"), 0);
        assert_int_equal(names_make("fifo", "/jobs", 0755), 0);
    }
    return names_look(obj, NULL);
}

static void test_attach_begins_again(void **state)
{
    int left = 3, close_to_for_ever = 1000000;
    (void)state;
    assert_int_equal(names_make("fifo", "/jobs", 0755), 0);
    assert_int_equal(h7_name_attach("fifo", "/jobs", unlink_under_me, &left), 0);
    assert_int_equal(left, -1);
    assert_int_equal(h7_name_attach("fifo", "/jobs", unlink_under_me, &close_to_for_ever),
                     -EBADMSG);
}

static int say_no(int obj, void *arg)
{
    (void)obj;
    (void)arg;
    return -EXDEV;
}

static void test_attach_gives_the_callers_result(void **state)
{
    close(object());
    (void)state;
    assert_int_equal(h7_name_attach("fifo", "/jobs", say_no, NULL), -EXDEV);
}

static int as_nobody(void *arg)
{
    (void)arg;
    if (names_become(NOBODY) != 0)
        return UNIT_SKIP;
    CHILD_CHECK(names_attach("fifo", "/all") == 0);
    CHILD_CHECK(names_attach("fifo", "/search") == 0);
    CHILD_CHECK(names_attach("fifo", "/mine") == -EACCES);
    CHILD_CHECK(names_attach("fifo", "/none") == -ENOENT);
    int obj = h7_name_open("fifo", "/all");
    CHILD_CHECK(h7_name_part(obj, "data", O_RDWR, S_IFREG) == -EACCES); /* 0644 */
    return 0;
}

static void test_mode_bits_decide(void **state)
{
    (void)state;
    assert_int_equal(fchmod(names_dir, 01777), 0);
    assert_int_equal(names_make("fifo", "/all", 0755), 0);
    assert_int_equal(names_make("fifo", "/search", 0711), 0);
    assert_int_equal(names_make("fifo", "/mine", 0700), 0);
    unit_in_child(as_nobody, NULL);
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_parts),
    NAMES_TEST(test_parts_of_another_type),
    NAMES_TEST(test_hard_links),
    NAMES_TEST(test_parts_of_another_owner),
    NAMES_TEST(test_leases_hold_up_nobody),
    NAMES_TEST(test_planted_entries),
    NAMES_TEST(test_a_missing_part),
    NAMES_TEST(test_unlinked_meanwhile),
    NAMES_TEST(test_attach_begins_again),
    NAMES_TEST(test_attach_gives_the_callers_result),
    NAMES_TEST(test_mode_bits_decide),
};

NAMES_MAIN(tests)
