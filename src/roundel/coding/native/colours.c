#include "colours.h"

#include "logs.h"
#include "mixture.h"
#include "wide.h"

#if defined(__GNUC__)
#define FETCH(address) __builtin_prefetch(address)
#else
#define FETCH(address) ((void)(address))
#endif

#define CLASSES RNDL_SEEN_CLASSES
#define CONTEXTS RNDL_SEEN_CONTEXTS
#define BEYOND 15      /* the class of values behind a window */
#define LANES 16      /* CLASSES and some more that are empty: whole vectors */
#define ONE (1u << RNDL_PRECISION)
#define LIMIT 1408   /* of the logarithm of a weight: 5.5 */
#define DOUBT 12     /* as many samples of each class are taken to have come as expected */
#define WINDOW 64    /* values that a sample's window may have */
#define MARGIN WINDOW
#define ROW (512 + 2 * MARGIN) /* of classes or counts, by value + 256 + MARGIN */
#define NARROW 2368  /* tables before it: scale below 0.7; before WIDER: below 2; from UNIFORM on: no window */
#define WIDER 2816
#define UNIFORM 3288
#define FEWEST_BITS 7  /* log2 of the buckets that a hash table has at first */
#define AHEAD 32     /* samples whose memory is fetched before they are coded */

/* Weights to start with, log2 in 1/16: context by the amount unseen, class. */
static const int8_t FIRST_WEIGHTS[6][CLASSES] = {
    {-14, -13, -12, -11, -8, -6, -3, 1, -6, -9, -11, -14, -4},
    {-18, -13, -12, -9, -8, -5, 0, 10, -13, -14, -17, -16, -11},
    {-24, -11, -10, -8, -4, 1, 8, 15, -25, -22, -20, -18, -23},
    {-28, -6, -1, 4, 11, 15, 18, 25, -29, -23, -17, -11, -35},
    {-33, 8, 12, 14, 15, 17, 19, 26, -19, -7, 0, 3, -44},
    {-21, 16, 14, 15, 15, 15, 15, 21, -3, 7, 10, 10, -56},
};

/* Eight places of the hash table, filled from the first on: all are looked at together. */
typedef struct {
    uint32_t keys[8], lines[8]; /* key + 1; 0 is free */
} bucket;

struct rndl_colours {
    int32_t weights[3][CONTEXTS][CLASSES]; /* log2 in 1/256 */
    uint64_t cost[3][2];
    size_t room;                 /* samples of Cg that are still to come, at most */
    uint32_t lines_used, bucket_bits;
    bucket *buckets;             /* hash table of lines, at most half full; it grows, so that it stays in the caches */
    uint32_t *keys;              /* of the lines */
    uint8_t (*lines)[WINDOW];    /* hC, as `seen` has them, of 64 neighbouring Cg of one Y and Co; line 0 stays empty */
    uint8_t luma[ROW];           /* hY, likewise */
    uint8_t co[256][ROW];        /* hCo of Co by Y, likewise */
    uint8_t any_co[512], any_co_class[ROW];        /* counts hO of Co, and their classes */
    uint8_t cg[511][512], cg_class[511][ROW];      /* counts hG of Cg by Co, and their classes */
    uint8_t nothing[ROW];
    uint8_t next[256];           /* what follows a count, as `seen` has them */
};

/* Counts that only their class is asked of come as 32 times the class, and how far they are within it. Classes 1 to 7
   begin at 1, 2, 3, 5, 9, 17, 49; the last counts no further. */
#define SEEN_BITS 5
static const uint8_t SEEN_WIDTHS[8] = {1, 1, 1, 2, 4, 8, 32, 1};

static void fill_next(uint8_t *next) {
    for (int class = 0; class < 8; class++)
        for (int i = 0; i < SEEN_WIDTHS[class]; i++) {
            int further = class << SEEN_BITS | (i + 1);
            next[class << SEEN_BITS | i] =
                (uint8_t)(i + 1 < SEEN_WIDTHS[class] ? further : (class < 7 ? class + 1 : 7) << SEEN_BITS);
        }
}

static size_t lines_of(size_t pixels) { return (pixels < (1u << 20) ? pixels : (1u << 20)) + 1; }

static uint32_t bucket_bits_of(size_t pixels) {
    uint32_t bits = FEWEST_BITS;
    while ((size_t)8 << bits < 2 * lines_of(pixels)) bits++;
    return bits;
}

static size_t aligned(size_t bytes) { return (bytes + 63) & ~(size_t)63; }

size_t rndl_colours_bytes(size_t pixels) {
    return aligned(sizeof(rndl_colours)) + (sizeof(bucket) << bucket_bits_of(pixels)) +
           (WINDOW + sizeof(uint32_t)) * lines_of(pixels) + 128;
}

rndl_colours *rndl_colours_start(void *memory, size_t pixels) {
    rndl_colours *colours = memory;
    uint8_t *rest = (uint8_t *)memory + aligned(sizeof(rndl_colours));
    colours->bucket_bits = FEWEST_BITS;
    colours->buckets = (bucket *)rest;
    rest += sizeof(bucket) << bucket_bits_of(pixels);
    colours->keys = (uint32_t *)rest;
    rest += sizeof(uint32_t) * lines_of(pixels);
    colours->lines = (uint8_t(*)[WINDOW])(rest + (-(uintptr_t)rest & 63));
    colours->lines_used = 1;
    colours->room = pixels;
    fill_next(colours->next);
    for (int colour = 0; colour < 3; colour++)
        for (int context = 0; context < CONTEXTS; context++)
            for (int k = 0; k < CLASSES; k++)
                colours->weights[colour][context][k] = FIRST_WEIGHTS[context % 6][k] * (UNIT / 16);
    return colours;
}

void rndl_colours_cost(const rndl_colours *colours, int32_t colour, uint64_t *with_stage, uint64_t *without) {
    *with_stage = colours->cost[colour][0];
    *without = colours->cost[colour][1];
}

void rndl_colours_reach(const rndl_tables *tables, uint8_t *reach) {
    for (int32_t t = 0; t < tables->count; t++) {
        const uint32_t *f = tables->frequencies + tables->starts[t];
        int64_t zero = -(int64_t)tables->offsets[t], last = tables->starts[t + 1] - tables->starts[t] - 1;
        reach[t] = RNDL_SEEN_NOWHERE;
        if (t >= UNIFORM || zero < 0 || zero + 1 >= last) continue;
        uint32_t held = f[zero] + f[zero + 1], r = 0;
        while (ONE - held > ONE / 128 && r < RNDL_SEEN_REACH && zero > r && zero + r + 2 < last) {
            r++;
            held += f[zero - r] + f[zero + r + 1];
        }
        reach[t] = (uint8_t)r;
    }
}

/* ---- What is known about the values of a sample ---- */

/* A line; without memcpy, which WebAssembly would have to bring along. */
static inline void memory_copy(uint8_t *to, const uint8_t *from) {
    for (int i = 0; i < WINDOW; i++) to[i] = from[i];
}

static inline uint32_t line_key(uint32_t y, uint32_t o, uint32_t block) { return (y << 9 | o) << 3 | block; }

static inline uint32_t hash_of(const rndl_colours *colours, uint32_t key) {
    return (key * 2654435761u) >> (32 - colours->bucket_bits);
}

/* The line of a key in a bucket, or 0. */
#if defined(__GNUC__)
typedef uint32_t words4 __attribute__((vector_size(16), may_alias));
typedef uint64_t pair __attribute__((vector_size(16), may_alias));

static inline uint32_t line_in(const bucket *from, uint32_t key) {
    const words4 *keys = (const words4 *)from->keys, *lines = (const words4 *)from->lines;
    pair found = (pair)(((words4)(keys[0] == key) & lines[0]) | ((words4)(keys[1] == key) & lines[1]));
    uint64_t both = found[0] | found[1];
    return (uint32_t)both | (uint32_t)(both >> 32);
}
#else
static inline uint32_t line_in(const bucket *from, uint32_t key) {
    uint32_t line = 0;
    for (int i = 0; i < 8; i++) line |= from->keys[i] == key ? from->lines[i] : 0;
    return line;
}
#endif

static inline uint32_t find_line(const rndl_colours *colours, uint32_t key) {
    uint32_t mask = (1u << colours->bucket_bits) - 1, line;
    for (uint32_t at = hash_of(colours, key); !(line = line_in(&colours->buckets[at], key + 1)); at = (at + 1) & mask)
        if (!colours->buckets[at].keys[7]) return 0;
    return line;
}

static void add_line(rndl_colours *colours, uint32_t line) {
    uint32_t mask = (1u << colours->bucket_bits) - 1, at = hash_of(colours, colours->keys[line]);
    int i = 0;
    while (colours->buckets[at].keys[i])
        if (++i == 8) i = 0, at = (at + 1) & mask;
    colours->buckets[at].keys[i] = colours->keys[line] + 1;
    colours->buckets[at].lines[i] = line;
}

static uint8_t *make_line(rndl_colours *colours, uint32_t key) {
    uint32_t line = find_line(colours, key);
    if (line) return colours->lines[line];
    line = colours->lines_used++;
    colours->keys[line] = key;
    if (2 * (size_t)line < (size_t)8 << colours->bucket_bits) {
        add_line(colours, line);
        return colours->lines[line];
    }
    colours->bucket_bits++; /* twice as large; all lines find a new place */
    for (size_t at = 0; at < (size_t)1 << colours->bucket_bits; at++)
        for (int i = 0; i < 8; i++) colours->buckets[at].keys[i] = 0;
    for (uint32_t other = 1; other <= line; other++) add_line(colours, other);
    return colours->lines[line];
}

/* Values that a colour of 8-bit RGB can have, given those before it: [*low, *high], possibly empty. */
static inline void possible(int32_t colour, int32_t y, int32_t co, int32_t *low, int32_t *high) {
    if (colour == 0) {
        *low = -128, *high = 127;
    } else if (colour == 1) {
        int32_t dark = 4 * y + 3, light = 4 * (255 - y), most = dark < light ? dark : light;
        *high = most < 255 ? most : 255;
        *low = -*high;
    } else {
        int32_t blue = y - (co >> 1), least = co < 0 ? -co : 0, most = co > 0 ? 255 - co : 255;
        int32_t by_green = -2 * y - 1, by_blue = 2 * (blue - most);
        *low = by_green > by_blue ? by_green : by_blue;
        by_green = 2 * (255 - y), by_blue = 2 * (blue - least) + 1;
        *high = by_green < by_blue ? by_green : by_blue;
        if (*low < -255) *low = -255;
        if (*high > 255) *high = 255;
    }
}

/* Where the counts of a sample's window and the classes to fall back on begin. */
typedef struct {
    const uint8_t *counts, *more, *others;
    int32_t split; /* counts of the window from here on are at `more`; those before end a line */
} sources;

/* What a window is made of: its values are base, base + 1, … */
typedef struct {
    int32_t length;     /* values that are looked at */
    int32_t low, high;  /* those before and from there on are impossible */
} extent;

#if defined(__GNUC__)
typedef uint8_t bytes16 __attribute__((vector_size(16), aligned(1), may_alias));

/* Classes of 16 values from the place-th on; those that are beyond the window get the class BEYOND. Whether any of the
   others is above 0. */
static inline bytes16 classes_of(uint8_t *classes, const uint8_t *counts, const uint8_t *others, extent window, int place) {
    const bytes16 steps = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    bytes16 n = *(const bytes16 *)counts, at = steps + (uint8_t)place;
    bytes16 found = (*(const bytes16 *)others & (bytes16)(n == 0)) | n >> SEEN_BITS;
    bytes16 not = (bytes16)(at < (uint8_t)window.low) | (bytes16)(at >= (uint8_t)window.high);
    bytes16 beyond = (bytes16)(at >= (uint8_t)window.length);
    found = (found & ~not) | (not & (uint8_t)(CLASSES - 1));
    *(bytes16 *)classes = (found & ~beyond) | (beyond & (uint8_t)BEYOND);
    return found & ~beyond;
}

/* Whether 16 classes are all `one`, those beyond a window aside. */
static inline int all_same(const uint8_t *classes, uint8_t one) {
    bytes16 n = *(const bytes16 *)classes, other = (bytes16)(n != one) & (bytes16)(n != BEYOND);
    return !(((pair)other)[0] | ((pair)other)[1]);
}

static inline int is_zero(bytes16 x) {
    return !(((pair)x)[0] | ((pair)x)[1]);
}
#else
typedef uint8_t bytes16;

static inline bytes16 classes_of(uint8_t *classes, const uint8_t *counts, const uint8_t *others, extent window, int place) {
    uint8_t any = 0;
    for (int i = 0; i < 16; i++) {
        uint8_t n = counts[i], found = n ? n >> SEEN_BITS : others[i];
        if (place + i < window.low || place + i >= window.high) found = CLASSES - 1;
        classes[i] = place + i < window.length ? found : BEYOND;
        any |= place + i < window.length ? found : 0;
    }
    return any;
}

static inline int is_zero(bytes16 x) { return !x; }

static inline int all_same(const uint8_t *classes, uint8_t one) {
    for (int i = 0; i < 16; i++)
        if (classes[i] != one && classes[i] != BEYOND) return 0;
    return 1;
}
#endif

/* Classes of a window's values; whether any of them is above 0. */
static inline int classify(uint8_t *classes, const sources *from, extent window) {
    uint8_t both[2 * WINDOW];
    const uint8_t *counts = from->counts;
    if (from->split < window.length) {
        memory_copy(both, from->counts - (WINDOW - from->split));
        memory_copy(both + WINDOW, from->more);
        counts = both + WINDOW - from->split;
    }
    bytes16 any = classes_of(classes, counts, from->others, window, 0);
    for (int32_t i = 16; i < window.length; i += 16)
        any |= classes_of(classes + i, counts + i, from->others + i, window, i);
    return !is_zero(any);
}

/* ---- One sample's distribution ---- */

typedef struct {
    const uint32_t *f, *before; /* the table and its cumulative frequencies */
    int32_t last;               /* its escape */
    int32_t first, length;      /* the window's slots */
    uint8_t classes[WINDOW];
    const uint32_t *w;          /* weights of the classes */
    uint64_t scale;             /* (2^24 - slots) * 2^32 / total */
    uint64_t window, after;     /* weighted mass before the window, and before what follows it */
    int width, context, corrected;
    int same; /* all classes are */
} distribution;

static inline uint32_t begins(const distribution *d, uint64_t weighted, int32_t slot) {
    return (uint32_t)(weighted * d->scale >> 32) + (uint32_t)slot;
}

typedef struct {
    uint32_t w[CONTEXTS][LANES];
    uint64_t expected[CONTEXTS][LANES], found[CONTEXTS][LANES]; /* in 2^-24 samples */
    uint8_t touched[CONTEXTS];
} band_memory;

typedef uint32_t parts[4][LANES];

/* Adds up the mass of each class of a window, in four parts side by side: each addition waits for few others. */
static inline void weigh(distribution *d, parts part) {
    d->same = 1;
    for (int32_t i = 0; i < d->length; i += 16) d->same &= all_same(d->classes + i, d->classes[0]);
    if (d->same) return;
    for (int k = 0; k < LANES; k++) part[0][k] = part[1][k] = part[2][k] = part[3][k] = 0;
    const uint32_t *f = d->f + d->first; /* what lies behind the window goes to BEYOND */
    for (int32_t i = 0; i < d->length; i += 8) {
        part[0][d->classes[i]] += f[i];
        part[1][d->classes[i + 1]] += f[i + 1];
        part[2][d->classes[i + 2]] += f[i + 2];
        part[3][d->classes[i + 3]] += f[i + 3];
        part[0][d->classes[i + 4]] += f[i + 4];
        part[1][d->classes[i + 5]] += f[i + 5];
        part[2][d->classes[i + 6]] += f[i + 6];
        part[3][d->classes[i + 7]] += f[i + 7];
    }
}

/* Mass of each class, that of the values around the window included. */
static inline void sum_up(const distribution *d, parts part, uint32_t *restrict mass) {
    uint32_t inside = d->before[d->first + d->length] - d->before[d->first];
    if (d->same) {
        for (int k = 0; k < LANES; k++) mass[k] = 0;
        mass[d->classes[0]] = inside;
    } else {
        for (int k = 0; k < LANES; k++) mass[k] = part[0][k] + part[1][k] + part[2][k] + part[3][k];
        mass[BEYOND] = 0;
    }
    mass[0] += ONE - inside;
}

static inline int context_of(const uint32_t *mass, int width) {
    uint32_t unseen = mass[0] + ((mass[8] + mass[9] + mass[10] + mass[11]) >> 1) + mass[12];
    return width * 6 + (unseen >= 503316) + (unseen >= 2516582) + (unseen >= 6710886) + (unseen >= 11744051) +
           (unseen >= 15099494);
}

/* Weighted masses, in 2^-18 of a sample each; their sum in 2^-24. */
static inline uint64_t total_of(const uint32_t *restrict mass, const uint32_t *restrict w, uint32_t *restrict weighted) {
    uint64_t total = 0;
    for (int k = 0; k < LANES; k++) {
        uint64_t one = (uint64_t)mass[k] * w[k];
        total += one;
        weighted[k] = (uint32_t)(one >> 6);
    }
    return total;
}

static inline void expect(uint64_t *restrict expected, const uint32_t *restrict weighted, uint32_t scale) {
    for (int k = 0; k < LANES; k++) expected[k] += (uint64_t)weighted[k] * scale >> 26;
}

/* One step after the other for all: sums are read when they have long been written. */
WIDE static void correct(distribution *d, int count, band_memory *band) {
    uint32_t mass[AHEAD][LANES];
    parts part[AHEAD];
    for (int k = 0; k < count; k++)
        if (d[k].corrected) weigh(d + k, part[k]);
    for (int k = 0; k < count; k++)
        if (d[k].corrected) sum_up(d + k, part[k], mass[k]);
    for (int k = 0; k < count; k++, d++) {
        uint32_t weighted[LANES];
        if (!d->corrected) continue;
        d->context = context_of(mass[k], d->width);
        d->w = band->w[d->context];
        uint64_t total = total_of(mass[k], d->w, weighted);
        d->scale = ((uint64_t)(ONE - (uint32_t)d->last - 1) << 32) / total; /* below 2^32, as no weight is below 1 */
        expect(band->expected[d->context], weighted, (uint32_t)d->scale);
        d->window = (uint64_t)d->before[d->first] * d->w[0];
        d->after = total - (uint64_t)(ONE - d->before[d->first + d->length]) * d->w[0];
        band->touched[d->context] = 1;
    }
}

/* Weighted mass before a slot. */
static inline uint64_t mass_before(const distribution *d, int32_t slot) {
    if (slot <= d->first) return (uint64_t)d->before[slot] * d->w[0];
    int32_t end = d->first + d->length;
    if (slot >= end) return d->after + (uint64_t)(d->before[slot] - d->before[end]) * d->w[0];
    uint64_t sum = d->window;
    if (d->same) return sum + (uint64_t)(d->before[slot] - d->before[d->first]) * d->w[d->classes[0]];
    const uint32_t *f = d->f + d->first;
    for (int32_t i = 0; i < slot - d->first; i++) sum += (uint64_t)f[i] * d->w[d->classes[i]];
    return sum;
}

/* The slot's cumulative frequency and frequency. */
static inline void interval(const distribution *d, int32_t slot, uint32_t *start, uint32_t *f) {
    if (!d->corrected) {
        *start = d->before[slot];
        *f = d->f[slot];
        return;
    }
    uint64_t mass = mass_before(d, slot);
    *start = begins(d, mass, slot);
    if (slot == d->last) {
        *f = ONE - *start;
        return;
    }
    int32_t i = slot - d->first;
    mass += (uint64_t)d->f[slot] * d->w[i >= 0 && i < d->length ? d->classes[i] : 0];
    *f = begins(d, mass, slot + 1) - *start;
}

/* The slot that owns quantile q < 2^24, with its interval. */
static inline int32_t slot_of(const distribution *d, uint32_t q, uint32_t *start, uint32_t *f) {
    int32_t low = 0, high = d->last, end = d->first + d->length;
    if (d->corrected) {
        uint32_t window = begins(d, d->window, d->first);
        if (q >= window && q < begins(d, d->after, end)) {
            uint64_t mass = d->window;
            uint32_t at = window, next = at;
            int32_t slot = d->first;
            for (;; slot++) {
                mass += (uint64_t)d->f[slot] * d->w[d->classes[slot - d->first]];
                next = begins(d, mass, slot + 1);
                if (q < next) break;
                at = next;
            }
            *start = at;
            *f = next - at;
            return slot;
        }
        if (q < window) high = d->first - 1;
        else low = end;
    }
    while (low < high) { /* outside of the window, the last slot that begins at q or before */
        int32_t middle = low + (high - low + 1) / 2;
        uint32_t begin = d->corrected ? begins(d, mass_before(d, middle), middle) : d->before[middle];
        if (begin <= q) low = middle;
        else high = middle - 1;
    }
    interval(d, low, start, f);
    return low;
}

static inline void learn_slot(const distribution *d, band_memory *band, int32_t slot) {
    if (!d->corrected) return;
    int32_t i = slot - d->first;
    band->found[d->context][i >= 0 && i < d->length ? d->classes[i] : 0] += ONE;
}

/* ---- Bands and groups ---- */

static void open_band(const rndl_colours *colours, int32_t colour, band_memory *band) {
    for (int context = 0; context < CONTEXTS; context++) {
        for (int k = 0; k < LANES; k++) {
            band->w[context][k] = k < CLASSES ? weight_of(colours->weights[colour][context][k]) : 0;
            band->expected[context][k] = band->found[context][k] = 0;
        }
        band->touched[context] = 0;
    }
}

static void close_band(rndl_colours *colours, int32_t colour, band_memory *band) {
    const uint64_t doubt = (uint64_t)DOUBT << RNDL_PRECISION;
    for (int context = 0; context < CONTEXTS; context++) {
        if (!band->touched[context]) continue;
        for (int k = 0; k < CLASSES; k++) {
            uint64_t expected = band->expected[context][k], found = band->found[context][k];
            if (!expected && !found) continue;
            int32_t *weight = &colours->weights[colour][context][k];
            *weight += log2_of(found + doubt) - log2_of(expected + doubt);
            if (*weight > LIMIT) *weight = LIMIT;
            if (*weight < -LIMIT) *weight = -LIMIT;
            band->w[context][k] = weight_of(*weight);
            band->expected[context][k] = band->found[context][k] = 0;
        }
        band->touched[context] = 0;
    }
}

static inline uint8_t next_count(uint8_t n) { return n < 255 ? n + 1 : n; }

static inline uint8_t class_beside(uint8_t n) { return (uint8_t)(n ? 8 + (n >= 3) + (n >= 9) + (n >= 33) : 0); }

static void count_luma(rndl_colours *colours, const rndl_band *group) {
    for (size_t i = 0; i < group->n; i++) {
        uint8_t *n = &colours->luma[group->values[i] + 256 + MARGIN];
        *n = colours->next[*n];
    }
}

static void count_co(rndl_colours *colours, const rndl_band *group) {
    for (size_t i = 0; i < group->n; i++) {
        int32_t v = group->values[i];
        uint8_t *n = &colours->co[group->luma[i] + 128][v + 256 + MARGIN], *any = &colours->any_co[v + 256];
        *n = colours->next[*n];
        *any = next_count(*any);
        colours->any_co_class[v + 256 + MARGIN] = class_beside(*any);
    }
}

/* Key of the line that counts a pixel. */
static inline uint32_t key_of(const rndl_band *group, size_t i) {
    uint32_t y = (uint32_t)(group->luma[i] + 128), o = (uint32_t)(group->co[i] + 255);
    return line_key(y, o, (uint32_t)(group->values[i] + 256) >> 6);
}

static void count_cg(rndl_colours *colours, const rndl_band *group) {
    colours->room -= group->n;
    for (size_t i = 0; i < group->n; i++) {
        if (i + AHEAD < group->n) FETCH(&colours->buckets[hash_of(colours, key_of(group, i + AHEAD))]);
        if (i + AHEAD / 4 < group->n) FETCH(colours->lines[find_line(colours, key_of(group, i + AHEAD / 4))]);
        uint32_t o = (uint32_t)(group->co[i] + 255), u = (uint32_t)(group->values[i] + 256);
        uint8_t *n = &make_line(colours, key_of(group, i))[u & 63], *any = &colours->cg[o][u];
        *n = colours->next[*n];
        *any = next_count(*any);
        colours->cg_class[o][u + MARGIN] = class_beside(*any);
    }
}

static void count_all(rndl_colours *colours, const rndl_band *group) {
    if (group->colour == 0) count_luma(colours, group);
    else if (group->colour == 1) count_co(colours, group);
    else count_cg(colours, group);
}

static inline int32_t window_base(const rndl_band *band, size_t i, const uint8_t *reach) {
    /* A window further out than the margin holds impossible values only, wherever it is. */
    int32_t base = band->centre[i] - reach[band->index[i]];
    return base < -256 - MARGIN ? -256 - MARGIN : base > 256 ? 256 : base;
}

/* Asks for the memory that samples will need, so that it is there in time. */
static void fetch(const rndl_colours *colours, const rndl_band *band, size_t first, int count, const rndl_tables *tables,
                  const uint8_t *reach) {
    for (int k = 0; k < count; k++) {
        size_t i = first + (size_t)k;
        int32_t t = band->index[i];
        const uint32_t *f = tables->frequencies + tables->starts[t] - tables->offsets[t];
        FETCH(f - 8);
        FETCH(f + 8);
        FETCH(tables->cumulative + (f - tables->frequencies));
        if (band->colour != 2) continue;
        uint32_t y = (uint32_t)(band->luma[i] + 128), o = (uint32_t)(band->co[i] + 255);
        int32_t u = window_base(band, i, reach) + 256;
        for (int32_t part = 0; part < 2; part++) {
            uint32_t key = line_key(y, o, (uint32_t)((u >> 6) + part) & 7);
            FETCH(&colours->buckets[hash_of(colours, key)]);
        }
        FETCH(&colours->cg_class[o][u + MARGIN]);
    }
}

/* Counts of a window of Cg lie in two lines. */
static inline void find_lines(const rndl_colours *colours, const rndl_band *band, size_t i, const uint8_t *reach,
                              const uint8_t **lines) {
    uint32_t y = (uint32_t)(band->luma[i] + 128), o = (uint32_t)(band->co[i] + 255);
    int32_t u = window_base(band, i, reach) + 256, block = u >> 6, last = (u + 2 * reach[band->index[i]] + 1) >> 6;
    lines[0] = colours->lines[block < 0 || block > 7 ? 0 : find_line(colours, line_key(y, o, (uint32_t)block))];
    lines[1] = lines[0];
    if (last != block)
        lines[1] = colours->lines[last < 0 || last > 7 ? 0 : find_line(colours, line_key(y, o, (uint32_t)last))];
    FETCH(lines[0]);
    FETCH(lines[1]);
}

static inline int32_t within(int32_t x) { return x < 0 ? 0 : x > WINDOW ? WINDOW : x; }

/* Table and window of sample i, with the classes of its values. */
static inline void look(const rndl_colours *colours, const rndl_band *band, size_t i, const rndl_tables *tables,
                        const uint8_t *reach, const uint8_t *const *lines, distribution *d) {
    int32_t t = band->index[i], colour = band->colour;
    d->f = tables->frequencies + tables->starts[t];
    d->before = tables->cumulative + tables->starts[t];
    d->last = (int32_t)(tables->starts[t + 1] - tables->starts[t] - 1);
    d->corrected = d->first = d->length = 0;
    if (reach[t] == RNDL_SEEN_NOWHERE) return;
    d->width = (t >= NARROW) + (t >= WIDER);
    d->first = -tables->offsets[t] - reach[t];
    d->length = 2 * reach[t] + 2;
    int32_t y = colour ? band->luma[i] + 128 : 0, co = colour == 2 ? band->co[i] : 0, low, high;
    int32_t base = window_base(band, i, reach), at = base + 256 + MARGIN;
    possible(colour, y, co, &low, &high);
    sources from = {colours->nothing, colours->nothing, colours->nothing, WINDOW};
    if (colour == 0) {
        from.counts = colours->luma + at;
    } else if (colour == 1) {
        from.counts = colours->co[y] + at;
        from.others = colours->any_co_class + at;
    } else {
        int32_t inside = (base + 256) & 63;
        from.counts = lines[0] + inside;
        from.more = lines[1];
        from.split = WINDOW - inside;
        from.others = colours->cg_class[co + 255] + at;
    }
    extent window = {d->length, within(low - base), within(high + 1 - base)};
    d->corrected = classify(d->classes, &from, window);
}

/* The distributions of `count` samples of a band. One step after the other for all of them: so the processor has other
   samples to work on while one waits. */
static void predict(const rndl_colours *colours, band_memory *memory, const rndl_band *band, size_t first, int count,
                    const rndl_tables *tables, const uint8_t *reach, distribution *d) {
    const uint8_t *lines[AHEAD][2];
    fetch(colours, band, first, count, tables, reach);
    if (band->colour == 2)
        for (int k = 0; k < count; k++)
            if (reach[band->index[first + (size_t)k]] != RNDL_SEEN_NOWHERE)
                find_lines(colours, band, first + (size_t)k, reach, lines[k]);
    for (int k = 0; k < count; k++) look(colours, band, first + (size_t)k, tables, reach, lines[k], d + k);
    correct(d, count, memory);
}

/* Whether a band is one that the state has memory for, and its pixels are known to be within their ranges. */
static int fits(const rndl_colours *colours, const rndl_band *band) {
    if (band->colour == 2 && band->n > colours->room) return 0;
    for (size_t i = 0; band->colour > 0 && i < band->n; i++)
        if (band->luma[i] < -128 || band->luma[i] > 127) return 0;
    for (size_t i = 0; band->colour > 1 && i < band->n; i++)
        if (band->co[i] < -255 || band->co[i] > 255) return 0;
    return 1;
}

static int in_range(const rndl_band *band) {
    int32_t low = band->colour ? -255 : -128, high = band->colour ? 255 : 127;
    for (size_t i = 0; i < band->n; i++)
        if (band->values[i] < low || band->values[i] > high) return 0;
    return 1;
}

enum rndl_result rndl_colours_put(rndl_colours *colours, rndl_writer *writer, const rndl_band *band,
                                  const rndl_tables *tables, const uint8_t *reach) {
    if (!fits(colours, band) || !in_range(band)) return RNDL_BEYOND;
    band_memory memory;
    distribution ahead[AHEAD];
    uint64_t *cost = colours->cost[band->colour];
    size_t escapes = 0;
    open_band(colours, band->colour, &memory);
    for (size_t i = 0, count; i < band->n; i += count) {
        count = band->n - i < AHEAD ? band->n - i : AHEAD;
        predict(colours, &memory, band, i, (int)count, tables, reach, ahead);
        for (size_t k = 0; k < count; k++) {
            const distribution *d = ahead + k;
            int32_t value = band->values[i + k];
            int64_t offset = (int64_t)band->centre[i + k] + tables->offsets[band->index[i + k]];
            int64_t slot = value - offset;
            if (slot < 0 || slot >= d->last) {
                band->distances[escapes++] = rndl_distance(value, offset, offset + d->last - 1);
                slot = d->last;
            }
            uint32_t start, f;
            interval(d, (int32_t)slot, &start, &f);
            rndl_encode(writer, start, f);
            learn_slot(d, &memory, (int32_t)slot);
            cost[0] += (uint64_t)(RNDL_PRECISION * UNIT - log2_of(f));
            cost[1] += (uint64_t)(RNDL_PRECISION * UNIT - log2_of(d->f[slot]));
        }
    }
    rndl_put_distances(writer, band->distances, escapes);
    close_band(colours, band->colour, &memory);
    return RNDL_OK;
}

static enum rndl_result take_escapes(rndl_reader *reader, const rndl_band *band, const rndl_tables *tables,
                                     size_t escapes) {
    if (rndl_take_distances(reader, band->distances, escapes)) return RNDL_DAMAGED;
    for (size_t k = 0; k < escapes; k++) {
        size_t at = band->escaped[k];
        int32_t t = band->index[at];
        int64_t first = (int64_t)band->centre[at] + tables->offsets[t];
        int64_t last = first + tables->starts[t + 1] - tables->starts[t] - 2;
        if (rndl_beyond_edge(band->distances[k], first, last, band->values + at)) return RNDL_BEYOND;
    }
    return RNDL_OK;
}

enum rndl_result rndl_colours_take(rndl_colours *colours, rndl_reader *reader, const rndl_band *band,
                                   const rndl_tables *tables, const uint8_t *reach) {
    if (!fits(colours, band)) return RNDL_BEYOND;
    band_memory memory;
    distribution ahead[AHEAD];
    size_t escapes = 0;
    open_band(colours, band->colour, &memory);
    for (size_t i = 0, count; i < band->n; i += count) {
        count = band->n - i < AHEAD ? band->n - i : AHEAD;
        predict(colours, &memory, band, i, (int)count, tables, reach, ahead);
        for (size_t k = 0; k < count; k++) {
            const distribution *d = ahead + k;
            size_t at = i + k;
            uint64_t unit, q = rndl_quantile(reader, &unit);
            if (q >> RNDL_PRECISION) return RNDL_DAMAGED;
            uint32_t start, f;
            int32_t slot = slot_of(d, (uint32_t)q, &start, &f);
            rndl_consume(reader, unit, start, f);
            learn_slot(d, &memory, slot);
            band->values[at] = band->centre[at] + tables->offsets[band->index[at]] + slot;
            if (slot == d->last) band->escaped[escapes++] = (uint32_t)at;
        }
    }
    enum rndl_result result = take_escapes(reader, band, tables, escapes);
    if (result) return result;
    close_band(colours, band->colour, &memory);
    return in_range(band) ? RNDL_OK : RNDL_BEYOND;
}

enum rndl_result rndl_colours_count(rndl_colours *colours, const rndl_band *group) {
    if (!fits(colours, group) || !in_range(group)) return RNDL_BEYOND;
    count_all(colours, group);
    return RNDL_OK;
}
