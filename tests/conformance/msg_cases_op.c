/* SPDX-License-Identifier: MIT */
/* msg_cases_op.c - what is sent is received: types, selection, sizes, flags, errors */
#define _GNU_SOURCE
#include <limits.h>
#include <string.h>

#include "msg_room.h"

static void fill(struct conf *c, int id)
{
    static const long type[] = {3, 1, 2, 3, 1, 2};
    for (int i = 0; i < 6; i++)
        EQ(c, put_msg(c, id, type[i], i, IPC_NOWAIT), 0);
}

static void any_is_oldest(struct conf *c)
{
    int id = make_msg(c);
    fill(c, id);
    for (int i = 0; i < 6; i++)
        EQ(c, get_msg(c, id, 0, IPC_NOWAIT), i);
    EQ(c, get_msg(c, id, 0, IPC_NOWAIT), -ENOMSG);
    remove_msg(c, id);
}

static void by_type(struct conf *c)
{
    int id = make_msg(c);
    fill(c, id);
    EQ(c, get_msg(c, id, 2, IPC_NOWAIT), 2);
    EQ(c, get_msg(c, id, 1, IPC_NOWAIT), 1);
    EQ(c, get_msg(c, id, 2, IPC_NOWAIT), 5);
    EQ(c, get_msg(c, id, 2, IPC_NOWAIT), -ENOMSG);
    EQ(c, get_msg(c, id, 9, IPC_NOWAIT), -ENOMSG);
    EQ(c, get_msg(c, id, 0, IPC_NOWAIT), 0);
    remove_msg(c, id);
}

/* Not the first found, but the lowest type. */
static void lowest_up_to(struct conf *c)
{
    int id = make_msg(c);
    fill(c, id);
    EQ(c, get_msg(c, id, -3, IPC_NOWAIT), 1);
    EQ(c, get_msg(c, id, -2, IPC_NOWAIT), 4);
    EQ(c, get_msg(c, id, -1, IPC_NOWAIT), -ENOMSG);
    EQ(c, get_msg(c, id, -2, IPC_NOWAIT), 2);
    EQ(c, get_msg(c, id, LONG_MIN, IPC_NOWAIT), 5);
    EQ(c, get_msg(c, id, -3, IPC_NOWAIT), 0);
    EQ(c, get_msg(c, id, -2, IPC_NOWAIT), -ENOMSG);
    remove_msg(c, id);
}

static void all_but(struct conf *c)
{
    int id = make_msg(c);
    fill(c, id);
    EQ(c, get_msg(c, id, 3, MSG_EXCEPT | IPC_NOWAIT), 1);
    EQ(c, get_msg(c, id, 1, MSG_EXCEPT | IPC_NOWAIT), 0);
    EQ(c, get_msg(c, id, 2, MSG_EXCEPT | IPC_NOWAIT), 3);
    EQ(c, get_msg(c, id, 2, MSG_EXCEPT | IPC_NOWAIT), 4);
    EQ(c, get_msg(c, id, 2, MSG_EXCEPT | IPC_NOWAIT), -ENOMSG);
    EQ(c, get_msg(c, id, 0, MSG_EXCEPT | IPC_NOWAIT), 2); /* of 0 there is nothing to leave out */
    EQ(c, get_msg(c, id, -7, MSG_EXCEPT | IPC_NOWAIT), 5);
    remove_msg(c, id);
}

static void type_is_told(struct conf *c)
{
    int id = make_msg(c);
    long type = 0, n;
    EQ(c, put_msg(c, id, LONG_MAX, 1, IPC_NOWAIT), 0);
    EQ(c, gops(c)->receive(id, &type, &n, sizeof(n), 0, IPC_NOWAIT), sizeof(n));
    EQ(c, type, LONG_MAX);
    remove_msg(c, id);
}

static void bad_types(struct conf *c)
{
    int id = make_msg(c);
    EQ(c, put_msg(c, id, 0, 1, IPC_NOWAIT), -EINVAL);
    EQ(c, put_msg(c, id, -1, 1, IPC_NOWAIT), -EINVAL);
    EQ(c, msg_status(c, id).msg_qnum, 0);
    remove_msg(c, id);
}

static void sizes(struct conf *c)
{
    int id = make_msg(c);
    static char out[8192], in[8192];
    static const size_t lens[] = {0, 1, 72, 73, 255, 256, 257, 4096, 8192};
    memset(out, 'o', sizeof(out));
    for (size_t i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
        memset(in, 'i', sizeof(in));
        EQ(c, gops(c)->send(id, 1, out, lens[i], IPC_NOWAIT), 0);
        EQ(c, gops(c)->receive(id, NULL, in, sizeof(in), 0, IPC_NOWAIT), (long long)lens[i]);
        OK(c, memcmp(in, out, lens[i]) == 0);
        OK(c, lens[i] == sizeof(in) || in[lens[i]] == 'i');
    }
    remove_msg(c, id);
}

static void too_long(struct conf *c)
{
    int id = make_msg(c);
    static char text[65537];
    EQ(c, gops(c)->send(id, 1, text, sizeof(text), IPC_NOWAIT), -EINVAL);
    EQ(c, gops(c)->send(id, 1, text, (size_t)-1, IPC_NOWAIT), -EINVAL);
    EQ(c, gops(c)->receive(id, NULL, text, (size_t)-1 / 2 + 1, 0, IPC_NOWAIT),
       conf_side(c) == CONF_KERNEL ? -ENOMSG : -EINVAL); /* our table cuts the kernel's */
    remove_msg(c, id);
}

static void does_not_fit(struct conf *c)
{
    int id = make_msg(c);
    char buf[16] = "";
    EQ(c, gops(c)->send(id, 5, "12345678", 8, IPC_NOWAIT), 0);
    EQ(c, gops(c)->receive(id, NULL, buf, 7, 0, IPC_NOWAIT), -E2BIG);
    EQ(c, msg_status(c, id).msg_qnum, 1); /* it stays */
    EQ(c, gops(c)->receive(id, NULL, buf, 7, 0, IPC_NOWAIT | MSG_NOERROR), 7);
    OK(c, memcmp(buf, "1234567", 8) == 0);
    EQ(c, msg_status(c, id).msg_qnum, 0); /* the rest is lost */
    remove_msg(c, id);
}

static void copy(struct conf *c)
{
    int id = make_msg(c);
    long n = -1, type;
    fill(c, id);
    for (int i = 5; i >= 0; i--) {
        ssize_t len = gops(c)->receive(id, &type, &n, sizeof(n), i, MSG_COPY | IPC_NOWAIT);
        if (len == -ENOSYS) /* a kernel without CONFIG_CHECKPOINT_RESTORE */
            break;
        EQ(c, len, sizeof(n));
        EQ(c, n, i);
    }
    EQ(c, msg_status(c, id).msg_qnum, 6);
    EQ(c, gops(c)->receive(id, &type, &n, sizeof(n), 6, MSG_COPY | IPC_NOWAIT), -ENOMSG);
    EQ(c, gops(c)->receive(id, &type, &n, sizeof(n), 0, MSG_COPY), -EINVAL);
    EQ(c, gops(c)->receive(id, &type, &n, sizeof(n), 0, MSG_COPY | MSG_EXCEPT | IPC_NOWAIT),
       -EINVAL);
    EQ(c, gops(c)->receive(id, &type, &n, 4, 0, MSG_COPY | IPC_NOWAIT), -E2BIG);
    remove_msg(c, id);
}

/* The kernel says -EINVAL, which msgop(2) doesn't. */
static void copy_cut(struct conf *c)
{
    int id = make_msg(c);
    long n, type;
    EQ(c, put_msg(c, id, 1, 1, IPC_NOWAIT), 0);
    ssize_t len = gops(c)->receive(id, &type, &n, 4, 0, MSG_COPY | MSG_NOERROR | IPC_NOWAIT);
    EQ(c, len, DIFFERS(c, len == -ENOSYS ? -ENOSYS : -EINVAL, 4));
    remove_msg(c, id);
}

static void full(struct conf *c)
{
    int id = make_msg(c);
    struct msqid_ds ds = msg_status(c, id);
    static char text[1000];
    ds.msg_qbytes = 4000;
    EQ(c, gops(c)->ctl(id, IPC_SET, &ds), 0);
    for (int i = 0; i < 4; i++)
        EQ(c, gops(c)->send(id, 1, text, 1000, IPC_NOWAIT), 0);
    EQ(c, gops(c)->send(id, 1, text, 1, IPC_NOWAIT), -EAGAIN);
    EQ(c, gops(c)->send(id, 1, text, 0, IPC_NOWAIT), 0); /* nothing takes nothing */
    EQ(c, msg_status(c, id).__msg_cbytes, 4000);
    EQ(c, gops(c)->receive(id, NULL, text, 1000, 0, IPC_NOWAIT), 1000);
    EQ(c, gops(c)->send(id, 1, text, 1000, IPC_NOWAIT), 0);
    remove_msg(c, id);
}

/* No more messages than msg_qbytes, however short. */
static void full_of_nothing(struct conf *c)
{
    int id = make_msg(c);
    struct msqid_ds ds = msg_status(c, id);
    ds.msg_qbytes = 5;
    EQ(c, gops(c)->ctl(id, IPC_SET, &ds), 0);
    for (int i = 0; i < 5; i++)
        EQ(c, gops(c)->send(id, 1, NULL, 0, IPC_NOWAIT), 0);
    EQ(c, gops(c)->send(id, 1, NULL, 0, IPC_NOWAIT), -EAGAIN);
    remove_msg(c, id);
}

/* Against a model, with all kinds of selection. */
static void random_selection(struct conf *c)
{
    struct {
        long type, n;
    } model[64];
    int n_model = 0, id = make_msg(c);
    unsigned seed = 11;
    for (long n = 0; n < 4000; n++) {
        seed = seed * 1103515245 + 12345;
        unsigned dice = seed >> 16;
        if (n_model < 64 && dice % 5 < 3) {
            model[n_model].type = 1 + (long)(dice / 5 % 6);
            model[n_model].n = n;
            EQ(c, put_msg(c, id, model[n_model].type, n, IPC_NOWAIT), 0);
            n_model++;
            continue;
        }
        int how = (int)(dice / 7 % 4), at = -1;
        long t = 1 + (long)(dice / 29 % 6);
        for (int i = 0; i < n_model; i++) {
            long of = model[i].type;
            int fits = how == 0 || (how == 1 && of == t) || (how == 2 && of != t) ||
                       (how == 3 && of <= t);
            if (fits && (at < 0 || (how == 3 && of < model[at].type)))
                at = i;
        }
        long got = get_msg(c, id, how == 0 ? 0 : how == 3 ? -t : t,
                       IPC_NOWAIT | (how == 2 ? MSG_EXCEPT : 0));
        EQ(c, got, at < 0 ? -ENOMSG : model[at].n);
        if (at >= 0)
            memmove(&model[at], &model[at + 1], sizeof(*model) * (size_t)(--n_model - at));
    }
    remove_msg(c, id);
}

const struct conf_case msg_op_cases[] = {
    {"op.any_is_oldest", any_is_oldest, 0, NULL, NULL, 0},
    {"op.by_type", by_type, 0, NULL, NULL, 0},
    {"op.lowest_up_to", lowest_up_to, 0, NULL, NULL, 0},
    {"op.all_but", all_but, 0, NULL, NULL, 0},
    {"op.type_is_told", type_is_told, 0, NULL, NULL, 0},
    {"op.bad_types", bad_types, 0, NULL, NULL, 0},
    {"op.sizes", sizes, 0, NULL, NULL, 0},
    {"op.too_long", too_long, 0, NULL, NULL, 0},
    {"op.does_not_fit", does_not_fit, 0, NULL, NULL, 0},
    {"op.copy", copy, 0, NULL, NULL, 0},
    {"op.copy_cut", copy_cut, 0, "msg-copy-cut", NULL, 0},
    {"op.full", full, 0, NULL, NULL, 0},
    {"op.full_of_nothing", full_of_nothing, 0, NULL, NULL, 0},
    {"op.random_selection", random_selection, 0, NULL, NULL, 0},
    {0},
};
