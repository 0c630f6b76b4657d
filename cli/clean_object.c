/* SPDX-License-Identifier: MIT */
/*
 * cli/clean_object.c - see clean.h
 *
 * The library's own verbs do it where there are some: they know how to remove what others may just
 * begin to use. Mending is opening: who opens, or asks for numbers, ends what the dead hold.
 */
#define _GNU_SOURCE
#include "cli/clean.h"

#include <errno.h>
#include <fcntl.h>
#include <hepta/hepta.h>
#include <mqueue.h>
#include <semaphore.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "memory/memory_internal.h"
#include "memory/sysv_internal.h"
#include "name/name_internal.h"
#include "queue/sysv_internal.h"
#include "semaphore/semset_internal.h"
#include "sysv/sysv_internal.h"

static bool is(const struct object *o, const char *kind)
{
    return !strcmp(o->kind, kind);
}

static bool is_sysv(const struct object *o)
{
    return o->id != UNKNOWN;
}

enum clean_how clean_how(const struct object *o)
{
    bool files = o->path || is_sysv(o) || (o->kernel && is(o, "mq"));
    if (o->state == OBJECT_DEAD && !o->kernel &&
        (is(o, "mailbox") || is(o, "mq") || is(o, "msg") || is(o, "permit") || is(o, "semset")))
        return CLEAN_MEND;
    if (o->state == OBJECT_STALE || o->state == OBJECT_UNUSED || o->state == OBJECT_CORRUPT)
        return files ? CLEAN_REMOVE : CLEAN_NOT;
    return CLEAN_NOT;
}

bool clean_can(const struct object *o)
{
    return clean_how(o) != CLEAN_NOT;
}

/* --- the kernel's ----------------------------------------------------------------------- */

static int neg(int r)
{
    return r < 0 ? -errno : 0;
}

static int remove_kernels(const struct object *o)
{
    if (is_sysv(o) && is(o, "msg"))
        return neg(msgctl((int)o->id, IPC_RMID, NULL));
    if (is_sysv(o) && is(o, "semset"))
        return neg(semctl((int)o->id, 0, IPC_RMID));
    if (is_sysv(o) && is(o, "shm"))
        return neg(shmctl((int)o->id, IPC_RMID, NULL));
    if (is(o, "mq"))
        return neg(mq_unlink(o->name));
    if (is(o, "sem") || is(o, "shm") || is(o, "fifo") || is(o, "unix"))
        return neg(unlink(o->path));
    return -EOPNOTSUPP;
}

/* --- Hepta's ---------------------------------------------------------------------------- */

static const struct h7_sysv_family *family_of(const struct object *o)
{
    return is(o, "msg") ? &h7_msg_family : is(o, "semset") ? &h7_semset_family : &h7_shmid_family;
}

/* An id that leads nowhere has no object that could be removed. */
static int remove_sysv(const struct object *o)
{
    const union hepta_semun none = {.val = 0};
    int id = (int)o->id;
    int r = is(o, "msg")      ? hepta_msg_ctl(id, IPC_RMID, NULL)
            : is(o, "semset") ? hepta_semset_ctl(id, 0, IPC_RMID, none)
                              : hepta_shm_ctl(id, IPC_RMID, NULL);
    if (r == -EINVAL || r == -EIDRM) {
        h7_sysv_clean(family_of(o), id);
        r = access(o->path, F_OK) == 0 ? r : 0;
    }
    return r;
}

static int remove_draft(const struct scan *s, const struct object *o)
{
    int dir = open(s->names, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return -errno;
    int r = h7_name_orphan(o->name) ? h7_name_remove(dir, o->name) : -EBUSY;
    close(dir);
    return r < 0 ? r : 0;
}

static int remove_heptas(const struct scan *s, const struct object *o)
{
    if (is(o, "draft"))
        return remove_draft(s, o);
    if (is_sysv(o))
        return remove_sysv(o);
    if (o->automatic) {
        int r = h7_shm_remove_stale(o->name);
        return r == 0 && access(o->path, F_OK) == 0 ? -EBUSY : r < 0 ? r : 0;
    }
    return is(o, "fifo")     ? hepta_fifo_unlink(o->name)
           : is(o, "mailbox") ? hepta_mailbox_unlink(o->name)
           : is(o, "mq")     ? hepta_mq_unlink(o->name)
           : is(o, "sem")    ? hepta_sem_unlink(o->name)
           : is(o, "permit") ? hepta_permit_unlink(o->name)
           : is(o, "shm")    ? hepta_shm_unlink(o->name)
                             : h7_name_unlink(o->kind, o->name);
}

/* --- what the dead hold ------------------------------------------------------------------ */

static int mend_mq(const char *name)
{
    struct hepta_mq *q;
    struct hepta_mq_stat st;
    int r = hepta_mq_open(&q, name, HEPTA_MQ_READ | HEPTA_MQ_WRITE, 0, NULL);
    if (r == 0) {
        r = hepta_mq_stat(q, &st, sizeof st);
        hepta_mq_close(q);
    }
    return r;
}

static int mend_permit(const char *name)
{
    struct hepta_permit *p;
    struct hepta_permit_stat st;
    int r = hepta_permit_open(name, 0, 0, 0, NULL, &p);
    if (r == 0) {
        r = hepta_permit_stat(p, &st);
        hepta_permit_close(p);
    }
    return r;
}

/* To be its receiver for a moment takes what the last one had; a living one forbids that. */
static int mend_mailbox(const char *name)
{
    struct hepta_mailbox *b;
    int r = hepta_mailbox_open(name, HEPTA_MAILBOX_RECEIVE, 0, NULL, &b);
    if (r == 0)
        hepta_mailbox_close(b);
    return r;
}

static int mend_named(const struct object *o)
{
    return is(o, "mq")       ? mend_mq(o->name)
           : is(o, "permit") ? mend_permit(o->name)
                             : mend_mailbox(o->name);
}

static int mend_sysv(const struct object *o)
{
    union {
        struct msqid_ds msg;
        struct semid_ds sem;
    } ds;
    int id = (int)o->id;
    if (is(o, "msg")) {
        int r = hepta_msg_ctl(id, IPC_STAT, &ds.msg);
        hepta_msg_detach(id);
        return r;
    }
    const union hepta_semun none = {.val = 0};
    int r = hepta_semset_ctl(id, 0, GETVAL, none);
    hepta_semset_detach(id);
    return r < 0 ? r : 0;
}

int clean_object(const struct scan *s, const struct object *o)
{
    if (clean_how(o) == CLEAN_MEND)
        return is_sysv(o) ? mend_sysv(o) : mend_named(o);
    return o->kernel ? remove_kernels(o) : remove_heptas(s, o);
}
