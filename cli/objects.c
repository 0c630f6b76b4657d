/* SPDX-License-Identifier: MIT */
/* cli/objects.c - `hepta new` and `hepta rm`: make and remove what addresses name */
#include <errno.h>
#include <stdlib.h>

#include "cli/channel.h"

static void help_new(void)
{
    puts("Examples:\n"
         "  hepta new mq:/jobs,depth=1000,size=64K\n"
         "  hepta new permit:/seats,depth=4 kernel.sem:/gate,depth=1\n"
         "  hepta new fifo:/log,mode=0660\n"
         "\n"
         "Usage: hepta new ADDRESS...\n"
         "\n"
         "Makes objects. depth is how many messages a queue holds, the value of a semaphore, the\n"
         "places of a permit; size the longest message, value or memory; mode the permission bits\n"
         "(default 0600).\n"
         "\n"
         "Exit status: 0 made, 1 failed (it is there already), 2 wrong usage, 5 no permission.\n");
    channel_print_kinds(HEPTA_CHANNEL_NAMED);
}

static void help_rm(void)
{
    puts("Examples:\n"
         "  hepta rm mq:/jobs\n"
         "  hepta rm kernel.msg:0x1267 kernel.semset:@3\n"
         "  hepta rm unix:/run/service      a file whose listener was killed\n"
         "\n"
         "Usage: hepta rm ADDRESS...\n"
         "\n"
         "Removes objects. Of a socket only a file that nobody listens on any more.\n"
         "\n"
         "Exit status: 0 removed, 1 failed, 2 wrong usage, 3 not found, 5 no permission.\n");
    channel_print_kinds(HEPTA_CHANNEL_NAMED);
}

/* All of them, whatever becomes of one; the first failure's status. */
static int each(int argc, char **argv, void (*help)(void),
                int (*fn)(const char *address, char *why, size_t n))
{
    struct channel_request rq = {.rest = channel_rest(argc)};
    char why[HEPTA_CHANNEL_WHY_MAX];
    bool ended;
    int status = rq.rest ? channel_args(argc, argv, "", help, &rq, &ended) : CLI_FAILED;

    if (status != CLI_OK || ended)
        return status;
    if (rq.n_rest == 0)
        return cli_usage("an address is missing");
    for (int i = 0; i < rq.n_rest; i++) {
        int r = fn(rq.rest[i], why, sizeof why);
        if (r == 0)
            continue;
        int now = r == -EINVAL || r == -EOPNOTSUPP ? cli_usage("%s", why) : channel_status(r);
        if (now != CLI_USAGE)
            cli_error("%s", why);
        status = status == CLI_OK ? now : status;
    }
    free(rq.rest);
    return cli_finish(status);
}

int cli_new(int argc, char **argv)
{
    return each(argc, argv, help_new, hepta_channel_create);
}

int cli_rm(int argc, char **argv)
{
    return each(argc, argv, help_rm, hepta_channel_remove);
}
