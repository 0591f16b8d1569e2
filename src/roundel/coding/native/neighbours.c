#include "neighbours.h"

#include "logs.h"
#include "mixture.h"

/* The same loops over whole numbers for processors with wider registers, chosen when the library is loaded. */
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif

#define MARGIN 4          /* samples around a level's picture */
#define UNKNOWN (-32768)  /* a sample that is not known or lies outside */
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

#define WEIGHT_BITS 12
#define WEIGHT_MOST 8191
#define INPUT_MOST 4095
#define NORMAL_MOST 2047
#define RIDGE 327680.0
#define TRUST_BITS 8
#define DOUBT 32768       /* of the trust in a fit */
#define BLOCK 64          /* samples whose products are summed in 32 bits */
#define STEP_FROM 1024    /* bits, in 1/256, that a step of the scale must have promised to save */
#define STEPS_MOST 12
#define SHARED 2          /* levels from here on share what they learn */
#define HANDED_ON 3       /* a level begins with what the one before has learned, worth an eighth */
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
    int16_t error;      /* in 1/16 of a sample */
    uint16_t deviation; /* how large it was expected to be */
} outcome;

typedef struct {
    int64_t products[INPUTS][INPUTS + 1]; /* lower triangle; the last column: with the error that is to be foretold */
    int64_t agreement, size;              /* of what was foretold with what came, and with itself */
    int32_t weights[INPUTS], trust;
} fit;

typedef struct {
    int32_t wider, narrower; /* what another step would have cost more, 1/256 bits */
    int32_t steps;
} scale_cell;

typedef struct {
    int begun;
    fit fits[SIZES];
    scale_cell by_scale[RNDL_SCALES], by_spread[CLASSES][SPREAD_BINS];
} memory_of_key;

/* Where an input lies: as many places on from the sample's own. */
typedef struct {
    int count;
    int32_t away[INPUTS], weight[SPREADS];
} places;

struct rndl_neighbours {
    rndl_space space;
    size_t room;
    int32_t level;
    size_t level_height, level_width, stride, plane;
    int16_t *samples, *spare; /* (picture, colour, row, column) of the level, with a margin */
    outcome *outcomes;
    memory_of_key keys[SHARED + 1][KEYS];
    uint64_t cost[2];
    rndl_grid grid;
    /* the open group and its next sample */
    memory_of_key *now;
    places inputs, spreads;
    int32_t phase, colour, white;
    size_t rows, columns, picture, row, column, left;
    /* the band that was predicted last */
    size_t n;
    int16_t *features; /* (INPUTS, room) */
    int32_t *at, *mean, *moved, *foretold, *normal;
    uint8_t *scale, *tail, *bin, *size;
};

/* ---- State ---- */

static size_t aligned(size_t bytes) { return (bytes + 63) & ~(size_t)63; }

static size_t halved(size_t side, int32_t level) { return ((side - 1) >> level) + 1; }

/* Samples of the finest level, with a margin. */
static size_t cells(const rndl_space *space) {
    size_t height = halved(space->height, space->halvings), width = halved(space->width, space->halvings);
    return space->pictures * (size_t)space->colours * (height + 2 * MARGIN) * (width + 2 * MARGIN);
}

static size_t band_room(const rndl_space *space) {
    size_t height = halved(space->height, space->halvings), width = halved(space->width, space->halvings);
    return aligned(space->pictures * ((height + 1) / 2) * ((width + 3) / 4) / BANDS + 1 + BAND_MIN);
}

size_t rndl_neighbours_bytes(const rndl_space *space) {
    size_t limit = MOST_CELLS;
    if (space->height >= limit || space->width >= limit || space->pictures >= limit) return 0;
    rndl_space one = *space;
    one.pictures = 1;
    if ((space->height + 2 * MARGIN) * (space->width + 2 * MARGIN) >= limit || cells(&one) >= limit / space->pictures)
        return 0;
    return aligned(sizeof(rndl_neighbours)) + 2 * aligned(2 * cells(space)) + aligned(4 * cells(space)) +
           (2 * INPUTS + 5 * 4 + 4) * band_room(space);
}

rndl_neighbours *rndl_neighbours_start(void *memory, const rndl_space *space) {
    rndl_neighbours *state = memory;
    uint8_t *rest = (uint8_t *)memory + aligned(sizeof *state);
    size_t plane_bytes = aligned(2 * cells(space)), room = band_room(space);
    state->space = *space;
    state->room = room;
    state->samples = (int16_t *)rest, rest += plane_bytes;
    state->spare = (int16_t *)rest, rest += plane_bytes;
    state->outcomes = (outcome *)rest, rest += aligned(4 * cells(space));
    state->features = (int16_t *)rest, rest += 2 * INPUTS * room;
    state->at = (int32_t *)rest, rest += 4 * room;
    state->mean = (int32_t *)rest, rest += 4 * room;
    state->moved = (int32_t *)rest, rest += 4 * room;
    state->foretold = (int32_t *)rest, rest += 4 * room;
    state->normal = (int32_t *)rest, rest += 4 * room;
    state->scale = rest, rest += room;
    state->tail = rest, rest += room;
    state->bin = rest, rest += room;
    state->size = rest;
    rndl_grid_fill(&state->grid);
    size_t side = (space->height > space->width ? space->height : space->width) - 1;
    while (side >> state->level) state->level++;
    state->level_height = state->level_width = 1;
    state->stride = 1 + 2 * MARGIN;
    state->plane = state->stride * state->stride;
    return state;
}

size_t rndl_neighbours_room(const rndl_neighbours *state) { return state->room; }

void rndl_neighbours_first(rndl_neighbours *state, int32_t colour, const int32_t *values) {
    for (size_t b = 0; b < state->space.pictures; b++) {
        size_t plane = (b * (size_t)state->space.colours + (size_t)colour) * state->plane;
        state->samples[plane + MARGIN * state->stride + MARGIN] = (int16_t)values[b];
    }
}

/* The samples of a level are every second one, in rows and columns, of the next. */
static void next_level(rndl_neighbours *state) {
    const int16_t *from = state->samples;
    size_t height = state->level_height, width = state->level_width, stride = state->stride, plane = state->plane;
    state->samples = state->spare;
    state->spare = (int16_t *)from;
    state->level--;
    state->level_height = halved(state->space.height, state->level);
    state->level_width = halved(state->space.width, state->level);
    state->stride = state->level_width + 2 * MARGIN;
    state->plane = (state->level_height + 2 * MARGIN) * state->stride;
    size_t planes = state->space.pictures * (size_t)state->space.colours;
    for (size_t i = 0; i < planes * state->plane; i++) {
        state->samples[i] = UNKNOWN;
        state->outcomes[i].error = 0;
        state->outcomes[i].deviation = 0;
    }
    for (size_t p = 0; p < planes; p++)
        for (size_t y = 0; y < height; y++) {
            const int16_t *line = from + p * plane + (y + MARGIN) * stride + MARGIN;
            int16_t *to = state->samples + p * state->plane + (2 * y + MARGIN) * state->stride + MARGIN;
            for (size_t x = 0; x < width; x++) to[2 * x] = line[x];
        }
}

/* ---- Which neighbours count ---- */

/* Of the i-th nearest offset, by distance, then row, then column: its squared distance, or -1. */
static int32_t nearest(int32_t i, int32_t *dy, int32_t *dx) {
    for (int32_t d = 0; d <= 2 * MARGIN * MARGIN; d++)
        for (int32_t y = -MARGIN; y <= MARGIN; y++)
            for (int32_t x = -MARGIN; x <= MARGIN; x++)
                if (y * y + x * x == d && i-- == 0) {
                    *dy = y, *dx = x;
                    return d;
                }
    return -1;
}

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

/* Adds the nearest `most` known neighbours of a colour; with `errors`, only those that the nets were asked about. */
static void add(const rndl_neighbours *state, places *list, int32_t colour, int most, int errors) {
    int32_t dy, dx, d;
    for (int32_t i = colour == state->colour; most && (d = nearest(i, &dy, &dx)) >= 0; i++) {
        if (!known(state, colour, dy, dx) || (errors && phase_at(state->phase, dy, dx) < 0)) continue;
        if (list->count < SPREADS) list->weight[list->count] = (32 + (2 + d) / 2) / (2 + d);
        list->away[list->count++] = (colour - state->colour) * (int32_t)state->plane + dy * (int32_t)state->stride + dx;
        most--;
    }
}

size_t rndl_neighbours_open(rndl_neighbours *state, int32_t level, int32_t phase, int32_t colour, int32_t white) {
    while (state->level > level) next_level(state);
    state->phase = phase, state->colour = colour, state->white = white;
    state->rows = (state->level_height + 1 - (size_t)PHASES[phase][0]) / 2;
    state->columns = (state->level_width + 1 - (size_t)PHASES[phase][1]) / 2;
    state->picture = state->row = 0, state->column = (size_t)white;
    size_t area = state->rows * state->columns;
    state->left = state->space.pictures * ((area + !white) / 2);
    state->n = 0;
    int32_t place = level < SHARED ? level : SHARED, key = (phase * 3 + colour) * 2 + white;
    memory_of_key *now = state->now = &state->keys[place][key];
    if (!now->begun && place < SHARED) {
        *now = state->keys[place + 1][key];
        for (int k = 0; k < SIZES; k++)
            for (int i = 0; i < INPUTS; i++)
                for (int j = 0; j <= INPUTS; j++) now->fits[k].products[i][j] >>= HANDED_ON;
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

static void find_places(rndl_neighbours *state, size_t n) {
    for (size_t k = 0; k < n; k++) {
        while (state->column >= state->columns) {
            if (++state->row == state->rows) state->row = 0, state->picture++;
            state->column = (state->row + (size_t)state->white) & 1;
        }
        size_t plane = (state->picture * (size_t)state->space.colours + (size_t)state->colour) * state->plane;
        size_t y = 2 * state->row + (size_t)PHASES[state->phase][0] + MARGIN;
        size_t x = 2 * state->column + (size_t)PHASES[state->phase][1] + MARGIN;
        state->at[k] = (int32_t)(plane + y * state->stride + x);
        state->column += 2;
    }
}

WIDE static void gather(rndl_neighbours *state, size_t n) {
    for (int i = 0; i < state->inputs.count; i++) {
        int16_t *to = state->features + (size_t)i * state->room;
        if (i < VALUES) {
            const int16_t *x = state->samples + state->inputs.away[i];
            for (size_t k = 0; k < n; k++) {
                int32_t value = x[state->at[k]];
                to[k] = (int16_t)(value == UNKNOWN ? 0 : within(16 * value - state->mean[k], INPUT_MOST));
            }
        } else {
            const outcome *seen = state->outcomes + state->inputs.away[i];
            for (size_t k = 0; k < n; k++) to[k] = seen[state->at[k]].error;
        }
    }
    int16_t *to = state->features + (size_t)state->inputs.count * state->room;
    for (size_t k = 0; k < n; k++) to[k] = 16;
}

WIDE static void move_means(rndl_neighbours *state, size_t n) {
    const fit *fits = state->now->fits;
    for (size_t k = 0; k < n; k++) state->foretold[k] = 0;
    for (int i = 0; i <= state->inputs.count; i++) {
        const int16_t *x = state->features + (size_t)i * state->room;
        int32_t w0 = fits[0].weights[i], w1 = fits[1].weights[i], w2 = fits[2].weights[i];
        for (size_t k = 0; k < n; k++) {
            int32_t size = state->size[k], w = size == 0 ? w0 : size == 1 ? w1 : w2;
            state->foretold[k] += w * x[k];
        }
    }
    for (size_t k = 0; k < n; k++) {
        int32_t e = within((state->foretold[k] + (1 << WEIGHT_BITS >> 1)) >> WEIGHT_BITS, FARTHEST[state->scale[k]]);
        state->foretold[k] = e;
        state->moved[k] = state->mean[k] + ((e * fits[state->size[k]].trust + (1 << TRUST_BITS >> 1)) >> TRUST_BITS);
    }
}

/* How large the errors around are beside what was expected of them, in 16 bins of 3/8 octaves. */
static int32_t spread_around(const rndl_neighbours *state, size_t k) {
    const outcome *seen = state->outcomes + state->at[k];
    int32_t found = 77, expected = 77;
    for (int i = 0; i < state->spreads.count; i++) {
        outcome one = seen[state->spreads.away[i]];
        found += state->spreads.weight[i] * (one.error < 0 ? -one.error : one.error);
        expected += state->spreads.weight[i] * one.deviation;
    }
    int32_t ratio = log2_of((uint64_t)found) - log2_of((uint64_t)expected) + SPREAD_BIN * SPREAD_BINS / 2 + SPREAD_BIN / 2;
    int32_t bin = ratio < 0 ? 0 : ratio / SPREAD_BIN;
    return bin < SPREAD_BINS ? bin : SPREAD_BINS - 1;
}

static inline int32_t stepped(int32_t scale, int32_t steps) {
    scale += steps;
    return scale < 0 ? 0 : scale >= RNDL_SCALES ? RNDL_SCALES - 1 : scale;
}

static inline int32_t steps_of(const memory_of_key *now, int32_t scale, int32_t bin) {
    return now->by_scale[scale].steps + now->by_spread[class_of(scale)][bin].steps;
}

enum rndl_result rndl_neighbours_predict(rndl_neighbours *state, size_t n, const int32_t *mean,
                                         const int32_t *log_scale, const int32_t *tail, int32_t *index,
                                         int32_t *centre) {
    if (!state->now || n > state->left || n > state->room) return RNDL_BEYOND;
    state->n = n;
    state->left -= n;
    find_places(state, n);
    for (size_t k = 0; k < n; k++) {
        state->mean[k] = mean[k];
        state->scale[k] = (uint8_t)rndl_scale_step(log_scale[k]);
        state->tail[k] = (uint8_t)rndl_tail_step(tail[k]);
        state->size[k] = (uint8_t)size_of(state->scale[k]);
    }
    gather(state, n);
    move_means(state, n);
    for (size_t k = 0; k < n; k++) {
        int32_t bin = spread_around(state, k), scale = state->scale[k];
        state->bin[k] = (uint8_t)bin;
        scale = stepped(scale, steps_of(state->now, scale, bin));
        index[k] = rndl_table_of(&state->grid, scale, state->tail[k], state->moved[k], centre + k);
    }
    return RNDL_OK;
}

/* ---- What a band teaches ---- */

static inline int32_t normal(int32_t x, int32_t scale) { return (x * NORMAL[scale] + 512) >> 10; }

/* Weights of least squares with a ridge, by L D L^T; every operation is one of IEEE 754 doubles, in this order. */
static void solve(fit *now, int n) {
    double l[INPUTS][INPUTS], m[INPUTS][INPUTS], d[INPUTS], y[INPUTS];
    for (int i = 0; i < n; i++) {
        for (int j = 0; j <= i; j++) {
            double v = (double)now->products[i][j];
            if (i == j) v += RIDGE;
            for (int k = 0; k < j; k++) v -= m[i][k] * l[j][k];
            if (i == j) {
                d[i] = v > 1.0 ? v : 1.0;
            } else {
                m[i][j] = v;
                l[i][j] = v / d[j];
            }
        }
        y[i] = (double)now->products[i][INPUTS];
        for (int k = 0; k < i; k++) y[i] -= l[i][k] * y[k];
    }
    for (int i = n - 1; i >= 0; i--) {
        double v = y[i] / d[i];
        for (int k = i + 1; k < n; k++) v -= l[k][i] * y[k];
        y[i] = v;
        double w = v * (1 << WEIGHT_BITS) + 0.5;
        w = w < -WEIGHT_MOST ? -WEIGHT_MOST : w > WEIGHT_MOST ? WEIGHT_MOST : w;
        now->weights[i] = (int32_t)(w + (WEIGHT_MOST + 1)) - (WEIGHT_MOST + 1); /* rounded down */
    }
}

/* Adds the products of BLOCK samples of `inputs` inputs; the last row is the error that is to be foretold. */
WIDE static void add_products(fit *now, int16_t x[][BLOCK], int inputs) {
    for (int i = 0; i < inputs; i++)
        for (int j = 0; j <= i + 1; j++) {
            const int16_t *other = x[j <= i ? j : inputs];
            int32_t sum = 0;
            for (int k = 0; k < BLOCK; k++) sum += x[i][k] * other[k];
            now->products[i][j <= i ? j : INPUTS] += sum;
        }
}

/* Features become what a fit sums up. */
WIDE static void normalise(rndl_neighbours *state) {
    for (size_t k = 0; k < state->n; k++) state->normal[k] = NORMAL[state->scale[k]];
    for (int i = 0; i <= state->inputs.count; i++) {
        int16_t *x = state->features + (size_t)i * state->room;
        for (size_t k = 0; k < state->n; k++)
            x[k] = (int16_t)within((x[k] * state->normal[k] + 512) >> 10, NORMAL_MOST);
    }
}

static void learn_means(rndl_neighbours *state, const int32_t *values) {
    int inputs = state->inputs.count + 1;
    int16_t x[INPUTS + 1][BLOCK];
    normalise(state);
    for (int size = 0; size < SIZES; size++) {
        fit *now = &state->now->fits[size];
        size_t count = 0;
        for (size_t k = 0; k < state->n;) {
            size_t chosen[BLOCK];
            int m = 0;
            for (; k < state->n && m < BLOCK; k++)
                if (state->size[k] == size) chosen[m++] = k;
            if (!m) continue;
            for (int i = 0; i < inputs; i++) {
                const int16_t *from = state->features + (size_t)i * state->room;
                for (int z = 0; z < m; z++) x[i][z] = from[chosen[z]];
            }
            for (int z = 0; z < m; z++) {
                size_t at = chosen[z];
                int32_t scale = state->scale[at], error = within(16 * values[at] - state->mean[at], NEAREST[scale]);
                int32_t foretold = normal(state->foretold[at], scale);
                error = normal(error, scale);
                x[inputs][z] = (int16_t)error;
                now->agreement += foretold * error;
                now->size += foretold * foretold;
            }
            count += (size_t)m;
            for (int i = 0; m < BLOCK && i <= inputs; i++)
                for (int z = m; z < BLOCK; z++) x[i][z] = 0;
            add_products(now, x, inputs);
        }
        if (!count) continue;
        solve(now, inputs);
        int64_t trust = now->agreement <= 0 ? 0 : (now->agreement << TRUST_BITS) / (now->size + DOUBT);
        now->trust = (int32_t)(trust > 1 << TRUST_BITS ? 1 << TRUST_BITS : trust);
        now->agreement -= now->agreement >> 3;
        now->size -= now->size >> 3;
        for (int i = 0; i < inputs; i++)
            for (int j = 0; j <= INPUTS; j++) now->products[i][j] -= now->products[i][j] >> 2;
    }
}

/* Bits, in 1/256, of a value under the table of a place on the grid; of an escape, its slot's. */
static inline int32_t cost_of(const rndl_neighbours *state, const rndl_tables *tables, int32_t scale, int32_t tail,
                              int32_t mean, int32_t value) {
    int32_t centre, t = rndl_table_of(&state->grid, scale, tail, mean, &centre);
    int64_t slot = (int64_t)value - centre - tables->offsets[t], last = tables->starts[t + 1] - tables->starts[t] - 1;
    if (slot < 0 || slot > last) slot = last;
    return RNDL_PRECISION * UNIT - log2_of(tables->frequencies[tables->starts[t] + slot]);
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

static void learn_scales(rndl_neighbours *state, const int32_t *values, const rndl_tables *tables) {
    memory_of_key *now = state->now;
    for (size_t k = 0; k < state->n; k++) {
        int32_t scale = state->scale[k], tail = state->tail[k], mean = state->moved[k], value = values[k];
        int32_t used = stepped(scale, steps_of(now, scale, state->bin[k]));
        int32_t cost = cost_of(state, tables, used, tail, mean, value);
        int32_t wider = cost_of(state, tables, stepped(used, 1), tail, mean, value) - cost;
        int32_t narrower = cost_of(state, tables, stepped(used, -1), tail, mean, value) - cost;
        scale_cell *cells[2] = {&now->by_scale[scale], &now->by_spread[class_of(scale)][state->bin[k]]};
        for (int i = 0; i < 2; i++) cells[i]->wider += wider, cells[i]->narrower += narrower;
        state->cost[0] += (uint64_t)cost;
        state->cost[1] += (uint64_t)cost_of(state, tables, scale, tail, state->mean[k], value);
    }
    for (int i = 0; i < RNDL_SCALES; i++) step(&now->by_scale[i]);
    for (int i = 0; i < CLASSES; i++)
        for (int j = 0; j < SPREAD_BINS; j++) step(&now->by_spread[i][j]);
}

void rndl_neighbours_learn(rndl_neighbours *state, const int32_t *values, const rndl_tables *tables) {
    learn_means(state, values);
    learn_scales(state, values, tables);
    for (size_t k = 0; k < state->n; k++) {
        outcome *seen = state->outcomes + state->at[k];
        state->samples[state->at[k]] = (int16_t)values[k];
        seen->error = (int16_t)within(16 * values[k] - state->moved[k], INPUT_MOST);
        seen->deviation = (uint16_t)((DEVIATION[state->scale[k]] * WIDER[state->tail[k]] + 128) >> 8);
    }
    state->n = 0;
}

void rndl_neighbours_cost(const rndl_neighbours *state, uint64_t *with_stage, uint64_t *without) {
    *with_stage = state->cost[0];
    *without = state->cost[1];
}
