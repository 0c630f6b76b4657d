/* SPDX-License-Identifier: MIT */
/*
 * handshake.c - peers that connect to a listener in memory and don't introduce themselves as
 * they should: each is turned away, none holds up an honest one, nothing grows
 *
 * handshake SECONDS. Half the time for each type. 50 processes do their worst against one
 * listener, again and again: say nothing, say something else, stop in the middle, bring
 * wrong descriptors or segments (the table `tricks`). Meanwhile an honest client connects,
 * and must have been accepted and answered within a second, every time; the listener, which
 * is built with ASan and UBSan, counts its descriptors. Both look at who was accepted: only
 * an honest client says so.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "socket/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <hepta/sock.h>
#include <linux/falloc.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_HOSTILE 50
#define HANDSHAKE_MS 200
#define WORD "honest"
#define N_GUESTS 100
#define ROOM_FDS (3 * N_GUESTS + 100) /* of the listener: guests, those it lets wait, some more */
#define ROOM_PAGES (64UL << 20 >> 12) /* data of the listener, ASan's included: in pages */

struct shared {
    volatile bool stop;
    uint64_t n_tricks[32], n_honest, n_accepted_hostile;
    int64_t worst_ns;
    int n_fds_most, failed_with;
};

static struct shared *shared;
static struct hepta_sock_options opt = {.size = sizeof(opt), .handshake_ms = HANDSHAKE_MS};
static char address[64];
static uint64_t seed;

static uint64_t rnd(uint64_t below)
{
    return t_random(&seed) % below;
}

/* --- what hostile peers bring ---------------------------------------------------------- */

static int connected(void)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    const char *name = strchr(address, '@') + 1;
    int type = opt.type == HEPTA_SOCK_STREAM ? SOCK_STREAM : SOCK_SEQPACKET;
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    strcpy(un.sun_path + 1, name);
    if (fd < 0)
        _exit(2);
    while (connect(fd, (struct sockaddr *)&un,
                   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))) < 0) {
        if (shared->stop)
            _exit(0);
        t_sleep_ns(T_MS); /* the backlog is full */
    }
    return fd;
}

static void say(int fd, const void *buf, size_t len, const int *fds, size_t n_fds)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(HEPTA_SOCK_FDS_MAX * sizeof(int))];
    } control = {0};
    struct iovec iov = {(void *)(uintptr_t)buf, len};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

    if (n_fds) {
        m.msg_control = &control;
        m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        control.head = (struct cmsghdr){CMSG_LEN(n_fds * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.head), fds, n_fds * sizeof(int));
    }
    sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Good parts, to be spoilt. */
static struct h7_hello hello;
static struct h7_memory_parts parts;
static int fds[HEPTA_SOCK_FDS_MAX];

static void get_parts(void)
{
    struct hepta_sock_options small = opt;

    small.capacity = 4096;
    if (h7_memory_parts(&parts, &small, opt.type) < 0)
        _exit(2);
    hello = (struct h7_hello){H7_HELLO_MAGIC, H7_SEGMENT_VERSION, opt.type};
    for (int i = 0; i < HEPTA_SOCK_FDS_MAX; i++)
        fds[i] = parts.space[1];
    fds[0] = parts.seg[0].fd;
    fds[1] = parts.seg[1].fd;
    fds[3] = parts.rights[1];
}

enum segment_fault { UNSEALED, SHORT, EMPTY, HUGE_HEADER, SPARSE, READ_ONLY, NOISE, FAULTS };

/* A segment that must be refused. */
static int spoilt(enum segment_fault fault)
{
    struct h7_segment_header h;
    int fd = memfd_create("hepta-spoilt", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    off_t len = (off_t)(parts.seg[0].data_off + parts.seg[0].data_len);
    char path[40];

    if (pread(parts.seg[0].fd, &h, sizeof(h), 0) != sizeof(h))
        _exit(2);
    if (fault == NOISE)
        for (size_t i = 8; i < sizeof(h); i++)
            ((unsigned char *)&h)[i] ^= (unsigned char)(rnd(8) ? 0 : 1 + rnd(255));
    if (fault == HUGE_HEADER || fault == SPARSE) {
        h.data_len = fault == SPARSE ? 1UL << 24 : HEPTA_SOCK_CAPACITY_MAX * 2;
        h.len = h.data_off + h.data_len;
        len = (off_t)h.len;
    }
    len = fault == SHORT ? len - 4096 : fault == EMPTY ? 0 : len;
    if (ftruncate(fd, len) < 0 || (len && pwrite(fd, &h, sizeof(h), 0) < 0))
        _exit(2);
    if (fault != UNSEALED)
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    if (fault != READ_ONLY)
        return fd;
    close(fd);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", parts.seg[0].fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* --- tricks: each gets a connection, which is closed after it ---------------------------- */

static void silent(int fd)
{
    struct pollfd p = {fd, POLLIN, 0};

    poll(&p, 1, 3 * HANDSHAKE_MS); /* until it is turned away */
}

static void noise(int fd)
{
    char junk[5000];

    for (size_t i = 0; i < sizeof(junk); i++)
        junk[i] = (char)rnd(256);
    say(fd, junk, rnd(2) ? 1 + rnd(sizeof(junk)) : sizeof(hello), NULL, 0);
}

static void empty_message(int fd)
{
    say(fd, "", 0, NULL, 0);
    silent(fd);
}

static void half_hello(int fd)
{
    say(fd, &hello, 1 + rnd(sizeof(hello) - 1), fds, rnd(2) ? H7_HELLO_FDS : 0);
    silent(fd);
}

static void no_descriptors(int fd)
{
    say(fd, &hello, sizeof(hello), NULL, 0);
    silent(fd);
}

static void few_descriptors(int fd)
{
    say(fd, &hello, sizeof(hello), fds, 1 + rnd(3));
}

static void many_descriptors(int fd)
{
    say(fd, &hello, sizeof(hello), fds, rnd(2) ? HEPTA_SOCK_FDS_MAX : 5 + rnd(10));
}

static void wrong_order(int fd)
{
    const int mixed[] = {fds[3], fds[2], fds[1], fds[0]};

    say(fd, &hello, sizeof(hello), mixed, 4);
}

static void wrong_words(int fd)
{
    unsigned char *at = (unsigned char *)&hello;

    at[rnd(sizeof(hello))] ^= (unsigned char)(1 + rnd(255));
    say(fd, &hello, sizeof(hello), fds, H7_HELLO_FDS);
}

static void wrong_sockets(int fd)
{
    int ends[2], at = 2 + (int)rnd(2);

    if (pipe2(ends, O_CLOEXEC) < 0)
        _exit(2);
    fds[at] = rnd(2) ? ends[rnd(2)] : rnd(2) ? fds[5 - at] : 0;
    say(fd, &hello, sizeof(hello), fds, H7_HELLO_FDS);
    close(ends[0]);
    close(ends[1]);
}

static void wrong_segment(int fd)
{
    int bad = spoilt((enum segment_fault)rnd(FAULTS));

    fds[rnd(2)] = bad;
    say(fd, &hello, sizeof(hello), fds, H7_HELLO_FDS);
    close(bad);
}

/* Itself among the descriptors: a circle that only the kernel can undo. */
static void itself(int fd)
{
    fds[2 + rnd(2)] = fd;
    say(fd, &hello, sizeof(hello), fds, H7_HELLO_FDS);
}

static void ends_at_once(int fd)
{
    shutdown(fd, (int)rnd(3));
    silent(fd);
}

static void flood(int fd)
{
    for (int i = 0; i < 100 && !shared->stop; i++)
        close(connected());
    (void)fd;
}

static void crowd(int fd)
{
    int more[40];

    for (size_t i = 0; i < T_COUNT(more); i++)
        more[i] = connected();
    silent(fd);
    for (size_t i = 0; i < T_COUNT(more); i++)
        close(more[i]);
}

/* A good hello, and then gone, or no word: this one may be accepted. */
static void good_but_mute(int fd)
{
    say(fd, &hello, sizeof(hello), fds, H7_HELLO_FDS);
    if (rnd(2))
        silent(fd);
}

static void (*const tricks[])(int fd) = {
    silent,      noise,       empty_message, half_hello,    no_descriptors, few_descriptors,
    many_descriptors, wrong_order, wrong_words, wrong_sockets, wrong_segment, itself,
    ends_at_once, flood,      crowd,         good_but_mute,
};

static _Noreturn void hostile(void)
{
    while (!shared->stop) {
        size_t which = rnd(T_COUNT(tricks));
        int fd = connected();

        get_parts();
        tricks[which](fd);
        h7_memory_parts_drop(&parts);
        close(fd);
        __atomic_add_fetch(&shared->n_tricks[which], 1, __ATOMIC_RELAXED);
    }
    _exit(0);
}

/* --- the listener and the honest ones ---------------------------------------------------- */

static struct guest {
    struct hepta_sock *sock;
    int64_t until;
} guests[N_GUESTS];

static void send_away(struct guest *g)
{
    shared->n_accepted_hostile += g->sock != NULL;
    g->sock = hepta_sock_close(g->sock);
}

/* In the place of an empty one or of the oldest. */
static void welcome(struct hepta_sock *s)
{
    struct guest *g = guests;

    for (struct guest *i = guests; i < guests + N_GUESTS; i++)
        if (!i->sock || (g->sock && i->until < g->until))
            g = i;
    send_away(g);
    *g = (struct guest){s, t_now_ns() + 1000 * T_MS};
}

/* Who isn't honest gets no answer; the honest one may need a moment for his word. */
static void serve(struct guest *g)
{
    char got[sizeof(WORD)] = "";
    ssize_t n = g->sock ? hepta_sock_recv(g->sock, got, sizeof(got), HEPTA_NOW) : 0;

    if (n == sizeof(WORD) && strcmp(got, WORD) == 0) {
        hepta_sock_send(g->sock, WORD, sizeof(WORD), HEPTA_NOW);
        g->sock = hepta_sock_close(g->sock);
    } else if (n != -EAGAIN || t_now_ns() > g->until) {
        send_away(g);
    }
}

static bool memory_bounded(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    unsigned long size = 0, resident = 0, of_files = 0;
    bool ok = f && fscanf(f, "%lu %lu %lu", &size, &resident, &of_files) == 3 &&
              of_files < ROOM_PAGES;

    if (f)
        fclose(f);
    return ok;
}

static _Noreturn void listen_to_all(struct hepta_sock *l)
{
    int n_fds = t_usage().n_fds, round = 0;
    struct hepta_sock *s;
    struct pollfd p;

    while (!shared->stop) {
        int rc = rnd(2) ? hepta_sock_accept(l, &s, hepta_in_ms(5)) : -EAGAIN;

        if (rc == -EAGAIN && hepta_sock_pollfd(l, POLLIN, &p) == 0 && poll(&p, 1, 5) > 0)
            rc = hepta_sock_accept(l, &s, HEPTA_NOW);
        if (rc == 0)
            welcome(s);
        else if (rc != -EAGAIN && rc != -ETIMEDOUT)
            shared->failed_with = rc;
        for (int i = 0; i < N_GUESTS; i++)
            serve(&guests[i]);
        if (round++ % 64 == 0 && t_usage().n_fds - n_fds > shared->n_fds_most)
            shared->n_fds_most = t_usage().n_fds - n_fds;
    }
    for (int i = 0; i < N_GUESTS; i++)
        send_away(&guests[i]);
    if (!memory_bounded())
        shared->failed_with = -ENOMEM;
    hepta_sock_close(l);
    exit(t_usage().n_fds >= n_fds); /* and the sanitizers have a last look */
}

static int be_honest(void)
{
    int64_t start = t_now_ns(), took;
    char got[sizeof(WORD)] = "";
    struct hepta_sock *s;
    int rc = hepta_sock_connect(&s, address, &opt, hepta_in_ms(5000));

    if (rc < 0)
        return rc;
    rc = (int)hepta_sock_send(s, WORD, sizeof(WORD), hepta_in_ms(5000));
    if (rc > 0)
        rc = (int)hepta_sock_recv(s, got, sizeof(got), hepta_in_ms(5000));
    took = t_now_ns() - start;
    shared->worst_ns = took > shared->worst_ns ? took : shared->worst_ns;
    shared->n_honest++;
    hepta_sock_close(s);
    return rc == sizeof(WORD) ? 0 : rc < 0 ? rc : -EPROTO;
}

static bool verdict(int failed)
{
    uint64_t n = 0;
    bool ok = failed == 0 && shared->failed_with == 0 && shared->n_honest > 0;

    for (size_t i = 0; i < T_COUNT(tricks); i++) {
        n += shared->n_tricks[i];
        ok &= shared->n_tricks[i] > 0;
    }
    printf("%s: %llu tricks, %llu accepted that said nothing, %llu honest ones, the slowest "
           "%.0f ms; at most %d descriptors\n",
           opt.type == HEPTA_SOCK_STREAM ? "stream" : "seqpacket", (unsigned long long)n,
           (unsigned long long)shared->n_accepted_hostile, (unsigned long long)shared->n_honest,
           (double)shared->worst_ns / 1e6, shared->n_fds_most);
    if (failed || shared->failed_with)
        fprintf(stderr, "FAILED: an honest client: %s; the listener: %s\n", strerror(-failed),
                strerror(-shared->failed_with));
    return ok && shared->worst_ns < 1000 * T_MS && shared->n_fds_most < ROOM_FDS;
}

static bool run(uint32_t type, int64_t until)
{
    pid_t pid[N_HOSTILE], server;
    struct hepta_sock *l;
    int failed = 0, status;

    memset(shared, 0, sizeof(*shared));
    opt.type = type;
    snprintf(address, sizeof(address), "unix:@hepta-handshake-%d", (int)getpid());
    if (hepta_sock_listen(&l, address, &opt) < 0)
        t_die("hepta_sock_listen");
    server = t_fork();
    if (server == 0)
        listen_to_all(l);
    l = hepta_sock_close(l);
    for (int i = 0; i < N_HOSTILE; i++) {
        t_random(&seed);
        pid[i] = t_fork();
        if (pid[i] == 0)
            hostile();
    }
    while (failed == 0 && t_now_ns() < until) {
        failed = be_honest();
        t_sleep_ns((int64_t)rnd(20) * T_MS);
    }
    shared->stop = true;
    status = t_reap(server, 20000);
    for (int i = 0; i < N_HOSTILE; i++)
        t_kill(pid[i]);
    if (status != 0)
        fprintf(stderr, "FAILED: the listener ended with 0x%x\n", status);
    return verdict(failed) && status == 0;
}

int main(int argc, char **argv)
{
    unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 10;
    int64_t half = seconds * 500 * T_MS, start = t_now_ns();
    struct t_usage before;
    bool ok;

    t_limit(seconds + 60);
    seed = t_seed();
    printf("seed %llu, %u s\n", (unsigned long long)seed, seconds);
    shared = t_shared(sizeof(*shared));
    before = t_usage();
    ok = run(HEPTA_SOCK_STREAM, start + half);
    ok = run(HEPTA_SOCK_SEQPACKET, start + 2 * half) && ok;
    ok = t_usage_same("parent", (struct t_usage){before.n_fds, 0, 0},
                      (struct t_usage){t_usage().n_fds, 0, t_usage().n_children}) && ok;
    printf("%s\n", ok ? "ok" : "FAILED");
    return !ok;
}
