/* SPDX-License-Identifier: MIT */
/* inet_kernel.h - addresses in text, read for the kernel's back end without the library */
#ifndef CONFORMANCE_INET_KERNEL_H
#define CONFORMANCE_INET_KERNEL_H

#include <hepta/sock.h>
#include <sys/socket.h>

#define K_MAX_PLACES 8

struct k_place {
    int family, type, protocol; /* for socket(2) */
    socklen_t len;
    struct sockaddr_storage sa;
};

/* Fill @places; how many, or negative errno. */
int k_resolve(struct k_place places[K_MAX_PLACES], const char *text, bool passive);
/* "tcp:1.2.3.4:5" into @text of HEPTA_SOCK_ADDRESS_MAX bytes, @scheme as in the address. */
void k_address_text(char *text, const char *scheme, const struct sockaddr_storage *sa);
/* The scheme of @text, with its colon (raw: up to the at sign), at most 31 bytes. */
void k_scheme(char scheme[32], const char *text);

#endif
