/* What is trained. A method lays its parameters out in one block (with gradients and moments beside
 * it) and offers ports that the decoder reads. A new method is one file with one `struct
 * tac_method` and one row in tune.c. */
#ifndef TAC_TUNE_TUNE_H
#define TAC_TUNE_TUNE_H

#include "model/decoder.h"

/* A named tensor of the block. cols = 0: a vector. decay: weight decay applies to it. parts: a
 * matrix between hidden states, made of so many matrices stacked by rows (fused query, key and
 * value: 3); 0: not such a one. what: what rows and columns are, for messages, or NULL. */
struct tac_item {
    char name[160];
    size_t offset, rows, cols;
    bool decay;
    size_t parts;
    const char *what;
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
struct tac_peft_folder;

/* A method's own option, "r" of `lora:r=8`: its name, default, bounds (numbers) and help; the key
 * that it has in PEFT's config, or NULL. */
enum tac_setting_kind { TAC_SET_SIZE, TAC_SET_REAL, TAC_SET_FLAG, TAC_SET_TEXT };
struct tac_setting {
    const char *name;
    enum tac_setting_kind kind;
    double value, min, max;
    const char *help, *key;
};
enum { TAC_SETTINGS = 8 };

/* A method with its settings. text: NULL where not given; owned by the arena. */
struct tac_tune_spec {
    const struct tac_method *method;
    const char *path; /* of the config that it was read from, borrowed; or NULL */
    size_t P;         /* tokens of a prompt or prefix; 0 where the method has none */
    bool trained;     /* with gradients (tac_tune_make sets it) */
    double number[TAC_SETTINGS];
    const char *text[TAC_SETTINGS];
    struct tac_arena arena;
};

/* What a method's first values can be made of. */
enum tac_source {
    TAC_FROM_ITSELF, /* it draws them, or has them */
    TAC_FROM_ROWS,   /* (P,C) embeddings */
    TAC_FROM_KV,     /* keys and values of P tokens: (L, 2, P, G*D), keys first */
};

struct tac_method {
    const char *name, *summary;
    const char *writes;                /* peft_type of what it saves; NULL: a model folder */
    const char *reads[4];              /* peft_types that it reads, NULL-terminated */
    const struct tac_setting *setting; /* ended by one without a name, or NULL */
    bool tokens;                       /* has tokens: P */
    double lr;                         /* learning rate where none is said; 0: the common one */
    /* settings that do not fit each other or the model are TACIT_EINPUT; may be NULL */
    enum tacit_status (*check)(const struct tac_tune_spec *s, const struct tac_model *m,
                               struct tacit_err *err);
    /* counts the items, with item NULL, then fills them */
    size_t (*items)(const struct tac_tune *t, struct tac_item *item);
    /* reals that it needs besides the block (t->extra), or NULL */
    size_t (*extra)(const struct tac_tune *t);
    /* after the block is allocated: ports */
    enum tacit_status (*bind)(struct tac_tune *t, struct tacit_err *err);
    /* what `start` takes: NULL where it is TAC_FROM_ITSELF always */
    enum tac_source (*source)(const struct tac_tune_spec *s);
    /* first values (t->n) of `from` as the source says, or, where it is NULL, drawn: PEFT's own
     * distributions, or zero. NULL: the block has them after `bind` */
    enum tacit_status (*start)(const struct tac_tune *t, float *values, const float *from,
                               bool zero, uint64_t seed, struct tacit_err *err);
    bool starts_alike; /* `start` knows no chance: the same values for every seed */
    /* where what the ports read is made of the block: makes it anew, and brings gradients back to
     * it; NULL where the ports read the block itself */
    void (*forward)(struct tac_tune *t);
    void (*backward)(struct tac_tune *t);
    /* writes the trained result into the folder dir */
    enum tacit_status (*save)(const struct tac_tune *t, const char *dir, struct tacit_err *err);
    /* of a PEFT folder for the model m: the settings; where these say how large the block is, that
     * the folder's tensors are as large (may be NULL); the block's values */
    enum tacit_status (*configure)(struct tac_tune_spec *s, const struct tac_peft_folder *f,
                                   const struct tac_model *m, struct tacit_err *err);
    enum tacit_status (*fits)(const struct tac_tune *t, const struct tac_peft_folder *f,
                              struct tacit_err *err);
    enum tacit_status (*read)(const struct tac_tune *t, float *values,
                              const struct tac_peft_folder *f, struct tacit_err *err);
};

extern const struct tac_method tac_method_prompt, tac_method_ptuning, tac_method_prefix,
    tac_method_lora, tac_method_ia3, tac_method_full;

/* What a saved adapter says of itself. */
struct tac_adapter_info {
    const char *base_name; /* base_model_name_or_path */
    const char *tokenizer_name;
    const char *init_text; /* NULL: prompt_tuning_init is RANDOM */
    const char *place;     /* tacit_place; NULL: not written */
};

struct tac_tune {
    const struct tac_method *method;
    struct tac_weights *weights;
    struct tac_tune_spec spec;
    size_t P; /* spec.P */
    struct tac_adapter_info info;
    struct tac_item *item;
    size_t n_item;
    size_t n;                /* elements of the block */
    void *p, *g;             /* (n) real: values and gradients; g NULL without */
    void *extra;             /* the method's */
    struct tac_param *param; /* rebound parameters, or NULL */
    void *own;               /* the method's host memory, in the arena, or NULL */
    struct tac_ports ports;
    void *memory;
    size_t bytes;
    struct tac_arena arena;
};

/* By place in the table, NULL behind its end; by name; by a PEFT type that it reads. */
const struct tac_method *tac_method_at(size_t i);
const struct tac_method *tac_method_find(const char *name);
const struct tac_method *tac_method_of_type(const char *peft_type);

/* tac_tune_spec_parse: "lora:r=8,alpha=16" as a spec; what is not named has its default. Errors
 * name the methods or settings there are. */
enum tacit_status tac_tune_spec_parse(struct tac_tune_spec *s, const char *text,
                                      struct tacit_err *err) TAC_MUST_USE;
/* All settings of a spec as such a text, in the arena of the spec: its canonical spelling. */
enum tacit_status tac_tune_spec_text(struct tac_tune_spec *s, const char **text,
                                     struct tacit_err *err) TAC_MUST_USE;
void tac_tune_spec_release(struct tac_tune_spec *s);
/* tac_setting_wrong: a setting's value does not do: puts before err's message which setting it is,
 * or which field of which config it was read from. Returns st; does nothing where it is TACIT_OK.
 */
enum tacit_status tac_setting_wrong(const struct tac_tune_spec *s, size_t setting,
                                    enum tacit_status st, struct tacit_err *err) TAC_MUST_USE;

/* tac_tune_make: spec is copied; info's strings are borrowed. with_grad: gradients are allocated
 * too. Values are those of the model where the method has no `start`, else 0: tac_tune_set fills
 * them. */
enum tacit_status tac_tune_make(struct tac_tune **out, const struct tac_tune_spec *spec,
                                struct tac_weights *weights, bool with_grad,
                                const struct tac_adapter_info *info,
                                struct tacit_err *err) TAC_MUST_USE;
/* tac_tune_open: a method with its defaults and P tokens. */
enum tacit_status tac_tune_open(struct tac_tune **out, const struct tac_method *method,
                                struct tac_weights *weights, size_t P, bool with_grad,
                                const struct tac_adapter_info *info,
                                struct tacit_err *err) TAC_MUST_USE;
/* tac_tune_of: what an opened PEFT folder holds, by the method that its type names. tac_tune_load:
 * of the folder dir. */
enum tacit_status tac_tune_of(struct tac_tune **out, const struct tac_peft_folder *f,
                              struct tac_weights *weights, bool with_grad,
                              struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_tune_load(struct tac_tune **out, const char *dir, struct tac_weights *weights,
                                bool with_grad, struct tacit_err *err) TAC_MUST_USE;
void tac_tune_close(struct tac_tune *t);

/* The block's values as float, from and to host memory: n elements. */
void tac_tune_get(const struct tac_tune *t, float *out);
void tac_tune_set(struct tac_tune *t, const float *values);
/* Some of them: n from `from` on. ctx of tac_tune_give is the tune: it is a tac_supply's. Who puts
 * them says tac_tune_changed in the end. */
void tac_tune_give(void *ctx, float *out, size_t from, size_t n);
void tac_tune_put(struct tac_tune *t, const float *values, size_t from, size_t n);
/* A step: gradients to 0; gradients brought back to the block; the block changed. */
void tac_tune_zero_grad(struct tac_tune *t);
void tac_tune_backward(struct tac_tune *t);
void tac_tune_changed(struct tac_tune *t);
enum tacit_status tac_tune_save(const struct tac_tune *t, const char *dir,
                                struct tacit_err *err) TAC_MUST_USE;

/* Ports of a model without anything trained. */
struct tac_ports tac_ports_plain(const struct tac_weights *w);

#endif
