/* Model folders written anew: in another dtype, with an adapter folded into the weights. */
#include "api/handles.h"
#include "base/file.h"
#include "tune/peft.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* How the tensors of m are written. dtype NULL: each as it is stored. site: by slot, of floats;
 * NULL where nothing is folded in. row, sum: room for the longest row. */
struct rewrite {
    const struct tac_model *m;
    const char *dtype;
    const struct tac_site *site;
    float *row;
    struct tacit_err *err;
};

enum tacit_status tac_check_dtype(const char *name, struct tacit_err *err)
{
    if (strcmp(name, "f32") == 0 || strcmp(name, "f16") == 0 || strcmp(name, "bf16") == 0)
        return TACIT_OK;
    return tac_fail(err, TACIT_EINPUT, "dtype '%s' is not one of f32, f16, bf16", name);
}

/* The site of a matrix's slot, or of the matrix whose bias the slot is: biases stand behind their
 * matrices. NULL where it changes nothing. */
static const struct tac_site *site_of(const struct rewrite *w, size_t slot)
{
    const struct tac_site *s = w->site ? &w->site[slot] : NULL;
    if (!s)
        return NULL;
    if (w->m->tensor[slot]->rank == 2)
        return s->r || s->in || s->out ? s : NULL;
    return slot && w->m->tensor[slot - 1] && w->m->tensor[slot - 1]->rank == 2 && s[-1].out ? s - 1
                                                                                            : NULL;
}

/* Element (n, k) of a matrix (N,K) with its site folded in: (v + scale * b[n] a[k]) * in[k] *
 * out[n], in double and rounded once. */
static float fold(const struct tac_site *s, float v, size_t n, size_t k, size_t K)
{
    const float *a = s->a, *b = s->b, *in = s->in, *out = s->out;
    double sum = 0;
    for (size_t r = 0; r < s->r; r++)
        sum += (double)b[n * s->r + r] * (double)a[r * K + k];
    double x = (double)v + s->scale * sum;
    return (float)(x * (in ? (double)in[k] : 1) * (out ? (double)out[n] : 1));
}

/* A row of `width` as it is stored: one of the matrix, or, stored across, one of its columns. */
static void fold_row(const struct rewrite *w, const struct tac_site *s, size_t slot, size_t row,
                     size_t width)
{
    const struct tac_tensor *t = w->m->tensor[slot];
    bool across = tac_model_across(&w->m->c, slot);
    for (size_t i = 0; i < width; i++)
        w->row[i] =
            across ? fold(s, w->row[i], i, row, t->shape[0]) : fold(s, w->row[i], row, i, width);
}

/* A bias of a matrix whose output is scaled. */
static void fold_bias(const struct tac_site *s, float *v, size_t n)
{
    const float *out = s->out;
    for (size_t i = 0; i < n; i++)
        v[i] *= out[i];
}

/* Writes n values as elements from `at` on. One that the dtype is too narrow for is an error: it
 * would become infinite. */
static enum tacit_status put(const struct rewrite *w, const struct tac_tensor *t,
                             unsigned char *data, enum tac_dtype dtype, size_t at, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double is = (double)w->row[i];
        tac_dtype_put(data, dtype, at + i, w->row[i]);
        if (!isfinite(is) && isfinite(tac_tensor_get(t, at + i)))
            return tac_fail(w->err, TACIT_EINPUT,
                            "%s: tensor '%s': element %zu becomes %s with the adapter", w->m->path,
                            t->name, at + i, isnan(is) ? "NaN" : "infinite");
        if (isfinite(is) && !isfinite(tac_dtype_get(data, dtype, at + i)))
            return tac_fail(w->err, TACIT_EINPUT,
                            "%s: tensor '%s': element %zu is %g, too large for %s", w->m->path,
                            t->name, at + i, is, tac_dtype_name(dtype));
    }
    return TACIT_OK;
}

/* A slot's tensor under its canonical name; `data` is that of the model where nothing changes, else
 * the caller's to free. */
static enum tacit_status rewrite_slot(const struct rewrite *w, struct tac_tensor *out, size_t slot,
                                      char name[160])
{
    const struct tac_tensor *t = w->m->tensor[slot];
    const struct tac_site *site = site_of(w, slot);
    size_t n = tac_tensor_count(t), K = t->shape[t->rank - 1];
    enum tacit_status s = TACIT_OK;
    *out = *t;
    out->name = tac_model_slot_name(w->m, slot, name);
    if (w->dtype)
        out->dtype = tac_dtype_short(w->dtype);
    if (out->dtype == t->dtype && !site)
        return TACIT_OK;
    unsigned char *data = tac_alloc(n, tac_dtype_size(out->dtype), w->err);
    out->data = data;
    out->bytes = n * tac_dtype_size(out->dtype);
    if (!data)
        return TACIT_EFAIL;
    for (size_t at = 0; !s && at < n; at += K) {
        tac_tensor_read_f32(w->row, t, at, K);
        if (site && t->rank == 2)
            fold_row(w, site, slot, at / K, K);
        else if (site)
            fold_bias(site, w->row, K);
        s = put(w, t, data, out->dtype, at, K);
    }
    return s;
}

static size_t longest_row(const struct tac_model *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n_slot; i++)
        if (m->tensor[i] && m->tensor[i]->shape[m->tensor[i]->rank - 1] > n)
            n = m->tensor[i]->shape[m->tensor[i]->rank - 1];
    return n;
}

/* Writes the folder. *changed: matrices that something was folded into. */
static enum tacit_status rewrite_model(struct rewrite *w, const char *dir, size_t *changed)
{
    const struct tac_model *m = w->m;
    size_t n = 0, longest = longest_row(m);
    size_t *slot = tac_alloc(m->n_slot, sizeof *slot, w->err);
    struct tac_tensor *t = tac_alloc(m->n_slot, sizeof *t, w->err);
    char(*name)[160] = tac_alloc(m->n_slot, sizeof *name, w->err);
    w->row = tac_alloc(longest, sizeof *w->row, w->err);
    enum tacit_status s = slot && t && name && w->row ? TACIT_OK : TACIT_EFAIL;
    for (size_t i = 0; !s && i < m->n_slot; i++)
        if (m->tensor[i]) {
            s = rewrite_slot(w, &t[n], i, name[n]);
            *changed += m->tensor[i]->rank == 2 && site_of(w, i);
            slot[n++] = i;
        }
    if (!s)
        s = tac_model_write(dir, m, t, n,
                            w->dtype ? tac_dtype_short(w->dtype) : m->tensor[TAC_P_EMBED]->dtype,
                            NULL, w->err);
    for (size_t i = 0; i < n; i++)
        if (t[i].data != m->tensor[slot[i]]->data)
            free((void *)(uintptr_t)t[i].data);
    free(slot);
    free(t);
    free(name);
    free(w->row);
    return s;
}

bool tac_same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

enum tacit_status tac_folder_is_free(const char *dir, const char *other, const char *what,
                                     struct tacit_err *err)
{
    const char *const taken[][2] = {{"run.json", "a training run"}, {other, what}};
    enum tacit_status s = TACIT_OK;
    for (size_t i = 0; !s && i < 2; i++) {
        char *path = tac_path(dir, taken[i][0], err);
        if (!path)
            return TACIT_EFAIL;
        if (tac_file_exists(path))
            s = tac_fail(err, TACIT_EINPUT, "%s: holds %s, give another folder", dir, taken[i][1]);
        free(path);
    }
    return s;
}

static enum tacit_status check_folder(const char *dir, const struct tac_model *m,
                                      struct tacit_err *err)
{
    if (strcmp(dir, m->path) == 0 || tac_same_file(dir, m->path))
        return tac_fail(err, TACIT_EINPUT, "%s: a model cannot be converted into its own folder",
                        dir);
    return tac_folder_is_free(dir, "adapter_config.json", "an adapter", err);
}

enum tacit_status tacit_model_convert(const char *dir, const char *path, const char *dtype,
                                      const char *hub_cache, struct tacit_err *err)
{
    struct tac_model *m = NULL;
    size_t changed = 0;
    enum tacit_status s = tac_check_dtype(dtype, err);
    if (!s)
        s = tac_model_open(&m, path, hub_cache, err);
    if (!s)
        s = check_folder(dir, m, err);
    if (!s)
        s = rewrite_model(&(struct rewrite){.m = m, .dtype = dtype, .err = err}, dir, &changed);
    tac_model_close(m);
    return s;
}

static enum tacit_status check_mergeable(const struct tac_tune *t, const char *adapter,
                                         struct tacit_err *err)
{
    if (t->ports.site)
        return TACIT_OK;
    return tac_fail(err, TACIT_EINPUT,
                    "%s: a %s adds tokens or keys and values, which no weights can stand for: only "
                    "LORA and IA3 can be merged",
                    adapter, t->method->name);
}

enum tacit_status tacit_adapter_merge(const char *dir, const char *adapter, const char *path,
                                      const char *dtype, const char *hub_cache, size_t *matrices,
                                      struct tacit_err *err)
{
    struct tac_backend_options plain = {.name = "ref", .threads = 1}; /* reals are floats */
    struct tac_model *m = NULL;
    struct tac_backend *be = NULL;
    struct tac_weights *weights = NULL;
    struct tac_tune *t = NULL;
    *matrices = 0;
    enum tacit_status s = dtype ? tac_check_dtype(dtype, err) : TACIT_OK;
    if (!s)
        s = tac_model_open(&m, path, hub_cache, err);
    if (!s)
        s = check_folder(dir, m, err);
    if (!s)
        s = tac_backend_open(&be, &plain, err);
    if (!s)
        s = tac_weights_load(&weights, m, be, false, err);
    if (!s)
        s = tac_tune_load(&t, adapter, weights, false, err);
    if (!s)
        s = check_mergeable(t, adapter, err);
    if (!s)
        s = rewrite_model(
            &(struct rewrite){.m = m, .dtype = dtype, .site = t->ports.site, .err = err}, dir,
            matrices);
    tac_tune_close(t);
    tac_weights_close(weights);
    tac_backend_close(be);
    tac_model_close(m);
    return s;
}
