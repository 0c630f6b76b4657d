/* SPDX-License-Identifier: MIT */
/*
 * queue/limits_test.c - each limit that is crossed has its own answer and changes nothing; no room
 * in the file system is -ENOSPC when a queue is made, and nothing is left of it
 */
#define _GNU_SOURCE
#include <hepta/mq.h>
#include <hepta/msg.h>

#include "name/name_test.h"

#define OPEN (HEPTA_MQ_READ | HEPTA_MQ_WRITE | HEPTA_MQ_CREATE)

static int make_mq(uint32_t n, uint32_t size, uint64_t budget)
{
    struct hepta_mq_options opt = {
        .size = sizeof opt, .msgs_max = n, .msg_max = size, .budget = budget};
    struct hepta_mq *mq;
    int r = hepta_mq_open(&mq, "/q", OPEN | HEPTA_MQ_EXCL, 0600, &opt);
    if (r == 0) {
        hepta_mq_close(mq);
        assert_int_equal(hepta_mq_unlink("/q"), 0);
    } else {
        assert_null(mq);
    }
    return r;
}

static int make_msg(uint32_t n, uint32_t size, uint64_t qbytes)
{
    struct hepta_msg_options opt = {
        .size = sizeof opt, .msgs_max = n, .msg_max = size, .qbytes = qbytes};
    int id = hepta_msg_get(0x1234, IPC_CREAT | IPC_EXCL | 0600, &opt);
    if (id < 0)
        return id;
    assert_int_equal(hepta_msg_ctl(id, IPC_RMID, NULL), 0);
    return 0;
}

static void test_options_of_mq(void **state)
{
    struct hepta_mq_options opt = {.size = sizeof opt};
    struct hepta_mq *mq;
    (void)state;
    assert_int_equal(make_mq(1, 1, 0), 0);
    assert_int_equal(make_mq(HEPTA_MQ_MSGS_MAX, 16, 0), 0);
    assert_int_equal(make_mq(HEPTA_MQ_MSGS_MAX + 1, 16, 0), -EINVAL);
    assert_int_equal(make_mq(1, HEPTA_MQ_MSG_MAX, 0), 0);
    assert_int_equal(make_mq(1, HEPTA_MQ_MSG_MAX + 1, 0), -EINVAL);
    assert_int_equal(make_mq(2, 1000, 999), -EINVAL);
    assert_int_equal(make_mq(2, 1000, HEPTA_MQ_BUDGET_MAX + 1), -EINVAL);
    opt.wait = 3;
    assert_int_equal(hepta_mq_open(&mq, "/q", OPEN, 0600, &opt), -EINVAL);
    opt = (struct hepta_mq_options){.size = sizeof opt, .spin_ns = 1000001};
    assert_int_equal(hepta_mq_open(&mq, "/q", OPEN, 0600, &opt), -EINVAL);
    opt = (struct hepta_mq_options){.size = 0};
    assert_int_equal(hepta_mq_open(&mq, "/q", OPEN, 0600, &opt), -EINVAL);
    opt = (struct hepta_mq_options){.size = sizeof opt, .reserved = 1};
    assert_int_equal(hepta_mq_open(&mq, "/q", OPEN, 0600, &opt), -E2BIG);
    assert_int_equal(hepta_mq_open(&mq, "/q", HEPTA_MQ_CREATE, 0600, NULL), -EINVAL);
    assert_int_equal(hepta_mq_open(&mq, "/q", 1u << 20 | OPEN, 0600, NULL), -EINVAL);
    assert_int_equal(hepta_mq_open(&mq, "/q", OPEN, 01000, NULL), -EINVAL);
    assert_int_equal(hepta_mq_open(NULL, "/q", OPEN, 0600, NULL), -EFAULT);
    assert_int_equal(hepta_mq_open(&mq, NULL, OPEN, 0600, NULL), -EFAULT);
    assert_int_equal(names_count(""), 0);
}

static void test_arguments_of_mq(void **state)
{
    struct hepta_mq *mq;
    struct hepta_mq_info info;
    const void *ptr;
    void *place;
    char buf[8192];
    (void)state;
    assert_int_equal(hepta_mq_open(&mq, "/q", OPEN, 0600, NULL), 0);
    assert_int_equal(hepta_mq_send(mq, buf, 8193, 0, HEPTA_NOW), -EMSGSIZE);
    assert_int_equal(hepta_mq_send(mq, buf, 1, 32768, HEPTA_NOW), -EINVAL);
    assert_int_equal(hepta_mq_send(mq, NULL, 1, 0, HEPTA_NOW), -EFAULT);
    assert_int_equal(hepta_mq_send(NULL, buf, 1, 0, HEPTA_NOW), -EINVAL);
    assert_int_equal(hepta_mq_receive(mq, NULL, 8192, NULL, HEPTA_NOW), -EFAULT);
    assert_int_equal(hepta_mq_receive(mq, buf, 8191, NULL, HEPTA_NOW), -EMSGSIZE);
    assert_int_equal(hepta_mq_lease(mq, buf, 8192, NULL, HEPTA_NOW), -EFAULT);
    assert_int_equal(hepta_mq_peek(mq, NULL, &info, HEPTA_NOW), -EFAULT);
    assert_int_equal(hepta_mq_peek(mq, &ptr, NULL, HEPTA_NOW), -EFAULT);
    assert_int_equal(hepta_mq_look(mq, NULL, 1, NULL, HEPTA_NOW), -EFAULT);
    assert_int_equal(hepta_mq_reserve(mq, 8193, &place, HEPTA_NOW), -EMSGSIZE);
    assert_int_equal(hepta_mq_reserve(mq, 1, NULL, HEPTA_NOW), -EFAULT);
    assert_int_equal(hepta_mq_commit(mq, buf, 1, 0), -ESRCH);
    assert_int_equal(hepta_mq_ack(mq, 0), -ESRCH);
    assert_int_equal(hepta_mq_ack(mq, UINT64_MAX), -ESRCH);
    assert_int_equal(hepta_mq_fd(mq, 3), -EINVAL);
    assert_int_equal(hepta_mq_getattr(mq, NULL), -EFAULT);
    assert_int_equal(hepta_mq_stat(mq, NULL, 8), -EFAULT);
    struct hepta_mq_attr attr;
    assert_int_equal(hepta_mq_getattr(mq, &attr), 0);
    assert_int_equal(attr.msgs, 0);
    hepta_mq_close(mq);
    assert_int_equal(hepta_mq_send(mq, buf, 1, 0, HEPTA_NOW), -EBADF);
    assert_null(hepta_mq_close(mq));
    assert_int_equal(hepta_mq_unlink("/q"), 0);
}

static void test_options_of_msg(void **state)
{
    struct hepta_msg_options opt = {.size = sizeof opt, .wait = 9};
    (void)state;
    assert_int_equal(make_msg(1, 1, 1), 0);
    assert_int_equal(make_msg(HEPTA_MSG_MSGS_MAX + 1, 16, 0), -EINVAL);
    assert_int_equal(make_msg(4, HEPTA_MSG_MSG_MAX + 1, 0), -EINVAL);
    assert_int_equal(make_msg(4, 16, HEPTA_MSG_QBYTES_MAX + 1), -EINVAL);
    assert_int_equal(hepta_msg_get(IPC_PRIVATE, 0600, &opt), -EINVAL);
    opt = (struct hepta_msg_options){.size = 0};
    assert_int_equal(hepta_msg_get(IPC_PRIVATE, 0600, &opt), -EINVAL);
    assert_int_equal(names_count("msg"), 0);
}

/* In a mount namespace of its own, a tmpfs of one MiB. */
static int in_a_small_tmpfs(void *arg)
{
    (void)arg;
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", names_path, "tmpfs", 0, "size=1m,mode=700") != 0)
        return UNIT_SKIP;
    CHILD_CHECK(make_mq(100, 1000, 0) == 0);
    CHILD_CHECK(make_mq(1000, 10000, 0) == -ENOSPC);
    CHILD_CHECK(make_mq(1000, 10000, HEPTA_MQ_BUDGET_MAX) == -ENOSPC);
    CHILD_CHECK(make_msg(0, 0, 0) == -ENOSPC);
    CHILD_CHECK(names_count("") == 0);
    CHILD_CHECK(make_mq(100, 1000, 0) == 0); /* and there is room again */
    return 0;
}

static void test_no_room(void **state)
{
    (void)state;
    unit_in_child(in_a_small_tmpfs, NULL);
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_options_of_mq),
    NAMES_TEST(test_arguments_of_mq),
    NAMES_TEST(test_options_of_msg),
    NAMES_TEST(test_no_room),
};

NAMES_MAIN(tests)
