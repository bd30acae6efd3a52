#include "backend/backend.h"

#include "backend/cpu_ops.h"
#include "backend/kern.h"
#include "backend/kern_rows.h"
#include "backend/ref.h"
#include "backend/trace.h"
#include "base/resident.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_THREADS = 1024 };

#define NATIVE_avx512   &tac_kern_bf16_native
#define NATIVE_avx2     NULL
#define NATIVE_portable NULL
#define KERN(set)                                                                                  \
    {                                                                                              \
        .isa = #set, .name = "cpu (" #set ")", .gemm = &tac_kern_gemm_##set,                       \
        .bf16 = &tac_kern_bf16_##set, .bf16_native = NATIVE_##set, .thin = &tac_kern_thin_##set,   \
        .attend = &tac_kern_attend_##set, .rows = &tac_kern_rows_##set                             \
    }

/* Fastest first; the last runs everywhere. */
static const struct tac_kern kerns[] = {
#ifdef __x86_64__
    KERN(avx512),
    KERN(avx2),
#endif
    KERN(portable),
};

enum { N_KERN = sizeof kerns / sizeof kerns[0] };

/* By precision: float32 (double), bf16. */
static const char *const arithmetic_cpu[] = {"cpu", "cpu, bf16"},
                         *const arithmetic_ref[] = {"ref", "ref, bf16"},
                         *const arithmetic_ref64[] = {"ref64", "ref64, bf16"};

/* Whether processor and operating system run the set. */
static bool runs(const char *isa)
{
#ifdef __x86_64__
    if (!strcmp(isa, "avx512"))
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    if (!strcmp(isa, "bf16"))
        return __builtin_cpu_supports("avx512bf16");
    if (!strcmp(isa, "avx2"))
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return !strcmp(isa, "portable");
}

static enum tacit_status find_kern(const struct tac_kern **out, const char *isa,
                                   struct tacit_err *err)
{
    bool any = !isa || !strcmp(isa, "auto");
    for (size_t i = 0; i < N_KERN; i++) {
        if (!any && strcmp(isa, kerns[i].isa) != 0)
            continue;
        *out = &kerns[i];
        if (runs(kerns[i].isa))
            return TACIT_OK;
        if (!any)
            return tac_fail(err, TACIT_EINPUT, "instruction set '%s': this machine lacks it", isa);
    }
    return tac_fail(err, TACIT_EINPUT,
                    "instruction set '%s': expected auto, portable, avx2 or avx512", isa);
}

static int processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > MAX_THREADS ? MAX_THREADS : (int)n;
}

static size_t scratch_bytes(int threads)
{
    size_t need[] = {tac_gemm_scratch(threads), tac_attend_scratch(threads),
                     tac_vocab_scratch(threads)};
    size_t most = 0;
    for (size_t i = 0; i < sizeof need / sizeof need[0]; i++)
        most = need[i] > most ? need[i] : most;
    return most;
}

static enum tacit_status open_cpu(struct tac_backend *be, const struct tac_backend_options *o,
                                  struct tacit_err *err)
{
    enum tacit_status st = find_kern(&be->kern, o->isa, err);
    if (st != TACIT_OK)
        return st;
    be->ops = &tac_cpu_ops;
    be->arithmetic = arithmetic_cpu;
    be->name = be->kern->name;
    be->real_size = sizeof(float);
    be->threads = o->threads ? o->threads : processors();
    be->scratch_bytes = scratch_bytes(be->threads);
    be->scratch = tac_cpu_pages(be->scratch_bytes);
    return be->scratch ? TACIT_OK : tac_fail_memory(err, be->scratch_bytes);
}

static enum tacit_status open_ref(struct tac_backend *be, const struct tac_backend_options *o,
                                  bool wide, struct tacit_err *err)
{
    if (o->isa && strcmp(o->isa, "auto") != 0)
        return tac_fail(err, TACIT_EINPUT,
                        "backend '%s' has no instruction sets, '%s' was asked for", o->name,
                        o->isa);
    be->ops = wide ? &tac_ref_ops_f64 : &tac_ref_ops_f32;
    be->arithmetic = wide ? arithmetic_ref64 : arithmetic_ref;
    be->name = be->arithmetic[0];
    be->real_size = wide ? sizeof(double) : sizeof(float);
    be->threads = 1;
    return TACIT_OK;
}

static enum tacit_status open_named(struct tac_backend *be, const struct tac_backend_options *o,
                                    struct tacit_err *err)
{
    if (o->threads < 0 || o->threads > MAX_THREADS)
        return tac_fail(err, TACIT_EINPUT, "threads: %d, expected 0 (all processors) to %d",
                        o->threads, MAX_THREADS);
    if (o->precision && strcmp(o->precision, "f32") != 0 && strcmp(o->precision, "bf16") != 0)
        return tac_fail(err, TACIT_EINPUT, "precision '%s': expected f32 or bf16", o->precision);
    if (!o->name || !strcmp(o->name, "cpu"))
        return open_cpu(be, o, err);
    if (!strcmp(o->name, "ref") || !strcmp(o->name, "ref64"))
        return open_ref(be, o, !strcmp(o->name, "ref64"), err);
    return tac_fail(err, TACIT_EINPUT, "backend '%s': expected cpu, ref or ref64", o->name);
}

enum tacit_status tac_backend_open(struct tac_backend **out, const struct tac_backend_options *o,
                                   struct tacit_err *err)
{
    *out = NULL;
    struct tac_backend *be = tac_alloc(1, sizeof *be, err);
    if (!be)
        return TACIT_EFAIL;
    enum tacit_status st = open_named(be, o, err);
    if (st) {
        tac_backend_close(be);
        return st;
    }
    tac_backend_set_precision(be, o->precision && !strcmp(o->precision, "bf16"));
    *out = be;
    return TACIT_OK;
}

void tac_backend_close(struct tac_backend *be)
{
    if (!be)
        return;
    tac_backend_untrace(be);
    free(be->scratch);
    free(be);
}

void tac_backend_set_precision(struct tac_backend *be, bool bf16)
{
    const struct tac_kern *k = be->kern;
    be->bf16 = bf16;
    if (!k)
        return;
    be->native = bf16 && k->bf16_native && runs("bf16");
    be->frozen = be->native ? k->bf16_native : bf16 ? k->bf16 : &k->gemm->f32;
}

const char *tac_backend_arithmetic(const struct tac_backend *be)
{
    return be->arithmetic[be->bf16];
}

size_t tac_backend_resident(const struct tac_backend *be)
{
    return sizeof *be + tac_resident_in(be->scratch, be->scratch_bytes);
}

size_t tac_backend_overhead(const struct tac_backend *be)
{
    return sizeof *be + be->scratch_bytes;
}
