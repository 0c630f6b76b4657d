/* SPDX-License-Identifier: MIT */
/*
 * memory/auto.c - HEPTA_SHM_AUTO: who has a segment, and removing what nobody has; see
 * memory/memory_internal.h
 *
 * All evidence is the kernel's: nothing is counted, so nothing is wrong after a SIGKILL. Start at
 * h7_shm_remove_stale().
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/self.h"
#include "base/sys.h"
#include "memory/memory_internal.h"
#include "name/name.h"

#define SWEEP_NS  (1000 * H7_MS)
#define SWEEP_MAX 4096 /* segments to look at on the way: strangers can make many */

int h7_shm_hold(int fd)
{
    return h7_sys_lock_byte(fd, F_RDLCK, H7_SHM_LOCK_AT);
}

int h7_shm_held(int fd)
{
    return h7_sys_byte_locked(fd, H7_SHM_LOCK_AT);
}

int h7_shm_enter_gate(int control)
{
    struct statx st;
    int r = h7_sys_lock_byte(control, F_RDLCK, H7_SHM_LOCK_AT);
    if (r == 0)
        r = h7_sys_statx(control, "", &st);
    return r < 0 ? r : st.stx_nlink == 0 ? -EIDRM : 0;
}

void h7_shm_leave_gate(int control)
{
    if (control >= 0)
        h7_sys_lock_byte(control, F_UNLCK, H7_SHM_LOCK_AT);
}

int h7_shm_read_control(int control, struct h7_shm_control *c)
{
    ssize_t n;
    do
        n = h7_sys_pread(control, c, sizeof *c, 0);
    while (n == -EINTR);
    if (n < 0)
        return (int)n;
    if (n != (ssize_t)sizeof *c || c->magic != H7_SHM_MAGIC)
        return -EBADMSG;
    if (c->version != H7_SEGMENT_VERSION)
        return -EPROTONOSUPPORT;
    return c->flags & ~HEPTA_SHM_AUTO || c->reserved ? -EBADMSG : 0;
}

/* Whoever can't read data may be able to write it. */
static int open_data(int obj)
{
    int fd = h7_name_part(obj, H7_SHM_DATA, O_RDONLY, S_IFREG);
    return fd == -EACCES ? h7_name_part(obj, H7_SHM_DATA, O_WRONLY, S_IFREG) : fd;
}

/* Does the name lead to this object? */
static int is_named(int obj, const char *name)
{
    struct statx a, b;
    int now = h7_name_open(H7_SHM_KIND, name);
    int same = now >= 0 && h7_sys_statx(now, "", &a) == 0 && h7_sys_statx(obj, "", &b) == 0 &&
               a.stx_ino == b.stx_ino;
    h7_sys_close(now);
    return same;
}

/* A directory is none. */
static int unlink_part(int obj, const char *part)
{
    int r = h7_sys_unlinkat(obj, part, 0);
    return r == -EISDIR ? -EBADMSG : r;
}

/* A dead object, through the descriptor that says which one; its name only if it still has nothing
 * in it (G3). */
static int finish(int obj, const char *name)
{
    char entry[H7_NAME_ENTRY_MAX + 1];
    struct statx st;
    if (h7_sys_statx(obj, H7_SHM_CONTROL, &st) != -ENOENT) /* twice: it can't be taken back */
        return -EAGAIN;
    int r = unlink_part(obj, H7_SHM_DATA);
    if (r < 0 && r != -ENOENT)
        return r;
    int dir = h7_name_dir();
    if (dir < 0)
        return dir;
    h7_name_entry(entry, H7_SHM_KIND, name);
    r = h7_sys_unlinkat(dir, entry, AT_REMOVEDIR); /* A4 until here */
    h7_sys_close(dir);
    if (r == -ENOTEMPTY || r == -EEXIST) /* another by now; or with something strange in it */
        return is_named(obj, name) ? -EBADMSG : 1;
    return r < 0 && r != -ENOENT ? r : 1;
}

/* With control, opened for writing, of an AUTO segment that nobody seemed to have. */
static int remove_if_free(int obj, int control, int data, const char *name)
{
    int r = h7_sys_lock_byte(control, F_WRLCK, H7_SHM_LOCK_AT);
    if (r == 0)
        r = h7_shm_held(data); /* again: now nobody can begin to */
    if (r != 0)
        return r < 0 ? r : 0;
    r = unlink_part(obj, H7_SHM_CONTROL); /* linearization point: nobody can open it (A3) */
    if (r == -ENOENT) /* it has lost its name, and is being removed */
        return 1;
    return r < 0 ? r : finish(obj, name);
}

static int remove_auto(int obj, int control, const char *name)
{
    struct h7_shm_control c;
    int r = h7_shm_read_control(control, &c);
    if (r < 0 || !(c.flags & HEPTA_SHM_AUTO))
        return r;
    int data = open_data(obj);
    if (data < 0)
        return data == -ESTALE ? -EAGAIN : data; /* being unlinked by its name */
    r = h7_shm_held(data);
    if (r == 0) {
        int own = h7_name_part(obj, H7_SHM_CONTROL, O_RDWR, S_IFREG);
        r = own < 0 ? own : remove_if_free(obj, own, data, name);
        h7_shm_leave_gate(own);
        h7_sys_close(own);
        if (r == -ESTALE)
            r = -EAGAIN;
    } else if (r > 0) {
        r = 0;
    }
    h7_sys_close(data);
    return r;
}

int h7_shm_remove_stale(const char *name)
{
    int obj = h7_name_open(H7_SHM_KIND, name);
    if (obj < 0)
        return obj == -ENOENT ? 0 : obj;
    int control = h7_name_part(obj, H7_SHM_CONTROL, O_RDONLY, S_IFREG);
    int r = control == -ESTALE ? finish(obj, name)
            : control < 0      ? control
                               : remove_auto(obj, control, name);
    h7_sys_close(control);
    h7_sys_close(obj);
    return r;
}

static int sweep_one(const struct h7_name_seen *seen, void *arg)
{
    unsigned *left = arg;
    uid_t me = geteuid();
    if (me == 0 || me == seen->uid)
        h7_shm_remove_stale(seen->name);
    return --*left == 0;
}

void h7_shm_sweep(int urgent)
{
    static struct h7_a64 last, last_gen; /* relaxed: two threads that both sweep do no harm */
    unsigned left = SWEEP_MAX;
    uint64_t gen = h7_fork_gen();
    int64_t now = h7_clock_tick();
    if (!urgent && h7_load64_relaxed(&last_gen) == gen &&
        now - (int64_t)h7_load64_relaxed(&last) < SWEEP_NS)
        return;
    h7_store64_relaxed(&last, (uint64_t)now);
    h7_store64_relaxed(&last_gen, gen);
    h7_name_list(H7_SHM_KIND, sweep_one, &left);
}
