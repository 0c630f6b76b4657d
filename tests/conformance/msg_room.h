/* SPDX-License-Identifier: MIT */
/*
 * msg_room.h - the operations that cases of System V queues are written against, and short forms
 *
 * The table is sys/msg.h's, with negative errnos and Hepta's deadlines; the kernel's side has no
 * deadlines but HEPTA_NOW (IPC_NOWAIT) and HEPTA_FOREVER.
 */
#ifndef CONFORMANCE_MSG_ROOM_H
#define CONFORMANCE_MSG_ROOM_H

#include <errno.h>
#include <hepta/base.h>
#include <sys/ipc.h>
#include <sys/msg.h>

#include "frame.h"

#define NOW HEPTA_NOW
#define EVER HEPTA_FOREVER

#define NEEDS_HEPTA 1u /* an ability */

struct msg_ops {
    int (*get)(key_t key, int flags);
    int (*send)(int id, long type, const void *text, size_t len, int flags);
    ssize_t (*receive)(int id, long *type, void *text, size_t len, long want, int flags);
    int (*ctl)(int id, int cmd, void *buf);
};

extern const struct msg_ops msg_kernel_ops, msg_hepta_ops;
extern const struct conf_room msg_room;

static inline const struct msg_ops *gops(const struct conf *c)
{
    return c->be->ops;
}

/* A key that no other queue has; in the kernel's world, too. */
key_t some_key(void);
/* A private queue, of mode 0666. */
int make_msg(struct conf *c);
void remove_msg(struct conf *c, int id);
struct msqid_ds msg_status(struct conf *c, int id);

/* A message that is a number. -ENOMSG, -EAGAIN: flags are IPC_NOWAIT, or 0. */
int put_msg(struct conf *c, int id, long type, long n, int flags);
long get_msg(struct conf *c, int id, long want, int flags);

/* Children asleep in receive or send; result in cell RESULT + i. */
enum { RESULT = 8, COUNTER = 32, BEFORE = 34 };
pid_t msg_receiver(struct conf *c, int id, int i, long want, int flags);
pid_t msg_sender(struct conf *c, int id, int i, long type, long n);

extern const struct conf_case msg_get_cases[], msg_op_cases[], msg_wait_cases[], msg_ctl_cases[],
    msg_more_cases[];

#endif
