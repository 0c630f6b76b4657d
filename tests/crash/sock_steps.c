/* SPDX-License-Identifier: MIT */
/*
 * sock_steps.c - what goes over a connection in memory, killed and stopped in every state
 *
 * The cases are in the table; their hooks are in flow_hooks.c. Descriptors that go along
 * are in sock_fds_steps.c, making and ending connections in sock_link_steps.c.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "sock_room.h"
#include "socket/memory.h"

/* Data beyond the first bytes are copied in pieces that are all alike: not states. */
#define CONTROL (H7_SEGMENT_CONTROL + sizeof(struct h7_sock_shared))

#define STREAM HEPTA_SOCK_STREAM
#define PACKET HEPTA_SOCK_SEQPACKET
#define LARGE (66 * 1024) /* doesn't fit under a lock: built in a reservation, taken by peek */
#define ROOMY (128 * 1024)

#define CASE(title, k, ...)                                                                        \
    &(const struct step_scenario)                                                                  \
    {                                                                                              \
        .name = title, .segment = "/memfd:hepta", .watch = CONTROL, .watch_data = REC, .kinds = k, \
        .arg = &(const struct flow_case){.room = &sock_room, .flags = __VA_ARGS__},                \
        FLOW_HOOKS(flow_setup, flow_verb, flow_depart)                                             \
    }

/* type, capacity, verb, bytes before, bytes of the verb, sole, mates, deep, piece */
static const struct step_scenario *const scenarios[] = {
    CASE("stream, send 128", KS, STREAM, 4096, V_WRITE, 128, 128, false, M_NONE),
    CASE("stream, send 128, only sender", KS, STREAM, 4096, V_WRITE, 128, 128, true, M_NONE),
    CASE("stream, send 128, receivers asleep", KS, STREAM, 4096, V_WRITE, 0, 128, false, M_READERS),
    CASE("stream, send 128, epoll sleeper", KSC, STREAM, 4096, V_WRITE, 0, 128, false, M_POLLER_R),
    CASE("stream, send 128, epoll sleeper, only sender", K, STREAM, 4096, V_WRITE, 0, 128, true,
         M_POLLER_R),
    CASE("stream, send 6016 in pieces", K | LONG, STREAM, 4096, V_WRITE, 128, 6016, false, M_NONE),
    CASE("stream, send 128, no room", K, STREAM, 4096, V_WRITE, 4096, 128, true, M_NONE, 1),
    CASE("stream, sendmsg 192 in three", K, STREAM, 4096, V_WRITE_PARTS, 128, 192, false, M_WRITER),
    CASE("stream, reserve", KS, STREAM, 4096, V_RESERVE, 128, 128, false, M_WRITER),
    CASE("stream, reserve and commit", KSC, STREAM, 4096, V_COMMIT, 0, 128, false, M_NONE),
    CASE("stream, recv 128", KS, STREAM, 4096, V_READ, 256, 128, false, M_READER),
    CASE("stream, recv 128, only receiver", KS, STREAM, 4096, V_READ, 256, 128, true, M_NONE),
    CASE("stream, recv all, epoll sleeper wants room", KSC, STREAM, 4096, V_READ, 4096, 4096, false,
         M_POLLER_W),
    CASE("stream, recv 64, nothing there", KS, STREAM, 4096, V_READ, 0, 64, false, M_NONE, 1),
    CASE("stream, recvmsg 192 in three", K, STREAM, 4096, V_READ_PARTS, 256, 192, false, M_NONE),
    CASE("stream, peek", K, STREAM, 4096, V_PEEK, 256, 0, false, M_READER),
    CASE("stream, peek and release 128", KSC, STREAM, 4096, V_RELEASE, 256, 128, false, M_NONE),
    CASE("stream, close by the only sender", KS, STREAM, 4096, V_CLOSE_W, 0, 0, true, M_READERS),
    CASE("stream, close by the only receiver", KS, STREAM, 4096, V_CLOSE_R, 128, 0, true, M_NONE),
    CASE("stream, close by one of two", K, STREAM, 4096, V_CLOSE_W, 0, 0, false, M_SLEEPER),
    CASE("stream, first pollfd to recv", KS, STREAM, 4096, V_FD_R, 128, 0, false, M_NONE),
    CASE("stream, first pollfd to send", KS, STREAM, 4096, V_FD_W, 128, 0, false, M_WRITER),
    CASE("seqpacket, send 128", KSC, PACKET, 8192, V_WRITE, 128, 128, false, M_NONE),
    CASE("seqpacket, send 64, receivers asleep", KS, PACKET, 8192, V_WRITE, 0, 64, false,
         M_READERS),
    CASE("seqpacket, send 64, epoll sleeper", K, PACKET, 8192, V_WRITE, 0, 64, true, M_POLLER_R),
    CASE("seqpacket, send 192 in three", KSC, PACKET, 8192, V_WRITE_PARTS, 64, 192, false, M_NONE),
    CASE("seqpacket, send 66 KiB", K, PACKET, ROOMY, V_WRITE, 64, LARGE, false, M_WRITER),
    CASE("seqpacket, send 66 KiB, only sender", KS | LONG, PACKET, ROOMY, V_WRITE, 64, LARGE, true,
         M_NONE),
    CASE("seqpacket, reserve and commit", KS, PACKET, 8192, V_COMMIT, 128, 128, false, M_WRITER),
    CASE("seqpacket, recv 64", KSC, PACKET, 8192, V_READ, 256, 64, false, M_NONE),
    CASE("seqpacket, recv 64, only receiver", K, PACKET, 8192, V_READ, 256, 64, true, M_NONE),
    CASE("seqpacket, recvmsg 64 in three", KSC, PACKET, 8192, V_READ_PARTS, 256, 64, false,
         M_NONE),
    CASE("seqpacket, recv 66 KiB", KS, PACKET, ROOMY, V_READ, LARGE, LARGE, false, M_NONE, 0,
         LARGE),
    CASE("seqpacket, recv 64, nothing there", K | LONG, PACKET, 8192, V_READ, 0, 64, false, M_NONE),
    CASE("seqpacket, peek and release 64", KS, PACKET, 8192, V_RELEASE, 256, 64, false, M_READER),
    CASE("seqpacket, close by the only sender", K, PACKET, 8192, V_CLOSE_W, 128, 0, true, M_NONE),
};

int main(int argc, char **argv)
{
    sock_warm_up();
    return step_main(argc, argv, scenarios, T_COUNT(scenarios));
}
