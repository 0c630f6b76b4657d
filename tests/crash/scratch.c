/* SPDX-License-Identifier: MIT */
/*
 * scratch.c - see scratch.h
 */
#define _GNU_SOURCE
#include "scratch.h"

#include "../lib/t.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

char scratch_dir[64];

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

static int alive[2] = {-1, -1}; /* its write end is open in this program and its children */
static pid_t janitor;

/* Also after SIGKILL. */
static _Noreturn void wait_and_remove(void)
{
    char c;

    setsid(); /* what ends the program's group leaves this one */
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    close(alive[1]);
    while (read(alive[0], &c, 1) < 0)
        ;
    scratch_empty();
    rmdir(scratch_dir);
    _exit(0);
}

void scratch_begin(void)
{
    strcpy(scratch_dir, "/dev/shm" SCRATCH_MARK "XXXXXX");
    if (!mkdtemp(scratch_dir) || setenv("HEPTA_DIR", scratch_dir, 1) < 0)
        t_die("can't make %s", scratch_dir);
    if (pipe2(alive, O_CLOEXEC) < 0 || (janitor = fork()) < 0)
        t_die("can't watch over %s", scratch_dir);
    if (janitor == 0)
        wait_and_remove();
    close(alive[0]);
}

void scratch_end(void)
{
    if (janitor == 0)
        return;
    close(alive[1]);
    waitpid(janitor, NULL, 0);
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

const char *scratch_first(void)
{
    static char name[256];
    DIR *d = opendir(scratch_dir);
    struct dirent *e;

    name[0] = 0;
    while (d && (e = readdir(d)))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            snprintf(name, sizeof(name), "%s", e->d_name);
    if (d)
        closedir(d);
    return name;
}
