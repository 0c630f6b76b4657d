/* SPDX-License-Identifier: MIT */
/*
 * sysv/names.c - ids and keys as names: what leads where, and what may go; see sysv/sysv.h
 *
 * Start at h7_sysv_attach(); then h7_sysv_unlink() and h7_sysv_clean().
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
#include "sysv/sysv_internal.h"

#define TEXT 100 /* bytes of a text file, at most */
#define PART_GONE "gone"

void h7_sysv_id_name(char name[H7_SYSV_NAME], int id)
{
    snprintf(name, H7_SYSV_NAME, "/%d", id);
}

void h7_sysv_key_name(char name[H7_SYSV_NAME], key_t key)
{
    snprintf(name, H7_SYSV_NAME, "/%08x", (unsigned)key);
}

/* Digits of one id, written in one way only. */
int h7_sysv_id_of(const char *name)
{
    char again[H7_SYSV_NAME];
    if (name[0] != '/' || strlen(name) >= H7_SYSV_NAME)
        return 0;
    long id = strtol(name + 1, NULL, 10);
    if (id <= 0 || id > INT_MAX)
        return 0;
    h7_sysv_id_name(again, (int)id);
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

static int make_id(int dir, int id)
{
    char name[H7_SYSV_NAME];
    h7_sysv_id_name(name, id);
    return make_text(dir, H7_SYSV_PART_ID, name + 1);
}

/* The id that a key's object says it has. */
static int read_id(int obj, int *id)
{
    char text[TEXT + 1] = "/";
    int r = read_text(obj, H7_SYSV_PART_ID, text + 1);
    if (r < 0)
        return r;
    *id = h7_sysv_id_of(text);
    return *id ? 0 : -EBADMSG;
}

static int key_id(int obj, void *arg)
{
    return read_id(obj, arg);
}

int h7_sysv_key_id(const struct h7_sysv_family *f, key_t key, int *id)
{
    char name[H7_SYSV_NAME];
    h7_sysv_key_name(name, key);
    return h7_name_attach(f->key_kind, name, key_id, id);
}

/* --- stubs -------------------------------------------------------------------------- */

static int make_key(int dir, key_t key)
{
    char text[TEXT];
    struct h7_life me;
    int r = h7_life_self(&me);
    if (r < 0)
        return r;
    snprintf(text, sizeof text, "%x %llx %x %llx", (unsigned)key,
             (unsigned long long)h7_self_pidns(), me.pid, (unsigned long long)me.mark);
    return make_text(dir, H7_SYSV_PART_KEY, text);
}

/* Where object and stub can change names, each has what the other has. */
int h7_sysv_make_texts(const struct h7_sysv_family *f, int dir, int id, key_t key)
{
    int r = make_id(dir, id);
    return r == 0 && f->lingers ? make_key(dir, key) : r;
}

int h7_sysv_make_stub(const struct h7_sysv_family *f, int id, key_t key)
{
    char name[H7_SYSV_NAME];
    struct h7_draft draft;
    h7_sysv_id_name(name, id);
    int r = h7_draft_begin(&draft);
    if (r == 0)
        r = make_key(draft.fd, key);
    if (r == 0 && f->lingers)
        r = make_id(draft.fd, id);
    if (r == 0)
        r = h7_draft_publish(&draft, f->id_kind, name, 0755); /* Y1 */
    h7_draft_end(&draft);
    return r;
}

/* It was published, and is being removed: its key can't come any more, whoever made it. */
static void mark_stub(const struct h7_sysv_family *f, int id)
{
    char name[H7_SYSV_NAME];
    h7_sysv_id_name(name, id);
    int obj = h7_name_open(f->id_kind, name);
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

static int parse_stub(int obj, struct h7_sysv_stub *stub)
{
    char text[TEXT], more;
    unsigned key, pid;
    unsigned long long pidns, mark;
    int r = read_text(obj, H7_SYSV_PART_KEY, text);
    if (r < 0)
        return r;
    if (sscanf(text, "%x %llx %x %llx%c", &key, &pidns, &pid, &mark, &more) != 4 || key == 0)
        return -EBADMSG;
    *stub = (struct h7_sysv_stub){
        .key = (key_t)key, .pidns = pidns, .maker = {.mark = mark, .pid = pid},
        .gone = is_marked(obj)};
    return 0;
}

struct looking {
    const struct h7_sysv_family *f;
    struct h7_sysv_stub *stub;
};

/* Looked for last where an object has both: it is no stub then. */
static int look_stub(int obj, void *arg)
{
    struct looking *l = arg;
    int fd = h7_name_part(obj, l->f->main, O_PATH, S_IFREG);
    h7_sys_close(fd);
    if (fd < 0 && fd != -ESTALE)
        return fd;
    if (fd >= 0 && !l->f->lingers)
        return 0;
    int r = parse_stub(obj, l->stub);
    if (fd >= 0)
        return r == -ESTALE ? 0 : r;
    return r < 0 ? r : 1;
}

int h7_sysv_read_stub(const struct h7_sysv_family *f, int id, struct h7_sysv_stub *stub)
{
    struct looking l = {f, stub};
    char name[H7_SYSV_NAME];
    stub->key = 0;
    h7_sysv_id_name(name, id);
    return h7_name_attach(f->id_kind, name, look_stub, &l);
}

/* --- attaching ---------------------------------------------------------------------- */

struct attaching {
    const struct h7_sysv_family *f;
    struct h7_sysv_entry *e;
    const struct h7_sysv_ways *ways;
    int id;
    struct h7_sysv_stub stub;
};

/* 0 attached, 1 it is a stub. */
static int open_id(int obj, void *arg)
{
    struct attaching *a = arg;
    int r = a->f->attach(a->e, obj, a->ways);
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
        r = -EINVAL; /* the key leads to another object by now */
    return r < 0 ? r : a->f->attach(a->e, obj, a->ways);
}

static int open_either(struct attaching *a)
{
    char name[H7_SYSV_NAME];
    h7_sysv_id_name(name, a->id);
    int r = h7_name_attach(a->f->id_kind, name, open_id, a);
    if (r != 1)
        return r;
    h7_sysv_key_name(name, a->stub.key);
    r = h7_name_attach(a->f->key_kind, name, open_key, a);
    if (r < 0)
        h7_sysv_clean(a->f, a->id); /* perhaps it leads nowhere any more */
    return r;
}

/* Removed, but its remover died before the names went: Y3, Y6. */
int h7_sysv_finish(const struct h7_sysv_family *f, struct h7_sysv_entry *e, int id)
{
    int r = f->lock_names(e);
    if (r < 0)
        return r;
    r = h7_sysv_let_go(f, id);
    f->unlock_names(e);
    return r;
}

int h7_sysv_attach(const struct h7_sysv_family *f, struct h7_sysv_entry *e, int id,
                   const struct h7_sysv_ways *ways)
{
    struct attaching a = {.f = f, .e = e, .ways = ways, .id = id};
    int r = open_either(&a);
    if (r < 0 && a.stub.key && f->lingers)
        r = open_either(&a); /* they changed names in between, which happens once */
    if (r < 0)
        return r == -ENOENT ? -EINVAL : r;
    if (h7_sysv_is_removed(f, e)) {
        h7_sysv_finish(f, e, id);
        r = f->lingers ? 0 : -EIDRM;
    }
    if (r == 0 && h7_load32_relaxed(&e->sh->id) != (uint32_t)id)
        r = -EBADMSG;
    if (r < 0)
        f->detach(e);
    return r;
}

/* --- removing ----------------------------------------------------------------------- */

static int unlink_key(const struct h7_sysv_family *f, key_t key)
{
    char name[H7_SYSV_NAME];
    h7_sysv_key_name(name, key);
    int r = h7_name_unlink(f->key_kind, name);
    return r == -ENOENT ? 0 : r;
}

static int unlink_id(const struct h7_sysv_family *f, int id)
{
    char name[H7_SYSV_NAME];
    h7_sysv_id_name(name, id);
    int r = h7_name_unlink(f->id_kind, name);
    return r == -ENOENT ? 0 : r;
}

/* For now: what leads there has to stay. */
static int is_unknown(int r)
{
    return r == -EMFILE || r == -ENFILE || r == -ENOMEM || r == -EACCES || r == -EINTR;
}

/* Whoever it belongs to: where IPC_SET with a new owner was cut short (Y5), that is another one
 * than the directory's, who alone can have put it there. Good enough to free the key. */
static int read_anybodys_id(int obj, void *arg)
{
    char text[TEXT + 1] = "/";
    struct statx st;
    int fd = h7_sys_openat(obj, H7_SYSV_PART_ID, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    int r = fd < 0 ? fd : h7_sys_statx(fd, "", &st);
    h7_sys_close(fd);
    if (r == 0 && !S_ISREG(st.stx_mode))
        r = -EBADMSG;
    fd = r < 0 ? r : h7_sys_openat(obj, H7_SYSV_PART_ID,
                                   O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    ssize_t n = h7_sys_pread(fd, text + 1, TEXT - 1, 0);
    h7_sys_close(fd);
    if (n < 0)
        return (int)n;
    text[n + 1] = 0;
    *(int *)arg = h7_sysv_id_of(text);
    return 0;
}

/* Does the key (0: none) lead to the id? 1, 0, or negative errno: not known. */
static int leads_to(const struct h7_sysv_family *f, key_t key, int id)
{
    char name[H7_SYSV_NAME];
    int other = 0, r = key ? h7_sysv_key_id(f, key, &other) : -ENOENT;
    if (r == -EBADMSG) {
        h7_sysv_key_name(name, key);
        r = h7_name_attach(f->key_kind, name, read_anybodys_id, &other);
    }
    return is_unknown(r) ? r : r == 0 && other == id;
}

int h7_sysv_unlink(const struct h7_sysv_family *f, int id)
{
    struct h7_sysv_stub stub;
    int r = h7_sysv_read_stub(f, id, &stub);
    int is_stub = r == 1;
    if (is_unknown(r))
        return r;
    r = leads_to(f, stub.key, id);
    if (r == 1) {
        if (is_stub)
            mark_stub(f, id);
        r = unlink_key(f, stub.key);
    }
    return r < 0 ? r : unlink_id(f, id); /* Y4 */
}

static int has_name(const struct h7_sysv_family *f, int id)
{
    char name[H7_SYSV_NAME];
    h7_sysv_id_name(name, id);
    int obj = h7_name_open(f->id_kind, name);
    h7_sys_close(obj);
    return obj != -ENOENT;
}

/* With the object's lock of names the key is still its own, and not that of the next. */
static int drop_under_lock(const struct h7_sysv_family *f, struct h7_sysv_entry *e, key_t key,
                           int id)
{
    int r = f->lock_names(e);
    if (r < 0)
        return r;
    r = has_name(f, id) ? -EBADMSG : leads_to(f, key, id);
    if (r == 1)
        r = unlink_key(f, key);
    f->unlock_names(e);
    return r;
}

int h7_sysv_drop_key(const struct h7_sysv_family *f, key_t key, int id)
{
    char name[H7_SYSV_NAME];
    struct attaching a = {.f = f, .id = id};
    size_t size = (f->entry_size + H7_CACHE_LINE - 1) / H7_CACHE_LINE * H7_CACHE_LINE;
    if (has_name(f, id))
        return -EBADMSG;
    a.e = aligned_alloc(H7_CACHE_LINE, size);
    if (!a.e)
        return -ENOMEM;
    memset(a.e, 0, size);
    h7_sysv_key_name(name, key);
    int r = h7_name_attach(f->key_kind, name, open_key, &a);
    if (r == 0) {
        r = drop_under_lock(f, a.e, key, id);
        f->detach(a.e);
    }
    free(a.e);
    return r;
}

/* The id's name becomes the object's, the key's name the stub's, which goes. */
static int free_key(const struct h7_sysv_family *f, int id)
{
    char id_name[H7_SYSV_NAME], key_name[H7_SYSV_NAME];
    struct h7_sysv_stub stub;
    int is_stub = h7_sysv_read_stub(f, id, &stub);
    if (is_stub < 0)
        return is_stub;
    int r = leads_to(f, stub.key, id);
    if (r <= 0)
        return r;
    h7_sysv_id_name(id_name, id);
    h7_sysv_key_name(key_name, stub.key);
    if (is_stub)
        r = h7_name_exchange(f->id_kind, id_name, f->key_kind, key_name);
    return r < 0 ? r : unlink_key(f, stub.key); /* Y6 */
}

int h7_sysv_let_go(const struct h7_sysv_family *f, int id)
{
    return f->lingers ? free_key(f, id) : h7_sysv_unlink(f, id);
}

/* First the maker, or the mark: a dead one can't publish the key any more, so that what is seen
 * then stays so. If it is still a stub then, it wasn't just freed from its key. */
void h7_sysv_clean(const struct h7_sysv_family *f, int id)
{
    struct h7_sysv_stub stub;
    int other = 0;
    if (h7_sysv_read_stub(f, id, &stub) != 1)
        return;
    if (!stub.gone && (stub.pidns != h7_self_pidns() || h7_life_alive(&stub.maker)))
        return;
    int r = h7_sysv_key_id(f, stub.key, &other);
    if ((r < 0 && r != -ENOENT) || other == id)
        return;
    if (f->lingers && h7_sysv_read_stub(f, id, &stub) != 1)
        return;
    unlink_id(f, id);
}
