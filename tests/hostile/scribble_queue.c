/* SPDX-License-Identifier: MIT */
/*
 * scribble_queue.c - queues under attack, POSIX and System V: their segment, while one process
 * sends and another one receives
 *
 * Slots, rings, index, blocks, tables of sleepers, locks: a queue has more numbers that lead
 * somewhere than any other room. Once it is found corrupt most verbs only say so; what matters is
 * what they do until then, so rounds are short and many.
 */
#define _GNU_SOURCE
#include "scribble.h"

#include <errno.h>
#include <fcntl.h>
#include <hepta/mq.h>
#include <hepta/msg.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "/jobs"
#define MSG_SIZE 3000

enum verb_number { MOVE, LEASE, END, LOOK, STAT, FD, NOTIFY };

#define COMMON EBADMSG, EDEADLK, EAGAIN, ETIMEDOUT

static const struct verb mq_verbs[] = {
    [MOVE] = {"send/receive", {COMMON}},
    [LEASE] = {"lease, peek, reserve", {COMMON}},
    [END] = {"ack, give back, commit, cancel", {COMMON, ESRCH, EPERM, EMSGSIZE}},
    [LOOK] = {"look", {COMMON}},
    [STAT] = {"stat", {COMMON}},
    [FD] = {"fd", {COMMON}},
    [NOTIFY] = {"notify", {COMMON, EBUSY, ENOSPC, EMFILE, ENOMEM}},
};

#define MSG_COMMON \
    COMMON, EIDRM, EINVAL, EACCES, EPROTO, EPROTONOSUPPORT, EMEDIUMTYPE, ENODATA, EXDEV, ENOMEM

static const struct verb msg_verbs[] = {
    [MOVE] = {"send/receive", {MSG_COMMON, ENOMSG, E2BIG}},
    [STAT] = {"ctl", {MSG_COMMON, EPERM}},
    [FD] = {"fd", {MSG_COMMON}},
};

static char dir[] = "/dev/shm/hepta-hostile-XXXXXX";
static struct hepta_mq *mq;
static int id;

static size_t some_len(void)
{
    return rnd(3) ? rnd(100) : rnd(MSG_SIZE + 1);
}

/* A heap buffer of exactly the length: ASan sees one byte too many. */
static void send_one(void)
{
    size_t len = some_len();
    char *buf = calloc(1, len + 1);
    int64_t deadline = some_deadline(), start = begin_verb(MOVE);
    int rc = hepta_mq_send(mq, buf + 1, len, (uint32_t)rnd(4), deadline);

    end_verb(MOVE, start, deadline, rc);
    free(buf);
}

static void receive_one(void)
{
    char *buf = malloc(MSG_SIZE);
    int64_t deadline = some_deadline(), start = begin_verb(MOVE);
    ssize_t n = hepta_mq_receive(mq, buf, MSG_SIZE, NULL, deadline);

    end_verb(MOVE, start, deadline, n > MSG_SIZE ? -9999 : n);
    free(buf);
}

static void lease_one(void)
{
    char *buf = malloc(MSG_SIZE);
    struct hepta_mq_info info;
    const void *at = NULL;
    unsigned sum = 0;
    bool peeks = rnd(2);
    int64_t deadline = some_deadline(), start = begin_verb(LEASE);
    ssize_t n = peeks ? hepta_mq_peek(mq, &at, &info, deadline)
                      : hepta_mq_lease(mq, buf, MSG_SIZE, &info, deadline);

    end_verb(LEASE, start, deadline, n > MSG_SIZE ? -9999 : n);
    for (ssize_t i = 0; i < n && at; i++)
        sum += ((const unsigned char *)at)[i];
    __asm__ volatile("" ::"r"(sum)); /* they were read */
    if (n >= 0 && rnd(8)) {
        start = begin_verb(END);
        end_verb(END, start, 0,
                 rnd(2) ? hepta_mq_ack(mq, info.lease) : hepta_mq_give_back(mq, info.lease));
    }
    free(buf);
}

static void reserve_one(void)
{
    size_t len = some_len();
    void *at;
    int64_t deadline = some_deadline(), start = begin_verb(LEASE);
    int rc = hepta_mq_reserve(mq, len, &at, deadline);

    end_verb(LEASE, start, deadline, rc);
    if (rc < 0)
        return;
    memset(at, 0x55, len);
    start = begin_verb(END);
    end_verb(END, start, 0,
             rnd(4) ? hepta_mq_commit(mq, at, rnd(len + 1), 1) : hepta_mq_cancel(mq, at));
}

static void look_one(void)
{
    size_t len = some_len();
    char *buf = malloc(len + 1);
    int64_t deadline = some_deadline(), start = begin_verb(LOOK);
    ssize_t n = hepta_mq_look(mq, buf, len, NULL, deadline);

    end_verb(LOOK, start, deadline, n > (ssize_t)len ? -9999 : n);
    free(buf);
}

static void poll_one(int fd, int64_t start)
{
    struct pollfd pfd = {fd, POLLIN, 0};

    end_verb(FD, start, 100 * T_MS + start, fd);
    poll(&pfd, fd >= 0, (int)rnd(3));
}

static void notify_one(void)
{
    struct sigevent ev = {.sigev_notify = SIGEV_NONE};
    int64_t start = begin_verb(NOTIFY);

    end_verb(NOTIFY, start, 100 * T_MS + start, hepta_mq_notify(mq, rnd(2) ? &ev : NULL));
}

static void mq_act(int role)
{
    struct hepta_mq_stat st;
    uint64_t what = rnd(100);
    int64_t start;

    if (what < 50) {
        role ? receive_one() : send_one();
    } else if (what < 80) {
        role ? lease_one() : reserve_one();
    } else if (what < 86) {
        look_one();
    } else if (what < 92) {
        start = begin_verb(STAT);
        end_verb(STAT, start, 100 * T_MS + start, hepta_mq_stat(mq, &st, sizeof(st)));
    } else if (what < 98) {
        start = begin_verb(FD);
        poll_one(hepta_mq_fd(mq, rnd(2) ? HEPTA_MQ_READ : HEPTA_MQ_WRITE), start);
    } else {
        notify_one();
    }
}

static void msg_move(int role)
{
    size_t len = some_len();
    char *buf = calloc(1, len + 1);
    static const int flags[] = {0, IPC_NOWAIT, MSG_EXCEPT, MSG_NOERROR | IPC_NOWAIT,
                                MSG_COPY | IPC_NOWAIT};
    int64_t deadline = some_deadline(), start = begin_verb(MOVE);
    ssize_t n = role ? hepta_msg_receive(id, NULL, buf, len, (long)rnd(9) - 4, flags[rnd(5)],
                                         deadline)
                     : hepta_msg_send(id, 1 + (long)rnd(5), buf, len, 0, deadline);

    end_verb(MOVE, start, deadline, n > (ssize_t)len ? -9999 : n);
    free(buf);
}

static void msg_act(int role)
{
    struct msqid_ds ds;
    uint64_t what = rnd(100);
    int64_t start;

    if (what < 85) {
        msg_move(role);
    } else if (what < 93) {
        start = begin_verb(STAT);
        end_verb(STAT, start, 100 * T_MS + start, hepta_msg_ctl(id, IPC_STAT, &ds));
    } else {
        start = begin_verb(FD);
        poll_one(hepta_msg_fd(id, rnd(2) ? HEPTA_MSG_READ : HEPTA_MSG_WRITE), start);
    }
}

/* --- around ---------------------------------------------------------------------------- */

static void nothing(int role)
{
    (void)role;
}

static void mq_end(int role)
{
    (void)role;
    hepta_mq_close(mq);
}

static void msg_end(int role)
{
    (void)role;
    hepta_msg_detach(id);
}

static void scribble(void)
{
    char path[120];
    struct stat st;
    int fd;

    snprintf(path, sizeof(path), "%s/mq.%s/data", dir, &NAME[1]);
    if (access(path, F_OK) != 0)
        snprintf(path, sizeof(path), "%s/msg.%d/data", dir, id);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        _exit(2);
    char *at = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        _exit(2);
    t_sleep_ns((int64_t)rnd(3) * T_MS); /* some honest work first */
    while (!stopped())
        scribble_over(at, (size_t)st.st_size);
}

static void make_dir(void)
{
    if (!mkdtemp(dir) || setenv("HEPTA_DIR", dir, 1) != 0)
        t_die("%s", dir);
}

static void drop_dir(void)
{
    if (rmdir(dir) < 0)
        t_die("something was left in %s", dir);
    memset(strchr(dir, 0) - 6, 'X', 6);
}

static void mq_make(void)
{
    struct hepta_mq_options opt = {.size = sizeof(opt), .wait = (uint32_t)rnd(3)};
    int rc;

    make_dir();
    opt.msgs_max = 1 + (uint32_t)rnd(20);
    opt.msg_max = MSG_SIZE;
    opt.budget = rnd(2) ? 0 : MSG_SIZE + rnd(20000);
    rc = hepta_mq_open(&mq, NAME, HEPTA_MQ_READ | HEPTA_MQ_WRITE | HEPTA_MQ_CREATE, 0600, &opt);
    if (rc < 0)
        t_die("hepta_mq_open: %s", strerror(-rc));
}

static void mq_drop(void)
{
    mq = hepta_mq_close(mq);
    if (hepta_mq_unlink(NAME) < 0)
        t_die("hepta_mq_unlink");
    drop_dir();
}

static void msg_make(void)
{
    struct hepta_msg_options opt = {.size = sizeof(opt), .wait = (uint32_t)rnd(3)};

    make_dir();
    opt.msgs_max = 1 + (uint32_t)rnd(20);
    opt.msg_max = MSG_SIZE;
    opt.qbytes = MSG_SIZE + rnd(20000);
    id = hepta_msg_get(IPC_PRIVATE, 0600, &opt);
    if (id < 0)
        t_die("hepta_msg_get: %s", strerror(-id));
}

static void msg_drop(void)
{
    hepta_msg_ctl(id, IPC_RMID, NULL);
    hepta_msg_detach(id);
    /* Its own verbs may refuse what is left of it: the names go by hand. */
    char cmd[160];
    snprintf(cmd, sizeof(cmd), "rm -rf %s/msg*", dir);
    if (system(cmd) != 0)
        t_die("%s", cmd);
    drop_dir();
}

const struct room mq_room = {
    .name = "mq",
    .actors = {"sender", "receiver"},
    .verbs = mq_verbs,
    .make = mq_make,
    .begin = nothing,
    .act = mq_act,
    .end = mq_end,
    .scribble = scribble,
    .drop = mq_drop,
};

const struct room msg_room = {
    .name = "msg",
    .actors = {"sender", "receiver"},
    .verbs = msg_verbs,
    .make = msg_make,
    .begin = nothing,
    .act = msg_act,
    .end = msg_end,
    .scribble = scribble,
    .drop = msg_drop,
};
