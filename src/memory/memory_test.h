/* SPDX-License-Identifier: MIT */
/* memory/memory_test.h - what the tests of segments share */
#ifndef H7_MEMORY_MEMORY_TEST_H
#define H7_MEMORY_MEMORY_TEST_H

#include "name/name_test.h"

#include <hepta/shm.h>

#include "base/sys.h"
#include "memory/memory_internal.h"

#define MAKE (HEPTA_SHM_WRITE | HEPTA_SHM_CREATE | HEPTA_SHM_EXCL)
#define PAGE ((size_t)4096)

static inline struct hepta_shm_options shm_opt(uint64_t len, uint64_t len_max)
{
    return (struct hepta_shm_options){
        .size = sizeof(struct hepta_shm_options), .len = len, .len_max = len_max};
}

static inline int shm_make(const char *name, uint32_t flags, uint64_t len, struct hepta_shm **shm)
{
    struct hepta_shm_options opt = shm_opt(len, 0);
    return hepta_shm_open(name, flags, 0600, &opt, shm);
}

/* Attach, find `want` in the first byte, detach. 0 or negative errno. */
static inline int shm_look(const char *name, char want)
{
    struct hepta_shm *shm;
    int r = hepta_shm_open(name, 0, 0, NULL, &shm);
    if (r < 0)
        return r;
    r = *(char *)hepta_shm_data(shm) == want ? 0 : -EIO;
    hepta_shm_close(shm);
    return r;
}

#endif
