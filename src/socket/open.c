/* SPDX-License-Identifier: MIT */
/*
 * socket/open.c - making handles: options, addresses, and which kind carries them
 */
#include <limits.h>
#include <string.h>

#include "base/clock.h"
#include "base/sys.h"
#include "prim/endpoint.h"
#include "prim/segment.h"
#include "socket/socket_internal.h"

#define ALL_FLAGS                                                                          \
    (HEPTA_SOCK_RECORDS | HEPTA_SOCK_NODELAY | HEPTA_SOCK_REUSEADDR | HEPTA_SOCK_REUSEPORT | \
     HEPTA_SOCK_HDRINCL | HEPTA_SOCK_V6ONLY | HEPTA_SOCK_BROADCAST)

#define BACKLOG_DEFAULT      128
#define HANDSHAKE_DEFAULT_MS 1000
#define HANDSHAKE_MAX_MS     60000
#define SILENCE_MAX_MS       86400000
#define RECORD_DEFAULT       (16ul << 20)

static int read_options(struct hepta_sock_options *o, const struct hepta_sock_options *opt)
{
    int r = h7_endpoint_options(o, sizeof *o, opt);
    if (r == 0)
        r = h7_endpoint_ways(o->wait, o->spin_ns);
    if (r < 0)
        return r;
    if (o->flags & ~ALL_FLAGS || o->type > HEPTA_SOCK_RAW || o->mode > 0777 ||
        o->capacity > HEPTA_SOCK_CAPACITY_MAX || o->backlog > INT_MAX ||
        o->handshake_ms > HANDSHAKE_MAX_MS ||
        o->silence_ms > SILENCE_MAX_MS || o->reserved || o->record_max > HEPTA_SOCK_RECORD_MAX)
        return -EINVAL;
    if (o->backlog == 0)
        o->backlog = BACKLOG_DEFAULT;
    if (o->handshake_ms == 0)
        o->handshake_ms = HANDSHAKE_DEFAULT_MS;
    if (o->record_max == 0)
        o->record_max = RECORD_DEFAULT;
    return 0;
}

/* Does every flag, and silence_ms, mean something here? */
static int flags_fit(const struct h7_sock_address *a, const struct hepta_sock_options *o)
{
    uint32_t fit = a->type == HEPTA_SOCK_STREAM ? HEPTA_SOCK_RECORDS : 0;
    bool inet = a->family == AF_INET || a->family == AF_INET6;
    if (inet && a->type != HEPTA_SOCK_RAW) {
        fit |= HEPTA_SOCK_REUSEADDR | HEPTA_SOCK_REUSEPORT;
        fit |= a->type == HEPTA_SOCK_STREAM ? HEPTA_SOCK_NODELAY : HEPTA_SOCK_BROADCAST;
        if (a->family == AF_INET6)
            fit |= HEPTA_SOCK_V6ONLY;
    }
    if (a->family == AF_INET && a->type == HEPTA_SOCK_RAW)
        fit |= HEPTA_SOCK_HDRINCL;
    if (o->silence_ms && !(inet && a->type == HEPTA_SOCK_STREAM))
        return -EINVAL;
    return o->flags & ~fit ? -EINVAL : 0;
}

struct hepta_sock *h7_sock_new(const struct hepta_sock_options *opt, uint32_t type)
{
    struct hepta_sock *s = h7_handle_new(sizeof *s);
    if (!s)
        return NULL;
    s->fd = -1;
    s->opt = *opt;
    s->opt.local = NULL; /* the caller's memory */
    s->type = type;
    return s;
}

void h7_sock_ready(struct hepta_sock *s)
{
    if (s->memory)
        s->pidns = h7_self_pidns();
    h7_store64_relaxed(&s->gen, h7_fork_gen());
    h7_store32_release(&s->handle.kind, H7_KIND_SOCK);
}

void h7_sock_drop(struct hepta_sock *s)
{
    if (!s)
        return;
    h7_unix_unbind(s);
    h7_sys_close(s->fd);
    h7_handle_free(s, sizeof *s);
}

/* "tcp:" of "tcp:[::1]:80", "raw:icmp@" of "raw:icmp@host", and a scheme as it is. */
static void keep_scheme(struct hepta_sock *s, const char *address)
{
    size_t len = strcspn(address, ":") + 1;
    if (strncmp(address, "raw:", 4) == 0)
        len = strcspn(address, "@") + 1;
    if (len < sizeof s->scheme) {
        memcpy(s->scheme, address, len);
        s->scheme[len] = 0;
    }
}

int h7_sock_finish(struct hepta_sock *s, const char *address)
{
    keep_scheme(s, address);
    if (s->opt.flags & HEPTA_SOCK_RECORDS && !s->listening) {
        int r = h7_frame_new(s);
        if (r < 0)
            return r;
    }
    s->direct = s->memory && !s->listening && !s->frame;
    return 0;
}

/* What both begin with. */
static int prepare(struct h7_sock_address *a, struct hepta_sock_options *o, const char *address,
                   const struct hepta_sock_options *opt, int passive)
{
    int r = read_options(o, opt);
    if (r < 0)
        return r;
    r = h7_sock_address(a, address, o->type, passive);
    return r < 0 ? r : flags_fit(a, o);
}

static int finish(struct hepta_sock **sock, const char *address)
{
    int r = h7_sock_finish(*sock, address);
    if (r < 0)
        *sock = hepta_sock_close(*sock);
    return r;
}

int hepta_sock_listen(struct hepta_sock **sock, const char *address,
                      const struct hepta_sock_options *opt)
{
    struct hepta_sock_options o;
    struct h7_sock_address a;
    if (sock)
        *sock = NULL;
    if (!sock || !address)
        return -EFAULT;
    int r = prepare(&a, &o, address, opt, 1);
    if (r < 0)
        return r;
    r = a.kernel ? h7_kernel_listen(sock, &a, &o, a.type) : h7_memory_listen(sock, &a, &o, a.type);
    return r < 0 ? r : finish(sock, address);
}

/* options.local: of the same kind as where it goes to; a stream of AF_UNIX has no use for it. */
static int prepare_local(struct h7_sock_address *local, const struct h7_sock_address *a,
                         const char *text)
{
    if (a->family == AF_PACKET || (a->family == AF_UNIX && a->type != HEPTA_SOCK_DGRAM))
        return -EINVAL;
    int r = h7_sock_address(local, text, a->type, 1);
    if (r < 0)
        return r;
    bool is_unix = a->family == AF_UNIX;
    return (local->family == AF_UNIX) == is_unix && local->family != AF_PACKET &&
                   local->protocol == a->protocol
               ? 0
               : -EINVAL;
}

int hepta_sock_connect(struct hepta_sock **sock, const char *address,
                       const struct hepta_sock_options *opt, int64_t deadline)
{
    struct hepta_sock_options o;
    struct h7_sock_address a, local;
    if (sock)
        *sock = NULL;
    if (!sock || !address)
        return -EFAULT;
    int r = prepare(&a, &o, address, opt, 0);
    if (r == 0 && o.local)
        r = prepare_local(&local, &a, o.local);
    if (r < 0)
        return r;
    deadline = h7_deadline(deadline);
    r = a.kernel ? h7_kernel_connect(sock, &a, o.local ? &local : NULL, &o, a.type, deadline)
                 : h7_memory_connect(sock, &a, &o, a.type, deadline);
    return r < 0 ? r : finish(sock, address);
}

int hepta_sock_pair(struct hepta_sock **a, struct hepta_sock **b,
                    const struct hepta_sock_options *opt)
{
    struct hepta_sock_options o;
    if (a)
        *a = NULL;
    if (b)
        *b = NULL;
    if (!a || !b)
        return -EFAULT;
    int r = read_options(&o, opt);
    if (r < 0)
        return r;
    const struct h7_sock_address like = {
        .family = AF_UNIX, .type = o.type ? o.type : HEPTA_SOCK_STREAM};
    if (like.type > HEPTA_SOCK_SEQPACKET || flags_fit(&like, &o) < 0)
        return -EINVAL;
    r = h7_memory_pair(a, b, &o, like.type);
    if (r < 0)
        return r;
    r = finish(a, "unix:");
    if (r == 0)
        r = finish(b, "unix:");
    if (r < 0) {
        *a = hepta_sock_close(*a);
        *b = hepta_sock_close(*b);
    }
    return r;
}
