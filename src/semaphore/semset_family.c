/* SPDX-License-Identifier: MIT */
/* semaphore/semset_family.c - what sysv/sysv.h asks of semaphore sets */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/sys.h"
#include "name/name.h"
#include "semaphore/semset_internal.h"

#define COUNT_TEXT 16

/* --- how many ------------------------------------------------------------------------- */

/* Who writes the set can write its plan, and a process that attaches it again would believe it: and
 * fill the caller's array for GETALL with that many values. This file can't be written. */
static int make_count(int dir, uint32_t n)
{
    char text[COUNT_TEXT];
    int len = snprintf(text, sizeof text, "%u", n);
    int fd = h7_sys_openat(dir, H7_SEMSET_COUNT, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        return fd;
    ssize_t done = h7_sys_write_quiet(fd, text, (size_t)len);
    int r = done < 0 ? (int)done : done < len ? -ENOSPC : h7_sys_fchmod(fd, 0444);
    h7_sys_close(fd);
    return r;
}

/* 0, -EBADMSG (it isn't so many), ... */
static int check_count(int obj, uint32_t n)
{
    char text[COUNT_TEXT] = "", want[COUNT_TEXT];
    int fd = h7_name_part(obj, H7_SEMSET_COUNT, O_RDONLY, S_IFREG);
    if (fd < 0)
        return fd;
    ssize_t len = h7_sys_pread(fd, text, sizeof text - 1, 0);
    h7_sys_close(fd);
    if (len < 0)
        return (int)len;
    snprintf(want, sizeof want, "%u", n);
    return strcmp(text, want) == 0 ? 0 : -EBADMSG;
}

/* --- making and attaching ------------------------------------------------------------- */

static int make(int dir, const struct h7_sysv_shared *common, const void *arg)
{
    const struct h7_semset_wish *w = arg;
    struct h7_set_plan plan;
    if (w->n == 0 || !h7_set_plan(&plan, w->n, w->undoers_max, H7_SET_TIMES, 0))
        return -EINVAL;
    int r = make_count(dir, w->n);
    return r < 0 ? r
                 : h7_set_make(dir, H7_KIND_SEMSET,
                               h7_sysv_file_mode((mode_t)h7_load32_relaxed(&common->mode)), &plan,
                               common, sizeof *common);
}

static int fits(const struct h7_sysv_entry *e, const void *arg)
{
    const struct h7_semset_wish *w = arg;
    return w->n <= h7_semset_of(e)->set.plan.n ? 0 : -EINVAL;
}

static int attach(struct h7_sysv_entry *e, int obj, const struct h7_sysv_ways *ways)
{
    struct h7_semset *s = h7_semset_of(e);
    int r = h7_set_attach(&s->set, obj, H7_KIND_SEMSET, ways ? ways->wait : 0,
                          ways ? ways->spin_ns : 0);
    if (r < 0)
        return r;
    r = s->set.plan.flags == H7_SET_TIMES ? check_count(obj, s->set.plan.n) : -EBADMSG;
    if (r == 0)
        r = e->obj = h7_sys_dup(obj, 1);
    if (r < 0) {
        h7_set_detach(&s->set);
        return r;
    }
    e->sh = h7_set_room(&s->set);
    e->removed = &s->set.hot->flags;
    return 0;
}

static void detach(struct h7_sysv_entry *e)
{
    h7_set_detach(&h7_semset_of(e)->set);
    h7_sys_close(e->obj);
    e->obj = -1;
}

static void tune(struct h7_sysv_entry *e, const struct h7_sysv_ways *ways)
{
    h7_waiter_init(&h7_semset_of(e)->set.waiter, ways->wait, ways->spin_ns);
}

/* --- removal -------------------------------------------------------------------------- */

static int remove_id(struct h7_sysv_entry *e, int id)
{
    struct h7_set *set = &h7_semset_of(e)->set;
    struct h7_set_calls calls = {.n = 0};
    int r = h7_set_enter_patiently(set);
    if (r < 0)
        return r;
    if (h7_sysv_is_owner(e->sh)) {
        h7_set_remove_locked(set, &calls);
        h7_sysv_let_go(&h7_semset_family, id); /* Y3 */
    } else {
        r = -EPERM;
    }
    h7_set_leave_calls(set, &calls);
    return r;
}

/* Of a removed one. Only the names are at stake, so a dead holder's lock is as good as any; what
 * he left is never used again. */
static int lock_names(struct h7_sysv_entry *e)
{
    struct h7_set_hot *hot = h7_semset_of(e)->set.hot;
    int r = h7_lock(&hot->lock, h7_set_patience());
    if (r != -EOWNERDEAD)
        return r;
    h7_store32_relaxed(&hot->flags, h7_load32_relaxed(&hot->flags) | H7_SET_DIRTY);
    return 0;
}

static void unlock_names(struct h7_sysv_entry *e)
{
    h7_unlock(&h7_semset_of(e)->set.hot->lock);
}

struct h7_sysv_table h7_semset_table = {.family = &h7_semset_family};

const struct h7_sysv_family h7_semset_family = {
    .id_kind = "semset",
    .key_kind = "semkey",
    .table = &h7_semset_table,
    .entry_size = sizeof(struct h7_semset),
    .main = H7_SET_DATA,
    .parts = {{H7_SEMSET_COUNT, S_IFREG, H7_SYSV_FIXED}, {H7_SET_DATA, S_IFREG, H7_SYSV_SHARED}},
    .removed_bits = H7_SET_REMOVED,
    .make = make,
    .fits = fits,
    .attach = attach,
    .detach = detach,
    .tune = tune,
    .remove = remove_id,
    .lock_names = lock_names,
    .unlock_names = unlock_names,
};
