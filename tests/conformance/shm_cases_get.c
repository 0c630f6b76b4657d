/* SPDX-License-Identifier: MIT */
/* shm_cases_get.c - System V segments: keys and ids, sizes, permission */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shm_room.h"

static void private_is_new(struct conf *c)
{
    int id[3] = {yops(c)->get(IPC_PRIVATE, PAGE, 0600),
                 yops(c)->get(IPC_PRIVATE, PAGE, IPC_CREAT | 0600),
                 yops(c)->get(IPC_PRIVATE, PAGE, IPC_CREAT | IPC_EXCL | 0600)};
    char *p[3];
    for (int i = 0; i < 3; i++) {
        OK(c, id[i] >= 0 && id[i] != id[(i + 1) % 3]);
        p[i] = attach(c, id[i], 0);
        p[i][0] = (char)(i + 5);
        EQ(c, shm_status(c, id[i]).shm_perm.__key, IPC_PRIVATE);
    }
    for (int i = 0; i < 3; i++) {
        EQ(c, p[i][0], i + 5);
        detach(c, p[i]);
        remove_shm(c, id[i]);
    }
}

static void key_leads_to_id(struct conf *c)
{
    key_t key = own_ipc_key();
    EQ(c, yops(c)->get(key, PAGE, 0666), -ENOENT);
    EQ(c, yops(c)->get(key, 0, 0), -ENOENT);
    int id = yops(c)->get(key, PAGE, IPC_CREAT | 0666);
    OK(c, id >= 0);
    EQ(c, yops(c)->get(key, PAGE, 0666), id);
    EQ(c, yops(c)->get(key, 0, 0), id);
    EQ(c, yops(c)->get(key, PAGE, IPC_CREAT | 0666), id);
    EQ(c, yops(c)->get(key, PAGE, IPC_EXCL | 0666), id); /* without CREAT it means nothing */
    EQ(c, yops(c)->get(key, PAGE, IPC_CREAT | IPC_EXCL | 0666), -EEXIST);
    EQ(c, shm_status(c, id).shm_perm.__key, key);
    remove_shm(c, id);
    EQ(c, yops(c)->get(key, PAGE, 0666), -ENOENT);
}

static void from_ftok(struct conf *c)
{
    key_t a = ftok("/etc/passwd", 'a'), b = ftok("/etc/passwd", 'b');
    OK(c, a != -1 && a != b);
    int id = yops(c)->get(a, PAGE, IPC_CREAT | 0600);
    OK(c, id >= 0);
    EQ(c, yops(c)->get(ftok("/etc/passwd", 'a'), PAGE, 0600), id);
    EQ(c, yops(c)->get(b, PAGE, 0600), -ENOENT);
    remove_shm(c, id);
}

/* SHMMIN is 1; of an existing one at most its size. */
static void sizes(struct conf *c)
{
    key_t key = own_ipc_key();
    EQ(c, yops(c)->get(key, 0, IPC_CREAT | 0600), -EINVAL);
    EQ(c, yops(c)->get(IPC_PRIVATE, 0, 0600), -EINVAL);
    EQ(c, yops(c)->get(IPC_PRIVATE, SIZE_MAX, 0600), -EINVAL);
    EQ(c, yops(c)->get(key, SIZE_MAX - 100, IPC_CREAT | 0600), -EINVAL);
    int id = yops(c)->get(key, 5000, IPC_CREAT | 0600);
    OK(c, id >= 0);
    EQ(c, shm_status(c, id).shm_segsz, 5000); /* as asked; rounded up is what is attached */
    EQ(c, yops(c)->get(key, 1, 0600), id);
    EQ(c, yops(c)->get(key, 4999, 0600), id);
    EQ(c, yops(c)->get(key, 5000, 0600), id);
    EQ(c, yops(c)->get(key, 5001, 0600), -EINVAL);
    EQ(c, yops(c)->get(key, 5001, IPC_CREAT | 0600), -EINVAL);
    EQ(c, yops(c)->get(key, 5001, IPC_CREAT | IPC_EXCL | 0600), -EEXIST);
    char *p = attach(c, id, 0);
    OK(c, all_bytes(p, 2 * PAGE, 0));
    memset(p, 1, 2 * PAGE);
    detach(c, p);
    remove_shm(c, id);
    id = make_shm(c, 1);
    EQ(c, shm_status(c, id).shm_segsz, 1);
    p = attach(c, id, 0);
    p[PAGE - 1] = 1;
    detach(c, p);
    remove_shm(c, id);
}

/* SHM_NORESERVE changes nothing that can be seen. */
static void noreserve(struct conf *c)
{
    int id = yops(c)->get(own_ipc_key(), 3 * PAGE, IPC_CREAT | SHM_NORESERVE | 0600);
    OK(c, id >= 0);
    EQ(c, shm_status(c, id).shm_perm.mode, 0600);
    char *p = attach(c, id, 0);
    OK(c, all_bytes(p, 3 * PAGE, 0));
    detach(c, p);
    remove_shm(c, id);
}

static void fresh(struct conf *c)
{
    time_t before = time(NULL);
    int id = yops(c)->get(own_ipc_key(), 3 * PAGE, IPC_CREAT | IPC_EXCL | 0642);
    OK(c, id >= 0);
    struct shmid_ds ds = shm_status(c, id);
    EQ(c, ds.shm_perm.uid, geteuid());
    EQ(c, ds.shm_perm.cuid, geteuid());
    EQ(c, ds.shm_perm.gid, getegid());
    EQ(c, ds.shm_perm.cgid, getegid());
    EQ(c, ds.shm_perm.mode, 0642);
    EQ(c, ds.shm_segsz, 3 * PAGE);
    EQ(c, ds.shm_lpid, 0);
    EQ(c, ds.shm_cpid, getpid());
    EQ(c, ds.shm_nattch, 0);
    EQ(c, ds.shm_atime, 0);
    EQ(c, ds.shm_dtime, 0);
    OK(c, ds.shm_ctime >= before && ds.shm_ctime <= time(NULL));
    remove_shm(c, id);
}

static void effective_owner(struct conf *c)
{
    EQ(c, setegid(40002), 0);
    EQ(c, seteuid(40001), 0);
    int id = yops(c)->get(own_ipc_key(), PAGE, IPC_CREAT | 0600);
    OK(c, id >= 0);
    struct shmid_ds ds = shm_status(c, id);
    EQ(c, ds.shm_perm.uid, 40001);
    EQ(c, ds.shm_perm.cuid, 40001);
    EQ(c, ds.shm_perm.gid, 40002);
    EQ(c, ds.shm_perm.cgid, 40002);
    detach(c, attach(c, id, 0));
    remove_shm(c, id);
    EQ(c, seteuid(0), 0);
    EQ(c, setegid(0), 0);
}

static void id_for_everybody(struct conf *c)
{
    int id = make_shm(c, 2 * PAGE);
    char *p = attach(c, id, 0);
    strcpy(p, "to you");
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        char text[16];
        snprintf(text, sizeof(text), "%d", id);
        conf_exec(c, (const char *[]){text, NULL}); /* has never called shmget */
    }
    conf_join(c, pid);
    EQ(c, strcmp(p + PAGE, "and back"), 0);
    detach(c, p);
    remove_shm(c, id);
}

static void stranger(struct conf *c, int argc, char **argv)
{
    EQ(c, argc, 1);
    char *p = attach(c, atoi(argv[0]), 0);
    EQ(c, strcmp(p, "to you"), 0);
    strcpy(p + PAGE, "and back");
    conf_exit();
}

static void contents_stay(struct conf *c)
{
    key_t key = own_ipc_key();
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        int id = yops(c)->get(key, PAGE, IPC_CREAT | 0600);
        OK(c, id >= 0);
        attach(c, id, 0)[77] = 7;
        conf_exit(); /* not detached */
    }
    conf_join(c, pid);
    int id = yops(c)->get(key, PAGE, 0600);
    OK(c, id >= 0);
    EQ(c, shm_status(c, id).shm_cpid, pid);
    char *p = attach(c, id, SHM_RDONLY);
    EQ(c, p[77], 7);
    detach(c, p);
    remove_shm(c, id);
}

static void bad_ids(struct conf *c)
{
    static const int bad[] = {-1, 0x7ffffff0, -0x7fffffff};
    struct shmid_ds ds;
    char *p;
    for (int i = 0; i < 3; i++) {
        EQ(c, yops(c)->at(bad[i], NULL, 0, &p), -EINVAL);
        EQ(c, yops(c)->ctl(bad[i], IPC_STAT, &ds), -EINVAL);
        EQ(c, yops(c)->ctl(bad[i], IPC_RMID, NULL), -EINVAL);
    }
}

/* Of the bits that are asked for all must be granted. */
static void asked_bits(struct conf *c)
{
    key_t key = own_ipc_key();
    int id = yops(c)->get(key, PAGE, IPC_CREAT | 0604);
    OK(c, id >= 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_become(c, NOBODY, NOBODY);
        EQ(c, yops(c)->get(key, PAGE, 0), id);
        EQ(c, yops(c)->get(key, PAGE, 0004), id);
        EQ(c, yops(c)->get(key, PAGE, IPC_CREAT | 0004), id);
        EQ(c, yops(c)->get(key, PAGE, 0002), -EACCES);
        EQ(c, yops(c)->get(key, PAGE, 0006), -EACCES);
        conf_exit();
    }
    conf_join(c, pid);
    remove_shm(c, id);
}

static void umask_does_not_apply(struct conf *c)
{
    umask(0077);
    int id = yops(c)->get(own_ipc_key(), PAGE, IPC_CREAT | IPC_EXCL | 0666);
    umask(022);
    OK(c, id >= 0);
    EQ(c, shm_status(c, id).shm_perm.mode, 0666);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        conf_become(c, NOBODY, NOBODY);
        attach(c, id, 0)[0] = 1;
        conf_exit();
    }
    conf_join(c, pid);
    char *p = attach(c, id, 0);
    EQ(c, p[0], 1);
    detach(c, p);
    remove_shm(c, id);
}

/* Many at once: one makes it, all get the same. */
static void race(struct conf *c)
{
    key_t key = own_ipc_key();
    pid_t pid[6];
    for (int i = 0; i < 6; i++)
        if ((pid[i] = conf_fork(c)) == 0) {
            conf_await(c, 0, 1);
            int id = yops(c)->get(key, PAGE, IPC_CREAT | IPC_EXCL | 0600);
            OK(c, id >= 0 || id == -EEXIST);
            conf_add(c, 1, id >= 0);
            id = yops(c)->get(key, PAGE, IPC_CREAT | 0600);
            OK(c, id >= 0);
            attach(c, id, 0)[i] = 1;
            conf_exit();
        }
    conf_set(c, 0, 1);
    for (int i = 0; i < 6; i++)
        conf_join(c, pid[i]);
    EQ(c, conf_get(c, 1), 1);
    int id = yops(c)->get(key, PAGE, 0600);
    char *p = attach(c, id, 0);
    OK(c, all_bytes(p, 6, 1));
    detach(c, p);
    remove_shm(c, id);
}

const struct conf_case shm_get_cases[] = {
    {"get.private_is_new", private_is_new, 0, NULL, NULL, 0},
    {"get.key_leads_to_id", key_leads_to_id, 0, NULL, NULL, 0},
    {"get.ftok", from_ftok, 0, NULL, NULL, 0},
    {"get.sizes", sizes, 0, NULL, NULL, 0},
    {"get.noreserve", noreserve, 0, NULL, NULL, 0},
    {"get.fresh", fresh, 0, NULL, NULL, 0},
    {"get.effective_owner", effective_owner, CONF_AS_ROOT, NULL, NULL, 0},
    {"get.id_for_everybody", id_for_everybody, 0, NULL, stranger, 0},
    {"get.contents_stay", contents_stay, 0, NULL, NULL, 0},
    {"get.bad_ids", bad_ids, 0, NULL, NULL, 0},
    {"get.asked_bits", asked_bits, CONF_AS_ROOT, NULL, NULL, 0},
    {"get.umask_does_not_apply", umask_does_not_apply, CONF_AS_ROOT, NULL, NULL, 0},
    {"get.race", race, 0, NULL, NULL, 0},
    {0},
};
