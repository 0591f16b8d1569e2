#include "mixture.h"

/* Scales from the first on have tables for 16 fractions of a mean, then for 8, 4, 2, 1. */
static const int16_t STEPS[6] = {0, 15, 28, 37, 47, RNDL_SCALES};

void rndl_mixture(const int32_t *mean, const int32_t *log_scale, const int32_t *tail, int32_t *index, int32_t *centre,
                  size_t n) {
    int32_t first[RNDL_SCALES], bits[RNDL_SCALES], next = 0;
    for (int32_t k = 0; k < 5; k++)
        for (int32_t i = STEPS[k]; i < STEPS[k + 1]; i++) {
            bits[i] = 4 - k;
            first[i] = next;
            next += RNDL_TAILS << (4 - k);
        }
    for (size_t at = 0; at < n; at++) {
        int32_t i = rndl_scale_step(log_scale[at]), j = (tail[at] - RNDL_LOWEST_TAIL + 32) >> 6;
        j = j < 0 ? 0 : j >= RNDL_TAILS ? RNDL_TAILS - 1 : j;
        int32_t k = bits[i], drop = RNDL_MEAN_BITS - k;
        int32_t nearest = (mean[at] + ((1 << drop) >> 1)) >> drop;
        centre[at] = nearest >> k;
        index[at] = first[i] + (j << k) + (nearest - (centre[at] << k));
    }
}
