/* SPDX-License-Identifier: MIT */
/* semset_cases_get.c - keys and ids, making, permission; who keeps what until when */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "semset_room.h"

/* IPC_PRIVATE is a new set each time, whatever flags there are besides the permission bits. */
static void private_is_new(struct conf *c)
{
    int id[3] = {tops(c)->get(IPC_PRIVATE, 1, 0600), tops(c)->get(IPC_PRIVATE, 1, IPC_CREAT | 0600),
                 tops(c)->get(IPC_PRIVATE, 1, IPC_CREAT | IPC_EXCL | 0600)};
    for (int i = 0; i < 3; i++) {
        OK(c, id[i] >= 0 && id[i] != id[(i + 1) % 3]);
        EQ(c, set_val(c, id[i], 0, i + 5), 0);
        EQ(c, set_status(c, id[i]).sem_perm.__key, IPC_PRIVATE);
    }
    for (int i = 0; i < 3; i++) {
        VALUES(c, id[i], (unsigned short)(i + 5));
        remove_set(c, id[i]);
    }
}

static void key_leads_to_id(struct conf *c)
{
    key_t key = own_ipc_key();
    EQ(c, tops(c)->get(key, 2, 0666), -ENOENT);
    EQ(c, tops(c)->get(key, 0, 0), -ENOENT);
    int id = tops(c)->get(key, 2, IPC_CREAT | 0666);
    OK(c, id >= 0);
    EQ(c, tops(c)->get(key, 2, 0666), id);
    EQ(c, tops(c)->get(key, 0, 0), id);
    EQ(c, tops(c)->get(key, 2, IPC_CREAT | 0666), id);
    EQ(c, tops(c)->get(key, 2, IPC_EXCL | 0666), id); /* without CREAT it means nothing */
    EQ(c, tops(c)->get(key, 2, IPC_CREAT | IPC_EXCL | 0666), -EEXIST);
    EQ(c, tops(c)->get(key, 0, IPC_CREAT | IPC_EXCL), -EEXIST);
    EQ(c, set_status(c, id).sem_perm.__key, key);
    remove_set(c, id);
    EQ(c, tops(c)->get(key, 2, 0666), -ENOENT);
}

static void from_ftok(struct conf *c)
{
    key_t a = ftok("/etc/passwd", 'a'), b = ftok("/etc/passwd", 'b');
    OK(c, a != -1 && a != b);
    int id = tops(c)->get(a, 1, IPC_CREAT | 0600);
    OK(c, id >= 0);
    EQ(c, tops(c)->get(ftok("/etc/passwd", 'a'), 1, 0600), id);
    EQ(c, tops(c)->get(b, 1, 0600), -ENOENT);
    remove_set(c, id);
}

/* Of a new set 1 to SEMMSL; of an existing one at most as many as it has. */
static void how_many(struct conf *c)
{
    static const int bad[] = {0, -1, HEPTA_SEMSET_SEMS_MAX + 1, 1 << 30};
    key_t key = own_ipc_key();
    for (int i = 0; i < 4; i++) {
        EQ(c, tops(c)->get(IPC_PRIVATE, bad[i], 0600), -EINVAL);
        EQ(c, tops(c)->get(key, bad[i], IPC_CREAT | 0600), -EINVAL);
    }
    EQ(c, tops(c)->get(key, 1, 0600), -ENOENT);
    int id = tops(c)->get(key, 5, IPC_CREAT | 0600);
    OK(c, id >= 0);
    EQ(c, set_status(c, id).sem_nsems, 5);
    for (int n = 0; n <= 5; n++)
        EQ(c, tops(c)->get(key, n, 0600), id);
    EQ(c, tops(c)->get(key, 6, 0600), -EINVAL);
    EQ(c, tops(c)->get(key, 6, IPC_CREAT | 0600), -EINVAL);
    EQ(c, tops(c)->get(key, 6, IPC_CREAT | IPC_EXCL | 0600), -EEXIST);
    EQ(c, tops(c)->get(key, -1, 0600), -EINVAL);
    remove_set(c, id);
}

static void largest(struct conf *c)
{
    enum { N = HEPTA_SEMSET_SEMS_MAX };
    static unsigned short values[N];
    int id = make_set(c, N);
    EQ(c, set_status(c, id).sem_nsems, N);
    for (int i = 0; i < N; i++)
        values[i] = (unsigned short)(i % 32768);
    EQ(c, tops(c)->ctl(id, 0, SETALL, (union hepta_semun){.array = values}), 0);
    EQ(c, get_of(c, id, N - 1, GETVAL), (N - 1) % 32768);
    EQ(c, get_of(c, id, N, GETVAL), -EINVAL);
    EQ(c, one_op(c, id, N - 1, 1, SEM_UNDO, NOW), 0);
    EQ(c, one_op(c, id, N, 1, 0, NOW), -EFBIG);
    EQ(c, tops(c)->ctl(id, 0, GETALL, (union hepta_semun){.array = values}), 0);
    for (int i = 0; i < N; i++)
        EQ(c, values[i], i % 32768 + (i == N - 1));
    remove_set(c, id);
}

static void fresh(struct conf *c)
{
    time_t before = time(NULL);
    int id = tops(c)->get(own_ipc_key(), 3, IPC_CREAT | IPC_EXCL | 0642);
    OK(c, id >= 0);
    struct semid_ds ds = set_status(c, id);
    EQ(c, ds.sem_perm.uid, geteuid());
    EQ(c, ds.sem_perm.cuid, geteuid());
    EQ(c, ds.sem_perm.gid, getegid());
    EQ(c, ds.sem_perm.cgid, getegid());
    EQ(c, ds.sem_perm.mode & 0777, 0642);
    EQ(c, ds.sem_nsems, 3);
    EQ(c, ds.sem_otime, 0);
    OK(c, ds.sem_ctime >= before && ds.sem_ctime <= time(NULL));
    VALUES(c, id, 0, 0, 0);
    for (int i = 0; i < 3; i++) {
        EQ(c, get_of(c, id, i, GETPID), 0);
        EQ(c, get_of(c, id, i, GETNCNT), 0);
        EQ(c, get_of(c, id, i, GETZCNT), 0);
    }
    remove_set(c, id);
}

/* Of another effective user and group than the real ones. */
static void effective_owner(struct conf *c)
{
    EQ(c, setegid(40002), 0);
    EQ(c, seteuid(40001), 0);
    int id = tops(c)->get(own_ipc_key(), 1, IPC_CREAT | 0600);
    OK(c, id >= 0);
    struct semid_ds ds = set_status(c, id);
    EQ(c, ds.sem_perm.uid, 40001);
    EQ(c, ds.sem_perm.cuid, 40001);
    EQ(c, ds.sem_perm.gid, 40002);
    EQ(c, ds.sem_perm.cgid, 40002);
    EQ(c, one_op(c, id, 0, 1, 0, NOW), 0);
    remove_set(c, id);
    EQ(c, seteuid(0), 0);
    EQ(c, setegid(0), 0);
}

static void id_for_everybody(struct conf *c)
{
    int id = make_set(c, 2);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        char text[16];
        snprintf(text, sizeof(text), "%d", id);
        conf_exec(c, (const char *[]){text, NULL}); /* has never called semget */
    }
    EQ(c, one_op(c, id, 0, -1, 0, EVER), 0);
    conf_asleep(c, pid);
    EQ(c, one_op(c, id, 1, 1, 0, EVER), 0);
    conf_join(c, pid);
    VALUES(c, id, 0, 0);
    remove_set(c, id);
}

static void stranger(struct conf *c, int argc, char **argv)
{
    EQ(c, argc, 1);
    int id = atoi(argv[0]);
    EQ(c, one_op(c, id, 0, 1, 0, EVER), 0);
    EQ(c, one_op(c, id, 1, -1, 0, EVER), 0);
    conf_exit();
}

static void values_stay(struct conf *c)
{
    key_t key = own_ipc_key();
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        int id = tops(c)->get(key, 2, IPC_CREAT | 0600);
        EQ(c, one_op(c, id, 1, 7, 0, NOW), 0);
        conf_exit();
    }
    conf_join(c, pid);
    int id = tops(c)->get(key, 2, 0600);
    OK(c, id >= 0);
    VALUES(c, id, 0, 7);
    EQ(c, get_of(c, id, 1, GETPID), pid);
    remove_set(c, id);
}

static void removed_is_gone(struct conf *c)
{
    key_t key = own_ipc_key();
    int id = tops(c)->get(key, 1, IPC_CREAT | 0600);
    EQ(c, one_op(c, id, 0, 4, 0, NOW), 0);
    remove_set(c, id);
    for (int i = 0; i < 2; i++) {
        int r = one_op(c, id, 0, 1, 0, NOW);
        OK(c, r == -EINVAL || r == -EIDRM);
        r = get_of(c, id, 0, GETVAL);
        OK(c, r == -EINVAL || r == -EIDRM);
        r = get_of(c, id, 0, IPC_RMID);
        OK(c, r == -EINVAL || r == -EIDRM);
        int again = tops(c)->get(key, 1, IPC_CREAT | 0600);
        OK(c, again >= 0 && again != id);
        VALUES(c, again, 0);
        if (i == 1)
            remove_set(c, again);
    }
}

static void bad_ids(struct conf *c)
{
    struct semid_ds ds;
    static const int bad[] = {-1, 0x7ffffff0, -0x7fffffff};
    for (int i = 0; i < 3; i++) {
        EQ(c, one_op(c, bad[i], 0, 1, 0, NOW), -EINVAL);
        EQ(c, get_of(c, bad[i], 0, GETVAL), -EINVAL);
        EQ(c, set_val(c, bad[i], 0, 1), -EINVAL);
        EQ(c, tops(c)->ctl(bad[i], 0, IPC_STAT, (union hepta_semun){.buf = &ds}), -EINVAL);
        EQ(c, get_of(c, bad[i], 0, IPC_RMID), -EINVAL);
    }
}

/* Of the bits that are asked for all must be granted. */
static void asked_bits(struct conf *c)
{
    key_t key = own_ipc_key();
    int id = tops(c)->get(key, 1, IPC_CREAT | 0604);
    OK(c, id >= 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_become(c, NOBODY, NOBODY);
        EQ(c, tops(c)->get(key, 1, 0), id);
        EQ(c, tops(c)->get(key, 1, 0004), id);
        EQ(c, tops(c)->get(key, 1, IPC_CREAT | 0004), id);
        EQ(c, tops(c)->get(key, 1, 0002), -EACCES);
        EQ(c, tops(c)->get(key, 1, 0006), -EACCES);
        EQ(c, tops(c)->get(key, 1, 0600), -EACCES); /* one's own class, whichever is asked */
        conf_exit();
    }
    conf_join(c, pid);
    remove_set(c, id);
}

static void umask_does_not_apply(struct conf *c)
{
    umask(0077);
    int id = tops(c)->get(own_ipc_key(), 1, IPC_CREAT | IPC_EXCL | 0666);
    umask(022);
    OK(c, id >= 0);
    EQ(c, set_status(c, id).sem_perm.mode & 0777, 0666);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_become(c, NOBODY, NOBODY);
        EQ(c, one_op(c, id, 0, 1, 0, NOW), 0);
        EQ(c, get_of(c, id, 0, GETVAL), 1);
        conf_exit();
    }
    conf_join(c, pid);
    remove_set(c, id);
}

/* Many at once: one makes it, all get the same. */
static void race(struct conf *c)
{
    key_t key = own_ipc_key();
    pid_t pid[6];
    for (int i = 0; i < 6; i++)
        if ((pid[i] = conf_fork(c)) == 0) {
            conf_await(c, 0, 1);
            int id = tops(c)->get(key, 1, IPC_CREAT | IPC_EXCL | 0600);
            OK(c, id >= 0 || id == -EEXIST);
            conf_add(c, 1, id >= 0);
            id = tops(c)->get(key, 1, IPC_CREAT | 0600);
            OK(c, id >= 0);
            EQ(c, one_op(c, id, 0, 1, 0, EVER), 0);
            conf_exit();
        }
    conf_set(c, 0, 1);
    for (int i = 0; i < 6; i++)
        conf_join(c, pid[i]);
    EQ(c, conf_get(c, 1), 1);
    int id = tops(c)->get(key, 1, 0600);
    VALUES(c, id, 6);
    remove_set(c, id);
}

const struct conf_case semset_get_cases[] = {
    {"get.private_is_new", private_is_new, 0, NULL, NULL, 0},
    {"get.key_leads_to_id", key_leads_to_id, 0, NULL, NULL, 0},
    {"get.ftok", from_ftok, 0, NULL, NULL, 0},
    {"get.how_many", how_many, 0, NULL, NULL, 0},
    {"get.largest", largest, 0, NULL, NULL, 0},
    {"get.fresh", fresh, 0, NULL, NULL, 0},
    {"get.effective_owner", effective_owner, CONF_AS_ROOT, NULL, NULL, 0},
    {"get.id_for_everybody", id_for_everybody, 0, NULL, stranger, 0},
    {"get.values_stay", values_stay, 0, NULL, NULL, 0},
    {"get.removed_is_gone", removed_is_gone, 0, NULL, NULL, 0},
    {"get.bad_ids", bad_ids, 0, NULL, NULL, 0},
    {"get.asked_bits", asked_bits, CONF_AS_ROOT, NULL, NULL, 0},
    {"get.umask_does_not_apply", umask_does_not_apply, CONF_AS_ROOT, NULL, NULL, 0},
    {"get.race", race, 0, NULL, NULL, 0},
    {0},
};
