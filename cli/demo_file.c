/* SPDX-License-Identifier: MIT */
/*
 * cli/demo_file.c - something real to send
 *
 * Without a name: the compiler proper if there is one, since it is the largest file that
 * most machines for developers have; else the largest of some that most machines have;
 * at last this program. The file is read into memory, so that the disk isn't measured.
 */
#define _GNU_SOURCE
#include "cli/cli.h"
#include "cli/demo.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void demo_sha256(const void *bytes, size_t len, unsigned char sha256[32])
{
    unsigned int n = 0;

    if (!EVP_Digest(bytes, len, sha256, &n, EVP_sha256(), NULL) || n != 32)
        memset(sha256, 0, 32);
}

static off_t readable_size(const char *path)
{
    struct stat st;

    if (stat(path, &st) || !S_ISREG(st.st_mode) || access(path, R_OK))
        return 0;
    return st.st_size;
}

static char *compiler(void)
{
    char line[4096] = "";
    FILE *f = popen("gcc -print-prog-name=cc1 2>/dev/null", "re");

    if (!f)
        return NULL;
    if (!fgets(line, sizeof(line), f))
        line[0] = 0;
    pclose(f);
    line[strcspn(line, "\n")] = 0;
    return line[0] == '/' && readable_size(line) > 0 ? strdup(line) : NULL;
}

static char *largest(void)
{
    static const char *const patterns[] = {
        "/usr/lib/gcc/*/*/cc1", "/usr/bin/python3*", "/usr/bin/perl",
        "/usr/lib/*/libc.so.6", "/usr/bin/bash",     "/proc/self/exe",
    };
    char *best = NULL;
    off_t size = 0;
    glob_t g = {0};

    for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++)
        glob(patterns[i], i ? GLOB_APPEND : 0, NULL, &g);
    for (size_t i = 0; i < g.gl_pathc; i++) {
        if (readable_size(g.gl_pathv[i]) > size) {
            size = readable_size(g.gl_pathv[i]);
            best = g.gl_pathv[i];
        }
    }
    best = best ? strdup(best) : NULL;
    globfree(&g);
    return best;
}

unsigned char *demo_load(int fd, size_t len)
{
    unsigned char *at =
        mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    if (at == MAP_FAILED)
        return NULL;
    for (size_t off = 0; off < len;) {
        ssize_t n = pread(fd, at + off, len - off, (off_t)off);
        if (n <= 0) {
            int err = n < 0 ? errno : ENODATA; /* it was truncated meanwhile */
            munmap(at, len);
            errno = err;
            return NULL;
        }
        off += (size_t)n;
    }
    return at;
}

static int refuse(const struct demo_file *file, const char *why)
{
    cli_error("can't send '%s': %s; name a regular file that you can read, or none", file->path,
              why);
    return CLI_FAILED;
}

static int measure(struct demo_file *file)
{
    struct stat st;

    if (fstat(file->fd, &st))
        return refuse(file, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return refuse(file, "it is not a regular file");
    if (st.st_size == 0)
        return refuse(file, "it is empty");
    file->cut = (uint64_t)st.st_size > DEMO_FILE_MAX;
    file->len = file->cut ? DEMO_FILE_MAX : (size_t)st.st_size;
    return CLI_OK;
}

int demo_file_open(struct demo_file *file, const char *path)
{
    *file = (struct demo_file){.fd = -1};
    file->path = path ? strdup(path) : compiler();
    if (!file->path)
        file->path = largest();
    if (!file->path) {
        cli_error("found no file to send; name one: hepta demo FILE");
        return CLI_NOT_FOUND;
    }
    /* Non-blocking: opening a FIFO must not wait for its other side. */
    file->fd = open(file->path, O_RDONLY | O_NONBLOCK);
    if (file->fd < 0) {
        int missing = errno == ENOENT || errno == ENOTDIR;
        refuse(file, strerror(errno));
        return missing ? CLI_NOT_FOUND : CLI_FAILED;
    }
    int rc = measure(file);
    if (rc)
        return rc;
    file->bytes = demo_load(file->fd, file->len);
    if (!file->bytes)
        return refuse(file, strerror(errno));
    return CLI_OK;
}

void demo_file_close(struct demo_file *file)
{
    if (file->bytes)
        munmap(file->bytes, file->len);
    if (file->fd >= 0)
        close(file->fd);
    free(file->path);
}
