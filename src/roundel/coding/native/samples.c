#include "samples.h"

enum {
    MARGIN = 4,      /* zeros to the left and right of planes, and above them three rows */
    ROWS_ABOVE = 3,
    STRIP = 32,      /* columns that share a fit */
    OWN = 16,        /* inputs of the sample's own colour, one colour before three; of each other colour OTHER */
    OWN_IN_COLOUR = 12,
    OTHER = 5,
    INPUTS = 22,     /* at most */
    CLASSES = 16,    /* numbers of bits of an error, less 0 */
    FINE = 3,        /* bits of an error, after its highest, that are decisions; the rest is told as it is */
    CLASS = 0, SIGN, BIT /* kinds of decisions */
};

#define RIDGE 20.0
#define WEIGHT_BITS 16
#define WEIGHT_MAX 262144.0

/* Neighbours (column, row), nearest ones first. */
static const int8_t PLACE[OWN][2] = {
    {-1, 0}, {0, -1}, {-1, -1}, {1, -1}, {-2, 0}, {0, -2}, {1, -2}, {-1, -2},
    {-2, -1}, {2, -1}, {-3, 0}, {0, -3}, {2, -2}, {-2, -2}, {3, -1}, {-3, -1},
};
static const int8_t OTHER_PLACE[OTHER][2] = {{0, 0}, {-1, 0}, {0, -1}, {-1, -1}, {1, -1}};

typedef struct {
    double products[INPUTS][INPUTS]; /* lower triangle */
    double with[INPUTS];             /* products with what was to be predicted */
    int32_t weights[INPUTS];
} fit;

typedef struct {
    rndl_mixing *mixing;
    rndl_decisions decisions;
    rndl_question question;
    ptrdiff_t stride;
    int32_t *plane[3], *error[3]; /* in the order of coding: green, red, blue; at the first sample */
    fit *fits;                    /* of each colour, of each strip */
    size_t strips;
} coder;

/* What surrounds a sample, as quarters of logarithms. */
typedef struct {
    uint32_t wide, other, slope, signs; /* errors around, of the colours before, differences around; signs of the latter */
} surroundings;

static size_t strips_of(size_t width) { return (width + STRIP - 1) / STRIP; }

static size_t plane_of(const rndl_square *s) { return (s->height + ROWS_ABOVE) * (s->width + 2 * MARGIN) + 2 * MARGIN; }

static int32_t slot_bits_of(const rndl_square *s) { return rndl_mixing_slot_bits((uint64_t)4 * s->height * s->width); }

static size_t mixing_of(const rndl_square *s) { return (rndl_mixing_bytes(slot_bits_of(s)) + 7) / 8 * 8; }

size_t rndl_samples_bytes(const rndl_square *s) {
    size_t colours = (size_t)s->colours;
    return mixing_of(s) + colours * strips_of(s->width) * sizeof(fit) + 2 * colours * plane_of(s) * sizeof(int32_t);
}

static coder open(const rndl_square *s, void *memory, rndl_writer *to, rndl_reader *from) {
    coder c = {.mixing = rndl_mixing_start(memory, slot_bits_of(s)), .decisions = {to, from, 0}};
    c.stride = (ptrdiff_t)(s->width + 2 * MARGIN);
    c.strips = strips_of(s->width);
    c.fits = (fit *)((uint8_t *)memory + mixing_of(s));
    int32_t *next = (int32_t *)(c.fits + (size_t)s->colours * c.strips) + ROWS_ABOVE * c.stride + MARGIN;
    for (int k = 0; k < s->colours; k++) {
        c.plane[k] = next;
        c.error[k] = next += plane_of(s);
        next += plane_of(s);
    }
    return c;
}

/* ---- Prediction ---- */

/* Weights of a strip from its sums and those of the strips beside it; every operation rounded by itself. */
static void renew(fit *of, const fit *left, const fit *right, int n) {
    double m[INPUTS][INPUTS], l[INPUTS][INPUTS], d[INPUTS], y[INPUTS];
    for (int i = 0; i < n; i++) {
        for (int j = 0; j <= i; j++) {
            double z = of->products[i][j];
            if (left) z += left->products[i][j];
            if (right) z += right->products[i][j];
            if (i == j) z += RIDGE;
            for (int k = 0; k < j; k++) z -= m[i][k] * l[j][k];
            if (i == j)
                d[i] = z > 1 ? z : 1;
            else
                m[i][j] = z, l[i][j] = z / d[j];
        }
        double z = of->with[i];
        if (left) z += left->with[i];
        if (right) z += right->with[i];
        for (int k = 0; k < i; k++) z -= l[i][k] * y[k];
        y[i] = z;
    }
    for (int i = n - 1; i >= 0; i--) {
        double z = y[i] / d[i];
        for (int k = i + 1; k < n; k++) z -= l[k][i] * y[k];
        y[i] = z;
        z = z * 65536 + 0.5;
        z = z < -WEIGHT_MAX ? -WEIGHT_MAX : z > WEIGHT_MAX ? WEIGHT_MAX : z;
        int32_t whole = (int32_t)z;
        of->weights[i] = whole - (whole > z);
    }
}

static void fade(fit *of, int n) {
    for (int i = 0; i < n; i++) {
        for (int j = 0; j <= i; j++) of->products[i][j] *= 0.875;
        of->with[i] *= 0.875;
    }
}

/* The middle of the neighbours to the left and above, as far as there are any. */
static inline int32_t middle(const int32_t *at, ptrdiff_t stride, size_t x, size_t y) {
    return !y ? (x ? at[-1] : 0) : !x ? at[-stride] : (at[-1] + at[-stride] + 1) >> 1;
}

static inline int32_t input_of(const int32_t *at, ptrdiff_t stride, size_t x, size_t y, size_t width, const int8_t *place, int32_t less) {
    ptrdiff_t column = (ptrdiff_t)x + place[0];
    if (column < 0 || column >= (ptrdiff_t)width || (ptrdiff_t)y + place[1] < 0) return 0;
    return at[place[0] + place[1] * stride] - less;
}

/* ---- Errors ---- */

static inline uint32_t size_of(int32_t error) { return (uint32_t)(error < 0 ? -error : error); }

static inline int32_t bits_of(uint32_t x) {
    int32_t bits = 0;
    while (x >> bits) bits++;
    return bits;
}

/* Four times the logarithm of x + 1. */
static inline uint32_t quarters(uint32_t x) {
    int32_t k = bits_of(++x) - 1;
    return (uint32_t)(4 * k) + (x << 2 >> k & 3);
}

static surroundings look_around(coder *c, int k, ptrdiff_t at) {
    const ptrdiff_t s = c->stride;
    const int32_t *e = c->error[k] + at, *v = c->plane[k] + at;
    uint32_t west = size_of(e[-1]), north = size_of(e[-s]), nw = size_of(e[-s - 1]), ne = size_of(e[1 - s]);
    uint32_t west2 = size_of(e[-2]), north2 = size_of(e[-2 * s]);
    uint32_t wide = 3 * (west + north) + 2 * (nw + ne) + west2 + north2 + size_of(e[1 - 2 * s]) + size_of(e[2 - s]) +
                    size_of(e[-3]) + size_of(e[-3 * s]) + size_of(e[-2 - s]) + size_of(e[-1 - 2 * s]);
    uint32_t other = 0, signs = 0;
    for (int j = 0; j < k; j++) {
        int32_t its = c->error[j][at];
        other += 2 * size_of(its);
        signs = 3 * signs + (its > 0 ? 1 : its < 0 ? 2 : 0);
    }
    uint32_t slope = size_of(v[-1] - v[-s - 1]) + size_of(v[-s] - v[-s - 1]) + size_of(v[-s] - v[1 - s]);
    surroundings found = {quarters(wide), quarters(other), quarters(slope), signs};
    uint32_t near = quarters(west + north), middle = quarters(2 * (west + north) + nw + ne);
    const uint32_t seen[RNDL_MIX_CONTEXTS][2] = {
        {found.wide, 0}, {middle, found.other / 2}, {near, found.slope / 2}, {found.wide, found.other},
        {quarters(west), quarters(north)}, {quarters(nw + ne), quarters(west2 + north2)}, {found.wide / 2, found.slope},
        {found.wide, (uint32_t)((e[-1] > 0) | (e[-s] > 0) << 1) | signs << 2},
    };
    for (int i = 0; i < RNDL_MIX_CONTEXTS; i++)
        c->question.context[i] = ((uint32_t)(3 * i + k) << 24 | seen[i][0] << 12 | seen[i][1]) * 0x85EBCA6Bu;
    return found;
}

/* Bits of the error's size: is it more than foretold? Then one by one upwards, or downwards. */
static int32_t class_of_error(coder *c, int k, const surroundings *around, int32_t value) {
    int32_t foretold = (int32_t)(around->wide + 2) / 4 - 4, now;
    foretold = foretold < 0 ? 0 : foretold >= CLASSES ? CLASSES - 1 : foretold;
    rndl_question *q = &c->question;
    q->kind = CLASS;
    q->given = 0;
    now = foretold;
    for (uint32_t way = 0;;) { /* 1 upwards, 2 downwards */
        q->node = (uint32_t)now + 32 * way;
        q->choice[0] = (uint32_t)(32 * k + now);
        q->choice[1] = 128 + 128 * way + (around->wide < 127 ? around->wide : 127);
        q->choice[2] = 256 * way + around->other / 2 * 4 + ((uint32_t)(now - foretold) & 3);
        q->choice[3] = 64 * way + around->slope / 2;
        q->last = (uint32_t)now * 32 + (around->wide & 31);
        int more = rndl_mix(c->mixing, &c->decisions, q, value > now);
        if (!way) way = more ? 1 : 2;
        if (way == 1 && (!more || ++now == CLASSES)) return now;
        if (way == 2 && (more || --now < 0)) return now + 1;
    }
}

static int sign_of_error(coder *c, int k, ptrdiff_t at, const surroundings *around, int32_t class, int value) {
    rndl_question *q = &c->question, asked = *q;
    int32_t west = c->error[k][at - 1], north = c->error[k][at - c->stride];
    uint32_t sides = (uint32_t)((west > 0) + 2 * (west < 0)) * 3 + (uint32_t)((north > 0) + 2 * (north < 0));
    const uint32_t seen[5] = {sides, sides << 8 | around->signs, around->signs << 8 | around->wide / 4, 0,
                              around->signs << 8 | (uint32_t)class};
    for (uint32_t i = 0; i < 5; i++)
        asked.context[i] = ((uint32_t)(3 * (i + RNDL_MIX_CONTEXTS)) + (uint32_t)k) * 0x1000193u + seen[i] * 0x85EBCA6Bu;
    asked.kind = SIGN;
    asked.node = (uint32_t)class;
    asked.choice[0] = (uint32_t)(120 + 4 * k + (west > 0) + 2 * (north > 0));
    asked.choice[1] = (uint32_t)(32 + class);
    asked.choice[2] = 700 + around->signs;
    asked.choice[3] = 300 + around->wide / 4;
    asked.last = (uint32_t)(600 + class);
    return rndl_mix(c->mixing, &c->decisions, &asked, value);
}

/* Bits that are told as they are, at most 12. */
static uint32_t plain_bits(rndl_decisions *d, uint32_t value, int bits) {
    if (d->to) {
        rndl_encode_bits(d->to, value, bits);
        return value;
    }
    uint64_t unit = d->from->width >> RNDL_PRECISION << (RNDL_PRECISION - bits), found = d->from->code / unit;
    if (found >> bits) d->damaged = 1, found = 0, d->from->code = 0;
    rndl_consume(d->from, unit, (uint32_t)found, 1);
    return (uint32_t)found;
}

/* The bits of the error's size below the highest. */
static uint32_t rest_of_error(coder *c, const surroundings *around, int32_t class, uint32_t value) {
    rndl_question *q = &c->question;
    uint32_t node = 1;
    int bit = class - 2;
    q->kind = BIT;
    for (; bit >= 0 && bit > class - 2 - FINE; bit--) {
        q->node = (uint32_t)class * 32 + node;
        q->choice[0] = 160 + (uint32_t)class * 8 + node;
        q->choice[1] = 512 + (around->wide < 127 ? around->wide : 127);
        q->choice[2] = 720 + node;
        q->choice[3] = (uint32_t)(400 + class);
        q->last = 640 + (uint32_t)class * 8 + node;
        node = node * 2 + (uint32_t)rndl_mix(c->mixing, &c->decisions, q, value >> bit & 1);
    }
    if (bit < 0) return node;
    uint32_t rest = plain_bits(&c->decisions, value & ((2u << bit) - 1), bit + 1);
    return node << (bit + 1) | rest;
}

/* The error of a prediction. */
static int32_t error_of(coder *c, int k, ptrdiff_t at, int32_t value) {
    surroundings around = look_around(c, k, at);
    int32_t class = class_of_error(c, k, &around, bits_of(size_of(value)));
    if (!class) return 0;
    int negative = sign_of_error(c, k, at, &around, class, value < 0);
    int32_t size = (int32_t)rest_of_error(c, &around, class, size_of(value));
    return negative ? -size : size;
}

/* ---- Samples ---- */

/* One sample of the k-th colour in the order of coding; -1 if it is damaged. */
static int32_t sample(coder *c, int k, size_t x, size_t y, const rndl_square *s, int32_t value) {
    const ptrdiff_t at = (ptrdiff_t)x + (ptrdiff_t)y * c->stride;
    fit *by = c->fits + (size_t)k * c->strips + x / STRIP;
    int32_t input[INPUTS], from = middle(c->plane[k] + at, c->stride, x, y), n = 0;
    int own = s->colours == 1 ? OWN : OWN_IN_COLOUR;
    for (int i = 0; i < own; i++) input[n++] = input_of(c->plane[k] + at, c->stride, x, y, s->width, PLACE[i], from);
    for (int j = 0; j < k; j++) {
        int32_t its = middle(c->plane[j] + at, c->stride, x, y);
        for (int i = 0; i < OTHER; i++)
            input[n++] = input_of(c->plane[j] + at, c->stride, x, y, s->width, OTHER_PLACE[i], its);
    }
    int64_t sum = 1 << (WEIGHT_BITS - 1);
    for (int i = 0; i < n; i++) sum += (int64_t)by->weights[i] * input[i];
    int64_t expected = from + (sum >> WEIGHT_BITS);
    int32_t predicted = (int32_t)(expected < 0 ? 0 : expected > 65535 ? 65535 : expected);
    int32_t error = error_of(c, k, at, value - predicted);
    int32_t found = predicted + error;
    if (found < 0 || found > 65535 || c->decisions.damaged) return -1;
    c->plane[k][at] = found;
    c->error[k][at] = error;
    if (!y) return found;
    const int32_t *e = c->error[k] + at;
    uint32_t around = 3 * (size_of(e[-1]) + size_of(e[-c->stride])) + 2 * (size_of(e[-c->stride - 1]) + size_of(e[1 - c->stride]));
    double weight = 1 / ((double)(1u << (bits_of(1 + size_of(error) + around / 8) - 1)));
    weight *= weight; /* a sample counts the less, the worse those around it were foretold */
    for (int i = 0; i < n; i++) {
        double weighted = weight * input[i];
        for (int j = 0; j <= i; j++) by->products[i][j] += weighted * input[j];
        by->with[i] += weighted * (found - from);
    }
    return found;
}

/* Codes all; 0 if it is damaged, or more than `limit` bytes are written. */
static int code(coder *c, const rndl_square *s, size_t limit) {
    static const int order[2][3] = {{0}, {1, 0, 2}};
    for (size_t y = 0; y < s->height; y++) {
        for (int k = 0; k < s->colours && y; k++) {
            int n = s->colours == 1 ? OWN : OWN_IN_COLOUR + OTHER * k;
            fit *row = c->fits + (size_t)k * c->strips;
            for (size_t i = 0; i < c->strips; i++)
                renew(row + i, i ? row + i - 1 : 0, i + 1 < c->strips ? row + i + 1 : 0, n);
            for (size_t i = 0; i < c->strips; i++) fade(row + i, n);
        }
        for (size_t x = 0; x < s->width; x++)
            for (int k = 0; k < s->colours; k++) {
                uint16_t *value = s->samples + (y * s->width + x) * (size_t)s->colours + order[s->colours == 3][k];
                int32_t found = sample(c, k, x, y, s, *value);
                if (found < 0 || (c->decisions.to && c->decisions.to->length > limit)) return 0;
                *value = (uint16_t)found;
            }
    }
    return 1;
}

int rndl_samples_put(rndl_writer *writer, const rndl_square *square, size_t limit, void *memory) {
    coder c = open(square, memory, writer, 0);
    return code(&c, square, limit);
}

enum rndl_result rndl_samples_take(rndl_reader *reader, rndl_square *square, void *memory) {
    coder c = open(square, memory, 0, reader);
    return code(&c, square, 0) ? RNDL_OK : RNDL_DAMAGED;
}
