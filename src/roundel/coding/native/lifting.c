#include "lifting.h"

#include "wide.h"

/* Lifting steps of the CDF 9/7 wavelet (Daubechies & Sweldens 1998, table 2). */
static const float ALPHA = -1.586134342059924f, BETA = -0.052980118572961f, GAMMA = 0.882911075530934f,
                   DELTA = 0.443506852043971f;

enum { COLOURS = 3, BANDS = 3, DETAILS = COLOURS * BANDS };

/* to[i] += c * (from[i] + its neighbour), mirrored at the end: n rows of m numbers, `apart` from one to the next. */
WIDEST static void step_rows(float *to, const float *from, int ahead, float c, size_t n, size_t m, size_t apart) {
    for (size_t i = 0; i < n; i++) {
        size_t other = ahead ? (i + 1 < n ? i + 1 : i) : (i ? i - 1 : i);
        const float *a = from + i * apart, *b = from + other * apart;
        float *t = to + i * apart;
        for (size_t k = 0; k < m; k++) t[k] += c * (a[k] + b[k]);
    }
}

/* The same along one row. */
WIDEST static void step_row(float *restrict to, const float *restrict from, int ahead, float c, size_t n) {
    if (ahead) {
        for (size_t i = 0; i + 1 < n; i++) to[i] += c * (from[i] + from[i + 1]);
        to[n - 1] += c * (from[n - 1] + from[n - 1]);
    } else {
        to[0] += c * (from[0] + from[0]);
        for (size_t i = 1; i < n; i++) to[i] += c * (from[i] + from[i - 1]);
    }
}

/* The steps of a transform: which half is changed (1 the odd one), by its neighbours ahead or behind, times what. */
typedef struct {
    int odd, ahead;
    float c;
} lifting;

static const lifting FORTH[4] = {{1, 1, ALPHA}, {0, 0, BETA}, {1, 1, GAMMA}, {0, 0, DELTA}};
static const lifting BACK[4] = {{0, 0, -DELTA}, {1, 1, -GAMMA}, {0, 0, -BETA}, {1, 1, -ALPHA}};
static const lifting PULL[4] = {{0, 0, -ALPHA}, {1, 1, -BETA}, {0, 0, -GAMMA}, {1, 1, -DELTA}};

/* Even and odd rows take turns in x: n of each, of m numbers. */
static void lift_rows(const lifting *by, float *x, size_t n, size_t m) {
    for (int k = 0; k < 4; k++)
        step_rows(x + (by[k].odd ? m : 0), x + (by[k].odd ? 0 : m), by[k].ahead, by[k].c, n, m, 2 * m);
}

static void lift_row(const lifting *by, float *even, float *odd, size_t n) {
    for (int k = 0; k < 4; k++) step_row(by[k].odd ? odd : even, by[k].odd ? even : odd, by[k].ahead, by[k].c, n);
}

size_t rndl_lifting_bytes(size_t h, size_t w) { return (4 * h * w + 2 * w) * sizeof(float); }

/* A plane (2h, 2w) into its even and odd columns, each (2h, w), lifted along both axes. */
static void apart(const lifting *by, const float *x, float *left, float *right, size_t h, size_t w) {
    for (size_t y = 0; y < 2 * h; y++) {
        const float *from = x + y * 2 * w;
        float *l = left + y * w, *r = right + y * w;
        for (size_t i = 0; i < w; i++) l[i] = from[2 * i], r[i] = from[2 * i + 1];
        lift_row(by, l, r, w);
    }
    lift_rows(by, left, h, w);
    lift_rows(by, right, h, w);
}

void rndl_split(const float *x, const float *factors, float *low, float *details, float scale, size_t h, size_t w,
                void *scratch) {
    float *left = scratch, *right = left + 2 * h * w;
    for (size_t plane = 0; plane < COLOURS; plane++) {
        const float *by = factors + BANDS * plane;
        apart(FORTH, x + plane * 4 * h * w, left, right, h, w);
        for (size_t y = 0; y < h; y++) {
            const float *horizontal = right + 2 * y * w, *vertical = left + (2 * y + 1) * w, *diagonal = horizontal + w;
            float *to = details + y * w * DETAILS + BANDS * plane;
            for (size_t i = 0; i < w; i++) low[(plane * h + y) * w + i] = left[2 * y * w + i] * scale;
            for (size_t i = 0; i < w; i++, to += DETAILS)
                to[0] = horizontal[i] * by[0], to[1] = vertical[i] * by[1], to[2] = diagonal[i] * by[2];
        }
    }
}

void rndl_pulled(const float *x, const float *factors, const float *y, float *to, size_t planes, size_t h, size_t w,
                 void *scratch) {
    float *left = scratch, *right = left + 2 * h * w;
    for (size_t plane = 0; plane < planes; plane++) {
        const float *by = factors + BANDS * plane;
        apart(PULL, x + plane * 4 * h * w, left, right, h, w);
        for (size_t row = 0; row < h; row++) {
            const float *horizontal = right + 2 * row * w, *vertical = left + (2 * row + 1) * w,
                        *diagonal = horizontal + w;
            size_t at = row * w * DETAILS + BANDS * plane;
            for (size_t i = 0; i < w; i++, at += DETAILS) {
                to[at] = y[at] - horizontal[i] * by[0];
                to[at + 1] = y[at + 1] - vertical[i] * by[1];
                to[at + 2] = y[at + 2] - diagonal[i] * by[2];
            }
        }
    }
}

/* A row of errors of three bands, from the first in steps of `step` places; the others are 0. */
static void errors_of(const int16_t *values, const float *y, const float *by, float *horizontal, float *vertical,
                      float *diagonal, size_t first, size_t step, size_t w) {
    if (step > 1)
        for (size_t i = 0; i < w; i++) horizontal[i] = vertical[i] = diagonal[i] = 0;
    for (size_t i = first; i < w; i += step) {
        const int16_t *v = values + i * DETAILS;
        const float *own = y + i * DETAILS;
        horizontal[i] = ((float)v[0] - own[0]) * by[0];
        vertical[i] = ((float)v[1] - own[1]) * by[1];
        diagonal[i] = ((float)v[2] - own[2]) * by[2];
    }
}

void rndl_joined(const float *low, const int16_t *values, const float *y, const float *factors, float *x, float scale,
                 size_t planes, int white, size_t h, size_t w, void *scratch) {
    float *left = scratch, *right = left + 2 * h * w, *even = right + 2 * h * w, *odd = even + w;
    for (size_t plane = 0; plane < planes; plane++) {
        for (size_t row = 0; row < h; row++) {
            const float *l = low + (plane * h + row) * w;
            float *horizontal = right + 2 * row * w, *vertical = left + (2 * row + 1) * w;
            for (size_t i = 0; i < w; i++) left[2 * row * w + i] = l[i] / scale;
            if (values) {
                size_t at = row * w * DETAILS + BANDS * plane;
                errors_of(values + at, y + at, factors + BANDS * plane, horizontal, vertical, horizontal + w,
                          white ? row % 2 : 0, white ? 2 : 1, w);
            } else
                for (size_t i = 0; i < w; i++) vertical[i] = 0;
        }
        lift_rows(BACK, left, h, w);
        if (values) lift_rows(BACK, right, h, w);
        for (size_t row = 0; row < 2 * h; row++) {
            float *to = x + (plane * 2 * h + row) * 2 * w;
            for (size_t i = 0; i < w; i++) even[i] = left[row * w + i], odd[i] = values ? right[row * w + i] : 0;
            lift_row(BACK, even, odd, w);
            for (size_t i = 0; i < w; i++) to[2 * i] = even[i], to[2 * i + 1] = odd[i];
        }
    }
}

WIDEST void rndl_opponent(const float *pixels, const float *m, float grey, float *out, size_t n) {
    for (size_t i = 0; i < n; i++) {
        float r = pixels[3 * i] - grey, g = pixels[3 * i + 1] - grey, b = pixels[3 * i + 2] - grey;
        for (int c = 0; c < COLOURS; c++) out[c * n + i] = r * m[3 * c] + g * m[3 * c + 1] + b * m[3 * c + 2];
    }
}
