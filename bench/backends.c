/* SPDX-License-Identifier: MIT */
/* bench/backends.c - the list of all rivals; a new mechanism is a line here */
#include "bench/backends.h"

#include <string.h>

static const struct bench_backend *const pipe_backends[] = {
    &bench_pipe_hepta,         &bench_pipe_spsc,   &bench_pipe_hepta_zerocopy,
    &bench_pipe_spsc_zerocopy, &bench_pipe_kernel, &bench_pipe_vmsplice,
    &bench_limit_line,         &bench_limit_ring,  NULL,
};

static const struct {
    const char *name;
    const struct bench_backend *const *backends;
} mechanisms[] = {
    {"pipe", pipe_backends},
};

const struct bench_backend *const *bench_backends(const char *mechanism)
{
    for (size_t i = 0; i < sizeof(mechanisms) / sizeof(*mechanisms); i++)
        if (!strcmp(mechanisms[i].name, mechanism))
            return mechanisms[i].backends;
    return NULL;
}

bool bench_fits(const struct bench_backend *backend, const struct bench_case *c)
{
    return !backend->fits || backend->fits(c);
}

const struct bench_backend *bench_backend(const char *mechanism, const char *name,
                                          const struct bench_case *c)
{
    const struct bench_backend *const *b = bench_backends(mechanism);

    for (; b && *b; b++)
        if (!strcmp((*b)->name, name) && bench_fits(*b, c))
            return *b;
    return NULL;
}
