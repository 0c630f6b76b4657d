/* SPDX-License-Identifier: MIT */
/* name_dir.c - see name_dir.h */
#define _GNU_SOURCE
#include "name_dir.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char room_dir[64];

void name_dir_make(void)
{
    snprintf(room_dir, sizeof(room_dir), "/dev/shm/hepta-conformance.%d", (int)getpid());
    if (mkdir(room_dir, 0700) < 0 || chmod(room_dir, 01777) < 0) {
        fprintf(stderr, "conformance: %s: %s\n", room_dir, strerror(errno));
        exit(2);
    }
    setenv("HEPTA_DIR", room_dir, 1);
}

static int n_removed;

static int remove_below(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type;
    if (at->level == 0)
        return 0;
    n_removed += at->level == 1;
    return remove(path);
}

int name_dir_tidy(void)
{
    n_removed = 0;
    nftw(room_dir, remove_below, 16, FTW_DEPTH | FTW_PHYS);
    return n_removed;
}

void name_dir_remove(void)
{
    name_dir_tidy();
    rmdir(room_dir);
}
