/* SPDX-License-Identifier: MIT */
/* cli/doctor_limits.c - limits of the system that are nearly reached, and what raises them */
#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cli/doctor.h"

#define MQ_OVERHEAD 128 /* bytes that the kernel counts for a message beside its text, at most */

/* The numbers in a file of /proc/sys; how many. */
static int numbers(const char *path, long long *to, int n)
{
    FILE *f = fopen(path, "re");
    int i = 0;
    while (f && i < n && fscanf(f, "%lld", &to[i]) == 1)
        i++;
    if (f)
        fclose(f);
    return i;
}

/* Some limits are as large as a number can be. */
static long long twice(long long n)
{
    return n > LLONG_MAX / 2 ? n : n * 2;
}

static void judge(struct findings *f, const char *about, long long n, long long max, char *mend)
{
    if (!NEARLY(n, max)) {
        free(mend);
        return;
    }
    doctor_add(f, "limit", strdup(about), doctor_text("%lld of %lld are used", n, max), mend);
}

static void simple(struct findings *f, const char *about, const char *key, long long n)
{
    char path[128];
    long long max;
    snprintf(path, sizeof path, "/proc/sys/%s", key);
    for (char *p = path; *p; p++)
        *p = *p == '.' ? '/' : *p;
    if (numbers(path, &max, 1) == 1)
        judge(f, about, n, max, doctor_text("sysctl -w %s=%lld", key, twice(max)));
}

/* --- System V --------------------------------------------------------------------------- */

static void sysv(struct findings *f, const struct scan *s)
{
    long long n_msg = 0, n_set = 0, n_sem = 0, n_shm = 0, pages = 0, sem[4];
    const long page = sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < s->n; i++) {
        const struct object *o = s->all[i];
        if (!o->kernel || o->id == UNKNOWN)
            continue;
        n_msg += !strcmp(o->kind, "msg");
        n_set += !strcmp(o->kind, "semset");
        n_sem += !strcmp(o->kind, "semset") ? o->size : 0;
        n_shm += !strcmp(o->kind, "shm");
        pages += !strcmp(o->kind, "shm") ? (o->size + page - 1) / page : 0;
    }
    simple(f, "the kernel's System V queues (msgmni)", "kernel.msgmni", n_msg);
    simple(f, "the kernel's System V segments (shmmni)", "kernel.shmmni", n_shm);
    simple(f, "pages of the kernel's System V segments (shmall)", "kernel.shmall", pages);
    if (numbers("/proc/sys/kernel/sem", sem, 4) != 4)
        return;
    judge(f, "the kernel's System V sets (semmni)", n_set, sem[3],
          doctor_text("sysctl -w kernel.sem='%lld %lld %lld %lld'", sem[0], sem[1], sem[2],
                      twice(sem[3])));
    judge(f, "semaphores in the kernel's System V sets (semmns)", n_sem, sem[1],
          doctor_text("sysctl -w kernel.sem='%lld %lld %lld %lld'", sem[0], twice(sem[1]), sem[2],
                      sem[3]));
}

/* --- POSIX ------------------------------------------------------------------------------ */

/* This user's queues, by what the kernel counts: as large as they can become. */
static void mq(struct findings *f, const struct scan *s)
{
    long long n = 0, bytes = 0, msg_max = 8192;
    struct rlimit max;
    numbers("/proc/sys/fs/mqueue/msgsize_default", &msg_max, 1);
    for (size_t i = 0; i < s->n; i++) {
        const struct object *o = s->all[i];
        if (!o->kernel || strcmp(o->kind, "mq"))
            continue;
        n++;
        if (o->uid == (int64_t)geteuid() && o->size > 0)
            bytes += o->size * ((o->msg_max > 0 ? o->msg_max : msg_max) + MQ_OVERHEAD);
    }
    simple(f, "the kernel's POSIX queues (queues_max)", "fs.mqueue.queues_max", n);
    if (getrlimit(RLIMIT_MSGQUEUE, &max) == 0 && max.rlim_cur != RLIM_INFINITY)
        judge(f, "bytes of this user's POSIX queues of the kernel's (RLIMIT_MSGQUEUE)", bytes,
              (long long)max.rlim_cur,
              doctor_text("prlimit --pid $$ --msgqueue=%lld", twice((long long)max.rlim_cur)));
}

static void file_system(struct findings *f, const char *path)
{
    struct statvfs fs;
    if (statvfs(path, &fs) < 0)
        return;
    char *about = doctor_text("space in %s", path);
    long long total = (long long)(fs.f_blocks * fs.f_frsize >> 10);
    judge(f, about ? about : path, total - (long long)(fs.f_bavail * fs.f_frsize >> 10), total,
          doctor_text("mount -o remount,size=%lldk %s", twice(total), path));
    free(about);
    about = doctor_text("files in %s", path);
    judge(f, about ? about : path, (long long)(fs.f_files - fs.f_favail), (long long)fs.f_files,
          doctor_text("mount -o remount,nr_inodes=%llu %s", (unsigned long long)fs.f_files * 2,
                      path));
    free(about);
}

/* --- descriptors, pipes ----------------------------------------------------------------- */

static void pipes(struct findings *f, const struct scan *s)
{
    long long pages = 0, max;
    const long page = sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < s->n; i++) {
        const struct object *o = s->all[i];
        if (o->kernel && o->size > 0 && o->uid == (int64_t)geteuid() &&
            (!strcmp(o->kind, "pipe") || !strcmp(o->kind, "fifo")))
            pages += o->size / page;
    }
    if (geteuid() != 0 && numbers("/proc/sys/fs/pipe-user-pages-soft", &max, 1) == 1)
        judge(f, "pages of this user's pipes (pipe-user-pages-soft)", pages, max,
              doctor_text("sysctl -w fs.pipe-user-pages-soft=%lld", twice(max)));
}

static void crowds(struct findings *f, const struct scan *s)
{
    for (size_t i = 0; i < s->n_crowds; i++) {
        const struct crowd *c = &s->crowds[i];
        bool fds = !strcmp(c->what, "descriptors");
        doctor_add(f, "limit", doctor_text("%s of process %d", c->what, (int)c->pid),
                   doctor_text("%lld of %lld are used", (long long)c->n, (long long)c->max),
                   doctor_text("prlimit --pid %d --%s=%lld", (int)c->pid,
                               fds ? "nofile" : "sigpending", twice((long long)c->max)));
    }
}

void doctor_limits(const struct scan *s, struct findings *f)
{
    long long files[3];
    sysv(f, s);
    mq(f, s);
    file_system(f, "/dev/shm");
    if (s->names[0] && strncmp(s->names, "/dev/shm/", 9))
        file_system(f, s->names);
    if (numbers("/proc/sys/fs/file-nr", files, 3) == 3)
        judge(f, "open files of the system (file-max)", files[0], files[2],
              doctor_text("sysctl -w fs.file-max=%lld", twice(files[2])));
    pipes(f, s);
    crowds(f, s);
}
