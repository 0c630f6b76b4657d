/* SPDX-License-Identifier: MIT */
/*
 * planted_use.c - the users of planted.c: FIFOs, queues and mailboxes among what others have
 * planted; the other kinds are in planted_shared.c
 *
 * What is opened is used and closed again, so that nothing is left at the end but what a leak
 * leaves. Each answer is held against what the headers say.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "name/name.h"
#include "planted.h"

#include <errno.h>
#include <hepta/fifo.h>
#include <hepta/mq.h>
#include <hepta/msg.h>
#include <hepta/signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>

#define rnd planted_random
#define judge planted_judge

#define BYTES 64

#define REFUSED EMEDIUMTYPE, EPROTO, EPROTONOSUPPORT, ENODATA, EBADMSG, EXDEV
static const int documented[][24] = {
    [NAMES] = {EEXIST, EACCES, EPERM, ENOSPC, ENOMEM, ENXIO, ETIMEDOUT, EAGAIN, ENOENT, REFUSED},
    [VERBS] = {EBADMSG, EAGAIN, ETIMEDOUT, EMSGSIZE},
    [MSG_GET] = {EEXIST, EACCES, EPERM, ENOSPC, ENOMEM, ENOENT, ETIMEDOUT, EAGAIN, REFUSED},
    [MSG_VERBS] = {EINVAL, EACCES, EIDRM, EAGAIN, ENOMSG, ETIMEDOUT, E2BIG, ENOMEM, REFUSED},
    [BOX_OPEN] = {EEXIST, EACCES, EPERM, ENOSPC, ENOMEM, ENOENT, ETIMEDOUT, EAGAIN, EBUSY, REFUSED},
    [BOX_VERBS] = {EBADMSG, EAGAIN, ETIMEDOUT, ESRCH, EPERM},
    [MSG_CTL] = {EINVAL, EACCES, EIDRM, EAGAIN, EPERM, ETIMEDOUT, ENOMEM, REFUSED},
    [SEM_VERBS] = {EAGAIN, ETIMEDOUT, EOVERFLOW, EINVAL},
    [PERMIT_VERBS] = {EBADMSG, EAGAIN, ETIMEDOUT, ENOSPC, EPERM},
    [SET_VERBS] = {EINVAL, EACCES, EIDRM, EAGAIN, ETIMEDOUT, ENOMEM, EFBIG, ERANGE, ENOSPC,
                   REFUSED},
};

static bool is_documented(enum planted_group group, int err)
{
    for (size_t i = 0; documented[group][i]; i++)
        if (err == documented[group][i])
            return true;
    return false;
}

int64_t planted_judge(const char *verb, enum planted_group group, int64_t start, int64_t deadline,
                      int64_t result)
{
    int64_t over = t_now_ns() - (deadline > start ? deadline : start);

    planted->n_calls++;
    planted->n_good += result >= 0;
    if (over > planted->worst_ns)
        planted->worst_ns = over;
    if (result < 0 && !is_documented(group, (int)-result)) {
        planted->undocumented = (int)-result;
        snprintf(planted->verb, sizeof(planted->verb), "%s", verb);
    }
    return result;
}

int64_t planted_deadline(void)
{
    return rnd(2) ? HEPTA_NOW : hepta_in_ms(2);
}

void planted_name(char name[16])
{
    snprintf(name, 16, "/n%d", (int)rnd(PLANTED_NAMES));
}

/* --- FIFOs ----------------------------------------------------------------------------- */

/* Not used but for what needs no contents. */
static void open_fifo(const char *name)
{
    struct hepta_fifo *f;
    int64_t deadline = planted_deadline(), start = t_now_ns();

    if (judge("open", NAMES, start, deadline,
              hepta_fifo_open(&f, name, 1 + (uint32_t)rnd(3), NULL, deadline)) == 0)
        hepta_fifo_close(f);
}

static void use_fifo(void)
{
    struct hepta_fifo_options opt = {.size = sizeof(opt), .capacity = 4096};
    int64_t start = t_now_ns();
    char name[16];

    planted_name(name);
    switch (rnd(6)) {
    case 0: judge("make", NAMES, start, 0, hepta_fifo_make(name, 0666, &opt)); break;
    case 1: judge("unlink", NAMES, start, 0, hepta_fifo_unlink(name)); break;
    default: open_fifo(name); break;
    }
}

/* --- POSIX queues ---------------------------------------------------------------------- */

static void send_and_receive(struct hepta_mq *mq)
{
    char buf[BYTES] = "text";
    int64_t deadline = planted_deadline(), start = t_now_ns();
    struct hepta_mq_attr attr;

    judge("mq_send", VERBS, start, deadline, hepta_mq_send(mq, buf, 4, 1, deadline));
    start = t_now_ns();
    judge("mq_getattr", VERBS, start, 0, hepta_mq_getattr(mq, &attr));
    deadline = planted_deadline();
    start = t_now_ns();
    judge("mq_receive", VERBS, start, deadline,
          hepta_mq_receive(mq, buf, sizeof(buf), NULL, deadline));
}

static void open_mq(const char *name, uint32_t flags)
{
    struct hepta_mq_options opt = {.size = sizeof(opt), .msgs_max = 4, .msg_max = BYTES};
    struct hepta_mq *mq;
    int64_t start = t_now_ns();

    flags |= HEPTA_MQ_READ | HEPTA_MQ_WRITE;
    if (judge("mq_open", NAMES, start, 0, hepta_mq_open(&mq, name, flags, 0666, &opt)) < 0)
        return;
    send_and_receive(mq);
    hepta_mq_close(mq);
}

static void use_mq(void)
{
    int64_t start = t_now_ns();
    char name[16];

    planted_name(name);
    switch (rnd(6)) {
    case 0: judge("mq_unlink", NAMES, start, 0, hepta_mq_unlink(name)); break;
    case 1: open_mq(name, HEPTA_MQ_CREATE | HEPTA_MQ_EXCL); break;
    case 2: open_mq(name, HEPTA_MQ_CREATE); break;
    default: open_mq(name, 0); break;
    }
}

/* --- System V queues ------------------------------------------------------------------- */

static void use_id(int id)
{
    char buf[BYTES] = "text";
    struct msqid_ds ds;
    int64_t deadline = planted_deadline(), start = t_now_ns();
    long type;

    switch (rnd(4)) {
    case 0: judge("msg_ctl", MSG_CTL, start, 0, hepta_msg_ctl(id, IPC_STAT, &ds)); break;
    case 1:
        judge("msg_send", MSG_VERBS, start, deadline,
              hepta_msg_send(id, 1, buf, 4, 0, deadline));
        break;
    case 2:
        judge("msg_receive", MSG_VERBS, start, deadline,
              hepta_msg_receive(id, &type, buf, sizeof(buf), 0, 0, deadline));
        break;
    default: judge("msg_rmid", MSG_CTL, start, 0, hepta_msg_ctl(id, IPC_RMID, NULL)); break;
    }
    hepta_msg_detach(id);
}

static void use_key(key_t key)
{
    struct hepta_msg_options opt = {
        .size = sizeof(opt), .msgs_max = 4, .msg_max = BYTES, .qbytes = 4 * BYTES};
    static const int flags[] = {0, IPC_CREAT, IPC_CREAT, IPC_CREAT | IPC_EXCL};
    int64_t start = t_now_ns();
    int64_t id = judge("msg_get", MSG_GET, start, 0,
                       hepta_msg_get(key, flags[rnd(4)] | 0600, &opt));

    if (id > 0)
        use_id((int)id);
}

static void use_index(void)
{
    struct msqid_ds ds;
    int64_t start = t_now_ns();
    int64_t id = judge("msg_stat", MSG_CTL, start, 0,
                       hepta_msg_ctl((int)rnd(2 * PLANTED_NAMES), MSG_STAT, &ds));

    if (id > 0)
        use_id((int)id);
}

static void use_msg(void)
{
    struct msginfo info;
    int64_t start = t_now_ns();

    switch (rnd(6)) {
    case 0: use_id(1 + (int)rnd(PLANTED_NAMES)); break;
    case 1: use_index(); break;
    case 2: judge("msg_info", MSG_CTL, start, 0,
                  hepta_msg_ctl(0, MSG_INFO, (void *)&info)); break;
    case 3: use_key(IPC_PRIVATE); break;
    default: use_key(1 + (key_t)rnd(PLANTED_NAMES)); break;
    }
}

/* --- mailboxes ------------------------------------------------------------------------- */

static void send_and_wait(struct hepta_mailbox *box)
{
    struct hepta_signal_info info;
    struct hepta_mailbox_stat st;
    int64_t deadline = planted_deadline(), start = t_now_ns();

    judge("box_send", BOX_VERBS, start, 0,
          hepta_mailbox_send(box, 40, "text", 4, rnd(8) ? 0 : HEPTA_MAILBOX_LIVE));
    start = t_now_ns();
    judge("box_stat", BOX_VERBS, start, 0, hepta_mailbox_stat(box, &st));
    start = t_now_ns();
    judge("box_wait", BOX_VERBS, start, deadline, hepta_mailbox_wait(box, &info, deadline));
}

static void use_mailbox(void)
{
    struct hepta_mailbox_options opt = {.size = sizeof(opt), .depth = 4};
    struct hepta_mailbox *box;
    int64_t start = t_now_ns();
    char name[16];

    planted_name(name);
    if (rnd(6) == 0) {
        judge("box_unlink", NAMES, start, 0, hepta_mailbox_unlink(name));
        return;
    }
    uint32_t flags = (rnd(2) ? HEPTA_MAILBOX_CREATE : 0) | (rnd(2) ? HEPTA_MAILBOX_RECEIVE : 0);
    if (judge("box_open", BOX_OPEN, start, 0,
              hepta_mailbox_open(name, flags, 0666, &opt, &box)) < 0)
        return;
    send_and_wait(box);
    hepta_mailbox_close(box);
}

/* --- all ------------------------------------------------------------------------------- */

static void use(int kind)
{
    switch (kind) {
    case PLANTED_FIFO: use_fifo(); break;
    case PLANTED_MQ: use_mq(); break;
    case PLANTED_MSG: use_msg(); break;
    case PLANTED_MAILBOX: use_mailbox(); break;
    default: planted_use_shared(kind); break;
    }
}

static int see(const struct h7_name_seen *seen, void *arg)
{
    *(unsigned *)arg += strlen(seen->kind) > 0 && seen->name[0] == '/';
    return 0;
}

void planted_use(void)
{
    int64_t start = t_now_ns();
    unsigned n_seen = 0;

    switch (rnd(8)) {
    case 0: judge("list", NAMES, start, 0, h7_name_list(NULL, see, &n_seen)); break;
    case 1: judge("clean", NAMES, start, 0, h7_name_clean()); break;
    default: use(planted_kind()); break;
    }
    planted->n_listed += n_seen;
}

void planted_use_all(void)
{
    for (int kind = 0; kind < PLANTED_KINDS; kind++)
        use(kind);
}
