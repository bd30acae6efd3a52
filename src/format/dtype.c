#include "format/dtype.h"

#include <string.h>

static const struct {
    const char *name;
    size_t size;
} dtypes[TAC_N_DTYPE] = {
    [TAC_BOOL] = {"BOOL", 1},       [TAC_U8] = {"U8", 1},           [TAC_I8] = {"I8", 1},
    [TAC_F8_E5M2] = {"F8_E5M2", 1}, [TAC_F8_E4M3] = {"F8_E4M3", 1}, [TAC_F8_E8M0] = {"F8_E8M0", 1},
    [TAC_I16] = {"I16", 2},         [TAC_U16] = {"U16", 2},         [TAC_F16] = {"F16", 2},
    [TAC_BF16] = {"BF16", 2},       [TAC_I32] = {"I32", 4},         [TAC_U32] = {"U32", 4},
    [TAC_F32] = {"F32", 4},         [TAC_C64] = {"C64", 8},         [TAC_F64] = {"F64", 8},
    [TAC_I64] = {"I64", 8},         [TAC_U64] = {"U64", 8},
};

size_t tac_dtype_size(enum tac_dtype t)
{
    return dtypes[t].size;
}

const char *tac_dtype_name(enum tac_dtype t)
{
    return dtypes[t].name;
}

bool tac_dtype_parse(enum tac_dtype *out, const char *name)
{
    for (int t = 0; t < TAC_N_DTYPE; t++)
        if (strcmp(dtypes[t].name, name) == 0) {
            *out = (enum tac_dtype)t;
            return true;
        }
    return false;
}

bool tac_dtype_is_float(enum tac_dtype t)
{
    return t == TAC_F16 || t == TAC_BF16 || t == TAC_F32 || t == TAC_F64;
}

static float from_bits(uint32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static uint32_t to_bits(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

float tac_f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, mantissa = h & 1023;
    if (exponent == 31)
        return from_bits(sign | 0x7f800000 | mantissa << 13);
    if (exponent == 0) {
        float v = (float)mantissa * 0x1p-24f;
        return sign ? -v : v;
    }
    return from_bits(sign | (exponent + 112) << 23 | mantissa << 13);
}

float tac_bf16_to_f32(uint16_t bits)
{
    return from_bits((uint32_t)bits << 16);
}

/* v / 2^shift, to nearest, ties to even. */
static uint32_t shift_round(uint32_t v, unsigned shift)
{
    uint32_t half = 1u << (shift - 1), rest = v & ((1u << shift) - 1), q = v >> shift;
    return q + (rest > half || (rest == half && (q & 1)));
}

uint16_t tac_f32_to_f16(float v)
{
    uint32_t bits = to_bits(v), sign = bits >> 16 & 0x8000, mantissa = bits & 0x7fffff;
    int exponent = (int)(bits >> 23 & 255) - 112;
    if (exponent == 255 - 112)
        return (uint16_t)(sign | 0x7c00 | (mantissa ? 0x200 | mantissa >> 13 : 0));
    if (exponent >= 31)
        return (uint16_t)(sign | 0x7c00);
    if (exponent < -10)
        return (uint16_t)sign;
    if (exponent <= 0)
        return (uint16_t)(sign | shift_round(mantissa | 0x800000, (unsigned)(14 - exponent)));
    return (uint16_t)(sign + shift_round((uint32_t)exponent << 23 | mantissa, 13));
}

uint16_t tac_f32_to_bf16(float v)
{
    uint32_t bits = to_bits(v);
    if ((bits & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)shift_round(bits, 16);
}

double tac_dtype_get(const void *data, enum tac_dtype t, size_t i)
{
    const char *at = (const char *)data + i * tac_dtype_size(t);
    uint16_t half;
    float single;
    double wide;
    switch (t) {
    case TAC_F64:
        memcpy(&wide, at, sizeof wide);
        return wide;
    case TAC_F32:
        memcpy(&single, at, sizeof single);
        return (double)single;
    default:
        TAC_CHECK(t == TAC_F16 || t == TAC_BF16);
        memcpy(&half, at, sizeof half);
        return (double)(t == TAC_F16 ? tac_f16_to_f32(half) : tac_bf16_to_f32(half));
    }
}

void tac_dtype_put(void *data, enum tac_dtype t, size_t i, float v)
{
    char *at = (char *)data + i * tac_dtype_size(t);
    uint16_t half = t == TAC_F16 ? tac_f32_to_f16(v) : tac_f32_to_bf16(v);
    if (t == TAC_F32)
        memcpy(at, &v, sizeof v);
    else
        memcpy(at, &half, sizeof half);
}

enum tac_dtype tac_dtype_short(const char *name)
{
    return strcmp(name, "f16") == 0 ? TAC_F16 : strcmp(name, "bf16") == 0 ? TAC_BF16 : TAC_F32;
}

const char *tac_dtype_torch(enum tac_dtype t)
{
    return t == TAC_F16 ? "float16" : t == TAC_BF16 ? "bfloat16" : "float32";
}
