/* SPDX-License-Identifier: MIT */
/*
 * memory/sysv_sweep.c - removed System V segments whose last user was killed; see
 * memory/sysv_internal.h
 *
 * Their ids may be known to nobody any more, and their memory would stay until the machine
 * restarts. So who makes a segment, or lists them, looks at all that are there. It is only tidying:
 * it ends after some time, and what it doesn't come to is the next one's.
 */
#define _GNU_SOURCE
#include <unistd.h>

#include "base/clock.h"
#include "base/self.h"
#include "memory/sysv_internal.h"
#include "name/name.h"

#define SWEEP_NS  (1000 * H7_MS)
#define BUDGET_NS (50 * H7_MS)
#define SWEEP_MAX 4096 /* segments to look at on the way: strangers can make many */

struct sweep {
    unsigned left;
    int64_t end;
};

static void reap_if_gone(int id)
{
    struct h7_shmid m = {.entry = {.obj = -1}};
    if (h7_sysv_attach(&h7_shmid_family, &m.entry, id, NULL) < 0)
        return;
    if (h7_load32_relaxed(&m.shared->removed) && h7_shmid_lock(&m) == 0) {
        h7_shmid_reap(&m, id);
        h7_shmid_unlock(&m);
    }
    h7_shmid_family.detach(&m.entry);
}

/* Only what this user may remove. */
static int sweep_one(const struct h7_name_seen *seen, void *arg)
{
    struct sweep *s = arg;
    uid_t me = geteuid();
    int id = h7_sysv_id_of(seen->name);
    if (id && (me == 0 || me == seen->uid))
        reap_if_gone(id);
    return --s->left == 0 || hepta_now_ns() > s->end;
}

void h7_shmid_sweep(int urgent)
{
    static struct h7_a64 last, last_gen; /* relaxed: two threads that both sweep do no harm */
    uint64_t gen = h7_fork_gen();
    int64_t now = h7_clock_tick();
    if (!urgent && h7_load64_relaxed(&last_gen) == gen &&
        now - (int64_t)h7_load64_relaxed(&last) < SWEEP_NS)
        return;
    h7_store64_relaxed(&last, (uint64_t)now);
    h7_store64_relaxed(&last_gen, gen);
    struct sweep s = {.left = SWEEP_MAX, .end = hepta_now_ns() + BUDGET_NS};
    h7_name_list(h7_shmid_family.id_kind, sweep_one, &s);
}
