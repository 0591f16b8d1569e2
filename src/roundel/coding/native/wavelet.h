/* The lossy model's integer arithmetic besides its nets: docs/format.md, "Pixels". */
#ifndef ROUNDEL_WAVELET_H
#define ROUNDEL_WAVELET_H

#include <stddef.h>
#include <stdint.h>

/* One level of the inverse wavelet: low (3, h, w) and details (9, h, w) to out (3, 2h, 2w).
   `scratch` has rndl_merge_scratch(h, w) bytes. */
size_t rndl_merge_scratch(size_t h, size_t w);
void rndl_merge(const int16_t *low, const int16_t *details, int16_t *out, size_t h, size_t w, void *scratch);

/* Opponent colours (3, n) to samples (n, 3) relative to middle grey and pixels (n, 3). */
void rndl_rgb(const int16_t *opponent, int16_t *samples, uint8_t *pixels, size_t n);

/* Samples (n) plus corrections times gain, to pixels. */
void rndl_repair(const int16_t *samples, const uint8_t *corrections, int32_t gain, uint8_t *pixels, size_t n);

enum { RNDL_CELL_ROW = 16 * 9 }; /* the most of s * c below */

/* Symbols (h, w, c) times multipliers to coefficients (c, s, s, h/s, w/s): cells of s x s come apart. */
void rndl_fold(const int16_t *symbols, const int32_t *multipliers, int16_t *out, size_t h, size_t w, size_t c, size_t s);

/* The inverse arrangement: (c, s, s, h, w) to (c, h*s, w*s). */
void rndl_unfold(const int16_t *cells, int16_t *out, size_t h, size_t w, size_t c, size_t s);

/* Pixels (h, w, 3), sides multiples of 4, to cells (h/4, w/4, 4, 4, 3) of 4 x 4, or back. */
void rndl_cells(const uint8_t *from, uint8_t *to, size_t h, size_t w, int back);

/* c of `stride` integers (n, stride) to (n, wide): magnitudes of positive ones, then of negative ones, then zeros.
   `table` has 256 entries. */
void rndl_signed(const int16_t *values, const uint8_t *table, uint8_t *out, size_t n, size_t c, size_t stride, size_t wide);

/* What a head says of the fields (h, w, 2c) of a colour (0 white, 1 black, 2 all), in their order: the coder's table of
   each place and whether its sign is turned. Gives the number of places, n <= h*w*c. `table` is (64, 7). */
size_t rndl_places(const uint8_t *said, size_t h, size_t w, size_t c, int fields, const int32_t *table, int32_t *index,
                   uint8_t *turned);

#endif
