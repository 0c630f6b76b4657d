/* SPDX-License-Identifier: MIT */
/*
 * cli/main.c - the tool `hepta`: finds the verb and runs it
 *
 * A verb is a line in the table and a function in a file of its name. SIGPIPE is ignored
 * throughout, because pipes are what the verbs play with; cli_finish() gives a closed
 * standard output its usual meaning back.
 */
#include "cli/cli.h"

#include <fcntl.h>
#include <hepta/base.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name, *full;
    int (*run)(int argc, char **argv);
    const char *what; /* NULL: hidden */
} verbs[] = {
    {"bench", "hepta bench", cli_bench, "measure Hepta against the kernel and the hardware"},
    {"clean", "hepta clean", cli_clean, "remove leftovers, and what the dead hold"},
    {"demo", "hepta demo", cli_demo, "all seven mechanisms, with a real file"},
    {"demo-peer", "hepta demo", cli_demo_peer, NULL},
    {"doctor", "hepta doctor", cli_doctor, "say what is wrong, and what mends it"},
    {"lock", "hepta lock", cli_lock, "run a command while holding a permit"},
    {"ls", "hepta ls", cli_ls, "list Hepta's objects and the kernel's"},
    {"new", "hepta new", cli_new, "make queues, semaphores, memory, FIFOs"},
    {"peek", "hepta peek", cli_peek, "show what would be received, and leave it there"},
    {"recv", "hepta recv", cli_recv, "receive messages"},
    {"relay", "hepta relay", cli_relay, "carry messages from one address to another"},
    {"rm", "hepta rm", cli_rm, "remove what an address names"},
    {"send", "hepta send", cli_send, "send messages"},
    {"show", "hepta show", cli_show, "show all that is known of an object, and who has it"},
};
#define N_VERBS (sizeof(verbs) / sizeof(*verbs))

static int help(void)
{
    puts("Examples:\n"
         "  hepta demo                         a large file through all seven mechanisms\n"
         "  hepta bench pipe                   latency and throughput of 64-byte messages\n"
         "  hepta bench pipe --targets         compare with what the library promises\n"
         "  hepta ls                           what there is, Hepta's and the kernel's\n"
         "\n"
         "Usage: hepta VERB [OPTION...] [ARGUMENT...]\n"
         "\n"
         "Inter-process communication through memory, with the semantics of the manual pages.\n"
         "\n"
         "Verbs:");
    for (size_t i = 0; i < N_VERBS; i++)
        if (verbs[i].what)
            printf("  %-12s %s\n", verbs[i].name, verbs[i].what);
    puts("\n"
         "  --help, -h   this text; after a verb: the verb's\n"
         "  --version    versions of the tool and of the library it runs with\n"
         "\n"
         "Exit status: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 timed out or would block,\n"
         "5 not permitted, 6 done, but not everything can be seen, 7 the other side has gone, 10 doctor\n"
         "found something.");
    return cli_finish(CLI_OK);
}

static int version(void)
{
    printf("hepta %s (library %s)\n", HEPTA_VERSION, hepta_version());
    return cli_finish(CLI_OK);
}

static int dispatch(int argc, char **argv)
{
    for (size_t i = 0; i < N_VERBS; i++) {
        if (!strcmp(argv[0], verbs[i].name)) {
            cli_name(verbs[i].full);
            return verbs[i].run(argc, argv);
        }
    }
    return cli_usage("there is no verb '%s'", argv[0]);
}

/* Without 0, 1 and 2 the first pipe would get such a number, and messages go into it. What
 * was closed becomes unusable in its direction, so that writing there fails as before. */
static void fill_standard_descriptors(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    fill_standard_descriptors();
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2)
        return cli_usage("a verb is missing");
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
        return help();
    if (!strcmp(argv[1], "--version"))
        return version();
    if (argv[1][0] == '-')
        return cli_usage("there is no option '%s' before a verb", argv[1]);
    return dispatch(argc - 1, argv + 1);
}
