/* SPDX-License-Identifier: MIT */
/* base/errors.c - what a result means here: what, why, what next */
#define _GNU_SOURCE
#include <errno.h>
#include <hepta/base.h>
#include <limits.h>
#include <string.h>

static const struct {
    int err;
    const char *text;
} texts[] = {
    {0, "success"},
    {EAGAIN, "would wait, and HEPTA_NOW was given: wait for the descriptor or give a deadline"},
    {ETIMEDOUT, "the deadline passed"},
    {EINTR, "a signal handler ran and nothing was done: call again"},
    {EPIPE, "the last reader is gone: close this end"},
    {EBADF, "the handle is closed, of another kind or the wrong end, or a descriptor isn't open"},
    {EBADMSG, "a peer corrupted the shared segment: close the object and make a new one"},
    {EPROTO, "these descriptors aren't a Hepta object of this kind"},
    {EPROTONOSUPPORT, "made by a library with another memory layout: use one version of Hepta"},
    {EMEDIUMTYPE, "a Hepta object, but of another kind"},
    {ENODATA, "the segment is shorter than its header says: it was truncated"},
    {EXDEV, "made in another PID namespace: locks can't be recovered across them"},
    {EDEADLK, "this thread is inside a verb, or holds a reservation or peek: finish that first"},
    {EPERM, "not permitted, or the segment isn't sealed and its maker could truncate it"},
    {ENOSYS, "this thread has no robust futex list (raw clone() or vfork()), or the kernel "
             "lacks a call that is needed"},
    {E2BIG, "a field that this version of the library doesn't know is not zero"},
    {ENOSPC, "no memory left for the segment: free some, or ask for a smaller capacity"},
    {EOWNERDEAD, "the last owner died and the state was recovered"},
};

const char *hepta_strerror(int err)
{
    if (err == INT_MIN)
        return "unknown error";
    if (err < 0)
        err = -err;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].err == err)
            return texts[i].text;
    const char *s = strerrordesc_np(err);
    return s ? s : "unknown error";
}

const char *hepta_version(void)
{
    return HEPTA_VERSION;
}
