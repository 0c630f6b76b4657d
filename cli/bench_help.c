/* SPDX-License-Identifier: MIT */
/* cli/bench_help.c - what `hepta bench --help` says */
#include "cli/bench_request.h"
#include "cli/cli.h"

static void print_tests(const struct bench_mechanism *m)
{
    const char *before = "";

    for (int test = 0; test < BENCH_N_TESTS; test++) {
        if (!bench_has_test(m, (enum bench_test)test))
            continue;
        printf("%s%s", before, bench_shapes[test].name);
        before = ", ";
    }
}

int bench_help(void)
{
    puts("Examples:\n"
         "  hepta bench pipe\n"
         "  hepta bench pipe --bytes 64,4K,64K --mode busy --test stream\n"
         "  hepta bench --report bench.html\n"
         "\n"
         "Usage: hepta bench [KIND...] [OPTION...]\n"
         "\n"
         "Measures kinds of communication between pinned processes: Hepta, the kernel's own,\n"
         "and what the hardware allows (limit). Rivals run in turns; figures are medians over\n"
         "the runs.\n"
         "Without a KIND all of them, as far as they have what the options ask for.\n"
         "\n"
         "  --bytes N[,N...]             message sizes, 8 to 16M (default 64; shm: 64,4K); K\n"
         "                               and M are binary\n"
         "  --test TEST                  one of those below, or all (default)\n"
         "  --mode busy|sleep|adaptive   how Hepta waits (default adaptive); the kernel's side\n"
         "                               spins without blocking in busy, and blocks otherwise\n"
         "  --cpus same|apart|both       both sides on one cpu, on two cores (default), or\n"
         "                               one and then the other\n"
         "  --queued N[,N...]            select: messages in front, up to 1000000 (default 10,\n"
         "                               1000,100000)\n"
         "  --backends NAME[,NAME...]    only these; names below\n"
         "  --seconds S                  bound of one measurement (default 0.1; of a report\n"
         "                               0.05)\n"
         "  --give-up S                  when it is killed (default ten times --seconds; of all\n"
         "                               kinds and of a report at least 5)\n"
         "  --runs N                     measurements of each row, 1 to 101 (default 9; of a\n"
         "                               report 5)\n"
         "  --within S                   bound of everything; rows get fewer runs, if it has to be\n"
         "                               (default 600 for all kinds and a report, else none)\n"
         "  --targets                    the cases of the promised ratios, and whether they hold;\n"
         "                               exit status 1 if one is missed\n"
         "  --report FILE                write a page with plots, the machine's facts and the raw\n"
         "                               figures; both --cpus, streams of 64,1K,4K,64K, and the\n"
         "                               targets too, if nothing else is asked for\n"
         "  --json                       one object a line instead of tables\n"
         "\n"
         "Tests:\n"
         "  pingpong   round trips; times are one way, half of it; MSGS/S counts both ways\n"
         "  stream     one process to another; fan-in: four to one; many: four to four\n"
         "  pair       one process sends and receives: the time of both, with nobody else there;\n"
         "             of semaphores: posts and waits, or one up and one down\n"
         "  select     the same, by its type, behind --queued messages of as many other types\n"
         "  pair-undo  pair, both operations with SEM_UNDO\n"
         "  pair-permit\n"
         "             of a permit, which returns when its holder dies; the kernel's is pair\n"
         "  mutex      one process locks and unlocks: the time of both\n"
         "  mutex-contended\n"
         "             two processes lock, count in shared memory, and unlock\n"
         "  cell       one process reads a value, the time of that; another writes a million new\n"
         "             ones a second; cell-storm: as many as it can\n"
         "\n"
         "Receivers check every message, from 4 KiB on every cache line of it; of a cell every\n"
         "byte, but for the limit's. Rivals have the same capacity: 64 KiB, for messages of\n"
         "64 KiB and more 1 MiB. The four processes of a side share its cpu. Mutexes and cells\n"
         "have no mode.");
    for (const struct bench_mechanism *m = bench_mechanisms; m->name; m++) {
        printf("\nBack ends of %s (%s; ", m->name, m->what);
        print_tests(m);
        puts("):");
        for (const struct bench_backend *const *b = m->backends; *b; b++)
            printf("  %-24s %s\n", (*b)->name, (*b)->what);
    }
    return cli_finish(CLI_OK);
}
