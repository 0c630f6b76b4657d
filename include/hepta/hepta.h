/* SPDX-License-Identifier: MIT */
/* hepta/hepta.h - everything at once */
#ifndef HEPTA_H
#define HEPTA_H
#include <hepta/base.h>
#include <hepta/channel.h>
#include <hepta/fifo.h>
#include <hepta/mq.h>
#include <hepta/msg.h>
#include <hepta/pipe.h>
#include <hepta/sem.h>
#include <hepta/semset.h>
#include <hepta/shm.h>
#include <hepta/signal.h>
#include <hepta/sock.h>
#endif
