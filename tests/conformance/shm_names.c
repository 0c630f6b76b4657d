/* SPDX-License-Identifier: MIT */
/* shm_names.c - see shm_names.h */
#define _GNU_SOURCE
#include "shm_names.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char prefix[32];

void shm_names_begin(void)
{
    snprintf(prefix, sizeof(prefix), "conf-%d-", (int)getpid());
    setenv("SHM_NAMES", prefix, 1);
}

void shm_names_next(char *name, size_t n)
{
    static int count;
    snprintf(name, n, "/%s%d-%d", getenv("SHM_NAMES"), (int)getpid(), count++);
}

/* glibc puts "sem." before a semaphore's. */
int shm_names_tidy(void)
{
    DIR *d = opendir("/dev/shm");
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d));) {
        const char *name = strncmp(e->d_name, "sem.", 4) == 0 ? e->d_name + 4 : e->d_name;
        if (strncmp(name, prefix, strlen(prefix)) == 0)
            n += unlinkat(dirfd(d), e->d_name, 0) == 0;
    }
    if (d)
        closedir(d);
    return n;
}
