#include "model/site.h"

/* Rows [from, to) of the n at work that lie in a span. */
struct part {
    size_t from, to;
    const struct tac_site *site;
};

static bool is_site(const struct tac_site *s)
{
    return s->r || s->in || s->out;
}

bool tac_site_at(const struct tac_span *span, size_t n_span, size_t slot)
{
    for (size_t i = 0; i < n_span; i++)
        if (span[i].site && is_site(&span[i].site[slot]))
            return true;
    return false;
}

/* The first of the n rows that is `row` or more. */
static size_t place_of(const struct tac_linear *l, int32_t row)
{
    size_t lo = 0, hi = l->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if ((l->idx ? l->idx[mid] : (int32_t)mid) < row)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static struct part part_of(const struct tac_linear *l, size_t i)
{
    const struct tac_span *s = &l->span[i];
    struct part p = {place_of(l, s->row0), place_of(l, s->end), s->site ? &s->site[l->slot] : NULL};
    if (!p.site || !is_site(p.site))
        p.to = p.from;
    return p;
}

static void *row_at(const struct tac_linear *l, const void *x, size_t row, size_t width)
{
    return tac_real_at(l->be, x, row * width);
}

/* low (rows,r) = scale * x A^T */
static void descend(const struct tac_linear *l, const struct tac_site *s, void *low, const void *x,
                    size_t rows)
{
    struct tac_weight a = {s->a, TAC_W_REAL, s->r, l->w->cols, false};
    l->be->ops->matmul(l->be, low, x, &a, NULL, NULL, rows);
    l->be->ops->mix(l->be, low, s->scale, 0, NULL, rows * s->r);
}

/* y += the low-rank update of the part's rows */
static void add_update(const struct tac_linear *l, const struct part *p, void *y, const void *x)
{
    size_t N = l->w->rows, K = l->w->cols, rows = p->to - p->from;
    struct tac_weight b = {p->site->b, TAC_W_REAL, N, p->site->r, false};
    void *to = row_at(l, y, p->from, N);
    descend(l, p->site, l->room->low, row_at(l, x, p->from, K), rows);
    l->be->ops->matmul(l->be, to, l->room->low, &b, NULL, to, rows);
}

/* The rows of a part with its scales, or (site NULL) as the matrix alone gives them. */
static void scaled_rows(const struct tac_linear *l, const struct part *p, void *y, const void *x,
                        const void *res)
{
    const struct tac_ops *op = l->be->ops;
    size_t N = l->w->rows, K = l->w->cols, rows = p->to - p->from;
    const void *bias = l->bias ? l->bias->v : NULL, *out = p->site ? p->site->out : NULL;
    y = row_at(l, y, p->from, N);
    x = row_at(l, x, p->from, K);
    res = res ? row_at(l, res, p->from, N) : NULL;
    if (p->site && p->site->in) {
        op->scale(l->be, l->room->wide, x, p->site->in, NULL, rows, K);
        x = l->room->wide;
    }
    void *to = out ? l->room->wide : y; /* y may be res */
    op->matmul(l->be, to, x, &l->w->w, bias, out ? NULL : res, rows);
    if (out)
        op->scale(l->be, y, to, out, res, rows, N);
}

static bool scales(const struct tac_linear *l)
{
    for (size_t i = 0; i < l->n_span; i++)
        if (l->span[i].site && (l->span[i].site[l->slot].in || l->span[i].site[l->slot].out))
            return true;
    return false;
}

void tac_linear(const struct tac_linear *l, void *y, const void *x, const void *res)
{
    struct part between = {0, 0, NULL};
    if (scales(l)) {
        for (size_t i = 0; i <= l->n_span; i++) {
            struct part p = i < l->n_span ? part_of(l, i) : (struct part){l->n, l->n, NULL};
            if (i < l->n_span && (p.from == p.to || p.site->r))
                continue;
            between.to = p.from;
            scaled_rows(l, &between, y, x, res);
            scaled_rows(l, &p, y, x, res);
            between.from = p.to;
        }
    } else {
        between.to = l->n;
        scaled_rows(l, &between, y, x, res);
    }
    for (size_t i = 0; i < l->n_span; i++) {
        struct part p = part_of(l, i);
        if (p.from < p.to && p.site->r)
            add_update(l, &p, y, x);
    }
}

/* The site of all rows, or NULL. */
static const struct tac_site *only_site(const struct tac_linear *l)
{
    bool some = tac_site_at(l->span, l->n_span, l->slot);
    TAC_CHECK(!some || l->n_span == 1);
    return some ? &l->span[0].site[l->slot] : NULL;
}

bool tac_linear_needs_x(const struct tac_linear *l)
{
    const struct tac_site *s = only_site(l);
    return l->w->grad || (s && (s->da || s->din || s->dout));
}

/* y = (x W^T + bias) * out: the product is made again for the gradient of out. */
static void output_dx(const struct tac_linear *l, const struct tac_site *s, void *dx,
                      const void *dy, const void *x, const void *res)
{
    const struct tac_ops *op = l->be->ops;
    size_t N = l->w->rows;
    if (s->dout) {
        op->matmul(l->be, l->room->wide, x, &l->w->w, l->bias ? l->bias->v : NULL, NULL, l->n);
        op->scale_dw(l->be, s->dout, dy, l->room->wide, l->n, N);
    }
    op->scale(l->be, l->room->wide, dy, s->out, NULL, l->n, N);
    if (dx)
        op->matmul_dx(l->be, dx, l->room->wide, &l->w->w, res, l->n);
}

/* y = (x * in) W^T + bias */
static void input_dx(const struct tac_linear *l, const struct tac_site *s, void *dx, const void *dy,
                     const void *x, const void *res)
{
    const struct tac_ops *op = l->be->ops;
    size_t K = l->w->cols;
    op->matmul_dx(l->be, l->room->wide, dy, &l->w->w, NULL, l->n);
    if (s->din)
        op->scale_dw(l->be, s->din, l->room->wide, x, l->n, K);
    if (dx)
        op->scale(l->be, dx, l->room->wide, s->in, res, l->n, K);
}

static void low_rank_dx(const struct tac_linear *l, const struct tac_site *s, void *dx,
                        const void *dy, const void *x, const void *res)
{
    const struct tac_ops *op = l->be->ops;
    size_t N = l->w->rows, K = l->w->cols;
    struct tac_weight a = {s->a, TAC_W_REAL, s->r, K, false},
                      b = {s->b, TAC_W_REAL, N, s->r, false};
    op->matmul_dx(l->be, l->room->low, dy, &b, NULL, l->n);
    op->mix(l->be, l->room->low, s->scale, 0, NULL, l->n * s->r);
    if (s->da) {
        descend(l, s, l->room->low2, x, l->n);
        op->matmul_dw(l->be, s->db, NULL, dy, l->room->low2, l->n, N, s->r);
        op->matmul_dw(l->be, s->da, NULL, l->room->low, x, l->n, s->r, K);
    }
    if (!dx)
        return;
    op->matmul_dx(l->be, dx, dy, &l->w->w, res, l->n);
    op->matmul_dx(l->be, dx, l->room->low, &a, dx, l->n);
}

static void weight_dw(const struct tac_linear *l, const void *dy, const void *x)
{
    const struct tac_ops *op = l->be->ops;
    size_t N = l->w->rows, K = l->w->cols;
    void *db = l->bias ? l->bias->grad : NULL;
    bool across = l->w->w.across;
    if (across)
        op->matmul_dw(l->be, l->w->grad, NULL, x, dy, l->n, K, N);
    if (!across || db)
        op->matmul_dw(l->be, across ? NULL : l->w->grad, db, dy, x, l->n, N, K);
}

void tac_linear_dx(const struct tac_linear *l, void *dx, const void *dy, const void *x,
                   const void *res)
{
    const struct tac_ops *op = l->be->ops;
    const struct tac_site *s = only_site(l);
    if (l->w->grad)
        weight_dw(l, dy, x);
    if (s && s->r)
        low_rank_dx(l, s, dx, dy, x, res);
    else if (s && s->out)
        output_dx(l, s, dx, dy, x, res);
    else if (s && s->in)
        input_dx(l, s, dx, dy, x, res);
    else if (dx)
        op->matmul_dx(l->be, dx, dy, &l->w->w, res, l->n);
}
