/* SPDX-License-Identifier: MIT */
/* name/remove_test.c - a name is gone at once, its parts follow, and nothing else is touched */
#define _GNU_SOURCE
#include "name/name_test.h"

static void test_unlink(void **state)
{
    (void)state;
    assert_int_equal(h7_name_unlink("fifo", "/jobs"), -ENOENT);
    assert_int_equal(names_make("fifo", "/jobs", 0755), 0);
    assert_int_equal(names_make("mq", "/jobs", 0755), 0);
    assert_int_equal(h7_name_unlink("fifo", "/jobs"), 0);
    assert_int_equal(names_count(""), 1);
    assert_int_equal(names_attach("mq", "/jobs"), 0);
    assert_int_equal(h7_name_unlink("fifo", "/jobs"), -ENOENT);
    assert_int_equal(names_make("fifo", "/jobs", 0755), 0);
    assert_int_equal(names_attach("fifo", "/jobs"), 0);
}

static void test_who_has_it_open_keeps_it(void **state)
{
    char text[5] = "";
    (void)state;
    assert_int_equal(names_make("fifo", "/jobs", 0755), 0);
    int obj = h7_name_open("fifo", "/jobs");
    int data = h7_name_part(obj, "data", O_RDONLY, S_IFREG);
    assert_int_equal(h7_name_unlink("fifo", "/jobs"), 0);
    assert_int_equal(read(data, text, 4), 4);
    assert_string_equal(text, "data");
    close(data);
    close(obj);
}

static void test_single_files_and_planted_things(void **state)
{
    (void)state;
    assert_int_equal(mkdirat(names_dir, "target", 0700), 0);
    close(openat(names_dir, "target/kept", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    assert_int_equal(symlinkat("target", names_dir, "fifo.dirlink"), 0);
    assert_int_equal(symlinkat("target/kept", names_dir, "fifo.link"), 0);
    assert_int_equal(mkfifoat(names_dir, "fifo.fifo", 0600), 0);
    close(openat(names_dir, "fifo.file", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    const char *const names[] = {"/dirlink", "/link", "/fifo", "/file"};
    for (int i = 0; i < 4; i++)
        assert_int_equal(h7_name_unlink("fifo", names[i]), 0);
    assert_int_equal(names_count(""), 1);
    assert_int_equal(faccessat(names_dir, "target/kept", F_OK, 0), 0);
}

static void test_exchange(void **state)
{
    (void)state;
    assert_int_equal(h7_name_exchange("fifo", "/jobs", "mq", "/work"), -ENOENT);
    assert_int_equal(names_make("fifo", "/jobs", 0755), 0);
    assert_int_equal(h7_name_exchange("fifo", "/jobs", "mq", "/work"), -ENOENT);
    assert_int_equal(names_attach("fifo", "/jobs"), 0);
    assert_int_equal(mkdirat(names_dir, "mq.work", 0755), 0);
    assert_int_equal(h7_name_exchange("fifo", "/jobs", "mq", "/work"), 0);
    assert_int_equal(names_attach("mq", "/work"), 0);
    assert_int_equal(names_attach("fifo", "/jobs"), -EBADMSG); /* the one without parts */
    assert_int_equal(names_count(""), 2);
}

/* A link in an object's directory is removed itself. */
static void test_links_are_not_followed(void **state)
{
    struct h7_draft d;
    (void)state;
    assert_int_equal(mkdirat(names_dir, "target", 0700), 0);
    close(openat(names_dir, "target/kept", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    assert_int_equal(h7_draft_begin(&d), 0);
    assert_int_equal(symlinkat("../target", d.fd, "link"), 0);
    assert_int_equal(symlinkat("../target/kept", d.fd, "link2"), 0);
    assert_int_equal(h7_draft_publish(&d, "fifo", "/jobs", 0755), 0);
    h7_draft_end(&d);
    assert_int_equal(h7_name_unlink("fifo", "/jobs"), 0);
    assert_int_equal(names_count(""), 1);
    assert_int_equal(faccessat(names_dir, "target/kept", F_OK, 0), 0);
}

static void test_deep_trees_are_left_alone(void **state)
{
    (void)state;
    assert_int_equal(names_make("fifo", "/jobs", 0755), 0);
    int at = openat(names_dir, "fifo.jobs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < 500; i++) {
        assert_int_equal(mkdirat(at, "deeper", 0700), 0);
        int next = openat(at, "deeper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(at);
        at = next;
    }
    assert_int_equal(names_fill(at), 0);
    assert_int_equal(h7_name_unlink("fifo", "/jobs"), 0);
    assert_int_equal(names_attach("fifo", "/jobs"), -ENOENT);
    assert_int_equal(names_count("tmp."), 1);
    assert_int_equal(faccessat(at, "data", F_OK, 0), 0);
    close(at);
}

static void put_files(const char *dir, int n)
{
    char path[64];
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%d", dir, i);
        close(openat(names_dir, path, O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    }
}

static void test_many_parts(void **state)
{
    (void)state;
    assert_int_equal(names_make("fifo", "/many", 0755), 0);
    put_files("fifo.many", 3000);
    assert_int_equal(h7_name_unlink("fifo", "/many"), 0);
    assert_int_equal(names_count(""), 0);
    assert_int_equal(names_make("fifo", "/more", 0755), 0);
    put_files("fifo.more", 9000);
    assert_int_equal(h7_name_unlink("fifo", "/more"), 0); /* not all of it at once */
    assert_int_equal(names_count("tmp."), 1);
}

static int modes_that_lock_the_owner_out(void *arg)
{
    const mode_t modes[] = {0, 0500, 0300, 0055};
    (void)arg;
    if (fchmod(names_dir, 01777) != 0 || names_become(NOBODY) != 0)
        return UNIT_SKIP;
    for (int i = 0; i < 4; i++) {
        CHILD_CHECK(names_make("fifo", "/jobs", modes[i]) == 0);
        CHILD_CHECK(h7_name_unlink("fifo", "/jobs") == 0);
        CHILD_CHECK(names_count("") == 0);
    }
    return 0;
}

static void test_any_mode(void **state)
{
    (void)state;
    unit_in_child(modes_that_lock_the_owner_out, NULL);
}

/* A planted link must not lead the chmod of removal to what it points to. */
static int a_link_to_my_own(void *arg)
{
    struct stat st;
    (void)arg;
    if (fchmod(names_dir, 01777) != 0 || names_become(NOBODY) != 0)
        return UNIT_SKIP;
    CHILD_CHECK(mkdirat(names_dir, "mine", 0) == 0);
    CHILD_CHECK(symlinkat("mine", names_dir, "tmp.link") == 0);
    CHILD_CHECK(h7_name_own(names_dir, "tmp.link") < 0);
    CHILD_CHECK(fstatat(names_dir, "mine", &st, 0) == 0 && (st.st_mode & 07777) == 0);
    return 0;
}

static void test_links_to_ones_own(void **state)
{
    (void)state;
    unit_in_child(a_link_to_my_own, NULL);
}

static int not_mine(void *arg)
{
    mode_t *mode = arg;
    if (fchmod(names_dir, *mode) != 0 || names_become(NOBODY) != 0)
        return UNIT_SKIP;
    CHILD_CHECK(h7_name_unlink("fifo", "/jobs") == (*mode & S_ISVTX ? -EPERM : -EACCES));
    CHILD_CHECK(names_attach("fifo", "/jobs") == 0);
    return 0;
}

static void test_of_another_user(void **state)
{
    mode_t sticky = 01777, closed = 0755;
    (void)state;
    assert_int_equal(names_make("fifo", "/jobs", 0755), 0);
    unit_in_child(not_mine, &sticky);
    unit_in_child(not_mine, &closed);
    assert_int_equal(names_count(""), 1);
    assert_int_equal(names_attach("fifo", "/jobs"), 0);
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_unlink),
    NAMES_TEST(test_who_has_it_open_keeps_it),
    NAMES_TEST(test_single_files_and_planted_things),
    NAMES_TEST(test_exchange),
    NAMES_TEST(test_links_are_not_followed),
    NAMES_TEST(test_deep_trees_are_left_alone),
    NAMES_TEST(test_many_parts),
    NAMES_TEST(test_any_mode),
    NAMES_TEST(test_links_to_ones_own),
    NAMES_TEST(test_of_another_user),
};

NAMES_MAIN(tests)
