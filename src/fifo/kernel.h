/* SPDX-License-Identifier: MIT */
/*
 * fifo/kernel.h - the kernel's own FIFO behind the handle of hepta/fifo.h
 *
 * For peers that know nothing of Hepta. There is nothing but a descriptor, non-blocking from
 * the end of the open to the close: a verb tries, then waits with poll(2). kernel_open.c: make,
 * open, unlink; kernel.c: the verbs.
 */
#ifndef H7_FIFO_KERNEL_H
#define H7_FIFO_KERNEL_H

#include <string.h>

#include "fifo/fifo_internal.h"

#define H7_KERNEL_FIFO     "kernel.fifo:"
#define H7_KERNEL_FIFO_MAX (1UL << 31) /* of any pipe's capacity; root may */

/* The path of such a name; NULL: it is a name of Hepta's, or none. */
static inline const char *h7_kernel_fifo_path(const char *name)
{
    const size_t len = sizeof H7_KERNEL_FIFO - 1;
    return name && strncmp(name, H7_KERNEL_FIFO, len) == 0 ? name + len : NULL;
}

/* The verbs of hepta/fifo.h; mode, access and options have been checked by themselves. */
int h7_kernel_fifo_make(const char *path, mode_t mode, const struct hepta_fifo_options *opt);
int h7_kernel_fifo_open(struct hepta_fifo *f, const char *path,
                        const struct hepta_fifo_options *opt, int64_t deadline);
int h7_kernel_fifo_unlink(const char *path);
ssize_t h7_kernel_fifo_write(struct hepta_fifo *f, const void *buf, size_t len, int64_t deadline);
ssize_t h7_kernel_fifo_read(struct hepta_fifo *f, void *buf, size_t len, int64_t deadline);
int h7_kernel_fifo_stat(struct hepta_fifo *f, struct hepta_pipe_stat *st, size_t st_size);

/* Does fd, a FIFO's read end, have a writer now? 1, 0, or negative errno. Needs two spare
 * descriptors, takes nothing out. What lies in there counts as a writer. */
int h7_kernel_fifo_has_writer(int fd);

#endif
