/* SPDX-License-Identifier: MIT */
/*
 * examples/mq.c - jobs that survive the worker that had them
 *
 * Two workers take jobs with a lease. One is killed in the middle of its job; the other one gets
 * the same job again. Built as a test, and shown in hepta_mq(3).
 */
#include <hepta/mq.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "/example-work"

static int fail(const char *what, int err)
{
    fprintf(stderr, "%s: %s\n", what, hepta_strerror(err));
    return EXIT_FAILURE;
}

static int work(int dies)
{
    struct hepta_mq *mq;
    struct hepta_mq_info info;
    char job[64];
    int r = hepta_mq_open(&mq, NAME, HEPTA_MQ_READ, 0, NULL);
    if (r < 0)
        return fail("open", r);
    for (;;) {
        ssize_t n = hepta_mq_lease(mq, job, sizeof(job), &info, hepta_in_ms(10000));
        if (n < 0)
            return fail("lease", (int)n);
        if (dies)
            raise(SIGKILL); /* what it had is in the queue again, in its place */
        printf("did %.*s, given out for the %u. time\n", (int)n, job, info.deliveries);
        hepta_mq_ack(mq, info.lease);
        if (n == 4 && memcmp(job, "stop", 4) == 0)
            break;
    }
    hepta_mq_close(mq);
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
    const struct hepta_mq_options opt = {.size = sizeof(opt), .msgs_max = 100, .msg_max = 64};
    struct hepta_mq *mq;
    int r = hepta_mq_open(&mq, NAME, HEPTA_MQ_WRITE | HEPTA_MQ_CREATE, 0600, &opt);
    if (r < 0)
        return fail("create", r);
    hepta_mq_send(mq, "stop", 4, 0, HEPTA_FOREVER);
    hepta_mq_send(mq, "the laundry", 11, 5, HEPTA_FOREVER); /* more urgent: comes first */
    int killed = start(1), done = start(0);
    hepta_mq_close(mq);
    hepta_mq_unlink(NAME);
    return WIFSIGNALED(killed) && WIFEXITED(done) ? WEXITSTATUS(done) : EXIT_FAILURE;
}
