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

/* Puts 8 numbers of each row: the chosen ones, and then any. */
#if defined(__GNUC__) && !defined(__clang__)
typedef uint8_t bytes16 __attribute__((vector_size(16), aligned(1), may_alias));

static inline void pack_rows(int16_t *to, size_t to_apart, const int16_t *from, size_t apart, const uint8_t *order) {
    bytes16 by = *(const bytes16 *)order;
    for (int i = 0; i < RNDL_FIT_ROWS; i++, to += to_apart, from += apart)
        *(bytes16 *)to = __builtin_shuffle(*(const bytes16 *)from, by);
}
#else
static inline void pack_rows(int16_t *to, size_t to_apart, const int16_t *from, size_t apart, const uint8_t *order) {
    for (int row = 0; row < RNDL_FIT_ROWS; row++, to += to_apart, from += apart)
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

/* Eights of samples of which some are chosen: which they are, and where the first of them goes. */
typedef struct {
    uint32_t from[RNDL_FIT_BLOCK];
    uint16_t to[RNDL_FIT_BLOCK];
    uint8_t choice[RNDL_FIT_BLOCK];
    int eights;
    size_t count;
} block;

/* The next block of chosen samples, from `from` on; where the search for more goes on. */
static inline size_t next_block(block *found, const uint8_t *classes, int chosen, size_t from, size_t n) {
    found->eights = 0, found->count = 0;
    for (; from < n && found->count + 8 <= RNDL_FIT_BLOCK; from += 8) {
        unsigned bits = 0, some = 0;
        for (size_t i = 0; i < 8; i++) {
            unsigned is = from + i < n && classes[from + i] == chosen;
            bits |= is << i, some += is;
        }
        found->from[found->eights] = (uint32_t)from;
        found->to[found->eights] = (uint16_t)found->count;
        found->choice[found->eights] = (uint8_t)bits;
        found->eights += some > 0;
        found->count += some;
    }
    return from;
}

WIDE size_t rndl_fit_add(rndl_fit *fit, int inputs, const int16_t *rows, size_t apart, const uint8_t *classes, int chosen,
                         size_t n, rndl_packing packing) {
    enum { APART = RNDL_FIT_BLOCK + RNDL_FIT_STEP };
    int16_t packed[RNDL_FIT_ROWS][APART];
    block found;
    size_t count = 0;
    for (size_t from = 0, begin = 0; from < n; begin = from) {
        from = next_block(&found, classes, chosen, from, n);
        count += found.count;
        if (found.count == from - begin && found.count % RNDL_FIT_STEP == 0) { /* all there are */
            add_products(fit, inputs, rows + begin, apart, found.count);
            continue;
        }
        size_t whole = (found.count + RNDL_FIT_STEP - 1) & ~(size_t)(RNDL_FIT_STEP - 1);
        for (int g = 0; g < found.eights; g++)
            pack_rows(packed[0] + found.to[g], APART, rows + found.from[g], apart, packing[found.choice[g]]);
        for (int i = 0; i < RNDL_FIT_ROWS; i++)
            for (size_t k = found.count; k < whole; k++) packed[i][k] = 0;
        if (whole) add_products(fit, inputs, packed[0], APART, whole);
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
