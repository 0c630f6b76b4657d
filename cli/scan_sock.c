/* SPDX-License-Identifier: MIT */
/*
 * cli/scan_sock.c - the kernel's sockets, as sock_diag(7) lists them: of this network namespace
 *
 * Sockets without a process are left out where they have no inode either (TIME-WAIT). What
 * a listener has in its queue, and may have, are its depth and size; of others depth is the bytes
 * that can be read (of a unix datagram socket: of the first datagram).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/packet_diag.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "cli/scan.h"

/* The states of all of them are those of TCP. */
static const char *const states[] = {
    "",          "established", "connecting", "syn received", "fin wait 1", "fin wait 2",
    "time wait", "closed",      "close wait", "last ack",     "listening",  "closing"};
#define N_STATES (sizeof(states) / sizeof(*states))

static const char *state_name(unsigned state)
{
    return state < N_STATES ? states[state] : "?";
}

static struct object *add(struct scan *s, const char *kind, const char *name, uint32_t ino)
{
    struct object *o = scan_add(s, kind, true, "%s", name);
    o->ino = ino;
    o->socket = true;
    scan_key(s, KEY_SOCKET, 0, ino, o);
    return o;
}

/* --- unix ------------------------------------------------------------------------------- */

/* Abstract names begin with a zero byte, and may have more. */
static void unix_name(char out[140], const struct nlattr *name, uint32_t ino)
{
    const char *p = name ? mnl_attr_get_payload(name) : "";
    size_t len = name ? mnl_attr_get_payload_len(name) : 0;
    if (len == 0) {
        snprintf(out, 140, "%u", ino);
        return;
    }
    if (len > 108)
        len = 108;
    if (p[0])
        len = strnlen(p, len);
    memcpy(out, p, len);
    out[len] = 0;
    for (size_t i = 0; i < len; i++)
        if (!out[i])
            out[i] = '@';
}

static int take_unix(const struct nlmsghdr *h, void *arg)
{
    static const char *const types[] = {"", "stream", "datagram", "", "", "seqpacket"};
    const struct unix_diag_msg *m = mnl_nlmsg_get_payload(h);
    const struct nlattr *a, *at[UNIX_DIAG_MAX + 1] = {NULL};
    struct scan *s = arg;
    char name[140];
    mnl_attr_for_each(a, h, sizeof *m)
        if (mnl_attr_get_type(a) <= UNIX_DIAG_MAX)
            at[mnl_attr_get_type(a)] = a;
    if (m->udiag_ino == 0)
        return MNL_CB_OK; /* not accepted yet: its listener counts it */
    unix_name(name, at[UNIX_DIAG_NAME], m->udiag_ino);
    struct object *o = add(s, "unix", name, m->udiag_ino);
    if (at[UNIX_DIAG_UID])
        o->uid = mnl_attr_get_u32(at[UNIX_DIAG_UID]);
    if (at[UNIX_DIAG_PEER])
        o->peer = mnl_attr_get_u32(at[UNIX_DIAG_PEER]);
    if (at[UNIX_DIAG_RQLEN]) {
        const struct unix_diag_rqlen *q = mnl_attr_get_payload(at[UNIX_DIAG_RQLEN]);
        o->depth = q->udiag_rqueue;
        if (m->udiag_state == TCP_LISTEN)
            o->size = q->udiag_wqueue;
    }
    object_fact(s, o, "type", "%s", m->udiag_type < 6 ? types[m->udiag_type] : "?");
    object_fact(s, o, "socket", "%s", state_name(m->udiag_state));
    if (o->peer > 0)
        object_fact(s, o, "peer", "socket %lld", (long long)o->peer);
    return MNL_CB_OK;
}

/* --- inet ------------------------------------------------------------------------------- */

static void inet_address(char out[70], uint8_t family, const void *ip, uint16_t port)
{
    char text[INET6_ADDRSTRLEN] = "?";
    inet_ntop(family, ip, text, sizeof text);
    snprintf(out, 70, family == AF_INET6 ? "[%s]:%u" : "%s:%u", text, ntohs(port));
}

struct inet {
    struct scan *s;
    const char *kind;
    bool raw;
};

/* One socket, however it was found. */
struct seen {
    const char *from, *to; /* addresses with their ports */
    unsigned from_port, to_port, state, uid, ino;
    uint32_t readable, unsent;
    bool ipv4;
};

static void add_inet(const struct inet *in, const struct seen *e)
{
    char name[160];
    bool listens = e->state == TCP_LISTEN, peer = e->to_port != 0;
    if (in->raw) /* the port is the protocol */
        snprintf(name, sizeof name, "%u@%s", e->from_port, e->ipv4 ? "ipv4" : "ipv6");
    else
        snprintf(name, sizeof name, "%s%s%s", e->from, peer ? "->" : "", peer ? e->to : "");
    struct object *o = add(in->s, in->kind, name, e->ino);
    o->uid = e->uid;
    o->depth = e->readable;
    if (listens)
        o->size = e->unsent; /* of a listener: how long its queue may be */
    object_fact(in->s, o, "socket", "%s", peer || !strcmp(in->kind, "tcp") ? state_name(e->state)
                                                                           : "not connected");
    if (!listens)
        object_fact(in->s, o, "not yet sent", "%u bytes", e->unsent);
}

static int take_inet(const struct nlmsghdr *h, void *arg)
{
    const struct inet_diag_msg *m = mnl_nlmsg_get_payload(h);
    char from[70], to[70];
    inet_address(from, m->idiag_family, m->id.idiag_src, m->id.idiag_sport);
    inet_address(to, m->idiag_family, m->id.idiag_dst, m->id.idiag_dport);
    const struct seen e = {from, to, ntohs(m->id.idiag_sport), ntohs(m->id.idiag_dport),
                           m->idiag_state, m->idiag_uid, m->idiag_inode, m->idiag_rqueue,
                           m->idiag_wqueue, m->idiag_family == AF_INET};
    if (e.ino)
        add_inet(arg, &e);
    return MNL_CB_OK;
}

/* Eight digits of an address: a word of it as it lies in memory. */
static void parse_word(const char *address, int i, uint32_t *word)
{
    if (strlen(address) < (size_t)i * 8 + 8 || sscanf(address + i * 8, "%8x", word) != 1)
        *word = 0;
}

/* Kernels without a module for it: /proc/net/raw and so on, whose lines are
 * "0: 0100007F:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000 uid 0 inode ...". */
static bool from_proc(const struct inet *in, bool ipv4)
{
    char path[32], line[300], a[40], b[40], from[70], to[70];
    snprintf(path, sizeof path, "/proc/net/%s%s", in->kind, ipv4 ? "" : "6");
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    while (fgets(line, sizeof line, f)) {
        struct seen e = {.from = from, .to = to, .ipv4 = ipv4};
        uint32_t ip[2][4] = {{0}};
        if (sscanf(line, "%*d: %32[0-9A-F]:%x %32[0-9A-F]:%x %x %x:%x %*s %*s %u %*d %u", a,
                   &e.from_port, b, &e.to_port, &e.state, &e.unsent, &e.readable, &e.uid,
                   &e.ino) != 9 || !e.ino)
            continue;
        for (int i = 0; i < (ipv4 ? 1 : 4); i++) {
            parse_word(a, i, &ip[0][i]);
            parse_word(b, i, &ip[1][i]);
        }
        inet_address(from, ipv4 ? AF_INET : AF_INET6, ip[0], htons((uint16_t)e.from_port));
        inet_address(to, ipv4 ? AF_INET : AF_INET6, ip[1], htons((uint16_t)e.to_port));
        add_inet(in, &e);
    }
    fclose(f);
    return true;
}

/* --- packet ----------------------------------------------------------------------------- */

static int take_packet(const struct nlmsghdr *h, void *arg)
{
    const struct packet_diag_msg *m = mnl_nlmsg_get_payload(h);
    const struct nlattr *a;
    struct scan *s = arg;
    char name[40];
    snprintf(name, sizeof name, "%u", m->pdiag_ino);
    struct object *o = add(s, "packet", name, m->pdiag_ino);
    mnl_attr_for_each(a, h, sizeof *m)
        if (mnl_attr_get_type(a) == PACKET_DIAG_UID)
            o->uid = mnl_attr_get_u32(a);
    object_fact(s, o, "type", "%s, protocol %#x", m->pdiag_type == SOCK_RAW ? "raw" : "datagram",
                (unsigned)m->pdiag_num);
    return MNL_CB_OK;
}

/* --- asking ----------------------------------------------------------------------------- */

static unsigned seq;

/* A dump's end says whether it could be made. */
static int take_done(const struct nlmsghdr *h, void *arg)
{
    (void)arg;
    int err = h->nlmsg_len >= mnl_nlmsg_size(sizeof err) ? *(int *)mnl_nlmsg_get_payload(h) : 0;
    errno = -err;
    return err < 0 ? MNL_CB_ERROR : MNL_CB_STOP;
}

/* 0, or -1 and errno. */
static int ask(struct mnl_socket *nl, const void *request, size_t len, mnl_cb_t take, void *arg)
{
    static mnl_cb_t control[NLMSG_DONE + 1] = {[NLMSG_DONE] = take_done};
    static char buf[65536] __attribute__((aligned(8)));
    struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
    h->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    h->nlmsg_seq = ++seq;
    memcpy(mnl_nlmsg_put_extra_header(h, len), request, len);
    ssize_t n = mnl_socket_sendto(nl, h, h->nlmsg_len);
    int r = n < 0 ? MNL_CB_ERROR : MNL_CB_OK;
    while (r > MNL_CB_STOP) {
        n = mnl_socket_recvfrom(nl, buf, sizeof buf);
        r = n < 0 ? MNL_CB_ERROR
                  : mnl_cb_run2(buf, (size_t)n, seq, mnl_socket_get_portid(nl), take, arg, control,
                                NLMSG_DONE + 1);
    }
    return r < 0 ? -1 : 0;
}

static void complain(struct scan *s, const char *what)
{
    if (errno != EAFNOSUPPORT && errno != EPROTONOSUPPORT)
        scan_gap(s, "%s sockets can't be listed: %s", what,
                 errno == ENOENT ? "the kernel has no module for that" : strerror(errno));
}

static void ask_inet(struct scan *s, struct mnl_socket *nl, const char *kind, uint8_t protocol)
{
    static const uint8_t families[] = {AF_INET, AF_INET6};
    for (int i = 0; i < 2; i++) {
        struct inet in = {s, kind, protocol == IPPROTO_RAW};
        const struct inet_diag_req_v2 r = {.sdiag_family = families[i], .sdiag_protocol = protocol,
                                           .pad = in.raw ? IPPROTO_RAW : 0,
                                           .idiag_states = UINT32_MAX};
        if (ask(nl, &r, sizeof r, take_inet, &in) == 0)
            continue;
        if (errno != ENOENT || !from_proc(&in, families[i] == AF_INET))
            complain(s, kind);
    }
}

void scan_sock(struct scan *s)
{
    struct mnl_socket *nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
    if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
        scan_gap(s, "sockets can't be listed: %s", strerror(errno));
        if (nl)
            mnl_socket_close(nl);
        return;
    }
    const struct unix_diag_req u = {.sdiag_family = AF_UNIX, .udiag_states = UINT32_MAX,
                                    .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER |
                                                  UDIAG_SHOW_RQLEN | UDIAG_SHOW_UID};
    const struct packet_diag_req p = {.sdiag_family = AF_PACKET, .pdiag_show = PACKET_SHOW_INFO};
    if (ask(nl, &u, sizeof u, take_unix, s) < 0)
        complain(s, "unix");
    ask_inet(s, nl, "tcp", IPPROTO_TCP);
    ask_inet(s, nl, "udp", IPPROTO_UDP);
    ask_inet(s, nl, "raw", IPPROTO_RAW);
    if (ask(nl, &p, sizeof p, take_packet, s) < 0)
        complain(s, "packet");
    mnl_socket_close(nl);
}
