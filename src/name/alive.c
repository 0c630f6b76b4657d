/* SPDX-License-Identifier: MIT */
/* name/alive.c - see name/alive.h */
#define _GNU_SOURCE
#include "name/alive.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "base/mutex.h"
#include "base/self.h"
#include "base/sys.h"
#include "name/name.h"

#define UNLINKED 0xffffffffu /* instead of a descriptor + 1 */
#define LIVES 1024 /* descriptors that a child closes; more: it doesn't */

static struct h7_mutex guard;
static struct h7_a32 lives[LIVES]; /* descriptor + 1 */

static void in_child(void)
{
    for (int i = 0; i < LIVES; i++) {
        uint32_t fd = h7_load32_relaxed(&lives[i]);
        if (fd)
            h7_sys_close((int)fd - 1);
        h7_store32_relaxed(&lives[i], 0);
    }
}

static void register_once(void)
{
    pthread_atfork(NULL, NULL, in_child);
}

/* Under the guard. */
static void replace(uint32_t old, uint32_t by)
{
    for (int i = 0; i < LIVES; i++)
        if (h7_load32_relaxed(&lives[i]) == old) {
            h7_store32_relaxed(&lives[i], by);
            break;
        }
}

void h7_alive_end(struct h7_alive *a)
{
    uint32_t fd = h7_load32_relaxed(&a->fd);
    if (fd == 0 || h7_load64_relaxed(&a->gen) != h7_fork_gen())
        return;
    if (fd != UNLINKED) {
        h7_mutex_enter(&guard);
        replace(fd, 0);
        h7_mutex_unlock(&guard);
        h7_sys_close((int)fd - 1);
    }
    h7_store32_relaxed(&a->fd, 0);
}

static int has_begun(const struct h7_alive *a, uint64_t gen)
{
    return h7_load32_relaxed(&a->fd) && h7_load64_relaxed(&a->gen) == gen;
}

/* Its two fields change as one, or two threads that come first would both keep a descriptor. 0: one
 * was faster. */
static int keep(struct h7_alive *a, int fd, uint64_t gen)
{
    h7_mutex_enter(&guard);
    int first = !has_begun(a, gen);
    if (first) {
        if (fd >= 0)
            replace(0, (uint32_t)fd + 1);
        h7_store32_relaxed(&a->fd, fd < 0 ? UNLINKED : (uint32_t)fd + 1);
        h7_store64_relaxed(&a->gen, gen);
    }
    h7_mutex_unlock(&guard);
    return first;
}

int h7_alive_begin(struct h7_alive *a, int obj)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    uint64_t gen = h7_fork_gen();
    if (has_begun(a, gen))
        return 0;
    int fd = h7_name_part(obj, H7_PART_LIFE, O_WRONLY, S_IFREG);
    if (fd < 0 && fd != -ESTALE)
        return fd;
    pthread_once(&once, register_once);
    if (!keep(a, fd, gen))
        h7_sys_close(fd);
    return 0;
}
