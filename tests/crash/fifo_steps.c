/* SPDX-License-Identifier: MIT */
/*
 * fifo_steps.c - the verbs of an open FIFO, killed and stopped in every state
 *
 * The cases are in the table; their hooks are in flow_hooks.c. The data path is the pipe's,
 * so here is mostly what the bells in named kernel FIFOs could do differently. Making,
 * opening and removing are in fifo_open_steps.c.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "fifo/fifo_internal.h"
#include "fifo_room.h"
#include "scratch.h"

#include <stdlib.h>

/* Data beyond the first bytes are copied in pieces that are all alike: not states. */
#define CONTROL (H7_SEGMENT_CONTROL + sizeof(struct h7_fifo_shared))

#define PACKET HEPTA_FIFO_PACKET

#define CASE(title, k, ...)                                                                        \
    &(const struct step_scenario)                                                                  \
    {                                                                                              \
        .name = title, .segment = SCRATCH_MARK, .watch = CONTROL, .watch_data = REC, .kinds = k,   \
        .arg = &(const struct flow_case){.room = &fifo_room, .flags = __VA_ARGS__},                \
        FLOW_HOOKS(flow_setup, flow_verb, flow_depart)                                             \
    }

/* flags, capacity, verb, bytes before, bytes of the verb, sole, mates, deep */
static const struct step_scenario *const scenarios[] = {
    CASE("write 128", KS, 0, 4096, V_WRITE, 128, 128, false, M_WRITER),
    CASE("write 128, only writer", KS, 0, 4096, V_WRITE, 128, 128, true, M_NONE),
    CASE("write 128, readers asleep", KS, 0, 4096, V_WRITE, 0, 128, false, M_READERS),
    CASE("write 64, packet, readers asleep", K, PACKET, 8192, V_WRITE, 0, 64, true, M_READERS),
    CASE("write 128, epoll sleeper", KSC, 0, 4096, V_WRITE, 0, 128, false, M_POLLER_R),
    CASE("write 128, epoll sleeper, only writer", K, 0, 4096, V_WRITE, 0, 128, true, M_POLLER_R),
    CASE("write 128 to the full FIFO", KS, 0, 4096, V_WRITE, 4096, 128, true, M_NONE, 1),
    CASE("reserve and commit", KS, 0, 4096, V_COMMIT, 128, 128, false, M_WRITER),
    CASE("reserve, only writer", K, 0, 4096, V_RESERVE, 128, 128, true, M_NONE),
    CASE("read 128", KS, 0, 4096, V_READ, 256, 128, false, M_READER),
    CASE("read 128, only reader", KS, 0, 4096, V_READ, 256, 128, true, M_NONE),
    CASE("read all, epoll sleeper wants room", KSC, 0, 4096, V_READ, 4096, 4096, false, M_POLLER_W),
    CASE("read 64 of the empty FIFO", KS, 0, 4096, V_READ, 0, 64, false, M_NONE, 1),
    CASE("peek, only reader", K, 0, 4096, V_PEEK, 256, 0, true, M_NONE),
    CASE("peek and release 64, packet", KS, PACKET, 8192, V_RELEASE, 256, 64, false, M_READER),
    CASE("close of the only writer", KS, 0, 4096, V_CLOSE_W, 0, 0, true, M_READERS),
    CASE("close of the only reader", KS, 0, 4096, V_CLOSE_R, 128, 0, true, M_NONE),
    CASE("first use of the read end's descriptor", KS, 0, 4096, V_FD_R, 128, 0, false, M_NONE),
    CASE("first use of the write end's descriptor", KS, 0, 4096, V_FD_W, 128, 0, false, M_WRITER),
};

int main(int argc, char **argv)
{
    int rc;

    if (getenv(STEP_AGAIN)) {
        scratch_begin();
        fifo_warm_up();
    }
    rc = step_main(argc, argv, scenarios, T_COUNT(scenarios));
    scratch_end();
    return rc;
}
