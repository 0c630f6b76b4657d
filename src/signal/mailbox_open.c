/* SPDX-License-Identifier: MIT */
/*
 * signal/mailbox_open.c - opening, making, unlinking, closing a mailbox; who receives from it
 *
 * Start at hepta_mailbox_open(): what is there is opened first; only if nothing has the name, and
 * HEPTA_MAILBOX_CREATE allows it, one is made; if another process is faster, its is opened.
 *
 * The receiver is a process (prim/life.h), which is the same after exec. So this process's open
 * handles are in a list: if none of them receives, what says that this process does, is left over
 * from the program before.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mutex.h"
#include "base/sys.h"
#include "name/name.h"
#include "prim/endpoint.h"
#include "signal/mailbox_internal.h"

#define TRIES 1000 /* between a name that is unlinked and one that is made, again and again */

struct opening {
    struct hepta_mailbox *box;
    const struct hepta_mailbox_options *opt;
    int ask; /* for permission: not the maker */
};

static const struct h7_segment_spec spec = {.kind = H7_KIND_MAILBOX,
                                            .control_len = sizeof(struct h7_mailbox_shared)};

/* --- the process's handles --------------------------------------------------------------- */

static struct h7_mutex guard;
static struct hepta_mailbox *opened; /* by single stores: a child may find it in between */

/* Both under the guard. */
static void remember(struct hepta_mailbox *b)
{
    b->next = opened;
    opened = b;
}

static void forget(struct hepta_mailbox *b)
{
    for (struct hepta_mailbox **at = &opened; *at;)
        if (*at == b)
            *at = b->next;
        else
            at = &(*at)->next;
}

/* Under the guard: does a handle of this process receive from it? A child's copies don't. */
static int receives(const struct hepta_mailbox *b)
{
    for (const struct hepta_mailbox *o = opened; o; o = o->next)
        if (o->dev == b->dev && o->ino == b->ino && h7_load32_relaxed(&o->turn) != 0 &&
            h7_load64_relaxed(&o->gen) == h7_fork_gen())
            return 1;
    return 0;
}

/* --- options ----------------------------------------------------------------------------- */

static int check_options(struct hepta_mailbox_options *o, const struct hepta_mailbox_options *opt)
{
    int r = h7_endpoint_options(o, sizeof *o, opt);
    if (r == 0)
        r = h7_endpoint_ways(o->wait, o->spin_ns);
    if (r == 0 && o->depth == 0)
        o->depth = HEPTA_MAILBOX_DEPTH_DEFAULT;
    return r == 0 && o->depth > HEPTA_MAILBOX_DEPTH_MAX ? -EINVAL : r;
}

static int check_flags(uint32_t flags, mode_t mode)
{
    if (flags & ~(HEPTA_MAILBOX_RECEIVE | HEPTA_MAILBOX_CREATE | HEPTA_MAILBOX_EXCL |
                  HEPTA_MAILBOX_ACK))
        return -EINVAL;
    if (flags & HEPTA_MAILBOX_ACK && !(flags & HEPTA_MAILBOX_RECEIVE))
        return -EINVAL;
    return flags & HEPTA_MAILBOX_CREATE && mode & ~(mode_t)0777 ? -EINVAL : 0;
}

/* --- who receives ------------------------------------------------------------------------ */

/* The half that the turn names doesn't change while it is this one: what was read in between two
 * looks at the same turn, is whole. */
int h7_mailbox_receiver(const struct h7_mailbox_shared *s, struct h7_life *who)
{
    for (int i = 0; i < TRIES; i++) {
        uint32_t turn = h7_load32_acquire(&s->receiver);
        if (!(turn & 1))
            return 0;
        who->mark = h7_load64_relaxed(&s->life[turn >> 1 & 1].mark);
        who->pid = h7_load32_relaxed(&s->life[turn >> 1 & 1].pid);
        h7_fence_acquire();
        if (h7_load32_relaxed(&s->receiver) == turn)
            return 1;
    }
    return 0; /* nobody has so many successors */
}

int h7_mailbox_is_received(const struct h7_mailbox_shared *s)
{
    struct h7_life who;
    return h7_mailbox_receiver(s, &who) && h7_life_alive(&who);
}

/* Under the lock: may this process? */
static int is_busy(const struct hepta_mailbox *b, const struct h7_life *me)
{
    struct h7_life who;
    if (!h7_mailbox_receiver(b->shared, &who))
        return 0;
    if (who.pid == me->pid && who.mark == me->mark)
        return receives(b);
    return h7_life_alive(&who);
}

static void become(struct hepta_mailbox *b, const struct h7_life *me, uint64_t blocked)
{
    struct h7_mailbox_shared *s = b->shared;
    uint32_t turn = (((h7_load32_relaxed(&s->receiver) >> 1) + 1) << 1) | 1;
    h7_store64_relaxed(&s->life[turn >> 1 & 1].mark, me->mark);
    h7_store32_relaxed(&s->life[turn >> 1 & 1].pid, me->pid);
    h7_store64_relaxed(&s->blocked, blocked);
    h7_mailbox_no_level(s);
    h7_store32_release(&s->receiver, turn); /* linearization point; B11 before it */
    h7_store32_relaxed(&b->turn, turn);
}

/* Under the guard. */
static int receive(struct hepta_mailbox *b, uint64_t blocked)
{
    struct h7_life me;
    int r = h7_life_self(&me);
    if (r == 0)
        r = h7_mailbox_lock(b, h7_mailbox_patience());
    if (r < 0)
        return r;
    r = is_busy(b, &me) ? -EBUSY : h7_mailbox_mend(b, 1);
    if (r == 0)
        become(b, &me, blocked);
    h7_mailbox_unlock(b);
    return r;
}

/* What was given is done. Even if somebody stopped holds the lock: the next may receive. */
static void resign(struct hepta_mailbox *b)
{
    int at_home = h7_load64_relaxed(&b->gen) == h7_fork_gen() || h7_mailbox_revalidate(b) == 0;
    uint32_t turn = h7_load32_relaxed(&b->turn); /* 0 in a child */
    if (!at_home || turn == 0)
        return;
    int r = h7_mailbox_lock(b, h7_mailbox_patience());
    if (r == 0 && h7_load32_relaxed(&b->shared->receiver) == turn) {
        h7_mailbox_forget(b);
        h7_mailbox_no_level(b->shared);
    }
    h7_cas32_release(&b->shared->receiver, &turn, turn & ~1u); /* linearization point */
    if (r == 0)
        h7_mailbox_unlock(b);
}

/* --- opening ----------------------------------------------------------------------------- */

static void detach(struct hepta_mailbox *b)
{
    h7_mailbox_close_fd(b);
    h7_sys_close(b->bell);
    b->bell = -1;
    h7_store32_relaxed(&b->turn, 0);
    if (b->seg.base)
        h7_segment_close(&b->seg);
    b->seg.base = NULL;
}

/* Mapped and checked; the depth is read once, and then ours. */
static int map(struct hepta_mailbox *b, int obj)
{
    struct stat st;
    int fd = h7_name_part(obj, H7_MAILBOX_PART_DATA, O_RDWR, S_IFREG);
    int r = fd < 0 ? fd : h7_segment_attach(&b->seg, fd, &spec, 0);
    if (r < 0) {
        h7_sys_close(fd < 0 ? -1 : fd);
        return r;
    }
    b->shared = h7_segment_control(&b->seg);
    b->slots = (struct h7_mailbox_slot *)(void *)b->seg.data;
    memcpy(&b->depth, &b->shared->depth, sizeof b->depth);
    if (b->depth == 0 || b->depth > HEPTA_MAILBOX_DEPTH_MAX ||
        b->depth * sizeof(struct h7_mailbox_slot) > b->seg.data_len || fstat(fd, &st) != 0)
        return -EBADMSG;
    b->dev = st.st_dev;
    b->ino = st.st_ino;
    return 0;
}

static int attach(struct hepta_mailbox *b, int obj, const struct hepta_mailbox_options *opt)
{
    int r = map(b, obj);
    if (r == 0)
        r = b->bell = h7_name_part(obj, H7_MAILBOX_PART_BELL, O_RDWR, S_IFIFO);
    if (r >= 0)
        r = b->flags & HEPTA_MAILBOX_RECEIVE ? receive(b, opt->blocked) : 0;
    if (r < 0)
        detach(b);
    return r;
}

static int open_object(int obj, void *arg)
{
    struct opening *o = arg;
    int r = o->ask ? h7_name_ask(obj, H7_MAILBOX_PART_MODE, O_RDWR) : 0;
    return r < 0 ? r : attach(o->box, obj, o->opt);
}

/* --- making ------------------------------------------------------------------------------ */

static int make_data(int dir, mode_t mode, uint32_t depth)
{
    struct h7_segment seg;
    struct h7_segment_spec new = spec;
    new.data_len = depth * sizeof(struct h7_mailbox_slot);
    int r = h7_segment_new_in(&seg, &new, dir, 0600);
    if (r < 0)
        return r;
    struct h7_mailbox_shared *s = h7_segment_control(&seg);
    s->depth = depth;
    r = h7_sys_fchmod(seg.fd, mode);
    if (r == 0)
        r = h7_segment_publish(&seg, dir, H7_MAILBOX_PART_DATA);
    h7_segment_close(&seg);
    return r;
}

static int make_parts(int dir, mode_t mode, uint32_t depth)
{
    int r = make_data(dir, mode, depth);
    return r == 0 ? h7_draft_fifo(dir, H7_MAILBOX_PART_BELL, mode, NULL) : r;
}

/* Attached before it has its name: what fails, leaves none. */
static int make(struct opening *o, const char *name, mode_t mode)
{
    struct h7_draft draft;
    int r = h7_draft_begin(&draft);
    int got = r < 0 ? r : h7_draft_mode(draft.fd, H7_MAILBOX_PART_MODE, mode);
    /* Its owner always: `mode` is what forbids, and the maker opens it whatever that says. */
    r = got < 0 ? got
                : make_parts(draft.fd, 0600 | h7_name_mode_for_all((mode_t)got, 06),
                             o->opt->depth);
    o->ask = 0;
    if (r == 0)
        r = open_object(draft.fd, o);
    if (r == -ESTALE) /* a part of what nobody else sees */
        r = -EBADMSG;
    if (r == 0) {
        r = h7_draft_publish(&draft, H7_MAILBOX_KIND, name,
                             0700 | h7_name_mode_for_all((mode_t)got, 05));
        if (r < 0)
            detach(o->box);
    }
    h7_draft_end(&draft);
    return r;
}

static int open_or_make(struct opening *o, const char *name, uint32_t flags, mode_t mode)
{
    for (int i = 0; i < TRIES; i++) {
        int excl = flags & HEPTA_MAILBOX_EXCL && flags & HEPTA_MAILBOX_CREATE;
        o->ask = 1;
        int r = excl ? -ENOENT : h7_name_attach(H7_MAILBOX_KIND, name, open_object, o);
        if (r != -ENOENT || !(flags & HEPTA_MAILBOX_CREATE))
            return r;
        r = make(o, name, mode);
        if (r != -EEXIST || excl)
            return r;
    }
    return -EBADMSG;
}

static void fill(struct hepta_mailbox *b, uint32_t flags, const struct hepta_mailbox_options *opt)
{
    b->bell = -1;
    b->flags = flags;
    h7_waiter_init(&b->waiter, opt->wait, opt->spin_ns);
    b->pidns = h7_self_pidns();
    h7_store64_relaxed(&b->gen, h7_fork_gen());
    h7_store64_relaxed(&b->me, (uint64_t)(uint32_t)getpid() << 32 | getuid());
}

int hepta_mailbox_open(const char *name, uint32_t flags, mode_t mode,
                       const struct hepta_mailbox_options *opt, struct hepta_mailbox **box)
{
    struct hepta_mailbox_options o;
    if (!box)
        return -EFAULT;
    *box = NULL;
    int r = h7_name_check(name);
    if (r == 0)
        r = check_flags(flags, mode);
    if (r == 0)
        r = check_options(&o, opt);
    if (r == 0)
        r = h7_life_know_self();
    if (r < 0)
        return r;
    struct hepta_mailbox *b = h7_handle_new(sizeof *b);
    if (!b)
        return -ENOMEM;
    fill(b, flags, &o);
    struct opening opening = {.box = b, .opt = &o};
    h7_mutex_enter(&guard); /* two threads that want to receive: one after the other */
    r = open_or_make(&opening, name, flags, mode);
    if (r == 0)
        remember(b);
    h7_mutex_unlock(&guard);
    if (r < 0) {
        h7_handle_free(b, sizeof *b);
        return r;
    }
    /* Senders begin at different places. */
    h7_store32_relaxed(&b->hint, (uint32_t)getpid() * 2654435761u % b->depth);
    h7_store32_release(&b->handle.kind, H7_KIND_MAILBOX);
    *box = b;
    return 0;
}

/* --- unlinking, closing ------------------------------------------------------------------ */

/* Senders look at the file's links from here on. */
static int warn(int obj, void *arg)
{
    struct h7_segment seg;
    (void)arg;
    int fd = h7_name_part(obj, H7_MAILBOX_PART_DATA, O_RDWR, S_IFREG);
    int r = fd < 0 ? fd : h7_segment_attach(&seg, fd, &spec, 0);
    if (r < 0) {
        h7_sys_close(fd < 0 ? -1 : fd);
        return r;
    }
    struct h7_mailbox_shared *s = h7_segment_control(&seg);
    h7_store32_release(&s->unlinked, 1);
    h7_segment_close(&seg);
    return 0;
}

int hepta_mailbox_unlink(const char *name)
{
    int r = h7_name_check(name);
    if (r < 0)
        return r;
    h7_name_attach(H7_MAILBOX_KIND, name, warn, NULL); /* if it may: the name goes anyway */
    return h7_name_unlink(H7_MAILBOX_KIND, name);
}

int hepta_mailbox_close(struct hepta_mailbox *b)
{
    uint32_t open = H7_KIND_MAILBOX;
    if (!b || !h7_cas32_acquire(&b->handle.kind, &open, 0))
        return -EBADF;
    h7_mutex_enter(&guard);
    resign(b);
    forget(b);
    h7_mutex_unlock(&guard);
    detach(b);
    h7_handle_free(b, sizeof *b);
    return 0;
}
