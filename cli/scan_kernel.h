/* SPDX-License-Identifier: MIT */
/* cli/scan_kernel.h - what the sources of the kernel's objects share; see scan.h */
#ifndef CLI_SCAN_KERNEL_H
#define CLI_SCAN_KERNEL_H

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/scan.h"

#define MQUEUE_MAGIC 0x19800202

/* The number behind @label in @text, or 0. */
static inline int atoi_after(const char *text, const char *label)
{
    const char *p = strstr(text, label);
    return p ? atoi(p + strlen(label)) : 0;
}

/* Through which a process of Hepta's is told (queue/notify.c): it goes with that process. */
bool mq_is_leftover(const struct scan *s, const char *name);
/* A POSIX queue, by its file; and what an open descriptor of it tells. */
struct object *mq_add(struct scan *s, const char *name, const struct stat *st);
void mq_take_open(struct scan *s, struct object *o, int fd);

#endif
