/* SPDX-License-Identifier: MIT */
/*
 * trace.c - see trace.h. A step costs 30 us when tracer and victim share a processor and
 * eight times that when not: callers pin first. Start with trace_run().
 */
#define _GNU_SOURCE
#include "trace.h"

#include "../lib/t.h"

#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define MARK 0x68377374 /* prctl(MARK) does nothing: it marks the end of the verb */
#define NO_CALL UINT64_MAX
#define PENDING_OFFSET 16 /* of list_op_pending in struct robust_list_head */

struct cpu {
    uint64_t pc, call, arg0;
};

static bool get_cpu(pid_t pid, struct cpu *cpu)
{
    struct user_regs_struct regs;
    struct iovec iov = {&regs, sizeof(regs)};

    if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov) < 0)
        return false;
#if defined(__x86_64__)
    *cpu = (struct cpu){regs.rip, regs.rax, regs.rdi};
#elif defined(__aarch64__)
    *cpu = (struct cpu){regs.pc, regs.regs[8], regs.regs[0]};
#else
#error "which registers hold the program counter and the system call?"
#endif
    return true;
}

static bool is_call_instruction(const unsigned char code[4])
{
#if defined(__x86_64__)
    return code[0] == 0x0f && code[1] == 0x05;
#else
    return code[0] == 0x01 && code[1] == 0 && code[2] == 0 && code[3] == 0xd4;
#endif
}

void trace_begin(void)
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
        _exit(77);
    raise(SIGSTOP);
}

void trace_end(void)
{
    prctl(MARK, 0, 0, 0, 0);
}

/* One line of /proc/PID/maps; the same piece mapped twice counts once. */
static void add_range(struct tracee *t, const char *line)
{
    struct trace_range *new = &t->range[t->n_ranges];
    unsigned long from, to, off, inode;
    size_t watch;

    if (t->n_ranges == TRACE_RANGES || !strstr(line, t->segment) ||
        sscanf(line, "%lx-%lx %*s %lx %*s %lu", &from, &to, &off, &inode) != 4)
        return;
    for (struct trace_range *r = t->range; r < new; r++)
        if (r->inode == inode && r->off == off)
            return;
    *new = (struct trace_range){from, to - from, inode, off};
    watch = off ? t->watch_data : t->watch;
    if (watch && new->len > watch)
        new->len = watch;
    t->len += new->len;
    t->n_ranges++;
}

/* The segment may appear and go while the verb runs, in create and close. */
static void find_segment(struct tracee *t)
{
    char path[32], line[512];
    FILE *f;

    t->n_ranges = 0;
    t->len = 0;
    snprintf(path, sizeof(path), "/proc/%d/maps", (int)t->pid);
    f = fopen(path, "re");
    if (!f)
        return;
    while (fgets(line, sizeof(line), f))
        add_range(t, line);
    fclose(f);
    if (t->len > t->size) {
        t->seen = realloc(t->seen, t->len);
        t->now = realloc(t->now, t->len);
        t->size = t->len;
        memset(t->seen, 0, t->len);
    }
}

/* Reads the state; true if it isn't the one seen last. */
static bool look(struct tracee *t, const struct cpu *cpu)
{
    unsigned char code[4] = {0};
    uint64_t pending = 0, next_call;
    struct iovec local[3] = {{code, 4}, {&pending, 8}, {t->now, t->len}};
    struct iovec remote[2 + TRACE_RANGES] = {{(void *)cpu->pc, 4},
                                             {(void *)(t->robust + PENDING_OFFSET), 8}};
    bool changed;

    for (int i = 0; i < t->n_ranges; i++)
        remote[2 + i] = (struct iovec){(void *)t->range[i].from, t->range[i].len};
    process_vm_readv(t->pid, local, t->blind ? 1 : 3, remote,
                     t->blind ? 1 : 2 + (unsigned long)t->n_ranges, 0);
    t->at_call = is_call_instruction(code);
    if (t->blind)
        return false;
    next_call = t->at_call ? cpu->call : NO_CALL;
    changed = pending != t->pending || next_call != t->next_call ||
              (t->len && memcmp(t->seen, t->now, t->len) != 0);
    if (changed && t->len)
        memcpy(t->seen, t->now, t->len);
    t->pending = pending;
    t->next_call = next_call;
    return changed;
}

bool trace_start(struct tracee *t, pid_t pid, const char *segment, size_t watch,
                 size_t watch_data)
{
    int64_t end = t_now_ns() + 5000 * T_MS;
    size_t size = 0;
    void *head = NULL;
    int status = 0;
    struct cpu cpu;

    memset(t, 0, sizeof(*t));
    t->pid = pid;
    t->segment = segment;
    t->watch = watch;
    t->watch_data = watch_data ? watch_data : watch;
    while (waitpid(pid, &status, WNOHANG | __WALL) != pid) {
        if (t_now_ns() > end)
            return false;
        sched_yield();
    }
    if (!WIFSTOPPED(status))
        return false;
    ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_EXITKILL);
    syscall(SYS_get_robust_list, pid, &head, &size);
    t->robust = (uint64_t)(uintptr_t)head;
    find_segment(t);
    if (!get_cpu(pid, &cpu))
        return false;
    t->call = cpu.call;
    look(t, &cpu);
    return true;
}

/* Waits for the trap after one step; a system call may sleep instead. */
static enum trace_end wait_step(struct tracee *t, bool may_sleep, int *status)
{
    int64_t start = t_now_ns();

    for (;;) {
        pid_t got = waitpid(t->pid, status, __WALL | (may_sleep ? WNOHANG : 0));

        if (got == t->pid)
            return WIFSTOPPED(*status) ? TRACE_TARGET : TRACE_GONE;
        if (got < 0 && errno != EINTR)
            return TRACE_GONE;
        sched_yield();
        if (t->in_call && t_now_ns() - start > 5000 * T_MS)
            return TRACE_HUNG;
        if (t->in_call)
            t_sleep_ns(50000);
        else if (t_now_ns() - start > T_MS / 2 && t_state(t->pid) == 'S' && t_asleep(t->pid, 2))
            return TRACE_ASLEEP;
    }
}

static bool changes_maps(uint64_t call)
{
    return call == SYS_mmap || call == SYS_munmap || call == SYS_mremap;
}

/* One instruction, or the rest of the call in which the victim sleeps. */
static enum trace_end one_step(struct tracee *t, int *signal)
{
    enum trace_end end;
    int status = 0;

    if (!t->in_call && ptrace(PTRACE_SINGLESTEP, t->pid, NULL, *signal) < 0)
        return TRACE_GONE;
    end = wait_step(t, t->at_call, &status);
    t->in_call = end == TRACE_ASLEEP || end == TRACE_HUNG;
    *signal = 0;
    if (end == TRACE_TARGET && WSTOPSIG(status) != SIGTRAP)
        *signal = WSTOPSIG(status);
    return end;
}

/* After a step: the new state, and whether the verb is over. */
static enum trace_end arrive(struct tracee *t, bool *changed)
{
    struct cpu cpu;

    if (t->at_call && changes_maps(t->call))
        find_segment(t);
    if (!get_cpu(t->pid, &cpu))
        return TRACE_GONE;
    t->pc = cpu.pc;
    t->call = cpu.call;
    *changed = look(t, &cpu);
    return t->at_call && cpu.call == SYS_prctl && cpu.arg0 == MARK ? TRACE_DONE : TRACE_TARGET;
}

enum trace_end trace_run(struct tracee *t, uint64_t state, uint64_t step)
{
    int signal = 0;

    for (;;) {
        enum trace_end end = one_step(t, &signal);
        bool changed = end == TRACE_ASLEEP;

        if (end == TRACE_TARGET)
            end = arrive(t, &changed);
        if (end == TRACE_GONE || end == TRACE_HUNG || end == TRACE_DONE)
            return end;
        t->n_steps++;
        if (t->beat)
            ++*t->beat;
        t->n_states += changed;
        if ((changed && t->n_states == state) || t->n_steps == step)
            return TRACE_TARGET;
        if (t->n_steps == t->steps_max)
            return TRACE_ENDLESS;
        if (end == TRACE_ASLEEP)
            return end;
    }
}

bool trace_leave_stopped(struct tracee *t)
{
    int status;

    if (t->in_call) {
        kill(t->pid, SIGSTOP);
        if (waitpid(t->pid, &status, __WALL) != t->pid || !WIFSTOPPED(status))
            return false;
    }
    if (ptrace(PTRACE_DETACH, t->pid, NULL, (void *)(long)SIGSTOP) < 0)
        return false;
    for (int i = 0; i < 1000; i++) {
        if (t_state(t->pid) == 'T')
            return true;
        t_sleep_ns(1000000);
    }
    return false;
}

void trace_free(struct tracee *t)
{
    free(t->seen);
    free(t->now);
    t->seen = t->now = NULL;
}
