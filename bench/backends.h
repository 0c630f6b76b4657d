/* SPDX-License-Identifier: MIT */
/* bench/backends.h - every back end there is, for the list in backends.c */
#ifndef BENCH_BACKENDS_H
#define BENCH_BACKENDS_H

#include "bench/bench.h"

extern const struct bench_backend bench_pipe_hepta, bench_pipe_spsc;
extern const struct bench_backend bench_pipe_hepta_zerocopy, bench_pipe_spsc_zerocopy;
extern const struct bench_backend bench_pipe_kernel, bench_pipe_vmsplice;
extern const struct bench_backend bench_fifo_hepta, bench_fifo_hepta_zerocopy;
extern const struct bench_backend bench_fifo_pipe, bench_fifo_kernel;
extern const struct bench_backend bench_unix_hepta, bench_unix_seqpacket;
extern const struct bench_backend bench_unix_hepta_zerocopy, bench_unix_seqpacket_zerocopy;
extern const struct bench_backend bench_unix_kernel, bench_unix_kernel_seqpacket;
extern const struct bench_backend bench_unix_kernel_dgram;
extern const struct bench_backend bench_tcp_hepta, bench_tcp_kernel;
extern const struct bench_backend bench_udp_hepta, bench_udp_kernel;
extern const struct bench_backend bench_mq_hepta, bench_mq_lease, bench_mq_zerocopy;
extern const struct bench_backend bench_mq_kernel, bench_mq_boost;
extern const struct bench_backend bench_msg_hepta, bench_msg_kernel;
extern const struct bench_backend bench_sem_hepta, bench_sem_permit, bench_sem_kernel;
extern const struct bench_backend bench_semset_hepta, bench_semset_kernel;
extern const struct bench_backend bench_shm_hepta, bench_shm_kernel, bench_shm_limit;
extern const struct bench_backend bench_signal_hepta;
extern const struct bench_backend bench_signal_kernel, bench_signal_kernel_fd;
extern const struct bench_backend bench_limit_line, bench_limit_ring;

#endif
