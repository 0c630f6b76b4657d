/* SPDX-License-Identifier: MIT */
/*
 * sock_end_steps.c - shutdown of a direction in memory, killed and stopped in every state
 *
 * Whoever dies in there has ended the direction or hasn't; the survivors must agree on
 * which. All share both ends, so that no hang-up decides it for them. Odd states ask a
 * sender first, even ones a receiver.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "sock_room.h"
#include "socket/memory.h"

#include <errno.h>
#include <string.h>

static void verb(struct step_run *run)
{
    bool reads = victim_reads(case_of(run));

    step_returned(run, hepta_sock_shutdown(reads ? world.r : world.w,
                                           reads ? HEPTA_SOCK_RD : HEPTA_SOCK_WR));
}

/* All that is inside may still be read; then comes the end, or nothing. */
static ssize_t read_to_the_end(struct step_run *run)
{
    ssize_t got;

    do
        got = stage_read(run, REC, HEPTA_NOW);
    while (got > 0);
    return got;
}

/* Who found out has told the others: nobody sleeps on. */
static void check_over(struct step_run *run)
{
    int64_t start = t_now_ns();
    const struct mate *m = &room_of(run)->mate[0];
    bool polls = case_of(run)->mates == M_POLLER_W;

    step_check(run, mates_wait(run, world.n_mates, 1000), "over, but somebody waits for ever");
    step_timed(run, start, 0, "who waits for the end");
    step_check(run, world.n_mates == 0 || m->result == (polls ? -EPIPE : 0) || m->result == REC,
               "over, but somebody else gets %lld", (long long)m->result);
    step_check(run, stage_write(run, HEPTA_NOW) == -EPIPE, "over, but a send goes");
    step_check(run, read_to_the_end(run) == 0, "over, but recv doesn't say so");
}

/* Everything goes on: the sleeper gets its turn. */
static void check_not_over(struct step_run *run)
{
    step_check(run, !run->returned, "shut down, but it isn't over");
    if (case_of(run)->mates == M_POLLER_W)
        stage_take(run);
    else if (world.n_mates > 0)
        stage_write(run, HEPTA_NOW);
    step_check(run, mates_wait(run, world.n_mates, 1000), "not over, but somebody waits for ever");
    step_check(run, world.n_mates == 0 || room_of(run)->mate[0].result == REC,
               "not over, but somebody gets %lld", (long long)room_of(run)->mate[0].result);
    stage_take(run);
    step_check(run, stage_write(run, HEPTA_NOW) == REC, "not over, but a send doesn't go");
    step_check(run, read_to_the_end(run) == -EAGAIN, "over for receivers only");
    step_check(run, hepta_sock_shutdown(world.w, HEPTA_SOCK_WR) == 0, "shutdown by the survivor");
    step_check(run, stage_write(run, HEPTA_NOW) == -EPIPE, "over, but a send goes");
    step_check(run, read_to_the_end(run) == 0, "over, but recv doesn't say so");
}

/* The other direction is as it was. */
static void check_other_direction(struct step_run *run)
{
    unsigned char rec[REC] = {1}, got[REC] = {0};
    ssize_t n = hepta_sock_send(world.r, rec, REC, HEPTA_NOW);

    step_check(run, n == REC, "send in the other direction: %zd", n);
    n = hepta_sock_recv(world.w, got, REC, HEPTA_NOW);
    step_check(run, n == REC && memcmp(rec, got, REC) == 0, "recv in the other direction: %zd", n);
}

static void survive(struct step_run *run)
{
    bool over;

    if (run->state % 2) {
        ssize_t put = stage_write(run, HEPTA_NOW);

        if (put == REC && case_of(run)->mates == M_SLEEPER)
            step_check(run, mates_wait(run, 1, 1000), "data are there, but no reader wakes up");
        over = put == -EPIPE;
    } else {
        over = read_to_the_end(run) == 0;
        /* A receiver asks the kernel once a tick; whoever sends then decides it. */
        over = over || stage_write(run, HEPTA_NOW) == -EPIPE;
    }
    if (over)
        check_over(run);
    else
        check_not_over(run);
    check_other_direction(run);
    check_inside(run);
}

static void stopped(struct step_run *run)
{
    stage_write(run, HEPTA_NOW);
    stage_write(run, hepta_in_ms(50));
    stage_read(run, REC, HEPTA_NOW);
    stage_read(run, REC, hepta_in_ms(50));
}

static void resumed(struct step_run *run)
{
    step_check(run, run->returned && run->result == 0, "the verb of the stopped process: %lld",
               (long long)run->result);
    check_over(run);
    check_other_direction(run);
}

#define CONTROL (H7_SEGMENT_CONTROL + sizeof(struct h7_sock_shared))
#define STREAM HEPTA_SOCK_STREAM
#define PACKET HEPTA_SOCK_SEQPACKET

#define CASE(title, k, ...)                                                                        \
    &(const struct step_scenario)                                                                  \
    {                                                                                              \
        .name = title, .segment = "/memfd:hepta", .watch = CONTROL, .watch_data = REC, .kinds = k, \
        .arg = &(const struct flow_case){.room = &sock_room, .flags = __VA_ARGS__},                \
        .setup = flow_setup, .verb = verb, .survive = survive, .stopped = stopped,                 \
        .resumed = resumed, .cleanup = flow_cleanup                                                \
    }

/* type, capacity, verb, bytes before, bytes of the verb, sole, mates */
static const struct step_scenario *const scenarios[] = {
    CASE("shutdown by a sender, stream", KS, STREAM, 4096, V_OWN_W, 128, 0, false, M_NONE),
    CASE("shutdown by a sender, receiver asleep", KS, STREAM, 4096, V_OWN_W, 0, 0, false,
         M_SLEEPER),
    CASE("shutdown by a sender, epoll sleeper", K, PACKET, 8192, V_OWN_W, 0, 0, false, M_POLLER_R),
    CASE("shutdown by a receiver, seqpacket", KS, PACKET, 8192, V_OWN_R, 128, 0, false, M_NONE),
    CASE("shutdown by a receiver, epoll sleeper wants room", KS, STREAM, 4096, V_OWN_R, 4096, 0,
         false, M_POLLER_W),
};

int main(int argc, char **argv)
{
    sock_warm_up();
    return step_main(argc, argv, scenarios, T_COUNT(scenarios));
}
