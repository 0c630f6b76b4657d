/* SPDX-License-Identifier: MIT */
/*
 * scribble.c - a peer that writes whatever it likes over a whole object while it is used: no
 * fault, no hang, no undocumented answer, no descriptor that stays
 *
 * scribble SECONDS ROOM... takes the rooms in turns. Each round makes an object and three
 * processes: one overwrites the memory (values.c) and abuses what the kernel has of the
 * object, two ("actors") call every verb with finite deadlines. Built with ASan and
 * UBSan, a read or write outside any object ends an actor. What the actors are told may be
 * nonsense; that they are told it in time and in documented words is what is checked.
 *
 * A room describes itself with a struct room (scribble.h): scribble_pipe.c is the simplest.
 */
#define _GNU_SOURCE
#include "scribble.h"

#include "values.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LATE_NS (100 * T_MS)

static const struct room *const rooms[] = {&pipe_room,      &fifo_room, &stream_room,
                                          &seqpacket_room, &mq_room,   &msg_room,
                                          &permit_room,    &set_room,  &sem_room,
                                          &shm_room,       &semset_room, &shmid_room,
                                          &mailbox_room};

struct actor {
    volatile int pid, verb; /* verb: what it is in now, for the report of a hang */
    uint64_t n_calls, n_corrupt, n_late, n_very_late, n_bytes, n_rounds;
    int64_t worst_ns;
    int undocumented, in_verb, n_fds_more;
};

struct shared {
    volatile bool stop;
    struct actor actor[T_COUNT(rooms)][2];
};

static struct shared *shared;
static const struct room *room;
static struct actor *actors, *me; /* of the room */
static uint64_t seed;
static int n_fds; /* before there was an object: what an actor must come back to */

uint64_t rnd(uint64_t below)
{
    return t_random(&seed) % below;
}

bool stopped(void)
{
    return shared->stop;
}

static bool documented(int verb, int err)
{
    for (int i = 0; i < ERRORS_MAX && room->verbs[verb].errors[i]; i++)
        if (err == room->verbs[verb].errors[i])
            return true;
    return false;
}

int64_t begin_verb(int verb)
{
    me->verb = verb;
    return t_now_ns();
}

void end_verb(int verb, int64_t start, int64_t deadline, int64_t result)
{
    int64_t over = t_now_ns() - (deadline > start ? deadline : start);

    me->n_calls++;
    me->n_late += over > LATE_NS;
    me->n_very_late += over > 10 * LATE_NS;
    if (over > me->worst_ns) {
        me->worst_ns = over;
        me->in_verb = verb;
    }
    me->n_corrupt += result == -EBADMSG;
    if (result > 0)
        me->n_bytes += (uint64_t)result;
    if (result < 0 && !documented(verb, (int)-result))
        me->undocumented = -result < 9999 ? (int)-result * 100 + verb : 999900 + verb;
}

int64_t some_deadline(void)
{
    return rnd(2) ? HEPTA_NOW : hepta_in_us((int64_t)rnd(4000));
}

static _Noreturn void act(int role)
{
    me = &actors[role];
    me->pid = getpid();
    room->begin(role);
    while (!shared->stop)
        room->act(role);
    room->end(role);
    if (t_usage().n_fds > n_fds)
        me->n_fds_more = t_usage().n_fds - n_fds;
    exit(0); /* not _exit(): the sanitizers have a last look */
}

void scribble_over(void *at, size_t len)
{
    const uint32_t tids[3] = {(uint32_t)getpid(), (uint32_t)actors[0].pid, (uint32_t)actors[1].pid};

    scribble_round(at, len, tids, &seed, &shared->stop);
}

static bool ended_well(pid_t pid, int role)
{
    const char *who = room->actors[role], *verb = room->verbs[actors[role].verb].name;
    int status = t_reap(pid, 15000);

    if (status == 0)
        return true;
    if (status == -ETIMEDOUT)
        fprintf(stderr, "FAILED: %s: the %s hangs in %s\n", room->name, who, verb);
    else
        fprintf(stderr, "FAILED: %s: the %s, in %s, ended with status 0x%x\n", room->name, who,
                verb, status);
    return false;
}

/* One object's life under attack. */
static bool attack(size_t which)
{
    pid_t pid[3];
    bool ok = true;

    room = rooms[which];
    me = actors = shared->actor[which];
    shared->stop = false;
    n_fds = t_usage().n_fds;
    room->make();
    for (int i = 0; i < 3; i++) {
        t_random(&seed);
        pid[i] = t_fork();
        if (pid[i])
            continue;
        seed += (uint64_t)i * 77;
        if (i < 2)
            act(i);
        while (!shared->stop)
            room->scribble();
        _exit(0);
    }
    t_sleep_ns((int64_t)(5 + rnd(40)) * T_MS);
    shared->stop = true;
    for (int i = 0; i < 2; i++)
        ok &= ended_well(pid[i], i);
    t_kill(pid[2]);
    room->drop();
    actors->n_rounds++;
    return ok;
}

static bool verdict_on(const struct room *r, const struct actor *both)
{
    bool ok = true;

    for (int i = 0; i < 2; i++) {
        const struct actor *a = &both[i];

        printf("%s, %s: %llu calls in %llu rounds, %llu bytes, %llu answers -EBADMSG, worst "
               "%.1f ms beyond a deadline (%s), %llu beyond 100 ms\n",
               r->name, r->actors[i], (unsigned long long)a->n_calls,
               (unsigned long long)both->n_rounds, (unsigned long long)a->n_bytes,
               (unsigned long long)a->n_corrupt, (double)a->worst_ns / 1e6,
               r->verbs[a->in_verb].name, (unsigned long long)a->n_late);
        if (a->undocumented)
            fprintf(stderr, "FAILED: undocumented answer -%d from %s\n", a->undocumented / 100,
                    r->verbs[a->undocumented % 100].name);
        if (a->n_fds_more)
            fprintf(stderr, "FAILED: %d descriptors stayed in a %s\n", a->n_fds_more,
                    r->actors[i]);
        ok &= a->undocumented == 0 && a->n_fds_more == 0 && a->n_corrupt > 0 && a->n_bytes > 0;
        ok &= a->n_late * 1000 <= a->n_calls && a->n_very_late == 0;
    }
    return ok;
}

static size_t find(const char *name)
{
    for (size_t i = 0; i < T_COUNT(rooms); i++)
        if (strcmp(rooms[i]->name, name) == 0)
            return i;
    t_die("no room %s", name);
}

int main(int argc, char **argv)
{
    unsigned seconds = argc > 2 ? (unsigned)atoi(argv[1]) : 0;
    int64_t until = t_now_ns() + seconds * 1000 * T_MS;
    struct t_usage before;
    bool ok = true;

    if (seconds == 0)
        t_die("scribble SECONDS ROOM...");
    t_limit(seconds + 60);
    seed = t_seed();
    printf("seed %llu, %u s\n", (unsigned long long)seed, seconds);
    shared = t_shared(sizeof(*shared));
    for (int i = 2; i < argc && ok; i++)
        ok = attack(find(argv[i]));
    before = t_usage();
    while (ok && t_now_ns() < until)
        for (int i = 2; i < argc && ok; i++)
            ok = attack(find(argv[i]));
    for (int i = 2; i < argc; i++)
        ok = verdict_on(rooms[find(argv[i])], shared->actor[find(argv[i])]) && ok;
    ok = t_usage_same("parent", before, t_usage()) && ok;
    printf("%s\n", ok ? "ok" : "FAILED");
    return !ok;
}
