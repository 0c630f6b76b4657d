/* SPDX-License-Identifier: MIT */
/* msg_room.c - System V queues: back ends, groups, surroundings, and the short forms cases use */
#define _GNU_SOURCE
#include "msg_room.h"

#include <hepta/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "name_dir.h"

#define MAX_TEXT 70000

struct letter {
    long type;
    char text[MAX_TEXT];
};

/* --- the kernel's -------------------------------------------------------------------- */

static int k_get(key_t key, int flags)
{
    int id = msgget(key, flags);
    return id < 0 ? -errno : id;
}

static int k_send(int id, long type, const void *text, size_t len, int flags)
{
    static struct letter l;
    l.type = type;
    if (len <= MAX_TEXT && text)
        memcpy(l.text, text, len);
    return msgsnd(id, &l, len, flags) < 0 ? -errno : 0;
}

static ssize_t k_receive(int id, long *type, void *text, size_t len, long want, int flags)
{
    static struct letter l;
    ssize_t n = msgrcv(id, &l, len < MAX_TEXT ? len : MAX_TEXT, want, flags);
    if (n < 0)
        return -errno;
    if (type)
        *type = l.type;
    memcpy(text, l.text, (size_t)n);
    return n;
}

static int k_ctl(int id, int cmd, void *buf)
{
    int r = msgctl(id, cmd, buf);
    return r < 0 ? -errno : r;
}

const struct msg_ops msg_kernel_ops = {k_get, k_send, k_receive, k_ctl};

/* --- Hepta's ------------------------------------------------------------------------- */

static int h_get(key_t key, int flags)
{
    return hepta_msg_get(key, flags, NULL);
}

static int h_send(int id, long type, const void *text, size_t len, int flags)
{
    return hepta_msg_send(id, type, text, len, flags, EVER);
}

static ssize_t h_receive(int id, long *type, void *text, size_t len, long want, int flags)
{
    return hepta_msg_receive(id, type, text, len, want, flags, EVER);
}

const struct msg_ops msg_hepta_ops = {h_get, h_send, h_receive, hepta_msg_ctl};

/* --- the room ------------------------------------------------------------------------ */

static const struct conf_backend backends[] = {
    {"kernel", CONF_KERNEL, 0, &msg_kernel_ops},
    {"hepta", CONF_HEPTA, NEEDS_HEPTA, &msg_hepta_ops},
    {0},
};

static const struct conf_case *const groups[] = {msg_get_cases, msg_op_cases,   msg_wait_cases,
                                                 msg_ctl_cases, msg_more_cases, NULL};

static int first_key; /* of this run: some 4,000 that are its own */

/* What a case that failed left in the kernel: queues of our keys, and private ones made by our
 * processes, which nobody else has in his children. */
static int tidy(void)
{
    int n = name_dir_tidy();
    struct msqid_ds ds;
    struct msginfo info;
    int last = msgctl(0, MSG_INFO, (struct msqid_ds *)(void *)&info);
    for (int i = 0; i <= last; i++) {
        int id = msgctl(i, MSG_STAT, &ds);
        if (id >= 0 && ds.msg_perm.__key >= first_key && ds.msg_perm.__key < first_key + 4096)
            n += msgctl(id, IPC_RMID, NULL) == 0;
    }
    return n;
}

static void begin(void)
{
    char text[24];
    first_key = 0x48000000 + (getpid() & 0x7fff) * 4096;
    snprintf(text, sizeof(text), "%d", first_key);
    setenv("MSG_FIRST_KEY", text, 1);
    name_dir_make();
}

static void end(void)
{
    tidy();
    name_dir_remove();
}

const struct conf_room msg_room = {"msg", backends, groups, begin, tidy, end};

/* --- short forms --------------------------------------------------------------------- */

key_t some_key(void)
{
    static int n;
    return atoi(getenv("MSG_FIRST_KEY")) + (getpid() * 17 + n++) % 4096;
}

/* Not private, so that tidy() finds what a failed case leaves. */
int make_msg(struct conf *c)
{
    int id = -EEXIST;
    for (int i = 0; i < 100 && id == -EEXIST; i++)
        id = gops(c)->get(some_key(), IPC_CREAT | IPC_EXCL | 0666);
    OK(c, id >= 0);
    return id;
}

void remove_msg(struct conf *c, int id)
{
    EQ(c, gops(c)->ctl(id, IPC_RMID, NULL), 0);
}

struct msqid_ds msg_status(struct conf *c, int id)
{
    struct msqid_ds ds;
    EQ(c, gops(c)->ctl(id, IPC_STAT, &ds), 0);
    return ds;
}

int put_msg(struct conf *c, int id, long type, long n, int flags)
{
    return gops(c)->send(id, type, &n, sizeof(n), flags);
}

long get_msg(struct conf *c, int id, long want, int flags)
{
    long n = 0, type;
    ssize_t len = gops(c)->receive(id, &type, &n, sizeof(n), want, flags);
    if (len < 0)
        return len;
    EQ(c, len, sizeof(n));
    return n;
}

static pid_t child(struct conf *c, int id, int i, int sends, long type, long n, int flags)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_set(c, BEFORE, i + 1);
        long r = sends ? put_msg(c, id, type, n, 0) : get_msg(c, id, type, flags);
        conf_add(c, COUNTER, 1);
        conf_set(c, RESULT + i, r);
        conf_exit();
    }
    conf_asleep_after(c, pid, BEFORE);
    conf_set(c, BEFORE, 0);
    return pid;
}

pid_t msg_receiver(struct conf *c, int id, int i, long want, int flags)
{
    return child(c, id, i, 0, want, 0, flags);
}

pid_t msg_sender(struct conf *c, int id, int i, long type, long n)
{
    return child(c, id, i, 1, type, n, 0);
}
