/* SPDX-License-Identifier: MIT */
/*
 * fifo/open_test.c - making, opening, waiting for a partner, permissions, death and stop of
 * an opener, planted parts
 */
#define _GNU_SOURCE
#include "name/name_test.h"

#include <sys/file.h>

#include "fifo/fifo_internal.h"

#define NAME "/jobs"
#define R HEPTA_FIFO_READ
#define W HEPTA_FIFO_WRITE
#define SOON hepta_in_ms(20000)

static void make(mode_t mode)
{
    assert_int_equal(hepta_fifo_make(NAME, mode, NULL), 0);
}

/* The result of an open that is closed again. */
static int try(uint32_t access, int64_t deadline)
{
    struct hepta_fifo *f;
    int r = hepta_fifo_open(&f, NAME, access, NULL, deadline);
    if ((r == 0) != (f != NULL))
        return -EPROTO;
    hepta_fifo_close(f);
    return r;
}

static struct hepta_fifo *get(uint32_t access, int64_t deadline)
{
    struct hepta_fifo *f;
    assert_int_equal(hepta_fifo_open(&f, NAME, access, NULL, deadline), 0);
    return f;
}

static char *path_of(const char *part)
{
    static char path[200];
    snprintf(path, sizeof path, "%s/fifo.jobs/%s", names_path, part);
    return path;
}

static struct h7_segment seg;
static struct h7_fifo_shared *shared;

/* The FIFO's memory, as a peer has it. */
static void map_it(void)
{
    const struct h7_segment_spec spec = h7_fifo_spec(&(struct hepta_fifo_options){0});
    char *dir = path_of(".");
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(h7_segment_attach_in(&seg, fd, "data", &spec), 0);
    close(fd);
    shared = h7_segment_control(&seg);
}

/* --- arguments -------------------------------------------------------------------- */

static void test_names_and_options(void **state)
{
    struct hepta_fifo *f;
    struct hepta_fifo_options o = {.size = sizeof o};
    char longest[HEPTA_NAME_MAX + 3];
    (void)state;
    memset(longest, 'x', sizeof longest);
    longest[0] = '/';
    longest[sizeof longest - 1] = 0;
    assert_int_equal(hepta_fifo_make(longest, 0600, NULL), -ENAMETOOLONG);
    longest[HEPTA_NAME_MAX + 1] = 0;
    assert_int_equal(hepta_fifo_make(longest, 0600, NULL), 0);
    assert_int_equal(hepta_fifo_unlink(longest), 0);
    assert_int_equal(hepta_fifo_make("jobs", 0600, NULL), -EINVAL);
    assert_int_equal(hepta_fifo_make(NULL, 0600, NULL), -EFAULT);
    assert_int_equal(hepta_fifo_make(NAME, 01600, NULL), -EINVAL);
    o.flags = 2;
    assert_int_equal(hepta_fifo_make(NAME, 0600, &o), -EINVAL);
    o = (struct hepta_fifo_options){.size = sizeof o,
                                    .capacity = HEPTA_PIPE_CAPACITY_MAX + 1};
    assert_int_equal(hepta_fifo_make(NAME, 0600, &o), -EINVAL);
    o = (struct hepta_fifo_options){0};
    assert_int_equal(hepta_fifo_make(NAME, 0600, &o), -EINVAL);
    assert_int_equal(names_count(""), 0);
    make(0600);
    assert_int_equal(hepta_fifo_make(NAME, 0600, NULL), -EEXIST);
    assert_int_equal(names_count(""), 1);
    assert_int_equal(hepta_fifo_open(NULL, NAME, R, NULL, HEPTA_NOW), -EFAULT);
    assert_int_equal(hepta_fifo_open(&f, NULL, R, NULL, HEPTA_NOW), -EFAULT);
    assert_int_equal(hepta_fifo_open(&f, "/", R, NULL, HEPTA_NOW), -EINVAL);
    assert_int_equal(hepta_fifo_open(&f, "/none", R, NULL, HEPTA_NOW), -ENOENT);
    assert_int_equal(try(0, HEPTA_NOW), -EINVAL);
    assert_int_equal(try(4, HEPTA_NOW), -EINVAL);
    o = (struct hepta_fifo_options){.size = sizeof o, .wait = 7};
    assert_int_equal(hepta_fifo_open(&f, NAME, R, &o, HEPTA_NOW), -EINVAL);
    struct {
        struct hepta_fifo_options o;
        uint64_t newer;
    } big = {.o = {.size = sizeof big}, .newer = 1};
    assert_int_equal(hepta_fifo_open(&f, NAME, R, &big.o, HEPTA_NOW), -E2BIG);
    assert_int_equal(hepta_fifo_make("/other", 0600, &big.o), -E2BIG);
    assert_int_equal(hepta_fifo_unlink(NULL), -EFAULT);
    assert_int_equal(hepta_fifo_unlink("/none"), -ENOENT);
    assert_int_equal(hepta_fifo_unlink(NAME), 0);
    assert_int_equal(hepta_fifo_unlink(NAME), -ENOENT);
}

static void test_unlink_leaves_the_open(void **state)
{
    char buf[10];
    (void)state;
    make(0600);
    struct hepta_fifo *old = get(R | W, HEPTA_NOW);
    assert_int_equal(hepta_fifo_unlink(NAME), 0);
    assert_int_equal(try(R, HEPTA_NOW), -ENOENT);
    make(0600);
    struct hepta_fifo *new = get(R | W, HEPTA_NOW);
    assert_int_equal(hepta_fifo_write(old, "old", 3, HEPTA_NOW), 3);
    assert_int_equal(hepta_fifo_read(new, buf, sizeof buf, HEPTA_NOW), -EAGAIN);
    assert_int_equal(hepta_fifo_read(old, buf, sizeof buf, HEPTA_NOW), 3);
    hepta_fifo_close(old);
    hepta_fifo_close(new);
}

static void test_three_descriptors(void **state)
{
    (void)state;
    make(0600);
    int before = names_count_in("/proc/self/fd", "");
    for (uint32_t access = R; access <= (R | W); access++) {
        struct hepta_fifo *keep = get(R | W, HEPTA_NOW);
        int with = names_count_in("/proc/self/fd", "");
        struct hepta_fifo *f = get(access, HEPTA_NOW);
        assert_int_equal(names_count_in("/proc/self/fd", ""), with + 3);
        hepta_fifo_close(f);
        hepta_fifo_close(keep);
        assert_int_equal(names_count_in("/proc/self/fd", ""), before);
    }
}

/* --- waiting ---------------------------------------------------------------------- */

static void test_alone(void **state)
{
    (void)state;
    make(0600);
    assert_int_equal(try(W, HEPTA_NOW), -ENXIO);
    assert_int_equal(try(R, HEPTA_NOW), 0);
    assert_int_equal(try(R | W, HEPTA_FOREVER), 0);
    int64_t end = hepta_in_ms(20);
    assert_int_equal(try(W, end), -ETIMEDOUT);
    assert_true(hepta_now_ns() >= end);
    assert_int_equal(try(R, hepta_in_ms(20)), -ETIMEDOUT);
    assert_int_equal(try(R, 1), -ETIMEDOUT);
    assert_int_equal(try(W, HEPTA_NOW), -ENXIO); /* nothing of these attempts is left */
    struct hepta_fifo *r = get(R, HEPTA_NOW);
    assert_int_equal(hepta_fifo_read(r, (char[1]){0}, 1, HEPTA_FOREVER), 0);
    assert_int_equal(try(W, HEPTA_FOREVER), 0); /* a reader is there */
    hepta_fifo_close(r);
}

static int open_for(void *arg)
{
    return try(*(uint32_t *)arg, SOON) == 0 ? 0 : 1;
}

static void test_waits_for_the_other_side(void **state)
{
    uint32_t access[2] = {R, W};
    (void)state;
    make(0600);
    for (int i = 0; i < 2; i++) {
        pid_t pid = unit_start(open_for, &access[i]);
        unit_sleep_ms(20);
        assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
        pid_t same = unit_start(open_for, &access[i]); /* the own side doesn't help */
        unit_sleep_ms(20);
        assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
        /* It has come, and gone again before the waiters look. */
        assert_int_equal(try(access[!i], SOON), 0);
        assert_int_equal(unit_reap(pid), 0);
        assert_int_equal(unit_reap(same), 0);
        pid = unit_start(open_for, &access[i]);
        assert_int_equal(try(R | W, HEPTA_NOW), 0); /* perhaps before it waits */
        unit_sleep_ms(20);
        assert_int_equal(try(R | W, HEPTA_NOW), 0);
        assert_int_equal(unit_reap(pid), 0);
    }
}

static int open_and_stay(void *arg)
{
    struct hepta_fifo *f;
    (void)arg;
    CHILD_CHECK(hepta_fifo_open(&f, NAME, W, NULL, HEPTA_FOREVER) == 0);
    return unit_stay();
}

/* Who waits to open counts already, and no longer when it is killed. */
static void test_waiting_writer_counts(void **state)
{
    (void)state;
    make(0600);
    map_it();
    pid_t pid = unit_start(open_and_stay, NULL);
    while (h7_load32_acquire(&shared->n_opens[H7_WRITER]) == 0)
        unit_sleep_ms(1);
    assert_int_equal(try(R, 1), 0); /* no time left to wait: it is there */
    unit_kill(pid);
    assert_int_equal(try(R, 1), -ETIMEDOUT);

    pid = unit_start(open_and_stay, NULL);
    while (h7_load32_acquire(&shared->n_opens[H7_WRITER]) == 1)
        unit_sleep_ms(1);
    unit_kill(pid); /* while it waits */
    assert_int_equal(try(R, 1), -ETIMEDOUT);
    h7_segment_close(&seg);
}

static void on_signal(int sig)
{
    (void)sig;
}

static int interrupted(void *arg)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &sa, NULL);
    unit_say(arg, 1);
    CHILD_CHECK(try(R, HEPTA_FOREVER) == -EINTR);
    CHILD_CHECK(try(W, HEPTA_NOW) == -ENXIO); /* it wasn't opened */
    return 0;
}

static void test_a_handler_ends_the_wait(void **state)
{
    uint32_t *ready = unit_shared(4096);
    (void)state;
    make(0600);
    pid_t pid = unit_start(interrupted, ready);
    unit_await(ready, 0);
    siginfo_t info = {0};
    while (info.si_pid == 0) { /* the first may come before it waits */
        unit_sleep_ms(10);
        kill(pid, SIGUSR1);
        waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT);
    }
    assert_int_equal(unit_reap(pid), 0);
    munmap(ready, 4096);
}

/* --- who may ---------------------------------------------------------------------- */

static int as_nobody(void *arg)
{
    mode_t mode = *(mode_t *)arg;
    if (names_become(NOBODY) != 0)
        return UNIT_SKIP;
    int none = -EACCES;
    CHILD_CHECK(try(R, HEPTA_NOW) == (mode & 4 ? 0 : none));
    CHILD_CHECK(try(W, HEPTA_NOW) == (mode & 2 ? -ENXIO : none));
    CHILD_CHECK(try(R | W, HEPTA_NOW) == ((mode & 6) == 6 ? 0 : none));
    CHILD_CHECK(try(R, hepta_in_ms(5)) == (mode & 4 ? -ETIMEDOUT : none));
    CHILD_CHECK(try(W, hepta_in_ms(5)) == (mode & 2 ? -ETIMEDOUT : none));
    CHILD_CHECK(hepta_fifo_unlink(NAME) == -EACCES || hepta_fifo_unlink(NAME) == -EPERM);
    return 0;
}

static void test_permissions(void **state)
{
    (void)state;
    assert_int_equal(fchmod(names_dir, 0755), 0);
    umask(0);
    for (mode_t mode = 0; mode < 8; mode++) {
        make(0600 | mode);
        unit_in_child(as_nobody, &mode);
        assert_int_equal(hepta_fifo_unlink(NAME), 0);
    }
    umask(026);
    make(0666);
    unit_in_child(as_nobody, &(mode_t){0});
    struct stat st;
    assert_int_equal(stat(path_of("mode"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(stat(path_of("d"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    assert_int_equal(stat(path_of("."), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
}

static int own_but_forbidden(void *arg)
{
    (void)arg;
    if (names_become(NOBODY) != 0)
        return UNIT_SKIP;
    umask(0777);
    CHILD_CHECK(hepta_fifo_make(NAME, 0666, NULL) == 0);
    CHILD_CHECK(try(R, HEPTA_NOW) == -EACCES && try(W, HEPTA_NOW) == -EACCES);
    CHILD_CHECK(hepta_fifo_unlink(NAME) == 0);
    umask(0277);
    CHILD_CHECK(hepta_fifo_make(NAME, 0666, NULL) == 0);
    CHILD_CHECK(try(R, HEPTA_NOW) == 0 && try(W, HEPTA_NOW) == -EACCES);
    return hepta_fifo_unlink(NAME) == 0 ? 0 : 1;
}

static void test_umask_takes_from_the_owner(void **state)
{
    (void)state;
    assert_int_equal(fchmod(names_dir, 01777), 0);
    unit_in_child(own_but_forbidden, NULL);
}

/* --- death and stop --------------------------------------------------------------- */

static int stay_in_the_lock(void *arg)
{
    CHILD_CHECK(h7_lock(&shared->lock, HEPTA_FOREVER) == 0);
    unit_say(arg, 1);
    return unit_stay();
}

static void test_opener_stopped_inside(void **state)
{
    uint32_t *ready = unit_shared(4096);
    (void)state;
    make(0600);
    map_it();
    pid_t pid = unit_start(stay_in_the_lock, ready);
    unit_await(ready, 0);
    assert_int_equal(try(R, HEPTA_NOW), -EAGAIN);
    assert_int_equal(try(R | W, hepta_in_ms(20)), -ETIMEDOUT);
    unit_kill(pid);
    assert_int_equal(try(R, HEPTA_NOW), 0);
    assert_int_equal(h7_load32_relaxed(&shared->recoveries), 1);
    h7_segment_close(&seg);
    munmap(ready, 4096);
}

/* O2: it has the exclusive lock and memory half reset. */
static int die_resetting(void *arg)
{
    int d = open(path_of("d"), O_RDONLY | O_NONBLOCK);
    CHILD_CHECK(flock(d, LOCK_EX | LOCK_NB) == 0);
    CHILD_CHECK(h7_lock(&shared->lock, HEPTA_FOREVER) == 0);
    memset((void *)&shared->flow.side, 0x5a, sizeof shared->flow.side);
    h7_store64_relaxed(&shared->flow.ring.head, 77);
    unit_say(arg, 1);
    return unit_stay();
}

static void test_opener_killed_while_resetting(void **state)
{
    uint32_t *ready = unit_shared(4096);
    char why[100];
    (void)state;
    make(0600);
    map_it();
    pid_t pid = unit_start(die_resetting, ready);
    unit_await(ready, 0);
    unit_kill(pid);
    struct hepta_fifo *f = get(R | W, HEPTA_NOW);
    assert_int_equal(h7_fifo_check(f, why, sizeof why), 0);
    assert_int_equal(hepta_fifo_write(f, "x", 1, HEPTA_NOW), 1);
    assert_int_equal(hepta_fifo_read(f, why, 10, HEPTA_NOW), 1);
    hepta_fifo_close(f);
    h7_segment_close(&seg);
    munmap(ready, 4096);
}

/* O2 once more: dead as far as the lock goes, but its files aren't closed yet. */
static int dying_slowly(void *arg)
{
    int d = open(path_of("d"), O_RDONLY | O_NONBLOCK);
    CHILD_CHECK(flock(d, LOCK_EX | LOCK_NB) == 0);
    unit_say(arg, 1);
    unit_await(arg, 1);
    unit_sleep_ms(30);
    return 0;
}

static void test_dying_opener_is_waited_for(void **state)
{
    uint32_t *ready = unit_shared(4096);
    (void)state;
    make(0600);
    map_it();
    pid_t pid = unit_start(dying_slowly, ready);
    unit_await(ready, 0);
    h7_store64_relaxed(&shared->flow.ring.head, 77);
    assert_int_equal(try(R, HEPTA_NOW), -EAGAIN);
    assert_int_equal(try(R, hepta_in_ms(5)), -ETIMEDOUT);
    unit_say(ready, 2);
    struct hepta_fifo *f = get(R | W, SOON);
    assert_int_equal(hepta_fifo_read(f, (char[100]){0}, 100, HEPTA_NOW), -EAGAIN); /* empty */
    assert_int_equal(unit_reap(pid), 0);
    hepta_fifo_close(f);
    h7_segment_close(&seg);
    munmap(ready, 4096);
}

/* O3: counted, and died before the wake-up. */
static void test_partner_that_wakes_nobody(void **state)
{
    uint32_t access = R;
    (void)state;
    make(0600);
    map_it();
    pid_t pid = unit_start(open_for, &access);
    while (h7_load32_acquire(&shared->n_opens[H7_READER]) == 0)
        unit_sleep_ms(1);
    unit_sleep_ms(10);
    h7_add32_release(&shared->n_opens[H7_WRITER], 1);
    int64_t start = hepta_now_ns();
    assert_int_equal(unit_reap(pid), 0);
    assert_true(hepta_now_ns() - start < 10000 * H7_MS);
    h7_segment_close(&seg);
}

static int open_and_close(void *arg)
{
    uint32_t access = *(uint32_t *)arg;
    for (int i = 0; i < 1000000; i++) {
        struct hepta_fifo *f;
        char buf[100] = "";
        if (hepta_fifo_open(&f, NAME, access, NULL, hepta_in_ms(1)) < 0)
            continue;
        if (access & W)
            hepta_fifo_write(f, buf, sizeof buf, HEPTA_NOW);
        else
            hepta_fifo_read(f, buf, 7, HEPTA_NOW);
        hepta_fifo_close(f);
    }
    return 1; /* nobody killed us */
}

/* Wherever they die, the next ones find a FIFO that is empty and works. */
static void test_killed_anywhere(void **state)
{
    uint32_t access[3] = {R, W, R | W};
    unsigned seed = 7;
    (void)state;
    make(0600);
    for (int i = 0; i < 150; i++) {
        pid_t pid[3];
        char why[100] = "", buf[10];
        for (int k = 0; k < 3; k++)
            pid[k] = unit_start(open_and_close, &access[k]);
        usleep(500 + (unsigned)rand_r(&seed) % 4000);
        for (int k = 0; k < 3; k++)
            kill(pid[k], SIGKILL);
        for (int k = 0; k < 3; k++)
            assert_int_equal(unit_reap(pid[k]), -SIGKILL);
        struct hepta_fifo *r = get(R, HEPTA_NOW), *w = get(W, HEPTA_NOW);
        assert_int_equal(h7_fifo_check(r, why, sizeof why), 0);
        assert_int_equal(hepta_fifo_read(r, buf, sizeof buf, HEPTA_NOW), -EAGAIN);
        assert_int_equal(hepta_fifo_write(w, "now", 3, HEPTA_NOW), 3);
        assert_int_equal(hepta_fifo_read(r, buf, sizeof buf, HEPTA_NOW), 3);
        assert_int_equal(h7_fifo_check(r, why, sizeof why), 0);
        hepta_fifo_close(r);
        hepta_fifo_close(w);
    }
}

/* --- what isn't believed ---------------------------------------------------------- */

static void forge(off_t at, const void *bytes, size_t len)
{
    int fd = open(path_of("data"), O_RDWR | O_CLOEXEC);
    assert_int_equal(pwrite(fd, bytes, len, at), len);
    close(fd);
}

#define FORGED(field, value, result)                                                        \
    do {                                                                                    \
        struct h7_segment_header h_ = {.field = (value)};                                   \
        make(0600);                                                                         \
        forge(offsetof(struct h7_segment_header, field), &h_.field, sizeof h_.field);       \
        assert_int_equal(try(R | W, HEPTA_NOW), result);                                    \
        assert_int_equal(hepta_fifo_unlink(NAME), 0);                                       \
    } while (0)

static void test_forged_headers(void **state)
{
    (void)state;
    FORGED(magic, 1, -EPROTO);
    FORGED(version, 99, -EPROTONOSUPPORT);
    FORGED(kind, H7_KIND_PIPE, -EMEDIUMTYPE);
    FORGED(pidns, 1, -EXDEV);
    FORGED(flags, 2, -EBADMSG);
    FORGED(data_len, 4096, -EBADMSG);
    make(0600);
    assert_int_equal(truncate(path_of("data"), 8192), 0);
    assert_int_equal(try(R | W, HEPTA_NOW), -ENODATA);
    assert_int_equal(truncate(path_of("data"), 0), 0);
    assert_int_equal(try(R | W, HEPTA_NOW), -EPROTO);
}

static void test_planted_parts(void **state)
{
    static const char *const parts[] = {"mode", "data", "d", "s"};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        make(0600);
        assert_int_equal(unlink(path_of(parts[i])), 0);
        assert_int_equal(try(R | W, HEPTA_NOW), -EBADMSG);
        assert_int_equal(symlink("/dev/zero", path_of(parts[i])), 0);
        assert_int_equal(try(R | W, HEPTA_NOW), -EBADMSG);
        assert_int_equal(unlink(path_of(parts[i])), 0);
        assert_int_equal(mkfifo(path_of(parts[i]), 0600), 0); /* or another one than it was */
        assert_int_equal(try(R | W, HEPTA_NOW), -EBADMSG);
        assert_int_equal(unlink(path_of(parts[i])), 0);
        assert_int_equal(mkdir(path_of(parts[i]), 0700), 0);
        assert_int_equal(try(R | W, HEPTA_NOW), -EBADMSG);
        assert_int_equal(rmdir(path_of(parts[i])), 0);
        assert_int_equal(hepta_fifo_unlink(NAME), 0);
    }
    char path[200];
    snprintf(path, sizeof path, "%s/fifo.jobs", names_path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(try(R, HEPTA_NOW), -EPROTO);
}

static int another_namespace(void *arg)
{
    struct hepta_fifo *f = arg;
    if (unshare(CLONE_NEWPID) != 0)
        return UNIT_SKIP;
    pid_t pid = fork(); /* unit_fork() asks for the parent, which has no pid there */
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int r = try(R, HEPTA_NOW);
        _exit(r != -EXDEV || hepta_fifo_read(f, (char[1]){0}, 1, HEPTA_NOW) != -EXDEV ||
              hepta_fifo_close(f) != NULL);
    }
    return unit_reap(pid);
}

static void test_another_pid_namespace(void **state)
{
    (void)state;
    make(0600);
    struct hepta_fifo *f = get(R | W, HEPTA_NOW);
    unit_in_child(another_namespace, f);
    hepta_fifo_close(f);
}

/* Whatever limit is met on the way, nothing is left open. */
static int few_descriptors(void *arg)
{
    struct rlimit lim;
    int before = names_count_in("/proc/self/fd", ""), r = -EMFILE;
    (void)arg;
    CHILD_CHECK(getrlimit(RLIMIT_NOFILE, &lim) == 0);
    int top = dup(0);
    close(top);
    for (rlim_t n = (rlim_t)top; r < 0 && n < (rlim_t)top + 20; n++) {
        struct rlimit less = {n, lim.rlim_max};
        CHILD_CHECK(setrlimit(RLIMIT_NOFILE, &less) == 0);
        r = try(R | W, HEPTA_NOW);
        int made = hepta_fifo_make("/more", 0600, NULL);
        CHILD_CHECK(r == 0 || r == -EMFILE);
        CHILD_CHECK(made == 0 || made == -EMFILE);
        if (made == 0)
            made = hepta_fifo_unlink("/more");
        CHILD_CHECK(setrlimit(RLIMIT_NOFILE, &lim) == 0);
        CHILD_CHECK(names_count_in("/proc/self/fd", "") == before);
        hepta_fifo_unlink("/more");
    }
    CHILD_CHECK(r == 0);
    return 0;
}

static void test_few_descriptors(void **state)
{
    (void)state;
    make(0600);
    unit_in_child(few_descriptors, NULL);
    assert_int_equal(names_count("fifo."), 1);
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_names_and_options),
    NAMES_TEST(test_unlink_leaves_the_open),
    NAMES_TEST(test_three_descriptors),
    NAMES_TEST(test_alone),
    NAMES_TEST(test_waits_for_the_other_side),
    NAMES_TEST(test_waiting_writer_counts),
    NAMES_TEST(test_a_handler_ends_the_wait),
    NAMES_TEST(test_permissions),
    NAMES_TEST(test_umask_takes_from_the_owner),
    NAMES_TEST(test_opener_stopped_inside),
    NAMES_TEST(test_opener_killed_while_resetting),
    NAMES_TEST(test_dying_opener_is_waited_for),
    NAMES_TEST(test_partner_that_wakes_nobody),
    NAMES_TEST(test_killed_anywhere),
    NAMES_TEST(test_forged_headers),
    NAMES_TEST(test_planted_parts),
    NAMES_TEST(test_another_pid_namespace),
    NAMES_TEST(test_few_descriptors),
};

NAMES_MAIN(tests)
