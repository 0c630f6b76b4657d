/* SPDX-License-Identifier: MIT */
/*
 * inject.c - see inject.h. Start with inject_all(); what is wrapped is in wraps.c.
 */
#define _GNU_SOURCE
#include "inject.h"

#include "../lib/t.h"
#include "wraps.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_S 10
#define N_MAX 400 /* no operation makes that many calls: a loop that never ends */

enum outcome { GOOD, NOT_HIT, BAD };

const char *inject_where(void)
{
    return wraps_hit();
}

static bool documented(const struct inject_op *op, long result)
{
    if (result >= 0)
        return true;
    for (int i = 0; i < INJECT_ERRORS && op->documented[i]; i++)
        if (-result == op->documented[i])
            return true;
    return false;
}

/* In the child. The message names the call, so that it can be found again. */
static enum outcome attempt(const struct inject_op *op, int nth, int variant)
{
    struct t_usage before, after;
    bool ok;
    long result;

    before = t_usage();
    if (op->setup)
        op->setup();
    wraps_arm(nth, variant);
    result = op->run();
    wraps_disarm();
    ok = documented(op, result);
    if (!ok)
        fprintf(stderr, "%s: call %d, %s failed: undocumented result %ld (%s)\n", op->name, nth,
                wraps_hit(), result, strerror((int)-result));
    if (op->check && !op->check(result)) {
        fprintf(stderr, "%s: call %d, %s failed, result %ld: check\n", op->name, nth, wraps_hit(),
                result);
        ok = false;
    }
    if (op->undo)
        op->undo();
    after = t_usage();
    after.n_maps -= after.n_maps > before.n_maps ? op->n_maps_once : 0;
    if (!t_usage_same(op->name, before, after)) {
        fprintf(stderr, "%s: call %d, %s failed, result %ld: leak\n", op->name, nth, wraps_hit(),
                result);
        ok = false;
    }
    return !ok ? BAD : wraps_hit()[0] ? GOOD : NOT_HIT;
}

static enum outcome in_child(const struct inject_op *op, int nth, int variant)
{
    pid_t pid = t_fork();
    int status;

    if (pid == 0) {
        t_limit(CHILD_S);
        exit(attempt(op, nth, variant));
    }
    status = t_reap(pid, (CHILD_S + 2) * 1000);
    if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) <= BAD)
        return (enum outcome)WEXITSTATUS(status);
    fprintf(stderr, "%s: call %d, variant %d: %s\n", op->name, nth, variant,
            status > 0 && WIFSIGNALED(status) && WTERMSIG(status) != SIGALRM
                ? strsignal(WTERMSIG(status)) : "hangs");
    return BAD;
}

static int inject_up_to(const struct inject_op *op, int most)
{
    int n_bad = 0, n_tries = 0, n_calls = 0;

    for (int variant = 0; variant < WRAPS_VARIANTS; variant++) {
        for (int nth = 1; nth < most && n_bad < 10; nth++) {
            enum outcome out = in_child(op, nth, variant);

            n_tries++;
            n_bad += out == BAD;
            if (out == NOT_HIT)
                break;
            n_calls = nth > n_calls ? nth : n_calls;
        }
    }
    if (n_calls >= N_MAX - 1) {
        fprintf(stderr, "%s: never got through\n", op->name);
        n_bad++;
    }
    printf("%-40s %3d calls can fail, %4d attempts, %d failed\n", op->name, n_calls, n_tries,
           n_bad);
    return n_bad;
}

int inject_first(const struct inject_op *op, int n_calls)
{
    return inject_up_to(op, n_calls + 1);
}

int inject_all(const struct inject_op *ops, size_t n)
{
    int n_bad = 0;

    for (size_t i = 0; i < n; i++)
        n_bad += inject_up_to(&ops[i], N_MAX);
    return n_bad;
}
