/* SPDX-License-Identifier: MIT */
/* tests/tool/zoo_many.c - ten thousand objects of six kinds; see zoo.c */
#define _GNU_SOURCE
#include "zoo.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define N_SEMS 4000
#define N_FIFOS 1000
#define N_QUEUES 1000
#define N_FILES 2000
#define N_PIPES 1000
#define N_PAIRS 500 /* two sockets each */

static void make_named(char *name, size_t room)
{
    hepta_sem_t *s;
    struct hepta_mq *q;
    const struct hepta_fifo_options small = {.size = sizeof small, .capacity = 4096};
    const struct hepta_mq_options o = {.size = sizeof o, .msgs_max = 1, .msg_max = 8};
    for (int i = 0; i < N_SEMS; i++) {
        snprintf(name, room, "/%d", i);
        zoo_must(hepta_sem_open(name, HEPTA_SEM_CREATE, 0600, 1, &s), name);
        if (i % 2)
            hepta_sem_close(s);
    }
    for (int i = 0; i < N_FIFOS; i++) {
        snprintf(name, room, "/%d", i);
        zoo_must(hepta_fifo_make(name, 0600, &small), name);
    }
    for (int i = 0; i < N_QUEUES; i++) {
        snprintf(name, room, "/%d", i);
        zoo_must(hepta_mq_open(&q, name, HEPTA_MQ_READ | HEPTA_MQ_CREATE, 0600, &o), name);
        hepta_mq_close(q);
    }
}

void zoo_many(void)
{
    char name[60];
    int fds[2];
    struct rlimit files;
    zoo_must(getrlimit(RLIMIT_NOFILE, &files), "limit");
    files.rlim_cur = files.rlim_max;
    zoo_must(setrlimit(RLIMIT_NOFILE, &files), "limit");
    make_named(name, sizeof name);
    for (int i = 0; i < N_FILES; i++) {
        snprintf(name, sizeof name, "/dev/shm/zoo-%u-%d", zoo_mark, i);
        close(zoo_must(open(name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600), name));
    }
    for (int i = 0; i < N_PIPES; i++)
        zoo_must(pipe2(fds, O_CLOEXEC), "pipe");
    for (int i = 0; i < N_PAIRS; i++)
        zoo_must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), "socketpair");
}
