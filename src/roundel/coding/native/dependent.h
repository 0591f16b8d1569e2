/* Dependent quantisation: two quantisers that take turns, as the parities of the symbols before say (docs/format.md,
   "Dependent lists"). The first has the even values, 2k for a symbol k; the second 0 and the odd ones, 2k - sign(k).
   Each is twice as coarse as their union, in which an encoder finds a path that is near to what it codes: 1.1 dB
   at high rates. Pure C11, no library, no allocation.

   Source: trellis-coded quantisation (Marcellin & Fischer 1990) as in VVC (Schwarz et al. 2019), with eight states. */
#ifndef ROUNDEL_DEPENDENT_H
#define ROUNDEL_DEPENDENT_H

#include "coder.h"

enum { RNDL_STATES = 8 }; /* the odd ones have the second quantiser; a list begins in state 0 */

/* The state after an even and after an odd symbol. Escapes count as even: their values are read after the list. */
#define RNDL_NEXT {{0, 2}, {5, 7}, {1, 3}, {6, 4}, {2, 0}, {4, 6}, {3, 1}, {7, 5}}

/* Like rndl_put, for values of whichever quantiser is on: sorted by table, their symbols are coded one after the other,
   under the table that the index names or, in the second quantiser, the one `second` further on. RNDL_DAMAGED: a value
   is none of its quantiser. Nothing is written on failure. */
enum rndl_result rndl_put_dependent(rndl_writer *writer, const int32_t *values, const int32_t *index, size_t n,
                                    int32_t second, const rndl_tables *tables, void *scratch);

/* The next n values that rndl_put_dependent appended with the same indices. */
enum rndl_result rndl_take_dependent(rndl_reader *reader, int32_t *values, const int32_t *index, size_t n,
                                     int32_t second, const rndl_tables *tables, void *scratch);

/* What an encoder chooses by. */
typedef struct {
    const float *bits;  /* of every slot of the tables */
    const float *worth; /* squared error that a bit is worth; one for each `channels` values in turn */
    size_t channels;
} rndl_prices;

/* Bytes of working memory that rndl_decide needs. */
size_t rndl_decide_bytes(size_t n, int32_t tables);

/* The values of least squared error + worth * bits (trellis.c), which rndl_put_dependent takes with the same indices.

   y: n coefficients, |y| < 2^24; values are within 2 of them, or 0. turned: 1 where y is coded with the other sign.
   odd: filled with 1 where the second quantiser is on. */
enum rndl_result rndl_decide(const float *y, const uint8_t *turned, const int32_t *index, size_t n, int32_t second,
                             const rndl_tables *tables, const rndl_prices *prices, int32_t *values, uint8_t *odd,
                             void *scratch);

#endif
