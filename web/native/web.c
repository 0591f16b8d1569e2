/* The C core as JavaScript calls it: memory by a mark that moves, structures made here, results as numbers.

   JavaScript asks for memory with `take`, copies arrays there, calls, copies back, and gives all of it back at once with
   `release`. Nothing is freed one by one: a tile takes what it needs, and ends. */
#include "colours.h"
#include "mixture.h"
#include "wavelet.h"

#include <string.h>

#define EXPORT(name) __attribute__((export_name(#name)))

extern uint8_t __heap_base;

enum { PAGE = 1 << 16, ALIGN = 64 };

static size_t used; /* 0 before the first call */

void *memset(void *to, int byte, size_t n) { return __builtin_memset(to, byte, n); }
void *memcpy(void *restrict to, const void *restrict from, size_t n) { return __builtin_memcpy(to, from, n); }

EXPORT(mark) size_t mark(void) {
    if (!used) used = ((size_t)&__heap_base + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    return used;
}

EXPORT(release) void release(size_t to) { used = to; }

/* So many bytes, of any content; 0 where there are not so many. */
EXPORT(take) void *take(size_t bytes) {
    size_t at = mark(), end = (at + bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (end < at) return 0;
    size_t have = (size_t)__builtin_wasm_memory_size(0) * PAGE;
    if (end > have && __builtin_wasm_memory_grow(0, (end - have + PAGE - 1) / PAGE) == (size_t)-1) return 0;
    used = end;
    return (void *)at;
}

typedef struct {
    rndl_tables tables;
    uint8_t *reach;
} web_tables;

/* Checked tables; 0 where they break a rule. `frequencies` has eight numbers more than `total`. */
EXPORT(tables) web_tables *tables(int32_t count, size_t total, const uint32_t *frequencies, const int64_t *starts,
                                  const int32_t *offsets) {
    web_tables *made = take(sizeof *made);
    uint32_t *cumulative = take((total + 8) * sizeof *cumulative);
    uint32_t *lookup = take((size_t)count * RNDL_LOOKUP * sizeof *lookup);
    uint8_t *reach = take((size_t)count);
    if (!made || !cumulative || !lookup || !reach) return 0;
    made->tables = (rndl_tables){count, frequencies, starts, offsets, cumulative, lookup};
    made->reach = reach;
    if (rndl_tables_prepare(&made->tables, total, cumulative, lookup)) return 0;
    rndl_colours_reach(&made->tables, reach);
    return made;
}

EXPORT(reader) rndl_reader *reader(const uint8_t *bytes, size_t length) {
    rndl_reader *made = take(sizeof *made);
    if (made) rndl_reader_start(made, bytes, length);
    return made;
}

enum { NO_MEMORY = 100 };

EXPORT(symbols) int32_t symbols(rndl_reader *from, int32_t *found, const int32_t *index, size_t n, const web_tables *by) {
    size_t before = mark();
    void *scratch = take(rndl_scratch_bytes(n, by->tables.count));
    int32_t result = scratch ? (int32_t)rndl_take(from, found, index, n, &by->tables, scratch) : NO_MEMORY;
    release(before);
    return result;
}

EXPORT(writer_matches) int32_t writer_matches(const uint8_t *bytes, size_t length, const int32_t *found,
                                              const int32_t *index, size_t n, const web_tables *by) {
    size_t before = mark();
    void *scratch = take(rndl_scratch_bytes(n, by->tables.count));
    rndl_writer writer;
    rndl_writer_start(&writer);
    writer.bytes = take(n * RNDL_BYTES_PER_SYMBOL + 8);
    int32_t same = 0;
    if (scratch && writer.bytes && !rndl_put(&writer, found, index, n, &by->tables, scratch)) {
        same = rndl_writer_close(&writer) == length;
        for (size_t i = 0; same && i < length; i++) same = writer.bytes[i] == bytes[i];
    }
    release(before);
    return same;
}

EXPORT(colours) rndl_colours *colours(size_t pixels) {
    size_t bytes = rndl_colours_bytes(pixels);
    void *memory = take(bytes);
    if (!memory) return 0;
    memset(memory, 0, bytes);
    return rndl_colours_start(memory, pixels);
}

EXPORT(samples) int32_t samples(rndl_colours *seen, rndl_reader *from, int32_t colour, size_t n, int32_t *values,
                                const int32_t *index, const int32_t *centre, const int32_t *luma, const int32_t *co,
                                const web_tables *by) {
    size_t before = mark();
    uint64_t *distances = take(n * sizeof *distances);
    uint32_t *escaped = take(n * sizeof *escaped);
    rndl_group group = {colour, n, values, index, centre, luma, co, distances, escaped};
    int32_t result =
        distances && escaped ? (int32_t)rndl_colours_take(seen, from, &group, &by->tables, by->reach) : NO_MEMORY;
    release(before);
    return result;
}

EXPORT(mixture) void mixture(const int32_t *mean, const int32_t *log_scale, const int32_t *tail, int32_t *index,
                             int32_t *centre, size_t n) {
    rndl_mixture(mean, log_scale, tail, index, centre, n);
}

EXPORT(merge) int32_t merge(const int16_t *low, const int16_t *details, int16_t *out, size_t h, size_t w) {
    size_t before = mark();
    void *scratch = take(rndl_merge_scratch(h, w));
    if (scratch) rndl_merge(low, details, out, h, w, scratch);
    release(before);
    return scratch ? 0 : NO_MEMORY;
}

EXPORT(rgb) void rgb(const int16_t *opponent, int16_t *found, uint8_t *pixels, size_t n) {
    rndl_rgb(opponent, found, pixels, n);
}
