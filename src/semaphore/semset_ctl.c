/* SPDX-License-Identifier: MIT */
/*
 * semaphore/semset_ctl.c - hepta_semset_ctl(): looking at a set, changing and removing it
 *
 * Who may is asked for each time (sysv/ctl.c). The errors come in the kernel's order.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <string.h>

#include "semaphore/semset_internal.h"

/* --- IPC_STAT and so on --------------------------------------------------------------- */

static int snapshot(struct h7_semset *s, struct semid_ds *ds)
{
    int r = h7_set_enter_patiently(&s->set);
    if (r < 0)
        return r;
    uint64_t set = h7_load64_relaxed(&s->set.shared->ctime);
    uint64_t perm = h7_load64_relaxed(&s->entry.sh->ctime);
    memset(ds, 0, sizeof *ds);
    h7_sysv_read_perm(s->entry.sh, &ds->sem_perm);
    ds->sem_otime = (time_t)h7_load64_relaxed(&s->set.hot->otime);
    ds->sem_ctime = (time_t)(set > perm ? set : perm);
    ds->sem_nsems = s->set.plan.n;
    h7_set_leave(&s->set);
    return 0;
}

static int stat_index(int index, int any, struct semid_ds *ds)
{
    struct h7_semset s = {.entry = {.obj = -1}};
    int id = h7_sysv_at(&h7_semset_family, index, any, &s.entry);
    if (id < 0)
        return id;
    int r = snapshot(&s, ds);
    h7_semset_family.detach(&s.entry);
    return r < 0 ? r : id;
}

struct usage {
    uint64_t sets, sems;
};

static void add_usage(struct h7_sysv_entry *e, void *arg)
{
    struct usage *u = arg;
    u->sets++;
    u->sems += h7_semset_of(e)->set.plan.n;
}

static int as_int(uint64_t n)
{
    return n > INT_MAX ? INT_MAX : (int)n;
}

static int get_info(int cmd, struct seminfo *info)
{
    struct h7_semset s = {.entry = {.obj = -1}};
    struct usage u = {0};
    int n = h7_sysv_each(&h7_semset_family, &s.entry, cmd == SEM_INFO ? add_usage : NULL, &u);
    if (n < 0)
        return n;
    *info = (struct seminfo){.semmap = INT_MAX,
                             .semmni = INT_MAX,
                             .semmns = INT_MAX,
                             .semmnu = (int)HEPTA_SEMSET_UNDOERS_DEFAULT,
                             .semmsl = (int)HEPTA_SEMSET_SEMS_MAX,
                             .semopm = (int)HEPTA_SEMSET_OPS_MAX,
                             .semume = (int)HEPTA_SEMSET_SEMS_MAX,
                             .semusz = cmd == SEM_INFO ? as_int(u.sets) : (int)sizeof(short),
                             .semvmx = HEPTA_SEMSET_VALUE_MAX,
                             .semaem = cmd == SEM_INFO ? as_int(u.sems) : HEPTA_SEMSET_UNDO_MAX};
    return n > 0 ? n - 1 : 0;
}

/* --- IPC_SET ---------------------------------------------------------------------------- */

static int set_perm(struct h7_semset *s, const struct semid_ds *ds)
{
    int r = h7_set_enter_patiently(&s->set);
    if (r < 0)
        return r;
    r = h7_sysv_set(&h7_semset_family, &s->entry, &ds->sem_perm);
    h7_set_leave(&s->set);
    return r;
}

/* --- values ------------------------------------------------------------------------------ */

static int look(struct h7_semset *s, int num, int cmd)
{
    struct h7_set_look l;
    int r = h7_sysv_ask(&s->entry, H7_SYSV_READ);
    if (r == 0)
        r = num < 0 ? -EINVAL : h7_set_look(&s->set, (uint32_t)num, &l);
    if (r < 0)
        return r;
    switch (cmd) {
    case GETVAL:
        return l.value;
    case GETPID:
        return l.pid;
    case GETNCNT:
        return as_int(l.n_more);
    default:
        return as_int(l.n_zero);
    }
}

static int set_value(struct h7_semset *s, int num, int value)
{
    const unsigned short v = (unsigned short)value;
    if (num < 0 || (uint32_t)num >= s->set.plan.n)
        return -EINVAL;
    int r = h7_sysv_ask(&s->entry, H7_SYSV_WRITE);
    return r < 0 ? r : h7_set_set(&s->set, (uint32_t)num, &v, 1);
}

static int all_values(struct h7_semset *s, int cmd, unsigned short *values)
{
    int r = h7_sysv_ask(&s->entry, cmd == SETALL ? H7_SYSV_WRITE : H7_SYSV_READ);
    if (r == 0 && !values)
        r = -EFAULT;
    if (r < 0)
        return r;
    return cmd == SETALL ? h7_set_set(&s->set, 0, values, s->set.plan.n)
                         : h7_set_get_all(&s->set, values);
}

/* --- all ---------------------------------------------------------------------------------- */

static int with_set(struct h7_semset *s, int num, int cmd, union hepta_semun arg)
{
    int r;
    switch (cmd) {
    case GETALL:
    case SETALL:
        return all_values(s, cmd, arg.array);
    case SETVAL:
        return set_value(s, num, arg.val);
    case IPC_SET:
        return set_perm(s, arg.buf);
    case IPC_STAT:
        r = h7_sysv_ask(&s->entry, H7_SYSV_READ);
        return r < 0 ? r : snapshot(s, arg.buf);
    default:
        return look(s, num, cmd);
    }
}

static int is_known(int cmd)
{
    switch (cmd) {
    case IPC_STAT:
    case IPC_SET:
    case GETVAL:
    case SETVAL:
    case GETALL:
    case SETALL:
    case GETPID:
    case GETNCNT:
    case GETZCNT:
        return 1;
    default:
        return 0;
    }
}

int hepta_semset_ctl(int id, int num, int cmd, union hepta_semun arg)
{
    struct h7_semset *s;
    int lists = cmd == IPC_INFO || cmd == SEM_INFO || cmd == SEM_STAT || cmd == SEM_STAT_ANY;
    int r = h7_life_know_self();
    if (r < 0)
        return r;
    if (cmd == IPC_RMID)
        return id <= 0 ? -EINVAL : h7_sysv_remove(&h7_semset_family, id);
    if (!lists && !is_known(cmd))
        return -EINVAL;
    if ((lists || cmd == IPC_STAT || cmd == IPC_SET) && !arg.buf)
        return -EFAULT;
    if (cmd == SETVAL && (arg.val < 0 || arg.val > HEPTA_SEMSET_VALUE_MAX))
        return -ERANGE;
    if (cmd == IPC_INFO || cmd == SEM_INFO)
        return get_info(cmd, arg.info);
    if (lists)
        return stat_index(id, cmd == SEM_STAT_ANY, arg.buf);
    r = h7_semset_enter(id, &s);
    return r < 0 ? r : h7_semset_leave_with(s, with_set(s, num, cmd, arg));
}
