/* SPDX-License-Identifier: MIT */
/*
 * examples/pipe.c - a parent sends lines to its child, which ends at end-of-file
 *
 * Built as a test, and shown in hepta_pipe(3).
 */
#include <hepta/pipe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int fail(const char *what, int err)
{
    fprintf(stderr, "%s: %s\n", what, hepta_strerror(err));
    return EXIT_FAILURE;
}

static int child(struct hepta_pipe *reader)
{
    char buf[256];
    ssize_t n;

    do {
        n = hepta_pipe_read(reader, buf, sizeof(buf), hepta_in_ms(5000));
        if (n > 0)
            printf("child got %zd bytes: %.*s", n, (int)n, buf);
    } while (n > 0);
    hepta_pipe_close(reader);
    return n == 0 ? EXIT_SUCCESS : fail("read", (int)n); /* 0: no writer */
}

static int parent(struct hepta_pipe *writer)
{
    const char *line = "copied into the pipe\n";
    ssize_t n = hepta_pipe_write(writer, line, strlen(line), HEPTA_FOREVER);
    if (n < 0)
        return fail("write", (int)n); /* -EPIPE if the child is gone */

    void *room;
    int r = hepta_pipe_reserve(writer, 64, &room, HEPTA_FOREVER);
    if (r == 0) { /* built in place, seen by nobody before the commit */
        int len = snprintf(room, 64, "made in the pipe by %d\n", (int)getpid());
        r = hepta_pipe_commit(writer, (size_t)len);
    }
    return r == 0 ? EXIT_SUCCESS : fail("reserve", r);
}

int main(void)
{
    struct hepta_pipe *reader, *writer;
    struct hepta_pipe_options opt = {.size = sizeof(opt), .capacity = 1 << 20};
    int r = hepta_pipe_new(&reader, &writer, &opt);
    if (r < 0)
        return fail("new", r);

    pid_t pid = fork();
    if (pid == 0) {
        hepta_pipe_close(writer); /* else the child itself would be a writer */
        exit(child(reader));
    }
    hepta_pipe_close(reader);
    int status = pid > 0 ? parent(writer) : EXIT_FAILURE;
    hepta_pipe_close(writer);

    int child_status = EXIT_FAILURE;
    waitpid(pid, &child_status, 0);
    return status == EXIT_SUCCESS ? child_status != 0 : status;
}
