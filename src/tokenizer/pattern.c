#include "tokenizer/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

enum { STACK_FIRST = 32 * 1024, STACK_MOST = 4 * 1024 * 1024 };

/* Compiles a PCRE2 pattern; `shown` stands for it in messages. */
static enum tacit_status compile(struct tac_pattern *p, const char *pattern, const char *shown,
                                 struct tacit_err *err)
{
    int code;
    PCRE2_SIZE at;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context)
        return tac_fail_memory(err, 1);
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    p->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                            PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &code, &at, context);
    pcre2_compile_context_free(context);
    if (!p->code && code == PCRE2_ERROR_HEAP_FAILED)
        return tac_fail_memory(err, 0);
    if (!p->code) {
        char why[128];
        pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
        return tac_fail(err, TACIT_EINPUT, "pattern '%s': %s", shown, why);
    }
    pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE); /* without it the interpreter runs */
    return TACIT_OK;
}

enum tacit_status tac_pattern_open(struct tac_pattern *p, const char *pattern, bool allow_scan,
                                   struct tacit_err *err)
{
    *p = (struct tac_pattern){.scan = allow_scan ? tac_scan_of(pattern) : TAC_SCAN_NONE};
    if (p->scan != TAC_SCAN_NONE)
        return TACIT_OK;
    struct tac_buf translated = {0};
    enum tacit_status st = tac_pattern_translate(&translated, pattern, err);
    if (!st)
        st = compile(p, translated.data, pattern, err);
    tac_buf_release(&translated);
    return st;
}

enum tacit_status tac_pattern_open_text(struct tac_pattern *p, const char *text,
                                        struct tacit_err *err)
{
    struct tac_buf escaped = {0};
    enum tacit_status st = TACIT_OK;
    *p = (struct tac_pattern){0};
    for (const char *c = text; *c && !st; c++) {
        if ((unsigned char)*c < 0x80 && strchr("\\^$.[|()?*+{}]", *c))
            st = tac_buf_adds(&escaped, "\\", err);
        if (!st)
            st = tac_buf_add(&escaped, c, 1, err);
    }
    if (!st)
        st = escaped.len ? compile(p, escaped.data, text, err)
                         : tac_fail(err, TACIT_EINPUT, "a pattern is empty");
    tac_buf_release(&escaped);
    return st;
}

void tac_pattern_close(struct tac_pattern *p)
{
    pcre2_code_free(p->code);
    *p = (struct tac_pattern){0};
}

static enum tacit_status match_init(struct tac_match *m, struct tacit_err *err)
{
    if (m->data && m->context && m->stack)
        return TACIT_OK;
    tac_match_release(m);
    m->data = pcre2_match_data_create(1, NULL);
    m->context = pcre2_match_context_create(NULL);
    m->stack = pcre2_jit_stack_create(STACK_FIRST, STACK_MOST, NULL);
    if (!m->data || !m->context || !m->stack)
        return tac_fail_memory(err, STACK_FIRST);
    pcre2_jit_stack_assign(m->context, NULL, m->stack);
    return TACIT_OK;
}

void tac_match_release(struct tac_match *m)
{
    pcre2_match_data_free(m->data);
    pcre2_match_context_free(m->context);
    pcre2_jit_stack_free(m->stack);
    *m = (struct tac_match){0};
}

enum tacit_status tac_pattern_next(const struct tac_pattern *p, struct tac_match *m,
                                   const uint8_t *chars, const char *s, size_t n, size_t from,
                                   size_t *start, size_t *end, bool *found, struct tacit_err *err)
{
    if (p->scan != TAC_SCAN_NONE) {
        *found = tac_scan_next(p->scan, chars, s, n, from, start, end);
        return TACIT_OK;
    }
    enum tacit_status st = match_init(m, err);
    if (st)
        return st;
    int rc = pcre2_match(p->code, (PCRE2_SPTR)s, n, from, PCRE2_NO_UTF_CHECK, m->data, m->context);
    *found = rc >= 0;
    if (rc == PCRE2_ERROR_NOMEMORY)
        return tac_fail_memory(err, 0);
    if (rc < 0 && rc != PCRE2_ERROR_NOMATCH) {
        char why[128];
        pcre2_get_error_message(rc, (PCRE2_UCHAR *)why, sizeof why);
        return tac_fail(err, TACIT_EFAIL, "splitting the text by its pattern: %s", why);
    }
    if (*found) {
        const PCRE2_SIZE *at = pcre2_get_ovector_pointer(m->data);
        *start = at[0];
        *end = at[1];
    }
    return TACIT_OK;
}
