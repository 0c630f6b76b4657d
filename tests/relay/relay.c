/* SPDX-License-Identifier: MIT */
/*
 * relay.c - `hepta relay` between all pairs of addresses that carry messages, the kernel's included
 *
 *   relay pairs HEPTA N [KIND]   from every kind, or KIND, to every kind: N records of random sizes
 *                                arrive in order and unchanged
 *   relay kills HEPTA N          a relay that takes with leases is killed again and again: none of
 *                                N records is lost (some may come twice)
 *
 * In namespaces of its own, so that ports and keys are free.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/t.h"
#include "../net/enter.h"
#include "ends.h"

#define SIZE_MAX_RECORD 6000
#define WINDOW 8 /* records under way where what comes too fast is lost */

static const char *hepta;
static unsigned n_records;
static atomic_uint consumed;
static int number; /* of names: none is used twice */

/* --- records: any one can be made from its number --- */

static size_t make_record(unsigned i, unsigned char *buf, size_t max)
{
    uint64_t seed = 0x9e3779b97f4a7c15u * (i + 1);
    size_t len = 4 + t_random(&seed) % (max - 4);

    for (size_t k = 0; k < len; k++)
        buf[k] = (unsigned char)(t_random(&seed) >> 24);
    for (int k = 0; k < 4; k++)
        buf[k] = (unsigned char)(i >> 8 * k);
    return len;
}

/* Its number, if it is one as it was made; else -1. */
static long record_number(const struct hepta_channel_msg *msg, size_t max)
{
    unsigned char want[SIZE_MAX_RECORD];
    const unsigned char *p = msg->data;

    if (msg->len < 4)
        return -1;
    unsigned i = p[0] | (unsigned)p[1] << 8 | (unsigned)p[2] << 16 | (unsigned)p[3] << 24;
    return make_record(i, want, max) == msg->len && !memcmp(want, p, msg->len) ? (long)i : -1;
}

struct production {
    struct end *from;
    bool paced;
    size_t max;
};

static void *produce(void *arg)
{
    const struct production *p = arg;
    unsigned char buf[SIZE_MAX_RECORD];

    end_open(p->from);
    for (unsigned i = 0; i < n_records; i++) {
        struct hepta_channel_msg msg = {.size = sizeof msg, .data = buf};
        while (p->paced && i - atomic_load(&consumed) >= WINDOW)
            t_sleep_ns(T_MS / 10);
        msg.len = make_record(i, buf, p->max);
        int r = hepta_channel_send(p->from->ch, &msg, hepta_in_ms(30000));
        if (r < 0)
            t_die("send %u to %s: %s", i, p->from->near, hepta_strerror(r));
    }
    return NULL;
}

static pid_t start_relay(const struct end *from, const struct end *to)
{
    char count[16];

    snprintf(count, sizeof count, "%u", n_records);
    fflush(NULL);
    pid_t pid = t_fork();
    if (pid == 0) {
        execl(hepta, hepta, "relay", from->far, to->far, "--one-way", "--count", count, NULL);
        _exit(126);
    }
    return pid;
}

/* --- pairs --- */

static bool carries(const struct kind *a, const struct kind *b)
{
    struct end from, to;
    struct production p = {&from, a->lossy || b->lossy,
                           a->max ? a->max : b->max ? b->max : SIZE_MAX_RECORD};
    struct hepta_channel_msg msg = {.size = sizeof msg};
    pthread_t producer;
    int r = 1;

    atomic_store(&consumed, 0);
    end_make(&from, a, true, number++);
    end_make(&to, b, false, number++);
    pid_t relay = start_relay(&from, &to);
    end_handed_over(&from);
    end_handed_over(&to);
    pthread_create(&producer, NULL, produce, &p);
    end_open(&to);
    for (unsigned i = 0; i < n_records && r == 1; i++) {
        r = hepta_channel_recv(to.ch, &msg, hepta_in_ms(30000));
        long got = r == 1 ? record_number(&msg, p.max) : -1;
        if (got != (long)i)
            t_die("%s to %s: record %u came as %ld (%s)", a->name, b->name, i, got,
                  r < 0 ? hepta_strerror(r) : "");
        atomic_store(&consumed, i + 1);
    }
    pthread_join(producer, NULL);
    int how = t_reap(relay, 10000);
    end_remove(&from);
    end_remove(&to);
    if (how == 0)
        return true;
    printf("%s to %s: the relay ended with status %#x\n", a->name, b->name, how);
    return false;
}

static int pairs(const char *only)
{
    int failed = 0, tried = 0;

    for (int a = 0; a < n_kinds; a++) {
        for (int b = 0; b < n_kinds; b++) {
            if (only && strcmp(kinds[a].name, only) != 0)
                continue;
            tried++;
            failed += !carries(&kinds[a], &kinds[b]);
        }
    }
    printf("%d pairs, %u records each, %d failed\n", tried, n_records, failed);
    return failed || !tried;
}

/* --- kills --- */

#define ATOMIC_RECORD 4000 /* a FIFO takes it whole */

struct killing {
    struct end *from, *to;
    atomic_bool stop;
    unsigned kills;
};

static void *kill_relays(void *arg)
{
    struct killing *k = arg;
    uint64_t seed = t_seed();

    while (!atomic_load(&k->stop)) {
        pid_t pid = start_relay(k->from, k->to);
        int64_t life = (int64_t)(t_random(&seed) % 12) * T_MS;
        for (int64_t end = t_now_ns() + life; t_now_ns() < end && !atomic_load(&k->stop);)
            t_sleep_ns(T_MS);
        t_kill(pid);
        k->kills++;
    }
    return NULL;
}

static void survive(const struct kind *a, const struct kind *b)
{
    struct end from, to;
    struct production p = {&from, false, a->max ? a->max : b->max ? b->max : ATOMIC_RECORD};
    struct hepta_channel_msg msg = {.size = sizeof msg};
    struct killing k = {.from = &from, .to = &to};
    char *seen = calloc(n_records, 1);
    unsigned missing = n_records, twice = 0;
    pthread_t producer, killer;

    end_make(&from, a, true, number++);
    end_make(&to, b, false, number++);
    pthread_create(&producer, NULL, produce, &p);
    pthread_create(&killer, NULL, kill_relays, &k);
    end_open(&to);
    while (missing > 0) {
        int r = hepta_channel_recv(to.ch, &msg, hepta_in_ms(30000));
        long i = r == 1 ? record_number(&msg, p.max) : -1;
        if (r == 0) /* one relay has gone, the next one comes */
            continue;
        if (i < 0 || i >= (long)n_records)
            t_die("to %s: %u of %u are missing: %s", b->name, missing, n_records,
                  r < 0 ? hepta_strerror(r) : "a record came changed");
        twice += seen[i] != 0;
        missing -= !seen[i];
        seen[i] = 1;
    }
    atomic_store(&k.stop, true);
    pthread_join(producer, NULL);
    pthread_join(killer, NULL);
    printf("%s to %s: %u relays killed, %u records, none lost, %u came twice\n", a->name, b->name,
           k.kills, n_records, twice);
    fflush(NULL);
    free(seen);
    end_remove(&from);
    end_remove(&to);
}

static const struct kind *kind_of(const char *name)
{
    for (int i = 0; i < n_kinds; i++)
        if (!strcmp(kinds[i].name, name))
            return &kinds[i];
    t_die("there is no kind %s", name);
}

static int kills(void)
{
    static const char *const to[] = {"fifo", "mq", "kernel.mq", "msg", "kernel.msg", "unix",
                                     "seqpacket", "kernel.unix", "tcp", "mailbox"};

    for (size_t i = 0; i < T_COUNT(to); i++)
        survive(kind_of("mq"), kind_of(to[i]));
    survive(kind_of("mailbox"), kind_of("mq"));
    survive(kind_of("mailbox"), kind_of("tcp"));
    return 0;
}

/* --- a place of its own --- */

static char dir[] = "/dev/shm/hepta-relay-XXXXXX";

static int run(const char *what, const char *only)
{
    t_limit(what[0] == 'p' && n_records > 1000 ? 7000 : 170);
    if (chdir(dir) < 0 || setenv("HEPTA_DIR", dir, 1) < 0)
        t_die("%s: %s", dir, strerror(errno));
    signal(SIGPIPE, SIG_IGN);
    int failed = strcmp(what, "pairs") == 0 ? pairs(only) : kills();
    fflush(NULL);
    return failed;
}

int main(int argc, char **argv)
{
    char *clean = NULL;

    if (argc < 4)
        t_die("usage: relay pairs|kills HEPTA N [KIND]");
    hepta = realpath(argv[2], NULL);
    n_records = (unsigned)atoi(argv[3]);
    net_enter();
    if (unshare(CLONE_NEWIPC) < 0)
        return NET_SKIP;
    if (!mkdtemp(dir) || asprintf(&clean, "rm -rf %s", dir) < 0)
        t_die("a directory");
    pid_t pid = t_fork();
    if (pid == 0)
        _exit(run(argv[1], argc > 4 ? argv[4] : NULL));
    int how = t_reap(pid, 7100000);
    if (system(clean) != 0)
        return 1;
    return how == 0 ? 0 : 1;
}
