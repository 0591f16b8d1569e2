#include "mixture.h"

/* Scales from the first on have tables for 16 fractions of a mean, then for 8, 4, 2, 1. */
static const int16_t STEPS[6] = {0, 15, 28, 37, 47, RNDL_SCALES};

void rndl_grid_fill(rndl_grid *grid) {
    int32_t next = 0;
    for (int32_t k = 0; k < 5; k++)
        for (int32_t i = STEPS[k]; i < STEPS[k + 1]; i++) {
            grid->bits[i] = RNDL_MEAN_BITS - k;
            grid->first[i] = next;
            next += RNDL_TAILS << (RNDL_MEAN_BITS - k);
        }
}

void rndl_mixture(const int32_t *mean, const int32_t *log_scale, const int32_t *tail, int32_t *index, int32_t *centre,
                  size_t n) {
    rndl_grid grid;
    rndl_grid_fill(&grid);
    for (size_t at = 0; at < n; at++)
        index[at] = rndl_table_of(&grid, rndl_scale_step(log_scale[at]), rndl_tail_step(tail[at]), mean[at], centre + at);
}
