/* A part of a tokenizer.json being read; for the files of this folder alone. */
#ifndef TAC_TOKENIZER_PART_H
#define TAC_TOKENIZER_PART_H

#include "format/json.h"

enum { TAC_WHERE_MAX = 512 };

/* Its value, and where messages say it stands. */
struct tac_part {
    const json_t *value;
    char where[TAC_WHERE_MAX];
};

/* tac_part_of: a field of the file of this name. tac_part_element: one of a list in p. */
struct tac_part tac_part_of(const json_t *value, const char *name, const char *field);
struct tac_part tac_part_element(const struct tac_part *p, const json_t *list, size_t i);

/* tac_part_type: its field 'type'. */
enum tacit_status tac_part_type(const struct tac_part *p, const char **type,
                                struct tacit_err *err) TAC_MUST_USE;
/* tac_part_unsupported: fails; `what` tells what is supported. */
enum tacit_status tac_part_unsupported(const struct tac_part *p, const char *type, const char *what,
                                       struct tacit_err *err);
/* tac_part_pattern: its field 'pattern', {"String": ...} or {"Regex": ...}. */
enum tacit_status tac_part_pattern(const struct tac_part *p, const char **text, bool *regex,
                                   struct tacit_err *err) TAC_MUST_USE;

#endif
