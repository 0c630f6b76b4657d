/* SPDX-License-Identifier: MIT */
/* shm_cases_at.c - attaching and detaching: addresses, flags, permission */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm_room.h"

#define LEN (4 * PAGE)

static int at(struct conf *c, int id, const void *addr, int flags)
{
    char *p = NULL;
    int r = yops(c)->at(id, addr, flags, &p);
    if (r == 0)
        detach(c, p);
    return r;
}

static void anywhere(struct conf *c)
{
    int id = make_shm(c, LEN);
    char *p = attach(c, id, 0);
    EQ(c, (uintptr_t)p % PAGE, 0);
    OK(c, all_bytes(p, LEN, 0));
    memset(p, 1, LEN);
    detach(c, p);
    EQ(c, read_faults(c, p), SIGSEGV);
    p = attach(c, id, 0);
    OK(c, all_bytes(p, LEN, 1));
    detach(c, p);
    remove_shm(c, id);
}

static void at_an_address(struct conf *c)
{
    int id = make_shm(c, LEN);
    char *want = free_address(c, LEN), *p = NULL;
    EQ(c, yops(c)->at(id, want, 0, &p), 0);
    OK(c, p == want);
    p[LEN - 1] = 1;
    detach(c, p);
    remove_shm(c, id);
}

static void unaligned(struct conf *c)
{
    int id = make_shm(c, LEN);
    char *want = free_address(c, LEN), *p = NULL;
    EQ(c, at(c, id, want + 1, 0), -EINVAL);
    EQ(c, at(c, id, want + PAGE - 1, 0), -EINVAL);
    EQ(c, yops(c)->at(id, want + SHMLBA - 1, SHM_RND, &p), 0);
    OK(c, p == want); /* rounded down */
    detach(c, p);
    EQ(c, yops(c)->at(id, want, SHM_RND, &p), 0);
    OK(c, p == want);
    detach(c, p);
    remove_shm(c, id);
}

static void occupied(struct conf *c)
{
    int id = make_shm(c, LEN);
    char *there = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    OK(c, there != MAP_FAILED);
    there[0] = 9;
    EQ(c, at(c, id, there, 0), -EINVAL);
    EQ(c, at(c, id, there + 5, SHM_RND), -EINVAL);
    EQ(c, there[0], 9);
    munmap(there, PAGE);
    remove_shm(c, id);
}

/* SHM_REMAP takes the place of what is there; without an address it is refused. */
static void remap(struct conf *c)
{
    int id = make_shm(c, LEN);
    char *there = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *p;
    OK(c, there != MAP_FAILED);
    there[0] = 9;
    EQ(c, yops(c)->at(id, NULL, SHM_REMAP, &p), -EINVAL);
    EQ(c, yops(c)->at(id, there, SHM_REMAP, &p), 0);
    OK(c, p == there);
    OK(c, all_bytes(p, LEN, 0));
    p[0] = 4;
    char *q = attach(c, id, 0);
    EQ(c, q[0], 4);
    detach(c, q);
    detach(c, p);
    EQ(c, read_faults(c, there), SIGSEGV);
    remove_shm(c, id);
}

/* More than once in a process, for reading and for writing. */
static void several(struct conf *c)
{
    int id = make_shm(c, LEN);
    char *w = attach(c, id, 0), *r = attach(c, id, SHM_RDONLY), *w2 = attach(c, id, 0);
    OK(c, w != r && r != w2 && w != w2);
    w[5] = 55;
    EQ(c, r[5], 55);
    w2[5] = 56;
    EQ(c, r[5], 56);
    detach(c, w);
    EQ(c, r[5], 56);
    w2[6] = 1;
    detach(c, w2);
    EQ(c, r[6], 1);
    detach(c, r);
    remove_shm(c, id);
}

/* What is attached for reading can't be written, nor made writable. */
static void read_only(struct conf *c)
{
    int id = make_shm(c, LEN);
    char *w = attach(c, id, 0), *r = attach(c, id, SHM_RDONLY);
    EQ(c, write_faults(c, w), 0);
    EQ(c, read_faults(c, r), 0);
    EQ(c, write_faults(c, r), SIGSEGV);
    EQ(c, mprotect(r, PAGE, PROT_READ | PROT_WRITE) < 0 ? errno : 0, EACCES);
    detach(c, w);
    detach(c, r);
    remove_shm(c, id);
}

static void bad_detach(struct conf *c)
{
    int id = make_shm(c, LEN);
    char *p = attach(c, id, 0);
    int on_stack = 0;
    EQ(c, yops(c)->dt(p + PAGE), -EINVAL);
    EQ(c, yops(c)->dt(p + 1), -EINVAL);
    EQ(c, yops(c)->dt(&on_stack), -EINVAL);
    EQ(c, yops(c)->dt(NULL), -EINVAL);
    p[LEN - 1] = 1;
    detach(c, p);
    EQ(c, yops(c)->dt(p), -EINVAL);
    remove_shm(c, id);
}

/* For reading takes read permission, else both; there is no write-only. */
static void permission(struct conf *c)
{
    for (int bits = 0; bits < 8; bits += 2) {
        int id = yops(c)->get(own_ipc_key(), LEN, IPC_CREAT | IPC_EXCL | 0600 | bits);
        OK(c, id >= 0);
        pid_t pid = conf_fork(c);
        if (pid == 0) {
            conf_become(c, NOBODY, NOBODY);
            EQ(c, at(c, id, NULL, SHM_RDONLY), bits & 4 ? 0 : -EACCES);
            EQ(c, at(c, id, NULL, 0), bits == 6 ? 0 : -EACCES);
            conf_exit();
        }
        conf_join(c, pid);
        remove_shm(c, id);
    }
}

#if defined(__x86_64__)
static const unsigned char return_seven[] = {0xb8, 7, 0, 0, 0, 0xc3};
#elif defined(__aarch64__)
static const unsigned char return_seven[] = {0xe0, 0, 0x80, 0x52, 0xc0, 3, 0x5f, 0xd6};
#else
static const unsigned char return_seven[1];
#endif

/* The signal that ends a child which runs what is at @p; 0: it returned 7. */
static int runs(struct conf *c, char *p)
{
    if (sizeof(return_seven) == 1)
        return 0;
    memcpy(p, return_seven, sizeof(return_seven));
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        __builtin___clear_cache(p, p + sizeof(return_seven));
        EQ(c, ((int (*)(void))(uintptr_t)p)(), 7);
        conf_exit();
    }
    int status = conf_status(c, pid);
    return status & 0x7f;
}

static void executed(struct conf *c)
{
    int id = yops(c)->get(own_ipc_key(), LEN, IPC_CREAT | IPC_EXCL | 0700);
    OK(c, id >= 0);
    char *p = attach(c, id, SHM_EXEC);
    EQ(c, runs(c, p), 0);
    detach(c, p);
    p = attach(c, id, 0);
    if (sizeof(return_seven) > 1)
        EQ(c, runs(c, p), SIGSEGV);
    detach(c, p);
    remove_shm(c, id);
}

/* It takes execute permission, as shmop(2) says, and not as shmctl(2) does. */
static void execute_permission(struct conf *c)
{
    for (int i = 0; i < 2; i++) {
        int id = yops(c)->get(own_ipc_key(), LEN, IPC_CREAT | IPC_EXCL | (i ? 0607 : 0606));
        OK(c, id >= 0);
        pid_t pid = conf_fork(c);
        if (pid == 0) {
            conf_become(c, NOBODY, NOBODY);
            EQ(c, at(c, id, NULL, 0), 0);
            EQ(c, at(c, id, NULL, SHM_EXEC), i ? 0 : -EACCES);
            conf_exit();
        }
        conf_join(c, pid);
        remove_shm(c, id);
    }
}

/* The end of the heap is where it was. */
static void brk_stays(struct conf *c)
{
    int id = make_shm(c, LEN);
    void *before = sbrk(0);
    char *p = attach(c, id, 0);
    OK(c, sbrk(0) == before);
    detach(c, p);
    OK(c, sbrk(0) == before);
    remove_shm(c, id);
}

/* Many at once; there is no limit for a process. */
static void many(struct conf *c)
{
    enum { N = 200 };
    static char *p[N];
    int id = make_shm(c, LEN);
    for (int i = 0; i < N; i++) {
        p[i] = attach(c, id, 0);
        p[i][i] = (char)i;
    }
    for (int i = 0; i < N; i++)
        EQ(c, p[N - 1 - i][i], (char)i);
    for (int i = 0; i < N; i++)
        detach(c, p[i]);
    remove_shm(c, id);
}

const struct conf_case shm_at_cases[] = {
    {"at.anywhere", anywhere, 0, NULL, NULL, 0},
    {"at.an_address", at_an_address, 0, NULL, NULL, 0},
    {"at.unaligned", unaligned, 0, NULL, NULL, 0},
    {"at.occupied", occupied, 0, NULL, NULL, 0},
    {"at.remap", remap, 0, NULL, NULL, 0},
    {"at.several", several, 0, NULL, NULL, 0},
    {"at.read_only", read_only, 0, NULL, NULL, 0},
    {"at.bad_detach", bad_detach, 0, NULL, NULL, 0},
    {"at.permission", permission, CONF_AS_ROOT, NULL, NULL, 0},
    {"at.executed", executed, 0, NULL, NULL, 0},
    {"at.execute_permission", execute_permission, CONF_AS_ROOT, NULL, NULL, 0},
    {"at.brk_stays", brk_stays, 0, NULL, NULL, 0},
    {"at.many", many, 0, NULL, NULL, 0},
    {0},
};
