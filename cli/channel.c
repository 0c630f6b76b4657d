/* SPDX-License-Identifier: MIT */
/* cli/channel.c - opening, results, waiting: see channel.h */
#define _GNU_SOURCE
#include "cli/channel.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define SLICE_NS 200000000 /* between two looks whether a stop was asked */

static volatile sig_atomic_t stop_signal;

int channel_status(int err)
{
    switch (-err) {
    case 0:
        return CLI_OK;
    case EINVAL:
    case ENAMETOOLONG:
    case EOPNOTSUPP:
        return CLI_USAGE;
    case ENOENT:
    case ECONNREFUSED:
    case ESRCH:
        return CLI_NOT_FOUND;
    case EAGAIN:
    case ETIMEDOUT:
    case ENXIO:
        return CLI_TIMED_OUT;
    case EACCES:
    case EPERM:
        return CLI_DENIED;
    case EPIPE:
    case ECONNRESET:
        return CLI_PEER_DIED;
    default:
        return CLI_FAILED;
    }
}

int channel_failed(const char *what, const char *address, int err)
{
    cli_error("%s %s: %s", what, address, hepta_strerror(err));
    return err == -EINVAL || err == -EOPNOTSUPP ? CLI_FAILED : channel_status(err);
}

int channel_kind(const char *address, struct hepta_channel_kind *kind)
{
    char why[HEPTA_CHANNEL_WHY_MAX];

    if (hepta_channel_lookup(address, kind, why, sizeof why) == 0)
        return CLI_OK;
    return cli_usage("%s", why);
}

struct hepta_channel_options channel_options(const struct channel_request *rq)
{
    static const uint32_t framings[] = {
        [FORM_LINES] = HEPTA_CHANNEL_LINE,      [FORM_FILE] = HEPTA_CHANNEL_RAW,
        [FORM_SIZE] = HEPTA_CHANNEL_FIXED,      [FORM_PREFIXED] = HEPTA_CHANNEL_RECORD,
        [FORM_JSONL] = HEPTA_CHANNEL_RECORD,
    };
    return (struct hepta_channel_options){.size = sizeof(struct hepta_channel_options),
                                          .framing = framings[rq->form],
                                          .frame_len = (uint32_t)rq->size,
                                          .record_max = HEPTA_CHANNEL_RECORD_MAX};
}

int channel_open(const char *address, uint32_t flags, const struct channel_request *rq,
                 const struct hepta_channel_kind *kind, struct hepta_channel **ch)
{
    struct hepta_channel_options opt = channel_options(rq);
    char why[HEPTA_CHANNEL_WHY_MAX];
    int64_t deadline = channel_deadline(rq);
    int r;
    (void)kind;

    /* A FIFO waits for its other side: a stop must end that, too. */
    do {
        int64_t slice = stop_slice(deadline);
        r = hepta_channel_open(address, flags, &opt, slice, ch, why, sizeof why);
    } while ((r == -ETIMEDOUT || r == -EINTR) && !stop_asked() && hepta_now_ns() < deadline);
    if (r == 0)
        return CLI_OK;
    if (stop_asked())
        return stop_end(CLI_FAILED);
    if (r == -EINVAL || r == -EOPNOTSUPP)
        return cli_usage("%s", why);
    cli_error("%s", why);
    return channel_status(r);
}

/* --- waiting, and being stopped --- */

static void on_stop(int signo)
{
    stop_signal = signo;
}

void stop_begin(void)
{
    struct sigaction sa = {.sa_handler = on_stop};

    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
}

bool stop_asked(void)
{
    return stop_signal != 0;
}

int stop_end(int status)
{
    if (!stop_signal)
        return status;
    cli_progress_clear();
    fflush(stdout);
    signal(stop_signal, SIG_DFL);
    raise(stop_signal);
    return status;
}

int64_t stop_slice(int64_t deadline)
{
    int64_t slice = hepta_in_ns(SLICE_NS);
    return deadline == HEPTA_NOW || deadline < slice ? deadline : slice;
}

int64_t channel_deadline(const struct channel_request *rq)
{
    return rq->timeout_ns < 0 ? HEPTA_FOREVER : hepta_in_ns(rq->timeout_ns);
}

/* Again, unless a stop was asked or the whole time is over. */
static bool again(int r, int64_t deadline)
{
    if (r != -ETIMEDOUT && r != -EINTR)
        return false;
    return !stop_asked() && hepta_now_ns() < deadline;
}

int channel_recv(struct hepta_channel *ch, struct hepta_channel_msg *msg, int64_t deadline)
{
    int r;

    do
        r = hepta_channel_recv(ch, msg, stop_slice(deadline));
    while (again(r, deadline));
    return r < 0 && stop_asked() ? -ECANCELED : r;
}

int channel_send(struct hepta_channel *ch, const struct hepta_channel_msg *msg, int64_t deadline)
{
    int r;

    do
        r = hepta_channel_send(ch, msg, stop_slice(deadline));
    while (again(r, deadline));
    while (r == 0) { /* what has begun has to end */
        r = hepta_channel_flush(ch, stop_slice(deadline));
        if (!again(r, deadline))
            break;
        r = 0;
    }
    return r < 0 && stop_asked() ? -ECANCELED : r;
}
