/* SPDX-License-Identifier: MIT */
/*
 * examples/shm.c - a table that several processes change, and one number that they watch
 *
 * One worker is killed while it changes the table; the next one is told, mends it and goes on.
 * The segment is gone with the last of them. Built as a test, and shown in hepta_shm(3).
 */
#include <errno.h>
#include <hepta/shm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "/example-table"

struct table {
    hepta_shm_mutex_t mutex; /* zeroed memory is an unlocked one */
    long in, out;            /* equal while nobody is inside */
    char progress[] __attribute__((aligned(64))); /* a struct hepta_shm_cell */
};

static int fail(const char *what, int err)
{
    fprintf(stderr, "%s: %s\n", what, hepta_strerror(err));
    return EXIT_FAILURE;
}

static int work(int dies)
{
    struct hepta_shm *shm;
    int r = hepta_shm_open(NAME, HEPTA_SHM_WRITE, 0, NULL, &shm);
    if (r < 0)
        return fail("open", r);
    struct table *t = hepta_shm_data(shm);
    r = hepta_shm_mutex_lock(&t->mutex, hepta_in_ms(10000));
    if (r == -EOWNERDEAD) {
        printf("the last one died in it: in %ld, out %ld\n", t->in, t->out);
        t->out = t->in;
        hepta_shm_mutex_mended(&t->mutex);
    } else if (r < 0) {
        return fail("lock", r);
    }
    t->in++;
    if (dies)
        raise(SIGKILL);
    t->out++;
    hepta_shm_cell_write((struct hepta_shm_cell *)t->progress, &t->out, sizeof(t->out));
    hepta_shm_mutex_unlock(&t->mutex);
    hepta_shm_close(shm);
    return EXIT_SUCCESS;
}

static int start(int dies)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        int r = work(dies);
        fflush(stdout);
        _exit(r);
    }
    waitpid(pid, &status, 0);
    return status;
}

int main(void)
{
    const struct hepta_shm_options opt = {
        .size = sizeof(opt), .len = sizeof(struct table) + hepta_shm_cell_size(sizeof(long))};
    struct hepta_shm *shm;
    long out = 0;
    uint64_t n = 0;
    int r = hepta_shm_open(NAME, HEPTA_SHM_WRITE | HEPTA_SHM_CREATE | HEPTA_SHM_AUTO, 0600, &opt,
                           &shm);
    if (r < 0)
        return fail("create", r);
    const struct table *t = hepta_shm_data(shm);
    int killed = start(1), done = start(0);
    /* Neither waits for the writer, nor makes it wait. */
    r = hepta_shm_cell_read((const struct hepta_shm_cell *)t->progress, &out, sizeof(out), &n);
    printf("value %llu says %ld\n", (unsigned long long)n, out);
    hepta_shm_close(shm); /* the last: it is gone, name and all */
    return WIFSIGNALED(killed) && done == 0 && r == 0 && out == 2 ? EXIT_SUCCESS : EXIT_FAILURE;
}
