/* SPDX-License-Identifier: MIT */
/*
 * queue/sysv_list.c - all queues: MSG_STAT's indices, IPC_INFO, MSG_INFO
 *
 * Looks into the directory of names each time; nothing else knows all queues. What it meets of
 * the dead it removes on the way.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/sys.h"
#include "name/name.h"
#include "queue/sysv_internal.h"

struct ids {
    int *at;
    int n, room;
};

static int add(struct ids *ids, int id)
{
    if (ids->n == ids->room) {
        int room = ids->room ? ids->room * 2 : 64;
        int *more = realloc(ids->at, (size_t)room * sizeof *more);
        if (!more)
            return -ENOMEM;
        ids->at = more;
        ids->room = room;
    }
    ids->at[ids->n++] = id;
    return 0;
}

static int add_seen(const struct h7_name_seen *seen, void *arg)
{
    int id = h7_msg_id_of(seen->name);
    return id ? add(arg, id) : 0;
}

/* May this user see it? A file that can be opened says so. */
static int can_open(int obj, void *arg)
{
    (void)arg;
    int fd = h7_name_part(obj, H7_STORE_DATA, O_RDWR, S_IFREG);
    h7_sys_close(fd);
    return fd < 0 ? fd : 0;
}

static int is_seen(int id)
{
    struct h7_msg_stub stub;
    char name[H7_MSG_NAME];
    int of, r = h7_msg_read_stub(id, &stub);
    if (r < 0)
        return 0;
    if (r == 0) {
        h7_msg_id_name(name, id);
        return h7_name_attach(H7_MSG_ID_KIND, name, can_open, NULL) == 0;
    }
    if (h7_msg_key_id(stub.key, &of) < 0 || of != id) {
        h7_msg_clean(id);
        return 0;
    }
    h7_msg_key_name(name, stub.key);
    return h7_name_attach(H7_MSG_KEY_KIND, name, can_open, NULL) == 0;
}

static int by_number(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

int h7_msg_ids(int **out)
{
    struct ids all = {0};
    int n = 0, r = h7_name_list(H7_MSG_ID_KIND, add_seen, &all);
    if (r < 0) {
        free(all.at);
        return r;
    }
    for (int i = 0; i < all.n; i++)
        if (is_seen(all.at[i]))
            all.at[n++] = all.at[i];
    if (n > 0)
        qsort(all.at, (size_t)n, sizeof *all.at, by_number);
    *out = all.at;
    return n;
}

static int as_int(uint64_t n)
{
    return n > INT_MAX ? INT_MAX : (int)n;
}

/* The limits that a queue gets by default. */
static int limits(struct msginfo *info)
{
    struct hepta_msg_options o;
    int r = h7_msg_options(&o, NULL);
    if (r < 0)
        return r;
    *info = (struct msginfo){.msgpool = as_int(o.qbytes / 1024),
                             .msgmap = as_int(o.msgs_max),
                             .msgmax = as_int(o.msg_max),
                             .msgmnb = as_int(o.qbytes),
                             .msgmni = INT_MAX,
                             .msgssz = 256,
                             .msgtql = as_int(o.msgs_max),
                             .msgseg = USHRT_MAX};
    return 0;
}

/* What is in use: queues, messages, bytes. */
static void usage(struct msginfo *info, const int *ids, int n)
{
    uint64_t queues = 0, messages = 0, bytes = 0;
    for (int i = 0; i < n; i++) {
        struct h7_store st;
        if (h7_msg_attach(&st, ids[i], NULL) < 0)
            continue;
        int may = h7_msg_granted(h7_msg_room(&st));
        if (may > 0 && may & (int)H7_MSG_READ) {
            queues++;
            messages += h7_store_held(&st);
            bytes += h7_store_bytes(&st);
        }
        h7_store_detach(&st);
    }
    info->msgpool = as_int(queues);
    info->msgmap = as_int(messages);
    info->msgtql = as_int(bytes);
}

int h7_msg_info(int cmd, struct msginfo *info)
{
    int *ids = NULL, n = 0;
    int r = limits(info);
    if (r == 0)
        r = n = h7_msg_ids(&ids);
    if (r < 0)
        return r;
    if (cmd == MSG_INFO)
        usage(info, ids, n);
    free(ids);
    return n > 0 ? n - 1 : 0;
}
