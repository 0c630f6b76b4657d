/* SPDX-License-Identifier: MIT */
/*
 * sysv/family_test.c - the smallest family: a control block with a lock, and a file of bytes. It
 * shows what queues don't have: sizes that have to fit, modes as they were asked for, and objects
 * that linger after their removal.
 */
#define _GNU_SOURCE
#include "name/name_test.h"

#include "base/sys.h"
#include "prim/lock.h"
#include "prim/segment.h"
#include "sysv/sysv_internal.h"

#define KEY 0x9ad
#define READ_WRITE (H7_SYSV_READ | H7_SYSV_WRITE)

struct pad_shared {
    struct h7_sysv_shared common;
    struct h7_lock lock;
    struct h7_a32 len;
};

struct pad {
    struct h7_sysv_entry entry;
    struct h7_segment seg;
};

extern const struct h7_sysv_family pads, scraps; /* scraps linger */
static struct h7_sysv_table pad_table = {.family = &pads};
static struct h7_sysv_table scrap_table = {.family = &scraps};

static const struct h7_segment_spec spec = {.kind = H7_KIND_TEST,
                                            .control_len = sizeof(struct pad_shared)};

static struct pad *pad_of(struct h7_sysv_entry *e)
{
    return (struct pad *)e;
}

static struct pad_shared *shared_of(const struct h7_sysv_entry *e)
{
    return (struct pad_shared *)e->sh;
}

static int pad_make(int dir, const struct h7_sysv_shared *sh, const void *arg)
{
    mode_t mode = (mode_t)h7_load32_relaxed(&sh->mode);
    struct h7_segment seg;
    uint32_t len = *(const uint32_t *)arg;
    int r = len == 0 ? -EINVAL : h7_segment_new_in(&seg, &spec, dir, 0600);
    if (r < 0)
        return r;
    struct pad_shared *pad = h7_segment_control(&seg);
    pad->common = *sh;
    h7_store32_relaxed(&pad->len, len);
    r = h7_sys_fchmod(seg.fd, h7_sysv_file_mode(mode));
    if (r == 0)
        r = h7_segment_publish(&seg, dir, "control");
    if (r == 0)
        r = h7_draft_file(dir, "bytes", mode);
    h7_segment_close(&seg);
    return r;
}

static int pad_fits(const struct h7_sysv_entry *e, const void *arg)
{
    return *(const uint32_t *)arg > h7_load32_relaxed(&shared_of(e)->len) ? -EINVAL : 0;
}

static int pad_attach(struct h7_sysv_entry *e, int obj, const struct h7_sysv_ways *ways)
{
    struct pad *pad = pad_of(e);
    (void)ways;
    int fd = h7_name_part(obj, "control", O_RDWR, S_IFREG);
    int r = fd < 0 ? fd : h7_segment_attach(&pad->seg, fd, &spec, 0);
    if (r < 0) {
        h7_sys_close(fd);
        return r;
    }
    struct pad_shared *sh = h7_segment_control(&pad->seg);
    e->sh = &sh->common;
    e->removed = &sh->common.removed;
    e->obj = h7_sys_dup(obj, 1);
    if (e->obj < 0)
        h7_segment_close(&pad->seg);
    return e->obj < 0 ? e->obj : 0;
}

static void pad_detach(struct h7_sysv_entry *e)
{
    h7_segment_close(&pad_of(e)->seg);
    h7_sys_close(e->obj);
}

/* Nothing that it guards can be half changed. */
static int lock_pad(struct h7_sysv_entry *e)
{
    int r = h7_lock(&shared_of(e)->lock, hepta_in_ms(10000));
    return r == -EOWNERDEAD ? 0 : r;
}

static void unlock_pad(struct h7_sysv_entry *e)
{
    h7_unlock(&shared_of(e)->lock);
}

/* Where a child ends its removal: see test_free_key_is_finished(). */
enum { WHOLE, MARKED, EXCHANGED };
static int die_where;

static int remove_under_lock(const struct h7_sysv_family *f, struct h7_sysv_entry *e, int id)
{
    char name[H7_SYSV_NAME], key[H7_SYSV_NAME];
    if (!h7_sysv_is_owner(e->sh))
        return -EPERM;
    if (!f->lingers && h7_sysv_is_removed(f, e))
        return -EIDRM;
    h7_store32_release(&e->sh->removed, 1);
    if (die_where == MARKED)
        unit_leave(0);
    h7_sysv_id_name(name, id);
    h7_sysv_key_name(key, KEY);
    if (die_where == EXCHANGED && h7_name_exchange(f->id_kind, name, f->key_kind, key) == 0)
        unit_leave(0);
    h7_sysv_let_go(f, id);
    return 0;
}

static int remove_of(const struct h7_sysv_family *f, struct h7_sysv_entry *e, int id)
{
    int r = lock_pad(e);
    if (r < 0)
        return r;
    r = remove_under_lock(f, e, id);
    unlock_pad(e);
    return r;
}

static int pad_remove(struct h7_sysv_entry *e, int id)
{
    return remove_of(&pads, e, id);
}

static int scrap_remove(struct h7_sysv_entry *e, int id)
{
    return remove_of(&scraps, e, id);
}

#define COMMON                                                                      \
    .entry_size = sizeof(struct pad), .main = "control",                            \
    .parts = {{"bytes", S_IFREG, H7_SYSV_EXACT}, {"control", S_IFREG, H7_SYSV_SHARED}}, \
    .removed_bits = 1, .make = pad_make, .fits = pad_fits, .attach = pad_attach,    \
    .detach = pad_detach, .lock_names = lock_pad, .unlock_names = unlock_pad

const struct h7_sysv_family pads = {
    COMMON, .id_kind = "pad", .key_kind = "padkey", .table = &pad_table, .remove = pad_remove};
const struct h7_sysv_family scraps = {
    COMMON, .id_kind = "scrap", .key_kind = "scrapkey", .table = &scrap_table, .lingers = 1,
    .remove = scrap_remove};

/* --- verbs -------------------------------------------------------------------------- */

static int get(const struct h7_sysv_family *f, key_t key, uint32_t len, int flags)
{
    const struct h7_sysv_asked asked = {.key = key, .flags = flags, .arg = &len};
    return h7_sysv_get(f, &asked);
}

/* A verb that changes something. */
static int use(const struct h7_sysv_family *f, int id)
{
    struct h7_sysv_entry *e;
    int r = h7_sysv_enter(f->table, id, &e);
    if (r < 0)
        return r;
    r = h7_sysv_may(e, READ_WRITE);
    if (r == 0 && !f->lingers && h7_sysv_is_removed(f, e))
        r = -EIDRM;
    if (r == 0 && h7_sysv_what_is_wrong(e))
        r = -EBADMSG;
    return (int)h7_sysv_leave_with(f->table, e, r);
}

static int set(int id, uid_t uid, mode_t mode)
{
    struct ipc_perm p = {.uid = uid, .gid = uid, .mode = (unsigned short)mode};
    struct h7_sysv_entry *e;
    int r = h7_sysv_enter(&scrap_table, id, &e);
    if (r == 0) {
        r = lock_pad(e);
        if (r == 0) {
            r = h7_sysv_set(&scraps, e, &p);
            unlock_pad(e);
        }
        h7_sysv_leave(&scrap_table, e);
    }
    return r;
}

static struct stat stat_of(const char *kind, int id, const char *part)
{
    char path[200];
    struct stat st = {0};
    snprintf(path, sizeof path, "%s/%s.%d/%s", names_path, kind, id, part);
    stat(path, &st);
    return st;
}

/* The last user of a removed one has gone. */
static void end(int id)
{
    struct h7_sysv_entry *e;
    assert_int_equal(h7_sysv_enter(&scrap_table, id, &e), 0);
    assert_int_equal(lock_pad(e), 0);
    assert_int_equal(h7_sysv_unlink(&scraps, id), 0);
    unlock_pad(e);
    h7_sysv_retire(&scrap_table, e, 1);
    h7_sysv_leave(&scrap_table, e);
    assert_int_equal(use(&scraps, id), -EINVAL);
}

/* --- tests -------------------------------------------------------------------------- */

static void test_fits(void **state)
{
    (void)state;
    assert_int_equal(get(&pads, KEY, 5, 0600), -ENOENT);
    assert_int_equal(get(&pads, KEY, 0, IPC_CREAT | 0600), -EINVAL);
    assert_int_equal(get(&pads, IPC_PRIVATE, 0, 0600), -EINVAL);
    assert_int_equal(names_count(""), 0);
    int id = get(&pads, KEY, 5, IPC_CREAT | 0600);
    assert_true(id > 0);
    assert_int_equal(get(&pads, KEY, 5, IPC_CREAT | 0600), id);
    assert_int_equal(get(&pads, KEY, 0, 0), id);
    assert_int_equal(get(&pads, KEY, 6, IPC_CREAT | 0600), -EINVAL);
    assert_int_equal(get(&pads, KEY, 6, IPC_CREAT | IPC_EXCL | 0600), -EEXIST);
    assert_int_equal(use(&pads, id), 0);
    assert_int_equal(h7_sysv_remove(&pads, id), 0);
    assert_int_equal(use(&pads, id), -EINVAL);
    assert_int_equal(names_count(""), 0);
}

/* Each family has its own ids and keys. */
static void test_apart(void **state)
{
    (void)state;
    int pad = get(&pads, KEY, 1, IPC_CREAT | IPC_EXCL | 0600);
    int scrap = get(&scraps, KEY, 1, IPC_CREAT | IPC_EXCL | 0600);
    assert_true(pad > 0 && scrap > 0 && pad != scrap);
    assert_int_equal(use(&pads, scrap), -EINVAL);
    assert_int_equal(use(&scraps, pad), -EINVAL);
    assert_int_equal(h7_sysv_each(&pads, &(struct pad){0}.entry, NULL, NULL), 1);
    assert_int_equal(h7_sysv_remove(&pads, pad), 0);
    assert_int_equal(use(&scraps, scrap), 0);
    assert_int_equal(h7_sysv_remove(&scraps, scrap), 0);
    end(scrap);
    assert_int_equal(names_count(""), 0);
}

static void test_modes(void **state)
{
    (void)state;
    int id = get(&scraps, IPC_PRIVATE, 1, 0640);
    assert_int_equal(stat_of("scrap", id, "bytes").st_mode & 0777, 0640);
    assert_int_equal(stat_of("scrap", id, "control").st_mode & 0777, 0660);
    assert_int_equal(set(id, geteuid(), 0444), 0);
    assert_int_equal(stat_of("scrap", id, "bytes").st_mode & 0777, 0444);
    assert_int_equal(stat_of("scrap", id, "control").st_mode & 0777, 0666);
    assert_int_equal(set(id, (uid_t)-1, 0444), -EINVAL);
    assert_int_equal(h7_sysv_remove(&scraps, id), 0);
    end(id);
}

/* The key is free at once; the id stays, for who has it and who comes anew. */
static void test_lingers(void **state)
{
    (void)state;
    int old = get(&scraps, KEY, 1, IPC_CREAT | 0600);
    assert_int_equal(h7_sysv_remove(&scraps, old), 0);
    assert_int_equal(get(&scraps, KEY, 1, 0600), -ENOENT);
    assert_int_equal(use(&scraps, old), 0);
    int new = get(&scraps, KEY, 1, IPC_CREAT | IPC_EXCL | 0600);
    assert_true(new > 0 && new != old);
    assert_int_equal(h7_sysv_detach(&scrap_table, old), 0);
    assert_int_equal(use(&scraps, old), 0);
    assert_int_equal(set(old, geteuid(), 0640), 0);
    assert_int_equal(stat_of("scrap", old, "bytes").st_mode & 0777, 0640);
    assert_int_equal(h7_sysv_remove(&scraps, old), 0); /* again: it isn't wrong */
    assert_int_equal(h7_sysv_each(&scraps, &(struct pad){0}.entry, NULL, NULL), 2);
    end(old);
    assert_int_equal(get(&scraps, KEY, 1, 0600), new);
    assert_int_equal(h7_sysv_remove(&scraps, new), 0);
    end(new);
    assert_int_equal(names_count(""), 0);
}

static int dies_removing(void *arg)
{
    h7_sysv_remove(&scraps, *(int *)arg);
    return 1;
}

/* Whoever comes next, by key or by id, finishes. */
static void test_free_key_is_finished(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        int old = get(&scraps, KEY, 1, IPC_CREAT | 0600);
        assert_int_equal(h7_sysv_detach(&scrap_table, old), 0);
        die_where = i < 2 ? MARKED : EXCHANGED;
        assert_int_equal(unit_reap(unit_start(dies_removing, &old)), -SIGKILL);
        die_where = WHOLE;
        assert_int_equal(names_count("scrapkey."), 1);
        if (i % 2)
            assert_int_equal(use(&scraps, old), 0);
        else
            assert_int_equal(get(&scraps, KEY, 1, 0600), -ENOENT);
        assert_int_equal(names_count("scrapkey."), 0);
        assert_int_equal(names_count("scrap."), 1);
        assert_int_equal(use(&scraps, old), 0);
        end(old);
        assert_int_equal(names_count(""), 0);
    }
}

/* All names of one whose key was never freed. */
static void test_end_without_removal(void **state)
{
    (void)state;
    int id = get(&scraps, KEY, 1, IPC_CREAT | 0600);
    end(id);
    assert_int_equal(names_count(""), 0);
}

/* The id's name was taken away by hand: the key doesn't lead nowhere for ever. */
static void test_key_without_its_id(void **state)
{
    const struct h7_sysv_family *both[] = {&pads, &scraps};
    char path[200];
    (void)state;
    for (int i = 0; i < 2; i++) {
        int id = get(both[i], KEY, 1, IPC_CREAT | 0600);
        assert_int_equal(h7_sysv_detach(both[i]->table, id), 0);
        snprintf(path, sizeof path, "%s/%s.%d", names_path, both[i]->id_kind, id);
        names_rm(path, 0);
        assert_int_equal(use(both[i], id), -EINVAL);
        assert_int_equal(get(both[i], KEY, 1, 0600), -ENOENT);
        assert_int_equal(names_count(""), 0);
        int next = get(both[i], KEY, 1, IPC_CREAT | 0600);
        assert_true(next > 0 && next != id);
        assert_int_equal(use(both[i], next), 0);
        assert_int_equal(h7_sysv_remove(both[i], next), 0);
        if (both[i] == &scraps)
            end(next);
        assert_int_equal(names_count(""), 0);
    }
}

/* --- races and users ---------------------------------------------------------------- */

static uint32_t *stop;

/* The names change under it, but the id is good all the time. */
static int attaches(void *arg)
{
    int id = *(int *)arg;
    while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
        CHILD_CHECK(use(&scraps, id) == 0);
        CHILD_CHECK(h7_sysv_detach(&scrap_table, id) == 0);
    }
    return 0;
}

/* Looks for what the dead left, which this isn't. */
static int lists(void *arg)
{
    (void)arg;
    while (!__atomic_load_n(stop, __ATOMIC_RELAXED))
        CHILD_CHECK(h7_sysv_each(&scraps, &(struct pad){0}.entry, NULL, NULL) >= 0);
    return 0;
}

static int makes(void *arg)
{
    *(int *)arg = get(&scraps, KEY, 1, IPC_CREAT | 0600);
    return *(int *)arg > 0 ? 0 : 1;
}

static void test_attach_against_removal(void **state)
{
    (void)state;
    stop = unit_shared(4096);
    int *made = unit_shared(4096);
    for (int i = 0; i < 60; i++) {
        pid_t pid[2];
        unit_in_child(makes, made); /* a dead maker's stub could be garbage */
        int id = *made;
        *stop = 0;
        for (int k = 0; k < 2; k++)
            pid[k] = unit_start(k ? lists : attaches, &id);
        unit_sleep_ms(2);
        assert_int_equal(h7_sysv_remove(&scraps, id), 0);
        unit_sleep_ms(1);
        __atomic_store_n(stop, 1, __ATOMIC_RELAXED);
        for (int k = 0; k < 2; k++)
            assert_int_equal(unit_reap(pid[k]), 0);
        end(id);
    }
    assert_int_equal(names_count(""), 0);
    munmap(stop, 4096);
    munmap(made, 4096);
}

static int removes_as_nobody(void *arg)
{
    int id = *(int *)arg;
    if (names_become(NOBODY) < 0)
        return UNIT_SKIP;
    CHILD_CHECK(use(&scraps, id) == 0);
    CHILD_CHECK(h7_sysv_remove(&scraps, id) == 0);
    CHILD_CHECK(get(&scraps, KEY, 1, 0600) == -ENOENT);
    return 0;
}

/* Both names are its new owner's. */
static void test_new_owner_frees_the_key(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    fchmod(names_dir, 01777);
    int id = get(&scraps, KEY, 1, IPC_CREAT | 0600);
    assert_int_equal(set(id, NOBODY, 0600), 0);
    assert_int_equal(h7_sysv_detach(&scrap_table, id), 0);
    unit_in_child(removes_as_nobody, &id);
    assert_int_equal(names_count("scrapkey."), 0);
    assert_int_equal(stat_of("scrap", id, "bytes").st_uid, NOBODY);
    end(id);
    assert_int_equal(names_count(""), 0);
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_fits),
    NAMES_TEST(test_apart),
    NAMES_TEST(test_modes),
    NAMES_TEST(test_lingers),
    NAMES_TEST(test_free_key_is_finished),
    NAMES_TEST(test_end_without_removal),
    NAMES_TEST(test_key_without_its_id),
    NAMES_TEST(test_attach_against_removal),
    NAMES_TEST(test_new_owner_frees_the_key),
};
NAMES_MAIN(tests)
