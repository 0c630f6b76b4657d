/* SPDX-License-Identifier: MIT */
/*
 * examples/fifo.c - two programs that know nothing of each other but a name
 *
 *   example_fifo serve   make the FIFO, print what comes until all writers have gone
 *   example_fifo send    write one line into it
 *   example_fifo         run both, as two strangers
 *
 * Built as a test, and shown in hepta_fifo(3).
 */
#include <errno.h>
#include <hepta/fifo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "/example-jobs"

static int fail(const char *what, int err)
{
    fprintf(stderr, "%s: %s\n", what, hepta_strerror(err));
    return EXIT_FAILURE;
}

static int serve(void)
{
    struct hepta_fifo *fifo;
    char buf[256];
    ssize_t n;
    int r = hepta_fifo_make(NAME, 0600, NULL);
    if (r < 0 && r != -EEXIST)
        return fail("make", r);

    r = hepta_fifo_open(&fifo, NAME, HEPTA_FIFO_READ, NULL, hepta_in_ms(10000));
    if (r < 0) { /* -ETIMEDOUT: no writer came */
        hepta_fifo_unlink(NAME);
        return fail("open to read", r);
    }
    do {
        n = hepta_fifo_read(fifo, buf, sizeof(buf), hepta_in_ms(10000));
        if (n > 0)
            printf("got: %.*s", (int)n, buf);
    } while (n > 0);
    hepta_fifo_close(fifo);
    hepta_fifo_unlink(NAME);
    return n == 0 ? EXIT_SUCCESS : fail("read", (int)n); /* 0: the last writer has gone */
}

static int send_line(void)
{
    struct hepta_fifo *fifo;
    char line[64];
    int r;
    do /* the server may not have made it yet */
        r = hepta_fifo_open(&fifo, NAME, HEPTA_FIFO_WRITE, NULL, hepta_in_ms(10000));
    while (r == -ENOENT && usleep(1000) == 0);
    if (r < 0)
        return fail("open to write", r);

    int len = snprintf(line, sizeof(line), "a job from process %d\n", (int)getpid());
    ssize_t n = hepta_fifo_write(fifo, line, (size_t)len, hepta_in_ms(10000));
    hepta_fifo_close(fifo);
    return n == len ? EXIT_SUCCESS : fail("write", (int)n); /* -EPIPE: no reader is left */
}

static pid_t start(const char *self, const char *what)
{
    pid_t pid = fork();
    if (pid == 0) {
        alarm(20);
        execl(self, self, what, (char *)NULL);
        _exit(127);
    }
    return pid;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return strcmp(argv[1], "serve") == 0 ? serve() : send_line();

    pid_t pid[2] = {start(argv[0], "serve"), start(argv[0], "send")};
    int result = EXIT_SUCCESS;
    for (int i = 0; i < 2; i++) {
        int status = EXIT_FAILURE;
        if (pid[i] < 0 || waitpid(pid[i], &status, 0) < 0 || status != 0)
            result = EXIT_FAILURE;
    }
    return result;
}
