/* SPDX-License-Identifier: MIT */
/* base/handle.c - see base/handle.h */
#define _GNU_SOURCE
#include "base/handle.h"

#include <stdlib.h>
#include <string.h>

#include "base/mutex.h"
#include "base/self.h"

/* One free list per size in cache lines; a room's handles have one size. */
#define N_CLASSES 24

static struct h7_mutex free_lock;
static struct h7_handle *free_list[N_CLASSES];

static size_t n_lines(size_t len)
{
    return (len + H7_CACHE_LINE - 1) / H7_CACHE_LINE;
}

void *h7_handle_new(size_t len)
{
    size_t n = n_lines(len);
    if (n >= N_CLASSES || !h7_self()) /* h7_self: the lock needs a generation */
        return NULL;
    h7_mutex_enter(&free_lock);
    struct h7_handle *h = free_list[n];
    if (h)
        free_list[n] = h->next_free;
    h7_mutex_unlock(&free_lock);
    if (!h)
        h = aligned_alloc(H7_CACHE_LINE, n * H7_CACHE_LINE);
    return h ? memset(h, 0, n * H7_CACHE_LINE) : NULL;
}

void h7_handle_free(void *handle, size_t len)
{
    struct h7_handle *h = handle;
    if (!h7_self())
        return; /* no generation to lock with: lost, not reused */
    h7_mutex_enter(&free_lock);
    h->next_free = free_list[n_lines(len)];
    free_list[n_lines(len)] = h;
    h7_mutex_unlock(&free_lock);
}
