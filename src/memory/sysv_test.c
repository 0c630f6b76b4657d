/* SPDX-License-Identifier: MIT */
/*
 * memory/sysv_test.c - System V segments: attaching, who has it, what lives after removal. Ids and
 * keys: sysv/ tests
 */
#define _GNU_SOURCE
#include "name/name_test.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include "memory/sysv_internal.h"

#define KEY 0x5a51
#define LEN 10000

static int make(key_t key)
{
    int id = hepta_shm_get(key, LEN, 0600 | IPC_CREAT);
    assert_true(id > 0);
    return id;
}

static char *at(int id, int flags)
{
    void *p = NULL;
    assert_int_equal(hepta_shm_at(id, NULL, flags, &p), 0);
    return p;
}

static unsigned long attached(int id)
{
    struct shmid_ds ds;
    assert_int_equal(hepta_shm_ctl(id, IPC_STAT, &ds), 0);
    return ds.shm_nattch;
}

static void end(int id)
{
    assert_int_equal(hepta_shm_ctl(id, IPC_RMID, NULL), 0);
    assert_int_equal(names_count(""), 0);
}

static void test_get(void **state)
{
    (void)state;
    assert_int_equal(hepta_shm_get(KEY, LEN, 0600), -ENOENT);
    assert_int_equal(hepta_shm_get(KEY, 0, 0600 | IPC_CREAT), -EINVAL);
    assert_int_equal(hepta_shm_get(KEY, SIZE_MAX, 0600 | IPC_CREAT), -EINVAL);
    assert_int_equal(names_count(""), 0);
    int id = make(KEY);
    assert_int_equal(hepta_shm_get(KEY, 0, 0), id);
    assert_int_equal(hepta_shm_get(KEY, LEN, 0600), id);
    assert_int_equal(hepta_shm_get(KEY, LEN + 1, 0600), -EINVAL);
    assert_int_equal(hepta_shm_get(KEY, LEN, 0600 | IPC_CREAT | IPC_EXCL), -EEXIST);
    end(id);
}

static void test_attach(void **state)
{
    (void)state;
    int id = make(IPC_PRIVATE);
    assert_int_equal(attached(id), 0);
    char *a = at(id, 0), *b = at(id, SHM_RDONLY);
    assert_true(a != b);
    for (int i = 0; i < LEN; i++)
        assert_int_equal(b[i], 0);
    a[LEN - 1] = 7;
    assert_int_equal(b[LEN - 1], 7);
    assert_int_equal(attached(id), 2);
    assert_int_equal(hepta_shm_dt(a + 4096), -EINVAL);
    assert_int_equal(hepta_shm_dt(a), 0);
    assert_int_equal(hepta_shm_dt(a), -EINVAL);
    assert_int_equal(attached(id), 1);
    assert_int_equal(hepta_shm_dt(b), 0);
    a = at(id, 0);
    assert_int_equal(a[LEN - 1], 7); /* it keeps its contents with nobody there */
    void *p = NULL;
    assert_int_equal(hepta_shm_at(id, NULL, 0, NULL), -EFAULT);
    assert_int_equal(hepta_shm_at(id, (char *)0x70000001, 0, &p), -EINVAL);
    assert_int_equal(hepta_shm_at(id, NULL, SHM_REMAP, &p), -EINVAL);
    assert_int_equal(hepta_shm_at(id + 1, NULL, 0, &p), -EINVAL);
    assert_int_equal(hepta_shm_dt(a), 0);
    end(id);
}

/* Addresses that the caller chooses. */
static void test_address(void **state)
{
    (void)state;
    int id = make(IPC_PRIVATE);
    char *hole = mmap(NULL, 16 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void *p = NULL;
    assert_int_equal(hepta_shm_at(id, hole + 4096, 0, &p), -EINVAL); /* it is taken */
    assert_int_equal(hepta_shm_at(id, hole + 4096 + 5, SHM_RND | SHM_REMAP, &p), 0);
    assert_ptr_equal(p, hole + 4096);
    hole[4096] = 1;
    assert_int_equal(hepta_shm_at(id, hole + 8192, SHM_REMAP, &p), 0); /* over part of it */
    assert_int_equal(hepta_shm_dt(hole + 4096), -EINVAL);
    assert_int_equal(hepta_shm_dt(hole + 8192), 0);
    munmap(hole, 16 * 4096);
    end(id);
}

/* --- removal ---------------------------------------------------------------------------- */

static void test_lives_until_the_last(void **state)
{
    struct shmid_ds ds;
    void *p;
    (void)state;
    int id = make(KEY);
    char *a = at(id, 0);
    assert_int_equal(hepta_shm_ctl(id, IPC_RMID, NULL), 0);
    assert_int_equal(hepta_shm_get(KEY, LEN, 0600), -ENOENT); /* the key is free */
    int other = make(KEY);
    assert_true(other != id);
    assert_int_equal(hepta_shm_ctl(id, IPC_STAT, &ds), 0);
    assert_true(ds.shm_perm.mode & SHM_DEST);
    assert_int_equal(ds.shm_nattch, 1);
    char *b = at(id, 0); /* by its id it can be attached still, as with Linux */
    a[3] = 9;
    assert_int_equal(b[3], 9);
    assert_int_equal(hepta_shm_dt(a), 0);
    assert_int_equal(hepta_shm_ctl(id, IPC_STAT, &ds), 0);
    assert_int_equal(hepta_shm_dt(b), 0);
    assert_int_equal(hepta_shm_ctl(id, IPC_STAT, &ds), -EINVAL);
    assert_int_equal(hepta_shm_at(id, NULL, 0, &p), -EINVAL);
    end(other);
}

struct child {
    int id;
    uint32_t *said;
};

static int attach_and_stay(void *arg)
{
    const struct child *c = arg;
    void *p;
    unit_say(c->said, hepta_shm_at(c->id, NULL, 0, &p) == 0 ? 1 : 2);
    return unit_stay();
}

/* What a killed process had attached keeps nothing alive. */
static void test_last_one_is_killed(void **state)
{
    void *p;
    (void)state;
    struct child c = {.id = make(KEY), .said = unit_shared(sizeof *c.said)};
    pid_t pid = unit_start(attach_and_stay, &c);
    unit_await(c.said, 0);
    assert_int_equal(*c.said, 1);
    munmap(c.said, sizeof *c.said);
    assert_int_equal(attached(c.id), 1);
    assert_int_equal(hepta_shm_ctl(c.id, IPC_RMID, NULL), 0);
    assert_true(names_count("shmid") > 0);
    unit_kill(pid);
    assert_int_equal(hepta_shm_at(c.id, NULL, 0, &p), -EINVAL);
    assert_int_equal(names_count(""), 0);
}

static int make_attach_remove_and_stay(void *arg)
{
    const struct child *c = arg;
    void *p;
    int id = hepta_shm_get(c->id ? KEY : IPC_PRIVATE, LEN, 0600 | IPC_CREAT);
    int r = id < 0 ? id : hepta_shm_at(id, NULL, 0, &p);
    if (r == 0)
        r = hepta_shm_ctl(id, IPC_RMID, NULL);
    unit_say(c->said, r == 0 ? 1 : 2);
    return unit_stay();
}

/* Removed, its user killed, and nobody else knows the id: this must not be memory for ever. */
static void leave_unknown(int keyed)
{
    struct child c = {.id = keyed, .said = unit_shared(sizeof *c.said)};
    pid_t pid = unit_start(make_attach_remove_and_stay, &c);
    unit_await(c.said, 0);
    assert_int_equal(*c.said, 1);
    munmap(c.said, sizeof *c.said);
    assert_int_equal(names_count("shmid."), 1);
    unit_kill(pid);
    assert_int_equal(names_count("shmid."), 1);
}

static int make_another(void *arg)
{
    (void)arg;
    int id = hepta_shm_get(IPC_PRIVATE, LEN, 0600); /* the first of this process: it looks */
    CHILD_CHECK(id > 0);
    CHILD_CHECK(hepta_shm_ctl(id, IPC_RMID, NULL) == 0);
    return 0;
}

static void test_nobody_knows_the_id(void **state)
{
    struct shm_info info;
    (void)state;
    for (int keyed = 0; keyed < 2; keyed++) {
        leave_unknown(keyed);
        unit_in_child(make_another, NULL);
        assert_int_equal(names_count(""), 0);
        leave_unknown(keyed);
        assert_int_equal(hepta_shm_ctl(0, SHM_INFO, &info), 0);
        assert_int_equal(info.used_ids, 0);
        assert_int_equal(names_count(""), 0);
    }
}

/* A forked child has what its parent has, and its list. */
static void test_fork(void **state)
{
    (void)state;
    int id = make(IPC_PRIVATE), status, fds[2];
    char *a = at(id, 0), c = 0;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        a[0] = 5;
        if (hepta_shm_dt(a) != 0 || read(fds[0], &c, 1) != 1)
            _exit(1);
        _exit(hepta_shm_dt(a) == -EINVAL ? 0 : 1);
    }
    while (((volatile char *)a)[0] != 5 || attached(id) != 1)
        usleep(1000);
    assert_int_equal(write(fds[1], "", 1), 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(fds[0]);
    close(fds[1]);
    assert_int_equal(hepta_shm_dt(a), 0);
    end(id);
}

/* --- ctl --------------------------------------------------------------------------------- */

static void test_stat_and_set(void **state)
{
    struct shmid_ds ds;
    (void)state;
    int id = make(KEY);
    assert_int_equal(hepta_shm_ctl(id, IPC_STAT, &ds), 0);
    assert_int_equal(ds.shm_segsz, LEN);
    assert_int_equal(ds.shm_cpid, getpid());
    assert_int_equal(ds.shm_lpid, 0);
    assert_int_equal(ds.shm_atime, 0);
    assert_int_equal(ds.shm_perm.__key, KEY);
    hepta_shm_dt(at(id, 0));
    ds.shm_perm.mode = 0400;
    assert_int_equal(hepta_shm_ctl(id, IPC_SET, &ds), 0);
    assert_int_equal(hepta_shm_ctl(id, IPC_STAT, &ds), 0);
    assert_int_equal(ds.shm_perm.mode, 0400);
    assert_int_equal(ds.shm_lpid, getpid());
    assert_true(ds.shm_atime > 0 && ds.shm_dtime > 0);
    assert_int_equal(hepta_shm_ctl(id, 4711, &ds), -EINVAL);
    assert_int_equal(hepta_shm_ctl(id, IPC_STAT, NULL), -EFAULT);
    end(id);
}

static void test_lists(void **state)
{
    struct shm_info info;
    struct shminfo limits;
    struct shmid_ds ds;
    (void)state;
    int id = make(IPC_PRIVATE);
    assert_int_equal(hepta_shm_ctl(0, SHM_INFO, &info), 0);
    assert_int_equal(info.used_ids, 1);
    assert_int_equal(info.shm_tot, 3);
    assert_int_equal(hepta_shm_ctl(0, IPC_INFO, &limits), 0);
    assert_int_equal(limits.shmmin, 1);
    assert_int_equal(hepta_shm_ctl(0, SHM_STAT, &ds), id);
    assert_int_equal(ds.shm_segsz, LEN);
    assert_int_equal(hepta_shm_ctl(1, SHM_STAT, &ds), -EINVAL);
    end(id);
}

static int try_as_nobody(void *arg)
{
    const int *ids = arg; /* 0600, 0644, 0666 */
    void *p;
    CHILD_CHECK(names_become(NOBODY) == 0);
    CHILD_CHECK(hepta_shm_at(ids[0], NULL, 0, &p) == -EACCES);
    CHILD_CHECK(hepta_shm_at(ids[1], NULL, 0, &p) == -EACCES);
    CHILD_CHECK(hepta_shm_at(ids[1], NULL, SHM_RDONLY, &p) == 0);
    CHILD_CHECK(hepta_shm_at(ids[2], NULL, 0, &p) == 0);
    CHILD_CHECK(hepta_shm_ctl(ids[2], IPC_RMID, NULL) == -EPERM);
    return 0;
}

static void test_permissions(void **state)
{
    static const int modes[] = {0600, 0644, 0666};
    int ids[3];
    (void)state;
    if (getuid() != 0)
        skip();
    for (int i = 0; i < 3; i++) {
        ids[i] = hepta_shm_get(IPC_PRIVATE, LEN, modes[i]);
        assert_true(ids[i] > 0);
    }
    unit_in_child(try_as_nobody, ids);
    for (int i = 0; i < 3; i++)
        assert_int_equal(hepta_shm_ctl(ids[i], IPC_RMID, NULL), 0);
    assert_int_equal(names_count(""), 0);
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_get),
    NAMES_TEST(test_attach),
    NAMES_TEST(test_address),
    NAMES_TEST(test_lives_until_the_last),
    NAMES_TEST(test_last_one_is_killed),
    NAMES_TEST(test_nobody_knows_the_id),
    NAMES_TEST(test_fork),
    NAMES_TEST(test_stat_and_set),
    NAMES_TEST(test_lists),
    NAMES_TEST(test_permissions),
};

NAMES_MAIN(tests)
