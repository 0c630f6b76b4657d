/* SPDX-License-Identifier: MIT */
/* base/errors_test.c - every errno has a text, whatever its sign */
#include "base/unit_test.h"

#include <limits.h>

static void test_sign_makes_no_difference(void **state)
{
    (void)state;
    const int errs[] = {0, EAGAIN, EBADMSG, EOWNERDEAD, ENOENT, EMFILE};
    for (size_t i = 0; i < sizeof errs / sizeof *errs; i++) {
        assert_non_null(hepta_strerror(errs[i]));
        assert_string_equal(hepta_strerror(errs[i]), hepta_strerror(-errs[i]));
    }
}

/* What Hepta means differs from what the system says. */
static void test_texts_of_our_own(void **state)
{
    (void)state;
    const int errs[] = {EAGAIN,      ETIMEDOUT, EINTR,  EPIPE,   EBADF,     EBADMSG,
                        EPROTO,      EPERM,     EXDEV,  EDEADLK, E2BIG,     EPROTONOSUPPORT,
                        EMEDIUMTYPE, ENODATA,   ENOSYS, ENOSPC,  EOWNERDEAD,
                        EACCES,      EEXIST,    ENOENT, ELOOP,   ENOTDIR,   ENAMETOOLONG,
                        ESTALE,      EROFS,     EOPNOTSUPP};
    for (size_t i = 0; i < sizeof errs / sizeof *errs; i++) {
        const char *text = hepta_strerror(-errs[i]);
        assert_string_not_equal(text, strerror(errs[i]));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(text, hepta_strerror(-errs[k]));
    }
}

static void assert_says(int err, const char *word)
{
    if (!strstr(hepta_strerror(err), word))
        fail_msg("%s: doesn't say \"%s\"", hepta_strerror(err), word);
}

/* What several mechanisms return speaks of all of them. */
static void test_texts_for_all(void **state)
{
    (void)state;
    const char *removed[] = {"queue", "set", "segment"};
    for (size_t i = 0; i < sizeof removed / sizeof *removed; i++)
        assert_says(-EIDRM, removed[i]);
    assert_says(-EPERM, "System V object");
    assert_says(-EPERM, "queue or permit");
    assert_says(-EPERM, "mutex");
    assert_says(-ENOSPC, "holders_max");
    assert_says(-ENOSPC, "undoers_max");
    assert_says(-ENOSPC, "memory");
}

static void test_others_are_the_systems(void **state)
{
    (void)state;
    assert_string_equal(hepta_strerror(-ENFILE), strerror(ENFILE));
    assert_string_equal(hepta_strerror(-EMFILE), strerror(EMFILE));
}

static void test_unknown_numbers(void **state)
{
    (void)state;
    const int errs[] = {INT_MAX, INT_MIN, INT_MIN + 1, 100000, -100000};
    for (size_t i = 0; i < sizeof errs / sizeof *errs; i++)
        assert_string_equal(hepta_strerror(errs[i]), "unknown error");
}

static void test_version(void **state)
{
    char text[32];
    (void)state;
    snprintf(text, sizeof text, "%d.%d.%d", HEPTA_VERSION_MAJOR, HEPTA_VERSION_MINOR,
             HEPTA_VERSION_PATCH);
    assert_string_equal(hepta_version(), text);
    assert_string_equal(hepta_version(), HEPTA_VERSION);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_sign_makes_no_difference),
    cmocka_unit_test(test_texts_of_our_own),
    cmocka_unit_test(test_texts_for_all),
    cmocka_unit_test(test_others_are_the_systems),
    cmocka_unit_test(test_unknown_numbers),
    cmocka_unit_test(test_version),
};

UNIT_MAIN(tests)
