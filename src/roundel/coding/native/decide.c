#include "decide.h"

#include <string.h>

enum { RUN = RNDL_RUN, SYMBOLS = 2 * RNDL_SHIFT_REACH + 1 };

/* Working memory: lists of the values that the stream holds, one after the other. */
typedef struct {
    float *y, *worth;
    uint32_t *where; /* in the level's values */
    uint8_t *turned; /* 1 where the sign is turned */
} lists;

typedef struct {
    lists all, few;                   /* few: those that the shift is found by */
    int32_t *few_values, *few_table;
    uint8_t *few_odd;
    uint32_t *counts; /* (2, count, SYMBOLS) */
    void *path;
} memory;

static size_t most_of_few(size_t n, const rndl_moves *moves) {
    size_t most = 2 * moves->sample + moves->block;
    return n < most ? n : most;
}

size_t rndl_decide_details_bytes(size_t n, const rndl_moves *moves, int32_t tables) {
    size_t few = most_of_few(n, moves), counts = 2 * (size_t)moves->count * SYMBOLS;
    return rndl_decide_bytes(n, tables) + n * 13 + few * (13 + 9) + counts * 4 + 64;
}

static lists lists_at(char *at, size_t n) {
    return (lists){(float *)at, (float *)at + n, (uint32_t *)at + 2 * n, (uint8_t *)((uint32_t *)at + 3 * n)};
}

static memory split(void *scratch, size_t n, const rndl_moves *moves, int32_t tables) {
    size_t few = most_of_few(n, moves);
    char *at = (char *)scratch + (rndl_decide_bytes(n, tables) + 7) / 8 * 8;
    memory m;
    m.path = scratch;
    m.counts = (uint32_t *)at;
    m.few_values = (int32_t *)(m.counts + 2 * (size_t)moves->count * SYMBOLS);
    m.few_table = m.few_values + few;
    m.all = lists_at((char *)(m.few_table + few), n);
    m.few = lists_at((char *)m.all.turned + (n + 3) / 4 * 4, few);
    m.few_odd = m.few.turned + few;
    return m;
}

static size_t column(const rndl_group *group, size_t y) { return group->fields == 2 ? 0 : (y + (size_t)group->fields) & 1; }

static size_t step(const rndl_group *group) { return group->fields == 2 ? 1 : 2; }

/* Whether all scale indices of a pixel are 0, as most are in smooth pictures. */
static inline int is_silent(const uint8_t *at, size_t c) {
    uint8_t any = 0;
    for (size_t k = 0; k < c; k++) any |= at[k];
    return !any;
}

static inline int32_t table_of(const rndl_group *group, const uint8_t *at, size_t k) {
    uint8_t scale = at[k], skew = at[group->channels + k];
    return group->table[(scale < RNDL_INDICES ? scale : RNDL_INDICES - 1) * RNDL_SKEWS + (skew < RNDL_SKEWS ? skew : RNDL_SKEWS - 1)];
}

static inline float worth_at(const rndl_wanted *wanted, size_t pixel) {
    return wanted->map ? wanted->map[pixel] * wanted->worth : wanted->worth;
}

/* Whether a coefficient of scale index 0 is worth that its run is coded, by itself. */
static int is_live(float y, float worth, const rndl_tables *tables, int32_t flag_table, const float *bits) {
    float size = y < 0 ? -y : y;
    if (size < 1) return 0;
    int64_t symbol = (int64_t)(size / 2 + 0.5f), silent = -(int64_t)tables->offsets[0], last = tables->starts[1] - 1;
    int64_t flag = tables->starts[flag_table], slot = silent + symbol < last ? silent + symbol : last;
    float cost = bits[slot] + (RUN - 1) * bits[silent] + (bits[flag + 1] - bits[flag]);
    float left = size - 2 * (float)symbol;
    return size * size - left * left > worth * cost;
}

static inline void find_live(const uint8_t *said, const rndl_group *group, const rndl_wanted *wanted,
                             const rndl_tables *tables, rndl_decided *decided, size_t c) {
    size_t silent = 0, held = 0;
    int32_t *flags = decided->flags;
    memset(flags, 0, (rndl_group_places(group) / RUN + 1) * sizeof *flags);
    for (size_t y = 0; y < group->h; y++)
        for (size_t x = column(group, y); x < group->w; x += step(group)) {
            size_t pixel = y * group->w + x;
            const uint8_t *at = said + pixel * 2 * c;
            const float *own = wanted->y + pixel * RNDL_DETAILS + group->first;
            if (is_silent(at, c)) {
                int large = 0;
                for (size_t k = 0; k < c; k++) large |= (own[k] >= 1) | (own[k] <= -1);
                if (!large) {
                    silent += c;
                    continue;
                }
            }
            for (size_t k = 0; k < c; k++) {
                if (at[k]) held++;
                else {
                    if (is_live(own[k], worth_at(wanted, pixel), tables, group->flags, wanted->bits)) flags[silent / RUN] = 1;
                    silent++;
                }
            }
        }
    decided->runs = (silent + RUN - 1) / RUN;
    for (size_t i = 0; i < decided->runs; i++)
        if (flags[i]) held += i + 1 < decided->runs ? RUN : silent - i * RUN;
    decided->n = held;
}

void rndl_live(const uint8_t *said, const rndl_group *group, const rndl_wanted *wanted, const rndl_tables *tables,
               rndl_decided *decided) {
    if (group->channels == 3) find_live(said, group, wanted, tables, decided, 3);
    else if (group->channels == 6) find_live(said, group, wanted, tables, decided, 6);
    else find_live(said, group, wanted, tables, decided, group->channels);
}

/* Fills lists and tables of what the stream holds. */
static inline void gather_of(const uint8_t *said, const rndl_group *group, const rndl_wanted *wanted, const lists *all,
                             const rndl_decided *decided, size_t c) {
    size_t n = 0, silent = 0, place = 0, announced = 0;
    for (size_t i = 0; i < decided->runs; i++) announced += decided->flags[i] != 0;
    for (size_t y = 0; y < group->h; y++)
        for (size_t x = column(group, y); x < group->w; x += step(group)) {
            size_t pixel = y * group->w + x;
            const uint8_t *at = said + pixel * 2 * c;
            if (!announced && is_silent(at, c)) {
                for (size_t k = 0; k < c; k++) decided->held[place + k] = 0;
                place += c;
                continue;
            }
            for (size_t k = 0; k < c; k++, place++) {
                decided->held[place] = at[k] || decided->flags[silent / RUN];
                silent += !at[k];
                if (!decided->held[place]) continue;
                size_t where = pixel * RNDL_DETAILS + group->first + k;
                float limit = group->limits[k] > 2 ? (float)(group->limits[k] - 2) : 0, own = wanted->y[where];
                decided->table[n] = table_of(group, at, k);
                all->y[n] = own > limit ? limit : own < -limit ? -limit : own; /* values are within 2 of these */
                all->worth[n] = worth_at(wanted, pixel);
                all->where[n] = (uint32_t)where;
                all->turned[n++] = at[c + k] < RNDL_SKEWS / 2;
            }
        }
}

static void gather(const uint8_t *said, const rndl_group *group, const rndl_wanted *wanted, const lists *all,
                   const rndl_decided *decided) {
    if (group->channels == 3) gather_of(said, group, wanted, all, decided, 3);
    else if (group->channels == 6) gather_of(said, group, wanted, all, decided, 6);
    else gather_of(said, group, wanted, all, decided, group->channels);
}

/* Copies what the shift is found by; its number. */
static size_t some(const lists *all, const int32_t *table, size_t n, const rndl_moves *moves, const memory *m) {
    size_t moving = 0, seen = 0, few = 0;
    for (size_t i = 0; i < n; i++) moving += table[i] != 0;
    size_t apart = moving / moves->sample ? moving / moves->sample : 1;
    for (size_t i = 0; i < n; i++) {
        if (!table[i] || seen++ / moves->block % apart) continue;
        m->few.y[few] = all->y[i];
        m->few.worth[few] = all->worth[i];
        m->few.turned[few] = all->turned[i];
        m->few_table[few++] = table[i];
    }
    return few;
}

/* The shift under which some values take the fewest bits; 0 where that saves next to nothing. */
static int32_t best_shift(const memory *m, size_t few, const rndl_moves *moves) {
    double cost[RNDL_SHIFTS];
    size_t count = (size_t)moves->count;
    memset(m->counts, 0, 2 * count * SYMBOLS * sizeof *m->counts);
    memcpy(cost, moves->own, sizeof cost);
    for (size_t i = 0; i < few; i++) {
        int odd = m->few_odd[i];
        int32_t value = m->few.turned[i] ? -m->few_values[i] : m->few_values[i];
        int32_t symbol = (value + (odd ? (value > 0) - (value < 0) : 0)) / 2;
        symbol = symbol < -RNDL_SHIFT_REACH ? -RNDL_SHIFT_REACH : symbol > RNDL_SHIFT_REACH ? RNDL_SHIFT_REACH : symbol;
        m->counts[((size_t)odd * count + (size_t)m->few_table[i]) * SYMBOLS + (size_t)(symbol + RNDL_SHIFT_REACH)]++;
    }
    for (size_t row = 0; row < 2 * count; row++)
        for (size_t symbol = 0; symbol < SYMBOLS; symbol++) {
            uint32_t times = m->counts[row * SYMBOLS + symbol];
            if (!times) continue;
            const double *bits = moves->bits + row / count * count * SYMBOLS + symbol;
            for (size_t s = 0; s < RNDL_SHIFTS; s++)
                cost[s] += times * bits[(size_t)moves->moved[s * count + row % count] * SYMBOLS];
        }
    int32_t best = 0;
    for (int32_t s = 1; s < RNDL_SHIFTS; s++)
        if (cost[s] < cost[best]) best = s;
    return cost[best] < (1 - moves->least) * cost[RNDL_SHIFT] ? best - RNDL_SHIFT : 0;
}

enum rndl_result rndl_decide_details(const uint8_t *said, const rndl_group *group, const rndl_wanted *wanted,
                                     const rndl_tables *tables, const rndl_moves *moves, const rndl_level *level,
                                     rndl_decided *decided, void *scratch) {
    size_t n = decided->n;
    memory m = split(scratch, n, moves, tables->count);
    gather(said, group, wanted, &m.all, decided);
    size_t few = some(&m.all, decided->table, n, moves, &m);
    rndl_prices prices = {wanted->bits, m.few.worth, 1};
    enum rndl_result result = rndl_decide(m.few.y, m.few.turned, m.few_table, few, group->second, tables, &prices,
                                          m.few_values, m.few_odd, m.path);
    if (result) return result;
    decided->shift = best_shift(&m, few, moves);
    const int32_t *moved = moves->moved + (size_t)(decided->shift + RNDL_SHIFT) * (size_t)moves->count;
    for (size_t i = 0; i < n; i++) decided->table[i] = moved[decided->table[i]];
    prices.worth = m.all.worth;
    result = rndl_decide(m.all.y, m.all.turned, decided->table, n, group->second, tables, &prices, decided->values,
                         decided->odd, m.path);
    if (result) return result;
    for (size_t i = 0; i < n; i++) {
        rndl_level_put(level, m.all.where[i], decided->values[i], group->magnitudes);
        if (m.all.turned[i]) decided->values[i] = -decided->values[i];
    }
    return RNDL_OK;
}
