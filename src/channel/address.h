/* SPDX-License-Identifier: MIT */
/*
 * channel/address.h - "kind:name,option=value": text to something that can be opened
 *
 * Parsing is strict: what isn't exactly an address is refused, with one sentence that says what was
 * wrong and names the nearest right thing. It opens nothing and allocates nothing; whatever bytes
 * it is given, it reads no further than their end.
 */
#ifndef H7_CHANNEL_ADDRESS_H
#define H7_CHANNEL_ADDRESS_H

#include <hepta/channel.h>
#include <sys/types.h>

enum h7_option {
    H7_OPTION_LISTEN,
    H7_OPTION_CREATE,
    H7_OPTION_MODE,
    H7_OPTION_SIZE,
    H7_OPTION_DEPTH,
    H7_OPTION_PRIO,
    H7_OPTION_TYPE,      /* a number */
    H7_OPTION_SOCK_TYPE, /* a word, the same name */
    H7_OPTION_VALUE,
    H7_OPTION_LEASE,
    H7_OPTION_UNDO,
    H7_OPTION_FRAMING,
    H7_N_OPTIONS
};
#define H7_OPT(x) (1u << H7_OPTION_##x)

/* A sentence for people, of which every part may be missing room. */
struct h7_why {
    char *text;
    size_t n;
};
/* Writes it, with what a terminal would obey replaced; returns err. */
int h7_why(struct h7_why *why, int err, const char *form, ...)
    __attribute__((format(printf, 3, 4)));

struct h7_channel_kind;

struct h7_address {
    const struct h7_channel_kind *kind;
    uint32_t set; /* H7_OPT() of the options that were given */
    mode_t mode;
    uint64_t size;
    uint32_t depth;
    uint32_t prio;
    uint32_t sock_type; /* enum hepta_sock_type */
    uint32_t framing, frame_len;
    int64_t type;
    uint64_t value;
    /* The name, taken apart by the kind: */
    int fds[3];     /* pipe: */
    int by_id;      /* msg:@ID: key is an id */
    int32_t key;    /* msg:, semset: */
    uint32_t index; /* semset: */
    int32_t pid;    /* signal: 0 self */
    uint64_t signals; /* signal: a set of numbers; 0 none given */
    char *name; /* what is behind the colon */
};

/* name: room for what is behind the colon. 0, -EINVAL, -ENAMETOOLONG. */
int h7_address_parse(struct h7_address *a, const char *text, char name[HEPTA_CHANNEL_ADDRESS_MAX],
                     struct h7_why *why);

/* The word of the NULL-ended list that somebody who wrote `len` bytes at `text` most likely meant,
 * or NULL: none is near. */
const char *h7_nearest(const char *text, size_t len, const char *const *words);

/* A decimal number, or with 0x a hexadecimal one, of exactly len bytes: 1, else 0. */
int h7_parse_number(const char *text, size_t len, uint64_t max, uint64_t *out);
/* The same without hexadecimal, with K, M or G. */
int h7_parse_size(const char *text, size_t len, uint64_t max, uint64_t *out);

/* The parsers of names (names.c), for kinds.c. */
int h7_name_slash(struct h7_address *a, struct h7_why *why);  /* "/jobs" */
int h7_name_path(struct h7_address *a, struct h7_why *why);   /* anything, not empty */
int h7_name_any(struct h7_address *a, struct h7_why *why);    /* the room asks */
int h7_name_none(struct h7_address *a, struct h7_why *why);   /* "-" */
int h7_name_key(struct h7_address *a, struct h7_why *why);    /* 4711, 0x1267, @32769 */
int h7_name_member(struct h7_address *a, struct h7_why *why); /* the same, and [2] */
int h7_name_fd(struct h7_address *a, struct h7_why *why);     /* 5 */
int h7_name_fds(struct h7_address *a, struct h7_why *why);    /* 5.6.7 */
int h7_name_signal(struct h7_address *a, struct h7_why *why); /* 1234/USR1, self/USR1.HUP */
int h7_name_mailbox(struct h7_address *a, struct h7_why *why); /* /jobs, /jobs/USR1 */

#endif
