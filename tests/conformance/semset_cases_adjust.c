/* SPDX-License-Identifier: MIT */
/* semset_cases_adjust.c - how far an undo goes, who clears it, and what it leaves to be seen */
#define _GNU_SOURCE
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "semset_room.h"

#define MAX HEPTA_SEMSET_VALUE_MAX

/* Linux: down to 0 and no further, and the end of the process doesn't wait. */
static void not_below_zero(struct conf *c)
{
    int id = make_set(c, 2);
    pid_t pid = set_doer(c, id, 0, 0, 5, SEM_UNDO);
    EQ(c, one_op(c, id, 0, -3, 0, NOW), 0);
    pid_t zero = sleeper(c, id, 0, 0, 0);
    conf_kill(c, pid);
    conf_join(c, zero);
    VALUES(c, id, 0, 0);
    EQ(c, one_op(c, id, 0, 2, 0, NOW), 0); /* and no debt stays */
    VALUES(c, id, 2, 0);
    remove_set(c, id);
}

static void not_above_the_most(struct conf *c)
{
    int id = make_set(c, 1);
    EQ(c, one_op(c, id, 0, 5, 0, NOW), 0);
    pid_t pid = set_doer(c, id, 0, 0, -5, SEM_UNDO);
    EQ(c, one_op(c, id, 0, MAX - 2, 0, NOW), 0);
    conf_kill(c, pid);
    VALUES(c, id, MAX);
    remove_set(c, id);
}

/* SETVAL clears what all processes would undo to that semaphore, and to no other. */
static void setval_clears(struct conf *c)
{
    int id = make_set(c, 2);
    EQ(c, OPS(c, id, NOW, {0, 10, 0}, {1, 10, 0}), 0);
    pid_t pid[2];
    for (int i = 0; i < 2; i++) {
        pid[i] = conf_fork(c);
        if (pid[i] == 0) {
            EQ(c, OPS(c, id, NOW, {0, -1, SEM_UNDO}, {1, -2, SEM_UNDO}), 0);
            conf_set(c, DONE + i, 1);
            conf_await(c, GO + i, 1);
            if (i == 1)
                EQ(c, one_op(c, id, 0, -3, SEM_UNDO, NOW), 0); /* counted anew */
            conf_set(c, DONE + i, 2);
            conf_await(c, GO + i, 2);
            conf_exit();
        }
        conf_await(c, DONE + i, 1);
    }
    EQ(c, set_val(c, id, 0, 20), 0);
    conf_set(c, GO + 1, 1);
    conf_await(c, DONE + 1, 2);
    VALUES(c, id, 17, 6);
    conf_kill(c, pid[0]);
    VALUES(c, id, 17, 8);
    conf_kill(c, pid[1]);
    VALUES(c, id, 20, 10);
    remove_set(c, id);
}

static void setall_clears(struct conf *c)
{
    int id = make_set(c, 2);
    unsigned short all[] = {3, 4};
    EQ(c, OPS(c, id, NOW, {0, 10, 0}, {1, 10, 0}), 0);
    pid_t a = set_doer(c, id, 0, 0, -1, SEM_UNDO), b = set_doer(c, id, 1, 1, 2, SEM_UNDO);
    EQ(c, tops(c)->ctl(id, 0, SETALL, (union hepta_semun){.array = all}), 0);
    conf_kill(c, a);
    conf_kill(c, b);
    VALUES(c, id, 3, 4);
    remove_set(c, id);
}

/* Of who sets it himself, too. */
static void own_are_cleared(struct conf *c)
{
    int id = make_set(c, 1);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, one_op(c, id, 0, 4, SEM_UNDO, NOW), 0);
        EQ(c, set_val(c, id, 0, 4), 0);
        EQ(c, one_op(c, id, 0, 1, SEM_UNDO, NOW), 0);
        conf_exit();
    }
    conf_join(c, pid);
    VALUES(c, id, 4);
    remove_set(c, id);
}

/* A SETVAL that is refused clears nothing. */
static void refused_clears_nothing(struct conf *c)
{
    int id = make_set(c, 1);
    unsigned short all[] = {MAX + 1};
    pid_t pid = set_doer(c, id, 0, 0, 4, SEM_UNDO);
    EQ(c, set_val(c, id, 0, MAX + 1), -ERANGE);
    EQ(c, tops(c)->ctl(id, 0, SETALL, (union hepta_semun){.array = all}), -ERANGE);
    conf_kill(c, pid);
    VALUES(c, id, 0);
    remove_set(c, id);
}

/* Linux: the process whose end changed it is the last that did. */
static void who_and_when(struct conf *c)
{
    int id = make_set(c, 2);
    pid_t pid = set_doer(c, id, 0, 0, 2, SEM_UNDO);
    EQ(c, OPS(c, id, NOW, {0, 1, 0}, {1, 1, 0}), 0);
    EQ(c, get_of(c, id, 0, GETPID), getpid());
    conf_pause_ms(1100);
    time_t before = time(NULL);
    conf_kill(c, pid);
    VALUES(c, id, 1, 1);
    EQ(c, get_of(c, id, 0, GETPID), pid);
    EQ(c, get_of(c, id, 1, GETPID), getpid());
    OK(c, set_status(c, id).sem_otime >= before);
    remove_set(c, id);
}

/* Many holders that die in turn: what was taken and given comes out even. */
static void sums(struct conf *c)
{
    enum { HOLDERS = 6, ROUNDS = 12 };
    int id = make_set(c, 2);
    EQ(c, OPS(c, id, NOW, {0, 100, 0}, {1, 100, 0}), 0);
    for (int round = 0; round < ROUNDS; round++) {
        pid_t pid[HOLDERS];
        for (int i = 0; i < HOLDERS; i++)
            pid[i] = set_doer(c, id, i % 6, i % 2, i % 3 - 3, SEM_UNDO);
        EQ(c, get_of(c, id, 0, GETVAL) + get_of(c, id, 1, GETVAL), 200 - 12);
        for (int i = 0; i < HOLDERS; i++)
            conf_kill(c, pid[i]);
        VALUES(c, id, 100, 100);
        for (int i = 0; i < HOLDERS; i++)
            conf_set(c, DONE + i, 0);
    }
    remove_set(c, id);
}

/* A waiter of one who is killed proceeds, while nobody else looks. */
static void waiter_of_a_dead(struct conf *c)
{
    int id = make_set(c, 1);
    EQ(c, one_op(c, id, 0, 1, 0, NOW), 0);
    for (int i = 0; i < 5; i++) {
        pid_t holder = set_doer(c, id, 0, 0, -1, SEM_UNDO);
        const struct sembuf o = {0, -1, SEM_UNDO};
        pid_t waiter = set_sleeper(c, id, 0, &o, 1, EVER);
        int64_t killed = hepta_now_ns();
        conf_kill(c, holder);
        conf_join(c, waiter);
        OK(c, hepta_now_ns() - killed < 2000000000);
        EQ(c, conf_get(c, RESULT), 0);
        conf_set(c, DONE, 0);
    }
    VALUES(c, id, 1);
    remove_set(c, id);
}

/* What comes back with a death goes to those who sleep, in their order. */
static void dead_in_order(struct conf *c)
{
    int id = make_set(c, 1);
    const struct sembuf o = {0, -1, SEM_UNDO};
    pid_t pid[4];
    EQ(c, one_op(c, id, 0, 1, 0, NOW), 0);
    pid_t holder = set_doer(c, id, 0, 0, -1, SEM_UNDO);
    for (int i = 0; i < 4; i++) {
        setpriority(PRIO_PROCESS, 0, -15); /* of children: who can't run may be overtaken */
        pid[i] = set_sleeper(c, id, i, &o, 1, EVER);
        setpriority(PRIO_PROCESS, 0, 0);
    }
    conf_kill(c, holder);
    for (int i = 0; i < 4; i++) {
        conf_join(c, pid[i]); /* its end is the next one's turn */
        EQ(c, conf_get(c, ORDER + i), i + 1);
    }
    VALUES(c, id, 1);
    remove_set(c, id);
}

const struct conf_case semset_adjust_cases[] = {
    {"adjust.not_below_zero", not_below_zero, 0, NULL, NULL, 0},
    {"adjust.not_above_the_most", not_above_the_most, 0, NULL, NULL, 0},
    {"adjust.setval_clears", setval_clears, 0, NULL, NULL, 0},
    {"adjust.setall_clears", setall_clears, 0, NULL, NULL, 0},
    {"adjust.own_are_cleared", own_are_cleared, 0, NULL, NULL, 0},
    {"adjust.refused_clears_nothing", refused_clears_nothing, 0, NULL, NULL, 0},
    {"adjust.who_and_when", who_and_when, 0, NULL, NULL, 0},
    {"adjust.sums", sums, 0, NULL, NULL, 0},
    {"adjust.dead_in_order", dead_in_order, 0, NULL, NULL, 0},
    {"adjust.waiter_of_a_dead", waiter_of_a_dead, 0, NULL, NULL, 0},
    {0},
};
