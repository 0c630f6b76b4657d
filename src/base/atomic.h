/* SPDX-License-Identifier: MIT */
/*
 * base/atomic.h - atomics with the order in the name
 *
 * Every field that two processes share is a struct h7_a16, a32 or a64, so that a plain
 * access doesn't compile. The names say the memory order; nothing here defaults to
 * seq_cst. Lock-free on both supported machines, hence valid across address spaces.
 */
#ifndef H7_BASE_ATOMIC_H
#define H7_BASE_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

#define H7_CACHE_LINE 64
/* Two lines: the adjacent-line prefetcher pulls pairs, so what must not share, sits apart. */
#define H7_APART 128

struct h7_a16 {
    uint16_t raw;
};
struct h7_a32 {
    uint32_t raw;
};
struct h7_a64 {
    uint64_t raw;
};

static inline uint16_t h7_load16_relaxed(const struct h7_a16 *a)
{
    return __atomic_load_n(&a->raw, __ATOMIC_RELAXED);
}
static inline void h7_store16_relaxed(struct h7_a16 *a, uint16_t v)
{
    __atomic_store_n(&a->raw, v, __ATOMIC_RELAXED);
}

static inline uint32_t h7_load32_relaxed(const struct h7_a32 *a)
{
    return __atomic_load_n(&a->raw, __ATOMIC_RELAXED);
}
static inline uint32_t h7_load32_acquire(const struct h7_a32 *a)
{
    return __atomic_load_n(&a->raw, __ATOMIC_ACQUIRE);
}
static inline void h7_store32_relaxed(struct h7_a32 *a, uint32_t v)
{
    __atomic_store_n(&a->raw, v, __ATOMIC_RELAXED);
}
static inline void h7_store32_release(struct h7_a32 *a, uint32_t v)
{
    __atomic_store_n(&a->raw, v, __ATOMIC_RELEASE);
}
static inline uint32_t h7_swap32_release(struct h7_a32 *a, uint32_t v)
{
    return __atomic_exchange_n(&a->raw, v, __ATOMIC_RELEASE);
}
static inline uint32_t h7_add32_release(struct h7_a32 *a, uint32_t v)
{
    return __atomic_fetch_add(&a->raw, v, __ATOMIC_RELEASE);
}
/* On failure *expected holds what was found; the failing load is relaxed. */
static inline bool h7_cas32_acquire(struct h7_a32 *a, uint32_t *expected, uint32_t v)
{
    return __atomic_compare_exchange_n(&a->raw, expected, v, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}
static inline bool h7_cas32_release(struct h7_a32 *a, uint32_t *expected, uint32_t v)
{
    return __atomic_compare_exchange_n(&a->raw, expected, v, false, __ATOMIC_RELEASE,
                                       __ATOMIC_RELAXED);
}
static inline bool h7_cas32_acq_rel(struct h7_a32 *a, uint32_t *expected, uint32_t v)
{
    return __atomic_compare_exchange_n(&a->raw, expected, v, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
}
static inline bool h7_cas32_relaxed(struct h7_a32 *a, uint32_t *expected, uint32_t v)
{
    return __atomic_compare_exchange_n(&a->raw, expected, v, false, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED);
}

static inline uint64_t h7_load64_relaxed(const struct h7_a64 *a)
{
    return __atomic_load_n(&a->raw, __ATOMIC_RELAXED);
}
static inline uint64_t h7_load64_acquire(const struct h7_a64 *a)
{
    return __atomic_load_n(&a->raw, __ATOMIC_ACQUIRE);
}
static inline void h7_store64_relaxed(struct h7_a64 *a, uint64_t v)
{
    __atomic_store_n(&a->raw, v, __ATOMIC_RELAXED);
}
static inline void h7_store64_release(struct h7_a64 *a, uint64_t v)
{
    __atomic_store_n(&a->raw, v, __ATOMIC_RELEASE);
}

static inline uint64_t h7_swap64_release(struct h7_a64 *a, uint64_t v)
{
    return __atomic_exchange_n(&a->raw, v, __ATOMIC_RELEASE);
}
static inline uint64_t h7_or64_relaxed(struct h7_a64 *a, uint64_t v)
{
    return __atomic_fetch_or(&a->raw, v, __ATOMIC_RELAXED);
}
static inline uint64_t h7_add64_relaxed(struct h7_a64 *a, uint64_t v)
{
    return __atomic_fetch_add(&a->raw, v, __ATOMIC_RELAXED);
}
static inline bool h7_cas64_relaxed(struct h7_a64 *a, uint64_t *expected, uint64_t v)
{
    return __atomic_compare_exchange_n(&a->raw, expected, v, false, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED);
}
static inline bool h7_cas64_acquire(struct h7_a64 *a, uint64_t *expected, uint64_t v)
{
    return __atomic_compare_exchange_n(&a->raw, expected, v, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}
static inline bool h7_cas64_release(struct h7_a64 *a, uint64_t *expected, uint64_t v)
{
    return __atomic_compare_exchange_n(&a->raw, expected, v, false, __ATOMIC_RELEASE,
                                       __ATOMIC_RELAXED);
}
static inline bool h7_cas64_acq_rel(struct h7_a64 *a, uint64_t *expected, uint64_t v)
{
    return __atomic_compare_exchange_n(&a->raw, expected, v, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
}

/* Orders everything, stores before later loads too (the one that x86 reorders). */
static inline void h7_fence_full(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
/* Loads before it come before all that follows it; all that precedes it comes before stores after
 * it. For data that are copied without atomics and checked by a word beside them. */
static inline void h7_fence_acquire(void)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
}
static inline void h7_fence_release(void)
{
    __atomic_thread_fence(__ATOMIC_RELEASE);
}
/* The full one, right after an atomic read-modify-write: on x86 that was one already. */
static inline void h7_fence_after_rmw(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}
/* Orders only what the compiler emits: enough against the same thread's signal handlers,
 * the kernel's walk at this thread's death, and membarrier(2) on the other side. */
static inline void h7_fence_compiler(void)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* Tells the core that this is a spin loop. */
static inline void h7_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#endif
}

#define h7_likely(x) __builtin_expect(!!(x), 1)
#define h7_unlikely(x) __builtin_expect(!!(x), 0)

#endif
