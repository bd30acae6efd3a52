#include "base/embedded.h"

#include <string.h>

#ifdef TAC_EMBED_DIR

#define EMBED(symbol, name) TAC_EMBED(symbol, TAC_EMBED_DIR "/" name)

EMBED(tac_embed_config, "config.json");
EMBED(tac_embed_weights, "model.safetensors");
EMBED(tac_embed_tokenizer, "tokenizer.json");
EMBED(tac_embed_tokenizer_config, "tokenizer_config.json");

static const struct {
    const char *path;
    const unsigned char *data, *end;
} files[] = {
    {TAC_EMBEDDED_MODEL "/config.json", tac_embed_config, tac_embed_config_end},
    {TAC_EMBEDDED_MODEL "/model.safetensors", tac_embed_weights, tac_embed_weights_end},
    {TAC_EMBEDDED_MODEL "/tokenizer.json", tac_embed_tokenizer, tac_embed_tokenizer_end},
    {TAC_EMBEDDED_MODEL "/tokenizer_config.json", tac_embed_tokenizer_config,
     tac_embed_tokenizer_config_end},
};

bool tac_embedded_find(struct tac_embedded *out, const char *path)
{
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (strcmp(files[i].path, path) == 0) {
            *out = (struct tac_embedded){files[i].data, (size_t)(files[i].end - files[i].data)};
            return true;
        }
    return false;
}

bool tac_embedded_is_dir(const char *path)
{
    size_t n = strlen(TAC_EMBEDDED_MODEL);
    return strncmp(path, TAC_EMBEDDED_MODEL, n) == 0 &&
           (!path[n] || (path[n] == '/' && !path[n + 1]));
}

#else

bool tac_embedded_find(struct tac_embedded *out, const char *path)
{
    (void)out;
    (void)path;
    return false;
}

bool tac_embedded_is_dir(const char *path)
{
    (void)path;
    return false;
}

#endif
