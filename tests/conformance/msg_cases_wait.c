/* SPDX-License-Identifier: MIT */
/* msg_cases_wait.c - what blocks, what wakes whom, and what ends a wait */
#define _GNU_SOURCE
#include <signal.h>
#include <unistd.h>

#include "msg_room.h"

static void set_qbytes(struct conf *c, int id, unsigned long n)
{
    struct msqid_ds ds = msg_status(c, id);
    ds.msg_qbytes = n;
    EQ(c, gops(c)->ctl(id, IPC_SET, &ds), 0);
}

static void receiver_waits(struct conf *c)
{
    int id = make_msg(c);
    pid_t pid = msg_receiver(c, id, 0, 0, 0);
    EQ(c, put_msg(c, id, 4, 7, IPC_NOWAIT), 0);
    conf_join(c, pid);
    EQ(c, conf_get(c, RESULT), 7);
    remove_msg(c, id);
}

static void only_by_its_type(struct conf *c)
{
    int id = make_msg(c);
    pid_t exact = msg_receiver(c, id, 0, 5, 0), up_to = msg_receiver(c, id, 1, -3, 0),
          but = msg_receiver(c, id, 2, 7, MSG_EXCEPT);
    EQ(c, put_msg(c, id, 7, 70, IPC_NOWAIT), 0); /* for nobody */
    conf_pause_ms(20);
    EQ(c, conf_get(c, COUNTER), 0);
    EQ(c, put_msg(c, id, 5, 50, IPC_NOWAIT), 0); /* two would take it: the first that waits */
    conf_join(c, exact);
    EQ(c, conf_get(c, RESULT), 50);
    EQ(c, put_msg(c, id, 2, 20, IPC_NOWAIT), 0);
    conf_join(c, up_to);
    EQ(c, conf_get(c, RESULT + 1), 20);
    EQ(c, conf_get(c, COUNTER), 2);
    EQ(c, put_msg(c, id, 2, 21, IPC_NOWAIT), 0);
    conf_join(c, but);
    EQ(c, conf_get(c, RESULT + 2), 21);
    EQ(c, get_msg(c, id, 0, IPC_NOWAIT), 70);
    remove_msg(c, id);
}

static void receivers_in_order(struct conf *c)
{
    int id = make_msg(c);
    pid_t pid[4];
    for (int i = 0; i < 4; i++)
        pid[i] = msg_receiver(c, id, i, 0, 0);
    for (int i = 0; i < 4; i++) {
        EQ(c, put_msg(c, id, 1, 100 + i, IPC_NOWAIT), 0);
        conf_join(c, pid[i]);
        EQ(c, conf_get(c, RESULT + i), 100 + i);
    }
    remove_msg(c, id);
}

/* Each gets in; msgop(2) promises no order, and one that looks by itself may be faster. */
static void all_senders_get_in(struct conf *c)
{
    int id = make_msg(c);
    long sum = 0;
    pid_t pid[3];
    set_qbytes(c, id, sizeof(long));
    EQ(c, put_msg(c, id, 1, 99, IPC_NOWAIT), 0);
    for (int i = 0; i < 3; i++)
        pid[i] = msg_sender(c, id, i, 1, 100 + i);
    EQ(c, get_msg(c, id, 0, IPC_NOWAIT), 99);
    for (int i = 0; i < 3; i++) {
        long n = get_msg(c, id, 0, 0);
        sum += n;
        OK(c, n >= 100 && n < 103);
    }
    EQ(c, sum, 303);
    for (int i = 0; i < 3; i++)
        conf_join(c, pid[i]);
    remove_msg(c, id);
}

static void raised_limit_wakes(struct conf *c)
{
    int id = make_msg(c);
    set_qbytes(c, id, sizeof(long));
    EQ(c, put_msg(c, id, 1, 99, IPC_NOWAIT), 0);
    pid_t pid = msg_sender(c, id, 0, 1, 100);
    set_qbytes(c, id, 100);
    conf_join(c, pid);
    EQ(c, msg_status(c, id).msg_qnum, 2);
    remove_msg(c, id);
}

static void removal_ends_waits(struct conf *c)
{
    int id = make_msg(c), full = make_msg(c);
    set_qbytes(c, full, sizeof(long));
    EQ(c, put_msg(c, full, 1, 99, IPC_NOWAIT), 0);
    pid_t r = msg_receiver(c, id, 0, 3, 0), s = msg_sender(c, full, 1, 1, 1);
    remove_msg(c, id);
    remove_msg(c, full);
    conf_join(c, r);
    conf_join(c, s);
    EQ(c, conf_get(c, RESULT), -EIDRM);
    EQ(c, conf_get(c, RESULT + 1), -EIDRM);
}

/* Never restarted, whatever the handler's flags are (signal(7)). */
static void interrupted(struct conf *c, int flags, int sends)
{
    int id = make_msg(c);
    set_qbytes(c, id, sizeof(long));
    if (sends)
        EQ(c, put_msg(c, id, 1, 99, IPC_NOWAIT), 0);
    conf_handle(c, SIGUSR1, flags);
    pid_t pid = sends ? msg_sender(c, id, 0, 1, 1) : msg_receiver(c, id, 0, 0, 0);
    kill(pid, SIGUSR1);
    conf_join(c, pid);
    EQ(c, conf_get(c, RESULT), -EINTR);
    EQ(c, msg_status(c, id).msg_qnum, sends);
    remove_msg(c, id);
}

static void interrupted_receiver(struct conf *c)
{
    interrupted(c, 0, 0);
}

static void interrupted_sender(struct conf *c)
{
    interrupted(c, 0, 1);
}

static void restart_does_not_count(struct conf *c)
{
    interrupted(c, SA_RESTART, 0);
    conf_set(c, COUNTER, 0);
    interrupted(c, SA_RESTART, 1);
}

static void killed_receiver(struct conf *c)
{
    int id = make_msg(c);
    pid_t first = msg_receiver(c, id, 0, 0, 0), second = msg_receiver(c, id, 1, 0, 0);
    conf_kill(c, first);
    EQ(c, put_msg(c, id, 1, 5, IPC_NOWAIT), 0);
    conf_join(c, second);
    EQ(c, conf_get(c, RESULT + 1), 5);
    remove_msg(c, id);
}

/* A waiting receiver whose buffer is too small gets -E2BIG, and the message goes to another. */
static void small_buffer_of_a_waiter(struct conf *c)
{
    int id = make_msg(c);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        char b[4];
        conf_set(c, BEFORE, 9);
        conf_set(c, RESULT, gops(c)->receive(id, NULL, b, sizeof(b), 0, 0));
        conf_exit();
    }
    conf_asleep_after(c, pid, BEFORE);
    EQ(c, put_msg(c, id, 1, 5, IPC_NOWAIT), 0);
    conf_join(c, pid);
    EQ(c, conf_get(c, RESULT), -E2BIG);
    EQ(c, get_msg(c, id, 0, IPC_NOWAIT), 5);
    remove_msg(c, id);
}

static void many_to_many(struct conf *c)
{
    int id = make_msg(c);
    pid_t pid[6];
    set_qbytes(c, id, 40);
    for (int i = 0; i < 6; i++)
        if ((pid[i] = conf_fork(c)) == 0) {
            for (long n = 0; i < 4 && n < 300; n++)
                EQ(c, put_msg(c, id, 1 + n % 2, i * 1000 + n, 0), 0);
            for (long n = 0; i >= 4 && n < 600; n++) {
                long got = get_msg(c, id, i - 3, 0); /* a type each */
                OK(c, got >= 0 && got % 1000 % 2 == i - 4);
                conf_add(c, (int)(got / 1000), 1);
            }
            conf_exit();
        }
    for (int i = 0; i < 6; i++)
        conf_join(c, pid[i]);
    for (int i = 0; i < 4; i++)
        EQ(c, conf_get(c, i), 300);
    remove_msg(c, id);
}

const struct conf_case msg_wait_cases[] = {
    {"wait.receiver_waits", receiver_waits, 0, NULL, NULL, 0},
    {"wait.only_by_its_type", only_by_its_type, 0, NULL, NULL, 0},
    {"wait.receivers_in_order", receivers_in_order, 0, NULL, NULL, 0},
    {"wait.all_senders_get_in", all_senders_get_in, 0, NULL, NULL, 0},
    {"wait.raised_limit_wakes", raised_limit_wakes, 0, NULL, NULL, 0},
    {"wait.removal_ends_waits", removal_ends_waits, 0, NULL, NULL, 0},
    {"wait.interrupted_receiver", interrupted_receiver, 0, NULL, NULL, 0},
    {"wait.interrupted_sender", interrupted_sender, 0, NULL, NULL, 0},
    {"wait.restart_does_not_count", restart_does_not_count, 0, NULL, NULL, 0},
    {"wait.killed_receiver", killed_receiver, 0, NULL, NULL, 0},
    {"wait.small_buffer_of_a_waiter", small_buffer_of_a_waiter, 0, NULL, NULL, 0},
    {"wait.many_to_many", many_to_many, 0, NULL, NULL, 0},
    {0},
};
