/* SPDX-License-Identifier: MIT */
/*
 * unix_cases_message.c - seqpacket and datagrams: one send, one recv, whole or not at all
 */
#define _GNU_SOURCE
#include "unix_room.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void one_each(struct conf *c)
{
    static const size_t lens[] = {10, 1, 4096, 3, 60000};
    struct two t;

    meet(c, &t);
    for (int i = 0; i < 5; i++)
        EQ(c, give(c, &t, t.a, lens[i], EVER), lens[i]);
    for (int i = 0; i < 5; i++)
        EQ(c, take(c, &t, t.b, MAX_GIVE, EVER), lens[i]);
    EQ(c, take(c, &t, t.b, 10, NOW), -EAGAIN);
    part(c, &t);
}

static void many_sizes(struct conf *c)
{
    struct two t;

    meet(c, &t);
    for (size_t i = 1; i < 3000; i++) {
        EQ(c, give(c, &t, t.a, i, EVER), i);
        EQ(c, give(c, &t, t.a, 3000 - i, EVER), 3000 - i);
        EQ(c, take(c, &t, t.b, MAX_GIVE, EVER), i);
        EQ(c, take(c, &t, t.b, 3000 - i, EVER), 3000 - i); /* it fits exactly */
    }
    part(c, &t);
}

static void rest_is_lost(struct conf *c)
{
    struct two t;

    meet(c, &t);
    for (int i = 0; i < 3; i++)
        EQ(c, give(c, &t, t.a, 100, EVER), 100);
    for (int i = 0; i < 3; i++) {
        EQ(c, take(c, &t, t.b, 30, EVER), 30);
        t.n_taken[0] += 70;
    }
    EQ(c, take(c, &t, t.b, 30, NOW), -EAGAIN);
    part(c, &t);
}

static void full_length(struct conf *c)
{
    struct hepta_sock_msg m = {0};
    struct two t;
    char buf[100];

    meet(c, &t);
    say(c, t.a, "0123456789");
    say(c, t.a, "abc");
    EQ(c, recv_into(c, t.b, &m, buf, 4, EVER), 4);
    EQ(c, m.full_len, 10);
    EQ(c, m.flags, HEPTA_SOCK_MSG_TRUNC);
    OK(c, !memcmp(buf, "0123", 4));
    EQ(c, recv_into(c, t.b, &m, buf, 3, EVER), 3);
    EQ(c, m.full_len, 3);
    EQ(c, m.flags, 0);
    part(c, &t);
}

/* Cut in the middle of the pieces. */
static void cut_in_pieces(struct conf *c)
{
    struct two t;
    char a[4] = "", b[4] = "";
    struct iovec iov[2] = {{a, 3}, {b, 2}};
    struct hepta_sock_msg m = {.size = sizeof(m), .iov = iov, .n_iov = 2};

    meet(c, &t);
    say(c, t.a, "onetwo");
    EQ(c, uops(c)->recvmsg(t.b, &m, EVER), 5);
    OK(c, !strcmp(a, "one") && !strcmp(b, "tw"));
    EQ(c, m.full_len, 6);
    EQ(c, m.flags, HEPTA_SOCK_MSG_TRUNC);
    part(c, &t);
}

static void empty_ones(struct conf *c)
{
    struct two t;

    meet(c, &t);
    EQ(c, give(c, &t, t.a, 0, EVER), 0);
    EQ(c, give(c, &t, t.a, 5, EVER), 5);
    EQ(c, uops(c)->send(t.a, NULL, 0, EVER), 0);
    OK(c, can(c, t.b, POLLIN));
    EQ(c, take(c, &t, t.b, 10, NOW), 0);
    EQ(c, take(c, &t, t.b, 10, NOW), 5);
    EQ(c, take(c, &t, t.b, 10, NOW), 0);
    EQ(c, take(c, &t, t.b, 10, NOW), -EAGAIN);
    part(c, &t);
}

static void empty_is_not_end(struct conf *c)
{
    struct hepta_sock_msg m = {0};
    char buf[10];

    for (int i = 0; i < 2; i++) { /* either end */
        struct two t;

        meet(c, &t);
        struct usock **s = i ? &t.b : &t.a, **r = i ? &t.a : &t.b;
        EQ(c, give(c, &t, *s, 0, EVER), 0);
        shut(c, s);
        EQ(c, recv_into(c, *r, &m, buf, 10, EVER), 0);
        EQ(c, m.flags, 0);
        EQ(c, m.pid, getpid());
        EQ(c, recv_into(c, *r, &m, buf, 10, EVER), 0);
        EQ(c, m.flags, HEPTA_SOCK_MSG_EOF);
        shut(c, r);
    }
}

/* A recv without room takes a message away all the same. */
static void no_room(struct conf *c)
{
    struct hepta_sock_msg m = {0};
    struct two t;
    char buf[10];

    meet(c, &t);
    say(c, t.a, "one");
    say(c, t.a, "two");
    say(c, t.a, "three");
    EQ(c, uops(c)->recv(t.b, buf, 0, EVER), 0);
    EQ(c, recv_into(c, t.b, &m, buf, 0, EVER), 0);
    EQ(c, m.full_len, 3);
    EQ(c, m.flags, HEPTA_SOCK_MSG_TRUNC);
    hear(c, t.b, "three");
    part(c, &t);
}

static void largest(struct conf *c)
{
    struct hepta_sock_stat st;
    struct two t;

    meet(c, &t);
    EQ(c, uops(c)->stat(t.a, &st), 0);
    size_t max = st.capacity - (size_t)MEMORY_DIFFERS(c, 32, 16);
    EQ(c, give(c, &t, t.a, max, NOW), max);
    EQ(c, take(c, &t, t.b, MAX_GIVE, NOW), max);
    EQ(c, give(c, &t, t.a, max + 1, NOW), -EMSGSIZE);
    EQ(c, give(c, &t, t.a, MAX_GIVE, EVER), -EMSGSIZE);
    EQ(c, take(c, &t, t.b, 10, NOW), -EAGAIN);
    part(c, &t);
}

/* Several send at once: each message arrives whole, and each one's in their order. */
static void many_senders(struct conf *c)
{
    enum { N = 6, EACH = 300 };
    struct two t;
    pid_t child[N];
    int next[N] = {0};
    char buf[2000];

    meet(c, &t);
    for (int i = 0; i < N; i++) {
        child[i] = conf_fork(c);
        if (child[i] == 0) {
            for (int k = 0; k < EACH; k++) {
                size_t len = (size_t)(10 + (i * 301 + k * 7) % 1900);

                memset(buf, 'a' + i, len);
                snprintf(buf, 9, "%d %d", i, k);
                EQ(c, uops(c)->send(t.a, buf, len, EVER), len);
            }
            conf_exit();
        }
    }
    for (int n = 0; n < N * EACH; n++) {
        ssize_t len = uops(c)->recv(t.b, buf, sizeof(buf), EVER);
        int i = -1, k = -1;

        OK(c, sscanf(buf, "%d %d", &i, &k) == 2 && i >= 0 && i < N);
        EQ(c, k, next[i]++);
        EQ(c, len, 10 + (i * 301 + k * 7) % 1900);
        for (ssize_t j = 9; j < len; j++)
            EQ(c, buf[j], 'a' + i);
    }
    for (int i = 0; i < N; i++)
        conf_join(c, child[i]);
    part(c, &t);
}

/* Several receive at once: each message goes to one. */
static void many_receivers(struct conf *c)
{
    enum { N = 4, TOTAL = 400 };
    struct two t;
    pid_t child[N];

    meet(c, &t);
    for (int i = 0; i < N; i++) {
        child[i] = conf_fork(c);
        if (child[i] == 0) {
            int number;

            while (uops(c)->recv(t.b, &number, sizeof(number), EVER) == sizeof(number) &&
                   number >= 0) {
                conf_add(c, 0, 1);
                conf_add(c, 1, number);
            }
            conf_exit();
        }
    }
    for (int k = 0; k < TOTAL + N; k++) {
        int number = k < TOTAL ? k : -1;

        EQ(c, uops(c)->send(t.a, &number, sizeof(number), EVER), sizeof(number));
    }
    for (int i = 0; i < N; i++)
        conf_join(c, child[i]);
    EQ(c, conf_get(c, 0), TOTAL);
    EQ(c, conf_get(c, 1), TOTAL * (TOTAL - 1) / 2);
    part(c, &t);
}

const struct conf_case unix_message_cases[] = {
    {"message.one_each", one_each, NEEDS_MESSAGES, NULL, NULL, 0},
    {"message.many_sizes", many_sizes, NEEDS_MESSAGES, NULL, NULL, 30},
    {"message.rest_is_lost", rest_is_lost, NEEDS_MESSAGES, NULL, NULL, 0},
    {"message.full_length", full_length, NEEDS_MESSAGES, NULL, NULL, 0},
    {"message.cut_in_pieces", cut_in_pieces, NEEDS_MESSAGES, NULL, NULL, 0},
    {"message.empty_ones", empty_ones, NEEDS_MESSAGES, NULL, NULL, 0},
    {"message.empty_is_not_end", empty_is_not_end, NEEDS_SEQPACKET, NULL, NULL, 0},
    {"message.no_room", no_room, NEEDS_MESSAGES, NULL, NULL, 0},
    {"message.largest", largest, NEEDS_MESSAGES, "unix-capacity", NULL, 0},
    {"message.many_senders", many_senders, NEEDS_MESSAGES, NULL, NULL, 30},
    {"message.many_receivers", many_receivers, NEEDS_MESSAGES, NULL, NULL, 0},
    {0},
};
