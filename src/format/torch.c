#include "format/torch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    ALIGN = 64,
    LOCAL_HEADER = 30,
    FLAGS = 0x0808, /* sizes follow the data; names are UTF-8 */
    N_ID = 20,      /* digits of each half of the id */
};

/* The first half of the id: a hash of the seven records' names, which are always the same. */
static const char names_id[] = "15728199511854643026";

/* A zip being written. `start`: where it begins in out. bad: the first failure; everything after it
 * does nothing. */
struct zip {
    struct tac_buf *out, directory;
    size_t start;
    uint64_t n_record, crcs;
    enum tacit_status bad;
    struct tacit_err *err;
};

static void add(struct zip *z, struct tac_buf *to, const void *bytes, size_t n)
{
    if (!z->bad)
        z->bad = tac_buf_add(to, bytes, n, z->err);
}

/* Little-endian, in so many bytes. */
static void add_int(struct zip *z, struct tac_buf *to, uint64_t v, size_t bytes)
{
    unsigned char b[8];
    for (size_t i = 0; i < bytes; i++)
        b[i] = (unsigned char)(v >> 8 * i);
    add(z, to, b, bytes);
}

/* CRC-32 as zip has it, four bits at a time. */
static uint32_t crc32(const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    uint32_t table[16], crc = UINT32_MAX;
    for (uint32_t i = 0; i < 16; i++) {
        table[i] = i;
        for (int bit = 0; bit < 4; bit++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
    }
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

/* The beginning of a record's local header and its central one, which are alike. */
static void add_fields(struct zip *z, struct tac_buf *to, uint32_t crc, size_t n, size_t name,
                       size_t extra)
{
    add_int(z, to, 0, 2); /* version */
    add_int(z, to, FLAGS, 2);
    add_int(z, to, 0, 6); /* stored; no time, no date */
    add_int(z, to, crc, 4);
    add_int(z, to, n, 4);
    add_int(z, to, n, 4);
    add_int(z, to, name, 2);
    add_int(z, to, extra, 2);
}

/* A record with its entry in the directory. An extra field of Zs brings its data to a multiple of
 * ALIGN; its sizes and CRC stand behind the data. */
static void add_record(struct zip *z, const char *name, const void *data, size_t n)
{
    size_t at = z->out->len - z->start, length = strlen(name);
    size_t before = at + LOCAL_HEADER + length + 4, pad = (ALIGN - before % ALIGN) % ALIGN;
    uint32_t crc = crc32(data, n);
    add_int(z, z->out, 0x04034b50, 4);
    add_fields(z, z->out, 0, 0, length, pad + 4);
    add(z, z->out, name, length);
    add(z, z->out, "FB", 2);
    add_int(z, z->out, pad, 2);
    while (pad--)
        add(z, z->out, "Z", 1);
    add(z, z->out, data, n);
    add_int(z, z->out, 0x08074b50, 4);
    add_int(z, z->out, crc, 4);
    add_int(z, z->out, n, 4);
    add_int(z, z->out, n, 4);

    add_int(z, &z->directory, 0x02014b50, 4);
    add_int(z, &z->directory, 0, 2); /* who made it */
    add_fields(z, &z->directory, crc, n, length, 0);
    add_int(z, &z->directory, 0, 8); /* no comment, disk 0, attributes */
    add_int(z, &z->directory, 0, 2);
    add_int(z, &z->directory, at, 4);
    add(z, &z->directory, name, length);
    z->n_record++;
    z->crcs ^= (uint64_t)crc + 0x9e3779b9u + (z->crcs << 6) + (z->crcs >> 2);
}

/* The directory and where it ends, in zip64's form and in zip's. */
static void add_end(struct zip *z)
{
    uint64_t at = z->out->len - z->start, size = z->directory.len;
    add(z, z->out, z->directory.data, z->directory.len);
    add_int(z, z->out, 0x06064b50, 4);
    add_int(z, z->out, 44, 8);     /* bytes that follow */
    add_int(z, z->out, 0x031e, 2); /* made on Unix by version 3.0 */
    add_int(z, z->out, 0x002d, 2); /* to be read by version 4.5 */
    add_int(z, z->out, 0, 8);      /* disks */
    add_int(z, z->out, z->n_record, 8);
    add_int(z, z->out, z->n_record, 8);
    add_int(z, z->out, size, 8);
    add_int(z, z->out, at, 8);
    add_int(z, z->out, 0x07064b50, 4);
    add_int(z, z->out, 0, 4);
    add_int(z, z->out, at + size, 8);
    add_int(z, z->out, 1, 4);
    add_int(z, z->out, 0x06054b50, 4);
    add_int(z, z->out, 0, 4);
    add_int(z, z->out, z->n_record, 2);
    add_int(z, z->out, z->n_record, 2);
    add_int(z, z->out, size, 4);
    add_int(z, z->out, at, 4);
    add_int(z, z->out, 0, 2); /* no comment */
}

/* An integer as pickle protocol 2 writes it. */
static void pickle_int(struct zip *z, struct tac_buf *to, size_t v)
{
    size_t bytes = v < 1 << 8 ? 1 : v < 1 << 16 ? 2 : 4;
    add(z, to, bytes == 1 ? "K" : bytes == 2 ? "M" : "J", 1);
    add_int(z, to, v, bytes);
}

/* _rebuild_tensor_v2(storage, 0, (rows, cols), (cols, 1), False, OrderedDict()), where storage is
 * the persistent id ('storage', FloatStorage, '0', 'cpu', rows * cols). qN stores an object that
 * nothing refers to. */
static void pickle(struct zip *z, struct tac_buf *to, size_t rows, size_t cols)
{
    static const char head[] = "\x80\x02"
                               "ctorch._utils\n_rebuild_tensor_v2\nq\x00(("
                               "X\x07\x00\x00\x00storageq\x01"
                               "ctorch\nFloatStorage\nq\x02"
                               "X\x01\x00\x00\x00"
                               "0q\x03X\x03\x00\x00\x00"
                               "cpuq\x04",
                      storage[] = "tq\x05QK\x00", shape[] = "\x86q\x06",
                      tail[] = "K\x01\x86q\x07\x89"
                               "ccollections\nOrderedDict\nq\x08)Rq\ttq\nRq\x0b.";
    add(z, to, head, sizeof head - 1);
    pickle_int(z, to, rows * cols);
    add(z, to, storage, sizeof storage - 1);
    pickle_int(z, to, rows);
    pickle_int(z, to, cols);
    add(z, to, shape, sizeof shape - 1);
    pickle_int(z, to, cols);
    add(z, to, tail, sizeof tail - 1);
}

enum tacit_status tac_torch_put(struct tac_buf *out, const float *values, size_t rows, size_t cols,
                                struct tacit_err *err)
{
    struct zip z = {.out = out, .start = out->len, .err = err};
    struct tac_buf code = {0};
    char id[2 * N_ID + 1];
    size_t bytes;
    if (!tac_mul(rows, cols, &bytes) || !tac_mul(bytes, sizeof *values, &bytes) ||
        bytes > UINT32_MAX - (1 << 16))
        return tac_fail(err, TACIT_EINPUT, "%zu tokens of width %zu: a .pt file holds at most 4 GB",
                        rows, cols);
    pickle(&z, &code, rows, cols);
    if (!z.bad) {
        add_record(&z, "archive/data.pkl", code.data, code.len);
        add_record(&z, "archive/.format_version", "1", 1);
        add_record(&z, "archive/.storage_alignment", "64", 2);
        add_record(&z, "archive/byteorder", "little", 6);
        add_record(&z, "archive/data/0", values, bytes);
        add_record(&z, "archive/version", "3\n", 2);
        snprintf(id, sizeof id, "%s%020" PRIu64, names_id, z.crcs);
        add_record(&z, "archive/.data/serialization_id", id, 2 * N_ID);
        add_end(&z);
    }
    tac_buf_release(&code);
    tac_buf_release(&z.directory);
    return z.bad;
}
