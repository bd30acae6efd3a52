#include "base/str.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum tacit_status tac_buf_add(struct tac_buf *b, const void *bytes, size_t n, struct tacit_err *err)
{
    enum tacit_status s = tac_grow(&b->data, &b->cap, b->len + n + 1, 1, err);
    if (s)
        return s;
    if (n)
        memcpy(b->data + b->len, bytes, n);
    b->len += n;
    b->data[b->len] = '\0';
    return TACIT_OK;
}

enum tacit_status tac_buf_adds(struct tac_buf *b, const char *s, struct tacit_err *err)
{
    return tac_buf_add(b, s, strlen(s), err);
}

enum tacit_status tac_buf_addf(struct tac_buf *b, struct tacit_err *err, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    TAC_CHECK(n >= 0);
    enum tacit_status s = tac_grow(&b->data, &b->cap, b->len + (size_t)n + 1, 1, err);
    if (!s) {
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
    return s;
}

enum tacit_status tac_buf_add_base64(struct tac_buf *b, const void *bytes, size_t n,
                                     struct tacit_err *err)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = bytes;
    enum tacit_status s = TACIT_OK;
    for (size_t i = 0; !s && i < n; i += 3) {
        size_t k = n - i < 3 ? n - i : 3;
        uint32_t v = (uint32_t)p[i] << 16;
        v |= k > 1 ? (uint32_t)p[i + 1] << 8 : 0;
        v |= k > 2 ? (uint32_t)p[i + 2] : 0;
        char four[4] = {digit[v >> 18], digit[v >> 12 & 63], digit[v >> 6 & 63], digit[v & 63]};
        memset(four + k + 1, '=', 3 - k);
        s = tac_buf_add(b, four, sizeof four, err);
    }
    return s;
}

void tac_buf_clear(struct tac_buf *b)
{
    b->len = 0;
    if (b->data)
        b->data[0] = '\0';
}

void tac_buf_release(struct tac_buf *b)
{
    free(b->data);
    *b = (struct tac_buf){0};
}

bool tac_parse_i64(const char *s, int64_t *out)
{
    if (*s != '-' && !(*s >= '0' && *s <= '9'))
        return false;
    char *end;
    errno = 0;
    long long v = strtoll(s, &end, 10);
    if (errno || *end || end == s)
        return false;
    *out = v;
    return true;
}

bool tac_parse_u64(const char *s, uint64_t *out)
{
    if (!(*s >= '0' && *s <= '9'))
        return false;
    char *end;
    errno = 0;
    unsigned long long v = strtoull(s, &end, 10);
    if (errno || *end)
        return false;
    *out = v;
    return true;
}

static bool parse_f64_prefix(const char *s, double *out, char **end)
{
    if (*s != '-' && *s != '.' && !(*s >= '0' && *s <= '9'))
        return false;
    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
        return false;
    errno = 0;
    *out = strtod(s, end);
    return *end != s && isfinite(*out);
}

bool tac_parse_f64(const char *s, double *out)
{
    char *end;
    return parse_f64_prefix(s, out, &end) && !*end;
}

bool tac_parse_bytes(const char *s, size_t *out)
{
    char *end;
    double v;
    if (!parse_f64_prefix(s, &v, &end) || v < 0)
        return false;
    static const char suffix[] = "KMGT";
    const char *at = *end ? strchr(suffix, *end) : NULL;
    if (at) {
        v *= (double)((size_t)1 << (10 * (at - suffix + 1)));
        end++;
    }
    if (*end == 'B')
        end++;
    if (*end || v >= 9e18)
        return false;
    *out = (size_t)v;
    return true;
}

const char *tac_show_bytes(char buf[32], double n)
{
    static const char *unit[] = {"B", "kB", "MB", "GB", "TB"};
    int u = 0;
    while (n >= 1000 && u < 4) {
        n /= 1000;
        u++;
    }
    snprintf(buf, 32, u && n < 10 ? "%.2f %s" : u && n < 100 ? "%.1f %s" : "%.0f %s", n, unit[u]);
    return buf;
}

size_t tac_utf8_next(const char *s, size_t n, uint32_t *cp)
{
    const unsigned char *u = (const unsigned char *)s;
    if (u[0] < 0x80) {
        *cp = u[0];
        return 1;
    }
    size_t len = u[0] >= 0xf0 ? 4 : u[0] >= 0xe0 ? 3 : 2;
    if (u[0] < 0xc2 || u[0] > 0xf4 || len > n)
        return 0;
    uint32_t v = u[0] & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((u[i] & 0xc0) != 0x80)
            return 0;
        v = v << 6 | (u[i] & 0x3f);
    }
    if ((len == 3 && v < 0x800) || (len == 4 && v < 0x10000) || v > 0x10ffff ||
        (v >= 0xd800 && v <= 0xdfff))
        return 0;
    *cp = v;
    return len;
}

size_t tac_utf8_put(char out[4], uint32_t cp)
{
    unsigned char *u = (unsigned char *)out;
    if (cp < 0x80) {
        u[0] = (unsigned char)cp;
        return 1;
    }
    size_t len = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (size_t i = len; i-- > 1; cp >>= 6)
        u[i] = (unsigned char)(0x80 | (cp & 0x3f));
    u[0] = (unsigned char)((0xf00u >> len) | cp);
    return len;
}

size_t tac_utf8_bad(const char *s, size_t n)
{
    size_t i = 0;
    while (i < n) {
        uint64_t eight;
        uint32_t cp;
        if (n - i >= sizeof eight) { /* ASCII goes by eight bytes */
            memcpy(&eight, s + i, sizeof eight);
            if (!(eight & 0x8080808080808080u)) {
                i += sizeof eight;
                continue;
            }
        }
        size_t len = tac_utf8_next(s + i, n - i, &cp);
        if (!len)
            return i;
        i += len;
    }
    return n;
}

uint64_t tac_hash(uint64_t h, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

bool tac_starts_with(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool tac_ends_with(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);
    return n >= m && memcmp(s + n - m, suffix, m) == 0;
}
