/* SPDX-License-Identifier: MIT */
/*
 * unix_kernel_msg.c - the oracle's data path: send, recv, and what comes with messages
 *
 * An empty message and the end both give 0 bytes. They are told apart by a time stamp, which the
 * kernel adds to messages only (SO_TIMESTAMP).
 */
#define _GNU_SOURCE
#include "unix_kernel.h"

#include <errno.h>
#include <string.h>

#define CONTROL_ROOM \
    (CMSG_SPACE(sizeof(int) * MAX_FDS) + CMSG_SPACE(sizeof(struct ucred)) + \
     CMSG_SPACE(sizeof(struct timeval)) * 2)

static bool is_stream(int fd)
{
    int type = 0;
    socklen_t len = sizeof(type);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
}

static bool bounded(int64_t deadline)
{
    return deadline != HEPTA_NOW && deadline != HEPTA_FOREVER;
}

ssize_t k_send(struct usock *s, const void *buf, size_t len, int64_t deadline)
{
    int flags = MSG_NOSIGNAL | (deadline == HEPTA_FOREVER ? 0 : MSG_DONTWAIT), err = 0;
    size_t done = 0;

    while (err == 0) {
        ssize_t n = send(s->fd, (const char *)buf + done, len - done, flags);

        if (!bounded(deadline))
            return n < 0 ? -errno : n;
        done += n > 0 ? (size_t)n : 0;
        if (n >= 0 && (done == len || !is_stream(s->fd)))
            return (ssize_t)done;
        err = n < 0 && errno != EAGAIN ? -errno : k_wait(s->fd, POLLOUT, deadline);
    }
    return done > 0 ? (ssize_t)done : err;
}

ssize_t k_recv(struct usock *s, void *buf, size_t len, int64_t deadline)
{
    int flags = deadline == HEPTA_FOREVER ? 0 : MSG_DONTWAIT, err = 0;

    while (err == 0) {
        ssize_t n = recv(s->fd, buf, len, flags);

        if (n >= 0)
            return n;
        if (!bounded(deadline) || errno != EAGAIN)
            return -errno;
        err = k_wait(s->fd, POLLIN, deadline);
    }
    return err;
}

ssize_t k_sendmsg(struct usock *s, const struct hepta_sock_msg *msg, int64_t deadline)
{
    char control[CMSG_SPACE(sizeof(int) * (MAX_FDS + 2))] = {0};
    struct sockaddr_un sa;
    struct msghdr h = {.msg_iov = msg->iov, .msg_iovlen = msg->n_iov};
    int flags = MSG_NOSIGNAL | (deadline == HEPTA_FOREVER ? 0 : MSG_DONTWAIT), err = 0;

    if (msg->address[0]) {
        err = k_address(&sa, &h.msg_namelen, msg->address);
        h.msg_name = &sa;
    }
    if (msg->n_fds > 0 && msg->n_fds <= MAX_FDS + 1) {
        h.msg_control = control;
        h.msg_controllen = CMSG_SPACE(sizeof(int) * msg->n_fds);
        *CMSG_FIRSTHDR(&h) = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
            .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int) * msg->n_fds)};
        memcpy(CMSG_DATA(CMSG_FIRSTHDR(&h)), msg->fds, sizeof(int) * msg->n_fds);
    }
    while (err == 0) { /* the cases bound no sendmsg() that goes only in part */
        ssize_t n = sendmsg(s->fd, &h, flags);

        if (n >= 0)
            return n;
        if (!bounded(deadline) || errno != EAGAIN)
            return -errno;
        err = k_wait(s->fd, POLLOUT, deadline);
    }
    return err;
}

/* Take the control messages in; returns whether there was a message at all. */
static bool take_control(struct msghdr *h, struct hepta_sock_msg *msg)
{
    bool stamped = false;

    for (struct cmsghdr *cm = CMSG_FIRSTHDR(h); cm; cm = CMSG_NXTHDR(h, cm)) {
        struct ucred cred;

        if (cm->cmsg_type == SCM_RIGHTS) {
            msg->n_fds = (uint32_t)((cm->cmsg_len - CMSG_LEN(0)) / sizeof(int));
            memcpy(msg->fds, CMSG_DATA(cm), cm->cmsg_len - CMSG_LEN(0));
        } else if (cm->cmsg_type == SCM_CREDENTIALS) {
            memcpy(&cred, CMSG_DATA(cm), sizeof(cred));
            msg->pid = cred.pid;
            msg->uid = cred.uid;
            msg->gid = cred.gid;
        } else if (cm->cmsg_type == SCM_TIMESTAMP) {
            stamped = true;
        }
    }
    return stamped;
}

/* Room for exactly max_fds descriptors: what is asked for first and comes in the order of time
 * stamp, credentials, descriptors. */
static size_t control_room(int fd, const struct hepta_sock_msg *msg, bool stream)
{
    int passcred = 0;
    socklen_t len = sizeof(passcred);
    size_t room = stream ? 0 : CMSG_SPACE(sizeof(struct timeval));

    getsockopt(fd, SOL_SOCKET, SO_PASSCRED, &passcred, &len);
    room += passcred ? CMSG_SPACE(sizeof(struct ucred)) : 0;
    return room + (msg->max_fds ? CMSG_LEN(sizeof(int) * msg->max_fds) : 0);
}

static size_t total(const struct hepta_sock_msg *msg)
{
    size_t sum = 0;

    for (size_t i = 0; i < msg->n_iov; i++)
        sum += msg->iov[i].iov_len;
    return sum;
}

static ssize_t received(struct usock *s, struct hepta_sock_msg *msg, struct msghdr *h, ssize_t n,
                        bool stream)
{
    size_t room = total(msg);
    bool is_message = take_control(h, msg);

    msg->full_len = (uint64_t)n;
    msg->flags |= h->msg_flags & MSG_TRUNC ? HEPTA_SOCK_MSG_TRUNC : 0;
    msg->flags |= h->msg_flags & MSG_CTRUNC ? HEPTA_SOCK_MSG_CTRUNC : 0;
    if (n == 0 && room > 0 && (stream || !is_message))
        msg->flags |= HEPTA_SOCK_MSG_EOF;
    if (msg->pid == 0)
        k_cred(s->fd, &msg->pid, &msg->uid, &msg->gid);
    return n < (ssize_t)room ? n : (ssize_t)room;
}

ssize_t k_recvmsg(struct usock *s, struct hepta_sock_msg *msg, int64_t deadline)
{
    char control[CONTROL_ROOM];
    struct sockaddr_un sa;
    struct msghdr h = {.msg_iov = msg->iov, .msg_iovlen = msg->n_iov};
    bool stream = is_stream(s->fd);
    int flags = MSG_CMSG_CLOEXEC | (deadline == HEPTA_FOREVER ? 0 : MSG_DONTWAIT), err = 0;

    msg->flags = msg->n_fds = 0;
    msg->pid = 0;
    msg->address[0] = 0;
    if (!stream)
        setsockopt(s->fd, SOL_SOCKET, SO_TIMESTAMP, &(int){1}, sizeof(int));
    while (err == 0) {
        h.msg_control = control;
        h.msg_controllen = control_room(s->fd, msg, stream);
        h.msg_name = &sa;
        h.msg_namelen = sizeof(sa);
        ssize_t n = recvmsg(s->fd, &h, flags | (stream ? 0 : MSG_TRUNC));

        if (n >= 0) {
            k_text(msg->address, sizeof(msg->address), &sa, h.msg_namelen);
            return received(s, msg, &h, n, stream);
        }
        if (!bounded(deadline) || errno != EAGAIN)
            return -errno;
        err = k_wait(s->fd, POLLIN, deadline);
    }
    return err;
}
