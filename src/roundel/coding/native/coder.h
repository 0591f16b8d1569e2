/* The range coder and the coded lists of docs/format.md, "Entropy-coded passes": pure C11, no library, no allocation.

   The same source is a part of the Python extension and compiles to WebAssembly
   (clang --target=wasm32 -O3 -nostdlib -ffreestanding -fno-builtin -c coder.c). */
#ifndef ROUNDEL_CODER_H
#define ROUNDEL_CODER_H

#include <stddef.h>
#include <stdint.h>

enum {
    RNDL_PRECISION = 24,     /* bits of a probability: the frequencies of a table sum to 2^24 */
    RNDL_LOOKUP_BITS = 6,    /* a table's slots are found from the top bits of a quantile */
    RNDL_LOOKUP = (1 << RNDL_LOOKUP_BITS) + 1,
    RNDL_CLASSES = 34,       /* of escapes: distances reach 2^33 - 1 */
    RNDL_BYTES_PER_SYMBOL = 16 /* at most: a slot, a class and two numbers of bits, one 32-bit word each */
};

enum rndl_result {
    RNDL_OK = 0,
    RNDL_BAD_INDEX = 1, /* a table index that is no table */
    RNDL_DAMAGED = 2,   /* the bytes point into the sliver of the interval that no symbol owns */
    RNDL_BEYOND = 3     /* an escaped value beyond 32 bits */
};

/* Checked tables: each has >= 2 slots, frequencies >= 1 that sum to 2^24, and symbols within int32. */
typedef struct {
    int32_t count;
    const uint32_t *frequencies; /* all tables one after the other; eight numbers behind them can be read too */
    const int64_t *starts;       /* count + 1: where each table begins */
    const int32_t *offsets;      /* count: symbol of each table's first slot */
    const uint32_t *cumulative;  /* like frequencies: sum of those before in the table */
    const uint32_t *lookup;      /* count * RNDL_LOOKUP: first slot that reaches into each 64th of the quantiles */
} rndl_tables;

typedef struct {
    uint64_t low, width;
    uint8_t *bytes; /* the owner grows it: every symbol may take RNDL_BYTES_PER_SYMBOL, closing takes 8 */
    size_t length;
} rndl_writer;

typedef struct {
    uint64_t code, width;
    const uint8_t *bytes;
    size_t length, position; /* bytes after the last read as zero */
} rndl_reader;

/* Fills cumulative and lookup of tables whose other arrays are set; RNDL_BAD_INDEX if those break a rule. */
enum rndl_result rndl_tables_prepare(const rndl_tables *tables, size_t total, uint32_t *cumulative, uint32_t *lookup);

void rndl_writer_start(rndl_writer *writer);

/* The shortest byte string inside the interval, of those the smallest, without trailing zeros; its length. */
size_t rndl_writer_close(rndl_writer *writer);

void rndl_reader_start(rndl_reader *reader, const uint8_t *bytes, size_t length);

/* Bytes of working memory that put and take need for n symbols. */
size_t rndl_scratch_bytes(size_t n, int32_t tables);

/* A list in working memory: its order by table, stable, and room for its escapes. */
typedef struct {
    uint64_t *distances;
    uint32_t *order, *escaped;
} rndl_list;

enum rndl_result rndl_list_sort(rndl_list *list, const int32_t *index, size_t n, int32_t count, void *scratch);

/* Appends a list of n < 2^32 symbols, each under the table that its index names. Nothing is written on failure. */
enum rndl_result rndl_put(rndl_writer *writer, const int32_t *symbols, const int32_t *index, size_t n,
                          const rndl_tables *tables, void *scratch);

/* The next n symbols that rndl_put appended with the same indices. */
enum rndl_result rndl_take(rndl_reader *reader, int32_t *symbols, const int32_t *index, size_t n,
                           const rndl_tables *tables, void *scratch);

/* One slot of frequency f after slots of the sum `start`; any n of them, frequencies summing to 2^24. */
static inline void rndl_encode(rndl_writer *writer, uint32_t start, uint32_t f);
static inline void rndl_encode_bits(rndl_writer *writer, uint32_t value, int bits);

/* Quantile of the next slot in 0 .. 2^24 - 1, or more: then the stream is damaged. `unit` is for rndl_consume. */
static inline uint64_t rndl_quantile(const rndl_reader *reader, uint64_t *unit);
static inline void rndl_consume(rndl_reader *reader, uint64_t unit, uint32_t start, uint32_t f);

/* The escapes of a list: distances e >= 0 beyond a table's edge, written and read after the list's slots. */
void rndl_put_distances(rndl_writer *writer, const uint64_t *e, size_t n);
enum rndl_result rndl_take_distances(rndl_reader *reader, uint64_t *e, size_t n);

/* e of a value outside [first, last]; the inverse, or RNDL_BEYOND. */
static inline uint64_t rndl_distance(int64_t value, int64_t first, int64_t last) {
    return value > last ? 2 * (uint64_t)(value - last - 1) : 2 * (uint64_t)(first - 1 - value) + 1;
}

static inline enum rndl_result rndl_beyond_edge(uint64_t e, int64_t first, int64_t last, int32_t *value) {
    int64_t steps = (int64_t)(e >> 1), v = e & 1 ? first - 1 - steps : last + 1 + steps;
    if (v < INT32_MIN || v > INT32_MAX) return RNDL_BEYOND;
    *value = (int32_t)v;
    return RNDL_OK;
}

/* ---- inline parts ---- */

static inline void rndl_shift_out(rndl_writer *writer) {
    if (writer->width >> 32) return;
    uint8_t *at = writer->bytes + writer->length;
    uint32_t word = (uint32_t)(writer->low >> 32);
    at[0] = (uint8_t)(word >> 24), at[1] = (uint8_t)(word >> 16), at[2] = (uint8_t)(word >> 8), at[3] = (uint8_t)word;
    writer->length += 4;
    writer->low <<= 32;
    writer->width <<= 32;
}

static inline void rndl_advance(rndl_writer *writer, uint64_t by, uint64_t width) {
    uint64_t low = writer->low + by;
    if (low < by) { /* a carry into the words before */
        uint8_t *at = writer->bytes + writer->length;
        while (++*--at == 0) {}
    }
    writer->low = low;
    writer->width = width;
    rndl_shift_out(writer);
}

static inline void rndl_encode(rndl_writer *writer, uint32_t start, uint32_t f) {
    uint64_t unit = writer->width >> RNDL_PRECISION;
    rndl_advance(writer, unit * start, unit * f);
}

static inline void rndl_encode_bits(rndl_writer *writer, uint32_t value, int bits) {
    uint64_t unit = writer->width >> RNDL_PRECISION << (RNDL_PRECISION - bits);
    rndl_advance(writer, unit * value, unit);
}

static inline uint64_t rndl_quantile(const rndl_reader *reader, uint64_t *unit) {
    *unit = reader->width >> RNDL_PRECISION;
    return reader->code / *unit;
}

static inline void rndl_shift_in(rndl_reader *reader) {
    if (reader->width >> 32) return;
    const uint8_t *at = reader->bytes + reader->position;
    uint32_t word = 0;
    if (reader->position + 4 <= reader->length) {
        word = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
        reader->position += 4;
    } else {
        for (int i = 0; i < 4; i++)
            word = word << 8 | (reader->position < reader->length ? reader->bytes[reader->position++] : 0u);
    }
    reader->code = reader->code << 32 | word;
    reader->width <<= 32;
}

/* The slot of a quantile below 2^24: the last that begins there or before. */
static inline uint32_t rndl_slot(const uint32_t *cumulative, const uint32_t *lookup, uint32_t quantile) {
    uint32_t bucket = quantile >> (RNDL_PRECISION - RNDL_LOOKUP_BITS), slot = lookup[bucket], high = lookup[bucket + 1];
    while (slot < high) {
        uint32_t middle = slot + (high - slot + 1) / 2;
        if (cumulative[middle] <= quantile) slot = middle;
        else high = middle - 1;
    }
    return slot;
}

static inline void rndl_consume(rndl_reader *reader, uint64_t unit, uint32_t start, uint32_t f) {
    reader->code -= unit * start;
    reader->width = unit * f;
    rndl_shift_in(reader);
}

#endif
