/* SPDX-License-Identifier: MIT */
/* shm_room.c - shared memory: back ends, groups, surroundings, and the short forms cases use */
#define _GNU_SOURCE
#include "shm_room.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "name_dir.h"
#include "shm_names.h"

static const struct conf_backend backends[] = {
    {"kernel", CONF_KERNEL, 0, &shm_kernel_ops},
    {"hepta", CONF_HEPTA, NEEDS_HEPTA, &shm_hepta_ops},
    {0},
};

static const struct conf_case *const groups[] = {
    shm_open_cases, shm_map_cases,  shm_pass_cases, shm_mode_cases,  shm_get_cases,  shm_at_cases,
    shm_life_cases, shm_ctl_cases,  shm_list_cases, shm_mutex_cases, shm_cell_cases, shm_more_cases,
    NULL,
};

static int tidy(void)
{
    int n = name_dir_tidy() + shm_names_tidy();
    struct shmid_ds ds;
    struct shm_info info;
    int last = shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&info);
    for (int i = 0; i <= last; i++) {
        int id = shmctl(i, SHM_STAT, &ds);
        if (id >= 0 && own_ipc_is(ds.shm_perm.__key))
            n += shmctl(id, IPC_RMID, NULL) == 0;
    }
    return n;
}

static void begin(void)
{
    own_ipc_begin();
    shm_names_begin();
    name_dir_make();
}

static void end(void)
{
    tidy();
    name_dir_remove();
}

const struct conf_room shm_room = {"shm", backends, groups, begin, tidy, end};

/* --- named segments ------------------------------------------------------------------ */

struct shm_name shm_name(void)
{
    struct shm_name name;
    shm_names_next(name.s, sizeof(name.s));
    return name;
}

struct seg *make_seg(struct conf *c, const struct shm_name *name, size_t len)
{
    struct seg *s = NULL;
    mode_t mask = umask(0);
    EQ(c, yops(c)->open(&s, name->s, O_RDWR | O_CREAT | O_EXCL, 0666, len), 0);
    umask(mask);
    return s;
}

struct seg *open_seg(struct conf *c, const struct shm_name *name, int flags)
{
    struct seg *s = NULL;
    EQ(c, yops(c)->open(&s, name->s, flags, 0, 0), 0);
    return s;
}

void close_seg(struct conf *c, struct seg *s)
{
    EQ(c, yops(c)->close(s), 0);
}

void unlink_seg(struct conf *c, const struct shm_name *name)
{
    EQ(c, yops(c)->unlink(name->s), 0);
}

int try_seg(struct conf *c, const char *name, int flags, mode_t mode, size_t len)
{
    struct seg *s = NULL;
    int r = yops(c)->open(&s, name, flags, mode, len);
    if (r == 0)
        close_seg(c, s);
    return r;
}

/* --- System V ------------------------------------------------------------------------ */

int make_shm(struct conf *c, size_t len)
{
    int id = -EEXIST;
    for (int i = 0; i < 100 && id == -EEXIST; i++)
        id = yops(c)->get(own_ipc_key(), len, IPC_CREAT | IPC_EXCL | 0666);
    OK(c, id >= 0);
    return id;
}

void remove_shm(struct conf *c, int id)
{
    EQ(c, yops(c)->ctl(id, IPC_RMID, NULL), 0);
}

char *attach(struct conf *c, int id, int flags)
{
    char *p = NULL;
    EQ(c, yops(c)->at(id, NULL, flags, &p), 0);
    OK(c, p != NULL);
    return p;
}

void detach(struct conf *c, const char *p)
{
    EQ(c, yops(c)->dt(p), 0);
}

struct shmid_ds shm_status(struct conf *c, int id)
{
    struct shmid_ds ds;
    EQ(c, yops(c)->ctl(id, IPC_STAT, &ds), 0);
    return ds;
}

void expect_gone(struct conf *c, int id)
{
    struct shmid_ds ds;
    char *p;
    int r = yops(c)->ctl(id, IPC_STAT, &ds);
    OK(c, r == -EINVAL || r == -EIDRM);
    r = yops(c)->at(id, NULL, 0, &p);
    OK(c, r == -EINVAL || r == -EIDRM);
}

/* --- memory -------------------------------------------------------------------------- */

static int faults(struct conf *c, volatile char *p, bool writes)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGSEGV, SIG_DFL); /* a sanitizer's */
        signal(SIGBUS, SIG_DFL);
        char byte = *p;
        if (writes)
            *p = byte;
        conf_exit();
    }
    int status = conf_status(c, pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status) ? -1 : 0;
}

int read_faults(struct conf *c, const volatile char *p)
{
    return faults(c, (volatile char *)(uintptr_t)p, false);
}

int write_faults(struct conf *c, volatile char *p)
{
    return faults(c, p, true);
}

char *free_address(struct conf *c, size_t len)
{
    char *p = mmap(NULL, len + 2 * SHMLBA, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    OK(c, p != MAP_FAILED);
    munmap(p, len + 2 * SHMLBA);
    return (char *)(((uintptr_t)p + SHMLBA) & ~(uintptr_t)(SHMLBA - 1));
}

bool all_bytes(const char *p, size_t len, char byte)
{
    for (size_t i = 0; i < len; i++)
        if (p[i] != byte)
            return false;
    return true;
}
