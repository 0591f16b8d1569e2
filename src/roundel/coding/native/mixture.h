/* From what a lossless net says of a sample to its table: docs/format.md, "Table index". */
#ifndef ROUNDEL_MIXTURE_H
#define ROUNDEL_MIXTURE_H

#include <stddef.h>
#include <stdint.h>

enum {
    RNDL_SCALES = 58,
    RNDL_TAILS = 8,
    RNDL_MEAN_BITS = 4,
    RNDL_LOWEST_SCALE = -192, /* in 1/64, as all logarithms and logits */
    RNDL_LOWEST_TAIL = -320
};

/* Scale's place 0 .. 57 on the grid. */
static inline int32_t rndl_scale_step(int32_t log_scale) {
    int32_t i = (log_scale - RNDL_LOWEST_SCALE + 4) >> 3;
    return i < 0 ? 0 : i >= RNDL_SCALES ? RNDL_SCALES - 1 : i;
}

/* Table and centre of n samples; the symbol to code is the sample less the centre. */
void rndl_mixture(const int32_t *mean, const int32_t *log_scale, const int32_t *tail, int32_t *index, int32_t *centre,
                  size_t n);

#endif
