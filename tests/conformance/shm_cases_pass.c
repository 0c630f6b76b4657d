/* SPDX-License-Identifier: MIT */
/*
 * shm_cases_pass.c - descriptors of segments, and segments that have nothing else
 *
 * On the kernel's side the anonymous one is a memfd_create(2) sealed against shrinking.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm_room.h"

#define LEN (4 * PAGE)

static struct seg *anonymous(struct conf *c, size_t len)
{
    struct seg *s = NULL;
    EQ(c, yops(c)->anonymous(&s, len), 0);
    return s;
}

static int export(struct conf *c, struct seg *s, int access)
{
    int fd = yops(c)->export(s, access);
    OK(c, fd >= 0);
    EQ(c, fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    return fd;
}

static void forked(struct conf *c)
{
    struct seg *s = anonymous(c, LEN);
    char *p = yops(c)->data(s);
    EQ(c, yops(c)->len(s), LEN);
    OK(c, all_bytes(p, LEN, 0));
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        p[LEN - 1] = 8;
        conf_exit();
    }
    conf_join(c, pid);
    EQ(c, p[LEN - 1], 8);
    close_seg(c, s);
}

static void imported(struct conf *c)
{
    struct seg *s = anonymous(c, LEN), *w = NULL, *r = NULL;
    int fd = export(c, s, O_RDWR);
    EQ(c, yops(c)->import(&w, fd, O_RDWR), 0);
    EQ(c, yops(c)->import(&r, fd, O_RDONLY), 0);
    close(fd);
    yops(c)->data(w)[9] = 9;
    EQ(c, yops(c)->data(s)[9], 9);
    EQ(c, yops(c)->data(r)[9], 9);
    EQ(c, write_faults(c, yops(c)->data(r)), SIGSEGV);
    close_seg(c, s); /* it lives as long as somebody has it */
    EQ(c, yops(c)->data(w)[9], 9);
    EQ(c, yops(c)->len(w), LEN);
    close_seg(c, w);
    close_seg(c, r);
}

/* A descriptor for reading gives no more. */
static void for_reading(struct conf *c)
{
    struct seg *s = anonymous(c, LEN), *other = NULL;
    yops(c)->data(s)[0] = 3;
    int fd = export(c, s, O_RDONLY);
    EQ(c, yops(c)->import(&other, fd, O_RDWR), -EACCES);
    EQ(c, ftruncate(fd, 2 * LEN) < 0, 1);
    OK(c, write(fd, "x", 1) < 0);
    OK(c, mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
    EQ(c, yops(c)->import(&other, fd, O_RDONLY), 0);
    EQ(c, yops(c)->data(other)[0], 3);
    int again = export(c, other, O_RDONLY);
    EQ(c, yops(c)->export(other, O_RDWR), -EACCES);
    close(again);
    close(fd);
    close_seg(c, other);
    close_seg(c, s);
}

/* A named one, to a program that doesn't know its name. */
static void of_a_named_one(struct conf *c)
{
    struct shm_name name = shm_name();
    struct seg *s = make_seg(c, &name, LEN);
    int fd = export(c, s, O_RDWR);
    unlink_seg(c, &name);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        char text[16];
        fcntl(fd, F_SETFD, 0);
        snprintf(text, sizeof(text), "%d", fd);
        conf_exec(c, (const char *[]){text, NULL});
    }
    close(fd);
    conf_join(c, pid);
    EQ(c, strcmp(yops(c)->data(s), "hello"), 0);
    close_seg(c, s);
}

static void after_exec_named(struct conf *c, int argc, char **argv)
{
    struct seg *s = NULL;
    EQ(c, argc, 1);
    EQ(c, yops(c)->import(&s, atoi(argv[0]), O_RDWR), 0);
    strcpy(yops(c)->data(s), "hello");
    close_seg(c, s);
    conf_exit();
}

/* Sealed, whoever has the descriptor: nobody can cut it short under the others. */
static void sealed(struct conf *c)
{
    struct seg *s = anonymous(c, LEN);
    int fd = export(c, s, O_RDWR);
    EQ(c, ftruncate(fd, PAGE) < 0 ? errno : 0, EPERM);
    EQ(c, read_faults(c, yops(c)->data(s) + LEN - 1), 0);
    EQ(c, yops(c)->grow(s, 2 * LEN), 0);
    EQ(c, yops(c)->len(s), 2 * LEN);
    EQ(c, yops(c)->size(s), 2 * LEN);
    close(fd);
    close_seg(c, s);
}

static void bad_descriptors(struct conf *c)
{
    struct seg *s = NULL;
    int r = yops(c)->import(&s, -1, O_RDWR);
    EQ(c, r, -EBADF);
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    OK(c, yops(c)->import(&s, fd, O_RDWR) != 0 || yops(c)->data(s) == NULL);
    if (s)
        close_seg(c, s);
    close(fd);
}

const struct conf_case shm_pass_cases[] = {
    {"pass.forked", forked, 0, NULL, NULL, 0},
    {"pass.imported", imported, 0, NULL, NULL, 0},
    {"pass.for_reading", for_reading, 0, NULL, NULL, 0},
    {"pass.of_a_named_one", of_a_named_one, 0, NULL, after_exec_named, 0},
    {"pass.sealed", sealed, 0, NULL, NULL, 0},
    {"pass.bad_descriptors", bad_descriptors, 0, NULL, NULL, 0},
    {0},
};
