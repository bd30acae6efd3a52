/* Several models in one study file: each has a study of its own in OUT/NAME; OUT/study.db holds
 * their tables and claims together, and computes nothing. */
#include "study/spec.h"
#include "study/store.h"
#include "study/work.h"

#include <stdlib.h>
#include <string.h>

static const char command[] = "study of several models";

const char *tacit_study_part(const char *model)
{
    const char *slash = strrchr(model, '/');
    return slash ? slash + 1 : model;
}

enum tacit_status tacit_study_models(char ***out, size_t *n, const char *file,
                                     struct tacit_err *err)
{
    struct tac_spec spec;
    size_t bytes = sizeof **out;
    *out = NULL;
    *n = 0;
    enum tacit_status s = tac_spec_load(&spec, file, err);
    if (s)
        return s;
    *n = spec.n_model;
    for (size_t i = 0; i < *n; i++)
        bytes += sizeof **out + strlen(spec.models[i]) + 1;
    *out = tac_alloc(bytes, 1, err);
    char *at = *out ? (char *)(*out + *n + 1) : NULL;
    for (size_t i = 0; at && i < *n; i++) {
        (*out)[i] = strcpy(at, spec.models[i]);
        at += strlen(at) + 1;
    }
    tac_spec_release(&spec);
    return *out ? TACIT_OK : TACIT_EFAIL;
}

/* The attached part's tables, with the model in front of each row, behind those of the parts before
 * it; its claims; its tasks, which are the same for all. */
static enum tacit_status add_part(struct tac_db *d, const char *name, size_t number,
                                  struct tacit_err *err)
{
    static const char *const by_name[] = {
        ("INSERT INTO result SELECT name || '_by_model', position, part, title || ', by model', note, "
         "'[{\"name\": \"model\", \"type\": \"text\", \"title\": \"model\"}, ' || substr(columns, 2), "
         "'[]' FROM part.result WHERE ? IS NOT NULL ON CONFLICT (name) DO NOTHING"),
        ("UPDATE result SET rows = (SELECT json_group_array(json(row)) FROM ("
         "SELECT value AS row FROM json_each(result.rows) UNION ALL "
         "SELECT '[' || json_quote(?) || ',' || substr(value, 2) FROM part.result AS p, "
         "json_each(p.rows) WHERE p.name || '_by_model' = result.name)) "
         "WHERE name IN (SELECT name || '_by_model' FROM part.result)"),
        ("INSERT INTO meta SELECT key, value FROM part.meta WHERE key = 'name' AND ? IS NOT NULL "
         "ON CONFLICT (key) DO NOTHING"),
        ("INSERT INTO meta SELECT 'model ' || ?, group_concat(value, ', ') FROM (SELECT value FROM "
         "part.meta WHERE key IN ('model', 'family', 'width', 'layers', 'parameters') ORDER BY key)"),
    };
    enum tacit_status s = TACIT_OK;
    for (size_t i = 0; !s && i < sizeof by_name / sizeof *by_name; i++)
        s = tac_db_run(d, err, by_name[i], "t", name);
    if (!s)
        s = tac_db_run(d, err,
                       "INSERT INTO claim SELECT ? || '/' || id, ? + position, part, finding, "
                       "estimator, estimate, low, high, p, p_holm, control, verdict, note, NULL "
                       "FROM part.claim",
                       "ti", name, (int64_t)(1000 * number));
    return s ? s : tac_db_exec(d, "INSERT OR IGNORE INTO task SELECT * FROM part.task", err);
}

/* Which models there are, and why no adapter of one is run on another. */
static enum tacit_status add_facts(struct tac_db *d, const char *name, struct tacit_err *err)
{
    return tac_db_run(
        d, err,
        "INSERT INTO temp.model SELECT ?, max(iif(key = 'family', value, NULL)), "
        "max(iif(key = 'width', value + 0, NULL)), max(iif(key = 'layers', value + 0, NULL)), "
        "max(iif(key = 'parameters', value + 0, NULL)) FROM part.meta",
        "t", name);
}

static enum tacit_status put_across(struct tac_db *d, struct tacit_err *err)
{
    static const char sql[] =
        "INSERT INTO result SELECT 'models', -2, 'transfer', 'Models', 'Each has a study of its own, in a "
        "folder by its name.', '[{\"name\": \"model\", \"type\": \"text\", \"title\": \"model\"}, "
        "{\"name\": \"family\", \"type\": \"text\", \"title\": \"family\"}, "
        "{\"name\": \"width\", \"type\": \"number\", \"title\": \"width\"}, "
        "{\"name\": \"layers\", \"type\": \"number\", \"title\": \"layers\"}, "
        "{\"name\": \"parameters\", \"type\": \"number\", \"title\": \"parameters\"}]', "
        "json_group_array(json_array(name, family, width, layers, parameters)) FROM temp.model;"
        "INSERT INTO result SELECT 'across', -1, 'transfer', 'Between models: not run', 'Transfer is "
        "within a model.', '[{\"name\": \"a\", \"type\": \"text\", \"title\": \"a\"}, "
        "{\"name\": \"b\", \"type\": \"text\", \"title\": \"b\"}, "
        "{\"name\": \"reason\", \"type\": \"text\", \"title\": \"reason\"}]', "
        "json_group_array(json_array(a.name, b.name, iif(a.width <> b.width, "
        "'a prompt is rows of its model''s embedding: ' || a.width || ' wide and ' || b.width, "
        "iif(a.family <> b.family, 'other families, ' || a.family || ' and ' || b.family || ': rows of "
        "another embedding mean nothing', 'the same width and family, but other weights')))) "
        "FROM temp.model AS a, temp.model AS b WHERE a.rowid < b.rowid;";
    return tac_db_exec(d, sql, err);
}

static enum tacit_status join_part(struct tac_store *store, const char *dir, const char *model,
                                   size_t number, struct tacit_err *err)
{
    const char *name = tacit_study_part(model);
    char *folder = tac_path(dir, name, err),
         *path = folder ? tac_path(folder, "study.db", err) : NULL;
    enum tacit_status s = path ? TACIT_OK : TACIT_EFAIL;
    if (!s && tac_file_exists(path)) {
        s = tac_db_run(&store->db, err, "ATTACH ? AS part", "t", path);
        if (!s) {
            s = tac_db_exec(&store->db, "BEGIN IMMEDIATE", err);
            if (!s)
                s = add_part(&store->db, name, number, err);
            if (!s)
                s = add_facts(&store->db, name, err);
            s = tac_db_end(&store->db, s, err);
            enum tacit_status end = tac_db_exec(&store->db, "DETACH part", s ? NULL : err);
            s = s ? s : end;
        }
    }
    free(folder);
    free(path);
    return s;
}

static enum tacit_status put_meta(struct tac_store *store, const char *file, struct tacit_err *err)
{
    struct tac_buf text = {0};
    enum tacit_status s = tac_file_read(&text, file, TAC_YAML_BYTES, err);
    const char *const fact[][2] = {
        {"command", command}, {"study", text.data}, {"tacit", tacit_version()}};
    for (size_t i = 0; !s && i < sizeof fact / sizeof *fact; i++)
        s = tac_db_run(&store->db, err, "INSERT OR REPLACE INTO meta VALUES (?, ?)", "tt",
                       fact[i][0], fact[i][1]);
    tac_buf_release(&text);
    return s;
}

enum tacit_status tacit_study_join(const char *dir, const char *file, const char *const *model,
                                   size_t n, struct tacit_err *err)
{
    struct tac_store store;
    enum tacit_status s = tac_store_open(&store, dir, TAC_DB_WRITE, err);
    if (s)
        return s;
    s = tac_store_for(&store, command, dir, err);
    if (!s)
        s = tac_db_exec(
            &store.db,
            "DELETE FROM result; DELETE FROM claim; DELETE FROM task; DELETE FROM meta; "
            "CREATE TEMP TABLE model (name, family, width, layers, parameters)",
            err);
    if (!s)
        s = put_meta(&store, file, err);
    for (size_t i = 0; !s && i < n; i++)
        s = join_part(&store, dir, model[i], i, err);
    if (!s && n > 1)
        s = put_across(&store.db, err);
    tac_store_close(&store);
    return s;
}
