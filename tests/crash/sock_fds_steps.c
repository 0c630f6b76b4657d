/* SPDX-License-Identifier: MIT */
/*
 * sock_fds_steps.c - descriptors that go over a connection in memory, killed and stopped in
 * every state
 *
 * Each message is one record, and each has descriptors of its own: write ends of kernel
 * pipes, told apart by their inodes. Whoever receives a record must get exactly its
 * descriptors; and when everything has been received, no copy of any may be left anywhere,
 * which the read ends show as a hang-up. Start with survive().
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "sock_room.h"
#include "socket/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum fds_verb { SEND, RECV, RECV_PLAIN, RELEASE };

struct fds_case {
    uint32_t type;
    enum fds_verb verb;
    uint32_t n_before; /* messages inside when the verb begins */
    bool sole;         /* the victim's end is only the victim's */
};

/* Which pipe goes with which record; the victim's goes twice. */
#define N_BEFORE_MAX 3
enum { P_BEFORE, P_VICTIM = N_BEFORE_MAX, P_MATE, P_STAGE, N_PIPES };

struct fds_shared {
    unsigned char rec[2 * REC]; /* what the victim has received, */
    uint32_t n_fds;             /* and how many with it */
};

static struct {
    struct hepta_sock *a, *b; /* a sends, b receives */
    int pipe[N_PIPES][2];
    uint64_t ino[N_PIPES];
    unsigned n_stage;
    struct ledger ledger;
} w;

static const struct fds_case *fds_case(const struct step_run *run)
{
    return run->sc->arg;
}

static struct fds_shared *fds_shared(struct step_run *run)
{
    return (struct fds_shared *)run->room;
}

static bool receives(const struct fds_case *c)
{
    return c->verb != SEND;
}

static int pipe_of(enum rec_class class, unsigned number)
{
    switch (class) {
    case REC_BEFORE:
        return P_BEFORE + (int)(number % N_BEFORE_MAX);
    case REC_VICTIM:
        return P_VICTIM;
    case REC_MATE:
        return P_MATE;
    default:
        return P_STAGE;
    }
}

static ssize_t send_one(enum rec_class class, unsigned number, int64_t deadline)
{
    unsigned char rec[REC];
    struct iovec iov = {rec, REC};
    int fd = w.pipe[pipe_of(class, number)][1], fds[2] = {fd, fd};
    struct hepta_sock_msg msg = {.size = sizeof(msg), .iov = &iov, .n_iov = 1, .fds = fds,
                                 .n_fds = class == REC_VICTIM ? 2 : 1};

    rec_fill(rec, REC, class, number);
    return hepta_sock_sendmsg(w.a, &msg, deadline);
}

static void make_pipes(void)
{
    struct stat st;

    for (int i = 0; i < N_PIPES; i++) {
        if (pipe2(w.pipe[i], O_CLOEXEC | O_NONBLOCK) < 0 || fstat(w.pipe[i][1], &st) < 0)
            t_die("pipe");
        w.ino[i] = st.st_ino;
    }
}

static void setup(struct step_run *run)
{
    const struct fds_case *c = fds_case(run);
    struct hepta_sock_options opt = {.size = sizeof(opt), .type = c->type, .capacity = 8192,
                                     .wait = HEPTA_WAIT_SLEEP};

    memset(&w, 0, sizeof(w));
    ledger_reader(&w.ledger);
    make_pipes();
    if (hepta_sock_pair(&w.a, &w.b, &opt) < 0)
        t_die("hepta_sock_pair");
    for (unsigned i = 0; i < c->n_before; i++)
        if (send_one(REC_BEFORE, i, HEPTA_NOW) != REC)
            t_die("sendmsg");
}

/* The victim's copies of the pipes are open until it dies; that is what must be seen. */
static void enter(struct step_run *run)
{
    if (receives(fds_case(run)))
        w.a = hepta_sock_close(w.a);
    else
        w.b = hepta_sock_close(w.b);
}

static void depart(struct step_run *run)
{
    if (!fds_case(run)->sole)
        return;
    if (receives(fds_case(run)))
        w.b = hepta_sock_close(w.b);
    else
        w.a = hepta_sock_close(w.a);
}

static ssize_t receive(struct hepta_sock_msg *msg, bool plain, int64_t deadline)
{
    return plain ? hepta_sock_recv(w.b, msg->iov->iov_base, REC, deadline)
                 : hepta_sock_recvmsg(w.b, msg, deadline);
}

static void verb_receive(struct step_run *run, bool plain)
{
    static int fds[4];
    struct iovec iov = {fds_shared(run)->rec, 2 * REC};
    struct hepta_sock_msg msg = {.size = sizeof(msg), .iov = &iov, .n_iov = 1, .fds = fds,
                                 .max_fds = 4};
    ssize_t got = receive(&msg, plain, hepta_in_ns(HANG_NS));

    fds_shared(run)->n_fds = msg.n_fds;
    step_returned(run, got);
}

static void verb_release(struct step_run *run)
{
    const void *p;
    ssize_t got = hepta_sock_peek(w.b, &p, hepta_in_ns(HANG_NS));
    int rc;

    if (got == REC)
        memcpy(fds_shared(run)->rec, p, REC);
    rc = got > 0 ? hepta_sock_release(w.b, (size_t)got) : (int)got;

    step_returned(run, rc < 0 ? rc : got);
}

static void verb(struct step_run *run)
{
    switch (fds_case(run)->verb) {
    case SEND:
        step_returned(run, send_one(REC_VICTIM, 0, hepta_in_ns(HANG_NS)));
        break;
    case RECV:
    case RECV_PLAIN:
        verb_receive(run, fds_case(run)->verb == RECV_PLAIN);
        break;
    case RELEASE:
        verb_release(run);
        break;
    }
}

static ssize_t stage_send(struct step_run *run, int64_t deadline)
{
    int64_t start = t_now_ns();
    ssize_t put = send_one(REC_STAGE, w.n_stage, deadline);

    step_timed(run, start, deadline, "sendmsg");
    w.n_stage += put == REC;
    step_check(run, put == REC || put == -EAGAIN || put == -ETIMEDOUT || put == -EPIPE,
               "sendmsg by the survivor: %zd", put);
    return put;
}

/* Are those that came with a record its own? Closes them. */
static void check_fds(struct step_run *run, const unsigned char *rec, int *fds, uint32_t n)
{
    enum rec_class class = rec[0] - 0xa0U;
    int own = class < REC_CLASSES ? pipe_of(class, rec[1]) : 0;
    struct stat st;

    step_check(run, n == (class == REC_VICTIM ? 2 : 1), "record %d of class %d came with %u "
               "descriptors", rec[1], class, n);
    for (uint32_t i = 0; i < n; i++) {
        step_check(run, fstat(fds[i], &st) == 0 && st.st_ino == w.ino[own],
                   "record %d of class %d came with a strange descriptor", rec[1], class);
        close(fds[i]);
    }
}

static ssize_t stage_recv(struct step_run *run, int64_t deadline, int64_t by)
{
    unsigned char rec[2 * REC];
    struct iovec iov = {rec, sizeof(rec)};
    int fds[4];
    struct hepta_sock_msg msg = {.size = sizeof(msg), .iov = &iov, .n_iov = 1, .fds = fds,
                                 .max_fds = 4};
    int64_t start = t_now_ns();
    ssize_t got = receive(&msg, false, deadline);

    step_timed(run, start, by, "recvmsg");
    if (got > 0) {
        ledger_add(&w.ledger, rec, (size_t)got);
        check_fds(run, rec, fds, msg.n_fds);
    }
    step_check(run, got >= 0 || got == -EAGAIN || got == -ETIMEDOUT, "recvmsg by the survivor: %zd",
               got);
    return got;
}

/* All that is there; the end of it comes in time. */
static void drain(struct step_run *run)
{
    bool sole = fds_case(run)->sole;
    uint64_t n = 0;
    ssize_t got = REC;

    while (got > 0 && sock_room.used(w.b, true, &n) == 0 && n > 0)
        got = stage_recv(run, hepta_in_ms(1000), 0);
    step_check(run, n == 0, "%llu bytes are there, but recvmsg gives %zd", (unsigned long long)n,
               got);
    got = stage_recv(run, sole ? hepta_in_ms(1000) : HEPTA_NOW, 0);
    step_check(run, got == (sole ? 0 : -EAGAIN), "recvmsg with nothing there: %zd", got);
}

/* Nobody has a write end any more: neither we, nor a queue in the kernel. */
static void check_pipes(struct step_run *run)
{
    for (int i = 0; i < N_PIPES; i++) {
        struct pollfd p = {w.pipe[i][0], POLLIN, 0};

        close(w.pipe[i][1]);
        w.pipe[i][1] = -1;
        step_check(run, poll(&p, 1, 0) == 1 && (p.revents & POLLHUP),
                   "a copy of descriptor %d is left in the connection", i);
    }
}

static void check_arrived(struct step_run *run)
{
    const struct fds_case *c = fds_case(run);
    int n = ledger_prefix(&w.ledger, REC_VICTIM), n_before = (int)c->n_before;
    int may_take = !receives(c) ? 0 : (run->kind == STEP_CHAIN) + !run->returned;
    int first;

    if (receives(c) && c->sole)
        return; /* nobody is left to receive */
    if (receives(c) && run->returned) {
        ledger_reader(&w.ledger);
        ledger_add(&w.ledger, fds_shared(run)->rec, (size_t)run->result);
    }
    first = ledger_suffix(&w.ledger, REC_BEFORE, n_before);
    step_check(run, n == (run->returned && !receives(c)) || (!run->returned && n >= 0),
               "the victim's message: %d", n);
    if (run->kind == STEP_CHAIN) /* the second one may have taken another */
        step_check(run, w.ledger.n_seen[REC_BEFORE] + may_take >= n_before, "messages lost");
    else
        step_check(run, first >= 0 && first <= may_take, "earlier messages lost (%d)", first);
    step_check(run, ledger_prefix(&w.ledger, REC_STAGE) == (int)w.n_stage,
               "the survivor's own messages lost");
    step_check(run, w.ledger.wrong[0] == 0, "%s", w.ledger.wrong);
    if (run->returned && c->verb == RECV)
        step_check(run, fds_shared(run)->n_fds == 1, "the victim got %u descriptors",
                   fds_shared(run)->n_fds);
}

static void survive(struct step_run *run)
{
    const struct fds_case *c = fds_case(run);
    char why[256] = "";
    ssize_t put;

    if (w.b && w.a) {
        put = stage_send(run, hepta_in_ms(1000));
        step_check(run, put == REC, "nothing can be sent: %zd", put);
    }
    if (w.b)
        drain(run);
    else
        step_check(run, stage_send(run, hepta_in_ms(1000)) == -EPIPE, "no -EPIPE");
    check_arrived(run);
    step_check(run, sock_check(w.b ? w.b : w.a, why, sizeof(why)) == 0, "invariant: %s", why);
    if (c->sole) { /* what died on the way goes with the connection */
        w.a = hepta_sock_close(w.a);
        w.b = hepta_sock_close(w.b);
    }
    check_pipes(run);
}

static void stopped(struct step_run *run)
{
    if (w.a && stage_send(run, HEPTA_NOW) == -EAGAIN)
        stage_send(run, hepta_in_ms(50));
    if (w.b && stage_recv(run, HEPTA_NOW, HEPTA_NOW) == -EAGAIN) {
        int64_t until = hepta_in_ms(50);

        stage_recv(run, until, until);
    }
}

static void resumed(struct step_run *run)
{
    step_check(run, run->returned && run->result == REC, "the verb of the stopped process: %lld",
               (long long)run->result);
    survive(run);
}

/* The stage may have taken everything while it was stopped. */
static void wake(struct step_run *run)
{
    if (receives(fds_case(run)) && w.a)
        stage_send(run, hepta_in_ms(1000));
}

static void recover(struct step_run *run)
{
    unsigned char rec[2 * REC];
    struct iovec iov = {rec, sizeof(rec)};
    int fds[4];
    struct hepta_sock_msg msg = {.size = sizeof(msg), .iov = &iov, .n_iov = 1, .fds = fds,
                                 .max_fds = 4};

    if (receives(fds_case(run)))
        receive(&msg, false, hepta_in_ns(HANG_NS));
    else
        send_one(REC_MATE, 0, hepta_in_ns(HANG_NS));
}

static void cleanup(struct step_run *run)
{
    (void)run;
    w.a = hepta_sock_close(w.a);
    w.b = hepta_sock_close(w.b);
    for (int i = 0; i < N_PIPES; i++) {
        close(w.pipe[i][0]);
        if (w.pipe[i][1] >= 0)
            close(w.pipe[i][1]);
    }
}

#define CONTROL (H7_SEGMENT_CONTROL + sizeof(struct h7_sock_shared))
#define STREAM HEPTA_SOCK_STREAM
#define PACKET HEPTA_SOCK_SEQPACKET

#define CASE(title, k, ...)                                                                        \
    &(const struct step_scenario)                                                                  \
    {                                                                                              \
        .name = title, .segment = "/memfd:hepta", .watch = CONTROL, .watch_data = REC, .kinds = k, \
        .arg = &(const struct fds_case){.type = __VA_ARGS__}, .setup = setup, .enter = enter,      \
        .verb = verb, .depart = depart, .wake = wake, .survive = survive, .stopped = stopped,      \
        .resumed = resumed, .recover = recover, .cleanup = cleanup                                 \
    }

/* type, verb, messages before, sole */
static const struct step_scenario *const scenarios[] = {
    CASE("stream, send descriptors", KSC, STREAM, SEND, 1, false),
    CASE("stream, send descriptors, only sender", K, STREAM, SEND, 1, true),
    CASE("stream, recv descriptors", KSC, STREAM, RECV, 2, false),
    CASE("stream, recv descriptors, only receiver", K, STREAM, RECV, 2, true),
    CASE("stream, recv drops descriptors", K, STREAM, RECV_PLAIN, 2, false),
    CASE("stream, peek and release descriptors", KS, STREAM, RELEASE, 2, false),
    CASE("seqpacket, send descriptors", KSC, PACKET, SEND, 1, false),
    CASE("seqpacket, send descriptors, only sender", K, PACKET, SEND, 0, true),
    CASE("seqpacket, recv descriptors", KSC, PACKET, RECV, 3, false),
    CASE("seqpacket, recv drops descriptors", KS, PACKET, RECV_PLAIN, 2, false),
};

int main(int argc, char **argv)
{
    sock_warm_up();
    return step_main(argc, argv, scenarios, T_COUNT(scenarios));
}
