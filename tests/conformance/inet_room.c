/* SPDX-License-Identifier: MIT */
/*
 * inet_room.c - back ends of tcp:, udp: and raw:, groups of cases, and what cases share
 *
 * Where no network namespace can be made (neither as root nor inside a user namespace), the
 * back ends lose NET_ROOT and the whole room is left out: on a shared network its ports and
 * packets would be others', too.
 */
#define _GNU_SOURCE
#include "inet_room.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOMEBODY 65534
#define CHUNK 4096

static struct conf_backend backends[] = {
    {"kernel", CONF_KERNEL, NET_ROOT, &net_kernel_ops},
    {"hepta", CONF_HEPTA, NET_ROOT | NET_HEPTA, &net_hepta_ops},
    {0},
};

static const struct conf_case *const groups[] = {
    net_address_cases, net_option_cases, net_tcp_cases,    net_tcp_end_cases,
    net_udp_cases,     net_raw_cases,    net_packet_cases, net_record_cases,
    net_record_end_cases, net_error_cases, NULL,
};


static unsigned char bytes[NET_MAX_PUT];

static unsigned char byte_at(uint64_t pos)
{
    return (unsigned char)(pos ^ pos >> 8 ^ pos >> 16);
}

/* As root, or as root of a user namespace of its own. */
static int enter_namespace(void)
{
    return unshare(CLONE_NEWNET) == 0 ? 0 : unshare(CLONE_NEWUSER | CLONE_NEWNET);
}

static void look_for_namespaces(void)
{
    int status = 1;
    pid_t pid = fork();

    if (pid == 0)
        _exit(enter_namespace() < 0);
    if (pid > 0)
        waitpid(pid, &status, 0);
    if (status == 0)
        return;
    printf("no network namespace can be made here: the room inet is left out\n");
    for (struct conf_backend *be = backends; be->name; be++)
        be->has &= ~NET_ROOT;
}

const struct conf_room inet_room = {
    .name = "inet", .backends = backends, .groups = groups, .begin = look_for_namespaces,
};

void net_begin(struct conf *c)
{
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};

    if (enter_namespace() < 0)
        conf_fail(c, "unshare: %s", strerror(errno));
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
        conf_fail(c, "lo: %s", strerror(errno));
    close(fd);
}

void net_sysctl(struct conf *c, const char *path, const char *text)
{
    char full[128];

    snprintf(full, sizeof(full), "/proc/sys/net/%s", path);
    int fd = open(full, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        conf_fail(c, "%s: %s", full, strerror(errno));
    close(fd);
}

void net_drop(struct conf *c)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};

    /* In a user namespace there is nobody else to become. */
    if (setresuid(SOMEBODY, SOMEBODY, SOMEBODY) < 0 && errno != EINVAL)
        conf_fail(c, "setresuid: %s", strerror(errno));
    if (syscall(SYS_capset, &head, none) < 0)
        conf_fail(c, "capset: %s", strerror(errno));
}

long net_unprivileged(struct conf *c, long (*fn)(struct conf *c))
{
    enum { RESULT = CONF_N_CELLS - 1 };
    pid_t child = conf_fork(c);

    if (child == 0) {
        net_drop(c);
        conf_set(c, RESULT, fn(c));
        conf_exit();
    }
    conf_join(c, child);
    return conf_get(c, RESULT);
}

static struct hepta_sock_options options(uint32_t flags)
{
    return (struct hepta_sock_options){.size = sizeof(struct hepta_sock_options), .flags = flags};
}

struct hepta_sock *net_listen(struct conf *c, const char *address, uint32_t flags)
{
    struct hepta_sock_options opt = options(flags);
    struct hepta_sock *s = NULL;
    int err = net_ops(c)->listen(&s, address, &opt);

    if (err < 0)
        conf_fail(c, "listen %s: %s", address, strerror(-err));
    return s;
}

struct hepta_sock *net_connect(struct conf *c, const char *address, uint32_t flags)
{
    struct hepta_sock_options opt = options(flags);
    struct hepta_sock *s = NULL;
    int err = net_ops(c)->connect(&s, address, &opt, hepta_in_ms(NET_LONG_MS));

    if (err < 0)
        conf_fail(c, "connect %s: %s", address, strerror(-err));
    return s;
}

struct hepta_sock *net_accept(struct conf *c, struct hepta_sock *l)
{
    struct hepta_sock *s = NULL;

    EQ(c, net_ops(c)->accept(l, &s, hepta_in_ms(NET_LONG_MS)), 0);
    return s;
}

void net_close(struct conf *c, struct hepta_sock *s)
{
    net_ops(c)->close(s);
}

void net_pair(struct conf *c, struct net_pair *p, const char *address, uint32_t flags)
{
    p->l = net_listen(c, address, flags);
    p->a = net_connect(c, net_local(c, p->l), flags);
    p->b = net_accept(c, p->l);
}

void net_unpair(struct conf *c, struct net_pair *p)
{
    net_close(c, p->a);
    net_close(c, p->b);
    net_close(c, p->l);
}

struct hepta_sock_stat net_stat(struct conf *c, struct hepta_sock *s)
{
    struct hepta_sock_stat st = {0};

    EQ(c, net_ops(c)->stat(s, &st), 0);
    return st;
}

const char *net_local(struct conf *c, struct hepta_sock *s)
{
    static char text[HEPTA_SOCK_ADDRESS_MAX];
    struct hepta_sock_stat st = net_stat(c, s);

    return memcpy(text, st.local, sizeof(text));
}

const char *net_peer(struct conf *c, struct hepta_sock *s)
{
    static char text[HEPTA_SOCK_ADDRESS_MAX];
    struct hepta_sock_stat st = net_stat(c, s);

    return memcpy(text, st.peer, sizeof(text));
}

int net_port(const char *address)
{
    const char *colon = strrchr(address, ':');

    return colon ? atoi(colon + 1) : -1;
}

const char *net_at(const char *head, int port)
{
    static char text[HEPTA_SOCK_ADDRESS_MAX];

    snprintf(text, sizeof(text), "%s:%d", head, port);
    return text;
}

int net_try_listen(struct conf *c, const char *address, const struct hepta_sock_options *opt)
{
    struct hepta_sock *s = NULL;
    int err = net_ops(c)->listen(&s, address, opt);

    if (err == 0)
        net_close(c, s);
    return err;
}

int net_try_connect(struct conf *c, const char *address, const struct hepta_sock_options *opt,
                    int64_t deadline)
{
    struct hepta_sock *s = NULL;
    int err = net_ops(c)->connect(&s, address, opt, deadline);

    if (err == 0)
        net_close(c, s);
    return err;
}

ssize_t net_put(struct conf *c, struct hepta_sock *s, uint64_t pos, size_t len, int64_t deadline)
{
    OK(c, len <= NET_MAX_PUT);
    for (size_t i = 0; i < len; i++)
        bytes[i] = byte_at(pos + i);
    ssize_t n = net_ops(c)->send(s, bytes, len, deadline);
    OK(c, n <= (ssize_t)len);
    return n;
}

ssize_t net_get(struct conf *c, struct hepta_sock *s, uint64_t pos, size_t len, int64_t deadline)
{
    OK(c, len <= NET_MAX_PUT);
    ssize_t n = net_ops(c)->recv(s, bytes, len, deadline);
    OK(c, n <= (ssize_t)len);
    for (ssize_t i = 0; i < n; i++)
        if (bytes[i] != byte_at(pos + (uint64_t)i))
            conf_fail(c, "byte %llu is wrong", (unsigned long long)pos + (unsigned long long)i);
    return n;
}

void net_get_all(struct conf *c, struct hepta_sock *s, uint64_t pos, size_t len)
{
    while (len > 0) {
        ssize_t n = net_get(c, s, pos, len < NET_MAX_PUT ? len : NET_MAX_PUT,
                            hepta_in_ms(NET_LONG_MS));

        if (n <= 0)
            conf_fail(c, "%zu bytes are missing: %zd", len, n);
        pos += (uint64_t)n;
        len -= (size_t)n;
    }
}

size_t net_fill(struct conf *c, struct hepta_sock *s)
{
    size_t total = 0;
    ssize_t n;

    /* Over a network room can come a moment later, and a little without POLLOUT: full is
     * what stays so for a while and has no room then either. */
    do {
        n = net_put(c, s, total, CHUNK, hepta_in_ms(NET_SHORT_MS));
        if (n == -ETIMEDOUT)
            n = net_put(c, s, total, CHUNK, NET_NOW);
        total += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    EQ(c, n, -EAGAIN);
    return total;
}

int net_poll(struct conf *c, struct hepta_sock *s, short want, int ms)
{
    struct pollfd p = {.fd = -1};

    EQ(c, net_ops(c)->pollfd(s, want, &p), 0);
    OK(c, p.fd >= 0 && p.events != 0);
    int n = poll(&p, 1, ms);
    OK(c, n >= 0);
    return n > 0 ? p.revents : 0;
}

int net_sockopt(struct conf *c, struct hepta_sock *s, int level, int name)
{
    struct pollfd p = {.fd = -1};
    int value = -1;
    socklen_t len = sizeof(value);

    EQ(c, net_ops(c)->pollfd(s, POLLIN, &p), 0);
    if (getsockopt(p.fd, level, name, &value, &len) < 0)
        conf_fail(c, "getsockopt %d %d: %s", level, name, strerror(errno));
    return value;
}

ssize_t net_send_to(struct conf *c, struct hepta_sock *s, const char *address, const void *buf,
                    size_t len)
{
    struct iovec iov = {(void *)buf, len};
    struct hepta_sock_msg msg = {.size = sizeof(msg), .iov = &iov, .n_iov = 1};

    snprintf(msg.address, sizeof(msg.address), "%s", address);
    return net_ops(c)->sendmsg(s, &msg, hepta_in_ms(NET_LONG_MS));
}

uint16_t net_checksum(const void *buf, size_t len, uint32_t sum)
{
    const uint8_t *b = buf;

    for (size_t i = 0; i + 1 < len; i += 2)
        sum += (uint32_t)b[i] << 8 | b[i + 1];
    sum += len % 2 ? (uint32_t)b[len - 1] << 8 : 0;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}
