/* SPDX-License-Identifier: MIT */
/*
 * sources.c - signals of every origin, as a program meets them, are received with the right source
 *
 * A program of its own session has a pseudo-terminal, as from a terminal window. This process is
 * the person in front of it, who types Ctrl+C, resizes the window, closes it; and who uses a
 * shell's kill. Timers, children's ends and a division by zero are the program's own.
 */
#define _GNU_SOURCE
#include "../lib/t.h"

#include <errno.h>
#include <fcntl.h>
#include <hepta/signal.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 20000
#define MAX 40
#define S(n) HEPTA_SIGNAL(n)
#define SET                                                                                     \
    (S(SIGINT) | S(SIGQUIT) | S(SIGTSTP) | S(SIGWINCH) | S(SIGHUP) | S(SIGCONT) | S(SIGTERM) |  \
     S(SIGUSR1) | S(SIGALRM) | S(SIGCHLD) | S(40) | S(41) | S(42))

/* What the program has received, and what its child's handler was told. */
static struct {
    _Atomic int n;
    struct hepta_signal_info got[MAX];
    _Atomic int n_faults;
    struct hepta_signal_info fault;
} *seen;

/* --- the program --------------------------------------------------------------------- */

static void told(const struct hepta_signal_info *info, void *arg)
{
    (void)arg;
    seen->fault = *info;
    atomic_fetch_add(&seen->n_faults, 1);
}

/* In C, so that the compiler makes of it what it makes of any. */
static void divide(int by)
{
    static volatile int one = 1;
    volatile int zero = by;

    one = one / zero;
}

static void divides_by_zero(void)
{
    if (t_fork() != 0)
        return;
    prctl(PR_SET_DUMPABLE, 0);
    signal(SIGFPE, SIG_DFL);
    if (hepta_signal_faults(S(SIGFPE), told, NULL) < 0)
        _exit(1);
    divide(0);
    raise(SIGFPE); /* where a division gives 0 instead */
    _exit(2);
}

static void exits(int status)
{
    if (t_fork() == 0)
        _exit(status);
}

static void starts_timers(void)
{
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 41,
                          .sigev_value.sival_int = 4711};
    struct itimerspec soon = {.it_value = {0, 2000000}};
    timer_t timer;

    if (timer_create(CLOCK_MONOTONIC, &ev, &timer) || timer_settime(timer, 0, &soon, NULL))
        t_die("timer: %s", strerror(errno));
    ualarm(1000, 0);
}

/* As the person asks: the last digit of a value. */
static void acts(const struct hepta_signal_info *info)
{
    if (info->signo != 40)
        return;
    switch (info->value % 10) {
    case 1: starts_timers(); break;
    case 2: exits(9); break;
    case 3: divides_by_zero(); break;
    case 4: raise(SIGUSR1); break;
    }
}

static void program(const char *terminal, int masters)
{
    struct hepta_signal *sig;
    int r;

    close(masters); /* or the window never closes */
    setsid();
    if (hepta_signal_open(SET, &sig) < 0 || open(terminal, O_RDWR) < 0)
        t_die("%s: %s", terminal, strerror(errno));
    for (int i = 0; i < MAX; i++) {
        atomic_store(&seen->n, i + 1); /* the first: it is there */
        r = hepta_signal_wait(sig, &seen->got[i], hepta_in_ms(WAIT_MS));
        if (r <= 0 || seen->got[i].signo == SIGHUP)
            break;
        acts(&seen->got[i]);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
    }
    atomic_fetch_add(&seen->n, 1);
    hepta_signal_close(sig);
    _exit(0);
}

/* --- the person ---------------------------------------------------------------------- */

static int n_wrong, n_checked;

static bool more_than(int n)
{
    int64_t end = t_now_ns() + WAIT_MS * T_MS;

    while (atomic_load(&seen->n) <= n && t_now_ns() < end)
        t_sleep_ns(T_MS);
    return atomic_load(&seen->n) > n;
}

/* The next that the program receives. */
static const struct hepta_signal_info *next(void)
{
    static int n = 1;

    if (!more_than(n))
        t_die("nothing came");
    return &seen->got[n++ - 1];
}

static const struct hepta_signal_info *expect(const char *what,
                                              const struct hepta_signal_info *got, int signo,
                                              uint32_t source)
{
    char text[200];
    bool ok = got->signo == signo && got->source == source;

    hepta_signal_describe(got, text, sizeof(text));
    printf("%-28s %s%s\n", what, text, ok ? "" : "   <- wrong");
    n_wrong += !ok;
    n_checked++;
    return got;
}

static void check(const char *what, bool ok)
{
    if (!ok)
        printf("   <- wrong: %s\n", what);
    n_wrong += !ok;
}

static void type(int terminal, char key)
{
    if (write(terminal, &key, 1) != 1)
        t_die("terminal: %s", strerror(errno));
}

static void keys(int terminal)
{
    const struct winsize size = {.ws_row = 33, .ws_col = 77};

    type(terminal, 3);
    expect("Ctrl+C", next(), SIGINT, HEPTA_SIGNAL_FROM_KEYBOARD);
    type(terminal, 28);
    expect("Ctrl+\\", next(), SIGQUIT, HEPTA_SIGNAL_FROM_KEYBOARD);
    type(terminal, 26);
    expect("Ctrl+Z", next(), SIGTSTP, HEPTA_SIGNAL_FROM_KEYBOARD);
    ioctl(terminal, TIOCSWINSZ, &size);
    expect("resized", next(), SIGWINCH, HEPTA_SIGNAL_FROM_KEYBOARD);
}

static void shell(pid_t pid)
{
    const struct hepta_signal_info *got;
    char cmd[60];

    snprintf(cmd, sizeof(cmd), "kill -INT %d; exit 0", (int)pid);
    if (system(cmd) != 0)
        t_die("%s", cmd);
    got = expect("kill -INT in a shell", next(), SIGINT, HEPTA_SIGNAL_FROM_KILL);
    check("sender", got->pid > 0 && got->pid != getpid() && got->uid == getuid());
    kill(pid, SIGTERM);
    got = expect("kill(2)", next(), SIGTERM, HEPTA_SIGNAL_FROM_KILL);
    check("sender", got->pid == getpid());
}

static void ask(struct hepta_signal_peer *peer, uint64_t value)
{
    const struct hepta_signal_info *got;

    if (hepta_signal_send(peer, 40, HEPTA_SIGNAL_VALUE, value) < 0)
        t_die("send");
    got = expect("hepta_signal_send, a value", next(), 40, HEPTA_SIGNAL_FROM_QUEUE);
    check("value, sender", got->value == value && got->pid == getpid() && got->uid == getuid());
}

static void sent(struct hepta_signal_peer *peer, pid_t pid)
{
    if (hepta_signal_send(peer, SIGUSR1, 0, 0) < 0)
        t_die("send");
    expect("hepta_signal_send", next(), SIGUSR1, HEPTA_SIGNAL_FROM_KILL);
    sigqueue(pid, 42, (union sigval){.sival_int = 5});
    check("value", expect("sigqueue(3)", next(), 42, HEPTA_SIGNAL_FROM_QUEUE)->value == 5);
    ask(peer, 5000000000004);
    expect("raise(3)", next(), SIGUSR1, HEPTA_SIGNAL_FROM_TKILL);
}

/* The alarm comes first, and so does its number if both are there. */
static void timers(struct hepta_signal_peer *peer)
{
    const struct hepta_signal_info *got;

    ask(peer, 1);
    expect("alarm", next(), SIGALRM, HEPTA_SIGNAL_FROM_TIMER);
    got = expect("timer_create(2)", next(), 41, HEPTA_SIGNAL_FROM_TIMER);
    check("value", got->value == 4711);
}

static void children(struct hepta_signal_peer *peer)
{
    const struct hepta_signal_info *got;

    ask(peer, 2);
    got = expect("a child's end", next(), SIGCHLD, HEPTA_SIGNAL_FROM_CHILD);
    check("status", got->code == CLD_EXITED && got->status == 9 && got->pid > 0);
    ask(peer, 3);
    got = expect("a child's death of that", next(), SIGCHLD, HEPTA_SIGNAL_FROM_CHILD);
    check("status", got->code != CLD_EXITED && got->status == SIGFPE);
    check("told once", atomic_load(&seen->n_faults) == 1);
#if defined(__x86_64__) || defined(__i386__)
    got = expect("a division by zero", &seen->fault, SIGFPE, HEPTA_SIGNAL_FROM_FAULT);
    check("cause", got->code == FPE_INTDIV && got->address != 0);
#endif
}

int main(void)
{
    int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct hepta_signal_peer *peer;
    const char *name;
    pid_t pid;

    t_limit(80);
    setvbuf(stdout, NULL, _IOLBF, 0);
    seen = t_shared(sizeof(*seen));
    if (terminal < 0 || grantpt(terminal) || unlockpt(terminal) || !(name = ptsname(terminal)))
        t_die("pseudo-terminal: %s", strerror(errno));
    pid = t_fork();
    if (pid == 0)
        program(name, terminal);
    if (!more_than(0) || hepta_signal_peer_open(pid, 0, &peer) < 0)
        t_die("the program isn't there");
    keys(terminal);
    shell(pid);
    sent(peer, pid);
    timers(peer);
    children(peer);
    close(terminal);
    expect("the window is closed", next(), SIGHUP, HEPTA_SIGNAL_FROM_KEYBOARD);
    check("its end", t_reap(pid, WAIT_MS) == 0);
    hepta_signal_peer_close(peer);
    printf("%d signals, %d wrong\n", n_checked, n_wrong);
    return n_wrong != 0;
}
