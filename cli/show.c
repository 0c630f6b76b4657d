/* SPDX-License-Identifier: MIT */
/*
 * cli/show.c - hepta show: all that can be known of one object, and who has it
 *
 * The object is found in the list that `ls` makes, by its address or its name; what has the same
 * address, as several sockets of one port, is shown one after another.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <hepta/base.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/find.h"
#include "cli/ls_print.h"
#include "cli/table.h"

static void help(void)
{
    puts("Examples:\n"
         "  hepta show mq:/jobs               Hepta's queue: contents, limits, who has it, who waits\n"
         "  hepta show kernel.msg:0x4d2       the kernel's System V queue with that key\n"
         "  hepta show /jobs --json           all that is called /jobs, as JSON\n"
         "\n"
         "Usage: hepta show [OPTION...] ADDRESS|NAME\n"
         "\n"
         "Shows everything that is known of an object, and the processes that have it, hold it or\n"
         "wait for it. ADDRESS is as in `hepta ls -o ADDRESS`: KIND:NAME, with kernel. before it for\n"
         "the kernel's own. System V's are named by key, or as id:N. Nothing is disturbed.\n"
         "\n"
         "  --json          one JSON object a line\n"
         "  --color WHEN    auto, always or never\n"
         "\n"
         "Exit status: 0 done, 3 no such object, 6 done, but this user can't see everything.");
}

/* --- processes -------------------------------------------------------------------------- */

/* What it was started as, or its name. */
static const char *command(pid_t pid, char *text, size_t room)
{
    static const char *const files[] = {"cmdline", "comm"};
    char path[64];
    ssize_t n = 0;
    for (int i = 0; i < 2 && n <= 0; i++) {
        snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, files[i]);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, text, room - 1);
        if (fd >= 0)
            close(fd);
    }
    for (ssize_t i = 0; i < n; i++)
        if (!text[i] || text[i] == '\n')
            text[i] = ' ';
    while (n > 0 && text[n - 1] == ' ')
        n--;
    text[n > 0 ? n : 0] = 0;
    return text;
}

/* Of a thread that a table names. */
static pid_t process_of(pid_t tid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/status", (int)tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    const char *p = strstr(text, "\nTgid:");
    return p ? (pid_t)atoi(p + 6) : 0;
}

static const char *how(const struct object_user *u, char text[60])
{
    static const char *const words[] = {"read", "write", "mapped", "waits", "holds"};
    size_t len = 0;
    text[0] = 0;
    for (int i = 0; i < 5; i++)
        if (u->how >> i & 1)
            len += (size_t)snprintf(text + len, 60 - len, "%s%s", len ? " " : "", words[i]);
    if (u->call)
        snprintf(text + len, 60 - len, " (%s)", u->call);
    return text;
}

static const char *since(const struct object_user *u, char text[FIGURE_LEN])
{
    if (u->since_ns <= 0)
        return strcpy(text, "-");
    double s = (double)(hepta_now_ns() - u->since_ns) / 1e9;
    snprintf(text, FIGURE_LEN, "%.1f s", s > 0 ? s : 0);
    return text;
}

static void print_users(const struct object *o)
{
    static const char *const columns[] = {">PID", ">THREAD", "HOW", ">SINCE", "COMMAND", NULL};
    char text[120], words[60], age[FIGURE_LEN];
    if (!o->n_used)
        return;
    struct libscols_table *table = table_new(columns);
    for (size_t i = 0; i < o->n_used; i++) {
        const struct object_user *u = &o->users[i];
        pid_t pid = u->pid ? u->pid : process_of(u->tid);
        struct libscols_line *line = table_line(table);
        table_set(line, 0, "%d", (int)pid);
        table_set(line, 1, u->tid ? "%d" : "-", (int)u->tid);
        table_set(line, 2, "%s", how(u, words));
        table_set(line, 3, "%s", since(u, age));
        table_set(line, 4, "%s", u->dead ? "(dead)" : command(pid, text, sizeof text));
        if (u->dead)
            table_colour(line, "red");
    }
    table_end(table);
}

/* --- one object ------------------------------------------------------------------------- */

/* Names may have what a terminal would obey. */
static void print_safely(const char *text)
{
    for (; *text; text++)
        if (iscntrl((unsigned char)*text))
            printf("\\x%02x", (unsigned char)*text);
        else
            putchar(*text);
}

static void line(const char *label, const char *text)
{
    if (!text)
        return;
    printf("%-22s ", label);
    print_safely(text);
    putchar('\n');
}

static void number(const char *label, int64_t n)
{
    char text[24];
    if (n == UNKNOWN)
        return;
    snprintf(text, sizeof text, "%lld", (long long)n);
    line(label, text);
}

static void print_text(const struct object *o, bool colour)
{
    char text[4600];
    bool bad = o->state > OBJECT_UNUSED && o->state < OBJECT_UNKNOWN;
    if (colour)
        fputs("\033[1m", stdout);
    print_safely(print_address(o, text, sizeof text));
    puts(colour ? "\033[0m" : "");
    snprintf(text, sizeof text, "%s%s%s%s%s", colour && bad ? "\033[31m" : "",
             object_states[o->state], o->why ? ": " : "", o->why ? o->why : "",
             colour && bad ? "\033[0m" : "");
    printf("%-22s %s\n", "state", text);
    line("owner", print_user(o->uid));
    if (o->mode != UNKNOWN) {
        snprintf(text, sizeof text, "%04o", (unsigned)o->mode);
        line("mode", text);
    }
    number("depth", o->depth);
    number("size", o->size);
    number("processes", o->n_users);
    number("waiters", o->n_waiters);
    number("id", o->id);
    if (o->key != UNKNOWN) {
        snprintf(text, sizeof text, "0x%08x", (unsigned)o->key);
        line("key", text);
    }
    number("inode", o->ino ? (int64_t)o->ino : UNKNOWN);
    for (const struct object_fact *f = o->facts; f; f = f->next)
        line(f->name, f->text);
    print_users(o);
}

static struct json_object *users_json(const struct object *o)
{
    struct json_object *all = json_object_new_array();
    char text[120], words[60];
    for (size_t i = 0; i < o->n_used; i++) {
        const struct object_user *u = &o->users[i];
        struct json_object *j = json_object_new_object();
        pid_t pid = u->pid ? u->pid : process_of(u->tid);
        json_object_object_add(j, "pid", json_object_new_int(pid));
        json_object_object_add(j, "tid", u->tid ? json_object_new_int(u->tid) : NULL);
        json_object_object_add(j, "how", print_text_json(how(u, words)));
        json_object_object_add(j, "dead", json_object_new_boolean(u->dead));
        json_object_object_add(j, "since_ns",
                               u->since_ns > 0 ? json_object_new_int64(u->since_ns) : NULL);
        json_object_object_add(j, "command",
                               u->dead ? NULL : print_text_json(command(pid, text, sizeof text)));
        json_object_array_add(all, j);
    }
    return all;
}

static void print_json(const struct object *o)
{
    struct json_object *j = print_object_json(o), *facts = json_object_new_object();
    for (const struct object_fact *f = o->facts; f; f = f->next)
        json_object_object_add(facts, f->name, print_text_json(f->text));
    json_object_object_add(j, "facts", facts);
    json_object_object_add(j, "users", users_json(o));
    puts(json_object_to_json_string_ext(j, JSON_C_TO_STRING_PLAIN));
    json_object_put(j);
}

/* --- the verb --------------------------------------------------------------------------- */

static int show(const char *address, bool json, const struct print_options *p)
{
    struct scan s;
    size_t n = 0;
    scan_all(&s, true);
    find_file(&s, address);
    scan_sort(&s);
    for (size_t i = 0; i < s.n; i++) {
        if (!find_matches(s.all[i], address))
            continue;
        if (n++ && !json)
            putchar('\n');
        if (json)
            print_json(s.all[i]);
        else
            print_text(s.all[i], print_wants_colour(p));
    }
    int status = cli_finish(n == 0 ? CLI_NOT_FOUND : scan_is_whole(&s) ? CLI_OK : CLI_INCOMPLETE);
    if (n == 0)
        find_complain(&s, address);
    print_gaps(&s);
    scan_free(&s);
    return status;
}

int cli_show(int argc, char **argv)
{
    static const struct option options[] = {{"color", required_argument, NULL, 'c'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"jsonl", no_argument, NULL, 'j'},
                                            {NULL, 0, NULL, 0}};
    struct print_options p = {.form = PRINT_TABLE};
    bool json = false;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'h') {
            help();
            return cli_finish(CLI_OK);
        }
        if (c == 'c' && !print_colour(&p, optarg))
            return cli_usage("--color is auto, always or never, not '%s'", optarg);
        if (c == '?')
            return cli_usage("wrong option");
        json |= c == 'j';
    }
    if (argc - optind != 1)
        return cli_usage("give one address or name, as in 'hepta ls -o ADDRESS'");
    const char *wrong = find_wrong(argv[optind]);
    return wrong ? cli_usage("%s", wrong) : show(argv[optind], json, &p);
}
