#include "base/resident.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

enum { PATH = 4096 };

static size_t page_size(void)
{
    long n = sysconf(_SC_PAGESIZE);
    return n > 0 ? (size_t)n : 4096;
}

/* The number behind `key` at the beginning of a line, or anywhere first where key is "". False
 * where there is none ("max" is none). */
static bool read_number(const char *root, const char *path, const char *key, size_t *out)
{
    char name[PATH], line[512];
    unsigned long long v;
    bool found = false;
    if (snprintf(name, sizeof name, "%s%s", root, path) >= (int)sizeof name)
        return false;
    FILE *f = fopen(name, "re");
    while (f && !found && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0)
            found = sscanf(line + strlen(key), "%llu", &v) == 1;
    if (f)
        fclose(f);
    if (found)
        *out = (size_t)v;
    return found;
}

size_t tac_resident(void)
{
    size_t kilobytes = 0;
#ifdef __GLIBC__
    malloc_trim(0);
#endif
    read_number("", "/proc/self/status", "VmRSS:", &kilobytes);
    return kilobytes * 1024;
}

size_t tac_resident_peak(void)
{
    size_t kilobytes = 0;
    read_number("", "/proc/self/status", "VmHWM:", &kilobytes);
    return kilobytes * 1024;
}

size_t tac_resident_in(const void *p, size_t n)
{
    enum { CHUNK = 4096 };
    size_t page = page_size(), first = (uintptr_t)p / page,
           end = ((uintptr_t)p + n + page - 1) / page, in = 0;
    uint64_t entry[CHUNK / sizeof(uint64_t)];
    int fd = n ? open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC) : -1;
    while (fd >= 0 && first < end) {
        size_t most = sizeof entry / sizeof *entry, want = end - first < most ? end - first : most;
        ssize_t got = pread(fd, entry, want * sizeof *entry, (off_t)(first * sizeof *entry));
        if (got < (ssize_t)sizeof *entry)
            break;
        size_t k = (size_t)got / sizeof *entry;
        for (size_t i = 0; i < k; i++)
            in += entry[i] >> 63; /* present */
        first += k;
    }
    if (fd >= 0)
        close(fd);
    return in * page < n ? in * page : n;
}

/* A version of control groups: how the process' line in /proc/self/cgroup has its folder, where the
 * folders are, and their files. */
struct groups {
    const char *line, *mount, *limit, *used, *idle;
};

static const struct groups versions[] = {
    {"0::/", "/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file "},
    {":memory:/", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
     "total_inactive_file "},
};

/* What the group in this folder still gives, files that it can let go of included; SIZE_MAX where
 * it has no limit. */
static size_t room_in(const char *root, const struct groups *g, const char *folder)
{
    char path[PATH + 128];
    size_t limit, used, idle;
    snprintf(path, sizeof path, "%s%s/%s", g->mount, folder, g->limit);
    if (!read_number(root, path, "", &limit))
        return SIZE_MAX;
    snprintf(path, sizeof path, "%s%s/%s", g->mount, folder, g->used);
    if (!read_number(root, path, "", &used))
        return SIZE_MAX;
    snprintf(path, sizeof path, "%s%s/memory.stat", g->mount, folder);
    if (read_number(root, path, g->idle, &idle))
        used -= idle < used ? idle : used;
    return limit > used ? limit - used : 0;
}

/* The process' folder: "" at the top. */
static void find_folder(const char *root, const struct groups *g, char *out, size_t size)
{
    char name[PATH], line[PATH];
    *out = '\0';
    if (snprintf(name, sizeof name, "%s/proc/self/cgroup", root) >= (int)sizeof name)
        return;
    FILE *f = fopen(name, "re");
    while (f && fgets(line, sizeof line, f)) {
        const char *at = strstr(line, g->line);
        if (!at || (at != line && *g->line != ':'))
            continue;
        at += strlen(g->line) - 1;
        snprintf(out, size, "%.*s", (int)strcspn(at, "\n"), at);
    }
    if (f)
        fclose(f);
    if (*out && out[strlen(out) - 1] == '/')
        out[strlen(out) - 1] = '\0';
}

/* The least that the process' group and those above it give. */
static size_t group_room(const char *root, const struct groups *g)
{
    char folder[PATH];
    size_t least = SIZE_MAX;
    find_folder(root, g, folder, sizeof folder);
    for (;;) {
        size_t room = room_in(root, g, folder);
        least = room < least ? room : least;
        char *slash = strrchr(folder, '/');
        if (!slash)
            return least;
        *slash = '\0';
    }
}

size_t tac_available(const char *root)
{
    size_t own = 0, room = 0;
    if (!read_number(root, "/proc/meminfo", "MemAvailable:", &room))
        return 0;
    room *= 1024;
    read_number(root, "/proc/self/status", "VmRSS:", &own);
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        size_t group = group_room(root, &versions[i]);
        room = group < room ? group : room;
    }
    return own * 1024 + room;
}
