/* SPDX-License-Identifier: MIT */
/*
 * cli/doctor_check.c - the invariants of Hepta's objects, checked on a copy
 *
 * The rooms' checks take locks, and attaching mends what the dead left: both would be noticed. So
 * the object's memory is copied, where it is quiet, and the copy is attached and checked: a
 * queue's or a set's in a directory that nobody opens; a pipe's, a FIFO's, a connection's in a
 * memfd. A copy that was torn, or made inside a verb, says nothing: another is made, a few times.
 * Start at doctor_check().
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "cli/scan_read.h"
#include "fifo/fifo_internal.h"
#include "name/name_internal.h"
#include "prim/segment.h"
#include "queue/store_internal.h"
#include "semaphore/set_internal.h"
#include "socket/memory.h"

#define TRIES 8
#define PAUSE_US 5000
#define COPY_MAX (64u << 20) /* larger ones aren't checked */
#define CHUNK 65536

enum verdict { GOOD, BAD, BUSY, NOT_DONE };

struct copy {
    const struct object *o;
    int from;                     /* its file; -1: memory of o->at_pid */
    struct h7_segment_header head;
    char why[200];
};

/* --- copying ---------------------------------------------------------------------------- */

static ssize_t get(const struct copy *c, void *to, size_t len, uint64_t off)
{
    if (c->from >= 0)
        return pread(c->from, to, len, (off_t)off);
    uint64_t at = off < c->head.data_off || !c->head.data_off
                      ? c->o->at_head + off : c->o->at_data + (off - c->head.data_off);
    struct iovec here = {to, len}, there = {(void *)(uintptr_t)at, len};
    return process_vm_readv(c->o->at_pid, &here, 1, &there, 1, 0);
}

/* All of it, to the file `to`; the same beginning before and after says that nobody changed it. */
static enum verdict copy_all(const struct copy *c, int to)
{
    static char chunk[CHUNK], before[CHUNK], after[CHUNK];
    size_t control = c->head.data_off < CHUNK ? c->head.data_off : CHUNK;
    if (get(c, before, control, 0) != (ssize_t)control)
        return NOT_DONE;
    for (uint64_t off = 0; off < c->head.len;) {
        uint64_t end = off < c->head.data_off ? c->head.data_off : c->head.len;
        size_t len = end - off < CHUNK ? (size_t)(end - off) : CHUNK;
        if (get(c, chunk, len, off) != (ssize_t)len || pwrite(to, chunk, len, (off_t)off) < 0)
            return NOT_DONE;
        off += len;
    }
    if (get(c, after, control, 0) != (ssize_t)control)
        return NOT_DONE;
    return memcmp(before, after, control) ? BUSY : GOOD;
}

/* In the copy nobody gives a lock back: a living holder's says that a verb was at work; a dead
 * one's becomes what the kernel makes of it. */
static enum verdict settle_lock(struct h7_lock *lock)
{
    uint32_t w = h7_load32_relaxed(&lock->word), tid = w & H7_LOCK_TID;
    if (!tid)
        return GOOD;
    if (scan_lives((pid_t)tid))
        return BUSY;
    h7_store32_relaxed(&lock->word, H7_LOCK_OWNER_DIED);
    return GOOD;
}

/* --- checks ----------------------------------------------------------------------------- */

/* The lock words lie in the control block, or at the beginning of the data. */
static enum verdict settle(const struct copy *c, int fd)
{
    uint32_t kind = c->head.kind;
    bool set = kind == H7_KIND_SEMSET || kind == H7_KIND_PERMIT;
    char *p = mmap(NULL, c->head.data_off + (set ? 4096 : 0), PROT_READ | PROT_WRITE, MAP_SHARED,
                   fd, 0);
    if (p == MAP_FAILED)
        return NOT_DONE;
    struct h7_store_shared *sh = (void *)(p + H7_SEGMENT_CONTROL);
    struct h7_set_hot *hot = (void *)(p + c->head.data_off);
    enum verdict v = settle_lock(set ? &hot->lock : &sh->side[H7_P].lock);
    if (v == GOOD && !set)
        v = settle_lock(&sh->side[H7_C].lock);
    munmap(p, c->head.data_off + (set ? 4096 : 0));
    return v;
}

static enum verdict check_attached(struct copy *c, int dir)
{
    union {
        struct h7_store store;
        struct h7_set set;
    } u;
    uint32_t kind = c->head.kind;
    bool set = kind == H7_KIND_SEMSET || kind == H7_KIND_PERMIT;
    int r = set ? h7_set_attach(&u.set, dir, kind, 0, 0)
                : h7_store_attach(&u.store, dir, kind, 0, 0);
    if (r == -EXDEV || r == -ENOMEM || r == -EMFILE || r == -ENFILE)
        return NOT_DONE;
    if (r < 0) {
        snprintf(c->why, sizeof c->why, "it can't be attached: %s", strerror(-r));
        return BAD;
    }
    r = set ? h7_set_check(&u.set, c->why, sizeof c->why)
            : h7_store_check(&u.store, c->why, sizeof c->why);
    if (set)
        h7_set_detach(&u.set);
    else
        h7_store_detach(&u.store);
    return r < 0 ? BAD : GOOD;
}

/* As a draft of name/name.h: nobody opens what is called so, and if this process dies it is
 * removed by whoever makes something next. (h7_draft_begin() would remove such things now.) */
static int begin_dir(int names, char entry[H7_NAME_ENTRY_MAX + 1])
{
    int r = h7_name_tmp(entry);
    if (r == 0 && mkdirat(names, entry, 0700) < 0)
        r = -errno;
    return r < 0 ? r : h7_name_own(names, entry);
}

static enum verdict make_parts(int dir, int fd, uint64_t len)
{
    static const char *const fifos[] = {H7_STORE_R, H7_STORE_W};
    for (int i = 0; i < 2; i++)
        if (h7_draft_fifo(dir, fifos[i], 0600, NULL) < 0)
            return NOT_DONE;
    if (h7_draft_file(dir, H7_PART_LIFE, 0600) < 0 || posix_fallocate(fd, 0, (off_t)len) != 0)
        return NOT_DONE;
    return GOOD;
}

static enum verdict check_in_dir(struct copy *c, int dir)
{
    int fd = openat(dir, "data", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    enum verdict v = fd < 0 ? NOT_DONE : make_parts(dir, fd, c->head.len);
    if (v == GOOD)
        v = copy_all(c, fd);
    if (v == GOOD)
        v = settle(c, fd);
    if (v == GOOD)
        v = check_attached(c, dir);
    if (fd >= 0)
        close(fd);
    return v;
}

static enum verdict check_in_draft(const struct scan *s, struct copy *c)
{
    char entry[H7_NAME_ENTRY_MAX + 1];
    int names = open(s->names, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int dir = names < 0 ? -1 : begin_dir(names, entry);
    enum verdict v = dir < 0 ? NOT_DONE : check_in_dir(c, dir);
    if (dir >= 0) {
        close(dir);
        h7_name_remove(names, entry);
    }
    if (names >= 0)
        close(names);
    return v;
}

/* These take no lock to be checked, so that nobody is inside must be looked for. */
static enum verdict check_flow(struct copy *c, struct h7_segment *seg)
{
    struct h7_conduit_shared *sh = h7_segment_control(seg);
    struct h7_conduit flow;
    if (c->head.kind == H7_KIND_MAILBOX)
        return settle_lock(mailbox_lock(seg)) != GOOD                 ? BUSY
               : mailbox_check(seg, c->why, sizeof c->why) < 0 ? BAD : GOOD;
    enum verdict v = settle_lock(&sh->side[H7_WRITER].lock);
    if (v == GOOD)
        v = settle_lock(&sh->side[H7_READER].lock);
    if (v != GOOD)
        return v;
    int r = h7_conduit_init(&flow, sh, H7_READER, seg->flags, seg->data, seg->data_len);
    if (r < 0)
        snprintf(c->why, sizeof c->why, "its size fits no ring");
    else
        r = h7_conduit_check(&flow, c->why, sizeof c->why);
    if (r == 0 && c->head.kind == H7_KIND_FIFO &&
        (h7_load64_relaxed(&sh->bell_ino[H7_WRITER]) != c->o->bells[0] ||
         h7_load64_relaxed(&sh->bell_ino[H7_READER]) != c->o->bells[1])) {
        snprintf(c->why, sizeof c->why, "bells: not those that the segment names");
        r = -EBADMSG;
    }
    return r < 0 ? BAD : GOOD;
}

static enum verdict check_in_memfd(struct copy *c)
{
    struct h7_segment seg;
    const struct h7_segment_spec spec = {
        .kind = c->head.kind, .ring = c->head.kind != H7_KIND_MAILBOX,
        .control_len = c->head.kind == H7_KIND_FIFO ? sizeof(struct h7_fifo_shared)
                       : c->head.kind == H7_KIND_SOCK ? sizeof(struct h7_sock_shared)
                                                      : sizeof(struct h7_conduit_shared)};
    int fd = memfd_create("hepta-doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || posix_fallocate(fd, 0, (off_t)c->head.len) != 0) {
        if (fd >= 0)
            close(fd);
        return NOT_DONE;
    }
    enum verdict v = copy_all(c, fd);
    int r = v == GOOD ? h7_segment_attach(&seg, fd, &spec, 0) : -1;
    if (v == GOOD && r == 0) {
        v = check_flow(c, &seg);
        h7_segment_close(&seg);
        return v;
    }
    close(fd);
    if (v == GOOD && r < 0 && r != -EXDEV && r != -ENOMEM) {
        snprintf(c->why, sizeof c->why, "it can't be attached: %s", strerror(-r));
        return BAD;
    }
    return v == GOOD ? NOT_DONE : v;
}

/* --- which ------------------------------------------------------------------------------ */

static bool has_room(const struct scan *s, uint64_t len)
{
    struct statvfs fs;
    return len <= COPY_MAX && s->names[0] && statvfs(s->names, &fs) == 0 &&
           len < (uint64_t)fs.f_bavail * fs.f_frsize / 4;
}

static enum verdict check_once(const struct scan *s, struct copy *c)
{
    memset(&c->head, 0, sizeof c->head);
    if (get(c, &c->head, sizeof c->head, 0) != (ssize_t)sizeof c->head ||
        c->head.magic != H7_SEGMENT_MAGIC || c->head.data_off > CHUNK || c->head.len > COPY_MAX ||
        c->head.data_off > c->head.len)
        return NOT_DONE;
    switch (c->head.kind) {
    case H7_KIND_PIPE:
    case H7_KIND_FIFO:
    case H7_KIND_SOCK:
    case H7_KIND_MAILBOX:
        return check_in_memfd(c);
    case H7_KIND_MQ:
    case H7_KIND_MSG:
    case H7_KIND_PERMIT:
    case H7_KIND_SEMSET:
        return has_room(s, c->head.len) ? check_in_draft(s, c) : NOT_DONE;
    default:
        return NOT_DONE;
    }
}

static int open_data(const struct object *o)
{
    char path[4600];
    snprintf(path, sizeof path, "%s/data", o->path);
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return fd;
}

/* Semaphores, and segments, were looked at as a whole when they were listed. */
void doctor_check(struct scan *s, struct object *o, struct findings *f)
{
    struct copy c = {.o = o, .from = -1};
    enum verdict v = BUSY;
    bool memory = o->at_head && o->at_data;
    if (o->kernel || o->state == OBJECT_CORRUPT || o->state == OBJECT_UNKNOWN ||
        (!memory && (!o->path || !strcmp(o->kind, "draft"))))
        return;
    if (!strcmp(o->kind, "sem") || !strcmp(o->kind, "shm")) {
        f->n_checked++;
        return;
    }
    if (!memory && (c.from = open_data(o)) < 0)
        return;
    for (int i = 0; i < TRIES && (v == BUSY || v == BAD); i++) {
        if (i)
            usleep(PAUSE_US);
        v = check_once(s, &c);
    }
    if (c.from >= 0)
        close(c.from);
    f->n_checked += v == GOOD || v == BAD;
    f->n_busy += v == BUSY;
    if (v == BAD)
        object_is(o, OBJECT_CORRUPT, "%s", c.why);
}
