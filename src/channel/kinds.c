/* SPDX-License-Identifier: MIT */
/*
 * channel/kinds.c - the table of kinds: the one place that knows them all
 *
 * Also the verbs that need an address and no channel.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <hepta/sock.h>
#include <stdio.h>
#include <string.h>

#include "channel/channel_internal.h"

#define SEND HEPTA_CHANNEL_SEND
#define RECV HEPTA_CHANNEL_RECV
#define BOTH (SEND | RECV)
#define LEASE HEPTA_CHANNEL_LEASE
#define PEEK HEPTA_CHANNEL_PEEK
#define DUPLEX HEPTA_CHANNEL_DUPLEX
#define BYTES HEPTA_CHANNEL_BYTES
#define EVENTS HEPTA_CHANNEL_EVENTS
#define NAMED HEPTA_CHANNEL_NAMED
#define LATEST HEPTA_CHANNEL_LATEST

#define MAKE (H7_OPT(CREATE) | H7_OPT(MODE))
#define MAKE_SIZE (MAKE | H7_OPT(SIZE))
#define QUEUE (MAKE_SIZE | H7_OPT(DEPTH))
#define VALUE (MAKE | H7_OPT(DEPTH))
#define SET (VALUE | H7_OPT(UNDO))
#define MAILBOX (MAKE | H7_OPT(DEPTH) | H7_OPT(LEASE))
#define NET (H7_OPT(LISTEN) | H7_OPT(SIZE))
#define UNIX (NET | H7_OPT(MODE) | H7_OPT(SOCK_TYPE) | H7_OPT(FRAMING))

const struct h7_channel_kind h7_channel_kinds[] = {
    {"-", "-", "standard input and output", BOTH | DUPLEX | BYTES, H7_OPT(FRAMING), h7_name_none,
     &h7_channel_standard},
    {"pipe", "pipe:A.B.C", "one end of a pipe, by three inherited descriptors", BOTH | BYTES,
     H7_OPT(FRAMING), h7_name_fds, &h7_channel_pipe},
    {"kernel.pipe", "kernel.pipe:FD", "one end of the kernel's, by its descriptor", BOTH | BYTES,
     H7_OPT(FRAMING), h7_name_fd, &h7_channel_kernel_pipe},
    {"fifo", "fifo:/NAME", "a pipe with a name", BOTH | BYTES | NAMED, MAKE_SIZE | H7_OPT(FRAMING),
     h7_name_slash, &h7_channel_fifo},
    {"kernel.fifo", "kernel.fifo:PATH", "the kernel's FIFO", BOTH | BYTES | NAMED,
     MAKE | H7_OPT(FRAMING), h7_name_path, &h7_channel_fifo},
    {"mq", "mq:/NAME", "a queue with priorities and leases", BOTH | LEASE | PEEK | NAMED,
     QUEUE | H7_OPT(PRIO) | H7_OPT(LEASE), h7_name_slash, &h7_channel_mq},
    {"kernel.mq", "kernel.mq:/NAME", "the kernel's POSIX queue", BOTH | NAMED,
     QUEUE | H7_OPT(PRIO), h7_name_slash, &h7_channel_kernel_mq},
    {"msg", "msg:KEY", "a queue that is received from by type", BOTH | PEEK | NAMED,
     QUEUE | H7_OPT(TYPE), h7_name_key, &h7_channel_msg},
    {"kernel.msg", "kernel.msg:KEY", "the kernel's System V queue", BOTH | PEEK | NAMED,
     MAKE_SIZE | H7_OPT(TYPE), h7_name_key, &h7_channel_kernel_msg},
    {"shm", "shm:/NAME", "memory that holds the latest value", BOTH | PEEK | NAMED | LATEST,
     MAKE_SIZE, h7_name_slash, &h7_channel_shm},
    {"kernel.shm", "kernel.shm:/NAME", "the kernel's shared memory, its bytes",
     BOTH | PEEK | NAMED | LATEST, MAKE_SIZE, h7_name_slash, &h7_channel_kernel_shm},
    {"sem", "sem:/NAME", "a semaphore: send posts, recv waits", BOTH | PEEK | EVENTS | NAMED, VALUE,
     h7_name_slash, &h7_channel_sem},
    {"kernel.sem", "kernel.sem:/NAME", "the C library's semaphore", BOTH | PEEK | EVENTS | NAMED,
     VALUE, h7_name_slash, &h7_channel_kernel_sem},
    {"permit", "permit:/NAME", "places that return when their holder dies",
     BOTH | PEEK | EVENTS | NAMED, VALUE, h7_name_slash, &h7_channel_permit},
    {"semset", "semset:KEY[I]", "one semaphore of a set", BOTH | PEEK | EVENTS | NAMED, SET,
     h7_name_member, &h7_channel_semset},
    {"kernel.semset", "kernel.semset:KEY[I]", "one of the kernel's", BOTH | PEEK | EVENTS | NAMED,
     SET, h7_name_member, &h7_channel_kernel_semset},
    {"unix", "unix:PATH", "a socket on this host (@NAME: abstract)",
     BOTH | DUPLEX | BYTES | NAMED, UNIX, h7_name_path, &h7_channel_sock},
    {"kernel.unix", "kernel.unix:PATH", "the kernel's socket", BOTH | DUPLEX | BYTES | NAMED, UNIX,
     h7_name_path, &h7_channel_sock},
    {"tcp", "tcp:HOST:PORT", "a connection over a network", BOTH | DUPLEX | BYTES,
     NET | H7_OPT(FRAMING), h7_name_path, &h7_channel_sock},
    {"udp", "udp:HOST:PORT", "datagrams over a network", BOTH | DUPLEX, NET, h7_name_path,
     &h7_channel_sock},
    {"raw", "raw:PROTOCOL@HOST", "IP packets of a protocol", BOTH | DUPLEX, NET, h7_name_path,
     &h7_channel_sock},
    {"signal", "signal:PID/USR1", "a signal to a process; PID self: to receive it",
     BOTH | EVENTS, H7_OPT(VALUE), h7_name_signal, &h7_channel_signal},
    {"signal", "signal:/NAME", "a mailbox: signals with bytes, in memory", BOTH | LEASE | NAMED,
     MAILBOX, h7_name_mailbox, &h7_channel_mailbox},
};
const size_t h7_channel_n_kinds = sizeof h7_channel_kinds / sizeof *h7_channel_kinds;

/* By bits: a kind has only a few of them. Made once, and then the same for all. */
static const char *options_of(uint32_t bits)
{
    static const struct {
        uint32_t bits;
        const char *text;
    } lists[] = {
        {H7_OPT(FRAMING), "framing"},
        {MAKE_SIZE | H7_OPT(FRAMING), "create,mode,size,framing"},
        {MAKE | H7_OPT(FRAMING), "create,mode,framing"},
        {QUEUE | H7_OPT(PRIO) | H7_OPT(LEASE), "create,mode,size,depth,prio,lease"},
        {QUEUE | H7_OPT(PRIO), "create,mode,size,depth,prio"},
        {QUEUE | H7_OPT(TYPE), "create,mode,size,depth,type"},
        {MAKE_SIZE | H7_OPT(TYPE), "create,mode,size,type"},
        {MAKE_SIZE, "create,mode,size"},
        {VALUE, "create,mode,depth"},
        {SET, "create,mode,depth,undo"},
        {UNIX, "listen,mode,size,type,framing"},
        {NET | H7_OPT(FRAMING), "listen,size,framing"},
        {NET, "listen,size"},
        {H7_OPT(VALUE), "value"},
        {MAILBOX, "create,mode,depth,lease"},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (lists[i].bits == bits)
            return lists[i].text;
    return "";
}

static void show(const struct h7_channel_kind *k, struct hepta_channel_kind *out)
{
    *out = (struct hepta_channel_kind){.name = k->name,
                                       .form = k->form,
                                       .help = k->help,
                                       .options = options_of(k->options),
                                       .can = k->can};
}

int hepta_channel_kinds(size_t i, struct hepta_channel_kind *kind)
{
    if (!kind)
        return -EFAULT;
    if (i >= h7_channel_n_kinds)
        return -ENOENT;
    show(&h7_channel_kinds[i], kind);
    return 0;
}

int hepta_channel_lookup(const char *address, struct hepta_channel_kind *kind, char *text,
                         size_t n)
{
    struct h7_why why = {text, n};
    char name[HEPTA_CHANNEL_ADDRESS_MAX];
    struct h7_address a;

    h7_why(&why, 0, "no address");
    int r = address ? h7_address_parse(&a, address, name, &why) : -EFAULT;
    if (r == 0 && kind) {
        show(a.kind, kind);
        /* Seqpackets and datagrams have their own boundaries. */
        if (a.sock_type == HEPTA_SOCK_SEQPACKET || a.sock_type == HEPTA_SOCK_DGRAM)
            kind->can &= ~BYTES;
    }
    return r;
}

/* --- objects --- */

static int refuse(struct h7_why *why, const struct h7_address *a, const char *verb)
{
    if (a->kind->ops == &h7_channel_sock)
        return h7_why(why, -EOPNOTSUPP, "%s has nothing to %s: who opens it with ',listen' makes "
                      "it, and takes it away", a->kind->name, verb);
    return h7_why(why, -EOPNOTSUPP, "%s has nothing to %s: it is there, or it isn't",
                  a->kind->name, verb);
}

int hepta_channel_create(const char *address, char *text, size_t n)
{
    struct h7_why why = {text, n};
    char name[HEPTA_CHANNEL_ADDRESS_MAX];
    struct h7_address a;

    if (!address)
        return h7_why(&why, -EFAULT, "no address");
    int r = h7_address_parse(&a, address, name, &why);
    if (r < 0)
        return r;
    if (!a.kind->ops->create)
        return refuse(&why, &a, "make");
    r = a.kind->ops->create(&a);
    if (r == -EEXIST)
        return h7_why(&why, r, "can't make %.200s: it is there already: use it, or remove it with "
                      "'hepta rm %.200s'", address, address);
    return r < 0 ? h7_why(&why, r, "can't make %.200s: %s", address, hepta_strerror(r)) : 0;
}

int hepta_channel_remove(const char *address, char *text, size_t n)
{
    struct h7_why why = {text, n};
    char name[HEPTA_CHANNEL_ADDRESS_MAX];
    struct h7_address a;

    if (!address)
        return h7_why(&why, -EFAULT, "no address");
    int r = h7_address_parse(&a, address, name, &why);
    if (r < 0)
        return r;
    if (!a.kind->ops->remove)
        return refuse(&why, &a, "remove");
    r = a.kind->ops->remove(&a);
    if (r == -ENOENT)
        return h7_why(&why, r, "can't remove %.200s: there is nothing of that name", address);
    if (r == -EBUSY)
        return h7_why(&why, r, "can't remove %.200s: somebody listens there: end that first",
                      address);
    return r < 0 ? h7_why(&why, r, "can't remove %.200s: %s", address, hepta_strerror(r)) : 0;
}
