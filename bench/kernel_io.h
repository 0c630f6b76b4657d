/* SPDX-License-Identifier: MIT */
/*
 * bench/kernel_io.h - whole messages through the kernel's descriptors
 *
 * What the kernel's side of every mechanism does with system calls. @busy: the call doesn't
 * block (O_NONBLOCK, or MSG_DONTWAIT in @flags) and is tried again at once, so that it
 * never pays for a wake-up. All return 0 or negative errno; the other end's end is -EPIPE.
 */
#ifndef BENCH_KERNEL_IO_H
#define BENCH_KERNEL_IO_H

#include <stdbool.h>
#include <stddef.h>

/* After a call has failed: 0 if it is to be repeated, else what went wrong. */
int kernel_again(bool busy);

/* Pipes and FIFOs: write(2) and read(2) until all bytes have gone. */
int kernel_write(int fd, const void *buf, size_t len, bool busy);
int kernel_read(int fd, void *buf, size_t len, bool busy);

/* Stream sockets: send(2) and recv(2), the same way. */
int kernel_send(int fd, const void *buf, size_t len, int flags);
int kernel_recv(int fd, void *buf, size_t len, int flags);

/* Sockets with messages: one call, one message of exactly @len bytes; another length is
 * -EBADMSG. */
int kernel_send_message(int fd, const void *buf, size_t len, int flags);
int kernel_recv_message(int fd, void *buf, size_t len, int flags);

#endif
