/* What is trained. A method lays its parameters out in one block (with gradients and moments beside
 * it) and offers ports that the decoder reads. A new method is one file with one `struct
 * tac_method` and one row in tune.c. */
#ifndef TAC_TUNE_TUNE_H
#define TAC_TUNE_TUNE_H

#include "model/decoder.h"

/* A named tensor of the block. cols = 0: a vector. decay: weight decay applies to it. parts: a
 * matrix between hidden states, made of so many matrices stacked by rows (fused query, key and
 * value: 3); 0: not such a one. */
struct tac_item {
    char name[160];
    size_t offset, rows, cols;
    bool decay;
    size_t parts;
};

/* What a run of the decoder takes from the method. */
struct tac_ports {
    const struct tac_param *param; /* by slot: the model's, or rebound to the block */
    const void *soft;              /* (P,C) real, or NULL */
    void *dsoft;
    size_t P;
    struct tac_kv_store *kv, *dkv; /* keys and values before every text, their gradients; or NULL */
    const struct tac_site *site;   /* by slot: what stands at the matrices, or NULL */
    size_t rank;                   /* the largest of the sites */
    bool scaled;                   /* whether a site scales */
    enum tac_grad grad;
};

struct tac_tune;

struct tac_method {
    const char *name;
    /* peft_type in adapter_config.json, NULL where the method saves a model folder */
    const char *peft_type;
    /* counts the items, with t->item NULL, then fills them */
    size_t (*items)(const struct tac_tune *t, struct tac_item *item);
    /* after the block is allocated: initial values and ports */
    enum tacit_status (*bind)(struct tac_tune *t, struct tacit_err *err);
    /* writes the trained result into the folder dir */
    enum tacit_status (*save)(const struct tac_tune *t, const char *dir, struct tacit_err *err);
};

extern const struct tac_method tac_method_prompt, tac_method_full;

/* What a saved adapter says of itself. */
struct tac_adapter_info {
    const char *base_name; /* base_model_name_or_path */
    const char *tokenizer_name;
    const char *init_text; /* NULL: prompt_tuning_init is RANDOM */
};

struct tac_tune {
    const struct tac_method *method;
    struct tac_weights *weights;
    size_t P; /* trainable rows of the prompt method */
    struct tac_adapter_info info;
    struct tac_item *item;
    size_t n_item;
    size_t n;                /* elements of the block */
    void *p, *g;             /* (n) real: values and gradients */
    struct tac_param *param; /* rebound parameters, or NULL */
    struct tac_ports ports;
    void *memory;
    size_t bytes;
};

const struct tac_method *tac_method_find(const char *name);

/* tac_tune_open: P: trainable rows (prompt). Values of `prompt` start at 0: tac_tune_set fills
 * them; `full` starts at the model's weights. info's strings are borrowed. with_grad: gradients are
 * allocated too. */
enum tacit_status tac_tune_open(struct tac_tune **out, const struct tac_method *method,
                                struct tac_weights *weights, size_t P, bool with_grad,
                                const struct tac_adapter_info *info,
                                struct tacit_err *err) TAC_MUST_USE;
void tac_tune_close(struct tac_tune *t);

/* The block's values as float, from and to host memory: n elements. */
void tac_tune_get(const struct tac_tune *t, float *out);
void tac_tune_set(struct tac_tune *t, const float *values);
enum tacit_status tac_tune_save(const struct tac_tune *t, const char *dir,
                                struct tacit_err *err) TAC_MUST_USE;

/* Ports of a model without anything trained. */
struct tac_ports tac_ports_plain(const struct tac_weights *w);

#endif
