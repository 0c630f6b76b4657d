/* SPDX-License-Identifier: MIT */
/*
 * semaphore/permit_open.c - opening, making, unlinking, closing a permit
 *
 * Start at hepta_permit_open(): what is there is opened first; only if nothing has the name, and
 * HEPTA_SEM_CREATE allows it, one is made; if another process is faster, its is opened.
 *
 * Places are the process's, whichever handle took them: so the process's open handles are in a
 * list, and the last one of an object gives back what is left.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/mutex.h"
#include "base/sys.h"
#include "name/name.h"
#include "semaphore/permit_internal.h"

#define TRIES 1000 /* between a name that is unlinked and one that is made, again and again */

struct opening {
    struct hepta_permit *permit;
    const struct hepta_permit_options *opt;
    int ask; /* for permission: not the maker */
};

/* --- the process's handles -------------------------------------------------------------- */

static struct h7_mutex guard;
static struct hepta_permit *opened; /* by single stores: a child may find it in between */

static void remember(struct hepta_permit *p)
{
    h7_mutex_enter(&guard);
    p->next = opened;
    opened = p;
    h7_mutex_unlock(&guard);
}

/* Under the guard: no more in the list. Another handle of the same object, or NULL. */
static struct hepta_permit *forget(struct hepta_permit *p)
{
    struct hepta_permit *other = NULL;
    for (struct hepta_permit **at = &opened; *at;)
        if (*at == p)
            *at = p->next;
        else
            at = &(*at)->next;
    for (struct hepta_permit *o = opened; o && !other; o = o->next)
        if (o->dev == p->dev && o->ino == p->ino)
            other = o;
    return other;
}

/* --- options ---------------------------------------------------------------------------- */

static int check_options(struct hepta_permit_options *o, const struct hepta_permit_options *opt)
{
    int r = h7_endpoint_options(o, sizeof *o, opt);
    if (r == 0)
        r = h7_endpoint_ways(o->wait, o->spin_ns);
    if (r == 0 && o->holders_max == 0)
        o->holders_max = HEPTA_PERMIT_HOLDERS_DEFAULT;
    return r == 0 && o->holders_max > HEPTA_PERMIT_HOLDERS_MAX ? -EINVAL : r;
}

static int check_flags(uint32_t flags, mode_t mode, uint32_t places)
{
    if (flags & ~(HEPTA_SEM_CREATE | HEPTA_SEM_EXCL))
        return -EINVAL;
    if (!(flags & HEPTA_SEM_CREATE))
        return 0;
    return mode & ~(mode_t)0777 || places == 0 || places > HEPTA_PERMIT_MAX ? -EINVAL : 0;
}

/* --- opening ---------------------------------------------------------------------------- */

static void detach(struct hepta_permit *p)
{
    h7_level_close(&p->level);
    h7_alive_end(&p->alive);
    h7_sys_close(p->bell);
    h7_sys_close(p->obj);
    h7_set_detach(&p->set);
    p->bell = p->obj = -1;
}

static int attach(struct hepta_permit *p, int obj, const struct hepta_permit_options *opt)
{
    struct stat st;
    int r = h7_set_attach(&p->set, obj, H7_KIND_PERMIT, opt->wait, opt->spin_ns);
    if (r < 0)
        return r;
    p->set.raise = h7_permit_raise;
    r = p->bell = h7_name_part(obj, H7_PERMIT_PART_BELL, O_RDWR, S_IFIFO);
    if (r >= 0)
        r = p->obj = h7_sys_dup(obj, 1);
    if (r >= 0)
        r = p->set.plan.n != 1 || !(p->set.plan.flags & H7_SET_HELD) ? -EBADMSG : 0;
    if (r == 0 && fstat(p->set.seg.fd, &st) != 0)
        r = -EBADMSG;
    if (r < 0) {
        detach(p);
        return r;
    }
    p->dev = st.st_dev;
    p->ino = st.st_ino;
    return 0;
}

static int open_object(int obj, void *arg)
{
    struct opening *o = arg;
    int r = o->ask ? h7_name_ask(obj, H7_PERMIT_PART_MODE, O_RDWR) : 0;
    return r < 0 ? r : attach(o->permit, obj, o->opt);
}

/* --- making ----------------------------------------------------------------------------- */

static int make_parts(int dir, mode_t mode, uint32_t places, uint32_t holders_max)
{
    struct h7_set_plan plan;
    if (h7_set_plan(&plan, 1, holders_max, H7_SET_HELD, places) == 0)
        return -EINVAL;
    int r = h7_set_make(dir, H7_KIND_PERMIT, mode, &plan, "", 0);
    if (r == 0)
        r = h7_draft_fifo(dir, H7_PERMIT_PART_BELL, mode, NULL);
    return r == 0 ? h7_draft_file(dir, H7_PART_LIFE, mode) : r;
}

/* Attached before it has its name: what fails, leaves none. */
static int make(struct opening *o, const char *name, mode_t mode, uint32_t places)
{
    struct h7_draft draft;
    int r = h7_draft_begin(&draft);
    int got = r < 0 ? r : h7_draft_mode(draft.fd, H7_PERMIT_PART_MODE, mode);
    /* Its owner always: `mode` is what forbids, and the maker opens it whatever that says. */
    r = got < 0 ? got
                : make_parts(draft.fd, 0600 | h7_name_mode_for_all((mode_t)got, 06), places,
                             o->opt->holders_max);
    o->ask = 0;
    if (r == 0)
        r = open_object(draft.fd, o);
    if (r == -ESTALE) /* a part of what nobody else sees */
        r = -EBADMSG;
    if (r == 0) {
        r = h7_draft_publish(&draft, H7_PERMIT_KIND, name,
                             0700 | h7_name_mode_for_all((mode_t)got, 05));
        if (r < 0)
            detach(o->permit);
    }
    h7_draft_end(&draft);
    return r;
}

static int open_or_make(struct opening *o, const char *name, uint32_t flags, mode_t mode,
                        uint32_t places)
{
    for (int i = 0; i < TRIES; i++) {
        int excl = flags & HEPTA_SEM_EXCL && flags & HEPTA_SEM_CREATE;
        o->ask = 1;
        int r = excl ? -ENOENT : h7_name_attach(H7_PERMIT_KIND, name, open_object, o);
        if (r != -ENOENT || !(flags & HEPTA_SEM_CREATE))
            return r;
        r = make(o, name, mode, places);
        if (r != -EEXIST || excl)
            return r;
    }
    return -EBADMSG;
}

int hepta_permit_open(const char *name, uint32_t flags, mode_t mode, uint32_t places,
                      const struct hepta_permit_options *opt, struct hepta_permit **permit)
{
    struct hepta_permit_options o;
    if (!permit)
        return -EFAULT;
    *permit = NULL;
    int r = h7_name_check(name);
    if (r == 0)
        r = check_flags(flags, mode, places);
    if (r == 0)
        r = check_options(&o, opt);
    if (r == 0)
        r = h7_life_know_self();
    if (r < 0)
        return r;
    struct hepta_permit *p = h7_handle_new(sizeof *p);
    if (!p)
        return -ENOMEM;
    p->bell = p->obj = -1;
    struct opening opening = {.permit = p, .opt = &o};
    r = open_or_make(&opening, name, flags, mode, places);
    if (r < 0) {
        h7_handle_free(p, sizeof *p);
        return r;
    }
    p->pidns = h7_self_pidns();
    h7_store64_relaxed(&p->gen, h7_fork_gen());
    remember(p);
    h7_store32_release(&p->handle.kind, H7_KIND_PERMIT);
    *permit = p;
    return 0;
}

int hepta_permit_unlink(const char *name)
{
    int r = h7_name_check(name);
    return r < 0 ? r : h7_name_unlink(H7_PERMIT_KIND, name);
}

/* --- closing ---------------------------------------------------------------------------- */

/* Nobody can open the object anew meanwhile, and take: that waits for the guard. */
static int end(struct hepta_permit *p)
{
    int r = 0, at_home = h7_permit_revalidate(p) == 0;
    h7_mutex_enter(&guard);
    struct hepta_permit *other = forget(p);
    if (at_home && !other)
        r = h7_set_let_go(&p->set, h7_set_patience());
    else if (at_home && h7_set_holds(&p->set))
        r = h7_alive_begin(&other->alive, other->obj); /* the alarm goes on */
    h7_mutex_unlock(&guard);
    return r < 0 ? r : 0;
}

int hepta_permit_close(struct hepta_permit *p)
{
    uint32_t open = H7_KIND_PERMIT;
    if (!p || !h7_cas32_acquire(&p->handle.kind, &open, 0))
        return -EBADF;
    int r = end(p);
    detach(p);
    h7_handle_free(p, sizeof *p);
    return r;
}
