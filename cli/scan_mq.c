/* SPDX-License-Identifier: MIT */
/*
 * cli/scan_mq.c - the kernel's POSIX message queues, as files of the mqueue file system
 *
 * Where that isn't mounted, who may mount it gets it as a descriptor that is attached nowhere; else
 * only queues that some process has open are seen (scan_proc.c). To open such a file opens the
 * queue, which changes nothing; the descriptor is closed at once.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cli/scan_kernel.h"
#include "prim/life.h"

static int mounted(void)
{
    struct statfs fs;
    int fd = open("/dev/mqueue", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == MQUEUE_MAGIC)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* The root of a mount that is in nobody's tree, and goes with the descriptor. */
static int mount_privately(void)
{
    int fs = fsopen("mqueue", FSOPEN_CLOEXEC);
    int mnt = -1, root = -1;
    if (fs >= 0 && fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
        mnt = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    if (mnt >= 0)
        root = openat(mnt, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fs >= 0)
        close(fs);
    if (mnt >= 0)
        close(mnt);
    return root;
}

void mq_take_open(struct scan *s, struct object *o, int fd)
{
    struct mq_attr attr;
    char text[200];
    int pid = 0;
    if (mq_getattr(fd, &attr) == 0) {
        o->depth = attr.mq_curmsgs;
        o->size = attr.mq_maxmsg;
        o->msg_max = attr.mq_msgsize;
        o->keeps_data = attr.mq_curmsgs > 0;
        object_fact(s, o, "largest message", "%ld bytes", attr.mq_msgsize);
    }
    ssize_t n = s->details ? pread(fd, text, sizeof text - 1, 0) : 0;
    text[n > 0 ? n : 0] = 0;
    const char *p = strstr(text, "NOTIFY_PID:");
    if (n > 0)
        object_fact(s, o, "bytes in it", "%d", atoi_after(text, "QSIZE:"));
    if (p && sscanf(p, "NOTIFY_PID:%d", &pid) == 1 && pid)
        object_fact(s, o, "notifies", "process %d", pid);
}

bool mq_is_leftover(const struct scan *s, const char *name)
{
    unsigned long long pidns, ino, mark, number;
    struct h7_life life;
    if (sscanf(name, "hepta.%llx.%llx.%x.%llx.%llx", &pidns, &ino, &life.pid, &mark, &number) != 5)
        return false;
    life.mark = mark;
    return pidns == s->pidns && life.pid && life.pid <= INT32_MAX && !h7_life_alive(&life);
}

struct object *mq_add(struct scan *s, const char *name, const struct stat *st)
{
    struct object *o = scan_add(s, "mq", true, "/%s", name);
    o->uid = st->st_uid;
    o->gid = st->st_gid;
    o->mode = st->st_mode & 0777;
    o->ino = st->st_ino;
    scan_key(s, KEY_FILE, st->st_dev, st->st_ino, o);
    if (mq_is_leftover(s, name))
        object_is(o, OBJECT_STALE, "it told a process of messages in Hepta's, which is dead");
    object_time(s, o, "used", st->st_atim.tv_sec);
    object_time(s, o, "changed", st->st_ctim.tv_sec);
    return o;
}

static void take(struct scan *s, int dir, const char *name)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
        return;
    struct object *o = mq_add(s, name, &st);
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        s->n_unread += errno == EACCES;
        return;
    }
    mq_take_open(s, o, fd);
    close(fd);
}

void scan_mq(struct scan *s)
{
    int root = mounted();
    if (root < 0)
        root = mount_privately();
    if (root < 0) {
        if (access("/proc/sys/fs/mqueue", F_OK) == 0)
            scan_gap(s, "/dev/mqueue isn't mounted: of the kernel's POSIX queues only those are "
                        "seen that a process has open");
        return;
    }
    DIR *d = fdopendir(root);
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.')
            take(s, root, e->d_name);
    if (d)
        closedir(d);
    else
        close(root);
}
