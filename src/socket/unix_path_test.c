/* SPDX-License-Identifier: MIT */
/* socket/unix_path_test.c - socket files: taken over, raced for, their mode, removed; connecting
 * to a full backlog */
#define _GNU_SOURCE
#include "base/unit_test.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/sys.h"
#include "socket/socket_internal.h"

#define N_RACERS 20
#define N_TURNS 10

static char dir[64], path[80], address[100];

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/dev/shm/hepta-unit.XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/s", dir);
    snprintf(address, sizeof address, "kernel.unix:%s", path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

static int listen_on(struct hepta_sock **l, uint32_t type, uint32_t mode)
{
    struct hepta_sock_options o = {.size = sizeof o, .type = type, .mode = mode, .backlog = 1};
    return hepta_sock_listen(l, address, &o);
}

static int connect_as(struct hepta_sock **s, uint32_t type, int64_t deadline)
{
    struct hepta_sock_options o = {.size = sizeof o, .type = type};
    return hepta_sock_connect(s, address, &o, deadline);
}

static bool exists(void)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* What a killed listener leaves, or one that binds and doesn't listen yet. */
static int bare_bind(int type)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    strcpy(un.sun_path, path);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
    return fd;
}

static void test_closing_removes(void **state)
{
    struct hepta_sock *l;
    (void)state;
    assert_int_equal(listen_on(&l, HEPTA_SOCK_STREAM, 0), 0);
    assert_true(exists());
    hepta_sock_close(l);
    assert_false(exists());
    assert_int_equal(connect_as(&l, HEPTA_SOCK_STREAM, HEPTA_NOW), -ENOENT);
    assert_null(l);
}

static void test_only_its_own(void **state)
{
    struct hepta_sock *l;
    (void)state;
    assert_int_equal(listen_on(&l, HEPTA_SOCK_STREAM, 0), 0);
    assert_int_equal(unlink(path), 0);
    int other = bare_bind(SOCK_STREAM);
    hepta_sock_close(l);
    assert_true(exists()); /* another's by now */
    close(other);
    unlink(path);
}

static int close_it(void *arg)
{
    hepta_sock_close(arg);
    return 0;
}

static void test_a_child_leaves_it(void **state)
{
    struct hepta_sock *l, *s;
    (void)state;
    assert_int_equal(listen_on(&l, HEPTA_SOCK_STREAM, 0), 0);
    unit_in_child(close_it, l);
    assert_true(exists());
    assert_int_equal(connect_as(&s, HEPTA_SOCK_STREAM, HEPTA_NOW), 0);
    hepta_sock_close(s);
    hepta_sock_close(l);
    assert_false(exists());
}

static void test_relative_path(void **state)
{
    struct hepta_sock *l;
    int old = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)state;
    assert_int_equal(chdir(dir), 0);
    assert_int_equal(hepta_sock_listen(&l, "kernel.unix:s", NULL), 0);
    assert_true(exists());
    assert_int_equal(fchdir(old), 0);
    close(old);
    hepta_sock_close(l);
    assert_false(exists());
}

static void test_stale_is_taken_over(void **state)
{
    static const int kinds[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};
    struct hepta_sock *l, *s;
    (void)state;
    for (uint32_t type = HEPTA_SOCK_STREAM; type <= HEPTA_SOCK_DGRAM; type++)
        for (int k = 0; k < 3; k++) {
            close(bare_bind(kinds[k]));
            assert_int_equal(connect_as(&s, type, HEPTA_NOW), -ECONNREFUSED);
            assert_int_equal(listen_on(&l, type, 0), 0);
            assert_int_equal(connect_as(&s, type, HEPTA_NOW), 0);
            hepta_sock_close(s);
            hepta_sock_close(l);
            assert_false(exists());
        }
}

static void test_in_use(void **state)
{
    static const int kinds[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};
    struct hepta_sock *l;
    (void)state;
    for (int k = 0; k < 3; k++) {
        int fd = bare_bind(kinds[k]); /* bound, not listening yet */
        for (uint32_t type = HEPTA_SOCK_STREAM; type <= HEPTA_SOCK_DGRAM; type++)
            assert_int_equal(listen_on(&l, type, 0), -EADDRINUSE);
        assert_true(exists());
        close(fd);
        unlink(path);
    }
}

/* Whoever listens doesn't get to accept the question whether he does. */
static void test_asking_is_not_seen(void **state)
{
    struct hepta_sock *l, *other, *s;
    (void)state;
    assert_int_equal(listen_on(&l, HEPTA_SOCK_STREAM, 0), 0);
    assert_int_equal(listen_on(&other, HEPTA_SOCK_STREAM, 0), -EADDRINUSE);
    assert_null(other);
    assert_int_equal(hepta_sock_accept(l, &s, HEPTA_NOW), -EAGAIN);
    hepta_sock_close(l);
}

static void test_other_files_stay(void **state)
{
    struct hepta_sock *l;
    (void)state;
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    assert_int_equal(listen_on(&l, HEPTA_SOCK_STREAM, 0), -EADDRINUSE);
    assert_true(exists());
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(listen_on(&l, HEPTA_SOCK_STREAM, 0), -EADDRINUSE);
    unlink(path);
    assert_int_equal(symlink("nowhere", path), 0);
    assert_int_equal(listen_on(&l, HEPTA_SOCK_STREAM, 0), -EADDRINUSE);
    assert_true(exists());
    unlink(path);
}

static void test_mode(void **state)
{
    static const struct {
        mode_t mask, mode, expected;
    } table[] = {
        {022, 0, 0755}, {077, 0, 0700}, {0, 0, 0777}, {022, 0600, 0600}, {022, 0666, 0666},
        {077, 0777, 0777}, {0, 0700, 0700}, {0777, 0640, 0640},
    };
    struct hepta_sock *l;
    struct stat st;
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        mode_t old = umask(table[i].mask);
        int r = listen_on(&l, HEPTA_SOCK_STREAM, table[i].mode);
        umask(old);
        assert_int_equal(r, 0);
        assert_int_equal(lstat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, table[i].expected);
        hepta_sock_close(l);
    }
}

static void test_directories(void **state)
{
    struct hepta_sock *l;
    (void)state;
    assert_int_equal(hepta_sock_listen(&l, "kernel.unix:/dev/shm/no-such-dir/s", NULL), -ENOENT);
    assert_int_equal(hepta_sock_listen(&l, "kernel.unix:/dev/null/s", NULL), -ENOTDIR);
    assert_null(l);
}

static int as_nobody(void *arg)
{
    struct hepta_sock *l, *s;
    (void)arg;
    CHILD_CHECK(setgid(65534) == 0 && setuid(65534) == 0);
    CHILD_CHECK(listen_on(&l, HEPTA_SOCK_STREAM, 0) == -EACCES);
    CHILD_CHECK(connect_as(&s, HEPTA_SOCK_STREAM, HEPTA_NOW) == -EACCES);
    return 0;
}

static int as_nobody_inside(void *arg)
{
    struct hepta_sock *l, *s;
    CHILD_CHECK(setgid(65534) == 0 && setuid(65534) == 0);
    CHILD_CHECK(connect_as(&s, HEPTA_SOCK_STREAM, HEPTA_NOW) == -EACCES); /* mode 0700 */
    CHILD_CHECK(listen_on(&l, HEPTA_SOCK_STREAM, 0) == -EADDRINUSE);
    snprintf(address, sizeof address, "kernel.unix:%s/mine", (char *)arg);
    CHILD_CHECK(listen_on(&l, HEPTA_SOCK_STREAM, 0) == 0); /* the directory isn't readable */
    CHILD_CHECK(connect_as(&s, HEPTA_SOCK_STREAM, HEPTA_NOW) == 0);
    hepta_sock_close(s);
    hepta_sock_close(l);
    return 0;
}

static void test_permissions(void **state)
{
    struct hepta_sock *l;
    (void)state;
    if (getuid() != 0)
        skip();
    assert_int_equal(listen_on(&l, HEPTA_SOCK_STREAM, 0700), 0);
    unit_in_child(as_nobody, NULL); /* the directory is 0700 */
    assert_int_equal(chmod(dir, 0733), 0);
    unit_in_child(as_nobody_inside, dir);
    assert_int_equal(chmod(dir, 0700), 0);
    hepta_sock_close(l);
}

/* Somebody who can read the directory holds its lock for ever: it takes a second longer. */
static void test_lock_is_held(void **state)
{
    struct hepta_sock *l;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)state;
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(listen_on(&l, HEPTA_SOCK_STREAM, 0), 0);
    close(fd);
    hepta_sock_close(l);
    assert_false(exists());
}

struct race {
    uint32_t owner; /* somebody is sure to be the only listener */
    uint32_t wins, faults, go;
};

/* One turn: alone with the name, reached by who connects to it. */
static void have_it(struct race *t, struct hepta_sock *l)
{
    struct hepta_sock *s, *peer;
    int faults = __atomic_exchange_n(&t->owner, 1, __ATOMIC_ACQ_REL) != 0;
    if (connect_as(&s, HEPTA_SOCK_STREAM, HEPTA_NOW) == 0) {
        if (hepta_sock_accept(l, &peer, HEPTA_NOW) == 0)
            hepta_sock_close(peer);
        else
            faults++;
        hepta_sock_close(s);
    } else {
        faults++;
    }
    __atomic_fetch_add(&t->faults, faults, __ATOMIC_RELAXED);
    __atomic_fetch_add(&t->wins, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&t->owner, 0, __ATOMIC_RELEASE);
}

/* Takes the file again and again, and mostly leaves it as a killed process does. */
static int racer(void *arg)
{
    struct race *t = arg;
    struct hepta_sock *l;
    unit_await(&t->go, 0);
    for (int turns = 0; turns < N_TURNS;) {
        int r = listen_on(&l, HEPTA_SOCK_STREAM, 0);
        if (r == -EADDRINUSE)
            continue;
        CHILD_CHECK(r == 0);
        have_it(t, l);
        if (++turns == N_TURNS && getpid() % 2)
            raise(SIGKILL);
        if (turns % 4)
            l->path[0] = 0;
        hepta_sock_close(l);
    }
    return 0;
}

static void test_race(void **state)
{
    struct race *t = unit_shared(sizeof *t);
    pid_t pid[N_RACERS];
    (void)state;
    close(bare_bind(SOCK_STREAM)); /* all begin with a stale one */
    for (int i = 0; i < N_RACERS; i++)
        pid[i] = unit_start(racer, t);
    unit_say(&t->go, 1);
    for (int i = 0; i < N_RACERS; i++) {
        int status = unit_reap(pid[i]);
        assert_true(status == 0 || status == -SIGKILL);
    }
    assert_int_equal(t->faults, 0);
    assert_int_equal(t->wins, N_RACERS * N_TURNS);
    unlink(path);
    munmap(t, sizeof *t);
}

static void on_alarm(int sig)
{
    (void)sig;
}

static int fill_backlog(void *arg)
{
    struct hepta_sock *s;
    (void)arg;
    for (int i = 0; i < 100; i++) {
        int r = connect_as(&s, HEPTA_SOCK_STREAM, HEPTA_NOW);
        if (r == -EAGAIN)
            return 0;
        CHILD_CHECK(r == 0);
        hepta_sock_close(s); /* it stays in the queue */
    }
    return 1;
}

static int interrupted(void *arg)
{
    struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    struct itimerval soon = {.it_interval.tv_usec = 20000, .it_value.tv_usec = 20000};
    struct hepta_sock *s;
    (void)arg;
    CHILD_CHECK(fill_backlog(NULL) == 0);
    CHILD_CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
    CHILD_CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
    CHILD_CHECK(connect_as(&s, HEPTA_SOCK_STREAM, HEPTA_FOREVER) == -EINTR);
    CHILD_CHECK(connect_as(&s, HEPTA_SOCK_STREAM, hepta_in_ms(60000)) == -EINTR);
    return 0;
}

static int waits(void *arg)
{
    struct hepta_sock *s;
    CHILD_CHECK(fill_backlog(NULL) == 0);
    int64_t end = hepta_in_ms(30);
    CHILD_CHECK(connect_as(&s, HEPTA_SOCK_STREAM, end) == -ETIMEDOUT);
    CHILD_CHECK(hepta_now_ns() >= end);
    CHILD_CHECK(connect_as(&s, HEPTA_SOCK_STREAM, 1) == -ETIMEDOUT);
    unit_say(arg, 1);
    CHILD_CHECK(connect_as(&s, HEPTA_SOCK_STREAM, HEPTA_FOREVER) == 0);
    CHILD_CHECK(hepta_sock_send(s, "x", 1, HEPTA_NOW) == 1);
    hepta_sock_close(s);
    return 0;
}

static void test_full_backlog(void **state)
{
    struct hepta_sock *l, *s;
    uint32_t *said = unit_shared(sizeof *said);
    (void)state;
    assert_int_equal(listen_on(&l, HEPTA_SOCK_STREAM, 0), 0);
    unit_in_child(interrupted, NULL);
    while (hepta_sock_accept(l, &s, HEPTA_NOW) == 0)
        hepta_sock_close(s);
    pid_t pid = unit_start(waits, said);
    unit_await(said, 0);
    unit_sleep_ms(20);
    char c = 0;
    while (c == 0) { /* those that only filled it never sent anything */
        assert_int_equal(hepta_sock_accept(l, &s, hepta_in_ms(60000)), 0);
        hepta_sock_recv(s, &c, 1, hepta_in_ms(60000));
        hepta_sock_close(s);
    }
    assert_int_equal(unit_reap(pid), 0);
    hepta_sock_close(l);
    munmap(said, sizeof *said);
}

static void test_another_type(void **state)
{
    struct hepta_sock *l, *s;
    (void)state;
    assert_int_equal(listen_on(&l, HEPTA_SOCK_SEQPACKET, 0), 0);
    assert_int_equal(connect_as(&s, HEPTA_SOCK_STREAM, HEPTA_NOW), -EPROTOTYPE);
    assert_int_equal(connect_as(&s, HEPTA_SOCK_DGRAM, HEPTA_FOREVER), -EPROTOTYPE);
    hepta_sock_close(l);
}

static void test_abstract(void **state)
{
    struct hepta_sock *l, *other, *s;
    char name[64], longer[80];
    (void)state;
    snprintf(name, sizeof name, "kernel.unix:@hepta-unit-%d", getpid());
    snprintf(longer, sizeof longer, "%sx", name);
    assert_int_equal(hepta_sock_listen(&l, name, NULL), 0);
    assert_int_equal(hepta_sock_listen(&other, name, NULL), -EADDRINUSE);
    assert_int_equal(hepta_sock_connect(&s, name, NULL, HEPTA_NOW), 0);
    hepta_sock_close(s);
    assert_int_equal(hepta_sock_connect(&s, longer, NULL, HEPTA_NOW), -ECONNREFUSED);
    hepta_sock_close(l);
    assert_int_equal(hepta_sock_connect(&s, name, NULL, HEPTA_NOW), -ECONNREFUSED);
}

static void test_local_of_datagrams(void **state)
{
    struct hepta_sock *l, *s;
    struct hepta_sock_stat st;
    char from[100];
    (void)state;
    snprintf(from, sizeof from, "unix:%s/mine", dir);
    struct hepta_sock_options o = {.size = sizeof o, .type = HEPTA_SOCK_DGRAM, .local = from};
    assert_int_equal(listen_on(&l, HEPTA_SOCK_DGRAM, 0), 0);
    assert_int_equal(hepta_sock_connect(&s, address, &o, HEPTA_NOW), 0);
    assert_int_equal(hepta_sock_stat(s, &st, sizeof st), 0);
    assert_string_equal(st.local + strlen("kernel."), from);
    assert_int_equal(access(from + 5, F_OK), 0);
    hepta_sock_close(s);
    assert_int_equal(access(from + 5, F_OK), -1);
    hepta_sock_close(l);
    o.type = HEPTA_SOCK_STREAM;
    assert_int_equal(hepta_sock_connect(&s, address, &o, HEPTA_NOW), -EINVAL);
}

static uint32_t enough; /* says to binds_again() that it may stop */

static void *binds_again(void *arg)
{
    struct hepta_sock *l;
    while (!__atomic_load_n(&enough, __ATOMIC_ACQUIRE)) {
        if (listen_on(&l, HEPTA_SOCK_STREAM, 0) < 0)
            return arg; /* not NULL */
        hepta_sock_close(l);
    }
    return NULL;
}

static int stays(void *arg)
{
    (void)arg;
    return unit_stay();
}

/* Children that were forked by another thread, some while the directory was locked. */
static void test_a_child_keeps_no_lock(void **state)
{
    enum { N = 40 };
    pid_t pid[N];
    pthread_t t;
    void *bad;
    (void)state;
    unit_say(&enough, 0);
    assert_int_equal(pthread_create(&t, NULL, binds_again, dir), 0);
    for (int i = 0; i < N; i++)
        pid[i] = unit_start(stays, NULL);
    unit_say(&enough, 1);
    pthread_join(t, &bad);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = flock(fd, LOCK_EX | LOCK_NB);
    close(fd);
    for (int i = 0; i < N; i++)
        unit_kill(pid[i]);
    assert_null(bad);
    assert_int_equal(r, 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(test_closing_removes, setup, teardown),
    cmocka_unit_test_setup_teardown(test_only_its_own, setup, teardown),
    cmocka_unit_test_setup_teardown(test_a_child_leaves_it, setup, teardown),
    cmocka_unit_test_setup_teardown(test_relative_path, setup, teardown),
    cmocka_unit_test_setup_teardown(test_stale_is_taken_over, setup, teardown),
    cmocka_unit_test_setup_teardown(test_in_use, setup, teardown),
    cmocka_unit_test_setup_teardown(test_asking_is_not_seen, setup, teardown),
    cmocka_unit_test_setup_teardown(test_other_files_stay, setup, teardown),
    cmocka_unit_test_setup_teardown(test_mode, setup, teardown),
    cmocka_unit_test_setup_teardown(test_directories, setup, teardown),
    cmocka_unit_test_setup_teardown(test_permissions, setup, teardown),
    cmocka_unit_test_setup_teardown(test_lock_is_held, setup, teardown),
    cmocka_unit_test_setup_teardown(test_race, setup, teardown),
    cmocka_unit_test_setup_teardown(test_a_child_keeps_no_lock, setup, teardown),
    cmocka_unit_test_setup_teardown(test_full_backlog, setup, teardown),
    cmocka_unit_test_setup_teardown(test_another_type, setup, teardown),
    cmocka_unit_test_setup_teardown(test_abstract, setup, teardown),
    cmocka_unit_test_setup_teardown(test_local_of_datagrams, setup, teardown),
};

UNIT_MAIN(tests)
