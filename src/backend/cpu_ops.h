/* The ops of the cpu backend, with the signatures and meanings of struct tac_ops. cpu.c makes the
 * table. */
#ifndef TAC_BACKEND_CPU_OPS_H
#define TAC_BACKEND_CPU_OPS_H

#include "backend/backend.h"

extern const struct tac_ops tac_cpu_ops;

/* tac_cpu_pages: uninitialised memory, of huge pages where it is large: worth 3 % of a matrix
 * product and most of the page faults. For free(). */
void *tac_cpu_pages(size_t bytes);

/* Bytes of be->scratch that the ops of a file need, with `threads` threads. */
size_t tac_gemm_scratch(int threads);
size_t tac_attend_scratch(int threads);
size_t tac_vocab_scratch(int threads);

/* thin.c: y (T,N) = x (T,K) times w, summed over its columns or else its rows, where there are few
 * rows T; false where there are not, and nothing is done */
bool tac_cpu_thin(struct tac_backend *be, float *y, const float *x, const struct tac_weight *w,
                  bool over_cols, const float *bias, const float *res, size_t T);

/* gemm.c */
void tac_cpu_matmul(struct tac_backend *be, void *y, const void *x, const struct tac_weight *w,
                    const void *bias, const void *res, size_t T);
void tac_cpu_matmul_dx(struct tac_backend *be, void *dx, const void *dy, const struct tac_weight *w,
                       const void *res, size_t T);
void tac_cpu_matmul_dw(struct tac_backend *be, void *dw, void *db, const void *dy, const void *x,
                       size_t T, size_t N, size_t K);

/* attend.c */
void tac_cpu_attend(struct tac_backend *be, void *o, void *lse, const void *q, const void *k,
                    const void *v, const struct tac_attn *a);
void tac_cpu_attend_dx(struct tac_backend *be, void *dq, void *dk, void *dv, const void *dout,
                       const void *o, const void *lse, const void *q, const void *k, const void *v,
                       const struct tac_attn *a);

/* vocab.c */
void tac_cpu_vocab(struct tac_backend *be, void *logp, int32_t *best, void *dx, void *lse,
                   void *logits, const void *x, const struct tac_weight *E,
                   const struct tac_target *target, size_t n, size_t R);
void tac_cpu_vocab_dw(struct tac_backend *be, void *dE, const void *x, const void *lse,
                      const struct tac_weight *E, const struct tac_target *target, size_t n,
                      size_t R);

/* rows.c */
void tac_cpu_embed(struct tac_backend *be, void *y, const struct tac_weight *E, const void *soft,
                   const int32_t *src, size_t T, size_t C);
void tac_cpu_embed_dx(struct tac_backend *be, void *dsoft, void *dE, const void *dy,
                      const int32_t *src, size_t T, size_t C);
void tac_cpu_norm(struct tac_backend *be, void *y, void *stat, const void *x, const void *g,
                  const void *b, size_t T, size_t C, double eps, enum tac_norm_kind kind);
void tac_cpu_norm_dx(struct tac_backend *be, void *dx, const void *res, const void *dy,
                     const void *x, const void *stat, const void *g, size_t T, size_t C,
                     enum tac_norm_kind kind);
void tac_cpu_norm_dw(struct tac_backend *be, void *dg, void *db, const void *dy, const void *x,
                     const void *stat, size_t T, size_t C, enum tac_norm_kind kind);
void tac_cpu_heads(struct tac_backend *be, void *q, void *k, void *v, const void *qkv,
                   const struct tac_heads *hd, size_t T);
void tac_cpu_heads_dx(struct tac_backend *be, void *dqkv, const void *dq, const void *dk,
                      const void *dv, const struct tac_heads *hd, size_t T);
void tac_cpu_rope(struct tac_backend *be, void *x, const struct tac_rope *r, const int32_t *pos,
                  size_t T, size_t n, bool back);
void tac_cpu_act(struct tac_backend *be, void *y, const void *x, size_t n, enum tac_act_kind kind);
void tac_cpu_act_dx(struct tac_backend *be, void *dx, const void *dy, const void *x, size_t n,
                    enum tac_act_kind kind);
void tac_cpu_gate(struct tac_backend *be, void *y, const void *x, const void *u, size_t n,
                  enum tac_act_kind kind);
void tac_cpu_gate_dx(struct tac_backend *be, void *dx, void *du, const void *dy, const void *x,
                     const void *u, size_t n, enum tac_act_kind kind);
void tac_cpu_rows_get(struct tac_backend *be, void *y, const void *x, const int32_t *idx, size_t n,
                      size_t C);
void tac_cpu_rows_add(struct tac_backend *be, void *y, const void *x, const int32_t *idx, size_t n,
                      size_t C);
void tac_cpu_mix(struct tac_backend *be, void *y, double a, double b, const void *x, size_t n);
void tac_cpu_zero(struct tac_backend *be, void *y, size_t n);
void tac_cpu_scale(struct tac_backend *be, void *y, const void *x, const void *s, const void *res,
                   size_t T, size_t N);
void tac_cpu_scale_dw(struct tac_backend *be, void *ds, const void *dy, const void *x, size_t T,
                      size_t N);
void tac_cpu_adamw(struct tac_backend *be, void *p, void *m, void *v, const void *g, size_t n,
                   const struct tac_adamw *o);
void tac_cpu_adafactor(struct tac_backend *be, void *p, void *row, void *col, const void *g,
                       size_t R, size_t C, const struct tac_adafactor *o);
double tac_cpu_sumsq(struct tac_backend *be, const void *x, size_t n);
void tac_cpu_finite(struct tac_backend *be, const void *x, size_t n);

#endif
