/* SPDX-License-Identifier: MIT */
/*
 * signal/names.c - signals by name
 *
 * The real-time ones are counted from 34, where glibc's begin: 32 and 33 are its own. Nothing
 * here asks the locale, allocates, or can't be called in a handler.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stddef.h>

#include "signal/signal_internal.h"

#define FIRST 34

#define ONE(n) [SIG##n] = "SIG" #n
#define RT(n) [FIRST + n] = "SIGRTMIN+" #n

static const char *const names[HEPTA_SIGNAL_MAX + 1] = {
    ONE(HUP), ONE(INT), ONE(QUIT), ONE(ILL), ONE(TRAP), ONE(ABRT), ONE(BUS), ONE(FPE), ONE(KILL),
    ONE(USR1), ONE(SEGV), ONE(USR2), ONE(PIPE), ONE(ALRM), ONE(TERM), ONE(STKFLT), ONE(CHLD),
    ONE(CONT), ONE(STOP), ONE(TSTP), ONE(TTIN), ONE(TTOU), ONE(URG), ONE(XCPU), ONE(XFSZ),
    ONE(VTALRM), ONE(PROF), ONE(WINCH), ONE(IO), ONE(PWR), ONE(SYS),
    [FIRST] = "SIGRTMIN", RT(1), RT(2), RT(3), RT(4), RT(5), RT(6), RT(7), RT(8), RT(9), RT(10),
    RT(11), RT(12), RT(13), RT(14), RT(15), RT(16), RT(17), RT(18), RT(19), RT(20), RT(21), RT(22),
    RT(23), RT(24), RT(25), RT(26), RT(27), RT(28), RT(29), RT(30),
};

static const struct {
    const char *name;
    int signo;
} others[] = {{"IOT", SIGABRT}, {"CLD", SIGCHLD}, {"POLL", SIGIO}, {"RTMAX", HEPTA_SIGNAL_MAX}};

const char *hepta_signal_name(int signo)
{
    return signo < 1 || signo > HEPTA_SIGNAL_MAX ? NULL : names[signo];
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* What follows a prefix, or NULL. */
static const char *behind(const char *prefix, const char *text)
{
    for (; *prefix; prefix++, text++)
        if (upper(*text) != *prefix)
            return NULL;
    return text;
}

static int is_same(const char *name, const char *text)
{
    const char *end = behind(name, text);
    return end && *end == 0;
}

/* Decimal, nothing else, or -EINVAL. */
static int number_of(const char *text)
{
    int n = 0;
    if (!*text)
        return -EINVAL;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || n > HEPTA_SIGNAL_MAX)
            return -EINVAL;
        n = n * 10 + (*text - '0');
    }
    return n;
}

/* "RTMIN+3", "RTMAX-1": from first, so far in the direction of sign; else -EINVAL. */
static int counted(const char *text, const char *word, int first, char sign)
{
    const char *rest = behind(word, text);
    if (!rest || *rest != sign)
        return -EINVAL;
    int n = number_of(rest + 1);
    if (n < 0 || n > HEPTA_SIGNAL_MAX - FIRST)
        return -EINVAL;
    return sign == '+' ? first + n : first - n;
}

int hepta_signal_number(const char *name)
{
    if (!name)
        return -EINVAL;
    int n = number_of(name);
    if (n >= 0)
        return n >= 1 && n <= HEPTA_SIGNAL_MAX ? n : -EINVAL;
    const char *bare = behind("SIG", name);
    bare = bare ? bare : name;
    for (int i = 1; i <= HEPTA_SIGNAL_MAX; i++)
        if (names[i] && is_same(names[i] + 3, bare))
            return i;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (is_same(others[i].name, bare))
            return others[i].signo;
    n = counted(bare, "RTMIN", FIRST, '+');
    return n < 0 ? counted(bare, "RTMAX", HEPTA_SIGNAL_MAX, '-') : n;
}

const char *hepta_signal_source_name(uint32_t source)
{
    static const char *const sources[] = {
        [HEPTA_SIGNAL_FROM_KERNEL] = "kernel",   [HEPTA_SIGNAL_FROM_KEYBOARD] = "keyboard",
        [HEPTA_SIGNAL_FROM_KILL] = "kill",       [HEPTA_SIGNAL_FROM_TKILL] = "tkill",
        [HEPTA_SIGNAL_FROM_QUEUE] = "sigqueue",  [HEPTA_SIGNAL_FROM_TIMER] = "timer",
        [HEPTA_SIGNAL_FROM_CHILD] = "child",     [HEPTA_SIGNAL_FROM_FAULT] = "fault",
        [HEPTA_SIGNAL_FROM_MQ] = "mq",           [HEPTA_SIGNAL_FROM_IO] = "io",
        [HEPTA_SIGNAL_FROM_MAILBOX] = "mailbox",
    };
    return source < sizeof sources / sizeof *sources ? sources[source] : "unknown";
}
