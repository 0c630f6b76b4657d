/* SPDX-License-Identifier: MIT */
/*
 * base/handle.h - memory of handles, so that a closed one can be told from an open one
 *
 * A verb that is given a closed handle must return -EBADF, not read freed memory. So
 * handles are never given back to malloc: a closed one goes to a free list with its kind
 * word cleared, as the kernel reuses descriptor numbers. The memory is bounded by the
 * most handles that were ever open at once.
 */
#ifndef H7_BASE_HANDLE_H
#define H7_BASE_HANDLE_H

#include <stddef.h>

#include "base/atomic.h"

/* First member of every handle. */
struct h7_handle {
    struct h7_a32 kind; /* 0: closed; else the room's H7_KIND_* */
    struct h7_handle *next_free;
};

/* A zeroed handle of len bytes, kind still 0, or NULL. Aligned to a cache line. */
void *h7_handle_new(size_t len);
/* Give a handle back; it must be 0 in kind by now. len as at creation. */
void h7_handle_free(void *handle, size_t len);

#endif
