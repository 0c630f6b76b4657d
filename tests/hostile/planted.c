/* SPDX-License-Identifier: MIT */
/*
 * planted.c - somebody who may write the directory of names plants whatever he likes in it,
 * while FIFOs, queues, semaphores, segments or mailboxes are made, opened, listed and unlinked
 * there
 *
 * planted SECONDS KIND... Two processes plant, as root for another user where they can: links,
 * special files, trees, huge, short and foreign segments, parts of one object in another,
 * modes and owners, ids and keys that lead elsewhere, drafts of dead processes, and take away what
 * others have just made. Two more, built with ASan and UBSan, use the same few names
 * (planted_use.c, planted_shared.c). They must get documented answers in time and never leave the
 * directory: a file outside, to which the links lead, and the directory outside must be as they
 * were.
 */
#define _GNU_SOURCE
#include "planted.h"

#include "../lib/t.h"
#include "memory/memory_internal.h"
#include "prim/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define LATE_NS (100 * T_MS)
#define OUTSIDE "mustn't be touched"

struct planted *planted;
static char base[] = "/dev/shm/hepta-hostile-XXXXXX";
static char dir[64], outside[64], target[80];
static uint64_t seed;
static bool kinds[PLANTED_KINDS];

/* What begins their names, and those of keys; and what a segment of theirs says it is. */
static const struct {
    const char *name, *entry, *key;
    uint32_t segment;
} of_kind[PLANTED_KINDS] = {
    [PLANTED_FIFO] = {"fifo", "fifo", NULL, H7_KIND_FIFO},
    [PLANTED_MQ] = {"mq", "mq", NULL, H7_KIND_MQ},
    [PLANTED_MSG] = {"msg", "msg", "msgkey", H7_KIND_MSG},
    [PLANTED_SEM] = {"sem", "sem", NULL, H7_KIND_SEM},
    [PLANTED_PERMIT] = {"permit", "permit", NULL, H7_KIND_PERMIT},
    [PLANTED_SHM] = {"shm", "shm", NULL, H7_KIND_SHM},
    [PLANTED_SEMSET] = {"semset", "semset", "semkey", H7_KIND_SEMSET},
    [PLANTED_SHMID] = {"shmid", "shmid", "shmkey", H7_KIND_SHM},
    [PLANTED_MAILBOX] = {"mailbox", "mailbox", NULL, H7_KIND_MAILBOX},
};

uint64_t planted_random(uint64_t below)
{
    return t_random(&seed) % below;
}
#define rnd planted_random

int planted_kind(void)
{
    int kind;

    do
        kind = (int)rnd(PLANTED_KINDS);
    while (!kinds[kind]);
    return kind;
}

/* --- planting -------------------------------------------------------------------------- */

/* What somebody has made: a number that nobody could guess. */
static bool some_present(char path[160])
{
    DIR *d = opendir(".");
    unsigned n = 0;

    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
        if (e->d_name[0] != '.' && rnd(++n) == 0)
            snprintf(path, 160, "%.150s", e->d_name);
    if (d)
        closedir(d);
    return n > 0;
}

/* All paths are relative, and the working directory was entered without following a link: the
 * planters themselves mustn't touch what is outside. */
static void some_path(char path[160], bool part)
{
    static const char *const parts[] = {"mode", "data", "d", "s", "r", "w", "life", "id", "key",
                                        "gone", "sems", "control"};
    const int n = (int)rnd(PLANTED_NAMES), kind = planted_kind();

    if (part) {
        snprintf(path, 160, "%s", parts[rnd(T_COUNT(parts))]);
        return;
    }
    if (!of_kind[kind].key)
        snprintf(path, 160, "%s.n%d", of_kind[kind].entry, n);
    else if (rnd(2) && some_present(path))
        return;
    else if (rnd(2))
        snprintf(path, 160, "%s.%d", of_kind[kind].entry, n + 1);
    else
        snprintf(path, 160, "%s.%08x", of_kind[kind].key, (unsigned)n + 1);
}

/* Into one of the objects, if it is a directory. */
static bool enter_object(void)
{
    char path[160];
    int fd;
    bool ok;

    some_path(path, false);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    ok = fd >= 0 && fchdir(fd) == 0;
    close(fd);
    return ok;
}

static void remove_all(const char *path)
{
    pid_t pid;

    if (unlink(path) == 0 || rmdir(path) == 0 || errno == ENOENT)
        return;
    pid = t_fork();
    if (pid == 0) {
        close(2); /* others add to it meanwhile */
        execlp("rm", "rm", "-rf", path, NULL);
        _exit(1);
    }
    t_reap(pid, 10000);
}

/* Begin of a queue's or set's control area: its plan, which could be one; of a mailbox's: its
 * depth. */
static void plant_plan(int fd)
{
    uint32_t plan[8] = {(uint32_t)rnd(9), (uint32_t)rnd(100), (uint32_t)rnd(4), 256,
                        (uint32_t)rnd(9)};

    if (rnd(2))
        plan[rnd(8)] = (uint32_t)rnd(1ULL << 32);
    if (pwrite(fd, plan, sizeof(plan), H7_SEGMENT_CONTROL) < 0)
        t_die("a plan");
}

static int fill_segment(int fd)
{
    struct h7_segment_header h = {.magic = H7_SEGMENT_MAGIC, .version = H7_SEGMENT_VERSION,
                                  .kind = of_kind[planted_kind()].segment,
                                  .data_off = 4096U << 2 * rnd(4)};
    struct stat st;
    int rc;

    if (stat("/proc/self/ns/pid", &st) == 0)
        h.pidns = st.st_ino;
    h.data_len = rnd(2) ? 4096U << rnd(8) : 1ULL << rnd(64);
    h.len = h.data_off + h.data_len;
    h.flags = (uint32_t)rnd(4);
    rc = ftruncate(fd, (off_t)(rnd(2) ? h.len & INT64_MAX : 1ULL << rnd(42)));
    if (h.kind != H7_KIND_FIFO)
        plant_plan(fd);
    if (rnd(2))
        ((unsigned char *)&h)[rnd(sizeof(h))] ^= (unsigned char)rnd(256);
    if (pwrite(fd, &h, rnd(4) ? sizeof(h) : rnd(sizeof(h)), 0) < 0)
        rc = -1;
    return rc;
}

/* What stands beside the memory of a named segment. */
static int fill_shm_control(int fd)
{
    struct h7_shm_control c = {.magic = H7_SHM_MAGIC, .version = H7_SEGMENT_VERSION,
                               .flags = rnd(2) ? HEPTA_SHM_AUTO : (uint32_t)rnd(64),
                               .creator = (uint32_t)rnd(9)};

    if (rnd(2))
        ((unsigned char *)&c)[rnd(sizeof(c))] ^= (unsigned char)rnd(256);
    return write(fd, &c, rnd(4) ? sizeof(c) : rnd(sizeof(c))) < 0 ? -1 : 0;
}

/* A file that says it is a segment, more or less. Among queues never one that somebody may have
 * mapped: to cut that short is its owner's right, and ends who uses it. FIFOs are only opened. */
static int plant_segment(const char *path)
{
    const int how = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    char tmp[32];
    int rc, fd;

    snprintf(tmp, sizeof(tmp), "new.%d", (int)getpid());
    fd = kinds[PLANTED_FIFO] ? open(path, how, 0666) : open(tmp, how | O_EXCL, 0666);
    if (fd < 0)
        return -1;
    rc = kinds[PLANTED_SHM] && rnd(2) ? fill_shm_control(fd) : fill_segment(fd);
    close(fd);
    if (!kinds[PLANTED_FIFO] && rename(tmp, path) < 0) {
        unlink(tmp);
        return -1;
    }
    return rc;
}

/* What the small files of a System V object say: another id, another key, nonsense. A new file:
 * what has that name by now could be memory that somebody has mapped. */
static int plant_text(const char *path)
{
    static const char *const forms[] = {"%u", "%u 0 1 0", "%x 1 2 3", "%u0", "-%u", "", "%u "};
    char text[200];
    int n, rc, fd;

    unlink(path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);
    if (fd < 0)
        return -1;
    n = snprintf(text, sizeof(text), forms[rnd(T_COUNT(forms))], 1 + (unsigned)rnd(PLANTED_NAMES));
    while (n < 150 && rnd(4) == 0)
        n += snprintf(text + n, sizeof(text) - (size_t)n, " %x", (unsigned)rnd(1 << 20));
    rc = write(fd, text, (size_t)n) == n ? 0 : -1;
    close(fd);
    return rc;
}

static int plant_tree(const char *path)
{
    char deep[400];
    int rc = mkdir(path, 0777);

    snprintf(deep, sizeof(deep), "%s", path);
    for (int i = 0; i < 20 && rc == 0; i++) {
        strcat(deep, "/x");
        rc = mkdir(deep, 0777);
    }
    return rc;
}

static int plant_crowd(const char *path)
{
    char file[200];
    int rc = mkdir(path, 0777);

    for (int i = 0; i < 300; i++) {
        snprintf(file, sizeof(file), "%s/%d", path, i);
        close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0));
    }
    return rc;
}

static int plant_socket(const char *path)
{
    return mknod(path, S_IFSOCK | 0666, 0);
}

static int change(const char *path)
{
    if (rnd(2))
        return fchmodat(AT_FDCWD, path, (mode_t)rnd(010000), AT_SYMLINK_NOFOLLOW);
    return lchown(path, rnd(2) ? 65534 : 0, 65534);
}

/* What a name, or a part of it, is from now on. */
static void plant(void)
{
    char path[160], other[160], tmp[200];
    bool part = chdir(dir) == 0 && rnd(2) && enter_object();
    int rc = 0;

    some_path(path, part);
    some_path(other, part);
    if (rnd(3) == 0)
        remove_all(path);
    switch (rnd(17)) {
    case 0: rc = symlink(rnd(2) ? target : outside, path); break;
    case 1: rc = symlink(other, path); break;
    case 2: rc = mkfifo(path, 0666); break;
    case 3: rc = plant_socket(path); break;
    case 4: rc = mknod(path, S_IFCHR | 0666, makedev(1, rnd(2) ? 5 : 7)); break;
    case 5: rc = plant_tree(path); break;
    case 6: rc = plant_crowd(path); break;
    case 7: rc = plant_segment(path); break;
    case 8: rc = link(other, path); break;
    case 9: rc = rename(other, path); break;
    case 10: rc = mkdir(path, (mode_t)rnd(010000)); break;
    case 11: /* a draft of somebody who is dead, or was never there */
        snprintf(tmp, sizeof(tmp), "%s/tmp.%x.%x.%x.%x", dir, (unsigned)rnd(1u << 31),
                 (unsigned)rnd(99999), (unsigned)rnd(9), (unsigned)rnd(9));
        rc = rnd(2) ? symlink(outside, tmp) : plant_tree(tmp);
        remove_all(rnd(2) ? tmp : path);
        break;
    case 12: rc = symlink(outside, path); break;
    case 13: rc = part ? plant_text(rnd(2) ? "id" : "key") : 0; break;
    default: rc = change(path); break;
    }
    planted->n_planted += rc == 0;
}

static _Noreturn void planter(void)
{
    umask(0);
    while (!planted->stop) {
        plant();
        if (rnd(4) == 0)
            t_sleep_ns((int64_t)rnd(300) * 1000);
    }
    _exit(0);
}

static _Noreturn void user(void)
{
    planted_use_all(); /* what is opened once and kept */
    int n_fds = t_usage().n_fds;

    while (!planted->stop)
        planted_use();
    if (t_usage().n_fds > n_fds)
        t_die("%d descriptors, then %d", n_fds, t_usage().n_fds);
    exit(0); /* and the sanitizers have a last look */
}

/* Still what it was, and alone? */
static bool untouched(void)
{
    char text[64] = "", path[128];
    int fd = open(target, O_RDONLY | O_CLOEXEC);
    struct stat st;
    bool ok = fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 && strcmp(text, OUTSIDE) == 0 &&
              fstat(fd, &st) == 0 && st.st_size == (off_t)strlen(OUTSIDE);

    close(fd);
    snprintf(path, sizeof(path), "%s/data", outside);
    return ok && access(path, F_OK) == 0 && stat(outside, &st) == 0 && S_ISDIR(st.st_mode);
}

static void make_world(void)
{
    char path[128];
    FILE *f;

    if (!mkdtemp(base))
        t_die("%s", base);
    snprintf(dir, sizeof(dir), "%s/names", base);
    snprintf(outside, sizeof(outside), "%s/outside", base);
    snprintf(target, sizeof(target), "%s/target", outside);
    snprintf(path, sizeof(path), "%s/data", outside);
    if (mkdir(dir, 0700) < 0 || chmod(dir, 01777) < 0 || mkdir(outside, 0700) < 0 ||
        mkfifo(path, 0600) < 0 || setenv("HEPTA_DIR", dir, 1) != 0)
        t_die("%s", base);
    f = fopen(target, "we");
    if (!f || fputs(OUTSIDE, f) < 0 || fclose(f) != 0)
        t_die("%s", target);
}

static bool run(unsigned seconds)
{
    void (*const what[])(void) = {(void (*)(void))planter, (void (*)(void))planter,
                                  (void (*)(void))user, (void (*)(void))user};
    pid_t pid[T_COUNT(what)];
    bool ok = true;
    int status;

    for (size_t i = 0; i < T_COUNT(what); i++) {
        t_random(&seed);
        pid[i] = t_fork();
        if (pid[i])
            continue;
        seed += 77 * i;
        what[i]();
    }
    t_sleep_ns((int64_t)seconds * 1000 * T_MS);
    planted->stop = true;
    for (size_t i = 0; i < T_COUNT(what); i++) {
        status = t_reap(pid[i], 15000);
        if (status != 0)
            fprintf(stderr, "FAILED: process %zu ended with %d\n", i, status);
        ok &= status == 0;
    }
    printf("%llu planted, %llu calls, %llu of them well, %llu listed, worst %.1f ms late\n",
           (unsigned long long)planted->n_planted, (unsigned long long)planted->n_calls,
           (unsigned long long)planted->n_good, (unsigned long long)planted->n_listed,
           (double)planted->worst_ns / 1e6);
    if (planted->undocumented)
        fprintf(stderr, "FAILED: %s from %s\n", strerror(planted->undocumented), planted->verb);
    if (!untouched())
        fprintf(stderr, "FAILED: something outside was touched\n");
    return ok && untouched() && !planted->undocumented && planted->n_good > 0 &&
           planted->n_planted > 0 && planted->worst_ns < 10 * LATE_NS;
}

static bool set_kind(const char *name)
{
    for (int i = 0; i < PLANTED_KINDS; i++)
        if (strcmp(name, of_kind[i].name) == 0)
            return kinds[i] = true;
    return false;
}

int main(int argc, char **argv)
{
    unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 10;
    bool ok;

    if (argc < 3)
        t_die("planted SECONDS fifo|mq|msg|sem|permit|shm|semset|shmid|mailbox...");
    for (int i = 2; i < argc; i++)
        if (!set_kind(argv[i]))
            t_die("no such kind: %s", argv[i]);
    t_limit(seconds + 60);
    seed = t_seed();
    printf("seed %llu, %u s\n", (unsigned long long)seed, seconds);
    planted = t_shared(sizeof(*planted));
    make_world();
    ok = run(seconds);
    remove_all(base);
    printf("%s\n", ok ? "ok" : "FAILED");
    return !ok;
}
