/* SPDX-License-Identifier: MIT */
/*
 * queue/sysv_perm.c - who may do what with a queue
 *
 * Two fences. The files' modes are the kernel's: each class that may read or write the queue has
 * both for the files, since who receives has to write in them; the others can't attach. Within
 * that the library looks at the bits as the kernel does for its own queues (ipc(5)): owner, and
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
#include "queue/sysv_internal.h"

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

static int is_user(const struct h7_msg_shared *sh, uid_t uid)
{
    return uid == h7_load32_relaxed(&sh->uid) || uid == h7_load32_relaxed(&sh->cuid);
}

int h7_msg_is_owner(const struct h7_msg_shared *sh)
{
    uid_t me = geteuid();
    return me == 0 || is_user(sh, me);
}

int h7_msg_granted(const struct h7_msg_shared *sh)
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

mode_t h7_msg_file_mode(mode_t mode)
{
    return 0600 | h7_name_mode_for_all(mode, 06);
}

/* --- IPC_SET ------------------------------------------------------------------------ */

/* Of the store first, whose modes change; then the texts, which all may read. `data` is last
 * among the former: who can open it finds the others open, too, or nearly so. */
static const char *const parts[] = {H7_STORE_R, H7_STORE_W, H7_PART_LIFE, H7_STORE_DATA,
                                    H7_MSG_PART_ID};
enum { N_PARTS = sizeof parts / sizeof *parts, N_MODES = 4 };

static int part_type(int i)
{
    return i < 2 ? S_IFIFO : S_IFREG;
}

/* Before any changes: a part belongs to who the directory belongs to. */
static int open_parts(int obj, int fd[N_PARTS])
{
    for (int i = 0; i < N_PARTS; i++) {
        fd[i] = h7_name_part(obj, parts[i], O_PATH, (mode_t)part_type(i));
        if (fd[i] == -ESTALE && i >= N_MODES)
            continue; /* a private queue has no id */
        if (fd[i] < 0)
            return fd[i] == -ESTALE ? -EIDRM : fd[i];
    }
    return 0;
}

/* The stub that goes with a key, so that its new owner can remove it. */
static int give_stub(int id, uid_t uid, gid_t gid)
{
    char name[H7_MSG_NAME];
    h7_msg_id_name(name, id);
    int obj = h7_name_open(H7_MSG_ID_KIND, name);
    int part = obj < 0 ? obj : h7_name_part(obj, H7_MSG_PART_KEY, O_PATH, S_IFREG);
    int r = part < 0 ? part : h7_sys_fchown(part, uid, gid);
    if (r == 0)
        r = h7_sys_fchown(obj, uid, gid);
    h7_sys_close(part);
    h7_sys_close(obj);
    return r;
}

static int give(const struct h7_store *st, const int fd[N_PARTS], uid_t uid, gid_t gid)
{
    const struct h7_msg_shared *sh = h7_msg_room(st);
    int r = 0;
    for (int i = 0; i < N_PARTS && r == 0; i++)
        if (fd[i] >= 0)
            r = h7_sys_fchown(fd[i], uid, gid); /* Y5 */
    if (r == 0)
        r = h7_sys_fchown(st->obj, uid, gid);
    if (r == 0 && fd[N_MODES] >= 0)
        r = give_stub((int)h7_load32_relaxed(&sh->id), uid, gid);
    return r;
}

int h7_msg_set_files(const struct h7_store *st, mode_t mode, uid_t uid, gid_t gid, int new_owner)
{
    int fd[N_PARTS] = {-1, -1, -1, -1, -1};
    int r = open_parts(st->obj, fd);
    if (r == 0 && new_owner)
        r = give(st, fd, uid, gid);
    for (int i = 0; i < N_MODES && r == 0; i++)
        r = h7_sys_fchmod(fd[i], h7_msg_file_mode(mode));
    for (int i = 0; i < N_PARTS; i++)
        h7_sys_close(fd[i]);
    return r == -EACCES ? -EPERM : r;
}
