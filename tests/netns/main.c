/* SPDX-License-Identifier: MIT */
/*
 * main.c - Hepta's sockets from one machine to another; see lab.h for what a machine is
 *
 * Each test is a child with a lab of its own, over IPv4 and over IPv6. Where the system
 * permits no lab the whole program counts as skipped.
 */
#define _GNU_SOURCE
#include "lab.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define LIMIT_S 100
#define ONE_MS 40000

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(bool v6);
        int families; /* 1: IPv4, 2: IPv6, 3: both */
    } tests[] = {
        {"stream", stream_test, 3},   {"records", records_test, 3},
        {"cable", cable_test, 3},     {"silence", silence_test, 1},
        {"proxy", proxy_test, 3},     {"unreachable", unreachable_test, 1},
        {"link-local", link_local_test, 2},
    };
    int n_passed = 0, n_failed = 0;

    t_limit(LIMIT_S);
    signal(SIGPIPE, SIG_DFL); /* a library that raises it must not go unnoticed */
    for (size_t i = 0; i < T_COUNT(tests); i++)
        for (int v6 = 0; v6 < 2; v6++) {
            if (!(tests[i].families & 1 << v6) || (argc > 1 && strcmp(argv[1], tests[i].name) != 0))
                continue;
            int64_t start = t_now_ns();
            pid_t pid = t_fork();
            if (pid == 0) {
                tests[i].run(v6);
                _Exit(0);
            }
            int status = t_reap(pid, ONE_MS);
            bool skipped = WIFEXITED(status) && WEXITSTATUS(status) == LAB_SKIP;
            printf("%-12s %s %s in %lld ms\n", tests[i].name, v6 ? "IPv6" : "IPv4",
                   status == 0 ? "ok" : skipped ? "skipped" : "FAILED",
                   (long long)((t_now_ns() - start) / T_MS));
            n_passed += status == 0;
            n_failed += status != 0 && !skipped;
        }
    if (n_passed + n_failed == 0)
        return LAB_SKIP;
    printf("%d passed, %d failed\n", n_passed, n_failed);
    return n_failed != 0;
}
