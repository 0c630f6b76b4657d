/* SPDX-License-Identifier: MIT */
/*
 * signal/names_test.c - names there and back, what is no name, and lines for people
 */
#define _GNU_SOURCE
#include "base/unit_test.h"

#include <hepta/signal.h>

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(hepta_signal_name(SIGHUP), "SIGHUP");
    assert_string_equal(hepta_signal_name(SIGINT), "SIGINT");
    assert_string_equal(hepta_signal_name(SIGSYS), "SIGSYS");
    assert_string_equal(hepta_signal_name(34), "SIGRTMIN");
    assert_string_equal(hepta_signal_name(37), "SIGRTMIN+3");
    assert_string_equal(hepta_signal_name(64), "SIGRTMIN+30");
    const int no[] = {0, -1, 65, 32, 33, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        assert_null(hepta_signal_name(no[i]));
    assert_int_equal(SIGRTMIN, 34);
    assert_int_equal(SIGRTMAX, HEPTA_SIGNAL_MAX);
}

/* And libc's, which says POLL for IO. */
static void test_there_and_back(void **state)
{
    (void)state;
    for (int i = 1; i <= HEPTA_SIGNAL_MAX; i++) {
        const char *name = hepta_signal_name(i);
        char text[16];
        if (name) {
            assert_int_equal(hepta_signal_number(name), i);
            assert_int_equal(hepta_signal_number(name + 3), i);
        }
        if (i < 32) {
            assert_non_null(name);
            assert_int_equal(hepta_signal_number(sigabbrev_np(i)), i);
        }
        snprintf(text, sizeof text, "%d", i);
        assert_int_equal(hepta_signal_number(text), i);
    }
}

static void test_spellings(void **state)
{
    static const struct {
        const char *text;
        int signo;
    } yes[] = {
        {"INT", SIGINT},   {"SIGINT", SIGINT}, {"int", SIGINT},      {"sigInt", SIGINT},
        {"2", 2},          {"HUP", SIGHUP},    {"RTMIN", 34},        {"RTMIN+3", 37},
        {"sigrtmin+0", 34}, {"RTMIN+30", 64},  {"RTMAX", 64},        {"RTMAX-1", 63},
        {"SIGRTMAX-30", 34}, {"IOT", SIGABRT}, {"CLD", SIGCHLD},     {"POLL", SIGIO},
        {"32", 32},        {"64", 64},         {"009", 9},
    };
    const char *no[] = {NULL,  "",       "SIG",     "0",       "65",      "-1",    " INT",
                        "INT ", "INTX",  "IN",      "RTMIN+",  "RTMIN-1", "RTMIN+31", "RTMAX+1",
                        "RTMAX-31", "RTMIN+3x", "SIG2", "SIGSIGINT", "2x", "999999999999",
                        "RTMIN+99999999999"};
    (void)state;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (hepta_signal_number(yes[i].text) != yes[i].signo)
            fail_msg("%s is %d", yes[i].text, hepta_signal_number(yes[i].text));
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (hepta_signal_number(no[i]) != -EINVAL)
            fail_msg("%s is %d", no[i], hepta_signal_number(no[i]));
}

static void test_sources(void **state)
{
    (void)state;
    for (uint32_t i = 0; i <= HEPTA_SIGNAL_FROM_MAILBOX; i++)
        for (uint32_t k = 0; k < i; k++)
            assert_string_not_equal(hepta_signal_source_name(i), hepta_signal_source_name(k));
    assert_string_equal(hepta_signal_source_name(HEPTA_SIGNAL_FROM_KEYBOARD), "keyboard");
    assert_string_equal(hepta_signal_source_name(HEPTA_SIGNAL_FROM_MAILBOX + 1), "unknown");
    assert_string_equal(hepta_signal_source_name(UINT32_MAX), "unknown");
}

static void says(const struct hepta_signal_info *info, const char *text)
{
    char out[200];
    int n = hepta_signal_describe(info, out, sizeof out);
    assert_string_equal(out, text);
    assert_int_equal(n, strlen(text));
}

#define INFO(...) (&(struct hepta_signal_info){__VA_ARGS__})
#define FROM(x) .source = HEPTA_SIGNAL_FROM_##x

static void test_lines(void **state)
{
    (void)state;
    says(INFO(.signo = SIGSEGV, FROM(FAULT), .code = SEGV_MAPERR, .address = 0x10),
         "SIGSEGV from fault: address not mapped, 0x10");
    says(INFO(.signo = SIGFPE, FROM(FAULT), .code = 99, .address = UINT64_MAX),
         "SIGFPE from fault: cause 99, 0xffffffffffffffff");
    says(INFO(.signo = SIGTERM, FROM(KILL), .pid = 123, .uid = 4294967294u),
         "SIGTERM from kill: pid 123, uid 4294967294");
    says(INFO(.signo = 37, FROM(QUEUE), .pid = 1, .value = 255, .code = SI_QUEUE),
         "SIGRTMIN+3 from sigqueue: pid 1, uid 0, value 0xff");
    says(INFO(.signo = SIGINT, FROM(KEYBOARD), .code = SI_KERNEL), "SIGINT from keyboard");
    says(INFO(.signo = SIGALRM, FROM(TIMER), .code = SI_KERNEL), "SIGALRM from timer");
    says(INFO(.signo = SIGALRM, FROM(TIMER), .code = SI_TIMER, .timer = 2, .overrun = 5),
         "SIGALRM from timer: timer 2, overrun 5, value 0x0");
    says(INFO(.signo = SIGCHLD, FROM(CHILD), .code = CLD_EXITED, .pid = 9, .status = 3),
         "SIGCHLD from child: pid 9, exited with status 3");
    says(INFO(.signo = SIGCHLD, FROM(CHILD), .code = CLD_KILLED, .pid = 9, .status = SIGKILL),
         "SIGCHLD from child: pid 9, killed by SIGKILL");
    says(INFO(.signo = SIGCHLD, FROM(CHILD), .code = CLD_CONTINUED, .pid = 9, .status = SIGCONT),
         "SIGCHLD from child: pid 9, continued by SIGCONT");
    says(INFO(.signo = SIGIO, FROM(IO), .code = POLL_IN, .fd = 4, .band = 0x41),
         "SIGIO from io: descriptor 4, band 0x41");
    says(INFO(.signo = 33, FROM(MAILBOX), .pid = 7, .uid = 8, .len = 56),
         "signal 33 from mailbox: pid 7, uid 8, bytes 56");
    says(INFO(.signo = INT32_MIN, .source = 77), "signal -2147483648 from unknown");
}

static void test_lines_are_cut(void **state)
{
    const struct hepta_signal_info *info = INFO(.signo = SIGINT, FROM(KEYBOARD));
    char out[24];
    (void)state;
    assert_int_equal(hepta_signal_describe(info, out, 0), 0);
    for (size_t n = 1; n <= 21; n++) {
        memset(out, 'x', sizeof out);
        assert_int_equal(hepta_signal_describe(info, out, n), n - 1);
        assert_int_equal(out[n - 1], 0);
        assert_int_equal(out[n], 'x');
        assert_memory_equal(out, "SIGINT from keyboard", n - 1);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_names),     cmocka_unit_test(test_there_and_back),
    cmocka_unit_test(test_spellings), cmocka_unit_test(test_sources),
    cmocka_unit_test(test_lines),     cmocka_unit_test(test_lines_are_cut),
};

UNIT_MAIN(tests)
