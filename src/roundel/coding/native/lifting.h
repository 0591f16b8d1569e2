/* The wavelet in floating point, as encoders need it: forth, back, and the transpose of back. Every operation is rounded
   as written, so that results are those of `codecs.wavelet.analysis` with NumPy. */
#ifndef ROUNDEL_LIFTING_H
#define ROUNDEL_LIFTING_H

#include <stddef.h>

/* Bytes of working memory for levels whose low band is (3, h, w). */
size_t rndl_lifting_bytes(size_t h, size_t w);

/* Pixels (n, 3), less `grey`, times a matrix (3, 3) to colours (3, n). */
void rndl_opponent(const float *pixels, const float *matrix, float grey, float *out, size_t n);

/* x (3, 2h, 2w) to low (3, h, w), times `scale`, and details (h, w, 9). */
void rndl_split(const float *x, float *low, float *details, float scale, size_t h, size_t w, void *scratch);

/* The inverse, of so many planes: low (planes, h, w), divided by `scale` first, and details (h, w, 3 * planes) to x; they
   are 0 where they are NULL. */
void rndl_joined(const float *low, const float *details, float *x, float scale, size_t planes, size_t h, size_t w,
                 void *scratch);

/* Of the transpose of rndl_joined, x to details. */
void rndl_pulled(const float *x, float *details, size_t planes, size_t h, size_t w, void *scratch);

#endif
