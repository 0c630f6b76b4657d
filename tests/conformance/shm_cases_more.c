/* SPDX-License-Identifier: MIT */
/* shm_cases_more.c - what only Hepta's segments have: an automatic end, users, a fixed length */
#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>

#include "shm_room.h"

#define LEN (4 * PAGE)

static struct hepta_shm *hep(struct seg *s)
{
    return (struct hepta_shm *)s;
}

static struct hepta_shm_options sized(uint64_t len, uint64_t len_max)
{
    return (struct hepta_shm_options){.size = sizeof(struct hepta_shm_options),
                                      .len = len,
                                      .len_max = len_max};
}

static struct hepta_shm *make_auto(struct conf *c, const struct shm_name *name)
{
    struct hepta_shm_options opt = sized(LEN, 0);
    struct hepta_shm *s = NULL;
    EQ(c,
       hepta_shm_open(name->s, HEPTA_SHM_WRITE | HEPTA_SHM_CREATE | HEPTA_SHM_AUTO, 0600, &opt, &s),
       0);
    return s;
}

/* It lives as long as somebody has it: closed by its last user it is gone, and so is its name. */
static void ends_by_itself(struct conf *c)
{
    struct shm_name name = shm_name();
    struct hepta_shm *a = make_auto(c, &name);
    struct hepta_shm_stat stat;
    EQ(c, hepta_shm_stat(a, &stat), 0);
    EQ(c, stat.flags, HEPTA_SHM_WRITE | HEPTA_SHM_AUTO);
    struct seg *b = open_seg(c, &name, O_RDWR);
    EQ(c, hepta_shm_close(a), 0);
    EQ(c, try_seg(c, name.s, O_RDWR, 0, 0), 0);
    close_seg(c, b);
    EQ(c, try_seg(c, name.s, O_RDWR, 0, 0), -ENOENT);
    a = make_auto(c, &name); /* the name is free */
    OK(c, all_bytes(hepta_shm_data(a), LEN, 0));
    EQ(c, hepta_shm_unlink(name.s), 0); /* or earlier, as any other */
    EQ(c, try_seg(c, name.s, O_RDWR, 0, 0), -ENOENT);
    EQ(c, hepta_shm_close(a), 0);
}

/* The last one may be killed. */
static void ends_with_a_death(struct conf *c)
{
    struct shm_name name = shm_name();
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        memset(hepta_shm_data(make_auto(c, &name)), 1, LEN);
        conf_set(c, 0, 1);
        conf_await(c, 1, 1);
    }
    conf_await(c, 0, 1);
    EQ(c, try_seg(c, name.s, O_RDONLY, 0, 0), 0); /* one that comes and goes isn't the last */
    EQ(c, try_seg(c, name.s, O_RDONLY, 0, 0), 0);
    conf_kill(c, pid);
    EQ(c, try_seg(c, name.s, O_RDWR, 0, 0), -ENOENT);
    struct hepta_shm *s = make_auto(c, &name);
    OK(c, all_bytes(hepta_shm_data(s), LEN, 0)); /* a new one */
    EQ(c, hepta_shm_close(s), 0);
}

/* A child of fork(2) has it, too. */
static void a_child_has_it(struct conf *c)
{
    struct shm_name name = shm_name();
    struct hepta_shm *s = make_auto(c, &name);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_set(c, 0, 1);
        conf_await(c, 1, 1);
        conf_exit();
    }
    conf_await(c, 0, 1);
    EQ(c, hepta_shm_close(s), 0);
    EQ(c, try_seg(c, name.s, O_RDWR, 0, 0), 0);
    conf_set(c, 1, 1);
    conf_join(c, pid);
    EQ(c, try_seg(c, name.s, O_RDWR, 0, 0), -ENOENT);
}

static bool among(const pid_t *pids, int n, pid_t pid)
{
    for (int i = 0; i < n; i++)
        if (pids[i] == pid)
            return true;
    return false;
}

static void users(struct conf *c)
{
    struct shm_name name = shm_name();
    struct seg *s = make_seg(c, &name, LEN);
    struct hepta_shm_stat stat;
    pid_t pids[4] = {0};
    EQ(c, hepta_shm_users(hep(s), pids, 4), 1);
    EQ(c, pids[0], getpid());
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_set(c, 0, 1);
        conf_await(c, 1, 1);
        close_seg(c, s);
        conf_set(c, 0, 2);
        conf_await(c, 1, 2);
        conf_exit();
    }
    conf_await(c, 0, 1);
    EQ(c, hepta_shm_users(hep(s), pids, 4), 2);
    OK(c, among(pids, 2, getpid()) && among(pids, 2, pid));
    EQ(c, hepta_shm_users(hep(s), pids, 1), 2);
    EQ(c, hepta_shm_stat(hep(s), &stat), 0);
    EQ(c, stat.users, 2);
    EQ(c, stat.creator, getpid());
    EQ(c, stat.len, LEN);
    EQ(c, stat.mapped, LEN);
    EQ(c, stat.flags, HEPTA_SHM_WRITE);
    conf_set(c, 1, 1);
    conf_await(c, 0, 2);
    EQ(c, hepta_shm_users(hep(s), pids, 4), 1);
    conf_set(c, 1, 2);
    conf_join(c, pid);
    close_seg(c, s);
    unlink_seg(c, &name);
}

/* Up to len_max the address stays; beyond it is refused, and nothing has changed. */
static void grows_in_place(struct conf *c)
{
    struct shm_name name = shm_name();
    struct hepta_shm_options opt = sized(PAGE, 8 * PAGE);
    struct hepta_shm *s = NULL;
    EQ(c, hepta_shm_open(name.s, HEPTA_SHM_WRITE | HEPTA_SHM_CREATE, 0600, &opt, &s), 0);
    char *p = hepta_shm_data(s);
    EQ(c, hepta_shm_len(s), PAGE);
    for (size_t len = PAGE; len <= 8 * PAGE; len += PAGE) {
        EQ(c, hepta_shm_grow(s, len), 0);
        OK(c, hepta_shm_data(s) == p);
        EQ(c, hepta_shm_len(s), len);
        p[len - 1] = 1;
    }
    EQ(c, hepta_shm_grow(s, 8 * PAGE + 1), -ENOMEM);
    EQ(c, hepta_shm_len(s), 8 * PAGE);
    EQ(c, hepta_shm_grow(s, PAGE), -EINVAL);
    EQ(c, hepta_shm_close(s), 0);
    unlink_seg(c, &name);
}

/* Exported so that nobody can grow it any more. */
static void fixed(struct conf *c)
{
    struct shm_name name = shm_name();
    struct seg *s = NULL, *other = NULL;
    EQ(c, yops(c)->anonymous(&s, LEN), 0);
    EQ(c, yops(c)->grow(s, 2 * LEN), 0);
    int fd = hepta_shm_export(hep(s), HEPTA_SHM_WRITE | HEPTA_SHM_FIXED);
    OK(c, fd >= 0);
    EQ(c, yops(c)->grow(s, 3 * LEN), -EPERM);
    EQ(c, ftruncate(fd, 3 * LEN) < 0 ? errno : 0, EPERM);
    EQ(c, yops(c)->import(&other, fd, O_RDWR), 0);
    EQ(c, yops(c)->len(other), 2 * LEN);
    EQ(c, yops(c)->grow(other, 3 * LEN), -EPERM);
    close(fd);
    close_seg(c, other);
    close_seg(c, s);
    s = make_seg(c, &name, LEN);
    EQ(c, hepta_shm_export(hep(s), HEPTA_SHM_FIXED), -EPERM); /* a named one can't be */
    close_seg(c, s);
    unlink_seg(c, &name);
}

static void refused(struct conf *c)
{
    struct shm_name name = shm_name();
    struct hepta_shm_options opt = sized(0, 0);
    struct hepta_shm *s = NULL;
    const uint32_t make = HEPTA_SHM_WRITE | HEPTA_SHM_CREATE;
    EQ(c, hepta_shm_open(name.s, make, 0600, NULL, &s), -EINVAL);
    EQ(c, hepta_shm_open(name.s, make, 0600, &opt, &s), -EINVAL);
    opt = sized(HEPTA_SHM_SIZE_MAX + 1, 0);
    EQ(c, hepta_shm_open(name.s, make, 0600, &opt, &s), -EINVAL);
    opt = sized(2 * PAGE, PAGE);
    EQ(c, hepta_shm_open(name.s, make, 0600, &opt, &s), -EINVAL);
    opt = sized(PAGE, 0);
    opt.size = 0;
    EQ(c, hepta_shm_open(name.s, make, 0600, &opt, &s), -EINVAL);
    opt = sized(PAGE, 0);
    EQ(c, hepta_shm_open(name.s, 1u << 30 | make, 0600, &opt, &s), -EINVAL);
    EQ(c, hepta_shm_new(NULL, &s), -EINVAL);
    EQ(c, hepta_shm_close(NULL), -EBADF);
    OK(c, hepta_shm_data(NULL) == NULL);
    EQ(c, try_seg(c, name.s, O_RDWR, 0, 0), -ENOENT);
}

const struct conf_case shm_more_cases[] = {
    {"more.ends_by_itself", ends_by_itself, NEEDS_HEPTA, NULL, NULL, 0},
    {"more.ends_with_a_death", ends_with_a_death, NEEDS_HEPTA, NULL, NULL, 0},
    {"more.a_child_has_it", a_child_has_it, NEEDS_HEPTA, NULL, NULL, 0},
    {"more.users", users, NEEDS_HEPTA, NULL, NULL, 0},
    {"more.grows_in_place", grows_in_place, NEEDS_HEPTA, NULL, NULL, 0},
    {"more.fixed", fixed, NEEDS_HEPTA, NULL, NULL, 0},
    {"more.refused", refused, NEEDS_HEPTA, NULL, NULL, 0},
    {0},
};
