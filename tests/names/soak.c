/* SPDX-License-Identifier: MIT */
/*
 * soak.c PROCESSES SECONDS - many processes make, find, unlink and list the same few names
 *
 * Meanwhile some are killed and replaced, and what they leave is cleaned up. No half-made
 * object may ever be found, no name may be lost or appear from nowhere, nothing may be left
 * at the end. soak.h says how that is known; worker.c is what they do; this is the parent:
 * it kills, and lets all pause now and then to compare the counts with the directory.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "base/self.h"
#include "name/name.h"
#include "soak.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_VICTIMS 40 /* at a time */
#define PATIENCE  60 /* seconds for all of them to be scheduled */

static char dir[] = "/dev/shm/hepta-soak-XXXXXX";
static struct soak_shared *sh;
static unsigned n_slots;
static struct victim {
    struct soak_slot *slot;
    bool stopped, has_draft;
} victims[N_VICTIMS]; /* told to stop */
static unsigned n_victims;
static uint64_t seed;
static unsigned n_passed, n_failed, n_checks;
static unsigned n_killed[3], n_spared, n_drafts; /* by what they were doing */

static void check(bool ok, const char *what, unsigned i)
{
    if (ok)
        n_passed++;
    else if (n_failed++ < 20)
        fprintf(stderr, "check %u: %s (%u)\n", n_checks, what, i);
}

/* Entries of the directory that begin so. */
static unsigned n_entries(const char *prefix)
{
    unsigned n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.' && strncmp(e->d_name, prefix, strlen(prefix)) == 0;
    if (!d)
        t_die("opendir");
    closedir(d);
    return n;
}

static void start(struct soak_slot *slot)
{
    uint64_t its_seed = t_random(&seed);
    slot->doing = IDLE;
    slot->parked = 0;
    slot->pid = t_fork();
    if (slot->pid == 0) {
        slot->pid = getpid();
        if (nice(5) < 0) /* the parent is one against many */
            _exit(1);
        _exit(soak_work(sh, slot, its_seed));
    }
}

/* Which of the victims have something half-made or half-removed? One look for all of them:
 * the directory is in great demand. */
static void find_drafts(void)
{
    unsigned long long pidns;
    unsigned pid;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));)
        for (unsigned i = 0; i < n_victims; i++)
            if (sscanf(e->d_name, "tmp.%llx.%x.", &pidns, &pid) == 2 &&
                pidns == h7_self_pidns() && (pid_t)pid == victims[i].slot->pid)
                victims[i].has_draft = true;
    if (!d)
        t_die("opendir");
    closedir(d);
}

/* It is stopped: did what it was doing happen? False if that can't be told. */
static bool settle(struct soak_slot *slot, bool has_draft)
{
    uint32_t *count = slot->doing == PUBLISHING ? &slot->made[slot->name]
                                                : &slot->unlinked[slot->name];
    if (slot->doing == IDLE || *count != slot->base)
        return true;
    if (slot->doing == UNLINKING && !has_draft)
        return false;
    if (has_draft == (slot->doing == UNLINKING))
        *count = slot->base + 1;
    return true;
}

static void kill_and_replace(struct victim *v)
{
    if (!settle(v->slot, v->has_draft)) {
        n_spared++;
        kill(v->slot->pid, SIGCONT);
        return;
    }
    n_drafts += v->has_draft;
    n_killed[v->slot->doing]++;
    t_kill(v->slot->pid);
    start(v->slot);
}

/* Have all victims stopped? With 200 processes on two processors that takes a while. */
static bool all_stopped(void)
{
    bool all = true;
    for (unsigned i = 0; i < n_victims; i++) {
        struct victim *v = &victims[i];
        int status = 0;
        pid_t pid = v->stopped ? v->slot->pid
                               : waitpid(v->slot->pid, &status, WUNTRACED | WNOHANG);
        if (!v->stopped && pid != 0 && !WIFSTOPPED(status))
            t_die("process %d ended by itself", (int)v->slot->pid);
        v->stopped = pid != 0;
        all = all && v->stopped;
    }
    return all;
}

static void kill_stopped(void)
{
    find_drafts();
    for (unsigned i = 0; i < n_victims; i++)
        kill_and_replace(&victims[i]);
    n_victims = 0;
}

static void kill_some(void)
{
    if (n_victims > 0) {
        if (all_stopped())
            kill_stopped();
        return;
    }
    unsigned first = (unsigned)(t_random(&seed) % n_slots);
    for (; n_victims < N_VICTIMS && n_victims < n_slots; n_victims++) {
        victims[n_victims] = (struct victim){.slot = &sh->slots[(first + n_victims) % n_slots]};
        kill(victims[n_victims].slot->pid, SIGSTOP);
    }
}

static void kill_the_rest(void)
{
    int64_t end = t_now_ns() + PATIENCE * 1000 * T_MS;
    while (n_victims > 0) {
        kill_some();
        if (t_now_ns() > end)
            t_die("not all of %u processes stop", n_victims);
        t_sleep_ns(T_MS);
    }
}

static void all_pause(void)
{
    int64_t end = t_now_ns() + PATIENCE * 1000 * T_MS;
    __atomic_store_n(&sh->hold, 1, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < n_slots; i++)
        while (!__atomic_load_n(&sh->slots[i].parked, __ATOMIC_SEQ_CST)) {
            if (t_now_ns() > end)
                t_die("process %d doesn't come to a pause", (int)sh->slots[i].pid);
            t_sleep_ns(T_MS);
        }
}

static int count_listed(const struct h7_name_seen *seen, void *arg)
{
    (void)seen;
    ++*(unsigned *)arg;
    return 0;
}

/* Nobody does anything: counts, lookups, list and directory must all say the same. */
static void compare(void)
{
    unsigned n_there = 0, n_listed = 0;
    n_checks++;
    check(h7_name_clean() >= 0, "clean-up", 0);
    for (uint32_t k = 0; k < SOAK_N_NAMES; k++) {
        int64_t n = 0;
        for (unsigned i = 0; i < n_slots; i++)
            n += (int64_t)sh->slots[i].made[k] - sh->slots[i].unlinked[k];
        int r = soak_attach(k);
        check(r == 0 || r == -ENOENT, "neither there nor not", k);
        check(n == (r == 0), n > (r == 0) ? "a name was lost" : "a name from nowhere", k);
        n_there += r == 0;
    }
    check(h7_name_list(SOAK_KIND, count_listed, &n_listed) == 0 && n_listed == n_there,
          "the list is incomplete", n_listed);
    check(n_entries("tmp.") == 0, "drafts are left", n_entries("tmp."));
    check(n_entries("") == n_there, "something else is left", n_entries(""));
}

static void stop_all(void)
{
    __atomic_store_n(&sh->stop, 1, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < n_slots; i++)
        check(t_reap(sh->slots[i].pid, PATIENCE * 1000) == 0, "a process leaks or hangs", i);
    compare();
    for (uint32_t k = 0; k < SOAK_N_NAMES; k++) {
        char name[8];
        soak_name(name, k);
        int r = h7_name_unlink(SOAK_KIND, name);
        check(r == 0 || r == -ENOENT, "last unlink", k);
    }
    check(n_entries("") == 0, "something is left at the end", n_entries(""));
}

static void report(void)
{
    uint64_t n[N_COUNTS] = {0};
    for (unsigned i = 0; i < n_slots; i++) {
        for (int k = 0; k < N_COUNTS; k++)
            n[k] += sh->slots[i].n[k];
        n_failed += sh->slots[i].n_bad;
    }
    n_passed += (unsigned)n[ATTACHED];
    printf("made %llu, taken already %llu, unlinked %llu, attached %llu (all consistent), "
           "not there %llu, lists %llu, cleaned %llu\n",
           (unsigned long long)n[MADE], (unsigned long long)n[TAKEN],
           (unsigned long long)n[UNLINKED], (unsigned long long)n[ATTACHED],
           (unsigned long long)n[NOT_THERE], (unsigned long long)n[LISTED],
           (unsigned long long)n[CLEANED]);
    printf("killed %u (publishing %u, unlinking %u), with something half-made or half-removed "
           "%u, spared %u; %u times all names compared\n",
           n_killed[IDLE] + n_killed[PUBLISHING] + n_killed[UNLINKING],
           n_killed[PUBLISHING], n_killed[UNLINKING], n_drafts, n_spared, n_checks);
    check(n[MADE] > 0 && n[UNLINKED] > 0 && n[ATTACHED] > 0 && n[TAKEN] > 0, "nothing was done", 0);
    printf("%u passed, %u failed\n", n_passed, n_failed);
}

static int run(int seconds)
{
    t_limit((unsigned)seconds + 4 * PATIENCE);
    sh = t_shared(sizeof(*sh) + n_slots * sizeof(sh->slots[0]));
    seed = t_seed();
    printf("seed %llu, %u processes, %d s\n", (unsigned long long)seed, n_slots, seconds);
    fflush(stdout);
    h7_name_clean(); /* what is made once in a process is made before it has children */
    int64_t end = t_now_ns() + seconds * 1000 * T_MS, pause = t_now_ns() + 1000 * T_MS;
    for (unsigned i = 0; i < n_slots; i++)
        start(&sh->slots[i]);
    while (t_now_ns() < end) {
        t_sleep_ns(10 * T_MS);
        kill_some();
        if (t_now_ns() < pause)
            continue;
        kill_the_rest();
        all_pause();
        compare();
        __atomic_store_n(&sh->hold, 0, __ATOMIC_SEQ_CST);
        pause = t_now_ns() + 1000 * T_MS;
    }
    kill_the_rest();
    stop_all();
    report();
    return n_failed != 0;
}

/* The directory goes away also when the parent of all these is killed. */
int main(int argc, char **argv)
{
    int status, seconds = argc == 3 ? atoi(argv[2]) : 0;
    n_slots = argc == 3 ? (unsigned)atoi(argv[1]) : 0;
    if (n_slots < 1 || n_slots > 10000 || seconds < 1) {
        fprintf(stderr, "usage: %s PROCESSES SECONDS\n", argv[0]);
        return 2;
    }
    if (!mkdtemp(dir) || setenv("HEPTA_DIR", dir, 1) != 0)
        t_die("%s", dir);
    pid_t pid = t_fork();
    if (pid == 0)
        exit(run(seconds));
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (rmdir(dir) == 0)
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    if (t_fork() == 0)
        execlp("rm", "rm", "-rf", dir, NULL);
    wait(NULL);
    return 1;
}
