/* SPDX-License-Identifier: MIT */
/*
 * cli/demo_scene.c - the scenes: what each mechanism does in the demo, and how one is played
 *
 * Start at the table.
 */
#define _GNU_SOURCE
#include "cli/demo.h"

#include <errno.h>
#include <fcntl.h>
#include <hepta/channel.h>
#include <hepta/pipe.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LATE_NS 30000000 /* of a sender that somebody waits for */

#define MB ((size_t)1 << 20)

const struct demo_scene demo_scenes[] = {
    {.name = "pipe",
     .title = "pipe",
     .shows = "one way only: its reading end refuses to send; between relatives",
     .record = 4096,
     .flags = DEMO_INHERITED,
     .from = {"", ""},
     .to = {"", ""},
     .judge = demo_refuses_to_send},
    {.name = "fifo",
     .title = "FIFO",
     .shows = "strangers by name; opening waited for the other side",
     .record = 4096,
     .flags = DEMO_TOGETHER,
     .from = {"kernel.fifo:/tmp/hepta-demo-%d", "fifo:/hepta-demo-%d"},
     .to = {"kernel.fifo:/tmp/hepta-demo-%d", "fifo:/hepta-demo-%d"},
     .made = {"kernel.fifo:/tmp/hepta-demo-%d", "fifo:/hepta-demo-%d"},
     .judge = demo_waited},
    {.name = "signal",
     .title = "signal, with a value",
     .shows = "100 stayed pending while blocked, and came in order",
     .record = 8,
     .most = MB / 4,
     .from = {"signal:self/RTMIN", "signal:/hepta-demo-%d,create"},
     .to = {"signal:%d/RTMIN", "signal:/hepta-demo-%d"},
     .made = {NULL, "signal:/hepta-demo-%d"},
     .offer = demo_offer_signals,
     .judge = demo_judge_signals,
     .send = demo_send_signals,
     .receive = demo_receive_signals},
    {.name = "mq",
     .title = "message queue, POSIX",
     .shows = "the urgent one, sent last, came first",
     .record = 4096,
     .from = {"kernel.mq:/hepta-demo-%d", "mq:/hepta-demo-%d"},
     .to = {"kernel.mq:/hepta-demo-%d", "mq:/hepta-demo-%d"},
     .made = {"kernel.mq:/hepta-demo-%d,depth=8,size=4096",
              "mq:/hepta-demo-%d,depth=64,size=4096"},
     .offer = demo_offer_prios,
     .judge = demo_judge_prios},
    {.name = "msg",
     .title = "message queue, System V",
     .shows = "picked by type: 2, then the lowest up to 3, then any",
     .record = 4096,
     .from = {"kernel.msg:0x4%07d", "msg:0x4%07d"},
     .to = {"kernel.msg:0x4%07d", "msg:0x4%07d"},
     .made = {"kernel.msg:0x4%07d", "msg:0x4%07d"},
     .offer = demo_offer_types,
     .judge = demo_judge_types},
    {.name = "shm",
     .title = "shared memory",
     .shows = "no copy: the checksum was made where the other had written",
     .record = 0,
     .flags = DEMO_NO_CHANNEL,
     .from = {"", ""},
     .to = {"", ""},
     .send = demo_memory_send,
     .receive = demo_memory_receive},
    {.name = "sem",
     .title = "semaphore, POSIX, in memory",
     .shows = "at zero it waits; block by block, each in its turn",
     .record = 4096,
     .most = 16 * MB,
     .flags = DEMO_NO_CHANNEL,
     .from = {"", ""},
     .to = {"", ""},
     .before = demo_gate_is_shut,
     .send = demo_gate_send,
     .receive = demo_gate_receive},
    {.name = "sem-named",
     .title = "semaphore, POSIX, named",
     .shows = "the same between strangers, by name",
     .record = 4096,
     .most = 16 * MB,
     .flags = DEMO_NO_CHANNEL,
     .from = {"", ""},
     .to = {"", ""},
     .before = demo_gate_is_shut,
     .send = demo_gate_send,
     .receive = demo_gate_receive},
    {.name = "semset",
     .title = "semaphore, System V",
     .shows = "the same with a set of two, by key",
     .record = 4096,
     .most = 16 * MB,
     .flags = DEMO_NO_CHANNEL,
     .from = {"", ""},
     .to = {"", ""},
     .before = demo_gate_is_shut,
     .send = demo_gate_send,
     .receive = demo_gate_receive},
    {.name = "stream",
     .title = "socket, AF_UNIX stream",
     .shows = "a connection; bytes in order",
     .record = 4096,
     .from = {"kernel.unix:@hepta-demo-k%d,listen", "unix:@hepta-demo-%d,listen"},
     .to = {"kernel.unix:@hepta-demo-k%d", "unix:@hepta-demo-%d"}},
    {.name = "seqpacket",
     .title = "socket, AF_UNIX seqpacket",
     .shows = "each message whole, as it was sent",
     .record = 4096,
     .from = {"kernel.unix:@hepta-demo-q%d,type=seqpacket,listen",
              "unix:@hepta-demo-r%d,type=seqpacket,listen"},
     .to = {"kernel.unix:@hepta-demo-q%d,type=seqpacket", "unix:@hepta-demo-r%d,type=seqpacket"}},
    {.name = "dgram",
     .title = "socket, AF_UNIX datagram",
     .shows = "no connection; the kernel's own",
     .record = 4096,
     .from = {NULL, "unix:@hepta-demo-d%d,type=dgram,listen"},
     .to = {NULL, "unix:@hepta-demo-d%d,type=dgram"}},
    {.name = "tcp",
     .title = "socket, AF_INET stream",
     .shows = "the same program, another address; the kernel's own",
     .record = 4096,
     .from = {NULL, "tcp:127.0.0.1:%d,listen"},
     .to = {NULL, "tcp:127.0.0.1:%d"}},
    {.name = "tcp-apart",
     .title = "the same, to another network",
     .shows = "across a network namespace, by cable",
     .record = 4096,
     .flags = DEMO_APART,
     .from = {NULL, "tcp:10.77.0.1:7077,listen"},
     .to = {NULL, "tcp:10.77.0.1:7077"}},
    {.name = "udp",
     .title = "socket, AF_INET datagram",
     .shows = "boundaries, no flow control: it is told to go on",
     .record = 1024,
     .most = 8 * MB,
     .flags = DEMO_WINDOW,
     .from = {NULL, "udp:127.0.0.1:%d,listen"},
     .to = {NULL, "udp:127.0.0.1:%d"}},
    {.name = "raw",
     .title = "socket, AF_INET raw",
     .shows = "whole IP packets, header and all, without a port",
     .record = 512,
     .most = 32768,
     .flags = DEMO_APART,
     .from = {NULL, "raw:253@10.77.0.1,listen"},
     .to = {NULL, "raw:253@10.77.0.1"},
     .receive = demo_receive_raw},
};
const size_t demo_n_scenes = sizeof(demo_scenes) / sizeof(*demo_scenes);

/* ---- playing one ---- */

struct stage {
    const struct demo_scene *scene;
    enum demo_way way;
    const struct demo_file *file;
    size_t len;
    char from[DEMO_TEXT], to[DEMO_TEXT], made[DEMO_TEXT];
    int handed[2][HEPTA_PIPE_NFDS]; /* a pipe's ends, for the receiver and the sender */
    struct demo_net net;
    struct demo_child receiver, sender;
    struct demo_report received, sent;
};

static void spell(char text[DEMO_TEXT], const char *form, int id)
{
    if (!form)
        text[0] = 0;
    else
        snprintf(text, DEMO_TEXT, form, id); /* NOLINT: from the table */
}

/* Its number is this process's, which nobody else has at the time; a port has to be in range. */
static void spell_all(struct stage *s)
{
    int id = getpid(), port = 20000 + id % 40000;
    int tcp = !strcmp(s->scene->name, "tcp") || !strcmp(s->scene->name, "udp");

    spell(s->from, s->scene->from[s->way], tcp ? port : id);
    spell(s->to, s->scene->to[s->way], tcp ? port : id);
    spell(s->made, s->scene->made[s->way], id);
}

static int hand_over(struct stage *s)
{
    struct hepta_pipe *end[2] = {NULL, NULL};
    int fd[2];

    if (s->way == DEMO_KERNEL) {
        if (pipe(fd))
            return -errno;
        s->handed[0][0] = fd[0];
        s->handed[1][0] = fd[1];
        snprintf(s->from, DEMO_TEXT, "kernel.pipe:%d", fd[0]);
        snprintf(s->to, DEMO_TEXT, "kernel.pipe:%d", fd[1]);
        return 0;
    }
    int rc = hepta_pipe_new(&end[0], &end[1], NULL);
    for (int i = 0; i < 2 && !rc; i++) {
        rc = hepta_pipe_export(end[i], s->handed[i]);
        snprintf(i ? s->to : s->from, DEMO_TEXT, "pipe:%d.%d.%d", s->handed[i][0],
                 s->handed[i][1], s->handed[i][2]);
    }
    hepta_pipe_close(end[0]);
    hepta_pipe_close(end[1]);
    return rc;
}

/* The end that the other program has is not for this one: else nobody would see it close. */
static void keep_to_itself(struct stage *s, int mine)
{
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < HEPTA_PIPE_NFDS; k++)
            if (s->handed[i][k] >= 0)
                fcntl(s->handed[i][k], F_SETFD, i == mine ? 0 : FD_CLOEXEC);
}

static void let_go(struct stage *s)
{
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < HEPTA_PIPE_NFDS; k++) {
            if (s->handed[i][k] >= 0)
                close(s->handed[i][k]);
            s->handed[i][k] = -1;
        }
}

static int prepare(struct stage *s)
{
    spell_all(s);
    if (s->scene->flags & DEMO_INHERITED)
        return hand_over(s);
    if (s->scene->flags & DEMO_APART)
        return demo_net_make(&s->net);
    if (s->scene->flags & DEMO_NO_CHANNEL)
        demo_gate_clean(getpid());
    return s->made[0] ? hepta_channel_create(s->made, NULL, 0) : 0;
}

static void clear(struct stage *s)
{
    demo_child_end(&s->sender);
    demo_child_end(&s->receiver);
    demo_net_end(&s->net);
    let_go(s);
    if (s->made[0])
        hepta_channel_remove(s->made, NULL, 0);
    if (s->scene->flags & DEMO_NO_CHANNEL)
        demo_gate_clean(getpid());
}

static int start(struct stage *s, int i, const int cpu[2])
{
    struct demo_job job = {.role = i ? "send" : "receive",
                           .scene = s->scene->name,
                           .way = s->way,
                           .address = i ? s->to : s->from,
                           .len = s->len,
                           .file = s->file->fd,
                           .cpu = cpu[i],
                           .net = s->net.pid[i]};

    keep_to_itself(s, i);
    return demo_child_start(i ? &s->sender : &s->receiver, &job);
}

/* Both there, the sender's offer made and judged. */
static int raise_curtain(struct stage *s, const int cpu[2])
{
    struct demo_report ignored;
    int together = s->scene->flags & DEMO_TOGETHER, rc = start(s, 0, cpu);

    if (!rc && !together)
        rc = demo_child_report(&s->receiver, DEMO_READY, &ignored);
    if (!rc && together)
        nanosleep(&(struct timespec){.tv_nsec = LATE_NS}, NULL);
    if (s->way == DEMO_KERNEL && s->scene->receive == demo_receive_signals)
        spell(s->to, s->scene->to[s->way], s->receiver.pid);
    if (!rc)
        rc = start(s, 1, cpu);
    let_go(s);
    if (!rc && together)
        rc = demo_child_report(&s->receiver, DEMO_READY, &ignored);
    if (!rc)
        rc = demo_child_report(&s->sender, DEMO_READY, &ignored);
    if (!rc)
        rc = demo_child_go(&s->receiver);
    return rc ? rc : demo_child_report(&s->receiver, DEMO_JUDGED, &ignored);
}

static int act(struct stage *s, const int cpu[2])
{
    int rc = prepare(s);

    if (!rc)
        rc = raise_curtain(s, cpu);
    if (!rc)
        rc = demo_child_go(&s->sender);
    if (!rc)
        rc = demo_child_report(&s->receiver, DEMO_DONE, &s->received);
    if (!rc)
        rc = demo_child_report(&s->sender, DEMO_DONE, &s->sent);
    return rc;
}

void demo_play(const struct demo_scene *scene, enum demo_way way, const struct demo_file *file,
               const int cpu[2], struct demo_result *result)
{
    struct stage s = {.scene = scene, .way = way, .file = file, .net = {{-1, -1}}};
    unsigned char should[32];
    size_t record;

    s.len = scene->most && scene->most < file->len ? scene->most : file->len;
    s.receiver = s.sender = (struct demo_child){.pid = -1, .report = -1, .go = -1};
    memset(s.handed, -1, sizeof(s.handed));
    record = scene->record ? scene->record : s.len;
    demo_sha256(file->bytes, s.len, should);
    *result = (struct demo_result){.err = act(&s, cpu)};
    clear(&s);
    if (result->err)
        return;
    result->bytes = (double)s.len;
    result->messages = (double)((s.len + record - 1) / record);
    result->seconds = (double)(s.received.at_ns - s.sent.at_ns) / 1e9;
    result->wrong = s.received.bytes != s.len || memcmp(s.received.sha256, should, sizeof(should));
}
