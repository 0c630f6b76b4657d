/* SPDX-License-Identifier: MIT */
/*
 * queue/sysv_ids.c - hepta_msg_get(): the limits of a queue, and making one
 *
 * How the queue of a key is found, and what happens where: sysv/sysv.h.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "prim/endpoint.h"
#include "queue/sysv_internal.h"

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

int h7_msg_make(int dir, const struct h7_sysv_shared *common, const void *options)
{
    const struct hepta_msg_options *o = options;
    struct h7_msg_shared sh = {.common = *common};
    struct h7_store_plan plan;
    int r = make_plan(&plan, o);
    if (r < 0)
        return r;
    h7_store64_relaxed(&sh.qbytes_max, o->qbytes);
    return h7_store_make(dir, H7_KIND_MSG,
                         h7_sysv_file_mode((mode_t)h7_load32_relaxed(&common->mode)), &plan,
                         o->qbytes, &sh, sizeof sh);
}

int hepta_msg_get(key_t key, int flags, const struct hepta_msg_options *opt)
{
    struct hepta_msg_options o;
    int r = h7_msg_options(&o, opt);
    if (r < 0)
        return r;
    const struct h7_sysv_ways ways = {.wait = o.wait, .spin_ns = o.spin_ns};
    const struct h7_sysv_asked asked = {
        .key = key, .flags = flags, .ways = opt ? &ways : NULL, .arg = &o};
    return h7_sysv_get(&h7_msg_family, &asked);
}

int hepta_msg_detach(int id)
{
    return h7_sysv_detach(&h7_msg_table, id);
}
