/* SPDX-License-Identifier: MIT */
/*
 * queue/notify_test.c - what a notification leaves behind in the kernel: nothing, whichever way it
 * ends. Who is told, and how: tests/conformance/mq_cases_notify.c.
 */
#define _GNU_SOURCE
#include "name/name_test.h"

#include "base/sys.h"
#include "prim/life.h"
#include "queue/posix_internal.h"

#define BOTH (HEPTA_MQ_READ | HEPTA_MQ_WRITE)

static const struct sigevent none = {.sigev_notify = SIGEV_NONE};

/* Before anything is open: skip() leaves the test where it stands. */
static void need_kernel_queues(void)
{
    int fd = h7_sys_mq_open("hepta.not-there", O_WRONLY | O_CLOEXEC, 0, NULL);
    h7_sys_close(fd);
    if (fd == -ENOSYS)
        skip();
}

static struct hepta_mq *open_q(void)
{
    need_kernel_queues();
    const struct hepta_mq_options o = {.size = sizeof o, .msgs_max = 4, .msg_max = 8};
    struct hepta_mq *mq;
    assert_int_equal(hepta_mq_open(&mq, "/q", BOTH | HEPTA_MQ_CREATE, 0600, &o), 0);
    return mq;
}

static void end(struct hepta_mq *mq)
{
    hepta_mq_close(mq);
    assert_int_equal(hepta_mq_unlink("/q"), 0);
}

static struct h7_mq_shared *room(const struct hepta_mq *mq)
{
    return h7_store_room(&mq->store);
}

/* A private queue of the kernel's, as notify.c names it. */
struct behind {
    uint32_t pid;
    uint64_t ino, mark, number;
};

static struct behind behind_of(const struct hepta_mq *mq)
{
    const struct h7_mq_shared *sh = room(mq);
    return (struct behind){.pid = h7_load32_relaxed(&sh->pid),
                           .ino = mq->store.seg.ino,
                           .mark = h7_load64_relaxed(&sh->mark),
                           .number = h7_load64_relaxed(&sh->number)};
}

static void name_of(char name[96], const struct behind *b)
{
    snprintf(name, 96, "hepta.%llx.%llx.%x.%llx.%llx", (unsigned long long)h7_self_pidns(),
             (unsigned long long)b->ino, b->pid, (unsigned long long)b->mark,
             (unsigned long long)b->number);
}

static int is_there(const struct behind *b)
{
    char name[96];
    name_of(name, b);
    int fd = h7_sys_mq_open(name, O_WRONLY | O_NONBLOCK | O_CLOEXEC, 0, NULL);
    h7_sys_close(fd);
    return fd >= 0;
}

static int registered(const struct hepta_mq *mq)
{
    return h7_load32_relaxed(&room(mq)->registered) == 1;
}

static void send_one(struct hepta_mq *mq)
{
    assert_int_equal(hepta_mq_send(mq, "m", 1, 0, HEPTA_NOW), 0);
}

/* Register here; what lies in the kernel for it. */
static struct behind add(struct hepta_mq *mq)
{
    assert_int_equal(hepta_mq_notify(mq, &none), 0);
    struct behind b = behind_of(mq);
    assert_int_equal(b.pid, getpid());
    assert_true(is_there(&b));
    assert_true(registered(mq));
    return b;
}

/* --- ended while its process lives ------------------------------------------------------ */

static void test_taken_back(void **state)
{
    struct hepta_mq *mq = open_q();
    (void)state;
    struct behind b = add(mq);
    assert_int_equal(hepta_mq_notify(mq, NULL), 0);
    assert_false(registered(mq));
    assert_false(is_there(&b));
    assert_int_equal(mq->kernel_queue, -1);
    end(mq);
}

static void test_told(void **state)
{
    struct hepta_mq *mq = open_q();
    (void)state;
    struct behind b = add(mq);
    send_one(mq);
    assert_false(registered(mq));
    assert_false(is_there(&b));
    struct behind next = add(mq);
    assert_true(next.number != b.number);
    end(mq);
    assert_false(is_there(&next));
}

static void test_closed(void **state)
{
    struct hepta_mq *mq = open_q(), *second = open_q();
    (void)state;
    struct behind b = add(second);
    hepta_mq_close(second);
    assert_false(registered(mq));
    assert_false(is_there(&b));
    end(mq);
}

/* Closing any handle ends it; what the other one has in the kernel goes with that one. */
static void test_another_handle_closed(void **state)
{
    struct hepta_mq *mq = open_q(), *second = open_q();
    (void)state;
    struct behind b = add(mq);
    hepta_mq_close(second);
    assert_false(registered(mq));
    end(mq);
    assert_false(is_there(&b));
}

static void test_busy_leaves_the_first(void **state)
{
    struct hepta_mq *mq = open_q();
    (void)state;
    struct behind b = add(mq);
    int fd = mq->kernel_queue;
    assert_int_equal(hepta_mq_notify(mq, &none), -EBUSY);
    assert_int_equal(mq->kernel_queue, fd); /* NAMES_TEST counts descriptors: the new is gone */
    assert_true(is_there(&b));
    send_one(mq);
    assert_false(is_there(&b));
    end(mq);
}

/* Somebody removed it: the send happens, and it is possible to register again. */
static void test_kernel_queue_gone(void **state)
{
    struct hepta_mq *mq = open_q();
    char name[96];
    (void)state;
    struct behind b = add(mq);
    name_of(name, &b);
    assert_int_equal(h7_sys_mq_unlink(name), 0);
    send_one(mq);
    assert_false(registered(mq));
    add(mq);
    end(mq);
}

/* Whoever may send may tell, whatever the registrant's umask is. */
static void test_mode(void **state)
{
    struct hepta_mq *mq = open_q();
    struct stat st;
    (void)state;
    umask(0777);
    add(mq);
    umask(022);
    assert_int_equal(fstat(mq->kernel_queue, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0622);
    assert_true(fcntl(mq->kernel_queue, F_GETFD) & FD_CLOEXEC);
    end(mq);
}

/* --- children ---------------------------------------------------------------------------- */

static int close_it(void *arg)
{
    hepta_mq_close(arg);
    return 0;
}

static void test_child_closes(void **state)
{
    struct hepta_mq *mq = open_q();
    (void)state;
    struct behind b = add(mq);
    unit_in_child(close_it, mq);
    assert_true(registered(mq));
    assert_true(is_there(&b));
    end(mq);
    assert_false(is_there(&b));
}

static int close_in_pidns(struct hepta_mq *mq)
{
    int fd = mq->kernel_queue;
    CHILD_CHECK(fcntl(fd, F_GETFD) >= 0);
    hepta_mq_close(mq);
    CHILD_CHECK(fcntl(fd, F_GETFD) < 0);
    return 0;
}

/* There it may end nothing, but its copy of the descriptor goes. */
static int across_pidns(void *arg)
{
    struct hepta_mq *mq;
    (void)arg;
    CHILD_CHECK(hepta_mq_open(&mq, "/q", BOTH | HEPTA_MQ_CREATE, 0600, NULL) == 0);
    CHILD_CHECK(hepta_mq_notify(mq, &none) == 0);
    struct behind b = behind_of(mq);
    int possible = unshare(CLONE_NEWPID) == 0;
    pid_t pid = possible ? fork() : 0; /* not unit_fork(): the parent has no pid there */
    if (possible && pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(close_in_pidns(mq));
    }
    int status = possible ? unit_reap(pid) : UNIT_SKIP;
    CHILD_CHECK(registered(mq) && is_there(&b));
    hepta_mq_close(mq);
    CHILD_CHECK(!is_there(&b) && hepta_mq_unlink("/q") == 0);
    return status;
}

static void test_closed_in_another_pidns(void **state)
{
    (void)state;
    need_kernel_queues();
    unit_in_child(across_pidns, NULL);
}

/* --- the dead ------------------------------------------------------------------------------ */

struct registrant {
    struct hepta_mq *mq; /* the parent's: a forked child has a copy of the handle */
    uint32_t *said;      /* 1: registered, 2: not */
};

static int register_and_stay(void *arg)
{
    const struct registrant *him = arg;
    if (hepta_mq_notify(him->mq, &none) == 0)
        unit_say(him->said, 1);
    else
        unit_say(him->said, 2);
    return unit_stay();
}

/* A registrant that was killed, and what it left. */
static struct behind leave_behind(struct hepta_mq *mq)
{
    struct registrant him = {.mq = mq, .said = unit_shared(sizeof *him.said)};
    pid_t pid = unit_start(register_and_stay, &him);
    unit_await(him.said, 0);
    uint32_t how = *him.said;
    munmap(him.said, sizeof *him.said);
    unit_kill(pid);
    assert_int_equal(how, 1);
    struct behind b = behind_of(mq);
    assert_int_equal(b.pid, pid);
    assert_true(is_there(&b));
    assert_true(registered(mq));
    return b;
}

static void test_next_registrant_cleans(void **state)
{
    struct hepta_mq *mq = open_q();
    (void)state;
    struct behind dead = leave_behind(mq);
    add(mq);
    assert_false(is_there(&dead));
    end(mq);
}

static void test_sender_cleans(void **state)
{
    struct hepta_mq *mq = open_q();
    (void)state;
    struct behind dead = leave_behind(mq);
    send_one(mq);
    assert_false(registered(mq));
    assert_false(is_there(&dead));
    end(mq);
}

static void test_close_cleans(void **state)
{
    struct hepta_mq *mq = open_q(), *second = open_q();
    (void)state;
    struct behind dead = leave_behind(mq);
    hepta_mq_close(second);
    assert_false(registered(mq));
    assert_false(is_there(&dead));
    end(mq);
}

static void test_unlink_cleans(void **state)
{
    struct hepta_mq *mq = open_q();
    (void)state;
    struct behind dead = leave_behind(mq);
    assert_int_equal(hepta_mq_unlink("/q"), 0);
    assert_false(is_there(&dead));
    hepta_mq_close(mq);
}

static int close_as_nobody(void *arg)
{
    CHILD_CHECK(names_become(NOBODY) == 0);
    hepta_mq_close(arg);
    return 0;
}

/* Who may not remove it leaves the record, so that somebody can who may. */
static void test_another_user_leaves_it(void **state)
{
    (void)state;
    if (getuid() != 0)
        skip();
    struct hepta_mq *mq = open_q();
    struct behind dead = leave_behind(mq);
    unit_in_child(close_as_nobody, mq);
    assert_true(is_there(&dead));
    assert_true(registered(mq));
    end(mq);
    assert_false(is_there(&dead));
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_taken_back),
    NAMES_TEST(test_told),
    NAMES_TEST(test_closed),
    NAMES_TEST(test_another_handle_closed),
    NAMES_TEST(test_busy_leaves_the_first),
    NAMES_TEST(test_kernel_queue_gone),
    NAMES_TEST(test_mode),
    NAMES_TEST(test_child_closes),
    NAMES_TEST(test_closed_in_another_pidns),
    NAMES_TEST(test_next_registrant_cleans),
    NAMES_TEST(test_sender_cleans),
    NAMES_TEST(test_close_cleans),
    NAMES_TEST(test_unlink_cleans),
    NAMES_TEST(test_another_user_leaves_it),
};
NAMES_MAIN(tests)
