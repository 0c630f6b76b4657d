/* SPDX-License-Identifier: MIT */
/* bench/shared.c - see shared.h */
#define _GNU_SOURCE
#include "bench/shared.h"

#include <sys/mman.h>

void *shared_new(size_t len)
{
    void *at =
        mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    return at == MAP_FAILED ? NULL : at;
}

void shared_free(void *at, size_t len)
{
    if (at)
        munmap(at, len);
}
