/* SPDX-License-Identifier: MIT */
/*
 * worker.c - one of the processes that make, find, unlink and list; see soak.h
 *
 * An object is a segment, filled with the object's number, and a FIFO, whose inode number
 * stands in the segment: parts of two objects can't pass for one.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "name/name.h"
#include "prim/segment.h"
#include "soak.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DATA_LEN  4096
#define N_WORDS   (DATA_LEN / sizeof(uint64_t))
#define TRIES_MAX 10000

struct control {
    uint64_t id, bell_ino;
    uint32_t name;
};

static const struct h7_segment_spec spec = {
    .kind = H7_KIND_TEST, .control_len = sizeof(struct control), .data_len = DATA_LEN};

static struct soak_shared *sh;
static struct soak_slot *me;

static void say(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

static void bad(const char *what, uint32_t name, int r)
{
    if (me->n_bad++ < 3)
        fprintf(stderr, "process %d, name %u: %s: %s\n", (int)getpid(), name, what,
                strerrorname_np(r < 0 ? -r : r));
}

void soak_name(char name[8], uint32_t i)
{
    snprintf(name, 8, "/n%u", i);
}

static uint64_t inode(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

static bool consistent(const struct h7_segment *seg, int bell, uint32_t name)
{
    const struct control *c = h7_segment_control(seg);
    const uint64_t *words = (const uint64_t *)(const void *)seg->data;
    for (size_t i = 0; i < N_WORDS; i++)
        if (words[i] != c->id)
            return false;
    return c->id != 0 && c->name == name && c->bell_ino == inode(bell) && seg->data_len == DATA_LEN;
}

static int find_parts(int obj, void *arg)
{
    struct h7_segment seg;
    int data = h7_name_part(obj, "data", O_RDWR, S_IFREG);
    if (data < 0)
        return data;
    int bell = h7_name_part(obj, "bell", O_RDONLY, S_IFIFO);
    int r = bell < 0 ? bell : h7_segment_attach(&seg, data, &spec, 0);
    if (r == 0) {
        r = consistent(&seg, bell, *(uint32_t *)arg) ? 0 : -EIO;
        h7_segment_close(&seg);
    } else {
        close(data);
    }
    if (bell >= 0)
        close(bell);
    return r;
}

int soak_attach(uint32_t i)
{
    char name[8];
    soak_name(name, i);
    return h7_name_attach(SOAK_KIND, name, find_parts, &i);
}

static int attach(uint32_t i)
{
    int r = soak_attach(i);
    me->n[ATTACHED] += r == 0;
    me->n[NOT_THERE] += r == -ENOENT;
    if (r != 0 && r != -ENOENT)
        bad("attach", i, r);
    return r;
}

static int build(struct h7_draft *d, uint32_t i)
{
    struct h7_segment seg;
    struct stat st;
    int r = mkfifoat(d->fd, "bell", 0600);
    if (r < 0 || fstatat(d->fd, "bell", &st, 0) < 0)
        return -errno;
    r = h7_segment_new_in(&seg, &spec, d->fd, 0600);
    if (r < 0)
        return r;
    struct control *c = h7_segment_control(&seg);
    *c = (struct control){__atomic_add_fetch(&sh->last_id, 1, __ATOMIC_RELAXED), st.st_ino, i};
    for (size_t k = 0; k < N_WORDS; k++)
        memcpy(seg.data + k * sizeof(c->id), &c->id, sizeof(c->id));
    r = h7_segment_publish(&seg, d->fd, "data");
    h7_segment_close(&seg);
    return r;
}

static int publish(struct h7_draft *d, uint32_t i)
{
    char name[8];
    soak_name(name, i);
    me->name = i;
    me->base = me->made[i];
    say(&me->doing, PUBLISHING);
    int r = h7_draft_publish(d, SOAK_KIND, name, 0755);
    if (r == 0)
        say(&me->made[i], me->base + 1);
    say(&me->doing, IDLE);
    return r;
}

static int make(uint32_t i)
{
    struct h7_draft d;
    int r = h7_draft_begin(&d);
    if (r == 0)
        r = build(&d, i);
    if (r == 0)
        r = publish(&d, i);
    h7_draft_end(&d);
    me->n[MADE] += r == 0;
    me->n[TAKEN] += r == -EEXIST;
    if (r != 0 && r != -EEXIST)
        bad("make", i, r);
    return r;
}

/* What a room does where the object may exist or not. */
static void make_or_attach(uint32_t i)
{
    for (int k = 0; k < TRIES_MAX; k++)
        if (attach(i) != -ENOENT || make(i) != -EEXIST)
            return;
    bad("neither made nor found", i, 0);
}

static void take_away(uint32_t i)
{
    char name[8];
    soak_name(name, i);
    me->name = i;
    me->base = me->unlinked[i];
    say(&me->doing, UNLINKING);
    int r = h7_name_unlink(SOAK_KIND, name);
    if (r == 0)
        say(&me->unlinked[i], me->base + 1);
    say(&me->doing, IDLE);
    me->n[UNLINKED] += r == 0;
    if (r != 0 && r != -ENOENT)
        bad("unlink", i, r);
}

static int list_one(const struct h7_name_seen *seen, void *arg)
{
    unsigned i = SOAK_N_NAMES;
    if (sscanf(seen->name, "/n%u", &i) != 1 || i >= SOAK_N_NAMES || !S_ISDIR(seen->mode))
        bad("a strange entry in the list", i, 0);
    ++*(int *)arg;
    return 0;
}

static void list(void)
{
    int n = 0, r = h7_name_list(SOAK_KIND, list_one, &n);
    me->n[LISTED]++;
    if (r != 0)
        bad("list", 0, r);
}

static void clean(void)
{
    int r = h7_name_clean();
    if (r < 0)
        bad("clean", 0, r);
    else
        me->n[CLEANED] += (uint64_t)r;
}

static void do_one(uint64_t x)
{
    uint32_t i = (uint32_t)(x >> 32) % SOAK_N_NAMES, what = (uint32_t)(x >> 20) % 100;
    if (what < 30)
        make(i);
    else if (what < 45)
        make_or_attach(i);
    else if (what < 65)
        attach(i);
    else if (what < 93)
        take_away(i);
    else if (what < 98)
        list();
    else
        clean();
}

static void park(void)
{
    say(&me->parked, 1);
    while (__atomic_load_n(&sh->hold, __ATOMIC_SEQ_CST) &&
           !__atomic_load_n(&sh->stop, __ATOMIC_SEQ_CST))
        t_sleep_ns(2 * T_MS);
    say(&me->parked, 0);
}

int soak_work(struct soak_shared *shared, struct soak_slot *slot, uint64_t seed)
{
    sh = shared;
    me = slot;
    do_one(0); /* what is made once in a process is made here */
    list();
    struct t_usage before = t_usage();
    while (!__atomic_load_n(&sh->stop, __ATOMIC_SEQ_CST)) {
        if (__atomic_load_n(&sh->hold, __ATOMIC_SEQ_CST))
            park();
        else
            do_one(t_random(&seed));
    }
    return !t_usage_same("process", before, t_usage());
}
