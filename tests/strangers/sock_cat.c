/* SPDX-License-Identifier: MIT */
/*
 * sock_cat.c - standard input into a Hepta socket, and what comes out of it to standard output
 *
 *   sock-cat listen|connect ADDRESS [-t TYPE] [-c CHUNK] [-n BYTES] [-w WINDOW] [-r]
 *
 * The peer is a program that knows nothing of Hepta. A child sends, this process receives;
 * they share the handle. A stream ends by itself in each direction; messages don't, so there
 * it ends after -n received bytes. -w: at most so many bytes are under way to a peer that
 * sends them back, which is flow control for datagrams. -r: records.
 *
 * Exit status: 0 all went well, 1 with a line on standard error.
 */
#define _GNU_SOURCE
#include "../lib/t.h"

#include <errno.h>
#include <hepta/sock.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_S 60
#define LOOK_MS 100
#define MAX_CHUNK (1 << 20)

static struct {
    const char *address;
    bool listen, messages;
    size_t chunk;
    uint64_t n_bytes, window;
    struct hepta_sock_options opt;
} job = {.chunk = 8192, .n_bytes = UINT64_MAX, .window = UINT64_MAX};

static _Atomic uint64_t *received;
static char buf[MAX_CHUNK];

static _Noreturn void fail(const char *what, long err)
{
    t_die("sock-cat: %s: %s", what, strerror((int)-err));
}

static uint32_t type_of(const char *name)
{
    static const char *const names[] = {"", "stream", "seqpacket", "dgram", "raw"};

    for (uint32_t i = 1; i < T_COUNT(names); i++)
        if (!strcmp(name, names[i]))
            return i;
    t_die("sock-cat: no type %s", name);
}

static void parse(int argc, char **argv)
{
    int c;

    job.opt.size = sizeof(job.opt);
    while ((c = getopt(argc, argv, "t:c:n:w:r")) != -1)
        switch (c) {
        case 't': job.opt.type = type_of(optarg); break;
        case 'c': job.chunk = strtoull(optarg, NULL, 10); break;
        case 'n': job.n_bytes = strtoull(optarg, NULL, 10); break;
        case 'w': job.window = strtoull(optarg, NULL, 10); break;
        case 'r': job.opt.flags |= HEPTA_SOCK_RECORDS; break;
        default: t_die("sock-cat: wrong option");
        }
    if (argc - optind != 2 || job.chunk == 0 || job.chunk > MAX_CHUNK)
        t_die("usage: sock-cat listen|connect ADDRESS [-t TYPE] [-c CHUNK] [-n BYTES] [-w WINDOW]");
    job.listen = !strcmp(argv[optind], "listen");
    job.address = argv[optind + 1];
}

static struct hepta_sock *open_socket(void)
{
    struct hepta_sock_stat st;
    struct hepta_sock *s, *l;
    int err = job.listen ? hepta_sock_listen(&l, job.address, &job.opt)
                         : hepta_sock_connect(&s, job.address, &job.opt, hepta_in_ms(10000));

    if (err < 0)
        fail(job.address, err);
    if (job.listen)
        s = l;
    hepta_sock_stat(s, &st, sizeof(st));
    job.messages = st.type != HEPTA_SOCK_STREAM;
    if (!st.listening)
        return s;
    err = hepta_sock_accept(l, &s, HEPTA_FOREVER);
    if (err < 0)
        fail("accept", err);
    hepta_sock_close(l);
    return s;
}

/* A whole chunk, unless the input ends: how it comes in must not decide how it goes out. */
static size_t read_chunk(void)
{
    size_t done = 0;
    ssize_t n;

    while (done < job.chunk && (n = read(0, buf + done, job.chunk - done)) > 0)
        done += (size_t)n;
    return done;
}

static void send_all(struct hepta_sock *s)
{
    uint64_t sent = 0;
    size_t len;

    while ((len = read_chunk()) > 0) {
        while (sent > atomic_load(received) && sent - atomic_load(received) + len > job.window)
            t_sleep_ns(100000);
        for (size_t done = 0; done < len;) {
            ssize_t n = hepta_sock_send(s, buf + done, len - done, HEPTA_FOREVER);
            if (n < 0)
                fail("send", n);
            done += (size_t)n;
        }
        sent += len;
    }
    int err = job.messages ? 0 : hepta_sock_shutdown(s, HEPTA_SOCK_WR);
    if (err < 0 && err != -ENOTCONN)
        fail("shutdown", err);
}

static void write_all(size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = write(1, buf + done, len - done);
        if (n < 0)
            fail("write", -errno);
        done += (size_t)n;
    }
}

/* The kernel tells an error once: when the sender got it, there is none for who receives. */
static void look_at_sender(pid_t sender)
{
    siginfo_t info = {0};

    if (waitid(P_PID, (id_t)sender, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        info.si_pid == sender && info.si_status != 0)
        _exit(1);
}

static void receive_all(struct hepta_sock *s, pid_t sender)
{
    while (atomic_load(received) < job.n_bytes) {
        ssize_t n = hepta_sock_recv(s, buf, sizeof(buf), hepta_in_ms(LOOK_MS));
        if (n == -ETIMEDOUT) {
            look_at_sender(sender);
            continue;
        }
        if (n < 0)
            fail("recv", n);
        if (n == 0)
            break;
        write_all((size_t)n);
        atomic_fetch_add(received, (uint64_t)n);
    }
}

int main(int argc, char **argv)
{
    t_limit(LIMIT_S);
    signal(SIGPIPE, SIG_IGN);
    parse(argc, argv);
    received = t_shared(sizeof(*received));
    struct hepta_sock *s = open_socket();
    pid_t sender = t_fork();
    if (sender == 0) {
        send_all(s);
        _exit(0);
    }
    if (job.n_bytes > 0)
        receive_all(s, sender);
    int status = 0;
    waitpid(sender, &status, 0);
    hepta_sock_close(s);
    return status != 0;
}
