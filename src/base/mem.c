#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64, ARENA_BLOCK = 64 * 1024 };

struct tac_arena_block {
    struct tac_arena_block *next;
    size_t used, size;
};

bool tac_mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

bool tac_add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

void *tac_alloc(size_t n, size_t size, struct tacit_err *err)
{
    size_t bytes;
    if (!tac_mul(n, size, &bytes)) {
        tac_fail_memory(err, SIZE_MAX);
        return NULL;
    }
    void *p = calloc(bytes ? bytes : 1, 1);
    if (!p)
        tac_fail_memory(err, bytes);
    return p;
}

enum tacit_status tac_grow(void *array, size_t *cap, size_t need, size_t size,
                           struct tacit_err *err)
{
    if (need <= *cap)
        return TACIT_OK;
    size_t want = *cap ? *cap : 16, bytes;
    while (want < need && want <= SIZE_MAX / 2)
        want *= 2;
    if (want < need || !tac_mul(want, size, &bytes))
        return tac_fail_memory(err, SIZE_MAX);
    void *old;
    memcpy(&old, array, sizeof old);
    void *grown = realloc(old, bytes);
    if (!grown)
        return tac_fail_memory(err, bytes);
    memcpy(array, &grown, sizeof grown);
    *cap = want;
    return TACIT_OK;
}

char *tac_strndup(const char *s, size_t n, struct tacit_err *err)
{
    char *copy = tac_alloc(n + 1, 1, err);
    if (copy)
        memcpy(copy, s, n);
    return copy;
}

char *tac_strdup(const char *s, struct tacit_err *err)
{
    return tac_strndup(s, strlen(s), err);
}

static size_t round_up(size_t n)
{
    return (n + 15) & ~(size_t)15;
}

static struct tac_arena_block *arena_new_block(struct tac_arena *a, size_t bytes,
                                               struct tacit_err *err)
{
    size_t size = bytes > ARENA_BLOCK ? bytes : ARENA_BLOCK;
    struct tac_arena_block *b = tac_alloc(1, round_up(sizeof *b) + size, err);
    if (!b)
        return NULL;
    b->size = size;
    b->next = a->head;
    a->head = b;
    return b;
}

void *tac_arena_alloc(struct tac_arena *a, size_t n, size_t size, struct tacit_err *err)
{
    size_t bytes;
    if (!tac_mul(n, size, &bytes) || bytes > SIZE_MAX / 2) {
        tac_fail_memory(err, SIZE_MAX);
        return NULL;
    }
    bytes = round_up(bytes ? bytes : 1);
    if (a->limit && bytes > a->limit - a->used) {
        tac_fail(err, TACIT_EINPUT, "needs more than its limit of %zu bytes of memory", a->limit);
        return NULL;
    }
    struct tac_arena_block *b = a->head;
    if (!b || b->size - b->used < bytes)
        b = arena_new_block(a, bytes, err);
    if (!b)
        return NULL;
    void *p = (char *)b + round_up(sizeof *b) + b->used;
    b->used += bytes;
    a->used += bytes;
    return p;
}

char *tac_arena_strndup(struct tac_arena *a, const char *s, size_t n, struct tacit_err *err)
{
    char *copy = tac_arena_alloc(a, n + 1, 1, err);
    if (copy && n)
        memcpy(copy, s, n);
    return copy;
}

void tac_arena_release(struct tac_arena *a)
{
    while (a->head) {
        struct tac_arena_block *next = a->head->next;
        free(a->head);
        a->head = next;
    }
    a->used = 0;
}

void *tac_carve(struct tac_carve *c, size_t n, size_t size)
{
    size_t bytes;
    TAC_CHECK(tac_mul(n, size, &bytes));
    size_t at = (c->used + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    TAC_CHECK(tac_add(at, bytes, &c->used));
    return c->base ? c->base + at : NULL;
}
