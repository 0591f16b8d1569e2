/* From what a lossless net says of a sample to its table: docs/format.md, "Table index". */
#ifndef ROUNDEL_MIXTURE_H
#define ROUNDEL_MIXTURE_H

#include <stddef.h>
#include <stdint.h>

enum {
    RNDL_SCALES = 58,
    RNDL_TAILS = 8,
    RNDL_MIXTURES = 3288, /* tables of the grid */
    RNDL_MEAN_BITS = 4,
    RNDL_LOWEST_SCALE = -192, /* in 1/64, as all logarithms and logits */
    RNDL_LOWEST_TAIL = -320
};

/* Where each scale's tables begin, and log2 of the fractions of a mean that it has tables for. */
typedef struct {
    int32_t first[RNDL_SCALES], bits[RNDL_SCALES];
} rndl_grid;

void rndl_grid_fill(rndl_grid *grid);

/* Scale's place 0 .. 57 on the grid. */
static inline int32_t rndl_scale_step(int32_t log_scale) {
    int32_t i = (log_scale - RNDL_LOWEST_SCALE + 4) >> 3;
    return i < 0 ? 0 : i >= RNDL_SCALES ? RNDL_SCALES - 1 : i;
}

/* Tail's place 0 .. 7 on the grid. */
static inline int32_t rndl_tail_step(int32_t tail) {
    int32_t j = (tail - RNDL_LOWEST_TAIL + 32) >> 6;
    return j < 0 ? 0 : j >= RNDL_TAILS ? RNDL_TAILS - 1 : j;
}

/* Table and centre of a place on the grid with this mean. */
static inline int32_t rndl_table_of(const rndl_grid *grid, int32_t scale, int32_t tail, int32_t mean, int32_t *centre) {
    int32_t k = grid->bits[scale], drop = RNDL_MEAN_BITS - k;
    int32_t nearest = (mean + ((1 << drop) >> 1)) >> drop;
    *centre = nearest >> k;
    return grid->first[scale] + (tail << k) + (nearest - (*centre << k));
}

/* Table and centre of n samples; the symbol to code is the sample less the centre. */
void rndl_mixture(const int32_t *mean, const int32_t *log_scale, const int32_t *tail, int32_t *index, int32_t *centre,
                  size_t n);

#endif
