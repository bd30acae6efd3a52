/* Opens the backends under test and runs a case of ops_cases.h on one. */
#ifndef TAC_TESTS_OPS_RUN_H
#define TAC_TESTS_OPS_RUN_H

#include "ops_cases.h"

/* A backend under test. */
struct subject {
    const char *label, *name, *isa;
    int threads;
    const char *precision;
};

static const struct subject SUBJECTS[] = {
    {"ref", "ref", NULL, 1, "f32"},
    {"cpu portable", "cpu", "portable", 2, "f32"},
    {"cpu avx2", "cpu", "avx2", 2, "f32"},
    {"cpu avx512", "cpu", "avx512", 2, "f32"},
    {"ref, bf16", "ref", NULL, 1, "bf16"},
    {"cpu portable, bf16", "cpu", "portable", 2, "bf16"},
    {"cpu avx2, bf16", "cpu", "avx2", 2, "bf16"},
    {"cpu avx512, bf16", "cpu", "avx512", 2, "bf16"},
};
static const struct subject TRUTH = {"ref64", "ref64", NULL, 1, "f32"};
enum { N_SUBJECTS = sizeof SUBJECTS / sizeof SUBJECTS[0] };

/* NULL where the machine lacks the instruction set. */
static struct tac_backend *open_subject(const struct subject *s)
{
    struct tac_backend_options o = {
        .name = s->name, .isa = s->isa, .threads = s->threads, .precision = s->precision};
    struct tac_backend *be = NULL;
    struct tacit_err err = {0};
    enum tacit_status status = tac_backend_open(&be, &o, &err);
    if (status == TACIT_EINPUT && s->isa && strcmp(s->isa, "portable") != 0)
        return NULL;
    assert_ok(status, err);
    return be;
}

static size_t elements(const struct array *a)
{
    return a->rows * a->cols;
}

/* The case's arrays in a backend's memory, with their initial values. */
static void load(struct tac_backend *be, void **device, const struct call *c)
{
    for (int i = 0; i < c->n; i++) {
        device[i] = be->ops->alloc(be, (elements(&c->a[i]) + 1) * be->real_size);
        assert_non_null(device[i]);
        be->ops->upload_f64(be, device[i], c->a[i].x, elements(&c->a[i]));
    }
}

static void unload(struct tac_backend *be, void **device, const struct call *c)
{
    for (int i = 0; i < c->n; i++)
        be->ops->release(be, device[i]);
}

/* Runs a case on a backend: result[i] is what array i holds afterwards, freed by the caller. */
static void run_case(struct tac_backend *be, struct call *c, double **result)
{
    void *device[MAX_ARRAYS];
    load(be, device, c);
    c->is->forward(be, device, c);
    if (c->is->backward)
        c->is->backward(be, device, c);
    be->ops->sync(be);
    for (int i = 0; i < c->n; i++) {
        result[i] = calloc(elements(&c->a[i]) + 1, sizeof *result[i]);
        assert_non_null(result[i]);
        be->ops->download_f64(be, result[i], device[i], elements(&c->a[i]));
    }
    assert_false(be->fault);
    unload(be, device, c);
}

#endif
