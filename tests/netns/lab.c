/* SPDX-License-Identifier: MIT */
/*
 * lab.c - see lab.h; start at lab_run()
 */
#define _GNU_SOURCE
#include "lab.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { B_IS_THERE = 1, LINKED, B_IS_UP };

#define MAX_WORDS 16

static int run_ip(const char *words)
{
    char text[256], *argv[MAX_WORDS + 1] = {"ip"}, *rest = text;
    int n = 1, status;

    snprintf(text, sizeof(text), "%s", words);
    while (n < MAX_WORDS && (argv[n] = strsep(&rest, " ")))
        n++;
    pid_t pid = t_fork();
    if (pid == 0) {
        execvp("ip", argv);
        _exit(127);
    }
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

void lab_ip(const char *words)
{
    if (run_ip(words) != 0)
        t_die("ip %s: failed", words);
}

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0)
        close(fd);
    return done;
}

void lab_sysctl(const char *path, const char *text)
{
    char full[160];

    snprintf(full, sizeof(full), "/proc/sys/net/%s", path);
    if (!write_file(full, text))
        t_die("%s: %s", full, strerror(errno));
}

/* As root, or as root of a user namespace: by a mapping that outlives the exec of ip(8). */
static bool enter_namespace(void)
{
    char map[32];

    if (unshare(CLONE_NEWNET) == 0)
        return true;
    snprintf(map, sizeof(map), "0 %d 1", (int)geteuid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 && write_file("/proc/self/uid_map", map);
}

static void skip(const char *why)
{
    printf("no lab: %s\n", why);
    fflush(NULL);
    _exit(LAB_SKIP);
}

static void await(_Atomic int *step, int v)
{
    int64_t end = t_now_ns() + LAB_LONG_MS * T_MS;

    while (atomic_load(step) < v) {
        if (t_now_ns() > end)
            t_die("the other side doesn't come");
        t_sleep_ns(200000);
    }
}

/* Addresses of one end; those of IPv6 outlive the cable, as those of IPv4 do. */
static void set_up(const char *dev, int host)
{
    char words[128];

    lab_ip("link set lo up");
    snprintf(words, sizeof(words), "ipv6/conf/%s/keep_addr_on_down", dev);
    lab_sysctl(words, "1");
    snprintf(words, sizeof(words), "addr add 10.77.0.%d/24 dev %s", host, dev);
    lab_ip(words);
    snprintf(words, sizeof(words), "addr add fd00:77::%d/64 dev %s nodad", host, dev);
    lab_ip(words);
    snprintf(words, sizeof(words), "addr add fe80::77:%d/64 dev %s nodad", host, dev);
    lab_ip(words);
    snprintf(words, sizeof(words), "link set %s up", dev);
    lab_ip(words);
}

static void live_as_b(struct lab *lab, void (*b)(struct lab *))
{
    if (unshare(CLONE_NEWNET) < 0)
        t_die("unshare: %s", strerror(errno));
    atomic_store(&lab->page->step, B_IS_THERE);
    await(&lab->page->step, LINKED);
    set_up("vb", 2);
    atomic_store(&lab->page->step, B_IS_UP);
    b(lab);
    _exit(0);
}

void lab_run(bool v6, void (*a)(struct lab *), void (*b)(struct lab *))
{
    struct lab lab = {.v6 = v6, .page = t_shared(sizeof(struct lab_page))};
    char words[128];

    if (!enter_namespace())
        skip("no network namespace is permitted here");
    lab.b = t_fork();
    if (lab.b == 0)
        live_as_b(&lab, b);
    await(&lab.page->step, B_IS_THERE);
    snprintf(words, sizeof(words), "link add va type veth peer name vb netns %d", (int)lab.b);
    if (run_ip(words) != 0)
        skip("ip(8) makes no veth pair");
    set_up("va", 1);
    atomic_store(&lab.page->step, LINKED);
    await(&lab.page->step, B_IS_UP);
    a(&lab);
    int status = t_reap(lab.b, LAB_LONG_MS);
    if (status != 0)
        t_die("side B ended with 0x%x", (unsigned)status);
}

const char *lab_at(const struct lab *lab, const char *scheme, char side, int port)
{
    static char text[HEPTA_SOCK_ADDRESS_MAX];

    snprintf(text, sizeof(text), lab->v6 ? "%s:[fd00:77::%d]:%d" : "%s:10.77.0.%d:%d", scheme,
             side == 'a' ? 1 : 2, port);
    return text;
}

void lab_cable(bool up)
{
    lab_ip(up ? "link set va up" : "link set va down");
}

void lab_await(struct lab *lab, int i, long v)
{
    int64_t end = t_now_ns() + LAB_LONG_MS * T_MS;

    while (atomic_load(&lab->page->cell[i]) < v) {
        if (t_now_ns() > end)
            t_die("cell %d stays at %ld, not %ld", i, atomic_load(&lab->page->cell[i]), v);
        t_sleep_ns(200000);
    }
}

static const char *in_words(char *buf, size_t n, long v)
{
    const char *name = v < 0 ? strerrorname_np((int)-v) : NULL;

    if (name)
        snprintf(buf, n, "-%s", name);
    else
        snprintf(buf, n, "%ld", v);
    return buf;
}

void lab_is(const char *what, long got, long want)
{
    char g[32], w[32];

    if (got != want)
        t_die("%s: %s, not %s", what, in_words(g, sizeof(g), got), in_words(w, sizeof(w), want));
}

struct hepta_sock *lab_listen_as(const char *address, const struct hepta_sock_options *opt)
{
    struct hepta_sock *s;

    lab_is(address, hepta_sock_listen(&s, address, opt), 0);
    return s;
}

struct hepta_sock *lab_listen(const char *address, uint32_t flags)
{
    return lab_listen_as(address,
                         &(struct hepta_sock_options){.size = sizeof(struct hepta_sock_options),
                                                      .flags = flags});
}

struct hepta_sock *lab_connect_as(const char *address, const struct hepta_sock_options *opt)
{
    int64_t deadline = hepta_in_ms(LAB_LONG_MS);
    struct hepta_sock *s;
    int err;

    while ((err = hepta_sock_connect(&s, address, opt, deadline)) == -ECONNREFUSED &&
           hepta_now_ns() < deadline)
        t_sleep_ns(T_MS);
    lab_is(address, err, 0);
    return s;
}

struct hepta_sock *lab_connect(const char *address, uint32_t flags)
{
    return lab_connect_as(address,
                          &(struct hepta_sock_options){.size = sizeof(struct hepta_sock_options),
                                                       .flags = flags});
}

struct hepta_sock *lab_accept(struct hepta_sock *l)
{
    struct hepta_sock *s;

    lab_is("accept", hepta_sock_accept(l, &s, hepta_in_ms(LAB_LONG_MS)), 0);
    return s;
}

void lab_fill(void *buf, size_t len, uint64_t seed)
{
    uint8_t *b = buf;

    seed = seed * 0x9e3779b97f4a7c15ULL + 1;
    for (size_t i = 0; i < len; i += 8) {
        uint64_t r = t_random(&seed);
        memcpy(b + i, &r, len - i < 8 ? len - i : 8);
    }
}

bool lab_same(const void *buf, size_t len, uint64_t seed)
{
    const uint8_t *b = buf;

    seed = seed * 0x9e3779b97f4a7c15ULL + 1;
    for (size_t i = 0; i < len; i += 8) {
        uint64_t r = t_random(&seed);
        if (memcmp(b + i, &r, len - i < 8 ? len - i : 8) != 0)
            return false;
    }
    return true;
}
