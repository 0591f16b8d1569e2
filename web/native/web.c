/* The C core as JavaScript calls it: memory by a mark that moves, structures made here, results as numbers.

   JavaScript asks for memory with `take`, copies arrays there, calls, copies back, and gives all of it back at once with
   `release`. Nothing is freed one by one: a tile takes what it needs, and ends. */
#include "cell.h"
#include "dependent.h"
#include "indices.h"
#include "mixture.h"
#include "samples.h"
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

/* Checked tables; 0 where they break a rule. `frequencies` has eight numbers more than `total`. */
EXPORT(tables) rndl_learner *tables(int32_t count, size_t total, const uint32_t *frequencies, const int64_t *starts,
                                  const int32_t *offsets) {
    rndl_learner *made = take(sizeof *made);
    uint32_t *cumulative = take((total + 8) * sizeof *cumulative);
    uint32_t *lookup = take((size_t)count * RNDL_LOOKUP * sizeof *lookup);
    uint8_t *reach = take((size_t)count);
    uint16_t *costs = take(total * sizeof *costs);
    if (!made || !cumulative || !lookup || !reach || !costs) return 0;
    made->tables = (rndl_tables){count, frequencies, starts, offsets, cumulative, lookup};
    made->reach = reach, made->costs = costs;
    if (rndl_tables_prepare(&made->tables, total, cumulative, lookup)) return 0;
    rndl_colours_reach(&made->tables, reach);
    rndl_neighbours_costs(&made->tables, costs);
    return made;
}

EXPORT(reader) rndl_reader *reader(const uint8_t *bytes, size_t length) {
    rndl_reader *made = take(sizeof *made);
    if (made) rndl_reader_start(made, bytes, length);
    return made;
}

enum { NO_MEMORY = 100 };

EXPORT(symbols) int32_t symbols(rndl_reader *from, int32_t *found, const int32_t *index, size_t n, const rndl_learner *by) {
    size_t before = mark();
    void *scratch = take(rndl_scratch_bytes(n, by->tables.count));
    int32_t result = scratch ? (int32_t)rndl_take(from, found, index, n, &by->tables, scratch) : NO_MEMORY;
    release(before);
    return result;
}

/* The values of a dependent list. */
EXPORT(dependent) int32_t dependent(rndl_reader *from, int32_t *found, const int32_t *index, size_t n, int32_t second,
                                    const rndl_learner *by) {
    size_t before = mark();
    void *scratch = take(rndl_scratch_bytes(n, by->tables.count));
    int32_t result = scratch ? (int32_t)rndl_take_dependent(from, found, index, n, second, &by->tables, scratch) : NO_MEMORY;
    release(before);
    return result;
}

EXPORT(writer_matches) int32_t writer_matches(const uint8_t *bytes, size_t length, const int32_t *found,
                                              const int32_t *index, size_t n, const rndl_learner *by) {
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

static void *zeroed(size_t bytes) {
    void *memory = bytes ? take(bytes) : 0;
    return memory ? memset(memory, 0, bytes) : 0;
}

/* What a lossless tile, or a group of pictures, tells about itself; 0 where there is not enough memory. */
EXPORT(cell) rndl_cell *cell(int32_t flags, size_t pictures, size_t height, size_t width, int32_t halvings, int32_t colours) {
    rndl_space space = {pictures, height, width, halvings, colours};
    rndl_cell *made = take(sizeof *made);
    void *memory = zeroed(rndl_cell_bytes(flags, &space));
    if (!made || !memory) return 0;
    *made = rndl_cell_start(flags, &space, memory);
    return made;
}

/* The first pixel's samples of a colour, one of each picture, within their range. */
EXPORT(first) void first(rndl_cell *of, int32_t colour, const int32_t *values) { rndl_cell_first(of, colour, values); }

/* The values of a group of n samples, from what the nets say of them. luma, co: of the same pixels, where they come
   before the group's own colour. */
EXPORT(group) int32_t group(rndl_cell *of, rndl_reader *from, int32_t level, int32_t phase, int32_t colour, int32_t white,
                            size_t n, int32_t *values, const int32_t *mean, const int32_t *scale, const int32_t *tail,
                            const int32_t *luma, const int32_t *co, const rndl_learner *by) {
    size_t before = mark();
    rndl_group asked = {level, phase, colour, white, n, values, mean, scale, tail, luma, co};
    void *scratch = take(rndl_cell_scratch_bytes(n, by->tables.count));
    int32_t result = scratch ? (int32_t)rndl_cell_take(of, from, &asked, by, scratch) : NO_MEMORY;
    release(before);
    return result;
}

/* RGB of a tile of few colours. */
EXPORT(indices) int32_t indices(const uint8_t *bytes, size_t length, uint8_t *rgb, size_t height, size_t width) {
    size_t before = mark(), n = height * width;
    rndl_picture picture = {height, width, 0, take(3 * RNDL_COLOURS_MAX), take(2 * n)};
    void *memory = zeroed(rndl_indices_bytes(height, width));
    int32_t result = picture.palette && picture.index && memory ? RNDL_OK : NO_MEMORY;
    rndl_reader from;
    rndl_reader_start(&from, bytes, length);
    if (!result) result = (int32_t)rndl_indices_take(&from, &picture, memory);
    for (size_t i = 0; i < n && !result; i++)
        for (int c = 0; c < 3; c++) rgb[3 * i + c] = picture.palette[3 * picture.index[i] + c];
    release(before);
    return result;
}

/* Samples of a square of a picture. */
EXPORT(samples) int32_t samples(const uint8_t *bytes, size_t length, uint16_t *found, size_t height, size_t width,
                                int32_t colours) {
    size_t before = mark();
    rndl_square square = {height, width, colours, found};
    void *memory = zeroed(rndl_samples_bytes(&square));
    rndl_reader from;
    rndl_reader_start(&from, bytes, length);
    int32_t result = memory ? (int32_t)rndl_samples_take(&from, &square, memory) : NO_MEMORY;
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
