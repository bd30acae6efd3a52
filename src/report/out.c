#include "report/out.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tac_out_release(struct tac_out *o)
{
    tac_buf_release(&o->b);
}

void tac_out_bytes(struct tac_out *o, const void *bytes, size_t n)
{
    if (!o->bad.status)
        (void)!tac_buf_add(&o->b, bytes, n, &o->bad);
}

void tac_out_add(struct tac_out *o, const char *markup)
{
    tac_out_bytes(o, markup, strlen(markup));
}

/* Formats into small, or into *heap (the caller's to free) where that does not do; NULL after a
 * failure. */
TAC_PRINTF(4, 0)
static const char *format(struct tac_out *o, char small[256], char **heap, const char *fmt,
                          va_list ap)
{
    va_list again;
    *heap = NULL;
    if (o->bad.status)
        return NULL;
    va_copy(again, ap);
    bool fits = vsnprintf(small, 256, fmt, ap) < 256;
    bool made = fits || vasprintf(heap, fmt, again) >= 0;
    va_end(again);
    if (!made) {
        *heap = NULL;
        tac_fail_memory(&o->bad, 0);
        return NULL;
    }
    return fits ? small : *heap;
}

void tac_out_addf(struct tac_out *o, const char *fmt, ...)
{
    char small[256], *heap;
    va_list ap;
    va_start(ap, fmt);
    const char *s = format(o, small, &heap, fmt, ap);
    va_end(ap);
    if (s)
        tac_out_add(o, s);
    free(heap);
}

void tac_out_textv(struct tac_out *o, const char *fmt, va_list ap)
{
    char small[256], *heap;
    const char *s = format(o, small, &heap, fmt, ap);
    if (s)
        tac_out_text(o, s);
    free(heap);
}

static const char *entity(uint32_t c)
{
    switch (c) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

/* What XML 1.0 has no place for. */
static bool forbidden(uint32_t c)
{
    return (c < 0x20 && c != '\t' && c != '\n') || (c >= 0x7f && c < 0xa0) ||
           (c & 0xfffe) == 0xfffe;
}

static void escape(struct tac_out *o, const char *s, size_t n)
{
    while (n) {
        uint32_t c;
        size_t used = tac_utf8_next(s, n, &c);
        const char *e = used ? entity(c) : NULL;
        if (e)
            tac_out_add(o, e);
        else if (!used || forbidden(c))
            tac_out_add(o, "\xef\xbf\xbd");
        else
            tac_out_bytes(o, s, used);
        s += used ? used : 1;
        n -= used ? used : 1;
    }
}

void tac_out_text(struct tac_out *o, const char *s)
{
    escape(o, s, strlen(s));
}

/* Columns that a character takes, roughly. */
static int columns(uint32_t c)
{
    if ((c >= 0x300 && c < 0x370) || (c >= 0x200b && c < 0x2010))
        return 0;
    return c >= 0x1100 && (c < 0x1200 || (c >= 0x2e80 && c < 0xfb00) || c >= 0x1f000) ? 2 : 1;
}

static void show_breaks(struct tac_out *o, const char *s, size_t n, int wide)
{
    for (size_t at = 0, used; at < n; at += used) {
        uint32_t c = 0;
        used = tac_utf8_next(s + at, n - at, &c);
        used = used ? used : 1;
        wide -= columns(c);
        if (wide < 1 && at + used < n) {
            tac_out_add(o, "\xe2\x80\xa6");
            break;
        }
        if (c == '\n' || c == '\t')
            tac_out_add(o, c == '\n' ? "\xe2\x86\xb5" : "\xe2\x87\xa5");
        else
            escape(o, s + at, used);
    }
}

void tac_out_token(struct tac_out *o, const char *s, int wide)
{
    size_t n = strlen(s);
    for (; n && *s == ' '; n--)
        s++;
    while (n && s[n - 1] == ' ')
        n--;
    if (!n)
        tac_out_add(o, "\xe2\x90\xa3");
    show_breaks(o, s, n, wide);
}

void tac_out_quoted(struct tac_out *o, const char *s)
{
    tac_out_add(o, "\xe2\x80\x9c");
    show_breaks(o, s, strlen(s), 200);
    tac_out_add(o, "\xe2\x80\x9d");
}

void tac_out_tsv(struct tac_out *o, const char *s)
{
    for (; *s; s++) {
        const char *shown = *s == '\t'   ? "\\t"
                            : *s == '\n' ? "\\n"
                            : *s == '\r' ? "\\r"
                            : *s == '\\' ? "\\\\"
                                         : NULL;
        tac_out_bytes(o, shown ? shown : s, shown ? 2 : 1);
    }
}

/* Digits in groups of three; a minus sign that is as wide as a digit. */
static void group(char buf[48], double v, int decimals)
{
    char digits[40];
    size_t at = 0, whole = 0;
    snprintf(digits, sizeof digits, "%.*f", decimals, fabs(v));
    if (v < 0 && strspn(digits, "0.") != strlen(digits))
        at = (size_t)sprintf(buf, "\xe2\x88\x92");
    whole = strcspn(digits, ".");
    for (size_t i = 0; digits[i]; i++) {
        if (i && i < whole && (whole - i) % 3 == 0 && whole > 4)
            buf[at++] = ',';
        buf[at++] = digits[i];
    }
    buf[at] = '\0';
}

static void show_number(char buf[48], double v)
{
    double a = fabs(v);
    if (a >= 1e12 || (v != 0 && a < 0.0005))
        snprintf(buf, 48, "%.2e", v);
    else
        group(buf, v, v == floor(v) || a >= 1000 ? 0 : a >= 100 ? 1 : a >= 10 ? 2 : 3);
}

const char *tac_rep_show(char buf[48], double v, enum tac_rep_type type)
{
    if (!isfinite(v)) {
        strcpy(buf, "\xe2\x80\x93");
    } else if (type == TAC_REP_SHARE && fabs(v) < 1e12) {
        group(buf, 100 * v, 1);
        strcat(buf, "\xc2\xa0%");
    } else if (type == TAC_REP_P && v < 0.001) {
        strcpy(buf, "<0.001");
    } else if (type == TAC_REP_P && v <= 1) {
        group(buf, v, 3);
    } else {
        show_number(buf, v);
    }
    return buf;
}
