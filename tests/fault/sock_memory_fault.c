/* SPDX-License-Identifier: MIT */
/*
 * sock_memory_fault.c - every system call and allocation of the sockets' verbs fails in
 * turn, for connections in memory (the kernel's own: sock_kernel_fault.c)
 *
 * The operations are in sock_memory_ops.c. Here is what they work on, made in the ways of the
 * table `kinds`, and what must hold after each: the connection works, or a new one does.
 */
#define _GNU_SOURCE
#include "sock_memory_fault.h"

#include "../lib/t.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/dev/shm/hepta-fault-XXXXXX";
char address[64];

static const struct kind kinds[] = {
    {"stream", HEPTA_SOCK_STREAM, 0},
    {"seqpacket", HEPTA_SOCK_SEQPACKET, 0},
    {"records", HEPTA_SOCK_STREAM, HEPTA_SOCK_RECORDS},
};

const struct kind *kind;
struct hepta_sock *l, *c, *a;
pid_t other;
char buf[65536];

struct hepta_sock_options options(void)
{
    return (struct hepta_sock_options){.size = sizeof(struct hepta_sock_options),
                                       .type = kind->type,
                                       .flags = kind->flags,
                                       .mode = 0600,
                                       .capacity = 8192,
                                       .wait = HEPTA_WAIT_SLEEP};
}

void have_listener(void)
{
    struct hepta_sock_options o = options();
    int rc = hepta_sock_listen(&l, address, &o);

    if (rc < 0)
        t_die("hepta_sock_listen(%s): %s", address, strerror(-rc));
}

void have_pending(void)
{
    struct hepta_sock_options o = options();
    int rc;

    have_listener();
    rc = hepta_sock_connect(&c, address, &o, hepta_in_ms(1000));
    if (rc < 0)
        t_die("hepta_sock_connect(%s): %s", address, strerror(-rc));
}

void have_ends(void)
{
    have_pending();
    if (hepta_sock_accept(l, &a, hepta_in_ms(1000)) < 0)
        t_die("hepta_sock_accept");
}

void have_bytes(void)
{
    have_ends();
    if (hepta_sock_send(c, "?", 1, hepta_in_ms(1000)) != 1)
        t_die("hepta_sock_send");
}

void have_full(void)
{
    have_ends();
    for (int i = 0; i < 10000; i++)
        if (hepta_sock_send(c, buf, 4000, HEPTA_NOW) < 0)
            return;
    t_die("never full");
}

void leave(void)
{
    if (other > 0)
        t_kill(other);
    a = hepta_sock_close(a);
    c = hepta_sock_close(c);
    l = hepta_sock_close(l);
}

static void drain(struct hepta_sock *s)
{
    while (hepta_sock_recv(s, buf, sizeof(buf), HEPTA_NOW) >= 0)
        ;
}

static bool carries(struct hepta_sock *from, struct hepta_sock *to)
{
    char got = 0;

    return hepta_sock_send(from, "!", 1, hepta_in_ms(1000)) == 1 &&
           hepta_sock_recv(to, &got, 1, hepta_in_ms(1000)) == 1 && got == '!';
}

bool works(void)
{
    drain(a);
    if (!carries(c, a))
        return false;
    drain(c);
    return carries(a, c);
}

static int run_kind(const struct kind *k)
{
    int n_bad = 0;

    kind = k;
    printf("%s:\n", k->name);
    have_ends(); /* what the library makes once per process is made now */
    works();
    leave();
    for (size_t i = 0; i < n_sock_ops; i++) {
        const struct sock_op *o = &sock_ops[i];

        if (!o->no_records || !(k->flags & HEPTA_SOCK_RECORDS))
            n_bad += inject_all(&o->op, 1);
    }
    return n_bad;
}

static int run_all(const char *only)
{
    int n_bad = 0;

    for (size_t i = 0; i < T_COUNT(kinds); i++)
        if (!only || strcmp(only, kinds[i].name) == 0)
            n_bad += run_kind(&kinds[i]);
    return n_bad != 0;
}

/* The directory of the socket files goes away whatever happens, and must be empty. */
int main(int argc, char **argv)
{
    int status;
    pid_t pid;

    if (!mkdtemp(dir))
        t_die("%s", dir);
    snprintf(address, sizeof(address), "unix:%s/sock", dir);
    pid = t_fork();
    if (pid == 0) {
        t_limit(280);
        exit(run_all(argc > 1 ? argv[1] : NULL));
    }
    if (waitpid(pid, &status, 0) == pid && rmdir(dir) == 0)
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    fprintf(stderr, "something was left in %s\n", dir);
    if (t_fork() == 0)
        execlp("rm", "rm", "-rf", dir, NULL);
    wait(NULL);
    return 1;
}
