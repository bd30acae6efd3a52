/* The op table: everything a model computes on a device. A backend fills one table; the decoder
 * calls nothing else.
 *
 * Memory.  `void *` activations are backend memory of the backend's real type (`real_size` bytes an
 * element: float, or double for ref64), row-major, carved by the caller from tac_backend memory.
 * Index arrays, segments and labels are host memory that stays valid until sync(). Calls.   Ops
 * return nothing and may be asynchronous; a fault is latched in the backend (see `finite`) and host
 * reads come after sync(). Shapes are the caller's duty (TAC_DCHECK). Outputs may alias inputs only
 * where an op says so. Any T, R or n may be 0.
 * Law.     A row's forward result depends on its path alone: not on T, on the other rows, on the
 * thread count or the vector width. Gradients: same bytes for the same tree at any thread count and
 * vector width. matrix products   every element is one FMA chain over k from 0 within blocks of
 * TAC_KC, the blocks' sums added in order (((block0 + block1) + ...) + bias) + res sums along a row
 * 16 lanes by index mod 16 (for attention: the key's path index), lanes combined as a fixed tree:
 * 8+8, 4+4, 2+2, 1+1 (lane i with lane i + half) sums over rows    (gradients of weights) row order
 * Precision bf16 (a backend's, chosen when it is opened): products with a weight that is not
 * TAC_W_REAL, the head's among them, take both operands rounded to bfloat16 (to nearest, ties to
 * even, subnormal numbers to 0); within a block the chain runs over k = 1, 0, 3, 2, 5, 4, ..., a
 * last k without its pair after a product 0 * 0, and subnormal sums are 0. That is what
 * VDPBF16PS computes; where a processor lacks it, float32 FMAs compute the same bits.
 * The double reference (ref64) states what is true; it keeps no law of lanes. */
#ifndef TAC_BACKEND_OPS_H
#define TAC_BACKEND_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAC_KC       256
#define TAC_MAX_PATH 32768 /* keys of a path, at most: attention's buffers hold so many scores */

enum tac_wtype { TAC_W_F32, TAC_W_F16, TAC_W_BF16, TAC_W_REAL };

/* tac_wtype_size: bytes of an element; `real` is TAC_W_REAL's. */
static inline size_t tac_wtype_size(enum tac_wtype type, size_t real)
{
    return type == TAC_W_F16 || type == TAC_W_BF16 ? 2 : type == TAC_W_F32 ? 4 : real;
}

/* A weight matrix (rows, cols), row-major as HuggingFace stores most: [out, in]. Borrowed, perhaps
 * unaligned, mapped memory; TAC_W_REAL: aligned backend memory of the real type (trainable
 * weights). across: stored [in, out], as GPT-2's Conv1D; only matmul and matmul_dx take such. */
struct tac_weight {
    const void *data;
    enum tac_wtype type;
    size_t rows, cols;
    bool across;
};

enum tac_norm_kind { TAC_LAYERNORM, TAC_RMSNORM };
/* TAC_GELU: x * Phi(x), by the error function; TAC_GELU_TANH: its approximation */
enum tac_act_kind { TAC_GELU_TANH, TAC_RELU, TAC_SILU, TAC_TANH, TAC_GELU };

/* How a fused QKV row (H + 2G) * D is cut. */
enum tac_qkv_order {
    TAC_QKV_INTERLEAVED, /* per head: q k v (BLOOM, GPT-NeoX); needs G == H */
    TAC_QKV_STACKED,     /* all q, all k, all v */
};

struct tac_heads {
    enum tac_qkv_order order;
    size_t H, G, D;
};

/* Rotary position embedding (Su et al. 2021) of the leading n (even) of a head's D dimensions.
 * table: (positions, n) in backend memory, of each position its n/2 cosines, then its n/2 sines. */
struct tac_rope {
    size_t D, n;
    bool half; /* pairs (i, i + n/2) as GPT-NeoX, else (2i, 2i+1) */
    const void *table;
};

/* A node of the prefix tree as attention sees it. Its n keys follow those of its parent's path. */
struct tac_seg {
    int32_t parent; /* index of the parent segment, < own index; -1: root */
    int32_t row0;   /* first own row (first row of the subtree for a KV node) */
    int32_t n;      /* keys: own rows, or the KV node's length */
    int32_t end; /* one past the subtree's last row; the rows that see these keys are [row0, end) */
    int32_t base; /* path index of the first key: the sum of the ancestors' n */
    int32_t kv;   /* -1: keys are rows [row0, row0 + n) of k and v; else index into tac_attn.kv */
    bool grad;    /* attend_dx: dk and dv of these keys are wanted */
};

/* Keys and values of a KV node in one layer: (n, G*D) each; dk and dv NULL where not trained. */
struct tac_kv {
    const void *k, *v;
    void *dk, *dv;
};

/* score(query t, key j) = scale * q.k + slope[h] * (path(j) - path(t)); causal within a node's own
 * rows. */
struct tac_attn {
    const struct tac_seg *seg;
    size_t n_seg;
    const int32_t *seg_of; /* (T) segment of each row */
    const struct tac_kv *kv;
    const int32_t *query; /* (n_query) ascending rows that are computed; NULL: all T rows */
    size_t n_query;       /* T where query is NULL */
    size_t T, H, G, D;    /* query head h reads key head h / (H/G) */
    float scale;
    const float *slope; /* (H) ALiBi, or NULL */
};

/* A labelled prediction: row r of the R given rows predicts token, with a weight in the loss. */
struct tac_target {
    int32_t row, token;
    float weight;
};

struct tac_adamw {
    double lr, beta1, beta2, eps, weight_decay; /* decoupled: p -= lr * weight_decay * p first */
    int64_t step;                               /* from 1, for the bias correction */
    double grad_scale; /* the gradient is multiplied by it first (clipping) */
};

/* Adafactor (Shazeer & Stern 2018; transformers' Adafactor): factored second moments of an (R, C)
 * matrix. */
struct tac_adafactor {
    double lr, decay_rate /* -0.8 */, eps1 /* 1e-30 */, eps2 /* 1e-3 */, clip /* 1.0 */,
        weight_decay;
    bool scale_parameter, relative_step;
    int64_t step;
    double grad_scale;
};

struct tac_backend;

struct tac_ops {
    /* memory: zeroed, 64-byte aligned; NULL where there is none */
    void *(*alloc)(struct tac_backend *be, size_t bytes);
    void (*release)(struct tac_backend *be, void *p);
    void (*upload)(struct tac_backend *be, void *dst, const float *src, size_t n);
    void (*upload_f64)(struct tac_backend *be, void *dst, const double *src, size_t n);
    void (*download)(struct tac_backend *be, float *dst, const void *src, size_t n);
    void (*download_f64)(struct tac_backend *be, double *dst, const void *src, size_t n);
    void (*read)(struct tac_backend *be, void *dst, const void *src,
                 size_t bytes); /* as they are */
    void (*sync)(struct tac_backend *be);

    /* embed: y (T,C) = E[src[t]] for src >= 0, soft[-1 - src] for src < 0.  E (V,C)  soft (P,C) */
    void (*embed)(struct tac_backend *be, void *y, const struct tac_weight *E, const void *soft,
                  const int32_t *src, size_t T, size_t C);
    /* embed_dx: adds dy (T,C), in row order, to dsoft[-1 - src] or dE[src]; either may be NULL
     * (then skipped) */
    void (*embed_dx)(struct tac_backend *be, void *dsoft, void *dE, const void *dy,
                     const int32_t *src, size_t T, size_t C);

    /* norm: y (T,C) = (x - mean) * rstd * g + b; RMSNorm: x * rstd * g, rstd = 1/sqrt(mean(x^2) +
     * eps). stat (T,2): mean (0 for RMSNorm), rstd, kept for norm_dx. b may be NULL. y may be x.
     * Variance is the mean of squared deviations (two passes), as PyTorch's layer_norm. */
    void (*norm)(struct tac_backend *be, void *y, void *stat, const void *x, const void *g,
                 const void *b, size_t T, size_t C, double eps, enum tac_norm_kind kind);
    /* norm_dx: dx (T,C) = res + gradient through norm; res (T,C) may be NULL or dx. dx may be dy.
     */
    void (*norm_dx)(struct tac_backend *be, void *dx, const void *res, const void *dy,
                    const void *x, const void *stat, const void *g, size_t T, size_t C,
                    enum tac_norm_kind kind);
    /* norm_dw: dg (C) += sum_t dy * xhat, db (C) += sum_t dy (db may be NULL) */
    void (*norm_dw)(struct tac_backend *be, void *dg, void *db, const void *dy, const void *x,
                    const void *stat, size_t T, size_t C, enum tac_norm_kind kind);

    /* matmul: y (T,N) = x (T,K) w^T + bias + res.  w (N,K)  bias (N) or NULL  res (T,N) or NULL,
     * may be y */
    void (*matmul)(struct tac_backend *be, void *y, const void *x, const struct tac_weight *w,
                   const void *bias, const void *res, size_t T);
    /* matmul_dx: dx (T,K) = dy (T,N) w + res.  res (T,K) or NULL, may be dx */
    void (*matmul_dx)(struct tac_backend *be, void *dx, const void *dy, const struct tac_weight *w,
                      const void *res, size_t T);
    /* matmul_dw: dw (N,K) += dy^T x, db (N) += sum_t dy (either may be NULL).  dy (T,N)  x (T,K) */
    void (*matmul_dw)(struct tac_backend *be, void *dw, void *db, const void *dy, const void *x,
                      size_t T, size_t N, size_t K);

    /* heads: cuts qkv (T, (H+2G)*D) into q (T,H*D), k (T,G*D), v (T,G*D); heads_dx: the reverse */
    void (*heads)(struct tac_backend *be, void *q, void *k, void *v, const void *qkv,
                  const struct tac_heads *hd, size_t T);
    void (*heads_dx)(struct tac_backend *be, void *dqkv, const void *dq, const void *dk,
                     const void *dv, const struct tac_heads *hd, size_t T);
    /* rope: rotates n heads' worth of rows x (T,n*D) in place by pos (T); back: by -pos, which is
     * also the gradient */
    void (*rope)(struct tac_backend *be, void *x, const struct tac_rope *r, const int32_t *pos,
                 size_t T, size_t n, bool back);

    /* attend: o (n_query, H*D), lse (n_query, H): log-sum-exp of each row's scores.  q (T,H*D)  k v
     * (T,G*D). o and lse are compact, one row a query; q, k, v are indexed by row. */
    void (*attend)(struct tac_backend *be, void *o, void *lse, const void *q, const void *k,
                   const void *v, const struct tac_attn *a);
    /* attend_dx: dq (T,H*D), dk dv (T,G*D) are overwritten: rows that are no query (dq) or whose
     * segment has no `grad` (dk, dv) become 0; KV nodes with dk/dv are added to. dq may be NULL.
     * dout o lse: compact, as attend gave them, for the same queries. */
    void (*attend_dx)(struct tac_backend *be, void *dq, void *dk, void *dv, const void *dout,
                      const void *o, const void *lse, const void *q, const void *k, const void *v,
                      const struct tac_attn *a);

    /* act: y = f(x); act_dx: dx = dy * f'(x).  n elements; y may be x, dx may be dy */
    void (*act)(struct tac_backend *be, void *y, const void *x, size_t n, enum tac_act_kind kind);
    void (*act_dx)(struct tac_backend *be, void *dx, const void *dy, const void *x, size_t n,
                   enum tac_act_kind kind);

    /* gate: y = f(x) * u; gate_dx: dx = dy * u * f'(x), du = dy * f(x).  n elements; y may be x or
     * u, dx or du may be dy */
    void (*gate)(struct tac_backend *be, void *y, const void *x, const void *u, size_t n,
                 enum tac_act_kind kind);
    void (*gate_dx)(struct tac_backend *be, void *dx, void *du, const void *dy, const void *x,
                    const void *u, size_t n, enum tac_act_kind kind);

    /* rows_get: y[i] = x[idx[i]]; rows_add: y[idx[i]] += x[i], in order.  rows of C */
    void (*rows_get)(struct tac_backend *be, void *y, const void *x, const int32_t *idx, size_t n,
                     size_t C);
    void (*rows_add)(struct tac_backend *be, void *y, const void *x, const int32_t *idx, size_t n,
                     size_t C);
    /* mix: y = fma(b, x, a * y); b = 0 leaves x alone, whatever it holds */
    void (*mix)(struct tac_backend *be, void *y, double a, double b, const void *x, size_t n);
    void (*zero)(struct tac_backend *be, void *y, size_t n);

    /* scale: y (T,N) = x (T,N) * s (N) + res.  res (T,N) or NULL, may be y; y may be x */
    void (*scale)(struct tac_backend *be, void *y, const void *x, const void *s, const void *res,
                  size_t T, size_t N);
    /* scale_dw: ds (N) += sum_t dy * x, in row order */
    void (*scale_dw)(struct tac_backend *be, void *ds, const void *dy, const void *x, size_t T,
                     size_t N);

    /* vocab: the head, the loss and its gradient in one pass over E.
     *   logp (n) out: log softmax(x[row] E^T)[token] of each target
     *   best (R) out: the row's largest logit's token, the lowest among equals; may be NULL
     *   dx (R,C) out or NULL: d(-sum weight * logp) / dx
     *   x (R,C)  E (V,C)  targets sorted by row; a row may have many, or none
     *   lse (R) out or NULL, doubles in every backend: log-sum-exp of the row's logits;
     *       logp is (real)(logit - lse), the difference taken in double
     *   logits (R,V) out or NULL, as matmul gives them; a loss needs none stored
     * V is walked in blocks of 4096 in order, with a running (max, sum, acc) a row. */
    void (*vocab)(struct tac_backend *be, void *logp, int32_t *best, void *dx, void *lse,
                  void *logits, const void *x, const struct tac_weight *E,
                  const struct tac_target *target, size_t n, size_t R);
    /* vocab_dw: dE (V,C) += d(-sum weight * logp)/dE */
    void (*vocab_dw)(struct tac_backend *be, void *dE, const void *x, const void *lse,
                     const struct tac_weight *E, const struct tac_target *target, size_t n,
                     size_t R);

    /* adamw: one step on n elements; m, v moments.  PyTorch's AdamW:
     * p -= lr*wd*p; m,v; p -= lr/(1-b1^t) * m / (sqrt(v)/sqrt(1-b2^t) + eps) */
    void (*adamw)(struct tac_backend *be, void *p, void *m, void *v, const void *g, size_t n,
                  const struct tac_adamw *o);
    /* adafactor: one step on an (R,C) matrix; row (R), col (C) second moments (C = 1 or R = 1: row
     * alone, R*C) */
    void (*adafactor)(struct tac_backend *be, void *p, void *row, void *col, const void *g,
                      size_t R, size_t C, const struct tac_adafactor *o);
    /* sumsq: the sum of squares, in double, after sync */
    double (*sumsq)(struct tac_backend *be, const void *x, size_t n);
    /* finite: latches be->fault where x holds NaN or infinity */
    void (*finite)(struct tac_backend *be, const void *x, size_t n);
};

#endif
