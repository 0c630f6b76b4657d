/* SPDX-License-Identifier: MIT */
/*
 * semaphore/sem_named.c - semaphores with a name: opening, making, closing, unlinking
 *
 * The object is a directory "sem.NAME" (name/name.h) with one part, `data`: a segment whose
 * control block is the semaphore. The file's mode is the semaphore's: who may read and write it
 * may use it. Whoever makes one has it open whatever the mode says.
 *
 * A semaphore that is opened twice has one address, so this process keeps a list of those it has
 * open, each with a count: which file (dev and ino: a mapping keeps the inode, so the number isn't
 * used anew), and where it is mapped. No descriptor is kept.
 *
 * Start at hepta_sem_open(): what is there is opened first; only if nothing has the name, and
 * HEPTA_SEM_CREATE allows it, one is made; if another process is faster, its is opened.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/mutex.h"
#include "base/self.h"
#include "base/sys.h"
#include "name/name.h"
#include "semaphore/sem_internal.h"

#define KIND "sem" /* of the name */
#define DATA "data"
#define TRIES 1000 /* between a name that is unlinked and one that is made, again and again */

struct open_sem {
    struct open_sem *next;
    struct h7_segment seg; /* its descriptor is closed once it is in the list */
    uint64_t dev, ino;
    uint32_t n_opens;
};

/* The list is right at every moment, for a fork's child that takes the lock over: an entry comes
 * and goes by one store. */
static struct h7_mutex guard;
static struct open_sem *all;

/* data_max: no data at all, and no more control block than there is. */
static const struct h7_segment_spec spec = {
    .kind = H7_KIND_SEM, .control_len = sizeof(struct h7_sem), .data_max = 1};

/* --- opening and making --------------------------------------------------------------- */

/* Which file it is, before anything is published that this process couldn't use then. */
static int identify(struct open_sem *o, struct statx *st)
{
    int r = h7_sys_statx(o->seg.fd, "", st);
    if (r == 0) {
        o->dev = (uint64_t)st->stx_dev_major << 32 | st->stx_dev_minor;
        o->ino = st->stx_ino;
    }
    return r;
}

static int open_object(int obj, void *arg)
{
    struct open_sem *o = arg;
    struct statx st;
    int fd = h7_name_part(obj, DATA, O_RDWR, S_IFREG);
    if (fd < 0)
        return fd;
    int r = h7_segment_attach(&o->seg, fd, &spec, 0);
    if (r < 0) {
        h7_sys_close(fd);
        return r;
    }
    const struct h7_sem *s = h7_sem_at(h7_segment_control(&o->seg));
    r = s && h7_load32_relaxed(&s->kind) == H7_SEM_NAMED ? identify(o, &st) : -EBADMSG;
    if (r < 0)
        h7_segment_close(&o->seg);
    return r;
}

/* The directory lets in whom the mode lets do anything: the kernel looks at the part's then. */
static int publish(struct open_sem *o, struct h7_draft *draft, const char *name)
{
    struct statx st;
    int r = identify(o, &st);
    if (r == 0)
        r = h7_segment_publish(&o->seg, draft->fd, DATA);
    if (r == 0)
        r = h7_draft_publish(draft, KIND, name, 0700 | h7_name_mode_for_all(st.stx_mode, 05));
    return r;
}

/* Mode and value matter here only: where one exists, sem_open(3) ignores them. */
static int make(struct open_sem *o, const char *name, mode_t mode, uint32_t value)
{
    struct h7_draft draft;
    if (mode & ~(mode_t)0777 || value > HEPTA_SEM_VALUE_MAX)
        return -EINVAL;
    int r = h7_draft_begin(&draft);
    if (r == 0)
        r = h7_segment_new_in(&o->seg, &spec, draft.fd, mode);
    if (r == 0) {
        h7_sem_fill(h7_segment_control(&o->seg), H7_SEM_NAMED, value);
        r = publish(o, &draft, name);
        if (r < 0)
            h7_segment_close(&o->seg);
    }
    h7_draft_end(&draft);
    return r;
}

static int open_or_make(struct open_sem *o, const char *name, uint32_t flags, mode_t mode,
                        uint32_t value)
{
    for (int i = 0; i < TRIES; i++) {
        int excl = flags & HEPTA_SEM_EXCL && flags & HEPTA_SEM_CREATE;
        int r = excl ? -ENOENT : h7_name_attach(KIND, name, open_object, o);
        if (r != -ENOENT || !(flags & HEPTA_SEM_CREATE))
            return r;
        r = make(o, name, mode, value);
        if (r != -EEXIST || excl)
            return r;
    }
    return -EBADMSG;
}

/* --- the list ------------------------------------------------------------------------- */

/* The place of the pointer to the entry that fits, under the guard. */
static struct open_sem **find(uint64_t dev, uint64_t ino)
{
    struct open_sem **at = &all;
    while (*at && ((*at)->dev != dev || (*at)->ino != ino))
        at = &(*at)->next;
    return at;
}

/* Put it into the list, or count the one that is there. Returns which one is open now. */
static struct open_sem *enlist(struct open_sem *new)
{
    h7_mutex_enter(&guard);
    struct open_sem *o = *find(new->dev, new->ino);
    if (o && o->n_opens == UINT32_MAX) {
        o = NULL;
    } else if (o) {
        o->n_opens++;
    } else {
        o = new;
        o->next = all;
        h7_fence_compiler(); /* whole before it is in the list: a fork can come between */
        all = o;
    }
    h7_mutex_unlock(&guard);
    return o;
}

static void discard(struct open_sem *o)
{
    h7_segment_close(&o->seg);
    free(o);
}

/* *new is what is open then, or is gone. */
static int open_named(struct open_sem **new, const char *name, uint32_t flags, mode_t mode,
                      uint32_t value)
{
    struct open_sem *o = *new;
    int r = open_or_make(o, name, flags, mode, value);
    if (r < 0) {
        free(o);
        return r;
    }
    h7_sys_close(o->seg.fd);
    o->seg.fd = -1;
    *new = enlist(o);
    if (*new != o)
        discard(o);
    return *new ? 0 : -EMFILE;
}

int hepta_sem_open(const char *name, uint32_t flags, mode_t mode, uint32_t value,
                   hepta_sem_t **sem)
{
    if (!sem)
        return -EFAULT;
    *sem = NULL;
    int r = h7_name_check(name);
    if (r < 0)
        return r;
    if (flags & ~(HEPTA_SEM_CREATE | HEPTA_SEM_EXCL))
        return -EINVAL;
    struct open_sem *o = calloc(1, sizeof *o);
    if (!o)
        return -ENOMEM;
    r = open_named(&o, name, flags, mode, value);
    if (r == 0)
        *sem = h7_segment_control(&o->seg);
    return r;
}

/* --- the end -------------------------------------------------------------------------- */

int hepta_sem_close(hepta_sem_t *sem)
{
    struct open_sem *last = NULL;
    h7_self(); /* the guard names the fork generation, which may be a child's first */
    h7_mutex_enter(&guard);
    struct open_sem **at = &all;
    while (*at && h7_segment_control(&(*at)->seg) != (void *)sem)
        at = &(*at)->next;
    int r = *at ? 0 : -EINVAL;
    if (*at && (*at)->n_opens == 0) { /* the first one isn't counted */
        last = *at;
        *at = last->next;
    } else if (*at) {
        (*at)->n_opens--;
    }
    h7_mutex_unlock(&guard);
    if (last)
        discard(last);
    return r;
}

int hepta_sem_unlink(const char *name)
{
    int r = h7_name_check(name);
    return r < 0 ? r : h7_name_unlink(KIND, name);
}
