/* SPDX-License-Identifier: MIT */
/*
 * frame_test.c - does the frame notice what it is there to notice?
 *
 * A room of cases that each do one thing wrong, run by conf_main() with its output in a file,
 * and then every line of that output against what it must say.
 */
#define _GNU_SOURCE
#include "frame.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void good(struct conf *c)
{
    pid_t child = conf_fork(c);

    if (child == 0)
        conf_exit();
    conf_join(c, child);
    EQ(c, 1, 1);
}

static void wrong_value(struct conf *c)
{
    EQ(c, -EPIPE, -EAGAIN);
}

static void wrong_in_child(struct conf *c)
{
    pid_t child = conf_fork(c);

    if (child == 0)
        OK(c, getpid() == 0);
    conf_status(c, child); /* ignoring it doesn't hide it */
}

static void hangs(struct conf *c)
{
    (void)c;
    pause();
}

static void waits_for_failed(struct conf *c)
{
    if (conf_fork(c) == 0)
        conf_fail(c, "first");
    conf_await(c, 0, 1);
}

static void crashes(struct conf *c)
{
    (void)c;
    abort();
}

static void leaves_process(struct conf *c)
{
    if (conf_fork(c) == 0)
        pause();
}

static void leaves_descriptor(struct conf *c)
{
    OK(c, dup(0) >= 0);
}

static void differs(struct conf *c)
{
    EQ(c, c->be->side == CONF_KERNEL ? 1 : 2, DIFFERS(c, 1, 2));
}

static void differs_no_more(struct conf *c)
{
    EQ(c, 1, DIFFERS(c, 1, 2));
}

static void differs_in_nothing(struct conf *c)
{
    EQ(c, 1, DIFFERS(c, 1, 1));
}

static void names_but_tests_none(struct conf *c)
{
    EQ(c, 1, 1);
}

static void may(struct conf *c)
{
    MAY(c, c->be->side == CONF_KERNEL ? 1 : 2, 1, 2);
}

static void may_not_kernel(struct conf *c)
{
    MAY(c, 2, 1, 2);
}

static void sleeper(struct conf *c)
{
    pid_t child = conf_fork(c);

    if (child == 0) {
        conf_set(c, 0, 1);
        pause();
    }
    conf_asleep_after(c, child, 0);
    conf_kill(c, child);
}

static void executes(struct conf *c)
{
    pid_t child = conf_fork(c);

    if (child == 0)
        conf_exec(c, (const char *[]){"17", NULL});
    conf_join(c, child);
    EQ(c, conf_get(c, 0), 17);
}

static void executed(struct conf *c, int argc, char **argv)
{
    EQ(c, argc, 1);
    conf_set(c, 0, atoi(argv[0]));
}

static void leaves_thing(struct conf *c)
{
    OK(c, symlink("nowhere", getenv("FRAME_TEST_THING")) == 0);
}

/* What the room looks for after each run: one file. */
static int tidy(void)
{
    return unlink(getenv("FRAME_TEST_THING")) == 0;
}

static void begin(void)
{
    static char path[64];

    snprintf(path, sizeof(path), "/tmp/conformance-frame.%d", (int)getpid());
    setenv("FRAME_TEST_THING", path, 1);
    printf("begin\n");
}

static void end(void)
{
    printf("end\n");
}

static const struct conf_case cases[] = {
    {"good", good, 0, NULL, NULL, 0},
    {"wrong_value", wrong_value, 0, NULL, NULL, 0},
    {"wrong_in_child", wrong_in_child, 0, NULL, NULL, 0},
    {"hangs", hangs, 0, NULL, NULL, 1},
    {"waits_for_failed", waits_for_failed, 0, NULL, NULL, 0},
    {"crashes", crashes, 0, NULL, NULL, 0},
    {"leaves_process", leaves_process, 0, NULL, NULL, 0},
    {"leaves_descriptor", leaves_descriptor, 0, NULL, NULL, 0},
    {"differs", differs, 0, "id", NULL, 0},
    {"differs_unnamed", differs, 0, NULL, NULL, 0},
    {"differs_no_more", differs_no_more, 0, "id", NULL, 0},
    {"differs_in_nothing", differs_in_nothing, 0, "id", NULL, 0},
    {"names_but_tests_none", names_but_tests_none, 0, "id", NULL, 0},
    {"may", may, 0, "id", NULL, 0},
    {"may_not_kernel", may_not_kernel, 0, "id", NULL, 0},
    {"sleeper", sleeper, 0, NULL, NULL, 0},
    {"executes", executes, 0, NULL, executed, 0},
    {"one_side_only", good, 1, NULL, NULL, 0},
    {"nobody_can", good, 2, NULL, NULL, 0},
    {"leaves_thing", leaves_thing, 0, NULL, NULL, 0},
    {0},
};

/* What must be printed: the row of each case, and the reason below it. */
static const char *const expected[] = {
    "begin", "good ok ok", "wrong_value FAIL FAIL", "kernel: frame_test.c:",
    "-EPIPE is -EPIPE, not -EAGAIN", "wrong_in_child FAIL FAIL", "not true: getpid() == 0",
    "hangs FAIL FAIL", "time is up", "waits_for_failed FAIL FAIL", "kernel: first",
    "crashes FAIL FAIL", "killed by signal 6", "leaves_process FAIL FAIL",
    "leaves 1 processes", "leaves_descriptor FAIL FAIL", "leaves 1 descriptors",
    "differs ok differs id", "differs_unnamed FAIL FAIL", "in a case that names none",
    "differs_no_more ok FAIL id", "is 1, not 2", "differs_in_nothing FAIL FAIL id",
    "both sides expect the same", "names_but_tests_none FAIL FAIL id",
    "names difference 'id' but tests none", "may ok differs id",
    "may_not_kernel FAIL differs id", "sleeper ok ok", "executes ok ok",
    ("one_side_only - ok \nroom.leaves_thing FAIL FAIL"), "leaves 1 things",
    "end", "13 passed, 24 failed",
};

static const struct conf_backend backends[] = {
    {"kernel", CONF_KERNEL, 0, NULL}, {"hepta", CONF_HEPTA, 1, NULL}, {0},
};
static const struct conf_case *const groups[] = {cases, NULL};
static const struct conf_room room = {"room", backends, groups, begin, tidy, end};
static const struct conf_room *const rooms[] = {&room, NULL};

/* Columns are padded: compare with single spaces. */
static void squeeze(char *s)
{
    char *to = s;

    for (; *s; s++)
        if (*s != ' ' || (to[-1] != ' ' && s[1] != ' '))
            *to++ = *s;
    *to = 0;
}

int main(int argc, char **argv)
{
    static char text[16384] = "\n";
    FILE *out = tmpfile();
    int status, n_failed = 0;
    char *at = text;

    if (argc > 1)
        return conf_main(rooms, argc, argv); /* after exec */
    if (!out)
        return 2;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fileno(out), 1);
        exit(conf_main(rooms, argc, argv));
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return 2;
    rewind(out);
    text[1 + fread(text + 1, 1, sizeof(text) - 2, out)] = 0;
    squeeze(text + 1);
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        char *found = strstr(at, expected[i]);

        if (!found)
            printf("FAIL not printed, or not in its place: %s\n", expected[i]), n_failed++;
        at = found ? found : at;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 1)
        printf("FAIL status 0x%x\n", (unsigned)status), n_failed++;
    if (n_failed > 0)
        printf("%s\n", text);
    printf("%d passed, %d failed\n", (int)(sizeof(expected) / sizeof(expected[0])) + 1 - n_failed,
           n_failed);
    return n_failed > 0;
}
