/* SPDX-License-Identifier: MIT */
/* signal_cases_give.c - mailboxes whose receiver says when it is done: HEPTA_MAILBOX_ACK */
#define _GNU_SOURCE
#include <unistd.h>

#include "signal_room.h"

static struct hepta_mailbox *receiver(struct conf *c, const struct where *at)
{
    struct hepta_mailbox *box;
    EQ(c, hepta_mailbox_open(at->name,
                             HEPTA_MAILBOX_CREATE | HEPTA_MAILBOX_RECEIVE | HEPTA_MAILBOX_ACK,
                             0600, NULL, &box),
       0);
    return box;
}

static void got(struct conf *c, struct hepta_mailbox *box, int signo, unsigned char byte)
{
    struct hepta_signal_info info;
    EQ(c, hepta_mailbox_wait(box, &info, NOW), signo);
    if (byte) {
        EQ(c, info.len, 1);
        EQ(c, info.payload[0], byte);
    }
}

static void send_bytes(struct conf *c, const struct where *at, int signo, const char *bytes)
{
    struct peer p;
    find_peer(c, &p, at);
    for (; *bytes; bytes++)
        EQ(c, hepta_mailbox_send(p.box, signo, bytes, 1, 0), 0);
    leave_peer(c, &p);
}

/* A receiver that takes n, acknowledges the last if it is to, and is killed. */
static void taken_by_the_dead(struct conf *c, const struct where *at, int n, bool ack)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct hepta_mailbox *box = receiver(c, at);
        for (int i = 0; i < n; i++)
            OK(c, hepta_mailbox_wait(box, NULL, NOW) > 0);
        if (ack)
            EQ(c, hepta_mailbox_ack(box), 0);
        conf_set(c, BEFORE, 1);
        conf_await(c, FREE, 1);
    }
    conf_await(c, BEFORE, 1);
    conf_set(c, BEFORE, 0);
    conf_kill(c, pid);
}

/* The last that was given comes again, before the others of its number. */
static void given_again(struct conf *c)
{
    struct where at = new_place();
    EQ(c, hepta_mailbox_close(receiver(c, &at)), 0);
    send_bytes(c, &at, RT(0), "abc");
    taken_by_the_dead(c, &at, 2, false); /* a is done: b was asked for */
    send_bytes(c, &at, RT(0), "d");
    struct hepta_mailbox *box = receiver(c, &at);
    got(c, box, RT(0), 'b');
    got(c, box, RT(0), 'c');
    got(c, box, RT(0), 'd');
    EQ(c, hepta_mailbox_wait(box, NULL, NOW), -EAGAIN);
    EQ(c, hepta_mailbox_close(box), 0);
    unlink_place(c, &at);
}

static void acknowledged(struct conf *c)
{
    struct where at = new_place();
    EQ(c, hepta_mailbox_close(receiver(c, &at)), 0);
    send_bytes(c, &at, RT(0), "abc");
    taken_by_the_dead(c, &at, 2, true);
    struct hepta_mailbox *box = receiver(c, &at);
    got(c, box, RT(0), 'c');
    EQ(c, hepta_mailbox_wait(box, NULL, NOW), -EAGAIN); /* which is an acknowledgement */
    EQ(c, hepta_mailbox_ack(box), -EINVAL);
    EQ(c, hepta_mailbox_close(box), 0);
    unlink_place(c, &at);
}

/* Closing says that it is done, too. */
static void closed(struct conf *c)
{
    struct where at = new_place();
    struct hepta_mailbox *box = receiver(c, &at);
    send_bytes(c, &at, RT(0), "ab");
    got(c, box, RT(0), 'a');
    EQ(c, hepta_mailbox_close(box), 0);
    box = receiver(c, &at);
    got(c, box, RT(0), 'b');
    EQ(c, hepta_mailbox_ack(box), 0);
    EQ(c, hepta_mailbox_ack(box), -EINVAL);
    EQ(c, hepta_mailbox_close(box), 0);
    unlink_place(c, &at);
}

/* One that coalesces is pending again; one that came meanwhile is the same. */
static void standard_again(struct conf *c)
{
    struct where at = new_place();
    EQ(c, hepta_mailbox_close(receiver(c, &at)), 0);
    tell_from_child(c, &at, (int[]){SIGUSR1}, 1);
    taken_by_the_dead(c, &at, 1, false);
    taken_by_the_dead(c, &at, 1, false); /* given again, and again not done */
    tell_from_child(c, &at, (int[]){SIGUSR1}, 1);
    struct hepta_mailbox *box = receiver(c, &at);
    got(c, box, SIGUSR1, 0);
    EQ(c, hepta_mailbox_wait(box, NULL, NOW), -EAGAIN);
    EQ(c, hepta_mailbox_close(box), 0);
    unlink_place(c, &at);
}

/* Without the flag there is nothing to acknowledge: taken is taken. */
static void without(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    queue(c, &p, RT(0), 1);
    take_value(c, &in, RT(0), 1);
    EQ(c, hepta_mailbox_ack(in.box), -EINVAL);
    EQ(c, (long long)pending(c, &in), 0);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

const struct conf_case signal_give_cases[] = {
    {"give.given_again", given_again, NEEDS_MAILBOX, NULL, NULL, 0},
    {"give.acknowledged", acknowledged, NEEDS_MAILBOX, NULL, NULL, 0},
    {"give.closed", closed, NEEDS_MAILBOX, NULL, NULL, 0},
    {"give.standard_again", standard_again, NEEDS_MAILBOX, NULL, NULL, 0},
    {"give.without", without, NEEDS_MAILBOX, NULL, NULL, 0},
    {0},
};
