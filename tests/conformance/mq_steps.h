/* SPDX-License-Identifier: MIT */
/*
 * mq_steps.h - short forms over queues without a name, and messages that are texts
 *
 * The cases of users, deaths, descriptors and leases look at what is in a message, not at many of
 * them; nearly all of their queues lose their name as soon as they are open.
 */
#ifndef CONFORMANCE_MQ_STEPS_H
#define CONFORMANCE_MQ_STEPS_H

#include "mq_room.h"

#include <hepta/mq.h>

#define MQ_NEW (O_RDWR | O_CREAT | O_EXCL)
#define BUF_SIZE 8192
#define LONG_MS 8000 /* a wait that must end: below the frame's time limit */
#define SHORT_MS 20  /* one in which nothing must come */

#define MQ_OWNER 40001
#define MQ_OWNERS_GROUP 40002
#define MQ_STRANGER 40003

struct mq_name {
    char s[64];
};

struct mq_name mq_name(void);
/* N_MSGS messages of MSG_SIZE, mode 0666, open for both; with its name, or without. */
struct mqh *make_named_mq(struct conf *c, struct mq_name *name);
struct mqh *make_mq(struct conf *c);
/* Hepta's only. */
struct mqh *make_mq_of(struct conf *c, uint32_t msgs_max, uint32_t msg_max, uint64_t budget);
struct mqh *open_mq(struct conf *c, const struct mq_name *name, int flags);
/* Open and close; what open said. */
int try_mq(const struct conf *c, const struct mq_name *name, int flags);
void close_mq(const struct conf *c, struct mqh *h);
void remove_mq(struct conf *c, const struct mq_name *name);

/* Send or take a text, without waiting; what is taken is this text with this priority. */
void mq_say(struct conf *c, struct mqh *h, const char *text, unsigned prio);
void mq_hear(struct conf *c, struct mqh *h, const char *text, unsigned prio);
int try_say(const struct conf *c, struct mqh *h, const char *text, int64_t deadline);
/* The length of what came. */
ssize_t try_hear(const struct conf *c, struct mqh *h, int64_t deadline);
/* As many "0" as fit, priority 0. */
void fill_mq(struct conf *c, struct mqh *h);

/* A child asleep in receive that sets cell HEARD + @i to the digit it got, or in the send of that
 * digit, that sets cell SAID + @i then. */
pid_t hearer(struct conf *c, struct mqh *h, int i);
pid_t sayer(struct conf *c, struct mqh *h, int i);
enum { HEARD = 36, SAID = 42, ASLEEP = 48 };

/* The descriptor for this access shows ready within @ms. */
bool mq_ready(struct conf *c, struct mqh *h, int access, int ms);

#endif
