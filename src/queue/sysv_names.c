/* SPDX-License-Identifier: MIT */
/*
 * queue/sysv_names.c - ids and keys as names: what leads where, and what may go; see
 * queue/sysv_internal.h
 *
 * Start at h7_msg_attach(); then h7_msg_unlink() and h7_msg_clean().
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/sys.h"
#include "name/name.h"
#include "queue/store_internal.h"
#include "queue/sysv_internal.h"

#define TEXT 100 /* bytes of a text file, at most */
#define PART_GONE "gone"

void h7_msg_id_name(char name[H7_MSG_NAME], int id)
{
    snprintf(name, H7_MSG_NAME, "/%d", id);
}

void h7_msg_key_name(char name[H7_MSG_NAME], key_t key)
{
    snprintf(name, H7_MSG_NAME, "/%08x", (unsigned)key);
}

/* Digits of one id, written in one way only. */
int h7_msg_id_of(const char *name)
{
    char again[H7_MSG_NAME];
    if (name[0] != '/' || strlen(name) >= H7_MSG_NAME)
        return 0;
    long id = strtol(name + 1, NULL, 10);
    if (id <= 0 || id > INT_MAX)
        return 0;
    h7_msg_id_name(again, (int)id);
    return strcmp(again, name) == 0 ? (int)id : 0;
}

/* --- text files --------------------------------------------------------------------- */

static int make_text(int dir, const char *part, const char *text)
{
    ssize_t len = (ssize_t)strlen(text);
    int fd = h7_sys_openat(dir, part, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        return fd;
    ssize_t n = h7_sys_write_quiet(fd, text, (size_t)len);
    int r = n < 0 ? (int)n : n < len ? -ENOSPC : h7_sys_fchmod(fd, 0444);
    h7_sys_close(fd);
    return r;
}

static int read_text(int obj, const char *part, char text[TEXT])
{
    int fd = h7_name_part(obj, part, O_RDONLY, S_IFREG);
    if (fd < 0)
        return fd;
    ssize_t n = h7_sys_pread(fd, text, TEXT - 1, 0);
    h7_sys_close(fd);
    if (n >= 0)
        text[n] = 0;
    return n < 0 ? (int)n : 0;
}

int h7_msg_make_id(int dir, int id)
{
    char name[H7_MSG_NAME];
    h7_msg_id_name(name, id);
    return make_text(dir, H7_MSG_PART_ID, name + 1);
}

/* The id that a key's object says it has. */
static int read_id(int obj, int *id)
{
    char text[TEXT + 1] = "/";
    int r = read_text(obj, H7_MSG_PART_ID, text + 1);
    if (r < 0)
        return r;
    *id = h7_msg_id_of(text);
    return *id ? 0 : -EBADMSG;
}

static int key_id(int obj, void *arg)
{
    return read_id(obj, arg);
}

int h7_msg_key_id(key_t key, int *id)
{
    char name[H7_MSG_NAME];
    h7_msg_key_name(name, key);
    return h7_name_attach(H7_MSG_KEY_KIND, name, key_id, id);
}

/* --- stubs -------------------------------------------------------------------------- */

int h7_msg_make_stub(int id, key_t key)
{
    char text[TEXT], name[H7_MSG_NAME];
    struct h7_draft draft;
    struct h7_life me;
    int r = h7_life_self(&me);
    if (r < 0)
        return r;
    snprintf(text, sizeof text, "%x %llx %x %llx", (unsigned)key,
             (unsigned long long)h7_self_pidns(), me.pid, (unsigned long long)me.mark);
    h7_msg_id_name(name, id);
    r = h7_draft_begin(&draft);
    if (r == 0)
        r = make_text(draft.fd, H7_MSG_PART_KEY, text);
    if (r == 0)
        r = h7_draft_publish(&draft, H7_MSG_ID_KIND, name, 0755); /* Y1 */
    h7_draft_end(&draft);
    return r;
}

/* It was published, and is being removed: its key can't come any more, whoever made it. */
static void mark_stub(int id)
{
    char name[H7_MSG_NAME];
    h7_msg_id_name(name, id);
    int obj = h7_name_open(H7_MSG_ID_KIND, name);
    int fd = obj < 0 ? obj : h7_sys_openat(obj, PART_GONE, O_CREAT | O_WRONLY | O_CLOEXEC, 0444);
    if (fd >= 0)
        h7_sys_close(fd);
    if (obj >= 0)
        h7_sys_close(obj);
}

static int is_marked(int obj)
{
    int fd = h7_name_part(obj, PART_GONE, O_PATH, S_IFREG);
    h7_sys_close(fd);
    return fd >= 0;
}

static int parse_stub(int obj, struct h7_msg_stub *stub)
{
    char text[TEXT], more;
    unsigned key, pid;
    unsigned long long pidns, mark;
    int r = read_text(obj, H7_MSG_PART_KEY, text);
    if (r < 0)
        return r;
    if (sscanf(text, "%x %llx %x %llx%c", &key, &pidns, &pid, &mark, &more) != 4 || key == 0)
        return -EBADMSG;
    *stub = (struct h7_msg_stub){
        .key = (key_t)key, .pidns = pidns, .maker = {.mark = mark, .pid = pid},
        .gone = is_marked(obj)};
    return 0;
}

/* Looked for last where an object has both: it is a queue then. */
static int look_stub(int obj, void *arg)
{
    int fd = h7_name_part(obj, H7_STORE_DATA, O_PATH, S_IFREG);
    h7_sys_close(fd);
    if (fd >= 0 || fd != -ESTALE)
        return fd >= 0 ? 0 : fd;
    int r = parse_stub(obj, arg);
    return r < 0 ? r : 1;
}

int h7_msg_read_stub(int id, struct h7_msg_stub *stub)
{
    char name[H7_MSG_NAME];
    h7_msg_id_name(name, id);
    return h7_name_attach(H7_MSG_ID_KIND, name, look_stub, stub);
}

/* --- attaching ---------------------------------------------------------------------- */

struct attaching {
    struct h7_store *st;
    const struct h7_msg_ways *ways;
    int id;
    struct h7_msg_stub stub;
};

static int attach_store(int obj, struct attaching *a)
{
    return h7_store_attach(a->st, obj, H7_KIND_MSG, a->ways ? a->ways->wait : 0,
                           a->ways ? a->ways->spin_ns : 0);
}

/* 0 attached, 1 it is a stub. */
static int open_id(int obj, void *arg)
{
    struct attaching *a = arg;
    int r = attach_store(obj, a);
    if (r != -ESTALE)
        return r;
    r = parse_stub(obj, &a->stub);
    return r < 0 ? r : 1;
}

static int open_key(int obj, void *arg)
{
    struct attaching *a = arg;
    int id;
    int r = read_id(obj, &id);
    if (r == 0 && id != a->id)
        r = -EINVAL; /* the key leads to another queue by now */
    return r < 0 ? r : attach_store(obj, a);
}

/* Removed, but its remover died before the names went: Y3. Only the names are at stake, so a
 * dead holder's lock is as good as any; what he left is never used again. */
int h7_msg_finish(struct h7_store *st, int id)
{
    struct h7_lock *lock = &st->shared->side[H7_P].lock;
    int r = h7_lock(lock, h7_store_patience());
    if (r == -EOWNERDEAD)
        h7_store32_relaxed(&st->shared->dirty, 1);
    else if (r < 0)
        return r;
    r = h7_msg_unlink(id);
    h7_unlock(lock);
    return r;
}

int h7_msg_attach(struct h7_store *st, int id, const struct h7_msg_ways *ways)
{
    struct attaching a = {.st = st, .ways = ways, .id = id};
    char name[H7_MSG_NAME];
    h7_msg_id_name(name, id);
    int r = h7_name_attach(H7_MSG_ID_KIND, name, open_id, &a);
    if (r == 1) {
        h7_msg_key_name(name, a.stub.key);
        r = h7_name_attach(H7_MSG_KEY_KIND, name, open_key, &a);
        if (r < 0)
            h7_msg_clean(id); /* perhaps it leads nowhere any more */
    }
    if (r < 0)
        return r == -ENOENT ? -EINVAL : r;
    if (h7_load32_relaxed(&st->shared->removed)) {
        h7_msg_finish(st, id);
        r = -EIDRM;
    } else if (h7_load32_relaxed(&h7_msg_room(st)->id) != (uint32_t)id) {
        r = -EBADMSG;
    }
    if (r < 0)
        h7_store_detach(st);
    return r;
}

/* --- removing ----------------------------------------------------------------------- */

int h7_msg_unlink(int id)
{
    struct h7_msg_stub stub;
    char name[H7_MSG_NAME];
    int other = 0, r = h7_msg_read_stub(id, &stub);
    int key = r == 1 ? h7_msg_key_id(stub.key, &other) : r;
    if (key == -EMFILE || key == -ENFILE || key == -ENOMEM || key == -EACCES || key == -EINTR)
        return key; /* not known, for now: the stub has to stay, which leads there */
    if (r == 1 && key == 0 && other == id) {
        mark_stub(id);
        h7_msg_key_name(name, stub.key);
        r = h7_name_unlink(H7_MSG_KEY_KIND, name);
        if (r < 0 && r != -ENOENT)
            return r;
    }
    h7_msg_id_name(name, id); /* Y4 */
    r = h7_name_unlink(H7_MSG_ID_KIND, name);
    return r == -ENOENT ? 0 : r;
}

/* First the maker, or the mark: a dead one can't publish the key any more, so that what is seen
 * then stays so. */
void h7_msg_clean(int id)
{
    struct h7_msg_stub stub;
    char name[H7_MSG_NAME];
    int other = 0;
    if (h7_msg_read_stub(id, &stub) != 1)
        return;
    if (!stub.gone && (stub.pidns != h7_self_pidns() || h7_life_alive(&stub.maker)))
        return;
    int r = h7_msg_key_id(stub.key, &other);
    if ((r < 0 && r != -ENOENT) || other == id)
        return;
    h7_msg_id_name(name, id);
    h7_name_unlink(H7_MSG_ID_KIND, name);
}
