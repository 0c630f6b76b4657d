/* SPDX-License-Identifier: MIT */
/*
 * fifo_cases_spelling.c - what a name may be, and what else may lie where it leads
 */
#define _GNU_SOURCE
#include "fifo_room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KERNEL_MAX 255 /* NAME_MAX */

static const struct pipe_want usual;

/* make(), and what came of it; what was made is gone again. */
static int try_make(struct conf *c, const char *name)
{
    int err = fops(c)->make(name, 0600, &usual);

    if (err == 0)
        EQ(c, fops(c)->unlink(name), 0);
    return err;
}

static const char *long_name(size_t len)
{
    static char name[NAME_SIZE];

    name[0] = '/';
    memset(name + 1, 'x', len);
    name[len + 1] = 0;
    return name;
}

static void length(struct conf *c)
{
    struct pend *end;

    EQ(c, try_make(c, "/x"), 0);
    EQ(c, try_make(c, long_name(HEPTA_NAME_MAX)), 0);
    EQ(c, try_make(c, long_name(HEPTA_NAME_MAX + 1)), DIFFERS(c, 0, -ENAMETOOLONG));
    EQ(c, try_make(c, long_name(KERNEL_MAX)), DIFFERS(c, 0, -ENAMETOOLONG));
    EQ(c, try_make(c, long_name(KERNEL_MAX + 1)), -ENAMETOOLONG);
    EQ(c, fops(c)->open(&end, long_name(KERNEL_MAX + 1), FOR_READ, &usual, NOW), -ENAMETOOLONG);
    EQ(c, fops(c)->unlink(long_name(KERNEL_MAX + 1)), -ENAMETOOLONG);
}

/* A name is one component, with a slash before it; a path may have any number. */
static void flat(struct conf *c)
{
    struct pend *end;

    EQ(c, chdir(getenv("HEPTA_DIR")), 0);
    EQ(c, try_make(c, "relative"), DIFFERS(c, 0, -EINVAL));
    EQ(c, try_make(c, "//twice"), DIFFERS(c, 0, -EINVAL));
    EQ(c, try_make(c, "/no/such"), DIFFERS(c, -ENOENT, -EINVAL));
    EQ(c, try_make(c, ""), DIFFERS(c, -ENOENT, -EINVAL));
    EQ(c, try_make(c, "/"), DIFFERS(c, -EEXIST, -EINVAL));
    EQ(c, try_make(c, "/."), DIFFERS(c, -EEXIST, -EINVAL));
    EQ(c, try_make(c, "/.."), DIFFERS(c, -EEXIST, -EINVAL));
    EQ(c, fops(c)->open(&end, "/no/such", FOR_READ, &usual, NOW), DIFFERS(c, -ENOENT, -EINVAL));
    EQ(c, fops(c)->unlink("/no/such"), DIFFERS(c, -ENOENT, -EINVAL));
    EQ(c, chdir("/"), 0);
}

static void no_name(struct conf *c)
{
    struct pend *end;

    EQ(c, fops(c)->make(NULL, 0600, &usual), -EFAULT);
    EQ(c, fops(c)->open(&end, NULL, FOR_READ, &usual, NOW), -EFAULT);
    EQ(c, fops(c)->unlink(NULL), -EFAULT);
}

/* Any byte but a slash, and each name is its own. */
static void any_bytes(struct conf *c)
{
    static const char *const names[] = {
        "/a", "/A", "/aa", "/ ", "/...", "/.hidden", "/-rf", "/a\nb", "/\t", "/\\", "/%s%n", "/*",
        "/tmp.1", "/fifo.a", "/fifo.fifo.a", "/\303\244", "/\377\001",
    };
    const int n = sizeof(names) / sizeof(names[0]);
    struct fifo f;

    for (int i = 0; i < n; i++)
        EQ(c, fops(c)->make(names[i], 0600, &usual), 0);
    for (int i = 0; i < n; i++) {
        EQ(c, fops(c)->make(names[i], 0600, &usual), -EEXIST);
        strcpy(f.name, names[i]);
        EQ(c, try_open(c, &f, FOR_BOTH, EVER), 0);
        EQ(c, fops(c)->unlink(names[i]), 0);
        EQ(c, try_open(c, &f, FOR_BOTH, EVER), -ENOENT);
    }
}

/* A link in the way of a name, dangling or not, is a name that exists. The kernel follows it to
 * whatever is there; Hepta doesn't, and takes nothing that it hasn't made. */
static void links(struct conf *c)
{
    struct fifo target, link;
    char from[NAME_SIZE + 100], to[NAME_SIZE + 100];

    make_fifo(c, &target);
    name_it(&link);
    fops(c)->entry(link.name, from, sizeof(from));
    fops(c)->entry(target.name, to, sizeof(to));
    EQ(c, symlink(to, from), 0);
    EQ(c, fops(c)->make(link.name, 0600, &usual), -EEXIST);
    EQ(c, try_open(c, &link, FOR_BOTH, NOW), DIFFERS(c, 0, -EPROTO));
    remove_fifo(c, &link); /* the link is removed, not what it leads to */
    EQ(c, try_open(c, &target, FOR_BOTH, NOW), 0);
    EQ(c, symlink("nowhere", from), 0);
    EQ(c, fops(c)->make(link.name, 0600, &usual), -EEXIST);
    EQ(c, try_open(c, &link, FOR_BOTH, NOW), DIFFERS(c, -ENOENT, -EPROTO));
    remove_fifo(c, &link);
    remove_fifo(c, &target);
}

static void other_files(struct conf *c)
{
    struct fifo f;
    char path[NAME_SIZE + 100];

    name_it(&f);
    fops(c)->entry(f.name, path, sizeof(path));
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    OK(c, fd >= 0 && write(fd, "text", 4) == 4);
    close(fd);
    EQ(c, fops(c)->make(f.name, 0600, &usual), -EEXIST);
    EQ(c, try_open(c, &f, FOR_READ, NOW), DIFFERS(c, 0, -EPROTO));
    remove_fifo(c, &f);
}

const struct conf_case fifo_spelling_cases[] = {
    {"names.length", length, NEEDS_NOTHING, "name-length", NULL, 0},
    {"names.flat", flat, NEEDS_NOTHING, "names-are-flat", NULL, 0},
    {"names.null", no_name, NEEDS_NOTHING, NULL, NULL, 0},
    {"names.any_bytes", any_bytes, NEEDS_NOTHING, NULL, NULL, 0},
    {"names.links", links, NEEDS_UNLINK_ANY, "only-its-own", NULL, 0},
    {"names.other_files", other_files, NEEDS_UNLINK_ANY, "only-its-own", NULL, 0},
    {0},
};
