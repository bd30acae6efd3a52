/* tacit: trains soft prompts of a frozen causal language model, reads what they mean, compares
 * them.
 *
 * Handles are opaque: `_open` or `_new` makes one, `_close` or `_free` ends it (NULL accepted).
 * Every call that can fail returns a status and fills the caller's `struct tacit_err` (NULL
 * accepted). The library prints nothing, never exits, reads no environment and has no globals. A
 * model and what hangs on it belong to one thread at a time; it computes with threads of its own.
 * Option structs are filled by `_default()` and then changed. */
#ifndef TACIT_H
#define TACIT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TACIT_API __attribute__((visibility("default")))
#else
#define TACIT_API
#endif

/* What a call came to; also the program's exit status. */
enum tacit_status {
    TACIT_OK = 0,
    TACIT_EFAIL = 1,   /* the work failed: memory, disk, a diverging run */
    TACIT_EINPUT = 2,  /* wrong use or bad input: nothing was changed */
    TACIT_ECANCEL = 3, /* the caller's progress callback asked to stop */
};

/* An error: filled by the call that failed, owned by the caller; a complete message without a full
 * stop. */
struct tacit_err {
    enum tacit_status status;
    char msg[1024];
};

TACIT_API const char *tacit_version(void);
/* Frees what a call handed over as plain memory. */
TACIT_API void tacit_free(void *p);

/* ---- Progress
 * --------------------------------------------------------------------------------------------------
 */

enum tacit_event_kind {
    TACIT_EVENT_STEP,
    TACIT_EVENT_EVAL,
    TACIT_EVENT_WORK,
    TACIT_EVENT_UNIT, /* a unit of a study is done */
};

struct tacit_event {
    enum tacit_event_kind kind;
    uint64_t done, total;                /* steps, or pieces of work */
    size_t epoch, epochs;                /* STEP, EVAL */
    double loss, lr, grad_norm, seconds; /* STEP: of this step; EVAL: loss of the evaluation */
    size_t tokens;                       /* STEP: label tokens of this step */
    double score, accuracy;              /* EVAL */
    const char *what;                    /* of a study: the unit; NULL elsewhere */
    size_t units_done, units;            /* of a study */
    double rate;                         /* of a study: rows a second through the model, about */
    double left; /* of a study: seconds that are left, about; below 0: unknown */
};

/* report is called between pieces of work; a non-zero return stops the call with TACIT_ECANCEL. */
struct tacit_progress {
    int (*report)(void *ctx, const struct tacit_event *event);
    void *ctx;
};

/* ---- Tokenizer
 * -------------------------------------------------------------------------------------------------
 */

struct tacit_tokenizer;

/* path: a tokenizer.json, or a folder that holds one. */
TACIT_API enum tacit_status tacit_tokenizer_open(struct tacit_tokenizer **out, const char *path,
                                                 struct tacit_err *err);
TACIT_API void tacit_tokenizer_close(struct tacit_tokenizer *t);
TACIT_API size_t tacit_tokenizer_size(const struct tacit_tokenizer *t);
/* *ids (*n) is the caller's (tacit_free). Text is UTF-8 of `bytes` bytes; NUL is a character. */
TACIT_API enum tacit_status tacit_encode(const struct tacit_tokenizer *t, int32_t **ids, size_t *n,
                                         const char *text, size_t bytes, struct tacit_err *err);
/* How a text stands in the sequence that its ids become a part of. */
enum {
    TACIT_TEXT_BEGINS = 1, /* the tokens that the tokenizer's file puts before a text, come along */
    TACIT_TEXT_ENDS = 2,   /* those that it puts behind one do */
    TACIT_TEXT_CONTINUES =
        4, /* text stands before it: it gets no mark for a space that is not there,
              as the beginning of a text does in SentencePiece's vocabularies */
};
/* As tacit_encode, which is `how` 0; how: a sum of TACIT_TEXT_*. */
TACIT_API enum tacit_status tacit_encode_as(const struct tacit_tokenizer *t, int32_t **ids,
                                            size_t *n, const char *text, size_t bytes, unsigned how,
                                            struct tacit_err *err);
/* *text is the caller's (tacit_free), NUL-terminated; special tokens are kept. */
TACIT_API enum tacit_status tacit_decode(const struct tacit_tokenizer *t, char **text,
                                         size_t *bytes, const int32_t *ids, size_t n,
                                         struct tacit_err *err);

/* Learning a byte-level BPE from files of texts (as tacit_pretrain's); `path` becomes a
 * tokenizer.json. */
struct tacit_learn_options {
    size_t vocab;               /* tokens in all, at most */
    const char *pattern;        /* how words are cut: "bloom", "gpt2", "qwen2", "llama3" */
    size_t min_count;           /* a pair that becomes a token is there so often */
    const char *const *special; /* (n_special) special tokens, with the ids from 0 on */
    size_t n_special;
};

TACIT_API struct tacit_learn_options tacit_learn_options_default(void);
TACIT_API enum tacit_status tacit_tokenizer_learn(const char *path, const char *const *files,
                                                  size_t n_files,
                                                  const struct tacit_learn_options *o,
                                                  const struct tacit_progress *progress,
                                                  struct tacit_err *err);

/* Decoding token by token: text comes out as soon as its characters are whole. how:
 * TACIT_TEXT_CONTINUES where the ids continue a text, whose decoding would lose a space at the
 * beginning; else 0. */
struct tacit_stream;
TACIT_API enum tacit_status tacit_stream_new(struct tacit_stream **out,
                                             const struct tacit_tokenizer *t, unsigned how,
                                             struct tacit_err *err);
/* *text is borrowed until the next call; id < 0 ends the stream and gives what is left. */
TACIT_API enum tacit_status tacit_stream_next(struct tacit_stream *s, int32_t id, const char **text,
                                              size_t *bytes, struct tacit_err *err);
TACIT_API void tacit_stream_free(struct tacit_stream *s);

/* ---- Model
 * -----------------------------------------------------------------------------------------------------
 */

struct tacit_model;

struct tacit_model_options {
    const char *backend;   /* "cpu" (default), "ref", "ref64" */
    const char *isa;       /* "auto" (default), "portable", "avx2", "avx512" */
    const char *precision; /* "f32" (default), "bf16": products with frozen weights on operands
                              rounded to bfloat16, sums in float32; the same bytes on every
                              processor, twice as fast where it has AVX512_BF16 */
    int threads;           /* 0: one a processor */
    int weights_f32;       /* expand matrices to float32 when loading; default: as stored */
    /* bytes for everything in memory, what does not fit is refused; 0: none, but batches keep to
     * what the machine has where recomputing lets them */
    size_t memory_limit;
    int no_share;          /* compute common beginnings again for every sequence */
    const char *hub_cache; /* the HuggingFace cache's "hub" folder, or NULL */
};

TACIT_API struct tacit_model_options tacit_model_options_default(void);

/* path: a HuggingFace folder, a hub id that the cache holds, or the embedded model. */
TACIT_API enum tacit_status tacit_model_open(struct tacit_model **out, const char *path,
                                             const struct tacit_model_options *o,
                                             struct tacit_err *err);
TACIT_API void tacit_model_close(struct tacit_model *m);

struct tacit_model_info {
    const char *path, *family, *backend, *dtype; /* borrowed from the model */
    size_t layers, width, heads, mlp_width, vocab, parameters;
    size_t weight_bytes; /* as they lie in memory */
    size_t tokens;       /* of the tokenizer; 0 where there is none */
    int threads;
    int bf16, bf16_native; /* the precision; whether the processor has instructions for it */
    size_t longest;        /* tokens of a sequence at most, a prompt's among them: what is longer is
                              refused,        and generation ends there */
    const char *longest_by; /* the field of config.json that says so; NULL: tacit's own limit */
};

TACIT_API void tacit_model_describe(const struct tacit_model *m, struct tacit_model_info *info);
/* The folder's tokenizer, borrowed; NULL where the folder has none. */
TACIT_API const struct tacit_tokenizer *tacit_model_tokenizer(const struct tacit_model *m);

/* The path of the model inside the program ("tacit:micro": a small BLOOM that tacit pretrained
 * itself), which tacit_model_open and all that take a model's path accept; NULL where it was built
 * without one. */
TACIT_API const char *tacit_model_embedded(void);

/* A new model folder of random weights N(0, std), gains 1, biases 0. */
struct tacit_model_shape {
    size_t layers, width, heads, vocab; /* vocab 0: the tokenizer's size */
    double std;
    uint64_t seed;
    const char *dtype;     /* "f32", "f16", "bf16" */
    const char *tokenizer; /* a tokenizer.json to copy into the folder, or NULL */
    const char *family;    /* config.json's model_type: "bloom", "llama", ... */
    /* 0: as wide as 4 widths, as many as heads, width / heads, 1024. Refused where the family has
     * no such size */
    size_t mlp_width, key_heads, head_width, positions;
};

TACIT_API struct tacit_model_shape tacit_model_shape_default(void);
TACIT_API enum tacit_status
tacit_model_create(const char *dir, const struct tacit_model_shape *shape, struct tacit_err *err);

/* A model folder (path: a folder or a hub id) in another dtype: "f32", "f16", "bf16"; rounded to
 * nearest, ties to even. Names become HuggingFace's canonical ones, shards one file. */
TACIT_API enum tacit_status tacit_model_convert(const char *dir, const char *path,
                                                const char *dtype, const char *hub_cache,
                                                struct tacit_err *err);

/* ---- Adapters and prompts
 * -------------------------------------------------------------------------------------- */

struct tacit_adapter;

/* dir: a PEFT folder of the model, or several that hold prompts with + between: these stand one
 * after another. m may be NULL where the folder holds a prompt. */
TACIT_API enum tacit_status tacit_adapter_open(struct tacit_adapter **out, const char *dir,
                                               const struct tacit_model *m, struct tacit_err *err);
TACIT_API void tacit_adapter_close(struct tacit_adapter *a);
TACIT_API size_t tacit_adapter_tokens(const struct tacit_adapter *a);
/* Its peft_type. */
TACIT_API const char *tacit_adapter_type(const struct tacit_adapter *a);
/* (tokens, width) values of a prompt, borrowed; NULL for other types. */
TACIT_API const float *tacit_adapter_values(const struct tacit_adapter *a);
/* The text that the prompt was started from, or NULL where the folder does not say. */
TACIT_API const char *tacit_adapter_init_text(const struct tacit_adapter *a);
/* Where it stood in training, as its folder says: "template", "front" or "end". */
TACIT_API const char *tacit_adapter_place(const struct tacit_adapter *a);

/* In an evaluation: what the call's prompts that have adapters say together, by the mean of their
 * log-likelihoods or by vote (among equals the larger mean). */
enum tacit_ensemble { TACIT_ALONE, TACIT_MEAN, TACIT_VOTE };

/* What a text is run under: an adapter, else a text, else nothing. */
struct tacit_prompt {
    const char *name; /* in tables */
    const struct tacit_adapter *adapter;
    const char *text;
    /* "template": where a task's template marks it or a query says, else in front; "front"; "end":
     * behind the text, just before what is to be predicted. NULL: the adapter's own, a text's is
     * the template's */
    const char *place;
    enum tacit_ensemble ensemble; /* tacit_eval alone; not TACIT_ALONE: all else is unused */
};

/* What moving between tools needs beside two paths; NULL or 0: not given. */
struct tacit_convert_options {
    const char *dtype;     /* of a model folder: "f32", "f16", "bf16"; of a GGUF file or a llama2.c
                              checkpoint NULL keeps each tensor's (Q8_0 becomes f16) */
    const char *tokenizer; /* a llama2.c checkpoint's tokenizer file */
    const char *model;     /* the model that a prompt is for: a folder or a hub id */
    const char *hub_cache; /* as in tacit_model_options */
    const char *text;      /* embeddings of its tokens stand by the prompt's rows in a file: behind
                              them, or before, as the place says */
    const char *before;    /* a text before that; with place "template" before the prompt */
    const char *place;     /* of the prompt, as tacit_prompt's; NULL: what FROM says */
    const char *base_name; /* base_model_name_or_path of an adapter folder; default: FROM's, else
                              model */
    size_t width;          /* of the rows of a .f32 or .bin file, where no model is given */
    int old_bloom_prefix;  /* from is a PREFIX_TUNING folder that PEFT trained for BLOOM under
                              transformers <= 4.43: to gets it in today's order */
    long task;             /* which task of a MULTITASK_PROMPT_TUNING folder; below 0: not given */
    const struct tacit_progress *progress; /* of a GGUF file or a checkpoint: tensors written */
};

/* What was written: a model, its matrices of this dtype ("f32", "f16", "bf16"), or a prompt of so
 * many rows. */
struct tacit_convert_result {
    int is_model;
    const char *dtype;
    size_t tokens, text_tokens, width;
};

TACIT_API struct tacit_convert_options tacit_convert_options_default(void);
/* A prompt from one tool's form to another's, a model folder to another dtype, or another program's
 * model to a HuggingFace folder: a GGUF file of an architecture and of types that are supported, a
 * llama2.c checkpoint of version 0. These two are known by their contents, before the name's
 * ending. from: a PEFT folder (PROMPT_TUNING, P_TUNING, MULTITASK_PROMPT_TUNING); .npy; .f32 or
 * .bin (little-endian float32 rows); else a model as tacit_model_open takes it. to: .npy, .f32,
 * .bin, .pt (as torch.save writes); a name without an ending: a folder, for prompts a PROMPT_TUNING
 * one. A file that is there is replaced; a folder that holds a run or a model gets no prompt. */
TACIT_API enum tacit_status tacit_convert(struct tacit_convert_result *r, const char *to,
                                          const char *from, const struct tacit_convert_options *o,
                                          struct tacit_err *err);
/* A model folder with a LORA or IA3 adapter folded into its matrices: W + scale B A, or W and its
 * bias scaled, in double and rounded to float32, then to dtype ("f32", "f16", "bf16"; NULL: each
 * tensor's own). *matrices: how many were changed. Adapters that add tokens are TACIT_EINPUT. */
TACIT_API enum tacit_status tacit_adapter_merge(const char *dir, const char *adapter,
                                                const char *model, const char *dtype,
                                                const char *hub_cache, size_t *matrices,
                                                struct tacit_err *err);
/* The bytes of the .pt file as base64: what vLLM's servers take as prompt_embeds. *text is the
 * caller's (tacit_free). */
TACIT_API enum tacit_status tacit_convert_base64(struct tacit_convert_result *r, char **text,
                                                 const char *from,
                                                 const struct tacit_convert_options *o,
                                                 struct tacit_err *err);

/* ---- Scoring and generation
 * ------------------------------------------------------------------------------------ */

struct tacit_query {
    const int32_t *context;
    size_t n_context;
    const int32_t *target;
    size_t n_target;
    size_t at;     /* so many tokens of the context stand before a prompt (0: it stands in front) */
    size_t prompt; /* which of the call's prompts it is run under */
};

/* logprob: natural logarithms, one a target token, query after query; best: the most probable token
 * at each place, or NULL. prompt: an array that queries count in (NULL: none); queries under
 * different prompts are run together, and give the bytes that each alone would. */
TACIT_API enum tacit_status tacit_score(struct tacit_model *m, double *logprob, int32_t *best,
                                        const struct tacit_prompt *prompt,
                                        const struct tacit_query *query, size_t n,
                                        const struct tacit_progress *progress,
                                        struct tacit_err *err);

/* All bytes that scoring would take at its largest batch (rows), weights included, without running
 * it. */
TACIT_API enum tacit_status tacit_score_plan(struct tacit_model *m,
                                             const struct tacit_prompt *prompt,
                                             const struct tacit_query *query, size_t n,
                                             size_t *bytes, size_t *rows, struct tacit_err *err);

struct tacit_generate_options {
    size_t max_tokens;
    double temperature; /* 0: greedy */
    size_t top_k;       /* 0: all */
    double top_p;       /* 1: all */
    uint64_t seed;
    const int32_t *stop; /* tokens that end the text */
    size_t n_stop;
};

TACIT_API struct tacit_generate_options tacit_generate_options_default(void);
/* on_token: a non-zero return ends the text (TACIT_OK). Of fewer than max_tokens, where the model
 * has no place for more. */
TACIT_API enum tacit_status tacit_generate(struct tacit_model *m, const struct tacit_prompt *prompt,
                                           const int32_t *ids, size_t n,
                                           const struct tacit_generate_options *o,
                                           int (*on_token)(void *ctx, int32_t id, double logprob),
                                           void *ctx, struct tacit_err *err);

/* ---- Tasks
 * -----------------------------------------------------------------------------------------------------
 */

struct tacit_task;

/* name: a YAML file's path, or the name of NAME.yaml in one of the folders (NULL-terminated list).
 */
TACIT_API enum tacit_status tacit_task_open(struct tacit_task **out, const char *name,
                                            const char *const *folders, struct tacit_err *err);
TACIT_API void tacit_task_close(struct tacit_task *t);
TACIT_API const char *tacit_task_name(const struct tacit_task *t);
TACIT_API const char *tacit_task_description(const struct tacit_task *t);
TACIT_API const char *tacit_task_metric(const struct tacit_task *t);

/* Rendered and tokenised examples of one split. */
struct tacit_examples;

struct tacit_examples_options {
    size_t limit;      /* 0: all */
    size_t shots;      /* 0, or so many examples of each answer */
    uint64_t seed;     /* of the shots */
    size_t max_length; /* tokens of input and answer; inputs are cut on their left; 0: 2048 */
    int labelled;      /* 1: an example without a label is an error */
};

TACIT_API struct tacit_examples_options tacit_examples_options_default(void);
TACIT_API enum tacit_status tacit_examples_load(struct tacit_examples **out,
                                                const struct tacit_task *task, const char *data,
                                                const char *split, const struct tacit_tokenizer *t,
                                                const struct tacit_examples_options *o,
                                                struct tacit_err *err);
TACIT_API void tacit_examples_free(struct tacit_examples *e);
TACIT_API size_t tacit_examples_count(const struct tacit_examples *e);
TACIT_API size_t tacit_examples_truncated(const struct tacit_examples *e);

/* One example, borrowed. */
struct tacit_example {
    const char *input;
    const int32_t *ids; /* of the input */
    size_t n_ids;
    size_t at;   /* so many of the ids stand before a prompt: 0 where the template has no mark */
    size_t mark; /* ... bytes of the input */
    size_t n_answers;
    int gold; /* -1: unlabelled */
};

TACIT_API void tacit_examples_get(const struct tacit_examples *e, size_t i,
                                  struct tacit_example *out);
TACIT_API const char *tacit_examples_answer(const struct tacit_examples *e, size_t i, size_t answer,
                                            const int32_t **ids, size_t *n);

/* ---- Evaluation
 * ------------------------------------------------------------------------------------------------
 */

/* What one prompt came to over the examples. Intervals are 95 %. */
struct tacit_eval_row {
    const char *name;
    double accuracy, accuracy_stderr, accuracy_low,
        accuracy_high; /* argmax of summed log-likelihood: `acc` */
    double accuracy_norm,
        accuracy_norm_stderr; /* ... per character (without a leading blank): `acc_norm` */
    double accuracy_byte, accuracy_token; /* ... per byte, per token of the answer */
    double metric, f1,
        macro_f1;    /* the task's metric; F1 of the positive answer; mean over answers */
    double auroc;    /* of the positive answer's margin; NaN unless there are two */
    double loss;     /* mean negative log-likelihood of the right answer's tokens */
    double majority; /* accuracy of always giving the commonest answer */
};

/* Accuracy of row b minus that of row a over the same examples. */
struct tacit_eval_diff {
    size_t a, b;
    double accuracy, low, high;
};

struct tacit_eval;
TACIT_API enum tacit_status
tacit_eval(struct tacit_eval **out, struct tacit_model *m, const struct tacit_task *task,
           const struct tacit_examples *examples, const struct tacit_prompt *prompt,
           size_t n_prompt, const struct tacit_progress *progress, struct tacit_err *err);
/* All bytes that this would take at its largest batch (rows), weights included. */
TACIT_API enum tacit_status tacit_eval_plan(struct tacit_model *m,
                                            const struct tacit_examples *examples,
                                            const struct tacit_prompt *prompt, size_t n_prompt,
                                            size_t *bytes, size_t *rows, struct tacit_err *err);
TACIT_API void tacit_eval_free(struct tacit_eval *e);
TACIT_API size_t tacit_eval_rows(const struct tacit_eval *e);
TACIT_API const struct tacit_eval_row *tacit_eval_row(const struct tacit_eval *e, size_t i);
/* Every later row against every earlier one. */
TACIT_API size_t tacit_eval_diffs(const struct tacit_eval *e);
TACIT_API const struct tacit_eval_diff *tacit_eval_diff(const struct tacit_eval *e, size_t i);
/* Confusion counts of a row: gold g given as p. answers: how many answers there are (0 where they
 * differ from example to example). */
TACIT_API size_t tacit_eval_answers(const struct tacit_eval *e);
TACIT_API size_t tacit_eval_confusion(const struct tacit_eval *e, size_t row, size_t g, size_t p);
/* Summed log-likelihood of an example's answer under a row's prompt. */
TACIT_API double tacit_eval_loglik(const struct tacit_eval *e, size_t row, size_t example,
                                   size_t answer);

/* ---- Training
 * --------------------------------------------------------------------------------------------------
 */

/* What training starts from. A prompt: embeddings; a prefix: their keys and values in every layer;
 * other methods draw their own first values (TEXT without init_text, NORMAL, ZERO). */
enum tacit_init {
    TACIT_INIT_TEXT,    /* of a text's tokens */
    TACIT_INIT_VOCAB,   /* of random tokens */
    TACIT_INIT_NORMAL,  /* N(0,1) */
    TACIT_INIT_ADAPTER, /* a PEFT folder's, whose type is the method */
    TACIT_INIT_ZERO,
};

/* The methods, by place; NULL behind the last. `lora:r=8,alpha=16` is a method with settings. */
struct tacit_method {
    const char *name, *summary;
    const char *peft_type; /* what it writes; NULL: a model folder */
    int from_text;         /* can start from a text's tokens; others ignore an init text */
    double lr;             /* learning rate where none is said */
    size_t settings;
};
struct tacit_setting {
    const char *name, *help;
    double value; /* default; NaN: a text */
};
TACIT_API int tacit_method_get(size_t i, struct tacit_method *out); /* 0 where there is none */
/* The method of a string, settings or not; 0 where there is none. */
TACIT_API int tacit_method_find(const char *string, struct tacit_method *out);
TACIT_API void tacit_method_setting(size_t i, size_t k, struct tacit_setting *out);

#define TACIT_SEED_COMMON UINT64_MAX /* a noise source's own seed: take the common one */

struct tacit_train_options {
    const char *method; /* with its settings: "prompt", "lora:r=8,alpha=16"; NULL: the init
                           adapter's, else prompt */
    size_t tokens;      /* of a prompt or prefix; 0: as many as the init text has */
    enum tacit_init init;
    const char *init_text;    /* TEXT: NULL takes the task's description */
    const char *init_adapter; /* ADAPTER: a PEFT folder */
    const char *place; /* of the prompt: "template", "front", "end" (as tacit_prompt's); NULL: the
                          init adapter's own, else the template's */
    const char *optimizer; /* "adamw", "adafactor", "muon" (full training) */
    const char *schedule;  /* "linear", "cosine", "constant" */
    double lr, beta1, beta2, eps, weight_decay, clip;
    double momentum; /* Muon's */
    double warmup;   /* below 1: a share of all steps; else steps */
    size_t batch, batch_tokens, accumulate, epochs;
    uint64_t steps; /* 0: epochs decide */
    /* of the examples: "shuffled" (NULL), "file", or "passages": shuffled, those whose texts begin
     * alike as neighbours, so that they share rows */
    const char *order;
    /* which seeds matter. What is drawn (init NORMAL, VOCAB's tokens, LoRA, P-tuning, a prefix's
     * MLP) comes of seed_init always; noise_init jitters the values of tokens, of an adapter, IA3's
     */
    int noise_order, noise_init, noise_moments;
    uint64_t seed; /* of every source whose own is TACIT_SEED_COMMON */
    uint64_t seed_order, seed_init, seed_moments;
    double init_scale, moments_scale;
    uint64_t eval_steps;
    size_t eval_epochs;
    int keep_best;
    size_t patience;
    /* above 0: adds pull_weight * mean |row - target row|^2 / mean |target row|^2 to a prompt's
     * loss; the target is pull_text's embeddings, cut or repeated to the prompt's tokens */
    const char *pull_text;
    double pull_weight;
    /* keys and values of the texts before a prompt (place "end", or a mark), which training it does
     * not change: "auto" (NULL): kept where memory allows, the same bytes; "off"; "f16": kept as
     * float16, which gives other bytes */
    const char *text_cache;
    const char *out;       /* the run's folder */
    const char *base_name; /* base_model_name_or_path; NULL: the model's path */
};

TACIT_API struct tacit_train_options tacit_train_options_default(void);
/* Sets init with what belongs to it by its name: "description", "text:TEXT", "vocab", "normal",
 * "adapter:DIR"; TEXT and DIR point into the name. */
TACIT_API enum tacit_status tacit_train_init(struct tacit_train_options *o, const char *init,
                                             struct tacit_err *err);
/* ... that name, without TEXT or DIR. */
TACIT_API const char *tacit_train_init_name(const struct tacit_train_options *o);

struct tacit_train_result {
    uint64_t steps, best_step;
    double last_loss, best_score;
    size_t tokens;       /* rows of the prompt */
    size_t parameters;   /* trained */
    size_t memory_bytes; /* weights, buffers, trainables and the largest batch's activations, as
                            planned: the same for equal runs (the program itself is not in it) */
    uint64_t rows,
        rows_unshared; /* computed, and what a batch without sharing would have computed */
    int already_done, resumed;
    char identity[24];
};

/* validation may be NULL: then nothing is evaluated. */
TACIT_API enum tacit_status
tacit_train(struct tacit_model *m, const struct tacit_task *task,
            const struct tacit_examples *train, const struct tacit_examples *validation,
            const struct tacit_train_options *o, struct tacit_train_result *result,
            const struct tacit_progress *progress, struct tacit_err *err);

/* What training would take of memory, in bytes. */
struct tacit_memory {
    size_t bytes;   /* the most at once: the sum of the following, or what the process has had */
    size_t program; /* what lies there now: code, tokenizer, examples */
    size_t weights; /* those that are read, as they lie in memory */
    size_t trained; /* values, gradients, the optimiser's state, the backend's buffers */
    size_t texts;   /* kept ones */
    size_t activations; /* of the largest batch, evaluations' included */
    size_t rows;        /* of the largest training batch, computed */
    size_t limit;       /* what was to be kept to; 0: none is known */
    int said;           /* limit is the model's memory_limit; else what the machine has */
    int recompute; /* to keep to it, large batches compute activations again in the backward pass */
    double again;  /* ... which is this share more work for the largest */
};

/* Without training. validation: what is evaluated meanwhile, or NULL. */
TACIT_API enum tacit_status tacit_train_plan(struct tacit_model *m, const struct tacit_task *task,
                                             const struct tacit_examples *train,
                                             const struct tacit_examples *validation,
                                             const struct tacit_train_options *o,
                                             struct tacit_memory *out, struct tacit_err *err);

/* What precision bf16 costs: the loss of that batch, untrained, in both precisions. */
TACIT_API enum tacit_status tacit_train_rounding(struct tacit_model *m,
                                                 const struct tacit_task *task,
                                                 const struct tacit_examples *train,
                                                 const struct tacit_train_options *o, double *f32,
                                                 double *bf16, struct tacit_err *err);

/* The texts before the prompts that training could keep (text_cache), and whether it does; n 0
 * where there are none. bytes are part of tacit_train_plan's where they are kept. */
struct tacit_train_texts {
    size_t n, bytes;
    int kept;
};
TACIT_API enum tacit_status tacit_train_texts(struct tacit_model *m, const struct tacit_task *task,
                                              const struct tacit_examples *train,
                                              const struct tacit_train_options *o,
                                              struct tacit_train_texts *out, struct tacit_err *err);

/* Full training on the next token everywhere. Files: plain text, or JSON lines: {"text": ...}, or
 * {"parts": [[TEXT, WEIGHT],
 * ...]} with what the tokens of each part count for in the loss. Where the tokenizer has an
 * end-of-text, it ends each text. context: texts are joined and cut into pieces of so many tokens;
 * 0: each is a sequence of its own. */
TACIT_API enum tacit_status
tacit_pretrain(struct tacit_model *m, const char *const *files, size_t n_files, size_t context,
               const struct tacit_train_options *o, struct tacit_train_result *result,
               const struct tacit_progress *progress, struct tacit_err *err);

/* ---- Reading a prompt
 * ------------------------------------------------------------------------------------------ */

struct tacit_neighbor {
    int32_t id;
    const char *text;   /* borrowed from the result; "" where the model has no tokenizer */
    const char *script; /* "Latin", "Han", ... */
    double cosine;
};

/* One trained token, raw (0) and after the model's embedding norm (1). */
struct tacit_reading {
    int32_t init_id; /* -1: unknown */
    const char *init_text;
    size_t k;
    struct {
        const struct tacit_neighbor *neighbor; /* (k) best first */
        double margin;                         /* cosine of the best minus that of the second */
        double z;           /* of the margin, against real rows perturbed to equal cosine */
        double init_cosine; /* to the init's embedding; NaN where it is unknown */
        size_t init_rank;   /* 1: the nearest is the init token; 0: unknown */
        double drift;       /* distance to the init's embedding */
        double drift_ratio; /* ... by the norm of that embedding */
    } view[2];
    int persisted; /* nearest (raw) is the init token */
};

struct tacit_explain_options {
    size_t k;        /* neighbours a token */
    size_t controls; /* perturbed real rows behind z */
    uint64_t seed;
};

struct tacit_explain;
TACIT_API struct tacit_explain_options tacit_explain_options_default(void);
TACIT_API enum tacit_status tacit_explain(struct tacit_explain **out, struct tacit_model *m,
                                          const struct tacit_adapter *a,
                                          const struct tacit_explain_options *o,
                                          struct tacit_err *err);
TACIT_API void tacit_explain_free(struct tacit_explain *e);
TACIT_API size_t tacit_explain_count(const struct tacit_explain *e);
TACIT_API const struct tacit_reading *tacit_explain_get(const struct tacit_explain *e, size_t i);

/* ---- Studies
 * -----------------------------------------------------------------------------------------------------
 * docs/STUDY.md says what a study is, and what its store (OUT/study.db) holds. */

struct tacit_study;

struct tacit_study_options {
    const char *model;                        /* NULL: the study file's, else the embedded one */
    const char *data;                         /* NULL: the study file's */
    const char *const *task_folders;          /* as tacit_task_open's */
    struct tacit_model_options model_options; /* threads: of all workers together */
    size_t jobs;                              /* units at once; 0: as the model's size suggests */
    int read_only;                            /* 1: plan and status alone; nothing is written */
    int sweep;                                /* 1: the file's sweep, instead of the study */
};

TACIT_API struct tacit_study_options tacit_study_options_default(void);

/* file: the study's YAML; dir: its folder, which becomes this process's (TACIT_EINPUT where another
 * one works on it). Reads all tasks, and finds what is done already. */
TACIT_API enum tacit_status tacit_study_open(struct tacit_study **out, const char *file,
                                             const char *dir, const struct tacit_study_options *o,
                                             struct tacit_err *err);
TACIT_API void tacit_study_close(struct tacit_study *s);

/* The models of a file that names several (key `models`): *n paths in one block, to be freed by
 * tacit_free; 0 where it names one or none. Each is opened as a study with its path as the options'
 * model, in dir/NAME; tacit_study_part says its NAME. tacit_study_join puts what the studies in
 * these folders have found into dir/study.db, tables and claims by model; before them it takes the
 * folder, or says whose it is. */
TACIT_API enum tacit_status tacit_study_models(char ***out, size_t *n, const char *file,
                                               struct tacit_err *err);
TACIT_API const char *tacit_study_part(const char *model);
TACIT_API enum tacit_status tacit_study_join(const char *dir, const char *file,
                                             const char *const *model, size_t n,
                                             struct tacit_err *err);

/* A piece of work. */
struct tacit_unit {
    const char *key, *kind; /* "make:entail/prompt/1", "make" */
    const char *prompt;     /* the kind of its prompt: "prompt", "full", "random" */
    int done;
    double cost; /* rows through the model, about */
};

TACIT_API size_t tacit_study_units(const struct tacit_study *s);
TACIT_API void tacit_study_unit(const struct tacit_study *s, size_t i, struct tacit_unit *out);

/* What is still to be done would take, from one training step and one evaluation that are timed. */
struct tacit_study_cost {
    size_t jobs, units; /* at once; not done */
    double seconds;     /* with so many jobs */
    size_t memory_bytes;
};
TACIT_API enum tacit_status tacit_study_plan(struct tacit_study *s, struct tacit_study_cost *out,
                                             struct tacit_err *err);

/* Does what is not done, then makes all tables and claims anew. */
TACIT_API enum tacit_status tacit_study_run(struct tacit_study *s,
                                            const struct tacit_progress *progress,
                                            struct tacit_err *err);

/* A finding, tested. Numbers are NaN where there is none. */
struct tacit_claim {
    const char *id, *finding, *verdict, *note;
    double estimate, low, high, p, p_holm;
};
TACIT_API size_t tacit_study_claims(const struct tacit_study *s);
TACIT_API void tacit_study_claim(const struct tacit_study *s, size_t i, struct tacit_claim *out);

/* What a sweep found: of a method's combinations of settings the best one by the validation split,
 * on a task (or "all": by the mean over tasks). accuracy, with its 95 % interval: on the split that
 * is reported, which had no part in the choice. */
struct tacit_best {
    const char *task, *method, *config;
    double validation, accuracy, low, high;
    size_t tried, diverged; /* combinations; those of which a run diverged are never best */
};
TACIT_API size_t tacit_study_bests(const struct tacit_study *s);
TACIT_API void tacit_study_best(const struct tacit_study *s, size_t i, struct tacit_best *out);

/* ---- Benchmarks
 * -----------------------------------------------------------------------------------------------------
 * Measured in alternation: each round runs everything once. OpenBLAS is used where its shared
 * library is found. */

struct tacit_bench_options {
    const size_t *rows; /* (n_rows) M of the matrix products */
    size_t n_rows;
    size_t rounds;      /* medians are over so many */
    size_t texts;       /* a batch of the evaluation pass and the training step: so many random */
    size_t length;      /* ... texts of so many tokens */
    const char *method; /* what is trained: "lora:r=8"; NULL: a prompt */
    size_t tokens;      /* soft tokens, where the method has such */
    size_t prefill;     /* tokens of a random text whose keys and values are kept */
    size_t decode;      /* tokens written behind it; at least 2 */
    const char *trace;  /* file for the events of one round as Chrome's trace format, or NULL */
};

/* A matrix product of the model's own shapes, (M,K) by (K,N). Medians over the rounds. */
struct tacit_bench_product {
    char name[32];
    size_t M, N, K;
    double seconds, flops; /* of one */
    double share;          /* of the peak */
    double ratio;          /* OpenBLAS' seconds by ours; NaN where there is none */
    double low, high;      /* the least and largest ratio of a round */
};

/* An op's part of a pass. Products: (rows,K) by (K,N). */
struct tacit_bench_op {
    const char *name;
    size_t N, K, calls, rows;
    double seconds, flops;
    double weight_bytes; /* of weight matrices that it read */
    double idle;         /* share of the threads' time that they waited; NaN: not measured */
};

/* A pass through the model, always over the same batch: evaluation, training step, prefill,
 * decode. */
struct tacit_bench_pass {
    char name[64];
    size_t rows, tokens;        /* computed, and what the texts have without sharing and caches */
    double seconds, low, high;  /* over the rounds: median, least, largest */
    double flops;               /* useful ones: products whose result is needed, attention aside */
    double share;               /* of the peak */
    double weight_bytes;        /* of weight matrices that it must read */
    size_t faults;              /* minor page faults once it is steady */
    size_t resident, anonymous; /* the process's peak during it, and what was not a file's after it;
                                   0: not known here */
    double watched;             /* seconds of a run whose ops were timed, and these */
    const struct tacit_bench_op *op; /* (n_op) */
    size_t n_op;
    double idle; /* as of an op: of all that were measured */
};

struct tacit_bench_owner {
    const char *name;
    size_t bytes;
};

struct tacit_bench {
    const char *peer; /* what OpenBLAS says of itself; NULL where it was not found */
    double peak;      /* flop/s: the best product of either in this process */
    double
        bandwidth; /* byte/s: the weights that decoding reads, read in sequence behind it; median */
    /* decoding's weight bytes a second as a part of that, by round: median, least, most */
    double read_share, read_low, read_high;
    const struct tacit_bench_product *product;
    size_t n_product;
    const struct tacit_bench_pass *pass;
    size_t n_pass;
    const struct tacit_bench_owner *owner; /* of memory, before OpenBLAS was opened */
    size_t n_owner;
};

TACIT_API struct tacit_bench_options tacit_bench_options_default(void);
/* OpenBLAS chooses its kernels by the processor, or by OPENBLAS_CORETYPE where that is set. Errors:
 * an option; a backend other than cpu; the trace's file, before anything runs. */
TACIT_API enum tacit_status tacit_bench(struct tacit_bench **out, struct tacit_model *m,
                                        const struct tacit_bench_options *o,
                                        const struct tacit_progress *progress,
                                        struct tacit_err *err);
TACIT_API void tacit_bench_free(struct tacit_bench *b);

/* ---- Looking into files
 * ---------------------------------------------------------------------------------------- */

struct tacit_inspect;

struct tacit_tensor_info {
    const char *name, *dtype, *file;
    int rank;
    size_t shape[8];
    size_t bytes;
};

/* path: a model folder or hub id, an adapter folder, or a safetensors file. check: scan for NaN and
 * infinity; the first one found is an error that names it. */
TACIT_API enum tacit_status tacit_inspect(struct tacit_inspect **out, const char *path,
                                          const char *hub_cache, int check, struct tacit_err *err);
TACIT_API void tacit_inspect_free(struct tacit_inspect *i);
TACIT_API const char *
tacit_inspect_kind(const struct tacit_inspect *i); /* "model", "adapter", "file" */
TACIT_API size_t tacit_inspect_facts(const struct tacit_inspect *i);
/* A named fact: "family", "layers", "parameters", "memory to score (bytes)", ... */
TACIT_API const char *tacit_inspect_fact(const struct tacit_inspect *i, size_t k,
                                         const char **value);
TACIT_API size_t tacit_inspect_tensors(const struct tacit_inspect *i);
TACIT_API const struct tacit_tensor_info *tacit_inspect_tensor(const struct tacit_inspect *i,
                                                               size_t k);

/* ---- Report
 * --------------------------------------------------------------------------------------------------
 */

struct tacit_report_result {
    char *path;             /* of report.html; the caller's (tacit_free) */
    size_t bytes;           /* of that file */
    size_t figures, tables; /* files beside it: figures/NAME.svg, tables/NAME.tsv */
};

/* dir: the folder of a study. Reads its study.db, writes report.html, figures and tables there. */
TACIT_API enum tacit_status tacit_report(const char *dir, struct tacit_report_result *out,
                                         struct tacit_err *err);

#ifdef __cplusplus
}
#endif

#endif
