/* SPDX-License-Identifier: MIT */
/*
 * carry.c - bytes and records from one machine to the other: whole, in order, and whatever
 * happens to the cable in the middle
 */
#include "lab.h"

#include <errno.h>

#define PORT 7000
#define TOTAL (32u << 20)
#define MAX_PIECE 200000
#define N_RECORDS 1000
#define MAX_RECORD 70000

enum { RECEIVED, CABLE_OUT, TIMED_OUT };

static char buf[MAX_PIECE];

/* ---- a stream, cut into other pieces on each side ---- */

/* Bytes are known by the chunk of 4096 in which they lie. */
#define CHUNK 4096

static void stream_a(struct lab *lab)
{
    struct hepta_sock *s = lab_connect(lab_at(lab, "tcp", 'b', PORT), 0);
    uint64_t seed = 11;
    static char all[MAX_PIECE / CHUNK * CHUNK];

    for (size_t at = 0; at < TOTAL; at += sizeof(all)) {
        for (size_t i = 0; i < sizeof(all); i += CHUNK)
            lab_fill(all + i, CHUNK, (at + i) / CHUNK);
        for (size_t done = 0; done < sizeof(all);) {
            size_t n = 1 + t_random(&seed) % (sizeof(all) - done);
            lab_is("send", hepta_sock_send(s, all + done, n, HEPTA_FOREVER), (long)n);
            done += n;
        }
    }
    hepta_sock_close(s);
}

static void stream_b(struct lab *lab)
{
    struct hepta_sock *l = lab_listen(lab_at(lab, "tcp", 'b', PORT), 0), *s = lab_accept(l);
    uint64_t seed = 12;
    size_t at = 0, have = 0;
    ssize_t n;

    do {
        n = hepta_sock_recv(s, buf + have, 1 + t_random(&seed) % (sizeof(buf) - have),
                            hepta_in_ms(LAB_LONG_MS));
        if (n < 0)
            lab_is("recv", n, 1);
        have += (size_t)n;
        size_t used = 0;
        for (; have - used >= CHUNK; used += CHUNK, at += CHUNK)
            if (!lab_same(buf + used, CHUNK, at / CHUNK))
                t_die("the bytes at %zu are wrong", at);
        for (size_t i = 0; i < have - used; i++)
            buf[i] = buf[used + i];
        have -= used;
    } while (n > 0);
    if (at < TOTAL || have != 0)
        t_die("%zu bytes came, and %zu", at, have);
    hepta_sock_close(s);
    hepta_sock_close(l);
}

void stream_test(bool v6)
{
    lab_run(v6, stream_a, stream_b);
}

/* ---- records ---- */

static size_t size_of(uint64_t i)
{
    uint64_t seed = i * 77 + 5;

    return i % 50 == 0 ? 0 : i % 50 == 1 ? 1 : t_random(&seed) % MAX_RECORD;
}

static long send_record(struct hepta_sock *s, uint64_t i, int64_t deadline)
{
    lab_fill(buf, size_of(i), i);
    return hepta_sock_send(s, buf, size_of(i), deadline);
}

static void check_record(uint64_t i, ssize_t n)
{
    lab_is("a record's length", n, (long)size_of(i));
    if (!lab_same(buf, size_of(i), i))
        t_die("record %llu is wrong", (unsigned long long)i);
}

static void expect_end(struct hepta_sock *s)
{
    struct iovec iov = {buf, sizeof(buf)};
    struct hepta_sock_msg msg = {.size = sizeof(msg), .iov = &iov, .n_iov = 1};

    lab_is("the end", hepta_sock_recvmsg(s, &msg, hepta_in_ms(LAB_LONG_MS)), 0);
    lab_is("the end's flag", msg.flags, HEPTA_SOCK_MSG_EOF);
}

static void records_a(struct lab *lab)
{
    struct hepta_sock *s = lab_connect(lab_at(lab, "tcp", 'b', PORT), HEPTA_SOCK_RECORDS);

    for (uint64_t i = 0; i < N_RECORDS; i++)
        lab_is("send", send_record(s, i, HEPTA_FOREVER), (long)size_of(i));
    hepta_sock_close(s);
}

static void records_b(struct lab *lab)
{
    struct hepta_sock *l = lab_listen(lab_at(lab, "tcp", 'b', PORT), HEPTA_SOCK_RECORDS);
    struct hepta_sock *s = lab_accept(l);

    for (uint64_t i = 0; i < N_RECORDS; i++)
        check_record(i, hepta_sock_recv(s, buf, sizeof(buf), hepta_in_ms(LAB_LONG_MS)));
    expect_end(s);
    hepta_sock_close(s);
    hepta_sock_close(l);
}

void records_test(bool v6)
{
    lab_run(v6, records_a, records_b);
}

/* ---- the cable is pulled in the middle, and put back ---- */

/* Both sides are told by their deadlines; then it goes on where it was. */
static void cable_a(struct lab *lab)
{
    struct hepta_sock *s = lab_connect(lab_at(lab, "tcp", 'b', PORT), HEPTA_SOCK_RECORDS);
    uint64_t i = 0;
    long n;

    for (; i < N_RECORDS / 4; i++)
        lab_is("send", send_record(s, i, HEPTA_FOREVER), (long)size_of(i));
    atomic_store(&lab->page->cell[CABLE_OUT], 1);
    lab_cable(false);
    while ((n = send_record(s, i, hepta_in_ms(300))) == (long)size_of(i))
        if (++i == N_RECORDS)
            t_die("a cable that is out carries everything");
    lab_is("send without a cable", n, -ETIMEDOUT);
    lab_await(lab, TIMED_OUT, 1);
    lab_cable(true);
    for (; i < N_RECORDS; i++)
        lab_is("send", send_record(s, i, hepta_in_ms(LAB_LONG_MS)), (long)size_of(i));
    hepta_sock_close(s);
}

static void cable_b(struct lab *lab)
{
    struct hepta_sock *l = lab_listen(lab_at(lab, "tcp", 'b', PORT), HEPTA_SOCK_RECORDS);
    struct hepta_sock *s = lab_accept(l);
    int64_t end = t_now_ns() + LAB_LONG_MS * T_MS;

    for (uint64_t i = 0; i < N_RECORDS;) {
        ssize_t n = hepta_sock_recv(s, buf, sizeof(buf), hepta_in_ms(100));

        if (n == -ETIMEDOUT && t_now_ns() < end) {
            if (atomic_load(&lab->page->cell[CABLE_OUT]))
                atomic_fetch_add(&lab->page->cell[TIMED_OUT], 1);
            continue;
        }
        check_record(i++, n);
    }
    expect_end(s);
    hepta_sock_close(s);
    hepta_sock_close(l);
}

void cable_test(bool v6)
{
    lab_run(v6, cable_a, cable_b);
}

/* ---- a link-local address needs its interface ---- */

static void link_local_a(struct lab *lab)
{
    (void)lab;
    struct hepta_sock *s = lab_connect("tcp:[fe80::77:2%va]:7000", 0);

    lab_is("send", hepta_sock_send(s, "hello", 5, HEPTA_FOREVER), 5);
    lab_is("recv", hepta_sock_recv(s, buf, 10, hepta_in_ms(LAB_LONG_MS)), 5);
    hepta_sock_close(s);
    lab_is("no interface", hepta_sock_connect(&s, "tcp:[fe80::77:2]:7000", NULL, HEPTA_FOREVER),
           -EINVAL);
    lab_is("no such interface",
           hepta_sock_connect(&s, "tcp:[fe80::77:2%nosuch]:7000", NULL, HEPTA_FOREVER), -ENODEV);
}

static void link_local_b(struct lab *lab)
{
    (void)lab;
    struct hepta_sock *l = lab_listen("tcp:[fe80::77:2%vb]:7000", 0), *s = lab_accept(l);

    lab_is("recv", hepta_sock_recv(s, buf, 10, hepta_in_ms(LAB_LONG_MS)), 5);
    lab_is("send", hepta_sock_send(s, "hello", 5, HEPTA_FOREVER), 5);
    hepta_sock_close(s);
    hepta_sock_close(l);
}

void link_local_test(bool v6)
{
    lab_run(v6, link_local_a, link_local_b);
}
