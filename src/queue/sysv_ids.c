/* SPDX-License-Identifier: MIT */
/*
 * queue/sysv_ids.c - hepta_msg_get(): finding the queue of a key, making queues
 *
 * Names and who dies where: queue/sysv_internal.h. Nothing here holds a lock: the two renames
 * that publish decide, and who loses looks again.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sys.h"
#include "name/name.h"
#include "prim/endpoint.h"
#include "queue/sysv_internal.h"

#define ID_TRIES  1000 /* of 2^31 */
#define KEY_TRIES 1000 /* each time somebody has made or removed it meanwhile */

/* --- limits ------------------------------------------------------------------------- */

/* A decimal number of 1 to max, where *v is 0; no such variable: otherwise. */
static int from_environment(uint64_t *v, const char *name, uint64_t otherwise, uint64_t max)
{
    const char *p = *v ? NULL : secure_getenv(name);
    if (!p) {
        *v = *v ? *v : otherwise;
        return *v > max ? -EINVAL : 0;
    }
    uint64_t n = 0;
    for (int i = 0; p[i]; i++) {
        if (p[i] < '0' || p[i] > '9' || i == 12)
            return -EINVAL;
        n = n * 10 + (uint64_t)(p[i] - '0');
    }
    *v = n;
    return n == 0 || n > max ? -EINVAL : 0;
}

int h7_msg_options(struct hepta_msg_options *o, const struct hepta_msg_options *opt)
{
    int r = h7_endpoint_options(o, sizeof *o, opt);
    if (r == 0)
        r = h7_endpoint_ways(o->wait, o->spin_ns);
    if (r == 0 && o->reserved)
        r = -E2BIG;
    if (r < 0)
        return r;
    uint64_t msgs = o->msgs_max, msg = o->msg_max;
    r = from_environment(&msgs, "HEPTA_MSGTQL", HEPTA_MSG_MSGS_DEFAULT, HEPTA_MSG_MSGS_MAX);
    if (r == 0)
        r = from_environment(&msg, "HEPTA_MSGMAX", HEPTA_MSG_MSG_DEFAULT, HEPTA_MSG_MSG_MAX);
    if (r == 0)
        r = from_environment(&o->qbytes, "HEPTA_MSGMNB", HEPTA_MSG_QBYTES_DEFAULT,
                             HEPTA_MSG_QBYTES_MAX);
    o->msgs_max = (uint32_t)msgs;
    o->msg_max = (uint32_t)msg;
    return r;
}

/* Blocks for any mix of texts that msg_qbytes lets in. Each that isn't in its slot can waste
 * nearly a block; where large blocks would cost more that way than the texts, small ones. */
static int make_plan(struct h7_store_plan *plan, const struct hepta_msg_options *o)
{
    uint64_t most = o->qbytes / (H7_SLOT_TEXT + 1);
    if (!h7_store_plan(plan, o->msgs_max, o->msg_max, H7_PLAN_BY_AGE, o->qbytes))
        return -EINVAL;
    if (most > o->msgs_max)
        most = o->msgs_max;
    if (most * plan->block_len > o->qbytes)
        plan->block_len = 256;
    plan->n_blocks = o->qbytes / plan->block_len + most + 1;
    return plan->n_blocks > H7_BLOCKS_MAX ? -EINVAL : 0;
}

/* --- making ------------------------------------------------------------------------- */

struct making {
    const struct hepta_msg_options *o;
    key_t key;
    mode_t mode;
    int id;
};

/* From the clock and spread, so that no number is used again soon. */
static int new_id(void)
{
    uint64_t n = (uint64_t)hepta_now_ns() + ((uint64_t)h7_self_cache.tid << 40);
    int id = (int)((n * 0x9e3779b97f4a7c15ull) >> 33);
    return id ? id : 1;
}

static void fill(struct h7_msg_shared *sh, const struct making *mk)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    /* Relaxed: published with the name. */
    h7_store32_relaxed(&sh->id, (uint32_t)mk->id);
    h7_store32_relaxed(&sh->key, (uint32_t)mk->key);
    h7_store32_relaxed(&sh->seq, (uint32_t)mk->id & 0x7fff);
    h7_store32_relaxed(&sh->mode, mk->mode);
    h7_store32_relaxed(&sh->uid, geteuid());
    h7_store32_relaxed(&sh->cuid, geteuid());
    h7_store32_relaxed(&sh->gid, getegid());
    h7_store32_relaxed(&sh->cgid, getegid());
    h7_store32_relaxed(&sh->changes, 1);
    h7_store64_relaxed(&sh->ctime, (uint64_t)now.tv_sec);
    h7_store64_relaxed(&sh->qbytes_max, mk->o->qbytes);
}

static int make_parts(int dir, const struct making *mk)
{
    struct h7_msg_shared sh = {0};
    struct h7_store_plan plan;
    int r = make_plan(&plan, mk->o);
    fill(&sh, mk);
    if (r == 0)
        r = h7_store_make(dir, H7_KIND_MSG, h7_msg_file_mode(mk->mode), &plan, mk->o->qbytes,
                          &sh, sizeof sh);
    if (r == 0 && mk->key != IPC_PRIVATE)
        r = h7_msg_make_id(dir, mk->id);
    return r;
}

static int make_object(const struct making *mk, const char *kind, const char *name)
{
    struct h7_draft draft;
    int r = h7_draft_begin(&draft);
    if (r == 0)
        r = make_parts(draft.fd, mk);
    if (r == 0)
        r = h7_draft_publish(&draft, kind, name, 0755); /* linearization point */
    h7_draft_end(&draft);
    return r;
}

static int make_private(struct making *mk)
{
    char name[H7_MSG_NAME];
    int r = -EEXIST;
    for (int i = 0; i < ID_TRIES && r == -EEXIST; i++) {
        mk->id = new_id();
        h7_msg_id_name(name, mk->id);
        r = make_object(mk, H7_MSG_ID_KIND, name);
    }
    return r == -EEXIST ? -ENOSPC : r;
}

static int take_id(struct making *mk)
{
    int r = -EEXIST;
    for (int i = 0; i < ID_TRIES && r == -EEXIST; i++) {
        mk->id = new_id();
        r = h7_msg_make_stub(mk->id, mk->key);
    }
    return r == -EEXIST ? -ENOSPC : r;
}

/* -EEXIST: somebody else's has the key. */
static int make_keyed(struct making *mk)
{
    char name[H7_MSG_NAME];
    int r = take_id(mk);
    if (r < 0)
        return r;
    h7_msg_key_name(name, mk->key);
    r = make_object(mk, H7_MSG_KEY_KIND, name);
    if (r < 0) {
        h7_msg_id_name(name, mk->id); /* Y2 until it is done */
        h7_name_unlink(H7_MSG_ID_KIND, name);
    }
    return r;
}

/* --- finding ------------------------------------------------------------------------ */

#define AGAIN 1 /* it was removed meanwhile */

/* The id of a key is there, but not what it leads to. */
static int missing(key_t key, int id, int r)
{
    int now, found = h7_msg_key_id(key, &now);
    if (found == -ENOENT || (found == 0 && now != id))
        return AGAIN;
    if (found < 0)
        return found;
    /* A removed queue, whose names only its owner, or root, can remove. */
    return r == -EIDRM ? -EACCES : -EBADMSG;
}

static uint32_t asked_for(int flags)
{
    return (uint32_t)(flags >> 6 | flags >> 3 | flags) & 07;
}

static int found(key_t key, int id, int flags, const struct h7_msg_ways *ways)
{
    struct h7_msg *m;
    int r = h7_msg_enter_slow(id, ways, &m);
    if (r == 0) {
        int removed = h7_load32_relaxed(&m->st.shared->removed) != 0;
        r = removed ? -EIDRM : h7_msg_ask(m, asked_for(flags));
        if (removed) {
            h7_msg_finish(&m->st, id);
            h7_msg_retire(m, 0);
        }
        h7_msg_leave(m);
    }
    if (r == -EIDRM || r == -EINVAL)
        return missing(key, id, r);
    if (flags & IPC_CREAT && flags & IPC_EXCL && (r == 0 || r == -EACCES))
        return -EEXIST;
    if (r == -EACCES && asked_for(flags) == 0)
        r = 0; /* an id is no secret */
    return r < 0 ? r : id;
}

static int get(struct making *mk, int flags, const struct h7_msg_ways *ways)
{
    for (int i = 0; i < KEY_TRIES; i++) {
        int id, r = h7_msg_key_id(mk->key, &id);
        if (r == 0) {
            r = found(mk->key, id, flags, ways);
            if (r != AGAIN)
                return r;
            continue;
        }
        if (r != -ENOENT || !(flags & IPC_CREAT))
            return r;
        r = make_keyed(mk);
        if (r != -EEXIST)
            return r < 0 ? r : mk->id;
    }
    return -EBADMSG;
}

int hepta_msg_get(key_t key, int flags, const struct hepta_msg_options *opt)
{
    struct hepta_msg_options o;
    int r = h7_msg_options(&o, opt);
    if (r == 0)
        r = h7_life_know_self();
    if (r < 0)
        return r;
    struct making mk = {.o = &o, .key = key, .mode = (mode_t)flags & 0777};
    const struct h7_msg_ways ways = {.wait = o.wait, .spin_ns = o.spin_ns};
    int made = key == IPC_PRIVATE;
    int id = made ? make_private(&mk) : get(&mk, flags, opt ? &ways : NULL);
    if (made && id == 0)
        id = mk.id;
    /* How this process waits for it. Where it can't attach, the first verb says why. */
    struct h7_msg *m;
    if (id > 0 && id == mk.id && h7_msg_enter_slow(id, &ways, &m) == 0)
        h7_msg_leave(m);
    return id;
}
