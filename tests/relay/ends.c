/* SPDX-License-Identifier: MIT */
/* ends.c - see ends.h */
#define _GNU_SOURCE
#include "ends.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/t.h"

#define REC ",framing=record"
#define BASE_PORT 20000

const struct kind kinds[] = {
    {.name = "pipe"},
    {.name = "kernel.pipe"},
    {.name = "fifo", .far = "fifo:/f%d" REC, .object = true},
    {.name = "kernel.fifo", .far = "kernel.fifo:f%d" REC, .object = true},
    {.name = "mq", .far = "mq:/q%d", .object = true},
    {.name = "kernel.mq", .far = "kernel.mq:/q%d", .object = true},
    {.name = "msg", .far = "msg:%d", .object = true},
    {.name = "kernel.msg", .far = "kernel.msg:%d", .object = true},
    {.name = "unix", .far = "unix:u%d" REC, .listens = true},
    {.name = "seqpacket", .far = "unix:@u%d,type=seqpacket", .listens = true},
    {.name = "kernel.unix", .far = "kernel.unix:k%d" REC, .listens = true, .unlink = true},
    {.name = "kernel.seqpacket", .far = "kernel.unix:k%d,type=seqpacket", .listens = true,
     .unlink = true},
    {.name = "kernel.dgram", .far = "kernel.unix:@d%d,type=dgram", .listens = true},
    {.name = "tcp", .far = "tcp:127.0.0.1:%d" REC, .listens = true},
    {.name = "udp", .far = "udp:127.0.0.1:%d", .listens = true, .lossy = true},
    {.name = "mailbox", .far = "signal:/m%d", .object = true, .max = 56},
};
const int n_kinds = (int)T_COUNT(kinds);

static void open_near(struct end *e)
{
    char why[HEPTA_CHANNEL_WHY_MAX];
    int64_t until = hepta_in_ms(20000);
    int r;

    do {
        r = hepta_channel_open(e->near, e->source ? HEPTA_CHANNEL_SEND : HEPTA_CHANNEL_RECV, NULL,
                               until, &e->ch, why, sizeof why);
        if (r < 0)
            t_sleep_ns(2 * T_MS);
    } while ((r == -ENOENT || r == -ECONNREFUSED) && hepta_now_ns() < until);
    if (r < 0)
        t_die("%s: %s", e->near, why);
}

/* --- pipes: the relay's end is inherited, ours is attached at once --- */

static void make_pipe(struct end *e)
{
    struct hepta_pipe *r, *w;
    int ours[HEPTA_PIPE_NFDS];

    if (hepta_pipe_new(&r, &w, NULL) < 0 ||
        hepta_pipe_export(e->source ? w : r, ours) < 0 ||
        hepta_pipe_export(e->source ? r : w, e->inherited) < 0)
        t_die("a pipe");
    hepta_pipe_close(r);
    hepta_pipe_close(w);
    snprintf(e->near, sizeof e->near, "pipe:%d.%d.%d", ours[0], ours[1], ours[2]);
    snprintf(e->far, sizeof e->far, "pipe:%d.%d.%d" REC, e->inherited[0], e->inherited[1],
             e->inherited[2]);
    open_near(e);
}

static void make_kernel_pipe(struct end *e)
{
    int fds[2];

    if (pipe(fds) < 0)
        t_die("a kernel's pipe");
    snprintf(e->near, sizeof e->near, "kernel.pipe:%d", fds[e->source]);
    snprintf(e->far, sizeof e->far, "kernel.pipe:%d" REC, fds[!e->source]);
    e->inherited[0] = fds[!e->source];
    open_near(e);
}

void end_handed_over(struct end *e)
{
    for (int i = 0; i < HEPTA_PIPE_NFDS; i++)
        if (e->inherited[i] >= 0)
            close(e->inherited[i]);
}

/* --- all --- */

__attribute__((format(printf, 3, 0))) static void number_into(char *text, size_t n,
                                                              const char *form, int number)
{
    snprintf(text, n, form, number);
}

static void make_named(struct end *e, int number)
{
    char why[HEPTA_CHANNEL_WHY_MAX];

    number_into(e->far, sizeof e->far, e->kind->far, BASE_PORT + number);
    memcpy(e->near, e->far, sizeof e->near);
    if (e->kind->listens)
        strcat(e->source ? e->far : e->near, ",listen");
    if (e->kind->object && hepta_channel_create(e->near, why, sizeof why) < 0)
        t_die("%s: %s", e->near, why);
    if (e->kind->listens && !e->source)
        open_near(e);
}

void end_make(struct end *e, const struct kind *kind, bool source, int number)
{
    *e = (struct end){.kind = kind, .source = source, .inherited = {-1, -1, -1}};
    if (kind->far)
        make_named(e, number);
    else if (kind->name[0] == 'p')
        make_pipe(e);
    else
        make_kernel_pipe(e);
}

/* A datagram to a port that nobody has yet is lost. */
static void await_port(const struct end *e)
{
    const char *colon = strrchr(e->near, ':');
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)atoi(colon + 1)),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};

    for (int i = 0; i < 5000; i++) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        int r = bind(fd, (void *)&at, sizeof at);
        close(fd);
        if (r < 0)
            return;
        t_sleep_ns(2 * T_MS);
    }
    t_die("nobody listens at %s", e->near);
}

void end_open(struct end *e)
{
    if (e->ch)
        return;
    if (e->kind->lossy)
        await_port(e);
    open_near(e);
}

void end_remove(struct end *e)
{
    e->ch = hepta_channel_close(e->ch);
    if (e->kind->object)
        hepta_channel_remove(e->near, NULL, 0);
    if (e->kind->unlink) { /* of a relay that was killed */
        char *name = strchr(e->near, ':') + 1;
        name[strcspn(name, ",")] = 0;
        unlink(name);
    }
}
