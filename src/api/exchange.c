/* Prompts between PEFT folders and the files of other tools. */
#include "api/handles.h"
#include "api/import.h"
#include "base/file.h"
#include "format/npy.h"
#include "format/torch.h"
#include "tune/multitask.h"
#include "tune/old_bloom.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum form {
    FORM_MODEL,
    FORM_ADAPTER,
    FORM_NPY,
    FORM_RAW,
    FORM_TORCH,
    FORM_GGUF,
    FORM_LLAMA2C,
    FORM_UNKNOWN
};

static const struct {
    const char *ending;
    enum form form;
} known[] = {{".npy", FORM_NPY}, {".f32", FORM_RAW}, {".bin", FORM_RAW}, {".pt", FORM_TORCH}};

/* A prompt on its way. c: its model's shape, as far as it is known (0 elsewhere). */
struct parcel {
    const char *from;
    const struct tacit_convert_options *o;
    struct tac_model *model; /* NULL where none was given */
    struct tac_decoder_config c;
    struct tac_peft_prompt p;
    size_t n_text; /* rows of p that are the text's */
};

static enum form form_of_name(const char *path)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (tac_ends_with(path, known[i].ending))
            return known[i].form;
    return FORM_UNKNOWN;
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static enum tacit_status fail_form(const char *path, const char *hint, struct tacit_err *err)
{
    return tac_fail(err, TACIT_EINPUT,
                    "%s: its ending is none of .npy, .f32, .bin (float32 rows), .pt%s", path, hint);
}

static enum tacit_status find_input(enum form *form, const char *from, struct tacit_err *err)
{
    *form = FORM_MODEL; /* a hub id too */
    if (tac_is_dir(from)) {
        char *config = tac_path(from, "adapter_config.json", err);
        if (!config)
            return TACIT_EFAIL;
        if (tac_file_exists(config))
            *form = FORM_ADAPTER;
        free(config);
        return TACIT_OK;
    }
    enum form file = form_of_name(from);
    if (tac_gguf_is(from) || (tac_ends_with(from, ".gguf") && tac_file_exists(from)))
        file = FORM_GGUF;
    else if (tac_llama2c_is(from))
        file = FORM_LLAMA2C;
    if (file == FORM_TORCH)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: .pt files are written, not read (a pickle can run code); give what "
                        "numpy.save makes of its tensor",
                        from);
    if (file != FORM_UNKNOWN)
        *form = file;
    else if (tac_file_exists(from))
        return fail_form(from, "", err);
    return TACIT_OK;
}

/* What a prompt is to become; a name without an ending is a folder. */
static enum tacit_status find_output(enum form *form, const char *to, struct tacit_err *err)
{
    *form = form_of_name(to);
    if (*form == FORM_UNKNOWN) {
        *form = FORM_ADAPTER;
        if (!tac_is_dir(to) && strchr(base_of(to), '.'))
            return fail_form(to, " (a folder's name may end in '/')", err);
        return TACIT_OK;
    }
    if (tac_is_dir(to))
        return tac_fail(err, TACIT_EINPUT, "%s: is a folder, a file was expected", to);
    return TACIT_OK;
}

static enum tacit_status open_model(struct parcel *x, struct tacit_err *err)
{
    if (!x->o->model)
        return TACIT_OK;
    enum tacit_status s = tac_model_open(&x->model, x->o->model, x->o->hub_cache, err);
    if (!s)
        x->c = x->model->c;
    return s;
}

static enum tacit_status read_adapter(struct parcel *x, struct tacit_err *err)
{
    long task = x->o->task < 0 ? TAC_NO_TASK : x->o->task;
    enum tacit_status s =
        tac_prompt_load(&x->p, x->from, x->model ? &x->model->c : NULL, task, err);
    if (!s && !x->model) {
        x->c.L = x->p.L;
        x->c.H = x->c.G = x->p.H;
    }
    return s;
}

static enum tacit_status read_raw(struct parcel *x, struct tacit_err *err)
{
    struct tac_map map;
    size_t width = x->o->width ? x->o->width : x->c.C;
    if (!width)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: does not say how wide its rows are, give --width or --model", x->from);
    enum tacit_status s = tac_map_open(&map, x->from, err);
    if (s)
        return s;
    if (!map.size || map.size / sizeof(float) % width || map.size % sizeof(float))
        s = tac_fail(err, TACIT_EINPUT, "%s: %zu bytes are no rows of %zu float32", x->from,
                     map.size, width);
    else if (!(x->p.values = tac_alloc(map.size, 1, err)))
        s = TACIT_EFAIL;
    if (!s) {
        memcpy(x->p.values, map.data, map.size);
        x->p.C = width;
        x->p.P = map.size / sizeof(float) / width;
    }
    tac_map_close(&map);
    return s;
}

static enum tacit_status check_width(const struct parcel *x, struct tacit_err *err)
{
    size_t want = x->o->width ? x->o->width : x->p.C;
    if (x->p.C != want)
        return tac_fail(err, TACIT_EINPUT, "%s: its rows are %zu wide, --width says %zu", x->from,
                        x->p.C, want);
    if (!x->model || x->p.C == x->model->c.C)
        return TACIT_OK;
    return tac_fail(err, TACIT_EINPUT, "%s: its rows are %zu wide, those of the model %s %zu",
                    x->from, x->p.C, x->model->path, x->model->c.C);
}

static enum tacit_status check_finite(const struct parcel *x, struct tacit_err *err)
{
    for (size_t i = 0; i < x->p.P * x->p.C; i++)
        if (!isfinite(x->p.values[i]))
            return tac_fail(err, TACIT_EINPUT, "%s: row %zu, column %zu is %s", x->from, i / x->p.C,
                            i % x->p.C, isnan(x->p.values[i]) ? "NaN" : "infinite");
    return TACIT_OK;
}

static enum tacit_status embed(const struct parcel *x, float *out, const int32_t *ids, size_t n,
                               struct tacit_err *err)
{
    const struct tac_tensor *e = x->model->tensor[TAC_P_EMBED];
    for (size_t i = 0; i < n; i++) {
        if ((size_t)ids[i] >= x->c.V)
            return tac_fail(err, TACIT_EINPUT, "%s: token %d, the model's vocabulary has %zu rows",
                            x->model->path, ids[i], x->c.V);
        tac_tensor_read_f32(out + i * x->p.C, e, (size_t)ids[i] * x->p.C, x->p.C);
    }
    return TACIT_OK;
}

/* The embeddings of these tokens around the prompt's rows: `at` of them before. */
static enum tacit_status add_rows(struct parcel *x, const struct tac_ids *ids, size_t at,
                                  struct tacit_err *err)
{
    size_t P = x->p.P, C = x->p.C;
    float *v = tac_alloc(P + ids->n, C * sizeof *v, err);
    if (!v)
        return TACIT_EFAIL;
    memcpy(v + at * C, x->p.values, P * C * sizeof *v);
    free(x->p.values);
    x->p.values = v;
    x->p.P += ids->n;
    x->n_text = ids->n;
    enum tacit_status s = embed(x, v, ids->id, at, err);
    return s ? s : embed(x, v + (at + P) * C, ids->id + at, ids->n - at, err);
}

/* How many of the n tokens stand before the prompt, where `before` of them were asked to. */
static size_t place_in(enum tac_place place, size_t before, size_t n)
{
    return place == TAC_PLACE_FRONT ? 0 : place == TAC_PLACE_END ? n : before;
}

static enum tacit_status add_text(struct parcel *x, struct tacit_err *err)
{
    const char *part[] = {x->o->before, x->o->text};
    struct tac_tokenizer *t = NULL;
    struct tac_ids ids = {0};
    size_t n[2] = {0};
    if (!part[0] && !part[1])
        return TACIT_OK;
    if (!x->model)
        return tac_fail(err, TACIT_EINPUT, "a text is embedded by a model, give --model");
    enum tacit_status s = tac_tokenizer_open(&t, x->model->path, err);
    for (int i = 0; !s && i < 2; i++) {
        if (part[i])
            s = tac_tokenizer_encode_as(t, &ids, part[i], strlen(part[i]),
                                        ids.n ? TACIT_TEXT_CONTINUES : TACIT_TEXT_BEGINS, err);
        n[i] = ids.n;
    }
    if (!s && !ids.n)
        s = tac_fail(err, TACIT_EINPUT, "the text is empty");
    if (!s)
        s = add_rows(x, &ids, place_in(x->p.place, n[0], n[1]), err);
    tac_ids_release(&ids);
    tac_tokenizer_close(t);
    return s;
}

static enum tacit_status read_prompt(struct parcel *x, enum form form, struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    if (x->o->dtype || x->o->tokenizer)
        s = tac_fail(err, TACIT_EINPUT, "%s: a prompt %s", x->from,
                     x->o->dtype ? "is float32, --dtype is for model folders"
                                 : "takes no --tokenizer, which is for llama2.c checkpoints");
    if (!s && form != FORM_ADAPTER && x->o->task >= 0)
        s = tac_fail(err, TACIT_EINPUT, "%s: there are no tasks to choose from in it", x->from);
    if (!s)
        s = open_model(x, err);
    if (!s)
        s = form == FORM_ADAPTER ? read_adapter(x, err)
            : form == FORM_RAW   ? read_raw(x, err)
                                 : tac_npy_read(&x->p.values, &x->p.P, &x->p.C, x->from, err);
    if (!s && x->o->place)
        s = tac_place_find(&x->p.place, x->o->place, "--place", err);
    if (!s)
        s = check_width(x, err);
    if (!s)
        s = check_finite(x, err);
    return s ? s : add_text(x, err);
}

static void release(struct parcel *x)
{
    tac_peft_prompt_release(&x->p);
    tac_model_close(x->model);
}

static enum tacit_status write_adapter(const struct parcel *x, const char *to,
                                       struct tacit_err *err)
{
    struct tac_adapter_info info = {.base_name = x->o->base_name  ? x->o->base_name
                                                 : x->p.base_name ? x->p.base_name
                                                                  : x->o->model,
                                    .tokenizer_name = x->p.tokenizer_name,
                                    .init_text = x->p.init_text,
                                    .place = x->o->place || x->p.place != TAC_PLACE_TEMPLATE
                                                 ? tac_place_name(x->p.place)
                                                 : NULL};
    struct tac_decoder_config c = x->c;
    if (x->n_text)
        return tac_fail(err, TACIT_EINPUT, "%s: an adapter folder holds no text, leave --text out",
                        to);
    if (!c.L || !c.H)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: does not say how many layers and heads its model has, give --model",
                        x->from);
    c.C = x->p.C;
    c.D = c.C / c.H;
    enum tacit_status s = tac_folder_is_free(to, "config.json", "a model", err);
    return s ? s : tac_peft_save_prompt(to, x->p.values, x->p.P, &c, &info, err);
}

static enum tacit_status write_file(const struct parcel *x, enum form form, const char *to,
                                    struct tacit_err *err)
{
    const struct tac_peft_prompt *p = &x->p;
    struct tac_buf b = {0};
    enum tacit_status s = TACIT_OK;
    if (form == FORM_RAW)
        return tac_file_write(to, p->values, p->P * p->C * sizeof *p->values, err);
    s = form == FORM_NPY ? tac_npy_put(&b, p->values, p->P, p->C, err)
                         : tac_torch_put(&b, p->values, p->P, p->C, err);
    if (!s)
        s = tac_file_write(to, b.data, b.len, err);
    tac_buf_release(&b);
    return s;
}

static void say(struct tacit_convert_result *r, const struct parcel *x)
{
    *r = (struct tacit_convert_result){
        .tokens = x->p.P - x->n_text, .text_tokens = x->n_text, .width = x->p.C};
}

struct tacit_convert_options tacit_convert_options_default(void)
{
    return (struct tacit_convert_options){.task = -1};
}

/* Whether anything is asked for but a new dtype. */
static bool asks_more(const struct tacit_convert_options *o)
{
    return o->model || o->text || o->before || o->place || o->base_name || o->width ||
           o->task >= 0 || o->old_bloom_prefix;
}

static enum tacit_status convert_model(struct tacit_convert_result *r, const char *to,
                                       const char *from, const struct tacit_convert_options *o,
                                       struct tacit_err *err)
{
    *r = (struct tacit_convert_result){.is_model = 1, .dtype = o->dtype};
    if (to && form_of_name(to) != FORM_UNKNOWN && !tac_is_dir(to))
        return tac_fail(err, TACIT_EINPUT, "%s: is no prompt, which %s would hold", from, to);
    if (!o->dtype)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: is no adapter folder and no file of a prompt; a model needs --dtype",
                        from);
    if (asks_more(o) || o->tokenizer)
        return tac_fail(err, TACIT_EINPUT, "%s: a model takes no option but --dtype", from);
    return tacit_model_convert(to, from, o->dtype, o->hub_cache, err);
}

/* Another program's model. */
static enum tacit_status convert_import(struct tacit_convert_result *r, const char *to,
                                        const char *from, enum form in,
                                        const struct tacit_convert_options *o,
                                        struct tacit_err *err)
{
    struct tac_import m = {0};
    enum tacit_status s = o->dtype ? tac_check_dtype(o->dtype, err) : TACIT_OK;
    if (!s && (form_of_name(to) != FORM_UNKNOWN || tac_ends_with(to, ".gguf")) && !tac_is_dir(to))
        s = tac_fail(err, TACIT_EINPUT, "%s: a model becomes a folder, which %s does not look like",
                     from, to);
    if (!s && asks_more(o))
        s = tac_fail(err, TACIT_EINPUT, "%s: a model takes no option but --dtype and --tokenizer",
                     from);
    if (!s && in == FORM_GGUF && o->tokenizer)
        s = tac_fail(err, TACIT_EINPUT, "%s: holds its tokenizer, leave --tokenizer out", from);
    if (!s)
        s = tac_folder_is_free(to, "adapter_config.json", "an adapter", err);
    if (!s)
        s = in == FORM_GGUF ? tac_import_gguf(&m, from, err)
                            : tac_import_llama2c(&m, from, o->tokenizer, err);
    if (!s)
        s = tac_import_write(&m, to, o->dtype, o->progress, err);
    if (!s)
        *r = (struct tacit_convert_result){.is_model = 1, .dtype = tac_import_dtype(&m, o->dtype)};
    tac_import_release(&m);
    return s;
}

static enum tacit_status convert_prefix(struct tacit_convert_result *r, const char *to,
                                        const char *from, enum form in, enum form out,
                                        const struct tacit_convert_options *o,
                                        struct tacit_err *err)
{
    struct tacit_convert_options rest = *o;
    rest.old_bloom_prefix = 0;
    if (in != FORM_ADAPTER || out != FORM_ADAPTER || o->dtype || o->tokenizer || asks_more(&rest))
        return tac_fail(err, TACIT_EINPUT,
                        "%s: --old-bloom-prefix takes a PEFT folder to another one, and no other "
                        "option",
                        from);
    enum tacit_status s = tac_folder_is_free(to, "config.json", "a model", err);
    return s ? s : tac_prefix_folder_from_old_bloom(to, from, &r->tokens, &r->width, err);
}

enum tacit_status tacit_convert(struct tacit_convert_result *r, const char *to, const char *from,
                                const struct tacit_convert_options *o, struct tacit_err *err)
{
    struct parcel x = {.from = from, .o = o};
    enum form in, out = FORM_UNKNOWN;
    *r = (struct tacit_convert_result){0};
    enum tacit_status s = find_input(&in, from, err);
    if (!s && in == FORM_MODEL)
        return convert_model(r, to, from, o, err);
    if (!s && (in == FORM_GGUF || in == FORM_LLAMA2C))
        return convert_import(r, to, from, in, o, err);
    if (!s)
        s = find_output(&out, to, err);
    if (!s && tac_same_file(to, from))
        s = tac_fail(err, TACIT_EINPUT, "%s: a prompt cannot be converted into itself", to);
    if (!s && o->old_bloom_prefix)
        return convert_prefix(r, to, from, in, out, o, err);
    if (!s)
        s = read_prompt(&x, in, err);
    if (!s)
        s = out == FORM_ADAPTER ? write_adapter(&x, to, err) : write_file(&x, out, to, err);
    if (!s)
        say(r, &x);
    release(&x);
    return s;
}

enum tacit_status tacit_convert_base64(struct tacit_convert_result *r, char **text,
                                       const char *from, const struct tacit_convert_options *o,
                                       struct tacit_err *err)
{
    struct parcel x = {.from = from, .o = o};
    struct tac_buf b = {0}, out = {0};
    enum form in;
    *text = NULL;
    *r = (struct tacit_convert_result){0};
    enum tacit_status s = find_input(&in, from, err);
    if (!s && (in == FORM_MODEL || in == FORM_GGUF || in == FORM_LLAMA2C))
        s = tac_fail(err, TACIT_EINPUT, "%s: is no adapter folder and no file of a prompt", from);
    if (!s)
        s = read_prompt(&x, in, err);
    if (!s)
        s = tac_torch_put(&b, x.p.values, x.p.P, x.p.C, err);
    if (!s)
        s = tac_buf_add_base64(&out, b.data, b.len, err);
    if (!s) {
        say(r, &x);
        *text = out.data;
    } else {
        tac_buf_release(&out);
    }
    tac_buf_release(&b);
    release(&x);
    return s;
}
