/* SPDX-License-Identifier: MIT */
/*
 * shm_cases_map.c - the memory of named segments: shared, grown, read-only, and how long it lives
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "shm_room.h"

#define LEN (16 * PAGE)

static void zero_and_shared(struct conf *c)
{
    struct shm_name name = shm_name();
    struct seg *a = make_seg(c, &name, LEN), *b = open_seg(c, &name, O_RDWR);
    char *p = yops(c)->data(a), *q = yops(c)->data(b);
    EQ(c, yops(c)->len(a), LEN);
    EQ(c, yops(c)->len(b), LEN);
    OK(c, all_bytes(p, LEN, 0));
    for (int i = 0; i < LEN; i++)
        p[i] = (char)(i * 7);
    EQ(c, memcmp(p, q, LEN), 0);
    q[LEN - 1] = 99;
    EQ(c, p[LEN - 1], 99);
    close_seg(c, a);
    EQ(c, q[LEN - 1], 99);
    close_seg(c, b);
    unlink_seg(c, &name);
}

static void between_strangers(struct conf *c)
{
    struct shm_name name = shm_name();
    struct seg *s = make_seg(c, &name, LEN);
    char *p = yops(c)->data(s);
    strcpy(p + 100, "to you");
    pid_t pid = conf_fork(c);
    if (pid == 0)
        conf_exec(c, (const char *[]){name.s, NULL});
    conf_join(c, pid);
    EQ(c, strcmp(p + PAGE, "and back"), 0);
    close_seg(c, s);
    unlink_seg(c, &name);
}

static void after_exec_strangers(struct conf *c, int argc, char **argv)
{
    struct shm_name name = {""};
    EQ(c, argc, 1);
    snprintf(name.s, sizeof(name.s), "%s", argv[0]);
    struct seg *s = open_seg(c, &name, O_RDWR);
    EQ(c, yops(c)->len(s), LEN);
    EQ(c, strcmp(yops(c)->data(s) + 100, "to you"), 0);
    strcpy(yops(c)->data(s) + PAGE, "and back");
    close_seg(c, s);
    conf_exit();
}

static void contents_stay(struct conf *c)
{
    struct shm_name name = shm_name();
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct seg *s = make_seg(c, &name, LEN);
        yops(c)->data(s)[LEN - 1] = 5;
        conf_exit(); /* not closed */
    }
    conf_join(c, pid);
    struct seg *s = open_seg(c, &name, O_RDONLY);
    EQ(c, yops(c)->data(s)[LEN - 1], 5);
    close_seg(c, s);
    s = open_seg(c, &name, O_RDONLY);
    EQ(c, yops(c)->data(s)[LEN - 1], 5);
    close_seg(c, s);
    unlink_seg(c, &name);
}

/* Read-only memory can't be written, nor made writable. */
static void read_only(struct conf *c)
{
    struct shm_name name = shm_name();
    struct seg *w = make_seg(c, &name, LEN), *r = open_seg(c, &name, O_RDONLY);
    char *p = yops(c)->data(w), *q = yops(c)->data(r);
    p[3] = 33;
    EQ(c, q[3], 33);
    EQ(c, write_faults(c, p + 3), 0);
    EQ(c, read_faults(c, q + 3), 0);
    EQ(c, write_faults(c, q + 3), SIGSEGV);
    EQ(c, mprotect(q, PAGE, PROT_READ | PROT_WRITE) < 0 ? errno : 0, EACCES);
    int grown = yops(c)->grow(r, 2 * LEN);
    OK(c, grown == -EACCES || grown == -EINVAL); /* the latter is ftruncate(2)'s */
    EQ(c, yops(c)->size(w), LEN);
    close_seg(c, r);
    close_seg(c, w);
    unlink_seg(c, &name);
}

/* What is new is 0; what was there stays; others see it when they look. */
static void grows(struct conf *c)
{
    struct shm_name name = shm_name();
    struct seg *a = make_seg(c, &name, LEN), *b = open_seg(c, &name, O_RDWR),
               *r = open_seg(c, &name, O_RDONLY);
    memset(yops(c)->data(a), 1, LEN);
    EQ(c, yops(c)->grow(a, 3 * LEN), 0);
    EQ(c, yops(c)->len(a), 3 * LEN);
    EQ(c, yops(c)->size(b), 3 * LEN);
    EQ(c, yops(c)->len(b), LEN);
    OK(c, all_bytes(yops(c)->data(a), LEN, 1));
    OK(c, all_bytes(yops(c)->data(a) + LEN, 2 * LEN, 0));
    yops(c)->data(a)[3 * LEN - 1] = 4;
    EQ(c, yops(c)->grow(b, 0), 0);
    EQ(c, yops(c)->grow(r, 0), 0);
    EQ(c, yops(c)->len(b), 3 * LEN);
    EQ(c, yops(c)->data(b)[3 * LEN - 1], 4);
    EQ(c, yops(c)->data(r)[3 * LEN - 1], 4);
    EQ(c, yops(c)->grow(a, 3 * LEN), 0); /* as large as it is */
    close_seg(c, a);
    close_seg(c, b);
    close_seg(c, r);
    unlink_seg(c, &name);
}

/* ftruncate(2) makes it smaller, too, and who touches what is gone gets SIGBUS. */
static void shrinks(struct conf *c)
{
    struct shm_name name = shm_name();
    struct seg *a = make_seg(c, &name, LEN), *b = open_seg(c, &name, O_RDWR);
    EQ(c, yops(c)->grow(a, PAGE), DIFFERS(c, 0, -EINVAL));
    EQ(c, yops(c)->size(b), DIFFERS(c, PAGE, LEN));
    EQ(c, read_faults(c, yops(c)->data(b) + LEN - 1), DIFFERS(c, SIGBUS, 0));
    EQ(c, read_faults(c, yops(c)->data(b)), 0);
    close_seg(c, a);
    close_seg(c, b);
    unlink_seg(c, &name);
}

/* The name goes at once; who has it goes on; a new one of that name is another. */
static void unlinked(struct conf *c)
{
    struct shm_name name = shm_name();
    struct seg *a = make_seg(c, &name, LEN), *b = open_seg(c, &name, O_RDWR);
    yops(c)->data(a)[0] = 1;
    unlink_seg(c, &name);
    EQ(c, try_seg(c, name.s, O_RDWR, 0, 0), -ENOENT);
    yops(c)->data(b)[1] = 2;
    EQ(c, yops(c)->data(a)[1], 2);
    struct seg *fresh = make_seg(c, &name, PAGE);
    EQ(c, yops(c)->data(fresh)[0], 0);
    yops(c)->data(fresh)[0] = 50;
    EQ(c, yops(c)->data(a)[0], 1);
    EQ(c, yops(c)->grow(a, 2 * LEN), 0);
    EQ(c, yops(c)->size(fresh), PAGE);
    close_seg(c, a);
    EQ(c, yops(c)->data(b)[1], 2);
    close_seg(c, b);
    close_seg(c, fresh);
    unlink_seg(c, &name);
}

static void fork_inherits(struct conf *c)
{
    struct shm_name name = shm_name();
    struct seg *s = make_seg(c, &name, LEN);
    char *p = yops(c)->data(s);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        p[1] = 11;
        close_seg(c, s); /* its own */
        EQ(c, read_faults(c, p), SIGSEGV);
        conf_exit();
    }
    conf_join(c, pid);
    EQ(c, p[1], 11);
    p[2] = 3;
    unlink_seg(c, &name);
    pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, p[2], 3); /* after the name is gone, too */
        p[3] = 4;
        conf_exit();
    }
    conf_join(c, pid);
    EQ(c, p[3], 4);
    close_seg(c, s);
}

/* exec(2) drops what is attached. */
static void exec_drops(struct conf *c)
{
    struct shm_name name = shm_name();
    struct seg *s = make_seg(c, &name, LEN);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_set(c, 1, conf_n_fds());
        conf_exec(c, (const char *[]){NULL});
    }
    conf_join(c, pid);
    close_seg(c, s);
    unlink_seg(c, &name);
}

static void after_exec_drops(struct conf *c, int argc, char **argv)
{
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "re");
    (void)argc, (void)argv;
    OK(c, maps != NULL);
    while (fgets(line, sizeof(line), maps))
        OK(c, !strstr(line, "/dev/shm/"));
    fclose(maps);
    OK(c, conf_n_fds() < conf_get(c, 1)); /* a handle's descriptor is close-on-exec */
}

/* A /dev/shm of one megabyte, for this process and what it forks. */
static void small_dev_shm(struct conf *c)
{
    EQ(c, unshare(CLONE_NEWNS), 0);
    EQ(c, mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    EQ(c, mount("small", "/dev/shm", "tmpfs", 0, "size=1m,mode=1777"), 0);
    EQ(c, setenv("HEPTA_DIR", "/dev/shm/small", 1), 0);
    EQ(c, mkdir("/dev/shm/small", 0700), 0);
}

static long free_pages(struct conf *c)
{
    struct statfs fs;
    EQ(c, statfs("/dev/shm", &fs), 0);
    return (long)fs.f_bfree;
}

/* The memory goes with the last process that has it, once the name is gone. */
static void memory_returns(struct conf *c)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        small_dev_shm(c);
        struct shm_name name = shm_name();
        struct seg *s = make_seg(c, &name, LEN);
        memset(yops(c)->data(s), 1, LEN);
        long with = free_pages(c);
        pid_t other = conf_fork(c);
        if (other == 0) {
            struct seg *own = open_seg(c, &name, O_RDWR);
            close_seg(c, s);
            conf_set(c, 0, 1);
            conf_await(c, 1, 1);
            EQ(c, yops(c)->data(own)[LEN - 1], 1);
            conf_set(c, 0, 2);
            conf_await(c, 1, 2); /* until it is killed */
        }
        conf_await(c, 0, 1);
        unlink_seg(c, &name);
        close_seg(c, s);
        OK(c, free_pages(c) < with + LEN / PAGE);
        conf_set(c, 1, 1);
        conf_await(c, 0, 2);
        conf_kill(c, other);
        OK(c, free_pages(c) >= with + LEN / PAGE);
        conf_exit();
    }
    conf_join(c, pid);
}

/* The kernel finds out that there is no memory when it is touched: SIGBUS. Hepta allocates. */
static void no_room(struct conf *c)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        small_dev_shm(c);
        struct shm_name name = shm_name();
        struct seg *s = NULL;
        int r = yops(c)->open(&s, name.s, O_RDWR | O_CREAT, 0600, 1u << 21);
        EQ(c, r, DIFFERS(c, 0, -ENOSPC));
        if (r == 0) {
            for (size_t i = 0; i < 1u << 19; i += PAGE)
                yops(c)->data(s)[i] = 1;
            EQ(c, madvise(yops(c)->data(s) + (1u << 19), 3u << 19, MADV_POPULATE_WRITE) < 0, 1);
            close_seg(c, s);
            unlink_seg(c, &name);
        }
        EQ(c, yops(c)->unlink(name.s), -ENOENT);
        s = make_seg(c, &name, LEN);
        EQ(c, yops(c)->grow(s, 1u << 21), DIFFERS(c, 0, -ENOSPC));
        EQ(c, yops(c)->size(s), DIFFERS(c, 1 << 21, LEN));
        OK(c, all_bytes(yops(c)->data(s), LEN, 0));
        close_seg(c, s);
        unlink_seg(c, &name);
        conf_exit();
    }
    conf_join(c, pid);
}

const struct conf_case shm_map_cases[] = {
    {"map.zero_and_shared", zero_and_shared, 0, NULL, NULL, 0},
    {"map.between_strangers", between_strangers, 0, NULL, after_exec_strangers, 0},
    {"map.contents_stay", contents_stay, 0, NULL, NULL, 0},
    {"map.read_only", read_only, 0, NULL, NULL, 0},
    {"map.grows", grows, 0, NULL, NULL, 0},
    {"map.shrinks", shrinks, 0, "shm-never-shorter", NULL, 0},
    {"map.unlinked", unlinked, 0, NULL, NULL, 0},
    {"map.fork_inherits", fork_inherits, 0, NULL, NULL, 0},
    {"map.exec_drops", exec_drops, 0, NULL, after_exec_drops, 0},
    {"map.memory_returns", memory_returns, CONF_AS_ROOT, NULL, NULL, 0},
    {"map.no_room", no_room, CONF_AS_ROOT, "shm-allocated-when-made", NULL, 0},
    {0},
};
