/* SPDX-License-Identifier: MIT */
/* name/list_test.c - what is there is listed, and what the dead left is removed, only that */
#define _GNU_SOURCE
#include "name/name_test.h"

#include "base/self.h"
#include "prim/life.h"

struct seen {
    int n, stop_at;
    char kind[8], name[HEPTA_NAME_MAX + 2]; /* the last */
    struct h7_name_seen last;
};

static int count_seen(const struct h7_name_seen *e, void *arg)
{
    struct seen *s = arg;
    snprintf(s->kind, sizeof s->kind, "%s", e->kind);
    snprintf(s->name, sizeof s->name, "%s", e->name);
    s->last = *e;
    return ++s->n == s->stop_at ? 7 : 0;
}

static int n_listed(const char *kind)
{
    struct seen s = {0};
    assert_int_equal(h7_name_list(kind, count_seen, &s), 0);
    return s.n;
}

static void plant_file(const char *entry)
{
    int fd = openat(names_dir, entry, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0640);
    assert_true(fd >= 0);
    close(fd);
}

static void test_list(void **state)
{
    struct seen s = {0};
    struct stat st;
    (void)state;
    assert_int_equal(n_listed(NULL), 0);
    assert_int_equal(names_make("fifo", "/jobs", 0711), 0);
    plant_file("sem.jobs");
    plant_file("sem.a.b");
    assert_int_equal(n_listed(NULL), 3);
    assert_int_equal(n_listed("sem"), 2);
    assert_int_equal(n_listed("se"), 0);
    assert_int_equal(h7_name_list("fifo", count_seen, &s), 0);
    assert_int_equal(s.n, 1);
    assert_string_equal(s.kind, "fifo");
    assert_string_equal(s.name, "/jobs");
    assert_int_equal(fstatat(names_dir, "fifo.jobs", &st, 0), 0);
    assert_true(s.last.uid == st.st_uid && s.last.gid == st.st_gid && s.last.ino == st.st_ino);
    assert_int_equal(s.last.mode, S_IFDIR | 0711);
    s.n = 0;
    s.stop_at = 2;
    assert_int_equal(h7_name_list(NULL, count_seen, &s), 7);
    assert_int_equal(s.n, 2);
}

static void test_strange_entries(void **state)
{
    char longest[256];
    struct seen s = {0};
    const char *const junk[] = {"jobs", ".jobs", "fifo.", "fifo..", "fifo...", "Fifo.jobs",
                                "fi fo.jobs", "\x01.jobs", "tmp.jobs", "tmp.1.2.3.4",
                                "fifteen_bytes__.jobs"};
    (void)state;
    for (size_t i = 0; i < sizeof junk / sizeof *junk; i++)
        plant_file(junk[i]);
    memset(longest, 'n', sizeof longest);
    memcpy(longest, "f.", 2);
    longest[255] = 0; /* no name is that long */
    plant_file(longest);
    assert_int_equal(n_listed(NULL), 0);
    plant_file("fifo.\n\x1b[31m\xff");
    assert_int_equal(h7_name_list(NULL, count_seen, &s), 0);
    assert_int_equal(s.n, 1);
    assert_string_equal(s.name, "/\n\x1b[31m\xff");
}

static int unlink_seen(const struct h7_name_seen *e, void *arg)
{
    *(int *)arg += 1;
    return h7_name_unlink(e->kind, e->name);
}

static void test_unlink_while_listing(void **state)
{
    char name[16];
    int n = 0;
    (void)state;
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "/%d", i);
        assert_int_equal(names_make("fifo", name, 0755), 0);
    }
    assert_int_equal(h7_name_list("fifo", unlink_seen, &n), 0);
    assert_int_equal(n, 500);
    assert_int_equal(names_count(""), 0);
}

/* As h7_name_tmp() writes it, for another process, a file if it begins with 'f'. */
static void plant_draft(uint64_t pidns, uint32_t pid, uint64_t mark, const char *n)
{
    char entry[256];
    snprintf(entry, sizeof entry, "tmp.%llx.%x.%llx.%s", (unsigned long long)pidns, pid,
             (unsigned long long)mark, n);
    if (*n == 'f') {
        plant_file(entry);
    } else {
        assert_int_equal(mkdirat(names_dir, entry, 0700), 0);
        strcat(entry, "/part");
        plant_file(entry);
    }
}

static int stay(void *arg)
{
    (void)arg;
    return unit_stay();
}

/* Nobody's identity any more. */
static struct h7_life a_dead_process(void)
{
    struct h7_life id;
    pid_t pid = unit_start(stay, NULL);
    assert_int_equal(h7_life_of(pid, &id), 0);
    unit_kill(pid);
    return id;
}

static void test_clean(void **state)
{
    struct h7_life dead = a_dead_process(), me;
    (void)state;
    assert_int_equal(h7_self_verify(), 0);
    uint64_t ns = h7_self_pidns();
    assert_int_equal(h7_life_self(&me), 0);
    plant_draft(ns, dead.pid, dead.mark, "1");
    plant_draft(ns, dead.pid, dead.mark, "2");
    plant_draft(ns, dead.pid, dead.mark, "f");
    plant_draft(ns, me.pid, me.mark ^ 1, "1"); /* another process that had my pid */
    assert_int_equal(names_make("fifo", "/jobs", 0755), 0); /* cleans, the first time */
    h7_name_clean();
    assert_int_equal(names_count("tmp."), 0);

    plant_draft(ns, dead.pid, dead.mark, "1");
    plant_draft(ns, dead.pid, dead.mark, "f");
    plant_draft(ns, me.pid, me.mark, "1");         /* living */
    plant_draft(ns ^ 1, dead.pid, dead.mark, "1"); /* of another PID namespace */
    assert_int_equal(h7_name_clean(), 2);
    assert_int_equal(h7_name_clean(), 0);
    assert_int_equal(names_count("tmp."), 2);
    assert_int_equal(names_attach("fifo", "/jobs"), 0);
}

/* Names that no Hepta gives, though their process be dead. */
static void test_malformed_drafts_stay(void **state)
{
    struct h7_life dead = a_dead_process();
    const char *const ends[] = {"", ".", ".1.", ".1.1", ".g", ".1 ", ".11111111111111111", ".-1"};
    char entry[256];
    (void)state;
    assert_int_equal(h7_self_verify(), 0);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(entry, sizeof entry, "tmp.%llx.%x.%llx%s", (unsigned long long)h7_self_pidns(),
                 dead.pid, (unsigned long long)dead.mark, ends[i]);
        plant_file(entry);
    }
    plant_draft(h7_self_pidns(), 0, dead.mark, "1");
    plant_draft(h7_self_pidns(), 0x80000001u, dead.mark, "1");
    assert_int_equal(h7_name_clean(), 0);
    assert_int_equal(names_count("tmp."), 10);
}

#define N_CLEANERS 8
#define N_DRAFTS   200

static int clean_and_count(void *arg)
{
    int n = h7_name_clean();
    CHILD_CHECK(n >= 0);
    __atomic_add_fetch((int *)arg, n, __ATOMIC_RELAXED);
    return 0;
}

static void test_cleaners_at_once(void **state)
{
    struct h7_life dead = a_dead_process();
    int *n = unit_shared(4096);
    pid_t pids[N_CLEANERS];
    char text[16];
    (void)state;
    assert_int_equal(h7_self_verify(), 0);
    for (int i = 0; i < N_DRAFTS; i++) {
        snprintf(text, sizeof text, "%x", i + 0x100);
        plant_draft(h7_self_pidns(), dead.pid, dead.mark, text);
    }
    for (int i = 0; i < N_CLEANERS; i++)
        pids[i] = unit_start(clean_and_count, n);
    for (int i = 0; i < N_CLEANERS; i++)
        assert_int_equal(unit_reap(pids[i]), 0);
    assert_int_equal(*n, N_DRAFTS);
    assert_int_equal(names_count(""), 0);
    munmap(n, 4096);
}

static int make_one(void *arg)
{
    (void)arg;
    return names_make("fifo", "/jobs", 0755) != 0;
}

static void test_making_cleans(void **state)
{
    struct h7_life dead = a_dead_process();
    (void)state;
    assert_int_equal(h7_self_verify(), 0);
    plant_draft(h7_self_pidns(), dead.pid, dead.mark, "1");
    unit_in_child(make_one, NULL); /* a forked process does it again */
    assert_int_equal(names_count("tmp."), 0);
    assert_int_equal(names_count(""), 1);
}

static int clean_as_nobody(void *arg)
{
    (void)arg;
    if (names_become(NOBODY) != 0)
        return UNIT_SKIP;
    CHILD_CHECK(h7_name_clean() == 1); /* of two; the other is root's */
    CHILD_CHECK(names_make("fifo", "/jobs", 0755) == 0);
    return 0;
}

static int give_away_directory(int dirfd, const char *entry, void *arg)
{
    struct stat st;
    (void)arg;
    if (fstatat(dirfd, entry, &st, 0) != 0 || !S_ISDIR(st.st_mode))
        return 0;
    return fchownat(dirfd, entry, NOBODY, NOBODY, 0);
}

static void test_clean_what_one_may(void **state)
{
    struct h7_life dead = a_dead_process();
    (void)state;
    assert_int_equal(fchmod(names_dir, 01777), 0);
    assert_int_equal(h7_self_verify(), 0);
    plant_draft(h7_self_pidns(), dead.pid, dead.mark, "1");
    plant_draft(h7_self_pidns(), dead.pid, dead.mark, "f");
    if (h7_name_entries(names_dir, 10, give_away_directory, NULL) != 0)
        skip();
    unit_in_child(clean_as_nobody, NULL);
    assert_int_equal(names_count("tmp."), 1);
    assert_int_equal(h7_name_clean(), 1); /* root may */
}

/* One may make and find what one can't list. */
static int in_a_drop_box(void *arg)
{
    struct seen s = {0};
    (void)arg;
    if (names_become(NOBODY) != 0)
        return UNIT_SKIP;
    CHILD_CHECK(h7_name_list(NULL, count_seen, &s) == -EACCES && s.n == 0);
    CHILD_CHECK(h7_name_clean() == -EACCES);
    CHILD_CHECK(names_make("fifo", "/jobs", 0755) == 0);
    CHILD_CHECK(names_attach("fifo", "/jobs") == 0);
    CHILD_CHECK(h7_name_unlink("fifo", "/jobs") == 0);
    return 0;
}

static void test_unreadable_directory(void **state)
{
    (void)state;
    assert_int_equal(fchmod(names_dir, 01733), 0);
    unit_in_child(in_a_drop_box, NULL);
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_list),
    NAMES_TEST(test_strange_entries),
    NAMES_TEST(test_unlink_while_listing),
    NAMES_TEST(test_clean),
    NAMES_TEST(test_malformed_drafts_stay),
    NAMES_TEST(test_cleaners_at_once),
    NAMES_TEST(test_making_cleans),
    NAMES_TEST(test_clean_what_one_may),
    NAMES_TEST(test_unreadable_directory),
};

NAMES_MAIN(tests)
