/* The squares of a checkerboard over a phase of the lossless walk: rows of bytes for the heads of the nets, and what
   becomes of their answers. docs/format.md, "Lossless models".

   Groups are numbered 0 .. 5: luma, Co, Cg, of each the black squares, then the white. Pictures lie one after the other,
   squares of a kind by rows. */
#ifndef ROUNDEL_SQUARES_H
#define ROUNDEL_SQUARES_H

#include <stddef.h>
#include <stdint.h>

enum {
    RNDL_GROUPS = 6,
    RNDL_TAPS = 9,                          /* residuals of luma and Co come from the 3 x 3 around a square */
    RNDL_RESIDUALS = 2 * RNDL_TAPS + 4      /* those of Cg from four sides */
};

typedef struct {
    size_t pictures, height, width;   /* of the phase */
    size_t grid_height, grid_width;   /* of the features: phase a may have a row and a column more */
    size_t features, row_bytes;       /* bytes of a position; of a row, which has room for RNDL_RESIDUALS more */
    uint8_t *residuals;               /* rndl_squares_bytes */
} rndl_squares;

/* Bytes of the residuals of a phase; 0 where that is too much. */
size_t rndl_squares_bytes(const rndl_squares *squares);

/* Nothing is coded yet. */
void rndl_squares_start(const rndl_squares *squares);

/* Squares of a kind in all pictures. */
size_t rndl_squares_count(const rndl_squares *squares, int white);

/* Rows of the black squares, or of the white: features (pictures, grid_height, grid_width, features), then zeros. */
void rndl_squares_rows(const rndl_squares *squares, int white, const uint8_t *features, uint8_t *rows);

/* Writes into a group's rows what was found around its squares. */
void rndl_squares_around(const rndl_squares *squares, int group, uint8_t *rows);

/* Adds linear means (pictures, grid_height, grid_width) of the group's colour to what its head says. */
void rndl_squares_means(const rndl_squares *squares, int group, const int32_t *linear, int32_t *mean);

/* The values of a group, for which these means were foretold: into the plane of its colour, (pictures, height, width),
   and among the residuals. */
void rndl_squares_put(const rndl_squares *squares, int group, const int32_t *mean, const int32_t *values, int16_t *plane);

#endif
