/* SPDX-License-Identifier: MIT */
/*
 * examples/mailbox.c - jobs for a worker that may be killed
 *
 * The first worker is killed while it does a job; the second is given that one again, and then the
 * other. Built as a test, and shown in hepta_mailbox(3).
 */
#include <hepta/signal.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "/example-worker"
#define JOB 40  /* queued, with bytes */
#define QUIT 64 /* the highest number comes last */

static int fail(const char *what, int err)
{
    fprintf(stderr, "%s: %s\n", what, hepta_strerror(err));
    return EXIT_FAILURE;
}

static int work(int stays)
{
    struct hepta_mailbox *box;
    struct hepta_signal_info info;
    int r = hepta_mailbox_open(NAME, HEPTA_MAILBOX_RECEIVE | HEPTA_MAILBOX_ACK, 0, NULL, &box);
    if (r < 0)
        return fail("receive", r);
    while ((r = hepta_mailbox_wait(box, &info, hepta_in_ms(10000))) == JOB) {
        printf("%.*s, from %d\n", (int)info.len, (const char *)info.payload, (int)info.pid);
        fflush(stdout);
        if (stays)
            pause(); /* until it is killed: the job isn't done */
    }
    hepta_mailbox_close(box);
    return r == QUIT ? EXIT_SUCCESS : fail("wait", r);
}

static pid_t start(int stays)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(work(stays));
    return pid;
}

int main(void)
{
    struct hepta_mailbox *box;
    struct hepta_mailbox_stat st = {0};
    int status = 0;
    int r = hepta_mailbox_open(NAME, HEPTA_MAILBOX_CREATE, 0600, NULL, &box);
    if (r < 0)
        return fail("create", r);
    hepta_mailbox_send(box, JOB, "dig", 3, 0);
    hepta_mailbox_send(box, JOB, "fill in", 7, 0);
    pid_t first = start(1);
    while (st.received == 0 && hepta_mailbox_stat(box, &st) == 0)
        usleep(1000);
    kill(first, SIGKILL);
    waitpid(first, NULL, 0);
    hepta_mailbox_send(box, QUIT, NULL, 0, 0);
    waitpid(start(0), &status, 0);
    hepta_mailbox_close(box);
    hepta_mailbox_unlink(NAME);
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
