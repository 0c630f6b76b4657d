/* SPDX-License-Identifier: MIT */
/* tests/tool/zoo_hepta.c - Hepta's half of the zoo; see zoo.c */
#define _GNU_SOURCE
#include "zoo.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "name/name_internal.h"
#include "prim/conduit.h"
#include "prim/segment.h"
#include "queue/store.h"
#include "semaphore/set.h"

static char name[300];

static const char *named(const char *text)
{
    snprintf(name, sizeof name, "/%s", text);
    return name;
}

/* --- FIFOs ------------------------------------------------------------------------------ */

static struct hepta_fifo *fifo(const char *of, uint32_t access)
{
    struct hepta_fifo *f;
    zoo_must(hepta_fifo_open(&f, of, access, NULL, HEPTA_FOREVER), of);
    return f;
}

static void fifo_wait(void *arg)
{
    fifo(arg, HEPTA_FIFO_READ);
}

static void fifo_reserve(void *arg)
{
    void *p;
    struct hepta_fifo *f = fifo(arg, HEPTA_FIFO_READ | HEPTA_FIFO_WRITE);
    zoo_must(hepta_fifo_reserve(f, 10, &p, HEPTA_NOW), "reserve");
}

static void fifo_both(void *arg)
{
    fifo(arg, HEPTA_FIFO_READ | HEPTA_FIFO_WRITE);
}

/* `len` bytes at `off` of the header and control block, or, counted from there, of the data. */
static void scribble(const char *entry, bool data, size_t off, const void *with, size_t len)
{
    char path[200];
    struct h7_segment_header h;
    snprintf(path, sizeof path, "%s/%s/data", zoo_dir, entry);
    int fd = zoo_must(open(path, O_RDWR | O_CLOEXEC), path);
    zoo_must((int)pread(fd, &h, sizeof h, 0), path);
    zoo_must((int)pwrite(fd, with, len, (off_t)(off + (data ? h.data_off : 0))), path);
    close(fd);
}

static void fifos(void)
{
    static const char *const all[] = {"/open", "/partner", "/left", "/reserved", "/bent"};
    const uint64_t own = 99; /* a writer's own count, with nothing written */
    for (size_t i = 0; i < T_COUNT(all); i++)
        zoo_must(hepta_fifo_make(all[i], 0600, NULL), all[i]);
    scribble("fifo.bent", false,
             H7_SEGMENT_CONTROL + offsetof(struct h7_conduit_shared, side[0].own), &own,
             sizeof own);
    zoo_expect("unused", 0, 0, 0, "fifo:/bent");
    zoo_waiter(fifo_wait, "/partner");
    zoo_child(fifo_both, "/reserved");
    zoo_victim(fifo_reserve, "/reserved");
    zoo_expect("ok", 0, 1, 1, "fifo:/partner");
    zoo_expect("unused", 0, 0, 0, "fifo:/left");
    zoo_expect("dead-holder", 0, 0, 1, "fifo:/reserved");
}

/* --- queues ----------------------------------------------------------------------------- */

static struct hepta_mq *mq(const char *of, int n)
{
    struct hepta_mq *q;
    const uint32_t flags = HEPTA_MQ_READ | HEPTA_MQ_WRITE | HEPTA_MQ_CREATE;
    const struct hepta_mq_options o = {.size = sizeof o, .msgs_max = 10, .msg_max = 100};
    zoo_must(hepta_mq_open(&q, of, flags, 0600, &o), of);
    for (int i = 0; i < n; i++)
        zoo_must(hepta_mq_send(q, "text", 4, 0, HEPTA_NOW), "send");
    return q;
}

static void mq_wait(void *arg)
{
    char buf[100];
    zoo_must((int)hepta_mq_receive(mq(arg, 0), buf, sizeof buf, NULL, HEPTA_FOREVER), "receive");
}

static void mq_lease(void *arg)
{
    char buf[100];
    struct hepta_mq_info info;
    zoo_must((int)hepta_mq_lease(mq(arg, 3), buf, sizeof buf, &info, HEPTA_NOW), "lease");
}

/* To be told takes a queue of the kernel's, which nobody removes when we are killed. */
static void mq_ask_to_be_told(void *arg)
{
    const struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    zoo_must(hepta_mq_notify(mq(arg, 0), &ev), "notify");
}

static void mqs(void)
{
    static const char nonsense[] = "not a segment";
    const uint32_t len = 12345, dead = 0x3ffffffe; /* more than there can be threads */
    hepta_mq_close(mq("/left", 2));
    hepta_mq_close(mq("/garbled", 0));
    scribble("mq.garbled", false, 0, nonsense, sizeof nonsense);
    hepta_mq_close(mq("/bent", 1)); /* a length that can't be: only who looks at all finds that */
    scribble("mq.bent", true, offsetof(struct h7_slot, len), &len, sizeof len);
    hepta_mq_close(mq("/locked", 1));
    scribble("mq.locked", false,
             H7_SEGMENT_CONTROL + offsetof(struct h7_store_shared, side[H7_P].lock), &dead,
             sizeof dead);
    zoo_expect("unused", 1, 0, 0, "mq:/bent");
    zoo_expect("dead-holder", 1, 0, 0, "mq:/locked");
    if (zoo_private && geteuid() == 0) { /* who can mount their file system, to see it */
        zoo_victim(mq_ask_to_be_told, "/told");
        zoo_expect("unused", 0, 0, 0, "mq:/told");
        zoo_expect("stale", ANY, 0, 0, "kernel.mq:/hepta.*");
    }
    zoo_waiter(mq_wait, "/waited");
    zoo_victim(mq_lease, "/leased");
    zoo_expect("unused", 2, 0, 0, "mq:/left");
    zoo_expect("corrupt", ANY, ANY, 0, "mq:/garbled");
    zoo_expect("ok", 0, 1, 1, "mq:/waited");
    zoo_expect("dead-holder", 2, 0, 0, "mq:/leased");
}

static int *shared_id;

static void msg_make(void *arg)
{
    *shared_id = zoo_must(hepta_msg_get((key_t)(intptr_t)arg, IPC_CREAT | 0600, NULL), "msg");
    zoo_must(hepta_msg_send(*shared_id, 1, "text", 4, 0, HEPTA_NOW), "send");
}

static void msg_wait(void *arg)
{
    char buf[100];
    long type;
    zoo_must((int)hepta_msg_receive(*(int *)arg, &type, buf, sizeof buf, 0, 0, HEPTA_FOREVER),
             "receive");
}

static void msgs(void)
{
    zoo_victim(msg_make, (void *)(intptr_t)0x71);
    zoo_expect("stale", 1, 0, 0, "msg:0x71");
    zoo_victim(msg_make, (void *)(intptr_t)IPC_PRIVATE);
    zoo_expect("unused", 1, 0, 0, "msg:id:%d", *shared_id);
    static int id;
    id = zoo_must(hepta_msg_get(0x72, IPC_CREAT | 0600, NULL), "msg");
    zoo_waiter(msg_wait, &id);
    hepta_msg_detach(id);
    zoo_expect("ok", 0, 1, 1, "msg:0x72");
}

/* --- semaphores ------------------------------------------------------------------------- */

static hepta_sem_t *sem(const char *of, unsigned value)
{
    hepta_sem_t *s;
    zoo_must(hepta_sem_open(of, HEPTA_SEM_CREATE, 0600, value, &s), of);
    return s;
}

static void sem_wait_for(void *arg)
{
    zoo_must(hepta_sem_wait(sem(arg, 0), HEPTA_FOREVER), "wait");
}

static struct hepta_permit *permit(const char *of, int n)
{
    struct hepta_permit *p;
    zoo_must(hepta_permit_open(of, HEPTA_SEM_CREATE, 0600, 2, NULL, &p), of);
    for (int i = 0; i < n; i++)
        zoo_must(hepta_permit_take(p, HEPTA_FOREVER), "take");
    return p;
}

static void permit_hold(void *arg)
{
    permit(arg, 1);
}

static void permit_hold_all(void *arg)
{
    permit(arg, 2);
}

static void semset_op(int id, short op, short flags)
{
    struct sembuf b = {.sem_num = 0, .sem_op = op, .sem_flg = flags};
    zoo_must(hepta_semset_op(id, &b, 1, HEPTA_FOREVER), "op");
}

static void semset_wait(void *arg)
{
    semset_op(*(int *)arg, -1, 0);
}

static void semset_undo(void *arg)
{
    semset_op(*(int *)arg, 3, SEM_UNDO);
}

static void sems(void)
{
    static int ids[2];
    const uint32_t one = 1; /* of two places, and nobody has the other */
    hepta_permit_close(permit("/bent", 0));
    scribble("permit.bent", true, offsetof(struct h7_set_hot, sem), &one, sizeof one);
    zoo_expect("unused", 1, 0, 0, "permit:/bent");
    hepta_sem_close(sem("/left", 5));
    zoo_waiter(sem_wait_for, "/waited");
    zoo_expect("unused", 5, 0, 0, "sem:/left");
    zoo_expect("ok", 0, 1, 1, "sem:/waited");
    zoo_child(permit_hold, "/held");
    zoo_child(permit_hold_all, "/waited");
    zoo_waiter(permit_hold, "/waited");
    zoo_victim(permit_hold, "/dead");
    zoo_expect("ok", 1, 0, 1, "permit:/held");
    zoo_expect("ok", 0, 1, 2, "permit:/waited");
    zoo_expect("dead-holder", 1, 0, 0, "permit:/dead");
    for (int i = 0; i < 2; i++)
        ids[i] = zoo_must(hepta_semset_get(0x81 + i, 1, IPC_CREAT | 0600, NULL), "semset");
    zoo_waiter(semset_wait, &ids[0]);
    zoo_victim(semset_undo, &ids[1]);
    zoo_expect("ok", 0, 1, ANY, "semset:0x81");
    zoo_expect("dead-holder", 3, 0, ANY, "semset:0x82");
}

/* --- memory ----------------------------------------------------------------------------- */

static struct hepta_shm *shm(const char *of, uint32_t flags)
{
    struct hepta_shm *m;
    const struct hepta_shm_options o = {.size = sizeof o, .len = 8192};
    zoo_must(hepta_shm_open(of, HEPTA_SHM_WRITE | HEPTA_SHM_CREATE | flags, 0600, &o, &m), of);
    return m;
}

static void shm_plain(void *arg)
{
    shm(arg, 0);
}

static void shm_auto(void *arg)
{
    shm(arg, HEPTA_SHM_AUTO);
}

static void shm_sysv(void *arg)
{
    void *p;
    int id = zoo_must(hepta_shm_get((key_t)(intptr_t)arg, 5000, IPC_CREAT | 0600), "shm");
    zoo_must(hepta_shm_at(id, NULL, 0, &p), "attach");
}

static void shms(void)
{
    zoo_child(shm_plain, "/used");
    zoo_child(shm_plain, "/used");
    hepta_shm_close(shm("/left", 0));
    zoo_victim(shm_plain, "/orphan");
    zoo_victim(shm_auto, "/auto");
    zoo_victim(shm_sysv, (void *)(intptr_t)0x91);
    zoo_expect("ok", ANY, 0, 2, "shm:/used");
    zoo_expect("unused", ANY, 0, 0, "shm:/left");
    zoo_expect("stale", ANY, 0, 0, "shm:/orphan");
    zoo_expect("stale", ANY, 0, 0, "shm:/auto");
    zoo_expect("stale", ANY, 0, 0, "shm:0x91");
}

/* --- mailboxes -------------------------------------------------------------------------- */

static struct hepta_mailbox *mailbox(const char *of, uint32_t flags, int n)
{
    struct hepta_mailbox *b;
    zoo_must(hepta_mailbox_open(of, HEPTA_MAILBOX_CREATE | flags, 0600, NULL, &b), of);
    for (int i = 0; i < n; i++)
        zoo_must(hepta_mailbox_send(b, 40, "x", 1, 0), "send");
    return b;
}

static void mailbox_wait(void *arg)
{
    struct hepta_signal_info info;
    zoo_must(hepta_mailbox_wait(mailbox(arg, HEPTA_MAILBOX_RECEIVE, 0), &info, HEPTA_FOREVER),
             "wait");
}

static void mailbox_given(void *arg)
{
    struct hepta_signal_info info;
    const uint32_t flags = HEPTA_MAILBOX_RECEIVE | HEPTA_MAILBOX_ACK;
    zoo_must(hepta_mailbox_wait(mailbox(arg, flags, 2), &info, HEPTA_FOREVER), "wait");
}

static void mailboxes(void)
{
    hepta_mailbox_close(mailbox("/left", 0, 2));
    zoo_waiter(mailbox_wait, "/waited");
    zoo_victim(mailbox_given, "/given");
    zoo_expect("unused", 2, 0, 0, "signal:/left");
    zoo_expect("ok", 0, 1, 1, "signal:/waited");
    zoo_expect("dead-holder", ANY, 0, 0, "signal:/given");
}

/* --- what dies half-way, and what has no name ------------------------------------------- */

static void draft(void *arg)
{
    struct h7_draft d;
    zoo_must(h7_draft_begin(&d), "draft");
    strcpy(arg, d.entry);
}

static void pipe_wait(void *arg)
{
    char c;
    zoo_must((int)hepta_pipe_read(arg, &c, 1, HEPTA_FOREVER), "read");
}

static void nameless(void)
{
    static struct hepta_pipe *r, *w;
    zoo_must(hepta_pipe_new(&r, &w, NULL), "pipe");
    zoo_waiter(pipe_wait, r);
    zoo_expect("ok", 0, 1, ANY, "pipe:memory:*");
}

void zoo_hepta_others(void)
{
    char *entry = t_shared(300);
    shared_id = t_shared(sizeof *shared_id);
    fifos();
    mqs();
    msgs();
    sems();
    shms();
    mailboxes();
    nameless();
    zoo_victim(draft, entry);
    zoo_expect("stale", ANY, ANY, ANY, "draft:%s", entry);
}

void zoo_hepta_own(void)
{
    struct hepta_pipe *r, *w;
    struct hepta_fifo *f = fifo("/open", HEPTA_FIFO_READ | HEPTA_FIFO_WRITE);
    zoo_must((int)hepta_fifo_write(f, "12345", 5, HEPTA_NOW), "write");
    zoo_expect("ok", 5, 0, 1, "fifo:/open");
    mq(named("open"), 3);
    zoo_expect("ok", 3, 0, 1, "mq:/open");
    sem("/open", 7);
    zoo_expect("ok", 7, 0, 1, "sem:/open");
    shm_sysv((void *)(intptr_t)0x92);
    zoo_expect("ok", ANY, 0, 1, "shm:0x92");
    zoo_must(hepta_pipe_new(&r, &w, NULL), "pipe");
    zoo_must((int)hepta_pipe_write(w, "1234567", 7, HEPTA_NOW), "write");
    zoo_expect("ok", 7, 0, 1, "pipe:memory:*");
    struct hepta_sock *a, *b;
    zoo_must(hepta_sock_pair(&a, &b, NULL), "pair");
    zoo_must((int)hepta_sock_send(a, "123456", 6, HEPTA_NOW), "send");
    zoo_expect("ok", 6, 0, 1, "unix:memory:*");
    struct hepta_shm *m;
    const struct hepta_shm_options o = {.size = sizeof o, .len = 8192};
    zoo_must(hepta_shm_new(&o, &m), "shm");
    zoo_expect("ok", ANY, 0, 1, "shm:memory:*");
}
