/* SPDX-License-Identifier: MIT */
/* signal_cases_fd_process.c - whose signals a descriptor tells of: children, strangers, threads */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "signal_room.h"

/* The child's copy takes the child's own, and is readable for them. */
static void after_fork(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    int fd = inbox_fd(c, &in);
    queue(c, &p, RT(0), 1);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct peer own;
        struct where here = {.pid = getpid(), .tid = gettid()};
        EQ(c, readable(c, fd), 0);
        is_empty(c, &in);
        find_peer(c, &own, &here);
        queue(c, &own, RT(1), 2);
        EQ(c, readable(c, fd), 1);
        take_value(c, &in, RT(1), 2);
        conf_exit();
    }
    conf_join(c, pid);
    EQ(c, readable(c, fd), 1);
    take_value(c, &in, RT(0), 1);
    is_empty(c, &in);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* A mailbox's child sends only. */
static void child_of_receiver(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    inbox_fd(c, &in);
    queue(c, &p, RT(0), 1);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, ops(c)->fd(&in), -EPERM);
        EQ(c, ops(c)->wait(&in, NULL, NOW), -EPERM);
        EQ(c, ops(c)->mask(&in, HEPTA_SIGNAL_BLOCK, 0, NULL), -EPERM);
        EQ(c, (long long)pending(c, &in), (long long)BIT(RT(0)));
        EQ(c, ops(c)->close(&in), 0);
        conf_exit();
    }
    conf_join(c, pid);
    EQ(c, readable(c, inbox_fd(c, &in)), 1);
    take_value(c, &in, RT(0), 1);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* epoll listens for the process that added it: of a child's own it doesn't hear. */
static void epoll_after_fork(struct conf *c)
{
    struct inbox in;
    struct peer p;
    struct epoll_event ev = {.events = EPOLLIN}, got;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    int fd = inbox_fd(c, &in), ep = epoll_create1(EPOLL_CLOEXEC);
    EQ(c, epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev), 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct peer own;
        struct where here = {.pid = getpid(), .tid = gettid()};
        struct pollfd pfd = {fd, POLLIN, 0};
        find_peer(c, &own, &here);
        queue(c, &own, RT(1), 2);
        EQ(c, poll(&pfd, 1, 0), 1);
        EQ(c, epoll_wait(ep, &got, 1, 0), 0);
        take_value(c, &in, RT(1), 2);
        queue(c, &p, RT(2), 3); /* the parent's */
        EQ(c, poll(&pfd, 1, 0), 0);
        is_empty(c, &in);
        conf_exit();
    }
    conf_join(c, pid);
    EQ(c, epoll_wait(ep, &got, 1, 0), 1);
    take_value(c, &in, RT(2), 3);
    close(ep);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

static void pass_fd(struct conf *c, int sock, int fd)
{
    char byte = 0;
    struct iovec iov = {&byte, 1};
    union {
        char buf[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } u = {.buf = {0}};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = u.buf,
                       .msg_controllen = sizeof(u.buf)};
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(h), &fd, sizeof(fd));
    EQ(c, sendmsg(sock, &m, 0), 1);
}

static int passed_fd(struct conf *c, int sock)
{
    char byte;
    int fd = -1;
    struct iovec iov = {&byte, 1};
    union {
        char buf[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } u;
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = u.buf,
                       .msg_controllen = sizeof(u.buf)};
    EQ(c, recvmsg(sock, &m, MSG_CMSG_CLOEXEC), 1);
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
    OK(c, fd >= 0);
    return fd;
}

/* In another process it tells of that one's. */
static void passed(struct conf *c)
{
    struct inbox in;
    struct peer p;
    int sv[2];
    EQ(c, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct peer own;
        struct where here = {.pid = getpid(), .tid = gettid()};
        int fd = passed_fd(c, sv[1]);
        EQ(c, readable(c, fd), 0); /* one is pending for the parent */
        find_peer(c, &own, &here);
        queue(c, &own, RT(1), 2);
        EQ(c, readable(c, fd), 1);
        conf_exit();
    }
    queue(c, &p, RT(0), 1);
    pass_fd(c, sv[0], inbox_fd(c, &in));
    conf_join(c, pid);
    EQ(c, readable(c, inbox_fd(c, &in)), 1);
    take_value(c, &in, RT(0), 1);
    leave_peer(c, &p);
    drop_inbox(c, &in);
    close(sv[0]);
    close(sv[1]);
}

struct thread_arg {
    struct conf *c;
    struct inbox *in;
};

static void *look(void *arg)
{
    struct thread_arg *t = arg;
    EQ(t->c, readable(t->c, inbox_fd(t->c, t->in)), conf_get(t->c, FREE));
    EQ(t->c, ops(t->c)->wait(t->in, NULL, NOW), conf_get(t->c, FREE + 1));
    return NULL;
}

/* What is directed at one thread, no other can take or see; what is at the process, any. */
static void of_the_thread(struct conf *c)
{
    struct inbox in;
    struct peer process, thread = {.pidfd = -1};
    struct thread_arg t = {c, &in};
    pthread_t other;
    make_inbox(c, &in, USUAL);
    find_self(c, &process, &in);
    EQ(c, ops(c)->peer(&thread, &in.at, true), 0);
    queue(c, &thread, RT(1), 1);
    conf_set(c, FREE, 0);
    conf_set(c, FREE + 1, -EAGAIN);
    EQ(c, pthread_create(&other, NULL, look, &t), 0);
    EQ(c, pthread_join(other, NULL), 0);
    EQ(c, readable(c, inbox_fd(c, &in)), 1);
    queue(c, &process, RT(2), 2);
    conf_set(c, FREE, 1);
    conf_set(c, FREE + 1, RT(2));
    EQ(c, pthread_create(&other, NULL, look, &t), 0);
    EQ(c, pthread_join(other, NULL), 0);
    take_value(c, &in, RT(1), 1);
    is_empty(c, &in);
    leave_peer(c, &thread);
    leave_peer(c, &process);
    drop_inbox(c, &in);
}

const struct conf_case signal_fd_process_cases[] = {
    {"fd.after_fork", after_fork, NEEDS_FD | NEEDS_SIGNALS, NULL, NULL, 0},
    {"fd.child_of_receiver", child_of_receiver, NEEDS_MAILBOX, NULL, NULL, 0},
    {"fd.epoll_after_fork", epoll_after_fork, NEEDS_FD | NEEDS_SIGNALS, NULL, NULL, 0},
    {"fd.passed", passed, NEEDS_FD | NEEDS_SIGNALS, NULL, NULL, 0},
    {"fd.of_the_thread", of_the_thread, NEEDS_FD | NEEDS_SIGNALS, NULL, NULL, 0},
    {0},
};
