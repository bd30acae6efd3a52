/* Random numbers and text. */
#include "world.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static uint64_t rng_next(struct rng *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

struct rng rng_init(uint64_t seed, uint64_t stream, uint64_t substream)
{
    struct rng r = {seed};
    r.state = rng_next(&r) ^ stream;
    r.state = rng_next(&r) ^ substream;
    return r;
}

/* The bias of the multiplication is below n / 2^32. */
int rng_below(struct rng *r, int n)
{
    return (int)(((rng_next(r) >> 32) * (uint64_t)n) >> 32);
}

bool rng_percent(struct rng *r, int percent)
{
    return rng_below(r, 100) < percent;
}

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("world: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

__attribute__((format(printf, 2, 0))) static void vadd(struct text *t, const char *format,
                                                       va_list args)
{
    size_t room = sizeof t->s - (size_t)t->n;
    int n = vsnprintf(t->s + t->n, room, format, args);
    if (n < 0 || (size_t)n >= room)
        die("a text is longer than %zu bytes: %.80s", sizeof t->s, t->s);
    t->n += n;
}

void add(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vadd(t, format, args);
    va_end(args);
}

void set(struct text *t, const char *format, ...)
{
    va_list args;
    t->n = 0;
    va_start(args, format);
    vadd(t, format, args);
    va_end(args);
}

void capitalise(struct text *t, int at)
{
    if (t->s[at] >= 'a' && t->s[at] <= 'z')
        t->s[at] = (char)(t->s[at] - 'a' + 'A');
}

void print_json(FILE *f, const char *s)
{
    fputc('"', f);
    for (; *s; s++) {
        if (*s == '\n')
            fputs("\\n", f);
        else if (*s == '"' || *s == '\\')
            fprintf(f, "\\%c", *s);
        else
            fputc(*s, f);
    }
    fputc('"', f);
}

/* FNV-1a, 64 bits. */
uint64_t hash_text(const char *s)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 0x100000001b3u;
    return h;
}

static const char *slot_value(char name, const struct slot *slots, int n)
{
    for (int i = 0; i < n; i++)
        if (slots[i].name == name)
            return slots[i].value;
    return NULL;
}

void add_filled(struct text *t, const char *template, const struct slot *slots, int n)
{
    const char *s = template;
    for (;;) {
        int plain = (int)strcspn(s, "{");
        add(t, "%.*s", plain, s);
        s += plain;
        if (!*s)
            return;
        const char *value = slot_value(s[1], slots, n);
        if (!value || s[2] != '}')
            die("no value for a slot of: %s", template);
        add(t, "%s", value);
        s += 3;
    }
}

bool hash_set_has(const struct hash_set *set, uint64_t hash)
{
    for (uint64_t i = hash % SET_SIZE; set->at[i]; i = (i + 1) % SET_SIZE)
        if (set->at[i] == hash)
            return true;
    return false;
}

void hash_set_add(struct hash_set *set, uint64_t hash)
{
    uint64_t i = hash % SET_SIZE;
    if (set->n >= SET_SIZE / 2 || !hash)
        die("a set of %d texts is full", set->n);
    while (set->at[i] && set->at[i] != hash)
        i = (i + 1) % SET_SIZE;
    set->n += !set->at[i];
    set->at[i] = hash;
}
