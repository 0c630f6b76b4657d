/* SPDX-License-Identifier: MIT */
/*
 * storm.c - eight processes send to one mailbox whose receiver is killed and followed, again and
 * again
 *
 * Each sender numbers what was accepted, and sends it with a number of the mailbox that it shares
 * with another sender. The receiver acknowledges; what it got is noted in shared memory, per
 * sender, before it asks for the next. So after a death one may come twice: the one that was noted
 * last, and only as the first that the next receiver gets of its number; if that one is killed
 * before it comes to it, the one after. At the end everything that was accepted is noted, in
 * order. Argument: how many, all together.
 */
#define _GNU_SOURCE
#include "../lib/t.h"

#include <errno.h>
#include <hepta/signal.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SENDERS 8
#define NAME "/storm"
#define FIRST_NUMBER 40
#define PATIENCE_MS 30000
#define KILL_MAX_NS (20 * T_MS)

struct message {
    uint32_t sender;
    uint64_t seq;
    unsigned char rest[HEPTA_MAILBOX_PAYLOAD_MAX - 16];
};

struct shared {
    unsigned n_bad;
    uint64_t each;                 /* how many a sender sends */
    volatile uint64_t got[SENDERS]; /* noted so far: the next one's number */
    volatile bool open[SENDERS];   /* the last one isn't known to be acknowledged */
    volatile uint64_t n_twice, n_refused;
};

static struct shared *sh;
static char directory[] = "/dev/shm/hepta-soak-XXXXXX";

static void complain(const char *what, long long value)
{
    if (__atomic_add_fetch(&sh->n_bad, 1, __ATOMIC_RELAXED) <= 10)
        fprintf(stderr, "FAILED: %s (%lld)\n", what, value);
}

static int number_of(uint32_t sender)
{
    return FIRST_NUMBER + (int)(sender / 2);
}

static void fill(struct message *m, uint32_t sender, uint64_t seq)
{
    memset(m, (int)(sender * 31 + seq), sizeof(*m));
    m->sender = sender;
    m->seq = seq;
}

static _Noreturn void send_all(uint32_t sender)
{
    struct hepta_mailbox *box;
    struct message m;
    int rc = hepta_mailbox_open(NAME, 0, 0, NULL, &box);

    if (rc < 0)
        complain("a sender can't open", rc);
    for (uint64_t seq = 0; seq < sh->each && rc == 0; seq++) {
        fill(&m, sender, seq);
        while ((rc = hepta_mailbox_send(box, number_of(sender), &m, sizeof(m), 0)) == -EAGAIN) {
            __atomic_add_fetch(&sh->n_refused, 1, __ATOMIC_RELAXED);
            sched_yield();
        }
    }
    if (rc < 0)
        complain("send", rc);
    _exit(0);
}

/* first: nothing of its number was got by this receiver yet. *before: whose was the one before. */
static void note(const struct hepta_signal_info *info, bool first, uint32_t *before)
{
    struct message m, right;
    uint64_t next;

    memcpy(&m, info->payload, sizeof(m));
    if (info->len != sizeof(m) || m.sender >= SENDERS) {
        complain("nobody's", m.sender);
        return;
    }
    fill(&right, m.sender, m.seq);
    if (memcmp(&m, &right, sizeof(m)) != 0)
        complain("a torn one", (long long)m.seq);
    if (info->signo != number_of(m.sender))
        complain("another's number", info->signo);
    next = sh->got[m.sender];
    if (*before < SENDERS && *before != m.sender)
        sh->open[*before] = false; /* by the verb that gave this one */
    bool open = sh->open[m.sender];
    sh->open[m.sender] = true; /* before it is noted: this process may be killed in between */
    if (m.seq + 1 == next && first && open)
        sh->n_twice++;
    else if (m.seq == next)
        sh->got[m.sender] = next + 1;
    else
        complain(m.seq < next ? "one came twice" : "one is lost, or out of order",
                 (long long)(m.seq - next));
    *before = m.sender;
}

static bool all_got(void)
{
    for (int i = 0; i < SENDERS; i++)
        if (sh->got[i] < sh->each)
            return false;
    return true;
}

static _Noreturn void receive(void)
{
    struct hepta_mailbox *box;
    struct hepta_signal_info info;
    uint64_t seen = 0;
    uint32_t before = SENDERS;
    int rc = hepta_mailbox_open(NAME, HEPTA_MAILBOX_RECEIVE | HEPTA_MAILBOX_ACK, 0, NULL, &box);

    if (rc < 0)
        complain("a receiver can't open", rc);
    while (rc >= 0 && !all_got() && sh->n_bad == 0) {
        rc = hepta_mailbox_wait(box, &info, hepta_in_ms(PATIENCE_MS));
        if (rc > 0)
            note(&info, !(seen & HEPTA_SIGNAL(rc)), &before);
        else
            complain("wait", rc);
        seen |= rc > 0 ? HEPTA_SIGNAL(rc) : 0;
    }
    if (rc >= 0)
        hepta_mailbox_close(box);
    _exit(0);
}

static pid_t start_receiver(void)
{
    pid_t pid = t_fork();

    if (pid == 0)
        receive();
    return pid;
}

static unsigned kill_and_follow(uint64_t *seed)
{
    pid_t pid = start_receiver();
    unsigned n_killed = 0;

    while (!all_got() && sh->n_bad == 0) {
        t_sleep_ns((int64_t)(t_random(seed) % KILL_MAX_NS));
        t_kill(pid);
        n_killed++;
        pid = start_receiver();
    }
    if (t_reap(pid, PATIENCE_MS) != 0)
        complain("the last receiver doesn't end", pid);
    return n_killed;
}

static void check_end(struct hepta_mailbox *box)
{
    struct hepta_mailbox_stat st;
    int rc = hepta_mailbox_stat(box, &st);

    if (rc < 0 || st.queued != 0 || st.pending != 0)
        complain("something is left in it", rc < 0 ? rc : (long long)st.queued);
    if (hepta_mailbox_close(box) < 0 || hepta_mailbox_unlink(NAME) < 0)
        complain("it can't be removed", 0);
    if (rmdir(directory) < 0)
        complain("something is left in the directory", errno);
}

int main(int argc, char **argv)
{
    uint64_t seed = t_seed(), n = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    struct hepta_mailbox *box;
    pid_t senders[SENDERS];
    int64_t start;
    unsigned n_killed;

    t_limit(60 + (unsigned)(n / 10000));
    printf("seed %llu\n", (unsigned long long)seed);
    sh = t_shared(sizeof(*sh));
    sh->each = n / SENDERS;
    if (!mkdtemp(directory) || setenv("HEPTA_DIR", directory, 1) < 0)
        t_die("can't make %s", directory);
    if (hepta_mailbox_open(NAME, HEPTA_MAILBOX_CREATE, 0600, NULL, &box) < 0)
        t_die("no mailbox");
    start = t_now_ns();
    for (uint32_t i = 0; i < SENDERS; i++) {
        senders[i] = t_fork();
        if (senders[i] == 0)
            send_all(i);
    }
    n_killed = kill_and_follow(&seed);
    for (int i = 0; i < SENDERS; i++)
        if (sh->n_bad)
            t_kill(senders[i]);
        else if (t_reap(senders[i], PATIENCE_MS) != 0)
            complain("a sender doesn't end", i);
    check_end(box);
    printf("%llu signals in %.1f s, %u receivers killed, %llu given again, %llu refused, "
           "%u failures\n",
           (unsigned long long)(sh->each * SENDERS), (double)(t_now_ns() - start) / 1e9, n_killed,
           (unsigned long long)sh->n_twice, (unsigned long long)sh->n_refused, sh->n_bad);
    return sh->n_bad != 0;
}
