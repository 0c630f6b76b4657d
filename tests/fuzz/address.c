/* SPDX-License-Identifier: MIT */
/*
 * address.c - the parser of addresses under libFuzzer
 *
 * Whatever the bytes are: it refuses with a sentence, or it gives an address of which all parts are
 * within their bounds; and the name stays inside what was given.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "channel/channel_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int right)
{
    if (!right)
        abort();
}

static void check(const struct h7_address *a, const char *text)
{
    must(strlen(a->name) <= strlen(text));
    must(!(a->set & ~a->kind->options));
    must(a->mode <= 0777 && a->prio <= 32767 && a->index < 32000 && a->pid >= 0);
    must(a->framing <= HEPTA_CHANNEL_FIXED && a->frame_len <= HEPTA_CHANNEL_RECORD_MAX);
    must((a->framing == HEPTA_CHANNEL_FIXED) == (a->frame_len > 0));
    for (int i = 0; i < 3; i++)
        must(a->fds[i] >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char name[HEPTA_CHANNEL_ADDRESS_MAX];
    char why_text[HEPTA_CHANNEL_WHY_MAX] = "";
    struct h7_why why = {why_text, sizeof why_text};
    struct h7_address a;
    char *text = malloc(size + 1); /* of exactly its size, so that a step too far is seen */

    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = 0;
    int r = h7_address_parse(&a, text, name, &why);
    must(r == 0 || ((r == -EINVAL || r == -ENAMETOOLONG) && why_text[0]));
    for (const char *c = why_text; *c; c++)
        must((unsigned char)*c >= ' ' && *c != 127);
    if (r == 0)
        check(&a, text);
    free(text);
    return 0;
}
