/* SPDX-License-Identifier: MIT */
/* cli/ls_print.c - see ls_print.h; the columns are one table */
#define _GNU_SOURCE
#include "cli/ls_print.h"

#include <grp.h>
#include <json-c/json.h>
#include <libsmartcols.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/cli.h"
#include "cli/table.h"

#define TEXT 4600

/* --- cells ------------------------------------------------------------------------------ */

const char *print_user(int64_t uid)
{
    static struct {
        int64_t uid;
        char name[40];
    } known[64];
    const size_t at = (size_t)uid % 64;
    if (uid == UNKNOWN)
        return NULL;
    if (known[at].name[0] && known[at].uid == uid)
        return known[at].name;
    const struct passwd *pw = getpwuid((uid_t)uid);
    known[at].uid = uid;
    if (pw)
        snprintf(known[at].name, sizeof known[at].name, "%s", pw->pw_name);
    else
        snprintf(known[at].name, sizeof known[at].name, "%lld", (long long)uid);
    return known[at].name;
}

const char *print_address(const struct object *o, char *buf, size_t len)
{
    const char *kind = strcmp(o->kind, "mailbox") ? o->kind : "signal"; /* as hepta send has it */
    snprintf(buf, len, "%s%s:%s", o->kernel ? "kernel." : "", kind, o->name);
    return buf;
}

/* A cell is text, or a number; neither: it isn't known, or there is none. */
struct cell {
    const char *text;
    int64_t number;
    char buf[TEXT];
};

static void cell_kind(const struct object *o, struct cell *c) { c->text = o->kind; }
static void cell_name(const struct object *o, struct cell *c) { c->text = o->name; }
static void cell_owner(const struct object *o, struct cell *c) { c->text = print_user(o->uid); }
static void cell_uid(const struct object *o, struct cell *c) { c->number = o->uid; }
static void cell_gid(const struct object *o, struct cell *c) { c->number = o->gid; }
static void cell_depth(const struct object *o, struct cell *c) { c->number = o->depth; }
static void cell_size(const struct object *o, struct cell *c) { c->number = o->size; }
static void cell_procs(const struct object *o, struct cell *c) { c->number = o->n_users; }
static void cell_waiters(const struct object *o, struct cell *c) { c->number = o->n_waiters; }
static void cell_id(const struct object *o, struct cell *c) { c->number = o->id; }
static void cell_peer(const struct object *o, struct cell *c) { c->number = o->peer; }
static void cell_why(const struct object *o, struct cell *c) { c->text = o->why; }
static void cell_path(const struct object *o, struct cell *c) { c->text = o->path; }

static void cell_backend(const struct object *o, struct cell *c)
{
    c->text = o->kernel ? "kernel" : "hepta";
}

static void cell_state(const struct object *o, struct cell *c)
{
    c->text = object_states[o->state];
}

static void cell_inode(const struct object *o, struct cell *c)
{
    c->number = o->ino ? (int64_t)o->ino : UNKNOWN;
}

static void cell_mode(const struct object *o, struct cell *c)
{
    if (o->mode == UNKNOWN)
        return;
    snprintf(c->buf, sizeof c->buf, "%04o", (unsigned)o->mode);
    c->text = c->buf;
}

static void cell_key(const struct object *o, struct cell *c)
{
    if (o->key == UNKNOWN)
        return;
    snprintf(c->buf, sizeof c->buf, "0x%08x", (unsigned)o->key);
    c->text = c->buf;
}

static void cell_address(const struct object *o, struct cell *c)
{
    c->text = print_address(o, c->buf, sizeof c->buf);
}

/* Processes that have it, once each. */
static void cell_pids(const struct object *o, struct cell *c)
{
    size_t len = 0;
    c->buf[0] = 0;
    for (size_t i = 0; i < o->n_used && len < TEXT - 20; i++)
        if (o->users[i].how & (USE_READ | USE_WRITE | USE_MAP))
            len += (size_t)snprintf(c->buf + len, TEXT - len, "%s%d", len ? " " : "",
                                    (int)o->users[i].pid);
    c->text = len ? c->buf : NULL;
}

static const struct {
    const char *name;
    bool usual, number;
    void (*cell)(const struct object *o, struct cell *c);
    const char *what;
} columns[] = {
    {"KIND", true, false, cell_kind, "pipe, fifo, mq, msg, sem, semset, permit, shm, unix, ..."},
    {"NAME", true, false, cell_name,
     "name; System V's key or id:N; a socket's addresses; an inode"},
    {"BACKEND", true, false, cell_backend, "hepta or kernel"},
    {"OWNER", true, false, cell_owner, "user whose it is"},
    {"MODE", true, false, cell_mode, "permission bits"},
    {"DEPTH", true, true, cell_depth,
     "messages or bytes in it; a semaphore's value; pending signals"},
    {"SIZE", true, true, cell_size, "how many there can be; a segment's bytes; a set's semaphores"},
    {"PROCS", true, true, cell_procs, "processes that have it open or mapped"},
    {"WAITERS", true, true, cell_waiters, "threads that sleep on it"},
    {"STATE", true, false, cell_state,
     "ok, unused, stale, dead-holder, corrupt, unknown (this user can't see)"},
    {"WHY", false, false, cell_why, "what that state follows from"},
    {"UID", false, true, cell_uid, "owner's number"},
    {"GID", false, true, cell_gid, "group's number"},
    {"ID", false, true, cell_id, "System V's id"},
    {"KEY", false, false, cell_key, "System V's key"},
    {"INODE", false, true, cell_inode, "of its file, pipe or socket"},
    {"PEER", false, true, cell_peer, "inode of the socket at the other end"},
    {"PIDS", false, false, cell_pids, "the processes that have it"},
    {"PATH", false, false, cell_path, "where it lies"},
    {"ADDRESS", false, false, cell_address, "what `hepta show` and others call it"},
};
#define N_COLUMNS ((int)(sizeof(columns) / sizeof(*columns)))

void print_columns(void)
{
    for (int i = 0; i < N_COLUMNS; i++)
        printf("  %-8s %s %s\n", columns[i].name, columns[i].usual ? "*" : " ", columns[i].what);
}

const char *print_choose(struct print_options *p, char *list)
{
    p->n_columns = 0;
    for (char *save, *word = strtok_r(list, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
        int i = 0;
        while (i < N_COLUMNS && strcasecmp(columns[i].name, word) != 0)
            i++;
        if (i == N_COLUMNS || p->n_columns == COLUMNS_MAX)
            return word;
        p->columns[p->n_columns++] = i;
    }
    return p->n_columns ? NULL : "";
}

bool print_colour(struct print_options *p, const char *when)
{
    static const char *const words[] = {"never", "auto", "always", NULL};
    int i = cli_word(when, words);
    p->colour = i - 1;
    return i >= 0;
}

bool print_wants_colour(const struct print_options *p)
{
    return p->colour ? p->colour > 0 : cli_colour(stdout);
}

/* --- JSON ------------------------------------------------------------------------------- */

/* Length of the UTF-8 sequence at p, or 0. */
static size_t sequence(const unsigned char *p)
{
    size_t n = *p < 0x80 ? 1 : *p >= 0xc2 && *p < 0xe0 ? 2 : *p >= 0xe0 && *p < 0xf0 ? 3
               : *p >= 0xf0 && *p < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) ||
        (*p == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

struct json_object *print_text_json(const char *text)
{
    if (!text)
        return NULL;
    char *clean = malloc(strlen(text) * 4 + 1), *to = clean;
    if (!clean)
        return NULL;
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        size_t n = sequence(p);
        if (n)
            memcpy(to, p, n), to += n;
        else
            to += sprintf(to, "\\x%02x", *p);
        p += n ? n : 1;
    }
    *to = 0;
    struct json_object *j = json_object_new_string(clean);
    free(clean);
    return j;
}

static void add_cell(struct json_object *to, const struct object *o, int column)
{
    struct cell c;
    char name[20];
    size_t i = 0;
    c.text = NULL;
    c.number = UNKNOWN;
    columns[column].cell(o, &c);
    for (; columns[column].name[i]; i++)
        name[i] = (char)(columns[column].name[i] | 0x20);
    name[i] = 0;
    struct json_object *v = c.number != UNKNOWN ? json_object_new_int64(c.number)
                                                : print_text_json(c.text);
    json_object_object_add(to, name, v);
}

static struct json_object *object_json(const struct object *o, const struct print_options *p)
{
    struct json_object *j = json_object_new_object();
    for (int i = 0; i < (p && p->n_columns ? p->n_columns : N_COLUMNS); i++)
        add_cell(j, o, p && p->n_columns ? p->columns[i] : i);
    return j;
}

struct json_object *print_object_json(const struct object *o)
{
    return object_json(o, NULL);
}

void print_gaps_json(const struct scan *s, struct json_object *to)
{
    struct json_object *gaps = json_object_new_array();
    for (size_t i = 0; i < s->n_gaps; i++)
        json_object_array_add(gaps, print_text_json(s->gaps[i]));
    json_object_object_add(to, "complete", json_object_new_boolean(scan_is_whole(s)));
    json_object_object_add(to, "hidden_processes", json_object_new_int64(s->n_hidden));
    json_object_object_add(to, "unread_objects", json_object_new_int64(s->n_unread));
    json_object_object_add(to, "gaps", gaps);
}

static void print_json(const struct scan *s, const struct print_options *p, const bool *wanted)
{
    bool lines = p->form == PRINT_JSONL, first = true;
    struct json_object *end = json_object_new_object();
    print_gaps_json(s, end);
    if (!lines)
        fputs("{\"objects\":[", stdout);
    for (size_t i = 0; i < s->n; i++) {
        if (wanted && !wanted[i])
            continue;
        struct json_object *j = object_json(s->all[i], p);
        printf("%s%s%s", lines || first ? "" : ",", lines ? "" : "\n",
               json_object_to_json_string_ext(j, JSON_C_TO_STRING_PLAIN));
        if (lines)
            putchar('\n');
        json_object_put(j);
        first = false;
    }
    if (!lines)
        printf("\n],%s\n", json_object_to_json_string_ext(end, JSON_C_TO_STRING_PLAIN) + 1);
    json_object_put(end);
}

/* --- the table -------------------------------------------------------------------------- */

static void fill_cell(struct libscols_line *line, int at, const struct object *o, int column)
{
    struct cell c;
    c.text = NULL;
    c.number = UNKNOWN;
    columns[column].cell(o, &c);
    if (c.number != UNKNOWN)
        table_set(line, (size_t)at, "%lld", (long long)c.number);
    else
        table_set(line, (size_t)at, "%s", c.text ? c.text : "-");
}

static const char *colour_of(enum object_state state)
{
    return state == OBJECT_CORRUPT || state == OBJECT_DEAD     ? "red"
           : state == OBJECT_STALE                             ? "yellow"
           : state == OBJECT_UNUSED || state == OBJECT_UNKNOWN ? "halfbright"
                                                               : NULL;
}

static void print_table(const struct scan *s, struct print_options p, const bool *wanted)
{
    const char *names[COLUMNS_MAX + 1];
    char right[COLUMNS_MAX][20];
    const bool usual = p.n_columns == 0;
    for (int i = 0; i < N_COLUMNS; i++)
        if (usual && columns[i].usual)
            p.columns[p.n_columns++] = i;
    for (int i = 0; i < p.n_columns; i++) {
        bool number = columns[p.columns[i]].number;
        snprintf(right[i], sizeof right[i], "%s%s", number ? ">" : "", columns[p.columns[i]].name);
        names[i] = right[i];
    }
    names[p.n_columns] = NULL;
    struct libscols_table *table = table_new(names);
    if (table) {
        scols_table_enable_colors(table, print_wants_colour(&p));
        scols_table_enable_noheadings(table, p.no_headings);
    }
    for (size_t i = 0; i < s->n; i++) {
        if (wanted && !wanted[i])
            continue;
        struct libscols_line *line = table_line(table);
        for (int c = 0; c < p.n_columns; c++)
            fill_cell(line, c, s->all[i], p.columns[c]);
        if (colour_of(s->all[i]->state))
            table_colour(line, colour_of(s->all[i]->state));
    }
    table_end(table);
}

void print_objects(const struct scan *s, const struct print_options *p, const bool *wanted)
{
    if (p->form == PRINT_TABLE)
        print_table(s, *p, wanted);
    else
        print_json(s, p, wanted);
}

void print_gaps(const struct scan *s)
{
    if (s->n_hidden)
        cli_error("%lld process%s hidden from this user; run as root to see who has what",
                  (long long)s->n_hidden, s->n_hidden == 1 ? " is" : "es are");
    if (s->n_unread)
        cli_error("%lld object%s of others can't be read by this user", (long long)s->n_unread,
                  s->n_unread == 1 ? "" : "s");
    for (size_t i = 0; i < s->n_gaps; i++)
        cli_error("%s", s->gaps[i]);
}
