/* SPDX-License-Identifier: MIT */
/*
 * kit.c - what cases are made of: expectations, children, steps that processes wait for
 *
 * Nothing here measures time. A case that must know that another process is blocked looks at
 * its state in /proc until it has been asleep in a row of samples; a case that must know that
 * another one got somewhere waits for a cell of the shared page.
 */
#define _GNU_SOURCE
#include "frame.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define N_ASLEEP_SAMPLES 4
#define MAX_EXEC_ARGS 12

/* The handler has no argument for its run; one process has one run. */
static struct conf_share *handler_share;

void conf_fail(struct conf *c, const char *fmt, ...)
{
    va_list ap;

    if (!atomic_exchange(&c->share->failed, 1)) {
        va_start(ap, fmt);
        vsnprintf(c->share->why, sizeof(c->share->why), fmt, ap);
        va_end(ap);
        atomic_store(&c->share->failed, 2);
    }
    _exit(1);
}

static const char *base_name(const char *file)
{
    const char *slash = strrchr(file, '/');
    return slash ? slash + 1 : file;
}

/* Small negative numbers are errors nearly always: show their names. */
static const char *number(char *buf, size_t n, long long v)
{
    const char *name = v < 0 && v > -4096 ? strerrorname_np((int)-v) : NULL;

    if (name)
        snprintf(buf, n, "-%s", name);
    else
        snprintf(buf, n, "%lld", v);
    return buf;
}

void conf_eq(struct conf *c, const char *file, int line, const char *what, long long got,
             long long want)
{
    char g[32], w[32];

    if (got != want)
        conf_fail(c, "%s:%d: %s is %s, not %s", base_name(file), line, what,
                  number(g, sizeof(g), got), number(w, sizeof(w), want));
}

void conf_ok(struct conf *c, const char *file, int line, const char *what, bool cond)
{
    if (!cond)
        conf_fail(c, "%s:%d: not true: %s", base_name(file), line, what);
}

/* What the verbs themselves decide, whatever is behind them. */
static const char *const via_differs_in[] = {
    "no-restart", "no-sigpipe", "always-cloexec", "no-2gib-limit", "address-first",
    "too-long", "no-cancellation", "mode-bits-only", "signal-timed-out", "signal-says-no",
    "signal-pidfds-only",
};

enum conf_side conf_side(const struct conf *c)
{
    if (c->be->side != CONF_VIA)
        return c->be->side;
    for (size_t i = 0; c->cs->differs && i < sizeof(via_differs_in) / sizeof(*via_differs_in); i++)
        if (!strcmp(c->cs->differs, via_differs_in[i]))
            return CONF_HEPTA;
    return CONF_KERNEL;
}

static void note_difference(struct conf *c, const char *file, int line, bool same)
{
    if (!c->cs->differs)
        conf_fail(c, "%s:%d: a difference in a case that names none", base_name(file), line);
    if (same)
        conf_fail(c, "%s:%d: both sides expect the same", base_name(file), line);
    atomic_fetch_add(&c->share->n_differs, 1);
}

long long conf_differs(struct conf *c, const char *file, int line, long long kernel,
                       long long hepta)
{
    note_difference(c, file, line, kernel == hepta);
    return conf_side(c) == CONF_KERNEL ? kernel : hepta;
}

void conf_may(struct conf *c, const char *file, int line, const char *what, long long got,
              long long kernel, long long also)
{
    note_difference(c, file, line, kernel == also);
    if (conf_side(c) == CONF_KERNEL || got != also)
        conf_eq(c, file, line, what, got, kernel);
}

pid_t conf_fork(struct conf *c)
{
    pid_t parent = getpid(), pid = fork();

    if (pid < 0)
        conf_fail(c, "fork: %s", strerror(errno));
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
    }
    return pid;
}

void conf_become(struct conf *c, uid_t uid, gid_t gid)
{
    EQ(c, setgroups(0, NULL), 0);
    EQ(c, setresgid(gid, gid, gid), 0);
    EQ(c, setresuid(uid, uid, uid), 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* the kernel forgot it at the change */
}

void conf_exit(void)
{
    _exit(0);
}

int conf_status(struct conf *c, pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            conf_fail(c, "waitpid: %s", strerror(errno));
    return status;
}

void conf_join(struct conf *c, pid_t pid)
{
    int status = conf_status(c, pid);

    if (status != 0)
        conf_fail(c, "a child ended with status 0x%x", (unsigned)status);
}

void conf_kill(struct conf *c, pid_t pid)
{
    kill(pid, SIGKILL);
    int status = conf_status(c, pid);

    if (!WIFSIGNALED(status))
        conf_fail(c, "a child ended with status 0x%x before it was killed", (unsigned)status);
}

void conf_exec(struct conf *c, const char *const *argv)
{
    char share[16], name[128];
    char *args[MAX_EXEC_ARGS + 6] = {"conformance", "--after-exec", name,
                                     (char *)c->be->name, share};
    int n = 5;

    snprintf(name, sizeof(name), "%s.%s", c->room->name, c->cs->name);
    snprintf(share, sizeof(share), "%d", c->share_fd);
    while (*argv && n < MAX_EXEC_ARGS + 5)
        args[n++] = (char *)*argv++;
    execv("/proc/self/exe", args);
    conf_fail(c, "execv: %s", strerror(errno));
}

/* The letter behind the closing bracket of the command name in /proc/PID/stat. */
static char state_of(pid_t pid)
{
    char path[40], text[128] = "";
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    char *end = n > 0 ? strrchr(text, ')') : NULL;
    return end && end[1] ? end[2] : 0;
}

void conf_asleep(struct conf *c, pid_t pid)
{
    for (int n = 0; n < N_ASLEEP_SAMPLES; conf_pause_ms(1)) {
        char state = state_of(pid);

        if (state == 0 || state == 'Z' || state == 'X')
            conf_fail(c, "a child ended that was expected to sleep");
        n = state == 'S' ? n + 1 : 0;
    }
}

void conf_asleep_after(struct conf *c, pid_t pid, int i)
{
    conf_await(c, i, 1);
    conf_asleep(c, pid);
}

static _Atomic long *cell(struct conf *c, int i)
{
    if (i < 0 || i >= CONF_N_CELLS)
        conf_fail(c, "there is no cell %d", i);
    return &c->share->cell[i];
}

void conf_set(struct conf *c, int i, long v)
{
    atomic_store(cell(c, i), v);
}

long conf_get(struct conf *c, int i)
{
    return atomic_load(cell(c, i));
}

long conf_add(struct conf *c, int i, long v)
{
    return atomic_fetch_add(cell(c, i), v) + v;
}

void conf_await(struct conf *c, int i, long v)
{
    while (conf_get(c, i) < v) {
        if (atomic_load(&c->share->failed) == 2) /* who ends first ends the writer, too */
            _exit(1);
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    }
}

static void count_signal(int sig)
{
    (void)sig;
    atomic_fetch_add(&handler_share->n_signals, 1);
}

void conf_handle(struct conf *c, int sig, int flags)
{
    struct sigaction sa = {.sa_handler = count_signal, .sa_flags = flags};

    handler_share = c->share;
    if (sigaction(sig, &sa, NULL) < 0)
        conf_fail(c, "sigaction: %s", strerror(errno));
}

void conf_break_off(struct conf *c, pid_t pid, int sig, int i, long v)
{
    const int patience_ms = 100;

    for (int ms = 0; conf_get(c, i) < v; ms++) {
        if (ms % patience_ms == 0 && kill(pid, sig) < 0)
            conf_fail(c, "kill: %s", strerror(errno));
        conf_pause_ms(1);
    }
}

void conf_pause_ms(int ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
        continue;
}

int conf_n_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    if (!dir)
        return -1;
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}
