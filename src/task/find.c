/* Tasks by name: the folders that hold them. */
#include "base/file.h"
#include "task/task.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char suffix[] = ".yaml";

struct names {
    char **name;
    size_t n, cap;
};

static void names_release(struct names *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->name[i]);
    free(l->name);
}

static enum tacit_status names_add(struct names *l, const char *name, size_t n,
                                   struct tacit_err *err)
{
    for (size_t i = 0; i < l->n; i++)
        if (strncmp(l->name[i], name, n) == 0 && !l->name[i][n])
            return TACIT_OK;
    enum tacit_status s = tac_grow(&l->name, &l->cap, l->n + 1, sizeof *l->name, err);
    char *copy = s ? NULL : tac_strndup(name, n, err);
    if (!copy)
        return TACIT_EFAIL;
    l->name[l->n++] = copy;
    return TACIT_OK;
}

/* A folder that is absent holds no tasks. */
static enum tacit_status names_in(struct names *l, const char *path, struct tacit_err *err)
{
    DIR *dir = opendir(path);
    enum tacit_status s = dir || errno != ENOMEM ? TACIT_OK : tac_fail_memory(err, 0);
    for (struct dirent *e; dir && !s && (e = readdir(dir));)
        if (tac_ends_with(e->d_name, suffix) && e->d_name[0] != '.')
            s = names_add(l, e->d_name, strlen(e->d_name) - strlen(suffix), err);
    if (dir)
        closedir(dir);
    return s;
}

static int compare(const void *a, const void *b)
{
    char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

enum tacit_status tac_task_names(struct tac_buf *out, const char *const *dir, size_t n,
                                 struct tacit_err *err)
{
    struct names l = {0};
    enum tacit_status s = tac_buf_adds(out, "", err);
    for (size_t i = 0; i < n && !s; i++)
        s = names_in(&l, dir[i], err);
    if (l.n)
        qsort(l.name, l.n, sizeof *l.name, compare);
    for (size_t i = 0; i < l.n && !s; i++)
        s = tac_buf_addf(out, err, "%s%s", i ? ", " : "", l.name[i]);
    names_release(&l);
    return s;
}

static enum tacit_status not_found(const char *name, const char *const *dir, size_t n,
                                   struct tacit_err *err)
{
    struct tac_buf known = {0}, looked = {0};
    enum tacit_status s = tac_task_names(&known, dir, n, err);
    for (size_t i = 0; i < n && !s; i++)
        s = tac_buf_addf(&looked, err, "%s%s", i ? ", " : "", dir[i]);
    if (!s)
        s = tac_fail(err, TACIT_EINPUT,
                     "no task '%s' in %s (known: %s); a task file is given by its path", name,
                     n ? looked.data : "any folder", known.len ? known.data : "none");
    tac_buf_release(&known);
    tac_buf_release(&looked);
    return s;
}

enum tacit_status tac_task_find(char **path, const char *name, const char *const *dir, size_t n,
                                struct tacit_err *err)
{
    *path = NULL;
    if (strchr(name, '/') || tac_ends_with(name, suffix)) {
        *path = tac_strdup(name, err);
        return *path ? TACIT_OK : TACIT_EFAIL;
    }
    struct tac_buf file = {0};
    enum tacit_status s = tac_buf_addf(&file, err, "%s%s", name, suffix);
    for (size_t i = 0; i < n && !s; i++) {
        *path = tac_path(dir[i], file.data, err);
        if (!*path)
            s = TACIT_EFAIL;
        else if (tac_file_exists(*path))
            break;
        free(*path);
        *path = NULL;
    }
    tac_buf_release(&file);
    return s || *path ? s : not_found(name, dir, n, err);
}
