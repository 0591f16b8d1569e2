#include "indices.h"

enum {
    MARGIN = 6,        /* columns around the picture, index 0 */
    ROWS_ABOVE = 4,
    PLACES = 34,       /* neighbours that have a say */
    CANDIDATES = 2,    /* neighbours' indices that are asked for one by one */
    MATCH_BITS = 16,
    LOOKUPS = 3,       /* ways to find a place like the pixel's */
    MATCH_LOOK = 16,   /* pixels before it that are compared, at most */
    MATCH_STEPS = 16,
    VALUE = CANDIDATES, COLOUR /* kinds of decisions: is it the first candidate, the second; a bit of the index; of a colour */
};

/* Neighbours (column, row), nearest ones first: contexts are the first 2, 10, 16, 24, 34 of them, and three rows. */
static const int8_t PLACE[PLACES][2] = {
    {-1, 0}, {0, -1}, {-1, -1}, {1, -1}, {-2, 0}, {0, -2}, {1, -2}, {-1, -2}, {-2, -1}, {2, -1},
    {-3, 0}, {0, -3}, {2, -2}, {-2, -2}, {3, -1}, {-3, -1},
    {-4, 0}, {1, -3}, {-1, -3}, {3, -2}, {-3, -2}, {4, -1}, {-4, -1}, {-5, 0},
    {2, -3}, {-2, -3}, {-6, 0}, {5, -1}, {-5, -1}, {4, -2}, {-4, -2}, {0, -4}, {1, -4}, {-1, -4},
};

/* The context of each, and how many pixels before must be the same: the last sees nothing but the row. */
static const uint8_t LOOKUP[LOOKUPS][2] = {{4, 4}, {2, 4}, {5, MATCH_LOOK}};

typedef struct {
    rndl_mixing *mixing;
    rndl_decisions decisions;
    rndl_question question;
    uint32_t chance[MATCH_STEPS]; /* that what followed a match's context follows again, by how long it has held */
    uint32_t *recent[LOOKUPS];    /* 2^MATCH_BITS places, by the contexts of LOOKUP */
    ptrdiff_t offset[PLACES];
    uint32_t factor[PLACES];
    int32_t bits;                 /* of an index */
} coder;

static size_t stride_of(size_t width) { return width + MARGIN; }

static size_t room_of(size_t height, size_t width) {
    return ((height + ROWS_ABOVE) * stride_of(width) + 2 * MARGIN) * sizeof(uint16_t) / 8 * 8 + 8;
}

size_t rndl_indices_bytes(size_t height, size_t width) {
    return rndl_mixing_bytes(rndl_mixing_slot_bits((uint64_t)height * width)) + (LOOKUPS * sizeof(uint32_t) << MATCH_BITS) +
           room_of(height, width);
}

static coder open(const rndl_picture *picture, void *memory, rndl_writer *to, rndl_reader *from, uint16_t **first) {
    int32_t slot_bits = rndl_mixing_slot_bits((uint64_t)picture->height * picture->width);
    coder c = {.mixing = rndl_mixing_start(memory, slot_bits), .decisions = {to, from, 0}};
    uint8_t *rest = (uint8_t *)memory + rndl_mixing_bytes(slot_bits);
    for (int i = 0; i < LOOKUPS; i++, rest += sizeof(uint32_t) << MATCH_BITS) c.recent[i] = (uint32_t *)rest;
    *first = (uint16_t *)rest + ROWS_ABOVE * stride_of(picture->width) + MARGIN;
    for (int i = 0; i < MATCH_STEPS; i++) c.chance[i] = (uint32_t)3774873 << 10; /* 0.9 */
    uint32_t factor = 1;
    for (int i = 0; i < PLACES; i++) {
        c.offset[i] = PLACE[i][0] + PLACE[i][1] * (ptrdiff_t)stride_of(picture->width);
        c.factor[i] = factor *= 0x9E3779B1u;
    }
    return c;
}

/* ---- The palette ---- */

static int byte_of_colour(coder *c, uint32_t place, const uint32_t *seen, int value) {
    rndl_question *q = &c->question;
    q->kind = COLOUR;
    q->given = 0;
    for (uint32_t i = 0; i < RNDL_MIX_CONTEXTS; i++) q->context[i] = (seen[i] * 8 + place) * 0x85EBCA6Bu;
    int node = 1;
    for (int bit = 7; bit >= 0; bit--) {
        q->node = (uint32_t)node;
        q->choice[0] = q->choice[1] = 512 + place;
        q->choice[2] = (uint32_t)(784 + bit);
        q->choice[3] = 512 + (uint32_t)node;
        q->last = 768 + (uint32_t)node;
        node = node * 2 + rndl_mix(c->mixing, &c->decisions, q, value >> bit & 1);
    }
    return node & 255;
}

/* Each part of a colour is told as its distance from the same part of the colour before, where the parts before are as
   they were there; else from the part before. */
static int palette(coder *c, uint8_t *colours, int32_t count, size_t limit) {
    uint32_t was[3] = {0}, step[3] = {0}, step_before[3] = {0};
    for (int32_t k = 0; k < count; k++) {
        uint8_t *colour = colours + 3 * k;
        uint32_t now[3], made[3] = {0};
        int same = 1;
        for (int i = 0; i < 3; i++) {
            uint32_t from = same ? was[i] : now[i - 1], before = i ? now[i - 1] : 0;
            uint32_t seen[RNDL_MIX_CONTEXTS] = {
                0, from, step[i], made[0] << 8 | made[1], step[i] << 8 | (i ? made[i - 1] : step[1]),
                i ? now[0] / 8 << 5 | (i > 1 ? now[1] / 8 : 0) : from / 8, step[i] << 8 | step_before[i],
                i ? before << 8 | from : step[1] << 8 | step[2],
            };
            made[i] = (uint32_t)byte_of_colour(c, (uint32_t)(2 * i + same), seen, (colour[i] - (int)from) & 255);
            now[i] = (from + made[i]) & 255;
            same &= now[i] == was[i];
        }
        for (int i = 0; i < 3; i++) {
            step_before[i] = step[i], step[i] = made[i], was[i] = now[i];
            colour[i] = (uint8_t)now[i];
        }
        if (c->decisions.damaged || (c->decisions.to && c->decisions.to->length > limit)) return 0;
    }
    return 1;
}

/* ---- The indices ---- */

/* What followed the same neighbours before, and may follow again. */
typedef struct {
    uint32_t at;   /* its place; 0: nowhere */
    int32_t held;  /* half the pixels that were the same: 1 .. 15; 0: nowhere */
    int32_t odds;  /* that it follows again */
    uint32_t value;
} match;

static inline uint32_t recent_of(uint32_t context) { return (context * 0x2C1B3C6Du) >> (32 - MATCH_BITS); }

/* The place after one that had the same context, or 0; `length` is half the pixels before that are the same. */
static uint32_t place_like(const coder *c, const uint16_t *origin, const uint16_t *here, int32_t *length) {
    const uint32_t *context = c->question.context;
    for (int i = 0; i < LOOKUPS; i++) {
        uint32_t at = c->recent[i][recent_of(context[LOOKUP[i][0]])];
        int32_t same = 0;
        while (at && same < MATCH_LOOK && here[-1 - same] == origin[(ptrdiff_t)at - 1 - same]) same++;
        *length = same / 2;
        if (same >= LOOKUP[i][1]) return at;
    }
    return 0;
}

/* Is the index that of a neighbour, first of the western one, then of the next that is another? Else it is told bit by
   bit, but where a single colour is left. */
static uint32_t pixel(coder *c, const uint16_t *here, uint32_t colours, const match *found, uint32_t value) {
    const uint32_t west = here[c->offset[0]], north = here[c->offset[1]], corner = here[c->offset[2]],
                   east = here[c->offset[3]], west2 = here[c->offset[4]], north2 = here[c->offset[5]];
    const uint32_t candidates[] = {west, north, east, corner};
    const uint32_t alike = (uint32_t)((west == north) | (west == corner) << 1 | (north == east) << 2 |
                                      (north == north2) << 3 | (west == west2) << 4);
    const uint32_t near = c->question.context[0] * 0x2C1B3C6Du, wide = c->question.context[1] * 0x2C1B3C6Du;
    const uint32_t held = (uint32_t)found->held;
    rndl_question *q = &c->question;
    uint32_t asked[CANDIDATES], count = 0;
    for (int i = 0; i < 4 && count < CANDIDATES && count + 1 < colours; i++) {
        uint32_t candidate = candidates[i];
        if (count && candidate == asked[0]) continue;
        uint32_t agrees = found->held && found->value == candidate;
        q->kind = (int32_t)count;
        q->node = candidate + 1 + (count << 17);
        q->given = agrees ? found->odds : -found->odds;
        q->choice[0] = count << 5 | agrees << 4 | held;
        q->choice[1] = count << 5 | alike;
        q->choice[2] = count ? 512 + (wide >> 24) : wide >> 23;
        q->choice[3] = count << 6 | (uint32_t)((candidate == west) | (candidate == north) << 1 | (candidate == east) << 2 |
                                               (candidate == corner) << 3 | (candidate == west2) << 4 |
                                               (candidate == north2) << 5);
        q->last = count << 8 | near >> 24;
        if (rndl_mix(c->mixing, &c->decisions, q, value == candidate)) return candidate;
        asked[count++] = candidate;
    }
    if (count + 1 == colours) { /* of so few colours the indices sum to a known number */
        uint32_t left = colours * (colours - 1) / 2;
        while (count) left -= asked[--count];
        return left;
    }
    uint32_t node = 1;
    q->kind = VALUE;
    for (int32_t bit = c->bits - 1; bit >= 0; bit--) {
        int agrees = found->held && (found->value | 1u << c->bits) >> (bit + 1) == node;
        q->node = node + (3u << 17);
        q->given = !agrees ? 0 : found->value >> bit & 1 ? found->odds >> 1 : -(found->odds >> 1);
        q->choice[0] = (uint32_t)(64 | agrees << 4) | held;
        q->choice[1] = 256 + ((uint32_t)bit << 4 | (alike & 15));
        q->choice[2] = 768 + (uint32_t)bit;
        q->choice[3] = 256 + (node & 255);
        q->last = 512 + ((node * 0x9E3779B1u) >> 24);
        node = node * 2 + (uint32_t)rndl_mix(c->mixing, &c->decisions, q, value >> bit & 1);
    }
    return node - (1u << c->bits);
}

/* Hashes of the neighbours: of the nearest, ever more of them, then of those to the west, the north, the north-east. */
static void look_around(const coder *c, const uint16_t *here, uint32_t *context) {
    static const uint8_t ends[5] = {2, 10, 16, 24, PLACES};
    uint32_t part[PLACES], sum = 0;
    for (int i = 0; i < PLACES; i++) part[i] = here[c->offset[i]] * c->factor[i];
    for (int i = 0, k = 0; k < 5; k++) {
        for (; i < ends[k]; i++) sum += part[i];
        context[k] = sum;
    }
    context[5] = part[0] + part[4] + part[10] + part[16] + part[23] + part[26];
    context[6] = part[1] + part[2] + part[3] + part[5] + part[11];
    context[7] = part[0] + part[1] + part[3] + part[9] + part[14];
}

/* Codes all indices; 0 if they are damaged, or more than `limit` bytes are written. */
static int indices(coder *c, const rndl_picture *picture, uint16_t *first, size_t limit) {
    const size_t stride = stride_of(picture->width);
    uint16_t *origin = first - ROWS_ABOVE * stride - MARGIN;
    uint32_t *context = c->question.context, at = 0;
    int32_t length = 0;
    for (size_t y = 0; y < picture->height; y++) {
        uint16_t *here = first + y * stride, *row = picture->index + y * picture->width;
        for (size_t x = 0; x < picture->width; x++, here++) {
            look_around(c, here, context);
            if (!at) at = place_like(c, origin, here, &length);
            match found = {at, 0, 0, origin[at]};
            if (at) {
                found.held = length < 2 * MATCH_STEPS ? length / 2 : MATCH_STEPS - 1;
                found.odds = c->mixing->odds[c->chance[found.held] >> 20];
            }
            uint32_t value = pixel(c, here, (uint32_t)picture->colours, &found, row[x]);
            if (value >= (uint32_t)picture->colours || c->decisions.damaged) return 0;
            if (c->decisions.to && c->decisions.to->length > limit) return 0;
            *here = row[x] = (uint16_t)value;
            for (int i = 0; i < LOOKUPS; i++) c->recent[i][recent_of(context[LOOKUP[i][0]])] = (uint32_t)(here - origin);
            if (!at) continue;
            rndl_chance(c->mixing, &c->chance[found.held], found.value == value, 255);
            at = found.value == value ? at + 1 : 0;
            length += length < 2 * MATCH_STEPS;
        }
    }
    return 1;
}

/* Palette and indices; `limit` is for writers. */
static int code(coder *c, rndl_picture *picture, uint16_t *first, size_t limit) {
    while ((int32_t)1 << c->bits < picture->colours) c->bits++;
    return palette(c, picture->palette, picture->colours, limit) && indices(c, picture, first, limit);
}

int rndl_indices_put(rndl_writer *writer, const rndl_picture *picture, size_t limit, void *memory) {
    uint16_t *first;
    coder c = open(picture, memory, writer, 0, &first);
    rndl_picture same = *picture;
    for (size_t i = 0; i < picture->height * picture->width; i++)
        if (picture->index[i] >= (uint32_t)picture->colours) return 0;
    rndl_encode_bits(writer, (uint32_t)(picture->colours - 1), 16);
    return code(&c, &same, first, limit);
}

enum rndl_result rndl_indices_take(rndl_reader *reader, rndl_picture *picture, void *memory) {
    uint16_t *first;
    coder c = open(picture, memory, 0, reader, &first);
    uint64_t unit = reader->width >> RNDL_PRECISION << 8, found = reader->code / unit;
    if (found >> 16) return RNDL_DAMAGED;
    rndl_consume(reader, unit, (uint32_t)found, 1);
    picture->colours = (int32_t)found + 1;
    return code(&c, picture, first, 0) ? RNDL_OK : RNDL_DAMAGED;
}
