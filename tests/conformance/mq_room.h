/* SPDX-License-Identifier: MIT */
/*
 * mq_room.h - the operations that cases of POSIX queues are written against, and short forms
 *
 * The table is mqueue.h's, with Hepta's deadlines: on the kernel's side HEPTA_NOW is O_NONBLOCK
 * for the moment of the call, HEPTA_FOREVER the call without a time, and any other deadline one
 * of CLOCK_REALTIME. Attributes are struct mq_attr on both sides, flags O_RDONLY and so on.
 */
#ifndef CONFORMANCE_MQ_ROOM_H
#define CONFORMANCE_MQ_ROOM_H

#include <errno.h>
#include <fcntl.h>
#include <hepta/base.h>
#include <mqueue.h>

#include "frame.h"

#define NOW HEPTA_NOW
#define EVER HEPTA_FOREVER

#define NEEDS_LEASES 1u /* an ability: what only Hepta has */

#define N_MSGS 4   /* of the usual queue */
#define MSG_SIZE 64

struct mqh; /* an open queue */

struct mq_ops {
    /* attr NULL: the system's defaults. 0 or negative errno. */
    int (*open)(struct mqh **h, const char *name, int flags, mode_t mode,
                const struct mq_attr *attr);
    int (*send)(struct mqh *h, const void *msg, size_t len, unsigned prio, int64_t deadline);
    ssize_t (*receive)(struct mqh *h, void *buf, size_t len, unsigned *prio, int64_t deadline);
    int (*getattr)(struct mqh *h, struct mq_attr *attr);
    int (*setattr)(struct mqh *h, const struct mq_attr *now, struct mq_attr *old);
    int (*notify)(struct mqh *h, const struct sigevent *ev);
    /* What polls for O_RDONLY or O_WRONLY. */
    int (*fd)(struct mqh *h, int access);
    /* 1 it polls as ready to be read (O_RDONLY) or written (O_WRONLY) within ms, 0 not. */
    int (*ready)(struct mqh *h, int access, int ms);
    int (*unlink)(const char *name);
    void (*close)(struct mqh *h);
};

extern const struct mq_ops mq_kernel_ops, mq_hepta_ops;
extern const struct conf_room mq_room;
struct hepta_mq *mq_hepta(struct mqh *h);
struct mqh *mq_wrap(struct hepta_mq *mq); /* the other way */

static inline const struct mq_ops *mops(const struct conf *c)
{
    return c->be->ops;
}

/* A queue that no other case uses; made with N_MSGS of MSG_SIZE, mode 0666, open for both. */
struct queue {
    char name[64];
    struct mqh *h;
};
void mq_name_it(struct queue *q);
void make_queue(struct conf *c, struct queue *q);
void make_sized(struct conf *c, struct queue *q, long n, long size);
void remove_queue(struct conf *c, struct queue *q);
struct mqh *open_queue(struct conf *c, const struct queue *q, int flags);
int try_queue(struct conf *c, const char *name, int flags, mode_t mode);

/* A message that is a number; receive answers with it, or a negative errno. */
int put_n(struct conf *c, struct mqh *h, long n, unsigned prio, int64_t deadline);
long get_n(struct conf *c, struct mqh *h, unsigned *prio, int64_t deadline);
long n_msgs(struct conf *c, struct mqh *h);

/* Children asleep in receive, or send, on h; result (n, or errno) in cell RESULT + i, and ORDER + i
 * says as which of all it came back, from 1. */
enum { RESULT = 8, ORDER = 20, COUNTER = 32, BEFORE = 34 };
pid_t receiver(struct conf *c, struct mqh *h, int i, int64_t deadline);
pid_t sender(struct conf *c, struct mqh *h, int i, long n, int64_t deadline);

extern const struct conf_case mq_open_cases[], mq_send_cases[], mq_wait_cases[],
    mq_notify_cases[], mq_poll_cases[], mq_lease_cases[], mq_mode_cases[], mq_refuse_cases[],
    mq_turn_cases[], mq_register_cases[], mq_signal_cases[], mq_event_cases[], mq_fork_cases[],
    mq_lease_use_cases[], mq_lease_end_cases[], mq_place_cases[], mq_budget_cases[];

#endif
