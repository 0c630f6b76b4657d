/* SPDX-License-Identifier: MIT */
/*
 * cli/demo_carry.c - the demo's file over channels, and what a mechanism has shown before
 *
 * The same code for all that carries messages; only the address differs. Start at
 * demo_send_file() and demo_receive_file().
 */
#define _GNU_SOURCE
#include "cli/demo.h"

#include <errno.h>
#include <hepta/channel.h>
#include <netinet/ip.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WINDOW    16  /* messages between two answers, where nothing else holds the sender back */
#define N_OFFERED 100 /* signals that are sent while they are blocked */
#define WAITED_NS 10000000

static int send_one(struct demo_peer *p, struct hepta_channel_msg *m)
{
    m->size = sizeof(*m);
    return hepta_channel_send(p->ch, m, demo_deadline());
}

static int send_bytes(struct demo_peer *p, const void *data, size_t len)
{
    struct hepta_channel_msg m = {.data = data, .len = len};

    return send_one(p, &m);
}

/* 0, or negative errno; the end is -EPIPE. */
static int receive_one(struct hepta_channel *ch, struct hepta_channel_msg *m, int64_t deadline)
{
    *m = (struct hepta_channel_msg){.size = sizeof(*m)};
    int rc = hepta_channel_recv(ch, m, deadline);
    return rc > 0 ? 0 : rc < 0 ? rc : -EPIPE;
}

/* ---- the file ---- */

static int answer_due(const struct demo_peer *p)
{
    size_t n = (p->done + p->scene->record - 1) / p->scene->record;

    return p->scene->flags & DEMO_WINDOW && (n % WINDOW == 0 || p->done == p->len);
}

int demo_send_file(struct demo_peer *p)
{
    struct hepta_channel_msg m;
    int rc = 0;

    while (p->done < p->len && !rc) {
        size_t left = p->len - p->done, n = left < p->scene->record ? left : p->scene->record;
        rc = send_bytes(p, p->buf + p->done, n);
        p->done += n;
        if (!rc && answer_due(p))
            rc = receive_one(p->ch, &m, demo_deadline());
    }
    return rc ? rc : hepta_channel_flush(p->ch, demo_deadline());
}

static int answer(struct demo_peer *p, struct hepta_channel_msg *got)
{
    struct hepta_channel_msg m = {.data = "y", .len = 1, .set = got->set & HEPTA_CHANNEL_HAS_PEER};

    memcpy(m.peer, got->peer, sizeof(m.peer));
    return send_one(p, &m);
}

/* Each message as it was sent: no part of one, no two together. */
static int take_in(struct demo_peer *p, const void *data, size_t len)
{
    size_t left = p->len - p->done, want = left < p->scene->record ? left : p->scene->record;

    if (len != want)
        return -EBADMSG;
    memcpy(p->buf + p->done, data, len);
    p->done += len;
    return 0;
}

int demo_receive_file(struct demo_peer *p)
{
    struct hepta_channel_msg m;
    int rc = 0;

    while (p->done < p->len && !rc) {
        rc = receive_one(p->ch, &m, demo_deadline());
        if (!rc)
            rc = take_in(p, m.data, m.len);
        if (!rc && answer_due(p))
            rc = answer(p, &m);
    }
    return rc;
}

/* What comes begins with the IP header, whose words on lengths are true. */
int demo_receive_raw(struct demo_peer *p)
{
    struct hepta_channel_msg m;
    struct iphdr ip;
    int rc = 0;

    while (p->done < p->len && !rc) {
        rc = receive_one(p->ch, &m, demo_deadline());
        if (rc)
            break;
        if (m.len < sizeof(ip))
            return -EBADMSG;
        memcpy(&ip, m.data, sizeof(ip));
        size_t head = (size_t)ip.ihl * 4;
        if (ip.version != 4 || head < sizeof(ip) || head > m.len)
            return -EBADMSG;
        rc = take_in(p, (const char *)m.data + head, m.len - head);
    }
    return rc;
}

/* ---- pipe, FIFO ---- */

/* The same end again, to send: "kernel.pipe:5", "pipe:5.6.7". */
int demo_refuses_to_send(struct demo_peer *p)
{
    const char *colon = strchr(p->address, ':');
    char text[DEMO_TEXT], why[HEPTA_CHANNEL_WHY_MAX];
    struct hepta_channel *ch;
    int fd[3] = {-1, -1, -1}, n;

    n = sscanf(colon + 1, "%d.%d.%d", &fd[0], &fd[1], &fd[2]);
    for (int i = 0; i < n; i++)
        fd[i] = dup(fd[i]);
    n = snprintf(text, sizeof(text), "%.*s%d", (int)(colon + 1 - p->address), p->address, fd[0]);
    if (fd[1] >= 0)
        snprintf(text + n, sizeof(text) - (size_t)n, ".%d.%d", fd[1], fd[2]);
    int rc = hepta_channel_open(text, HEPTA_CHANNEL_SEND, NULL, HEPTA_NOW, &ch, why, sizeof(why));
    hepta_channel_close(ch);
    return rc < 0 ? 0 : -EBADMSG;
}

/* The demo lets the sender come late on purpose. */
int demo_waited(struct demo_peer *p)
{
    return p->waited_ns >= WAITED_NS ? 0 : -EBADMSG;
}

/* ---- queues ---- */

int demo_offer_prios(struct demo_peer *p)
{
    static const char *const texts[] = {"first", "second", "third", "urgent"};
    int rc = 0;

    for (int i = 0; i < 4 && !rc; i++) {
        struct hepta_channel_msg m = {.data = texts[i],
                                      .len = strlen(texts[i]),
                                      .set = HEPTA_CHANNEL_HAS_PRIO,
                                      .prio = i == 3 ? 9 : 1};
        rc = send_one(p, &m);
    }
    return rc;
}

static int expect(struct hepta_channel *ch, const char *text)
{
    struct hepta_channel_msg m;
    int rc = receive_one(ch, &m, HEPTA_NOW);

    if (rc)
        return rc;
    return m.len == strlen(text) && !memcmp(m.data, text, m.len) ? 0 : -EBADMSG;
}

int demo_judge_prios(struct demo_peer *p)
{
    static const char *const texts[] = {"urgent", "first", "second", "third"};
    int rc = 0;

    for (int i = 0; i < 4 && !rc; i++)
        rc = expect(p->ch, texts[i]);
    return rc;
}

int demo_offer_types(struct demo_peer *p)
{
    static const char *const texts[] = {"one", "two", "three"};
    int rc = 0;

    for (int i = 0; i < 3 && !rc; i++) {
        struct hepta_channel_msg m = {.data = texts[i],
                                      .len = strlen(texts[i]),
                                      .set = HEPTA_CHANNEL_HAS_TYPE,
                                      .type = i + 1};
        rc = send_one(p, &m);
    }
    return rc;
}

/* The one in the middle; any of up to 2, of which the lowest goes first; what is left. */
int demo_judge_types(struct demo_peer *p)
{
    static const struct {
        const char *option, *text;
    } want[] = {{",type=2", "two"}, {",type=-3", "one"}, {",type=0", "three"}};
    char text[DEMO_TEXT];
    int rc = 0;

    for (size_t i = 0; i < sizeof(want) / sizeof(*want) && !rc; i++) {
        struct hepta_channel *ch;
        snprintf(text, sizeof(text), "%s%s", p->address, want[i].option);
        rc = hepta_channel_open(text, HEPTA_CHANNEL_RECV, NULL, HEPTA_NOW, &ch, NULL, 0);
        if (!rc)
            rc = expect(ch, want[i].text);
        hepta_channel_close(ch);
    }
    return rc;
}

/* ---- signals ---- */

/* Eight bytes each: as a queued signal's value, or as a mailbox's payload. */
static int send_signal(struct demo_peer *p)
{
    struct hepta_channel_msg m = {.len = 0};
    size_t left = p->len - p->done, n = left < 8 ? left : 8;
    int rc;

    if (p->way == DEMO_KERNEL) {
        m.set = HEPTA_CHANNEL_HAS_VALUE;
        memcpy(&m.value, p->buf + p->done, n);
    } else {
        m.data = p->buf + p->done;
        m.len = n;
    }
    do {
        rc = send_one(p, &m);
        if (rc == -EAGAIN) /* as many are pending as may be */
            sched_yield();
    } while (rc == -EAGAIN);
    p->done += n;
    return rc;
}

static int receive_signal(struct demo_peer *p, int64_t deadline)
{
    struct hepta_channel_msg m;
    size_t left = p->len - p->done, n = left < 8 ? left : 8;
    int rc = receive_one(p->ch, &m, deadline);

    if (rc)
        return rc;
    if (p->way == DEMO_HEPTA)
        return take_in(p, m.data, m.len);
    memcpy(p->buf + p->done, &m.value, n);
    p->done += n;
    return 0;
}

int demo_offer_signals(struct demo_peer *p)
{
    int rc = 0;

    for (int i = 0; i < N_OFFERED && p->done < p->len && !rc; i++)
        rc = send_signal(p);
    return rc;
}

/* They are all there: nothing has to be waited for. */
int demo_judge_signals(struct demo_peer *p)
{
    int rc = 0;

    for (int i = 0; i < N_OFFERED && p->done < p->len && !rc; i++)
        rc = receive_signal(p, HEPTA_NOW);
    return rc;
}

int demo_send_signals(struct demo_peer *p)
{
    int rc = 0;

    while (p->done < p->len && !rc)
        rc = send_signal(p);
    return rc;
}

int demo_receive_signals(struct demo_peer *p)
{
    int rc = 0;

    while (p->done < p->len && !rc)
        rc = receive_signal(p, demo_deadline());
    return rc;
}
