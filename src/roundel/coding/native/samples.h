/* Samples of up to 16 bits: a least-squares prediction, and its error under mixed decisions. docs/format.md, "Samples". */
#ifndef ROUNDEL_SAMPLES_H
#define ROUNDEL_SAMPLES_H

#include "mixing.h"

enum {
    RNDL_SAMPLES_ROOM = 256 /* bytes that a writer has beyond its limit */
};

typedef struct {
    size_t height, width;
    int32_t colours;   /* 1 or 3 */
    uint16_t *samples; /* (height, width, colours) */
} rndl_square;

/* Bytes of memory, all zero and aligned to 8 bytes, that coding needs. */
size_t rndl_samples_bytes(const rndl_square *square);

/* Writes samples; 0, and something unfinished, if that takes more than `limit` bytes. The writer has room for so many and
   RNDL_SAMPLES_ROOM. */
int rndl_samples_put(rndl_writer *writer, const rndl_square *square, size_t limit, void *memory);

/* Reads them: all but the samples is set. */
enum rndl_result rndl_samples_take(rndl_reader *reader, rndl_square *square, void *memory);

#endif
