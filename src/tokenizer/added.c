#include "tokenizer/added.h"

#include <stdlib.h>
#include <string.h>

/* One byte of a token; 0 is no node. */
struct tac_added_node {
    uint32_t child, sibling;
    int32_t token; /* index of the token that ends here, or -1 */
    unsigned char byte;
};

static enum tacit_status new_node(struct tac_added *a, unsigned char byte, uint32_t *index,
                                  struct tacit_err *err)
{
    if (a->n_nodes == 0)
        a->n_nodes = 1;
    enum tacit_status st = tac_grow(&a->node, &a->node_cap, a->n_nodes + 1, sizeof *a->node, err);
    if (st)
        return st;
    *index = (uint32_t)a->n_nodes++;
    a->node[*index] = (struct tac_added_node){.token = -1, .byte = byte};
    return TACIT_OK;
}

static uint32_t child_of(const struct tac_added *a, uint32_t node, unsigned char byte)
{
    uint32_t child = a->node[node].child;
    while (child && a->node[child].byte != byte)
        child = a->node[child].sibling;
    return child;
}

/* The node of a byte below `parent` (0: the root), made where it is missing. */
static enum tacit_status grow_child(struct tac_added *a, uint32_t parent, unsigned char byte,
                                    uint32_t *child, struct tacit_err *err)
{
    *child = parent ? child_of(a, parent, byte) : a->root[byte];
    if (*child)
        return TACIT_OK;
    enum tacit_status st = new_node(a, byte, child, err);
    if (st)
        return st;
    if (parent) {
        a->node[*child].sibling = a->node[parent].child;
        a->node[parent].child = *child;
    } else {
        a->root[byte] = *child;
    }
    return TACIT_OK;
}

enum tacit_status tac_added_add(struct tac_added *added, const char *text, size_t n,
                                struct tac_added_token token, struct tacit_err *err)
{
    uint32_t node = 0;
    enum tacit_status st =
        tac_grow(&added->token, &added->cap, added->n + 1, sizeof *added->token, err);
    for (size_t i = 0; i < n && !st; i++)
        st = grow_child(added, node, (unsigned char)text[i], &node, err);
    if (st)
        return st;
    if (added->node[node].token < 0)
        added->node[node].token = (int32_t)added->n;
    added->token[added->n++] = token;
    return TACIT_OK;
}

void tac_added_release(struct tac_added *added)
{
    free(added->token);
    free(added->node);
    *added = (struct tac_added){0};
}

/* The longest token at s, NULL where there is none; *len its bytes. */
static const struct tac_added_token *match_at(const struct tac_added *a, const char *s, size_t n,
                                              size_t *len)
{
    const struct tac_added_token *found = NULL;
    uint32_t node = a->root[(unsigned char)s[0]];
    for (size_t i = 1; node; i++) {
        if (a->node[node].token >= 0) {
            found = &a->token[a->node[node].token];
            *len = i;
        }
        node = i < n ? child_of(a, node, (unsigned char)s[i]) : 0;
    }
    return found;
}

/* The start of the character that ends at i > 0. */
static size_t char_before(const char *s, size_t i)
{
    do
        i--;
    while (i > 0 && (s[i] & 0xc0) == 0x80);
    return i;
}

static bool stands_alone(const uint8_t *chars, const char *s, size_t n, size_t start, size_t end)
{
    size_t len;
    if (start > 0 && tac_class_at(chars, s + char_before(s, start), &len) & TAC_WORD)
        return false;
    return end == n || !(tac_class_at(chars, s + end, &len) & TAC_WORD);
}

static size_t skip_space_back(const uint8_t *chars, const char *s, size_t i)
{
    size_t len;
    while (i > 0) {
        size_t before = char_before(s, i);
        if (!(tac_class_at(chars, s + before, &len) & TAC_SPACE))
            break;
        i = before;
    }
    return i;
}

static size_t skip_space(const uint8_t *chars, const char *s, size_t n, size_t i)
{
    size_t len;
    while (i < n && tac_class_at(chars, s + i, &len) & TAC_SPACE)
        i += len;
    return i;
}

enum tacit_status tac_added_split(const struct tac_added *added, const uint8_t *chars,
                                  const char *s, size_t n, tac_part_fn *part, void *context,
                                  struct tacit_err *err)
{
    size_t done = 0, i = 0, len = 0;
    enum tacit_status st = TACIT_OK;
    while (added->n && i < n && !st) {
        const struct tac_added_token *token =
            added->root[(unsigned char)s[i]] ? match_at(added, s + i, n - i, &len) : NULL;
        if (!token) {
            i++;
            continue;
        }
        size_t start = i, end = i + len;
        i = end; /* stripped space may begin another token */
        if (token->single_word && !stands_alone(chars, s, n, start, end))
            continue;
        if (token->lstrip) {
            start = skip_space_back(chars, s, start);
            start = start > done ? start : done;
        }
        if (token->rstrip)
            end = skip_space(chars, s, n, end);
        if (done < start)
            st = part(context, -1, s + done, start - done, err);
        if (!st)
            st = part(context, token->id, s + start, end > start ? end - start : 0, err);
        done = end;
    }
    return !st && done < n ? part(context, -1, s + done, n - done, err) : st;
}
