#include "coder.h"

/* Frequencies of the classes of escapes: 2^(22 - floor(L / 2)), and what is left of 2^24 to class 0. */
static uint32_t class_frequency(int kind) { return (1u << (22 - kind / 2)) + (kind ? 0u : 128u); }

enum rndl_result rndl_tables_prepare(const rndl_tables *tables, size_t total, uint32_t *cumulative, uint32_t *lookup) {
    const int64_t *starts = tables->starts;
    if (tables->count < 1 || starts[0] != 0 || starts[tables->count] != (int64_t)total) return RNDL_BAD_INDEX;
    for (int32_t t = 0; t < tables->count; t++) {
        int64_t first = starts[t], n = starts[t + 1] - first;
        if (n < 2 || n > 1 << RNDL_PRECISION || starts[t + 1] > (int64_t)total) return RNDL_BAD_INDEX;
        if (tables->offsets[t] + n - 2 > INT32_MAX) return RNDL_BAD_INDEX;
        uint64_t sum = 0;
        uint32_t *found = lookup + (size_t)t * RNDL_LOOKUP;
        int bucket = 0;
        for (int64_t i = 0; i < n; i++) {
            uint32_t f = tables->frequencies[first + i];
            if (f < 1 || f > 1u << RNDL_PRECISION) return RNDL_BAD_INDEX;
            cumulative[first + i] = (uint32_t)sum;
            sum += f;
            if (sum > 1u << RNDL_PRECISION) return RNDL_BAD_INDEX;
            while (bucket < RNDL_LOOKUP - 1 && (uint64_t)bucket << (RNDL_PRECISION - RNDL_LOOKUP_BITS) < sum)
                found[bucket++] = (uint32_t)i;
        }
        if (sum != 1u << RNDL_PRECISION) return RNDL_BAD_INDEX;
        found[RNDL_LOOKUP - 1] = (uint32_t)(n - 1);
    }
    return RNDL_OK;
}

void rndl_writer_start(rndl_writer *writer) {
    writer->low = 0;
    writer->width = UINT64_MAX;
    writer->length = 0;
}

size_t rndl_writer_close(rndl_writer *writer) {
    uint64_t low = writer->low, end = 0, room = 0;
    int carried = 0;
    /* Numbers with the most zeros at the end that are not below `low`; one always is inside within 32 bits. */
    for (int zeros = 64; zeros >= 32; zeros -= 8) {
        uint64_t step = zeros == 64 ? 0 : (uint64_t)1 << zeros;
        end = (low + (step - 1)) & ~(step - 1); /* 0 when it is 2^64 */
        carried = low > 0 && end == 0;
        room = end - low; /* modulo 2^64, so right when carried too */
        if (room < writer->width) break;
    }
    uint8_t *at = writer->bytes + writer->length;
    if (carried) {
        uint8_t *before = at;
        while (++*--before == 0) {}
    }
    for (int i = 0; i < 8; i++) at[i] = (uint8_t)(end >> (56 - 8 * i));
    writer->length += 8;
    while (writer->length && writer->bytes[writer->length - 1] == 0) writer->length--;
    return writer->length;
}

void rndl_reader_start(rndl_reader *reader, const uint8_t *bytes, size_t length) {
    reader->bytes = bytes;
    reader->length = length;
    reader->position = 0;
    reader->code = 0;
    for (int i = 0; i < 8; i++)
        reader->code = reader->code << 8 | (reader->position < length ? bytes[reader->position++] : 0u);
    reader->width = UINT64_MAX;
}

#define SHORT_LIST 64

size_t rndl_scratch_bytes(size_t n, int32_t tables) { return 16 * n + 4 * ((size_t)tables + 1); }

enum rndl_result rndl_list_sort(rndl_list *list, const int32_t *index, size_t n, int32_t count, void *scratch) {
    list->distances = (uint64_t *)scratch;
    list->order = (uint32_t *)(list->distances + n);
    list->escaped = list->order + n;
    uint32_t *order = list->order, *ends = list->escaped + n;
    for (size_t i = 0; i < n; i++)
        if ((uint32_t)index[i] >= (uint32_t)count) return RNDL_BAD_INDEX;
    if (n <= SHORT_LIST) { /* by insertion: clearing a count for each table would take longer */
        for (size_t i = 0; i < n; i++) {
            size_t at = i;
            for (; at && index[order[at - 1]] > index[i]; at--) order[at] = order[at - 1];
            order[at] = (uint32_t)i;
        }
        return RNDL_OK;
    }
    for (int32_t t = 0; t <= count; t++) ends[t] = 0;
    for (size_t i = 0; i < n; i++) ends[index[i] + 1]++;
    for (int32_t t = 0; t < count; t++) ends[t + 1] += ends[t]; /* ends[t] is now where table t begins */
    for (size_t i = 0; i < n; i++) order[ends[index[i]]++] = (uint32_t)i;
    return RNDL_OK;
}

enum rndl_result rndl_put(rndl_writer *writer, const int32_t *symbols, const int32_t *index, size_t n,
                          const rndl_tables *tables, void *scratch) {
    if (!n) return RNDL_OK;
    rndl_list memory;
    if (rndl_list_sort(&memory, index, n, tables->count, scratch)) return RNDL_BAD_INDEX;
    size_t escapes = 0, i = 0;
    rndl_writer w = *writer; /* a copy that the compiler keeps in registers */
    while (i < n) { /* a run of one table */
        int32_t t = index[memory.order[i]];
        const uint32_t *f = tables->frequencies + tables->starts[t], *start = tables->cumulative + tables->starts[t];
        int32_t offset = tables->offsets[t];
        uint32_t last = (uint32_t)(tables->starts[t + 1] - tables->starts[t] - 1);
        for (; i < n && index[memory.order[i]] == t; i++) {
            int32_t symbol = symbols[memory.order[i]];
            uint32_t slot = (uint32_t)symbol - (uint32_t)offset; /* below the table wraps to far above it */
            if (slot >= last) {
                slot = last;
                memory.distances[escapes++] = rndl_distance(symbol, offset, (int64_t)offset + last - 1);
            }
            rndl_encode(&w, start[slot], f[slot]);
        }
    }
    *writer = w;
    rndl_put_distances(writer, memory.distances, escapes);
    return RNDL_OK;
}

enum rndl_result rndl_take(rndl_reader *reader, int32_t *symbols, const int32_t *index, size_t n,
                           const rndl_tables *tables, void *scratch) {
    if (!n) return RNDL_OK;
    rndl_list memory;
    if (rndl_list_sort(&memory, index, n, tables->count, scratch)) return RNDL_BAD_INDEX;
    size_t escapes = 0, i = 0;
    rndl_reader r = *reader;
    while (i < n) { /* a run of one table */
        int32_t t = index[memory.order[i]];
        const uint32_t *f = tables->frequencies + tables->starts[t], *start = tables->cumulative + tables->starts[t];
        const uint32_t *found = tables->lookup + (size_t)t * RNDL_LOOKUP;
        int32_t offset = tables->offsets[t];
        uint32_t last = (uint32_t)(tables->starts[t + 1] - tables->starts[t] - 1);
        for (; i < n && index[memory.order[i]] == t; i++) {
            uint64_t unit, q = rndl_quantile(&r, &unit);
            if (q >> RNDL_PRECISION) return RNDL_DAMAGED;
            uint32_t slot = rndl_slot(start, found, (uint32_t)q);
            symbols[memory.order[i]] = (int32_t)((uint32_t)offset + slot);
            if (slot == last) memory.escaped[escapes++] = memory.order[i];
            rndl_consume(&r, unit, start[slot], f[slot]);
        }
    }
    *reader = r;
    enum rndl_result result = rndl_take_distances(reader, memory.distances, escapes);
    for (size_t k = 0; k < escapes && !result; k++) {
        uint32_t at = memory.escaped[k];
        int64_t first = tables->offsets[index[at]];
        int64_t slots = tables->starts[index[at] + 1] - tables->starts[index[at]];
        result = rndl_beyond_edge(memory.distances[k], first, first + slots - 2, symbols + at);
    }
    return result;
}

static int class_of(uint64_t e) {
    int kind = 0;
    while ((e + 1) >> (kind + 1)) kind++;
    return kind;
}

void rndl_put_distances(rndl_writer *writer, const uint64_t *e, size_t n) {
    uint64_t there = 0; /* a bit for each class */
    for (size_t i = 0; i < n; i++) {
        int kind = class_of(e[i]);
        uint32_t start = 0;
        for (int k = 0; k < kind; k++) start += class_frequency(k);
        rndl_encode(writer, start, class_frequency(kind));
        there |= (uint64_t)1 << kind;
    }
    for (int kind = 1; kind < RNDL_CLASSES; kind++) {
        if (!(there >> kind & 1)) continue;
        uint64_t low = ((uint64_t)1 << (kind > 16 ? 16 : kind)) - 1, first = (uint64_t)1 << kind;
        if (kind > 16)
            for (size_t i = 0; i < n; i++)
                if (class_of(e[i]) == kind) rndl_encode_bits(writer, (uint32_t)((e[i] + 1 - first) >> 16), kind - 16);
        for (size_t i = 0; i < n; i++)
            if (class_of(e[i]) == kind)
                rndl_encode_bits(writer, (uint32_t)((e[i] + 1 - first) & low), kind > 16 ? 16 : kind);
    }
}

static enum rndl_result take_bits(rndl_reader *reader, int bits, uint32_t *value) {
    uint64_t unit = reader->width >> RNDL_PRECISION << (RNDL_PRECISION - bits), found = reader->code / unit;
    if (found >> bits) return RNDL_DAMAGED;
    *value = (uint32_t)found;
    reader->code -= unit * found;
    reader->width = unit;
    rndl_shift_in(reader);
    return RNDL_OK;
}

enum rndl_result rndl_take_distances(rndl_reader *reader, uint64_t *e, size_t n) {
    uint64_t there = 0;
    /* e holds a class above 2^58 until its bits are read; distances stay below 2^34. */
    for (size_t i = 0; i < n; i++) {
        uint64_t unit, q = rndl_quantile(reader, &unit);
        if (q >> RNDL_PRECISION) return RNDL_DAMAGED;
        uint32_t start = 0;
        int kind = 0;
        while (q >= start + class_frequency(kind)) start += class_frequency(kind++);
        rndl_consume(reader, unit, start, class_frequency(kind));
        e[i] = (uint64_t)kind << 58 | (((uint64_t)1 << kind) - 1);
        there |= (uint64_t)1 << kind;
    }
    for (int kind = 1; kind < RNDL_CLASSES; kind++) {
        if (!(there >> kind & 1)) continue;
        uint32_t bits;
        if (kind > 16)
            for (size_t i = 0; i < n; i++)
                if (e[i] >> 58 == (uint64_t)kind) {
                    if (take_bits(reader, kind - 16, &bits)) return RNDL_DAMAGED;
                    e[i] += (uint64_t)bits << 16;
                }
        for (size_t i = 0; i < n; i++)
            if (e[i] >> 58 == (uint64_t)kind) {
                if (take_bits(reader, kind > 16 ? 16 : kind, &bits)) return RNDL_DAMAGED;
                e[i] += bits;
            }
    }
    for (size_t i = 0; i < n; i++) e[i] &= ((uint64_t)1 << 58) - 1;
    return RNDL_OK;
}
