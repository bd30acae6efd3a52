/* A model as it lies on disk: its shape, and its tensors mapped read-only. Knows no backend. */
#ifndef TAC_MODEL_MODEL_H
#define TAC_MODEL_MODEL_H

#include "format/json.h"
#include "format/safetensors.h"
#include "model/family.h"

struct tac_model {
    char *path; /* the folder */
    const struct tac_family *family;
    struct tac_decoder_config c;
    json_t *config;
    struct tac_safetensors *shard;
    char **shard_path;
    size_t n_shard;
    /* tensors by slot: TAC_N_GLOBAL, then TAC_N_LAYER a layer; NULL where the model has none */
    const struct tac_tensor **tensor;
    size_t n_slot;
    int refs;
};

/* tac_model_open: a HuggingFace folder (config.json with model.safetensors or a sharded index), or
 * a hub id that the local HuggingFace cache `cache` (a folder "hub", may be NULL) holds. Errors
 * name file and field; a hub id that is not there gets the command that downloads it. */
enum tacit_status tac_model_open(struct tac_model **out, const char *path, const char *cache,
                                 struct tacit_err *err) TAC_MUST_USE;
struct tac_model *tac_model_ref(struct tac_model *m);
void tac_model_close(struct tac_model *m);

/* tac_model_slot: tensor of a global slot (layer = SIZE_MAX) or a layer's slot, as an index of
 * `tensor`. */
size_t tac_model_slot(size_t layer, int slot);
/* The slot's name in HuggingFace's canonical spelling (with the family's prefix), into buf; returns
 * buf. */
const char *tac_model_slot_name(const struct tac_model *m, size_t slot, char buf[160]);
/* The slot's shape by the config: rows, cols (cols 0: a vector of `rows`; rows 0: the model has
 * none). */
void tac_model_slot_shape(const struct tac_decoder_config *c, size_t slot, size_t *rows,
                          size_t *cols);
/* ... and as it is stored: [in, out] where the config says `across` of it. */
bool tac_model_across(const struct tac_decoder_config *c, size_t slot);
void tac_model_stored_shape(const struct tac_decoder_config *c, size_t slot, size_t *rows,
                            size_t *cols);

/* tac_slot_names: the names a family gives a slot, with | between; NULL where it has none.
 * tac_slot_bare_name: the first of them without prefix, into buf; returns buf, and in *other (may
 * be NULL) the names behind it, or NULL. */
const char *tac_slot_names(const struct tac_family *f, size_t slot);
const char *tac_slot_bare_name(const char *names, size_t slot, char buf[160], const char **other);

/* tac_model_params: number of parameters. */
size_t tac_model_params(const struct tac_model *m);
/* tac_model_resident: bytes of its files that lie in memory now. tac_model_forget: they need not:
 * who reads them again gets them. */
size_t tac_model_resident(const struct tac_model *m);
void tac_model_forget(const struct tac_model *m);
void tac_model_forget_slot(const struct tac_model *m, size_t slot); /* one tensor */
/* tac_model_hash: of shape and every weight's bytes: a model's identity in a run's settings.
 * forget: what was read need not stay in memory. */
uint64_t tac_model_hash(const struct tac_model *m, bool forget);
/* tac_model_check: TACIT_EINPUT naming the first tensor and index that is NaN or infinite. */
enum tacit_status tac_model_check(const struct tac_model *m, struct tacit_err *err) TAC_MUST_USE;

#endif
