/* SPDX-License-Identifier: MIT */
/*
 * cli/scan_hepta.c - Hepta's objects with a name: what lies in the directory of names
 *
 * An entry is a directory "KIND.NAME" with the object's parts (name/name.h), of which one says how
 * it is and one bears its mode. System V's have two entries (sysv/sysv.h): what has a key lies in
 * "msgkey.KEY", and "msg.ID" says whose it is. Start at scan_hepta().
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/scan_read.h"
#include "fifo/fifo_internal.h"
#include "memory/memory_internal.h"
#include "memory/sysv_internal.h"
#include "name/name_internal.h"
#include "queue/store.h"
#include "semaphore/sem_internal.h"
#include "semaphore/set.h"
#include "sysv/sysv_internal.h"

struct kind {
    const char *entry, *kind;
    const char *data; /* the part with header and control block */
    const char *mode; /* the part whose permission bits are the object's */
    const char *parts[6];
    uint32_t number;
    size_t control_len;
    void (*read)(struct scan *s, struct object *o, const struct view *v);
    const char *key_entry; /* System V: where one with a key lies */
};

static const struct kind kinds[] = {
    {"fifo", "fifo", "data", "mode", {"data", "mode", "d", "s"}, H7_KIND_FIFO,
     sizeof(struct h7_fifo_shared), read_conduit, NULL},
    {"mailbox", "mailbox", "data", "mode", {"data", "mode", "r"}, H7_KIND_MAILBOX, 0, read_mailbox,
     NULL},
    {"mq", "mq", "data", "mode", {"data", "mode", "r", "w", "life"}, H7_KIND_MQ,
     sizeof(struct h7_store_shared), read_store, NULL},
    {"msg", "msg", "data", NULL, {"data", "r", "w", "life"}, H7_KIND_MSG,
     sizeof(struct h7_store_shared), read_store, "msgkey"},
    {"sem", "sem", "data", "data", {"data"}, H7_KIND_SEM, sizeof(struct h7_sem), read_sem, NULL},
    {"permit", "permit", "data", "mode", {"data", "mode", "r", "life"}, H7_KIND_PERMIT,
     sizeof(struct h7_set_shared), read_set, NULL},
    {"semset", "semset", "data", NULL, {"data"}, H7_KIND_SEMSET, sizeof(struct h7_set_shared),
     read_set, "semkey"},
    {"shmid", "shm", "control", NULL, {"control", "data"}, H7_KIND_SHM,
     sizeof(struct h7_shmid_shared), read_shmid, "shmkey"},
    {"shm", "shm", NULL, "data", {"data", "control"}, H7_KIND_SHM, 0, NULL, NULL},
};
#define N_KINDS (sizeof(kinds) / sizeof(*kinds))

/* --- an object's directory -------------------------------------------------------------- */

static void take_key(struct scan *s, struct object *o, const struct stat *st)
{
    scan_key(s, KEY_FILE, st->st_dev, st->st_ino, o);
}

/* Parts as keys; the mode's part gives the mode. What may lie there is no link. */
static void take_parts(struct scan *s, struct object *o, int obj, const struct kind *k)
{
    struct stat st;
    for (int i = 0; i < 6 && k->parts[i]; i++) {
        if (fstatat(obj, k->parts[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        take_key(s, o, &st);
        if (S_ISFIFO(st.st_mode) && k->number == H7_KIND_FIFO)
            o->bells[k->parts[i][0] == 's'] = st.st_ino;
        if (k->mode && !strcmp(k->mode, k->parts[i]))
            o->mode = st.st_mode & 0777;
        if (!strcmp(k->parts[i], "data")) {
            o->ino = st.st_ino;
            object_fact(s, o, "memory", "%lld bytes", (long long)st.st_blocks * 512);
        }
    }
}

/* A part's descriptor, or negative errno: -EACCES says that the object is another user's. */
static int open_part(struct scan *s, struct object *o, int obj, const char *part)
{
    int fd = h7_name_part(obj, part, O_RDONLY, S_IFREG);
    if (fd == -EACCES) {
        s->n_unread++;
        object_is(o, OBJECT_UNKNOWN, "this user may not read it");
    } else if (fd < 0) {
        object_is(o, OBJECT_CORRUPT, "its part '%s': %s", part, strerror(-fd));
    }
    return fd;
}

static bool maker_is_dead(const struct scan *s, uint64_t pidns, uint32_t pid)
{
    return s->pidns && pidns == s->pidns && !scan_lives((pid_t)pid);
}

/* An automatic one's locks tell for certain whether anybody has it, whoever may see whom. */
static void take_auto(struct object *o, int obj)
{
    int data = h7_name_part(obj, H7_SHM_DATA, O_RDONLY, S_IFREG);
    if (data == -EACCES)
        data = h7_name_part(obj, H7_SHM_DATA, O_WRONLY, S_IFREG);
    if (data >= 0 && h7_shm_held(data) == 0)
        object_is(o, OBJECT_STALE, "nobody has it, and it was to live as long as somebody has");
    if (data >= 0)
        close(data);
}

static void take_shm(struct scan *s, struct object *o, int obj)
{
    struct h7_shm_control c;
    struct stat st;
    if (fstatat(obj, H7_SHM_DATA, &st, AT_SYMLINK_NOFOLLOW) == 0)
        o->size = st.st_size;
    int fd = open_part(s, o, obj, H7_SHM_CONTROL);
    if (fd < 0)
        return;
    int r = h7_shm_read_control(fd, &c);
    close(fd);
    if (r < 0) {
        object_is(o, OBJECT_CORRUPT, "its control part isn't what it should be");
        return;
    }
    o->maker_gone = maker_is_dead(s, c.pidns, c.creator);
    object_fact(s, o, "maker", "process %u%s", c.creator, o->maker_gone ? " (dead)" : "");
    object_fact(s, o, "lives", "%s", c.flags & HEPTA_SHM_AUTO ? "as long as somebody has it"
                                                              : "until it is removed");
    o->automatic = c.flags & HEPTA_SHM_AUTO;
    if (o->automatic)
        take_auto(o, obj);
}

static void take_data(struct scan *s, struct object *o, int obj, const struct kind *k)
{
    struct view v;
    if (!k->data) {
        take_shm(s, o, obj);
        return;
    }
    int fd = open_part(s, o, obj, k->data);
    if (fd < 0)
        return;
    if (view_file(s, o, &v, fd, k->number, k->control_len))
        k->read(s, o, &v);
    close(fd);
}

static struct object *add(struct scan *s, const struct kind *k, const struct stat *st,
                          const char *entry, const char *name)
{
    struct object *o = scan_add(s, k->kind, false, "%s", name);
    o->uid = st->st_uid;
    o->gid = st->st_gid;
    if (asprintf(&o->path, "%s/%s", s->names, entry) < 0)
        o->path = NULL;
    take_key(s, o, st);
    object_fact(s, o, "lies in", "%s", o->path);
    object_time(s, o, "named", st->st_ctim.tv_sec);
    return o;
}

/* The object's directory, O_PATH, or negative errno. */
static int open_dir(int dir, const char *entry, struct stat *st)
{
    int obj = openat(dir, entry, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (obj < 0)
        return -errno;
    if (fstat(obj, st) == 0)
        return obj;
    close(obj);
    return -ENOENT;
}

static void take_object(struct scan *s, struct object *o, int obj, const struct kind *k,
                        const struct stat *st)
{
    if (!S_ISDIR(st->st_mode)) {
        object_is(o, OBJECT_CORRUPT, "it is no directory");
    } else if (st->st_mode & (S_IWGRP | S_IWOTH)) {
        object_is(o, OBJECT_CORRUPT, "others may write its directory");
    } else {
        take_parts(s, o, obj, k);
        take_data(s, o, obj, k);
    }
}

/* --- System V: names that lead to names -------------------------------------------------- */

/* What a small text file says, or NULL. */
static const char *text(int obj, const char *part, char buf[100])
{
    int fd = h7_name_part(obj, part, O_RDONLY, S_IFREG);
    ssize_t n = fd < 0 ? -1 : pread(fd, buf, 99, 0);
    if (fd >= 0)
        close(fd);
    buf[n < 0 ? 0 : n] = 0;
    return n < 0 ? NULL : buf;
}

/* An id's entry without the object: 0 it leads to a key's that is there, which is listed then; or
 * what was wrong. */
static void take_stub(struct scan *s, int dir, const struct kind *k, const struct stat *st,
                      const char *entry, int obj)
{
    char buf[100], id[100], where[40];
    unsigned key = 0, pid = 0;
    unsigned long long pidns = 0, mark = 0;
    struct stat key_st;
    const char *t = text(obj, H7_SYSV_PART_KEY, buf);
    bool good = t && sscanf(t, "%x %llx %x %llx", &key, &pidns, &pid, &mark) == 4;
    const struct h7_life life = {.pid = pid, .mark = mark};
    bool dead = good && s->pidns == pidns && !h7_life_alive(&life);
    snprintf(where, sizeof where, "%s.%08x", k->key_entry, key);
    int there = good ? open_dir(dir, where, &key_st) : -ENOENT;
    bool leads = there >= 0 && text(there, H7_SYSV_PART_ID, id) &&
                 !strcmp(id, strchr(entry, '.') + 1);
    if (!leads && good && !dead) {
        if (there >= 0)
            close(there);
        return; /* being made, or removed */
    }
    char name[60];
    if (good)
        snprintf(name, sizeof name, "0x%x", key);
    else
        snprintf(name, sizeof name, "id:%s", strchr(entry, '.') + 1);
    struct object *o = add(s, k, leads ? &key_st : st, leads ? where : entry, name);
    o->id = atoi(strchr(entry, '.') + 1);
    o->key = good ? (int64_t)key : UNKNOWN;
    o->maker_gone = dead;
    object_fact(s, o, "maker", "process %u%s", pid, dead ? " (dead)" : "");
    if (leads)
        take_object(s, o, there, k, &key_st);
    else
        object_is(o, OBJECT_STALE, good ? "an id without an object; its maker is dead"
                                        : "an id that leads nowhere");
    o->maker_gone |= dead;
    if (there >= 0)
        close(there);
}

static void take_id(struct scan *s, int dir, const struct kind *k, const struct stat *st,
                    const char *entry, int obj)
{
    struct stat data;
    if (S_ISDIR(st->st_mode) && fstatat(obj, k->data, &data, AT_SYMLINK_NOFOLLOW) < 0) {
        take_stub(s, dir, k, st, entry, obj);
        return;
    }
    char name[60];
    snprintf(name, sizeof name, "id:%s", strchr(entry, '.') + 1);
    struct object *o = add(s, k, st, entry, name);
    o->id = atoi(strchr(entry, '.') + 1);
    take_object(s, o, obj, k, st);
}

/* --- the directory ---------------------------------------------------------------------- */

static void take_draft(struct scan *s, int dir, const char *entry)
{
    static const struct kind draft = {.kind = "draft"};
    struct stat st;
    if (fstatat(dir, entry, &st, AT_SYMLINK_NOFOLLOW) < 0 || !h7_name_orphan(entry))
        return;
    struct object *o = add(s, &draft, &st, entry, entry);
    object_is(o, OBJECT_STALE, "half-made or half-removed, by a process that is dead");
}

static int take_entry(int dir, const char *entry, void *arg)
{
    struct scan *s = arg;
    const char *dot = strchr(entry, '.');
    const struct kind *k = NULL;
    struct stat st;
    if (!strncmp(entry, "tmp.", 4)) {
        take_draft(s, dir, entry);
        return 0;
    }
    for (size_t i = 0; dot && dot[1] && i < N_KINDS && !k; i++)
        if (strlen(kinds[i].entry) == (size_t)(dot - entry) &&
            !strncmp(entry, kinds[i].entry, (size_t)(dot - entry)))
            k = &kinds[i];
    int obj = k ? open_dir(dir, entry, &st) : -1;
    if (obj < 0)
        return 0; /* another's, or gone meanwhile */
    if (k->key_entry) {
        take_id(s, dir, k, &st, entry, obj);
    } else {
        char name[H7_NAME_ENTRY_MAX + 1];
        snprintf(name, sizeof name, "/%s", dot + 1);
        take_object(s, add(s, k, &st, entry, name), obj, k, &st);
    }
    close(obj);
    return 0;
}

/* The directory is made on first use; to look isn't one. */
static bool exists(void)
{
    const char *dir = getenv("HEPTA_DIR");
    char mine[64];
    snprintf(mine, sizeof mine, "/dev/shm/hepta-%u", (unsigned)geteuid());
    if (dir && *dir)
        return access(dir, F_OK) == 0 || errno != ENOENT;
    return access("/dev/shm/hepta", F_OK) == 0 || access(mine, F_OK) == 0;
}

void scan_hepta(struct scan *s)
{
    int dir = exists() ? h7_name_dir() : -ENOENT;
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
    if (dir < 0 || readlink(link, s->names, sizeof s->names - 1) < 0)
        s->names[0] = 0;
    int r = dir < 0 ? dir : h7_name_entries(dir, UINT32_MAX, take_entry, s);
    if (r < 0 && r != -ENOENT)
        scan_gap(s, "the directory of names can't be read: %s", strerror(-r));
    if (dir >= 0)
        close(dir);
}
