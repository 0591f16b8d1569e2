/* Linear predictions by least squares, in whole numbers but for the solution: docs/format.md, "Neighbours". */
#ifndef ROUNDEL_FIT_H
#define ROUNDEL_FIT_H

#include <stddef.h>
#include <stdint.h>

enum {
    RNDL_FIT_INPUTS = 25, /* at most; at least 4 */
    RNDL_FIT_ROWS = 28,   /* rows of samples that are read: inputs, what came, what was foretold; others may be anything */
    RNDL_FIT_BLOCK = 256, /* samples that are added at once, at most: sums of 32 bits would hold twice as many */
    RNDL_FIT_STEP = 32,   /* rows are read in whole steps */
    RNDL_WEIGHT_BITS = 12,
    RNDL_TRUST_BITS = 8
};

/* For each choice of 8 samples, the bytes of the chosen ones. */
typedef uint8_t rndl_packing[256][16];

typedef struct {
    int64_t products[RNDL_FIT_INPUTS + 1][RNDL_FIT_INPUTS]; /* lower triangle; the row after the inputs: with what came */
    int64_t agreement, size; /* of what was foretold with what came, and with itself */
    int32_t weights[RNDL_FIT_INPUTS], trust;
} rndl_fit;

void rndl_packing_fill(rndl_packing packing);

/* Adds the products of those of n samples whose class is `chosen`; their number. Row i of `rows`, `apart` numbers from the
   next, has input i of each sample; then come what came, and what was foretold; all within 11 bits and a sign. */
size_t rndl_fit_add(rndl_fit *fit, int inputs, const int16_t *rows, size_t apart, const uint8_t *classes, int chosen,
                    size_t n, rndl_packing packing);

/* New weights and trust, from sums that then fade. */
void rndl_fit_renew(rndl_fit *fit, int inputs);

/* Makes a copied fit one that begins with what the other has learned, worth an eighth. */
void rndl_fit_inherit(rndl_fit *fit);

#endif
