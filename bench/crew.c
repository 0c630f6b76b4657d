/* SPDX-License-Identifier: MIT */
/* bench/crew.c - see crew.h */
#define _GNU_SOURCE
#include "bench/crew.h"

#include "bench/ticks.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

void crew_end(struct crew *crew)
{
    for (int i = 0; i < crew->n; i++) {
        if (crew->pid[i] > 0) {
            kill(crew->pid[i], SIGKILL);
            waitpid(crew->pid[i], NULL, 0);
        }
        close(crew->control[i]);
    }
    if (crew->times)
        munmap(crew->times, sizeof(*crew->times));
}

static int add(struct crew *crew, struct peer *peer)
{
    int sv[2], i = crew->n;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv))
        return -errno;
    crew->control[i] = sv[0];
    crew->pid[i] = fork();
    if (crew->pid[i] == 0) {
        for (int j = 0; j <= i; j++)
            close(crew->control[j]);
        peer->control = sv[1];
        bench_peer_run(peer);
    }
    crew->n++;
    close(sv[1]);
    return crew->pid[i] < 0 ? -errno : 0;
}

int crew_start(struct crew *crew, const struct bench_cell *cell, void *link, const int cpu[2])
{
    void *shared =
        mmap(NULL, sizeof(*crew->times), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int rc = 0;

    if (shared == MAP_FAILED)
        return -errno;
    crew->times = shared;
    crew->test = cell->on.test;
    for (int side = BENCH_FIRST; side <= BENCH_SECOND; side++) {
        for (int rank = 0; rank < bench_shapes[crew->test].n[side] && !rc; rank++) {
            struct peer peer = {.backend = cell->backend,
                                .on = &cell->on,
                                .side = (enum bench_side)side,
                                .rank = rank,
                                .link = link,
                                .cpu = cpu[side],
                                .parent = getpid(),
                                .times = crew->times};
            rc = add(crew, &peer);
        }
    }
    return rc;
}

static int take_reply(int fd, struct peer_reply *reply)
{
    if (recv(fd, reply, sizeof(*reply), 0) != sizeof(*reply))
        return -ECHILD;
    return (int)reply->err;
}

/* Fills in the replies as they come. 0 when all are there and good, or what went wrong
 * first: the others may then wait for a message that will never come. */
static int await(const struct crew *crew, struct peer_reply *reply)
{
    struct pollfd pfd[CREW_MAX];
    int open = crew->n;

    for (int i = 0; i < crew->n; i++)
        pfd[i] = (struct pollfd){crew->control[i], POLLIN, 0};
    while (open > 0) {
        int64_t left = crew->killed_at - bench_now_ns();
        int n = poll(pfd, (nfds_t)crew->n, left > 0 ? (int)(left / 1000000) + 1 : 0);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0 && left <= 0)
            return -ETIMEDOUT;
        for (int i = 0; i < crew->n && n > 0; i++) {
            if (pfd[i].fd < 0 || !pfd[i].revents)
                continue;
            int rc = take_reply(pfd[i].fd, &reply[i]);
            if (rc)
                return rc;
            pfd[i].fd = -1; /* poll() passes over it */
            open--;
        }
    }
    return 0;
}

/* Each of several receivers has seen its messages in order. Together they have seen each one
 * once if of every sender their number and the sum of their numbers are right. */
static bool complete(const struct crew *crew, const struct peer_reply *reply)
{
    const int *side = bench_shapes[crew->test].n;
    uint64_t whole = crew->sent * (crew->sent - 1) / 2;

    if (side[BENCH_SECOND] <= 1)
        return true; /* it counted itself */
    for (int from = 0; from < side[BENCH_FIRST]; from++) {
        uint64_t n = 0, sum = 0;
        for (int i = side[BENCH_FIRST]; i < crew->n; i++) {
            n += reply[i].n[from];
            sum += reply[i].sum[from];
        }
        if (n != crew->sent || sum != whole)
            return false;
    }
    return true;
}

int crew_exchange(struct crew *crew, uint64_t n, struct peer_reply reply[CREW_MAX])
{
    struct peer_command command = {.n = n};

    for (int i = crew->n - 1; i >= 0; i--)
        if (send(crew->control[i], &command, sizeof(command), MSG_NOSIGNAL) < 0)
            return -ECHILD;
    crew->sent += n;
    int rc = await(crew, reply);
    if (rc)
        return rc;
    return complete(crew, reply) ? 0 : -EBADMSG;
}
