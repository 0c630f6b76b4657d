/* SPDX-License-Identifier: MIT */
/*
 * pipe_steps.c - the pipe's verbs, killed and stopped in every state
 *
 * The cases are in the table at the end; the hooks are the same for all of them.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "pipe/pipe_internal.h"
#include "pipe_world.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HANG_NS (10000 * T_MS) /* a victim's own deadline: longer than any pass */

static unsigned char out[8192]; /* what the victim writes */

static void create(struct step_run *run)
{
    const struct pipe_case *c = case_of(run);
    struct hepta_pipe_options opt = {.size = sizeof(opt), .flags = c->flags,
                                     .capacity = c->capacity};

    step_returned(run, hepta_pipe_new(&world.r, &world.w, &opt));
}

static void reserve(struct step_run *run, bool commit)
{
    const struct pipe_case *c = case_of(run);
    void *p;
    int rc = hepta_pipe_reserve(world.w, c->len, &p, hepta_in_ns(HANG_NS));

    if (rc == 0)
        memcpy(p, out, c->len);
    if (rc == 0 && commit)
        rc = hepta_pipe_commit(world.w, c->len);
    step_returned(run, rc < 0 ? rc : commit ? (int64_t)c->len : 0);
}

static void peek(struct step_run *run, bool release)
{
    const struct pipe_case *c = case_of(run);
    const void *p;
    ssize_t got = hepta_pipe_peek(world.r, &p, hepta_in_ns(HANG_NS));
    ssize_t take = got < (ssize_t)c->len ? got : (ssize_t)c->len;

    if (got > 0 && release) {
        memcpy(room_of(run)->data, p, (size_t)take);
        got = hepta_pipe_release(world.r, (size_t)take);
        step_returned(run, got < 0 ? got : take);
        return;
    }
    step_returned(run, got < 0 ? got : 0);
}

static void victim_verb(struct step_run *run)
{
    const struct pipe_case *c = case_of(run);
    int fds[HEPTA_PIPE_NFDS];
    struct hepta_pipe *p;

    switch (c->verb) {
    case V_CREATE:
        create(run);
        break;
    case V_WRITE:
        step_returned(run, hepta_pipe_write(world.w, out, c->len, hepta_in_ns(HANG_NS)));
        break;
    case V_RESERVE:
    case V_COMMIT:
        reserve(run, c->verb == V_COMMIT);
        break;
    case V_READ:
        step_returned(run, hepta_pipe_read(world.r, room_of(run)->data, c->len,
                                           hepta_in_ns(HANG_NS)));
        break;
    case V_PEEK:
    case V_RELEASE:
        peek(run, c->verb == V_RELEASE);
        break;
    case V_CLOSE_W:
        step_returned(run, hepta_pipe_close(world.w) != NULL);
        break;
    case V_CLOSE_R:
        step_returned(run, hepta_pipe_close(world.r) != NULL);
        break;
    case V_FD_W:
    case V_FD_R:
        step_returned(run, hepta_pipe_fd(c->verb == V_FD_W ? world.w : world.r) < 0);
        break;
    case V_EXPORT_W:
        step_returned(run, hepta_pipe_export(world.w, fds));
        break;
    case V_ATTACH_R:
        step_returned(run, hepta_pipe_attach(&p, world.fds, NULL));
        break;
    }
}

static void victim_enter(struct step_run *run)
{
    const struct pipe_case *c = case_of(run);

    rec_fill(out, (c->len + REC - 1) / REC * REC, REC_VICTIM, 0);
    if (victim_reads(c))
        world.w = hepta_pipe_close(world.w);
    else
        world.r = hepta_pipe_close(world.r);
}

static void stage_depart(struct step_run *run)
{
    const struct pipe_case *c = case_of(run);

    if (c->verb == V_ATTACH_R)
        for (int i = 0; i < HEPTA_PIPE_NFDS; i++)
            close(world.fds[i]);
    if (!c->sole)
        return;
    if (victim_reads(c))
        world.r = hepta_pipe_close(world.r);
    else
        world.w = hepta_pipe_close(world.w);
}

/* A nap ends by itself, and a short one may not even have been noticed. */
static bool sleeps_in_poll(pid_t pid)
{
    char path[32];
    long call = -1;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
    f = fopen(path, "re");
    if (!f)
        return false;
    if (fscanf(f, "%ld", &call) != 1)
        call = -1;
    fclose(f);
    return call == SYS_ppoll;
}

static void stage_wake(struct step_run *run)
{
    if (case_of(run)->deep && !sleeps_in_poll(run->victim))
        return;
    if (victim_reads(case_of(run)))
        stage_write(run, hepta_in_ms(1000));
    else if (world.r)
        stage_take(run);
}

/* The mates' turn after the victim is gone: each must end within 100 ms. */
static void mates_survive(struct step_run *run)
{
    const struct pipe_case *c = case_of(run);
    struct hepta_pipe_stat st = {0};
    int64_t start = t_now_ns();

    mates_go(run);
    hepta_pipe_stat(world.r ? world.r : world.w, &st, sizeof(st));
    if (mates_sleep_reading(c)) {
        if (st.used > 0)
            step_check(run, mates_wait(run, 1, 1000), "data are there, but no reader wakes up");
        for (int i = 0; i < world.n_mates && !c->sole; i++)
            stage_write(run, hepta_in_ms(1000));
    }
    if (c->mates == M_POLLER_W && world.r)
        stage_take(run);
    step_check(run, mates_wait(run, world.n_mates, 1000), "another process waits for ever");
    step_timed(run, start, 0, "another process");
    for (int i = 0; i < world.n_mates; i++)
        step_check(run, room_of(run)->mate[i].result == REC || c->sole,
                   "another process got %lld", (long long)room_of(run)->mate[i].result);
    if (c->mates != M_NONE)
        mates_stop();
}

static void create_survive(struct step_run *run)
{
    struct hepta_pipe *r, *w;
    unsigned char c = 'x';

    if (!step_check(run, hepta_pipe_new(&r, &w, NULL) == 0, "no new pipe can be made"))
        return;
    step_check(run, hepta_pipe_write(w, &c, 1, HEPTA_NOW) == 1, "a new pipe can't be written");
    step_check(run, hepta_pipe_read(r, &c, 1, HEPTA_NOW) == 1, "a new pipe can't be read");
    hepta_pipe_close(r);
    hepta_pipe_close(w);
}

/* A writer that doesn't sleep notices within a tick of the kernel's clock. */
static void expect_epipe(struct step_run *run)
{
    int64_t start = t_now_ns();
    ssize_t n;

    do
        n = stage_write(run, hepta_in_ms(1000));
    while (n == REC && t_now_ns() < start + 1000 * T_MS);
    step_timed(run, start, 0, "-EPIPE");
    step_check(run, n == -EPIPE, "no -EPIPE, but %zd", n);
}

static void survive(struct step_run *run)
{
    const struct pipe_case *c = case_of(run);
    bool level = c->mates == M_POLLER_R || c->mates == M_POLLER_W || c->verb == V_FD_R ||
                 c->verb == V_FD_W;

    if (c->verb == V_CREATE) {
        create_survive(run);
        return;
    }
    mates_survive(run);
    if (level)
        check_levels(run);
    if (c->sole && victim_reads(c)) {
        expect_epipe(run);
    } else if (c->sole) {
        stage_drain(run, true);
    } else {
        stage_drain(run, false);
        step_check(run, stage_write(run, HEPTA_NOW) == REC, "nothing can be written");
        stage_drain(run, false);
    }
    if (level)
        check_levels(run);
    if (world.r)
        check_ledger(run);
    check_inside(run);
}

static void stopped(struct step_run *run)
{
    const struct pipe_case *c = case_of(run);
    bool closes = c->verb == V_CLOSE_R || c->verb == V_CLOSE_W;
    struct hepta_pipe_stat st;
    int64_t start;
    ssize_t n;

    mates_go(run);
    start = t_now_ns();
    hepta_pipe_stat(world.r ? world.r : world.w, &st, sizeof(st));
    step_timed(run, start, 0, "stat");
    if ((c->flags & HEPTA_PIPE_SPSC) && c->mates != M_NONE)
        return; /* the mate is the one reader or writer */
    if (world.w) {
        n = stage_write(run, HEPTA_NOW);
        if (n == -EAGAIN)
            n = stage_write(run, hepta_in_ms(50));
        step_check(run, n != -EPIPE || (closes && c->sole), "-EPIPE, but a reader is stopped only");
    }
    if (world.r) {
        n = stage_read(run, REC, HEPTA_NOW);
        if (n == -EAGAIN)
            n = stage_read(run, REC, hepta_in_ms(50));
        step_check(run, n != 0 || (closes && c->sole), "end-of-file, but a writer is stopped only");
    }
}

static void resumed(struct step_run *run)
{
    const struct pipe_case *c = case_of(run);
    bool counts = c->verb == V_WRITE || c->verb == V_COMMIT;

    step_check(run, run->returned, "the verb of the stopped process didn't return");
    step_check(run, counts ? run->result == c->len : run->result >= 0,
               "the verb of the stopped process: %lld", (long long)run->result);
    survive(run);
}

/* The second victim does what a survivor would do first. */
static void recover(struct step_run *run)
{
    unsigned char rec[REC];

    rec_fill(rec, REC, REC_MATE, 100);
    if (victim_reads(case_of(run)))
        hepta_pipe_read(world.r, rec, REC, hepta_in_ns(HANG_NS));
    else
        hepta_pipe_write(world.w, rec, REC, hepta_in_ns(HANG_NS));
}

/* Data beyond the first bytes are copied in pieces that are all alike: not states. */
#define CONTROL (H7_SEGMENT_CONTROL + sizeof(struct h7_conduit_shared))

#define K STEP_KILL
#define KS (STEP_KILL | STEP_STOP)
#define KSC (STEP_KILL | STEP_STOP | STEP_CHAIN)
#define SPSC HEPTA_PIPE_SPSC
#define PACKET HEPTA_PIPE_PACKET

#define CASE(title, k, ...)                                                                        \
    &(const struct step_scenario)                                                                  \
    {                                                                                              \
        .name = title, .segment = "/memfd:hepta", .watch = CONTROL, .kinds = k,                    \
        .arg = &(const struct pipe_case){.flags = __VA_ARGS__}, .setup = world_setup,              \
        .enter = victim_enter, .verb = victim_verb, .depart = stage_depart, .wake = stage_wake,    \
        .press = mates_go, .survive = survive, .stopped = stopped, .resumed = resumed,             \
        .recover = recover, .cleanup = world_cleanup                                               \
    }

/* flags, capacity, verb, bytes before, bytes of the verb, sole, mates, deep */
static const struct step_scenario *const scenarios[] = {
    CASE("create", K, 0, 4096, V_CREATE, 0, 0, false, M_NONE),
    CASE("create, spsc", K, SPSC, 4096, V_CREATE, 0, 0, false, M_NONE),
    CASE("write 128", KSC, 0, 4096, V_WRITE, 128, 128, false, M_NONE),
    CASE("write 128, only writer", KS, 0, 4096, V_WRITE, 128, 128, true, M_NONE),
    CASE("write 128, spsc, only writer", KS, SPSC, 4096, V_WRITE, 128, 128, true, M_NONE),
    CASE("write 128, packet", KSC, PACKET, 8192, V_WRITE, 128, 128, false, M_NONE),
    CASE("write 128, spsc packet, only writer", K, SPSC | PACKET, 8192, V_WRITE, 64, 128, true,
         M_NONE),
    CASE("write 128, another writer waits", KSC, 0, 4096, V_WRITE, 128, 128, false, M_WRITER),
    CASE("write 128, readers asleep", KS, 0, 4096, V_WRITE, 0, 128, false, M_READERS),
    CASE("write 64, packet, readers asleep", K, PACKET, 8192, V_WRITE, 0, 64, true, M_READERS),
    CASE("write 128, epoll sleeper", KSC, 0, 4096, V_WRITE, 0, 128, false, M_POLLER_R),
    CASE("write 128, epoll sleeper, only writer", K, 0, 4096, V_WRITE, 0, 128, true, M_POLLER_R),
    CASE("write 128, spsc, epoll sleeper", KS, SPSC, 4096, V_WRITE, 0, 128, true, M_POLLER_R),
    CASE("write 128, spsc, reader asleep", KS, SPSC, 4096, V_WRITE, 0, 128, true, M_SLEEPER),
    CASE("write 6016 in pieces", KS, 0, 4096, V_WRITE, 128, 6016, false, M_NONE),
    CASE("write 6016 in pieces, spsc", K, SPSC, 4096, V_WRITE, 128, 6016, true, M_NONE),
    CASE("write 128 to the full pipe", KS, 0, 4096, V_WRITE, 4096, 128, true, M_NONE),
    CASE("write 128 to the full pipe, spsc", K, SPSC, 4096, V_WRITE, 4096, 128, true, M_NONE),
    CASE("write 128 to the full pipe, deep asleep", KS, 0, 4096, V_WRITE, 4096, 128, true, M_NONE,
         1),
    CASE("reserve", KSC, 0, 4096, V_RESERVE, 128, 128, false, M_NONE),
    CASE("reserve, spsc, only writer", K, SPSC, 4096, V_RESERVE, 128, 128, true, M_NONE),
    CASE("reserve, another writer waits", KS, 0, 4096, V_RESERVE, 128, 128, false, M_WRITER),
    CASE("reserve and commit", KSC, 0, 4096, V_COMMIT, 128, 128, false, M_NONE),
    CASE("reserve and commit, packet", K, PACKET, 8192, V_COMMIT, 128, 128, false, M_WRITER),
    CASE("reserve and commit, spsc", K, SPSC, 4096, V_COMMIT, 0, 128, true, M_POLLER_R),
    CASE("read 128", KSC, 0, 4096, V_READ, 256, 128, false, M_NONE),
    CASE("read 128, only reader", KS, 0, 4096, V_READ, 256, 128, true, M_NONE),
    CASE("read 128, spsc, only reader", KS, SPSC, 4096, V_READ, 256, 128, true, M_NONE),
    CASE("read 64, packet", KS, PACKET, 8192, V_READ, 256, 64, false, M_NONE),
    CASE("read 128, another reader waits", KS, 0, 4096, V_READ, 256, 128, false, M_READER),
    CASE("read all, epoll sleeper wants room", KSC, 0, 4096, V_READ, 4096, 4096, false, M_POLLER_W),
    CASE("read all, spsc, epoll sleeper wants room", K, SPSC, 4096, V_READ, 4096, 4096, true,
         M_POLLER_W),
    CASE("read 64 of the empty pipe", KS, 0, 4096, V_READ, 0, 64, false, M_NONE),
    CASE("read 64 of the empty pipe, spsc", K, SPSC, 4096, V_READ, 0, 64, true, M_NONE),
    CASE("read 64 of the empty pipe, deep asleep", KS, 0, 4096, V_READ, 0, 64, false, M_NONE, 1),
    CASE("read 64 of the empty pipe, deep asleep, spsc", K, SPSC, 4096, V_READ, 0, 64, true, M_NONE,
         1),
    CASE("peek", KSC, 0, 4096, V_PEEK, 256, 0, false, M_NONE),
    CASE("peek, another reader waits", KS, 0, 4096, V_PEEK, 256, 0, false, M_READER),
    CASE("peek and release 128", KSC, 0, 4096, V_RELEASE, 256, 128, false, M_NONE),
    CASE("peek and release 64, packet", K, PACKET, 8192, V_RELEASE, 256, 64, false, M_READER),
    CASE("peek and release 128, spsc", K, SPSC, 4096, V_RELEASE, 256, 128, true, M_NONE),
    CASE("close of the only writer", KS, 0, 4096, V_CLOSE_W, 0, 0, true, M_READERS),
    CASE("close of the only reader", KS, 0, 4096, V_CLOSE_R, 128, 0, true, M_NONE),
    CASE("close of one of two writers", K, 0, 4096, V_CLOSE_W, 128, 0, false, M_NONE),
    CASE("first use of the read end's descriptor", KSC, 0, 4096, V_FD_R, 128, 0, false, M_NONE),
    CASE("first use of the write end's descriptor", KSC, 0, 4096, V_FD_W, 128, 0, false, M_WRITER),
    CASE("first use of the descriptor, spsc", K, SPSC, 4096, V_FD_W, 0, 0, false, M_NONE),
    CASE("export", K, 0, 4096, V_EXPORT_W, 128, 0, false, M_NONE),
    CASE("attach", K, 0, 4096, V_ATTACH_R, 128, 0, false, M_NONE),
};

int main(int argc, char **argv)
{
    struct hepta_pipe *r, *w;

    /* What the library makes once per process mustn't look like a leak. */
    if (hepta_pipe_new(&r, &w, NULL) == 0) {
        hepta_pipe_close(r);
        hepta_pipe_close(w);
    }
    return step_main(argc, argv, scenarios, T_COUNT(scenarios));
}
