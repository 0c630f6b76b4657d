/* SPDX-License-Identifier: MIT */
/*
 * examples/semset.c - two forks, taken together or not at all; who is killed with them loses them
 *
 * A child takes both with one array of operations and SEM_UNDO, and is killed. The parent, which
 * waits for both, then gets them. Built as a test, and shown in hepta_semset(3).
 */
#include <hepta/semset.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sembuf take[2] = {{0, -1, SEM_UNDO}, {1, -1, SEM_UNDO}};
static struct sembuf give[2] = {{0, 1, SEM_UNDO}, {1, 1, SEM_UNDO}};

static int fail(const char *what, int err)
{
    fprintf(stderr, "%s: %s\n", what, hepta_strerror(err));
    return EXIT_FAILURE;
}

static int eat(int id)
{
    int r = hepta_semset_op(id, take, 2, hepta_in_ms(10000));
    if (r < 0)
        return fail("take", r);
    printf("eating, forks left: %d and %d\n",
           hepta_semset_ctl(id, 0, GETVAL, (union hepta_semun){0}),
           hepta_semset_ctl(id, 1, GETVAL, (union hepta_semun){0}));
    r = hepta_semset_op(id, give, 2, HEPTA_NOW);
    return r < 0 ? fail("give", r) : EXIT_SUCCESS;
}

int main(void)
{
    unsigned short ones[2] = {1, 1};
    int id = hepta_semset_get(IPC_PRIVATE, 2, 0600, NULL);
    if (id < 0)
        return fail("get", id);
    int r = hepta_semset_ctl(id, 0, SETALL, (union hepta_semun){.array = ones});
    if (r < 0)
        return fail("set", r);
    pid_t pid = fork();
    if (pid == 0) {
        if (hepta_semset_op(id, take, 2, HEPTA_NOW) == 0)
            pause(); /* until it is killed */
        _exit(EXIT_FAILURE);
    }
    while (hepta_semset_ctl(id, 1, GETVAL, (union hepta_semun){0}) == 1)
        usleep(1000);
    kill(pid, SIGKILL);
    int status = eat(id); /* nobody gave them: they came back */
    waitpid(pid, NULL, 0);
    hepta_semset_ctl(id, 0, IPC_RMID, (union hepta_semun){0});
    return status;
}
