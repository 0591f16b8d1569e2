/* Pictures of few colours: a palette, and the index of each pixel's colour. docs/format.md, "Indices". */
#ifndef ROUNDEL_INDICES_H
#define ROUNDEL_INDICES_H

#include "mixing.h"

enum {
    RNDL_COLOURS_MAX = 1 << 16,
    RNDL_INDICES_ROOM = 256 /* bytes that a writer has beyond its limit */
};

typedef struct {
    size_t height, width;
    int32_t colours;  /* 1 .. 65536 */
    uint8_t *palette; /* R, G, B of each, in rising order; room for 65536 where it is read */
    uint16_t *index;  /* height * width, all below `colours` */
} rndl_picture;

/* Bytes of memory, all zero and aligned to 8 bytes, that coding needs. */
size_t rndl_indices_bytes(size_t height, size_t width);

/* Writes a picture; 0, and something unfinished, if that takes more than `limit` bytes or an index names no colour. The writer has room for so many
   and RNDL_INDICES_ROOM. */
int rndl_indices_put(rndl_writer *writer, const rndl_picture *picture, size_t limit, void *memory);

/* Reads one: height and width are set, and there is room for the rest. */
enum rndl_result rndl_indices_take(rndl_reader *reader, rndl_picture *picture, void *memory);

#endif
