/* Byte-pair encoding: a word's bytes become symbols (in a plain vocabulary its characters,
 * plain.h), and neighbours are merged, the pair that was learnt first always first (of equal ones
 * the leftmost), until no pair can be. Characters of which nothing else can become begin as one
 * symbol (closed.h).
 *
 * Short words are merged in place by looking for the least rank; from TAC_BPE_LONG bytes on a heap
 * keeps a word of n bytes at n log n. Words met again come out of a cache that belongs to the
 * caller's work. */
#ifndef TAC_TOKENIZER_BPE_H
#define TAC_TOKENIZER_BPE_H

#include "tokenizer/closed.h"
#include "tokenizer/vocab.h"

enum { TAC_BPE_LONG = 48 };

struct tac_ids {
    int32_t *id;
    size_t n, cap;
};

/* What two neighbouring tokens become. */
struct tac_merge {
    uint32_t left, right;
    uint32_t rank; /* UINT32_MAX in a free slot of the table */
    uint32_t id;
};

struct tac_bpe {
    struct tac_vocab vocab;
    struct tac_merge *merge; /* open addressing by (left, right) */
    size_t merge_mask, n_merges;
    uint64_t *maybe; /* a bit for each hash of a pair: 0 where no merge has it; made at the end */
    size_t maybe_mask;
    int32_t byte_id[256]; /* the token of one byte, or -1 */
    struct tac_closed closed;
    int32_t fallback_id[256]; /* plain: the token "<0x0A>" of a byte, or -1 */
    int32_t unk;              /* stands for what has no token; -1: that is left out */
    bool fuse_unk;            /* one unk for a run of them */
    bool ignore_merges;       /* a word that is a token is not split */
    bool byte_fallback;       /* plain: a character without a token becomes its bytes' tokens */
    bool words_apart;         /* plain: no merge reaches over the beginning of a word (plain.h) */
};

/* tac_bpe_reserve: room for n merges without rehashing. */
enum tacit_status tac_bpe_reserve(struct tac_bpe *b, size_t n, struct tacit_err *err) TAC_MUST_USE;
/* tac_bpe_add_all: n merges with their ranks; the id of each is the token of both halves' bytes. A
 * pair that is there already takes the new rank, as in HuggingFace tokenizers. */
enum tacit_status tac_bpe_add_all(struct tac_bpe *b, const struct tac_merge *merge, size_t n,
                                  struct tacit_err *err) TAC_MUST_USE;
/* tac_bpe_finish: to be called once, after the last token and merge, with unk and the flags set. */
enum tacit_status tac_bpe_finish(struct tac_bpe *b, struct tacit_err *err) TAC_MUST_USE;
void tac_bpe_release(struct tac_bpe *b);
/* tac_bpe_pair: the merge of a pair; its rank is UINT32_MAX where there is none. */
const struct tac_merge *tac_bpe_pair(const struct tac_bpe *b, uint32_t left, uint32_t right);

/* Scratch memory of one thread. A zeroed struct is ready, without a cache. */
struct tac_bpe_work {
    struct tac_bpe_symbol *symbol;
    struct tac_bpe_entry *heap;
    size_t symbol_cap, heap_cap, heap_n;
    struct tac_bpe_cached *cache; /* by the word's hash */
    size_t cache_mask;
};

/* tac_bpe_work_cache: gives work a cache of 64 << log2 bytes. */
enum tacit_status tac_bpe_work_cache(struct tac_bpe_work *w, int log2,
                                     struct tacit_err *err) TAC_MUST_USE;
void tac_bpe_work_release(struct tac_bpe_work *w);

/* tac_bpe_encode: appends the ids of a word of n bytes, well-formed UTF-8. tac_bpe_encode_apart:
 * the same of a text, word by word, where b->words_apart. */
enum tacit_status tac_bpe_encode(const struct tac_bpe *b, struct tac_bpe_work *w,
                                 struct tac_ids *out, const char *word, size_t n,
                                 struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_bpe_encode_apart(const struct tac_bpe *b, struct tac_bpe_work *w,
                                       struct tac_ids *out, const char *text, size_t n,
                                       struct tacit_err *err) TAC_MUST_USE;

#endif
