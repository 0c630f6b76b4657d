/* SPDX-License-Identifier: MIT */
/*
 * cli/demo_peer.c - one of the demo's two programs (a hidden verb)
 *
 * The receiver opens, and says so; the sender opens, offers what the scene is about, and says so;
 * the receiver judges that, and says so; then the file goes from one to the other. Both have it in
 * memory, or room for it, before the clock starts; the checksum is computed after it has stopped.
 */
#define _GNU_SOURCE
#include "bench/cpus.h"
#include "bench/ticks.h"
#include "cli/cli.h"
#include "cli/demo.h"

#include <errno.h>
#include <fcntl.h>
#include <hepta/channel.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DEADLINE_MS 20000

int64_t demo_deadline(void)
{
    return hepta_in_ms(DEADLINE_MS);
}

static int tell(const struct demo_peer *p, struct demo_report *r, enum demo_step step, int err)
{
    r->step = step;
    r->err = err;
    r->waited_ns = p->waited_ns;
    return write(p->report, r, sizeof(*r)) == sizeof(*r) && !err ? CLI_OK : CLI_FAILED;
}

static int wait_for_go(const struct demo_peer *p)
{
    char c;
    ssize_t n;

    do
        n = read(p->go, &c, 1);
    while (n < 0 && errno == EINTR);
    return n == 1 ? 0 : -EPIPE; /* the demo is gone */
}

static int open_channel(struct demo_peer *p)
{
    uint32_t both = p->scene->flags & DEMO_WINDOW ? HEPTA_CHANNEL_SEND | HEPTA_CHANNEL_RECV : 0;
    uint32_t flags = both ? both : p->receives ? HEPTA_CHANNEL_RECV : HEPTA_CHANNEL_SEND;
    int64_t start = hepta_now_ns();
    char why[HEPTA_CHANNEL_WHY_MAX] = "";
    int rc = hepta_channel_open(p->address, flags, NULL, demo_deadline(), &p->ch, why, sizeof(why));

    p->waited_ns = hepta_now_ns() - start;
    if (rc < 0)
        cli_error("%s", why);
    return rc;
}

static int begin(struct demo_peer *p)
{
    int (*more)(struct demo_peer *) = p->receives ? p->scene->before : p->scene->offer;
    int rc = 0;

    p->buf = p->receives ? mmap(NULL, p->len, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0)
                         : demo_load(p->file, p->len);
    if (!p->buf || p->buf == MAP_FAILED)
        return -ENOMEM;
    if (p->scene->flags & DEMO_NO_CHANNEL)
        rc = demo_gate_open(p);
    else
        rc = open_channel(p);
    return rc || !more ? rc : more(p);
}

static int receive(struct demo_peer *p)
{
    struct demo_report r = {0};
    int rc = begin(p);

    if (tell(p, &r, DEMO_READY, rc) || wait_for_go(p))
        return CLI_FAILED;
    rc = p->scene->judge ? p->scene->judge(p) : 0;
    if (tell(p, &r, DEMO_JUDGED, rc))
        return CLI_FAILED;
    rc = p->scene->receive ? p->scene->receive(p) : demo_receive_file(p);
    r.at_ns = bench_now_ns();
    r.bytes = p->done;
    if (!rc)
        demo_sha256(p->buf, p->len, r.sha256);
    return tell(p, &r, DEMO_DONE, rc);
}

static int send(struct demo_peer *p)
{
    struct demo_report r = {0};
    int rc = begin(p);

    if (tell(p, &r, DEMO_READY, rc) || wait_for_go(p))
        return CLI_FAILED;
    r.at_ns = bench_now_ns();
    rc = p->scene->send ? p->scene->send(p) : demo_send_file(p);
    int status = tell(p, &r, DEMO_DONE, rc);
    wait_for_go(p); /* the receiver has everything: until then this end stays open */
    return status;
}

static int lease(struct demo_peer *p)
{
    struct demo_report r = {0};
    int rc = open_channel(p);

    if (tell(p, &r, DEMO_READY, rc) || wait_for_go(p))
        return CLI_FAILED;
    return tell(p, &r, DEMO_DONE, demo_lease_peer(p));
}

static int enter(pid_t net)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)net);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = fd < 0 || setns(fd, CLONE_NEWNET) ? -errno : 0;
    if (fd >= 0)
        close(fd);
    return rc;
}

static int play(struct demo_peer *p, char **argv)
{
    struct demo_report r = {0};
    pid_t net = atoi(argv[10]);

    bench_cpus_pin(atoi(argv[4]));
    if (getppid() != atoi(argv[5]))
        return CLI_FAILED; /* it is dead already: PR_SET_PDEATHSIG came too late */
    int rc = net > 0 ? enter(net) : 0;
    if (rc)
        return tell(p, &r, DEMO_READY, rc);
    if (!strcmp(argv[1], "lease"))
        return lease(p);
    return p->receives ? receive(p) : send(p);
}

/* argv: demo-peer ROLE SCENE WAY CPU PARENT LEN FILE REPORT GO NET ID ADDRESS */
int cli_demo_peer(int argc, char **argv)
{
    struct demo_peer p = {.scene = NULL};

    for (size_t i = 0; argc == 13 && i < demo_n_scenes; i++)
        if (!strcmp(argv[2], demo_scenes[i].name))
            p.scene = &demo_scenes[i];
    if (!p.scene)
        return cli_usage("demo-peer is started by the demo, not by hand");
    p.receives = !!strcmp(argv[1], "send");
    p.way = atoi(argv[3]) == DEMO_KERNEL ? DEMO_KERNEL : DEMO_HEPTA;
    p.len = strtoull(argv[6], NULL, 10);
    p.file = atoi(argv[7]);
    p.report = atoi(argv[8]);
    p.go = atoi(argv[9]);
    p.id = atoi(argv[11]);
    p.address = argv[12];
    return play(&p, argv);
}
