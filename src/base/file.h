/* Files: mapped reading, reading with a limit, atomic writing (temporary name, fsync, rename),
 * locks. */
#ifndef TAC_BASE_FILE_H
#define TAC_BASE_FILE_H

#include "base/str.h"

#include <stdio.h>

/* A file mapped read-only, or one inside the program (embedded.h). data is NULL where the file is
 * empty. A zeroed struct is closed. */
struct tac_map {
    const unsigned char *data;
    size_t size;
    bool embedded;
};

enum tacit_status tac_map_open(struct tac_map *m, const char *path,
                               struct tacit_err *err) TAC_MUST_USE;
void tac_map_close(struct tac_map *m);
/* tac_map_forget: n bytes from `from` on need not stay in memory; who reads them again gets them.
 */
void tac_map_forget(const struct tac_map *m, size_t from, size_t n);

/* tac_file_read: the whole file, at most `limit` bytes (a larger one is refused by name) appended
 * to out. */
enum tacit_status tac_file_read(struct tac_buf *out, const char *path, size_t limit,
                                struct tacit_err *err) TAC_MUST_USE;

bool tac_file_exists(const char *path); /* of any kind */
bool tac_is_dir(const char *path);
/* tac_mkdirs: makes path and its missing parents. */
enum tacit_status tac_mkdirs(const char *path, struct tacit_err *err) TAC_MUST_USE;
/* tac_path: "dir/name" freshly allocated (name alone where dir is NULL or empty). */
char *tac_path(const char *dir, const char *name, struct tacit_err *err);

/* A file that comes into being whole or not at all: bytes go to "PATH.tmp"; commit does fsync,
 * rename and fsync of the folder; close without commit removes the temporary. Write errors are
 * remembered, so a caller may check commit alone. A zeroed struct is closed. */
struct tac_writer {
    char *path, *tmp;
    int fd;
    bool open;
    struct tac_buf buf;
    struct tacit_err bad;
};

enum tacit_status tac_writer_open(struct tac_writer *w, const char *path,
                                  struct tacit_err *err) TAC_MUST_USE;
void tac_writer_add(struct tac_writer *w, const void *bytes, size_t n);
enum tacit_status tac_writer_commit(struct tac_writer *w, struct tacit_err *err) TAC_MUST_USE;
void tac_writer_close(struct tac_writer *w);

/* tac_file_write: the writer's steps for one piece of memory. */
enum tacit_status tac_file_write(const char *path, const void *bytes, size_t n,
                                 struct tacit_err *err) TAC_MUST_USE;

/* A log that grows line by line. Opening cuts it to `keep` bytes (what a checkpoint vouches for),
 * so a killed run's tail disappears; sync makes what was added durable and tells the size. */
struct tac_log {
    char *path;
    int fd;
    bool open;
    size_t size;
};

enum tacit_status tac_log_open(struct tac_log *l, const char *path, size_t keep,
                               struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_log_add(struct tac_log *l, const char *line,
                              struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_log_sync(struct tac_log *l, struct tacit_err *err) TAC_MUST_USE;
void tac_log_close(struct tac_log *l);

/* An advisory lock on PATH (created; flock), held until released or the process ends. `busy` is the
 * message for the case that another process holds it. */
struct tac_lock {
    int fd;
    bool held;
};

enum tacit_status tac_lock_take(struct tac_lock *l, const char *path, const char *busy,
                                struct tacit_err *err) TAC_MUST_USE;
void tac_lock_release(struct tac_lock *l);

#endif
