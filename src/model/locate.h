/* Finding a model's folder: a path, or a hub id in the local HuggingFace cache. */
#ifndef TAC_MODEL_LOCATE_H
#define TAC_MODEL_LOCATE_H

#include "base/err.h"

/* tac_model_locate: *folder (to be freed) is `path` where that is a folder, else the snapshot that
 * the cache holds for the hub id `path` ("org/name"). cache: the cache's "hub" folder, or NULL.
 * Errors: TACIT_EINPUT with the command that downloads it. */
enum tacit_status tac_model_locate(char **folder, const char *path, const char *cache,
                                   struct tacit_err *err) TAC_MUST_USE;

#endif
