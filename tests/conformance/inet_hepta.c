/* SPDX-License-Identifier: MIT */
/* inet_hepta.c - hepta/sock.h behind the table of inet_room.h, by its public interface only */
#include "inet_room.h"

static int h_stat(struct hepta_sock *s, struct hepta_sock_stat *st)
{
    return hepta_sock_stat(s, st, sizeof(*st));
}

static void h_close(struct hepta_sock *s)
{
    hepta_sock_close(s);
}

const struct net_ops net_hepta_ops = {
    .listen = hepta_sock_listen, .accept = hepta_sock_accept, .connect = hepta_sock_connect,
    .send = hepta_sock_send, .recv = hepta_sock_recv, .sendmsg = hepta_sock_sendmsg,
    .recvmsg = hepta_sock_recvmsg, .shutdown = hepta_sock_shutdown,
    .pollfd = hepta_sock_pollfd, .stat = h_stat, .close = h_close,
};
