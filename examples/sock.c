/* SPDX-License-Identifier: MIT */
/*
 * examples/sock.c - a server that counts the bytes of files, which clients send it open
 *
 *   example_sock serve ADDRESS       answer one client
 *   example_sock ask ADDRESS FILE    send it FILE, print the answer
 *   example_sock                     run both, as two strangers
 *
 * Built as a test, and shown in hepta_sock(3).
 */
#include <errno.h>
#include <fcntl.h>
#include <hepta/sock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int fail(const char *what, int err)
{
    fprintf(stderr, "%s: %s\n", what, hepta_strerror(err));
    return EXIT_FAILURE;
}

/* One question: a word, and with it the file. The answer is a line. */
static int answer(struct hepta_sock *client)
{
    char word[16], line[80];
    int fd = -1;
    struct stat st;
    struct iovec iov = {word, sizeof(word)};
    struct hepta_sock_msg msg = {
        .size = sizeof(msg), .iov = &iov, .n_iov = 1, .fds = &fd, .max_fds = 1};

    ssize_t n = hepta_sock_recvmsg(client, &msg, hepta_in_ms(10000));
    if (n < 0)
        return fail("receive", (int)n);
    if (msg.n_fds != 1 || fstat(fd, &st) != 0)
        return fail("receive", -EINVAL); /* also where the client has gone: n is 0 then */
    close(fd);

    int len = snprintf(line, sizeof(line), "%lld bytes, process %d of user %u\n",
                       (long long)st.st_size, (int)msg.pid, (unsigned)msg.uid);
    n = hepta_sock_send(client, line, (size_t)len, hepta_in_ms(10000));
    return n == len ? EXIT_SUCCESS : fail("send", (int)n);
}

static int serve(const char *address)
{
    struct hepta_sock *listener, *client;
    int status = EXIT_FAILURE, r = hepta_sock_listen(&listener, address, NULL);
    if (r < 0)
        return fail(address, r); /* -EADDRINUSE: somebody listens there */

    r = hepta_sock_accept(listener, &client, hepta_in_ms(10000));
    if (r == 0)
        status = answer(client);
    else
        fail("accept", r);
    hepta_sock_close(client);
    hepta_sock_close(listener);
    return status;
}

static int ask(const char *address, const char *file)
{
    struct hepta_sock *server;
    char line[80];
    struct iovec iov = {"count", 5};
    int r, fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(file, errno);
    do /* the server may not listen yet */
        r = hepta_sock_connect(&server, address, NULL, hepta_in_ms(10000));
    while (r == -ECONNREFUSED && usleep(1000) == 0);

    struct hepta_sock_msg msg = {
        .size = sizeof(msg), .iov = &iov, .n_iov = 1, .fds = &fd, .n_fds = 1};
    ssize_t n = r < 0 ? r : hepta_sock_sendmsg(server, &msg, hepta_in_ms(10000));
    while (n > 0) { /* until the server closes */
        n = hepta_sock_recv(server, line, sizeof(line), hepta_in_ms(10000));
        printf("%.*s", n > 0 ? (int)n : 0, line);
    }
    hepta_sock_close(server); /* NULL if connect failed, which is no harm */
    close(fd);
    return n == 0 ? EXIT_SUCCESS : fail("ask", (int)n);
}

static pid_t start(char *argv[])
{
    pid_t pid = fork();
    if (pid == 0) {
        alarm(20);
        execv(argv[0], argv);
        _exit(127);
    }
    return pid;
}

int main(int argc, char *argv[])
{
    char address[40]; /* an abstract name: no file, nothing to clean up */
    if (argc > 2)
        return argc > 3 ? ask(argv[2], argv[3]) : serve(argv[2]);

    snprintf(address, sizeof(address), "unix:@hepta-example-%d", (int)getpid());
    pid_t pid[2] = {start((char *[]){argv[0], "serve", address, NULL}),
                    start((char *[]){argv[0], "ask", address, argv[0], NULL})};
    int result = EXIT_SUCCESS;
    for (int i = 0; i < 2; i++) {
        int status = EXIT_FAILURE;
        if (pid[i] < 0 || waitpid(pid[i], &status, 0) < 0 || status != 0)
            result = EXIT_FAILURE;
    }
    return result;
}
