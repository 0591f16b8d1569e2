#include "details.h"

#include <string.h>

#include "dependent.h"

enum { RUN = 32, TURNED = 1 << 15 };

/* Working memory: lists by place, one after the other. */
typedef struct {
    uint64_t *distances;
    uint32_t *order, *escaped; /* where in the level's values, times 2, plus 1 where the sign is turned */
    uint32_t *begins;          /* of each table, in `order` */
    int32_t *flags, *flag_index;
    void *flag_scratch;
    uint16_t *index; /* of each place its table, and whether its sign is turned */
    uint8_t *odd;    /* of escapes: which quantiser was on */
} memory;

static size_t runs_of(size_t places) { return places / RUN + 1; }

size_t rndl_group_places(const rndl_group *group) {
    size_t area = group->h * group->w;
    return group->channels * (group->fields == 2 ? area : (area + 1 - (size_t)group->fields) / 2);
}

size_t rndl_details_bytes(size_t places, int32_t tables) {
    size_t runs = runs_of(places);
    return places * (8 + 4 + 4 + 2 + 1) + 4 * ((size_t)tables + 2) + 8 * runs + rndl_scratch_bytes(runs, tables) + 16;
}

static memory split(void *scratch, size_t places, int32_t tables) {
    memory m;
    size_t runs = runs_of(places);
    m.distances = scratch;
    m.flag_scratch = m.distances + places;
    m.order = (uint32_t *)((char *)m.flag_scratch + (rndl_scratch_bytes(runs, tables) + 7) / 8 * 8);
    m.escaped = m.order + places;
    m.begins = m.escaped + places;
    m.flags = (int32_t *)(m.begins + tables + 2);
    m.flag_index = m.flags + runs;
    m.index = (uint16_t *)(m.flag_index + runs);
    m.odd = (uint8_t *)(m.index + places);
    return m;
}

/* First column of a row's fields. */
static size_t column(const rndl_group *group, size_t y) { return group->fields == 2 ? 0 : (y + (size_t)group->fields) & 1; }

/* Each place's table; how many have each, in `begins`, one further on. */
static void look_up(const uint8_t *said, const rndl_group *group, int32_t count, memory *m) {
    uint16_t table[RNDL_INDICES][8];
    for (int scale = 0; scale < RNDL_INDICES; scale++)
        for (int skew = 0; skew < 8; skew++) {
            int own = skew < RNDL_SKEWS ? skew : RNDL_SKEWS - 1;
            table[scale][skew] = (uint16_t)(group->table[scale * RNDL_SKEWS + own] | (own < RNDL_SKEWS / 2 ? TURNED : 0));
        }
    memset(m->begins, 0, ((size_t)count + 2) * sizeof *m->begins);
    size_t n = 0, c = group->channels, step = group->fields == 2 ? 1 : 2;
    for (size_t y = 0; y < group->h; y++)
        for (size_t x = column(group, y); x < group->w; x += step) {
            const uint8_t *at = said + (y * group->w + x) * 2 * c;
            for (size_t k = 0; k < c; k++) {
                uint8_t scale = at[k] < RNDL_INDICES ? at[k] : RNDL_INDICES - 1, skew = at[c + k] < 8 ? at[c + k] : 7;
                uint16_t own = table[scale][skew];
                m->index[n++] = own;
                m->begins[(own & (TURNED - 1)) + 1]++;
            }
        }
}

/* Places that the stream holds, by table; their number. `begins` become the ends. */
static size_t sort(const rndl_group *group, int32_t count, memory *m) {
    size_t step = group->fields == 2 ? 1 : 2, n = 0, silent = 0;
    /* Of table 0 only the runs that a flag announces are there. */
    size_t runs = (m->begins[1] + RUN - 1) / RUN, held = 0;
    for (size_t i = 0; i < runs; i++)
        if (m->flags[i]) held += i + 1 < runs ? RUN : m->begins[1] - (size_t)i * RUN;
    m->begins[1] = (uint32_t)held;
    for (int32_t t = 0; t < count; t++) m->begins[t + 1] += m->begins[t];
    for (size_t y = 0; y < group->h; y++)
        for (size_t x = column(group, y); x < group->w; x += step) {
            uint32_t to = (uint32_t)((y * group->w + x) * RNDL_DETAILS + group->first);
            for (size_t k = 0; k < group->channels; k++, n++) {
                uint32_t t = m->index[n] & (TURNED - 1);
                if (!t && !m->flags[silent++ / RUN]) continue;
                m->order[m->begins[t]++] = (to + (uint32_t)k) * 2 + (m->index[n] >> 15);
            }
        }
    return m->begins[count - 1];
}

static void put(uint32_t place, int64_t value, const rndl_group *group, const rndl_level *level, int *beyond) {
    size_t at = place / 2, pixel = at / RNDL_DETAILS, channel = at % RNDL_DETAILS;
    size_t size = (size_t)(value < 0 ? -value : value);
    if (!size) return;
    if (size > (size_t)group->limits[channel - group->first]) {
        *beyond = 1;
        return;
    }
    if (place & 1) value = -value;
    level->values[at] = (int32_t)value;
    uint8_t seen = group->magnitudes[size > 255 ? 255 : size];
    level->known[pixel * RNDL_SEEN + channel + (value < 0 ? RNDL_DETAILS : 0)] = seen;
    if (channel < RNDL_LUMA_BANDS)
        level->luma[pixel * RNDL_LUMA_SEEN + channel + (value < 0 ? RNDL_LUMA_BANDS : 0)] = seen;
}

enum rndl_result rndl_take_details(rndl_reader *reader, const uint8_t *said, const rndl_group *group,
                                   const rndl_tables *tables, const rndl_level *level, int *beyond, void *scratch) {
    int32_t count = tables->count - group->second;
    *beyond = 0;
    if (group->second < 0 || count < 1 || count >= TURNED || group->flags < 0 || group->flags >= tables->count)
        return RNDL_BAD_INDEX;
    for (int i = 0; i < RNDL_INDICES * RNDL_SKEWS; i++)
        if (group->table[i] < 0 || group->table[i] >= count) return RNDL_BAD_INDEX;
    memory m = split(scratch, rndl_group_places(group), tables->count);
    look_up(said, group, count, &m);
    size_t runs = (m.begins[1] + RUN - 1) / RUN;
    for (size_t i = 0; i < runs; i++) m.flag_index[i] = group->flags;
    enum rndl_result result = rndl_take(reader, m.flags, m.flag_index, runs, tables, m.flag_scratch);
    if (result) return result;
    size_t n = sort(group, count, &m), escapes = 0, i = 0;
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
                m.escaped[escapes++] = (uint32_t)i;
            }
        }
    }
    *reader = r;
    result = n ? rndl_take_distances(reader, m.distances, escapes) : RNDL_OK;
    int32_t t = 0;
    for (size_t k = 0; k < escapes && !result; k++) { /* they are in the order of tables, too */
        while (m.begins[t] <= m.escaped[k]) t++;
        int odd = m.odd[k];
        int64_t value;
        result = rndl_value_beyond(tables, t + (odd ? group->second : 0), odd, m.distances[k], &value);
        if (!result) put(m.order[m.escaped[k]], value, group, level, beyond);
    }
    return result;
}
