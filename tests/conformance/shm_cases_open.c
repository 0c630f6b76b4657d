/* SPDX-License-Identifier: MIT */
/* shm_cases_open.c - named segments: names, making, opening, unlinking, what is refused */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "shm_room.h"

#define NEW (O_RDWR | O_CREAT | O_EXCL)

static void created_then_opened(struct conf *c)
{
    struct shm_name name = shm_name();
    EQ(c, try_seg(c, name.s, O_RDWR, 0, 0), -ENOENT);
    EQ(c, try_seg(c, name.s, O_RDONLY, 0, 0), -ENOENT);
    struct seg *s = make_seg(c, &name, PAGE);
    EQ(c, try_seg(c, name.s, O_RDWR, 0, 0), 0);
    EQ(c, try_seg(c, name.s, O_RDONLY, 0, 0), 0);
    EQ(c, try_seg(c, name.s, O_RDWR | O_CREAT, 0600, PAGE), 0);
    EQ(c, try_seg(c, name.s, NEW, 0600, PAGE), -EEXIST);
    unlink_seg(c, &name);
    EQ(c, yops(c)->unlink(name.s), -ENOENT);
    EQ(c, try_seg(c, name.s, O_RDWR, 0, 0), -ENOENT);
    close_seg(c, s);
}

/* Of one that exists, mode and length are ignored. */
static void existing_keeps_its_own(struct conf *c)
{
    struct shm_name name = shm_name();
    struct seg *s = make_seg(c, &name, 2 * PAGE), *again = NULL;
    yops(c)->data(s)[5000] = 7;
    EQ(c, yops(c)->open(&again, name.s, O_RDWR | O_CREAT, 0, 9 * PAGE), 0);
    EQ(c, yops(c)->len(again), 2 * PAGE);
    EQ(c, yops(c)->data(again)[5000], 7);
    close_seg(c, again);
    EQ(c, try_seg(c, name.s, O_RDWR, 0, 0), 0);
    EQ(c, yops(c)->size(s), 2 * PAGE);
    close_seg(c, s);
    unlink_seg(c, &name);
}

static void bad_names(struct conf *c)
{
    char longest[400];
    memset(longest, 'x', sizeof(longest));
    longest[0] = '/';
    longest[300] = 0;
    EQ(c, try_seg(c, "/", NEW, 0600, PAGE), -EINVAL);
    EQ(c, try_seg(c, "", NEW, 0600, PAGE), -EINVAL);
    EQ(c, try_seg(c, "/two/slashes", NEW, 0600, PAGE), -EINVAL);
    EQ(c, try_seg(c, "/two/slashes", O_RDWR, 0, 0), -EINVAL);
    EQ(c, try_seg(c, longest, NEW, 0600, PAGE), DIFFERS(c, -EINVAL, -ENAMETOOLONG));
    EQ(c, yops(c)->unlink(longest), DIFFERS(c, -ENOENT, -ENAMETOOLONG));
    EQ(c, yops(c)->unlink("/two/slashes"), DIFFERS(c, -ENOENT, -EINVAL));
    EQ(c, yops(c)->unlink("/"), DIFFERS(c, -ENOENT, -EINVAL));
}

/* A name without its slash is one to glibc. */
static void no_slash(struct conf *c)
{
    struct shm_name name = shm_name();
    EQ(c, try_seg(c, name.s + 1, NEW, 0600, PAGE), DIFFERS(c, 0, -EINVAL));
    EQ(c, yops(c)->unlink(name.s + 1), DIFFERS(c, 0, -EINVAL));
}

static void name_length(struct conf *c)
{
    static const int len[] = {200, 240, 241, 254};
    for (int i = 0; i < 4; i++) {
        struct shm_name name = shm_name();
        char text[300];
        int n = snprintf(text, sizeof(text), "%s", name.s);
        memset(text + n, 'y', sizeof(text) - (size_t)n);
        text[len[i] + 1] = 0;
        int want = len[i] <= 240 ? 0 : (int)DIFFERS(c, 0, -ENAMETOOLONG);
        EQ(c, try_seg(c, text, NEW, 0600, PAGE), want);
        if (want == 0)
            EQ(c, yops(c)->unlink(text), 0);
    }
}

/* O_TRUNC empties what exists, under those who use it. */
static void truncate_on_open(struct conf *c)
{
    struct shm_name name = shm_name();
    struct seg *s = make_seg(c, &name, PAGE);
    EQ(c, try_seg(c, name.s, O_RDWR | O_TRUNC, 0, 0), DIFFERS(c, 0, -EINVAL));
    EQ(c, yops(c)->size(s), DIFFERS(c, 0, PAGE));
    close_seg(c, s);
    unlink_seg(c, &name);
}

/* The kernel's new object is empty until ftruncate(2); Hepta's has its length from the first on. */
static void empty_at_first(struct conf *c)
{
    struct shm_name name = shm_name();
    struct seg *s = NULL;
    int r = yops(c)->open(&s, name.s, NEW, 0600, 0);
    EQ(c, r, DIFFERS(c, 0, -EINVAL));
    if (r == 0) {
        EQ(c, yops(c)->size(s), 0);
        EQ(c, yops(c)->grow(s, PAGE), 0);
        OK(c, all_bytes(yops(c)->data(s), PAGE, 0));
        close_seg(c, s);
        unlink_seg(c, &name);
    }
}

/* Lengths are whole pages of Hepta's, bytes of the kernel's. */
static void odd_length(struct conf *c)
{
    struct shm_name name = shm_name();
    struct seg *s = make_seg(c, &name, 5000);
    EQ(c, yops(c)->size(s), DIFFERS(c, 5000, 2 * PAGE));
    OK(c, all_bytes(yops(c)->data(s), 2 * PAGE, 0)); /* mapped is a page at least anyway */
    close_seg(c, s);
    unlink_seg(c, &name);
}

static void race(struct conf *c)
{
    struct shm_name name = shm_name();
    pid_t pid[6];
    for (int i = 0; i < 6; i++)
        if ((pid[i] = conf_fork(c)) == 0) {
            conf_await(c, 0, 1);
            int r = try_seg(c, name.s, NEW, 0600, PAGE);
            OK(c, r == 0 || r == -EEXIST);
            conf_add(c, 1, r == 0);
            conf_exit();
        }
    conf_set(c, 0, 1);
    for (int i = 0; i < 6; i++)
        conf_join(c, pid[i]);
    EQ(c, conf_get(c, 1), 1);
    unlink_seg(c, &name);
}

static void no_descriptors(struct conf *c)
{
    struct shm_name name = shm_name(), other = shm_name();
    struct seg *s = make_seg(c, &name, PAGE);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct rlimit none = {0, 0};
        EQ(c, setrlimit(RLIMIT_NOFILE, &none), 0);
        EQ(c, try_seg(c, name.s, O_RDWR, 0, 0), -EMFILE);
        EQ(c, try_seg(c, other.s, NEW, 0600, PAGE), -EMFILE);
        yops(c)->data(s)[0] = 1;
        conf_exit();
    }
    conf_join(c, pid);
    EQ(c, yops(c)->data(s)[0], 1);
    close_seg(c, s);
    unlink_seg(c, &name);
}

static void other_mode_bits(struct conf *c)
{
    struct shm_name name = shm_name();
    int r = try_seg(c, name.s, NEW, 01600, PAGE);
    EQ(c, r, DIFFERS(c, 0, -EINVAL));
    if (r == 0)
        unlink_seg(c, &name);
}

const struct conf_case shm_open_cases[] = {
    {"open.created_then_opened", created_then_opened, 0, NULL, NULL, 0},
    {"open.existing_keeps_its_own", existing_keeps_its_own, 0, NULL, NULL, 0},
    {"open.bad_names", bad_names, 0, "shm-names", NULL, 0},
    {"open.no_slash", no_slash, 0, "shm-names", NULL, 0},
    {"open.name_length", name_length, 0, "shm-names", NULL, 0},
    {"open.truncate", truncate_on_open, 0, "shm-never-shorter", NULL, 0},
    {"open.empty_at_first", empty_at_first, 0, "shm-length", NULL, 0},
    {"open.odd_length", odd_length, 0, "shm-length", NULL, 0},
    {"open.race", race, 0, NULL, NULL, 0},
    {"open.no_descriptors", no_descriptors, 0, NULL, NULL, 0},
    {"open.other_mode_bits", other_mode_bits, 0, "mode-bits-only", NULL, 0},
    {0},
};
