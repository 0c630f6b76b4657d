/* SPDX-License-Identifier: MIT */
/*
 * inet_kernel_address.c - "tcp:HOST:PORT", "udp:HOST:PORT", "raw:PROTOCOL@HOST" and
 * "raw:packet@INTERFACE" into what socket(2) and bind(2) want
 *
 * Well-formed addresses only: what the library refuses, the kernel has no words for.
 */
#define _GNU_SOURCE
#include "inet_room.h"

#include "inet_kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct parts {
    char host[HEPTA_SOCK_ADDRESS_MAX], port[16];
    int type, protocol;
};

/* "HOST:PORT" or "[HOST]:PORT" or, without a port, "HOST" */
static void split_host(struct parts *p, const char *text, bool has_port)
{
    const char *colon = has_port ? strrchr(text, ':') : NULL;
    size_t len = colon ? (size_t)(colon - text) : strlen(text);

    snprintf(p->port, sizeof(p->port), "%s", colon ? colon + 1 : "0");
    if (len >= 2 && text[0] == '[')
        text++, len -= 2;
    snprintf(p->host, sizeof(p->host), "%.*s", (int)len, text);
}

static int resolve_host(struct k_place *places, const struct parts *p, bool passive)
{
    struct addrinfo hints = {
        .ai_socktype = p->type, .ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0),
    };
    struct addrinfo *list, *at;
    int n = 0;

    hints.ai_family = p->protocol == IPPROTO_ICMPV6 ? AF_INET6 : AF_UNSPEC;
    if (p->type == SOCK_RAW) /* no protocol: getaddrinfo() knows those of its own */
        hints.ai_socktype = SOCK_DGRAM;
    if (passive && !p->host[0]) /* all: one socket for both families */
        hints.ai_family = p->protocol == IPPROTO_ICMP ? AF_INET : AF_INET6;
    int err = getaddrinfo(p->host[0] ? p->host : NULL, p->port, &hints, &list);
    if (err != 0)
        return -ENOENT;
    for (at = list; at && n < K_MAX_PLACES; at = at->ai_next, n++) {
        places[n] = (struct k_place){at->ai_family, p->type, p->protocol, at->ai_addrlen, {0}};
        memcpy(&places[n].sa, at->ai_addr, at->ai_addrlen);
    }
    freeaddrinfo(list);
    return n;
}

static int resolve_packet(struct k_place *place, const char *interface)
{
    struct sockaddr_ll ll = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};

    ll.sll_ifindex = (int)if_nametoindex(interface);
    if (ll.sll_ifindex == 0)
        return -errno;
    *place = (struct k_place){AF_PACKET, SOCK_RAW, htons(ETH_P_ALL), sizeof(ll), {0}};
    memcpy(&place->sa, &ll, sizeof(ll));
    return 1;
}

static int protocol_number(const char *name)
{
    if (!strncmp(name, "icmp@", 5))
        return IPPROTO_ICMP;
    if (!strncmp(name, "icmp6@", 6))
        return IPPROTO_ICMPV6;
    return atoi(name);
}

int k_resolve(struct k_place places[K_MAX_PLACES], const char *text, bool passive)
{
    struct parts p = {.type = !strncmp(text, "tcp:", 4) ? SOCK_STREAM : SOCK_DGRAM};

    if (!strncmp(text, "raw:packet@", 11))
        return resolve_packet(places, text + 11);
    if (!strncmp(text, "raw:", 4)) {
        p.type = SOCK_RAW;
        p.protocol = protocol_number(text + 4);
        split_host(&p, strchr(text, '@') + 1, false);
    } else {
        split_host(&p, text + 4, true);
    }
    return resolve_host(places, &p, passive);
}

void k_scheme(char scheme[32], const char *text)
{
    const char *end = strncmp(text, "raw:", 4) ? strchr(text, ':') : strchr(text, '@');

    snprintf(scheme, 32, "%.*s", (int)(end - text + 1), text);
}

void k_address_text(char *text, const char *scheme, const struct sockaddr_storage *sa)
{
    const struct sockaddr_in *in = (const void *)sa;
    const struct sockaddr_in6 *in6 = (const void *)sa;
    char host[INET6_ADDRSTRLEN], port[16] = "";
    bool v6 = sa->ss_family == AF_INET6;

    *text = 0;
    if (!v6 && sa->ss_family != AF_INET)
        return;
    inet_ntop(sa->ss_family, v6 ? (const void *)&in6->sin6_addr : &in->sin_addr, host,
              sizeof(host));
    if (strncmp(scheme, "raw:", 4) != 0)
        snprintf(port, sizeof(port), ":%d", ntohs(v6 ? in6->sin6_port : in->sin_port));
    snprintf(text, HEPTA_SOCK_ADDRESS_MAX, v6 ? "%s[%s]%s" : "%s%s%s", scheme, host, port);
}
