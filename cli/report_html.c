/* SPDX-License-Identifier: MIT */
/* cli/report_html.c - see report_html.h */
#define _GNU_SOURCE
#include "cli/report_html.h"

#include "cli/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char *entity(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void html_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        const char *e = entity(*text);
        if (e)
            fputs(e, out);
        else
            putc(*text, out);
    }
}

void html_f(FILE *out, const char *form, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, form);
    if (vasprintf(&text, form, args) < 0)
        text = NULL;
    va_end(args);
    if (text)
        html_text(out, text);
    free(text);
}

/* In JSON these can only be inside of strings, where an escape means the same. */
void html_json(FILE *out, const char *json)
{
    for (; *json; json++) {
        if (*json == '<' || *json == '>' || *json == '&')
            fprintf(out, "\\u%04x", (unsigned)*json);
        else
            putc(*json, out);
    }
}

/* Bytes of the character at @s, 0 if it isn't one that a page may have. */
static size_t character(const unsigned char *s)
{
    static const unsigned char least[] = {0, 0, 0x80, 0xa0, 0x90}; /* no overlong forms */
    size_t len = *s < 0x80 ? 1 : *s < 0xc2 ? 0 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : *s < 0xf5 ? 4 : 0;

    if (len == 1)
        return *s >= ' ' && *s != 0x7f;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((*s == 0xe0 || *s == 0xf0) && s[1] < least[len])
        return 0;
    /* Surrogates, beyond Unicode, and the controls U+0080 to U+009F. */
    if ((*s == 0xed && s[1] > 0x9f) || (*s == 0xf4 && s[1] > 0x8f) || (*s == 0xc2 && s[1] < 0xa0))
        return 0;
    return len;
}

char *html_clean(const char *text)
{
    char *clean = malloc(3 * strlen(text) + 1), *to = clean;

    while (clean && *text) {
        size_t len = character((const unsigned char *)text);
        if (len)
            to = mempcpy(to, text, len);
        else
            to = mempcpy(to, "\xef\xbf\xbd", 3);
        text += len ? len : 1;
    }
    if (clean)
        *to = '\0';
    return clean;
}

const char *html_time(char text[HTML_FIGURE], double ns)
{
    char ascii[FIGURE_LEN];
    const char *us = strchr(figure_time(ascii, ns), 'u');

    if (us)
        snprintf(text, HTML_FIGURE, "%.*sµ%s", (int)(us - ascii), ascii, us + 1);
    else
        snprintf(text, HTML_FIGURE, "%s", ascii);
    return text;
}

static const char *with_unit(char text[HTML_FIGURE], double per_s, const char *unit)
{
    char ascii[FIGURE_LEN];

    if (per_s <= 0)
        snprintf(text, HTML_FIGURE, "-");
    else
        snprintf(text, HTML_FIGURE, "%s%s%s/s", figure_rate(ascii, per_s),
                 per_s < 1000 && *unit ? " " : "", unit);
    return text;
}

const char *html_rate(char text[HTML_FIGURE], double per_s)
{
    return with_unit(text, per_s, "");
}

const char *html_bytes_rate(char text[HTML_FIGURE], double bytes_per_s)
{
    return with_unit(text, bytes_per_s, "B");
}

const char *html_size(char text[HTML_FIGURE], size_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB"};
    unsigned unit = 0;

    while (unit < 3 && bytes >= 1024 && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    snprintf(text, HTML_FIGURE, "%zu %s", bytes, units[unit]);
    return text;
}

const char *html_tick(char *figure)
{
    char *zero = strstr(figure, ".0 ");

    if (zero)
        memmove(zero, zero + 2, strlen(zero + 2) + 1);
    return figure;
}

const char *html_ratio(char text[HTML_FIGURE], double ratio)
{
    int digits = ratio >= 9.95 ? 0 : ratio >= 0.995 ? 1 : 2;

    snprintf(text, HTML_FIGURE, "%.*f", digits, ratio);
    return text;
}
