/* SPDX-License-Identifier: MIT */
/*
 * examples/channel.c - a program that doesn't care how its messages go
 *
 * Sends three jobs to an address and takes them from it. Any address with boundaries will do: start
 * it with another one. Built as a test, and shown in hepta_channel(3).
 */
#include <hepta/channel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char why[HEPTA_CHANNEL_WHY_MAX];

static int fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, why);
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    const char *address = argc > 1 ? argv[1] : "mq:/example-jobs,create,lease";
    static const char *const jobs[] = {"dig", "plant", "water"};
    struct hepta_channel_msg msg = {.size = sizeof msg};
    struct hepta_channel *ch;
    int r = hepta_channel_open(address, HEPTA_CHANNEL_SEND | HEPTA_CHANNEL_RECV, NULL,
                               hepta_in_ms(1000), &ch, why, sizeof why);
    if (r < 0)
        return fail("open");
    for (size_t i = 0; i < 3; i++) {
        msg.data = jobs[i];
        msg.len = strlen(jobs[i]);
        msg.prio = (uint32_t)i; /* where the mechanism has priorities */
        msg.set = HEPTA_CHANNEL_HAS_PRIO;
        if (hepta_channel_send(ch, &msg, hepta_in_ms(1000)) < 0)
            return fail("send");
    }
    for (int i = 0; i < 3; i++) {
        if (hepta_channel_recv(ch, &msg, hepta_in_ms(1000)) != 1)
            return fail("recv");
        printf("%.*s\n", (int)msg.len, (const char *)msg.data);
        if (msg.set & HEPTA_CHANNEL_HAS_LEASE) /* if we die before, it returns */
            hepta_channel_ack(ch, msg.lease);
    }
    hepta_channel_close(ch);
    return hepta_channel_remove(address, why, sizeof why) < 0 ? fail("remove") : EXIT_SUCCESS;
}
