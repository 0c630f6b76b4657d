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
    {EAGAIN, "would wait, and HEPTA_NOW was given, or the queue is non-blocking: wait for the "
             "descriptor or give a deadline"},
    {ETIMEDOUT, "the deadline passed, a stopped process held a lock, or over tcp the peer is "
                "silent"},
    {EINTR, "a signal handler ran and nothing was done: call again"},
    {EPIPE, "the other side is gone, or this direction was ended: close this end"},
    {ECONNRESET, "the peer has gone without reading all that was sent to it"},
    {ECONNREFUSED, "nobody listens there: start the server, or check the address"},
    {ENOTCONN, "the socket isn't a connection, or is a listener"},
    {EADDRINUSE, "somebody listens there already, or the file isn't a socket's"},
    {EMSGSIZE, "the message can never fit: send less, connect with a larger capacity, or make the "
               "queue with a larger msg_max; or the buffer is smaller than that"},
    {ENXIO, "nobody has the FIFO open for reading: give a deadline to wait for a reader"},
    {EISCONN, "a connection has its peer: send without an address"},
    {EPROTOTYPE, "the listener has another type: connect with that one"},
    {ETOOMANYREFS, "too many descriptors are under way: the peer has to receive first"},
    {EBUSY, "more is inside the FIFO than the capacity that was asked for, or a process is "
            "registered for notification already"},
    {ESRCH, "no such lease or place: it was ended, or never there; or the process is gone"},
    {EFAULT, "a null or bad address; of a guarded call: the mapping gave way"},
    {EBADF, "the handle is closed, of another kind or the wrong end, or a descriptor isn't open"},
    {EBADMSG, "a peer corrupted it or sent too long a record, or a part of it is missing or "
              "planted: close it, unlink its name if it has one, and make a new one"},
    {EPROTO, "the descriptors, or what bears the name, aren't a Hepta object of this kind, or "
             "the stream ended inside a record"},
    {EPROTONOSUPPORT, "made by a library with another memory layout: use one version of Hepta; "
                      "or the address can't have this type or protocol"},
    {EMEDIUMTYPE, "an object of another kind"},
    {ENODATA, "the segment is shorter than its header says: it was truncated"},
    {EXDEV, "made in another PID namespace: locks can't be recovered across them"},
    {EDEADLK, "this thread is inside a verb, or holds a reservation or peek: finish that first"},
    {EPERM, "not permitted: the name or the System V object is another user's, others could write "
            "the directory of names (HEPTA_DIR), the segment isn't sealed and its maker could "
            "truncate it, raw sockets without CAP_NET_RAW, a larger capacity than the system "
            "allows, or more bytes for a queue than were reserved; or what was to be given back "
            "(a lease, a place of a queue or permit, a mutex) isn't the caller's: take it first"},
    {EACCES, "the permission bits of the object or of its directory forbid it, or a port below "
             "1024 without CAP_NET_BIND_SERVICE"},
    {EEXIST, "the name is taken: open what is there, or unlink it first"},
    {ENOENT, "nothing has this name, path or host name, or HEPTA_DIR lies in a directory that "
             "doesn't exist"},
    {ENAMETOOLONG, "a name has at most 240 bytes, a socket's path 107, or HEPTA_DIR is too long"},
    {ELOOP, "HEPTA_DIR is a symbolic link, which isn't followed, or a path has too many"},
    {ENOTDIR, "HEPTA_DIR, or a part of a path, isn't a directory"},
    {ESTALE, "it was unlinked while it was being opened: open again"},
    {EROFS, "the directory is on a read-only file system: names of Hepta's go by HEPTA_DIR"},
    {EOPNOTSUPP, "the object can't do that, or the file system: names belong on tmpfs"},
    {ENOSYS, "this thread has no robust futex list (raw clone() or vfork()), or the kernel "
             "lacks a call that is needed"},
    {E2BIG, "a field that this version of the library doesn't know is not zero, or more than "
            "253 descriptors, or the message is longer than the buffer, and stays"},
    {ENOSPC, "no memory left for it, or the file size limit is too low: free some, or ask for "
             "less; or no id is left, as many processes hold places or have undo as there can be "
             "(holders_max, undoers_max: make it anew with more), or the kernel has no message "
             "queue left to notify with"},
    {EIDRM, "the System V queue, set or segment was removed: get it again, or make a new one"},
    {ENOMSG, "no message of the type that was asked for"},
    {EOWNERDEAD, "the mutex is yours, and its last owner died in it: mend what it guards, then say "
                 "so with hepta_shm_mutex_mended()"},
    {ENOTRECOVERABLE, "an owner died in the mutex and the next one didn't mend what it guards: "
                      "make both anew"},
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
