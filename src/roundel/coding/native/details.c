#include "details.h"

#include <string.h>

#include "dependent.h"

enum { RUN = RNDL_RUN, TURNED = 1 << 15 };

/* Working memory: lists, one after the other. Where in the level's values is a number times 2, plus 1 where the sign is
   turned. */
typedef struct {
    uint64_t *distances;
    uint32_t *order;   /* where, by table */
    uint32_t *where;   /* of the places whose table is not 0, in their order; later of escapes, where in `order` */
    uint32_t *begins;  /* of each table, in `order` */
    int32_t *flags, *flag_index;
    void *flag_scratch;
    uint16_t *index; /* of the places whose table is not 0 */
    uint8_t *odd;    /* of escapes: which quantiser was on */
} memory;

/* Tables of scale index and skew, with TURNED where signs are turned; skews beyond the last count as it. */
typedef uint16_t lookup[RNDL_INDICES][8];

static size_t runs_of(size_t places) { return places / RUN + 1; }

size_t rndl_group_places(const rndl_group *group) {
    size_t area = group->h * group->w;
    return group->channels * (group->fields == 2 ? area : (area + 1 - (size_t)group->fields) / 2);
}

size_t rndl_details_bytes(size_t places, int32_t tables) {
    size_t runs = runs_of(places);
    return (places + 1) * (8 + 4 + 4 + 2 + 1) + 4 * ((size_t)tables + 2) + 8 * runs + rndl_scratch_bytes(runs, tables) + 16;
}

static memory split(void *scratch, size_t places, int32_t tables) {
    memory m;
    size_t runs = runs_of(places);
    m.distances = scratch;
    m.flag_scratch = m.distances + places;
    m.order = (uint32_t *)((char *)m.flag_scratch + (rndl_scratch_bytes(runs, tables) + 7) / 8 * 8);
    m.where = m.order + places;
    m.begins = m.where + places + 1; /* one is written in vain */
    m.flags = (int32_t *)(m.begins + tables + 2);
    m.flag_index = m.flags + runs;
    m.index = (uint16_t *)(m.flag_index + runs);
    m.odd = (uint8_t *)(m.index + places + 1);
    return m;
}

/* First column of a row's fields. */
static size_t column(const rndl_group *group, size_t y) { return group->fields == 2 ? 0 : (y + (size_t)group->fields) & 1; }

static void prepare(lookup table, const rndl_group *group) {
    for (int scale = 0; scale < RNDL_INDICES; scale++)
        for (int skew = 0; skew < 8; skew++) {
            int own = skew < RNDL_SKEWS ? skew : RNDL_SKEWS - 1;
            table[scale][skew] = (uint16_t)(group->table[scale * RNDL_SKEWS + own] | (own < RNDL_SKEWS / 2 ? TURNED : 0));
        }
}

static inline uint16_t own_table(const lookup table, const uint8_t *at, size_t k, size_t c) {
    return table[at[k] < RNDL_INDICES ? at[k] : RNDL_INDICES - 1][at[c + k] < 8 ? at[c + k] : 7];
}

/* The places whose table is not 0; their number. */
static inline size_t gather(const uint8_t *said, const rndl_group *group, const lookup table, const memory *m, size_t c) {
    size_t n = 0, step = group->fields == 2 ? 1 : 2;
    for (size_t y = 0; y < group->h; y++)
        for (size_t x = column(group, y); x < group->w; x += step) {
            size_t pixel = y * group->w + x;
            const uint8_t *at = said + pixel * 2 * c;
            uint32_t to = (uint32_t)(pixel * RNDL_DETAILS + group->first) * 2;
            uint8_t any = 0;
            for (size_t k = 0; k < c; k++) any |= at[k];
            if (!any) continue; /* most pixels of smooth pictures: index 0 is table 0 */
            for (size_t k = 0; k < c; k++) {
                uint16_t own = own_table(table, at, k, c);
                m->index[n] = own & (TURNED - 1);
                m->where[n] = to + (uint32_t)k * 2 + (own >> 15);
                n += (own & (TURNED - 1)) != 0;
            }
        }
    return n;
}

/* The places of table 0 whose run a flag announces, at the start of `order`; their number. */
static size_t announced(const uint8_t *said, const rndl_group *group, const lookup table, const memory *m, size_t runs) {
    size_t n = 0, silent = 0, c = group->channels, step = group->fields == 2 ? 1 : 2;
    while (runs && !m->flags[runs - 1]) runs--;
    for (size_t y = 0; y < group->h; y++)
        for (size_t x = column(group, y); x < group->w; x += step) {
            if (silent / RUN >= runs) return n;
            size_t pixel = y * group->w + x;
            for (size_t k = 0; k < c; k++) {
                uint16_t own = own_table(table, said + pixel * 2 * c, k, c);
                if (own & (TURNED - 1)) continue;
                if (silent / RUN < runs && m->flags[silent / RUN])
                    m->order[n++] = (uint32_t)(pixel * RNDL_DETAILS + group->first + k) * 2 + (own >> 15);
                silent++;
            }
        }
    return n;
}

/* Places that the stream holds, by table, the first `silent` of them done; their number. `begins` become the ends. */
static size_t sort(size_t silent, size_t n, int32_t count, memory *m) {
    memset(m->begins, 0, ((size_t)count + 2) * sizeof *m->begins);
    for (size_t i = 0; i < n; i++) m->begins[m->index[i] + 1]++;
    m->begins[1] = (uint32_t)silent;
    for (int32_t t = 1; t < count; t++) m->begins[t + 1] += m->begins[t];
    m->begins[0] = (uint32_t)silent;
    for (size_t i = 0; i < n; i++) m->order[m->begins[m->index[i]]++] = m->where[i];
    return silent + n;
}

static void put(uint32_t place, int64_t value, const rndl_group *group, const rndl_level *level, int *beyond) {
    size_t at = place / 2, size = (size_t)(value < 0 ? -value : value);
    if (!size) return;
    if (size > INT16_MAX || size > (size_t)group->limits[at % RNDL_DETAILS - group->first]) *beyond = 1;
    else rndl_level_put(level, at, (int32_t)(place & 1 ? -value : value), group->magnitudes);
}

enum rndl_result rndl_take_details(rndl_reader *reader, const uint8_t *said, const rndl_group *group,
                                   const rndl_tables *tables, const rndl_level *level, int *beyond, void *scratch) {
    int32_t count = tables->count - group->second;
    *beyond = 0;
    if (group->second < 0 || count < 1 || count >= TURNED || group->flags < 0 || group->flags >= tables->count)
        return RNDL_BAD_INDEX;
    for (int i = 0; i < RNDL_INDICES * RNDL_SKEWS; i++)
        if (group->table[i] < 0 || group->table[i] >= count) return RNDL_BAD_INDEX;
    for (int skew = 0; skew < RNDL_SKEWS; skew++)
        if (group->table[skew]) return RNDL_BAD_INDEX; /* index 0 is table 0 */
    size_t places = rndl_group_places(group);
    memory m = split(scratch, places, tables->count);
    lookup table;
    prepare(table, group);
    size_t c = group->channels, said_n = c == 3 ? gather(said, group, table, &m, 3)
                                       : c == 6 ? gather(said, group, table, &m, 6)
                                                : gather(said, group, table, &m, c);
    size_t runs = (places - said_n + RUN - 1) / RUN;
    for (size_t i = 0; i < runs; i++) m.flag_index[i] = group->flags;
    enum rndl_result result = rndl_take(reader, m.flags, m.flag_index, runs, tables, m.flag_scratch);
    if (result) return result;
    size_t n = sort(announced(said, group, table, &m, runs), said_n, count, &m), escapes = 0, i = 0;
    int state = 0;
    rndl_reader r = *reader;
    for (int32_t t = 0; t < count; t++) { /* `begins` of a table is where it ends by now */
        if (i == m.begins[t]) continue;
        rndl_turns turns = rndl_turns_of(tables, t, group->second);
        for (; i < m.begins[t]; i++) {
            int odd = state & 1;
            int64_t value;
            enum rndl_read read = rndl_take_turn(&r, &turns, &state, &value);
            if (read == RNDL_NOTHING) return RNDL_DAMAGED;
            if (read == RNDL_VALUE) put(m.order[i], value, group, level, beyond);
            else {
                m.odd[escapes] = (uint8_t)odd;
                m.where[escapes++] = (uint32_t)i;
            }
        }
    }
    *reader = r;
    result = n ? rndl_take_distances(reader, m.distances, escapes) : RNDL_OK;
    int32_t t = 0;
    for (size_t k = 0; k < escapes && !result; k++) { /* they are in the order of tables, too */
        while (m.begins[t] <= m.where[k]) t++;
        int odd = m.odd[k];
        int64_t value;
        result = rndl_value_beyond(tables, t + (odd ? group->second : 0), odd, m.distances[k], &value);
        if (!result) put(m.order[m.where[k]], value, group, level, beyond);
    }
    return result;
}
