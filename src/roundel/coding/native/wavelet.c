#include "wavelet.h"

#include <string.h>

#include "wide.h"

enum { ALPHA = 9604, BETA = 868, GAMMA = 1918, DELTA = 7266, LOW_GAIN = 24793, HALF = 1 << 13, FRACTION = 14 };
enum { LUMA = 9459, ORANGE_BLUE = 11585, GREEN_MAGENTA = 6689, GREY = 32 * 255 / 2 };

static inline int32_t times(int32_t x, int32_t constant) { return (x * constant + HALF) >> FRACTION; }

static inline int16_t saturated(int32_t x) { return (int16_t)(x < -32768 ? -32768 : x > 32767 ? 32767 : x); }

static inline uint8_t byte(int32_t x) { return (uint8_t)(x < 0 ? 0 : x > 255 ? 255 : x); }

/* ---- The inverse wavelet ---- */

size_t rndl_merge_scratch(size_t h, size_t w) { return 2 * 2 * h * w * sizeof(int16_t) + 8 * w * sizeof(int32_t); }

/* Halves (h, w) along columns to rows (2h, w). A row of `low` is scaled first where `gain` is set. */
WIDEST static void columns(const int16_t *low, const int16_t *high, int16_t *out, size_t h, size_t w, int gain, int32_t *rows) {
    int32_t *even0[2] = {rows, rows + w}, *odd0[2] = {rows + 2 * w, rows + 3 * w}, *even1[2] = {rows + 4 * w, rows + 5 * w};
    for (size_t i = 0; i < h + 2; i++) {
        int32_t *e = even0[i & 1];
        if (i < h) {
            const int16_t *l = low + i * w, *now = high + i * w, *before = i ? now - w : now;
            for (size_t x = 0; x < w; x++) {
                int32_t value = gain ? times(l[x], LOW_GAIN) : l[x];
                e[x] = value - times((int32_t)now[x] + before[x], DELTA);
            }
        }
        if (i >= 1 && i <= h) { /* odd0 and even1 of row i - 1 */
            const int32_t *here = even0[(i - 1) & 1], *after = i < h ? e : here;
            const int16_t *own = high + (i - 1) * w;
            int32_t *o = odd0[(i - 1) & 1], *t = even1[(i - 1) & 1];
            const int32_t *before = i > 1 ? odd0[i & 1] : o;
            int16_t *to = out + 2 * (i - 1) * w;
            for (size_t x = 0; x < w; x++) {
                int32_t around = here[x] + after[x];
                o[x] = own[x] - around + times(around, GAMMA);
            }
            for (size_t x = 0; x < w; x++) {
                t[x] = here[x] + times(o[x] + before[x], BETA);
                to[x] = saturated(t[x]);
            }
        }
        if (i >= 2) { /* odd1 of row i - 2 */
            const int32_t *here = even1[i & 1], *after = i - 1 < h ? even1[(i - 1) & 1] : here, *o = odd0[i & 1];
            int16_t *to = out + (2 * (i - 2) + 1) * w;
            for (size_t x = 0; x < w; x++) {
                int32_t around = here[x] + after[x];
                to[x] = saturated(o[x] + around + times(around, ALPHA));
            }
        }
    }
}

/* Halves (w) of one row to a row (2w). */
WIDEST static void row(const int16_t *low, const int16_t *high, int16_t *out, size_t w, int32_t *even, int32_t *odd) {
    even[0] = low[0] - times(2 * (int32_t)high[0], DELTA);
    for (size_t x = 1; x < w; x++) even[x] = low[x] - times((int32_t)high[x] + high[x - 1], DELTA);
    for (size_t x = 0; x + 1 < w; x++) {
        int32_t around = even[x] + even[x + 1];
        odd[x] = high[x] - around + times(around, GAMMA);
    }
    int32_t around = 2 * even[w - 1];
    odd[w - 1] = high[w - 1] - around + times(around, GAMMA);
    even[0] += times(2 * odd[0], BETA);
    for (size_t x = 1; x < w; x++) even[x] += times(odd[x] + odd[x - 1], BETA);
    for (size_t x = 0; x + 1 < w; x++) {
        int32_t both = even[x] + even[x + 1];
        odd[x] += both + times(both, ALPHA);
    }
    around = 2 * even[w - 1];
    odd[w - 1] += around + times(around, ALPHA);
    for (size_t x = 0; x < w; x++) {
        out[2 * x] = saturated(even[x]);
        out[2 * x + 1] = saturated(odd[x]);
    }
}

void rndl_merge(const int16_t *low, const int16_t *details, int16_t *out, size_t h, size_t w, void *scratch) {
    size_t n = h * w;
    int32_t *rows = scratch;
    int16_t *left = (int16_t *)(rows + 8 * w), *right = left + 2 * n;
    for (size_t plane = 0; plane < 3; plane++) {
        const int16_t *bands = details + 3 * n * plane;
        columns(low + n * plane, bands + n, left, h, w, 1, rows);
        columns(bands, bands + 2 * n, right, h, w, 0, rows);
        for (size_t y = 0; y < 2 * h; y++)
            row(left + y * w, right + y * w, out + (plane * 2 * h + y) * 2 * w, w, rows, rows + w);
    }
}

/* ---- Pixels ---- */

enum { BLOCK = 256 }; /* pixels at a time */

/* Colours that are opposites to red, green and blue, a block after the other. */
WIDEST static void opposites(const int16_t *restrict luma, const int16_t *restrict orange, const int16_t *restrict green,
                           int16_t *restrict rgb, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int32_t l = luma[i] * LUMA, o = orange[i] * ORANGE_BLUE, g = green[i] * GREEN_MAGENTA;
        rgb[i] = saturated((l + o - g + HALF) >> FRACTION);
        rgb[BLOCK + i] = saturated((l + 2 * g + HALF) >> FRACTION);
        rgb[2 * BLOCK + i] = saturated((l - o - g + HALF) >> FRACTION);
    }
}

WIDEST static void in_turn(const int16_t *restrict rgb, int16_t *restrict samples, size_t n) {
    for (size_t i = 0; i < n; i++) {
        samples[3 * i] = rgb[i];
        samples[3 * i + 1] = rgb[BLOCK + i];
        samples[3 * i + 2] = rgb[2 * BLOCK + i];
    }
}

WIDEST static void whole(const int16_t *restrict samples, uint8_t *restrict pixels, size_t n) {
    for (size_t i = 0; i < n; i++) pixels[i] = byte((samples[i] + GREY + 16) >> 5);
}

void rndl_rgb(const int16_t *opponent, int16_t *samples, uint8_t *pixels, size_t n) {
    int16_t rgb[3 * BLOCK];
    for (size_t i = 0; i < n; i += BLOCK) {
        size_t own = n - i < BLOCK ? n - i : BLOCK;
        opposites(opponent + i, opponent + n + i, opponent + 2 * n + i, rgb, own);
        in_turn(rgb, samples + 3 * i, own);
        whole(samples + 3 * i, pixels + 3 * i, 3 * own);
    }
}

WIDEST void rndl_repair(const int16_t *samples, const uint8_t *corrections, int32_t gain, uint8_t *pixels, size_t n) {
    for (size_t i = 0; i < n; i++)
        pixels[i] = byte(((samples[i] + GREY) * 128 + (corrections[i] - 128) * gain + (1 << 11)) >> 12);
}

/* ---- Arrangement ---- */

enum { CHUNK = 16 }; /* cells at a time */

WIDEST static void scaled(const int16_t *restrict from, const int32_t *restrict by, int16_t *restrict to, size_t n) {
    for (size_t i = 0; i < n; i++) to[i] = saturated((from[i] * by[i] + 128) >> 8);
}

void rndl_fold(const int16_t *symbols, const int32_t *multipliers, int16_t *out, size_t h, size_t w, size_t c, size_t s) {
    size_t cells = (h / s) * (w / s), across = w / s, run = s * c;
    int32_t by[RNDL_CELL_ROW];
    int16_t own[CHUNK][RNDL_CELL_ROW];
    for (size_t i = 0; i < run; i++) by[i] = multipliers[i % c];
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < across; x += CHUNK) {
            size_t n = across - x < CHUNK ? across - x : CHUNK;
            int16_t *to = out + y % s * s * cells + y / s * across + x;
            for (size_t i = 0; i < n; i++) scaled(symbols + (y * w + (x + i) * s) * c, by, own[i], run);
            for (size_t j = 0; j < s; j++)
                for (size_t k = 0; k < c; k++) {
                    int16_t *at = to + (k * s * s + j) * cells;
                    for (size_t i = 0; i < n; i++) at[i] = own[i][j * c + k];
                }
        }
}

void rndl_unfold(const int16_t *cells, int16_t *out, size_t h, size_t w, size_t c, size_t s) {
    for (size_t k = 0; k < c; k++)
        for (size_t y = 0; y < h * s; y++)
            for (size_t j = 0; j < s; j++) {
                const int16_t *from = cells + (((k * s + y % s) * s + j) * h + y / s) * w;
                int16_t *to = out + (k * h * s + y) * w * s + j;
                for (size_t x = 0; x < w; x++) to[x * s] = from[x];
            }
}

void rndl_cells(const uint8_t *from, uint8_t *to, size_t h, size_t w, int back) {
    enum { SIDE = 4, RUN = 3 * SIDE };
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w / SIDE; x++) {
            size_t pixel = (y * w + x * SIDE) * 3, cell = ((y / SIDE * (w / SIDE) + x) * SIDE + y % SIDE) * RUN;
            memcpy(to + (back ? pixel : cell), from + (back ? cell : pixel), RUN);
        }
}

/* ---- Contexts ---- */

void rndl_signed(const int16_t *values, const uint8_t *table, uint8_t *out, size_t n, size_t c, size_t stride, size_t wide) {
    uint8_t positive[511] = {0}, negative[511] = {0};
    for (int size = 1; size < 256; size++) {
        positive[255 + size] = table[size];
        negative[255 - size] = table[size];
    }
    memset(out, 0, n * wide);
    for (size_t i = 0; i < n; i++, values += stride, out += wide)
        for (size_t k = 0; k < c; k++) {
            int32_t v = values[k];
            if (!v) continue;
            v = v < -255 ? 0 : v > 255 ? 510 : v + 255;
            out[k] = positive[v];
            out[c + k] = negative[v];
        }
}

size_t rndl_places(const uint8_t *said, size_t h, size_t w, size_t c, int fields, const int32_t *table, int32_t *index,
                   uint8_t *turned) {
    size_t n = 0, step = fields == 2 ? 1 : 2;
    for (size_t y = 0; y < h; y++)
        for (size_t x = fields == 2 ? 0 : (y + (size_t)fields) & 1; x < w; x += step) {
            const uint8_t *at = said + (y * w + x) * 2 * c;
            for (size_t k = 0; k < c; k++, n++) {
                uint8_t scale = at[k] > 63 ? 63 : at[k], skew = at[c + k] > 6 ? 6 : at[c + k];
                index[n] = table[scale * 7 + skew];
                turned[n] = skew < 3;
            }
        }
    return n;
}
