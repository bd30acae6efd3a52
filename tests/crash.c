/* Preloaded into a program: ends it, as a kill would, at its n-th write, pwrite, fsync, fdatasync,
 * rename or unlink. TACIT_CRASH_AT="write:17": the 17th write ends it after half of the bytes;
 * "fsync:3", "rename:2": before the call. With TACIT_INTERRUPT set it gets a Ctrl-C there instead,
 * and the call is made. */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#pragma GCC visibility push(default)
ssize_t write(int fd, const void *bytes, size_t n);
int fsync(int fd);
int rename(const char *from, const char *to);
ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at);
int fdatasync(int fd);
int unlink(const char *path);
#pragma GCC visibility pop

/* Whether this call is the one to die at; counts the calls of each kind. */
static int is_the_one(const char *kind, long *count)
{
    const char *at = getenv("TACIT_CRASH_AT");
    size_t n = strlen(kind);
    ++*count;
    if (!at || strncmp(at, kind, n) != 0 || at[n] != ':' || atol(at + n + 1) != *count)
        return 0;
    if (!getenv("TACIT_INTERRUPT"))
        return 1;
    raise(SIGINT);
    return 0;
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    static long count;
    ssize_t (*real)(int, const void *, size_t);
    *(void **)&real = dlsym(RTLD_NEXT, "write");
    if (fd > 2 && is_the_one("write", &count)) {
        if (real(fd, bytes, n / 2) < 0)
            _exit(138);
        _exit(137);
    }
    return real(fd, bytes, n);
}

/* SQLite's way to write. */
ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
    static long count;
    ssize_t (*real)(int, const void *, size_t, off64_t);
    *(void **)&real = dlsym(RTLD_NEXT, "pwrite64");
    if (is_the_one("pwrite", &count)) {
        if (real(fd, bytes, n / 2, at) < 0)
            _exit(138);
        _exit(137);
    }
    return real(fd, bytes, n, at);
}

int fdatasync(int fd)
{
    static long count;
    int (*real)(int);
    *(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
    if (is_the_one("fdatasync", &count))
        _exit(137);
    return real(fd);
}

int unlink(const char *path)
{
    static long count;
    int (*real)(const char *);
    *(void **)&real = dlsym(RTLD_NEXT, "unlink");
    if (is_the_one("unlink", &count))
        _exit(137);
    return real(path);
}

int fsync(int fd)
{
    static long count;
    int (*real)(int);
    *(void **)&real = dlsym(RTLD_NEXT, "fsync");
    if (is_the_one("fsync", &count))
        _exit(137);
    return real(fd);
}

int rename(const char *from, const char *to)
{
    static long count;
    int (*real)(const char *, const char *);
    *(void **)&real = dlsym(RTLD_NEXT, "rename");
    if (is_the_one("rename", &count))
        _exit(137);
    return real(from, to);
}
