/* SPDX-License-Identifier: MIT */
/*
 * base/self.h - who am I: thread id, robust list head, fork generation, PID namespace
 *
 * A verb needs its thread's TID and the address of the pending word of its robust list
 * on every lock. Both are cached per thread. What makes the cache stale is fork(): the
 * child's main thread has the parent's thread-local data and another TID. A page with
 * MADV_WIPEONFORK holds the generation, so the kernel itself tells the child; no
 * pthread_atfork handler, which a raw fork would miss.
 *
 * Start at h7_self(): its fast path is two loads and a compare.
 */
#ifndef H7_BASE_SELF_H
#define H7_BASE_SELF_H

#include <stdint.h>

#include "base/atomic.h"

/* What the kernel's robust_list_head looks like (linux/futex.h), without its pointers' types. */
struct h7_robust_head {
    void *list;
    long futex_offset;
    void *pending;
};

struct h7_self {
    uint64_t gen;                /* fork generation this was filled in; 0 = never */
    struct h7_robust_head *head; /* the kernel's, registered by libc */
    uint32_t tid;
};

extern __thread struct h7_self h7_self_cache __attribute__((tls_model("initial-exec")));
/* 0 in a process that has not asked yet, also right after fork. */
extern const struct h7_a64 *h7_fork_page; /* read it through h7_fork_gen() */

/* Fill the cache. 0, -ENOMEM, -ENOSYS (no robust list: raw clone() or vfork child). */
int h7_self_fill(void);

/* The current fork generation, 0 if h7_self_fill() has to run first. */
static inline uint64_t h7_fork_gen(void)
{
    /* Acquire, with the release in make_page(): a page that is mapped. */
    return h7_load64_relaxed(__atomic_load_n(&h7_fork_page, __ATOMIC_ACQUIRE));
}

/* The calling thread, or NULL: call h7_self_fill() for the reason. */
static inline struct h7_self *h7_self(void)
{
    struct h7_self *s = &h7_self_cache;
    /* Relaxed: the page is written by this process only, before gen could match. */
    if (h7_likely(s->gen != 0 && s->gen == h7_fork_gen()))
        return s;
    return h7_self_fill() == 0 ? s : (struct h7_self *)0;
}

/* Inode of the PID namespace of this process, cached per fork generation; 0 if the
 * system doesn't tell (an old kernel without /proc). */
uint64_t h7_self_pidns(void);

/* -ENOSYS where the cached TID isn't the caller's (a vfork child): for slow paths. */
int h7_self_verify(void);

#endif
