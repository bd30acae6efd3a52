/* Files that lie inside the program: "tacit:micro/config.json" and its neighbours, the model that
 * tacit pretrained itself. Everything that reads a file by path reads them too (file.c); nothing
 * writes there. */
#ifndef TAC_BASE_EMBEDDED_H
#define TAC_BASE_EMBEDDED_H

#include <stdbool.h>
#include <stddef.h>

#define TAC_EMBEDDED_MODEL "tacit:micro"

struct tac_embedded {
    const unsigned char *data;
    size_t size;
};

/* tac_embedded_find: false where there is no such file. */
bool tac_embedded_find(struct tac_embedded *out, const char *path);
/* Whether a path is a folder that holds such files. */
bool tac_embedded_is_dir(const char *path);

#endif
