/* SPDX-License-Identifier: MIT */
/*
 * queue/sysv_test.c - System V queues: selection, limits, permissions, msgctl. The table of ids:
 * sysv/table_test.c; names and their leftovers: sysv/names_test.c.
 */
#define _GNU_SOURCE
#include "name/name_test.h"

#include <limits.h>
#include <poll.h>

#include "queue/sysv_internal.h"

#define KEY  0x4a0b

static int make(void)
{
    int id = hepta_msg_get(IPC_PRIVATE, 0600, NULL);
    assert_true(id > 0);
    return id;
}

static int make_with(uint32_t msgs_max, uint32_t msg_max, uint64_t qbytes)
{
    const struct hepta_msg_options o = {
        .size = sizeof o, .msgs_max = msgs_max, .msg_max = msg_max, .qbytes = qbytes};
    int id = hepta_msg_get(IPC_PRIVATE, 0600, &o);
    assert_true(id > 0);
    return id;
}

static void check(int id)
{
    char why[128] = "";
    struct h7_msg *m;
    assert_int_equal(h7_msg_enter(id, &m), 0);
    int r = h7_msg_check(m, why, sizeof why);
    h7_msg_leave(m);
    if (r < 0)
        print_error("check: %s\n", why);
    assert_int_equal(r, 0);
}

static void end(int id)
{
    check(id);
    assert_int_equal(hepta_msg_ctl(id, IPC_RMID, NULL), 0);
    assert_int_equal(names_count(""), 0);
}

static int put(int id, long type, const char *text)
{
    return hepta_msg_send(id, type, text, strlen(text), IPC_NOWAIT, HEPTA_FOREVER);
}

/* The type of what is received, whose text is the type's digit; or negative errno. */
static long take(int id, long want, int flags)
{
    char text[8] = "";
    long type = 0;
    ssize_t n = hepta_msg_receive(id, &type, text, sizeof text, want, flags | IPC_NOWAIT, 1);
    return n < 0 ? n : n == 1 && text[0] == '0' + type ? type : -EPROTO;
}

static void fill(int id, const char *types)
{
    for (; *types; types++) {
        char text[2] = {*types, 0};
        assert_int_equal(put(id, *types - '0', text), 0);
    }
}

/* --- verbs -------------------------------------------------------------------------- */

static void test_selection(void **state)
{
    int id = make();
    (void)state;
    fill(id, "5351472");
    assert_int_equal(take(id, 6, 0), -ENOMSG);
    assert_int_equal(take(id, 5, 0), 5);
    assert_int_equal(take(id, 3, MSG_EXCEPT), 5);
    assert_int_equal(take(id, 0, MSG_EXCEPT), 3);
    assert_int_equal(take(id, -4, 0), 1);
    assert_int_equal(take(id, -1, 0), -ENOMSG);
    assert_int_equal(take(id, 1, MSG_COPY), 7);
    assert_int_equal(take(id, 3, MSG_COPY), -ENOMSG);
    assert_int_equal(take(id, -1, MSG_COPY), -ENOMSG);
    assert_int_equal(take(id, LONG_MIN, 0), 2);
    assert_int_equal(take(id, 0, 0), 4);
    assert_int_equal(take(id, -LONG_MAX, 0), 7);
    assert_int_equal(take(id, 0, 0), -ENOMSG);
    end(id);
}

static void test_length(void **state)
{
    char text[4] = "";
    long type = 0;
    int id = make();
    (void)state;
    assert_int_equal(put(id, 9, "twelve bytes"), 0);
    assert_int_equal(hepta_msg_receive(id, &type, text, 4, 0, 0, HEPTA_NOW), -E2BIG);
    assert_int_equal(type, 0);
    assert_int_equal(hepta_msg_receive(id, &type, text, 4, 0, MSG_COPY | IPC_NOWAIT, 1), -E2BIG);
    const int copy = MSG_COPY | IPC_NOWAIT | MSG_NOERROR;
    assert_int_equal(hepta_msg_receive(id, &type, text, 4, 0, copy, 1), 4);
    assert_memory_equal(text, "twel", 4);
    assert_int_equal(hepta_msg_receive(id, NULL, NULL, 0, 0, MSG_NOERROR, HEPTA_NOW), 0);
    assert_int_equal(hepta_msg_receive(id, &type, text, 4, 0, 0, HEPTA_NOW), -EAGAIN);
    assert_int_equal(hepta_msg_receive(id, &type, text, 4, 0, 0, hepta_in_ms(2)), -ETIMEDOUT);
    end(id);
}

static void test_arguments(void **state)
{
    char text[100];
    int id = make_with(4, 50, 100);
    (void)state;
    assert_int_equal(hepta_msg_send(id, 0, "", 0, 0, HEPTA_NOW), -EINVAL);
    assert_int_equal(hepta_msg_send(id, -1, "", 0, 0, HEPTA_NOW), -EINVAL);
    assert_int_equal(hepta_msg_send(id, 1, text, 51, 0, HEPTA_NOW), -EINVAL);
    assert_int_equal(hepta_msg_send(id, 1, text, SIZE_MAX, 0, HEPTA_NOW), -EINVAL);
    assert_int_equal(hepta_msg_send(id, 1, NULL, 1, 0, HEPTA_NOW), -EFAULT);
    assert_int_equal(hepta_msg_send(id, 1, NULL, 0, 0, HEPTA_NOW), 0);
    assert_int_equal(hepta_msg_receive(id, NULL, NULL, 1, 0, 0, HEPTA_NOW), -EFAULT);
    assert_int_equal(hepta_msg_receive(id, NULL, text, SIZE_MAX, 0, 0, HEPTA_NOW), -EINVAL);
    assert_int_equal(hepta_msg_receive(id, NULL, text, 9, 0, MSG_COPY, HEPTA_NOW), -EINVAL);
    assert_int_equal(take(id, 0, MSG_COPY | MSG_EXCEPT), -EINVAL);
    for (int bad = -2; bad <= 0; bad++) {
        assert_int_equal(put(bad, 1, ""), -EINVAL);
        assert_int_equal(take(bad, 1, 0), -EINVAL);
        assert_int_equal(hepta_msg_ctl(bad, IPC_RMID, NULL), -EINVAL);
        assert_int_equal(hepta_msg_detach(bad), -EINVAL);
    }
    assert_int_equal(put(id ^ 1, 1, ""), -EINVAL);
    assert_int_equal(hepta_msg_fd(id, 3), -EINVAL);
    assert_int_equal(hepta_msg_ctl(id, IPC_STAT, NULL), -EFAULT);
    assert_int_equal(hepta_msg_ctl(id, 99, text), -EINVAL);
    end(id);
    struct hepta_msg_options o = {.size = sizeof o, .msgs_max = HEPTA_MSG_MSGS_MAX + 1};
    assert_int_equal(hepta_msg_get(IPC_PRIVATE, 0600, &o), -EINVAL);
    o = (struct hepta_msg_options){.size = sizeof o, .wait = 3};
    assert_int_equal(hepta_msg_get(IPC_PRIVATE, 0600, &o), -EINVAL);
    o = (struct hepta_msg_options){.size = 0};
    assert_int_equal(hepta_msg_get(IPC_PRIVATE, 0600, &o), -EINVAL);
    assert_int_equal(names_count(""), 0);
}

static void test_environment(void **state)
{
    static const char *const bad[] = {"", "x", "0", "-1", "12 ", "99999999999", "1000000000000000"};
    struct msqid_ds ds;
    struct msginfo info;
    (void)state;
    setenv("HEPTA_MSGMAX", "10", 1);
    setenv("HEPTA_MSGMNB", "20", 1);
    setenv("HEPTA_MSGTQL", "3", 1);
    int id = make();
    assert_int_equal(put(id, 1, "12345678901"), -EINVAL);
    assert_int_equal(put(id, 1, "1234567890"), 0);
    assert_int_equal(put(id, 1, "1234567890"), 0);
    assert_int_equal(put(id, 1, "1"), -EAGAIN);
    assert_int_equal(put(id, 1, ""), 0);
    assert_int_equal(put(id, 1, ""), -EAGAIN);
    assert_int_equal(hepta_msg_ctl(id, IPC_STAT, &ds), 0);
    assert_int_equal(ds.msg_qbytes, 20);
    assert_int_equal(hepta_msg_ctl(0, IPC_INFO, &info), 0);
    assert_int_equal(info.msgmax, 10);
    assert_int_equal(info.msgmnb, 20);
    end(id);
    id = make_with(3, 11, 30); /* what the program says counts */
    assert_int_equal(put(id, 1, "12345678901"), 0);
    end(id);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        setenv("HEPTA_MSGMNB", bad[i], 1);
        assert_int_equal(hepta_msg_get(IPC_PRIVATE, 0600, NULL), -EINVAL);
    }
    unsetenv("HEPTA_MSGMAX");
    unsetenv("HEPTA_MSGMNB");
    unsetenv("HEPTA_MSGTQL");
}

/* Texts of any lengths fit as long as their sum does, whatever was there before. */
static void test_any_mix_fits(void **state)
{
    static char text[3000];
    uint64_t seed = 7, held = 0;
    int id = make_with(64, sizeof text, 20000);
    (void)state;
    for (int i = 0; i < 20000; i++) {
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        size_t len = seed >> 40 & 1 ? 73 + (seed >> 41) % 300 : (seed >> 41) % sizeof text;
        int r = hepta_msg_send(id, 1 + (long)(seed >> 62), text, len, 0, HEPTA_NOW);
        struct msqid_ds ds;
        assert_int_equal(hepta_msg_ctl(id, IPC_STAT, &ds), 0);
        held += r == 0 ? len : 0;
        assert_int_equal(ds.msg_cbytes, held);
        assert_int_equal(r, r == 0 || held + len > 20000 || ds.msg_qnum == 64 ? r : 0);
        if (r == 0)
            continue;
        assert_int_equal(r, -EAGAIN);
        ssize_t n = hepta_msg_receive(id, NULL, text, sizeof text, i % 3 ? -4 : 0, 0, HEPTA_NOW);
        assert_true(n >= 0);
        held -= (uint64_t)n;
    }
    end(id);
}

/* --- msgctl ------------------------------------------------------------------------- */

static int sends(void *arg)
{
    return put(*(int *)arg, 1, "x") == 0 ? 0 : 1;
}

static void test_stat(void **state)
{
    struct msqid_ds ds;
    time_t before = time(NULL) - 1;
    (void)state;
    int id = hepta_msg_get(KEY, IPC_CREAT | 0640, NULL);
    assert_true(id > 0);
    assert_int_equal(hepta_msg_ctl(id, IPC_STAT, &ds), 0);
    assert_int_equal(ds.msg_perm.__key, KEY);
    assert_int_equal(ds.msg_perm.mode, 0640);
    assert_int_equal(ds.msg_perm.uid, geteuid());
    assert_int_equal(ds.msg_perm.cgid, getegid());
    assert_true(ds.msg_stime == 0 && ds.msg_rtime == 0 && ds.msg_ctime >= before);
    assert_true(ds.msg_lspid == 0 && ds.msg_lrpid == 0 && ds.msg_qnum == 0);
    pid_t pid = unit_start(sends, &id);
    assert_int_equal(unit_reap(pid), 0);
    assert_int_equal(hepta_msg_ctl(id, IPC_STAT, &ds), 0);
    assert_true(ds.msg_lspid == pid && ds.msg_stime >= before && ds.msg_rtime == 0);
    assert_true(ds.msg_qnum == 1 && ds.msg_cbytes == 1);
    char text[1];
    assert_int_equal(hepta_msg_receive(id, NULL, text, 1, 0, 0, HEPTA_NOW), 1);
    assert_int_equal(hepta_msg_ctl(id, IPC_STAT, &ds), 0);
    assert_true(ds.msg_lrpid == getpid() && ds.msg_rtime >= before && ds.msg_qnum == 0);
    end(id);
}

static void test_set(void **state)
{
    struct msqid_ds ds, now;
    int id = make_with(10, 10, 30);
    (void)state;
    assert_int_equal(hepta_msg_ctl(id, IPC_STAT, &ds), 0);
    ds.msg_qbytes = 31;
    assert_int_equal(hepta_msg_ctl(id, IPC_SET, &ds), -EPERM);
    ds.msg_qbytes = 2; /* that many messages, too */
    ds.msg_perm.mode = 07640;
    assert_int_equal(hepta_msg_ctl(id, IPC_SET, &ds), 0);
    assert_int_equal(hepta_msg_ctl(id, IPC_STAT, &now), 0);
    assert_int_equal(now.msg_perm.mode, 0640);
    assert_int_equal(now.msg_qbytes, 2);
    assert_int_equal(put(id, 1, "123"), -EAGAIN);
    assert_int_equal(put(id, 1, ""), 0);
    assert_int_equal(put(id, 1, "12"), 0);
    assert_int_equal(put(id, 1, ""), -EAGAIN);
    struct pollfd p = {.fd = hepta_msg_fd(id, HEPTA_MSG_WRITE), .events = POLLIN};
    assert_int_equal(poll(&p, 1, 0), 0);
    ds.msg_qbytes = 30;
    assert_int_equal(hepta_msg_ctl(id, IPC_SET, &ds), 0);
    assert_int_equal(poll(&p, 1, 10000), 1);
    assert_int_equal(put(id, 1, ""), 0);
    ds.msg_qbytes = 0;
    assert_int_equal(hepta_msg_ctl(id, IPC_SET, &ds), 0);
    while (hepta_msg_receive(id, NULL, NULL, 0, 0, MSG_NOERROR, HEPTA_NOW) >= 0)
        ;
    assert_int_equal(put(id, 1, ""), -EAGAIN);
    end(id);
    assert_int_equal(hepta_msg_detach(id), 0); /* its descriptor was handed out */
}

static int as_nobody(void *arg)
{
    struct msqid_ds ds;
    int id = *(int *)arg;
    if (names_become(NOBODY) < 0)
        return UNIT_SKIP;
    CHILD_CHECK(put(id, 1, "x") == 0); /* others may write only */
    CHILD_CHECK(take(id, 0, 0) == -EACCES);
    CHILD_CHECK(hepta_msg_fd(id, HEPTA_MSG_READ) == -EACCES);
    CHILD_CHECK(hepta_msg_ctl(id, IPC_STAT, &ds) == -EACCES);
    CHILD_CHECK(hepta_msg_ctl(id, IPC_RMID, NULL) == -EPERM);
    CHILD_CHECK(hepta_msg_ctl(id, IPC_SET, memset(&ds, 0, sizeof ds)) == -EPERM);
    CHILD_CHECK(hepta_msg_get(KEY, 0200, NULL) == id);
    CHILD_CHECK(hepta_msg_get(KEY, 0, NULL) == id);
    CHILD_CHECK(hepta_msg_get(KEY, 0600, NULL) == -EACCES);
    CHILD_CHECK(hepta_msg_ctl(0, MSG_STAT, &ds) == -EACCES);
    CHILD_CHECK(hepta_msg_ctl(0, MSG_STAT_ANY, &ds) == id && ds.msg_qnum == 1);
    return 0;
}

static int as_new_owner(void *arg)
{
    int id = *(int *)arg;
    if (names_become(NOBODY) < 0)
        return UNIT_SKIP;
    CHILD_CHECK(hepta_msg_get(KEY, 0400, NULL) == id);
    CHILD_CHECK(put(id, 1, "x") == -EACCES); /* the bits bind the owner, too */
    CHILD_CHECK(hepta_msg_ctl(id, IPC_RMID, NULL) == 0);
    CHILD_CHECK(hepta_msg_get(KEY, 0, NULL) == -ENOENT);
    return 0;
}

static void test_permissions(void **state)
{
    struct msqid_ds ds;
    (void)state;
    if (geteuid() != 0)
        skip();
    fchmod(names_dir, 01777);
    int id = hepta_msg_get(KEY, IPC_CREAT | 0602, NULL);
    assert_true(id > 0);
    unit_in_child(as_nobody, &id);
    assert_int_equal(hepta_msg_detach(id), 0);
    assert_int_equal(hepta_msg_ctl(id, IPC_STAT, &ds), 0);
    ds.msg_perm.uid = NOBODY;
    ds.msg_perm.mode = 0400;
    assert_int_equal(hepta_msg_ctl(id, IPC_SET, &ds), 0);
    assert_int_equal(hepta_msg_detach(id), 0); /* attached anew: the files belong together */
    check(id);
    unit_in_child(as_new_owner, &id);
    assert_int_equal(put(id, 1, "x"), -EIDRM);
    assert_int_equal(put(id, 1, "x"), -EINVAL);
    assert_int_equal(names_count(""), 0);
}

static int change_is_seen(void *arg)
{
    struct msqid_ds ds;
    int id = *(int *)arg;
    CHILD_CHECK(hepta_msg_ctl(id, IPC_STAT, &ds) == 0);
    if (names_become(NOBODY) < 0)
        return UNIT_SKIP;
    CHILD_CHECK(put(id, 1, "x") == 0);
    CHILD_CHECK(hepta_msg_get(KEY, 0, NULL) == id); /* asks anew: not root any more */
    CHILD_CHECK(put(id, 1, "x") == -EACCES);
    return 0;
}

static void test_identity_is_asked_again(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    fchmod(names_dir, 01777);
    int id = hepta_msg_get(KEY, IPC_CREAT | 0600, NULL);
    assert_int_equal(put(id, 1, "x"), 0);
    unit_in_child(change_is_seen, &id);
    end(id);
}

static void test_list(void **state)
{
    struct msqid_ds ds;
    struct msginfo info;
    int ids[3] = {make(), hepta_msg_get(KEY, IPC_CREAT | 0600, NULL), make()}, last = 0;
    (void)state;
    fill(ids[1], "12");
    assert_int_equal(hepta_msg_ctl(0, MSG_INFO, &info), 2);
    assert_true(info.msgpool == 3 && info.msgmap == 2 && info.msgtql == 2);
    for (int i = 0; i < 3; i++) {
        int id = hepta_msg_ctl(i, MSG_STAT, &ds);
        assert_true(id > last && (id == ids[0] || id == ids[1] || id == ids[2]));
        assert_int_equal(ds.msg_qnum, id == ids[1] ? 2 : 0);
        last = id;
    }
    assert_int_equal(hepta_msg_ctl(3, MSG_STAT, &ds), -EINVAL);
    assert_int_equal(hepta_msg_ctl(-1, MSG_STAT, &ds), -EINVAL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(hepta_msg_ctl(ids[i], IPC_RMID, NULL), 0);
    assert_int_equal(hepta_msg_ctl(0, IPC_INFO, &info), 0);
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_selection),
    NAMES_TEST(test_length),
    NAMES_TEST(test_arguments),
    NAMES_TEST(test_environment),
    NAMES_TEST(test_any_mix_fits),
    NAMES_TEST(test_stat),
    NAMES_TEST(test_set),
    NAMES_TEST(test_permissions),
    NAMES_TEST(test_identity_is_asked_again),
    NAMES_TEST(test_list),
};
NAMES_MAIN(tests)
