/* Templates: text with fields of a row in it. `{{premise}}` is a field, `{{target.span1_text}}` a
 * nested one, `{{question | connective}}` one that passes through a filter; `{{prompt}}` marks
 * where a prompt stands; the rest stands for itself. */
#ifndef TAC_TASK_TEMPLATE_H
#define TAC_TASK_TEMPLATE_H

#include "format/table.h"
#include "format/yaml.h"

enum { TAC_TEMPLATE_FILTERS = 4, TAC_SCOPE_NAMES = 4 };

/* What a field's path is looked up in: names bound to values first (an element of a list that a
 * task expands), then the row. */
struct tac_scope {
    const struct tac_row *row;
    const char *file; /* of the row, for messages */
    struct {
        const char *name;
        const json_t *value;
    } bound[TAC_SCOPE_NAMES];
    size_t n_bound;
};

/* The value at a dotted path, or NULL. A path that begins with a dot is the row's own, whatever
 * names are bound. */
const json_t *tac_scope_field(const struct tac_scope *scope, const char *path);
/* tac_scope_text: the value at the path as text: a string as it is, a number or truth value as JSON
 * writes it. FILE:LINE and the path are named where it is missing or of another kind. */
enum tacit_status tac_scope_text(struct tac_buf *out, const struct tac_scope *scope,
                                 const char *path, struct tacit_err *err) TAC_MUST_USE;

enum tac_filter_kind {
    TAC_FILTER_TRIM,        /* without white space at both ends */
    TAC_FILTER_NO_PERIOD,   /* trimmed, without a full stop at the end */
    TAC_FILTER_LOWER_FIRST, /* the first letter small (ASCII); the word "I" stays */
    TAC_FILTER_MAP,         /* replaced as a map of the task says */
};

struct tac_filter {
    enum tac_filter_kind kind;
    const struct tac_yaml *map;
};

struct tac_piece {
    const char *text; /* literal text, or the path of a field; "" for the mark */
    bool field, mark;
    struct tac_filter filter[TAC_TEMPLATE_FILTERS];
    size_t n_filter;
};

struct tac_template {
    struct tac_piece *piece;
    size_t n;
    bool marked; /* has the mark {{prompt}}, once */
};

/* tac_template_parse: the scalar `node` of a task's document; `maps` (NULL: none) holds the maps
 * that filters may name. Pieces live in the arena. */
enum tacit_status tac_template_parse(struct tac_template *t, struct tac_arena *arena,
                                     const struct tac_yaml_doc *doc, const struct tac_yaml *node,
                                     const struct tac_yaml *maps,
                                     struct tacit_err *err) TAC_MUST_USE;

/* Whether the template has fields at all. */
bool tac_template_has_fields(const struct tac_template *t);

/* tac_template_render: appends the text to out. mark (NULL: not wanted): so many of its bytes stand
 * before the mark; 0 where there is none. */
enum tacit_status tac_template_render(struct tac_buf *out, size_t *mark,
                                      const struct tac_template *t, const struct tac_scope *scope,
                                      struct tacit_err *err) TAC_MUST_USE;

#endif
