#include "api/corpus.h"
#include "api/handles.h"

#include "base/file.h"
#include "tokenizer/learn.h"

#include <string.h>

struct tacit_learn_options tacit_learn_options_default(void)
{
    static const char *const special[] = {"<unk>", "<s>", "</s>", "<pad>"}; /* BLOOM's */
    return (struct tacit_learn_options){.vocab = 2048,
                                        .pattern = "bloom",
                                        .min_count = 2,
                                        .special = special,
                                        .n_special = sizeof special / sizeof *special};
}

static enum tacit_status find_pattern(enum tac_scan *out, const char *name, struct tacit_err *err)
{
    static const struct {
        const char *name;
        enum tac_scan scan;
    } patterns[] = {{"bloom", TAC_SCAN_BLOOM},
                    {"gpt2", TAC_SCAN_GPT2},
                    {"qwen2", TAC_SCAN_QWEN2},
                    {"llama3", TAC_SCAN_LLAMA3}};
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        if (strcmp(name, patterns[i].name) == 0) {
            *out = patterns[i].scan;
            return TACIT_OK;
        }
    return tac_fail(err, TACIT_EINPUT, "pattern '%s' is not one of bloom, gpt2, qwen2, llama3",
                    name);
}

static enum tacit_status count_document(void *ctx, const struct tac_text_part *part, size_t n,
                                        const char *where, struct tacit_err *err)
{
    for (size_t i = 0; i < n; i++)
        if (tac_learner_add(ctx, part[i].text, part[i].bytes, err))
            return tac_err_prefix(err, "%s: ", where);
    return TACIT_OK;
}

static int on_progress(void *ctx, size_t done, size_t total)
{
    const struct tacit_progress *p = ctx;
    struct tacit_event ev = {.kind = TACIT_EVENT_WORK, .done = done, .total = total};
    return p && p->report ? p->report(p->ctx, &ev) : 0;
}

enum tacit_status tacit_tokenizer_learn(const char *path, const char *const *files, size_t n_files,
                                        const struct tacit_learn_options *o,
                                        const struct tacit_progress *progress,
                                        struct tacit_err *err)
{
    struct tac_learn_options lo = {.vocab = o->vocab,
                                   .min_count = o->min_count,
                                   .special = o->special,
                                   .n_special = o->n_special};
    struct tac_learner *l = NULL;
    struct tac_buf text = {0};
    enum tacit_status s = find_pattern(&lo.pattern, o->pattern, err);
    if (!s)
        s = tac_learner_new(&l, &lo, err);
    for (size_t i = 0; !s && i < n_files; i++)
        s = tac_corpus_read(files[i], count_document, l, err);
    if (!s)
        s = tac_learner_finish(l, &text, on_progress, (void *)(uintptr_t)progress, err);
    if (!s)
        s = tac_file_write(path, text.data, text.len, err);
    tac_learner_free(l);
    tac_buf_release(&text);
    return s;
}
