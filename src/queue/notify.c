/* SPDX-License-Identifier: MIT */
/*
 * queue/notify.c - being told when a message comes into the empty queue (mq_notify(3))
 *
 * kill(2) of another user's process is forbidden, and a signal that says SI_MESGQ, the sender and
 * a value comes from the kernel's message queues only. So who registers makes a queue of the
 * kernel's for one message, for himself alone, and registers there; whoever sends the message
 * that he waits for puts one byte into it. Then the kernel does what mq_notify(3) says, to the
 * right process, whatever the sender may do to it; and nothing if that process is dead.
 *
 * The kernel's queue is named after this object's inode, the process (prim/life.h) and a number.
 * The inode is this process's own knowledge: so a peer that writes nonsense into the record can't
 * make root tell or remove what was registered for another queue. The name is removed by who
 * registered, who told, or who finds the registrant dead; only the owner and root can. It is in
 * the record before it exists, so that a registrant that dies on the way leaves nothing that
 * nobody knows of.
 *
 * Shared layout, in struct h7_mq_shared:
 *   field       written under  meaning
 *   number      P C            0: there is no queue of the kernel's; else part of its name
 *   pid, mark   P C            the registrant
 *   registered  P C            1: he waits to be told
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>

#include "base/sys.h"
#include "prim/life.h"
#include "queue/posix_internal.h"

#define NAME_LEN 96 /* the prefix, four numbers of 16 digits, one of 8 */

static struct h7_mq_shared *room_of(const struct h7_store *st)
{
    return h7_store_room(st);
}

/* As the system calls want it: without the slash. */
static void kernel_name(char name[NAME_LEN], const struct h7_store *st, const struct h7_life *id,
                        uint64_t number)
{
    snprintf(name, NAME_LEN, "hepta.%llx.%llx.%x.%llx.%llx", (unsigned long long)h7_self_pidns(),
             (unsigned long long)st->seg.ino, id->pid, (unsigned long long)id->mark,
             (unsigned long long)number);
}

static struct h7_life registrant(const struct h7_mq_shared *sh)
{
    return (struct h7_life){.mark = h7_load64_relaxed(&sh->mark),
                            .pid = h7_load32_relaxed(&sh->pid)};
}

/* Of the record. */
static void registered_name(char name[NAME_LEN], const struct h7_store *st)
{
    const struct h7_mq_shared *sh = room_of(st);
    struct h7_life him = registrant(sh);
    kernel_name(name, st, &him, h7_load64_relaxed(&sh->number));
}

/* --- telling --------------------------------------------------------------------------- */

/* Under both locks. Before the message counts: who dies in between has told, and not sent. */
void h7_mq_tell(struct h7_store *st)
{
    struct h7_mq_shared *sh = room_of(st);
    char name[NAME_LEN];
    registered_name(name, st);
    int fd = h7_sys_mq_open(name, O_WRONLY | O_NONBLOCK | O_CLOEXEC, 0, NULL);
    if (fd >= 0)
        h7_sys_mq_send(fd, "", 1);
    h7_sys_close(fd);
    if (h7_sys_mq_unlink(name) == 0) /* else another user's: his to remove */
        h7_store64_relaxed(&sh->number, 0);
    h7_store32_relaxed(&sh->registered, 0);
}

/* --- registering ------------------------------------------------------------------------ */

static int check_event(const struct sigevent *ev)
{
    switch (ev->sigev_notify) {
    case SIGEV_NONE:
    case SIGEV_THREAD:
        return 0;
    case SIGEV_SIGNAL:
        return ev->sigev_signo > 0 && ev->sigev_signo <= SIGRTMAX ? 0 : -EINVAL;
    default:
        return -EINVAL;
    }
}

/* exec(2) begins this process's memory anew, but not the process: the upper half of its numbers
 * tells what it registered before from what it registered since. */
static uint64_t image(void)
{
    static struct h7_a64 ours;
    uint64_t none = 0, v = ((uint64_t)hepta_now_ns() * 0x9e3779b97f4a7c15ull | 1ull << 32) >> 32;
    return h7_cas64_relaxed(&ours, &none, v) ? v : none;
}

static uint64_t new_number(void)
{
    static struct h7_a64 last;
    return image() << 32 | (h7_add64_relaxed(&last, 1) & UINT32_MAX);
}

/* A queue of the kernel's, registered for ev: its descriptor. */
static int make_kernel_queue(const char *name, const struct sigevent *ev)
{
    struct mq_attr attr = {.mq_maxmsg = 1, .mq_msgsize = 1};
    const int flags = O_CREAT | O_EXCL | O_RDONLY | O_NONBLOCK | O_CLOEXEC;
    int fd = h7_sys_mq_open(name, flags, 0600, &attr);
    if (fd < 0)
        return fd == -EINVAL ? -ENOSPC : fd;
    int r = h7_sys_fchmod(fd, 0622); /* past the umask: anybody who may send may tell */
    if (r == 0 && mq_notify(fd, ev) != 0)
        r = -errno;
    if (r == 0)
        return fd;
    h7_sys_close(fd);
    h7_sys_mq_unlink(name);
    return r;
}

/* The one that this handle had before, told or not. */
static void drop_kernel_queue(struct hepta_mq *mq)
{
    char name[NAME_LEN];
    struct h7_life me;
    if (mq->kernel_queue < 0)
        return;
    if (h7_life_self(&me) == 0) {
        kernel_name(name, &mq->store, &me, mq->kernel_number);
        h7_sys_mq_unlink(name);
    }
    h7_sys_close(mq->kernel_queue);
    mq->kernel_queue = -1;
}

static int is_me(const struct h7_mq_shared *sh)
{
    struct h7_life me, him = registrant(sh);
    return h7_life_self(&me) == 0 && me.pid == him.pid && me.mark == him.mark;
}

int h7_mq_notify_pid(const struct h7_store *st)
{
    const struct h7_mq_shared *sh = room_of(st);
    struct h7_life him = registrant(sh);
    return h7_load32_relaxed(&sh->registered) && h7_life_alive(&him) ? (int)him.pid : 0;
}

/* Is there one of the kernel's whose registrant is dead, whether he was told or not? */
static int is_dead_ones(const struct h7_mq_shared *sh)
{
    struct h7_life him = registrant(sh);
    return h7_load64_relaxed(&sh->number) != 0 && !h7_life_alive(&him);
}

/* Under both locks. 0, or negative errno: another user's, which root or he may remove. */
static int remove_registered(const struct h7_store *st)
{
    struct h7_mq_shared *sh = room_of(st);
    char name[NAME_LEN];
    registered_name(name, st);
    int r = h7_sys_mq_unlink(name);
    if (r < 0 && r != -ENOENT)
        return r;
    h7_store32_relaxed(&sh->registered, 0);
    h7_store64_relaxed(&sh->number, 0);
    return 0;
}

/* Under both locks, of a living process: exec(2) closed its queue of the kernel's, and with that
 * ended what was registered there. Others see it by being able to register there (theirs goes
 * with the descriptor); the process itself must not: its closing any descriptor ends its own. */
static int exec_ended_it(const struct h7_store *st)
{
    const struct sigevent none = {.sigev_notify = SIGEV_NONE};
    const struct h7_mq_shared *sh = room_of(st);
    char name[NAME_LEN];
    if (is_me(sh))
        return h7_load64_relaxed(&sh->number) >> 32 != image();
    registered_name(name, st);
    int fd = h7_sys_mq_open(name, O_WRONLY | O_NONBLOCK | O_CLOEXEC, 0, NULL);
    if (fd < 0)
        return 0;
    int ended = mq_notify(fd, &none) == 0;
    h7_sys_close(fd);
    return ended;
}

/* Under both locks. The descriptor of the kernel's queue. */
static int enter_registration(struct h7_store *st, const struct h7_life *me, uint64_t number,
                              const struct sigevent *ev)
{
    struct h7_mq_shared *sh = room_of(st);
    char name[NAME_LEN];
    if (h7_mq_notify_pid(st) && !exec_ended_it(st))
        return -EBUSY;
    /* A dead one's, one of before an exec, or told by another user. Who may not: it is his. */
    if (h7_load64_relaxed(&sh->number))
        remove_registered(st);
    h7_store32_relaxed(&sh->registered, 0);
    h7_store32_relaxed(&sh->pid, me->pid);
    h7_store64_relaxed(&sh->mark, me->mark);
    h7_store64_relaxed(&sh->number, number); /* who finds him dead knows its name from here on */
    kernel_name(name, st, me, number);
    int fd = make_kernel_queue(name, ev);
    if (fd < 0)
        h7_store64_relaxed(&sh->number, 0);
    else
        h7_store32_release(&sh->registered, 1); /* linearization point */
    return fd;
}

static int add(struct hepta_mq *mq, const struct sigevent *ev)
{
    struct h7_life me;
    uint64_t number = new_number();
    int r = h7_life_self(&me);
    if (r == 0)
        r = h7_store_enter_both(&mq->store, h7_store_patience());
    if (r < 0)
        return r;
    int fd = enter_registration(&mq->store, &me, number, ev);
    h7_store_leave_both(&mq->store);
    if (fd < 0)
        return fd;
    h7_mutex_enter(&mq->guard);
    drop_kernel_queue(mq);
    mq->kernel_queue = fd;
    mq->kernel_number = number;
    h7_mutex_unlock(&mq->guard);
    return 0;
}

/* This process's registration; and one that a dead process left, so that its queue of the kernel's
 * doesn't outlive the last who could know its name. */
static int end_registration(struct h7_store *st)
{
    struct h7_mq_shared *sh = room_of(st);
    int mine = h7_load32_relaxed(&sh->registered) && is_me(sh);
    if (!mine && !is_dead_ones(sh))
        return 0;
    int r = h7_store_enter_both(st, h7_store_patience());
    if (r < 0)
        return mine ? r : 0; /* the dead's: another time */
    mine = h7_load32_relaxed(&sh->registered) && is_me(sh);
    if (mine)
        h7_store32_relaxed(&sh->registered, 0); /* the queue goes with the handle's descriptor */
    else if (is_dead_ones(sh))
        remove_registered(st); /* else one who may still can */
    h7_store_leave_both(st);
    return 0;
}

static int end(struct hepta_mq *mq)
{
    int r = end_registration(&mq->store);
    h7_mutex_enter(&mq->guard);
    drop_kernel_queue(mq);
    h7_mutex_unlock(&mq->guard);
    return r;
}

void h7_mq_clean_notify(struct h7_store *st)
{
    if (is_dead_ones(room_of(st)))
        end_registration(st);
}

void h7_mq_end_notify(struct hepta_mq *mq, int at_home)
{
    if (at_home)
        end(mq);
    else
        drop_kernel_queue(mq); /* a copy of the descriptor, and nobody else is here */
}

int hepta_mq_notify(struct hepta_mq *mq, const struct sigevent *ev)
{
    int r = h7_mq_enter(mq, 0);
    if (r == 0 && ev)
        r = check_event(ev);
    if (r < 0)
        return r;
    return ev ? add(mq, ev) : end(mq);
}
