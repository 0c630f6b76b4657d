/* SPDX-License-Identifier: MIT */
/*
 * socket/rights.c - descriptors that go beside the bytes: see socket/memory.h and prim/tags.h
 *
 * The kernel's socket carries them, each message with the number of its tag; the tag says where
 * in the stream they belong. A message whose number no tag has is from a sender that died
 * before it had tagged (T2), or was taken by a reader that died after it had (T4): passed
 * over. Messages go in the order of their numbers, for both sides work under a claim.
 */
#define _GNU_SOURCE
#include "base/sys.h"
#include "socket/memory.h"

/* A peer could send such messages for ever. */
#define MAX_PASSED 256

int h7_rights_send(struct h7_memory *m, const int *fds, uint32_t n, uint32_t len)
{
    struct h7_tags *tags = m->out.tags;
    if (h7_tags_full(tags))
        return -EAGAIN;
    uint32_t id = h7_tags_new_id(tags); /* T1 from here, T2 from the next line on */
    struct iovec iov = {&id, sizeof id};
    ssize_t r = h7_sys_send_fds(m->rights_fd, &iov, 1, fds, (int)n);
    if (r < 0)
        return (int)r;
    return h7_tags_put(tags, h7_conduit_held_at(&m->out), len, id); /* T3 until the commit */
}

/* What is next on rights: its number, without taking it. 1, 0 nothing. */
static int next_id(struct h7_memory *m, uint32_t *id)
{
    struct iovec iov = {id, sizeof *id};
    int n_fds, cut;
    ssize_t r = h7_sys_recv_fds(m->rights_fd, &iov, 1, MSG_PEEK, NULL, 0, &n_fds, &cut);
    *id = r == (ssize_t)sizeof *id ? *id : 0;
    return r > 0;
}

static void pass_over(struct h7_memory *m)
{
    uint32_t id;
    h7_sys_recv_nowait(m->rights_fd, &id, sizeof id);
}

/* Pass over what is older than id. 1 it is next, 0 it isn't there. */
static int find(struct h7_memory *m, uint32_t id)
{
    uint32_t found;
    for (int i = 0; i < MAX_PASSED && next_id(m, &found); i++) {
        if (found == id)
            return 1;
        if ((int32_t)(found - id) > 0)
            return 0;
        pass_over(m);
    }
    return 0;
}

int h7_rights_fetch(struct h7_memory *m, uint32_t id, int *fds, uint32_t max, int *cut)
{
    struct iovec iov = {&(uint32_t){0}, sizeof(uint32_t)};
    int n = 0;
    *cut = 1; /* a tag is there, so descriptors were */
    if (!find(m, id) || max == 0)
        return 0;
    int room = max < H7_SYS_FDS_MAX ? (int)max : H7_SYS_FDS_MAX;
    h7_sys_recv_fds(m->rights_fd, &iov, 1, MSG_PEEK, fds, room, &n, cut);
    return n;
}

/* What we have copies of closes at once; but the peer may have taken the message that was
 * looked at from our end, too, and then this is another. */
void h7_rights_finish(struct h7_memory *m, uint32_t id, const int *kept, uint32_t n_kept)
{
    struct iovec iov = {&(uint32_t){0}, sizeof(uint32_t)};
    int fds[H7_SYS_FDS_MAX], n = 0, n_strange = 0, cut;
    if (!find(m, id))
        return;
    h7_sys_recv_fds(m->rights_fd, &iov, 1, 0, fds, H7_SYS_FDS_MAX, &n, &cut);
    for (int i = 0; i < n; i++)
        if (i >= (int)n_kept || h7_sys_differ(fds[i], kept[i]))
            fds[n_strange++] = fds[i];
        else
            h7_sys_close(fds[i]);
    h7_sys_discard_fds(fds, n_strange);
}
