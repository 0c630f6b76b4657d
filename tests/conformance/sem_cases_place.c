/* SPDX-License-Identifier: MIT */
/*
 * sem_cases_place.c - memory that a semaphore can lie in, and who shares it: threads, children,
 * strangers, at any address
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#include "sem_room.h"

#define N_THREADS 4
#define N_ROUNDS 3000

struct threads {
    struct conf *c;
    union semaphore *s;
    long counted; /* under the semaphore */
};

static void *count_up(void *arg)
{
    struct threads *t = arg;
    for (int i = 0; i < N_ROUNDS; i++) {
        EQ(t->c, sops(t->c)->wait(t->s, EVER), 0);
        t->counted++;
        EQ(t->c, sops(t->c)->post(t->s), 0);
    }
    return NULL;
}

/* In a variable of the process's own; not shared with others. */
static void threads(struct conf *c)
{
    static union semaphore s;
    struct threads t = {c, &s, 0};
    pthread_t thread[N_THREADS];

    EQ(c, sops(c)->init(&s, 0, 1), 0);
    for (int i = 0; i < N_THREADS; i++)
        EQ(c, pthread_create(&thread[i], NULL, count_up, &t), 0);
    for (int i = 0; i < N_THREADS; i++)
        EQ(c, pthread_join(thread[i], NULL), 0);
    EQ(c, t.counted, N_THREADS * N_ROUNDS);
    EQ(c, sops(c)->value(&s), 1);
    EQ(c, sops(c)->destroy(&s), 0);
}

static void *wait_once(void *arg)
{
    struct threads *t = arg;
    conf_set(t->c, 0, (long)gettid());
    EQ(t->c, sops(t->c)->wait(t->s, EVER), 0);
    return NULL;
}

static void thread_sleeps(struct conf *c)
{
    union semaphore *s = malloc(sizeof(*s));
    struct threads t = {c, s, 0};
    pthread_t thread;

    EQ(c, sops(c)->init(s, 0, 0), 0);
    EQ(c, pthread_create(&thread, NULL, wait_once, &t), 0);
    conf_await(c, 0, 1);
    conf_asleep(c, (pid_t)conf_get(c, 0));
    EQ(c, sops(c)->post(s), 0);
    EQ(c, pthread_join(thread, NULL), 0);
    EQ(c, sops(c)->destroy(s), 0);
    free(s);
}

/* A child asleep at @there, woken from @here, another address of the same memory, and back. */
static void talk(struct conf *c, union semaphore *here, union semaphore *there)
{
    EQ(c, sops(c)->init(here, 1, 0), 0);
    pid_t pid = sem_waiter(c, there, 0, EVER);
    EQ(c, sops(c)->post(here), 0);
    conf_join(c, pid);
    EQ(c, conf_get(c, RESULT), 0);
    EQ(c, sops(c)->value(there), 0);
    EQ(c, sops(c)->post(there), 0);
    EQ(c, sops(c)->value(here), 1);
    EQ(c, sops(c)->wait(here, NOW), 0);
    EQ(c, sops(c)->destroy(there), 0);
}

static void two_addresses(struct conf *c)
{
    int fd = memfd_create("conformance-sem", MFD_CLOEXEC);
    void *p[2];
    EQ(c, ftruncate(fd, 4096), 0);
    for (int i = 0; i < 2; i++) {
        p[i] = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        OK(c, p[i] != MAP_FAILED);
    }
    talk(c, (union semaphore *)((char *)p[0] + 64), (union semaphore *)((char *)p[1] + 64));
    talk(c, (union semaphore *)((char *)p[1] + 4096 - sizeof(union semaphore)),
         (union semaphore *)((char *)p[0] + 4096 - sizeof(union semaphore)));
    munmap(p[0], 4096);
    munmap(p[1], 4096);
    close(fd);
}

static void sysv_memory(struct conf *c)
{
    int id = shmget(IPC_PRIVATE, 4096, 0600);
    OK(c, id >= 0);
    char *a = shmat(id, NULL, 0), *b = shmat(id, NULL, 0);
    EQ(c, shmctl(id, IPC_RMID, NULL), 0);
    OK(c, a != (char *)-1 && b != (char *)-1);
    talk(c, (union semaphore *)(void *)a, (union semaphore *)(void *)b);
    EQ(c, shmdt(a), 0);
    EQ(c, shmdt(b), 0);
}

/* Any process that can get at the memory. */
static void stranger(struct conf *c)
{
    char text[16];
    int fd = memfd_create("conformance-sem", 0);
    EQ(c, ftruncate(fd, 4096), 0);
    union semaphore *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    OK(c, s != MAP_FAILED);
    EQ(c, sops(c)->init(&s[0], 1, 0), 0);
    EQ(c, sops(c)->init(&s[1], 1, 0), 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        snprintf(text, sizeof(text), "%d", fd);
        conf_exec(c, (const char *[]){text, NULL});
    }
    EQ(c, sops(c)->wait(&s[0], EVER), 0);
    conf_asleep(c, pid);
    EQ(c, sops(c)->post(&s[1]), 0);
    conf_join(c, pid);
    munmap(s, 4096);
    close(fd);
}

static void after_exec_stranger(struct conf *c, int argc, char **argv)
{
    EQ(c, argc, 1);
    union semaphore *s =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, atoi(argv[0]), 0);
    OK(c, s != MAP_FAILED);
    EQ(c, sops(c)->post(&s[0]), 0);
    EQ(c, sops(c)->wait(&s[1], EVER), 0);
    conf_exit();
}

/* 128 side by side in a page, each on its own. */
static void many(struct conf *c)
{
    enum { N_SEMS = 4096 / sizeof(union semaphore) };
    union semaphore *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                              -1, 0);
    OK(c, s != MAP_FAILED);
    for (uint32_t i = 0; i < N_SEMS; i++)
        EQ(c, sops(c)->init(&s[i], 1, i), 0);
    for (int i = 0; i < (int)N_SEMS; i += 2)
        EQ(c, sops(c)->post(&s[i]), 0);
    for (int i = 0; i < (int)N_SEMS; i++)
        EQ(c, sops(c)->value(&s[i]), i + (i % 2 == 0));
    EQ(c, sops(c)->wait(&s[0], NOW), 0);
    pid_t pid = sem_waiter(c, &s[0], 0, EVER);
    EQ(c, sops(c)->post(&s[1]), 0); /* not his */
    conf_asleep(c, pid);
    EQ(c, sops(c)->post(&s[0]), 0);
    conf_join(c, pid);
    EQ(c, sops(c)->value(&s[1]), 2);
    munmap(s, 4096);
}

const struct conf_case sem_place_cases[] = {
    {"place.threads", threads, 0, NULL, NULL, 0},
    {"place.thread_sleeps", thread_sleeps, 0, NULL, NULL, 0},
    {"place.two_addresses", two_addresses, 0, NULL, NULL, 0},
    {"place.sysv_memory", sysv_memory, 0, NULL, NULL, 0},
    {"place.stranger", stranger, 0, NULL, after_exec_stranger, 0},
    {"place.many", many, 0, NULL, NULL, 0},
    {0},
};
