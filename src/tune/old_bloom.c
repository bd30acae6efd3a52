#include "tune/old_bloom.h"

#include <stdlib.h>
#include <string.h>

enum { COUNT_LIMIT = 1 << 24 };

void tac_prefix_from_old_bloom(float *out, const float *in, size_t P, size_t L, size_t H, size_t D)
{
    size_t C = H * D, row = 2 * L * C;
    for (size_t p = 0; p < P; p++)
        for (size_t l = 0; l < L; l++) {
            float *k = out + p * row + 2 * l * C;
            memcpy(k + C, in + p * row + (L + l) * C, C * sizeof *k);
            for (size_t i = 0; i < C; i++) {
                size_t at = i * P + p; /* in the layer's keys, (P,C) as stored */
                k[i] = in[at / C * row + l * C + at % C];
            }
        }
}

/* The prefix of an open folder: its tensor, and the shape that the config says. */
static enum tacit_status find(const struct tac_tensor **t, size_t *L, size_t *H, size_t *C,
                              const struct tac_peft_folder *f, struct tacit_err *err)
{
    const struct {
        const char *key;
        size_t *to;
    } field[] = {{"num_layers", L}, {"num_attention_heads", H}, {"token_dim", C}};
    size_t P;
    if (strcmp(f->type, "PREFIX_TUNING") != 0)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: field 'peft_type': found '%s', expected PREFIX_TUNING", f->config_path,
                        f->type);
    for (size_t i = 0; i < 3; i++) {
        int64_t v;
        enum tacit_status s =
            tac_json_get_int(&v, f->config, field[i].key, 1, COUNT_LIMIT, f->config_path, err);
        if (s)
            return s;
        *field[i].to = (size_t)v;
    }
    if (*C % *H)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: field 'token_dim': found %zu, expected a multiple of "
                        "num_attention_heads %zu",
                        f->config_path, *C, *H);
    enum tacit_status s = tac_peft_size(&P, f, "num_virtual_tokens", 1, COUNT_LIMIT, 0, err);
    return s ? s
             : tac_peft_matrix(t, f, "prompt_embeddings", P, 2 * *L * *C,
                               "num_virtual_tokens x 2 num_layers token_dim", err);
}

static enum tacit_status write(const char *to, const struct tac_peft_folder *f,
                               const struct tac_tensor *t, const float *values,
                               struct tacit_err *err)
{
    struct tac_adapter_info info = {0};
    struct tac_tensor now = *t;
    now.dtype = TAC_F32;
    now.data = (const unsigned char *)values;
    return tac_peft_write(to, json_incref(f->config), true, &info, &now, 1, err);
}

enum tacit_status tac_prefix_folder_from_old_bloom(const char *to, const char *from, size_t *P,
                                                   size_t *width, struct tacit_err *err)
{
    struct tac_peft_folder f;
    const struct tac_tensor *t = NULL;
    size_t L = 0, H = 1;
    float *v = NULL;
    enum tacit_status s = tac_peft_open(&f, from, err);
    if (s)
        return s;
    s = find(&t, &L, &H, width, &f, err);
    size_t n = s ? 0 : tac_tensor_count(t);
    if (!s && !(v = tac_alloc(2 * n, sizeof *v, err)))
        s = TACIT_EFAIL;
    if (!s) {
        *P = t->shape[0];
        tac_tensor_read_f32(v, t, 0, n);
        tac_prefix_from_old_bloom(v + n, v, *P, L, H, *width / H);
        s = write(to, &f, t, v + n, err);
    }
    free(v);
    tac_peft_close(&f);
    return s;
}
