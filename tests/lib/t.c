/* SPDX-License-Identifier: MIT */
/*
 * t.c - see t.h. Plain system calls only: nothing here may depend on the library that
 * the tests examine. Start with t_fork() and t_usage().
 */
#define _GNU_SOURCE
#include "t.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

int64_t t_now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

void t_sleep_ns(int64_t ns)
{
    struct timespec ts = {ns / 1000000000, ns % 1000000000};

    while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
        ;
}

void t_limit(unsigned seconds)
{
    signal(SIGALRM, SIG_DFL);
    alarm(seconds);
}

_Noreturn void t_die(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    _exit(1);
}

pid_t t_fork(void)
{
    pid_t parent = getpid(), pid;

    fflush(NULL);
    pid = fork();
    if (pid < 0)
        t_die("fork: %s", strerror(errno));
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent && getppid() != 0) /* 0: it lives in another PID namespace */
            _exit(1);
    }
    return pid;
}

int t_reap(pid_t pid, int ms)
{
    int64_t end = t_now_ns() + ms * T_MS;
    int status;

    for (;;) {
        pid_t got = waitpid(pid, &status, WNOHANG | __WALL);

        if (got == pid && (WIFEXITED(status) || WIFSIGNALED(status)))
            return status;
        if (got < 0 && errno != EINTR)
            return -errno;
        if (t_now_ns() > end)
            break;
        t_sleep_ns(200000);
    }
    t_kill(pid);
    return -ETIMEDOUT;
}

void t_kill(pid_t pid)
{
    int status;

    kill(pid, SIGKILL);
    while (waitpid(pid, &status, __WALL) == pid && !WIFEXITED(status) && !WIFSIGNALED(status))
        ;
}

char t_state(pid_t pid)
{
    char path[32], line[256], *paren;
    FILE *f;
    size_t n;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    f = fopen(path, "re");
    if (!f)
        return 0;
    n = fread(line, 1, sizeof(line) - 1, f);
    fclose(f);
    line[n] = 0;
    paren = strrchr(line, ')');
    return paren && paren[1] ? paren[2] : 0;
}

bool t_asleep(pid_t pid, int ms)
{
    int64_t end = t_now_ns() + ms * T_MS;
    int n_seen = 0;

    while (t_now_ns() < end) {
        n_seen = t_state(pid) == 'S' ? n_seen + 1 : 0;
        if (n_seen == 2)
            return true;
        t_sleep_ns(300000);
    }
    return false;
}

int t_pin(void)
{
    int cpu = sched_getcpu();
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu < 0 ? 0 : cpu, &set);
    return sched_setaffinity(0, sizeof(set), &set) ? -1 : cpu;
}

void *t_shared(size_t len)
{
    void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        t_die("mmap: %s", strerror(errno));
    return p;
}

static int count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    if (!dir)
        t_die("/proc/self/fd: %s", strerror(errno));
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static int count_maps(void)
{
    FILE *f = fopen("/proc/self/maps", "re");
    char *line = NULL;
    size_t size = 0;
    int n = 0;

    if (!f)
        t_die("/proc/self/maps: %s", strerror(errno));
    while (getline(&line, &size, f) > 0)
        n += strstr(line, "[heap]") == NULL;
    free(line);
    fclose(f);
    return n;
}

/* Zombies count: a child that nobody waits for is a leak, too. */
static int count_children(void)
{
    char path[64];
    int pid, n = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    f = fopen(path, "re");
    if (!f)
        return 0;
    while (fscanf(f, "%d", &pid) == 1)
        n++;
    fclose(f);
    return n;
}

struct t_usage t_usage(void)
{
    struct t_usage u = {count_fds(), count_maps(), count_children()};

    return u;
}

bool t_usage_same(const char *what, struct t_usage before, struct t_usage after)
{
    if (SANITIZED) /* its allocator maps as it likes */
        before.n_maps = after.n_maps = 0;
    if (before.n_fds == after.n_fds && before.n_maps == after.n_maps &&
        before.n_children == after.n_children)
        return true;
    fprintf(stderr, "%s: leak: descriptors %d -> %d, mappings %d -> %d, children %d -> %d\n", what,
            before.n_fds, after.n_fds, before.n_maps, after.n_maps, before.n_children,
            after.n_children);
    return false;
}

uint64_t t_random(uint64_t *seed)
{
    uint64_t x = *seed;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *seed = x;
    return x * 2685821657736338717ULL;
}

uint64_t t_seed(void)
{
    const char *text = getenv("HEPTA_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 0) : (uint64_t)t_now_ns();

    return seed ? seed : 1;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

int64_t t_percentile(int64_t *v, size_t n, int percent)
{
    if (n == 0)
        return 0;
    qsort(v, n, sizeof(*v), compare);
    return v[(n - 1) * (size_t)percent / 100];
}
