/* SPDX-License-Identifier: MIT */
/* bench/msg_types.h - which types the messages of both rivals have */
#ifndef BENCH_MSG_TYPES_H
#define BENCH_MSG_TYPES_H

#include "bench/bench.h"

#define MSG_TYPE_WANTED 1

/* Of the message number @i in front of it: each has its own. */
static inline long msg_type_other(size_t i)
{
    return MSG_TYPE_WANTED + 1 + (long)i;
}

/* 0, any, unless the test is about types. */
static inline long msg_type_to_take(const struct bench_case *c)
{
    return c->test == BENCH_SELECT ? MSG_TYPE_WANTED : 0;
}

#endif
