/* Adapter folders: adapter_config.json up to the first NUL byte, then adapter_model.safetensors.
 * What is accepted for the golden model base-f32 has finite values only, as many as it says. */
#include "tune/multitask.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The folder's files lie in memory, behind links; the folder itself is removed at the end. */
static char dir[] = "/tmp/tacit-fuzz-XXXXXX";
static int file[2];
static struct tac_backend *backend;
static struct tac_model *model;
static struct tac_weights *weights;

static const char *link_name(char buf[64], int i)
{
    snprintf(buf, 64, "%s/%s", dir, i ? "adapter_model.safetensors" : "adapter_config.json");
    return buf;
}

static void remove_folder(void)
{
    char name[64];
    for (int i = 0; i < 2; i++)
        unlink(link_name(name, i));
    rmdir(dir);
    tac_weights_close(weights);
    tac_model_close(model);
    tac_backend_close(backend);
}

static void open_once(void)
{
    struct tacit_err err;
    struct tac_backend_options o = {.name = "ref"};
    if (weights)
        return;
    if (tac_backend_open(&backend, &o, &err) ||
        tac_model_open(&model, "tests/golden/base-f32", NULL, &err) ||
        tac_weights_load(&weights, model, backend, false, &err) || !mkdtemp(dir)) {
        fprintf(stderr, "%s\n", err.msg);
        abort();
    }
    for (int i = 0; i < 2; i++) {
        char name[64], to[64];
        file[i] = memfd_create("fuzz", 0);
        snprintf(to, sizeof to, "/proc/self/fd/%d", file[i]);
        if (file[i] < 0 || symlink(to, link_name(name, i)))
            abort();
    }
    atexit(remove_folder);
}

static void fill(int fd, const uint8_t *data, size_t size)
{
    if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
        abort();
}

static void check(const float *v, size_t n)
{
    if (!n)
        abort();
    for (size_t i = 0; i < n; i++)
        if (!isfinite(v[i]))
            abort();
}

static void load_as_tune(bool trained)
{
    struct tac_tune *t;
    struct tacit_err err;
    if (tac_tune_load(&t, dir, weights, trained, &err))
        return;
    float *v = calloc(t->n, sizeof *v);
    if (!v || t->method->tokens != (t->P > 0))
        abort();
    tac_tune_get(t, v);
    check(v, t->n);
    free(v);
    tac_tune_close(t);
}

static void load_as_prompt(long task)
{
    struct tac_peft_prompt p;
    struct tacit_err err;
    if (tac_prompt_load(&p, dir, NULL, task, &err))
        return;
    check(p.values, p.P * p.C);
    tac_peft_prompt_release(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
    size_t n = nul ? (size_t)(nul - data) : size, from = nul ? n + 1 : n;
    open_once();
    fill(file[0], data, n);
    fill(file[1], data + from, size - from);
    load_as_tune(true);
    load_as_tune(false);
    load_as_prompt(TAC_NO_TASK);
    load_as_prompt(1);
    return 0;
}
