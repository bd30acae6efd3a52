/* Memory. Every allocation of the library goes through here and can fail: the caller gets NULL and
 * a message. An arena owns what a parser makes and frees it at once; a carve lays a workspace out
 * by offsets. */
#ifndef TAC_BASE_MEM_H
#define TAC_BASE_MEM_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* tac_mul: *out = a * b; false where that does not fit size_t. tac_add: likewise a + b. */
bool tac_mul(size_t a, size_t b, size_t *out);
bool tac_add(size_t a, size_t b, size_t *out);

/* tac_alloc: n zeroed elements of `size` bytes (n = 0 gives a valid pointer); NULL and err on
 * failure. Freed with free(). */
void *tac_alloc(size_t n, size_t size, struct tacit_err *err);

/* tac_grow: makes *array hold at least need elements (doubling); existing elements stay, new ones
 * are not zeroed. On failure the array stays as it was. */
enum tacit_status tac_grow(void *array, size_t *cap, size_t need, size_t size,
                           struct tacit_err *err) TAC_MUST_USE;

/* tac_strdup, tac_strndup: copies; freed with free(). */
char *tac_strdup(const char *s, struct tacit_err *err);
char *tac_strndup(const char *s, size_t n, struct tacit_err *err);

/* An arena: many small allocations, freed together. A zeroed struct is an empty arena. `limit`
 * (bytes, 0 = none) makes an allocation beyond it fail, so that a small file cannot ask for
 * gigabytes. */
struct tac_arena {
    struct tac_arena_block *head;
    size_t used, limit;
};

void *tac_arena_alloc(struct tac_arena *a, size_t n, size_t size, struct tacit_err *err);
char *tac_arena_strndup(struct tac_arena *a, const char *s, size_t n, struct tacit_err *err);
void tac_arena_release(struct tac_arena *a);

/* A carve: with base NULL it only measures; with memory of `used` bytes it lays out the same
 * offsets. Each piece starts at a multiple of 64 bytes. Returns NULL while measuring. */
struct tac_carve {
    char *base;
    size_t used;
};

void *tac_carve(struct tac_carve *c, size_t n, size_t size);

#endif
