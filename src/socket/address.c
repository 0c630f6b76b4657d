/* SPDX-License-Identifier: MIT */
/*
 * socket/address.c - addresses: text to what the kernel takes, and back
 *
 * Strict on purpose: what is malformed is refused here with -EINVAL and never reaches a
 * resolver, which would take "127.1" or "0x7f000001" for an address. A numeric host never
 * resolves. Start at h7_sock_address(): a scheme picks the parser of the rest.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "socket/socket_internal.h"

#define HOST_MAX 253 /* of a name in the DNS, in text */

static struct h7_sock_sa *add(struct h7_sock_address *a, const void *sa, size_t len)
{
    if (a->n == H7_SOCK_RESOLVED_MAX)
        return NULL;
    struct h7_sock_sa *at = &a->at[a->n++];
    memcpy(&at->room, sa, len);
    at->len = (socklen_t)len;
    return at;
}

static void add4(struct h7_sock_address *a, in_addr_t ip)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = ip};
    add(a, &in, sizeof in);
}

static void add6(struct h7_sock_address *a, const struct in6_addr *ip, uint32_t scope)
{
    struct sockaddr_in6 in = {.sin6_family = AF_INET6, .sin6_addr = *ip, .sin6_scope_id = scope};
    add(a, &in, sizeof in);
}

/* Digits only, no sign, no leading zero: the value, or -EINVAL. */
static long number(const char *text, size_t len, long max)
{
    long n = 0;
    if (len == 0 || len > 5 || (len > 1 && text[0] == '0'))
        return -EINVAL;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -EINVAL;
        n = n * 10 + (text[i] - '0');
    }
    return n <= max ? n : -EINVAL;
}

/* The index of a network interface, by name: 0 < index, or negative errno. */
static long interface(const char *text, size_t len)
{
    char name[IF_NAMESIZE];
    if (len == 0)
        return -EINVAL;
    if (len >= sizeof name)
        return -ENODEV;
    memcpy(name, text, len);
    name[len] = 0;
    unsigned index = if_nametoindex(name);
    return index    ? (long)index
           : errno == ENXIO ? -ENODEV
                            : -errno;
}

/* What is between brackets: ADDRESS or ADDRESS%SCOPE. */
static int literal6(struct h7_sock_address *a, const char *text, size_t len)
{
    char ip[INET6_ADDRSTRLEN];
    struct in6_addr in;
    const char *percent = memchr(text, '%', len);
    size_t n = percent ? (size_t)(percent - text) : len;
    long scope = 0;
    if (n == 0 || n >= sizeof ip)
        return -EINVAL;
    memcpy(ip, text, n);
    ip[n] = 0;
    if (inet_pton(AF_INET6, ip, &in) != 1)
        return -EINVAL;
    if (percent) {
        scope = number(percent + 1, len - n - 1, 99999);
        if (scope < 0)
            scope = interface(percent + 1, len - n - 1);
        if (scope < 0)
            return (int)scope;
    }
    add6(a, &in, (uint32_t)scope);
    return 0;
}

/* Could it be a host's name? Letters, digits, '-', '_', in labels of 1 to 63; and the last
 * label isn't a number, which getaddrinfo(3) would take for a piece of an address. */
static bool is_name(const char *s)
{
    const char *label = s;
    bool letters = false;
    for (; *s; s++) {
        if (*s == '.') {
            if (s == label || s - label > 63)
                return false;
            if (s[1]) {
                label = s + 1;
                letters = false;
            }
            continue;
        }
        bool letter = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || *s == '-' ||
                      *s == '_';
        if (!letter && (*s < '0' || *s > '9'))
            return false;
        letters |= letter;
    }
    bool hex = label[0] == '0' && (label[1] == 'x' || label[1] == 'X') &&
               label[2 + strspn(label + 2, "0123456789abcdefABCDEF.")] == 0;
    return s - label <= 63 && *label && letters && !hex;
}

static int resolver_error(int e)
{
    switch (e) {
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_SYSTEM:
        return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -errno : -ENOENT;
    case EAI_ADDRFAMILY:
        return -EAFNOSUPPORT;
    default:
        return -ENOENT; /* no such host, or nobody could say */
    }
}

static int resolve(struct h7_sock_address *a, const char *name, int family, int socktype)
{
    const struct addrinfo hints = {.ai_family = family, .ai_socktype = socktype};
    struct addrinfo *list;
    int e = getaddrinfo(name, NULL, &hints, &list);
    if (e)
        return resolver_error(e);
    for (const struct addrinfo *i = list; i; i = i->ai_next)
        if ((i->ai_family == AF_INET || i->ai_family == AF_INET6) &&
            i->ai_addrlen <= sizeof a->at[0].room)
            add(a, i->ai_addr, i->ai_addrlen);
    freeaddrinfo(list);
    return a->n ? 0 : -ENOENT;
}

/* No host: to listen everywhere (one IPv6 socket takes IPv4, too; without IPv6 the second
 * does), to connect this host. */
static void add_any(struct h7_sock_address *a, int family, int passive)
{
    if (passive && family != AF_INET)
        add6(a, &in6addr_any, 0);
    if (family != AF_INET6)
        add4(a, htonl(passive ? INADDR_ANY : INADDR_LOOPBACK));
    if (!passive && family != AF_INET)
        add6(a, &in6addr_loopback, 0);
}

/* family: AF_UNSPEC or the only one that will do. */
static int parse_host(struct h7_sock_address *a, const char *text, size_t len, int family,
                      int passive)
{
    char name[HOST_MAX + 1];
    struct in_addr ip;
    if (len == 0) {
        add_any(a, family, passive);
        return 0;
    }
    if (text[0] == '[') {
        if (text[len - 1] != ']')
            return -EINVAL;
        return family == AF_INET ? -EAFNOSUPPORT : literal6(a, text + 1, len - 2);
    }
    if (len > HOST_MAX)
        return -ENAMETOOLONG;
    memcpy(name, text, len);
    name[len] = 0;
    if (inet_pton(AF_INET, name, &ip) == 1) {
        if (family == AF_INET6)
            return -EAFNOSUPPORT;
        add4(a, ip.s_addr);
        return 0;
    }
    if (!is_name(name))
        return -EINVAL;
    return resolve(a, name, family,
                   a->type == HEPTA_SOCK_STREAM  ? SOCK_STREAM
                   : a->type == HEPTA_SOCK_DGRAM ? SOCK_DGRAM
                                                 : SOCK_RAW);
}

/* The type that the caller wants, the one that the scheme has if it doesn't care. */
static int choose_type(struct h7_sock_address *a, uint32_t wanted, uint32_t usual)
{
    a->type = wanted == HEPTA_SOCK_DEFAULT ? usual : wanted;
    return a->type == usual ? 0 : -EPROTONOSUPPORT;
}

/* HOST:PORT */
static int parse_inet(struct h7_sock_address *a, const char *rest, int passive)
{
    const char *colon = strrchr(rest, ':');
    if (!colon)
        return -EINVAL;
    long port = number(colon + 1, strlen(colon + 1), 65535);
    if (port < 0)
        return -EINVAL;
    int r = parse_host(a, rest, (size_t)(colon - rest), AF_UNSPEC, passive);
    for (int i = 0; i < a->n; i++) /* at the same place in both families */
        ((struct sockaddr_in *)&a->at[i].room)->sin_port = htons((uint16_t)port);
    return r;
}

static int parse_packet(struct h7_sock_address *a, const char *name)
{
    long index = interface(name, strlen(name));
    if (index < 0)
        return (int)index;
    struct sockaddr_ll ll = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)index};
    add(a, &ll, sizeof ll);
    return 0;
}

/* PROTOCOL@HOST or packet@INTERFACE */
static int parse_raw(struct h7_sock_address *a, const char *rest, int passive)
{
    const char *at = strchr(rest, '@');
    if (!at)
        return -EINVAL;
    size_t len = (size_t)(at - rest), host_len = strlen(at + 1);
    int family = host_len ? AF_UNSPEC : AF_INET;
    if (len == 6 && memcmp(rest, "packet", 6) == 0)
        return parse_packet(a, at + 1);
    if (len == 4 && memcmp(rest, "icmp", 4) == 0) {
        a->protocol = IPPROTO_ICMP;
        family = AF_INET;
    } else if (len == 5 && memcmp(rest, "icmp6", 5) == 0) {
        a->protocol = IPPROTO_ICMPV6;
        family = AF_INET6;
    } else {
        long n = number(rest, len, 255);
        if (n < 0)
            return len && rest[0] >= 'a' && rest[0] <= 'z' ? -EPROTONOSUPPORT : -EINVAL;
        a->protocol = (int)n;
    }
    return parse_host(a, at + 1, host_len, family, passive);
}

/* PATH or @NAME. An abstract name is as long as it is said to be: no zero behind it. */
static int parse_unix(struct h7_sock_address *a, const char *rest)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t len = strlen(rest), abstract = rest[0] == '@';
    if (len <= abstract)
        return -EINVAL;
    if (len - abstract >= sizeof un.sun_path)
        return -ENAMETOOLONG;
    memcpy(un.sun_path + abstract, rest + abstract, len - abstract);
    add(a, &un, offsetof(struct sockaddr_un, sun_path) + len + !abstract);
    return 0;
}

static const char *after(const char *text, const char *scheme)
{
    size_t len = strlen(scheme);
    return strncmp(text, scheme, len) == 0 ? text + len : NULL;
}

static int parse(struct h7_sock_address *a, const char *text, uint32_t type, int passive)
{
    const char *rest = NULL;
    int r;
    a->kernel = 1;
    if ((rest = after(text, "tcp:")) != NULL) {
        r = choose_type(a, type, HEPTA_SOCK_STREAM);
        return r < 0 ? r : parse_inet(a, rest, passive);
    }
    if ((rest = after(text, "udp:")) != NULL) {
        r = choose_type(a, type, HEPTA_SOCK_DGRAM);
        return r < 0 ? r : parse_inet(a, rest, passive);
    }
    if ((rest = after(text, "raw:")) != NULL) {
        r = choose_type(a, type, HEPTA_SOCK_RAW);
        return r < 0 ? r : parse_raw(a, rest, passive);
    }
    a->type = type == HEPTA_SOCK_DEFAULT ? HEPTA_SOCK_STREAM : type;
    if ((rest = after(text, "unix:")) != NULL)
        a->kernel = a->type == HEPTA_SOCK_DGRAM;
    else if ((rest = after(text, "kernel.unix:")) == NULL)
        return strchr(text, ':') ? -EAFNOSUPPORT : -EINVAL;
    return a->type == HEPTA_SOCK_RAW ? -EPROTONOSUPPORT : parse_unix(a, rest);
}

int h7_sock_address(struct h7_sock_address *a, const char *text, uint32_t type, int passive)
{
    a->n = a->protocol = 0;
    int r = parse(a, text, type, passive);
    if (r == 0)
        a->family = a->at[0].sa.sa_family;
    return r;
}
