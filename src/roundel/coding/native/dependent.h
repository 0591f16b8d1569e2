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
static const uint8_t RNDL_NEXT[RNDL_STATES][2] = {{0, 2}, {5, 7}, {1, 3}, {6, 4}, {2, 0}, {4, 6}, {3, 1}, {7, 5}};

/* The value of a symbol, in the second quantiser where `odd`. */
static inline int64_t rndl_value_of(int64_t symbol, int odd) {
    return 2 * symbol - (odd ? (symbol > 0) - (symbol < 0) : 0);
}

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

/* ---- inline parts: reading a run of one index ---- */

/* The tables that take turns, of the first and of the second quantiser. */
typedef struct {
    const uint32_t *frequencies[2], *cumulative[2], *lookup[2];
    uint32_t last[2]; /* slot of escapes */
    int64_t first[2]; /* symbol of slot 0 */
} rndl_turns;

static inline rndl_turns rndl_turns_of(const rndl_tables *tables, int32_t own, int32_t second) {
    rndl_turns turns;
    for (int odd = 0; odd < 2; odd++) {
        int32_t t = own + (odd ? second : 0);
        int64_t begin = tables->starts[t];
        turns.frequencies[odd] = tables->frequencies + begin;
        turns.cumulative[odd] = tables->cumulative + begin;
        turns.lookup[odd] = tables->lookup + (size_t)t * RNDL_LOOKUP;
        turns.last[odd] = (uint32_t)(tables->starts[t + 1] - begin - 1);
        turns.first[odd] = tables->offsets[t];
    }
    return turns;
}

enum rndl_read { RNDL_VALUE, RNDL_ESCAPE, RNDL_NOTHING /* the stream is damaged */ };

/* The next value, unless it escaped; the state is stepped. */
static inline enum rndl_read rndl_take_turn(rndl_reader *reader, const rndl_turns *turns, int *state, int64_t *value) {
    int odd = *state & 1;
    uint64_t unit, q = rndl_quantile(reader, &unit);
    if (q >> RNDL_PRECISION) return RNDL_NOTHING;
    uint32_t slot = rndl_slot(turns->cumulative[odd], turns->lookup[odd], (uint32_t)q);
    rndl_consume(reader, unit, turns->cumulative[odd][slot], turns->frequencies[odd][slot]);
    if (slot == turns->last[odd]) {
        *state = RNDL_NEXT[*state][0];
        return RNDL_ESCAPE;
    }
    int64_t symbol = turns->first[odd] + (int64_t)slot;
    *state = RNDL_NEXT[*state][symbol & 1];
    *value = rndl_value_of(symbol, odd);
    return RNDL_VALUE;
}

/* The value at distance e beyond the edge of table t, which is one of the second quantiser where `odd`. */
static inline enum rndl_result rndl_value_beyond(const rndl_tables *tables, int32_t t, int odd, uint64_t e, int64_t *value) {
    int64_t first = tables->offsets[t], slots = tables->starts[t + 1] - tables->starts[t];
    int32_t symbol;
    enum rndl_result result = rndl_beyond_edge(e, first, first + slots - 2, &symbol);
    if (!result) *value = rndl_value_of(symbol, odd);
    return result;
}

#endif
