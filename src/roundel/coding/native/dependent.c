#include "dependent.h"

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
        if (rndl_value_of(symbol, odd) != value) return RNDL_DAMAGED;
        int32_t t = index[list.order[i]] + (odd ? second : 0);
        const uint32_t *f = tables->frequencies + tables->starts[t], *start = tables->cumulative + tables->starts[t];
        int64_t first = tables->offsets[t], last = tables->starts[t + 1] - tables->starts[t] - 1, slot = symbol - first;
        if (slot < 0 || slot >= last) {
            slot = last;
            list.distances[escapes++] = rndl_distance(symbol, first, first + last - 1);
        }
        rndl_encode(&w, start[slot], f[slot]);
        state = RNDL_NEXT[state][slot == last ? 0 : symbol & 1];
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
    while (i < n) { /* a run of one index */
        int32_t own = index[list.order[i]];
        rndl_turns turns = rndl_turns_of(tables, own, second);
        for (; i < n && index[list.order[i]] == own; i++) {
            int64_t value = state & 1; /* of an escape its quantiser, until its distance is read */
            enum rndl_read read = rndl_take_turn(&r, &turns, &state, &value);
            if (read == RNDL_NOTHING) return RNDL_DAMAGED;
            if (read == RNDL_ESCAPE) list.escaped[escapes++] = list.order[i];
            if (value < INT32_MIN || value > INT32_MAX) return RNDL_BEYOND;
            values[list.order[i]] = (int32_t)value;
        }
    }
    *reader = r;
    enum rndl_result result = rndl_take_distances(reader, list.distances, escapes);
    for (size_t k = 0; k < escapes && !result; k++) {
        uint32_t at = list.escaped[k];
        int odd = values[at];
        int64_t value = 0;
        result = rndl_value_beyond(tables, index[at] + (odd ? second : 0), odd, list.distances[k], &value);
        if (value < INT32_MIN || value > INT32_MAX) return RNDL_BEYOND;
        values[at] = (int32_t)value;
    }
    return result;
}
