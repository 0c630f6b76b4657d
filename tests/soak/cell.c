/* SPDX-License-Identifier: MIT */
/*
 * cell.c - one writer, six readers, a value of 4 KiB: so many reads, none of them torn
 *
 * Every word of a value says which value it is and where in it the word stands, so that a reader
 * sees any mixture. The writer is killed now and then, wherever it is, and followed by another.
 * Arguments: how many reads in all, and "kill" for that.
 */
#define _GNU_SOURCE
#include "../lib/t.h"

#include <errno.h>
#include <hepta/shm.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READERS 6
#define LEN 4096
#define WORDS (LEN / 8)
#define PIECE 1000 /* reads between two looks at the rest */
#define KILL_MS 20

struct shared {
    volatile bool stop;
    uint64_t left; /* reads to be made */
    uint64_t n_read, n_new, n_overtaken, n_torn;
    char cell[] __attribute__((aligned(64)));
};

static struct shared *sh;

static struct hepta_shm_cell *cell(void)
{
    return (struct hepta_shm_cell *)sh->cell;
}

static uint64_t word(uint64_t n, unsigned i)
{
    return (n + i) * 0x9e3779b97f4a7c15u;
}

static void write_next(void)
{
    uint64_t value[WORDS], n = hepta_shm_cell_number(cell()) + 1;

    for (unsigned i = 0; i < WORDS; i++)
        value[i] = word(n, i);
    if (hepta_shm_cell_write(cell(), value, LEN) < 0)
        t_die("hepta_shm_cell_write");
}

/* 0: it is value number n, whole. */
static int differs(const uint64_t value[WORDS], uint64_t n)
{
    uint64_t wrong = 0;

    for (unsigned i = 0; i < WORDS; i++)
        wrong |= value[i] ^ word(n, i);
    return wrong != 0;
}

static _Noreturn void write_on(void)
{
    while (!sh->stop)
        write_next();
    _exit(0);
}

/* So many, or what is left of them. False: there were none. */
static bool take_piece(void)
{
    uint64_t left = __atomic_load_n(&sh->left, __ATOMIC_RELAXED);

    while (left > 0)
        if (__atomic_compare_exchange_n(&sh->left, &left, left > PIECE ? left - PIECE : 0, true,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return true;
    return false;
}

static _Noreturn void read_on(void)
{
    uint64_t value[WORDS], n = 0, before = 0;

    while (take_piece()) {
        uint64_t n_read = 0, n_new = 0, n_overtaken = 0, n_torn = 0;

        while (n_read < PIECE) {
            int rc = hepta_shm_cell_read(cell(), value, LEN, &n);

            n_overtaken += rc == -EAGAIN;
            if (rc == -EAGAIN)
                continue;
            n_read++;
            n_new += n != before;
            n_torn += rc < 0 || n < before || differs(value, n);
            before = n;
        }
        __atomic_fetch_add(&sh->n_read, n_read, __ATOMIC_RELAXED);
        __atomic_fetch_add(&sh->n_new, n_new, __ATOMIC_RELAXED);
        __atomic_fetch_add(&sh->n_overtaken, n_overtaken, __ATOMIC_RELAXED);
        __atomic_fetch_add(&sh->n_torn, n_torn, __ATOMIC_RELAXED);
    }
    _exit(0);
}

static pid_t start(void (*fn)(void))
{
    pid_t pid = t_fork();

    if (pid == 0)
        fn();
    return pid;
}

/* Until the readers are through. */
static unsigned run(bool kills)
{
    pid_t writer = start(write_on), readers[READERS];
    unsigned n_killed = 0;

    for (int i = 0; i < READERS; i++)
        readers[i] = start(read_on);
    while (__atomic_load_n(&sh->left, __ATOMIC_RELAXED) > 0) {
        t_sleep_ns(KILL_MS * T_MS);
        if (!kills)
            continue;
        t_kill(writer);
        n_killed++;
        writer = start(write_on);
    }
    for (int i = 0; i < READERS; i++)
        if (t_reap(readers[i], 60000) != 0)
            t_die("a reader");
    sh->stop = true;
    t_reap(writer, 10000);
    return n_killed;
}

int main(int argc, char **argv)
{
    uint64_t n_reads = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    bool kills = argc > 2 && strcmp(argv[2], "kill") == 0;

    if (n_reads == 0)
        t_die("cell READS [kill]");
    t_limit(7000);
    sh = t_shared(sizeof(*sh) + hepta_shm_cell_size(LEN));
    sh->left = n_reads;
    write_next();
    unsigned n_killed = run(kills);
    printf("%" PRIu64 " reads of %" PRIu64 " values, %" PRIu64 " written, %" PRIu64
           " overtaken, %u writers killed: %" PRIu64 " torn\n",
           sh->n_read, sh->n_new, hepta_shm_cell_number(cell()), sh->n_overtaken, n_killed,
           sh->n_torn);
    return sh->n_torn != 0 || sh->n_read < n_reads || sh->n_new < n_reads / 10000;
}
