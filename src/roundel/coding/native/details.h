/* A group of a level's wavelet coefficients, read at once: docs/format.md, "Details". */
#ifndef ROUNDEL_DETAILS_H
#define ROUNDEL_DETAILS_H

#include "coder.h"

enum { RNDL_DETAILS = 9, RNDL_LUMA_BANDS = 3, RNDL_LUMA_SEEN = 8, RNDL_SEEN = 20, RNDL_INDICES = 64, RNDL_SKEWS = 7,
       RNDL_RUN = 32 /* places of table 0 share a flag */ };

/* Where a group stands in its level, and how it is coded. */
typedef struct {
    size_t h, w;           /* of the level */
    size_t first, channels; /* of the level's nine */
    int fields;            /* of a chessboard: 0 white, 1 black, 2 all */
    int32_t flags, second; /* the table of its flags; how much further on those of the second quantiser are */
    const int32_t *table;  /* (64, 7): of scale index and skew; below `second` */
    const int32_t *limits; /* of each channel, the largest |value| */
    const uint8_t *magnitudes; /* of sizes 0 .. 255, what nets see */
} rndl_group;

/* What is known of a level; all 0 in the beginning. */
typedef struct {
    int16_t *values; /* (h, w, 9) */
    uint8_t *luma;   /* (h, w, 8): signed magnitudes of luma */
    uint8_t *known;  /* (h, w, 20): of all */
} rndl_level;

/* Takes a value within 16 bits in; at: in the level's values. */
static inline void rndl_level_put(const rndl_level *level, size_t at, int32_t value, const uint8_t *magnitudes) {
    size_t pixel = at / RNDL_DETAILS, channel = at % RNDL_DETAILS, size = (size_t)(value < 0 ? -value : value);
    uint8_t seen = magnitudes[size > 255 ? 255 : size];
    if (!size) return;
    level->values[at] = (int16_t)value;
    level->known[pixel * RNDL_SEEN + channel + (value < 0 ? RNDL_DETAILS : 0)] = seen;
    if (channel < RNDL_LUMA_BANDS)
        level->luma[pixel * RNDL_LUMA_SEEN + channel + (value < 0 ? RNDL_LUMA_BANDS : 0)] = seen;
}

/* Places of a group, at most h*w*9. */
size_t rndl_group_places(const rndl_group *group);

/* Bytes of working memory. */
size_t rndl_details_bytes(size_t places, int32_t tables);

/* Reads a group into its level. said: (h, w, 2*channels), scale indices first. `beyond` is set where a value exceeds its
   limit: the file is damaged. */
enum rndl_result rndl_take_details(rndl_reader *reader, const uint8_t *said, const rndl_group *group,
                                   const rndl_tables *tables, const rndl_level *level, int *beyond, void *scratch);

#endif
