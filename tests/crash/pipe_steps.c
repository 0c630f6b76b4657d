/* SPDX-License-Identifier: MIT */
/*
 * pipe_steps.c - the pipe's verbs, killed and stopped in every state
 *
 * The cases are in the table at the end; their hooks are in flow_hooks.c.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "flow.h"
#include "pipe/pipe_internal.h"
#include "pipe_room.h"

#include <hepta/pipe.h>
#include <string.h>
#include <unistd.h>

static int fds[HEPTA_PIPE_NFDS];

/* --- verbs that only the pipe has ---------------------------------------------------- */

static void create(struct step_run *run)
{
    const struct flow_case *c = case_of(run);
    struct hepta_pipe_options opt = {.size = sizeof(opt), .flags = c->flags,
                                     .capacity = c->capacity};
    struct hepta_pipe *r, *w;

    step_returned(run, hepta_pipe_new(&r, &w, &opt));
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

static void export(struct step_run *run)
{
    int out[HEPTA_PIPE_NFDS];

    step_returned(run, hepta_pipe_export(world.w, out));
}

static void attach_setup(struct step_run *run)
{
    flow_setup(run);
    if (hepta_pipe_export(world.r, fds) < 0)
        t_die("hepta_pipe_export");
}

static void attach(struct step_run *run)
{
    struct hepta_pipe *p;

    step_returned(run, hepta_pipe_attach(&p, fds, NULL));
}

static void attach_depart(struct step_run *run)
{
    flow_depart(run);
    for (int i = 0; i < HEPTA_PIPE_NFDS; i++)
        close(fds[i]);
}

/* --- the table ----------------------------------------------------------------------- */

/* Data beyond the first bytes are copied in pieces that are all alike: not states. */
#define CONTROL (H7_SEGMENT_CONTROL + sizeof(struct h7_conduit_shared))

#define SPSC HEPTA_PIPE_SPSC
#define PACKET HEPTA_PIPE_PACKET

#define SCENARIO(title, k, hooks, ...)                                                             \
    &(const struct step_scenario)                                                                  \
    {                                                                                              \
        .name = title, .segment = "/memfd:hepta", .watch = CONTROL, .kinds = k,                    \
        .arg = &(const struct flow_case){.room = &pipe_room, .flags = __VA_ARGS__}, hooks          \
    }

#define HOOKS FLOW_HOOKS(flow_setup, flow_verb, flow_depart)
#define CASE(title, k, ...) SCENARIO(title, k, HOOKS, __VA_ARGS__)

#define HOOKS_CREATE .verb = create, .survive = create_survive
#define HOOKS_EXPORT FLOW_HOOKS(flow_setup, export, flow_depart)
#define HOOKS_ATTACH FLOW_HOOKS(attach_setup, attach, attach_depart)

/* flags, capacity, verb, bytes before, bytes of the verb, sole, mates, deep */
static const struct step_scenario *const scenarios[] = {
    SCENARIO("create", K, HOOKS_CREATE, 0, 4096),
    SCENARIO("create, spsc", K, HOOKS_CREATE, SPSC, 4096),
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
    SCENARIO("export", K, HOOKS_EXPORT, 0, 4096, V_OWN_W, 128, 0, false, M_NONE),
    SCENARIO("attach", K, HOOKS_ATTACH, 0, 4096, V_OWN_R, 128, 0, false, M_NONE),
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
