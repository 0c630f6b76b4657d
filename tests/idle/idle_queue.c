/* SPDX-License-Identifier: MIT */
/*
 * idle_queue.c - who waits for a queue uses no processor time; see idle.h
 *
 * The first sleeper in a queue looks once a second (prim/sleepers.h), those behind it, and all once
 * somebody had a lease, every 50 ms.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "idle.h"

#include <errno.h>
#include <hepta/mq.h>
#include <hepta/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <unistd.h>

#define SECOND_MS 1000
#define SECOND_US 200  /* two looks of some 40 us each */
#define TICK_MS   50
#define LEASE_US  5000 /* 40 looks, which ask whether the owner lives: 70 us each */
#define MSGS_MAX  16
#define MSG_MAX   64
#define SETTLE_MS 2000

static char dir[] = "/dev/shm/hepta-idle-XXXXXX";
static struct hepta_mq *mq;
static int msg = -1;
static pid_t other; /* who waits, too */
static char buf[MSG_MAX];

static void block_receiving(void)
{
    hepta_mq_receive(mq, buf, MSG_MAX, NULL, HEPTA_FOREVER);
}

static void block_sending(void)
{
    hepta_mq_send(mq, buf, MSG_MAX, 0, HEPTA_FOREVER);
}

static void block_in_epoll(void)
{
    struct epoll_event ev = {.events = EPOLLIN};
    int ep = epoll_create1(0), fd = hepta_mq_fd(mq, HEPTA_MQ_READ);

    if (fd >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0)
        epoll_wait(ep, &ev, 1, -1);
}

static void block_receiving_msg(void)
{
    long type;

    hepta_msg_receive(msg, &type, buf, MSG_MAX, 7, 0, HEPTA_FOREVER);
}

static void block_sending_msg(void)
{
    hepta_msg_send(msg, 1, buf, MSG_MAX, 0, HEPTA_FOREVER);
}

static void fill(void)
{
    while (hepta_mq_send(mq, buf, MSG_MAX, 0, HEPTA_NOW) == 0)
        ;
}

static void fill_msg(void)
{
    while (hepta_msg_send(msg, 1, buf, MSG_MAX, 0, HEPTA_NOW) == 0)
        ;
}

static void another_receives(void)
{
    other = t_fork();
    if (other == 0) {
        block_receiving();
        _exit(1);
    }
    if (!t_asleep(other, SETTLE_MS))
        t_die("the other one doesn't sleep");
}

static void lease(void)
{
    struct hepta_mq_info info;

    if (hepta_mq_send(mq, buf, 1, 0, HEPTA_NOW) != 0 ||
        hepta_mq_lease(mq, buf, MSG_MAX, &info, HEPTA_NOW) != 1)
        t_die("no lease");
}

static void make(void)
{
    const struct hepta_mq_options mq_opt = {
        .size = sizeof(mq_opt), .msgs_max = MSGS_MAX, .msg_max = MSG_MAX};
    const struct hepta_msg_options msg_opt = {.size = sizeof(msg_opt),
                                              .msgs_max = MSGS_MAX,
                                              .msg_max = MSG_MAX,
                                              .qbytes = MSGS_MAX * MSG_MAX};
    const uint32_t flags = HEPTA_MQ_READ | HEPTA_MQ_WRITE | HEPTA_MQ_CREATE | HEPTA_MQ_EXCL;

    other = 0;
    if (hepta_mq_open(&mq, "/idle", flags, 0600, &mq_opt) != 0)
        t_die("no mq");
    msg = hepta_msg_get(IPC_PRIVATE, 0600, &msg_opt);
    if (msg < 0)
        t_die("no msg");
}

static void unmake(void)
{
    if (other > 0)
        t_kill(other);
    mq = hepta_mq_close(mq);
    hepta_mq_unlink("/idle");
    hepta_msg_ctl(msg, IPC_RMID, NULL);
}

static void remove_dir(void)
{
    if (rmdir(dir) != 0)
        perror(dir);
}

int main(void)
{
    static const struct idle_case cases[] = {
        {"receive of the empty mq", NULL, block_receiving, SECOND_MS, SECOND_US},
        {"send to the full mq", fill, block_sending, SECOND_MS, SECOND_US},
        {"epoll of the empty mq", NULL, block_in_epoll, 0, 0},
        {"receive of the empty msg", NULL, block_receiving_msg, SECOND_MS, SECOND_US},
        {"receive of a type not there", fill_msg, block_receiving_msg, SECOND_MS, SECOND_US},
        {"send to the full msg", fill_msg, block_sending_msg, SECOND_MS, SECOND_US},
        {"receive behind another", another_receives, block_receiving, TICK_MS, IDLE_TICKS_US},
        {"receive beside a lease", lease, block_receiving, TICK_MS, LEASE_US},
    };
    int status;

    t_limit(100);
    if (!mkdtemp(dir) || setenv("HEPTA_DIR", dir, 1) != 0)
        t_die("%s", dir);
    status = idle_run(cases, T_COUNT(cases), make, unmake);
    remove_dir();
    return status;
}
