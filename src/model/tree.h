/* The prefix tree of a batch. Sequences that begin alike share the rows of their common beginning;
 * a row's result depends on its path alone, so sharing changes no byte of the forward pass.
 *
 * Rows are flat, in depth-first order, without padding. A row's source is a token id (>= 0) or a
 * trainable row
 * (-1 - i). A segment (node) is a run of rows; a KV segment has keys but no rows to compute. */
#ifndef TAC_MODEL_TREE_H
#define TAC_MODEL_TREE_H

#include "backend/ops.h"
#include "base/mem.h"

/* One labelled prediction of a sequence: row `at` predicts `token`. `item` is the caller's own
 * number. */
struct tac_mark {
    size_t at;
    int32_t token;
    float weight;
    uint32_t item;
};

/* A sequence as given to the builder. Rows after the last mark, or after `keep` rows where that is
 * more, are not computed. `root`: index of a KV root, or -1. `own`: so many of its last
 * rows are shared with no other sequence. */
struct tac_seq {
    const int32_t *src;
    size_t n;
    const struct tac_mark *mark;
    size_t n_mark;
    size_t keep;
    int32_t root;
    size_t own;
};

/* tac_seq_rows: how many of its rows are computed. */
size_t tac_seq_rows(const struct tac_seq *s);

struct tac_label {
    int32_t row, token;
    float weight;
    uint32_t item;
};

struct tac_tree {
    size_t T;                    /* rows */
    int32_t *src, *pos, *seg_of; /* (T) */
    struct tac_seg *seg;
    size_t n_seg, n_kv;
    struct tac_label *label; /* by row, then by sequence */
    size_t n_label;
    int32_t *last_row; /* (sequences) the last computed row of each, -1 where none */
    size_t n_seq;
    size_t soft; /* one more than the largest trainable row used */
    struct tac_arena arena;
};

struct tac_tree_options {
    bool share;       /* false: every sequence its own rows */
    size_t min_share; /* a branch is opened within a run only from so many common rows on (8) */
    const int32_t *kv_len; /* (n_kv) lengths of the KV roots; root i is KV node i */
    size_t n_kv;
    bool join; /* behind a KV root all common rows are shared, however few from the first on */
};

struct tac_tree_options tac_tree_options_default(void);

/* tac_tree_build: the tree of n sequences, in their order. Everything lies in the tree's arena.
 * Errors: more rows than INT32_MAX; memory. */
enum tacit_status tac_tree_build(struct tac_tree *t, const struct tac_seq *seq, size_t n,
                                 const struct tac_tree_options *o,
                                 struct tacit_err *err) TAC_MUST_USE;
void tac_tree_release(struct tac_tree *t);

/* tac_tree_row: the row of place `at` of a sequence (one that is computed), counted from the
 * sequence's first. */
int32_t tac_tree_row(const struct tac_tree *t, size_t seq, size_t at);

#endif
