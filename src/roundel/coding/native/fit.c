#include "fit.h"

#include "wide.h"

#define INPUTS RNDL_FIT_INPUTS
#define WEIGHT_MOST 8191
#define RIDGE 327680.0
#define DOUBT 32768 /* of the trust in a fit */

void rndl_packing_fill(rndl_packing packing) {
    for (int choice = 0; choice < 256; choice++) {
        int count = 0;
        for (int i = 0; i < 16; i++) packing[choice][i] = 0;
        for (int i = 0; i < 8; i++)
            if (choice >> i & 1) {
                packing[choice][2 * count] = (uint8_t)(2 * i);
                packing[choice][2 * count++ + 1] = (uint8_t)(2 * i + 1);
            }
    }
}

/* Puts 8 numbers: the chosen ones, and then any. */
#if defined(__GNUC__) && !defined(__clang__)
typedef uint8_t bytes16 __attribute__((vector_size(16), aligned(1), may_alias));

static inline void pack(int16_t *to, const int16_t *from, const uint8_t *order) {
    *(bytes16 *)to = __builtin_shuffle(*(const bytes16 *)from, *(const bytes16 *)order);
}
#else
static inline void pack(int16_t *to, const int16_t *from, const uint8_t *order) {
    for (int i = 0; i < 8; i++) to[i] = from[order[2 * i] / 2];
}
#endif

/* Sums of products of a row with four others. */
static inline void four_sums(const int16_t *y, const int16_t *x, size_t apart, size_t n, int32_t *sums) {
    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (size_t from = 0; from < n; from += RNDL_FIT_STEP) /* the inner loop becomes vectors without a rest */
        for (size_t k = from; k < from + RNDL_FIT_STEP; k++) {
            s0 += y[k] * x[k];
            s1 += y[k] * x[k + apart];
            s2 += y[k] * x[k + 2 * apart];
            s3 += y[k] * x[k + 3 * apart];
        }
    sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
}

/* Adds the products of n samples, a multiple of RNDL_FIT_STEP. */
static inline void add_products(rndl_fit *fit, int inputs, const int16_t *rows, size_t apart, size_t n) {
    int32_t sums[RNDL_FIT_ROWS];
    for (int i = 0; i <= inputs; i++) {
        int last = i < inputs ? i : inputs - 1;
        for (int j = 0; j <= last; j += 4)
            four_sums(rows + (size_t)i * apart, rows + (size_t)j * apart, apart, n, sums + j);
        for (int j = 0; j <= last; j++) fit->products[i][j] += sums[j];
    }
    four_sums(rows + (size_t)(inputs + 1) * apart, rows + (size_t)(inputs - 2) * apart, apart, n, sums);
    fit->agreement += sums[2];
    fit->size += sums[3];
}

WIDE static size_t add_block(rndl_fit *fit, int inputs, const int16_t *rows, size_t apart, const uint8_t *classes,
                             int chosen, size_t n, rndl_packing packing) {
    enum { GROUPS = RNDL_FIT_BLOCK / 8, APART = RNDL_FIT_BLOCK + RNDL_FIT_STEP };
    uint8_t choice[GROUPS];
    uint16_t to[GROUPS];
    int16_t packed[RNDL_FIT_ROWS][APART];
    size_t count = 0, groups = (n + 7) / 8;
    for (size_t g = 0; g < groups; g++) {
        int bits = 0, found = 0;
        for (size_t i = 0; i < 8; i++) {
            int is = 8 * g + i < n && classes[8 * g + i] == chosen;
            bits |= is << i, found += is;
        }
        choice[g] = (uint8_t)bits, to[g] = (uint16_t)count;
        count += (size_t)found;
    }
    if (!count) return 0;
    if (count == n && n % RNDL_FIT_STEP == 0) {
        add_products(fit, inputs, rows, apart, n);
        return count;
    }
    size_t whole = (count + RNDL_FIT_STEP - 1) & ~(size_t)(RNDL_FIT_STEP - 1);
    for (int i = 0; i < RNDL_FIT_ROWS; i++) {
        for (size_t g = 0; g < groups; g++) pack(packed[i] + to[g], rows + (size_t)i * apart + 8 * g, packing[choice[g]]);
        for (size_t k = count; k < whole; k++) packed[i][k] = 0;
    }
    add_products(fit, inputs, packed[0], APART, whole);
    return count;
}

size_t rndl_fit_add(rndl_fit *fit, int inputs, const int16_t *rows, size_t apart, const uint8_t *classes, int chosen,
                    size_t n, rndl_packing packing) {
    size_t count = 0;
    for (size_t from = 0; from < n; from += RNDL_FIT_BLOCK) {
        size_t length = n - from < RNDL_FIT_BLOCK ? n - from : RNDL_FIT_BLOCK;
        count += add_block(fit, inputs, rows + from, apart, classes + from, chosen, length, packing);
    }
    return count;
}

/* By L D L^T, a column at a time, so that the numbers of a row are independent of each other. `a` has the upper triangle
   and becomes the rows of m and, divided, of l. */
WIDE static void solve(rndl_fit *fit, int n, double a[INPUTS][INPUTS]) {
    double l[INPUTS][INPUTS], d[INPUTS], y[INPUTS];
    for (int i = 0; i < n; i++) y[i] = (double)fit->products[n][i];
    for (int k = 0; k < n; k++) {
        const double *m = a[k];
        d[k] = m[k] > 1.0 ? m[k] : 1.0;
        for (int i = k + 1; i < n; i++) l[k][i] = m[i] / d[k];
        for (int i = k + 1; i < n; i++) {
            double by = l[k][i], *v = a[i];
            for (int j = i; j < n; j++) v[j] -= m[j] * by;
        }
        for (int i = k + 1; i < n; i++) y[i] -= l[k][i] * y[k];
    }
    for (int i = n - 1; i >= 0; i--) {
        double v = y[i] / d[i];
        for (int k = i + 1; k < n; k++) v -= l[i][k] * y[k];
        y[i] = v;
        double w = v * (1 << RNDL_WEIGHT_BITS) + 0.5;
        w = w < -WEIGHT_MOST ? -WEIGHT_MOST : w > WEIGHT_MOST ? WEIGHT_MOST : w;
        fit->weights[i] = (int32_t)(w + (WEIGHT_MOST + 1)) - (WEIGHT_MOST + 1); /* rounded down */
    }
}

void rndl_fit_renew(rndl_fit *fit, int inputs) {
    double a[INPUTS][INPUTS];
    for (int i = 0; i < inputs; i++) {
        for (int j = 0; j < i; j++) a[j][i] = (double)fit->products[i][j];
        a[i][i] = (double)fit->products[i][i] + RIDGE;
    }
    solve(fit, inputs, a);
    int64_t trust = fit->agreement <= 0 ? 0 : (fit->agreement << RNDL_TRUST_BITS) / (fit->size + DOUBT);
    fit->trust = (int32_t)(trust > 1 << RNDL_TRUST_BITS ? 1 << RNDL_TRUST_BITS : trust);
    fit->agreement -= fit->agreement >> 3;
    fit->size -= fit->size >> 3;
    for (int i = 0; i <= inputs; i++)
        for (int j = 0; j < inputs; j++) fit->products[i][j] -= fit->products[i][j] >> 2;
}

void rndl_fit_inherit(rndl_fit *fit) {
    for (int i = 0; i <= INPUTS; i++)
        for (int j = 0; j < INPUTS; j++) fit->products[i][j] >>= 3;
}
