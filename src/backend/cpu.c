/* The cpu backend's table, and its memory: host memory, used in place. */
#include "backend/cpu_ops.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Below LARGE the system may take longer to find huge pages than they save. */
enum { LINE = 64, HUGE_PAGE = 2 << 20, LARGE = 8 * HUGE_PAGE };

void *tac_cpu_pages(size_t bytes)
{
    size_t to = bytes < LARGE ? LINE : HUGE_PAGE, n = (bytes / to + 1) * to;
    void *p = aligned_alloc(to, n);
#ifdef MADV_HUGEPAGE
    if (p && to == HUGE_PAGE)
        (void)madvise(p, n, MADV_HUGEPAGE);
#endif
    return p;
}

static void *cpu_alloc(struct tac_backend *be, size_t bytes)
{
    (void)be;
    void *p = tac_cpu_pages(bytes);
    return p ? memset(p, 0, bytes) : NULL;
}

static void cpu_release(struct tac_backend *be, void *p)
{
    (void)be;
    free(p);
}

static void cpu_upload(struct tac_backend *be, void *dst, const float *src, size_t n)
{
    (void)be;
    if (n)
        memcpy(dst, src, n * sizeof *src);
}

static void cpu_upload_f64(struct tac_backend *be, void *dst, const double *src, size_t n)
{
    (void)be;
    float *y = dst;
    for (size_t i = 0; i < n; i++)
        y[i] = (float)src[i];
}

static void cpu_download(struct tac_backend *be, float *dst, const void *src, size_t n)
{
    (void)be;
    if (n)
        memcpy(dst, src, n * sizeof *dst);
}

static void cpu_read(struct tac_backend *be, void *dst, const void *src, size_t bytes)
{
    (void)be;
    if (bytes)
        memcpy(dst, src, bytes);
}

static void cpu_download_f64(struct tac_backend *be, double *dst, const void *src, size_t n)
{
    (void)be;
    const float *x = src;
    for (size_t i = 0; i < n; i++)
        dst[i] = (double)x[i];
}

/* Every op has ended when it returns. */
static void cpu_sync(struct tac_backend *be)
{
    (void)be;
}

const struct tac_ops tac_cpu_ops = {
    .alloc = cpu_alloc,
    .release = cpu_release,
    .upload = cpu_upload,
    .upload_f64 = cpu_upload_f64,
    .download = cpu_download,
    .download_f64 = cpu_download_f64,
    .read = cpu_read,
    .sync = cpu_sync,
    .embed = tac_cpu_embed,
    .embed_dx = tac_cpu_embed_dx,
    .norm = tac_cpu_norm,
    .norm_dx = tac_cpu_norm_dx,
    .norm_dw = tac_cpu_norm_dw,
    .matmul = tac_cpu_matmul,
    .matmul_dx = tac_cpu_matmul_dx,
    .matmul_dw = tac_cpu_matmul_dw,
    .heads = tac_cpu_heads,
    .heads_dx = tac_cpu_heads_dx,
    .rope = tac_cpu_rope,
    .attend = tac_cpu_attend,
    .attend_dx = tac_cpu_attend_dx,
    .act = tac_cpu_act,
    .act_dx = tac_cpu_act_dx,
    .gate = tac_cpu_gate,
    .gate_dx = tac_cpu_gate_dx,
    .rows_get = tac_cpu_rows_get,
    .rows_add = tac_cpu_rows_add,
    .mix = tac_cpu_mix,
    .zero = tac_cpu_zero,
    .scale = tac_cpu_scale,
    .scale_dw = tac_cpu_scale_dw,
    .vocab = tac_cpu_vocab,
    .vocab_dw = tac_cpu_vocab_dw,
    .adamw = tac_cpu_adamw,
    .adafactor = tac_cpu_adafactor,
    .sumsq = tac_cpu_sumsq,
    .finite = tac_cpu_finite,
};
