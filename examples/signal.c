/* SPDX-License-Identifier: MIT */
/*
 * examples/signal.c - a parent whose child sends it numbers, then ends; and a file that is cut
 *
 * Signals are received by ordinary functions, while the parent has the time; what it reads
 * through a mapping may be gone, and it lives on. Built as a test, and shown in hepta_signal(3).
 */
#define _GNU_SOURCE
#include <hepta/signal.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define NUMBER 40 /* a real-time signal: each is queued */

static int sum, ended;

static int fail(const char *what, int err)
{
    fprintf(stderr, "%s: %s\n", what, hepta_strerror(err));
    return EXIT_FAILURE;
}

static void on_number(const struct hepta_signal_info *info, void *arg)
{
    (void)arg;
    sum += (int)info->value;
}

static void on_child(const struct hepta_signal_info *info, void *arg)
{
    char line[100];
    (void)arg;
    hepta_signal_describe(info, line, sizeof(line));
    puts(line); /* "SIGCHLD from child: pid 123, exited with status 0" */
    ended = 1;
}

static int child(pid_t parent)
{
    struct hepta_signal_peer *peer;
    int r = hepta_signal_peer_open(parent, 0, &peer);
    for (unsigned i = 1; i <= 4 && r == 0; i++)
        r = hepta_signal_send(peer, NUMBER, HEPTA_SIGNAL_VALUE, i);
    return r < 0 ? fail("send", r) : EXIT_SUCCESS;
}

static int read_first(void *file)
{
    return *(volatile unsigned char *)file;
}

static int read_cut_file(void)
{
    FILE *f = tmpfile();
    int r = -1;
    if (!f || ftruncate(fileno(f), 4096) != 0)
        return -1;
    void *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fileno(f), 0);
    if (map != MAP_FAILED && ftruncate(fileno(f), 0) == 0) /* as somebody else might */
        r = hepta_signal_guard(map, 4096, read_first, map, NULL);
    fclose(f);
    return r;
}

int main(void)
{
    struct hepta_signal *sig;
    pid_t parent = getpid();
    int r = hepta_signal_open(HEPTA_SIGNAL(NUMBER) | HEPTA_SIGNAL(SIGCHLD), &sig);
    if (r < 0)
        return fail("open", r);
    hepta_signal_on(sig, NUMBER, on_number, NULL);
    hepta_signal_on(sig, SIGCHLD, on_child, NULL);
    if (fork() == 0)
        _exit(child(parent));
    while (!ended && r >= 0)
        r = hepta_signal_dispatch(sig, hepta_in_ms(10000)); /* or poll hepta_signal_fd() */
    if (r >= 0)
        hepta_signal_dispatch(sig, HEPTA_NOW); /* lower numbers first: it may have overtaken some */
    wait(NULL);
    hepta_signal_close(sig);
    printf("sum: %d\n", sum);
    r = read_cut_file();
    printf("a byte that isn't there: %s\n", hepta_strerror(r));
    return sum != 10;
}
