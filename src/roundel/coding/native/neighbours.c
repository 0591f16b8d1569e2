#include "neighbours.h"

#include "fit.h"
#include "logs.h"
#include "mixture.h"
#include "wide.h"

#define MARGIN 4          /* samples around a level's picture */
#define UNKNOWN (-32768)  /* a sample that is not known or lies outside */
#define OFFSETS ((2 * MARGIN + 1) * (2 * MARGIN + 1))
#define MOST_CELLS ((size_t)1 << 30)
#define BANDS 16
#define BAND_MIN 64

#define VALUES 12         /* inputs of the fit: known samples of the own colour less the mean, */
#define OWN 8             /* errors of samples of the own colour, */
#define OTHERS 2          /* of each other colour, */
#define INPUTS (VALUES + OWN + 2 * OTHERS + 1) /* and a constant */
#define OWN_SPREAD 6      /* samples whose errors say how large the next ones are: of the own colour, */
#define OTHERS_SPREAD 2   /* of each other one */
#define SPREADS (OWN_SPREAD + 2 * OTHERS_SPREAD)

#define SIZES 3           /* fits, by scale: below 1, below e, above */
#define SIZE_FROM {24, 32}
#define CLASSES 4         /* scales below e^-.5, e^.5, e^1.5, and above, for the spread around */
#define CLASS_FROM {20, 28, 36}
#define SPREAD_BINS 16
#define SPREAD_BIN 96     /* of a logarithm in 1/256 */

#define INPUT_MOST 4095
#define MEAN_MOST 8191    /* further away, differences of samples are at INPUT_MOST all the same */
#define NORMAL_MOST 2047
#define STEP_FROM 1024    /* bits, in 1/256, that a step of the scale must have promised to save */
#define STEPS_MOST 12
#define SHARED 2          /* levels from here on share what they learn */
#define KEYS (2 * 3 * 3)  /* of a level */

/* By the scale's place on the grid, s = exp(-3 + i / 8): 4096 / sqrt(s^2 + .15); 16 (2 s + .5), the most that a mean
   moves; 16 (4 s + 1), the most that an error counts; 256 * 2 ln(2) s, the mean size of an error of a narrow mixture.
   By the tail's, w = 1 / (1 + exp(5 - j)): 16 (1 + 3 w), which it is multiplied by. All to the nearest integer. */
static const int32_t NORMAL[58] = {
    10490, 10465, 10435, 10396, 10346, 10283, 10205, 10106, 9984, 9833, 9649, 9427, 9164, 8856, 8502, 8105, 7668,
    7198, 6705, 6200, 5692, 5192, 4709, 4250, 3820, 3420, 3054, 2720, 2419, 2147, 1903, 1686, 1492, 1319, 1166,
    1031, 911, 804, 710, 627, 554, 489, 431, 381, 336, 297, 262, 231, 204, 180, 159, 140, 124, 109, 96, 85, 75, 66,
};
static const int32_t FARTHEST[58] = {
    10, 10, 10, 10, 11, 11, 11, 12, 12, 13, 14, 14, 15, 16, 17, 18, 20, 21, 23, 25, 27, 30, 33, 36, 40, 44, 49, 55,
    61, 68, 76, 85, 95, 107, 120, 135, 151, 171, 192, 217, 244, 276, 312, 352, 398, 450, 509, 575, 651, 736, 833,
    943, 1068, 1209, 1369, 1550, 1755, 1988,
};
static const int32_t NEAREST[58] = {
    19, 20, 20, 21, 21, 22, 23, 24, 25, 26, 27, 29, 30, 32, 34, 37, 40, 43, 46, 50, 55, 60, 66, 72, 80, 89, 98, 109,
    122, 136, 151, 170, 190, 213, 239, 269, 303, 341, 384, 433, 489, 552, 623, 704, 796, 899, 1017, 1150, 1301,
    1473, 1667, 1886, 2135, 2418, 2737, 3100, 3510, 3976,
};
static const int32_t DEVIATION[58] = {
    18, 20, 23, 26, 29, 33, 37, 42, 48, 54, 62, 70, 79, 90, 102, 115, 131, 148, 168, 190, 215, 244, 276, 313, 355,
    402, 456, 516, 585, 663, 751, 851, 965, 1093, 1239, 1404, 1591, 1802, 2042, 2314, 2622, 2971, 3367, 3815, 4323,
    4899, 5551, 6291, 7128, 8077, 9153, 10371, 11752, 13317, 15090, 17100, 19376, 21956,
};
static const int32_t WIDER[8] = {
    16, 17, 18, 22, 29, 40, 51, 58,
};
static const int32_t PHASES[3][2] = {{1, 1}, {0, 1}, {1, 0}};

typedef struct {
    int32_t wider, narrower; /* what another step would have cost more, 1/256 bits */
    int32_t steps;
} scale_cell;

typedef struct {
    int begun;
    rndl_fit fits[SIZES];
    scale_cell by_scale[RNDL_SCALES], by_spread[CLASSES][SPREAD_BINS];
} memory_of_key;

/* Where neighbours lie: so many places on from a run's own, for runs that begin in an even or an odd column. */
typedef struct {
    int count;
    int32_t away[2][INPUTS], weight[SPREADS];
} places;

/* Samples of a group in one row, which lie one after the other. */
typedef struct {
    size_t at;
    uint32_t from, count; /* numbers in the band */
    uint32_t odd;
} run;

typedef struct {
    int8_t dy, dx;
} offset;

struct rndl_neighbours {
    rndl_space space;
    size_t room;
    int32_t level;
    size_t level_height, level_width, quarter, plane;
    int16_t *samples, *spare;    /* (picture, colour, row, column % 4, column / 4) of the level, with a margin */
    int16_t *errors;             /* laid out like samples: of what was coded, in 1/16 */
    int16_t *deviations;         /* and how large they were expected to be */
    int16_t deviation[RNDL_SCALES][RNDL_TAILS];
    memory_of_key keys[SHARED + 1][KEYS];
    uint64_t cost[2];
    rndl_grid grid;
    rndl_packing packing;
    offset offsets[OFFSETS]; /* nearest first */
    /* the open group and its next sample */
    memory_of_key *now;
    places inputs, spreads;
    int32_t phase, colour, white;
    size_t rows, columns, picture, row, column, left;
    /* the band that was predicted last */
    size_t n, runs;
    run *run;
    int16_t *features; /* (RNDL_FIT_ROWS, room) */
    int16_t *near;     /* means, within MEAN_MOST */
    int32_t *mean, *moved, *foretold, *table, *centre, *found, *expected;
    uint8_t *scale, *used, *tail, *bin, *size;
};

/* ---- State ---- */

static size_t aligned(size_t bytes) { return (bytes + 63) & ~(size_t)63; }

static size_t halved(size_t side, int32_t level) { return ((side - 1) >> level) + 1; }

static size_t quarter_of(size_t width) { return (width + 2 * MARGIN + 3) / 4; }

/* Samples of the finest level, with a margin. */
static size_t cells(const rndl_space *space) {
    size_t height = halved(space->height, space->halvings), width = halved(space->width, space->halvings);
    return space->pictures * (size_t)space->colours * (height + 2 * MARGIN) * 4 * quarter_of(width);
}

/* Samples of a band, in whole steps. */
static size_t band_room(const rndl_space *space) {
    size_t height = halved(space->height, space->halvings), width = halved(space->width, space->halvings);
    return aligned(space->pictures * ((height + 1) / 2) * ((width + 3) / 4) / BANDS + 1 + BAND_MIN);
}

size_t rndl_neighbours_bytes(const rndl_space *space) {
    size_t limit = MOST_CELLS;
    if (space->height >= limit || space->width >= limit || space->pictures >= limit) return 0;
    rndl_space one = *space;
    one.pictures = 1;
    if ((space->height + 2 * MARGIN) * (space->width + 2 * MARGIN + 3) >= limit || cells(&one) >= limit / space->pictures)
        return 0;
    return aligned(sizeof(rndl_neighbours)) + 4 * aligned(2 * cells(space)) +
           (sizeof(run) + 2 * RNDL_FIT_ROWS + 2 + 7 * 4 + 5) * band_room(space);
}

/* All offsets within the margin by distance, then row, then column. */
static void sort_offsets(offset *list) {
    for (int32_t d = 0; d <= 2 * MARGIN * MARGIN; d++)
        for (int32_t y = -MARGIN; y <= MARGIN; y++)
            for (int32_t x = -MARGIN; x <= MARGIN; x++)
                if (y * y + x * x == d) *list++ = (offset){(int8_t)y, (int8_t)x};
}

rndl_neighbours *rndl_neighbours_start(void *memory, const rndl_space *space) {
    rndl_neighbours *state = memory;
    uint8_t *rest = (uint8_t *)memory + aligned(sizeof *state);
    size_t plane_bytes = aligned(2 * cells(space)), room = band_room(space);
    state->space = *space;
    state->room = room;
    int16_t **levels[] = {&state->samples, &state->spare, &state->errors, &state->deviations};
    for (int i = 0; i < 4; i++) *levels[i] = (int16_t *)rest, rest += plane_bytes;
    state->run = (run *)rest, rest += sizeof(run) * room;
    state->features = (int16_t *)rest, rest += 2 * RNDL_FIT_ROWS * room;
    state->near = (int16_t *)rest, rest += 2 * room;
    int32_t **numbers[] = {&state->mean,   &state->moved, &state->foretold, &state->table,
                           &state->centre, &state->found, &state->expected};
    for (int i = 0; i < 7; i++) *numbers[i] = (int32_t *)rest, rest += 4 * room;
    uint8_t **bytes[] = {&state->scale, &state->used, &state->tail, &state->bin, &state->size};
    for (int i = 0; i < 5; i++) *bytes[i] = rest, rest += room;
    for (int i = 0; i < RNDL_SCALES; i++)
        for (int j = 0; j < RNDL_TAILS; j++) state->deviation[i][j] = (int16_t)((DEVIATION[i] * WIDER[j] + 128) >> 8);
    rndl_grid_fill(&state->grid);
    rndl_packing_fill(state->packing);
    sort_offsets(state->offsets);
    size_t side = (space->height > space->width ? space->height : space->width) - 1;
    while (side >> state->level) state->level++;
    state->level_height = state->level_width = 1;
    state->quarter = quarter_of(1);
    state->plane = (1 + 2 * MARGIN) * 4 * state->quarter;
    return state;
}

/* Rows are kept column 0, 4, 8, ..., then 1, 5, ..., 2, ..., 3, ...: a group has every fourth sample of a row, whose
   neighbours on any one side then lie one after the other, too. */
static inline size_t row_at(const rndl_neighbours *state, size_t y) { return (y + MARGIN) * 4 * state->quarter; }

/* Column 0 is the first of the margin. */
static inline size_t column_at(size_t quarter, size_t x) { return (x & 3) * quarter + (x >> 2); }

void rndl_neighbours_first(rndl_neighbours *state, int32_t colour, const int32_t *values) {
    for (size_t b = 0; b < state->space.pictures; b++) {
        size_t plane = (b * (size_t)state->space.colours + (size_t)colour) * state->plane;
        state->samples[plane + row_at(state, 0) + column_at(state->quarter, MARGIN)] = (int16_t)values[b];
    }
}

/* The samples of a level are every second one, in rows and columns, of the next. */
static void next_level(rndl_neighbours *state) {
    const int16_t *from = state->samples;
    size_t height = state->level_height, width = state->level_width, quarter = state->quarter, plane = state->plane;
    state->samples = state->spare;
    state->spare = (int16_t *)from;
    state->level--;
    state->level_height = halved(state->space.height, state->level);
    state->level_width = halved(state->space.width, state->level);
    state->quarter = quarter_of(state->level_width);
    state->plane = (state->level_height + 2 * MARGIN) * 4 * state->quarter;
    size_t planes = state->space.pictures * (size_t)state->space.colours;
    for (size_t i = 0; i < planes * state->plane; i++) state->samples[i] = UNKNOWN;
    for (size_t i = 0; i < planes * state->plane; i++) state->errors[i] = 0;
    for (size_t i = 0; i < planes * state->plane; i++) state->deviations[i] = 0;
    for (size_t p = 0; p < planes; p++)
        for (size_t y = 0; y < height; y++) {
            const int16_t *line = from + p * plane + (y + MARGIN) * 4 * quarter;
            int16_t *to = state->samples + p * state->plane + row_at(state, 2 * y);
            for (size_t x = 0; x < width; x++)
                to[column_at(state->quarter, MARGIN + 2 * x)] = line[column_at(quarter, MARGIN + x)];
        }
}

/* ---- Which neighbours count ---- */

/* Phase of a neighbour of a sample of a phase: 0 d, 1 b, 2 c, and -1 for a, which the level begins with. */
static int32_t phase_at(int32_t phase, int32_t dy, int32_t dx) {
    int32_t odd_row = (PHASES[phase][0] + dy) & 1, odd_column = (PHASES[phase][1] + dx) & 1;
    return odd_row ? 2 * !odd_column : odd_column ? 1 : -1;
}

static int known(const rndl_neighbours *state, int32_t colour, int32_t dy, int32_t dx) {
    int32_t phase = phase_at(state->phase, dy, dx);
    if (phase != state->phase) return phase < state->phase;
    if (colour != state->colour) return colour < state->colour;
    return state->white && ((dy / 2 + dx / 2) & 1);
}

/* From the beginning of a run to the neighbour of its first sample; `odd`: it begins in the phase's second column. */
static int32_t away(const rndl_neighbours *state, int odd, int32_t colour, int32_t dy, int32_t dx) {
    size_t column = (size_t)(MARGIN + 2 * odd + PHASES[state->phase][1] + dx);
    return (colour - state->colour) * (int32_t)state->plane + dy * 4 * (int32_t)state->quarter +
           (int32_t)column_at(state->quarter, column);
}

/* Adds the nearest `most` known neighbours of a colour; with `errors`, only those that the nets were asked about. */
static void add(const rndl_neighbours *state, places *list, int32_t colour, int most, int errors) {
    for (int i = colour == state->colour; most && i < OFFSETS; i++) {
        int32_t dy = state->offsets[i].dy, dx = state->offsets[i].dx, d = dy * dy + dx * dx;
        if (!known(state, colour, dy, dx) || (errors && phase_at(state->phase, dy, dx) < 0)) continue;
        if (list->count < SPREADS) list->weight[list->count] = (32 + (2 + d) / 2) / (2 + d);
        for (int odd = 0; odd < 2; odd++) list->away[odd][list->count] = away(state, odd, colour, dy, dx);
        list->count++;
        most--;
    }
}

size_t rndl_neighbours_open(rndl_neighbours *state, int32_t level, int32_t phase, int32_t colour, int32_t white) {
    while (state->level > level) next_level(state);
    state->phase = phase, state->colour = colour, state->white = white;
    state->rows = (state->level_height + 1 - (size_t)PHASES[phase][0]) / 2;
    state->columns = (state->level_width + 1 - (size_t)PHASES[phase][1]) / 2;
    state->picture = state->row = state->column = 0;
    size_t area = state->rows * state->columns;
    state->left = state->space.pictures * ((area + !white) / 2);
    state->n = 0;
    int32_t place = level < SHARED ? level : SHARED, key = (phase * 3 + colour) * 2 + white;
    memory_of_key *now = state->now = &state->keys[place][key];
    if (!now->begun && place < SHARED) {
        *now = state->keys[place + 1][key];
        for (int k = 0; k < SIZES; k++) rndl_fit_inherit(&now->fits[k]);
    }
    now->begun = 1;
    places *list = &state->inputs;
    list->count = 0;
    add(state, list, colour, VALUES, 0);
    add(state, list, colour, OWN, 1);
    for (int32_t c = 0; c < state->space.colours; c++)
        if (c != colour) add(state, list, c, OTHERS, 1);
    list = &state->spreads;
    list->count = 0;
    add(state, list, colour, OWN_SPREAD, 1);
    for (int32_t c = 0; c < state->space.colours; c++)
        if (c != colour) add(state, list, c, OTHERS_SPREAD, 1);
    return state->left;
}

/* ---- What a band is told ---- */

static inline int32_t within(int32_t x, int32_t most) { return x < -most ? -most : x > most ? most : x; }

static inline int32_t size_of(int32_t scale) {
    static const int32_t from[SIZES - 1] = SIZE_FROM;
    return (scale >= from[0]) + (scale >= from[1]);
}

static inline int32_t class_of(int32_t scale) {
    static const int32_t from[CLASSES - 1] = CLASS_FROM;
    return (scale >= from[0]) + (scale >= from[1]) + (scale >= from[2]);
}

/* The band's samples by rows. */
static void find_runs(rndl_neighbours *state, size_t n) {
    state->runs = 0;
    for (size_t from = 0; from < n;) {
        size_t odd = (state->row + (size_t)state->white) & 1;
        size_t count = (state->columns + 1 - odd) / 2 - state->column;
        if (!count) {
            if (++state->row == state->rows) state->row = 0, state->picture++;
            state->column = 0;
            continue;
        }
        if (count > n - from) count = n - from;
        size_t plane = (state->picture * (size_t)state->space.colours + (size_t)state->colour) * state->plane;
        size_t y = 2 * state->row + (size_t)PHASES[state->phase][0];
        state->run[state->runs++] =
            (run){plane + row_at(state, y) + state->column, (uint32_t)from, (uint32_t)count, (uint32_t)odd};
        state->column += count;
        from += count;
    }
}

static inline void differences(int16_t *restrict to, const int16_t *restrict x, const int16_t *restrict mean, size_t n) {
    for (size_t k = 0; k < n; k++) {
        int16_t by = (int16_t)(16 * x[k] - mean[k]);
        by = by < -INPUT_MOST ? -INPUT_MOST : by > INPUT_MOST ? INPUT_MOST : by;
        to[k] = x[k] == UNKNOWN ? 0 : by;
    }
}

static inline void copied(int16_t *restrict to, const int16_t *restrict x, size_t n) {
    for (size_t k = 0; k < n; k++) to[k] = x[k];
}

WIDE static void gather(rndl_neighbours *state) {
    int inputs = state->inputs.count;
    for (const run *r = state->run; r < state->run + state->runs; r++) {
        const int32_t *away = state->inputs.away[r->odd];
        int16_t *to = state->features + r->from;
        for (int i = 0; i < VALUES; i++, to += state->room)
            differences(to, state->samples + r->at + away[i], state->near + r->from, r->count);
        for (int i = VALUES; i < inputs; i++, to += state->room) copied(to, state->errors + r->at + away[i], r->count);
    }
    int16_t *to = state->features + (size_t)inputs * state->room;
    for (size_t k = 0; k < state->n; k++) to[k] = 16;
}

/* What the fits foretell, times 2^RNDL_WEIGHT_BITS. */
WIDE static void foretell(rndl_neighbours *state) {
    const rndl_fit *fits = state->now->fits;
    for (size_t from = 0; from < state->n; from += RNDL_FIT_STEP) {
        int32_t sum[RNDL_FIT_STEP] = {0};
        int16_t size[RNDL_FIT_STEP];
        for (int k = 0; k < RNDL_FIT_STEP; k++) size[k] = state->size[from + (size_t)k];
        for (int i = 0; i <= state->inputs.count; i++) {
            const int16_t *x = state->features + (size_t)i * state->room + from;
            int16_t w0 = (int16_t)fits[0].weights[i], w1 = (int16_t)fits[1].weights[i], w2 = (int16_t)fits[2].weights[i];
            for (int k = 0; k < RNDL_FIT_STEP; k++) {
                int16_t w = size[k] == 0 ? w0 : size[k] == 1 ? w1 : w2;
                sum[k] += w * x[k];
            }
        }
        for (int k = 0; k < RNDL_FIT_STEP; k++) state->foretold[from + (size_t)k] = sum[k];
    }
}

WIDE static void move_means(rndl_neighbours *state) {
    const rndl_fit *fits = state->now->fits;
    for (size_t k = 0; k < state->n; k++) {
        int32_t rounded = (state->foretold[k] + (1 << RNDL_WEIGHT_BITS >> 1)) >> RNDL_WEIGHT_BITS;
        int32_t e = within(rounded, FARTHEST[state->scale[k]]), trust = fits[state->size[k]].trust;
        state->foretold[k] = e;
        state->moved[k] = state->mean[k] + ((e * trust + (1 << RNDL_TRUST_BITS >> 1)) >> RNDL_TRUST_BITS);
    }
}

static inline void add_sizes(int32_t *restrict sum, const int16_t *restrict x, int32_t weight, size_t n) {
    for (size_t k = 0; k < n; k++) sum[k] += weight * (x[k] < 0 ? -x[k] : x[k]);
}

/* How large the errors around are, and what was expected of them. */
WIDE static void look_around(rndl_neighbours *state) {
    for (size_t k = 0; k < state->n; k++) state->found[k] = state->expected[k] = 77;
    for (const run *r = state->run; r < state->run + state->runs; r++)
        for (int i = 0; i < state->spreads.count; i++) {
            size_t at = r->at + (size_t)(ptrdiff_t)state->spreads.away[r->odd][i];
            add_sizes(state->found + r->from, state->errors + at, state->spreads.weight[i], r->count);
            add_sizes(state->expected + r->from, state->deviations + at, state->spreads.weight[i], r->count);
        }
}

/* log2(x) in 1/256 without its fraction, and LOG2's number of that, for 0 < x < 2^24: of such, doubles and halves of the
   same number, floats have eight bits behind the first, as they are. */
WIDE static void begin_logarithms(int32_t *x, size_t n) {
    typedef union {
        float number;
        int32_t bits;
    } parts;
    for (size_t k = 0; k < n; k++) {
        parts of = {(float)x[k]};
        x[k] = (of.bits >> 15) - (127 << 8);
    }
}

static inline int32_t logarithm(int32_t begun) { return (begun & ~255) + LOG2[begun & 255]; }

/* The ratio of what was found to what was expected, in 16 bins of 3/8 octaves. */
static void find_bins(rndl_neighbours *state) {
    const int32_t *found = state->found, *expected = state->expected;
    uint8_t *restrict bin = state->bin;
    begin_logarithms(state->found, state->n);
    begin_logarithms(state->expected, state->n);
    for (size_t k = 0, n = state->n; k < n; k++) {
        int32_t ratio = logarithm(found[k]) - logarithm(expected[k]) + SPREAD_BIN * SPREAD_BINS / 2 + SPREAD_BIN / 2;
        ratio = ratio < 0 ? 0 : ratio < SPREAD_BIN * SPREAD_BINS ? ratio : SPREAD_BIN * SPREAD_BINS - 1;
        bin[k] = (uint8_t)((uint32_t)ratio / SPREAD_BIN);
    }
}

static inline int32_t stepped(int32_t scale, int32_t steps) {
    scale += steps;
    return scale < 0 ? 0 : scale >= RNDL_SCALES ? RNDL_SCALES - 1 : scale;
}

/* Scales that are used, and with them tables and centres. */
static void find_tables(rndl_neighbours *state) {
    const memory_of_key *now = state->now;
    const uint8_t *scale = state->scale, *bin = state->bin, *tail = state->tail;
    const int32_t *moved = state->moved;
    int32_t *restrict table = state->table, *restrict centre = state->centre;
    uint8_t *restrict used = state->used;
    for (size_t k = 0, n = state->n; k < n; k++) {
        int32_t own = scale[k], steps = now->by_scale[own].steps + now->by_spread[class_of(own)][bin[k]].steps;
        int32_t stepped_to = stepped(own, steps);
        used[k] = (uint8_t)stepped_to;
        table[k] = rndl_table_of(&state->grid, stepped_to, tail[k], moved[k], centre + k);
    }
}

WIDE static void begin_band(rndl_neighbours *state, const int32_t *mean, const int32_t *log_scale, const int32_t *tail) {
    for (size_t k = 0; k < state->n; k++) {
        state->mean[k] = mean[k];
        state->near[k] = (int16_t)within(mean[k], MEAN_MOST);
        int32_t scale = rndl_scale_step(log_scale[k]);
        state->scale[k] = (uint8_t)scale;
        state->tail[k] = (uint8_t)rndl_tail_step(tail[k]);
        state->size[k] = (uint8_t)size_of(scale);
    }
}

enum rndl_result rndl_neighbours_predict(rndl_neighbours *state, size_t n, const int32_t *mean,
                                         const int32_t *log_scale, const int32_t *tail, int32_t *index,
                                         int32_t *centre) {
    if (!state->now || n > state->left || n > state->room) return RNDL_BEYOND;
    state->n = n;
    state->left -= n;
    find_runs(state, n);
    begin_band(state, mean, log_scale, tail);
    gather(state);
    foretell(state);
    move_means(state);
    look_around(state);
    find_bins(state);
    find_tables(state);
    for (size_t k = 0; k < n; k++) index[k] = state->table[k], centre[k] = state->centre[k];
    return RNDL_OK;
}

/* ---- What a band teaches ---- */

static inline int32_t normal(int32_t x, int32_t by) { return (x * by + 512) >> 10; }

/* Features become what a fit sums up; two rows more have what came and what was foretold. */
WIDE static void normalise(rndl_neighbours *state, const int32_t *values) {
    size_t n = state->n;
    int16_t *by = state->near, *x = state->features;
    for (size_t k = 0; k < n; k++) by[k] = (int16_t)NORMAL[state->scale[k]];
    for (int i = 0; i <= state->inputs.count; i++, x += state->room)
        for (size_t k = 0; k < n; k++) x[k] = (int16_t)within(normal(x[k], by[k]), NORMAL_MOST);
    for (size_t k = 0; k < n; k++)
        x[k] = (int16_t)normal(within(16 * values[k] - state->mean[k], NEAREST[state->scale[k]]), by[k]);
    x += state->room;
    for (size_t k = 0; k < n; k++) x[k] = (int16_t)normal(state->foretold[k], by[k]);
}

static void learn_means(rndl_neighbours *state, const int32_t *values) {
    int inputs = state->inputs.count + 1;
    normalise(state, values);
    for (int size = 0; size < SIZES; size++) {
        rndl_fit *fit = &state->now->fits[size];
        if (rndl_fit_add(fit, inputs, state->features, state->room, state->size, size, state->n, state->packing))
            rndl_fit_renew(fit, inputs);
    }
}

/* Bits, in 1/256, of each slot of mixtures. */
void rndl_neighbours_costs(const rndl_tables *tables, uint16_t *costs) {
    for (int64_t i = 0; i < tables->starts[tables->count]; i++)
        costs[i] = (uint16_t)(RNDL_PRECISION * UNIT - log2_of(tables->frequencies[i]));
}

/* What a value costs under a table and centre; an escape, its slot. */
static inline int32_t cost_in(const rndl_tables *tables, const uint16_t *costs, int32_t t, int32_t centre, int32_t value) {
    uint32_t slot = (uint32_t)(value - centre - tables->offsets[t]);
    uint32_t last = (uint32_t)(tables->starts[t + 1] - tables->starts[t] - 1);
    return costs[tables->starts[t] + (slot < last ? slot : last)];
}

static inline int32_t cost_of(const rndl_neighbours *state, const rndl_tables *tables, const uint16_t *costs, int32_t scale,
                              int32_t tail, int32_t mean, int32_t value) {
    int32_t centre, t = rndl_table_of(&state->grid, scale, tail, mean, &centre);
    return cost_in(tables, costs, t, centre, value);
}

static void step(scale_cell *cell) {
    if (cell->wider < -STEP_FROM && cell->wider <= cell->narrower) {
        cell->steps += cell->steps < STEPS_MOST;
        cell->wider = cell->narrower = 0;
    } else if (cell->narrower < -STEP_FROM) {
        cell->steps -= cell->steps > -STEPS_MOST;
        cell->wider = cell->narrower = 0;
    } else {
        cell->wider -= cell->wider >> 4;
        cell->narrower -= cell->narrower >> 4;
    }
}

static void learn_scales(rndl_neighbours *state, const int32_t *values, const rndl_tables *tables, const uint16_t *costs) {
    memory_of_key *now = state->now;
    for (size_t k = 0; k < state->n; k++) {
        int32_t scale = state->scale[k], used = state->used[k], tail = state->tail[k], mean = state->moved[k];
        int32_t value = values[k], cost = cost_in(tables, costs, state->table[k], state->centre[k], value);
        int32_t wider = cost_of(state, tables, costs, stepped(used, 1), tail, mean, value) - cost;
        int32_t narrower = cost_of(state, tables, costs, stepped(used, -1), tail, mean, value) - cost;
        scale_cell *cells[2] = {&now->by_scale[scale], &now->by_spread[class_of(scale)][state->bin[k]]};
        for (int i = 0; i < 2; i++) cells[i]->wider += wider, cells[i]->narrower += narrower;
    }
    for (int i = 0; i < RNDL_SCALES; i++) step(&now->by_scale[i]);
    for (int i = 0; i < CLASSES; i++)
        for (int j = 0; j < SPREAD_BINS; j++) step(&now->by_spread[i][j]);
}

static inline void narrowed(int16_t *restrict to, const int32_t *restrict values, size_t n) {
    for (size_t k = 0; k < n; k++) to[k] = (int16_t)values[k];
}

static inline void errors_of(int16_t *restrict to, const int32_t *restrict values, const int32_t *restrict moved, size_t n) {
    for (size_t k = 0; k < n; k++) to[k] = (int16_t)within(16 * values[k] - moved[k], INPUT_MOST);
}

/* What neighbours to come will see. */
WIDE static void remember(rndl_neighbours *state, const int32_t *values) {
    for (const run *r = state->run; r < state->run + state->runs; r++) {
        size_t own = r->at + (size_t)away(state, (int)r->odd, state->colour, 0, 0), from = r->from;
        int16_t *sample = state->samples + own, *error = state->errors + own, *deviation = state->deviations + own;
        narrowed(sample, values + from, r->count);
        errors_of(error, values + from, state->moved + from, r->count);
        const uint8_t *scale = state->scale + from, *tail = state->tail + from;
        for (size_t k = 0; k < r->count; k++) deviation[k] = state->deviation[scale[k]][tail[k]];
    }
}

void rndl_neighbours_learn(rndl_neighbours *state, const int32_t *values, const rndl_tables *tables,
                           const uint16_t *costs) {
    learn_means(state, values);
    learn_scales(state, values, tables, costs);
    remember(state, values);
    state->n = 0;
}

void rndl_neighbours_measure(rndl_neighbours *state, const int32_t *values, const rndl_tables *tables,
                             const uint16_t *costs) {
    for (size_t k = 0; k < state->n; k++) {
        int32_t scale = state->scale[k], tail = state->tail[k];
        state->cost[0] += (uint64_t)cost_in(tables, costs, state->table[k], state->centre[k], values[k]);
        state->cost[1] += (uint64_t)cost_of(state, tables, costs, scale, tail, state->mean[k], values[k]);
    }
}

void rndl_neighbours_cost(const rndl_neighbours *state, uint64_t *with_stage, uint64_t *without) {
    *with_stage = state->cost[0];
    *without = state->cost[1];
}
