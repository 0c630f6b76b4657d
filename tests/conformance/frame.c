/* SPDX-License-Identifier: MIT */
/*
 * frame.c - runs the cases and prints what came of them
 *
 * Each run is a child in its own process group. The frame waits for it with WNOWAIT, so that
 * the group's number stays reserved until everything in it has been killed; it is a
 * subreaper, so whatever a case left behind comes back to it and counts as a failure. A run
 * that passes must leave as many descriptors and mappings as it found, and nothing where its
 * room looks for things left behind.
 *
 * Start reading at conf_main(), then run_one().
 */
#define _GNU_SOURCE
#include "frame.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_TIMEOUT_S 10
#define MAX_BACKENDS 12

enum result { NOT_RUN, PASSED, DIFFERED, FAILED };

struct request {
    const char *pattern; /* fnmatch() over "room.group.sentence", NULL: all */
    const char *backend; /* NULL: all */
    int n_passed, n_failed;
    struct conf_share *share;
    int share_fd;
};

static volatile sig_atomic_t stop_signal;

static void ask_to_stop(int sig)
{
    stop_signal = sig;
}

static void handle_stops(void (*handler)(int))
{
    signal(SIGINT, handler);
    signal(SIGTERM, handler);
}

static void die(const char *what)
{
    fprintf(stderr, "conformance: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* Segments of the library, and the kernel's own, that this process has mapped. */
static int n_segments(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    int n = 0;

    if (!maps)
        return -1;
    while (fgets(line, sizeof(line), maps))
        n += strstr(line, "/memfd:hepta-") || strstr(line, "/dev/shm/") || strstr(line, "/SYSV");
    fclose(maps);
    return n;
}

static void run_in_child(struct conf *c)
{
    int n_fds = conf_n_fds(), n_maps = n_segments();

    signal(SIGPIPE, SIG_IGN);
    handle_stops(SIG_DFL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    c->cs->run(c);
    if (conf_n_fds() != n_fds)
        conf_fail(c, "leaves %d descriptors open", conf_n_fds() - n_fds);
    if (n_segments() != n_maps)
        conf_fail(c, "leaves %d mappings", n_segments() - n_maps);
    if (c->cs->differs && atomic_load(&c->share->n_differs) == 0)
        conf_fail(c, "names difference '%s' but tests none", c->cs->differs);
}

static int timeout_ms(const struct conf_case *cs)
{
    const char *scale = getenv("CONFORMANCE_TIMEOUT_SCALE"); /* for valgrind and the like */
    int s = cs->timeout_s ? cs->timeout_s : DEFAULT_TIMEOUT_S;

    return s * 1000 * (scale && atoi(scale) > 0 ? atoi(scale) : 1);
}

/* Where a process is stuck: its system call and registers, for the report. */
static void describe_stuck(pid_t pid, char *why, size_t n)
{
    char path[40], text[96] = "?";
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t len = read(fd, text, sizeof(text) - 1);
        text[len > 0 ? len - 1 : 0] = 0;
        close(fd);
    }
    snprintf(why, n, "time is up; the case's process is in: %s", text);
}

/* Kill the group of @pid, reap @pid and whatever it left behind. */
static int sweep(pid_t pid, int *status)
{
    int n_left = 0;

    kill(-pid, SIGKILL);
    while (waitpid(pid, status, 0) < 0 && errno == EINTR)
        continue;
    while (waitpid(-1, NULL, 0) > 0)
        n_left++;
    return n_left;
}

/* Has @pid ended within @ms, and before a stop? It stays a zombie. No pidfd: valgrind doesn't
 * know them. */
static bool wait_for_end(pid_t pid, int ms)
{
    const int n_looks_per_ms = 2;

    for (int i = 0; i < ms * n_looks_per_ms && !stop_signal; i++) {
        siginfo_t info = {0};

        if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG) < 0)
            die("waitid");
        if (info.si_pid == pid)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = 1000000 / n_looks_per_ms}, NULL);
    }
    return false;
}

static void judge(struct conf *c, int status, int n_left, int n_things)
{
    if (atomic_load(&c->share->failed))
        return;
    if (WIFSIGNALED(status))
        snprintf(c->share->why, sizeof(c->share->why), "killed by signal %d (%s)",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) != 0)
        snprintf(c->share->why, sizeof(c->share->why), "exit status %d", WEXITSTATUS(status));
    else if (n_left > 0)
        snprintf(c->share->why, sizeof(c->share->why), "leaves %d processes", n_left);
    else if (n_things > 0)
        snprintf(c->share->why, sizeof(c->share->why), "leaves %d things", n_things);
    else
        return;
    atomic_store(&c->share->failed, 2);
}

static enum result run_one(struct conf *c)
{
    int status = 0;

    memset(c->share, 0, sizeof(*c->share));
    fflush(NULL);
    pid_t parent = getpid(), pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent)
            run_in_child(c);
        _exit(0);
    }
    setpgid(pid, pid);
    if (!wait_for_end(pid, timeout_ms(c->cs)) && !atomic_exchange(&c->share->failed, 1))
        describe_stuck(pid, c->share->why, sizeof(c->share->why));
    int n_left = sweep(pid, &status);
    judge(c, status, n_left, c->room->tidy ? c->room->tidy() : 0);
    if (atomic_load(&c->share->failed))
        return FAILED;
    return c->cs->differs && conf_side(c) != CONF_KERNEL ? DIFFERED : PASSED;
}

/* Of a back end's column. */
static int width(const struct conf_backend *be)
{
    return strlen(be->name) > 10 ? (int)strlen(be->name) : 10;
}

static const char *const result_text[] = {"-", "ok", "differs", "FAIL"};

static unsigned abilities(const struct conf_backend *be)
{
    return be->has | (geteuid() == 0 ? CONF_AS_ROOT : 0);
}

/* Whether anybody is to run it; who isn't root sees that there is a case. */
static bool is_case(const struct conf_room *room, const struct conf_case *cs)
{
    for (const struct conf_backend *be = room->backends; be->name; be++)
        if (!(cs->needs & ~(be->has | CONF_AS_ROOT)))
            return true;
    return false;
}

static void run_case(struct request *rq, const struct conf_room *room,
                     const struct conf_case *cs)
{
    struct conf c = {.room = room, .cs = cs, .share = rq->share, .share_fd = rq->share_fd};
    char why[MAX_BACKENDS][sizeof(rq->share->why) + 32];
    int n_why = 0;

    printf("%s.%-*s", room->name, 42 - (int)strlen(room->name), cs->name);
    for (c.be = room->backends; c.be->name; c.be++) {
        enum result res = NOT_RUN;

        if (!(cs->needs & ~abilities(c.be)) && (!rq->backend || !strcmp(rq->backend, c.be->name)))
            res = run_one(&c);
        rq->n_passed += res == PASSED || res == DIFFERED;
        rq->n_failed += res == FAILED;
        if (res == FAILED && n_why < MAX_BACKENDS)
            snprintf(why[n_why++], sizeof(why[0]), "%s: %s", c.be->name, c.share->why);
        printf(" %-*s", width(c.be), result_text[res]);
    }
    printf(" %s\n", cs->differs ? cs->differs : "");
    for (int i = 0; i < n_why; i++)
        printf("    %s\n", why[i]);
    fflush(stdout);
}

static bool selected(const struct request *rq, const struct conf_room *room,
                     const struct conf_case *cs)
{
    char name[128];

    snprintf(name, sizeof(name), "%s.%s", room->name, cs->name);
    return is_case(room, cs) && (!rq->pattern || fnmatch(rq->pattern, name, 0) == 0);
}

static void run_room(struct request *rq, const struct conf_room *room)
{
    printf("%-43s", "case");
    for (const struct conf_backend *be = room->backends; be->name; be++)
        printf(" %-*s", width(be), be->name);
    printf(" difference\n");
    if (room->begin)
        room->begin();
    for (const struct conf_case *const *g = room->groups; *g; g++)
        for (const struct conf_case *cs = *g; cs->name && !stop_signal; cs++)
            if (selected(rq, room, cs))
                run_case(rq, room, cs);
    if (room->end)
        room->end();
}

static void list_room(const struct conf_room *room)
{
    for (const struct conf_case *const *g = room->groups; *g; g++)
        for (const struct conf_case *cs = *g; cs->name; cs++)
            if (is_case(room, cs))
                printf("%s.%s %s\n", room->name, cs->name, cs->differs ? cs->differs : "-");
}

static struct conf_share *map_share(int fd)
{
    void *p = mmap(NULL, sizeof(struct conf_share), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (p == MAP_FAILED)
        die("mmap");
    return p;
}

/* argv: --after-exec room.group.sentence backend share-fd [args of the case] */
static int after_exec(const struct conf_room *const *rooms, int argc, char **argv)
{
    struct conf c = {.share_fd = atoi(argv[4]), .share = map_share(atoi(argv[4]))};

    for (; *rooms; rooms++)
        for (const struct conf_case *const *g = (*rooms)->groups; *g; g++)
            for (const struct conf_case *cs = *g; cs->name; cs++)
                if (selected(&(struct request){.pattern = argv[2]}, *rooms, cs))
                    c.room = *rooms, c.cs = cs;
    for (c.be = c.room->backends; strcmp(c.be->name, argv[3]) != 0;)
        c.be++;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    c.cs->after_exec(&c, argc - 5, argv + 5);
    return 0;
}

static int usage(void)
{
    fprintf(stderr, "usage: conformance [--list] [--backend NAME] [--case PATTERN]\n");
    return 2;
}

int conf_main(const struct conf_room *const *rooms, int argc, char **argv)
{
    struct request rq = {0};

    if (argc >= 5 && !strcmp(argv[1], "--after-exec"))
        return after_exec(rooms, argc, argv);
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--list")) {
            for (; *rooms; rooms++)
                list_room(*rooms);
            return 0;
        }
        if (!strcmp(argv[i], "--backend") && i + 1 < argc)
            rq.backend = argv[++i];
        else if (!strcmp(argv[i], "--case") && i + 1 < argc)
            rq.pattern = argv[++i];
        else
            return usage();
    }
    rq.share_fd = memfd_create("conformance", 0); /* kept over exec: see conf_exec() */
    if (rq.share_fd < 0 || ftruncate(rq.share_fd, sizeof(struct conf_share)) < 0)
        die("memfd");
    rq.share = map_share(rq.share_fd);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    handle_stops(ask_to_stop);
    for (; *rooms && !stop_signal; rooms++)
        run_room(&rq, *rooms);
    printf("%d passed, %d failed\n", rq.n_passed, rq.n_failed);
    return rq.n_failed > 0 || rq.n_passed == 0 || stop_signal;
}
