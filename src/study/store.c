#include "study/store.h"

#include "base/embedded.h"

#include <stdlib.h>
#include <string.h>

TAC_EMBED(tac_embed_schema, "src/study/schema.sql");

static enum tacit_status make_tables(struct tac_db *d, struct tacit_err *err)
{
    enum tacit_status s = tac_db_exec(d, "BEGIN IMMEDIATE", err);
    if (s)
        return s;
    s = tac_db_exec(d, (const char *)tac_embed_schema, err);
    if (!s)
        s = tac_db_exec(d, "PRAGMA user_version = 1", err);
    return tac_db_end(d, s, err);
}

static enum tacit_status check_version(struct tac_store *s, enum tac_db_mode mode,
                                       struct tacit_err *err)
{
    struct tac_select r = tac_select_begin(&s->db, "PRAGMA user_version", "");
    int64_t version = tac_select_next(&r) ? tac_select_int(&r, 0) : 0;
    enum tacit_status st = tac_select_end(&r, err);
    if (st)
        return st;
    if (version == 0 && mode == TAC_DB_WRITE)
        return make_tables(&s->db, err);
    if (version != TAC_STORE_VERSION)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: a store of version %lld, this program writes version %d", s->db.path,
                        (long long)version, TAC_STORE_VERSION);
    return TACIT_OK;
}

static enum tacit_status take_folder(struct tac_store *s, const char *dir, struct tacit_err *err)
{
    char *path = tac_path(dir, ".lock", err);
    enum tacit_status st = path ? tac_mkdirs(dir, err) : TACIT_EFAIL;
    if (!st)
        st = tac_lock_take(&s->lock, path, "another process works on this study", err);
    free(path);
    return st;
}

enum tacit_status tac_store_open(struct tac_store *s, const char *dir, enum tac_db_mode mode,
                                 struct tacit_err *err)
{
    *s = (struct tac_store){0};
    char *path = tac_path(dir, "study.db", err);
    enum tacit_status st = path ? TACIT_OK : TACIT_EFAIL;
    if (!st && mode == TAC_DB_WRITE)
        st = take_folder(s, dir, err);
    if (!st && mode == TAC_DB_READ && !tac_file_exists(path))
        st = tac_fail(err, TACIT_EINPUT, "%s: no such file: the folder holds no study", path);
    if (!st)
        st = tac_db_open(&s->db, path, mode, TAC_STORE_APPLICATION, err);
    if (!st)
        st = check_version(s, mode, err);
    free(path);
    if (!st && pthread_mutex_init(&s->mutex, NULL))
        st = tac_fail_memory(err, 0);
    s->open = !st;
    if (st)
        tac_store_close(s);
    return st;
}

void tac_store_close(struct tac_store *s)
{
    tac_db_close(&s->db);
    tac_lock_release(&s->lock);
    if (s->open)
        pthread_mutex_destroy(&s->mutex);
    *s = (struct tac_store){0};
}

enum tacit_status tac_store_for(struct tac_store *s, const char *command, const char *dir,
                                struct tacit_err *err)
{
    enum tacit_status st = TACIT_OK;
    struct tac_select r = tac_select_begin(
        &s->db,
        "SELECT coalesce((SELECT value FROM meta WHERE key = 'command'), 'study') FROM meta LIMIT 1",
        "");
    const char *found = tac_select_next(&r) ? tac_select_text(&r, 0) : NULL;
    if (found && strcmp(found, command) != 0)
        st = tac_fail(err, TACIT_EINPUT, "%s: holds a %s: give the %s another folder", dir, found,
                      command);
    enum tacit_status end = tac_select_end(&r, st ? NULL : err);
    return st ? st : end;
}

enum tacit_status tac_store_begin(struct tac_store *s, struct tacit_err *err)
{
    pthread_mutex_lock(&s->mutex);
    enum tacit_status st = tac_db_exec(&s->db, "BEGIN IMMEDIATE", err);
    if (st)
        pthread_mutex_unlock(&s->mutex);
    return st;
}

enum tacit_status tac_store_end(struct tac_store *s, enum tacit_status status,
                                struct tacit_err *err)
{
    status = tac_db_end(&s->db, status, err);
    pthread_mutex_unlock(&s->mutex);
    return status;
}

enum tacit_status tac_store_unit(struct tac_store *s, const struct tac_store_unit *u,
                                 struct tacit_err *err)
{
    enum tacit_status st = tac_db_run(&s->db, err, "DELETE FROM unit WHERE key = ?", "t", u->key);
    return st ? st
              : tac_db_run(&s->db, err, "INSERT INTO unit VALUES (?, ?, ?, 1, ?, ?, ?)", "tttttr",
                           u->key, u->kind, u->identity, u->settings, u->result, u->seconds);
}

enum tacit_status tac_store_prompt(struct tac_store *s, const struct tac_store_prompt *p,
                                   struct tacit_err *err)
{
    struct tac_select r = tac_select_begin(
        &s->db, "INSERT INTO prompt VALUES (?, ?, ?, ?, nullif(?, 0), ?, ?, ?, ?, ?, ?, ?)",
        "ttttittiiitb", p->key, p->unit, p->kind, p->task, (int64_t)p->seed, p->label, p->text,
        (int64_t)p->tokens, (int64_t)p->width, (int64_t)p->parameters, p->start, p->data,
        p->tokens * p->width * sizeof *p->data);
    return tac_select_finish(r, err);
}

enum tacit_status tac_store_epoch(struct tac_store *s, const struct tac_store_epoch *e,
                                  struct tacit_err *err)
{
    return tac_db_run(&s->db, err, "INSERT INTO epoch VALUES (?, ?, ?, ?, ?, ?, ?)", "tiirrrb",
                      e->prompt, (int64_t)e->epoch, (int64_t)e->step, e->loss, e->accuracy,
                      e->dev_loss, e->data, e->n * sizeof *e->data);
}

enum tacit_status tac_store_score(struct tac_store *s, const struct tac_store_score *x,
                                  struct tacit_err *err)
{
    struct tac_select r =
        tac_select_begin(&s->db, "INSERT INTO score VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                         "tttirrrrrbbb", x->prompt, x->task, x->unit, (int64_t)x->n, x->accuracy,
                         x->low, x->high, x->auroc, x->loss, x->hits, x->n, x->margins,
                         x->n * sizeof *x->margins, x->logliks, x->n_loglik * sizeof *x->logliks);
    return tac_select_finish(r, err);
}

enum tacit_status tac_store_vector(struct tac_store *s, const char *unit, const char *name,
                                   const float *data, size_t n, struct tacit_err *err)
{
    return tac_db_run(&s->db, err, "INSERT INTO vector VALUES (?, ?, ?)", "ttb", unit, name, data,
                      n * sizeof *data);
}

enum tacit_status tac_store_identity(struct tac_store *s, char identity[24], const char *key,
                                     struct tacit_err *err)
{
    pthread_mutex_lock(&s->mutex);
    struct tac_select r =
        tac_select_begin(&s->db, "SELECT identity FROM unit WHERE key = ?", "t", key);
    const char *found = tac_select_next(&r) ? tac_select_text(&r, 0) : NULL;
    snprintf(identity, 24, "%s", found ? found : "");
    enum tacit_status st = tac_select_end(&r, err);
    pthread_mutex_unlock(&s->mutex);
    return st;
}

enum tacit_status tac_store_rows(struct tac_store *s, float **data, size_t *tokens, size_t *width,
                                 const char *prompt, struct tacit_err *err)
{
    enum tacit_status st = TACIT_OK;
    size_t bytes = 0;
    *data = NULL;
    pthread_mutex_lock(&s->mutex);
    struct tac_select r = tac_select_begin(
        &s->db, "SELECT tokens, width, data FROM prompt WHERE key = ?", "t", prompt);
    if (tac_select_next(&r) && !tac_select_null(&r, 2)) {
        const void *blob = tac_select_blob(&r, 2, &bytes);
        *tokens = (size_t)tac_select_int(&r, 0);
        *width = (size_t)tac_select_int(&r, 1);
        if (bytes != *tokens * *width * sizeof **data)
            st = tac_fail(err, TACIT_EFAIL, "%s: prompt '%s': %zu bytes, expected %zu x %zu floats",
                          s->db.path, prompt, bytes, *tokens, *width);
        else if (!(*data = tac_alloc(bytes, 1, err)))
            st = TACIT_EFAIL;
        else
            memcpy(*data, blob, bytes);
    }
    enum tacit_status end = tac_select_end(&r, st ? NULL : err);
    pthread_mutex_unlock(&s->mutex);
    if (!st && !end && !*data)
        st = tac_fail(err, TACIT_EFAIL, "%s: prompt '%s' has no values", s->db.path, prompt);
    return st ? st : end;
}
