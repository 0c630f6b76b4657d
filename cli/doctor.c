/* SPDX-License-Identifier: MIT */
/*
 * cli/doctor.c - hepta doctor: leftovers, what the dead hold, what is corrupt, limits about to be
 * hit, each with the command that mends it
 *
 * Changes nothing. What is in use and changes all the time can't be checked, and is counted.
 */
#define _GNU_SOURCE
#include "cli/doctor.h"

#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/ls_print.h"

static void help(void)
{
    puts("Examples:\n"
         "  hepta doctor                  what is wrong, and the command that mends it\n"
         "  hepta doctor --json | jq -r '.findings[].mend'\n"
         "  hepta doctor || echo \"something is wrong here, or can't be seen\"\n"
         "\n"
         "Usage: hepta doctor [OPTION...]\n"
         "\n"
         "Looks for objects that nobody has and whose maker is dead, for what dead processes hold\n"
         "(locks, leases, permits, undo), for objects that are corrupt (each room's invariants are\n"
         "checked on a copy), and for limits of the system that are nearly reached (from 80 %).\n"
         "Changes nothing: `hepta clean` does.\n"
         "\n"
         "  --json          one JSON object\n"
         "  --jsonl         one finding a line\n"
         "  --color WHEN    auto, always or never\n"
         "\n"
         "Exit status: 0 nothing found, 10 something found, 6 nothing found, but this user can't see\n"
         "everything.");
}

/* --- findings --------------------------------------------------------------------------- */

char *doctor_text(const char *form, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, form);
    if (vasprintf(&text, form, args) < 0)
        text = NULL;
    va_end(args);
    return text;
}

char *doctor_quote(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "@%+=:,./_-";
    if (*text && !text[strspn(text, plain)])
        return strdup(text);
    char *out = malloc(strlen(text) * 4 + 3), *to = out;
    if (!out)
        return NULL;
    *to++ = '\'';
    for (; *text; text++) {
        if (*text == '\'')
            to = stpcpy(to, "'\\''");
        else
            *to++ = *text;
    }
    strcpy(to, "'");
    return out;
}

void doctor_add(struct findings *f, const char *problem, char *about, char *why, char *mend)
{
    if (f->n == f->room) {
        f->room = f->room ? f->room * 2 : 32;
        struct finding *more = realloc(f->all, f->room * sizeof *more);
        if (!more) {
            cli_error("no memory left");
            exit(CLI_FAILED);
        }
        f->all = more;
    }
    f->all[f->n++] = (struct finding){problem, about, why, mend};
}

static void free_findings(struct findings *f)
{
    for (size_t i = 0; i < f->n; i++) {
        free(f->all[i].about);
        free(f->all[i].why);
        free(f->all[i].mend);
    }
    free(f->all);
}

/* --- objects ---------------------------------------------------------------------------- */

static char *mend_for(const struct object *o)
{
    char text[4600];
    char *quoted = doctor_quote(print_address(o, text, sizeof text));
    char *mend = NULL;
    if (quoted && clean_can(o))
        mend = doctor_text("hepta clean %s", quoted);
    else if (quoted)
        mend = doctor_text("hepta show %s  # its next use mends it", quoted);
    free(quoted);
    return mend;
}

static void about_object(struct findings *f, const struct object *o)
{
    char text[4600];
    if (o->state == OBJECT_STALE || o->state == OBJECT_DEAD || o->state == OBJECT_CORRUPT)
        doctor_add(f, object_states[o->state], strdup(print_address(o, text, sizeof text)),
                   strdup(o->why ? o->why : ""), mend_for(o));
}

/* --- printing --------------------------------------------------------------------------- */

static void print_plain(const char *text)
{
    for (; text && *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            printf("\\x%02x", (unsigned char)*text);
        else
            putchar(*text);
}

static void print_findings(const struct findings *f, bool colour)
{
    for (size_t i = 0; i < f->n; i++) {
        const struct finding *g = &f->all[i];
        bool yellow = !strcmp(g->problem, "stale") || !strcmp(g->problem, "limit");
        printf("%s%s%s  ", colour ? (yellow ? "\033[33m" : "\033[31m") : "", g->problem,
               colour ? "\033[0m" : "");
        print_plain(g->about);
        fputs("\n    ", stdout);
        print_plain(g->why);
        fputs("\n    ", stdout);
        print_plain(g->mend);
        putchar('\n');
    }
    printf("%zu finding%s; the invariants of %zu object%s were checked", f->n, f->n == 1 ? "" : "s",
           f->n_checked, f->n_checked == 1 ? "" : "s");
    if (f->n_busy)
        printf(", %zu changed too often for that", f->n_busy);
    puts(".");
}

static struct json_object *finding_json(const struct finding *g)
{
    struct json_object *j = json_object_new_object();
    json_object_object_add(j, "problem", print_text_json(g->problem));
    json_object_object_add(j, "about", print_text_json(g->about));
    json_object_object_add(j, "why", print_text_json(g->why));
    json_object_object_add(j, "mend", print_text_json(g->mend));
    return j;
}

static void print_json(const struct scan *s, const struct findings *f, enum print_form form)
{
    struct json_object *all = json_object_new_array(), *top = json_object_new_object();
    for (size_t i = 0; i < f->n; i++)
        json_object_array_add(all, finding_json(&f->all[i]));
    for (size_t i = 0; form == PRINT_JSONL && i < f->n; i++)
        puts(json_object_to_json_string_ext(json_object_array_get_idx(all, i),
                                            JSON_C_TO_STRING_PLAIN));
    json_object_object_add(top, "findings", all);
    json_object_object_add(top, "checked", json_object_new_int64((int64_t)f->n_checked));
    json_object_object_add(top, "busy", json_object_new_int64((int64_t)f->n_busy));
    print_gaps_json(s, top);
    if (form == PRINT_JSON)
        puts(json_object_to_json_string_ext(top, JSON_C_TO_STRING_PRETTY));
    json_object_put(top);
}

/* --- the verb --------------------------------------------------------------------------- */

static int examine(const struct print_options *p)
{
    struct scan s;
    struct findings f = {.all = NULL};
    cli_progress("looking ...");
    scan_all(&s, false);
    scan_sort(&s);
    for (size_t i = 0; i < s.n; i++) {
        if (!s.all[i]->kernel)
            cli_progress("checking %zu of %zu", i + 1, s.n);
        doctor_check(&s, s.all[i], &f);
        about_object(&f, s.all[i]);
    }
    doctor_limits(&s, &f);
    cli_progress_clear();
    if (p->form == PRINT_TABLE)
        print_findings(&f, print_wants_colour(p));
    else
        print_json(&s, &f, p->form);
    int status = cli_finish(f.n ? CLI_FOUND : scan_is_whole(&s) ? CLI_OK : CLI_INCOMPLETE);
    print_gaps(&s);
    free_findings(&f);
    scan_free(&s);
    return status;
}

int cli_doctor(int argc, char **argv)
{
    static const struct option options[] = {{"color", required_argument, NULL, 'c'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"jsonl", no_argument, NULL, 'l'},
                                            {NULL, 0, NULL, 0}};
    struct print_options p = {.form = PRINT_TABLE};
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'h') {
            help();
            return cli_finish(CLI_OK);
        }
        if (c == 'c' && !print_colour(&p, optarg))
            return cli_usage("--color is auto, always or never, not '%s'", optarg);
        if (c == '?')
            return cli_usage("wrong option");
        if (c == 'j' || c == 'l')
            p.form = c == 'j' ? PRINT_JSON : PRINT_JSONL;
    }
    if (optind != argc)
        return cli_usage("'%s' is too much: doctor looks at everything", argv[optind]);
    return examine(&p);
}
