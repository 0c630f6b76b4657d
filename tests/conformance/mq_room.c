/* SPDX-License-Identifier: MIT */
/* mq_room.c - the POSIX queue's back ends, groups, surroundings, and the short forms cases use */
#define _GNU_SOURCE
#include "mq_room.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "name_dir.h"

static const struct conf_backend backends[] = {
    {"kernel", CONF_KERNEL, 0, &mq_kernel_ops},
    {"hepta", CONF_HEPTA, NEEDS_LEASES, &mq_hepta_ops},
    {0},
};

static const struct conf_case *const groups[] = {
    mq_open_cases, mq_mode_cases, mq_refuse_cases, mq_send_cases, mq_wait_cases, mq_turn_cases,
    mq_notify_cases, mq_register_cases, mq_signal_cases, mq_poll_cases, mq_event_cases,
    mq_fork_cases, mq_lease_cases, mq_lease_use_cases, mq_lease_end_cases, mq_place_cases,
    mq_budget_cases, NULL,
};

/* The kernel's names, to tidy up: needs root, else a failed case may leave its queue. */
static char kernel_dir[96];
static char prefix[32];

static void begin(void)
{
    name_dir_make();
    snprintf(prefix, sizeof(prefix), "hepta-conf-%d-", (int)getpid());
    setenv("MQ_PREFIX", prefix, 1);
    snprintf(kernel_dir, sizeof(kernel_dir), "%s.mqueue", getenv("HEPTA_DIR"));
    if (mkdir(kernel_dir, 0700) == 0 && mount("none", kernel_dir, "mqueue", 0, NULL) != 0) {
        rmdir(kernel_dir);
        kernel_dir[0] = 0;
    }
}

/* Of the library's notifications there may be some, too: they are named after its processes. */
static int tidy(void)
{
    int n = name_dir_tidy();
    DIR *d = kernel_dir[0] ? opendir(kernel_dir) : NULL;
    for (struct dirent *e; d && (e = readdir(d));)
        if (strncmp(e->d_name, prefix, strlen(prefix)) == 0)
            n += unlinkat(dirfd(d), e->d_name, 0) == 0;
    if (d)
        closedir(d);
    return n;
}

static void end(void)
{
    tidy();
    if (kernel_dir[0]) {
        umount2(kernel_dir, MNT_DETACH);
        rmdir(kernel_dir);
    }
    name_dir_remove();
}

const struct conf_room mq_room = {"mq", backends, groups, begin, tidy, end};

/* --- queues -------------------------------------------------------------------------- */

void mq_name_it(struct queue *q)
{
    static int n;
    snprintf(q->name, sizeof(q->name), "/%s%d-%d", getenv("MQ_PREFIX"), (int)getpid(), n++);
    q->h = NULL;
}

void make_sized(struct conf *c, struct queue *q, long n, long size)
{
    struct mq_attr attr = {.mq_maxmsg = n, .mq_msgsize = size};
    mode_t mask = umask(0);
    mq_name_it(q);
    EQ(c, mops(c)->open(&q->h, q->name, O_RDWR | O_CREAT | O_EXCL, 0666, &attr), 0);
    umask(mask);
}

void make_queue(struct conf *c, struct queue *q)
{
    make_sized(c, q, N_MSGS, MSG_SIZE);
}

void remove_queue(struct conf *c, struct queue *q)
{
    mops(c)->close(q->h);
    EQ(c, mops(c)->unlink(q->name), 0);
}

struct mqh *open_queue(struct conf *c, const struct queue *q, int flags)
{
    struct mqh *h = NULL;
    EQ(c, mops(c)->open(&h, q->name, flags, 0, NULL), 0);
    return h;
}

int try_queue(struct conf *c, const char *name, int flags, mode_t mode)
{
    struct mqh *h = NULL;
    struct mq_attr attr = {.mq_maxmsg = N_MSGS, .mq_msgsize = MSG_SIZE};
    int r = mops(c)->open(&h, name, flags, mode, &attr);
    if (r == 0)
        mops(c)->close(h);
    return r;
}

int put_n(struct conf *c, struct mqh *h, long n, unsigned prio, int64_t deadline)
{
    return mops(c)->send(h, &n, sizeof(n), prio, deadline);
}

long get_n(struct conf *c, struct mqh *h, unsigned *prio, int64_t deadline)
{
    char buf[MSG_SIZE];
    long n;
    ssize_t len = mops(c)->receive(h, buf, sizeof(buf), prio, deadline);
    if (len < 0)
        return len;
    EQ(c, len, sizeof(n));
    memcpy(&n, buf, sizeof(n));
    return n;
}

long n_msgs(struct conf *c, struct mqh *h)
{
    struct mq_attr attr;
    EQ(c, mops(c)->getattr(h, &attr), 0);
    return attr.mq_curmsgs;
}

/* --- children ------------------------------------------------------------------------ */

static pid_t caller(struct conf *c, struct mqh *h, int i, int sends, long n, int64_t deadline)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_set(c, BEFORE, i + 1);
        long r = sends ? put_n(c, h, n, 0, deadline) : get_n(c, h, NULL, deadline);
        conf_set(c, ORDER + i, conf_add(c, COUNTER, 1) + 1);
        conf_set(c, RESULT + i, r);
        conf_exit();
    }
    conf_asleep_after(c, pid, BEFORE);
    conf_set(c, BEFORE, 0);
    return pid;
}

pid_t receiver(struct conf *c, struct mqh *h, int i, int64_t deadline)
{
    return caller(c, h, i, 0, 0, deadline);
}

pid_t sender(struct conf *c, struct mqh *h, int i, long n, int64_t deadline)
{
    return caller(c, h, i, 1, n, deadline);
}
