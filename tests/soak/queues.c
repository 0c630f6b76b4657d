/* SPDX-License-Identifier: MIT */
/*
 * queues.c - producers and consumers of one queue, one of which is killed every 50 ms
 *
 * A producer notes in shared memory which message it is about to send, and when the send has
 * returned; a consumer what it got. At the end every message whose send returned was received,
 * but for at most one for each consumer killed in a plain receive (which had it in its hands), and
 * none twice but for one for each consumer killed with a lease. What a consumer gets of one
 * producer in one priority is in order. Arguments: mq or msg, and seconds.
 */
#define _GNU_SOURCE
#include "queues.h"

#include "../lib/t.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORKERS 16
#define RATE 10000 /* messages a second of one producer, at most: for the size of the tables */
#define KILL_NS (50 * T_MS)
#define PATIENCE_MS 10000 /* a verb that takes longer is stuck */

struct worker {
    pid_t pid;
    unsigned n_killed;
};

struct shared {
    volatile bool stop_putting, stop_getting;
    unsigned n_bad;
    uint64_t n_got, n_late, n_again; /* n_late: after one that was sent later */
    int64_t worst_ns;                /* of a verb */
    struct worker worker[WORKERS];
    volatile uint64_t n_tried[WORKERS];
    uint64_t n_table; /* of a producer */
    uint8_t table[];  /* bit 7: its send returned; below: how often it was received */
};

#define SENT 0x80

static struct shared *sh;
static const struct soak_room *room;
static char directory[] = "/dev/shm/hepta-soak-XXXXXX";
static int64_t end_ns;

static void complain(const char *what, long long value)
{
    if (__atomic_add_fetch(&sh->n_bad, 1, __ATOMIC_RELAXED) <= 10)
        fprintf(stderr, "FAILED: %s (%lld)\n", what, value);
}

static uint8_t *entry(unsigned producer, uint64_t number)
{
    return &sh->table[producer * sh->n_table + number];
}

static void timed(int64_t start)
{
    int64_t took = t_now_ns() - start, worst = __atomic_load_n(&sh->worst_ns, __ATOMIC_RELAXED);

    while (took > worst && !__atomic_compare_exchange_n(&sh->worst_ns, &worst, took, true,
                                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

static int way_of(unsigned worker)
{
    return room->leases ? (int)(worker % 4 == 1 ? QS_LEASE : worker % 4 == 3 ? QS_PEEK : QS_PLAIN)
                        : QS_PLAIN;
}

/* --- workers ------------------------------------------------------------------------- */

static _Noreturn void produce(unsigned me, uint64_t seed)
{
    int64_t begun = t_now_ns();
    uint64_t first = sh->n_tried[me];

    while (!sh->stop_putting && sh->n_tried[me] < sh->n_table) {
        uint64_t r = t_random(&seed), number = sh->n_tried[me];
        struct soak_message m = {me, (uint32_t)(r % QS_PRIOS), number};
        size_t len = r >> 8 & 1 ? sizeof(m) : sizeof(m) + (r >> 16) % (QS_MAX - sizeof(m) + 1);
        int64_t start = t_now_ns();
        int rc;

        sh->n_tried[me] = number + 1;
        rc = room->put(&m, len, (r >> 32) % 8 == 0, hepta_in_ms(PATIENCE_MS));
        if (rc < 0) {
            complain("send", rc);
            break;
        }
        __atomic_fetch_or(entry(me, number), SENT, __ATOMIC_RELAXED);
        timed(start);
        while (t_now_ns() - begun < (int64_t)((number - first) * (1000 * T_MS / RATE)))
            t_sleep_ns(T_MS / 2);
    }
    _exit(0);
}

static uint64_t next_of[WORKERS][QS_PRIOS]; /* of one consumer: the least that may come */

static void book(const void *buf, size_t len, unsigned deliveries)
{
    struct soak_message m;
    uint8_t was;

    if (!soak_right(buf, len)) {
        complain("a torn message", (long long)len);
        return;
    }
    memcpy(&m, buf, sizeof(m));
    if (m.producer >= WORKERS || m.prio >= QS_PRIOS || m.number >= sh->n_tried[m.producer]) {
        complain("a message nobody sent", (long long)m.number);
        return;
    }
    was = __atomic_fetch_add(entry(m.producer, m.number), 1, __ATOMIC_RELAXED) & (SENT - 1);
    if (was && deliveries == 1)
        complain("a message again, as if for the first time", (long long)m.number);
    if (was)
        __atomic_fetch_add(&sh->n_again, 1, __ATOMIC_RELAXED);
    if (m.number < next_of[m.producer][m.prio]) {
        if (deliveries < 2)
            __atomic_fetch_add(&sh->n_late, 1, __ATOMIC_RELAXED);
    } else {
        next_of[m.producer][m.prio] = m.number + 1;
    }
    __atomic_fetch_add(&sh->n_got, 1, __ATOMIC_RELAXED);
}

static _Noreturn void consume(unsigned me)
{
    unsigned char buf[QS_MAX];

    for (;;) {
        bool last = sh->stop_getting; /* before the look */
        int64_t start = t_now_ns();
        int rc = room->get((enum soak_way)way_of(me), me, buf, book,
                           last ? HEPTA_NOW : hepta_in_ms(500));

        if (last && rc < 0)
            break;
        if (rc < 0 && rc != -ETIMEDOUT) {
            complain("receive", rc);
            break;
        }
        if (rc == 0)
            timed(start);
    }
    _exit(0);
}

static bool is_producer(unsigned worker)
{
    return worker < (unsigned)room->n_producers;
}

static void start(unsigned worker, uint64_t *seed)
{
    uint64_t its = t_random(seed);
    pid_t pid = t_fork();

    if (pid == 0) {
        int rc = room->open(worker);

        if (rc < 0) {
            complain("open", rc);
            _exit(1);
        }
        if (is_producer(worker))
            produce(worker, its);
        consume(worker);
    }
    sh->worker[worker].pid = pid;
}

/* --- before, meanwhile, after ---------------------------------------------------------- */

static unsigned n_workers(void)
{
    return (unsigned)(room->n_producers + room->n_consumers);
}

static void kill_and_start(uint64_t *seed)
{
    int64_t moved_ns = t_now_ns();
    uint64_t n_got = 0;

    while (t_now_ns() < end_ns && sh->n_bad == 0) {
        unsigned w = (unsigned)(t_random(seed) % n_workers());

        t_sleep_ns(KILL_NS);
        t_kill(sh->worker[w].pid);
        sh->worker[w].n_killed++;
        start(w, seed);
        if (n_got != __atomic_load_n(&sh->n_got, __ATOMIC_RELAXED))
            moved_ns = t_now_ns();
        n_got = __atomic_load_n(&sh->n_got, __ATOMIC_RELAXED);
        if (t_now_ns() - moved_ns > PATIENCE_MS * T_MS)
            complain("nothing is received any more", (long long)n_got);
    }
}

static void end_workers(void)
{
    sh->stop_putting = true;
    for (unsigned i = 0; i < (unsigned)room->n_producers; i++)
        if (t_reap(sh->worker[i].pid, PATIENCE_MS + 2000) != 0)
            complain("a producer doesn't end", i);
    sh->stop_getting = true;
    for (unsigned i = (unsigned)room->n_producers; i < n_workers(); i++)
        if (t_reap(sh->worker[i].pid, PATIENCE_MS + 2000) != 0)
            complain("a consumer doesn't end", i);
}

static unsigned killed(bool plain)
{
    unsigned n = 0;

    for (unsigned i = (unsigned)room->n_producers; i < n_workers(); i++)
        if ((way_of(i) == QS_PLAIN) == plain)
            n += sh->worker[i].n_killed;
    return n;
}

static void check_table(void)
{
    uint64_t n_sent = 0, n_lost = 0, n_unsure = 0;

    for (unsigned p = 0; p < (unsigned)room->n_producers; p++) {
        for (uint64_t i = 0; i < sh->n_tried[p]; i++) {
            n_sent += *entry(p, i) >= SENT;
            n_unsure += *entry(p, i) < SENT;
            n_lost += *entry(p, i) == SENT;
        }
    }
    if (n_sent == 0)
        complain("nothing was sent", 0);
    if (n_lost > killed(true))
        complain("messages lost", (long long)n_lost);
    if (sh->n_again > killed(false))
        complain("messages received again", (long long)sh->n_again);
    if (sh->n_late > killed(false))
        complain("messages out of order", (long long)sh->n_late);
    printf("%llu sent, %llu received, %llu lost with %u consumers, %llu again and %llu late with "
           "%u leases, %llu of killed producers, slowest verb %.1f ms\n",
           (unsigned long long)n_sent, (unsigned long long)sh->n_got, (unsigned long long)n_lost,
           killed(true), (unsigned long long)sh->n_again, (unsigned long long)sh->n_late,
           killed(false), (unsigned long long)n_unsure, (double)sh->worst_ns / 1e6);
}

static void ignore(const void *buf, size_t len, unsigned deliveries)
{
    (void)deliveries;
    if (!soak_right(buf, len))
        complain("a torn message at the end", (long long)len);
}

/* As many fit as in a new one. */
static void fill_and_drain(size_t len, int n_fit)
{
    unsigned char buf[QS_MAX];
    int n = 0, n_out = 0;

    while (n <= n_fit && room->put(&(struct soak_message){.number = (uint64_t)n}, len, false,
                                   HEPTA_NOW) == 0)
        n++;
    while (room->get(QS_PLAIN, 0, buf, ignore, HEPTA_NOW) == 0)
        n_out++;
    if (n != n_fit || n_out != n)
        complain("places lost", n_fit - n);
}

static void check_queue(void)
{
    char why[256] = "";

    if (room->check(why, sizeof(why)) < 0) {
        fprintf(stderr, "invariant: %s\n", why);
        complain("an invariant doesn't hold", 0);
    }
    for (int i = 0; i < 3; i++) {
        fill_and_drain(sizeof(struct soak_message), QS_MSGS);
        fill_and_drain(QS_MAX, QS_MSGS / 2);
    }
    if (room->check(why, sizeof(why)) < 0)
        complain("an invariant doesn't hold after filling it", 0);
}

static void prepare(int argc, char **argv, unsigned *seconds)
{
    room = argc > 1 && strcmp(argv[1], "msg") == 0 ? &soak_msg : &soak_mq;
    *seconds = argc > 2 ? (unsigned)atoi(argv[2]) : 20;
    sh = t_shared(sizeof(*sh) + (size_t)WORKERS * RATE * (*seconds + 5));
    sh->n_table = RATE * (*seconds + 5);
    if (!mkdtemp(directory) || setenv("HEPTA_DIR", directory, 1) < 0)
        t_die("can't make %s", directory);
}

int main(int argc, char **argv)
{
    uint64_t seed = t_seed();
    unsigned seconds, n_killed = 0;
    int rc;

    prepare(argc, argv, &seconds);
    t_limit(seconds + 60);
    printf("seed %llu\n", (unsigned long long)seed);
    rc = room->make();
    if (rc < 0) {
        rmdir(directory);
        t_die("no queue: %d", rc);
    }
    for (unsigned i = 0; i < n_workers(); i++)
        start(i, &seed);
    end_ns = t_now_ns() + seconds * 1000 * T_MS;
    kill_and_start(&seed);
    end_workers();
    check_table();
    check_queue();
    rc = room->remove();
    if (rc < 0)
        complain("it can't be removed", rc);
    if (rmdir(directory) < 0)
        complain("something is left in the directory", errno);
    for (unsigned i = 0; i < n_workers(); i++)
        n_killed += sh->worker[i].n_killed;
    printf("%u killed, %u failures\n", n_killed, sh->n_bad);
    return sh->n_bad != 0;
}
