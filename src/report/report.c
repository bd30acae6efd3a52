#include "report/report.h"

#include "base/file.h"
#include "report/page.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file to write. */
struct made {
    char *path;
    struct tac_out text;
};

struct work {
    struct tac_rep rep;
    struct tac_fig *fig; /* one a table */
    struct made *made;
    size_t n, cap;
    const char *dir;
};

/* A new file DIR/FOLDER/NAME.SUFFIX (FOLDER may be ""), still empty; NULL on failure. */
static struct tac_out *add(struct work *w, const char *folder, const char *name, const char *suffix,
                           struct tacit_err *err)
{
    struct tac_buf path = {0};
    if (tac_grow(&w->made, &w->cap, w->n + 1, sizeof *w->made, err) ||
        tac_buf_addf(&path, err, "%s/%s%s%s.%s", w->dir, folder, *folder ? "/" : "", name,
                     suffix)) {
        tac_buf_release(&path);
        return NULL;
    }
    w->made[w->n] = (struct made){.path = path.data};
    return &w->made[w->n++].text;
}

static enum tacit_status outcome(const struct tac_out *o, struct tacit_err *err)
{
    if (o->bad.status && err)
        *err = o->bad;
    return o->bad.status;
}

static enum tacit_status make_table(struct work *w, size_t i, struct tacit_err *err)
{
    const struct tac_rep_table *t = &w->rep.table[i];
    const struct tac_figure *figure = tac_figure_of(t);
    struct tac_out *o = add(w, "tables", t->name, "tsv", err);
    if (!o)
        return TACIT_EFAIL;
    tac_table_tsv(o, t);
    enum tacit_status s = outcome(o, err);
    if (s || !figure)
        return s;
    s = tac_fig_draw(&w->fig[i], figure, &w->rep, t, err);
    if (s)
        return s == TACIT_EINPUT ? tac_err_prefix(err, "%s/study.db: ", w->dir) : s;
    if (!w->fig[i].n)
        return TACIT_OK;
    o = add(w, "figures", t->name, "svg", err);
    if (!o)
        return TACIT_EFAIL;
    tac_fig_svg(o, &w->fig[i], t->title);
    return outcome(o, err);
}

/* All files, in memory. */
static enum tacit_status make_all(struct work *w, struct tacit_err *err)
{
    static const struct {
        const char *name;
        void (*write)(struct tac_out *, const struct tac_rep *);
    } own[] = {{"claims", tac_claims_tsv}, {"tasks", tac_tasks_tsv}, {"meta", tac_meta_tsv}};
    enum tacit_status s = TACIT_OK;
    w->fig = tac_alloc(w->rep.n_tables, sizeof *w->fig, err);
    if (!w->fig)
        return TACIT_EFAIL;
    for (size_t i = 0; i < w->rep.n_tables && !s; i++)
        s = make_table(w, i, err);
    for (size_t i = 0; i < sizeof own / sizeof *own && !s; i++) {
        struct tac_out *o = add(w, "tables", own[i].name, "tsv", err);
        if (!o)
            return TACIT_EFAIL;
        own[i].write(o, &w->rep);
        s = outcome(o, err);
    }
    if (s)
        return s;
    struct tac_out *o = add(w, "", "report", "html", err);
    if (!o)
        return TACIT_EFAIL;
    tac_page(o, &w->rep, w->fig);
    return outcome(o, err);
}

static enum tacit_status write_all(struct work *w, struct tacit_report_result *out,
                                   struct tacit_err *err)
{
    static const char *const folders[] = {"figures", "tables"};
    for (int i = 0; i < 2; i++) {
        char *path = tac_path(w->dir, folders[i], err);
        enum tacit_status s = path ? tac_mkdirs(path, err) : TACIT_EFAIL;
        free(path);
        if (s)
            return s;
    }
    for (size_t i = 0; i < w->n; i++) {
        const struct made *m = &w->made[i];
        enum tacit_status s = tac_file_write(m->path, m->text.b.data, m->text.b.len, err);
        if (s)
            return s;
        out->bytes = m->text.b.len;
        out->figures += strstr(m->path + strlen(w->dir), "/figures/") == m->path + strlen(w->dir);
        out->tables += strstr(m->path + strlen(w->dir), "/tables/") == m->path + strlen(w->dir);
    }
    out->path = w->made[w->n - 1].path;
    w->made[w->n - 1].path = NULL;
    return TACIT_OK;
}

static void release(struct work *w)
{
    for (size_t i = 0; w->fig && i < w->rep.n_tables; i++)
        tac_fig_release(&w->fig[i]);
    for (size_t i = 0; i < w->n; i++) {
        free(w->made[i].path);
        tac_out_release(&w->made[i].text);
    }
    free(w->fig);
    free(w->made);
    tac_rep_release(&w->rep);
}

enum tacit_status tac_report(const char *dir, struct tacit_report_result *out,
                             struct tacit_err *err)
{
    struct work w = {.dir = dir};
    *out = (struct tacit_report_result){0};
    char *db = tac_path(dir, "study.db", err);
    if (!db)
        return TACIT_EFAIL;
    /* Numbers have a point, whatever the program's language. */
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t before = c ? uselocale(c) : (locale_t)0;
    enum tacit_status s = c ? TACIT_OK : tac_fail_memory(err, 0);
    if (!s && !tac_file_exists(db))
        s = tac_fail(err, TACIT_EINPUT, "%s: there is no such file: not the folder of a study", db);
    if (!s)
        s = tac_rep_load(&w.rep, db, err);
    if (!s)
        s = make_all(&w, err);
    if (!s)
        s = write_all(&w, out, err);
    release(&w);
    free(db);
    if (c) {
        uselocale(before);
        freelocale(c);
    }
    return s;
}
