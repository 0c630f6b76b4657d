/* SPDX-License-Identifier: MIT */
/*
 * socket/address_text.c - what the kernel gives as an address, as text
 *
 * In the form that h7_sock_address() takes, so that what hepta_sock_recvmsg() says can be
 * given to hepta_sock_sendmsg(). Of IPv4 without snprintf(3), since it is done for every
 * datagram that is received.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "socket/socket_internal.h"

static char *put_number(char *to, unsigned n)
{
    char digits[10];
    int i = 0;
    do
        digits[i++] = (char)('0' + n % 10);
    while ((n /= 10) != 0);
    while (i > 0)
        *to++ = digits[--i];
    return to;
}

static char *put(char *to, const char *text)
{
    size_t len = strlen(text);
    memcpy(to, text, len);
    return to + len;
}

static char *put_ip4(char *to, const uint8_t ip[4])
{
    for (int i = 0; i < 4; i++) {
        to = put_number(to, ip[i]);
        *to++ = '.';
    }
    return to - 1;
}

static char *put_interface(char *to, unsigned index)
{
    char name[IF_NAMESIZE];
    return if_indextoname(index, name) ? put(to, name) : put_number(to, index);
}

/* An IPv4 address that an IPv6 socket shows is one of IPv4 again. */
static char *put_ip6(char *to, const struct sockaddr_in6 *in)
{
    char ip[INET6_ADDRSTRLEN];
    if (IN6_IS_ADDR_V4MAPPED(&in->sin6_addr))
        return put_ip4(to, &in->sin6_addr.s6_addr[12]);
    *to++ = '[';
    if (inet_ntop(AF_INET6, &in->sin6_addr, ip, sizeof ip))
        to = put(to, ip);
    if (in->sin6_scope_id) {
        *to++ = '%';
        to = put_interface(to, in->sin6_scope_id);
    }
    *to++ = ']';
    return to;
}

static char *put_port(char *to, const char *scheme, in_port_t port)
{
    if (strncmp(scheme, "raw:", 4) == 0)
        return to; /* the kernel shows the protocol there */
    *to++ = ':';
    return put_number(to, ntohs(port));
}

/* A zero inside an abstract name is shown as '@', as in /proc/net/unix; text can't say it. */
static char *put_unix(char *to, const char *path, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!path[i] && path[0])
            break;
        *to++ = path[i] ? path[i] : '@';
    }
    return to;
}

void h7_sock_address_text(char text[HEPTA_SOCK_ADDRESS_MAX], const char *scheme,
                          const struct sockaddr *sa, socklen_t len)
{
    char *to = put(text, scheme);
    const struct sockaddr_in *in = (const void *)sa;
    const struct sockaddr_in6 *in6 = (const void *)sa;
    const struct sockaddr_ll *ll = (const void *)sa;
    size_t path = offsetof(struct sockaddr_un, sun_path);
    int family = len < sizeof sa->sa_family ? AF_UNSPEC : sa->sa_family;
    if (family == AF_INET && len >= sizeof *in)
        to = put_port(put_ip4(to, (const uint8_t *)&in->sin_addr), scheme, in->sin_port);
    else if (family == AF_INET6 && len >= sizeof *in6)
        to = put_port(put_ip6(to, in6), scheme, in6->sin6_port);
    else if (family == AF_UNIX && len > path && len <= sizeof(struct sockaddr_storage))
        to = put_unix(to, (const char *)sa + path, len - path); /* may be one over sun_path */
    else if (family == AF_PACKET && len >= offsetof(struct sockaddr_ll, sll_addr))
        to = put_interface(to, (unsigned)ll->sll_ifindex);
    else
        to = text;
    *to = 0;
}
