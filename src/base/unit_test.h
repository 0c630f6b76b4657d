/* SPDX-License-Identifier: MIT */
/*
 * base/unit_test.h - what the unit tests beside the code share: cmocka with the headers
 * that it needs, children that die with their parent, and system calls that fail
 *
 * A child must never return into cmocka, where a failed assertion would jump: it runs one
 * function, says CHILD_CHECK() where a test says assert, and its status is the result.
 * Every program has an alarm, so none can hang.
 */
#ifndef H7_BASE_UNIT_TEST_H
#define H7_BASE_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <hepta/base.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define UNIT_LIMIT_S 120
#define UNIT_SKIP    77 /* a child's status: not possible here */

#define UNIT_MAIN(tests)                                  \
    int main(void)                                        \
    {                                                     \
        alarm(UNIT_LIMIT_S);                              \
        return cmocka_run_group_tests(tests, NULL, NULL); \
    }

#define CHILD_CHECK(x)                                                          \
    do {                                                                        \
        if (!(x)) {                                                             \
            fprintf(stderr, "%s:%d: in a child: %s\n", __FILE__, __LINE__, #x); \
            _exit(1);                                                           \
        }                                                                       \
    } while (0)

/* fork(), and the child gets SIGKILL when this thread's process is gone. */
static inline pid_t unit_fork(void)
{
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(UNIT_LIMIT_S);
        if (getppid() != parent)
            _exit(1);
    }
    return pid;
}

static inline pid_t unit_start(int (*fn)(void *), void *arg)
{
    pid_t pid = unit_fork();
    if (pid == 0)
        _exit(fn(arg));
    assert_true(pid > 0);
    return pid;
}

/* The exit status, or the signal that killed it, negative. */
static inline int unit_reap(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* A child of a process with threads ends here: valgrind's look at leaks would count what
 * lies on the stacks of threads that fork() left behind. 0 becomes -SIGKILL. */
static inline int unit_leave(int status)
{
    if (status == 0)
        raise(SIGKILL);
    return status;
}

static inline void unit_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(unit_reap(pid), -SIGKILL);
}

/* Run fn in a child of its own and say what it gave; UNIT_SKIP skips the test. */
static inline void unit_in_child(int (*fn)(void *), void *arg)
{
    int status = unit_reap(unit_start(fn, arg));
    if (status == UNIT_SKIP)
        skip();
    assert_int_equal(status, 0);
}

/* Zeroed memory that children share. */
static inline void *unit_shared(size_t len)
{
    void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(p != MAP_FAILED);
    return p;
}

static inline void unit_sleep_ms(int ms)
{
    struct timespec ts = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&ts, NULL);
}

/* A child that is there until it is killed. */
static inline int unit_stay(void)
{
    while (pause() < 0)
        ;
    return 0;
}

/* Wait until *word isn't `old`; the alarm bounds it. */
static inline void unit_await(const uint32_t *word, uint32_t old)
{
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == old)
        unit_sleep_ms(1);
}

static inline void unit_say(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* From here on no descriptor can be made. For children only. */
static inline int unit_no_descriptors(void)
{
    struct rlimit lim;
    if (getrlimit(RLIMIT_NOFILE, &lim) != 0)
        return -1;
    lim.rlim_cur = 0;
    return setrlimit(RLIMIT_NOFILE, &lim);
}

/* From here on system call nr fails with err in this process: what an old kernel or a
 * container does. 0, or -1 where that isn't possible (valgrind). For children only. */
static inline int unit_forbid(long nr, int err)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)err),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = {sizeof code / sizeof *code, code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

#endif
