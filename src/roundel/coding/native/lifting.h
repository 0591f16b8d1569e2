/* The wavelet in floating point, as encoders need it: forth, back, and the transpose of back. Every operation is rounded
   as written, so that results are those of `codecs.wavelet.analysis` with NumPy. */
#ifndef ROUNDEL_LIFTING_H
#define ROUNDEL_LIFTING_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of working memory for levels whose low band is (3, h, w). */
size_t rndl_lifting_bytes(size_t h, size_t w);

/* Pixels (n, 3), less `grey`, times a matrix (3, 3) to colours (3, n). */
void rndl_opponent(const float *pixels, const float *matrix, float grey, float *out, size_t n);

/* x (3, 2h, 2w) to low (3, h, w), times `scale`, and details (h, w, 9), times `factors` (9). */
void rndl_split(const float *x, const float *factors, float *low, float *details, float scale, size_t h, size_t w,
                void *scratch);

/* What errors of a level's coefficients are in the picture. Errors are values less y, both (h, w, 9), times `factors`
   (9), of the first 3 * planes channels; of the white fields of the chessboard alone where `white`; none where values
   are NULL. low (planes, h, w), divided by `scale` first, to x (planes, 2h, 2w). */
void rndl_joined(const float *low, const int16_t *values, const float *y, const float *factors, float *x, float scale,
                 size_t planes, int white, size_t h, size_t w, void *scratch);

/* The transpose, but for the borders: y (h, w, 9) less what it makes of x (planes, 2h, 2w), times `factors`
   (3 * planes), to the first 3 * planes channels of `to` (h, w, 9). */
void rndl_pulled(const float *x, const float *factors, const float *y, float *to, size_t planes, size_t h, size_t w,
                 void *scratch);

#endif
