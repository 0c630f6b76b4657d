/* SPDX-License-Identifier: MIT */
/* bench/peer_boost.cc - see peer_boost.h; the only C++ here, and only where boost is found */
#include "bench/peer_boost.h"

#include <boost/interprocess/ipc/message_queue.hpp>
#include <cerrno>

using boost::interprocess::message_queue;

struct peer_boost {
    message_queue queue;

    peer_boost(const char *name, size_t depth, size_t bytes)
        : queue(boost::interprocess::create_only, name, depth, bytes)
    {
    }
};

peer_boost *peer_boost_new(const char *name, size_t depth, size_t bytes)
{
    peer_boost *q = nullptr;

    message_queue::remove(name); /* of a killed run with this pid */
    try {
        q = new peer_boost(name, depth, bytes);
    } catch (...) {
    }
    message_queue::remove(name);
    return q;
}

peer_boost *peer_boost_free(peer_boost *q)
{
    delete q;
    return nullptr;
}

int peer_boost_send(peer_boost *q, const void *buf, size_t len, bool busy)
{
    try {
        if (busy)
            return q->queue.try_send(buf, len, 0) ? 0 : -EAGAIN;
        q->queue.send(buf, len, 0);
        return 0;
    } catch (...) {
        return -EIO;
    }
}

int peer_boost_receive(peer_boost *q, void *buf, size_t len, bool busy)
{
    message_queue::size_type got = 0;
    unsigned prio;

    try {
        if (busy && !q->queue.try_receive(buf, len, got, prio))
            return -EAGAIN;
        if (!busy)
            q->queue.receive(buf, len, got, prio);
        return got == len ? 0 : -EBADMSG;
    } catch (...) {
        return -EIO;
    }
}
