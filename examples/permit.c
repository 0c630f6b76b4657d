/* SPDX-License-Identifier: MIT */
/*
 * examples/permit.c - at most two at a time, and a place that a killed process had comes back
 *
 * Two workers take the only two places. One is killed with its place; a third worker, which waits
 * for one, goes on. Built as a test, and shown in hepta_permit(3).
 */
#include <hepta/sem.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "/example-press"

static int fail(const char *what, int err)
{
    fprintf(stderr, "%s: %s\n", what, hepta_strerror(err));
    return EXIT_FAILURE;
}

static int work(int stays)
{
    struct hepta_permit *press;
    int r = hepta_permit_open(NAME, 0, 0, 0, NULL, &press);
    if (r == 0)
        r = hepta_permit_take(press, hepta_in_ms(10000));
    if (r < 0)
        return fail("take", r);
    if (stays)
        pause(); /* until it is killed */
    hepta_permit_give(press);
    return hepta_permit_close(press) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static pid_t start(int stays)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(work(stays));
    return pid;
}

static void wait_for_holders(struct hepta_permit *press, uint32_t n)
{
    struct hepta_permit_stat st = {0};
    while (hepta_permit_stat(press, &st) == 0 && st.holders != n)
        usleep(1000);
    printf("%u of %u places are free\n", st.free, st.places);
}

int main(void)
{
    struct hepta_permit *press;
    int status = 0;
    int r = hepta_permit_open(NAME, HEPTA_SEM_CREATE, 0600, 2, NULL, &press);
    if (r < 0)
        return fail("create", r);
    pid_t first = start(1), second = start(1);
    wait_for_holders(press, 2);
    pid_t third = start(0);
    kill(first, SIGKILL); /* its place is free again: for the third */
    waitpid(first, NULL, 0);
    waitpid(third, &status, 0);
    kill(second, SIGKILL);
    waitpid(second, NULL, 0);
    wait_for_holders(press, 0);
    hepta_permit_close(press);
    hepta_permit_unlink(NAME);
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
