/* SPDX-License-Identifier: MIT */
/*
 * semaphore/semset_test.c - System V sets through their ids: what isn't the set's own (set_test.c)
 * nor that of ids and keys (queue/sysv_*_test.c): permissions, the commands, errors and their order
 */
#define _GNU_SOURCE
#include "name/name_test.h"

#include <sys/wait.h>

#include "semaphore/semset_internal.h"

#define KEY 0x5e31

static const union hepta_semun none = {0};

static int make(int n)
{
    int id = hepta_semset_get(IPC_PRIVATE, n, 0600, NULL);
    assert_true(id > 0);
    return id;
}

static void check(int id)
{
    char why[128] = "";
    struct h7_semset *s;
    assert_int_equal(h7_semset_enter(id, &s), 0);
    int r = h7_semset_leave_with(s, h7_semset_check(s, why, sizeof why));
    if (r < 0)
        print_error("check: %s\n", why);
    assert_int_equal(r, 0);
}

static void end(int id)
{
    check(id);
    assert_int_equal(hepta_semset_ctl(id, 0, IPC_RMID, none), 0);
    assert_int_equal(names_count(""), 0);
}

static int op(int id, unsigned num, int by, int flags)
{
    const struct sembuf b = {(unsigned short)num, (short)by, (short)(flags | IPC_NOWAIT)};
    return hepta_semset_op(id, &b, 1, HEPTA_FOREVER);
}

static int value(int id, int num)
{
    return hepta_semset_ctl(id, num, GETVAL, none);
}

static int set(int id, int num, int to)
{
    return hepta_semset_ctl(id, num, SETVAL, (union hepta_semun){.val = to});
}

/* --- get ------------------------------------------------------------------------------- */

static void test_get(void **state)
{
    (void)state;
    assert_int_equal(hepta_semset_get(KEY, 3, 0600, NULL), -ENOENT);
    assert_int_equal(hepta_semset_get(KEY, 0, 0600 | IPC_CREAT, NULL), -EINVAL);
    assert_int_equal(hepta_semset_get(KEY, -1, 0600 | IPC_CREAT, NULL), -EINVAL);
    assert_int_equal(hepta_semset_get(KEY, 32001, 0600 | IPC_CREAT, NULL), -EINVAL);
    assert_int_equal(names_count(""), 0);
    int id = hepta_semset_get(KEY, 3, 0600 | IPC_CREAT, NULL);
    assert_true(id > 0);
    assert_int_equal(hepta_semset_get(KEY, 0, 0, NULL), id);
    assert_int_equal(hepta_semset_get(KEY, 3, 0600 | IPC_CREAT, NULL), id);
    assert_int_equal(hepta_semset_get(KEY, 4, 0600, NULL), -EINVAL);
    assert_int_equal(hepta_semset_get(KEY, 4, 0600 | IPC_CREAT | IPC_EXCL, NULL), -EEXIST);
    assert_int_equal(hepta_semset_detach(id), 0);
    assert_int_equal(hepta_semset_detach(id), -EINVAL);
    assert_int_equal(op(id, 2, 1, 0), 0); /* attaches again */
    end(id);
}

static void test_options(void **state)
{
    struct hepta_semset_options o = {0};
    (void)state;
    assert_int_equal(hepta_semset_get(IPC_PRIVATE, 1, 0600, &o), -EINVAL);
    o.size = sizeof o;
    o.undoers_max = HEPTA_SEMSET_UNDOERS_MAX + 1;
    assert_int_equal(hepta_semset_get(IPC_PRIVATE, 1, 0600, &o), -EINVAL);
    o.undoers_max = 1;
    int id = hepta_semset_get(IPC_PRIVATE, 1, 0600, &o);
    assert_true(id > 0);
    assert_int_equal(op(id, 0, 1, SEM_UNDO), 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(op(id, 0, 1, SEM_UNDO) == -ENOSPC ? 0 : 1);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(value(id, 0), 1);
    end(id);
}

static void test_largest(void **state)
{
    const struct hepta_semset_options o = {.size = sizeof o, .undoers_max = 2};
    unsigned short *all = calloc(HEPTA_SEMSET_SEMS_MAX, sizeof *all);
    (void)state;
    int id = hepta_semset_get(IPC_PRIVATE, HEPTA_SEMSET_SEMS_MAX, 0600, &o);
    assert_true(id > 0);
    for (unsigned i = 0; i < HEPTA_SEMSET_SEMS_MAX; i++)
        all[i] = (unsigned short)i;
    assert_int_equal(hepta_semset_ctl(id, 0, SETALL, (union hepta_semun){.array = all}), 0);
    memset(all, 0, HEPTA_SEMSET_SEMS_MAX * sizeof *all);
    assert_int_equal(hepta_semset_ctl(id, 0, GETALL, (union hepta_semun){.array = all}), 0);
    for (unsigned i = 0; i < HEPTA_SEMSET_SEMS_MAX; i++)
        assert_int_equal(all[i], i);
    assert_int_equal(op(id, HEPTA_SEMSET_SEMS_MAX - 1, -31999, 0), 0);
    assert_int_equal(op(id, HEPTA_SEMSET_SEMS_MAX, 1, 0), -EFBIG);
    free(all);
    end(id);
}

/* --- op -------------------------------------------------------------------------------- */

static void test_bad_arguments(void **state)
{
    struct sembuf ops[HEPTA_SEMSET_OPS_MAX + 1] = {{0}};
    (void)state;
    int id = make(1);
    assert_int_equal(hepta_semset_op(id, ops, 0, HEPTA_NOW), -EINVAL);
    assert_int_equal(hepta_semset_op(id, ops, HEPTA_SEMSET_OPS_MAX + 1, HEPTA_NOW), -E2BIG);
    assert_int_equal(hepta_semset_op(id, ops, HEPTA_SEMSET_OPS_MAX, HEPTA_NOW), 0);
    assert_int_equal(hepta_semset_op(id, NULL, 1, HEPTA_NOW), -EFAULT);
    assert_int_equal(hepta_semset_op(0, ops, 1, HEPTA_NOW), -EINVAL);
    assert_int_equal(hepta_semset_op(-5, ops, 1, HEPTA_NOW), -EINVAL);
    assert_int_equal(op(id, 1, 1, 0), -EFBIG);
    assert_int_equal(op(id, 0, 32767, 0), 0);
    assert_int_equal(op(id, 0, 1, 0), -ERANGE);
    assert_int_equal(op(id, 0, -32767, 0), 0);
    assert_int_equal(op(id, 0, -1, 0), -EAGAIN);
    assert_int_equal(hepta_semset_op(id, &(struct sembuf){0, -1, 0}, 1, HEPTA_NOW), -EAGAIN);
    assert_int_equal(hepta_semset_op(id, &(struct sembuf){0, -1, 0}, 1, hepta_in_ms(5)),
                     -ETIMEDOUT);
    end(id);
}

static int become_and_try(void *arg)
{
    const int *ids = arg; /* 0600, 0644, 0666, 0622 */
    unsigned short v;
    CHILD_CHECK(names_become(NOBODY) == 0);
    CHILD_CHECK(op(ids[0], 0, 1, 0) == -EACCES);
    CHILD_CHECK(op(ids[2], 0, 1, 0) == 0);
    CHILD_CHECK(op(ids[3], 0, 1, 0) == 0 && op(ids[3], 0, 0, 0) == -EACCES);
    CHILD_CHECK(value(ids[3], 0) == -EACCES && set(ids[3], 0, 0) == 0);
    CHILD_CHECK(hepta_semset_ctl(ids[3], 0, GETALL, (union hepta_semun){.array = &v}) == -EACCES);
    CHILD_CHECK(value(ids[1], 0) == 5 && set(ids[1], 0, 0) == -EACCES);
    CHILD_CHECK(hepta_semset_ctl(ids[1], 0, IPC_RMID, none) == -EPERM);
    return 0;
}

static void test_permissions(void **state)
{
    static const int modes[] = {0600, 0644, 0666, 0622};
    int ids[4];
    (void)state;
    if (getuid() != 0)
        skip();
    for (int i = 0; i < 4; i++) {
        ids[i] = hepta_semset_get(IPC_PRIVATE, 1, modes[i], NULL);
        assert_true(ids[i] > 0);
    }
    assert_int_equal(set(ids[1], 0, 5), 0);
    unit_in_child(become_and_try, ids);
    for (int i = 0; i < 4; i++)
        assert_int_equal(hepta_semset_ctl(ids[i], 0, IPC_RMID, none), 0);
}

/* --- ctl ------------------------------------------------------------------------------- */

static void test_stat_and_set(void **state)
{
    struct semid_ds ds;
    (void)state;
    int id = hepta_semset_get(KEY, 4, 0640 | IPC_CREAT, NULL);
    union hepta_semun arg = {.buf = &ds};
    assert_int_equal(hepta_semset_ctl(id, 0, IPC_STAT, arg), 0);
    assert_int_equal(ds.sem_nsems, 4);
    assert_int_equal(ds.sem_otime, 0);
    assert_true(ds.sem_ctime > 0);
    assert_int_equal(ds.sem_perm.__key, KEY);
    assert_int_equal(ds.sem_perm.mode, 0640);
    assert_int_equal(op(id, 3, 2, 0), 0);
    ds.sem_perm.mode = 0600;
    assert_int_equal(hepta_semset_ctl(id, 0, IPC_SET, arg), 0);
    memset(&ds, 0, sizeof ds);
    assert_int_equal(hepta_semset_ctl(id, 0, IPC_STAT, arg), 0);
    assert_int_equal(ds.sem_perm.mode, 0600);
    assert_true(ds.sem_otime > 0);
    end(id);
}

static void test_values(void **state)
{
    (void)state;
    int id = make(2);
    assert_int_equal(set(id, 0, -1), -ERANGE);
    assert_int_equal(set(id, 0, 32768), -ERANGE);
    assert_int_equal(set(id, 2, 1), -EINVAL);
    assert_int_equal(set(id, -1, 1), -EINVAL);
    assert_int_equal(set(id, 1, 7), 0);
    assert_int_equal(value(id, 1), 7);
    assert_int_equal(value(id, 2), -EINVAL);
    assert_int_equal(hepta_semset_ctl(id, 1, GETPID, none), getpid());
    assert_int_equal(hepta_semset_ctl(id, 1, GETNCNT, none), 0);
    assert_int_equal(hepta_semset_ctl(id, 1, GETZCNT, none), 0);
    assert_int_equal(hepta_semset_ctl(id, 0, GETALL, none), -EFAULT);
    assert_int_equal(hepta_semset_ctl(id, 0, IPC_STAT, none), -EFAULT);
    assert_int_equal(hepta_semset_ctl(id, 0, 4711, none), -EINVAL);
    unsigned short bad[2] = {1, 32768};
    assert_int_equal(hepta_semset_ctl(id, 0, SETALL, (union hepta_semun){.array = bad}), -ERANGE);
    assert_int_equal(value(id, 1), 7);
    end(id);
}

static void test_lists(void **state)
{
    struct seminfo info;
    struct semid_ds ds;
    union hepta_semun arg = {.info = &info};
    (void)state;
    int id = make(3), other = make(5);
    assert_int_equal(hepta_semset_ctl(0, 0, SEM_INFO, arg), 1);
    assert_int_equal(info.semusz, 2);
    assert_int_equal(info.semaem, 8);
    assert_int_equal(hepta_semset_ctl(0, 0, IPC_INFO, arg), 1);
    assert_int_equal(info.semvmx, 32767);
    int first = hepta_semset_ctl(0, 0, SEM_STAT, (union hepta_semun){.buf = &ds});
    assert_int_equal(first, id < other ? id : other);
    assert_int_equal(ds.sem_nsems, first == id ? 3 : 5);
    assert_int_equal(hepta_semset_ctl(2, 0, SEM_STAT, (union hepta_semun){.buf = &ds}), -EINVAL);
    assert_int_equal(hepta_semset_ctl(other, 0, IPC_RMID, none), 0);
    end(id);
}

static int wait_for_more(void *arg)
{
    const int *id = arg;
    int r = hepta_semset_op(*id, &(struct sembuf){0, -1, 0}, 1, hepta_in_ms(20000));
    return r == -EIDRM ? 0 : 1;
}

static void test_removed_under_a_sleeper(void **state)
{
    (void)state;
    int id = make(1), status;
    pid_t pid = unit_start(wait_for_more, &id);
    while (hepta_semset_ctl(id, 0, GETNCNT, none) != 1)
        usleep(1000);
    assert_int_equal(hepta_semset_ctl(id, 0, IPC_RMID, none), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_true(op(id, 0, 1, 0) == -EINVAL);
    assert_int_equal(names_count(""), 0);
}

/* A peer may turn it into what a permit stands on: whoever attaches it then, refuses it. */
static void test_foreign_plan(void **state)
{
    struct h7_semset *s;
    (void)state;
    int id = make(1);
    assert_int_equal(h7_semset_enter(id, &s), 0);
    s->set.shared->plan.flags |= H7_SET_HELD;
    assert_int_equal(h7_semset_leave_with(s, 0), 0);
    assert_int_equal(op(id, 0, 1, SEM_UNDO), 0);
    assert_int_equal(hepta_semset_detach(id), 0);
    assert_int_equal(op(id, 0, -1, SEM_UNDO), -EBADMSG);
    assert_int_equal(hepta_semset_ctl(id, 0, IPC_RMID, none), 0); /* the way out */
    assert_int_equal(names_count(""), 0);
}

/* ... or give it more semaphores than the caller of GETALL has room for. */
static void test_more_than_there_are(void **state)
{
    const struct hepta_semset_options o = {.size = sizeof o, .undoers_max = 100};
    unsigned short v[3] = {0, 0, 7};
    union hepta_semun arg = {.array = v};
    struct h7_semset *s;
    (void)state;
    int id = hepta_semset_get(IPC_PRIVATE, 2, 0600, &o);
    assert_int_equal(h7_semset_enter(id, &s), 0);
    s->set.shared->plan.n = 3;
    s->set.shared->plan.rows_max = 10; /* there is room for these */
    assert_int_equal(h7_semset_leave_with(s, 0), 0);
    assert_int_equal(hepta_semset_ctl(id, 0, GETALL, arg), 0);
    assert_int_equal(v[2], 7);
    assert_int_equal(hepta_semset_detach(id), 0);
    assert_int_equal(hepta_semset_ctl(id, 0, GETALL, arg), -EBADMSG);
    assert_int_equal(v[2], 7);
    assert_int_equal(hepta_semset_ctl(id, 0, IPC_RMID, none), 0);
    assert_int_equal(names_count(""), 0);
}

static int remove_by_half(void *arg)
{
    uint32_t *said = ((void **)arg)[1];
    struct h7_semset *s;
    CHILD_CHECK(h7_semset_enter(*(int *)((void **)arg)[0], &s) == 0);
    CHILD_CHECK(h7_set_enter(&s->set, HEPTA_NOW) == 0);
    h7_store32_relaxed(&s->set.hot->flags, H7_SET_REMOVED);
    unit_say(said, 1);
    return unit_stay();
}

/* Who is stopped inside a removal leaves a key that leads nowhere: for that time only. */
static void test_stopped_remover(void **state)
{
    (void)state;
    int id = hepta_semset_get(KEY, 1, IPC_CREAT | 0600, NULL);
    uint32_t *said = unit_shared(sizeof *said);
    void *arg[2] = {&id, said};
    pid_t pid = unit_start(remove_by_half, arg);
    unit_await(said, 0);
    for (int i = 0; i < 2; i++) { /* attached, and then not */
        assert_int_equal(hepta_semset_get(KEY, 0, 0, NULL), -ETIMEDOUT);
        assert_int_equal(hepta_semset_get(KEY, 1, IPC_CREAT | 0600, NULL), -ETIMEDOUT);
    }
    unit_kill(pid);
    assert_int_equal(hepta_semset_get(KEY, 0, 0, NULL), -ENOENT);
    assert_int_equal(names_count(""), 0);
    munmap(said, sizeof *said);
}

static int take_and_stay(void *arg)
{
    uint32_t *said = ((void **)arg)[1];
    int id = *(int *)((void **)arg)[0];
    unit_say(said, op(id, 0, -1, SEM_UNDO) == 0 ? 1 : 2);
    return unit_stay();
}

static void test_undo_of_the_killed(void **state)
{
    (void)state;
    int id = make(1);
    uint32_t *said = unit_shared(sizeof *said);
    void *arg[2] = {&id, said};
    assert_int_equal(set(id, 0, 1), 0);
    pid_t pid = unit_start(take_and_stay, arg);
    unit_await(said, 0);
    assert_int_equal(*said, 1);
    assert_int_equal(value(id, 0), 0);
    unit_kill(pid);
    assert_int_equal(value(id, 0), 1);
    munmap(said, sizeof *said);
    end(id);
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_get),
    NAMES_TEST(test_options),
    NAMES_TEST(test_largest),
    NAMES_TEST(test_bad_arguments),
    NAMES_TEST(test_permissions),
    NAMES_TEST(test_stat_and_set),
    NAMES_TEST(test_values),
    NAMES_TEST(test_lists),
    NAMES_TEST(test_removed_under_a_sleeper),
    NAMES_TEST(test_foreign_plan),
    NAMES_TEST(test_more_than_there_are),
    NAMES_TEST(test_stopped_remover),
    NAMES_TEST(test_undo_of_the_killed),
};

NAMES_MAIN(tests)
