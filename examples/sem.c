/* SPDX-License-Identifier: MIT */
/*
 * examples/sem.c - at most two at a time, and a stage that waits for all
 *
 * Six workers share a named semaphore with two places; each says on an unnamed one, in memory
 * that fork() shares, when it is done. Built as a test, and shown in hepta_sem(3).
 */
#include <hepta/sem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "/example-places"
#define WORKERS 6

static int fail(const char *what, int err)
{
    fprintf(stderr, "%s: %s\n", what, hepta_strerror(err));
    return EXIT_FAILURE;
}

static int work(hepta_sem_t *done)
{
    hepta_sem_t *places;
    int r = hepta_sem_open(NAME, 0, 0, 0, &places);
    if (r < 0)
        return fail("open", r);
    r = hepta_sem_wait(places, hepta_in_ms(10000));
    if (r < 0)
        return fail("wait", r);
    usleep(2000); /* what only two may do at a time */
    hepta_sem_post(places);
    hepta_sem_post(done);
    hepta_sem_close(places);
    return EXIT_SUCCESS;
}

int main(void)
{
    hepta_sem_t *places, *done = mmap(NULL, sizeof(*done), PROT_READ | PROT_WRITE,
                                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (done == MAP_FAILED)
        return EXIT_FAILURE;
    hepta_sem_init(done, 0);
    int status, bad = 0;
    int r = hepta_sem_open(NAME, HEPTA_SEM_CREATE, 0600, 2, &places);
    if (r < 0)
        return fail("create", r);
    for (int i = 0; i < WORKERS; i++)
        if (fork() == 0)
            _exit(work(done));
    for (int i = 0; i < WORKERS && r == 0; i++)
        r = hepta_sem_wait(done, hepta_in_ms(10000));
    printf("all done: %d, places free: %d\n", r == 0, hepta_sem_value(places));
    while (wait(&status) > 0)
        bad |= status;
    hepta_sem_close(places);
    hepta_sem_unlink(NAME);
    return r < 0 ? fail("wait", r) : bad != 0;
}
