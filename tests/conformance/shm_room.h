/* SPDX-License-Identifier: MIT */
/*
 * shm_room.h - the operations that cases of shared memory are written against, and short forms
 *
 * The first part is that of shm_open(3) with ftruncate(2) and mmap(2), which Hepta's open does in
 * one; flags are O_RDONLY, O_RDWR and so on, and a handle keeps a descriptor on the kernel's side.
 * The second part is sys/shm.h's, with negative errnos.
 */
#ifndef CONFORMANCE_SHM_ROOM_H
#define CONFORMANCE_SHM_ROOM_H

#include <errno.h>
#include <fcntl.h>
#include <hepta/shm.h>

#include "frame.h"
#include "own_ipc.h"

#define NOW HEPTA_NOW
#define EVER HEPTA_FOREVER

#define NEEDS_HEPTA 1u /* an ability: users, mutex, cell, automatic end */

#define NOBODY 65534
#define PAGE 4096

struct seg; /* an attached POSIX segment */

struct shm_ops {
    /* len: of a new one. */
    int (*open)(struct seg **s, const char *name, int flags, mode_t mode, size_t len);
    int (*anonymous)(struct seg **s, size_t len);
    /* A descriptor for others to import, for writing (O_RDWR) or only reading (O_RDONLY). */
    int (*export)(struct seg *s, int access);
    int (*import)(struct seg **s, int fd, int access);
    char *(*data)(struct seg *s);
    size_t (*len)(struct seg *s);   /* that this handle has mapped */
    int64_t (*size)(struct seg *s); /* that the segment has */
    int (*grow)(struct seg *s, size_t len); /* 0: map what others have made */
    int (*close)(struct seg *s);
    int (*unlink)(const char *name);

    int (*get)(key_t key, size_t len, int flags);
    int (*at)(int id, const void *addr, int flags, char **ptr);
    int (*dt)(const void *ptr);
    int (*ctl)(int id, int cmd, void *buf);
};

extern const struct shm_ops shm_kernel_ops, shm_hepta_ops;
extern const struct conf_room shm_room;

static inline const struct shm_ops *yops(const struct conf *c)
{
    return c->be->ops;
}

struct shm_name {
    char s[64];
};
struct shm_name shm_name(void);

/* A new one with this name, of mode 0666, attached for writing. */
struct seg *make_seg(struct conf *c, const struct shm_name *name, size_t len);
struct seg *open_seg(struct conf *c, const struct shm_name *name, int flags);
void close_seg(struct conf *c, struct seg *s);
void unlink_seg(struct conf *c, const struct shm_name *name);
/* Open and close; what open said. */
int try_seg(struct conf *c, const char *name, int flags, mode_t mode, size_t len);

/* Of System V: a segment of mode 0666, with a key, so that what a failed case leaves is found. */
int make_shm(struct conf *c, size_t len);
void remove_shm(struct conf *c, int id);
char *attach(struct conf *c, int id, int flags);
void detach(struct conf *c, const char *p);
struct shmid_ds shm_status(struct conf *c, int id);
/* The id leads nowhere. */
void expect_gone(struct conf *c, int id);

/* The signal that ends a child which reads (writes) a byte there; 0 none does. */
int read_faults(struct conf *c, const volatile char *p);
int write_faults(struct conf *c, volatile char *p);
/* An address where @len bytes are free. */
char *free_address(struct conf *c, size_t len);
/* All @len bytes from @p on are @byte. */
bool all_bytes(const char *p, size_t len, char byte);

extern const struct conf_case shm_open_cases[], shm_map_cases[], shm_pass_cases[],
    shm_mode_cases[], shm_get_cases[], shm_at_cases[], shm_life_cases[], shm_ctl_cases[],
    shm_list_cases[], shm_mutex_cases[], shm_cell_cases[], shm_more_cases[];

#endif
