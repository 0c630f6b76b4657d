/* SPDX-License-Identifier: MIT */
/* signal_cases_sender.c - who sent it, who may, and what there is to send to */
#define _GNU_SOURCE
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signal_room.h"

#define TARGET 40003

/* --- who sent it ---------------------------------------------------------------------- */

static void told(struct conf *c, struct inbox *in, int signo, pid_t pid, uid_t uid)
{
    struct hepta_signal_info info = take_one(c, in, signo);
    EQ(c, info.pid, pid);
    EQ(c, info.uid, uid);
}

static void process_itself(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    tell(c, &p, SIGUSR1);
    queue(c, &p, RT(0), 1);
    tell(c, &p, RT(1));
    told(c, &in, SIGUSR1, getpid(), getuid());
    told(c, &in, RT(0), getpid(), getuid());
    told(c, &in, RT(1), getpid(), getuid());
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

static void each_child(struct conf *c)
{
    struct inbox in;
    pid_t pid[4];
    make_inbox(c, &in, USUAL);
    for (int i = 0; i < 4; i++)
        pid[i] = tell_from_child(c, &in.at, (int[]){RT(3)}, 1);
    for (int i = 0; i < 4; i++)
        told(c, &in, RT(3), pid[i], getuid());
    drop_inbox(c, &in);
}

/* The handle may be the parent's: the sender is who calls. */
static void handle_of_parent(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        tell(c, &p, SIGUSR1);
        queue(c, &p, RT(0), 1);
        conf_exit();
    }
    conf_join(c, pid);
    tell(c, &p, RT(1));
    told(c, &in, SIGUSR1, pid, getuid());
    told(c, &in, RT(0), pid, getuid());
    told(c, &in, RT(1), getpid(), getuid());
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* The real user, not the effective one that it has the right by. */
static void real_user(struct conf *c)
{
    struct inbox in;
    make_inbox(c, &in, USUAL);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct peer p;
        EQ(c, setresuid(SOMEBODY, 0, 0), 0);
        find_peer(c, &p, &in.at);
        tell(c, &p, SIGUSR1);
        queue(c, &p, RT(0), 1);
        conf_exit();
    }
    conf_join(c, pid);
    told(c, &in, SIGUSR1, pid, SOMEBODY);
    told(c, &in, RT(0), pid, SOMEBODY);
    drop_inbox(c, &in);
}

/* Who becomes another afterwards: a mailbox tells who opened it. */
static void changed_user(struct conf *c)
{
    struct inbox in;
    make_inbox(c, &in, USUAL);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct peer p;
        find_peer(c, &p, &in.at);
        EQ(c, setresuid(SOMEBODY, 0, 0), 0);
        queue(c, &p, RT(0), 1);
        conf_exit();
    }
    conf_join(c, pid);
    told(c, &in, RT(0), pid, (uid_t)DIFFERS(c, SOMEBODY, 0));
    drop_inbox(c, &in);
}

/* A child that is TARGET and takes n; what was told in cells GOT + i: uid. */
static void start_target(struct conf *c, struct receiver *r, uid_t real, uid_t saved, int n)
{
    *r = (struct receiver){.in = {.at = new_place(), .fd = -1}};
    r->pid = conf_fork(c);
    if (r->pid == 0) {
        EQ(c, setresuid(real, 0, saved), 0);
        EQ(c, ops(c)->open(&r->in, USUAL), 0);
        EQ(c, setresuid((uid_t)-1, real, (uid_t)-1), 0);
        conf_set(c, BEFORE, 1);
        for (int i = 0; i < n; i++) {
            struct hepta_signal_info info = await_signal(c, &r->in);
            conf_set(c, GOT + i, info.uid);
            conf_add(c, COUNTER, 1);
        }
        conf_set(c, FREE, 1);
        conf_await(c, FREE + 1, 1);
        is_empty(c, &r->in);
        conf_exit();
    }
    r->in.at.pid = r->pid;
    conf_await(c, BEFORE, 1);
}

static void end_target(struct conf *c, struct receiver *r)
{
    conf_set(c, FREE + 1, 1);
    end_receiver(c, r);
    for (int i = 0; i < CONF_N_CELLS; i++)
        conf_set(c, i, 0);
}

/* Another user's process that may: its effective user is the receiver's. */
static void another_user(struct conf *c)
{
    struct receiver r;
    start_target(c, &r, TARGET, TARGET, 2);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct peer p;
        EQ(c, setresuid(SOMEBODY, TARGET, SOMEBODY), 0);
        find_peer(c, &p, &r.in.at);
        tell(c, &p, SIGUSR1);
        conf_await(c, COUNTER, 1);
        queue(c, &p, RT(0), 1);
        conf_exit();
    }
    conf_join(c, pid);
    conf_await(c, FREE, 1);
    EQ(c, conf_get(c, GOT), SOMEBODY);
    EQ(c, conf_get(c, GOT + 1), SOMEBODY);
    end_target(c, &r);
}

/* --- who may -------------------------------------------------------------------------- */

/* What sending says to a user; of a mailbox, opening it. */
static int tried_by(struct conf *c, const struct where *at, uid_t real, uid_t effective, int signo,
                    uint32_t flags)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct peer p = {.pidfd = -1};
        EQ(c, setresuid(real, effective, real), 0);
        int r = ops(c)->peer(&p, at, false);
        if (r == 0)
            r = ops(c)->send(&p, signo, flags, 1);
        conf_set(c, FREE + 2, r);
        conf_exit();
    }
    conf_join(c, pid);
    return (int)conf_get(c, FREE + 2);
}

/* Sender's real or effective, receiver's real or saved; and root. */
static void same_user(struct conf *c)
{
    static const struct {
        uid_t real, effective;
    } sender[] = {{TARGET, SOMEBODY},        {SOMEBODY, TARGET}, {SOMEBODY_ELSE, SOMEBODY},
                  {SOMEBODY, SOMEBODY_ELSE}, {SOMEBODY, SOMEBODY}, {SOMEBODY, 0}};
    static const int expected[] = {0, 0, 0, 0, -EPERM, 0};
    for (int i = 0; i < 6; i++) {
        struct receiver r;
        start_target(c, &r, TARGET, SOMEBODY_ELSE, 0);
        EQ(c, tried_by(c, &r.in.at, sender[i].real, sender[i].effective, 0, 0), expected[i]);
        end_target(c, &r);
    }
}

/* Of whatever is sent; and it hasn't been. */
static void stranger(struct conf *c)
{
    struct receiver r;
    const int no = -EPERM;
    start_target(c, &r, TARGET, TARGET, 0);
    EQ(c, tried_by(c, &r.in.at, SOMEBODY, SOMEBODY, SIGUSR1, 0), no);
    EQ(c, tried_by(c, &r.in.at, SOMEBODY, SOMEBODY, RT(0), 0), no);
    EQ(c, tried_by(c, &r.in.at, SOMEBODY, SOMEBODY, RT(0), WITH_VALUE), no);
    EQ(c, tried_by(c, &r.in.at, SOMEBODY, SOMEBODY, 0, 0), no);
    EQ(c, tried_by(c, &r.in.at, SOMEBODY, SOMEBODY, SIGKILL, 0), no);
    end_target(c, &r);
}

/* Not the users, but the bits of the mailbox decide, when it is opened: -EACCES, or all right. */
static void bits_decide(struct conf *c)
{
    static const mode_t modes[] = {0666, 0600, 0660, 0644};
    for (int i = 0; i < 4; i++) {
        struct where at = new_place();
        struct hepta_mailbox *box;
        mode_t was = umask(0);
        EQ(c, hepta_mailbox_open(at.name, HEPTA_MAILBOX_CREATE, modes[i], NULL, &box), 0);
        umask(was);
        pid_t pid = conf_fork(c);
        if (pid == 0) {
            struct peer p = {.pidfd = -1};
            conf_become(c, SOMEBODY, SOMEBODY);
            EQ(c, ops(c)->peer(&p, &at, false), i == 0 ? 0 : -EACCES);
            if (i == 0)
                queue(c, &p, RT(0), 1);
            conf_exit();
        }
        conf_join(c, pid);
        EQ(c, hepta_mailbox_close(box), 0);
        unlink_place(c, &at);
    }
}

/* SIGCONT to any process of one's own session. */
static void go_on(struct conf *c)
{
    struct receiver r;
    start_target(c, &r, TARGET, TARGET, 0);
    EQ(c, tried_by(c, &r.in.at, SOMEBODY, SOMEBODY, SIGCONT, 0), 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, setsid(), getpid());
        EQ(c, tried_by(c, &r.in.at, SOMEBODY, SOMEBODY, SIGCONT, 0), -EPERM);
        conf_exit();
    }
    conf_join(c, pid);
    end_target(c, &r);
}

/* --- signal 0 ------------------------------------------------------------------------- */

static void zero_asks(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    EQ(c, ops(c)->send(&p, 0, IF_LIVE, 0), 0);
    EQ(c, (long long)pending(c, &in), 0);
    is_empty(c, &in);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* --- who is gone ---------------------------------------------------------------------- */

static void ended(struct conf *c)
{
    struct receiver r;
    struct peer p;
    start_receiver(c, &r, 1, EVER);
    find_peer(c, &p, &r.in.at);
    tell(c, &p, SIGUSR1);
    conf_join(c, r.pid);
    errno = 4711; /* a handler may send, and needn't save it */
    EQ(c, ops(c)->send(&p, 0, IF_LIVE, 0), -ESRCH);
    EQ(c, ops(c)->send(&p, SIGUSR1, IF_LIVE, 0), -ESRCH);
    OK(c, !has(c, NEEDS_HEPTA) || errno == 4711);
    EQ(c, ops(c)->send(&p, RT(0), IF_LIVE | WITH_VALUE, 1), -ESRCH);
    unlink_place(c, &r.in.at);
    leave_peer(c, &p);
}

static void killed(struct conf *c)
{
    struct receiver r;
    struct peer p;
    start_receiver(c, &r, 1, EVER);
    find_peer(c, &p, &r.in.at);
    conf_kill(c, r.pid);
    EQ(c, ops(c)->send(&p, 0, IF_LIVE, 0), -ESRCH);
    EQ(c, ops(c)->send(&p, RT(0), IF_LIVE | WITH_VALUE, 1), -ESRCH);
    unlink_place(c, &r.in.at);
    leave_peer(c, &p);
}

/* One that hasn't been waited for takes signals still. Of a mailbox it is dead. */
static void zombie(struct conf *c)
{
    struct receiver r;
    struct peer p;
    siginfo_t si;
    const int gone = (int)DIFFERS(c, 0, -ESRCH);
    start_receiver(c, &r, 1, EVER);
    find_peer(c, &p, &r.in.at);
    EQ(c, kill(r.pid, SIGKILL), 0);
    EQ(c, waitid(P_PID, (id_t)r.pid, &si, WEXITED | WNOWAIT), 0);
    EQ(c, ops(c)->send(&p, 0, IF_LIVE, 0), gone);
    EQ(c, ops(c)->send(&p, SIGUSR1, IF_LIVE, 0), gone);
    EQ(c, ops(c)->send(&p, RT(0), IF_LIVE | WITH_VALUE, 1), gone);
    conf_kill(c, r.pid);
    EQ(c, ops(c)->send(&p, 0, IF_LIVE, 0), -ESRCH);
    unlink_place(c, &r.in.at);
    leave_peer(c, &p);
}

/* --- what isn't one ------------------------------------------------------------------- */

static void bad_number(struct conf *c)
{
    static const int bad[] = {-1, 65, 128, 1000000};
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    for (int i = 0; i < 4; i++) {
        EQ(c, ops(c)->send(&p, bad[i], 0, 0), -EINVAL);
        EQ(c, ops(c)->send(&p, bad[i], WITH_VALUE, 1), -EINVAL);
    }
    is_empty(c, &in);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

const struct conf_case signal_sender_cases[] = {
    {"sender.process_itself", process_itself, 0, NULL, NULL, 0},
    {"sender.each_child", each_child, 0, NULL, NULL, 0},
    {"sender.handle_of_parent", handle_of_parent, 0, NULL, NULL, 0},
    {"sender.real_user", real_user, CONF_AS_ROOT, NULL, NULL, 0},
    {"sender.changed_user", changed_user, CONF_AS_ROOT, "signal-user-of-the-handle", NULL, 0},
    {"sender.another_user", another_user, CONF_AS_ROOT, NULL, NULL, 0},
    {"may.same_user", same_user, NEEDS_SIGNALS | CONF_AS_ROOT, NULL, NULL, 0},
    {"may.stranger", stranger, NEEDS_SIGNALS | CONF_AS_ROOT, NULL, NULL, 0},
    {"may.bits_decide", bits_decide, NEEDS_MAILBOX | CONF_AS_ROOT, NULL, NULL, 0},
    {"may.go_on", go_on, NEEDS_SIGNALS | CONF_AS_ROOT, NULL, NULL, 0},
    {"gone.zero_asks", zero_asks, 0, NULL, NULL, 0},
    {"gone.ended", ended, 0, NULL, NULL, 0},
    {"gone.killed", killed, 0, NULL, NULL, 0},
    {"gone.zombie", zombie, 0, "signal-zombie", NULL, 0},
    {"gone.bad_number", bad_number, 0, NULL, NULL, 0},
    {0},
};
