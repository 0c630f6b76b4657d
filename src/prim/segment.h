/* SPDX-License-Identifier: MIT */
/*
 * prim/segment.h - a piece of shared memory with a header that says what it is
 *
 * Two kinds: anonymous (a sealed memfd: nobody can truncate it under a peer) and named
 * (a file on tmpfs, complete before its name appears, so that nobody ever attaches to a
 * half-made one). All memory is allocated at creation: a full /dev/shm is -ENOSPC there,
 * never SIGBUS later.
 *
 * Whoever attaches trusts nothing: the header is copied out once and checked against the
 * file's real size before a byte of the rest is used.
 *
 * Layout:  [header, one page][room's control block][data, page-aligned]
 * The header is written before publication and never again; the room's control block
 * follows at H7_SEGMENT_CONTROL.
 */
#ifndef H7_PRIM_SEGMENT_H
#define H7_PRIM_SEGMENT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define H7_SEGMENT_MAGIC 0x0a41545045480137ull /* "7", 1, "HEPTA", newline: not text, not zero */
#define H7_SEGMENT_VERSION 2u                  /* of every layout in src/: bump on any change */
#define H7_SEGMENT_CONTROL 256                 /* offset of the room's control block */

/* Kinds. The value is what lies in memory: never reuse one. */
enum h7_kind { H7_KIND_PIPE = 1, H7_KIND_FIFO = 2, H7_KIND_SOCK = 3, H7_KIND_MQ = 4,
               H7_KIND_MSG = 5, H7_KIND_SEM = 6, H7_KIND_SEMSET = 7, H7_KIND_PERMIT = 8,
               H7_KIND_SHM = 9, H7_KIND_MAILBOX = 10, H7_KIND_TEST = 0x7e57 };

/* At offset 0 of every segment; fixed-width, the same for 32-bit and 64-bit processes. */
struct h7_segment_header {
    uint64_t magic;
    uint32_t version;
    uint32_t kind;
    uint64_t len;      /* of the whole file, bytes */
    uint64_t data_off; /* where the data begin: a multiple of the page size */
    uint64_t data_len; /* bytes, to the end of the file */
    uint64_t pidns;    /* inode of the creator's PID namespace, 0 unknown */
    uint32_t flags;    /* the room's */
    uint32_t reserved;
};

/* An attached segment, private to the process. */
struct h7_segment {
    char *base; /* header and control block: data_off bytes */
    char *data; /* data_len bytes; the same again right behind if mapped as a ring */
    size_t data_off, data_len;
    uint64_t ino; /* of an attached one's file */
    uint32_t flags;
    int fd;
    int ring; /* data are mapped twice in a row */
};

/* What to make. */
struct h7_segment_spec {
    const char *label; /* of the memfd, as /proc/PID/maps shows it */
    uint32_t kind, flags;
    size_t control_len; /* the room's control block */
    size_t data_len;    /* rounded up to pages */
    size_t data_max;    /* attach, from strangers: refuse what is larger, or has holes */
    int ring;           /* map the data twice in a row */
};

/* Make an anonymous segment, mapped, not yet sealed: the caller fills the control block,
 * then calls h7_segment_seal(). 0, -ENOMEM, -ENOSPC, -EMFILE, -ENFILE, -EOVERFLOW. */
int h7_segment_new(struct h7_segment *seg, const struct h7_segment_spec *spec);
/* From here on neither end nor size can change. 0, -EPERM. */
int h7_segment_seal(struct h7_segment *seg);

/* Make a named one in two steps: an unnamed file in the directory dirfd, then, when the
 * control block is filled, its name, at once and only if nobody has it.
 * new_in: as h7_segment_new(), and -EACCES, -EROFS, -EOPNOTSUPP (not a tmpfs or disk
 * file system). publish: 0, -EEXIST, -EACCES, -ENOSPC, -ENAMETOOLONG, -ENOENT. */
int h7_segment_new_in(struct h7_segment *seg, const struct h7_segment_spec *spec, int dirfd,
                      mode_t mode);
int h7_segment_publish(struct h7_segment *seg, int dirfd, const char *name);

/* Map an existing one from fd (taken over on success). require_seals: refuse what its
 * maker could still truncate. 0, -EBADF, -EPROTO (not a segment), -EPERM (not sealed),
 * -EPROTONOSUPPORT, -EMEDIUMTYPE, -ENODATA (short), -EXDEV (PID namespace), -EBADMSG
 * (header inconsistent), -EACCES, -ENOMEM. */
int h7_segment_attach(struct h7_segment *seg, int fd, const struct h7_segment_spec *expect,
                      int require_seals);
/* Open name in dirfd, never following a link, and attach. Also -ENOENT, -ELOOP, -EACCES. */
int h7_segment_attach_in(struct h7_segment *seg, int dirfd, const char *name,
                         const struct h7_segment_spec *expect);

/* Unmap and close. */
void h7_segment_close(struct h7_segment *seg);

/* The header still says what this process found at attach. 0 or -EBADMSG. */
int h7_segment_check(const struct h7_segment *seg, uint32_t kind);

static inline void *h7_segment_control(const struct h7_segment *seg)
{
    return seg->base + H7_SEGMENT_CONTROL;
}

#endif
