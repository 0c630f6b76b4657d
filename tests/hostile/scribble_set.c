/* SPDX-License-Identifier: MIT */
/*
 * scribble_set.c - sets of semaphores and permits under attack: their segment, while two processes
 * operate
 *
 * What leads somewhere in a set: numbers of semaphores and rows in the log and the intent, the
 * sleepers' records, lock, counts. A set without ids around it (semaphore/set.h) is attacked here,
 * so that nothing refuses it before; and a permit, by its verbs.
 */
#define _GNU_SOURCE
#include "scribble.h"

#include "name/name.h"
#include "semaphore/set.h"

#include <errno.h>
#include <fcntl.h>
#include <hepta/sem.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "/s"
#define SEMS_MAX 40

enum verb_number { OP, VALUE, LOOK, BURY, FD };

#define COMMON EBADMSG, EDEADLK, EAGAIN, ETIMEDOUT

static const struct verb set_verbs[] = {
    [OP] = {"operations", {COMMON, EIDRM, ERANGE, ENOSPC}},
    [VALUE] = {"SETVAL, SETALL", {COMMON, EIDRM}},
    [LOOK] = {"GETVAL, GETALL", {COMMON, EIDRM}},
    [BURY] = {"undo", {COMMON, EIDRM}},
};

static const struct verb permit_verbs[] = {
    [OP] = {"take, give", {COMMON, ENOSPC, EPERM, ENOMEM}},
    [LOOK] = {"stat, users", {COMMON}},
    [FD] = {"fd", {COMMON, ENOMEM}},
};

static char dir[] = "/dev/shm/hepta-hostile-XXXXXX";
static struct h7_set set;
static struct hepta_permit *permit;

/* --- a set ----------------------------------------------------------------------------- */

static void operate(void)
{
    size_t n = rnd(4) ? 1 : 1 + rnd(8);
    struct sembuf *ops = malloc(n * sizeof(*ops)); /* ASan sees one too many */

    for (size_t i = 0; i < n; i++)
        ops[i] = (struct sembuf){(unsigned short)rnd(set.plan.n), (short)((int)rnd(5) - 2),
                                 (short)(rnd(2) ? SEM_UNDO : 0)};
    int64_t deadline = some_deadline(), start = begin_verb(OP);
    end_verb(OP, start, deadline, h7_set_op(&set, ops, n, deadline));
    free(ops);
}

static void set_values(void)
{
    uint32_t n = rnd(2) ? 1 : set.plan.n;
    unsigned short *values = calloc(n, sizeof(*values));

    for (uint32_t i = 0; i < n; i++)
        values[i] = (unsigned short)rnd(4);
    int64_t start = begin_verb(VALUE);
    end_verb(VALUE, start, 0, h7_set_set(&set, 0, values, n));
    free(values);
}

static void look_at_values(void)
{
    unsigned short *values = malloc(set.plan.n * sizeof(*values));
    struct h7_set_look look;
    int64_t start = begin_verb(LOOK);
    int rc = rnd(2) ? h7_set_get_all(&set, values)
                    : h7_set_look(&set, (uint32_t)rnd(set.plan.n), &look);

    end_verb(LOOK, start, 0, rc == 0 ? 1 : rc);
    free(values);
}

static void set_act(int role)
{
    uint64_t what = rnd(100);
    int64_t start;

    (void)role;
    if (what < 75) {
        operate();
    } else if (what < 82) {
        set_values();
    } else if (what < 92) {
        look_at_values();
    } else {
        start = begin_verb(BURY);
        end_verb(BURY, start, 0, h7_set_bury(&set, HEPTA_NOW));
    }
}

static int attach_it(int obj, void *arg)
{
    return h7_set_attach(arg, obj, H7_KIND_TEST, (uint32_t)rnd(3), 0);
}

static void make_dir(void)
{
    if (!mkdtemp(dir) || setenv("HEPTA_DIR", dir, 1) != 0)
        t_die("%s", dir);
}

static void drop_dir(void)
{
    if (rmdir(dir) < 0)
        t_die("something was left in %s", dir);
    memset(strchr(dir, 0) - 6, 'X', 6);
}

static void set_make(void)
{
    struct h7_set_plan plan;
    struct h7_draft d;

    make_dir();
    h7_set_plan(&plan, 1 + (uint32_t)rnd(SEMS_MAX), 1 + (uint32_t)rnd(10), H7_SET_TIMES, 0);
    if (h7_life_know_self() < 0 || h7_draft_begin(&d) < 0 ||
        h7_set_make(d.fd, H7_KIND_TEST, 0600, &plan, "", 0) < 0 ||
        h7_draft_publish(&d, "set", NAME, 0700) < 0)
        t_die("no set");
    h7_draft_end(&d);
    if (h7_name_attach("set", NAME, attach_it, &set) < 0)
        t_die("it can't be attached");
}

static void set_end(int role)
{
    (void)role;
    h7_set_detach(&set);
}

static void set_drop(void)
{
    h7_set_detach(&set);
    if (h7_name_unlink("set", NAME) < 0)
        t_die("it can't be removed");
    drop_dir();
}

/* --- a permit ---------------------------------------------------------------------------- */

static void permit_act(int role)
{
    struct hepta_permit_user users[3];
    struct hepta_permit_stat st;
    uint64_t what = rnd(100);
    int64_t deadline = some_deadline(), start;

    (void)role;
    if (what < 50) {
        start = begin_verb(OP);
        end_verb(OP, start, deadline, hepta_permit_take(permit, deadline));
    } else if (what < 80) {
        start = begin_verb(OP);
        end_verb(OP, start, 0, hepta_permit_give(permit));
    } else if (what < 86) {
        start = begin_verb(LOOK);
        end_verb(LOOK, start, 0, hepta_permit_stat(permit, &st));
    } else if (what < 92) {
        start = begin_verb(LOOK);
        end_verb(LOOK, start, 0,
                 hepta_permit_users(permit, rnd(2) ? HEPTA_PERMIT_HOLD : HEPTA_PERMIT_WAIT, users,
                                    rnd(4)));
    } else {
        start = begin_verb(FD);
        struct pollfd pfd = {hepta_permit_fd(permit), POLLIN, 0};
        end_verb(FD, start, 0, pfd.fd);
        poll(&pfd, pfd.fd >= 0, (int)rnd(3));
    }
}

static void permit_make(void)
{
    struct hepta_permit_options opt = {.size = sizeof(opt), .wait = (uint32_t)rnd(3)};

    make_dir();
    opt.holders_max = 1 + (uint32_t)rnd(4);
    int rc = hepta_permit_open(NAME, HEPTA_SEM_CREATE, 0600, 1 + (uint32_t)rnd(3), &opt, &permit);
    if (rc < 0)
        t_die("hepta_permit_open: %s", strerror(-rc));
}

static void permit_end(int role)
{
    (void)role;
    hepta_permit_close(permit);
}

static void permit_drop(void)
{
    hepta_permit_close(permit);
    if (hepta_permit_unlink(NAME) < 0)
        t_die("hepta_permit_unlink");
    drop_dir();
}

/* --- around ------------------------------------------------------------------------------ */

static void nothing(int role)
{
    (void)role;
}

static void scribble(void)
{
    char path[120];
    struct stat st;
    int fd;

    snprintf(path, sizeof(path), "%s/set.%s/data", dir, &NAME[1]);
    if (access(path, F_OK) != 0)
        snprintf(path, sizeof(path), "%s/permit.%s/data", dir, &NAME[1]);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        _exit(2);
    char *at = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        _exit(2);
    t_sleep_ns((int64_t)rnd(3) * T_MS); /* some honest work first */
    while (!stopped())
        scribble_over(at, (size_t)st.st_size);
}

const struct room set_room = {
    .name = "set",
    .actors = {"one", "other"},
    .verbs = set_verbs,
    .make = set_make,
    .begin = nothing,
    .act = set_act,
    .end = set_end,
    .scribble = scribble,
    .drop = set_drop,
};

const struct room permit_room = {
    .name = "permit",
    .actors = {"one", "other"},
    .verbs = permit_verbs,
    .make = permit_make,
    .begin = nothing,
    .act = permit_act,
    .end = permit_end,
    .scribble = scribble,
    .drop = permit_drop,
};
