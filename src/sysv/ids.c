/* SPDX-License-Identifier: MIT */
/*
 * sysv/ids.c - h7_sysv_get(): finding the object of a key, making objects
 *
 * Names and who dies where: sysv/sysv.h. Nothing here holds a lock: the two renames that publish
 * decide, and who loses looks again.
 */
#define _GNU_SOURCE
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sys.h"
#include "name/name.h"
#include "sysv/sysv_internal.h"

#define ID_TRIES  1000 /* of 2^31 */
#define KEY_TRIES 1000 /* each time somebody has made or removed it meanwhile */

/* --- making ------------------------------------------------------------------------- */

struct making {
    const struct h7_sysv_family *f;
    const struct h7_sysv_asked *asked;
    int id;
};

/* From the clock and spread, so that no number is used again soon. */
static int new_id(void)
{
    uint64_t n = (uint64_t)hepta_now_ns() + ((uint64_t)h7_self_cache.tid << 40);
    int id = (int)((n * 0x9e3779b97f4a7c15ull) >> 33);
    return id ? id : 1;
}

static void fill(struct h7_sysv_shared *sh, const struct making *mk)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    /* Relaxed: published with the name. */
    h7_store32_relaxed(&sh->id, (uint32_t)mk->id);
    h7_store32_relaxed(&sh->key, (uint32_t)mk->asked->key);
    h7_store32_relaxed(&sh->seq, (uint32_t)mk->id & 0x7fff);
    h7_store32_relaxed(&sh->mode, (uint32_t)mk->asked->flags & 0777);
    h7_store32_relaxed(&sh->uid, geteuid());
    h7_store32_relaxed(&sh->cuid, geteuid());
    h7_store32_relaxed(&sh->gid, getegid());
    h7_store32_relaxed(&sh->cgid, getegid());
    h7_store32_relaxed(&sh->changes, 1);
    h7_store64_relaxed(&sh->ctime, (uint64_t)now.tv_sec);
}

static int make_object(const struct making *mk, const char *kind, const char *name)
{
    struct h7_sysv_shared sh = {0};
    struct h7_draft draft;
    fill(&sh, mk);
    int r = h7_draft_begin(&draft);
    if (r == 0)
        r = mk->f->make(draft.fd, &sh, mk->asked->arg);
    if (r == 0 && mk->asked->key != IPC_PRIVATE)
        r = h7_sysv_make_texts(mk->f, draft.fd, mk->id, mk->asked->key);
    if (r == 0)
        r = h7_draft_publish(&draft, kind, name, 0755); /* linearization point */
    h7_draft_end(&draft);
    return r;
}

static int make_private(struct making *mk)
{
    char name[H7_SYSV_NAME];
    int r = -EEXIST;
    for (int i = 0; i < ID_TRIES && r == -EEXIST; i++) {
        mk->id = new_id();
        h7_sysv_id_name(name, mk->id);
        r = make_object(mk, mk->f->id_kind, name);
    }
    return r == -EEXIST ? -ENOSPC : r;
}

static int take_id(struct making *mk)
{
    int r = -EEXIST;
    for (int i = 0; i < ID_TRIES && r == -EEXIST; i++) {
        mk->id = new_id();
        r = h7_sysv_make_stub(mk->f, mk->id, mk->asked->key);
    }
    return r == -EEXIST ? -ENOSPC : r;
}

/* -EEXIST: somebody else's has the key. */
static int make_keyed(struct making *mk)
{
    char name[H7_SYSV_NAME];
    int r = take_id(mk);
    if (r < 0)
        return r;
    h7_sysv_key_name(name, mk->asked->key);
    r = make_object(mk, mk->f->key_kind, name);
    if (r < 0) {
        h7_sysv_id_name(name, mk->id); /* Y2 until it is done */
        h7_name_unlink(mk->f->id_kind, name);
    }
    return r;
}

/* --- finding ------------------------------------------------------------------------ */

#define AGAIN 1 /* it was removed meanwhile */

/* Could this user remove the key's name? */
static int is_mine(const struct h7_sysv_family *f, key_t key)
{
    char name[H7_SYSV_NAME];
    struct statx st;
    uid_t me = geteuid();
    h7_sysv_key_name(name, key);
    int obj = h7_name_open(f->key_kind, name);
    int r = obj < 0 ? obj : h7_sys_statx(obj, "", &st);
    h7_sys_close(obj);
    return r == 0 && (me == 0 || me == st.stx_uid);
}

/* The id of a key is there, but not what it leads to. */
static int missing(const struct h7_sysv_family *f, key_t key, int id, int r)
{
    int now, found = h7_sysv_key_id(f, key, &now);
    if (found == -ENOENT || (found == 0 && now != id))
        return AGAIN;
    if (found < 0)
        return found;
    if (r != -EIDRM)
        return h7_sysv_drop_key(f, key, id) == 0 ? AGAIN : -EBADMSG;
    /* A removed object, whose names only its owner, or root, can remove: a stopped one is at it. */
    return is_mine(f, key) ? -ETIMEDOUT : -EACCES;
}

static uint32_t asked_for(int flags)
{
    return (uint32_t)(flags >> 6 | flags >> 3 | flags) & 07;
}

static int is_exclusive(int flags)
{
    return flags & IPC_CREAT && flags & IPC_EXCL;
}

/* In the kernel's order: first whether it fits. */
static int judge(const struct h7_sysv_family *f, struct h7_sysv_entry *e,
                 const struct h7_sysv_asked *asked)
{
    if (is_exclusive(asked->flags))
        return -EEXIST;
    int r = f->fits ? f->fits(e, asked->arg) : 0;
    return r < 0 ? r : h7_sysv_ask(e, asked_for(asked->flags));
}

/* What was attached only to be looked at isn't kept where the caller isn't told its id: he could
 * never let this process forget it. */
static int found(const struct h7_sysv_family *f, int id, const struct h7_sysv_asked *asked)
{
    struct h7_sysv_entry *e;
    int r = h7_sysv_enter_or_attach(f->table, id, asked->ways, &e);
    int fresh = r == 1, removed = r >= 0 && h7_sysv_is_removed(f, e);
    if (r == -EIDRM || r == -EINVAL)
        return missing(f, asked->key, id, r);
    if (r >= 0) {
        r = removed ? -EIDRM : judge(f, e, asked);
        if (removed)
            h7_sysv_finish(f, e, id);
        if (r < 0 && (fresh || (removed && !f->lingers)))
            h7_sysv_retire(f->table, e, 0);
        h7_sysv_leave(f->table, e);
    }
    if (removed)
        return missing(f, asked->key, id, r);
    if (r == -EACCES && is_exclusive(asked->flags))
        return -EEXIST;
    if (r == -EACCES && asked_for(asked->flags) == 0)
        r = 0; /* an id is no secret */
    return r < 0 ? r : id;
}

static int get_keyed(struct making *mk)
{
    const struct h7_sysv_asked *asked = mk->asked;
    for (int i = 0; i < KEY_TRIES; i++) {
        int id, r = h7_sysv_key_id(mk->f, asked->key, &id);
        if (r == 0) {
            r = found(mk->f, id, asked);
            if (r != AGAIN)
                return r;
            continue;
        }
        if (r != -ENOENT || !(asked->flags & IPC_CREAT))
            return r;
        r = make_keyed(mk);
        if (r != -EEXIST)
            return r < 0 ? r : mk->id;
    }
    return -EBADMSG;
}

static int get_private(struct making *mk)
{
    int r = make_private(mk);
    return r < 0 ? r : mk->id;
}

int h7_sysv_get(const struct h7_sysv_family *f, const struct h7_sysv_asked *asked)
{
    struct making mk = {.f = f, .asked = asked};
    struct h7_sysv_entry *e;
    int id = h7_life_know_self();
    if (id == 0)
        id = asked->key == IPC_PRIVATE ? get_private(&mk) : get_keyed(&mk);
    /* How this process waits for it. Where it can't attach, the first verb says why. */
    if (id > 0 && id == mk.id && h7_sysv_enter_slow(f->table, id, asked->ways, &e) == 0)
        h7_sysv_leave(f->table, e);
    return id;
}
