/* SPDX-License-Identifier: MIT */
/*
 * scratch.c - see scratch.h
 */
#define _GNU_SOURCE
#include "scratch.h"

#include "../lib/t.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char scratch_dir[64];

void scratch_begin(void)
{
    strcpy(scratch_dir, "/dev/shm" SCRATCH_MARK "XXXXXX");
    if (!mkdtemp(scratch_dir) || setenv("HEPTA_DIR", scratch_dir, 1) < 0)
        t_die("can't make %s", scratch_dir);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    return at->level == 0 ? 0 : remove(path);
}

void scratch_empty(void)
{
    nftw(scratch_dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void scratch_end(void)
{
    scratch_empty();
    rmdir(scratch_dir);
}

bool scratch_is_empty(void)
{
    DIR *d = opendir(scratch_dir);
    int n = 0;

    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n == 2;
}
