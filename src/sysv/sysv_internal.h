/* SPDX-License-Identifier: MIT */
/*
 * sysv/sysv_internal.h - names and stubs, among the files of this directory; see sysv/sysv.h
 */
#ifndef H7_SYSV_SYSV_INTERNAL_H
#define H7_SYSV_SYSV_INTERNAL_H

#include "prim/life.h"
#include "sysv/sysv.h"

#define H7_SYSV_PART_ID  "id"
#define H7_SYSV_PART_KEY "key"

/* "/ID" and "/KEY" for name/name.h. */
#define H7_SYSV_NAME 16
void h7_sysv_id_name(char name[H7_SYSV_NAME], int id);
void h7_sysv_key_name(char name[H7_SYSV_NAME], key_t key);

/* What a stub says. */
struct h7_sysv_stub {
    key_t key; /* 0: of an object, which has none */
    uint64_t pidns;
    struct h7_life maker;
    int gone; /* it is being removed */
};
/* Which id has the key? 0, -ENOENT, -EBADMSG, ... */
int h7_sysv_key_id(const struct h7_sysv_family *f, key_t key, int *id);
/* 1 the id's name is a stub, 0 it isn't, or negative errno: -ENOENT, ... */
int h7_sysv_read_stub(const struct h7_sysv_family *f, int id, struct h7_sysv_stub *stub);
/* Take the id: 0, -EEXIST, ... */
int h7_sysv_make_stub(const struct h7_sysv_family *f, int id, key_t key);
/* The texts of an object with a key, in its draft. */
int h7_sysv_make_texts(const struct h7_sysv_family *f, int dir, int id, key_t key);

/* Remove the id's name if it is a stub that nobody needs any more. */
void h7_sysv_clean(const struct h7_sysv_family *f, int id);

/* A key that leads to an id which has no name, as no death leaves it: somebody has removed the one
 * by hand, or the system said something wrong. Nobody could use or remove the object: its key goes.
 * 0 it is gone, -EBADMSG (it isn't so), -EACCES, ... */
int h7_sysv_drop_key(const struct h7_sysv_family *f, key_t key, int id);

/* --- perm.c --- */

/* The files follow: mode and, where it differs, owner. 0, -EPERM, ... */
int h7_sysv_set_files(const struct h7_sysv_family *f, const struct h7_sysv_entry *e, mode_t mode,
                      uid_t uid, gid_t gid);

#endif
