#include "model/locate.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

/* "org/name", of the characters that hub ids have. */
static bool is_hub_id(const char *s)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./";
    const char *slash = strchr(s, '/');
    return slash && slash != s && slash[1] && !strchr(slash + 1, '/') && s[0] != '.' &&
           s[strspn(s, allowed)] == '\0';
}

static enum tacit_status cache_folder(struct tac_buf *out, const char *id, const char *cache,
                                      struct tacit_err *err)
{
    const char *slash = strchr(id, '/');
    return tac_buf_addf(out, err, "%s/models--%.*s--%s", cache, (int)(slash - id), id, slash + 1);
}

/* The commit that refs/main names, without its line end. */
static enum tacit_status read_ref(struct tac_buf *out, const char *folder, struct tacit_err *err)
{
    char *path = tac_path(folder, "refs/main", err);
    if (!path)
        return TACIT_EFAIL;
    enum tacit_status s = tac_file_read(out, path, 256, err);
    if (!s)
        out->data[strcspn(out->data, "\r\n /")] = '\0';
    free(path);
    return s;
}

static enum tacit_status in_cache(char **folder, const char *id, const char *cache,
                                  struct tacit_err *err)
{
    struct tac_buf base = {0}, ref = {0}, snap = {0};
    enum tacit_status s = cache_folder(&base, id, cache, err);
    if (!s)
        s = read_ref(&ref, base.data, err);
    if (!s)
        s = tac_buf_addf(&snap, err, "%s/snapshots/%s", base.data, ref.data);
    if (!s && !tac_is_dir(snap.data))
        s = tac_fail(err, TACIT_EINPUT, "%s: is not there", snap.data);
    if (!s) {
        *folder = snap.data;
        snap.data = NULL;
    }
    tac_buf_release(&base);
    tac_buf_release(&ref);
    tac_buf_release(&snap);
    return s;
}

enum tacit_status tac_model_locate(char **folder, const char *path, const char *cache,
                                   struct tacit_err *err)
{
    *folder = NULL;
    if (tac_is_dir(path)) {
        *folder = tac_strdup(path, err);
        return *folder ? TACIT_OK : TACIT_EFAIL;
    }
    if (tac_file_exists(path))
        return tac_fail(err, TACIT_EINPUT,
                        "%s: is a file, a model folder (with config.json) was expected", path);
    if (!is_hub_id(path))
        return tac_fail(err, TACIT_EINPUT,
                        "%s: no such model folder, and not a hub id (as 'bigscience/bloomz-560m')",
                        path);
    struct tacit_err inner;
    enum tacit_status s = cache ? in_cache(folder, path, cache, &inner) : TACIT_EINPUT;
    if (s == TACIT_EFAIL && err)
        *err = inner;
    if (s != TACIT_EINPUT)
        return s;
    return tac_fail(err, TACIT_EINPUT,
                    "%s: no such folder, and the HuggingFace cache (%s) does not hold it; "
                    "download it with: hf download %s",
                    path, cache ? cache : "none given", path);
}
