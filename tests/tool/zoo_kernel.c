/* SPDX-License-Identifier: MIT */
/* tests/tool/zoo_kernel.c - the kernel's half of the zoo; see zoo.c */
#define _GNU_SOURCE
#include "zoo.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <mqueue.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static unsigned long long inode(int fd)
{
    struct stat st;
    zoo_must(fstat(fd, &st), "fstat");
    return st.st_ino;
}

static char *text(const char *form, ...) __attribute__((format(printf, 1, 2)));
static char *text(const char *form, ...)
{
    char *t;
    va_list args;
    va_start(args, form);
    if (vasprintf(&t, form, args) < 0)
        t_die("no memory");
    va_end(args);
    return t;
}

/* --- pipes, FIFOs ----------------------------------------------------------------------- */

static void read_fd(void *arg)
{
    char c;
    zoo_must((int)read(*(int *)arg, &c, 1), "read");
}

static void open_fifo(void *arg)
{
    zoo_must(open(arg, O_RDONLY), arg);
}

static void pipes(void)
{
    static int fds[2];
    zoo_must(pipe2(fds, O_CLOEXEC), "pipe");
    zoo_waiter(read_fd, &fds[0]);
    zoo_expect("ok", 0, 1, ANY, "kernel.pipe:%llu", inode(fds[0]));
    char *path = text("%s/partner", zoo_dir);
    zoo_must(mkfifo(path, 0600), path);
    zoo_waiter(open_fifo, path);
    zoo_expect("ok", ANY, 1, 0, "kernel.fifo:%s", path);
}

/* --- System V --------------------------------------------------------------------------- */

static int *shared_id;

static void receive_msg(void *arg)
{
    struct {
        long type;
        char text[10];
    } m;
    zoo_must((int)msgrcv(*(int *)arg, &m, sizeof m.text, 0, 0), "msgrcv");
}

static void leave_msg(void *arg)
{
    const struct {
        long type;
        char text[4];
    } m = {1, "abc"};
    (void)arg;
    *shared_id = zoo_must(msgget(IPC_PRIVATE, 0600), "msgget");
    zoo_must(msgsnd(*shared_id, &m, sizeof m.text, 0), "msgsnd");
}

static void semop_wait(void *arg)
{
    struct sembuf b = {0, -1, 0};
    zoo_must(semop(*(int *)arg, &b, 1), "semop");
}

static void leave_shm(void *arg)
{
    (void)arg;
    *shared_id = zoo_must(shmget(IPC_PRIVATE, 5000, 0600), "shmget");
}

static void sysv(void)
{
    static int msg, sem;
    msg = zoo_must(msgget(0x71, IPC_CREAT | 0600), "msgget");
    sem = zoo_must(semget(0x81, 1, IPC_CREAT | 0600), "semget");
    zoo_waiter(receive_msg, &msg);
    zoo_waiter(semop_wait, &sem);
    zoo_expect("ok", 0, 1, ANY, "kernel.msg:0x71");
    zoo_expect("ok", 0, 1, ANY, "kernel.semset:0x81");
    zoo_victim(leave_msg, NULL);
    zoo_expect("unused", 1, 0, ANY, "kernel.msg:id:%d", *shared_id);
    zoo_victim(leave_shm, NULL);
    zoo_expect("stale", ANY, 0, 0, "kernel.shm:id:%d", *shared_id);
}

/* --- POSIX ------------------------------------------------------------------------------ */

static mqd_t open_mq(const char *name)
{
    struct mq_attr attr = {.mq_maxmsg = 4, .mq_msgsize = 20};
    return zoo_must(mq_open(name, O_RDWR | O_CREAT, 0600, &attr), name);
}

static void receive_mq(void *arg)
{
    char buf[20];
    zoo_must((int)mq_receive(open_mq(arg), buf, sizeof buf, NULL), "mq_receive");
}

static void wait_sem(void *arg)
{
    sem_t *s = sem_open(arg, 0);
    zoo_must(s == SEM_FAILED ? -1 : sem_wait(s), "sem");
}

static void posix(void)
{
    mqd_t left = open_mq("/left");
    zoo_must(mq_send(left, "a", 1, 0), "mq_send");
    mq_close(left);
    zoo_waiter(receive_mq, "/waited");
    if (geteuid() == 0) /* who can't mount the file system doesn't see what nobody has open */
        zoo_expect("unused", 1, 0, 0, "kernel.mq:/left");
    zoo_expect("ok", 0, 1, 1, "kernel.mq:/waited");
    char *name = text("/zoo-%u", zoo_mark);
    zoo_remove("/dev/shm/sem.%s", name + 1);
    sem_t *s = sem_open(name, O_CREAT | O_EXCL, 0600, 0);
    zoo_must(s == SEM_FAILED ? -1 : 0, "sem_open");
    sem_close(s);
    zoo_waiter(wait_sem, name);
    zoo_expect("ok", 0, 1, 1, "kernel.sem:%s", name);
}

static void pending(void *arg)
{
    sigset_t set;
    (void)arg;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR1);
}

/* --- sockets ---------------------------------------------------------------------------- */

static void accept_one(void *arg)
{
    zoo_must(accept(*(int *)arg, NULL, NULL), "accept");
}

static void sockets(void)
{
    static int s;
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    snprintf(un.sun_path, sizeof un.sun_path, "%s/socket", zoo_dir);
    s = zoo_must(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    zoo_must(bind(s, (struct sockaddr *)&un, sizeof un), "bind");
    zoo_must(listen(s, 5), "listen");
    zoo_waiter(accept_one, &s);
    zoo_expect("ok", 0, 1, ANY, "kernel.unix:%s/socket", zoo_dir);
    s = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, 253);
    if (s >= 0)
        zoo_expect("ok", 0, 0, ANY, "kernel.raw:253@ipv4");
    s = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (s >= 0)
        zoo_expect("ok", ANY, 0, ANY, "kernel.packet:%llu", inode(s));
}

void zoo_kernel_others(void)
{
    shared_id = t_shared(sizeof *shared_id);
    pipes();
    sockets();
    if (zoo_private) { /* else they would outlive a killed test */
        sysv();
        posix();
    }
    zoo_expect("ok", 1, 0, 1, "kernel.signal:%d", (int)zoo_child(pending, NULL));
}

/* --- this process's own ----------------------------------------------------------------- */

static void own_files(void)
{
    int fds[2];
    zoo_must(pipe2(fds, O_CLOEXEC), "pipe");
    zoo_must((int)write(fds[1], "12345", 5), "write");
    zoo_expect("ok", 5, 0, 1, "kernel.pipe:%llu", inode(fds[0]));
    char *path = text("%s/fifo", zoo_dir);
    zoo_must(mkfifo(path, 0600), path);
    zoo_must((int)write(zoo_must(open(path, O_RDWR | O_CLOEXEC), path), "123", 3), "write");
    zoo_expect("ok", 3, 0, 1, "kernel.fifo:%s", path);
    char *name = text("/zoo-%u", zoo_mark);
    zoo_remove("/dev/shm%s", name);
    int fd = zoo_must(shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600), name);
    zoo_must(ftruncate(fd, 4096), name);
    zoo_expect("ok", ANY, 0, 1, "kernel.shm:%s", name);
    char *left = text("/zoo-left-%u", zoo_mark);
    zoo_remove("/dev/shm%s", left);
    close(zoo_must(shm_open(left, O_CREAT | O_EXCL | O_RDWR, 0600), left));
    zoo_expect("unused", ANY, 0, 0, "kernel.shm:%s", left);
    if (zoo_private) {
        int id = zoo_must(shmget(0x92, 5000, IPC_CREAT | 0600), "shmget");
        zoo_must(shmat(id, NULL, 0) == (void *)-1 ? -1 : 0, "shmat");
        zoo_expect("ok", ANY, 0, 1, "kernel.shm:0x92");
    }
}

static void own_sockets(void)
{
    int fds[2], s;
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof in;
    snprintf(un.sun_path + 1, sizeof un.sun_path - 1, "hepta-zoo-%u", zoo_mark);
    s = zoo_must(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    socklen_t un_len = (socklen_t)(sizeof un.sun_family + 1 + strlen(un.sun_path + 1));
    zoo_must(bind(s, (struct sockaddr *)&un, un_len), "bind");
    zoo_must(listen(s, 5), "listen");
    s = zoo_must(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    zoo_must(connect(s, (struct sockaddr *)&un, un_len), "connect");
    zoo_expect("ok", 1, 0, 1, "kernel.unix:@hepta-zoo-%u", zoo_mark);
    zoo_must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), "socketpair");
    zoo_must((int)write(fds[1], "1234", 4), "write");
    zoo_expect("ok", 4, 0, 1, "kernel.unix:%llu", inode(fds[0]));
    s = zoo_must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    zoo_must(bind(s, (struct sockaddr *)&in, sizeof in), "bind");
    zoo_must(listen(s, 5), "listen");
    zoo_must(getsockname(s, (struct sockaddr *)&in, &len), "name");
    zoo_expect("ok", 0, 0, 1, "kernel.tcp:127.0.0.1:%u", ntohs(in.sin_port));
    in.sin_port = 0;
    s = zoo_must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
    zoo_must(bind(s, (struct sockaddr *)&in, sizeof in), "bind");
    zoo_must(getsockname(s, (struct sockaddr *)&in, &len), "name");
    zoo_expect("ok", 0, 0, 1, "kernel.udp:127.0.0.1:%u", ntohs(in.sin_port));
}

void zoo_kernel_own(void)
{
    own_files();
    own_sockets();
}
