/* Reading a file's merges. Each is looked up by its two tokens' texts; in a vocabulary of a quarter
 * of a million these lookups miss every cache, so they are made a batch at a time, with the memory
 * that they need asked for beforehand. */
#ifndef TAC_TOKENIZER_MERGES_H
#define TAC_TOKENIZER_MERGES_H

#include "tokenizer/bpe.h"

enum { TAC_MERGE_BATCH = 64 };

/* A merge that waits: offsets into the names and bytes of its batch. */
struct tac_merge_name {
    size_t name, left_n, right_n;  /* as the file writes both */
    size_t bytes, left_m, right_m; /* as bytes of text */
};

/* {.b = ..., .name = ...} is ready; b has its vocabulary, and name is the file's. */
struct tac_merges {
    struct tac_bpe *b;
    const char *name;
    struct tac_buf names, bytes;
    struct tac_merge_name waiting[TAC_MERGE_BATCH];
    size_t n_waiting;
    uint32_t n;       /* merges so far, those that wait not counted */
    uint32_t next_id; /* what the next one probably makes */
};

/* tac_merges_add: the merge of two tokens, as the file writes them. tac_merges_flush: after the
 * last one. Refused, by either: a half, or both together, that is no token. */
enum tacit_status tac_merges_add(struct tac_merges *m, const char *left, size_t left_n,
                                 const char *right, size_t right_n,
                                 struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_merges_flush(struct tac_merges *m, struct tacit_err *err) TAC_MUST_USE;
/* tac_merges_count: with those that wait. */
size_t tac_merges_count(const struct tac_merges *m);
void tac_merges_release(struct tac_merges *m);

#endif
