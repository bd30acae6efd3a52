/* llama2.c's checkpoints and tokenizers: a LLaMA, under llama.cpp's names. */
#include "api/import.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTE = 3, N_BYTES = 256 }; /* ids: <unk>, <s>, </s>, then <0x00> to <0xFF> */

static const double theta = 10000, eps = 1e-5; /* model.py's and run.c's */

static const struct {
    enum tac_llama2c_array array;
    const char *name;
} arrays[] = {
    {TAC_LLAMA2C_EMBED, "token_embd.weight"},
    {TAC_LLAMA2C_NORM, "output_norm.weight"},
    {TAC_LLAMA2C_HEAD, "output.weight"},
    {TAC_LLAMA2C_ATTN_NORM, "attn_norm.weight"}, /* those of the layers from here on */
    {TAC_LLAMA2C_Q, "attn_q.weight"},
    {TAC_LLAMA2C_K, "attn_k.weight"},
    {TAC_LLAMA2C_V, "attn_v.weight"},
    {TAC_LLAMA2C_OUT, "attn_output.weight"},
    {TAC_LLAMA2C_FFN_NORM, "ffn_norm.weight"},
    {TAC_LLAMA2C_GATE, "ffn_gate.weight"},
    {TAC_LLAMA2C_DOWN, "ffn_down.weight"},
    {TAC_LLAMA2C_UP, "ffn_up.weight"},
};
enum { N_ARRAYS = sizeof arrays / sizeof *arrays, N_ONCE = 3 };

static int by_name(const void *a, const void *b)
{
    const struct tac_ggml_tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static enum tacit_status add_array(struct tac_import *m, size_t i, size_t layer,
                                   struct tacit_err *err)
{
    struct tac_ggml_tensor *t = &m->source[m->n_source];
    char name[TAC_GGUF_NAME];
    int n = snprintf(name, sizeof name, "blk.%zu.%s", layer, arrays[i].name);
    if (i < N_ONCE)
        n = snprintf(name, sizeof name, "%s", arrays[i].name);
    if (!m->llama2c.data[arrays[i].array])
        return TACIT_OK;
    *t = tac_llama2c_array(&m->llama2c, arrays[i].array, layer);
    t->name = tac_arena_strndup(&m->arena, name, (size_t)n, err);
    m->n_source += t->name != NULL;
    return t->name ? TACIT_OK : TACIT_EFAIL;
}

static enum tacit_status name_arrays(struct tac_import *m, struct tacit_err *err)
{
    size_t L = m->llama2c.L;
    m->source =
        tac_arena_alloc(&m->arena, N_ONCE + L * (N_ARRAYS - N_ONCE), sizeof *m->source, err);
    enum tacit_status s = m->source ? TACIT_OK : TACIT_EFAIL;
    for (size_t i = 0; !s && i < N_ARRAYS; i++)
        for (size_t l = 0; !s && l < (i < N_ONCE ? 1 : L); l++)
            s = add_array(m, i, l, err);
    if (!s)
        qsort(m->source, m->n_source, sizeof *m->source, by_name);
    return s;
}

/* The file's rotary angles at position 1 must be those that its readers compute. */
static enum tacit_status check_angles(const struct tac_import *m, struct tacit_err *err)
{
    struct tac_ggml_tensor c = tac_llama2c_array(&m->llama2c, TAC_LLAMA2C_COS, 0),
                           s = tac_llama2c_array(&m->llama2c, TAC_LLAMA2C_SIN, 0);
    size_t half = c.shape[1];
    for (size_t i = 0; c.shape[0] > 1 && i < half; i++) {
        double w = pow(theta, -(double)i / (double)half);
        float x, y;
        tac_ggml_read(&x, &c, half + i, 1);
        tac_ggml_read(&y, &s, half + i, 1);
        if (!(fabs((double)x - cos(w)) < 1e-3) || !(fabs((double)y - sin(w)) < 1e-3))
            return tac_fail(err, TACIT_EINPUT,
                            "%s: freqs_cis: the angle %zu of position 1 is (%g, %g), expected "
                            "(%g, %g) for the rotary base %g",
                            m->path, i, (double)x, (double)y, cos(w), sin(w), theta);
    }
    return TACIT_OK;
}

/* A piece as SentencePiece had it. */
static enum tacit_status restore(struct tac_import *m, size_t i, struct tacit_err *err)
{
    static const char *const special[FIRST_BYTE] = {"<unk>", "<s>", "</s>"};
    static const char underline[] = "\xe2\x96\x81"; /* U+2581 */
    struct tac_gguf_string from = m->pieces.piece[i].text;
    struct tac_import_token *t = &m->vocab.token[i];
    struct tac_buf b = {0};
    enum tacit_status s = TACIT_OK;
    for (size_t k = 0; !s && k < from.n; k++)
        s = from.s[k] == ' ' ? tac_buf_adds(&b, underline, err)
                             : tac_buf_add(&b, from.s + k, 1, err);
    *t = (struct tac_import_token){.score = m->pieces.piece[i].score, .kind = TAC_T_NORMAL};
    if (!s && i < FIRST_BYTE) {
        bool wrapped = b.len > 2 && b.data[0] == '\n' && b.data[b.len - 1] == '\n';
        t->s = special[i];
        t->n = strlen(special[i]);
        t->kind = i ? TAC_T_CONTROL : TAC_T_UNKNOWN;
        if (b.len != t->n + 2 * wrapped || memcmp(b.data + wrapped, t->s, t->n) != 0)
            s = tac_fail(err, TACIT_EINPUT, "%s: piece %zu is '%s', expected '%s'", m->vocab.file,
                         i, b.data, t->s);
    } else if (!s) {
        char byte[8];
        snprintf(byte, sizeof byte, "<0x%02X>", (unsigned)(i - FIRST_BYTE) & 255);
        t->n = b.len;
        t->s = tac_arena_strndup(&m->arena, b.data, b.len, err);
        if (!t->s)
            s = TACIT_EFAIL;
        else if (i < FIRST_BYTE + N_BYTES && strcmp(t->s, byte) != 0)
            s = tac_fail(err, TACIT_EINPUT, "%s: piece %zu is '%s', expected '%s'", m->vocab.file,
                         i, t->s, byte);
        else if (i < FIRST_BYTE + N_BYTES)
            t->kind = TAC_T_BYTE;
    }
    tac_buf_release(&b);
    return s;
}

static enum tacit_status read_tokenizer(struct tac_import *m, const char *path,
                                        struct tacit_err *err)
{
    enum tacit_status s = tac_llama2c_pieces_open(&m->pieces, path, m->llama2c.V, err);
    if (!s && m->pieces.n < FIRST_BYTE + N_BYTES)
        s = tac_fail(err, TACIT_EINPUT, "%s: has %zu pieces, expected at least %d", path,
                     m->pieces.n, FIRST_BYTE + N_BYTES);
    if (s)
        return s;
    m->has_vocab = true;
    m->vocab.file = path;
    m->vocab.sentencepiece = m->vocab.space = m->vocab.add_bos = true;
    m->vocab.unk = 0;
    m->vocab.token = tac_arena_alloc(&m->arena, m->pieces.n, sizeof *m->vocab.token, err);
    s = m->vocab.token ? TACIT_OK : TACIT_EFAIL;
    for (; !s && m->vocab.n < m->pieces.n; m->vocab.n++)
        s = restore(m, m->vocab.n, err);
    return s;
}

enum tacit_status tac_import_llama2c(struct tac_import *m, const char *path, const char *tokenizer,
                                     struct tacit_err *err)
{
    *m = (struct tac_import){.path = path, .theta = theta, .eps = eps};
    m->arch = tac_import_arch("llama");
    enum tacit_status s = tac_llama2c_open(&m->llama2c, path, err);
    if (s)
        return s;
    const struct tac_llama2c *f = &m->llama2c;
    const size_t size[TAC_N_SIZE] = {
        [TAC_I_L] = f->L, [TAC_I_C] = f->C,        [TAC_I_F] = f->F, [TAC_I_H] = f->H,
        [TAC_I_G] = f->G, [TAC_I_D] = f->C / f->H, [TAC_I_T] = f->T, [TAC_I_V] = f->V};
    memcpy(m->size, size, sizeof size);
    m->rotary = m->size[TAC_I_D];
    m->vocab = (struct tac_import_vocab){
        .bos = f->V > 2 ? 1 : -1, .eos = f->V > 2 ? 2 : -1, .unk = -1, .pad = -1};
    tac_import_products(m);
    s = check_angles(m, err);
    if (!s)
        s = name_arrays(m, err);
    if (!s)
        s = tac_import_bind(m, NULL, err);
    if (!s && tokenizer)
        s = read_tokenizer(m, tokenizer, err);
    if (s)
        tac_import_release(m);
    return s;
}
