/* SPDX-License-Identifier: MIT */
/*
 * unix_room.c - the back ends of AF_UNIX, groups of cases, places, and how ends are made
 *
 * The short forms for data and waiting are in unix_steps.c.
 */
#define _GNU_SOURCE
#include "unix_room.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define N_PLACES 512
#define STREAM (NEEDS_CONNECTION | NEEDS_STREAM)
#define SEQPACKET (NEEDS_CONNECTION | NEEDS_MESSAGES | NEEDS_SEQPACKET)
#define DGRAM (NEEDS_MESSAGES | NEEDS_DGRAM)
#define VIA (NEEDS_HEPTA | NEEDS_KERNEL)
#define MEMORY (NEEDS_HEPTA | NEEDS_MEMORY | NEEDS_PAIR)

static const struct conf_backend backends[] = {
    {"k.stream", CONF_KERNEL, STREAM | NEEDS_KERNEL | NEEDS_PAIR, &unix_kernel_stream_ops},
    {"k.seqpkt", CONF_KERNEL, SEQPACKET | NEEDS_KERNEL | NEEDS_PAIR, &unix_kernel_seqpacket_ops},
    {"k.dgram", CONF_KERNEL, DGRAM | NEEDS_KERNEL, &unix_kernel_dgram_ops},
    /* kernel.unix: through the library */
    {"via.stream", CONF_HEPTA, STREAM | VIA, &unix_via_stream_ops},
    {"via.seqpkt", CONF_HEPTA, SEQPACKET | VIA, &unix_via_seqpacket_ops},
    {"via.dgram", CONF_HEPTA, DGRAM | VIA, &unix_via_dgram_ops},
    /* unix: */
    {"h.stream", CONF_HEPTA, STREAM | MEMORY, &unix_hepta_stream_ops},
    {"h.seqpkt", CONF_HEPTA, SEQPACKET | MEMORY, &unix_hepta_seqpacket_ops},
    {"h.dgram", CONF_HEPTA, DGRAM | VIA, &unix_hepta_dgram_ops},
    {0},
};

static const struct conf_case *const groups[] = {
    unix_name_cases,      unix_stale_cases,     unix_mode_cases,      unix_accept_cases,
    unix_connect_cases,   unix_backlog_cases,   unix_data_cases,      unix_stream_cases,
    unix_message_cases,   unix_eof_cases,       unix_shutdown_cases,  unix_epipe_cases,
    unix_poll_cases,      unix_deadline_cases,  unix_signal_cases,    unix_fork_cases,
    unix_cred_cases,      unix_fds_cases,       unix_fds_data_cases,  unix_fds_life_cases,
    unix_pair_cases,      unix_stat_cases,      unix_error_cases,     unix_place_cases,
    unix_dgram_cases,
    NULL,
};

/* The directory of socket files; emptied after each run. */
static char dir[64];

static void make_dir(void)
{
    snprintf(dir, sizeof(dir), "/dev/shm/hepta-conf.%d", (int)getpid());
    mkdir(dir, 0755);
    chmod(dir, 0755);
}

/* Socket files stay where the kernel's own sockets leave them: no fault of a run's. */
static int empty_dir(void)
{
    DIR *d = opendir(dir);
    struct dirent *e;

    while (d && (e = readdir(d)))
        if (e->d_name[0] != '.' && unlinkat(dirfd(d), e->d_name, 0) < 0)
            unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
    if (d)
        closedir(d);
    return 0;
}

static void remove_dir(void)
{
    empty_dir();
    rmdir(dir);
}

const struct conf_room unix_room = {"unix", backends, groups, make_dir, empty_dir, remove_dir};

/* Several at a time: a case compares what it asked for with what it got. */
static char *place(void)
{
    static char places[N_PLACES][HEPTA_SOCK_ADDRESS_MAX];
    static unsigned n;

    return places[n++ % N_PLACES];
}

/* Each run is a process group of its own: that makes names of its own. */
const char *abstract(const char *name)
{
    char *p = place();

    snprintf(p, HEPTA_SOCK_ADDRESS_MAX, "@hepta-conf.%d.%s", (int)getpgrp(), name);
    return p;
}

const char *path(const char *name)
{
    char *p = place();

    snprintf(p, HEPTA_SOCK_ADDRESS_MAX, "%s/%s", dir, name);
    return p;
}

bool exists(const char *file)
{
    struct stat st;

    return lstat(file, &st) == 0;
}

void make_file(struct conf *c, const char *file)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

    OK(c, fd >= 0 && write(fd, "text", 4) == 4);
    close(fd);
}

void be_nobody(struct conf *c)
{
    conf_become(c, NOBODY, NOBODY);
}

struct hepta_sock_options options(struct conf *c)
{
    return (struct hepta_sock_options){.size = sizeof(struct hepta_sock_options),
                                       .type = uops(c)->type};
}

enum hepta_sock_type other_type(struct conf *c)
{
    return uops(c)->type == HEPTA_SOCK_STREAM ? HEPTA_SOCK_SEQPACKET : HEPTA_SOCK_STREAM;
}

int listen_at(struct conf *c, struct usock **s, const char *address)
{
    struct hepta_sock_options opt = options(c);

    return uops(c)->listen(s, address, &opt);
}

int connect_to(struct conf *c, struct usock **s, const char *address, int64_t deadline)
{
    struct hepta_sock_options opt = options(c);

    return uops(c)->connect(s, address, &opt, deadline);
}

struct usock *listener(struct conf *c, const char *address)
{
    struct usock *l;

    EQ(c, listen_at(c, &l, address), 0);
    return l;
}

struct usock *connector(struct conf *c, const char *address)
{
    struct usock *s;

    EQ(c, connect_to(c, &s, address, EVER), 0);
    return s;
}

struct usock *accepted(struct conf *c, struct usock *l)
{
    struct usock *s;

    EQ(c, uops(c)->accept(l, &s, EVER), 0);
    return s;
}

static void meet_datagrams(struct conf *c, struct two *t)
{
    struct hepta_sock_options opt = options(c);
    const char *to_b = abstract("meet.b");

    t->b = listener(c, to_b);
    opt.local = t->to_a = abstract("meet.a");
    EQ(c, uops(c)->connect(&t->a, to_b, &opt, EVER), 0);
}

void meet(struct conf *c, struct two *t)
{
    const char *at = abstract("meet");

    *t = (struct two){0};
    if (uops(c)->type == HEPTA_SOCK_DGRAM) {
        meet_datagrams(c, t);
        return;
    }
    struct usock *l = listener(c, at);
    t->a = connector(c, at);
    t->b = accepted(c, l);
    shut(c, &l);
}

void pair(struct conf *c, struct two *t)
{
    struct hepta_sock_options opt = options(c);

    *t = (struct two){0};
    if (uops(c)->type == HEPTA_SOCK_DGRAM)
        meet_datagrams(c, t);
    else
        EQ(c, uops(c)->pair(&t->a, &t->b, &opt), 0);
}

void shut(struct conf *c, struct usock **s)
{
    uops(c)->close(*s);
    *s = NULL;
}

void part(struct conf *c, struct two *t)
{
    if (t->a)
        shut(c, &t->a);
    if (t->b)
        shut(c, &t->b);
}
