/* SPDX-License-Identifier: MIT */
/*
 * examples/msg.c - requests and replies through one System V queue, told apart by type
 *
 * Requests have type 1; a reply has the process id of who asked as its type, so that each client
 * takes its own. Built as a test, and shown in hepta_msg(3).
 */
#include <hepta/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLIENTS 3

struct request {
    pid_t from;
    int number;
};

static int client(int id, int number)
{
    struct request ask = {.from = getpid(), .number = number};
    int square = 0;
    int r = hepta_msg_send(id, 1, &ask, sizeof(ask), 0, hepta_in_ms(10000));
    if (r == 0)
        r = (int)hepta_msg_receive(id, NULL, &square, sizeof(square), getpid(), 0,
                                   hepta_in_ms(10000));
    if (r < 0) {
        fprintf(stderr, "client: %s\n", hepta_strerror(r));
        return EXIT_FAILURE;
    }
    return square == number * number ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int serve(int id)
{
    for (int i = 0; i < CLIENTS; i++) {
        struct request ask;
        ssize_t n = hepta_msg_receive(id, NULL, &ask, sizeof(ask), 1, 0, hepta_in_ms(10000));
        if (n < 0)
            return (int)n;
        int square = ask.number * ask.number;
        int r = hepta_msg_send(id, ask.from, &square, sizeof(square), 0, hepta_in_ms(10000));
        if (r < 0)
            return r;
        printf("the square of %d\n", ask.number);
    }
    return 0;
}

int main(void)
{
    int failed = 0, status;
    int id = hepta_msg_get(IPC_PRIVATE, IPC_CREAT | 0600, NULL);
    if (id < 0) {
        fprintf(stderr, "get: %s\n", hepta_strerror(id));
        return EXIT_FAILURE;
    }
    for (int i = 0; i < CLIENTS; i++)
        if (fork() == 0)
            _exit(client(id, 10 + i));
    failed = serve(id) < 0;
    for (int i = 0; i < CLIENTS; i++)
        failed |= wait(&status) < 0 || status != 0;
    hepta_msg_ctl(id, IPC_RMID, NULL);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
