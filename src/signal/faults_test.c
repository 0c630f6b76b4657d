/* SPDX-License-Identifier: MIT */
/*
 * signal/faults_test.c - every kind of fault that a program can cause is reported with its cause,
 * and then does what it did before: the host's handler, or the end, at the same instruction
 */
#define _GNU_SOURCE
#include "signal/guard_test.h"

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define ALL                                                                            \
    (HEPTA_SIGNAL(SIGSEGV) | HEPTA_SIGNAL(SIGBUS) | HEPTA_SIGNAL(SIGFPE) |             \
     HEPTA_SIGNAL(SIGILL) | HEPTA_SIGNAL(SIGTRAP) | HEPTA_SIGNAL(SIGSYS))

/* What a dying child leaves. */
static struct said {
    int n;
    struct hepta_signal_info info;
    char text[100];
    uint64_t mask;
} *said;

static void report(const struct hepta_signal_info *info, void *arg)
{
    struct said *s = arg;
    s->n++;
    s->info = *info;
    hepta_signal_describe(info, s->text, sizeof s->text);
}

static int faults(void *arg)
{
    may_die();
    void (*fault)(void) = *(void (**)(void))arg;
    CHILD_CHECK(hepta_signal_faults(ALL, report, said) == 0);
    fault();
    return 0;
}

static int end_of(void (*fault)(void))
{
    memset(said, 0, sizeof *said);
    return unit_reap(unit_start(faults, &fault));
}

/* --- the faults ---------------------------------------------------------------------- */

static char *page;

static void touch(void)
{
    read_byte(page);
}

static void touch_nothing(void)
{
    read_byte((void *)(uintptr_t)0x10);
}

static void touch_cut_file(void)
{
    read_byte(cut_file(1, 0));
}

static void illegal(void)
{
    __builtin_trap();
}

static void send_segv(void)
{
    kill(getpid(), SIGSEGV);
}

static void system_call(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = {sizeof code / sizeof *code, code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) != 0)
        _exit(UNIT_SKIP);
    syscall(SYS_getpgid, 0);
}

#if defined(__x86_64__)
/* Behind the compiler's back, which may take a division by zero for something that isn't there. */
static void divide(void)
{
    int low = 1, high = 0;
    __asm__ volatile("idivl %2" : "+a"(low), "+d"(high) : "r"(0) : "cc");
}

static void breakpoint(void)
{
    __asm__ volatile("int3");
}

static void not_an_address(void)
{
    read_byte((void *)0x8000000000000000u);
}
#endif

static void expect(int signo, int code, uint64_t address, const char *text)
{
    assert_int_equal(said->n, 1);
    assert_int_equal(said->info.signo, signo);
    assert_int_equal(said->info.source, HEPTA_SIGNAL_FROM_FAULT);
    assert_int_equal(said->info.code, code);
    if (address)
        assert_int_equal(said->info.address, address);
    if (strncmp(said->text, text, strlen(text)) != 0)
        fail_msg("said \"%s\"", said->text);
}

static void test_causes(void **state)
{
    (void)state;
    page = no_access(1);
    assert_int_equal(end_of(touch), -SIGSEGV);
    expect(SIGSEGV, SEGV_ACCERR, (uintptr_t)page, "SIGSEGV from fault: no permission");
    assert_int_equal(end_of(touch_nothing), -SIGSEGV);
    expect(SIGSEGV, SEGV_MAPERR, 0x10, "SIGSEGV from fault: address not mapped, 0x10");
    assert_int_equal(end_of(touch_cut_file), -SIGBUS);
    expect(SIGBUS, BUS_ADRERR, 0, "SIGBUS from fault: nothing behind the mapping");
    munmap(page, PAGE);
}

static void test_illegal_instruction(void **state)
{
    (void)state;
    int r = end_of(illegal);
    assert_true(r == -SIGILL || r == -SIGTRAP); /* as the machine has it */
    assert_int_equal(said->n, 1);
    assert_int_equal(said->info.signo, -r);
    assert_int_equal(said->info.source, HEPTA_SIGNAL_FROM_FAULT);
}

static void test_forbidden_call(void **state)
{
    (void)state;
    int r = end_of(system_call);
    if (r == UNIT_SKIP)
        skip();
    assert_int_equal(r, -SIGSYS);
    expect(SIGSYS, 1, 0, "SIGSYS from fault: system call not allowed");
}

static void test_arithmetic(void **state)
{
    (void)state;
#if defined(__x86_64__)
    assert_int_equal(end_of(divide), -SIGFPE);
    expect(SIGFPE, FPE_INTDIV, 0, "SIGFPE from fault: integer division by zero");
    /* Its instruction isn't repeated: the end has to come by itself. */
    assert_int_equal(end_of(breakpoint), -SIGTRAP);
    expect(SIGTRAP, SI_KERNEL, 0, "SIGTRAP from fault: breakpoint");
    assert_int_equal(end_of(not_an_address), -SIGSEGV);
    expect(SIGSEGV, SI_KERNEL, 0, "SIGSEGV from fault: not an address");
#else
    skip();
#endif
}

static void test_sent(void **state)
{
    (void)state;
    assert_int_equal(end_of(send_segv), -SIGSEGV);
    assert_int_equal(said->n, 1);
    assert_int_equal(said->info.source, HEPTA_SIGNAL_FROM_KILL);
    assert_true(said->info.pid > 0 && said->info.address == 0);
}

/* --- the end, as a debugger sees it -------------------------------------------------- */

#define REGS 4096

/* The signal that the child is about to be given. */
static void look(pid_t pid, siginfo_t *si, char *regs)
{
    struct iovec iov = {regs, REGS};
    int status;
    memset(regs, 0, REGS);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSEGV);
    assert_int_equal(ptrace(PTRACE_GETSIGINFO, pid, 0, si), 0);
    assert_int_equal(ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov), 0);
}

static int traced(void *arg)
{
    if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0)
        return UNIT_SKIP;
    return faults(arg);
}

/* The same signal at the same instruction with the same registers: what a core dump has. */
static void test_ends_at_the_instruction(void **state)
{
    static char first[REGS], second[REGS];
    void (*fault)(void) = touch;
    siginfo_t si, again;
    (void)state;
    page = no_access(1);
    pid_t pid = unit_start(traced, &fault);
    look(pid, &si, first);
    assert_int_equal(ptrace(PTRACE_CONT, pid, 0, SIGSEGV), 0);
    look(pid, &again, second);
    assert_int_equal(ptrace(PTRACE_CONT, pid, 0, SIGSEGV), 0);
    assert_int_equal(unit_reap(pid), -SIGSEGV);
    assert_int_equal(again.si_code, SEGV_ACCERR);
    assert_ptr_equal(again.si_addr, si.si_addr);
    assert_ptr_equal(again.si_addr, page);
    assert_memory_equal(first, second, REGS);
    munmap(page, PAGE);
}

/* --- on another stack ---------------------------------------------------------------- */

static __attribute__((noinline)) int deeper(volatile int *above)
{
    volatile int room[64];
    room[0] = *above;
    return room[0] == 1 ? 0 : deeper(room) + room[0];
}

static void overflow(void)
{
    static char room[65536];
    const stack_t stack = {.ss_sp = room, .ss_size = sizeof room};
    const struct rlimit small = {256 * 1024, 256 * 1024};
    volatile int zero = 0;
    setrlimit(RLIMIT_STACK, &small);
    sigaltstack(&stack, NULL);
    deeper(&zero);
}

static void test_stack_overflow(void **state)
{
    (void)state;
    assert_int_equal(end_of(overflow), -SIGSEGV);
    assert_int_equal(said->n, 1);
    assert_int_equal(said->info.source, HEPTA_SIGNAL_FROM_FAULT);
}

/* --- registering --------------------------------------------------------------------- */

static void test_registering(void **state)
{
    struct sigaction before, after;
    (void)state;
    assert_int_equal(hepta_signal_faults(0, report, said), -EINVAL);
    assert_int_equal(hepta_signal_faults(ALL | HEPTA_SIGNAL(SIGINT), report, said), -EINVAL);
    assert_int_equal(hepta_signal_faults(ALL, NULL, said), -EINVAL);
    assert_int_equal(hepta_signal_faults_end(), -EINVAL);
    for (int i = 0; i < 3; i++) {
        sigaction(SIGFPE, NULL, &before);
        assert_int_equal(hepta_signal_faults(ALL, report, said), 0);
        assert_int_equal(hepta_signal_faults(ALL, report, said), -EBUSY);
        sigaction(SIGFPE, NULL, &after);
        assert_false(same_action(&before, &after));
        assert_int_equal(hepta_signal_faults_end(), 0);
        sigaction(SIGFPE, NULL, &after);
        assert_true(same_action(&before, &after));
        assert_int_equal(hepta_signal_faults_end(), -EINVAL);
    }
}

/* The host's handler is called after ours, and may mend what was wrong. */
static int mended(void *arg)
{
    char *p = arg;
    host_installs(SIGSEGV, host_mends, 0);
    CHILD_CHECK(hepta_signal_faults(ALL, report, said) == 0);
    CHILD_CHECK(write_byte(p) == 7);
    CHILD_CHECK(said->n == 1 && host_calls == 1 && host_address == p);
    CHILD_CHECK(write_byte(p) == 7);
    CHILD_CHECK(said->n == 1 && host_calls == 1);
    return 0;
}

static void test_host_mends(void **state)
{
    (void)state;
    char *p = no_access(1);
    memset(said, 0, sizeof *said);
    unit_in_child(mended, p);
    munmap(p, PAGE);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_causes),
    cmocka_unit_test(test_illegal_instruction),
    cmocka_unit_test(test_forbidden_call),
    cmocka_unit_test(test_arithmetic),
    cmocka_unit_test(test_sent),
    cmocka_unit_test(test_ends_at_the_instruction),
    cmocka_unit_test(test_stack_overflow),
    cmocka_unit_test(test_registering),
    cmocka_unit_test(test_host_mends),
};

int main(void)
{
    alarm(UNIT_LIMIT_S);
    said = mmap(NULL, sizeof *said, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return said == MAP_FAILED ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
