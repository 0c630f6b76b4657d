/* SPDX-License-Identifier: MIT */
/*
 * channel/channel_test.c - every kind that one process can hold both ends of: messages and what is
 * known of them, ends, leases, waiting, and what is refused
 */
#define _GNU_SOURCE
#include "name/name_test.h"

#include <hepta/channel.h>
#include <hepta/pipe.h>
#include <sys/ipc.h>

#define SEND HEPTA_CHANNEL_SEND
#define RECV HEPTA_CHANNEL_RECV
#define KEY  0x48455054 /* of the kernel's objects, which have no directory of our own */

static struct hepta_channel_msg got;

static struct hepta_channel *open_channel(const char *address, uint32_t flags)
{
    char why[HEPTA_CHANNEL_WHY_MAX];
    struct hepta_channel *ch;
    int r = hepta_channel_open(address, flags, NULL, hepta_in_ms(10000), &ch, why, sizeof why);
    if (r < 0)
        fail_msg("%s: %d: %s", address, r, why);
    return ch;
}

static int try_open(const char *address, uint32_t flags)
{
    char why[HEPTA_CHANNEL_WHY_MAX] = "";
    struct hepta_channel *ch = (struct hepta_channel *)(void *)why;
    int r = hepta_channel_open(address, flags, NULL, HEPTA_NOW, &ch, why, sizeof why);
    assert_true(r == 0 ? ch != NULL : ch == NULL && why[0]);
    hepta_channel_close(ch);
    return r;
}

static int put(struct hepta_channel *ch, const char *text)
{
    struct hepta_channel_msg msg = {.size = sizeof msg, .data = text, .len = strlen(text)};
    return hepta_channel_send(ch, &msg, hepta_in_ms(10000));
}

static int take(struct hepta_channel *ch)
{
    got.size = sizeof got;
    return hepta_channel_recv(ch, &got, hepta_in_ms(10000));
}

static int take_now(struct hepta_channel *ch)
{
    got.size = sizeof got;
    return hepta_channel_recv(ch, &got, HEPTA_NOW);
}

static void expect(struct hepta_channel *ch, const char *text)
{
    assert_int_equal(take(ch), 1);
    assert_int_equal(got.len, strlen(text));
    assert_memory_equal(got.data, text, got.len);
}

static void create(const char *address)
{
    char why[HEPTA_CHANNEL_WHY_MAX];
    hepta_channel_remove(address, NULL, 0); /* of a run that was killed */
    if (hepta_channel_create(address, why, sizeof why) < 0)
        fail_msg("%s", why);
    assert_int_equal(hepta_channel_create(address, why, sizeof why), -EEXIST);
}

static void gone(const char *address)
{
    char why[HEPTA_CHANNEL_WHY_MAX] = "";
    assert_int_equal(hepta_channel_remove(address, why, sizeof why), 0);
    assert_int_equal(hepta_channel_remove(address, why, sizeof why), -ENOENT);
    assert_true(why[0]);
}

/* --- queues ------------------------------------------------------------------------------ */

static void queue(const char *address)
{
    struct hepta_channel_stat st;

    create(address);
    struct hepta_channel *w = open_channel(address, SEND), *r = open_channel(address, RECV);
    assert_int_equal(take_now(r), -EAGAIN);
    assert_int_equal(hepta_channel_recv(r, &got, hepta_in_ms(20)), -ETIMEDOUT);
    assert_int_equal(put(w, "one"), 0);
    assert_int_equal(put(w, ""), 0);
    assert_int_equal(hepta_channel_stat(r, &st, sizeof st), 0);
    assert_int_equal(st.msgs, 2);
    expect(r, "one");
    expect(r, "");
    assert_int_equal(put(r, "no"), -EBADF);
    assert_int_equal(take(w), -EBADF);
    assert_int_equal(hepta_channel_stat(w, &st, sizeof st), 0);
    assert_int_equal(st.sent, 2);
    hepta_channel_close(w);
    hepta_channel_close(r);
    gone(address);
    assert_int_equal(try_open(address, SEND), -ENOENT);
}

static void test_queues(void **state)
{
    char text[64];
    (void)state;
    queue("mq:/q");
    queue("msg:4711");
    snprintf(text, sizeof text, "kernel.mq:/hepta-unit-%d", getpid());
    queue(text);
    snprintf(text, sizeof text, "kernel.msg:%#x", KEY);
    queue(text);
}

static void test_priority_and_lease(void **state)
{
    (void)state;
    struct hepta_channel *low = open_channel("mq:/q,create,depth=8", SEND);
    struct hepta_channel *high = open_channel("mq:/q,prio=9", SEND);
    struct hepta_channel *r = open_channel("mq:/q,lease", RECV);
    assert_int_equal(put(low, "low"), 0);
    assert_int_equal(put(high, "high"), 0);
    got.size = sizeof got;
    assert_int_equal(hepta_channel_peek(r, &got, HEPTA_NOW), 1);
    assert_int_equal(got.prio, 9);
    expect(r, "high");
    assert_int_equal(got.set & HEPTA_CHANNEL_HAS_LEASE, HEPTA_CHANNEL_HAS_LEASE);
    assert_int_equal(got.deliveries, 1);
    assert_int_equal(hepta_channel_give_back(r, got.lease), 0);
    expect(r, "high");
    assert_int_equal(got.deliveries, 2);
    assert_int_equal(hepta_channel_ack(r, got.lease), 0);
    assert_int_equal(hepta_channel_ack(r, got.lease), -ESRCH);
    expect(r, "low");
    hepta_channel_close(r); /* returns it */
    r = open_channel("mq:/q", RECV);
    expect(r, "low");
    assert_int_equal(got.set & HEPTA_CHANNEL_HAS_LEASE, 0);
    struct hepta_channel_msg msg = {.size = sizeof msg, .data = "x", .len = 1, .prio = 3,
                                    .set = HEPTA_CHANNEL_HAS_PRIO};
    assert_int_equal(hepta_channel_send(high, &msg, HEPTA_NOW), 0);
    expect(r, "x");
    assert_int_equal(got.prio, 3); /* the message's, not the address's */
    hepta_channel_close(low);
    hepta_channel_close(high);
    hepta_channel_close(r);
    gone("mq:/q");
}

static void types(const char *kind)
{
    char a[64], b[64], c[64];
    snprintf(a, sizeof a, "%s,create,type=5", kind);
    snprintf(b, sizeof b, "%s,type=-7", kind);
    snprintf(c, sizeof c, "%s,type=8", kind);
    hepta_channel_remove(kind, NULL, 0);
    struct hepta_channel *w5 = open_channel(a, SEND), *w8 = open_channel(c, SEND);
    struct hepta_channel *r7 = open_channel(b, RECV), *r8 = open_channel(c, RECV);
    assert_int_equal(put(w8, "eight"), 0);
    assert_int_equal(take_now(r7), -EAGAIN);
    assert_int_equal(put(w5, "five"), 0);
    got.size = sizeof got;
    assert_int_equal(hepta_channel_peek(r7, &got, HEPTA_NOW), 1); /* the first of all */
    assert_int_equal(got.type, 8);
    expect(r7, "five");
    assert_int_equal(got.type, 5);
    expect(r8, "eight");
    hepta_channel_close(w5);
    hepta_channel_close(w8);
    hepta_channel_close(r7);
    hepta_channel_close(r8);
    gone(kind);
}

static void test_types(void **state)
{
    char text[64];
    (void)state;
    types("msg:9");
    snprintf(text, sizeof text, "kernel.msg:%#x", KEY);
    types(text);
}

/* --- streams ----------------------------------------------------------------------------- */

static void test_pipe(void **state)
{
    struct hepta_pipe *r, *w;
    int rf[HEPTA_PIPE_NFDS], wf[HEPTA_PIPE_NFDS];
    char rt[64], wt[64];

    (void)state;
    assert_int_equal(hepta_pipe_new(&r, &w, NULL), 0);
    assert_int_equal(hepta_pipe_export(r, rf), 0);
    assert_int_equal(hepta_pipe_export(w, wf), 0);
    hepta_pipe_close(r);
    hepta_pipe_close(w);
    snprintf(rt, sizeof rt, "pipe:%d.%d.%d", rf[0], rf[1], rf[2]);
    snprintf(wt, sizeof wt, "pipe:%d.%d.%d", wf[0], wf[1], wf[2]);
    struct hepta_channel *cr = open_channel(rt, RECV), *cw = open_channel(wt, SEND);
    assert_int_equal(put(cw, "a\nb"), 0);
    assert_int_equal(put(cw, ""), 0);
    expect(cr, "a\nb");
    assert_int_equal(hepta_channel_wait(cr, POLLIN, HEPTA_NOW), 0); /* buffered */
    expect(cr, "");
    assert_int_equal(take_now(cr), -EAGAIN);
    cw = hepta_channel_close(cw);
    assert_null(cw);
    assert_int_equal(take(cr), 0);
    assert_int_equal(take(cr), 0);
    hepta_channel_close(cr);
    assert_int_equal(try_open("pipe:900.901.902", RECV), -EBADF);
}

static void test_kernel_pipe(void **state)
{
    int fds[2];
    char rt[64], wt[64];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    snprintf(rt, sizeof rt, "kernel.pipe:%d,framing=line", fds[0]);
    snprintf(wt, sizeof wt, "kernel.pipe:%d,framing=line", fds[1]);
    assert_int_equal(try_open(rt, SEND), -EBADF);
    struct hepta_channel *r = open_channel(rt, RECV), *w = open_channel(wt, SEND);
    assert_int_equal(put(w, "a\nb"), -EILSEQ);
    assert_int_equal(put(w, "line"), 0);
    expect(r, "line");
    hepta_channel_close(r);
    signal(SIGPIPE, SIG_DFL);
    assert_int_equal(put(w, "line"), -EPIPE);
    hepta_channel_close(w);
}

/* A FIFO's other side. */
static int write_two(void *address)
{
    struct hepta_channel *w = open_channel(address, SEND);
    CHILD_CHECK(put(w, "one") == 0 && put(w, "two") == 0);
    hepta_channel_close(w);
    return 0;
}

static void fifo(char *address)
{
    create(address);
    assert_int_equal(try_open(address, SEND), -ENXIO);
    pid_t pid = unit_start(write_two, address);
    struct hepta_channel *r = open_channel(address, RECV);
    expect(r, "one");
    expect(r, "two");
    assert_int_equal(take(r), 0);
    assert_int_equal(unit_reap(pid), 0);
    assert_int_equal(take_now(r), -EAGAIN); /* the next writer is waited for */
    pid = unit_start(write_two, address);
    expect(r, "one");
    expect(r, "two");
    assert_int_equal(take(r), 0);
    assert_int_equal(unit_reap(pid), 0);
    hepta_channel_close(r);
    gone(address);
}

static void test_fifos(void **state)
{
    char text[64];
    (void)state;
    snprintf(text, sizeof text, "fifo:/f");
    fifo(text);
    snprintf(text, sizeof text, "kernel.fifo:%s/k", names_path);
    fifo(text);
}

/* --- sockets ----------------------------------------------------------------------------- */

static void connection(const char *address)
{
    struct hepta_channel_stat st;
    char text[128];

    snprintf(text, sizeof text, "%s,listen", address);
    struct hepta_channel *l = open_channel(text, SEND | RECV);
    assert_int_equal(take_now(l), -EAGAIN);
    struct hepta_channel *a = open_channel(address, SEND | RECV);
    struct hepta_channel *b = open_channel(address, SEND | RECV);
    assert_int_equal(put(a, "from a"), 0);
    expect(l, "from a");
    assert_int_equal(put(l, "to a"), 0);
    assert_int_equal(put(b, "from b"), 0);
    expect(a, "to a");
    expect(l, "from b");
    assert_int_equal(put(l, "to b"), 0); /* who spoke last */
    expect(b, "to b");
    assert_int_equal(hepta_channel_stat(l, &st, sizeof st), 0);
    assert_int_equal(st.peers, 2);
    assert_int_equal(hepta_channel_wait(l, POLLIN, HEPTA_NOW), -EAGAIN);
    assert_int_equal(put(b, "again"), 0);
    assert_int_equal(hepta_channel_wait(l, POLLIN, hepta_in_ms(10000)), 0);
    expect(l, "again");
    hepta_channel_close(b);
    assert_int_equal(put(a, "last"), 0);
    hepta_channel_close(a);
    expect(l, "last");
    assert_int_equal(take(l), 0);
    assert_int_equal(take_now(l), -EAGAIN);
    a = open_channel(address, SEND | RECV); /* and it goes on */
    assert_int_equal(put(l, "hello"), 0);
    expect(a, "hello");
    hepta_channel_close(l);
    assert_true(take(a) <= 0);
    hepta_channel_close(a);
    assert_int_equal(try_open(address, SEND), text[0] == 'u' || text[0] == 'k' ? -ENOENT : 0);
}

static void test_connections(void **state)
{
    char text[128];
    (void)state;
    snprintf(text, sizeof text, "unix:%s/s", names_path);
    connection(text);
    strcat(text, ",type=seqpacket");
    connection(text);
    snprintf(text, sizeof text, "kernel.unix:%s/k", names_path);
    connection(text);
    strcat(text, ",type=seqpacket");
    connection(text);
}

static void test_descriptors(void **state)
{
    char text[128], byte;
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    snprintf(text, sizeof text, "unix:%s/s,listen", names_path);
    struct hepta_channel *l = open_channel(text, RECV);
    snprintf(text, sizeof text, "unix:%s/s", names_path);
    struct hepta_channel *w = open_channel(text, SEND);
    struct hepta_channel_msg msg = {.size = sizeof msg, .data = "fd", .len = 2, .fds = &fds[1],
                                    .n_fds = 1, .set = HEPTA_CHANNEL_HAS_FDS};
    assert_int_equal(hepta_channel_send(w, &msg, hepta_in_ms(10000)), 0);
    expect(l, "fd");
    assert_int_equal(got.n_fds, 1);
    assert_int_equal(write(got.fds[0], "x", 1), 1);
    assert_int_equal(read(fds[0], &byte, 1), 1);
    assert_int_equal(got.set & HEPTA_CHANNEL_HAS_PID, HEPTA_CHANNEL_HAS_PID);
    assert_int_equal(got.pid, getpid());
    assert_int_equal(got.uid, getuid());
    assert_int_equal(put(w, "none"), 0);
    expect(l, "none");
    assert_int_equal(got.n_fds, 0);
    close(fds[0]);
    close(fds[1]);
    hepta_channel_close(w);
    hepta_channel_close(l);
}

static void test_datagrams(void **state)
{
    char text[128];
    (void)state;
    snprintf(text, sizeof text, "kernel.unix:%s/d,type=dgram,listen", names_path);
    struct hepta_channel *l = open_channel(text, SEND | RECV);
    assert_int_equal(put(l, "to whom?"), -EDESTADDRREQ);
    snprintf(text, sizeof text, "kernel.unix:%s/d,type=dgram", names_path);
    struct hepta_channel *w = open_channel(text, SEND);
    assert_int_equal(put(w, "one"), 0);
    assert_int_equal(put(w, ""), 0);
    expect(l, "one");
    expect(l, "");
    hepta_channel_close(w);
    hepta_channel_close(l);
}

static void test_socket_files(void **state)
{
    char text[128], why[HEPTA_CHANNEL_WHY_MAX];
    (void)state;
    snprintf(text, sizeof text, "unix:%s/s,listen", names_path);
    struct hepta_channel *l = open_channel(text, RECV);
    assert_int_equal(hepta_channel_remove(text, why, sizeof why), -EBUSY);
    hepta_channel_close(l);
    assert_int_equal(hepta_channel_remove(text, why, sizeof why), -ENOENT);
    assert_int_equal(hepta_channel_remove("tcp:localhost:1", why, sizeof why), -EOPNOTSUPP);
    assert_int_equal(hepta_channel_create(text, why, sizeof why), -EOPNOTSUPP);
}

/* --- values and events ------------------------------------------------------------------- */

static void test_latest(void **state)
{
    (void)state;
    create("shm:/v,size=100");
    struct hepta_channel *w = open_channel("shm:/v", SEND), *r = open_channel("shm:/v", RECV);
    assert_int_equal(take_now(r), -EAGAIN);
    got.size = sizeof got;
    assert_int_equal(hepta_channel_peek(r, &got, HEPTA_NOW), -EAGAIN);
    assert_int_equal(put(w, "one"), 0);
    assert_int_equal(put(w, "longer than two"), 0);
    expect(r, "longer than two");
    assert_int_equal(got.value, 2);
    assert_int_equal(take_now(r), -EAGAIN);
    assert_int_equal(hepta_channel_recv(r, &got, hepta_in_ms(20)), -ETIMEDOUT);
    assert_int_equal(hepta_channel_peek(r, &got, HEPTA_NOW), 1);
    assert_int_equal(put(w, "3"), 0);
    expect(r, "3");
    struct hepta_channel_msg msg = {.size = sizeof msg, .data = names_path, .len = 1 << 20};
    assert_int_equal(hepta_channel_send(w, &msg, HEPTA_NOW), -EMSGSIZE);
    hepta_channel_close(w);
    hepta_channel_close(r);
    gone("shm:/v");
}

static int post_later(void *address)
{
    struct hepta_channel *w = open_channel(address, SEND);
    unit_sleep_ms(50);
    CHILD_CHECK(put(w, "late") == 0);
    hepta_channel_close(w);
    return 0;
}

static void test_latest_wakes(void **state)
{
    char address[] = "shm:/v";
    (void)state;
    create(address);
    struct hepta_channel *r = open_channel(address, RECV);
    pid_t pid = unit_start(post_later, address);
    expect(r, "late");
    assert_int_equal(unit_reap(pid), 0);
    hepta_channel_close(r);
    gone(address);
}

static void test_kernel_memory(void **state)
{
    char text[64];
    (void)state;
    snprintf(text, sizeof text, "kernel.shm:/hepta-unit-%d,size=8", getpid());
    create(text);
    struct hepta_channel *ch = open_channel(text, SEND | RECV);
    assert_int_equal(put(ch, "abc"), 0);
    assert_int_equal(take(ch), 1);
    assert_int_equal(got.len, 8);
    assert_memory_equal(got.data, "abc\0\0\0\0\0", 8);
    assert_int_equal(take_now(ch), -EAGAIN);
    assert_int_equal(put(ch, "123456789"), -EMSGSIZE);
    assert_int_equal(put(ch, "12345678"), 0);
    expect(ch, "12345678");
    hepta_channel_close(ch);
    gone(text);
}

static void events(const char *address, int at_first)
{
    hepta_channel_remove(address, NULL, 0);
    create(address);
    struct hepta_channel *ch = open_channel(address, SEND | RECV);
    for (int i = 0; i < at_first; i++)
        assert_int_equal(take(ch), 1);
    assert_int_equal(take_now(ch), -EAGAIN);
    assert_int_equal(hepta_channel_recv(ch, &got, hepta_in_ms(20)), -ETIMEDOUT);
    assert_int_equal(put(ch, ""), 0);
    got.size = sizeof got;
    assert_int_equal(hepta_channel_peek(ch, &got, HEPTA_NOW), 1);
    assert_int_equal(got.value, 1);
    assert_int_equal(take(ch), 1);
    assert_int_equal(got.len, 0);
    hepta_channel_close(ch);
    gone(address);
}

static void test_events(void **state)
{
    char text[64];
    (void)state;
    events("sem:/s", 0);
    events("sem:/s,depth=2", 2);
    events("permit:/p", 1);
    events("permit:/p,depth=3", 3);
    events("semset:7[3],depth=1", 1);
    snprintf(text, sizeof text, "kernel.sem:/hepta-unit-%d,depth=2", getpid());
    events(text, 2);
    snprintf(text, sizeof text, "kernel.semset:%#x[1],depth=1", KEY);
    events(text, 1);
}

static int take_and_die(void *address)
{
    CHILD_CHECK(take(open_channel(address, RECV)) == 1);
    raise(SIGKILL);
    return 0;
}

/* What was taken with an owner returns when the owner dies. */
static void test_returns(void **state)
{
    char places[] = "permit:/p", set[] = "semset:7[0],undo,depth=1";
    (void)state;
    for (int i = 0; i < 2; i++) {
        char *address = i ? set : places;
        create(address);
        assert_int_equal(unit_reap(unit_start(take_and_die, address)), -SIGKILL);
        struct hepta_channel *ch = open_channel(address, RECV);
        assert_int_equal(take(ch), 1);
        hepta_channel_close(ch);
        gone(address);
    }
}

/* --- signals ----------------------------------------------------------------------------- */

static void test_signal(void **state)
{
    char text[64];
    (void)state;
    assert_int_equal(try_open("signal:self/USR1", SEND), -EOPNOTSUPP);
    assert_int_equal(try_open("signal:2147483647/USR1", SEND), -ESRCH);
    struct hepta_channel *r = open_channel("signal:self/USR1.RTMIN+1", RECV);
    snprintf(text, sizeof text, "signal:%d/RTMIN+1,value=7", getpid());
    assert_int_equal(try_open(text, RECV), -EOPNOTSUPP);
    struct hepta_channel *w = open_channel(text, SEND);
    assert_int_equal(take_now(r), -EAGAIN);
    assert_int_equal(put(w, ""), 0);
    assert_int_equal(hepta_channel_wait(r, POLLIN, hepta_in_ms(10000)), 0);
    assert_int_equal(take(r), 1);
    assert_int_equal(got.signo, 35);
    assert_int_equal(got.value, 7);
    assert_int_equal(got.pid, getpid());
    hepta_channel_close(w);
    hepta_channel_close(r);
}

static void test_mailbox(void **state)
{
    (void)state;
    create("signal:/box,depth=2");
    struct hepta_channel *w = open_channel("signal:/box", SEND);
    struct hepta_channel *usr1 = open_channel("signal:/box/USR1", SEND);
    struct hepta_channel *r = open_channel("signal:/box,lease", RECV);
    assert_int_equal(try_open("signal:/box", RECV), -EBUSY);
    assert_int_equal(take_now(r), -EAGAIN);
    assert_int_equal(put(w, "one"), 0);
    assert_int_equal(put(w, "two"), 0);
    struct hepta_channel_msg msg = {.size = sizeof msg, .data = "three", .len = 5};
    assert_int_equal(hepta_channel_send(w, &msg, HEPTA_NOW), -EAGAIN);
    assert_int_equal(hepta_channel_send(w, &msg, hepta_in_ms(20)), -ETIMEDOUT);
    assert_int_equal(put(usr1, ""), 0);
    assert_int_equal(put(usr1, ""), 0);
    expect(r, ""); /* coalesced, and the lowest number */
    assert_int_equal(got.signo, SIGUSR1);
    expect(r, "one");
    assert_int_equal(got.set & HEPTA_CHANNEL_HAS_LEASE, HEPTA_CHANNEL_HAS_LEASE);
    assert_int_equal(hepta_channel_ack(r, got.lease), 0);
    assert_int_equal(hepta_channel_ack(r, got.lease), -ESRCH);
    expect(r, "two");
    assert_int_equal(take_now(r), -EAGAIN);
    hepta_channel_close(r);
    hepta_channel_close(w);
    hepta_channel_close(usr1);
    gone("signal:/box");
}

/* --- refusals ---------------------------------------------------------------------------- */

static void test_refused(void **state)
{
    struct hepta_channel_options opt = {.size = sizeof opt};
    struct hepta_channel_msg bad = {.size = 1};
    struct hepta_channel *ch;
    struct hepta_channel_stat st;
    struct pollfd p;

    (void)state;
    create("mq:/q");
    assert_int_equal(try_open("mq:/q", 0), -EINVAL);
    assert_int_equal(try_open("mq:/q", 64), -EINVAL);
    assert_int_equal(try_open("msg:1,create", RECV | HEPTA_CHANNEL_LEASE), -EOPNOTSUPP);
    assert_int_equal(try_open("nonsense", RECV), -EINVAL);
    assert_int_equal(hepta_channel_open(NULL, RECV, NULL, 0, &ch, NULL, 0), -EFAULT);
    assert_int_equal(hepta_channel_open("mq:/q", RECV, NULL, 0, NULL, NULL, 0), -EFAULT);
    opt.framing = 9;
    assert_int_equal(hepta_channel_open("mq:/q", RECV, &opt, 0, &ch, NULL, 0), -EINVAL);
    opt = (struct hepta_channel_options){.size = sizeof opt, .framing = HEPTA_CHANNEL_FIXED};
    assert_int_equal(hepta_channel_open("mq:/q", RECV, &opt, 0, &ch, NULL, 0), -EINVAL);
    ch = open_channel("mq:/q", SEND | RECV);
    assert_int_equal(hepta_channel_send(ch, NULL, 0), -EINVAL);
    assert_int_equal(hepta_channel_send(ch, &bad, 0), -EINVAL);
    assert_int_equal(hepta_channel_recv(ch, &bad, 0), -EINVAL);
    assert_int_equal(hepta_channel_pollfd(ch, POLLPRI, &p), -EINVAL);
    assert_int_equal(hepta_channel_pollfd(ch, POLLIN, NULL), -EFAULT);
    assert_int_equal(hepta_channel_stat(ch, NULL, 1), -EFAULT);
    assert_int_equal(hepta_channel_stat(ch, &st, 0), -EINVAL);
    hepta_channel_close(ch);
    assert_int_equal(put(ch, "closed"), -EBADF);
    assert_int_equal(take(ch), -EBADF);
    assert_null(hepta_channel_close(ch));
    assert_null(hepta_channel_close(NULL));
    assert_int_equal(hepta_channel_recv(NULL, &got, 0), -EINVAL);
    gone("mq:/q");
    assert_int_equal(hepta_channel_remove("nonsense", NULL, 0), -EINVAL);
    assert_int_equal(hepta_channel_create(NULL, NULL, 0), -EFAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NAMES_TEST(test_queues),       NAMES_TEST(test_priority_and_lease),
        NAMES_TEST(test_types),        NAMES_TEST(test_pipe),
        NAMES_TEST(test_kernel_pipe),  NAMES_TEST(test_fifos),
        NAMES_TEST(test_connections),  NAMES_TEST(test_descriptors),
        NAMES_TEST(test_datagrams),    NAMES_TEST(test_socket_files),
        NAMES_TEST(test_latest),       NAMES_TEST(test_latest_wakes),
        NAMES_TEST(test_kernel_memory), NAMES_TEST(test_events),
        NAMES_TEST(test_returns),      NAMES_TEST(test_signal),
        NAMES_TEST(test_mailbox),      NAMES_TEST(test_refused),
    };
    alarm(UNIT_LIMIT_S);
    return cmocka_run_group_tests(tests, names_begin, names_end);
}
