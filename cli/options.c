/* SPDX-License-Identifier: MIT */
/* cli/options.c - messages and the reading of arguments, the same for all verbs */
#define _GNU_SOURCE
#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *name = "hepta";
static bool progress_shown;

void cli_name(const char *verb)
{
    name = verb;
}

void cli_progress_clear(void)
{
    if (progress_shown)
        fputs("\r\033[K", stderr);
    progress_shown = false;
}

void cli_progress(const char *form, ...)
{
    va_list args;

    if (!isatty(STDERR_FILENO))
        return;
    fputs("\r\033[K", stderr);
    va_start(args, form);
    vfprintf(stderr, form, args);
    va_end(args);
    fflush(stderr);
    progress_shown = true;
}

void cli_error(const char *form, ...)
{
    va_list args;

    cli_progress_clear();
    fprintf(stderr, "%s: ", name);
    va_start(args, form);
    vfprintf(stderr, form, args);
    va_end(args);
    fputc('\n', stderr);
}

int cli_usage(const char *form, ...)
{
    va_list args;

    fprintf(stderr, "%s: ", name);
    va_start(args, form);
    vfprintf(stderr, form, args);
    va_end(args);
    fprintf(stderr, "; see '%s --help'\n", name);
    return CLI_USAGE;
}

bool cli_colour(FILE *out)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

    return !(no && *no) && term && strcmp(term, "dumb") && isatty(fileno(out));
}

int cli_finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    if (errno == EPIPE) {
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    cli_error("can't write to standard output: %s; the output is incomplete", strerror(errno));
    return CLI_FAILED;
}

bool cli_size(const char *text, size_t min, size_t max, size_t *out)
{
    static const char units[] = "KMG";
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, *end) : NULL;
    if (unit) {
        unsigned shift = 10 * (unsigned)(unit - units + 1);
        if (n > (UINT64_MAX >> shift))
            return false;
        n <<= shift;
        end++;
    }
    if (errno || *end || n < min || n > max)
        return false;
    *out = (size_t)n;
    return true;
}

int cli_word(const char *word, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (!strcmp(word, words[i]))
            return i;
    return -1;
}

bool cli_number(const char *text, double max, double *out)
{
    char *end;

    if ((*text < '0' || *text > '9') && *text != '.')
        return false;
    *out = strtod(text, &end);
    return end != text && !*end && *out > 0 && *out <= max;
}
