/* SPDX-License-Identifier: MIT */
/*
 * cli/report_facts.c - what is known of the machine, and of the run
 *
 * All of it is read from /proc and /sys; what a machine doesn't tell is left out.
 */
#define _GNU_SOURCE
#include "cli/report_html.h"
#include "cli/report_page.h"

#include "bench/cpus.h"

#include <dirent.h>
#include <gnu/libc-version.h>
#include <hepta/base.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static void add(struct report_facts *f, const char *name, const char *form, ...)
    __attribute__((format(printf, 3, 4)));

static void add(struct report_facts *f, const char *name, const char *form, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, form);
    if (vasprintf(&text, form, args) < 0)
        text = NULL;
    va_end(args);
    char *clean = text && *text && f->n < REPORT_FACTS_MAX ? html_clean(text) : NULL;
    free(text);
    if (!clean)
        return;
    f->fact[f->n].name = name;
    f->fact[f->n++].text = clean;
}

/* The first line of a file into @text; empty if there is none. */
static const char *line_of(char text[256], const char *path)
{
    FILE *in = fopen(path, "re");

    text[0] = '\0';
    if (in && fgets(text, 256, in))
        text[strcspn(text, "\n")] = '\0';
    if (in)
        fclose(in);
    return text;
}

static void add_cpu(struct report_facts *f)
{
    char line[512], *colon;
    FILE *in = fopen("/proc/cpuinfo", "re");
    bool found = false;

    while (in && !found && fgets(line, sizeof(line), in)) {
        found = !strncmp(line, "model name", 10) && (colon = strchr(line, ':'));
        if (found)
            add(f, "CPU", "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
    }
    if (in)
        fclose(in);
}

static void add_caches(struct report_facts *f)
{
    char path[128], level[256], type[256], size[256], all[512];
    size_t len = 0;

    for (int i = 0; i < 8; i++) {
        snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu0/cache/index%d/level", i);
        line_of(level, path);
        snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu0/cache/index%d/type", i);
        line_of(type, path);
        snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu0/cache/index%d/size", i);
        if (!*line_of(size, path) || len >= sizeof(all))
            break;
        len += (size_t)snprintf(all + len, sizeof(all) - len, "%sL%s%s %s", i ? ", " : "", level,
                                *type == 'U' ? "" : *type == 'D' ? "d" : "i", size);
    }
    if (len > 0)
        add(f, "Caches", "%s", all);
}

static void add_cores(struct report_facts *f)
{
    int cpu[2];
    char text[256];

    add(f, "Processors", "%ld, of which %ld are online", sysconf(_SC_NPROCESSORS_CONF),
        sysconf(_SC_NPROCESSORS_ONLN));
    if (!bench_cpus_pick(true, cpu))
        add(f, "Measured on", "processors %d and %d; same core: %d", cpu[0], cpu[1], cpu[0]);
    else if (!bench_cpus_pick(false, cpu))
        add(f, "Measured on", "processor %d only", cpu[0]);
    line_of(text, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    add(f, "Governor", "%s", *text ? text : "none that the machine tells of");
    add(f, "Memory", "%.1f GiB",
        (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / (1 << 30));
}

static void add_system(struct report_facts *f)
{
    struct utsname u;
    char text[256];

    if (!uname(&u))
        add(f, "Kernel", "%s %s, %s, %s", u.sysname, u.release, u.machine, u.version);
    add(f, "Virtual machine", "%s", line_of(text, "/sys/hypervisor/type"));
    add(f, "Clock", "%s",
        line_of(text, "/sys/devices/system/clocksource/clocksource0/current_clocksource"));
    add(f, "Large pages", "%s", line_of(text, "/sys/kernel/mm/transparent_hugepage/enabled"));
    add(f, "C library", "glibc %s", gnu_get_libc_version());
#ifdef __clang__
    add(f, "Compiler", "%s", __VERSION__);
#else
    add(f, "Compiler", "gcc %s", __VERSION__);
#endif
    add(f, "Hepta", "%s, library %s", HEPTA_VERSION, hepta_version());
}

static void add_load(struct report_facts *f, const char *name)
{
    char text[256];
    double load[3];

    line_of(text, "/proc/loadavg");
    if (sscanf(text, "%lf %lf %lf", &load[0], &load[1], &load[2]) == 3)
        add(f, name, "%.1f, %.1f, %.1f over 1, 5 and 15 minutes", load[0], load[1], load[2]);
}

static int visible(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

/* Those that this processor needs; many of them cost system calls their speed. */
static void add_mitigations(struct report_facts *f)
{
    static const char dir[] = "/sys/devices/system/cpu/vulnerabilities";
    struct dirent **list = NULL;
    char path[512], text[256], *all = NULL;
    const char *word = "Mitigation: ";
    int n = scandir(dir, &list, visible, alphasort);

    for (int i = 0; i < n; i++) {
        char *before = all;
        snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
        line_of(text, path);
        if (*text && strcmp(text, "Not affected") &&
            asprintf(&all, "%s%s%s: %s", before ? before : "", before ? "; " : "", list[i]->d_name,
                     !strncmp(text, word, strlen(word)) ? text + strlen(word) : text) < 0)
            all = NULL;
        if (all != before)
            free(before);
        free(list[i]);
    }
    free(list);
    if (n >= 0)
        add(f, "Mitigations", "%s", all ? all : "none needed");
    free(all);
}

static void read_ticks(long long ticks[3])
{
    long long t[8] = {0};
    char text[256];

    line_of(text, "/proc/stat");
    sscanf(text, "cpu %lld %lld %lld %lld %lld %lld %lld %lld", &t[0], &t[1], &t[2], &t[3], &t[4],
           &t[5], &t[6], &t[7]);
    ticks[0] = t[0] + t[1] + t[2] + t[5] + t[6];
    ticks[1] = t[7];
    ticks[2] = ticks[0] + ticks[1] + t[3] + t[4];
}

/* As it can be typed again. */
static void quote(FILE *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_./,:=@%+-";

    if (*word && !word[strspn(word, plain)]) {
        fputs(word, out);
        return;
    }
    putc('\'', out);
    for (; *word; word++) {
        if (*word == '\'')
            fputs("'\\''", out);
        else
            putc(*word, out);
    }
    putc('\'', out);
}

char *report_command(char *const *argv)
{
    char *text = NULL, *clean = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    if (!out)
        return NULL;
    fputs("hepta", out);
    for (; *argv; argv++) {
        putc(' ', out);
        quote(out, *argv);
    }
    if (!fclose(out))
        clean = html_clean(text);
    free(text);
    return clean;
}

void report_facts_begin(struct report_facts *f, const char *command)
{
    time_t now = time(NULL);
    char text[256];
    struct tm tm;

    *f = (struct report_facts){.n = 0};
    add(f, "Command", "%s", command ? command : "");
    if (gmtime_r(&now, &tm) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &tm))
        add(f, "Date", "%s", text);
    add_cpu(f);
    add_cores(f);
    add_caches(f);
    add_system(f);
    add_mitigations(f);
    add_load(f, "Load before");
    read_ticks(f->start_ticks);
}

void report_facts_end(struct report_facts *f, double seconds, double disturbed_per_s)
{
    long long ticks[3];

    read_ticks(ticks);
    double all = (double)(ticks[2] - f->start_ticks[2]);
    add_load(f, "Load after");
    if (all > 0)
        add(f, "While measuring", "processors busy %.0f %% of the time, taken by the host %.1f %%",
            100 * (double)(ticks[0] - f->start_ticks[0]) / all,
            100 * (double)(ticks[1] - f->start_ticks[1]) / all);
    add(f, "Disturbed", "other programs took a processor away up to %.0f times a second",
        disturbed_per_s);
    add(f, "It took", "%.0f s", seconds);
}

void report_facts_free(struct report_facts *f)
{
    while (f->n > 0)
        free(f->fact[--f->n].text);
}

void report_machine(FILE *out, const struct report_facts *f)
{
    fputs("<section id=\"machine\">\n<h2>The machine</h2>\n<dl>\n", out);
    for (int i = 0; i < f->n; i++) {
        fprintf(out, "<div><dt>%s</dt><dd>", f->fact[i].name);
        html_text(out, f->fact[i].text);
        fputs("</dd></div>\n", out);
    }
    fputs("</dl>\n</section>\n", out);
}
