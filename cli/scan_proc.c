/* SPDX-License-Identifier: MIT */
/*
 * cli/scan_proc.c - who has what: one pass over all processes, their maps, descriptors and threads
 *
 * Other users' descriptors, maps and calls are not this user's to see: such processes are
 * counted. A descriptor is known by what its link says, "pipe:[4711]", or by the inode behind it,
 * which the kernel tells without opening it. Start at scan_proc().
 */
#define _GNU_SOURCE
#include "cli/scan_proc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cli/scan_kernel.h"

#define MANY_FDS 50 /* a limit below that is somebody's test */
#define SELF_FDS 3 /* of the tool itself only these count: the rest is for looking */

/* --- maps ------------------------------------------------------------------------------- */

/* "7f00-7f80 rw-s 00001000 00:1a 4711 /path": shared and of a file. */
static bool parse_map(const char *line, struct region *g, const char **path)
{
    char *p;
    g->start = strtoull(line, &p, 16);
    if (*p != '-')
        return false;
    g->end = strtoull(p + 1, &p, 16);
    if (strlen(p) < 6 || p[4] != 's')
        return false;
    g->how = (p[1] == 'r' ? USE_READ : 0u) | (p[2] == 'w' ? USE_WRITE : 0u) | USE_MAP;
    g->off = strtoull(p + 6, &p, 16);
    unsigned long hi = strtoul(p, &p, 16);
    unsigned long lo = *p == ':' ? strtoul(p + 1, &p, 16) : 0;
    g->dev = makedev(hi, lo);
    g->ino = strtoull(p, &p, 10);
    *path = p + strspn(p, " ");
    return g->ino != 0;
}

static void *grow(void *array, size_t n, size_t *room, size_t size)
{
    if (n < *room)
        return array;
    size_t more = *room ? *room * 2 : 64;
    void *p = realloc(array, more * size);
    if (p)
        *room = more;
    return p;
}

static struct object *object_of_map(struct scan *s, struct process *p, const struct region *g,
                                    const char *path)
{
    if (!strncmp(path, "/SYSV", 5))
        return scan_find(s, KEY_SHM, 0, g->ino);
    struct object *o = scan_find(s, KEY_FILE, g->dev, g->ino);
    return strncmp(path, "/memfd:hepta-", 13) ? o : memory_found(s, o, p, g, path + 7);
}

static void take_map(struct scan *s, struct process *p, const char *line)
{
    struct region g;
    const char *path;
    if (!parse_map(line, &g, &path))
        return;
    g.object = object_of_map(s, p, &g, path);
    if (!g.object)
        return;
    if (g.object->kernel && g.object->n_users == UNKNOWN && !strcmp(g.object->kind, "shm"))
        g.object->n_users = 0; /* one of System V's that somebody has */
    object_user(g.object, p->pid, 0, g.object->bells[0] ? USE_MAP : g.how);
    struct region *more = grow(p->regions, p->n_regions, &p->regions_room, sizeof g);
    if (more) {
        p->regions = more;
        p->regions[p->n_regions++] = g;
    }
}

/* Its lines, of any length; true if it could be read. */
static bool take_maps(struct scan *s, struct process *p)
{
    static char *line;
    static size_t room;
    int fd = openat(p->dir, "maps", O_RDONLY | O_CLOEXEC);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
    if (!f) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    errno = 0;
    while (getline(&line, &room, f) > 0) {
        line[strcspn(line, "\n")] = 0;
        take_map(s, p, line);
    }
    bool good = errno != EACCES && errno != EPERM;
    fclose(f);
    return good;
}

/* --- descriptors ------------------------------------------------------------------------ */

/* "pipe:[4711]" */
static bool number_in(const char *link, const char *what, uint64_t *n)
{
    size_t len = strlen(what);
    if (strncmp(link, what, len))
        return false;
    *n = strtoull(link + len, NULL, 10);
    return true;
}

/* What is known of a file without asking a server that may be gone. */
static bool quick_stat(int dir, const char *name, struct stat *st)
{
    struct statx x;
    if (statx(dir, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &x) < 0)
        return false;
    *st = (struct stat){.st_dev = makedev(x.stx_dev_major, x.stx_dev_minor),
                        .st_ino = x.stx_ino,
                        .st_mode = x.stx_mode,
                        .st_uid = x.stx_uid,
                        .st_gid = x.stx_gid,
                        .st_size = (off_t)x.stx_size,
                        .st_atim.tv_sec = x.stx_atime.tv_sec,
                        .st_ctim.tv_sec = x.stx_ctime.tv_sec};
    return true;
}

/* Where the file system isn't mounted a queue's link is "/name"; its size is always this. */
#define MQUEUE_SIZE 80

static bool is_mqueue(const char *path, const char *link, const struct stat *st)
{
    static dev_t known;
    struct statfs fs;
    if (known && st->st_dev == known)
        return true;
    if (strchr(link + 1, '/') || st->st_size != MQUEUE_SIZE || statfs(path, &fs) < 0 ||
        fs.f_type != MQUEUE_MAGIC)
        return false;
    known = st->st_dev;
    return true;
}

/* Something with a path: known by its inode; or a FIFO, or a queue that couldn't be listed. */
static struct object *object_of_file(struct scan *s, struct process *p, const char *name,
                                     const char *link, uint64_t *ino)
{
    struct stat st;
    char path[64];
    if (!quick_stat(p->fds, name, &st) || !(S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode)))
        return NULL;
    struct object *o = scan_find(s, KEY_FILE, st.st_dev, st.st_ino);
    *ino = st.st_ino;
    if (o)
        return o;
    if (S_ISFIFO(st.st_mode))
        return fifo_found(s, &st, link);
    snprintf(path, sizeof path, "/proc/%d/fd/%.20s", (int)p->pid, name);
    if (!is_mqueue(path, link, &st))
        return NULL;
    o = mq_add(s, link + 1, &st);
    int fd = descriptor_copy(p, atoi(name));
    if (fd >= 0) {
        mq_take_open(s, o, fd);
        close(fd);
    }
    return o;
}

static struct object *object_of_pipe(struct scan *s, struct process *p, const char *name,
                                     uint64_t ino)
{
    struct stat st;
    struct object *o = scan_find(s, KEY_PIPE, 0, ino);
    if (o)
        return o;
    o = scan_add(s, "pipe", true, "%llu", (unsigned long long)ino);
    o->ino = ino;
    scan_key(s, KEY_PIPE, 0, ino, o);
    if (fstatat(p->fds, name, &st, 0) == 0) {
        o->uid = st.st_uid;
        o->gid = st.st_gid;
        o->mode = st.st_mode & 0777;
    }
    return o;
}

static bool keep_descriptor(struct process *p, int fd, struct object *o)
{
    struct descriptor *more = grow(p->held, p->n_held, &p->held_room, sizeof *more);
    if (!more)
        return false;
    p->held = more;
    p->held[p->n_held++] = (struct descriptor){fd, o};
    return true;
}

/* Of Hepta's pipe: who writes rings the one bell, and listens to the other. */
static unsigned how_open(const struct object *o, mode_t mode, uint64_t ino)
{
    unsigned how = (mode & 0400 ? USE_READ : 0u) | (mode & 0200 ? USE_WRITE : 0u);
    if (!o->bells[0] || ino == o->bells[0])
        return how;
    if (ino != o->bells[1])
        return USE_MAP;
    return (how & USE_READ ? USE_WRITE : 0u) | (how & USE_WRITE ? USE_READ : 0u);
}

static void take_fd(struct scan *s, struct process *p, const char *name)
{
    char link[4200];
    struct stat how;
    struct object *o = NULL;
    uint64_t ino = 0;
    ssize_t n = readlinkat(p->fds, name, link, sizeof link - 1);
    if (n <= 0)
        return;
    link[n] = 0;
    bool pipe = number_in(link, "pipe:[", &ino);
    if (pipe)
        o = object_of_pipe(s, p, name, ino);
    else if (number_in(link, "socket:[", &ino))
        o = scan_find(s, KEY_SOCKET, 0, ino);
    else if (link[0] == '/')
        o = object_of_file(s, p, name, link, &ino);
    if (!o || fstatat(p->fds, name, &how, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    if ((pipe || !strcmp(o->kind, "fifo")) && o->kernel && o->depth == UNKNOWN)
        pipe_fill(s, o, p, atoi(name));
    if (how.st_mode & 0700) /* not O_PATH */
        object_user(o, p->pid, 0, how_open(o, how.st_mode, ino));
    keep_descriptor(p, atoi(name), o);
}

static bool take_fds(struct scan *s, struct process *p)
{
    p->fds = openat(p->dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = p->fds < 0 ? NULL : fdopendir(p->fds);
    if (!d)
        return false;
    int64_t n = 0;
    for (struct dirent *e; (e = readdir(d)); n++)
        if (isdigit((unsigned char)e->d_name[0]) && (!p->self || atoi(e->d_name) < SELF_FDS))
            take_fd(s, p, e->d_name);
    closedir(d);
    struct rlimit max;
    if (n > MANY_FDS && prlimit(p->pid, RLIMIT_NOFILE, NULL, &max) == 0)
        scan_crowd(s, p->pid, "descriptors", n - 2, (int64_t)max.rlim_cur);
    return true;
}

/* --- processes -------------------------------------------------------------------------- */

/* Threads of the kernel have nothing that could be hidden; neither have zombies. */
static bool is_ordinary(const struct process *p)
{
    char text[600], state = 0;
    unsigned flags = 0;
    int fd = openat(p->dir, "stat", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    const char *after = n > 0 ? strrchr(text, ')') : NULL;
    if (!after || sscanf(after + 1, " %c %*d %*d %*d %*d %*d %u", &state, &flags) != 2)
        return false;
    return state != 'Z' && state != 'X' && !(flags & 0x00200000u);
}

static void take_process(struct scan *s, const char *name)
{
    struct process p = {.pid = (pid_t)atoi(name), .pidfd = -1, .fds = -1};
    p.dir = openat(s->proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    p.self = p.pid == getpid();
    if (p.dir < 0)
        return;
    bool seen = (p.self || take_maps(s, &p)) && take_fds(s, &p);
    if (!seen && is_ordinary(&p))
        s->n_hidden++;
    if (seen && !p.self)
        take_threads(s, &p);
    take_signals(s, &p);
    if (p.pidfd >= 0)
        close(p.pidfd);
    close(p.dir);
    free(p.regions);
    free(p.held);
}

void scan_proc(struct scan *s)
{
    if (access("/proc/1", F_OK) < 0)
        scan_gap(s, "/proc shows no processes of other users (hidepid), nor what they have");
    int again = openat(s->proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = again < 0 ? NULL : fdopendir(again);
    for (struct dirent *e; d && (e = readdir(d));)
        if (isdigit((unsigned char)e->d_name[0]))
            take_process(s, e->d_name);
    if (d)
        closedir(d);
}
