/* Preloaded into a program: makes an allocation fail, as a machine without memory would.
 * TACIT_OOM_AT=n: the n-th call of malloc, calloc, realloc or aligned_alloc gives NULL and ENOMEM;
 * TACIT_OOM_FROM=n: it and all later ones. TACIT_OOM_MARK=FILE: a byte is written there for every
 * call that failed. Calls of the OpenMP runtime, of the dynamic loader and of sanitizers are
 * neither counted nor failed: they end the program themselves. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#pragma GCC visibility push(default)
void *malloc(size_t n);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t n);
void *aligned_alloc(size_t align, size_t n);
#pragma GCC visibility pop

enum { MAX_SPARED = 16 };

static struct {
    uintptr_t from[MAX_SPARED], to[MAX_SPARED];
    int n;
    long at, first;
    bool ready;
} shim;
static atomic_long calls;

static bool is_spared(const char *path)
{
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    static const char *const spared[] = {"libgomp.", "libomp.", "ld-linux", "libasan.",
                                         "libubsan."};
    for (size_t i = 0; i < sizeof spared / sizeof *spared; i++)
        if (strncmp(name, spared[i], strlen(spared[i])) == 0)
            return true;
    return false;
}

/* Notes the code of an object that is spared. */
static int look_at(struct dl_phdr_info *o, size_t size, void *ctx)
{
    (void)size;
    (void)ctx;
    for (int i = 0; is_spared(o->dlpi_name) && i < o->dlpi_phnum && shim.n < MAX_SPARED; i++) {
        const ElfW(Phdr) *p = &o->dlpi_phdr[i];
        if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
            continue;
        shim.from[shim.n] = o->dlpi_addr + p->p_vaddr;
        shim.to[shim.n++] = o->dlpi_addr + p->p_vaddr + p->p_memsz;
    }
    return 0;
}

static long number(const char *name)
{
    const char *s = getenv(name);
    return s ? atol(s) : 0;
}

/* The first call comes before there is a second thread; nothing here allocates. */
static void make_ready(void)
{
    shim.ready = true;
    dl_iterate_phdr(look_at, NULL);
    shim.at = number("TACIT_OOM_AT");
    shim.first = number("TACIT_OOM_FROM");
}

static void mark(void)
{
    const char *path = getenv("TACIT_OOM_MARK");
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
    if (fd >= 0 && write(fd, "x", 1) < 0)
        _exit(138);
    if (fd >= 0)
        close(fd);
}

/* Whether the call that returns to `caller` is to fail. */
static bool fails(const void *caller)
{
    if (!environ) /* a sanitizer's runtime starts before the C library has it */
        return false;
    if (!shim.ready)
        make_ready();
    for (int i = 0; i < shim.n; i++)
        if ((uintptr_t)caller >= shim.from[i] && (uintptr_t)caller < shim.to[i])
            return false;
    long n = atomic_fetch_add(&calls, 1) + 1;
    if (n != shim.at && !(shim.first && n >= shim.first))
        return false;
    mark();
    errno = ENOMEM;
    return true;
}

/* dlsym allocates in no C library of today when it finds what it looks for. */
#define REAL(fn, name) *(void **)&(fn) = dlsym(RTLD_NEXT, name)

void *malloc(size_t n)
{
    static void *(*real)(size_t);
    if (!real)
        REAL(real, "malloc");
    return fails(__builtin_return_address(0)) ? NULL : real(n);
}

void *calloc(size_t n, size_t size)
{
    static void *(*real)(size_t, size_t);
    if (!real)
        REAL(real, "calloc");
    return fails(__builtin_return_address(0)) ? NULL : real(n, size);
}

void *realloc(void *p, size_t n)
{
    static void *(*real)(void *, size_t);
    if (!real)
        REAL(real, "realloc");
    return fails(__builtin_return_address(0)) ? NULL : real(p, n);
}

void *aligned_alloc(size_t align, size_t n)
{
    static void *(*real)(size_t, size_t);
    if (!real)
        REAL(real, "aligned_alloc");
    return fails(__builtin_return_address(0)) ? NULL : real(align, n);
}
