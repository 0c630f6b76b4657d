/* SPDX-License-Identifier: MIT */
/* name/part.c - an object's parts: making them, in a draft, and asking for permission; see
 * name/name.h */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>

#include "base/sys.h"
#include "name/name.h"

mode_t h7_name_mode_for_all(mode_t mode, mode_t bits)
{
    mode_t all = 0;
    for (int class = 0; class < 9; class += 3)
        if (mode >> class & 06)
            all |= bits << class;
    return all;
}

int h7_name_ask(int obj, const char *part, int flags)
{
    int fd = h7_name_part(obj, part, flags, S_IFREG);
    h7_sys_close(fd);
    return fd < 0 ? fd : 0;
}

static int make_file(int dir, const char *part, mode_t mode)
{
    return h7_sys_openat(dir, part, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, mode);
}

int h7_draft_mode(int dir, const char *part, mode_t mode)
{
    struct statx st;
    int fd = make_file(dir, part, mode);
    if (fd < 0)
        return fd;
    int r = h7_sys_statx(fd, "", &st);
    h7_sys_close(fd);
    return r < 0 ? r : st.stx_mode & 0777;
}

/* The mode is set afterwards, past the umask, which has had its say. */
int h7_draft_fifo(int dir, const char *part, mode_t mode, struct h7_a64 *ino)
{
    struct statx st;
    int r = h7_sys_mkfifoat(dir, part, 0600);
    int fd = r < 0 ? r : h7_sys_openat(dir, part, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    r = h7_sys_fchmod(fd, mode);
    if (r == 0 && ino)
        r = h7_sys_statx(fd, "", &st);
    if (r == 0 && ino)
        h7_store64_relaxed(ino, st.stx_ino); /* published with the name */
    h7_sys_close(fd);
    return r;
}

int h7_draft_file(int dir, const char *part, mode_t mode)
{
    int fd = make_file(dir, part, 0600);
    if (fd < 0)
        return fd;
    int r = h7_sys_fchmod(fd, mode);
    h7_sys_close(fd);
    return r;
}
