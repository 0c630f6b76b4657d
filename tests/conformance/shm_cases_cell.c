/* SPDX-License-Identifier: MIT */
/* shm_cases_cell.c - the sequence cell, which only Hepta has: the latest value, never torn */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "shm_room.h"

#define LEN 1000

static struct hepta_shm_cell *make(struct conf *c, struct seg **s, size_t len)
{
    EQ(c, yops(c)->anonymous(s, hepta_shm_cell_size(len)), 0);
    return (struct hepta_shm_cell *)(void *)yops(c)->data(*s);
}

static void sizes(struct conf *c)
{
    static const size_t good[] = {1, 7, 8, 64, 4096, 100001, HEPTA_SHM_CELL_MAX};
    EQ(c, hepta_shm_cell_size(0), 0);
    EQ(c, hepta_shm_cell_size((size_t)HEPTA_SHM_CELL_MAX + 1), 0);
    EQ(c, hepta_shm_cell_size(SIZE_MAX), 0);
    for (int i = 0; i < 7; i++)
        OK(c, hepta_shm_cell_size(good[i]) > good[i]);
}

static void written_and_read(struct conf *c)
{
    struct seg *s;
    struct hepta_shm_cell *cell = make(c, &s, LEN);
    char in[LEN], out[LEN];
    uint64_t n = 99;
    EQ(c, hepta_shm_cell_number(cell), 0);
    EQ(c, hepta_shm_cell_read(cell, out, LEN, &n), -EAGAIN);
    for (int i = 1; i < 10; i++) {
        memset(in, i, LEN);
        EQ(c, hepta_shm_cell_write(cell, in, LEN), 0);
        EQ(c, hepta_shm_cell_number(cell), i);
        for (int again = 0; again < 2; again++) {
            memset(out, 0, LEN);
            EQ(c, hepta_shm_cell_read(cell, out, LEN, again ? NULL : &n), 0);
            EQ(c, n, i);
            OK(c, all_bytes(out, LEN, (char)i));
        }
    }
    close_seg(c, s);
}

static void refused(struct conf *c)
{
    struct seg *s;
    struct hepta_shm_cell *cell = make(c, &s, LEN);
    struct hepta_shm_cell *off = (struct hepta_shm_cell *)(void *)((char *)cell + 8);
    char buf[LEN] = {0};
    EQ(c, hepta_shm_cell_write(cell, buf, 0), -EINVAL);
    EQ(c, hepta_shm_cell_write(NULL, buf, LEN), -EINVAL);
    EQ(c, hepta_shm_cell_write(cell, NULL, LEN), -EINVAL);
    EQ(c, hepta_shm_cell_write(off, buf, LEN), -EINVAL);
    EQ(c, hepta_shm_cell_read(cell, buf, 0, NULL), -EINVAL);
    EQ(c, hepta_shm_cell_read(off, buf, LEN, NULL), -EINVAL);
    EQ(c, hepta_shm_cell_number(cell), 0);
    close_seg(c, s);
}

/* A reader gets whole values, in the order in which they were written, without end. */
static void never_torn(struct conf *c)
{
    struct seg *s;
    struct hepta_shm_cell *cell = make(c, &s, LEN);
    pid_t reader[2];
    for (int r = 0; r < 2; r++)
        if ((reader[r] = conf_fork(c)) == 0) {
            char v[LEN];
            uint64_t n = 0, last = 0;
            while (conf_get(c, 1) == 0) {
                int e = hepta_shm_cell_read(cell, v, LEN, &n);
                OK(c, e == 0 || e == -EAGAIN);
                if (e < 0)
                    continue;
                OK(c, n >= last);
                OK(c, all_bytes(v, LEN, (char)n));
                last = n;
                conf_add(c, 2, 1);
            }
            conf_exit();
        }
    char v[LEN];
    for (uint64_t n = 1; n <= 40000 || conf_get(c, 2) < 1000; n++) {
        memset(v, (char)n, LEN);
        EQ(c, hepta_shm_cell_write(cell, v, LEN), 0);
        if (n % 4 == 0)
            conf_set(c, 3, (long)n);
    }
    conf_set(c, 1, 1);
    for (int r = 0; r < 2; r++)
        conf_join(c, reader[r]);
    close_seg(c, s);
}

/* A writer that is killed, wherever it is, leaves a whole value, and the next one goes on. */
static void writer_dies(struct conf *c)
{
    struct seg *s;
    struct hepta_shm_cell *cell = make(c, &s, LEN);
    char v[LEN];
    uint64_t n, last = 0;
    for (int round = 0; round < 30; round++) {
        pid_t pid = conf_fork(c);
        if (pid == 0)
            for (uint64_t i = hepta_shm_cell_number(cell) + 1;; i++) {
                memset(v, (char)i, LEN);
                EQ(c, hepta_shm_cell_write(cell, v, LEN), 0);
                conf_set(c, 0, 1);
            }
        conf_await(c, 0, 1);
        conf_kill(c, pid);
        conf_set(c, 0, 0);
        EQ(c, hepta_shm_cell_read(cell, v, LEN, &n), 0);
        OK(c, n > last);
        OK(c, all_bytes(v, LEN, (char)n));
        last = n;
    }
    close_seg(c, s);
}

const struct conf_case shm_cell_cases[] = {
    {"cell.sizes", sizes, NEEDS_HEPTA, NULL, NULL, 0},
    {"cell.written_and_read", written_and_read, NEEDS_HEPTA, NULL, NULL, 0},
    {"cell.refused", refused, NEEDS_HEPTA, NULL, NULL, 0},
    {"cell.never_torn", never_torn, NEEDS_HEPTA, NULL, NULL, 20},
    {"cell.writer_dies", writer_dies, NEEDS_HEPTA, NULL, NULL, 0},
    {0},
};
