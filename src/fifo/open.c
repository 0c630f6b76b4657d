/* SPDX-License-Identifier: MIT */
/*
 * fifo/open.c - opening and closing a FIFO: who is there, who waits, when contents end
 *
 * An open is: the permission (the part `mode`); the segment; then, inside the open lock, both
 * bells, the question whether anybody else has the FIFO open, the partner's presence, and the
 * count; then, outside, the wait for a partner. See fifo_internal.h for who is seen by what
 * (F1 to F5) and for what a death leaves (O1 to O4).
 *
 * Start at hepta_fifo_open(), then enter().
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/sys.h"
#include "fifo/fifo_internal.h"
#include "fifo/kernel.h"
#include "name/name.h"
#include "prim/life.h"

#define RETRY_NS H7_MS /* between two looks at an opener that died inside */
#define SLICE_NS (1000 * H7_MS) /* O3: rare, and whose open has not returned can come later */

struct opening {
    struct hepta_fifo *f;
    int64_t deadline;
    int64_t patience; /* until when a dying opener is waited for */
    uint32_t seen;    /* the partner's n_opens when we came in */
    int partner;      /* it was there */
};

static struct h7_fifo_shared *shared_of(const struct hepta_fifo *f)
{
    return h7_segment_control(&f->seg);
}

static int both(const struct hepta_fifo *f)
{
    return f->access == (HEPTA_FIFO_READ | HEPTA_FIFO_WRITE);
}

static int reads(const struct hepta_fifo *f)
{
    return (f->access & HEPTA_FIFO_READ) != 0;
}

static int access_flags(const struct hepta_fifo *f)
{
    return both(f) ? O_RDWR : reads(f) ? O_RDONLY : O_WRONLY;
}

/* --- the parts -------------------------------------------------------------------- */

static int attach(int obj, struct hepta_fifo *f)
{
    const struct h7_segment_spec spec = h7_fifo_spec(&(struct hepta_fifo_options){0});
    int fd = h7_name_part(obj, H7_FIFO_PART_DATA, O_RDWR, S_IFREG);
    int r = fd < 0 ? fd : h7_segment_attach(&f->seg, fd, &spec, 0);
    if (r < 0) {
        h7_sys_close(fd);
        return r;
    }
    if (f->seg.flags & ~H7_FIFO_FLAGS || f->seg.data_len > HEPTA_PIPE_CAPACITY_MAX)
        return -EBADMSG;
    return 0;
}

static int bell(int obj, const char *part, int flags)
{
    int fd = h7_name_part(obj, part, flags, S_IFIFO);
    /* One page is plenty, and a user's quota of pipe pages (pipe(7)) is small. */
    if (fd >= 0 && fcntl(fd, F_GETPIPE_SZ) != H7_BELL_MAX)
        fcntl(fd, F_SETPIPE_SZ, H7_BELL_MAX);
    return fd;
}

/* The write end of a bell. *there: it has readers. Where it has none the kernel gives no
 * write end, unless one is its reader for a moment: O4. */
static int ringing_end(int obj, const char *part, int *there)
{
    int fd = bell(obj, part, O_WRONLY);
    *there = fd >= 0;
    if (fd != -ENXIO)
        return fd;
    int help = bell(obj, part, O_RDWR);
    if (help < 0)
        return help;
    fd = bell(obj, part, O_WRONLY);
    h7_sys_close(help);
    return fd;
}

/* F4: a writer hears of space. What it can't write to is opened for a moment: writers don't
 * see that, and the readers' side of S is theirs to be. */
static int announce_space(int obj, struct hepta_fifo *f)
{
    if (h7_bell_bytes(f->s) > 0)
        return 0;
    int fd = both(f) ? f->s : bell(obj, H7_FIFO_PART_S, O_WRONLY);
    if (fd < 0)
        return fd;
    ssize_t n = h7_sys_fifo_write(fd, "", 1);
    if (fd != f->s)
        h7_sys_close(fd);
    return n == 1 || n == -EAGAIN ? 0 : -ENOMEM;
}

static int bells_belong(const struct hepta_fifo *f)
{
    const struct h7_conduit_shared *flow = &shared_of(f)->flow;
    return h7_endpoint_inode(f->d) == h7_load64_relaxed(&flow->bell_ino[H7_WRITER]) &&
           h7_endpoint_inode(f->s) == h7_load64_relaxed(&flow->bell_ino[H7_READER]);
}

/* --- inside the open lock --------------------------------------------------------- */

/* F2. 1 alone, with the exclusive lock; 0 not, with a shared one; -EAGAIN an opener that died
 * inside isn't taken apart yet (O2). */
static int alone(int d)
{
    int r = h7_sys_flock(d, LOCK_EX);
    if (r != -EAGAIN)
        return r < 0 ? r : 1;
    r = h7_sys_flock(d, LOCK_SH);
    if (r < 0)
        return r;
    /* Nobody has the exclusive one now, nor can get it: the first refusal may have been a
     * dying opener's, this one can't be. */
    r = h7_sys_flock(d, LOCK_EX);
    if (r != -EAGAIN)
        return r < 0 ? r : 1;
    return h7_sys_flock(d, LOCK_SH);
}

static int begin_anew_if_alone(struct hepta_fifo *f)
{
    int r = alone(f->d);
    if (r <= 0)
        return r;
    h7_endpoint_reset(&shared_of(f)->flow); /* O2 until it is shared: F3 */
    return h7_sys_flock(f->d, LOCK_SH);
}

/* d first: from then on its bytes stay, which is what alone() relies on. */
static int open_d(int obj, struct opening *o)
{
    struct hepta_fifo *f = o->f;
    if (!both(f) && !reads(f)) {
        if (o->deadline != HEPTA_NOW)
            return ringing_end(obj, H7_FIFO_PART_D, &o->partner);
        o->partner = 1; /* else -ENXIO, and nothing was done */
    }
    return bell(obj, H7_FIFO_PART_D, access_flags(f));
}

static int open_s(int obj, struct opening *o)
{
    if (both(o->f))
        return bell(obj, H7_FIFO_PART_S, O_RDWR);
    if (reads(o->f))
        return ringing_end(obj, H7_FIFO_PART_S, &o->partner);
    return bell(obj, H7_FIFO_PART_S, O_RDONLY);
}

static int open_bells(int obj, struct opening *o)
{
    struct hepta_fifo *f = o->f;
    int r = f->d = open_d(obj, o);
    if (r >= 0)
        r = begin_anew_if_alone(f);
    if (r >= 0)
        r = f->s = open_s(obj, o);
    if (r >= 0)
        r = bells_belong(f) ? 0 : -EBADMSG;
    if (r == 0 && f->access & HEPTA_FIFO_WRITE)
        r = announce_space(obj, f);
    return r;
}

static void count(struct opening *o)
{
    struct h7_fifo_shared *sh = shared_of(o->f);
    for (int role = 0; role < 2; role++)
        if (o->f->access & h7_fifo_bit(role))
            h7_add32_release(&sh->n_opens[role], 1); /* linearization point; O3 until the wake */
    o->seen = h7_load32_relaxed(&sh->n_opens[reads(o->f) ? H7_WRITER : H7_READER]);
}

static int enter(int obj, struct opening *o)
{
    struct h7_fifo_shared *sh = shared_of(o->f);
    int r = h7_lock(&sh->lock, o->deadline);
    if (r == -EOWNERDEAD) /* O1, O2: nothing to mend */
        h7_store32_relaxed(&sh->recoveries, h7_load32_relaxed(&sh->recoveries) + 1);
    else if (r < 0)
        return r;
    r = open_bells(obj, o);
    if (r == 0)
        count(o);
    h7_unlock(&sh->lock);
    for (int role = 0; role < 2 && r == 0; role++)
        if (o->f->access & h7_fifo_bit(role))
            h7_sys_futex_wake(&sh->n_opens[role], INT_MAX);
    return r;
}

/* --- the handle ------------------------------------------------------------------- */

static void drop_bells(struct hepta_fifo *f)
{
    h7_sys_close(f->s);
    h7_sys_close(f->d);
    f->d = f->s = -1;
}

/* What was half opened: nobody has seen it, or as one that has gone. */
static void drop(struct hepta_fifo *f)
{
    drop_bells(f);
    if (f->seg.base)
        h7_segment_close(&f->seg);
}

static int begin_flow(struct hepta_fifo *f, int role, const struct hepta_fifo_options *opt)
{
    struct h7_conduit *c = &f->flow[role];
    int r = h7_conduit_init(c, &shared_of(f)->flow, role, f->seg.flags, f->seg.data,
                            f->seg.data_len);
    if (r < 0)
        return r;
    c->ring_fd = role == H7_WRITER ? f->d : f->s;
    c->listen_fd = role == H7_WRITER ? f->s : f->d;
    c->gone_fd = c->ring_fd;
    c->bell_kind = H7_BELL_FIFO;
    h7_conduit_tune(c, opt->wait, opt->spin_ns);
    return 0;
}

static int begin_flows(struct hepta_fifo *f, const struct hepta_fifo_options *opt)
{
    int r = 0;
    for (int role = 0; role < 2 && r == 0; role++)
        if (f->access & h7_fifo_bit(role))
            r = begin_flow(f, role, opt);
    return r;
}

/* h7_name_attach() calls it, perhaps more than once. */
static int open_object(int obj, void *arg)
{
    struct opening *o = arg;
    int r = h7_name_ask(obj, H7_FIFO_PART_MODE, access_flags(o->f));
    if (r == 0)
        r = attach(obj, o->f);
    if (r == 0)
        r = enter(obj, o);
    if (r < 0)
        drop(o->f);
    return r;
}

/* --- waiting ---------------------------------------------------------------------- */

/* -EAGAIN came from an opener that died inside or is stopped there. 0: try again. */
static int pause_for_the_dying(const struct opening *o)
{
    int64_t now = hepta_now_ns();
    if (now >= o->patience)
        return h7_expired(o->deadline);
    return h7_sys_poll(NULL, 0, h7_earlier(o->patience, now + RETRY_NS));
}

static int open_parts(struct opening *o, const char *name)
{
    int r;
    do {
        r = h7_name_attach(H7_FIFO_KIND, name, open_object, o);
        if (r != -EAGAIN)
            return r;
        r = pause_for_the_dying(o);
    } while (r >= 0);
    return r;
}

/* Until the other side has been opened since we came in. No wake-up is lost: the opener adds,
 * then wakes; the kernel compares the word with what we saw under the lock. Not without end:
 * O3, and so that a handler ends it under SA_RESTART, too. */
static int wait_for_partner(const struct opening *o)
{
    struct h7_a32 *word = &shared_of(o->f)->n_opens[reads(o->f) ? H7_WRITER : H7_READER];
    int r = 0;
    /* Acquire, with count(): nothing else is read, but a count is seen with what led to it. */
    while (h7_load32_acquire(word) == o->seen) {
        int64_t now = hepta_now_ns();
        if (r == -EINTR || now >= o->deadline)
            return r == -EINTR ? r : -ETIMEDOUT;
        r = h7_sys_futex_wait(word, o->seen, h7_earlier(o->deadline, now + SLICE_NS));
    }
    return 0;
}

static int must_wait(const struct opening *o)
{
    return !both(o->f) && !o->partner && o->deadline != HEPTA_NOW;
}

static int open_all(struct opening *o, const char *name, const struct hepta_fifo_options *opt)
{
    int r = open_parts(o, name);
    if (r < 0)
        return r;
    r = begin_flows(o->f, opt);
    if (r == 0 && must_wait(o))
        r = wait_for_partner(o);
    if (r < 0) {
        drop_bells(o->f);
        h7_conduit_closed(&shared_of(o->f)->flow);
        drop(o->f);
    }
    return r;
}

/* --- open and close --------------------------------------------------------------- */

static int open_named(struct hepta_fifo *f, const char *name,
                      const struct hepta_fifo_options *opt, int64_t deadline)
{
    int r = h7_life_know_self();
    if (r < 0)
        return r;
    f->pidns = h7_self_pidns();
    struct opening o = {.f = f, .deadline = h7_deadline(deadline)};
    o.patience = deadline == HEPTA_NOW ? hepta_now_ns() + H7_LOCK_GRACE_NS : o.deadline;
    r = open_all(&o, name, opt);
    h7_store64_relaxed(&f->gen, h7_fork_gen());
    return r;
}

int hepta_fifo_open(struct hepta_fifo **fifo, const char *name, uint32_t access,
                    const struct hepta_fifo_options *opt, int64_t deadline)
{
    struct hepta_fifo_options ways;
    if (fifo)
        *fifo = NULL;
    if (!fifo)
        return -EFAULT;
    const char *path = h7_kernel_fifo_path(name);
    int r = path ? 0 : h7_name_check(name);
    if (r == 0)
        r = access < HEPTA_FIFO_READ || access > (HEPTA_FIFO_READ | HEPTA_FIFO_WRITE) ? -EINVAL : 0;
    if (r == 0)
        r = h7_fifo_options(&ways, opt, path ? H7_KERNEL_FIFO_MAX : HEPTA_PIPE_CAPACITY_MAX);
    if (r == 0 && !h7_self())
        r = h7_self_fill(); /* -ENOSYS, which a new handle would take for -ENOMEM */
    if (r < 0)
        return r;
    struct hepta_fifo *f = h7_handle_new(sizeof *f);
    if (!f)
        return -ENOMEM;
    *f = (struct hepta_fifo){.access = access, .fd = -1, .d = -1, .s = -1, .seg = {.fd = -1}};
    r = path ? h7_kernel_fifo_open(f, path, &ways, deadline) : open_named(f, name, &ways, deadline);
    if (r < 0) {
        h7_handle_free(f, sizeof *f);
        return r;
    }
    h7_store32_release(&f->handle.kind, H7_KIND_FIFO);
    *fifo = f;
    return 0;
}

static void close_named(struct hepta_fifo *f)
{
    for (int role = 0; role < 2; role++)
        if (f->access & h7_fifo_bit(role))
            h7_conduit_abandon(&f->flow[role]);
    drop_bells(f);
    /* After the bells. Somebody may have begun anew by now: to be told too much is harmless. */
    h7_conduit_closed(&shared_of(f)->flow);
    h7_segment_close(&f->seg);
}

struct hepta_fifo *hepta_fifo_close(struct hepta_fifo *f)
{
    uint32_t open = H7_KIND_FIFO;
    if (!f || !h7_cas32_acquire(&f->handle.kind, &open, 0))
        return NULL; /* closed already: leave alone */
    if (f->fd >= 0)
        h7_sys_close(f->fd);
    else
        close_named(f);
    h7_handle_free(f, sizeof *f);
    return NULL;
}
