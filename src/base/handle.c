/* SPDX-License-Identifier: MIT */
/* base/handle.c - see base/handle.h */
#define _GNU_SOURCE
#include "base/handle.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/self.h"

/* One free list per size in cache lines; a room's handles have one size. */
#define N_CLASSES 16

/* 0, or the fork generation of the holder: a copy that fork() took while another thread
 * held it carries an older generation than the child's and is nobody's. */
static struct h7_a64 free_lock;
static struct h7_handle *free_list[N_CLASSES];

static void lock_list(void)
{
    uint64_t found = 0, gen = h7_fork_gen();
    while (!h7_cas64_acquire(&free_lock, &found, gen)) {
        if (found != 0 && found == gen) {
            sched_yield();
            found = 0;
        }
    }
}

static void unlock_list(void)
{
    h7_store64_release(&free_lock, 0); /* with the acquire in lock_list: the list */
}

static size_t n_lines(size_t len)
{
    return (len + H7_CACHE_LINE - 1) / H7_CACHE_LINE;
}

void *h7_handle_new(size_t len)
{
    size_t n = n_lines(len);
    if (n >= N_CLASSES || !h7_self()) /* h7_self: lock_list needs a generation */
        return NULL;
    lock_list();
    struct h7_handle *h = free_list[n];
    if (h)
        free_list[n] = h->next_free;
    unlock_list();
    if (!h)
        h = aligned_alloc(H7_CACHE_LINE, n * H7_CACHE_LINE);
    return h ? memset(h, 0, n * H7_CACHE_LINE) : NULL;
}

void h7_handle_free(void *handle, size_t len)
{
    struct h7_handle *h = handle;
    if (!h7_self())
        return; /* no generation to lock with: lost, not reused */
    lock_list();
    h->next_free = free_list[n_lines(len)];
    free_list[n_lines(len)] = h;
    unlock_list();
}
