#include "api/handles.h"

#include "base/embedded.h"
#include "base/file.h"
#include "base/resident.h"
#include "tune/multitask.h"

#include <stdlib.h>
#include <string.h>

const char *tacit_version(void)
{
    return TACIT_VERSION;
}

void tacit_free(void *p)
{
    free(p);
}

enum tacit_status tacit_tokenizer_open(struct tacit_tokenizer **out, const char *path,
                                       struct tacit_err *err)
{
    struct tacit_tokenizer *t = *out = tac_alloc(1, sizeof *t, err);
    if (!t)
        return TACIT_EFAIL;
    enum tacit_status s = tac_tokenizer_open(&t->t, path, err);
    if (s) {
        free(t);
        *out = NULL;
    }
    return s;
}

void tacit_tokenizer_close(struct tacit_tokenizer *t)
{
    if (t)
        tac_tokenizer_close(t->t);
    free(t);
}

size_t tacit_tokenizer_size(const struct tacit_tokenizer *t)
{
    return tac_tokenizer_size(t->t);
}

enum tacit_status tacit_encode_as(const struct tacit_tokenizer *t, int32_t **ids, size_t *n,
                                  const char *text, size_t bytes, unsigned how,
                                  struct tacit_err *err)
{
    struct tac_ids out = {0};
    enum tacit_status s = tac_tokenizer_encode_as(t->t, &out, text, bytes, how, err);
    if (s) {
        free(out.id);
        return s;
    }
    *ids = out.id;
    *n = out.n;
    return TACIT_OK;
}

enum tacit_status tacit_encode(const struct tacit_tokenizer *t, int32_t **ids, size_t *n,
                               const char *text, size_t bytes, struct tacit_err *err)
{
    return tacit_encode_as(t, ids, n, text, bytes, 0, err);
}

enum tacit_status tacit_decode(const struct tacit_tokenizer *t, char **text, size_t *bytes,
                               const int32_t *ids, size_t n, struct tacit_err *err)
{
    struct tac_buf out = {0};
    enum tacit_status s = tac_buf_add(&out, "", 0, err);
    if (!s)
        s = tac_tokenizer_decode(t->t, &out, ids, n, false, err);
    if (s) {
        tac_buf_release(&out);
        return s;
    }
    *text = out.data;
    *bytes = out.len;
    return TACIT_OK;
}

const char *tacit_model_embedded(void)
{
    return tac_is_dir(TAC_EMBEDDED_MODEL) ? TAC_EMBEDDED_MODEL : NULL;
}

struct tacit_model_options tacit_model_options_default(void)
{
    return (struct tacit_model_options){.backend = "cpu", .isa = "auto"};
}

/* A folder without tokenizer files is a model for token ids alone. */
static enum tacit_status open_tokenizer(struct tacit_model *m, struct tacit_err *err)
{
    static const char *const names[] = {"tokenizer.json", "vocab.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = tac_path(m->model->path, names[i], err);
        if (!path)
            return TACIT_EFAIL;
        bool there = tac_file_exists(path);
        free(path);
        if (there)
            return tacit_tokenizer_open(&m->tokenizer, m->model->path, err);
    }
    return TACIT_OK;
}

static enum tacit_status check_tokenizer(const struct tacit_model *m, struct tacit_err *err)
{
    size_t n = m->tokenizer ? tacit_tokenizer_size(m->tokenizer) : 0;
    if (n <= m->model->c.V)
        return TACIT_OK;
    return tac_fail(err, TACIT_EINPUT,
                    "%s: the tokenizer has %zu tokens, the model's vocabulary %zu rows",
                    m->model->path, n, m->model->c.V);
}

enum tacit_status tacit_model_open(struct tacit_model **out, const char *path,
                                   const struct tacit_model_options *o, struct tacit_err *err)
{
    struct tacit_model *m = *out = tac_alloc(1, sizeof *m, err);
    if (!m)
        return TACIT_EFAIL;
    struct tac_backend_options bo = {
        .name = o->backend, .isa = o->isa, .threads = o->threads, .precision = o->precision};
    struct tac_session_options so = tac_session_options_default();
    so.share = !o->no_share;
    so.memory_limit = o->memory_limit;
    so.machine_limit = o->memory_limit ? 0 : tac_available("");
    enum tacit_status s = tac_backend_open(&m->be, &bo, err);
    if (!s)
        s = tac_model_open(&m->model, path, o->hub_cache, err);
    if (!s)
        s = open_tokenizer(m, err);
    if (!s)
        s = check_tokenizer(m, err);
    if (!s)
        s = tac_weights_load(&m->weights, m->model, m->be, o->weights_f32, err);
    if (!s)
        s = tac_session_open(&m->session, m->weights, &so, err);
    if (!s)
        m->session->program_bytes = tac_session_program(m->session);
    if (s) {
        tacit_model_close(m);
        *out = NULL;
    }
    return s;
}

void tacit_model_close(struct tacit_model *m)
{
    if (!m)
        return;
    tac_session_close(m->session);
    tac_weights_close(m->weights);
    tac_model_close(m->model);
    tac_backend_close(m->be);
    tacit_tokenizer_close(m->tokenizer);
    free(m);
}

void tacit_model_describe(const struct tacit_model *m, struct tacit_model_info *info)
{
    const struct tac_decoder_config *c = &m->model->c;
    *info =
        (struct tacit_model_info){.path = m->model->path,
                                  .family = m->model->family->model_type,
                                  .backend = m->be->name,
                                  .bf16 = m->be->bf16,
                                  .bf16_native = m->be->native,
                                  .dtype = tac_dtype_name(m->model->tensor[TAC_P_EMBED]->dtype),
                                  .layers = c->L,
                                  .width = c->C,
                                  .heads = c->H,
                                  .mlp_width = c->F,
                                  .vocab = c->V,
                                  .parameters = tac_model_params(m->model),
                                  .weight_bytes = tac_weights_resident(m->weights, NULL),
                                  .tokens = m->tokenizer ? tacit_tokenizer_size(m->tokenizer) : 0,
                                  .threads = m->be->threads,
                                  .longest = tac_session_longest(m->session)};
    info->longest_by = c->limit == info->longest ? c->limit_by : NULL;
}

const struct tacit_tokenizer *tacit_model_tokenizer(const struct tacit_model *m)
{
    return m->tokenizer;
}

/* Appends the rows of a second prompt, which must stand at the same place. */
static enum tacit_status append_prompt(struct tac_peft_prompt *p, const struct tac_peft_prompt *q,
                                       const char *dir, struct tacit_err *err)
{
    size_t n = p->P * p->C, more = q->P * q->C;
    if (q->C != p->C || q->place != p->place)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: %zu wide, place %s: expected %zu and %s, as the prompt before it", dir,
                        q->C, tac_place_name(q->place), p->C, tac_place_name(p->place));
    float *values = tac_alloc(n + more, sizeof *values, err);
    if (!values)
        return TACIT_EFAIL;
    memcpy(values, p->values, n * sizeof *values);
    memcpy(values + n, q->values, more * sizeof *values);
    free(p->values);
    p->values = values;
    p->P += q->P;
    free(p->init_text);
    p->init_text = NULL; /* says nothing of the whole */
    return TACIT_OK;
}

static enum tacit_status prompt_of(struct tac_peft_prompt *p, const struct tac_peft_folder *f,
                                   const struct tacit_model *m, struct tacit_err *err)
{
    enum tacit_status s = m ? tac_peft_family(f, m->model, err) : TACIT_OK;
    return s ? s : tac_prompt_of(p, f, m ? &m->model->c : NULL, TAC_NO_TASK, err);
}

static enum tacit_status load_prompt(struct tac_peft_prompt *p, const char *dir,
                                     const struct tacit_model *m, struct tacit_err *err)
{
    struct tac_peft_folder f;
    enum tacit_status s = tac_peft_open(&f, dir, err);
    if (s)
        return s;
    s = prompt_of(p, &f, m, err);
    tac_peft_close(&f);
    return s;
}

/* Prompts one after another: folders with + between. */
static enum tacit_status open_joined(struct tacit_adapter *a, const char *dirs,
                                     const struct tacit_model *m, struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    for (const char *at = dirs; !s && *at; at += strcspn(at, "+"), at += *at == '+') {
        char *dir = tac_strndup(at, strcspn(at, "+"), err);
        struct tac_peft_prompt p = {0};
        s = dir ? load_prompt(&p, dir, m, err) : TACIT_EFAIL;
        if (!s && !a->p.values) {
            a->p = p;
            p = (struct tac_peft_prompt){0};
        } else if (!s) {
            s = append_prompt(&a->p, &p, dir, err);
        }
        tac_peft_prompt_release(&p);
        free(dir);
    }
    snprintf(a->type, sizeof a->type, "PROMPT_TUNING");
    return s;
}

static enum tacit_status open_folder(struct tacit_adapter *a, const char *dir,
                                     const struct tacit_model *m, struct tacit_err *err)
{
    struct tac_peft_folder f;
    enum tacit_status s = tac_peft_open(&f, dir, err);
    if (s)
        return s;
    snprintf(a->type, sizeof a->type, "%s", f.type);
    if (f.method == &tac_method_prompt || !m)
        s = prompt_of(&a->p, &f, m, err);
    else
        s = tac_tune_of(&a->tune, &f, m->weights, false, err);
    tac_peft_close(&f);
    return s;
}

enum tacit_status tacit_adapter_open(struct tacit_adapter **out, const char *dir,
                                     const struct tacit_model *m, struct tacit_err *err)
{
    struct tacit_adapter *a = *out = tac_alloc(1, sizeof *a, err);
    if (!a)
        return TACIT_EFAIL;
    bool joined = strchr(dir, '+') && !tac_is_dir(dir);
    enum tacit_status s = joined ? open_joined(a, dir, m, err) : open_folder(a, dir, m, err);
    if (s) {
        tacit_adapter_close(a);
        *out = NULL;
    }
    return s;
}

void tacit_adapter_close(struct tacit_adapter *a)
{
    if (!a)
        return;
    tac_peft_prompt_release(&a->p);
    tac_tune_close(a->tune);
    free(a);
}

const char *tacit_adapter_type(const struct tacit_adapter *a)
{
    return a->type;
}

size_t tacit_adapter_tokens(const struct tacit_adapter *a)
{
    return a->tune ? a->tune->P : a->p.P;
}

const float *tacit_adapter_values(const struct tacit_adapter *a)
{
    return a->p.values;
}

const char *tacit_adapter_init_text(const struct tacit_adapter *a)
{
    return a->p.init_text;
}

const char *tacit_adapter_place(const struct tacit_adapter *a)
{
    return tac_place_name(a->p.place);
}

struct tacit_stream {
    struct tac_decode_stream s;
    struct tac_buf text;
};

enum tacit_status tacit_stream_new(struct tacit_stream **out, const struct tacit_tokenizer *t,
                                   unsigned how, struct tacit_err *err)
{
    *out = tac_alloc(1, sizeof **out, err);
    if (!*out)
        return TACIT_EFAIL;
    (*out)->s = (struct tac_decode_stream){.t = t->t, .continues = how & TACIT_TEXT_CONTINUES};
    return TACIT_OK;
}

enum tacit_status tacit_stream_next(struct tacit_stream *s, int32_t id, const char **text,
                                    size_t *bytes, struct tacit_err *err)
{
    tac_buf_clear(&s->text);
    enum tacit_status st = tac_buf_add(&s->text, "", 0, err);
    if (!st)
        st = id < 0 ? tac_decode_stream_flush(&s->s, &s->text, err)
                    : tac_decode_stream_next(&s->s, &s->text, id, err);
    *text = s->text.data;
    *bytes = s->text.len;
    return st;
}

void tacit_stream_free(struct tacit_stream *s)
{
    if (s) {
        tac_decode_stream_release(&s->s);
        tac_buf_release(&s->text);
    }
    free(s);
}
