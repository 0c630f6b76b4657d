/* SPDX-License-Identifier: MIT */
/* base/self.c - see base/self.h */
#define _GNU_SOURCE
#include "base/self.h"

#include <errno.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"

#ifndef PIDFD_GET_PID_NAMESPACE
#define PIDFD_GET_PID_NAMESPACE _IO(0xFF, 5)
#endif

__thread struct h7_self h7_self_cache;

static const struct h7_a64 no_page; /* generation 0 until the first call */
const struct h7_a64 *h7_fork_page = &no_page;

static struct h7_a64 last_gen; /* survives fork, so a child's generation is new */
static struct h7_a64 pidns;    /* of the generation in pidns_gen */
static struct h7_a64 pidns_gen;

/* No lock in here: a fork while another thread held it would leave it held in the child. */
static int make_page(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return -ENOMEM;
    if (madvise(p, 4096, MADV_WIPEONFORK) != 0) {
        munmap(p, 4096);
        return -ENOSYS;
    }
    const struct h7_a64 *none = &no_page;
    /* Release: whoever sees the pointer sees a mapped page. */
    if (!__atomic_compare_exchange_n(&h7_fork_page, &none, (const struct h7_a64 *)p, false,
                                     __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        munmap(p, 4096);
    return 0;
}

static int ensure_generation(uint64_t *gen)
{
    if (__atomic_load_n(&h7_fork_page, __ATOMIC_ACQUIRE) == &no_page) {
        int r = make_page();
        if (r < 0)
            return r;
    }
    struct h7_a64 *page =
        (struct h7_a64 *)(uintptr_t)__atomic_load_n(&h7_fork_page, __ATOMIC_ACQUIRE);
    *gen = 0;
    uint64_t mine = h7_add64_relaxed(&last_gen, 1) + 1;
    if (h7_cas64_relaxed(page, gen, mine)) /* else another thread was faster: *gen is its */
        *gen = mine;
    return 0;
}

int h7_self_fill(void)
{
    struct h7_self *s = &h7_self_cache;
    uint64_t gen;
    int r = ensure_generation(&gen);
    if (r < 0)
        return r;
    void *head;
    r = h7_sys_robust_head(&head);
    if (r < 0 || !head)
        return -ENOSYS;
    s->head = head;
    s->tid = (uint32_t)h7_sys_gettid();
    s->gen = gen;
    return 0;
}

static uint64_t inode_and_close(int fd)
{
    struct stat st;
    int r = fd < 0 ? -1 : fstat(fd, &st);
    h7_sys_close(fd);
    return r == 0 ? st.st_ino : 0;
}

/* From the process's own pidfd (Linux 6.11), else from /proc. */
static uint64_t read_pidns(void)
{
    int pidfd = h7_sys_pidfd_open(getpid());
    uint64_t ino = pidfd < 0 ? 0 : inode_and_close(ioctl(pidfd, PIDFD_GET_PID_NAMESPACE, 0));
    h7_sys_close(pidfd);
    struct stat st;
    if (ino == 0 && stat("/proc/self/ns/pid", &st) == 0)
        ino = st.st_ino;
    return ino;
}

uint64_t h7_self_pidns(void)
{
    uint64_t gen = h7_fork_gen();
    if (gen != 0 && h7_load64_acquire(&pidns_gen) == gen) /* with the release below */
        return h7_load64_relaxed(&pidns);
    uint64_t ino = read_pidns();
    if (ino == 0)
        return 0;
    h7_store64_relaxed(&pidns, ino);
    h7_store64_release(&pidns_gen, gen);
    return ino;
}

int h7_self_verify(void)
{
    struct h7_self *s = h7_self();
    return s && s->tid == (uint32_t)h7_sys_gettid() ? 0 : -ENOSYS;
}
