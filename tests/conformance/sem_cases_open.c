/* SPDX-License-Identifier: MIT */
/* sem_cases_open.c - named semaphores: names, making, opening again, closing, unlinking */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sem_room.h"

static void created_then_opened(struct conf *c)
{
    struct sem_name name = sem_name();
    union semaphore *s;
    EQ(c, try_sem(c, name.s, 0, 0, 0), -ENOENT);
    EQ(c, sops(c)->open(name.s, O_CREAT, 0600, 3, &s), 0);
    EQ(c, sops(c)->value(s), 3);
    EQ(c, try_sem(c, name.s, 0, 0, 0), 0);
    EQ(c, try_sem(c, name.s, O_CREAT, 0600, 3), 0);
    EQ(c, try_sem(c, name.s, O_CREAT | O_EXCL, 0600, 3), -EEXIST);
    EQ(c, sops(c)->value(s), 3);
    EQ(c, sops(c)->close(s), 0);
    EQ(c, sops(c)->unlink(name.s), 0);
    EQ(c, try_sem(c, name.s, 0, 0, 0), -ENOENT);
}

/* Of one that exists, mode and value are ignored. */
static void existing_keeps_its_own(struct conf *c)
{
    struct one_sem one;
    union semaphore *s;
    make_named(c, &one, 3);
    EQ(c, sops(c)->open(one.name.s, O_CREAT, 0, 9, &s), 0);
    EQ(c, sops(c)->value(s), 3);
    EQ(c, sops(c)->close(s), 0);
    EQ(c, try_sem(c, one.name.s, 0, 0777, 99), 0);
    EQ(c, sops(c)->value(one.s), 3);
    drop_sem(c, &one);
}

/* A value that none can have matters only to who makes one. */
static void impossible_value(struct conf *c)
{
    struct one_sem one;
    make_named(c, &one, 3);
    EQ(c, try_sem(c, one.name.s, O_CREAT, 0600, SEM_VALUE_MAX + 1u), 0);
    EQ(c, try_sem(c, one.name.s, O_CREAT | O_EXCL, 0600, SEM_VALUE_MAX + 1u), -EINVAL);
    EQ(c, try_sem(c, one.name.s, 0, 0600, SEM_VALUE_MAX + 1u), 0);
    EQ(c, sops(c)->value(one.s), 3);
    drop_sem(c, &one);
}

/* POSIX: the same address, until it was closed as often. */
static void same_address(struct conf *c)
{
    struct one_sem one;
    make_named(c, &one, 0);
    union semaphore *a = open_sem(c, &one.name), *b = open_sem(c, &one.name), *other;
    EQ(c, a == one.s && b == one.s, 1);
    EQ(c, sops(c)->close(a), 0);
    EQ(c, sops(c)->post(b), 0);
    EQ(c, sops(c)->close(b), 0);
    EQ(c, sops(c)->value(one.s), 1);
    EQ(c, sops(c)->unlink(one.name.s), 0);
    EQ(c, sops(c)->open(one.name.s, O_CREAT | O_EXCL, 0600, 7, &other), 0);
    OK(c, other != one.s);
    EQ(c, sops(c)->value(other), 7);
    EQ(c, sops(c)->value(one.s), 1);
    EQ(c, sops(c)->close(one.s), 0);
    one.s = other;
    drop_sem(c, &one);
}

static void closed(struct conf *c)
{
    struct one_sem one, unnamed;
    make_named(c, &one, 0);
    EQ(c, sops(c)->close(one.s), 0);
    EQ(c, sops(c)->close(one.s), -EINVAL);
    make_unnamed(c, &unnamed, 0);
    EQ(c, sops(c)->close(unnamed.s), -EINVAL);
    drop_sem(c, &unnamed);
    EQ(c, sops(c)->unlink(one.name.s), 0);
}

/* Strangers that have only the name. */
static void between_strangers(struct conf *c)
{
    struct one_sem there, back;
    make_named(c, &there, 0);
    make_named(c, &back, 0);
    pid_t pid = conf_fork(c);
    if (pid == 0)
        conf_exec(c, (const char *[]){there.name.s, back.name.s, NULL});
    EQ(c, sops(c)->wait(there.s, EVER), 0);
    conf_asleep(c, pid);
    EQ(c, sops(c)->post(back.s), 0);
    conf_join(c, pid);
    EQ(c, sops(c)->value(back.s), 0);
    drop_sem(c, &there);
    drop_sem(c, &back);
}

static void after_exec_strangers(struct conf *c, int argc, char **argv)
{
    union semaphore *there, *back;
    EQ(c, argc, 2);
    EQ(c, sops(c)->open(argv[0], 0, 0, 0, &there), 0);
    EQ(c, sops(c)->open(argv[1], 0, 0, 0, &back), 0);
    EQ(c, sops(c)->post(there), 0);
    EQ(c, sops(c)->wait(back, EVER), 0);
    conf_exit();
}

/* Its value stays while nobody has it open. */
static void value_stays(struct conf *c)
{
    struct sem_name name = sem_name();
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        union semaphore *s;
        EQ(c, sops(c)->open(name.s, O_CREAT, 0600, 5, &s), 0);
        EQ(c, sops(c)->wait(s, NOW), 0);
        conf_exit();
    }
    conf_join(c, pid);
    union semaphore *s = open_sem(c, &name);
    EQ(c, sops(c)->value(s), 4);
    EQ(c, sops(c)->post(s), 0);
    EQ(c, sops(c)->close(s), 0);
    s = open_sem(c, &name);
    EQ(c, sops(c)->value(s), 5);
    EQ(c, sops(c)->close(s), 0);
    EQ(c, sops(c)->unlink(name.s), 0);
}

/* The name goes at once; who has it open goes on, and a new one of that name is another. */
static void lazy_unlink(struct conf *c)
{
    struct one_sem one;
    union semaphore *fresh;
    make_named(c, &one, 0);
    pid_t pid = sem_waiter(c, one.s, 0, EVER);
    EQ(c, sops(c)->unlink(one.name.s), 0);
    EQ(c, sops(c)->unlink(one.name.s), -ENOENT);
    EQ(c, try_sem(c, one.name.s, 0, 0, 0), -ENOENT);
    EQ(c, sops(c)->open(one.name.s, O_CREAT | O_EXCL, 0600, 2, &fresh), 0);
    conf_asleep(c, pid);
    EQ(c, sops(c)->post(one.s), 0);
    conf_join(c, pid);
    EQ(c, sops(c)->value(one.s), 0);
    EQ(c, sops(c)->value(fresh), 2);
    EQ(c, sops(c)->close(one.s), 0);
    EQ(c, sops(c)->value(fresh), 2);
    EQ(c, sops(c)->close(fresh), 0);
    EQ(c, sops(c)->unlink(one.name.s), 0);
}

/* A child of fork(2) has what is open, and closes its own. */
static void fork_inherits(struct conf *c)
{
    struct one_sem one;
    make_named(c, &one, 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        union semaphore *again = open_sem(c, &one.name);
        EQ(c, again == one.s, 1);
        EQ(c, sops(c)->post(one.s), 0);
        EQ(c, sops(c)->close(one.s), 0);
        EQ(c, sops(c)->post(one.s), 0);
        EQ(c, sops(c)->close(one.s), 0);
        EQ(c, sops(c)->close(one.s), -EINVAL);
        conf_exit();
    }
    conf_join(c, pid);
    EQ(c, sops(c)->value(one.s), 2);
    EQ(c, sops(c)->wait(one.s, NOW), 0);
    drop_sem(c, &one);
}

/* exec(2) closes it. */
static void exec_closes(struct conf *c)
{
    struct one_sem one;
    make_named(c, &one, 6);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        char text[24];
        EQ(c, sops(c)->wait(one.s, NOW), 0);
        snprintf(text, sizeof(text), "%lu", (unsigned long)(uintptr_t)one.s);
        conf_exec(c, (const char *[]){one.name.s, text, NULL});
    }
    conf_join(c, pid);
    EQ(c, sops(c)->value(one.s), 5);
    drop_sem(c, &one);
}

static void after_exec_closes(struct conf *c, int argc, char **argv)
{
    struct sem_name name = {""};
    EQ(c, argc, 2);
    EQ(c, sops(c)->close((union semaphore *)(uintptr_t)strtoul(argv[1], NULL, 10)), -EINVAL);
    snprintf(name.s, sizeof(name.s), "%s", argv[0]);
    union semaphore *s = open_sem(c, &name);
    EQ(c, sops(c)->value(s), 5);
    EQ(c, sops(c)->close(s), 0);
    conf_exit();
}

static void bad_names(struct conf *c)
{
    char longest[400];
    memset(longest, 'x', sizeof(longest));
    longest[0] = '/';
    longest[300] = 0;
    EQ(c, try_sem(c, "/", O_CREAT, 0600, 1), -EINVAL);
    EQ(c, try_sem(c, "/", 0, 0, 0), -EINVAL);
    EQ(c, try_sem(c, "", 0, 0, 0), -EINVAL);
    EQ(c, try_sem(c, "/two/slashes", O_CREAT, 0600, 1), -EINVAL);
    EQ(c, try_sem(c, longest, O_CREAT, 0600, 1), DIFFERS(c, -EINVAL, -ENAMETOOLONG));
    EQ(c, sops(c)->unlink(longest), DIFFERS(c, -ENOENT, -ENAMETOOLONG));
    EQ(c, sops(c)->unlink("/two/slashes"), DIFFERS(c, -ENOENT, -EINVAL));
    EQ(c, sops(c)->unlink("/"), DIFFERS(c, -ENOENT, -EINVAL));
}

/* A name without its slash is one to glibc. */
static void no_slash(struct conf *c)
{
    struct sem_name name = sem_name();
    int r = try_sem(c, name.s + 1, O_CREAT, 0600, 1);
    EQ(c, r, DIFFERS(c, 0, -EINVAL));
    EQ(c, sops(c)->unlink(name.s + 1), DIFFERS(c, 0, -EINVAL));
}

/* With the kind before it, a file's name has 255 bytes. */
static void name_length(struct conf *c)
{
    static const int len[] = {200, 240, 241, 251, 252};
    for (int i = 0; i < 5; i++) {
        struct sem_name name = sem_name();
        char text[300];
        int n = snprintf(text, sizeof(text), "%s", name.s);
        memset(text + n, 'y', sizeof(text) - (size_t)n);
        text[len[i] + 1] = 0;
        int want = len[i] <= 240 ? 0 : -ENAMETOOLONG;
        if (len[i] > 240 && len[i] <= 251)
            want = (int)DIFFERS(c, 0, -ENAMETOOLONG);
        EQ(c, try_sem(c, text, O_CREAT, 0600, 1), want);
        if (want == 0)
            EQ(c, sops(c)->unlink(text), 0);
    }
}

static void race(struct conf *c)
{
    struct sem_name name = sem_name();
    pid_t pid[6];
    for (int i = 0; i < 6; i++)
        if ((pid[i] = conf_fork(c)) == 0) {
            union semaphore *s;
            conf_await(c, 0, 1);
            int r = try_sem(c, name.s, O_CREAT | O_EXCL, 0600, 0);
            OK(c, r == 0 || r == -EEXIST);
            conf_add(c, 1, r == 0);
            EQ(c, sops(c)->open(name.s, O_CREAT, 0600, 50, &s), 0);
            EQ(c, sops(c)->post(s), 0);
            EQ(c, sops(c)->close(s), 0);
            conf_exit();
        }
    conf_set(c, 0, 1);
    for (int i = 0; i < 6; i++)
        conf_join(c, pid[i]);
    EQ(c, conf_get(c, 1), 1);
    union semaphore *s = open_sem(c, &name);
    EQ(c, sops(c)->value(s), 6);
    EQ(c, sops(c)->close(s), 0);
    EQ(c, sops(c)->unlink(name.s), 0);
}

static void no_descriptors(struct conf *c)
{
    struct one_sem one;
    make_named(c, &one, 1);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct rlimit none = {0, 0};
        struct sem_name name = sem_name();
        EQ(c, setrlimit(RLIMIT_NOFILE, &none), 0);
        EQ(c, try_sem(c, one.name.s, 0, 0, 0), -EMFILE);
        EQ(c, try_sem(c, name.s, O_CREAT, 0600, 0), -EMFILE);
        EQ(c, sops(c)->wait(one.s, NOW), 0);
        EQ(c, sops(c)->post(one.s), 0);
        conf_exit();
    }
    conf_join(c, pid);
    drop_sem(c, &one);
}

static void other_mode_bits(struct conf *c)
{
    struct sem_name name = sem_name();
    union semaphore *s = NULL;
    mode_t mask = umask(0);
    int r = sops(c)->open(name.s, O_CREAT, 01600, 1, &s);
    umask(mask);
    EQ(c, r, DIFFERS(c, 0, -EINVAL));
    if (r == 0) {
        EQ(c, sops(c)->close(s), 0);
        EQ(c, sops(c)->unlink(name.s), 0);
    }
}

const struct conf_case sem_open_cases[] = {
    {"open.created_then_opened", created_then_opened, 0, NULL, NULL, 0},
    {"open.existing_keeps_its_own", existing_keeps_its_own, 0, NULL, NULL, 0},
    {"open.impossible_value", impossible_value, 0, NULL, NULL, 0},
    {"open.same_address", same_address, 0, NULL, NULL, 0},
    {"open.closed", closed, 0, NULL, NULL, 0},
    {"open.between_strangers", between_strangers, 0, NULL, after_exec_strangers, 0},
    {"open.value_stays", value_stays, 0, NULL, NULL, 0},
    {"open.lazy_unlink", lazy_unlink, 0, NULL, NULL, 0},
    {"open.fork_inherits", fork_inherits, 0, NULL, NULL, 0},
    {"open.exec_closes", exec_closes, 0, NULL, after_exec_closes, 0},
    {"open.bad_names", bad_names, 0, "sem-names", NULL, 0},
    {"open.no_slash", no_slash, 0, "sem-names", NULL, 0},
    {"open.name_length", name_length, 0, "sem-names", NULL, 0},
    {"open.race", race, 0, NULL, NULL, 0},
    {"open.no_descriptors", no_descriptors, 0, NULL, NULL, 0},
    {"open.other_mode_bits", other_mode_bits, 0, "mode-bits-only", NULL, 0},
    {0},
};
