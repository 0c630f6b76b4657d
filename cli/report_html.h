/* SPDX-License-Identifier: MIT */
/*
 * cli/report_html.h - text into a page
 *
 * Whatever comes from outside (names, the machine's words, the command line) goes through here;
 * tags and numbers are printed as they are.
 */
#ifndef CLI_REPORT_HTML_H
#define CLI_REPORT_HTML_H

#include <stddef.h>
#include <stdio.h>

/* Escaped for content and for attributes in double quotes. */
void html_text(FILE *out, const char *text);
/* printf, and all of it escaped. */
void html_f(FILE *out, const char *form, ...) __attribute__((format(printf, 2, 3)));
/* JSON into a script element: nothing in it can end that. */
void html_json(FILE *out, const char *json);
/* A copy for free(): what isn't UTF-8, or is a control character, becomes U+FFFD. */
char *html_clean(const char *text);

/* Figures as people read them: "71 ns", "42.1 µs"; "33.1 M/s"; "2.1 GB/s"; "64 KiB"; 0 is "-". */
#define HTML_FIGURE 32
const char *html_time(char text[HTML_FIGURE], double ns);
const char *html_rate(char text[HTML_FIGURE], double per_s);
const char *html_bytes_rate(char text[HTML_FIGURE], double bytes_per_s);
const char *html_size(char text[HTML_FIGURE], size_t bytes);
/* What stands at an axis: "10.0 GB/s" becomes "10 GB/s", in place. */
const char *html_tick(char *figure);
/* "12", "1.3", "0.04" */
const char *html_ratio(char text[HTML_FIGURE], double ratio);

#endif
