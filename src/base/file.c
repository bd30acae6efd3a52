#include "base/file.h"

#include "base/embedded.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WRITER_BUFFER = 1 << 20 };

static enum tacit_status open_regular(int *fd, size_t *size, const char *path,
                                      struct tacit_err *err)
{
    struct stat st;
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0)
        return tac_fail_errno(err, "%s: cannot be opened", path);
    if (fstat(*fd, &st) != 0) {
        enum tacit_status s = tac_fail_errno(err, "%s: cannot be examined", path);
        close(*fd);
        return s;
    }
    if (S_ISDIR(st.st_mode)) {
        close(*fd);
        return tac_fail(err, TACIT_EINPUT, "%s: is a folder, a file was expected", path);
    }
    *size = (size_t)st.st_size;
    return TACIT_OK;
}

enum tacit_status tac_map_open(struct tac_map *m, const char *path, struct tacit_err *err)
{
    int fd;
    *m = (struct tac_map){0};
    size_t size;
    struct tac_embedded inside;
    if (tac_embedded_find(&inside, path)) {
        *m = (struct tac_map){inside.data, inside.size, true};
        return TACIT_OK;
    }
    enum tacit_status s = open_regular(&fd, &size, path, err);
    if (s)
        return s;
    void *p = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    if (p == MAP_FAILED)
        s = tac_fail_errno(err, "%s: cannot be mapped", path);
    else
        *m = (struct tac_map){p, size, false};
    close(fd);
    return s;
}

void tac_map_close(struct tac_map *m)
{
    if (m->data && !m->embedded)
        munmap((void *)(uintptr_t)m->data, m->size);
    *m = (struct tac_map){0};
}

void tac_map_forget(const struct tac_map *m, size_t from, size_t n)
{
#ifdef MADV_DONTNEED
    size_t page = (size_t)sysconf(_SC_PAGESIZE), end = (from + n) / page * page;
    from = (from + page - 1) / page * page;
    end = from + n >= m->size ? m->size : end;
    if (!m->embedded && from < end)
        (void)madvise((void *)(uintptr_t)(m->data + from), end - from, MADV_DONTNEED);
#endif
}

static enum tacit_status read_fd(struct tac_buf *out, int fd, const char *path, size_t limit,
                                 struct tacit_err *err)
{
    char chunk[65536];
    size_t start = out->len;
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return tac_fail_errno(err, "%s: cannot be read", path);
        if (n == 0)
            return tac_buf_add(out, "", 0, err);
        if (out->len - start + (size_t)n > limit)
            return tac_fail(err, TACIT_EINPUT, "%s: is larger than the limit of %zu bytes", path,
                            limit);
        enum tacit_status s = tac_buf_add(out, chunk, (size_t)n, err);
        if (s)
            return s;
    }
}

enum tacit_status tac_file_read(struct tac_buf *out, const char *path, size_t limit,
                                struct tacit_err *err)
{
    int fd;
    size_t size;
    struct tac_embedded inside;
    if (tac_embedded_find(&inside, path))
        return tac_buf_add(out, inside.data, inside.size, err);
    enum tacit_status s = open_regular(&fd, &size, path, err);
    if (s)
        return s;
    s = read_fd(out, fd, path, limit, err);
    close(fd);
    return s;
}

bool tac_file_exists(const char *path)
{
    struct tac_embedded inside;
    return tac_embedded_find(&inside, path) || tac_embedded_is_dir(path) || access(path, F_OK) == 0;
}

bool tac_is_dir(const char *path)
{
    struct stat st;
    return tac_embedded_is_dir(path) || (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

enum tacit_status tac_mkdirs(const char *path, struct tacit_err *err)
{
    char *copy = tac_strdup(path, err);
    if (!copy)
        return TACIT_EFAIL;
    enum tacit_status s = TACIT_OK;
    for (char *p = copy + 1; !s && *copy; p++) {
        if (*p && *p != '/')
            continue;
        bool end = !*p;
        *p = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            s = tac_fail_errno(err, "%s: cannot make this folder", copy);
        if (end)
            break;
        *p = '/';
    }
    free(copy);
    if (!s && !tac_is_dir(path))
        s = tac_fail(err, TACIT_EINPUT, "%s: is a file, a folder was expected", path);
    return s;
}

char *tac_path(const char *dir, const char *name, struct tacit_err *err)
{
    if (!dir || !*dir)
        return tac_strdup(name, err);
    size_t n = strlen(dir), m = strlen(name);
    char *p = tac_alloc(n + m + 2, 1, err);
    if (!p)
        return NULL;
    memcpy(p, dir, n);
    if (p[n - 1] != '/')
        p[n++] = '/';
    memcpy(p + n, name, m);
    return p;
}

static enum tacit_status write_all(int fd, const char *path, const char *p, size_t n,
                                   struct tacit_err *err)
{
    while (n) {
        ssize_t k = write(fd, p, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return tac_fail_errno(err, "%s: cannot be written", path);
        p += k;
        n -= (size_t)k;
    }
    return TACIT_OK;
}

static char *parent_of(const char *path, struct tacit_err *err)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return tac_strdup(".", err);
    return tac_strndup(path, slash == path ? 1 : (size_t)(slash - path), err);
}

/* A rename is durable only once the folder that holds the name is. */
static enum tacit_status sync_parent(const char *path, struct tacit_err *err)
{
    char *dir = parent_of(path, err);
    if (!dir)
        return TACIT_EFAIL;
    enum tacit_status s = TACIT_OK;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL))
        s = tac_fail_errno(err, "%s: cannot be synced", dir);
    if (fd >= 0)
        close(fd);
    free(dir);
    return s;
}

enum tacit_status tac_writer_open(struct tac_writer *w, const char *path, struct tacit_err *err)
{
    *w = (struct tac_writer){.fd = -1};
    struct tac_buf name = {0};
    w->path = tac_strdup(path, err);
    if (!w->path || tac_buf_addf(&name, err, "%s.tmp", path)) {
        tac_writer_close(w);
        return TACIT_EFAIL;
    }
    w->tmp = name.data;
    w->fd = open(w->tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (w->fd < 0) {
        enum tacit_status s = tac_fail_errno(err, "%s: cannot be created", w->tmp);
        tac_writer_close(w);
        return s;
    }
    w->open = true;
    return TACIT_OK;
}

static void writer_flush(struct tac_writer *w)
{
    if (!w->bad.status && w->buf.len)
        w->bad.status = write_all(w->fd, w->tmp, w->buf.data, w->buf.len, &w->bad);
    tac_buf_clear(&w->buf);
}

void tac_writer_add(struct tac_writer *w, const void *bytes, size_t n)
{
    TAC_CHECK(w->open);
    if (w->bad.status)
        return;
    if (n >= WRITER_BUFFER) {
        writer_flush(w);
        if (!w->bad.status)
            w->bad.status = write_all(w->fd, w->tmp, bytes, n, &w->bad);
        return;
    }
    if (tac_buf_add(&w->buf, bytes, n, &w->bad))
        return;
    if (w->buf.len >= WRITER_BUFFER)
        writer_flush(w);
}

enum tacit_status tac_writer_commit(struct tac_writer *w, struct tacit_err *err)
{
    TAC_CHECK(w->open);
    writer_flush(w);
    enum tacit_status s = w->bad.status;
    if (s && err)
        *err = w->bad;
    if (!s && fsync(w->fd) != 0)
        s = tac_fail_errno(err, "%s: cannot be synced", w->tmp);
    if (!s && rename(w->tmp, w->path) != 0)
        s = tac_fail_errno(err, "%s: cannot be renamed to %s", w->tmp, w->path);
    if (!s) {
        s = sync_parent(w->path, err);
        free(w->tmp);
        w->tmp = NULL;
    }
    tac_writer_close(w);
    return s;
}

void tac_writer_close(struct tac_writer *w)
{
    if (w->open) {
        close(w->fd);
        if (w->tmp)
            unlink(w->tmp);
    }
    free(w->path);
    free(w->tmp);
    tac_buf_release(&w->buf);
    *w = (struct tac_writer){.fd = -1};
}

enum tacit_status tac_file_write(const char *path, const void *bytes, size_t n,
                                 struct tacit_err *err)
{
    struct tac_writer w;
    enum tacit_status s = tac_writer_open(&w, path, err);
    if (s)
        return s;
    tac_writer_add(&w, bytes, n);
    return tac_writer_commit(&w, err);
}

enum tacit_status tac_log_open(struct tac_log *l, const char *path, size_t keep,
                               struct tacit_err *err)
{
    *l = (struct tac_log){.fd = -1};
    l->path = tac_strdup(path, err);
    if (!l->path)
        return TACIT_EFAIL;
    enum tacit_status s = TACIT_OK;
    l->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (l->fd < 0) {
        s = tac_fail_errno(err, "%s: cannot be opened", path);
        goto out;
    }
    l->open = true;
    off_t size = lseek(l->fd, 0, SEEK_END);
    if (size < (off_t)keep)
        s = tac_fail(err, TACIT_EINPUT, "%s: has %lld bytes, its checkpoint says %zu", path,
                     (long long)size, keep);
    else if (ftruncate(l->fd, (off_t)keep) != 0 || lseek(l->fd, (off_t)keep, SEEK_SET) < 0)
        s = tac_fail_errno(err, "%s: cannot be cut to %zu bytes", path, keep);
    l->size = keep;
out:
    if (s)
        tac_log_close(l);
    return s;
}

enum tacit_status tac_log_add(struct tac_log *l, const char *line, struct tacit_err *err)
{
    size_t n = strlen(line);
    enum tacit_status s = write_all(l->fd, l->path, line, n, err);
    if (!s)
        l->size += n;
    return s;
}

enum tacit_status tac_log_sync(struct tac_log *l, struct tacit_err *err)
{
    return fsync(l->fd) == 0 ? TACIT_OK : tac_fail_errno(err, "%s: cannot be synced", l->path);
}

void tac_log_close(struct tac_log *l)
{
    if (l->open)
        close(l->fd);
    free(l->path);
    *l = (struct tac_log){.fd = -1};
}

enum tacit_status tac_lock_take(struct tac_lock *l, const char *path, const char *busy,
                                struct tacit_err *err)
{
    *l = (struct tac_lock){.fd = -1};
    l->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (l->fd < 0)
        return tac_fail_errno(err, "%s: cannot be opened", path);
    if (flock(l->fd, LOCK_EX | LOCK_NB) != 0) {
        enum tacit_status s = errno == EWOULDBLOCK ? tac_fail(err, TACIT_EINPUT, "%s", busy)
                                                   : tac_fail_errno(err, "%s: cannot lock", path);
        close(l->fd);
        l->fd = -1;
        return s;
    }
    l->held = true;
    return TACIT_OK;
}

void tac_lock_release(struct tac_lock *l)
{
    if (l->held)
        close(l->fd);
    *l = (struct tac_lock){.fd = -1};
}
