/* SPDX-License-Identifier: MIT */
/*
 * planted.c - somebody who may write the directory of names plants whatever he likes in it,
 * while FIFOs are made, opened, listed and unlinked there
 *
 * planted SECONDS. Two processes plant, as root for another user where they can: links,
 * special files, trees, huge, short and foreign segments, parts of one object in another,
 * modes and owners, drafts of dead processes, and take away what others have just made. Two
 * more, built with ASan and UBSan, use the same few names. They must get documented answers
 * in time and never leave the directory: a file outside, to which the links lead, and
 * the directory outside must be as they were.
 */
#define _GNU_SOURCE
#include "../lib/t.h"
#include "name/name.h"
#include "prim/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <hepta/fifo.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_NAMES 3
#define LATE_NS (100 * T_MS)
#define OUTSIDE "mustn't be touched"

struct shared {
    volatile bool stop;
    uint64_t n_planted, n_calls, n_good, n_listed;
    int64_t worst_ns;
    int undocumented;
    char verb[16];
};

static struct shared *shared;
static char base[] = "/dev/shm/hepta-hostile-XXXXXX";
static char dir[64], outside[64], target[80];
static uint64_t seed;

static uint64_t rnd(uint64_t below)
{
    return t_random(&seed) % below;
}

/* --- planting -------------------------------------------------------------------------- */

/* All paths are relative, and the working directory was entered without following a link: the
 * planters themselves mustn't touch what is outside. */
static void some_path(char path[160], bool part)
{
    static const char *const parts[] = {"mode", "data", "d", "s", "other"};

    if (part)
        snprintf(path, 160, "%s", parts[rnd(T_COUNT(parts))]);
    else
        snprintf(path, 160, "fifo.n%d", (int)rnd(N_NAMES));
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

/* A file that says it is a segment, more or less. */
static int plant_segment(const char *path)
{
    struct h7_segment_header h = {.magic = H7_SEGMENT_MAGIC, .version = H7_SEGMENT_VERSION,
                                  .kind = H7_KIND_FIFO, .data_off = 4096};
    int rc, fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
    struct stat st;

    if (fd < 0)
        return -1;
    if (stat("/proc/self/ns/pid", &st) == 0)
        h.pidns = st.st_ino;
    h.data_len = rnd(2) ? 4096U << rnd(8) : 1ULL << rnd(64);
    h.len = h.data_off + h.data_len;
    h.flags = (uint32_t)rnd(4);
    rc = ftruncate(fd, (off_t)(rnd(2) ? h.len & INT64_MAX : 1ULL << rnd(42)));
    if (rnd(2))
        ((unsigned char *)&h)[rnd(sizeof(h))] ^= (unsigned char)rnd(256);
    if (pwrite(fd, &h, rnd(4) ? sizeof(h) : rnd(sizeof(h)), 0) < 0)
        rc = -1;
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
    switch (rnd(15)) {
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
    default: rc = change(path); break;
    }
    shared->n_planted += rc == 0;
}

static _Noreturn void planter(void)
{
    umask(0);
    while (!shared->stop) {
        plant();
        if (rnd(4) == 0)
            t_sleep_ns((int64_t)rnd(300) * 1000);
    }
    _exit(0);
}

/* --- using ----------------------------------------------------------------------------- */

/* What fifo.h allows; the directory itself is good. */
static bool documented(int err)
{
    static const int list[] = {EEXIST, EACCES, EPERM, ENOSPC, ENOMEM, ENXIO, ETIMEDOUT, EAGAIN,
                               ENOENT, EMEDIUMTYPE, EPROTO, EPROTONOSUPPORT, ENODATA, EBADMSG,
                               EXDEV};

    for (size_t i = 0; i < T_COUNT(list); i++)
        if (err == list[i])
            return true;
    return false;
}

static void judge(const char *verb, int64_t start, int64_t deadline, int64_t result)
{
    int64_t over = t_now_ns() - (deadline > start ? deadline : start);

    shared->n_calls++;
    shared->n_good += result >= 0;
    if (over > shared->worst_ns)
        shared->worst_ns = over;
    if (result < 0 && !documented((int)-result)) {
        shared->undocumented = (int)-result;
        snprintf(shared->verb, sizeof(shared->verb), "%s", verb);
    }
}

/* Used as long as its file isn't cut short, which is the owner's right (fifo.h): not at all
 * but for what needs no contents. */
static void open_one(const char *name)
{
    struct hepta_fifo *f;
    int64_t deadline = rnd(2) ? HEPTA_NOW : hepta_in_ms(2), start = t_now_ns();
    int rc = hepta_fifo_open(&f, name, 1 + (uint32_t)rnd(3), NULL, deadline);

    judge("open", start, deadline, rc);
    if (rc == 0)
        hepta_fifo_close(f);
}

static int see(const struct h7_name_seen *seen, void *arg)
{
    *(unsigned *)arg += strlen(seen->kind) > 0 && seen->name[0] == '/';
    return 0;
}

static void use(void)
{
    struct hepta_fifo_options opt = {.size = sizeof(opt), .capacity = 4096};
    unsigned n_seen = 0;
    char name[16];
    int64_t start = t_now_ns();

    snprintf(name, sizeof(name), "/n%d", (int)rnd(N_NAMES));
    switch (rnd(8)) {
    case 0: judge("make", start, 0, hepta_fifo_make(name, 0666, &opt)); break;
    case 1: judge("unlink", start, 0, hepta_fifo_unlink(name)); break;
    case 2: judge("list", start, 0, h7_name_list(NULL, see, &n_seen)); break;
    case 3: judge("clean", start, 0, h7_name_clean()); break;
    default: open_one(name); break;
    }
    shared->n_listed += n_seen;
}

static _Noreturn void user(void)
{
    int n_fds = t_usage().n_fds;

    while (!shared->stop)
        use();
    exit(t_usage().n_fds > n_fds); /* and the sanitizers have a last look */
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
    shared->stop = true;
    for (size_t i = 0; i < T_COUNT(what); i++) {
        status = t_reap(pid[i], 15000);
        if (status != 0)
            fprintf(stderr, "FAILED: process %zu ended with %d\n", i, status);
        ok &= status == 0;
    }
    printf("%llu planted, %llu calls, %llu of them well, %llu listed, worst %.1f ms late\n",
           (unsigned long long)shared->n_planted, (unsigned long long)shared->n_calls,
           (unsigned long long)shared->n_good, (unsigned long long)shared->n_listed,
           (double)shared->worst_ns / 1e6);
    if (shared->undocumented)
        fprintf(stderr, "FAILED: %s from %s\n", strerror(shared->undocumented), shared->verb);
    if (!untouched())
        fprintf(stderr, "FAILED: something outside was touched\n");
    return ok && untouched() && !shared->undocumented && shared->n_good > 0 &&
           shared->n_planted > 0 && shared->worst_ns < 10 * LATE_NS;
}

int main(int argc, char **argv)
{
    unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 10;
    bool ok;

    t_limit(seconds + 60);
    seed = t_seed();
    printf("seed %llu, %u s\n", (unsigned long long)seed, seconds);
    shared = t_shared(sizeof(*shared));
    make_world();
    ok = run(seconds);
    remove_all(base);
    printf("%s\n", ok ? "ok" : "FAILED");
    return !ok;
}
