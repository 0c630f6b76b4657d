/* SPDX-License-Identifier: MIT */
/*
 * unix_kernel.h - what the two halves of the oracle share: connections and data
 */
#ifndef CONFORMANCE_UNIX_KERNEL_H
#define CONFORMANCE_UNIX_KERNEL_H

#include "unix_room.h"

#include <sys/socket.h>
#include <sys/un.h>

struct usock {
    int fd;
};

struct usock *k_sock(int fd);
int k_type(uint32_t type);
int k_address(struct sockaddr_un *sa, socklen_t *len, const char *text);
void k_text(char *text, size_t size, const struct sockaddr_un *sa, socklen_t len);
int k_set_nonblock(int fd, bool on);
/* 0: try again; -ETIMEDOUT: the deadline has passed; -EINTR. */
int k_wait(int fd, short events, int64_t deadline);
void k_cred(int fd, int32_t *pid, uint32_t *uid, uint32_t *gid);

ssize_t k_send(struct usock *s, const void *buf, size_t len, int64_t deadline);
ssize_t k_recv(struct usock *s, void *buf, size_t len, int64_t deadline);
ssize_t k_sendmsg(struct usock *s, const struct hepta_sock_msg *msg, int64_t deadline);
ssize_t k_recvmsg(struct usock *s, struct hepta_sock_msg *msg, int64_t deadline);

#endif
