/* SPDX-License-Identifier: MIT */
/*
 * scribble_ids.c - a System V set and a System V segment under attack: what all who use them share,
 * while two processes use them by id
 *
 * Of the set that is everything; of the segment, its control block, beside the memory, which is the
 * users' own. Above all it is what sysv/ keeps there: who it is, whose, whether it is removed. What
 * a process finds corrupt it may refuse, until it has detached and attached it again; so may
 * removal be true for a moment.
 */
#define _GNU_SOURCE
#include "scribble.h"

#include "memory/sysv_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <hepta/semset.h>
#include <hepta/shm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEMS_MAX 40
#define LEN 5000u

enum verb_number { OP, VALUE, LOOK, STAT, SET, DETACH };

#define COMMON                                                                                     \
    EBADMSG, EDEADLK, EAGAIN, ETIMEDOUT, EIDRM, EINVAL, EACCES, EPROTO, EPROTONOSUPPORT,           \
        EMEDIUMTYPE, ENODATA, EXDEV, ENOMEM

static const struct verb semset_verbs[] = {
    [OP] = {"operations", {COMMON, ERANGE, ENOSPC, EFBIG}},
    [VALUE] = {"SETVAL, SETALL", {COMMON}},
    [LOOK] = {"GETVAL, GETALL", {COMMON}},
    [STAT] = {"IPC_STAT", {COMMON}},
    [SET] = {"IPC_SET", {COMMON, EPERM}},
    [DETACH] = {"detach", {COMMON}},
};

static const struct verb shmid_verbs[] = {
    [OP] = {"attach", {COMMON}},
    [VALUE] = {"detach the memory", {EINVAL}},
    [LOOK] = {"SHM_LOCK", {COMMON, EPERM}},
    [STAT] = {"IPC_STAT", {COMMON}},
    [SET] = {"IPC_SET", {COMMON, EPERM}},
    [DETACH] = {"detach", {COMMON}},
};

static char dir[] = "/dev/shm/hepta-hostile-XXXXXX";
static int id;
static uint32_t n_sems;

/* --- a set -------------------------------------------------------------------------------- */

static void operate(void)
{
    size_t n = rnd(4) ? 1 : 1 + rnd(8);
    struct sembuf *ops = malloc(n * sizeof(*ops)); /* ASan sees one too many */

    for (size_t i = 0; i < n; i++)
        ops[i] = (struct sembuf){(unsigned short)rnd(n_sems), (short)((int)rnd(5) - 2),
                                 (short)(rnd(2) ? SEM_UNDO : 0)};
    int64_t deadline = some_deadline(), start = begin_verb(OP);
    end_verb(OP, start, deadline, hepta_semset_op(id, ops, n, deadline));
    free(ops);
}

static void set_values(void)
{
    unsigned short *values = calloc(n_sems, sizeof(*values));
    bool all = rnd(2);
    int64_t start = begin_verb(VALUE);
    int rc = all ? hepta_semset_ctl(id, 0, SETALL, (union hepta_semun){.array = values})
                 : hepta_semset_ctl(id, (int)rnd(n_sems), SETVAL, (union hepta_semun){.val = 2});

    end_verb(VALUE, start, 0, rc);
    free(values);
}

static void look_at_values(void)
{
    static const int cmds[] = {GETVAL, GETPID, GETNCNT, GETZCNT};
    unsigned short *values = malloc(n_sems * sizeof(*values));
    bool all = rnd(2);
    int64_t start = begin_verb(LOOK);
    int rc = all ? hepta_semset_ctl(id, 0, GETALL, (union hepta_semun){.array = values})
                 : hepta_semset_ctl(id, (int)rnd(n_sems), cmds[rnd(4)], (union hepta_semun){0});

    end_verb(LOOK, start, 0, rc == 0 ? 1 : rc);
    free(values);
}

static void set_or_stat(void)
{
    struct semid_ds ds = {.sem_perm = {.mode = 0600}};
    const union hepta_semun arg = {.buf = &ds};
    int verb = rnd(2) ? STAT : SET;

    ds.sem_perm.uid = geteuid();
    ds.sem_perm.gid = getegid();
    int64_t start = begin_verb(verb);
    end_verb(verb, start, 0, hepta_semset_ctl(id, 0, verb == STAT ? IPC_STAT : IPC_SET, arg));
}

static void semset_act(int role)
{
    uint64_t what = rnd(100);
    int64_t start;

    (void)role;
    if (what < 65) {
        operate();
    } else if (what < 75) {
        set_values();
    } else if (what < 85) {
        look_at_values();
    } else if (what < 93) {
        set_or_stat();
    } else {
        start = begin_verb(DETACH);
        end_verb(DETACH, start, 0, hepta_semset_detach(id));
    }
}

/* --- a segment ------------------------------------------------------------------------------ */

/* All of it is there, whatever its control block says. */
static void attach_and_detach(void)
{
    void *p = NULL;
    int64_t start = begin_verb(OP);
    int rc = hepta_shm_at(id, NULL, rnd(3) ? 0 : SHM_RDONLY, &p);

    end_verb(OP, start, 0, rc == 0 ? 1 : rc);
    if (rc < 0)
        return;
    for (size_t i = 0; i < LEN; i += LEN - 1)
        ((volatile char *)p)[i];
    start = begin_verb(VALUE);
    end_verb(VALUE, start, 0, hepta_shm_dt(p));
}

static void shmid_act(int role)
{
    struct shmid_ds ds = {.shm_perm = {.mode = 0600}};
    uint64_t what = rnd(1000);
    int64_t start;

    (void)role;
    ds.shm_perm.uid = geteuid();
    ds.shm_perm.gid = getegid();
    if (what < 700) {
        attach_and_detach();
    } else if (what < 800) {
        start = begin_verb(LOOK);
        end_verb(LOOK, start, 0, hepta_shm_ctl(id, rnd(2) ? SHM_LOCK : SHM_UNLOCK, NULL));
    } else if (what < 801) { /* it looks at each process of the machine */
        start = begin_verb(STAT);
        int rc = hepta_shm_ctl(id, IPC_STAT, &ds);
        end_verb(STAT, rc < 0 ? start : t_now_ns(), 0, rc);
    } else if (what < 900) {
        start = begin_verb(SET);
        end_verb(SET, start, 0, hepta_shm_ctl(id, IPC_SET, &ds));
    } else {
        start = begin_verb(DETACH);
        end_verb(DETACH, start, 0, h7_sysv_detach(&h7_shmid_table, id));
    }
}

/* --- around --------------------------------------------------------------------------------- */

static void nothing(int role)
{
    (void)role;
}

static void scribble_part(const char *kind, const char *part, size_t most)
{
    char path[120];
    struct stat st;
    int fd;

    snprintf(path, sizeof(path), "%s/%s.%d/%s", dir, kind, id, part);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) /* the attacker's own word: it was removed */
        t_sleep_ns(T_MS);
    if (fd < 0 || fstat(fd, &st) < 0)
        return;
    size_t len = (size_t)st.st_size < most ? (size_t)st.st_size : most;
    unsigned char *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        _exit(2);
    close(fd);
    unsigned char *whole = malloc(len);
    memcpy(whole, at, len);
    t_sleep_ns((int64_t)rnd(3) * T_MS); /* some honest work first */
    while (!stopped()) {
        scribble_over(at, len);
        if (rnd(2))
            memcpy(at, whole, len); /* and let them work again */
        t_sleep_ns((int64_t)rnd(200) * 1000);
    }
    free(whole);
    munmap(at, len);
}

static void semset_scribble(void)
{
    scribble_part("semset", "data", SIZE_MAX);
}

static void shmid_scribble(void)
{
    scribble_part("shmid", "control", SIZE_MAX);
}

static void make_dir(void)
{
    if (!mkdtemp(dir) || setenv("HEPTA_DIR", dir, 1) != 0)
        t_die("%s", dir);
}

/* The verbs may refuse what is left of it: the names go by hand. */
static void drop_dir(void)
{
    char cmd[160];

    snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
    if (system(cmd) != 0)
        t_die("%s", cmd);
    memset(strchr(dir, 0) - 6, 'X', 6);
}

static void semset_make(void)
{
    struct hepta_semset_options opt = {.size = sizeof(opt), .wait = (uint32_t)rnd(3)};

    make_dir();
    n_sems = 1 + (uint32_t)rnd(SEMS_MAX);
    opt.undoers_max = 1 + (uint32_t)rnd(10);
    id = hepta_semset_get(IPC_PRIVATE, (int)n_sems, 0600, &opt);
    if (id < 0)
        t_die("hepta_semset_get: %s", strerror(-id));
}

static void semset_end(int role)
{
    (void)role;
    hepta_semset_detach(id);
}

static void semset_drop(void)
{
    hepta_semset_ctl(id, 0, IPC_RMID, (union hepta_semun){0});
    hepta_semset_detach(id);
    drop_dir();
}

static void shmid_make(void)
{
    make_dir();
    id = hepta_shm_get(IPC_PRIVATE, LEN, 0600);
    if (id < 0)
        t_die("hepta_shm_get: %s", strerror(-id));
}

static void shmid_end(int role)
{
    (void)role;
    h7_sysv_detach(&h7_shmid_table, id);
}

static void shmid_drop(void)
{
    hepta_shm_ctl(id, IPC_RMID, NULL);
    h7_sysv_detach(&h7_shmid_table, id);
    drop_dir();
}

const struct room semset_room = {
    .name = "semset",
    .actors = {"one", "other"},
    .verbs = semset_verbs,
    .make = semset_make,
    .begin = nothing,
    .act = semset_act,
    .end = semset_end,
    .scribble = semset_scribble,
    .drop = semset_drop,
};

const struct room shmid_room = {
    .name = "shmid",
    .actors = {"one", "other"},
    .verbs = shmid_verbs,
    .make = shmid_make,
    .begin = nothing,
    .act = shmid_act,
    .end = shmid_end,
    .scribble = shmid_scribble,
    .drop = shmid_drop,
};
