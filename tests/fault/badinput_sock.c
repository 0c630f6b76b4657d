/* SPDX-License-Identifier: MIT */
/*
 * badinput_sock.c - every verb of the sockets, in memory and the kernel's, with arguments and
 * handles that it must refuse, each with the errno that the header promises
 *
 * Start with the table-like functions test_*; addresses are in badinput_address.c.
 */
#define _GNU_SOURCE
#include "badinput_sock.h"

#include "../lib/t.h"

#include <errno.h>
#include <hepta/pipe.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HERE "unix:@hepta-badinput"

static struct hepta_sock *l, *a, *b; /* listener and the ends of a connection */
static char buf[64];

static int closed(struct hepta_sock *s, int rc)
{
    if (rc < 0)
        EXPECT(s != NULL, 0);
    else
        EXPECT(hepta_sock_close(s) != NULL, 0);
    return rc;
}

int try_listen(const char *address, const struct hepta_sock_options *opt)
{
    struct hepta_sock *s = (struct hepta_sock *)buf;
    int rc = hepta_sock_listen(&s, address, opt);

    return closed(s, rc);
}

int try_connect(const char *address, const struct hepta_sock_options *opt)
{
    struct hepta_sock *s = (struct hepta_sock *)buf;
    int rc = hepta_sock_connect(&s, address, opt, HEPTA_NOW);

    return closed(s, rc);
}

static int try_pair(struct hepta_sock_options opt)
{
    struct hepta_sock *x = (struct hepta_sock *)buf, *y = x;
    int rc = hepta_sock_pair(&x, &y, &opt);

    closed(x, rc);
    return closed(y, rc);
}

static void fresh(const char *address, uint32_t type, uint32_t flags)
{
    struct hepta_sock_options o = {.size = sizeof(o), .type = type, .flags = flags};
    struct hepta_sock_stat st; /* knows the port */

    if (hepta_sock_listen(&l, address, &o) < 0 || hepta_sock_stat(l, &st, sizeof(st)) < 0 ||
        hepta_sock_connect(&a, st.local, &o, hepta_in_ms(1000)) < 0 ||
        hepta_sock_accept(l, &b, hepta_in_ms(1000)) < 0)
        t_die("no connection");
}

static void done(void)
{
    a = hepta_sock_close(a);
    b = hepta_sock_close(b);
    l = hepta_sock_close(l);
}

static int with(struct hepta_sock_options opt)
{
    int rc = try_listen(HERE, &opt);

    if (rc < 0)
        EXPECT(try_connect(HERE, &opt), rc);
    return rc;
}

#define WITH(...) with((struct hepta_sock_options){.size = size, __VA_ARGS__})
#define PAIR(...) try_pair((struct hepta_sock_options){.size = size, __VA_ARGS__})

static void test_options(void)
{
    const uint32_t size = sizeof(struct hepta_sock_options);
    struct {
        struct hepta_sock_options opt;
        uint64_t more;
    } newer = {{.size = sizeof(newer)}, 0};

    EXPECT(WITH(.type = 0), 0);
    EXPECT(with((struct hepta_sock_options){.size = 0}), -EINVAL);
    EXPECT(with((struct hepta_sock_options){.size = 3}), -EINVAL);
    EXPECT(with((struct hepta_sock_options){.size = UINT32_MAX}), -EINVAL);
    EXPECT(WITH(.type = 5), -EINVAL);
    EXPECT(WITH(.mode = 01000), -EINVAL);
    EXPECT(WITH(.mode = UINT32_MAX), -EINVAL);
    EXPECT(WITH(.capacity = HEPTA_SOCK_CAPACITY_MAX + 1), -EINVAL);
    EXPECT(WITH(.capacity = UINT64_MAX), -EINVAL);
    EXPECT(WITH(.wait = 3), -EINVAL);
    EXPECT(WITH(.spin_ns = 1000001), -EINVAL);
    EXPECT(WITH(.backlog = UINT32_MAX), -EINVAL);
    EXPECT(WITH(.handshake_ms = 60001), -EINVAL);
    EXPECT(WITH(.handshake_ms = 60000), 0);
    EXPECT(WITH(.record_max = HEPTA_SOCK_RECORD_MAX + 1), -EINVAL);
    EXPECT(try_listen(HERE, &newer.opt), 0);
    newer.more = 1;
    EXPECT(try_listen(HERE, &newer.opt), -E2BIG);
    EXPECT(PAIR(.type = HEPTA_SOCK_SEQPACKET), 0);
    EXPECT(PAIR(.type = HEPTA_SOCK_DGRAM), -EINVAL);
    EXPECT(PAIR(.type = HEPTA_SOCK_RAW), -EINVAL);
    EXPECT(PAIR(.flags = HEPTA_SOCK_NODELAY), -EINVAL);
    EXPECT(PAIR(.type = HEPTA_SOCK_SEQPACKET, .flags = HEPTA_SOCK_RECORDS), -EINVAL);
    a = b = (struct hepta_sock *)buf;
    EXPECT(hepta_sock_pair(&a, &b, &newer.opt), -E2BIG);
    EXPECT(hepta_sock_pair(NULL, &b, NULL), -EFAULT);
    EXPECT(hepta_sock_pair(&a, NULL, NULL), -EFAULT);
    EXPECT(a || b, 0);
}

static void test_local(void)
{
    static const char *const where[][3] = {
        {HERE, "unix:@hepta-local", "s"},        {"udp:127.0.0.1:9", "nonsense", ""},
        {"udp:127.0.0.1:9", "unix:@hepta-x", ""}, {"raw:packet@lo", "raw:packet@lo", ""},
        {"udp:127.0.0.1:9", "udp:127.0.0.1:99999", ""},
    };

    for (size_t i = 0; i < T_COUNT(where); i++) {
        struct hepta_sock_options o = {.size = sizeof(o), .local = where[i][1]};
        int rc = try_connect(where[i][0], &o);

        EXPECT(rc == -EINVAL || rc == -EPROTONOSUPPORT, 1);
    }
}

/* Every verb on what isn't an open socket. */
static void no_handle(struct hepta_sock *s, int err)
{
    struct hepta_sock_msg m = {.size = sizeof(m)};
    struct hepta_sock *none = (struct hepta_sock *)buf;
    struct hepta_sock_stat st;
    struct pollfd p;
    const void *in;
    void *out;

    EXPECT(hepta_sock_accept(s, &none, HEPTA_NOW), err);
    EXPECT(none != NULL, 0);
    EXPECT(hepta_sock_send(s, buf, 1, HEPTA_NOW), err);
    EXPECT(hepta_sock_recv(s, buf, 1, HEPTA_NOW), err);
    EXPECT(hepta_sock_sendmsg(s, &m, HEPTA_NOW), err);
    EXPECT(hepta_sock_recvmsg(s, &m, HEPTA_NOW), err);
    EXPECT(hepta_sock_reserve(s, 1, &out, HEPTA_NOW), err);
    EXPECT(hepta_sock_commit(s, 0), err);
    EXPECT(hepta_sock_peek(s, &in, HEPTA_NOW), err);
    EXPECT(hepta_sock_release(s, 0), err);
    EXPECT(hepta_sock_shutdown(s, HEPTA_SOCK_RD), err);
    EXPECT(hepta_sock_pollfd(s, POLLIN, &p), err);
    EXPECT(hepta_sock_stat(s, &st, sizeof(st)), err);
    EXPECT(hepta_sock_close(s) != NULL, 0);
}

static void test_handles(const char *address)
{
    _Alignas(64) char foreign[4096] = "a handle of quite another kind";
    struct hepta_pipe *r, *w;
    struct hepta_sock *old;

    fresh(address, 0, 0);
    no_handle(NULL, -EINVAL);
    no_handle((struct hepta_sock *)foreign, -EBADF);
    if (hepta_pipe_new(&r, &w, NULL) < 0)
        t_die("hepta_pipe_new");
    no_handle((struct hepta_sock *)r, -EBADF);
    EXPECT(hepta_pipe_write(w, buf, 1, HEPTA_NOW), 1); /* left alone */
    hepta_pipe_close(r);
    hepta_pipe_close(w);
    old = a;
    a = hepta_sock_close(a);
    no_handle(old, -EBADF);
    done();
}

/* A listener is no connection, and the other way round. */
static void test_wrong_use(const char *address)
{
    struct hepta_sock_msg m = {.size = sizeof(m)};
    struct hepta_sock *s;
    struct pollfd p;
    int rc;

    fresh(address, 0, 0);
    EXPECT(hepta_sock_accept(a, &s, HEPTA_NOW), -EINVAL);
    EXPECT(hepta_sock_accept(l, NULL, HEPTA_NOW), -EFAULT);
    EXPECT(hepta_sock_accept(l, &s, HEPTA_NOW), -EAGAIN);
    EXPECT(hepta_sock_accept(l, &s, 1), -ETIMEDOUT);
    EXPECT(s != NULL, 0);
    EXPECT(hepta_sock_send(l, buf, 1, HEPTA_NOW), -ENOTCONN);
    EXPECT(hepta_sock_recv(l, buf, 1, HEPTA_NOW), -ENOTCONN);
    EXPECT(hepta_sock_sendmsg(l, &m, HEPTA_NOW), -ENOTCONN);
    EXPECT(hepta_sock_recvmsg(l, &m, HEPTA_NOW), -ENOTCONN);
    EXPECT(hepta_sock_shutdown(l, HEPTA_SOCK_RD), -ENOTCONN);
    EXPECT(hepta_sock_shutdown(a, 0), -EINVAL);
    EXPECT(hepta_sock_shutdown(a, 4), -EINVAL);
    for (int want = 0; want < 64; want++) {
        rc = hepta_sock_pollfd(a, (short)want, &p);
        EXPECT(rc, want == POLLIN || want == POLLOUT ? 0 : -EINVAL);
    }
    EXPECT(hepta_sock_pollfd(a, POLLIN, NULL), -EFAULT);
    EXPECT(hepta_sock_stat(a, NULL, 8), -EFAULT);
    EXPECT(hepta_sock_stat(a, (struct hepta_sock_stat *)buf, 0), -EINVAL);
    EXPECT(try_listen(address, NULL), -EADDRINUSE);
    EXPECT(hepta_sock_send(a, buf, 1, hepta_in_ms(1000)), 1); /* nothing has changed */
    EXPECT(hepta_sock_recv(b, buf, 1, hepta_in_ms(1000)), 1);
    done();
}

static void test_buffers(const char *address, bool memory)
{
    const void *in;
    void *out;

    fresh(address, 0, 0);
    EXPECT(hepta_sock_send(a, NULL, 1, HEPTA_NOW), -EFAULT);
    EXPECT(hepta_sock_send(a, NULL, 0, HEPTA_NOW), 0);
    EXPECT(hepta_sock_send(a, buf, SIZE_MAX, HEPTA_NOW), -EINVAL);
    EXPECT(hepta_sock_recv(a, NULL, 1, HEPTA_NOW), -EFAULT);
    EXPECT(hepta_sock_recv(a, buf, (size_t)SSIZE_MAX + 1, HEPTA_NOW), -EINVAL);
    EXPECT(hepta_sock_recv(a, buf, 1, HEPTA_NOW), -EAGAIN);
    EXPECT(hepta_sock_recv(a, buf, 1, -7), -ETIMEDOUT);
    if (!memory) {
        EXPECT(hepta_sock_reserve(a, 1, &out, HEPTA_NOW), -EOPNOTSUPP);
        EXPECT(hepta_sock_commit(a, 0), -EOPNOTSUPP);
        EXPECT(hepta_sock_peek(a, &in, HEPTA_NOW), -EOPNOTSUPP);
        EXPECT(hepta_sock_release(a, 0), -EOPNOTSUPP);
    } else {
        EXPECT(hepta_sock_reserve(a, 1, NULL, HEPTA_NOW), -EFAULT);
        EXPECT(hepta_sock_reserve(a, 0, &out, HEPTA_NOW), -EINVAL);
        EXPECT(hepta_sock_reserve(a, SIZE_MAX, &out, HEPTA_NOW), -EINVAL);
        EXPECT(hepta_sock_peek(a, NULL, HEPTA_NOW), -EFAULT);
        EXPECT(hepta_sock_commit(a, 1), -EINVAL);
        EXPECT(hepta_sock_release(a, 1), -EINVAL);
        EXPECT(hepta_sock_reserve(a, 8, &out, HEPTA_NOW), 0);
        EXPECT(hepta_sock_send(a, buf, 1, HEPTA_NOW), -EDEADLK);
        EXPECT(hepta_sock_commit(a, 9), -EINVAL);
        EXPECT(hepta_sock_commit(a, 8), 0);
        EXPECT(hepta_sock_peek(b, &in, HEPTA_NOW), 8);
        EXPECT(hepta_sock_recv(b, buf, 1, HEPTA_NOW), -EDEADLK);
        EXPECT(hepta_sock_release(b, 9), -EINVAL);
        EXPECT(hepta_sock_release(b, 8), 0);
    }
    done();
}

static void test_messages(const char *address, uint32_t type, bool descriptors)
{
    static struct iovec pieces[1025];
    static int fds[HEPTA_SOCK_FDS_MAX + 1];
    struct iovec one = {buf, 1};
    struct {
        struct hepta_sock_msg m;
        uint64_t more;
    } big = {{.size = sizeof(big)}, 1};
    const struct hepta_sock_msg good = {.size = sizeof(good), .iov = &one, .n_iov = 1};
    struct hepta_sock_msg m;

#define SENDMSG(...) (m = good, __VA_ARGS__, hepta_sock_sendmsg(a, &m, HEPTA_NOW))
#define RECVMSG(...) (m = good, __VA_ARGS__, hepta_sock_recvmsg(a, &m, HEPTA_NOW))
    fresh(address, type, 0);
    EXPECT(hepta_sock_sendmsg(a, NULL, HEPTA_NOW), -EFAULT);
    EXPECT(hepta_sock_recvmsg(a, NULL, HEPTA_NOW), -EFAULT);
    EXPECT(hepta_sock_sendmsg(a, &big.m, HEPTA_NOW), -E2BIG);
    EXPECT(hepta_sock_recvmsg(a, &big.m, HEPTA_NOW), -E2BIG);
    EXPECT(SENDMSG(m.size = 0), -EINVAL);
    EXPECT(SENDMSG(m.size = sizeof(m) - 1), -EINVAL);
    EXPECT(SENDMSG(m.size = UINT32_MAX), -EINVAL);
    EXPECT(SENDMSG(m.iov = NULL), -EFAULT);
    EXPECT(RECVMSG(m.iov = NULL), -EFAULT);
    EXPECT(SENDMSG(m.iov = pieces, m.n_iov = 1025), -EMSGSIZE);
    EXPECT(RECVMSG(m.iov = pieces, m.n_iov = 1025), -EMSGSIZE);
    pieces[0] = (struct iovec){NULL, 1};
    EXPECT(SENDMSG(m.iov = pieces), -EFAULT);
    pieces[0] = pieces[1] = (struct iovec){buf, SSIZE_MAX};
    EXPECT(SENDMSG(m.iov = pieces, m.n_iov = 2), -EINVAL);
    EXPECT(RECVMSG(m.iov = pieces, m.n_iov = 2), -EINVAL);
    EXPECT(RECVMSG(m.max_fds = 1), -EFAULT);
    EXPECT(SENDMSG(strcpy(m.address, address)), -EISCONN);
    EXPECT(SENDMSG(memset(m.address, 'x', sizeof(m.address))), -EINVAL);
    EXPECT(SENDMSG(m.n_fds = 1), descriptors ? -EFAULT : -EINVAL);
    EXPECT(SENDMSG(m.fds = fds, m.n_fds = HEPTA_SOCK_FDS_MAX + 1), descriptors ? -E2BIG : -EINVAL);
    if (descriptors) {
        fds[1] = 1000000;
        EXPECT(SENDMSG(m.fds = fds, m.n_fds = 2), -EBADF);
        fds[1] = -1;
        EXPECT(SENDMSG(m.fds = fds, m.n_fds = 2), -EBADF);
        if (type == HEPTA_SOCK_STREAM)
            EXPECT(SENDMSG(m.fds = fds, m.n_fds = 1, m.n_iov = 0), -EINVAL);
    }
    EXPECT(hepta_sock_recv(b, buf, 1, HEPTA_NOW), -EAGAIN); /* nothing of all that went */
    EXPECT(hepta_sock_send(a, "!", 1, HEPTA_NOW), 1);
    EXPECT(hepta_sock_recv(b, buf, 1, hepta_in_ms(1000)), 1);
    done();
}

static void test_records(void)
{
    struct iovec one = {buf, 1};
    struct hepta_sock_msg m = {
        .size = sizeof(m), .iov = &one, .n_iov = 1, .fds = (int[]){0}, .n_fds = 1};
    void *out;

    fresh(HERE, HEPTA_SOCK_STREAM, HEPTA_SOCK_RECORDS);
    EXPECT(hepta_sock_sendmsg(a, &m, HEPTA_NOW), -EINVAL);
    EXPECT(hepta_sock_reserve(a, 1, &out, HEPTA_NOW), -EOPNOTSUPP);
    EXPECT(hepta_sock_send(a, buf, (16UL << 20) + 1, HEPTA_NOW), -EMSGSIZE);
    EXPECT(hepta_sock_recv(b, buf, 1, HEPTA_NOW), -EAGAIN);
    done();
}

/* --- contexts --------------------------------------------------------------------------- */

static struct hepta_sock *stranger;

static bool refused_in_pidns(void)
{
    char c;

    if (!IS(hepta_sock_send(a, "!", 1, HEPTA_NOW), -EXDEV) ||
        !IS(hepta_sock_recv(a, &c, 1, HEPTA_NOW), -EXDEV) ||
        !IS(hepta_sock_connect(&stranger, HERE, NULL, hepta_in_ms(1000)), 0))
        return false;
    /* It can connect; but is turned away when the listener sees where its segments are from. */
    return hepta_sock_recv(stranger, &c, 1, hepta_in_ms(5000)) != -ETIMEDOUT;
}

static bool refused_in_raw_thread(void)
{
    char c;

    return IS(hepta_sock_send(a, "!", 1, HEPTA_NOW), -ENOSYS) &&
           IS(hepta_sock_recv(a, &c, 1, HEPTA_NOW), -ENOSYS) &&
           IS(try_pair((struct hepta_sock_options){.size = sizeof(struct hepta_sock_options)}),
              -ENOSYS) &&
           IS(try_connect(HERE, NULL), -ENOSYS);
}

static bool refused_in_vfork_child(void)
{
    return IS(try_pair((struct hepta_sock_options){.size = sizeof(struct hepta_sock_options)}),
              -ENOSYS) &&
           IS(try_connect(HERE, NULL), -ENOSYS);
}

static void *accept_nobody(void *arg)
{
    struct hepta_sock *s;
    int *rc = arg;

    *rc = hepta_sock_accept(l, &s, hepta_in_ms(1500));
    if (*rc == 0)
        hepta_sock_close(s);
    return NULL;
}

static void test_contexts(void)
{
    pthread_t thread;
    int rc;

    fresh(HERE, 0, 0);
    if (pthread_create(&thread, NULL, accept_nobody, &rc) != 0)
        t_die("pthread_create");
    in_new_pidns("another PID namespace", refused_in_pidns);
    pthread_join(thread, NULL);
    EXPECT(rc, -ETIMEDOUT);
    in_raw_thread("a thread without robust futexes", refused_in_raw_thread);
    in_vfork_child("a child that shares the memory", refused_in_vfork_child);
    EXPECT(hepta_sock_send(a, "!", 1, HEPTA_NOW), 1); /* none of which did any harm */
    EXPECT(hepta_sock_recv(b, buf, 1, HEPTA_NOW), 1);
    done();
}

int main(void)
{
    static const char *const kinds[] = {HERE, "kernel.unix:@hepta-badinput"};
    struct t_usage before;

    t_limit(60);
    fresh(HERE, 0, 0); /* what the library makes once per process is made now */
    done();
    before = t_usage();
    test_options();
    test_local();
    test_addresses();
    test_types();
    test_flags();
    for (int i = 0; i < 2; i++) {
        test_handles(kinds[i]);
        test_wrong_use(kinds[i]);
        test_buffers(kinds[i], i == 0);
        test_messages(kinds[i], HEPTA_SOCK_STREAM, true);
        test_messages(kinds[i], HEPTA_SOCK_SEQPACKET, true);
    }
    test_messages("tcp:127.0.0.1:0", HEPTA_SOCK_STREAM, false);
    test_records();
    EXPECT(t_usage_same("all", before, t_usage()), 1);
    test_contexts(); /* with threads, whose stacks libc keeps */
    EXPECT(t_usage().n_fds, before.n_fds);
    return expect_verdict();
}
