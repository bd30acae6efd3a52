/* GGUF, llama.cpp's files: a mapped file of typed fields and named tensors, versions 2 and 3,
 * little-endian. Magic, version, counts; the fields; the tensors' names, shapes, types and offsets;
 * then, aligned, their bytes. Source: github.com/ggml-org/ggml docs/gguf.md, gguf.cpp. */
#ifndef TAC_FORMAT_GGUF_H
#define TAC_FORMAT_GGUF_H

#include "base/file.h"
#include "format/ggml.h"

/* Names of tensors and of fields, in bytes: the format's own limits. */
enum { TAC_GGUF_NAME = 64, TAC_GGUF_KEY = 65535 };

enum tac_gguf_type {
    TAC_GGUF_U8,
    TAC_GGUF_I8,
    TAC_GGUF_U16,
    TAC_GGUF_I16,
    TAC_GGUF_U32,
    TAC_GGUF_I32,
    TAC_GGUF_F32,
    TAC_GGUF_BOOL,
    TAC_GGUF_STRING,
    TAC_GGUF_ARRAY,
    TAC_GGUF_U64,
    TAC_GGUF_I64,
    TAC_GGUF_F64,
    TAC_N_GGUF
};

/* A field. n: elements of an array, bytes of a string, else 1; data: the first of them. */
struct tac_gguf_field {
    const char *key;
    enum tac_gguf_type type, of; /* of: an array's elements */
    size_t n;
    const unsigned char *data;
    size_t bytes; /* of an array's elements in all */
};

/* A string in the file: not ended by NUL, UTF-8 only where a reader has checked it. */
struct tac_gguf_string {
    const char *s;
    size_t n;
};

/* An open file: fields by key, tensors by name. A zeroed struct is closed. */
struct tac_gguf {
    struct tac_map map;
    struct tac_arena arena; /* keys, names and both arrays */
    struct tac_gguf_field *field;
    size_t n_field;
    struct tac_ggml_tensor *tensor;
    size_t n_tensor;
};

/* tac_gguf_is: whether the file at path begins as one does; false where it cannot be read. */
bool tac_gguf_is(const char *path);
/* tac_gguf_open: maps the file and checks all of it but the values: every field whole and of a
 * known type, no key or name twice, tensors of a type in tac_ggml_type whose bytes follow each
 * other as the format wants and end with the file. A breach is TACIT_EINPUT, naming file, field,
 * what was found and expected. */
enum tacit_status tac_gguf_open(struct tac_gguf *g, const char *path,
                                struct tacit_err *err) TAC_MUST_USE;
void tac_gguf_close(struct tac_gguf *g);

/* The field of this key, the tensor of this name, or NULL. */
const struct tac_gguf_field *tac_gguf_find(const struct tac_gguf *g, const char *key);
const struct tac_ggml_tensor *tac_gguf_tensor(const struct tac_gguf *g, const char *name);

/* "an array of strings", "a 32-bit unsigned integer": what a field is, for messages. */
const char *tac_gguf_describe(const struct tac_gguf_field *f);
/* Integers of every width, floats of both; false where f is none, or negative. */
bool tac_gguf_uint(uint64_t *out, const struct tac_gguf_field *f);
bool tac_gguf_real(double *out, const struct tac_gguf_field *f);
bool tac_gguf_bool(bool *out, const struct tac_gguf_field *f);
bool tac_gguf_string(struct tac_gguf_string *out, const struct tac_gguf_field *f);

/* tac_gguf_strings: the elements of an array of strings, one after another: *at starts at f->data
 * and is moved on. */
struct tac_gguf_string tac_gguf_next(const unsigned char **at);
/* Element i of an array of F32, or of I32 (U32). */
float tac_gguf_f32_at(const struct tac_gguf_field *f, size_t i);
int32_t tac_gguf_i32_at(const struct tac_gguf_field *f, size_t i);

#endif
