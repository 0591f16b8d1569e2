/* A group of a level's wavelet coefficients, decided by an encoder: which are coded at all, how far scale indices are
   moved, and the values of least squared error + worth * bits. What details.h says of groups holds here. */
#ifndef ROUNDEL_DECIDE_H
#define ROUNDEL_DECIDE_H

#include "dependent.h"
#include "details.h"

enum { RNDL_SHIFT = 15, RNDL_SHIFTS = 2 * RNDL_SHIFT + 1, RNDL_SHIFT_REACH = 40 };

/* What to code, and what bits are worth. */
typedef struct {
    const float *y;    /* (h, w, 9): coefficients in steps */
    const float *map;  /* (h, w) factors of `worth`, or NULL */
    float worth;       /* squared error that a bit is worth */
    const float *bits; /* of every slot of the tables */
} rndl_wanted;

/* How a group's scale indices are moved. */
typedef struct {
    const int32_t *moved; /* (RNDL_SHIFTS, count): what each of the first quantiser's tables becomes, 0 staying 0 */
    const double *bits;   /* (2, count, 2 * RNDL_SHIFT_REACH + 1): of symbols, in the tables of both quantisers */
    const double *own;    /* (RNDL_SHIFTS): of the shifts themselves */
    int32_t count;        /* tables of scale indices and skews */
    size_t sample, block; /* how many values the shift is found by at least, in blocks of so many */
    double least;         /* a shift has to save more than this part of the bits */
} rndl_moves;

/* What becomes of a group: lists, as long as it has places, of the n values that the stream holds, in their order. */
typedef struct {
    int32_t *values; /* as they are coded: signs turned */
    int32_t *table;  /* moved */
    uint8_t *odd;    /* 1 where the second quantiser is on */
    uint8_t *held;   /* of every place: 1 where the stream holds it */
    int32_t *flags;  /* of runs of RNDL_RUN places, and one more */
    size_t n, runs;
    int32_t shift;
} rndl_decided;

/* Fills the flags: runs that are worth to be coded; sets n and runs. */
void rndl_live(const uint8_t *said, const rndl_group *group, const rndl_wanted *wanted, const rndl_tables *tables,
               rndl_decided *decided);

/* Bytes of working memory. */
size_t rndl_decide_details_bytes(size_t n, const rndl_moves *moves, int32_t tables);

/* After rndl_live: decides the values and takes them into the level. */
enum rndl_result rndl_decide_details(const uint8_t *said, const rndl_group *group, const rndl_wanted *wanted,
                                     const rndl_tables *tables, const rndl_moves *moves, const rndl_level *level,
                                     rndl_decided *decided, void *scratch);

#endif
