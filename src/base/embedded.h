/* Files that lie inside the program: "tacit:micro/config.json" and its neighbours, the model that
 * tacit pretrained itself. Everything that reads a file by path reads them too (file.c); nothing
 * writes there. And how any file gets into the program. */
#ifndef TAC_BASE_EMBEDDED_H
#define TAC_BASE_EMBEDDED_H

#include <stdbool.h>
#include <stddef.h>

#define TAC_EMBEDDED_MODEL "tacit:micro"

/* TAC_EMBED: at file scope: the bytes of a file (path from the project's root) as `symbol`, a NUL
 * behind them that `symbol_end` points to. The Makefile must name the file as a prerequisite. */
#define TAC_EMBED(symbol, path)                                                                    \
    __asm__(".section .rodata\n.balign 64\n" #symbol ":\n.incbin \"" path "\"\n" #symbol           \
            "_end:\n.byte 0\n.previous\n");                                                        \
    extern const unsigned char symbol[] __attribute__((visibility("hidden")));                     \
    extern const unsigned char symbol##_end[] __attribute__((visibility("hidden")))

struct tac_embedded {
    const unsigned char *data;
    size_t size;
};

/* tac_embedded_find: false where there is no such file. */
bool tac_embedded_find(struct tac_embedded *out, const char *path);
/* Whether a path is a folder that holds such files. */
bool tac_embedded_is_dir(const char *path);

#endif
