#include "squares.h"

#include <string.h>

#define RESIDUAL_MAX 127
#define RESIDUAL_ZERO 128
#define MEAN_BITS 4 /* means come in sixteenths */
#define MOST_BYTES ((size_t)1 << 40)

/* Residuals lie with a margin of one: pairs of luma and Co, then Cg. */
static size_t stride_of(const rndl_squares *squares) { return squares->width + 2; }

static size_t places(const rndl_squares *squares) { return squares->pictures * (squares->height + 2) * stride_of(squares); }

size_t rndl_squares_bytes(const rndl_squares *squares) {
    const size_t limit = MOST_BYTES;
    size_t area = (squares->height + 2) * (squares->width + 2);
    if (squares->height >= limit || squares->width >= limit || squares->pictures >= limit) return 0;
    if (squares->height + 2 > limit / (squares->width + 2) || squares->pictures > limit / area) return 0;
    return 3 * places(squares);
}

void rndl_squares_start(const rndl_squares *squares) {
    size_t bytes = 3 * places(squares);
    for (size_t i = 0; i < bytes; i++) squares->residuals[i] = RESIDUAL_ZERO;
}

size_t rndl_squares_count(const rndl_squares *squares, int white) {
    return squares->pictures * ((squares->height * squares->width + !white) / 2);
}

/* A row of squares: where it begins, in the grid of features, in the plane of samples and in the residuals. */
typedef struct {
    size_t count, feature, sample, residual;
} line;

static inline line line_of(const rndl_squares *squares, int white, size_t picture, size_t y) {
    size_t first = (y + (size_t)white) & 1;
    return (line){(squares->width + 1 - first) / 2, (picture * squares->grid_height + y) * squares->grid_width + first,
                  (picture * squares->height + y) * squares->width + first,
                  (picture * (squares->height + 2) + y + 1) * stride_of(squares) + 1 + first};
}

/* Rows of one length, each a copy of every second position's features and then zeros; with lengths that the compiler
   knows, whole registers. */
static inline void fill(uint8_t *rows, const uint8_t *from, size_t count, size_t features, size_t row_bytes) {
    for (size_t x = 0; x < count; x++, from += 2 * features, rows += row_bytes) {
        memcpy(rows, from, features);
        memset(rows + features, 0, row_bytes - features);
    }
}

void rndl_squares_rows(const rndl_squares *squares, int white, const uint8_t *features, uint8_t *rows) {
    size_t n = squares->features;
    for (size_t picture = 0; picture < squares->pictures; picture++)
        for (size_t y = 0; y < squares->height; y++) {
            line at = line_of(squares, white, picture, y);
            const uint8_t *from = features + at.feature * n;
            if (n == 64 && squares->row_bytes == 96) fill(rows, from, at.count, 64, 96);
            else if (n == 32 && squares->row_bytes == 64) fill(rows, from, at.count, 32, 64);
            else fill(rows, from, at.count, n, squares->row_bytes);
            rows += at.count * squares->row_bytes;
        }
}

void rndl_squares_around(const rndl_squares *squares, int group, uint8_t *rows) {
    if (group == 0) return; /* nothing was found yet */
    size_t stride = stride_of(squares);
    const uint8_t *pairs = squares->residuals, *cg = pairs + 2 * places(squares);
    rows += squares->features;
    for (size_t picture = 0; picture < squares->pictures; picture++)
        for (size_t y = 0; y < squares->height; y++) {
            line at = line_of(squares, group & 1, picture, y);
            for (size_t x = 0; x < at.count; x++, rows += squares->row_bytes) {
                size_t own = at.residual + 2 * x;
                for (size_t dy = 0; dy < 3; dy++) memcpy(rows + 6 * dy, pairs + 2 * (own + dy * stride - stride - 1), 6);
                if (group < RNDL_GROUPS - 1) continue;
                rows[18] = cg[own - stride], rows[19] = cg[own - 1], rows[20] = cg[own + 1], rows[21] = cg[own + stride];
            }
        }
}

void rndl_squares_means(const rndl_squares *squares, int group, const int32_t *linear, int32_t *mean) {
    for (size_t picture = 0; picture < squares->pictures; picture++)
        for (size_t y = 0; y < squares->height; y++) {
            line at = line_of(squares, group & 1, picture, y);
            for (size_t x = 0; x < at.count; x++) *mean++ += linear[at.feature + 2 * x];
        }
}

void rndl_squares_put(const rndl_squares *squares, int group, const int32_t *mean, const int32_t *values, int16_t *plane) {
    int colour = group >> 1;
    size_t apart = colour < 2 ? 2 : 1;
    uint8_t *to = squares->residuals + (colour < 2 ? (size_t)colour : 2 * places(squares));
    for (size_t picture = 0; picture < squares->pictures; picture++)
        for (size_t y = 0; y < squares->height; y++) {
            line at = line_of(squares, group & 1, picture, y);
            for (size_t x = 0; x < at.count; x++) {
                int32_t value = *values++, error = value - ((*mean++ + (1 << MEAN_BITS >> 1)) >> MEAN_BITS);
                error = error < -RESIDUAL_MAX ? -RESIDUAL_MAX : error > RESIDUAL_MAX ? RESIDUAL_MAX : error;
                to[(at.residual + 2 * x) * apart] = (uint8_t)(error + RESIDUAL_ZERO);
                plane[at.sample + 2 * x] = (int16_t)value;
            }
        }
}
