/* Imported models against what make_gguf.py wrote of the originals (tests/golden/gguf), and files
 * that lie. */
#include "check.h"

#include "api/import.h"
#include "format/safetensors.h"
#include "tokenizer/tokenizer.h"

#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define GOLDEN "tests/golden/gguf/"

static char dir[] = "/tmp/tacit-import-XXXXXX";
static json_t *golden;

static const char *in(char buf[1200], const char *name)
{
    snprintf(buf, 1200, "%s/%s", dir, name);
    return buf;
}

static int open_golden(void **state)
{
    struct tacit_err err;
    (void)state;
    return !mkdtemp(dir) || tac_json_load(&golden, GOLDEN "golden.json", 1 << 20, &err);
}

static int close_golden(void **state)
{
    static const char *const names[] = {"config.json", "model.safetensors", "tokenizer.json",
                                        "tokenizer_config.json"};
    char path[1200];
    (void)state;
    json_decref(golden);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(in(path, names[i]));
    return rmdir(dir);
}

/* ---- folders like the original's ---- */

static enum tacit_status open_import(struct tac_import *m, const char *path, struct tacit_err *err)
{
    return tac_ends_with(path, ".bin") ? tac_import_llama2c(m, path, GOLDEN "llama2c-tok.bin", err)
                                       : tac_import_gguf(m, path, err);
}

static void import(const char *name, const char *dtype)
{
    struct tac_import m;
    struct tacit_err err;
    char path[200];
    snprintf(path, sizeof path, GOLDEN "%s.%s", name,
             strncmp(name, "llama2c", 7) == 0 ? "bin" : "gguf");
    assert_ok(open_import(&m, path, &err), err);
    assert_ok(tac_import_write(&m, dir, dtype, NULL, &err), err);
    tac_import_release(&m);
}

static void check_tensor(const struct tac_safetensors *s, const char *name, const json_t *want)
{
    const struct tac_tensor *t = tac_safetensors_find(s, name);
    const json_t *shape = json_array_get(want, 1);
    char hash[20];
    if (!t)
        fail_msg("%s is missing", name);
    assert_string_equal(tac_dtype_name(t->dtype), json_string_value(json_array_get(want, 0)));
    assert_int_equal(t->rank, json_array_size(shape));
    for (int i = 0; i < t->rank; i++)
        assert_int_equal(t->shape[i], json_integer_value(json_array_get(shape, (size_t)i)));
    snprintf(hash, sizeof hash, "%016llx",
             (unsigned long long)tac_hash(TAC_HASH0, t->data, t->bytes));
    if (strcmp(hash, json_string_value(json_array_get(want, 2))) != 0)
        fail_msg("%s has other bytes", name);
}

static void check_tensors(const json_t *want)
{
    struct tac_safetensors s;
    struct tacit_err err;
    char path[1200];
    const char *name;
    json_t *v;
    assert_ok(tac_safetensors_open(&s, in(path, "model.safetensors"), &err), err);
    assert_int_equal(s.n, json_object_size(want));
    json_object_foreach((json_t *)(uintptr_t)want, name, v) check_tensor(&s, name, v);
    tac_safetensors_close(&s);
}

/* The rotary fields in transformers 4's spelling against transformers 5's. */
static void check_rope(const json_t *c, const json_t *rope)
{
    static const char *const keys[] = {"rope_type", "factor", "low_freq_factor", "high_freq_factor",
                                       "original_max_position_embeddings"};
    const json_t *scaling = json_object_get(c, "rope_scaling"),
                 *theta = json_object_get(c, "rope_theta");
    if (!json_is_object(rope))
        return;
    if (!theta)
        theta = json_object_get(c, "rotary_emb_base");
    assert_true(json_number_value(theta) == json_number_value(json_object_get(rope, "rope_theta")));
    if (json_object_get(rope, "partial_rotary_factor"))
        assert_true(json_number_value(json_object_get(c, "rotary_pct")) ==
                    json_number_value(json_object_get(rope, "partial_rotary_factor")));
    if (strcmp(json_string_value(json_object_get(rope, "rope_type")), "default") == 0) {
        assert_null(scaling);
        return;
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *a = json_object_get(scaling, keys[i]), *b = json_object_get(rope, keys[i]);
        if (!a != !b || (a && json_is_string(a) && !json_equal(a, b)) ||
            (a && json_is_number(a) && json_number_value(a) != json_number_value(b)))
            fail_msg("rope_scaling: %s is another", keys[i]);
    }
}

static void check_config(const json_t *want)
{
    struct tacit_err err;
    char path[1200], a[80], b[80];
    const char *key;
    json_t *c, *v;
    assert_ok(tac_json_load(&c, in(path, "config.json"), 1 << 16, &err), err);
    json_object_foreach((json_t *)(uintptr_t)want, key, v)
    {
        const json_t *is = json_object_get(c, key);
        if (strcmp(key, "rope") == 0)
            check_rope(c, v);
        else if (!(json_is_null(v) || json_is_false(v)) || is)
            if (!json_equal((json_t *)(uintptr_t)is, v))
                fail_msg("%s: %s, the original has %s", key, tac_json_describe(a, is),
                         tac_json_describe(b, v));
    }
    json_decref(c);
}

static void check_ids(const json_t *model)
{
    struct tac_tokenizer *t;
    struct tacit_err err;
    char path[1200];
    const json_t *texts = json_object_get(golden, "texts"), *special;
    const int32_t *before, *after;
    size_t n_before, n_after;
    assert_ok(tac_tokenizer_open(&t, in(path, "tokenizer.json"), &err), err);
    for (size_t i = 0; i < json_array_size(texts); i++) {
        const json_t *want = json_array_get(json_object_get(model, "ids"), i),
                     *text = json_array_get(texts, i);
        struct tac_ids ids = {0};
        assert_ok(
            tac_tokenizer_encode(t, &ids, json_string_value(text), json_string_length(text), &err),
            err);
        assert_int_equal(ids.n, json_array_size(want));
        for (size_t k = 0; k < ids.n; k++)
            assert_int_equal(ids.id[k], json_integer_value(json_array_get(want, k)));
        tac_ids_release(&ids);
    }
    special = json_object_get(model, "special");
    tac_tokenizer_affixes(t, &before, &n_before, &after, &n_after);
    assert_int_equal(n_before, json_array_size(special));
    assert_int_equal(n_after, 0);
    for (size_t i = 0; i < n_before; i++)
        assert_int_equal(before[i], json_integer_value(json_array_get(special, i)));
    tac_tokenizer_close(t);
}

/* SentencePiece's merges are made here; transformers makes the same. */
static void check_merges(const json_t *want)
{
    struct tacit_err err;
    char path[1200];
    json_t *t;
    assert_ok(tac_json_load(&t, in(path, "tokenizer.json"), 1 << 20, &err), err);
    const json_t *is = json_object_get(json_object_get(t, "model"), "merges");
    assert_int_equal(json_array_size(is), json_array_size(want));
    assert_true(json_equal((json_t *)(uintptr_t)is, (json_t *)(uintptr_t)want));
    json_decref(t);
}

static void like_the_original(void **state)
{
    const char *name;
    json_t *model;
    (void)state;
    json_object_foreach(json_object_get(golden, "models"), name, model)
    {
        print_message("# %s\n", name);
        import(name, NULL);
        if (json_is_object(json_object_get(model, "tensors")))
            check_tensors(json_object_get(model, "tensors"));
        check_config(json_object_get(model, "config"));
        if (json_is_array(json_object_get(model, "merges")))
            check_merges(json_object_get(model, "merges"));
        if (json_object_get(model, "ids"))
            check_ids(model);
    }
}

/* Elements of a Q8_0 file within half a step of what was quantised (a step: the largest of 32 in a
 * row, by 127), and what rounding the step to half precision adds. */
static void quantised(void **state)
{
    struct tac_import a, b;
    struct tacit_err err;
    float x[32], y[32];
    double worst = 0;
    (void)state;
    assert_ok(tac_import_gguf(&a, GOLDEN "llama-f32.gguf", &err), err);
    assert_ok(tac_import_gguf(&b, GOLDEN "llama-q8.gguf", &err), err);
    assert_string_equal(tac_import_dtype(&b, NULL), "f16");
    assert_string_equal(tac_import_dtype(&b, "bf16"), "bf16");
    for (size_t i = 0; i < a.n_tensor; i++)
        for (size_t at = 0; at < a.tensor[i].from->n; at += 32) {
            size_t n = a.tensor[i].from->n - at < 32 ? a.tensor[i].from->n - at : 32;
            double most = 0;
            tac_import_read(&a, x, &a.tensor[i], at, n);
            tac_import_read(&b, y, &b.tensor[i], at, n);
            for (size_t k = 0; k < n; k++)
                most = fmax(most, fabs((double)x[k]));
            for (size_t k = 0; k < n; k++) {
                double step = b.tensor[i].from->type == TAC_GGML_Q8_0 ? most / 127 : 0;
                double gap = fabs((double)x[k] - (double)y[k]);
                assert_true(gap <= 0.57 * step);
                worst = fmax(worst, step > 0 ? gap / step : 0);
            }
        }
    assert_true(worst > 0.4);
    tac_import_release(&a);
    tac_import_release(&b);
}

/* What --dtype asks for holds for every tensor. */
static void dtypes(void **state)
{
    struct tac_safetensors s;
    struct tacit_err err;
    char path[1200];
    (void)state;
    import("llama-q8", "f32");
    assert_ok(tac_safetensors_open(&s, in(path, "model.safetensors"), &err), err);
    for (size_t i = 0; i < s.n; i++)
        assert_int_equal(s.tensor[i].dtype, TAC_F32);
    tac_safetensors_close(&s);
    import("gptneox-f16", "bf16");
    assert_ok(tac_safetensors_open(&s, in(path, "model.safetensors"), &err), err);
    for (size_t i = 0; i < s.n; i++)
        assert_int_equal(s.tensor[i].dtype, TAC_BF16);
    tac_safetensors_close(&s);
}

static int stop_at_2(void *ctx, const struct tacit_event *e)
{
    *(size_t *)ctx = e->total;
    return e->done == 2;
}

/* Progress counts tensors; stopped, nothing is left. */
static void stopped(void **state)
{
    struct tac_import m;
    struct tacit_err err;
    size_t total = 0;
    const struct tacit_progress progress = {stop_at_2, &total};
    char path[1200];
    (void)state;
    assert_ok(tac_import_gguf(&m, GOLDEN "gpt2-f32.gguf", &err), err);
    assert_fails(tac_import_write(&m, in(path, "stopped"), NULL, &progress, &err), TACIT_ECANCEL,
                 err, "stopped");
    assert_int_equal(total, m.n_tensor);
    assert_int_equal(access(path, F_OK), -1);
    tac_import_release(&m);
}

/* ---- files that lie ---- */

struct bytes {
    struct tac_buf b;
    char path[64];
    int fd;
};

static void load(struct bytes *x, const char *name)
{
    struct tacit_err err;
    *x = (struct bytes){.fd = memfd_create("import", 0)};
    snprintf(x->path, sizeof x->path, "/proc/self/fd/%d", x->fd);
    assert_ok(tac_file_read(&x->b, name, 1 << 20, &err), err);
}

static void drop(struct bytes *x)
{
    close(x->fd);
    tac_buf_release(&x->b);
}

static void put(struct bytes *x, size_t n)
{
    assert_int_equal(ftruncate(x->fd, 0), 0);
    assert_int_equal(pwrite(x->fd, x->b.data, n, 0), n);
}

static enum tacit_status read_gguf(struct bytes *x, size_t n, struct tacit_err *err)
{
    struct tac_import m;
    struct tac_buf text = {0};
    put(x, n);
    enum tacit_status s = tac_import_gguf(&m, x->path, err);
    if (!s && m.has_vocab)
        s = tac_import_tokenizer(&text, &m.vocab, err);
    tac_import_release(&m);
    tac_buf_release(&text);
    return s;
}

static void truncated(void **state)
{
    static const char *const names[] = {"llama-f32.gguf", "mistral-bf16.gguf",
                                        "llama2c-untied.bin"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct bytes x;
        char path[100];
        snprintf(path, sizeof path, GOLDEN "%s", names[i]);
        load(&x, path);
        for (size_t n = 0; n < x.b.len; n += n < 9000 ? 1 : 613) {
            struct tacit_err err = {0};
            struct tac_import m;
            enum tacit_status s;
            if (i < 2) {
                s = read_gguf(&x, n, &err);
            } else {
                put(&x, n);
                s = tac_import_llama2c(&m, x.path, NULL, &err);
            }
            if (s != TACIT_EINPUT || !strstr(err.msg, x.path))
                fail_msg("%s cut to %zu bytes: status %d, '%s'", names[i], n, (int)s, err.msg);
        }
        drop(&x);
    }
}

/* Where the n bytes of `text` stand behind offset `from`. */
static size_t find(const struct bytes *x, const char *text, size_t from)
{
    const char *at = memmem(x->b.data + from, x->b.len - from, text, strlen(text));
    if (!at)
        fail_msg("no '%s'", text);
    return (size_t)(at - x->b.data);
}

/* Overwrites `n` bytes, `skip` behind the end of the first `key`. */
static void patch(struct bytes *x, const char *key, size_t skip, const void *bytes, size_t n)
{
    memcpy(x->b.data + find(x, key, 0) + strlen(key) + skip, bytes, n);
}

enum {
    TYPE = 0,
    VALUE = 4,
    LIST = 8,
    ELEMENTS = 16
}; /* behind a key; of a list: type of elements,
      their number, the elements */

/* One lie each: in the file `name`, `n` bytes at `skip` behind `key`; the message names `want`. */
static const struct lie {
    const char *file, *key;
    size_t skip;
    const char *bytes;
    size_t n;
    const char *want;
} lies[] = {
    {"llama-f32", "GGUF", 0, "\1\0\0\0", 4, "GGUF version 1, expected 2 or 3"},
    {"llama-f32", "GGUF", 0, "\4\0\0\0", 4, "GGUF version 4, expected 2 or 3"},
    {"llama-f32", "GGUF", 0, "\0\0\0\3", 4, "is big-endian"},
    {"llama-f32", "GGUF", 4, "\xff\xff\xff\xff\xff\xff\xff\x7f", 8,
     "claims 9223372036854775807 tensors"},
    {"llama-f32", "GGUF", 12, "\xff\xff\xff\xff\xff\xff\xff\xff", 8,
     "claims 18446744073709551615 fields"},
    {"llama-f32", "GGUF", 4, "\xff\0\0\0\0\0\0\0", 8, "tensor"},
    {"llama-f32", "GGUF", 20, "\xff\xff\xff\xff\xff\xff\xff\xff", 8,
     "a field's key at byte 24 has 18446744073709551615 bytes, at most 65535"},
    {"llama-f32", "GGUF", 20, "\0\0\0\0\0\0\0\0", 8, "a field's key at byte 24 is empty"},
    {"llama-f32", "general.name", TYPE, "\x0d\0\0\0", 4,
     "field 'general.name': type 13 is unknown"},
    {"llama-f32", "general.name", VALUE, "\xff\xff\xff\xff\0\0\0\0", 8, "general.name at byte "},
    {"llama-f32", "general.file_type", TYPE, "\7\0\0\0\2", 5,
     "field 'general.file_type': a boolean is 2"},
    {"llama-f32", "general.file_type", TYPE - 17, "general.alignment\4\0\0\0\0\0\0\0", 25,
     "field 'general.alignment': found 0, expected a power of 2"},
    {"llama-f32", "general.file_type", TYPE - 17, "general.alignment\4\0\0\0\60\0\0\0", 25,
     "field 'general.alignment': found 48, expected a power of 2"},
    {"llama-f32", "general.file_type", TYPE - 17, "general.alignment\5\0\0\0\60\0\0\0", 25,
     "field 'general.alignment': found a 32-bit integer, expected"},
    {"llama-f32", "general.file_type", TYPE - 17, "general.alignment\4\0\0\0\0\0\0\x40", 25,
     "offset "},
    {"llama-f32", "tokenizer.ggml.merges", LIST, "\xff\xff\xff\xff\xff\xff\0\0", 8,
     "field 'tokenizer.ggml.merges': claims 281474976710655 elements"},
    {"llama-f32", "tokenizer.ggml.merges", LIST, "\x20\x4e\0\0\0\0\0\0", 8,
     "field 'tokenizer.ggml.merges': claims 20000 elements of at least 8 bytes, only "},
    {"llama-f32", "tokenizer.ggml.merges", VALUE, "\x0e\0\0\0", 4,
     "field 'tokenizer.ggml.merges': type 14 is unknown"},
    {"llama-f32", "general.architecture", VALUE + 8, "lamma", 5,
     "field 'general.architecture': 'lamma' is not supported (supported: llama, qwen2, qwen3, gpt2, gptneox, bloom)"},
    {"llama-f32", "general.architecture", TYPE - 1, "X", 1,
     "field 'general.architecture' is missing"},
    {"llama-f32", "general.type", VALUE + 8, "mmdel", 5,
     "field 'general.type': found 'mmdel', expected 'model'"},
    {"llama-f32", "llama.block_count", VALUE, "\0\0\0\0", 4,
     "field 'llama.block_count': found 0, expected an integer from 1 to 1024"},
    {"llama-f32", "llama.block_count", VALUE, "\1\0\0\0", 4, "has no place for it"},
    {"llama-f32", "llama.block_count", VALUE, "\3\0\0\0", 4,
     "tensor 'blk.2.attn_norm.weight' is missing"},
    {"llama-f32", "llama.block_count", TYPE, "\6\0\0\0", 4, "field 'llama.block_count': found "},
    {"llama-f32", "llama.block_count", TYPE - 1, "X", 1, "field 'llama.block_count' is missing"},
    {"llama-f32", "llama.embedding_length", VALUE, "\x21\0\0\0", 4,
     "tensor 'token_embd.weight': shape 90x32, expected 90x33 by the file's fields"},
    {"llama-f32", "llama.attention.value_length", VALUE, "\4\0\0\0", 4,
     "field 'llama.attention.value_length': found 4, expected that of the keys, 8"},
    {"qwen2-f16", "qwen2.embedding_length", VALUE, "\x21\0\0\0", 4,
     "field 'qwen2.embedding_length': found 33, expected 4 heads times their width"},
    {"llama-f32", "llama.feed_forward_length", VALUE, "\x21\0\0\0", 4,
     "tensor 'blk.0.ffn_gate.weight': shape 32x32, expected 33x32"},
    {"llama-f32", "llama.attention.head_count", VALUE, "\0\0\0\0", 4,
     "field 'llama.attention.head_count': found 0"},
    {"llama-f32", "llama.attention.head_count_kv", VALUE, "\3\0\0\0", 4,
     "field 'llama.attention.head_count_kv': found 3, expected a divisor of head_count, 4"},
    {"llama-f32", "llama.attention.head_count_kv", VALUE, "\1\0\0\0", 4,
     "tensor 'blk.0.attn_v.weight': shape 16x32, expected 8x32"},
    {"llama-f32", "llama.vocab_size", VALUE, "\1\0\0\0", 4,
     "field 'llama.vocab_size': found 1, 'token_embd.weight' has "},
    {"llama-f32", "llama.rope.dimension_count", VALUE, "\4\0\0\0", 4,
     "field 'llama.rope.dimension_count': found 4, expected an even number, the heads' width, 8"},
    {"llama-f32", "llama.rope.freq_base", VALUE, "\0\0\xc0\x7f", 4,
     "field 'llama.rope.freq_base': found nan, expected a number above 0"},
    {"llama-f32", "llama.rope.freq_base", VALUE, "\0\0\x80\x3f", 4,
     "tensor 'rope_freqs.weight': is not what LLaMA 3's scaling"},
    {"gptneox-f16", "gptneox.use_parallel_residual", TYPE - 1, "X", 1,
     "field 'gptneox.use_parallel_residuaX' is not understood"},
    {"llama-f32", "llama.attention.layer_norm_rms_epsilon", VALUE, "\0\0\0\0", 4,
     "layer_norm_rms_epsilon': found 0, expected a number above 0"},
    {"llama-f32", "tokenizer.ggml.model", VALUE + 8, "bert", 4,
     "field 'tokenizer.ggml.model': found 'bert', expected 'llama' or 'gpt2'"},
    {"llama-f32", "tokenizer.ggml.pre", VALUE + 8, "llama-xyz", 9,
     "field 'tokenizer.ggml.pre': 'llama-xyz' is not supported (supported: gpt-2, olmo, mpt, llama-bpe, qwen2, bloom)"},
    {"llama-f32", "tokenizer.ggml.pre", TYPE - 3, "pro", 3,
     "field 'tokenizer.ggml.pre' is missing"},
    {"llama-f32", "tokenizer.ggml.tokens", VALUE, "\4\0\0\0", 4, "field"},
    {"llama-f32", "tokenizer.ggml.tokens", ELEMENTS + 8, "\xff", 1,
     "field 'tokenizer.ggml.tokens': element 0 of 1 bytes, expected 1 to 1024 bytes of UTF-8"},
    {"llama-f32", "tokenizer.ggml.tokens", ELEMENTS + 8, "\0", 1,
     "element 0 of 1 bytes, expected 1 to 1024 bytes of UTF-8 without NUL"},
    {"llama-f32", "tokenizer.ggml.tokens", ELEMENTS + 8, "'", 1, "tokens 0 and 1 are both '''"},
    {"llama-f32", "tokenizer.ggml.token_type", ELEMENTS, "\7\0\0\0", 4,
     "field 'tokenizer.ggml.token_type': element 0 is 7, expected 1 to 6"},
    {"llama-f32", "tokenizer.ggml.token_type", TYPE - 4, "TYPE", 4,
     "field 'tokenizer.ggml.token_type' is missing"},
    {"llama-f32", "tokenizer.ggml.bos_token_id", VALUE, "\xff\xff\0\0", 4,
     "field 'tokenizer.ggml.bos_token_id': found 65535, expected the id of a token"},
    {"llama-f32", "tokenizer.ggml.bos_token_id", TYPE - 12, "eot_token_id", 12,
     "field 'tokenizer.ggml.bos_token_id' is missing, and stands at every text"},
    {"llama-f32", "tokenizer.ggml.bos_token_id", TYPE - 12, "xyz_token_id", 12,
     "field 'tokenizer.ggml.xyz_token_id' is not understood"},
    {"llama-f32", "tokenizer.ggml.merges", ELEMENTS + 8, "aaa", 3,
     "field 'tokenizer.ggml.merges': element 0 is not two tokens with a blank between"},
    {"llama-f32", "tokenizer.ggml.merges", ELEMENTS + 8, "~", 1,
     "merge 0: its left half is no token"},
    {"qwen2-f16", "tokenizer.ggml.add_bos_token", VALUE, "\3", 1,
     "field 'tokenizer.ggml.add_bos_token': a boolean is 3"},
    {"qwen2-f16", "qwen2.rope.scaling.type", VALUE + 8, "lingur", 6,
     "field 'qwen2.rope.scaling.type': found 'lingur', expected 'none', 'linear' or 'yarn'"},
    {"qwen2-f16", "blk.0.attn_q.bias", TYPE - 17, "blk.0.attn_k.bias", 17,
     "tensor 'blk.0.attn_k.bias' is there twice"},
    {"llama-f32", "blk.0.attn_q.bias", TYPE - 17, "blk.0.attn_x.bias", 17, "has no place for it"},
    {"llama-f32", "blk.0.attn_k.bias", TYPE - 17, "blk.0.attn_x.bias", 17,
     "tensor 'blk.0.attn_k.bias' is missing"},
    {"llama-f32", "blk.0.attn_q.weight", 0, "\5\0\0\0", 4,
     "tensor 'blk.0.attn_q.weight': 5 dimensions, expected 1 to 4"},
    {"llama-f32", "blk.0.attn_q.weight", 0, "\0\0\0\0", 4,
     "tensor 'blk.0.attn_q.weight': 0 dimensions, expected 1 to 4"},
    {"llama-f32", "blk.0.attn_q.weight", 4, "\0\0\0\0\0\0\0\0", 8,
     "tensor 'blk.0.attn_q.weight': a dimension is 0"},
    {"llama-f32", "blk.0.attn_q.weight", 4, "\0\0\0\0\0\0\0\x80", 8,
     "tensor 'blk.0.attn_q.weight': its dimensions come to too many elements"},
    {"llama-f32", "blk.0.attn_q.weight", 4, "\0\0\0\0\0\0\0\2", 8,
     "tensor 'blk.0.attn_q.weight': 4611686018427387904 elements of F32 in rows of 144115188075855872: too many"},
    {"llama-f32", "blk.0.attn_q.weight", 4, "\x10", 1, "offset "},
    {"llama-f32", "blk.0.attn_q.weight", 20, "\x0c\0\0\0", 4,
     "tensor 'blk.0.attn_q.weight': type Q4_K; F32, F16, BF16 and Q8_0 are read"},
    {"llama-f32", "blk.0.attn_q.weight", 20, "\x1c\0\0\0", 4,
     "tensor 'blk.0.attn_q.weight': type F64; F32"},
    {"llama-f32", "blk.0.attn_q.weight", 20, "\xff\xff\xff\xff", 4,
     "tensor 'blk.0.attn_q.weight': type 4294967295; F32"},
    {"llama-f32", "blk.0.attn_q.weight", 20, "\1\0\0\0", 4, "offset "},
    {"llama-f32", "blk.0.attn_q.weight", 24, "\1\0\0\0\0\0\0\0", 8,
     "tensor 'blk.0.attn_q.weight': offset 1, expected "},
    {"llama-q8", "blk.0.attn_q.weight", 4, "\x21", 1,
     "tensor 'blk.0.attn_q.weight': 1056 elements of Q8_0 in rows of 33: too many, or no whole blocks of 32"},
    {"gptneox-f16", "gptneox.attention.head_count", VALUE, "\3\0\0\0", 4,
     "field 'gptneox.embedding_length': found 32, expected 3 heads times their width"},
    {"gptneox-f16", "gptneox.rope.dimension_count", VALUE, "\3\0\0\0", 4,
     "field 'gptneox.rope.dimension_count': found 3, expected an even number up to the heads' width, 8"},
    {"bloom-f16", "bloom.feed_forward_length", VALUE, "\x20\0\0\0", 4,
     "field 'bloom.feed_forward_length': found 32, expected 4 times the width, 128"},
    {"bloom-f16", "bloom.attention.head_count_kv", VALUE, "\2\0\0\0", 4,
     "field 'bloom.attention.head_count_kv': found 2, expected the number of head_count, 4"},
    {"mistral-bf16", "tokenizer.ggml.scores", ELEMENTS, "\0\0\xc0\x7f", 4,
     "the score of token 0 is NaN"},
    {"mistral-bf16", "tokenizer.ggml.pre", VALUE + 8, "tekken!", 7,
     "field 'tokenizer.ggml.pre': found 'tekken!', expected 'default' beside the model 'llama'"},
};

static void lying(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        const struct lie *l = &lies[i];
        struct tacit_err err = {0};
        struct bytes x;
        char path[100];
        snprintf(path, sizeof path, GOLDEN "%s.gguf", l->file);
        load(&x, path);
        patch(&x, l->key, l->skip, l->bytes, l->n);
        enum tacit_status s = read_gguf(&x, x.b.len, &err);
        if (s != TACIT_EINPUT || !strstr(err.msg, l->want) || !strstr(err.msg, x.path))
            fail_msg("%s, %s +%zu: status %d, '%s', expected '%s'", l->file, l->key, l->skip,
                     (int)s, err.msg, l->want);
        drop(&x);
    }
}

/* Where ids are left out, HuggingFace would number added tokens behind them otherwise: they stand
 * in the model's vocabulary then. */
static void holes(void **state)
{
    struct bytes x;
    struct tac_import m;
    struct tac_buf text = {0};
    struct tac_tokenizer *t;
    struct tacit_err err;
    (void)state;
    load(&x, GOLDEN "qwen2-f16.gguf");
    patch(&x, "tokenizer.ggml.token_type", ELEMENTS, "\5", 1);
    put(&x, x.b.len);
    assert_ok(tac_import_gguf(&m, x.path, &err), err);
    assert_ok(tac_import_tokenizer(&text, &m.vocab, &err), err);
    assert_ok(tac_tokenizer_parse(&t, text.data, text.len, "tokenizer.json", &err), err);
    assert_int_equal(tac_tokenizer_id(t, "<|end|>"), m.vocab.eos);
    assert_int_equal(tac_tokenizer_id(t, "!"), -1);
    tac_tokenizer_close(t);
    tac_buf_release(&text);
    tac_import_release(&m);
    drop(&x);
}

/* Each of rope_freqs.weight's values counts; all ones are no scaling. */
static void factors(void **state)
{
    static const float wrong[] = {NAN, INFINITY, 0, 1.01f}, ones[4] = {1, 1, 1, 1};
    struct bytes x;
    struct tac_import m;
    struct tacit_err err;
    (void)state;
    load(&x, GOLDEN "llama-f32.gguf");
    size_t at = x.b.len - 32; /* the last tensor: 4 values, padded to 32 bytes */
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < 4; k++) {
            float was;
            memcpy(&was, x.b.data + at + 4 * i, 4);
            memcpy(x.b.data + at + 4 * i, &wrong[k], 4);
            assert_fails(read_gguf(&x, x.b.len, &err), TACIT_EINPUT, err,
                         "tensor 'rope_freqs.weight': is not what LLaMA 3's scaling");
            memcpy(x.b.data + at + 4 * i, &was, 4);
        }
    assert_ok(read_gguf(&x, x.b.len, &err), err);
    memcpy(x.b.data + at, ones, sizeof ones);
    put(&x, x.b.len);
    assert_ok(tac_import_gguf(&m, x.path, &err), err);
    assert_null(m.scaling);
    tac_import_release(&m);
    drop(&x);
}

static void ends(void **state)
{
    struct bytes x;
    struct tacit_err err;
    (void)state;
    load(&x, GOLDEN "gpt2-f32.gguf");
    assert_ok(read_gguf(&x, x.b.len, &err), err);
    assert_ok(tac_buf_add(&x.b, "x", 1, &err), err);
    assert_fails(read_gguf(&x, x.b.len, &err), TACIT_EINPUT, err,
                 "the last 1 bytes belong to no tensor");
    drop(&x);
}

/* Two embeddings of the same bytes are one, as converters once wrote them. */
static void tied(void **state)
{
    struct bytes x;
    struct tac_import m;
    struct tacit_err err;
    (void)state;
    load(&x, GOLDEN "llama2c-untied.bin");
    assert_ok(tac_import_llama2c(&m, GOLDEN "llama2c-untied.bin", NULL, &err), err);
    assert_false(m.tied);
    size_t bytes = 4 * m.size[TAC_I_V] * m.size[TAC_I_C];
    tac_import_release(&m);
    memcpy(x.b.data + x.b.len - bytes, x.b.data + 28, bytes);
    put(&x, x.b.len);
    assert_ok(tac_import_llama2c(&m, x.path, NULL, &err), err);
    assert_true(m.tied);
    assert_int_equal(m.n_tensor + 1, m.n_source);
    tac_import_release(&m);
    drop(&x);
}

static enum tacit_status read_llama2c(struct bytes *x, const char *tokenizer, struct tacit_err *err)
{
    struct tac_import m;
    put(x, x->b.len);
    enum tacit_status s = tac_import_llama2c(&m, x->path, tokenizer, err);
    tac_import_release(&m);
    return s;
}

static void lying_checkpoint(void **state)
{
    static const struct {
        size_t at;
        int32_t value;
        const char *want;
    } cases[] = {
        {0, 0, "header: dim is 0, expected 1 to 16777216"},
        {0, 9, "header: dim 9, n_heads 2, n_kv_heads 1: expected heads of an even width"},
        {0, 16, "its header (dim 16, hidden_dim 12, n_layers 2"},
        {8, 2000, "header: n_layers is 2000, expected 1 to 1024"},
        {8, 3, "asks for "},
        {16, 2, "asks for "},
        {12, 3, "n_heads 3"},
        {20, INT32_MIN, "header: vocab_size is 2147483648"},
        {24, -4, "header: seq_len is -4"},
        {24, 5, "seq_len 5) asks for "},
        {24, 3, "seq_len 3) asks for "},
        {0, 0x616b3432, "is a llama2.c checkpoint of version 12, version 0 is read"},
    };
    struct tacit_err err;
    struct bytes x;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        load(&x, GOLDEN "llama2c-untied.bin");
        memcpy(x.b.data + cases[i].at, &cases[i].value, 4);
        assert_fails(read_llama2c(&x, NULL, &err), TACIT_EINPUT, err, cases[i].want);
        drop(&x);
    }
    load(&x, GOLDEN "llama2c-tied.bin");
    float angle = 0.3f;
    memcpy(x.b.data + x.b.len - 4 * (4 * 2 * 2) + 8, &angle, 4);
    assert_fails(read_llama2c(&x, NULL, &err), TACIT_EINPUT, err,
                 "freqs_cis: the angle 0 of position 1 is (0.3, ");
    drop(&x);
}

static void lying_pieces(void **state)
{
    static const struct {
        size_t at;
        const char *bytes;
        size_t n;
        const char *want;
    } cases[] = {
        {0, "\0\0\0\0", 4, "max_token_length is 0, expected 1 to 1024"},
        {0, "\xff\xff\xff\x7f", 4, "max_token_length is 2147483647, expected 1 to 1024"},
        {0, "\2\0\0\0", 4, "piece 0 has 5 bytes, expected 1 to 2"},
        {4, "\0\0\xc0\x7f", 4, "piece 0 has a score that is not finite"},
        {8, "\xff\xff\xff\xff", 4, "piece 0 has -1 bytes, expected 1 to "},
        {8, "\0\0\0\0", 4, "piece 0 has 0 bytes"},
        {12, "\xff", 1, "piece 0 is no well-formed UTF-8"},
        {12, "\0", 1, "piece 0 is no well-formed UTF-8 without NUL"},
        {12, "<UNK>", 5, "piece 0 is '<UNK>', expected '<unk>'"},
    };
    struct bytes x;
    struct tac_llama2c_pieces p;
    struct tac_import m;
    struct tacit_err err;
    (void)state;
    load(&x, GOLDEN "llama2c-tok.bin");
    assert_ok(tac_import_llama2c(&m, GOLDEN "llama2c-tied.bin", GOLDEN "llama2c-tok.bin", &err),
              err);
    size_t V = m.size[TAC_I_V];
    tac_import_release(&m);
    for (size_t n = 0; n < x.b.len; n++) {
        put(&x, n);
        enum tacit_status s = tac_llama2c_pieces_open(&p, x.path, V, &err);
        if (s != TACIT_EINPUT || !strstr(err.msg, x.path))
            fail_msg("cut to %zu bytes: status %d, '%s'", n, (int)s, err.msg);
    }
    put(&x, x.b.len);
    assert_fails(tac_llama2c_pieces_open(&p, x.path, V - 1, &err), TACIT_EINPUT, err,
                 "bytes follow its ");
    assert_fails(tac_llama2c_pieces_open(&p, x.path, V + 1, &err), TACIT_EINPUT, err, "is cut off");
    drop(&x);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        load(&x, GOLDEN "llama2c-tok.bin");
        memcpy(x.b.data + cases[i].at, cases[i].bytes, cases[i].n);
        put(&x, x.b.len);
        assert_fails(tac_import_llama2c(&m, GOLDEN "llama2c-tied.bin", x.path, &err), TACIT_EINPUT,
                     err, cases[i].want);
        drop(&x);
    }
}

/* A real checkpoint is none of the prompts that end in .bin, and the other way round. */
static void by_contents(void **state)
{
    static const float rows[16] = {0.1f, -2.0f, 0.0f, 1e-3f};
    struct bytes x;
    struct tacit_err err;
    (void)state;
    assert_true(tac_llama2c_is(GOLDEN "llama2c-tied.bin"));
    assert_true(tac_llama2c_is(GOLDEN "llama2c-untied.bin"));
    assert_false(tac_llama2c_is(GOLDEN "llama2c-tok.bin"));
    assert_false(tac_llama2c_is(GOLDEN "bloom-f16.gguf"));
    assert_true(tac_gguf_is(GOLDEN "bloom-f16.gguf"));
    assert_false(tac_gguf_is(GOLDEN "llama2c-tied.bin"));
    assert_false(tac_gguf_is("gone"));
    load(&x, GOLDEN "llama2c-tok.bin");
    tac_buf_clear(&x.b);
    assert_ok(tac_buf_add(&x.b, rows, sizeof rows, &err), err);
    put(&x, x.b.len);
    assert_false(tac_llama2c_is(x.path));
    drop(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(like_the_original),
        cmocka_unit_test(quantised),
        cmocka_unit_test(dtypes),
        cmocka_unit_test(stopped),
        cmocka_unit_test(truncated),
        cmocka_unit_test(lying),
        cmocka_unit_test(factors),
        cmocka_unit_test(holes),
        cmocka_unit_test(ends),
        cmocka_unit_test(tied),
        cmocka_unit_test(lying_checkpoint),
        cmocka_unit_test(lying_pieces),
        cmocka_unit_test(by_contents),
    };
    return cmocka_run_group_tests(tests, open_golden, close_golden);
}
