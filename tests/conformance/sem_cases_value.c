/* SPDX-License-Identifier: MIT */
/* sem_cases_value.c - the value: what init, post and wait make of it, and what is refused */
#define _GNU_SOURCE
#include <string.h>

#include "sem_room.h"

static void counts_with(struct conf *c, union semaphore *s)
{
    EQ(c, sops(c)->value(s), 2);
    EQ(c, sops(c)->wait(s, EVER), 0);
    EQ(c, sops(c)->value(s), 1);
    EQ(c, sops(c)->wait(s, NOW), 0);
    EQ(c, sops(c)->value(s), 0);
    EQ(c, sops(c)->wait(s, NOW), -EAGAIN);
    EQ(c, sops(c)->value(s), 0);
    for (int i = 1; i <= 1000; i++) {
        EQ(c, sops(c)->post(s), 0);
        EQ(c, sops(c)->value(s), i);
    }
    for (int i = 1000; i > 0; i--)
        EQ(c, sops(c)->wait(s, i % 2 ? EVER : NOW), 0);
    EQ(c, sops(c)->value(s), 0);
}

static void counts(struct conf *c)
{
    with_both(c, 2, counts_with);
}

static void overflow_with(struct conf *c, union semaphore *s)
{
    EQ(c, sops(c)->value(s), SEM_VALUE_MAX - 1);
    EQ(c, sops(c)->post(s), 0);
    EQ(c, sops(c)->value(s), SEM_VALUE_MAX);
    EQ(c, sops(c)->post(s), -EOVERFLOW);
    EQ(c, sops(c)->value(s), SEM_VALUE_MAX);
    EQ(c, sops(c)->wait(s, EVER), 0);
    EQ(c, sops(c)->value(s), SEM_VALUE_MAX - 1);
    EQ(c, sops(c)->post(s), 0);
    EQ(c, sops(c)->post(s), -EOVERFLOW);
}

static void overflow(struct conf *c)
{
    EQ(c, HEPTA_SEM_VALUE_MAX, SEM_VALUE_MAX);
    with_both(c, SEM_VALUE_MAX - 1, overflow_with);
}

static void first_value(struct conf *c)
{
    const uint32_t good[] = {0, 1, 77, SEM_VALUE_MAX};
    const uint32_t bad[] = {SEM_VALUE_MAX + 1u, UINT32_MAX};
    union semaphore s;
    struct sem_name name = sem_name();

    for (int i = 0; i < 4; i++) {
        EQ(c, sops(c)->init(&s, 0, good[i]), 0);
        EQ(c, sops(c)->value(&s), good[i]);
        EQ(c, sops(c)->destroy(&s), 0);
    }
    for (int i = 0; i < 2; i++) {
        EQ(c, sops(c)->init(&s, 0, bad[i]), -EINVAL);
        EQ(c, sops(c)->init(&s, 1, bad[i]), -EINVAL);
        EQ(c, try_sem(c, name.s, O_CREAT, 0600, bad[i]), -EINVAL);
        EQ(c, try_sem(c, name.s, O_CREAT | O_EXCL, 0600, bad[i]), -EINVAL);
        EQ(c, try_sem(c, name.s, 0, 0, 0), -ENOENT);
    }
}

/* After destroy, init makes a new one of it. */
static void again(struct conf *c)
{
    struct one_sem one;

    make_unnamed(c, &one, 3);
    EQ(c, sops(c)->wait(one.s, NOW), 0);
    EQ(c, sops(c)->destroy(one.s), 0);
    EQ(c, sops(c)->init(one.s, 1, 1), 0);
    EQ(c, sops(c)->wait(one.s, NOW), 0);
    EQ(c, sops(c)->wait(one.s, NOW), -EAGAIN);
    EQ(c, sops(c)->post(one.s), 0);
    EQ(c, sops(c)->value(one.s), 1);
    drop_sem(c, &one);
}

/* glibc doesn't look: POSIX says "may fail". */
static void no_semaphore(struct conf *c)
{
    union semaphore s;
    memset(&s, 0, sizeof(s));
    EQ(c, sops(c)->value(&s), DIFFERS(c, 0, -EINVAL));
    EQ(c, sops(c)->wait(&s, NOW), DIFFERS(c, -EAGAIN, -EINVAL));
    EQ(c, sops(c)->post(&s), DIFFERS(c, 0, -EINVAL));
    EQ(c, sops(c)->destroy(&s), DIFFERS(c, 0, -EINVAL));
    EQ(c, sops(c)->init(&s, 0, 5), 0);
    EQ(c, sops(c)->destroy(&s), 0);
    EQ(c, sops(c)->value(&s), DIFFERS(c, 5, -EINVAL));
    EQ(c, sops(c)->wait(&s, in_some_ms(LONG_MS)), DIFFERS(c, 0, -EINVAL));
    EQ(c, sops(c)->destroy(&s), DIFFERS(c, 0, -EINVAL));
}

static void destroy_a_named_one(struct conf *c)
{
    struct one_sem one;
    make_named(c, &one, 4);
    EQ(c, sops(c)->destroy(one.s), DIFFERS(c, 0, -EINVAL));
    EQ(c, sops(c)->value(one.s), 4);
    drop_sem(c, &one);
}

static void not_aligned(struct conf *c)
{
    union semaphore two[2];
    EQ(c, sops(c)->init((union semaphore *)(void *)((char *)two + 1), 0, 1),
       DIFFERS(c, 0, -EINVAL));
    if (conf_side(c) == CONF_HEPTA)
        EQ(c, sops(c)->init(NULL, 0, 1), -EINVAL);
}

/* Whoever waits has what was written before the post. */
static void order_of_memory(struct conf *c)
{
    struct one_sem full, empty;
    const long n = 20000;

    make_unnamed(c, &full, 0);
    make_unnamed(c, &empty, 4);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        for (long i = 0; i < n; i++) {
            EQ(c, sops(c)->wait(empty.s, EVER), 0);
            atomic_store_explicit(&c->share->cell[i % 4], i, memory_order_relaxed);
            EQ(c, sops(c)->post(full.s), 0);
        }
        conf_exit();
    }
    for (long i = 0; i < n; i++) {
        EQ(c, sops(c)->wait(full.s, EVER), 0);
        EQ(c, atomic_load_explicit(&c->share->cell[i % 4], memory_order_relaxed), i);
        EQ(c, sops(c)->post(empty.s), 0);
    }
    conf_join(c, pid);
    EQ(c, sops(c)->value(empty.s), 4);
    EQ(c, sops(c)->value(full.s), 0);
    drop_sem(c, &full);
    drop_sem(c, &empty);
}

const struct conf_case sem_value_cases[] = {
    {"value.counts", counts, 0, NULL, NULL, 0},
    {"value.overflow", overflow, 0, NULL, NULL, 0},
    {"value.first", first_value, 0, NULL, NULL, 0},
    {"value.again", again, 0, NULL, NULL, 0},
    {"value.no_semaphore", no_semaphore, 0, "sem-checked", NULL, 0},
    {"value.destroy_a_named_one", destroy_a_named_one, 0, "sem-checked", NULL, 0},
    {"value.not_aligned", not_aligned, 0, "sem-checked", NULL, 0},
    {"value.order_of_memory", order_of_memory, 0, NULL, NULL, 0},
    {0},
};
