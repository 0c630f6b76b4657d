/* SPDX-License-Identifier: MIT */
/*
 * cli/clean.c - hepta clean: removes leftovers, and ends what the dead hold
 *
 * First everything is looked at and chosen, asking where that is wanted; then everything is looked
 * at again, and only what is as it was is touched. What still holds messages goes only if somebody
 * is asked, or has named it.
 */
#define _GNU_SOURCE
#include "cli/clean.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/doctor.h"
#include "cli/find.h"
#include "cli/ls_print.h"

struct request {
    bool dry_run, yes, unused;
    char **targets; /* kinds, addresses; none: everything */
    bool rest;      /* "a": no more questions */
};

/* One that is to go, as it was when that was decided. */
struct choice {
    char *address;
    uint64_t ino;
    enum object_state state;
    enum clean_how how;
};

struct choices {
    struct choice *all;
    size_t n;
};

static void help(void)
{
    puts("Examples:\n"
         "  hepta clean --dry-run         what would be removed, and why\n"
         "  hepta clean                   the same, and a question for each\n"
         "  hepta clean --yes shm draft   no question: leftovers of these kinds\n"
         "\n"
         "Usage: hepta clean [OPTION...] [KIND|ADDRESS...]\n"
         "\n"
         "Removes what `hepta doctor` calls stale or corrupt, and gives back what dead processes hold\n"
         "of queues, permits and sets. Kinds and addresses are those of `hepta ls`.\n"
         "\n"
         "  --dry-run, -n   only say what would be done\n"
         "  --yes, -y       don't ask; but what holds messages, or is in use though corrupt, is\n"
         "                  kept unless its address is given\n"
         "  --unused        also what nobody has open, which may be meant so\n"
         "\n"
         "Exit status: 0 done or nothing to do, 1 something couldn't be removed, 3 no such object,\n"
         "5 not permitted.");
}

static void scan_with_files(struct scan *s, char **targets)
{
    scan_all(s, false);
    for (; *targets; targets++)
        find_file(s, *targets);
}

/* --- choosing --------------------------------------------------------------------------- */

/* 0 not meant, 1 by kind or with all, 2 by its address. */
static int is_meant(const struct request *r, const struct object *o)
{
    if (!r->targets[0])
        return 1;
    for (char **t = r->targets; *t; t++) {
        const char *kind = strncmp(*t, "kernel.", 7) ? *t : *t + 7;
        if (!strcmp(kind, o->kind) && (kind == *t || o->kernel))
            return 1;
        if (!strchr(*t, ':') && **t != '/')
            continue;
        if (find_matches(o, *t))
            return 2;
    }
    return 0;
}

static bool is_rubbish(const struct request *r, const struct object *o, int meant)
{
    if (clean_how(o) == CLEAN_NOT)
        return false;
    return o->state != OBJECT_UNUSED || r->unused || meant == 2;
}

static void describe(FILE *out, const struct object *o, const char *verb)
{
    char text[4600];
    print_address(o, text, sizeof text);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
    fprintf(out, "%s %s (%s%s%s", verb, text, object_states[o->state], o->why ? ": " : "",
            o->why ? o->why : "");
    if (o->keeps_data && clean_how(o) == CLEAN_REMOVE && o->depth > 0)
        fprintf(out, "; with %lld %s%s in it", (long long)o->depth,
                !strcmp(o->kind, "fifo") ? "byte" : "message", o->depth == 1 ? "" : "s");
    fputc(')', out);
}

/* 1 yes, 0 no, -1 no more. */
static int ask(struct request *r, const struct object *o)
{
    char answer[16];
    for (;;) {
        describe(stderr, o, clean_how(o) == CLEAN_MEND ? "mend" : "remove");
        fputs("? [y]es, [n]o, [a]ll, [q]uit: ", stderr);
        if (!fgets(answer, sizeof answer, stdin))
            return -1;
        r->rest |= answer[0] == 'a';
        switch (answer[0]) {
        case 'y':
        case 'a':
            return 1;
        case 'n':
        case '\n':
            return 0;
        case 'q':
            return -1;
        }
    }
}

static bool choose(struct choices *c, const struct object *o)
{
    char text[4600];
    struct choice *more = realloc(c->all, (c->n + 1) * sizeof *more);
    if (!more)
        return false;
    c->all = more;
    more[c->n] = (struct choice){strdup(print_address(o, text, sizeof text)), o->ino, o->state,
                                 clean_how(o)};
    return more[c->n++].address != NULL;
}

static int choose_all(struct request *r, struct scan *s, struct choices *c)
{
    struct findings unused = {.all = NULL};
    for (size_t i = 0; i < s->n; i++) {
        struct object *o = s->all[i];
        int meant = is_meant(r, o), answer = 1;
        if (!meant)
            continue;
        doctor_check(s, o, &unused);
        if (!is_rubbish(r, o, meant)) {
            if (meant == 2)
                cli_error("'%s' is %s: it is left alone", o->name, object_states[o->state]);
            continue;
        }
        bool mend = clean_how(o) == CLEAN_MEND;
        if (r->dry_run) {
            describe(stdout, o, mend ? "would mend" : "would remove");
            putchar('\n');
            continue;
        }
        if ((o->keeps_data || o->n_users > 0) && !mend && r->yes && meant != 2) {
            describe(stderr, o, "kept, since --yes doesn't name it:");
            fputc('\n', stderr);
            continue;
        }
        if (!r->yes && !r->rest)
            answer = ask(r, o);
        if (answer < 0)
            break;
        if (answer && !choose(c, o))
            return -ENOMEM;
    }
    return 0;
}

/* --- doing ------------------------------------------------------------------------------ */

static struct object *find_again(const struct scan *s, const struct choice *c)
{
    char text[4600];
    for (size_t i = 0; i < s->n; i++)
        if (s->all[i]->ino == c->ino &&
            !strcmp(print_address(s->all[i], text, sizeof text), c->address))
            return s->all[i];
    return NULL;
}

static const struct object *find_unchanged(struct scan *s, const struct choice *c)
{
    struct findings unused = {.all = NULL};
    struct object *o = find_again(s, c);
    if (o && o->state != c->state && c->state == OBJECT_CORRUPT)
        doctor_check(s, o, &unused);
    return o && o->state == c->state ? o : NULL;
}

static int do_one(struct scan *s, const struct choice *c)
{
    const struct object *o = find_unchanged(s, c);
    int r = o ? clean_object(s, o) : -EBUSY;
    if (r == 0) {
        describe(stdout, o, c->how == CLEAN_MEND ? "mended" : "removed");
        putchar('\n');
        return CLI_OK;
    }
    if (r == -EBUSY || r == -ENOENT)
        cli_error("%s has changed meanwhile: it is left alone", c->address);
    else
        cli_error("%s can't be %s: %s", c->address, c->how == CLEAN_MEND ? "mended" : "removed",
                  strerror(-r));
    return r == -EPERM || r == -EACCES ? CLI_DENIED : CLI_FAILED;
}

/* What was to be mended, and isn't: somebody else's doing, or beyond an open. */
static int look_again(const struct choices *c, int status)
{
    struct scan s;
    scan_all(&s, false);
    for (size_t i = 0; i < c->n; i++) {
        const struct object *o = c->all[i].how == CLEAN_MEND ? find_again(&s, &c->all[i]) : NULL;
        if (status || !o || o->state != OBJECT_DEAD)
            continue;
        cli_error("%s isn't mended yet: %s", c->all[i].address, o->why);
        status = CLI_FAILED;
    }
    scan_free(&s);
    return status;
}

static int do_all(const struct choices *c, char **targets)
{
    struct scan s;
    int status = CLI_OK;
    bool mends = false;
    if (!c->n)
        return CLI_OK;
    scan_with_files(&s, targets);
    for (size_t i = 0; i < c->n; i++) {
        int r = do_one(&s, &c->all[i]);
        if (r && status != CLI_FAILED)
            status = r;
        mends |= c->all[i].how == CLEAN_MEND;
    }
    scan_free(&s);
    return mends ? look_again(c, status) : status;
}

/* --- the verb --------------------------------------------------------------------------- */

static int missing(const struct request *r, const struct scan *s)
{
    for (char **t = r->targets; *t; t++) {
        bool found = !strchr(*t, ':') && **t != '/'; /* a kind */
        for (size_t i = 0; i < s->n && !found; i++)
            found = find_matches(s->all[i], *t);
        if (!found) {
            find_complain(s, *t);
            return CLI_NOT_FOUND;
        }
    }
    return CLI_OK;
}

static int clean(struct request *r)
{
    struct scan s;
    struct choices c = {NULL, 0};
    scan_with_files(&s, r->targets);
    scan_sort(&s);
    int status = missing(r, &s);
    if (status == CLI_OK && choose_all(r, &s, &c) < 0)
        status = CLI_FAILED;
    if (status == CLI_OK)
        status = do_all(&c, r->targets);
    print_gaps(&s);
    for (size_t i = 0; i < c.n; i++)
        free(c.all[i].address);
    free(c.all);
    scan_free(&s);
    return cli_finish(status);
}

static int check_targets(char **t)
{
    for (; *t; t++) {
        const char *kind = strncmp(*t, "kernel.", 7) ? *t : *t + 7;
        if (!strchr(*t, ':') && **t != '/' && cli_word(kind, object_kinds) < 0)
            return cli_usage("'%s' is neither a kind nor an address", *t);
        const char *wrong = strchr(*t, ':') ? find_wrong(*t) : NULL;
        if (wrong)
            return cli_usage("%s", wrong);
    }
    return CLI_OK;
}

int cli_clean(int argc, char **argv)
{
    static const struct option options[] = {{"dry-run", no_argument, NULL, 'n'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"unused", no_argument, NULL, 'u'},
                                            {"yes", no_argument, NULL, 'y'},
                                            {NULL, 0, NULL, 0}};
    struct request r = {.dry_run = false};
    for (int c; (c = getopt_long(argc, argv, "hny", options, NULL)) != -1;) {
        if (c == 'h') {
            help();
            return cli_finish(CLI_OK);
        }
        if (c == '?')
            return cli_usage("wrong option");
        r.dry_run |= c == 'n';
        r.unused |= c == 'u';
        r.yes |= c == 'y';
    }
    r.targets = argv + optind;
    int status = check_targets(r.targets);
    if (status)
        return status;
    if (!r.dry_run && !r.yes && !isatty(STDIN_FILENO))
        return cli_usage("standard input is no terminal to ask at: give --yes, or --dry-run");
    return clean(&r);
}
