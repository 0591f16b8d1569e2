#include "dependent.h"

static const uint8_t NEXT[RNDL_STATES][2] = RNDL_NEXT;

static int64_t value_of(int64_t symbol, int odd) { return 2 * symbol - (odd ? (symbol > 0) - (symbol < 0) : 0); }

enum rndl_result rndl_put_dependent(rndl_writer *writer, const int32_t *values, const int32_t *index, size_t n,
                                    int32_t second, const rndl_tables *tables, void *scratch) {
    if (!n) return RNDL_OK;
    rndl_list list;
    if (second < 0 || second > tables->count) return RNDL_BAD_INDEX;
    if (rndl_list_sort(&list, index, n, tables->count - second, scratch)) return RNDL_BAD_INDEX;
    size_t escapes = 0;
    int state = 0;
    rndl_writer w = *writer;
    for (size_t i = 0; i < n; i++) {
        int odd = state & 1;
        int64_t value = values[list.order[i]], symbol = (value + (odd ? (value > 0) - (value < 0) : 0)) / 2;
        if (value_of(symbol, odd) != value) return RNDL_DAMAGED;
        int32_t t = index[list.order[i]] + (odd ? second : 0);
        const uint32_t *f = tables->frequencies + tables->starts[t], *start = tables->cumulative + tables->starts[t];
        int64_t first = tables->offsets[t], last = tables->starts[t + 1] - tables->starts[t] - 1, slot = symbol - first;
        if (slot < 0 || slot >= last) {
            slot = last;
            list.distances[escapes++] = rndl_distance(symbol, first, first + last - 1);
        }
        rndl_encode(&w, start[slot], f[slot]);
        state = NEXT[state][slot == last ? 0 : symbol & 1];
    }
    *writer = w;
    rndl_put_distances(writer, list.distances, escapes);
    return RNDL_OK;
}

enum rndl_result rndl_take_dependent(rndl_reader *reader, int32_t *values, const int32_t *index, size_t n,
                                     int32_t second, const rndl_tables *tables, void *scratch) {
    if (!n) return RNDL_OK;
    rndl_list list;
    if (second < 0 || second > tables->count) return RNDL_BAD_INDEX;
    if (rndl_list_sort(&list, index, n, tables->count - second, scratch)) return RNDL_BAD_INDEX;
    size_t escapes = 0, i = 0;
    int state = 0;
    rndl_reader r = *reader;
    while (i < n) { /* a run of one index: a table for each quantiser */
        int32_t own = index[list.order[i]], pair[2] = {own, own + second};
        const uint32_t *f[2], *start[2], *found[2];
        uint32_t last[2];
        for (int odd = 0; odd < 2; odd++) {
            int64_t begin = tables->starts[pair[odd]];
            f[odd] = tables->frequencies + begin;
            start[odd] = tables->cumulative + begin;
            found[odd] = tables->lookup + (size_t)pair[odd] * RNDL_LOOKUP;
            last[odd] = (uint32_t)(tables->starts[pair[odd] + 1] - begin - 1);
        }
        for (; i < n && index[list.order[i]] == own; i++) {
            int odd = state & 1;
            uint64_t unit, q = rndl_quantile(&r, &unit);
            if (q >> RNDL_PRECISION) return RNDL_DAMAGED;
            uint32_t slot = rndl_slot(start[odd], found[odd], (uint32_t)q);
            rndl_consume(&r, unit, start[odd][slot], f[odd][slot]);
            int64_t symbol = tables->offsets[pair[odd]] + (int64_t)slot;
            if (slot == last[odd]) {
                list.escaped[escapes++] = list.order[i];
                symbol = odd; /* until its distance is read */
                state = NEXT[state][0];
            } else state = NEXT[state][symbol & 1];
            int64_t value = slot == last[odd] ? symbol : value_of(symbol, odd);
            if (value < INT32_MIN || value > INT32_MAX) return RNDL_BEYOND;
            values[list.order[i]] = (int32_t)value;
        }
    }
    *reader = r;
    enum rndl_result result = rndl_take_distances(reader, list.distances, escapes);
    for (size_t k = 0; k < escapes && !result; k++) {
        uint32_t at = list.escaped[k];
        int odd = values[at];
        int32_t t = index[at] + (odd ? second : 0), symbol;
        int64_t first = tables->offsets[t], slots = tables->starts[t + 1] - tables->starts[t];
        result = rndl_beyond_edge(list.distances[k], first, first + slots - 2, &symbol);
        int64_t value = result ? 0 : value_of(symbol, odd);
        if (value < INT32_MIN || value > INT32_MAX) return RNDL_BEYOND;
        values[at] = (int32_t)value;
    }
    return result;
}
