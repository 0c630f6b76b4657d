/* SPDX-License-Identifier: MIT */
/* signal_cases_fault.c - what a thread does to itself can't be received, and how it is told of */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signal_room.h"

#define PAGE 4096

#if defined(__x86_64__)
#define ILLEGAL ILL_ILLOPN
#else
#define ILLEGAL ILL_ILLOPC
#endif

static volatile char *bad; /* an address that faults */

static void no_core(void)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
}

static void touch(void)
{
    *bad = 1;
}

/* Inaccessible; read-only; behind the end of its file. */
static volatile char *protected(struct conf *c, int prot)
{
    char *p = mmap(NULL, PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    OK(c, p != MAP_FAILED);
    return p + 16;
}

static volatile char *cut_off(struct conf *c)
{
    int fd = memfd_create("conformance-cut", MFD_CLOEXEC);
    EQ(c, ftruncate(fd, PAGE), 0);
    char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    OK(c, p != MAP_FAILED);
    EQ(c, ftruncate(fd, 0), 0);
    close(fd);
    return p + 32;
}

/* --- not received --------------------------------------------------------------------- */

/* A child that has its own faults in its set, and faults: the kernel kills it. */
static int dies_of(struct conf *c, volatile char *at)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct inbox in = {.at = new_place(), .fd = -1};
        no_core();
        EQ(c, ops(c)->open(&in, BIT(SIGSEGV) | BIT(SIGBUS)), 0);
        bad = at;
        touch();
        conf_exit();
    }
    int status = conf_status(c, pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void not_received(struct conf *c)
{
    volatile char *p = protected(c, PROT_NONE), *q = cut_off(c);
    EQ(c, dies_of(c, p), SIGSEGV);
    EQ(c, dies_of(c, q), SIGBUS);
    munmap((char *)p - 16, PAGE);
    munmap((char *)q - 32, PAGE);
}

/* Somebody else's SIGSEGV is a signal like others. */
static void sent_ones_are(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, BIT(SIGSEGV) | BIT(SIGFPE));
    find_self(c, &p, &in);
    tell(c, &p, SIGSEGV);
    struct hepta_signal_info info = take_one(c, &in, SIGSEGV);
    if (info.source != NOT_SAID && !has(c, NEEDS_MAILBOX))
        EQ(c, info.source, HEPTA_SIGNAL_FROM_KILL);
    EQ(c, info.pid, getpid());
    EQ(c, (long long)info.address, 0);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* --- told of -------------------------------------------------------------------------- */

static struct conf *of_fault;

static void note(const struct hepta_signal_info *info, void *arg)
{
    (void)arg;
    conf_set(of_fault, GOT, info->signo);
    conf_set(of_fault, GOT + 1, info->code);
    conf_set(of_fault, GOT + 2, (long)info->address);
    conf_set(of_fault, GOT + 3, info->source);
    conf_set(of_fault, GOT + 4, info->pid);
}

__attribute__((no_sanitize("undefined"))) static void divide(void)
{
    static volatile int zero;
    zero = 1000 / zero;
}

static void no_instruction(void)
{
#if defined(__x86_64__)
    __asm__ volatile("ud2");
#elif defined(__aarch64__)
    __asm__ volatile(".inst 0");
#endif
}

static void sends_itself_one(void)
{
    kill(getpid(), SIGSEGV);
}

static const uint64_t faults = BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGFPE) | BIT(SIGILL);

/* A child that is told of it, and then ends of it. */
static void one(struct conf *c, void (*fault)(void), int signo, int code)
{
    for (int i = 0; i < 5; i++)
        conf_set(c, GOT + i, 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        no_core();
        for (int n = 1; n <= HEPTA_SIGNAL_MAX; n++)
            if (faults & BIT(n))
                signal(n, SIG_DFL); /* a sanitizer has handlers */
        of_fault = c;
        EQ(c, ops(c)->faults(faults, note), 0);
        fault();
        conf_exit();
    }
    int status = conf_status(c, pid);
    OK(c, WIFSIGNALED(status));
    EQ(c, WTERMSIG(status), signo);
    EQ(c, conf_get(c, GOT), signo);
    EQ(c, conf_get(c, GOT + 1), code);
    if (conf_get(c, GOT + 3) != NOT_SAID)
        EQ(c, conf_get(c, GOT + 3), code > 0 ? HEPTA_SIGNAL_FROM_FAULT : HEPTA_SIGNAL_FROM_KILL);
}

static void addresses(struct conf *c)
{
    bad = protected(c, PROT_NONE);
    one(c, touch, SIGSEGV, SEGV_ACCERR);
    EQ(c, conf_get(c, GOT + 2), (long)bad);
    munmap((char *)bad - 16, PAGE);
    bad = (char *)64; /* where nothing will be mapped meanwhile */
    one(c, touch, SIGSEGV, SEGV_MAPERR);
    EQ(c, conf_get(c, GOT + 2), (long)bad);
    bad = protected(c, PROT_READ);
    one(c, touch, SIGSEGV, SEGV_ACCERR);
    EQ(c, conf_get(c, GOT + 2), (long)bad);
    munmap((char *)bad - 16, PAGE);
    bad = cut_off(c);
    one(c, touch, SIGBUS, BUS_ADRERR);
    EQ(c, conf_get(c, GOT + 2), (long)bad);
    munmap((char *)bad - 32, PAGE);
}

static void instructions(struct conf *c)
{
#if defined(__x86_64__)
    one(c, divide, SIGFPE, FPE_INTDIV);
    OK(c, conf_get(c, GOT + 2) != 0); /* where */
#else
    (void)divide;
#endif
    one(c, no_instruction, SIGILL, ILLEGAL);
    OK(c, conf_get(c, GOT + 2) != 0);
}

/* The handler hears of those that are sent, too, and of who did. */
static void told_of_sent_ones(struct conf *c)
{
    for (int i = 0; i < 5; i++)
        conf_set(c, GOT + i, 0);
    one(c, sends_itself_one, SIGSEGV, SI_USER);
    OK(c, conf_get(c, GOT + 4) > 0);
    EQ(c, conf_get(c, GOT + 2), 0);
}

/* A call that a fault in its range ends. */
static int write_there(void *arg)
{
    *(volatile char *)arg = 1;
    return 5;
}

static void guarded(struct conf *c)
{
    struct hepta_signal_info info;
    volatile char *p = protected(c, PROT_NONE), *q = cut_off(c);
    EQ(c, hepta_signal_guard((char *)p - 16, PAGE, write_there, (void *)p, &info), -EFAULT);
    EQ(c, info.signo, SIGSEGV);
    EQ(c, info.code, SEGV_ACCERR);
    OK(c, info.address == (uint64_t)(uintptr_t)p);
    EQ(c, hepta_signal_guard((char *)q - 32, PAGE, write_there, (void *)q, &info), -EFAULT);
    EQ(c, info.signo, SIGBUS);
    EQ(c, info.code, BUS_ADRERR);
    OK(c, info.address == (uint64_t)(uintptr_t)q);
    EQ(c, mprotect((char *)p - 16, PAGE, PROT_READ | PROT_WRITE), 0);
    EQ(c, hepta_signal_guard((char *)p - 16, PAGE, write_there, (void *)p, &info), 5);
    munmap((char *)p - 16, PAGE);
    munmap((char *)q - 32, PAGE);
}

const struct conf_case signal_fault_cases[] = {
    {"fault.not_received", not_received, NEEDS_SIGNALS, NULL, NULL, 0},
    {"fault.sent_ones_are", sent_ones_are, 0, NULL, NULL, 0},
    {"fault.addresses", addresses, NEEDS_FAULTS, NULL, NULL, 0},
    {"fault.instructions", instructions, NEEDS_FAULTS, NULL, NULL, 0},
    {"fault.told_of_sent_ones", told_of_sent_ones, NEEDS_FAULTS, NULL, NULL, 0},
    {"fault.guarded", guarded, NEEDS_HEPTA, NULL, NULL, 0},
    {0},
};
