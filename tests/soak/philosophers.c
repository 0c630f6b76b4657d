/* SPDX-License-Identifier: MIT */
/*
 * philosophers.c - 40 processes around a table with 40 forks, one of which is killed every 20 to
 * 50 ms
 *
 * Each eats with the fork at its left and the one at its right: semaphores of one System V set,
 * both taken by one array of operations with SEM_UNDO, or permits, the lower one first. While one
 * eats, its pid stands in the owner's word of both forks; the next one may find another's there
 * only if that is dead. Every seat eats again and again, whoever dies, and in the end, when
 * nobody is killed any more, all of them do. Arguments: set or permit, and seconds.
 */
#define _GNU_SOURCE
#include "forks.h"

#include "../lib/t.h"

#include <errno.h>
#include <hepta/base.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEATS FORKS /* one fork lies between any two */
#define KILL_MIN_NS (20 * T_MS)
#define KILL_MAX_NS (50 * T_MS)
#define NAP_NS (T_MS / 2) /* of eating and of thinking, at most */

struct shared {
    volatile bool stop;
    unsigned n_bad;
    int64_t worst_ns; /* from hungry to eating */
    struct {
        pid_t pid;
        volatile uint64_t n_meals;
        uint64_t n_seen; /* by the director, at moved_ns */
        int64_t moved_ns;
    } seat[SEATS];
    uint32_t owner[SEATS]; /* of each fork: who eats with it, or 0 */
};

static struct shared *sh;
static char directory[] = "/dev/shm/hepta-soak-XXXXXX";

static void complain(const char *what, long long value)
{
    if (__atomic_add_fetch(&sh->n_bad, 1, __ATOMIC_RELAXED) <= 10)
        fprintf(stderr, "FAILED: %s (%lld)\n", what, value);
}

static const struct forks *forks;

/* --- a philosopher ----------------------------------------------------------------------- */

#define PF_EXITING 4 /* the kernel's flag: it ends, and has begun to let go of everything */

static bool is_dead(pid_t pid)
{
    char path[32], line[512], *paren, state = 0;
    unsigned flags = 0;
    FILE *f;
    size_t n;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    f = fopen(path, "re");
    if (!f)
        return true;
    n = fread(line, 1, sizeof(line) - 1, f);
    fclose(f);
    line[n] = 0;
    paren = strrchr(line, ')');
    return !paren || sscanf(paren + 2, "%c %*d %*d %*d %*d %*d %u", &state, &flags) != 2 ||
           state == 'Z' || state == 'X' || flags & PF_EXITING;
}

static void begin(unsigned fork)
{
    uint32_t last = __atomic_exchange_n(&sh->owner[fork], (uint32_t)getpid(), __ATOMIC_SEQ_CST);

    if (last && !is_dead((pid_t)last))
        complain("two eat with the same fork", fork);
}

static void end(unsigned fork)
{
    uint32_t me = (uint32_t)getpid();

    if (!__atomic_compare_exchange_n(&sh->owner[fork], &me, 0, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST))
        complain("another took the fork that one eats with", fork);
}

static void note_wait(int64_t took)
{
    int64_t worst = __atomic_load_n(&sh->worst_ns, __ATOMIC_RELAXED);

    while (took > worst && !__atomic_compare_exchange_n(&sh->worst_ns, &worst, took, true,
                                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

static bool meal(unsigned seat, uint64_t *seed)
{
    unsigned fork[2] = {seat, (seat + 1) % SEATS};
    int64_t hungry_ns = t_now_ns();
    int rc = forks->take(fork, hepta_in_ms(FORKS_PATIENCE_MS));

    if (rc < 0) {
        complain("can't take the forks", rc);
        return false;
    }
    begin(fork[0]);
    begin(fork[1]);
    note_wait(t_now_ns() - hungry_ns);
    t_sleep_ns((int64_t)(t_random(seed) % NAP_NS));
    end(fork[0]);
    end(fork[1]);
    sh->seat[seat].n_meals++;
    rc = forks->give(fork);
    if (rc < 0)
        complain("can't give the forks back", rc);
    return rc == 0;
}

static void start(unsigned seat, uint64_t *seed)
{
    uint64_t its = t_random(seed);
    pid_t pid = t_fork();

    if (pid == 0) {
        int rc = forks->open(seat);

        if (rc < 0)
            complain("open", rc);
        while (rc == 0 && !sh->stop && meal(seat, &its))
            t_sleep_ns((int64_t)(t_random(&its) % NAP_NS));
        _exit(0);
    }
    sh->seat[seat].pid = pid;
}

/* --- the director -------------------------------------------------------------------------- */

/* Whether all have eaten since @since_ns; who hasn't for too long is stuck. */
static bool all_eat(int64_t since_ns)
{
    int64_t now = t_now_ns();
    bool all = true;

    for (unsigned i = 0; i < SEATS; i++) {
        uint64_t n = sh->seat[i].n_meals;

        if (n != sh->seat[i].n_seen)
            sh->seat[i].moved_ns = now;
        sh->seat[i].n_seen = n;
        if (now - sh->seat[i].moved_ns > FORKS_PATIENCE_MS * T_MS)
            complain("a seat doesn't eat any more", i);
        all = all && sh->seat[i].moved_ns > since_ns;
    }
    return all;
}

static unsigned kill_and_start(int64_t end_ns, uint64_t *seed)
{
    unsigned n_killed = 0;

    while (t_now_ns() < end_ns && sh->n_bad == 0) {
        unsigned i = (unsigned)(t_random(seed) % SEATS);

        t_sleep_ns(KILL_MIN_NS + (int64_t)(t_random(seed) % (KILL_MAX_NS - KILL_MIN_NS)));
        t_kill(sh->seat[i].pid);
        n_killed++;
        start(i, seed);
        all_eat(0);
    }
    return n_killed;
}

static void end_all(void)
{
    int64_t calm_ns = t_now_ns();

    while (sh->n_bad == 0 && !all_eat(calm_ns))
        t_sleep_ns(T_MS);
    sh->stop = true;
    for (unsigned i = 0; i < SEATS; i++)
        if (t_reap(sh->seat[i].pid, FORKS_PATIENCE_MS + 2000) != 0)
            complain("a philosopher doesn't end", i);
    for (unsigned i = 0; i < SEATS; i++) {
        int rc = forks->lying(i);

        if (rc != 1)
            complain(rc < 0 ? "can't look at a fork" : "a fork isn't back", rc < 0 ? rc : (int)i);
    }
}

static void report(unsigned n_killed)
{
    unsigned long long n = 0, least = ~0ULL;

    for (unsigned i = 0; i < SEATS; i++) {
        unsigned long long its = sh->seat[i].n_meals;

        n += its;
        least = its < least ? its : least;
    }
    printf("%llu meals, of one seat %llu at least, %u killed, longest wait %.1f ms, %u failures\n",
           n, least, n_killed, (double)sh->worst_ns / 1e6, sh->n_bad);
}

int main(int argc, char **argv)
{
    unsigned seconds = argc > 2 ? (unsigned)atoi(argv[2]) : 10, n_killed;
    uint64_t seed = t_seed();
    int rc;

    forks = argc > 1 && strcmp(argv[1], "permit") == 0 ? &forks_permits : &forks_set;
    t_limit(seconds + 60);
    printf("seed %llu\n", (unsigned long long)seed);
    sh = t_shared(sizeof(*sh));
    if (!mkdtemp(directory) || setenv("HEPTA_DIR", directory, 1) < 0)
        t_die("can't make %s", directory);
    rc = forks->make();
    if (rc < 0)
        complain("no forks", rc);
    for (unsigned i = 0; i < SEATS && rc == 0; i++) {
        sh->seat[i].moved_ns = t_now_ns();
        start(i, &seed);
    }
    n_killed = kill_and_start(t_now_ns() + seconds * 1000 * T_MS, &seed);
    if (rc == 0)
        end_all();
    rc = forks->remove();
    if (rc < 0)
        complain("they can't be removed", rc);
    if (rmdir(directory) < 0)
        complain("something is left in the directory", errno);
    report(n_killed);
    return sh->n_bad != 0;
}
