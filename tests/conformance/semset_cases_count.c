/* SPDX-License-Identifier: MIT */
/* semset_cases_count.c - GETNCNT and GETZCNT: how many wait for a semaphore to rise, or to be 0 */
#define _GNU_SOURCE
#include <signal.h>

#include "semset_room.h"

static void expect_counts(struct conf *c, int id, int num, int rise, int zero)
{
    EQ(c, get_of(c, id, num, GETNCNT), rise);
    EQ(c, get_of(c, id, num, GETZCNT), zero);
}

static void up_and_down(struct conf *c)
{
    int id = make_set(c, 2);
    EQ(c, one_op(c, id, 1, 1, 0, NOW), 0);
    pid_t a = sleeper(c, id, 0, 0, -1);
    expect_counts(c, id, 0, 1, 0);
    pid_t b = sleeper(c, id, 1, 0, -5), z = sleeper(c, id, 2, 1, 0);
    expect_counts(c, id, 0, 2, 0);
    expect_counts(c, id, 1, 0, 1);
    EQ(c, one_op(c, id, 0, 1, 0, NOW), 0);
    conf_join(c, a);
    expect_counts(c, id, 0, 1, 0);
    EQ(c, one_op(c, id, 1, -1, 0, NOW), 0);
    conf_join(c, z);
    expect_counts(c, id, 1, 0, 0);
    EQ(c, one_op(c, id, 0, 5, 0, NOW), 0);
    conf_join(c, b);
    expect_counts(c, id, 0, 0, 0);
    remove_set(c, id);
}

/* Of an array the one that can't be done now counts, no other. */
static void of_arrays(struct conf *c)
{
    int id = make_set(c, 3);
    const struct sembuf ops[] = {{0, -1, 0}, {1, -2, 0}, {2, 0, 0}};
    EQ(c, one_op(c, id, 2, 1, 0, NOW), 0);
    pid_t pid = set_sleeper(c, id, 0, ops, 3, EVER);
    expect_counts(c, id, 0, 1, 0);
    expect_counts(c, id, 1, 0, 0);
    expect_counts(c, id, 2, 0, 0);
    EQ(c, one_op(c, id, 0, 1, 0, NOW), 0);
    conf_asleep(c, pid);
    expect_counts(c, id, 0, 0, 0);
    expect_counts(c, id, 1, 1, 0);
    EQ(c, one_op(c, id, 1, 2, 0, NOW), 0);
    conf_asleep(c, pid);
    expect_counts(c, id, 1, 0, 0);
    expect_counts(c, id, 2, 0, 1);
    EQ(c, one_op(c, id, 2, -1, 0, NOW), 0);
    conf_join(c, pid);
    VALUES(c, id, 0, 0, 0);
    remove_set(c, id);
}

/* Where one that it had passed can't be done any more: the kernel names the first of both, Hepta
 * the one that it sleeps for, until that one changes. */
static void of_two(struct conf *c)
{
    int id = make_set(c, 2);
    const struct sembuf ops[] = {{0, -1, 0}, {1, 0, 0}};
    EQ(c, OPS(c, id, NOW, {0, 1, 0}, {1, 1, 0}), 0);
    pid_t pid = set_sleeper(c, id, 0, ops, 2, EVER);
    expect_counts(c, id, 0, 0, 0);
    expect_counts(c, id, 1, 0, 1);
    EQ(c, one_op(c, id, 0, -1, 0, NOW), 0);
    conf_asleep(c, pid);
    EQ(c, get_of(c, id, 0, GETNCNT), DIFFERS(c, 1, 0));
    EQ(c, get_of(c, id, 1, GETZCNT), DIFFERS(c, 0, 1));
    EQ(c, one_op(c, id, 1, -1, 0, NOW), 0);
    conf_asleep(c, pid);
    expect_counts(c, id, 0, 1, 0);
    expect_counts(c, id, 1, 0, 0);
    EQ(c, one_op(c, id, 0, 1, 0, NOW), 0);
    conf_join(c, pid);
    VALUES(c, id, 0, 0);
    remove_set(c, id);
}

/* The same semaphore twice in an array: it waits for it once. */
static void twice(struct conf *c)
{
    int id = make_set(c, 1);
    const struct sembuf ops[] = {{0, -1, 0}, {0, -1, 0}};
    pid_t pid = set_sleeper(c, id, 0, ops, 2, EVER);
    expect_counts(c, id, 0, 1, 0);
    EQ(c, one_op(c, id, 0, 1, 0, NOW), 0);
    conf_asleep(c, pid);
    expect_counts(c, id, 0, 1, 0);
    EQ(c, one_op(c, id, 0, 1, 0, NOW), 0);
    conf_join(c, pid);
    expect_counts(c, id, 0, 0, 0);
    remove_set(c, id);
}

/* However a sleep ends, it is counted no more. */
static void ended(struct conf *c)
{
    int id = make_set(c, 2);
    const struct sembuf rise = {0, -1, 0}, zero = {1, 0, 0};
    EQ(c, one_op(c, id, 1, 1, 0, NOW), 0);
    conf_handle(c, SIGUSR1, 0);
    for (int i = 0; i < 2; i++) {
        const struct sembuf *o = i ? &zero : &rise;
        pid_t pid = set_sleeper(c, id, 0, o, 1, EVER);
        expect_counts(c, id, i, i == 0, i == 1);
        conf_set(c, COUNTER, 0);
        conf_break_off(c, pid, SIGUSR1, COUNTER, 1);
        conf_join(c, pid);
        expect_counts(c, id, i, 0, 0);
        pid = set_sleeper(c, id, 1, o, 1, EVER);
        expect_counts(c, id, i, i == 0, i == 1);
        conf_kill(c, pid);
        expect_counts(c, id, i, 0, 0);
        OK(c, one_op(c, id, i, o->sem_op, 0, in_some_ms(20)) < 0);
        expect_counts(c, id, i, 0, 0);
        OK(c, one_op(c, id, i, o->sem_op, IPC_NOWAIT, EVER) == -EAGAIN);
        expect_counts(c, id, i, 0, 0);
    }
    remove_set(c, id);
}

const struct conf_case semset_count_cases[] = {
    {"count.up_and_down", up_and_down, 0, NULL, NULL, 0},
    {"count.of_arrays", of_arrays, 0, NULL, NULL, 0},
    {"count.of_two", of_two, 0, "semset-counted-once", NULL, 0},
    {"count.twice", twice, 0, NULL, NULL, 0},
    {"count.ended", ended, 0, NULL, NULL, 0},
    {0},
};
