/* SPDX-License-Identifier: MIT */
/*
 * cli/lock.c - `hepta lock`: run a command while holding a permit
 *
 * A permit, and what a set takes with undo, belong to the process and stay its own over exec(2).
 * So this program becomes the command: however that ends, the kernel's word that it is dead gives
 * the permit back. A plain semaphore has no owner: there we stay, and post when the command ended.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/channel.h"

static void help(void)
{
    puts("Examples:\n"
         "  hepta new permit:/build,depth=2 && hepta lock permit:/build -- make\n"
         "  hepta lock permit:/backup,create --timeout 60 -- backup.sh\n"
         "  hepta lock kernel.semset:0x1267[0] -- sh -c 'echo mine; sleep 1'\n"
         "\n"
         "Usage: hepta lock ADDRESS [--timeout S] -- COMMAND [ARGUMENT...]\n"
         "\n"
         "Takes a permit, waiting until one is free, runs COMMAND, and gives it back however\n"
         "COMMAND ends. A permit that this makes (',create') has one place. sem: and kernel.sem:\n"
         "work, too, but if this program is killed with SIGKILL they stay taken.\n"
         "\n"
         "  --timeout S    give up if none is free within S seconds: status 4\n"
         "\n"
         "Exit status: COMMAND's; 128 + N if signal N ended it; 126 or 127 if it can't be run;\n"
         "before it runs: 1 failed, 2 wrong usage, 3 not found, 4 timed out, 5 no permission.\n");
    channel_print_kinds(HEPTA_CHANNEL_EVENTS | HEPTA_CHANNEL_RECV);
}

static volatile sig_atomic_t child;

static void pass_on(int signo)
{
    if (child > 0)
        kill(child, signo);
}

/* From the moment when it is ours until the command can be told, a signal waits. */
static void hold_signals(int how)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(how, &set, NULL);
}

static void become(char **command) __attribute__((noreturn));
static void become(char **command)
{
    signal(SIGPIPE, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    hold_signals(SIG_UNBLOCK);
    execvp(command[0], command);
    int status = errno == ENOENT ? 127 : 126;
    cli_error("can't run %s: %s", command[0], strerror(errno));
    _exit(status);
}

/* Terminals send SIGINT and SIGQUIT to the command, too; others we pass on. */
static int stay(struct hepta_channel *ch, const char *address, char **command)
{
    struct hepta_channel_msg msg = {.size = sizeof msg, .data = ""};
    struct sigaction pass = {.sa_handler = pass_on};
    int how = 0;

    sigaction(SIGTERM, &pass, NULL);
    sigaction(SIGHUP, &pass, NULL);
    signal(SIGQUIT, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGQUIT, SIG_DFL);
        signal(SIGHUP, SIG_DFL);
        become(command);
    }
    child = pid;
    hold_signals(SIG_UNBLOCK);
    while (pid > 0 && waitpid(pid, &how, 0) < 0 && errno == EINTR)
        ;
    child = 0;
    int r = hepta_channel_send(ch, &msg, hepta_in_ms(1000));
    hepta_channel_close(ch);
    if (pid < 0)
        cli_error("can't start a process: %s", strerror(errno));
    if (r < 0)
        channel_failed("can't give back", address, r);
    if (pid < 0 || r < 0)
        return CLI_FAILED;
    return WIFSIGNALED(how) ? 128 + WTERMSIG(how) : WEXITSTATUS(how);
}

static int take(struct hepta_channel *ch, const char *address, const struct channel_request *rq)
{
    struct hepta_channel_msg msg = {.size = sizeof msg};
    int r = channel_recv(ch, &msg, channel_deadline(rq));

    hold_signals(SIG_BLOCK);
    if (r == 1 && !stop_asked())
        return CLI_OK;
    hold_signals(SIG_UNBLOCK);
    if (r == 1) { /* stopped in the last moment */
        struct hepta_channel_msg back = {.size = sizeof back, .data = ""};
        hepta_channel_send(ch, &back, HEPTA_NOW);
        r = -ECANCELED;
    }
    if (r == -ECANCELED)
        return stop_end(CLI_FAILED);
    if (r != -ETIMEDOUT && r != -EAGAIN)
        return channel_failed("can't take", address, r);
    cli_error("%s was not free in time", address);
    return CLI_TIMED_OUT;
}

/* What is of a set has to return with the process: an option says so. */
static char *with_undo(const char *address, const struct hepta_channel_kind *kind)
{
    char *text = NULL;

    if (strstr(kind->name, "semset") && !strstr(address, ",undo"))
        return asprintf(&text, "%s,undo", address) < 0 ? NULL : text;
    return strdup(address);
}

static int run(const struct channel_request *rq, char **command)
{
    struct hepta_channel_kind kind;
    struct hepta_channel *ch;
    int status = channel_kind(rq->rest[0], &kind);

    if (status != CLI_OK)
        return status;
    if (!(kind.can & HEPTA_CHANNEL_EVENTS) || !(kind.can & HEPTA_CHANNEL_RECV))
        return cli_usage("%s is no semaphore: use permit:/NAME", rq->rest[0]);
    char *address = with_undo(rq->rest[0], &kind);
    if (!address)
        return CLI_FAILED;
    stop_begin();
    bool owned = !strcmp(kind.name, "permit") || strstr(kind.name, "semset");
    status = channel_open(address, HEPTA_CHANNEL_RECV | (owned ? 0 : HEPTA_CHANNEL_SEND), rq, &kind,
                          &ch);
    if (status == CLI_OK) {
        status = take(ch, address, rq);
        if (status == CLI_OK && owned)
            become(command);
        status = status == CLI_OK ? stay(ch, address, command) : status;
    }
    free(address);
    return status;
}

int cli_lock(int argc, char **argv)
{
    struct channel_request rq = {.timeout_ns = -1, .rest = channel_rest(argc)};
    char **command = NULL;
    bool ended;
    int n = argc;

    /* What is behind "--" is the command's, whatever it looks like. */
    for (int i = 1; i < argc && !command; i++) {
        if (!strcmp(argv[i], "--")) {
            command = argv + i + 1;
            n = i;
            argv[i] = NULL;
        }
    }
    int status = rq.rest ? channel_args(n, argv, "t", help, &rq, &ended) : CLI_FAILED;
    if (status != CLI_OK || ended)
        return status;
    if (rq.n_rest != 1)
        return cli_usage("one address is needed before --");
    if (!command || !*command)
        return cli_usage("a command is missing: write it behind --");
    status = run(&rq, command);
    free(rq.rest);
    return status;
}
