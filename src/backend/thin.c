/* Matrix products of few rows, as generation has them: bound by how fast the weights come from
 * memory. Each thread walks its own range of them once, in the order in which they lie. */
#include "backend/cpu_ops.h"
#include "backend/kern.h"
#include "backend/threads.h"
#include "backend/trace.h"

#include <omp.h>

bool tac_cpu_thin(struct tac_backend *be, float *y, const float *x, const struct tac_weight *w,
                  bool over_cols, const float *bias, const float *res, size_t T)
{
    const struct tac_kern_thin *k = be->kern->thin;
    size_t N = over_cols ? w->rows : w->cols, K = over_cols ? w->cols : w->rows;
    struct tac_thin whole = {y, x, w->data, w->type, bias, res, T, N, K, N};
    bool rounded = be->bf16 && w->type != TAC_W_REAL, along = over_cols != w->across;
    if (rounded || !T || T > k->m || !N || !K)
        return false;
    size_t width = along ? TAC_THIN_N : TAC_THIN_COLUMNS, panels = (N + width - 1) / width;
    int threads = tac_threads_for(be->threads, T * N * K);
#pragma omp parallel num_threads(threads)
    {
        size_t id = (size_t)omp_get_thread_num(), of = (size_t)omp_get_num_threads();
        struct tac_span s = tac_share(panels, id, of);
        struct tac_thin t = whole;
        double from = tac_busy_from(be);
        t.end = tac_min(N, s.hi * width);
        for (size_t i = s.lo; i < s.hi; i++)
            (along ? k->panel : k->columns)(&t, i * width);
        tac_busy_until(be, id, from);
    }
    return true;
}
