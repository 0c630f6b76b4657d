/* SPDX-License-Identifier: MIT */
/*
 * sock_kernel_fault.c - every system call and allocation of the verbs of hepta/sock.h fails in
 * turn, over the kernel's own sockets and with records
 *
 * What must hold after each failure: a documented errno, a NULL handle, nothing leaked (no
 * socket file either), and a connection that still works.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "inject.h"

#include <errno.h>
#include <fcntl.h>
#include <hepta/sock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct hepta_sock *l, *a, *b;
static struct hepta_sock_stat st;
static char dir[64], file[80], path[96], buf[1 << 16];
static int passed = -1;

static const char *where; /* what run_listen() and run_connect() take */
static struct hepta_sock_options opt;

static void plain(const char *address)
{
    where = address;
    opt = (struct hepta_sock_options){.size = sizeof(opt)};
}

static void with_tcp(void)
{
    plain("tcp:127.0.0.1:0");
    opt.flags = HEPTA_SOCK_NODELAY | HEPTA_SOCK_REUSEADDR;
    opt.capacity = 65536;
}

static void with_every_host(void)
{
    plain("tcp::0");
}

static void with_name(void)
{
    plain("udp:localhost:0");
}

static void with_packet(void)
{
    plain("raw:packet@lo");
}

static void with_raw(void)
{
    plain("raw:253@127.0.0.1");
    opt.flags = HEPTA_SOCK_HDRINCL;
}

static void with_file(void)
{
    plain(path);
    opt.mode = 0666;
}

static void with_stale_file(void)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(un.sun_path, file);
    if (fd < 0 || bind(fd, (struct sockaddr *)&un, sizeof(un)) < 0)
        t_die("bind");
    close(fd);
    with_file();
}

static void with_relative_file(void)
{
    if (chdir(dir) < 0)
        t_die("chdir");
    plain("kernel.unix:s");
}

static void have_listener(void)
{
    if (hepta_sock_listen(&l, where, &opt) < 0 || hepta_sock_stat(l, &st, sizeof(st)) < 0)
        t_die("hepta_sock_listen");
    where = st.local;
}

static void have_tcp_listener(void)
{
    with_tcp();
    have_listener();
}

static void have_file_listener(void)
{
    with_file();
    have_listener();
}

static void have_full_backlog(void)
{
    with_file();
    opt.backlog = 1;
    have_listener();
    while (hepta_sock_connect(&a, path, NULL, HEPTA_NOW) == 0)
        a = hepta_sock_close(a);
}

static void have_connecting(void)
{
    have_listener();
    if (hepta_sock_connect(&a, where, &opt, HEPTA_FOREVER) < 0)
        t_die("hepta_sock_connect");
}

static void have_waiting_tcp(void)
{
    with_tcp();
    have_connecting();
}

static void have_waiting_file(void)
{
    with_file();
    have_connecting();
}

static void have_connection(void)
{
    have_connecting();
    if (hepta_sock_accept(l, &b, HEPTA_FOREVER) < 0)
        t_die("hepta_sock_accept");
}

static void have_file_pair(void)
{
    with_file();
    have_connection();
}

static void have_tcp_pair(void)
{
    with_tcp();
    have_connection();
}

static void have_records(void)
{
    with_file();
    opt.flags = HEPTA_SOCK_RECORDS;
    have_connection();
}

static void have_data(void)
{
    have_file_pair();
    if (hepta_sock_send(a, "x", 1, HEPTA_NOW) != 1)
        t_die("hepta_sock_send");
}

static void have_record(void)
{
    have_records();
    if (hepta_sock_send(a, buf, 40000, HEPTA_NOW) != 40000)
        t_die("hepta_sock_send");
}

static void fill(void)
{
    while (hepta_sock_send(a, buf, sizeof(buf), HEPTA_NOW) > 0)
        ;
}

static void have_full(void)
{
    have_file_pair();
    fill();
}

static void have_full_records(void)
{
    have_records();
    fill();
}

static void have_sent_fd(void)
{
    struct iovec v = {buf, 1};
    int fd = 2;
    struct hepta_sock_msg m = {.size = sizeof(m), .iov = &v, .n_iov = 1, .fds = &fd, .n_fds = 1};

    have_file_pair();
    if (hepta_sock_sendmsg(a, &m, HEPTA_NOW) != 1)
        t_die("hepta_sock_sendmsg");
}

static void undo(void)
{
    if (passed >= 0)
        close(passed);
    passed = -1;
    a = hepta_sock_close(a);
    b = hepta_sock_close(b);
    l = hepta_sock_close(l);
    if (unlink(file) == 0 && !strstr(inject_where(), "unlink") && !strstr(inject_where(), "lstat"))
        t_die("a socket file was left");
}

static long run_listen(void)
{
    l = (struct hepta_sock *)buf; /* must be NULL afterwards */
    return hepta_sock_listen(&l, where, &opt);
}

static bool check_listen(long result)
{
    if (result < 0 && strcmp(where, path) == 0)
        unlink(file); /* the stale one may be there still */
    return result < 0 ? l == NULL : hepta_sock_stat(l, &st, sizeof(st)) == 0;
}

static long run_connect(void)
{
    a = (struct hepta_sock *)buf;
    return hepta_sock_connect(&a, where, &opt, hepta_in_ms(20));
}

static bool check_connect(long result)
{
    return result < 0 ? a == NULL : hepta_sock_stat(a, &st, sizeof(st)) == 0;
}

static long run_accept(void)
{
    b = (struct hepta_sock *)buf;
    return hepta_sock_accept(l, &b, hepta_in_ms(1000));
}

static bool works(void)
{
    ssize_t n;

    while (hepta_sock_recv(b, buf, sizeof(buf), HEPTA_NOW) > 0)
        ;
    if (hepta_sock_send(a, "ok!", 3, hepta_in_ms(1000)) != 3)
        return false;
    do /* the rest of a record comes before it */
        n = hepta_sock_recv(b, buf, sizeof(buf), hepta_in_ms(1000));
    while (n > 3);
    return n == 3 && memcmp(buf, "ok!", 3) == 0;
}

static bool check_accept(long result)
{
    if (result < 0 && (b || hepta_sock_accept(l, &b, HEPTA_NOW) < 0))
        return b == NULL && strstr(inject_where(), "accept4") == NULL; /* it was taken, and lost */
    return works();
}

static bool still_works(long result)
{
    (void)result;
    return works();
}

static long run_send(void)
{
    return hepta_sock_send(a, "x", 1, HEPTA_FOREVER);
}

static long run_send_wait(void)
{
    return hepta_sock_send(a, buf, 1, hepta_in_ms(5));
}

static long run_send_much(void)
{
    return hepta_sock_send(a, buf, sizeof(buf), HEPTA_NOW);
}

/* Short of memory a record that was begun ends the stream: the other side must see it. */
static bool check_send_record(long result)
{
    if (result != -ENOMEM)
        return works();
    while ((result = hepta_sock_recv(b, buf, sizeof(buf), HEPTA_NOW)) > 0)
        ;
    return result == -EPROTO || works();
}

static long run_recv(void)
{
    return hepta_sock_recv(b, buf, sizeof(buf), HEPTA_FOREVER);
}

static long run_recv_wait(void)
{
    return hepta_sock_recv(b, buf, 1, hepta_in_ms(5));
}

static bool check_recv_record(long result)
{
    if (result < 0) /* nothing is lost */
        result = hepta_sock_recv(b, buf, sizeof(buf), HEPTA_NOW);
    return result == 40000 && works();
}

static long run_send_fd(void)
{
    struct iovec v = {buf, 1};
    int fd = 2;
    struct hepta_sock_msg m = {.size = sizeof(m), .iov = &v, .n_iov = 1, .fds = &fd, .n_fds = 1};

    return hepta_sock_sendmsg(a, &m, hepta_in_ms(5));
}

static long run_recv_fd(void)
{
    struct iovec v = {buf, 1};
    struct hepta_sock_msg m = {
        .size = sizeof(m), .iov = &v, .n_iov = 1, .fds = &passed, .max_fds = 1};
    long r = hepta_sock_recvmsg(b, &m, hepta_in_ms(5));

    if (r < 0)
        passed = -1;
    return r;
}

static long run_sendmsg_to(void)
{
    struct iovec v = {buf, 1};
    struct hepta_sock_msg m = {.size = sizeof(m), .iov = &v, .n_iov = 1};

    strcpy(m.address, "udp:localhost:9");
    return hepta_sock_sendmsg(l, &m, hepta_in_ms(5));
}

static void have_udp(void)
{
    plain("udp:127.0.0.1:0");
    have_listener();
}

static long run_pollfd(void)
{
    struct pollfd p;

    return hepta_sock_pollfd(b, POLLIN, &p);
}

static long run_stat(void)
{
    return hepta_sock_stat(a, &st, sizeof(st));
}

static long run_shutdown(void)
{
    return hepta_sock_shutdown(a, HEPTA_SOCK_WR);
}

static long run_close(void)
{
    a = hepta_sock_close(a);
    b = hepta_sock_close(b);
    l = hepta_sock_close(l);
    return 0;
}

#define LISTEN_ERRORS                                                                              \
    {EADDRINUSE, EADDRNOTAVAIL, EACCES, EPERM, ENOENT, ENODEV, ENOMEM, EMFILE, ENFILE, ENOBUFS}
#define CONNECT_ERRORS                                                                             \
    {EADDRINUSE, EACCES, ENOENT, ENODEV, ENOMEM, EMFILE, ENFILE, ENOBUFS, ECONNREFUSED, EAGAIN,    \
     ETIMEDOUT, EINTR}
#define ACCEPT_ERRORS {EAGAIN, ETIMEDOUT, EINTR, EMFILE, ENFILE, ENOMEM}
#define IO_ERRORS {EAGAIN, ETIMEDOUT, EINTR, ENOMEM, ENOBUFS, ETOOMANYREFS}

static const struct inject_op ops[] = {
    {"listen tcp", LISTEN_ERRORS, with_tcp, run_listen, check_listen, undo, 0},
    {"listen tcp on every host", LISTEN_ERRORS, with_every_host, run_listen, check_listen, undo,
     0},
    {"bind udp by name", LISTEN_ERRORS, with_name, run_listen, check_listen, undo, 0},
    {"bind raw", LISTEN_ERRORS, with_raw, run_listen, check_listen, undo, 0},
    {"bind packet", LISTEN_ERRORS, with_packet, run_listen, check_listen, undo, 0},
    {"listen unix", LISTEN_ERRORS, with_file, run_listen, check_listen, undo, 0},
    {"listen unix, stale file", LISTEN_ERRORS, with_stale_file, run_listen, check_listen, undo, 0},
    {"listen unix, relative", LISTEN_ERRORS, with_relative_file, run_listen, check_listen, undo,
     0},
    {"connect tcp", CONNECT_ERRORS, have_tcp_listener, run_connect, check_connect, undo, 0},
    {"connect unix", CONNECT_ERRORS, have_file_listener, run_connect, check_connect, undo, 0},
    {"connect to a full backlog", CONNECT_ERRORS, have_full_backlog, run_connect, check_connect,
     undo, 0},
    {"accept tcp", ACCEPT_ERRORS, have_waiting_tcp, run_accept, check_accept, undo, 0},
    {"accept unix", ACCEPT_ERRORS, have_waiting_file, run_accept, check_accept, undo, 0},
    {"send", IO_ERRORS, have_tcp_pair, run_send, still_works, undo, 0},
    {"send that finds no room", IO_ERRORS, have_full, run_send_wait, still_works, undo, 0},
    {"recv", IO_ERRORS, have_data, run_recv, still_works, undo, 0},
    {"recv that finds nothing", IO_ERRORS, have_file_pair, run_recv_wait, still_works, undo, 0},
    {"send a descriptor", IO_ERRORS, have_file_pair, run_send_fd, still_works, undo, 0},
    {"receive a descriptor", IO_ERRORS, have_sent_fd, run_recv_fd, still_works, undo, 0},
    {"send to a name", {EAGAIN, ETIMEDOUT, EINTR, ENOMEM, ENOBUFS, ENOENT, EMFILE, EAFNOSUPPORT,
     ETOOMANYREFS}, have_udp, run_sendmsg_to, NULL, undo, 0},
    {"send a record", IO_ERRORS, have_records, run_send, still_works, undo, 0},
    {"send records until one is cut", IO_ERRORS, have_records, run_send_much, check_send_record,
     undo, 0},
    {"send behind the rest of one", IO_ERRORS, have_full_records, run_send_wait, still_works, undo,
     0},
    {"receive a record", IO_ERRORS, have_record, run_recv, check_recv_record, undo, 0},
    {"descriptor to wait for records", {EMFILE, ENFILE, ENOMEM}, have_records, run_pollfd,
     still_works, undo, 0},
    {"stat", {0}, have_tcp_pair, run_stat, still_works, undo, 0},
    {"shutdown", {ENOTCONN}, have_tcp_pair, run_shutdown, NULL, undo, 0},
    {"close", {0}, have_file_pair, run_close, NULL, undo, 0},
    {"close with the rest of a record", {0}, have_full_records, run_close, NULL, undo, 0},
};

int main(void)
{
    int n_bad;

    t_limit(300);
    snprintf(dir, sizeof(dir), "/dev/shm/hepta-fault.XXXXXX");
    if (!mkdtemp(dir))
        t_die("mkdtemp");
    snprintf(file, sizeof(file), "%s/s", dir);
    snprintf(path, sizeof(path), "kernel.unix:%s", file);
    with_tcp(); /* what the library and the resolver make once per process is made now */
    have_connection();
    undo();
    with_name();
    have_listener();
    undo();
    n_bad = inject_all(ops, T_COUNT(ops));
    unlink(file);
    rmdir(dir);
    return n_bad != 0;
}
