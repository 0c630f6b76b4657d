/* SPDX-License-Identifier: MIT */
/*
 * sysv/names_test.c - ids and keys as names: stubs, what the dead leave, makers and removers
 * that race, what strangers plant. With queues, the plainest family.
 */
#define _GNU_SOURCE
#include "name/name_test.h"

#include "queue/sysv_internal.h"
#include "sysv/sysv_internal.h"

#define KEY 0x5e7

static const struct hepta_msg_options small = {
    .size = sizeof small, .msgs_max = 4, .msg_max = 16, .qbytes = 64};

static int get(key_t key, int flags)
{
    return hepta_msg_get(key, flags | 0600, &small);
}

static int put(int id)
{
    return hepta_msg_send(id, 1, "x", 1, 0, HEPTA_NOW);
}

/* MSG_INFO looks at all names, and cleans. */
static int n_queues(void)
{
    struct msginfo info;
    return hepta_msg_ctl(0, MSG_INFO, &info) < 0 ? -1 : info.msgpool;
}

static const char *path_of(const char *entry, const char *part)
{
    static char path[300];
    snprintf(path, sizeof path, "%s/%s%s%s", names_path, entry, part ? "/" : "", part ? part : "");
    return path;
}

/* --- stubs -------------------------------------------------------------------------- */

static int leaves_stub(void *arg)
{
    int *id = arg;
    CHILD_CHECK(h7_life_know_self() == 0);
    CHILD_CHECK(h7_sysv_make_stub(&h7_msg_family, id[0], id[1]) == 0);
    return 0;
}

static void test_stub_of_a_dead_maker(void **state)
{
    int arg[2] = {12345, KEY};
    (void)state;
    unit_in_child(leaves_stub, arg);
    assert_int_equal(names_count("msg.12345"), 1);
    assert_int_equal(put(12345), -EINVAL);
    assert_int_equal(get(KEY, 0), -ENOENT);
    assert_int_equal(n_queues(), 0);
    assert_int_equal(names_count(""), 0);
}

static void test_stub_of_a_living_maker(void **state)
{
    int arg[2] = {12345, KEY};
    (void)state;
    assert_int_equal(leaves_stub(arg), 0);
    assert_int_equal(put(12345), -EINVAL);
    assert_int_equal(n_queues(), 0);
    assert_int_equal(names_count("msg.12345"), 1); /* he may just be about to publish */
    assert_int_equal(h7_sysv_unlink(&h7_msg_family, 12345), 0);
}

/* A dead maker's stub that counts is nobody's garbage. */
static int makes(void *arg)
{
    *(int *)arg = get(KEY, IPC_CREAT);
    return *(int *)arg > 0 ? 0 : 1;
}

static void test_maker_died_later(void **state)
{
    int *id = unit_shared(4096);
    (void)state;
    unit_in_child(makes, id);
    assert_int_equal(n_queues(), 1);
    assert_int_equal(put(*id), 0);
    assert_int_equal(get(KEY, 0), *id);
    assert_int_equal(hepta_msg_ctl(*id, IPC_RMID, NULL), 0);
    assert_int_equal(names_count(""), 0);
    munmap(id, 4096);
}

static void test_names(void **state)
{
    char name[H7_SYSV_NAME];
    static const char *const bad[] = {"",     "/",  "/0", "/-1", "/01", "/1x", "/+1", "/ 1", "1",
                                      "/2147483648", "/99999999999999999999999999"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(h7_sysv_id_of(bad[i]), 0);
    h7_sysv_id_name(name, INT32_MAX);
    assert_int_equal(h7_sysv_id_of(name), INT32_MAX);
    h7_sysv_key_name(name, -2);
    assert_string_equal(name, "/fffffffe");
}

/* --- removers that die -------------------------------------------------------------- */

enum { AFTER_ALL = 0, INSIDE = 1, KEY_GONE = 2 };
static int die_where;

static int dies_removing(void *arg)
{
    int id = *(int *)arg;
    char name[H7_SYSV_NAME];
    struct h7_msg *m;
    CHILD_CHECK(h7_msg_enter(id, &m) == 0);
    CHILD_CHECK(h7_store_enter_both(&m->st, hepta_in_ms(1000)) == 0);
    h7_store_remove(&m->st);
    h7_sysv_key_name(name, KEY);
    if (die_where == KEY_GONE)
        CHILD_CHECK(h7_name_unlink("msgkey", name) == 0);
    if (die_where == AFTER_ALL)
        h7_store_leave_both(&m->st);
    return unit_leave(0);
}

static void die_removing(int where, int id)
{
    die_where = where;
    assert_int_equal(unit_reap(unit_start(dies_removing, &id)), -SIGKILL);
}

static void test_removal_is_finished(void **state)
{
    (void)state;
    for (int where = AFTER_ALL; where <= KEY_GONE; where++) {
        int id = get(KEY, IPC_CREAT);
        assert_true(id > 0);
        assert_int_equal(hepta_msg_detach(id), 0);
        die_removing(where, id);
        assert_int_equal(get(KEY, 0), -ENOENT);
        int new = get(KEY, IPC_CREAT | IPC_EXCL);
        assert_true(new > 0 && new != id);
        assert_int_equal(put(id), -EINVAL);
        assert_int_equal(put(new), 0);
        assert_int_equal(n_queues(), 1);
        assert_int_equal(hepta_msg_ctl(new, IPC_RMID, NULL), 0);
        n_queues(); /* KEY_GONE: the stub's maker lives, which is us */
        assert_int_equal(names_count(""), where == KEY_GONE);
        assert_int_equal(h7_sysv_unlink(&h7_msg_family, id), 0);
    }
}

static void test_removal_by_id(void **state)
{
    (void)state;
    for (int where = AFTER_ALL; where <= INSIDE; where++) {
        int id = get(IPC_PRIVATE, 0);
        die_removing(where, id); /* this process has it attached */
        assert_int_equal(put(id), -EIDRM); /* the table's entry goes; then the names */
        assert_int_equal(put(id), -EIDRM);
        assert_int_equal(put(id), -EINVAL);
        assert_int_equal(names_count(""), 0);
    }
}

/* A new queue has the key while somebody finishes the old one's removal. */
static void test_late_finisher(void **state)
{
    (void)state;
    int id = get(KEY, IPC_CREAT);
    struct h7_msg *m;
    assert_int_equal(h7_msg_enter(id, &m), 0);
    assert_int_equal(h7_store_enter_both(&m->st, hepta_in_ms(1000)), 0);
    h7_store_remove(&m->st);
    h7_store_leave_both(&m->st);
    h7_msg_leave(m);
    int new = get(KEY, IPC_CREAT);
    assert_true(new > 0 && new != id);
    assert_int_equal(h7_sysv_unlink(&h7_msg_family, id), 0);
    assert_int_equal(get(KEY, 0), new);
    assert_int_equal(hepta_msg_ctl(new, IPC_RMID, NULL), 0);
}

/* --- races -------------------------------------------------------------------------- */

enum { N_MAKERS = 6, N_ROUNDS = 60 };
struct race {
    uint32_t go;
    int id[N_MAKERS][N_ROUNDS];
    uint32_t next;
};
static struct race *race;

static int races(void *arg)
{
    uint32_t me = __atomic_fetch_add(&race->next, 1, __ATOMIC_RELAXED);
    (void)arg;
    unit_await(&race->go, 0);
    for (int i = 0; i < N_ROUNDS; i++) {
        race->id[me][i] = get(KEY + i, IPC_CREAT);
        CHILD_CHECK(race->id[me][i] > 0);
        CHILD_CHECK(hepta_msg_detach(race->id[me][i]) == 0);
    }
    return 0;
}

static void test_makers_race(void **state)
{
    pid_t pid[N_MAKERS];
    (void)state;
    race = unit_shared(sizeof *race);
    for (int i = 0; i < N_MAKERS; i++)
        pid[i] = unit_start(races, NULL);
    unit_say(&race->go, 1);
    for (int i = 0; i < N_MAKERS; i++)
        assert_int_equal(unit_reap(pid[i]), 0);
    for (int i = 0; i < N_ROUNDS; i++) {
        for (int k = 1; k < N_MAKERS; k++)
            assert_int_equal(race->id[k][i], race->id[0][i]);
        assert_int_equal(put(race->id[0][i]), 0);
        assert_int_equal(hepta_msg_detach(race->id[0][i]), 0);
    }
    assert_int_equal(names_count("msg."), N_ROUNDS); /* the losers' stubs are gone */
    for (int i = 0; i < N_ROUNDS; i++)
        assert_int_equal(hepta_msg_ctl(race->id[0][i], IPC_RMID, NULL), 0);
    assert_int_equal(names_count(""), 0);
    munmap(race, sizeof *race);
}

/* Make, use, remove, for ever; who is killed leaves anything. */
static int churns(void *arg)
{
    (void)arg;
    for (;;) {
        int id = get(KEY, IPC_CREAT);
        CHILD_CHECK(id > 0);
        int r = put(id);
        CHILD_CHECK(r == 0 || r == -EIDRM || r == -EINVAL || r == -EAGAIN);
        r = hepta_msg_ctl(id, IPC_RMID, NULL);
        CHILD_CHECK(r == 0 || r == -EIDRM || r == -EINVAL);
    }
}

static void test_killed_anywhere(void **state)
{
    pid_t pid[3];
    (void)state;
    for (int i = 0; i < 3; i++)
        pid[i] = unit_start(churns, NULL);
    for (int i = 0; i < 150; i++) {
        unit_sleep_ms(2);
        unit_kill(pid[i % 3]);
        pid[i % 3] = unit_start(churns, NULL);
    }
    for (int i = 0; i < 3; i++)
        unit_kill(pid[i]);
    int id = get(KEY, IPC_CREAT);
    assert_true(id > 0);
    assert_int_equal(put(id), 0);
    assert_int_equal(hepta_msg_ctl(id, IPC_RMID, NULL), 0);
    assert_int_equal(n_queues(), 0);
    assert_true(h7_name_clean() >= 0);
    assert_int_equal(names_count(""), 0);
}

/* --- strangers ---------------------------------------------------------------------- */

static void plant(const char *entry, const char *part, const char *text)
{
    assert_int_equal(mkdir(path_of(entry, NULL), 0755), 0);
    if (!part)
        return;
    FILE *f = fopen(path_of(entry, part), "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void test_planted(void **state)
{
    (void)state;
    int id = get(KEY, IPC_CREAT);
    assert_int_equal(hepta_msg_detach(id), 0);
    char text[40];
    snprintf(text, sizeof text, "%x 1 1 1", KEY);
    plant("msg.7", "key", text); /* another id for the same key */
    assert_int_equal(put(7), -EINVAL);
    plant("msg.8", "key", "no stub at all");
    assert_int_equal(put(8), -EBADMSG);
    plant("msg.9", NULL, NULL);
    assert_int_equal(put(9), -EBADMSG);
    plant("msg.10", "data", "no segment");
    assert_int_equal(put(10), -EPROTO);
    plant("msgkey.00000011", "id", "12");
    assert_int_equal(get(0x11, 0), -EBADMSG); /* 12 doesn't say so */
    plant("msgkey.00000012", "id", "x");
    assert_int_equal(get(0x12, IPC_CREAT), -EBADMSG);
    assert_int_equal(n_queues(), 1);
    assert_int_equal(hepta_msg_ctl(10, IPC_RMID, NULL), 0); /* the way out */
    assert_int_equal(hepta_msg_ctl(8, IPC_RMID, NULL), 0);
    assert_int_equal(hepta_msg_ctl(9, IPC_RMID, NULL), 0);
    assert_int_equal(names_count("msg."), 2); /* 7 and ours */
    assert_int_equal(get(KEY, 0), id);
    assert_int_equal(hepta_msg_ctl(id, IPC_RMID, NULL), 0);
}

/* What can't be attached any more can be removed. */
static void test_broken(void **state)
{
    char entry[40];
    (void)state;
    int id = get(KEY, IPC_CREAT);
    assert_int_equal(hepta_msg_detach(id), 0);
    snprintf(entry, sizeof entry, "msgkey.%08x", KEY);
    assert_int_equal(unlink(path_of(entry, "r")), 0);
    assert_int_equal(put(id), -EBADMSG);
    assert_int_equal(get(KEY, IPC_CREAT), -EBADMSG);
    assert_int_equal(hepta_msg_ctl(id, IPC_RMID, NULL), 0);
    assert_int_equal(names_count(""), 0);
}

static int finds_a_removed(void *arg)
{
    if (names_become(NOBODY) < 0)
        return UNIT_SKIP;
    CHILD_CHECK(get(KEY, IPC_CREAT) == -EACCES);
    CHILD_CHECK(put(*(int *)arg) == -EIDRM);
    return 0;
}

/* The directory is sticky: only its owner can take away what is left of a queue. */
static void test_removed_of_another_user(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    fchmod(names_dir, 01777);
    int id = hepta_msg_get(KEY, IPC_CREAT | 0666, &small);
    assert_int_equal(hepta_msg_detach(id), 0);
    die_removing(AFTER_ALL, id);
    unit_in_child(finds_a_removed, &id);
    assert_int_equal(get(KEY, 0), -ENOENT);
    assert_int_equal(names_count(""), 0);
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_stub_of_a_dead_maker),
    NAMES_TEST(test_stub_of_a_living_maker),
    NAMES_TEST(test_maker_died_later),
    NAMES_TEST(test_names),
    NAMES_TEST(test_removal_is_finished),
    NAMES_TEST(test_removal_by_id),
    NAMES_TEST(test_late_finisher),
    NAMES_TEST(test_makers_race),
    NAMES_TEST(test_killed_anywhere),
    NAMES_TEST(test_planted),
    NAMES_TEST(test_broken),
    NAMES_TEST(test_removed_of_another_user),
};
NAMES_MAIN(tests)
