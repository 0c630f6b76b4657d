/* SPDX-License-Identifier: MIT */
/*
 * sysv/perm.c - who may do what with an object
 *
 * Two fences. The files' modes are the kernel's: each class that may read or write the object
 * has both for the files that all share, since who reads has to take locks in them; the others
 * can't attach. Within that the library looks at the bits as the kernel does (ipc(5)): owner, and
 * maker, then group, then others. That costs system calls, so the answer is remembered, for as
 * long as IPC_SET changes nothing.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"
#include "name/name.h"
#include "sysv/sysv_internal.h"

#define CAN_ALL 07

/* 1, 0, or negative errno. */
static int in_groups(gid_t a, gid_t b)
{
    int found = 0, n = getgroups(0, NULL);
    if (getegid() == a || getegid() == b)
        return 1;
    gid_t *list = n > 0 ? malloc((size_t)n * sizeof *list) : NULL;
    if (n > 0 && !list)
        return -ENOMEM;
    n = list ? getgroups(n, list) : 0;
    for (int i = 0; i < n && !found; i++)
        found = list[i] == a || list[i] == b;
    free(list);
    return found;
}

static int is_user(const struct h7_sysv_shared *sh, uid_t uid)
{
    return uid == h7_load32_relaxed(&sh->uid) || uid == h7_load32_relaxed(&sh->cuid);
}

int h7_sysv_is_owner(const struct h7_sysv_shared *sh)
{
    uid_t me = geteuid();
    return me == 0 || is_user(sh, me);
}

int h7_sysv_granted(const struct h7_sysv_shared *sh)
{
    uint32_t mode = h7_load32_relaxed(&sh->mode);
    uid_t me = geteuid();
    if (me == 0)
        return CAN_ALL;
    if (is_user(sh, me))
        return (int)(mode >> 6 & CAN_ALL);
    int r = in_groups(h7_load32_relaxed(&sh->gid), h7_load32_relaxed(&sh->cgid));
    if (r < 0)
        return r;
    return (int)((r ? mode >> 3 : mode) & CAN_ALL);
}

mode_t h7_sysv_file_mode(mode_t mode)
{
    return 0600 | h7_name_mode_for_all(mode, 06);
}

int h7_sysv_ask(struct h7_sysv_entry *e, uint32_t bits)
{
    /* Before the fields: a change after this is seen as one. */
    uint64_t changes = h7_load32_relaxed(&e->sh->changes);
    int granted = h7_sysv_granted(e->sh);
    if (granted < 0)
        return granted;
    h7_store64_relaxed(&e->may, changes << 32 | (uint32_t)granted);
    return ((uint32_t)granted & bits) == bits ? 0 : -EACCES;
}

/* Also where it was refused before: the process may have become another user. */
int h7_sysv_may_slow(struct h7_sysv_entry *e, uint32_t bits)
{
    return h7_sysv_ask(e, bits);
}

/* --- IPC_SET ------------------------------------------------------------------------ */

/* The family's first, whose modes change; then the texts, which all may read. `main` is last among
 * the former: who can open it finds the others open, too, or nearly so. */
static const char *const texts[] = {H7_SYSV_PART_ID, H7_SYSV_PART_KEY};
enum { N_TEXTS = sizeof texts / sizeof *texts };

struct opened {
    int part[H7_SYSV_PARTS], text[N_TEXTS];
};

static void close_all(const struct opened *o)
{
    for (int i = 0; i < H7_SYSV_PARTS; i++)
        h7_sys_close(o->part[i]);
    for (int i = 0; i < N_TEXTS; i++)
        h7_sys_close(o->text[i]);
}

/* A text that the object may have or not. */
static int open_text(int obj, const char *text)
{
    int fd = h7_name_part(obj, text, O_PATH, S_IFREG);
    return fd == -ESTALE ? -ENOENT : fd;
}

/* Before any changes: a part belongs to who the directory belongs to. */
static int open_all(const struct h7_sysv_family *f, int obj, struct opened *o)
{
    for (int i = 0; i < H7_SYSV_PARTS; i++)
        o->part[i] = -1;
    for (int i = 0; i < N_TEXTS; i++)
        o->text[i] = -1;
    for (int i = 0; i < H7_SYSV_PARTS && f->parts[i].name; i++) {
        o->part[i] = h7_name_part(obj, f->parts[i].name, O_PATH, f->parts[i].type);
        if (o->part[i] < 0)
            return o->part[i] == -ESTALE ? -EIDRM : o->part[i];
    }
    for (int i = 0; i < N_TEXTS; i++) {
        o->text[i] = open_text(obj, texts[i]);
        if (o->text[i] < 0 && o->text[i] != -ENOENT)
            return o->text[i];
    }
    return 0;
}

static int give_texts(const int fd[N_TEXTS], uid_t uid, gid_t gid)
{
    int r = 0;
    for (int i = 0; i < N_TEXTS && r == 0; i++)
        if (fd[i] >= 0)
            r = h7_sys_fchown(fd[i], uid, gid);
    return r;
}

/* The stub that goes with a key, so that its new owner can remove it. */
static int give_stub(const struct h7_sysv_family *f, int id, uid_t uid, gid_t gid)
{
    char name[H7_SYSV_NAME];
    int fd[N_TEXTS] = {-1, -1};
    h7_sysv_id_name(name, id);
    int obj = h7_name_open(f->id_kind, name), r = obj < 0 ? obj : 0;
    for (int i = 0; i < N_TEXTS && r == 0; i++) {
        fd[i] = open_text(obj, texts[i]);
        if (fd[i] < 0 && fd[i] != -ENOENT)
            r = fd[i];
    }
    if (r == 0)
        r = give_texts(fd, uid, gid);
    if (r == 0)
        r = h7_sys_fchown(obj, uid, gid);
    for (int i = 0; i < N_TEXTS; i++)
        h7_sys_close(fd[i]);
    h7_sys_close(obj);
    return r;
}

static int give(const struct h7_sysv_family *f, const struct h7_sysv_entry *e,
                const struct opened *o, uid_t uid, gid_t gid)
{
    int r = 0;
    for (int i = 0; i < H7_SYSV_PARTS && o->part[i] >= 0 && r == 0; i++)
        r = h7_sys_fchown(o->part[i], uid, gid); /* Y5 */
    if (r == 0)
        r = give_texts(o->text, uid, gid);
    if (r == 0)
        r = h7_sys_fchown(e->obj, uid, gid);
    if (r == 0 && o->text[0] >= 0)
        r = give_stub(f, (int)h7_load32_relaxed(&e->sh->id), uid, gid);
    return r;
}

static int change_modes(const struct h7_sysv_family *f, const struct opened *o, mode_t mode)
{
    int r = 0;
    for (int i = 0; i < H7_SYSV_PARTS && f->parts[i].name && r == 0; i++)
        if (f->parts[i].mode == H7_SYSV_SHARED)
            r = h7_sys_fchmod(o->part[i], h7_sysv_file_mode(mode));
        else if (f->parts[i].mode == H7_SYSV_EXACT)
            r = h7_sys_fchmod(o->part[i], mode);
    return r;
}

/* What is half changed belongs to nobody that could attach it. What was before is asked of the
 * files, since others may write the fields. */
static void change_back(const struct h7_sysv_family *f, const struct h7_sysv_entry *e,
                        const struct opened *o, const struct statx *before, int new_owner)
{
    for (int i = 0; i < H7_SYSV_PARTS && f->parts[i].name; i++)
        if (f->parts[i].mode != H7_SYSV_FIXED)
            h7_sys_fchmod(o->part[i], before[i + 1].stx_mode & 0777);
    if (new_owner)
        give(f, e, o, before[0].stx_uid, before[0].stx_gid);
}

/* before: of the directory, and of each part. */
static int look_before(const struct h7_sysv_family *f, const struct h7_sysv_entry *e,
                       const struct opened *o, struct statx *before)
{
    int r = h7_sys_statx(e->obj, "", &before[0]);
    for (int i = 0; i < H7_SYSV_PARTS && f->parts[i].name && r == 0; i++)
        r = h7_sys_statx(o->part[i], "", &before[i + 1]);
    return r;
}

static int change(const struct h7_sysv_family *f, const struct h7_sysv_entry *e,
                  const struct opened *o, mode_t mode, uid_t uid, gid_t gid)
{
    struct statx before[1 + H7_SYSV_PARTS];
    int new_owner =
        uid != h7_load32_relaxed(&e->sh->uid) || gid != h7_load32_relaxed(&e->sh->gid);
    int r = look_before(f, e, o, before);
    if (r < 0)
        return r;
    if (new_owner)
        r = give(f, e, o, uid, gid);
    if (r == 0)
        r = change_modes(f, o, mode);
    if (r < 0)
        change_back(f, e, o, before, new_owner);
    return r;
}

int h7_sysv_set_files(const struct h7_sysv_family *f, const struct h7_sysv_entry *e, mode_t mode,
                      uid_t uid, gid_t gid)
{
    struct opened o;
    int r = open_all(f, e->obj, &o);
    if (r == 0)
        r = change(f, e, &o, mode, uid, gid);
    close_all(&o);
    return r == -EACCES ? -EPERM : r;
}
