/* Seen colours: a tile's own history corrects the probabilities of the lossless nets. docs/format.md, "Seen colours".

   Most pictures were something else before they became RGB (JPEG, PhotoCD, a palette, a stretched histogram), and only
   a part of all colours can occur in them. Counts of the colours seen so far divide the values that a sample may have
   into classes; each class has a weight, learned from the tile too, that multiplies the probability of its values. */
#ifndef ROUNDEL_COLOURS_H
#define ROUNDEL_COLOURS_H

#include "coder.h"

enum {
    RNDL_SEEN_CLASSES = 13,  /* 0 never seen, 1-7 seen 1 .. 49 times or more, 8-11 seen beside others, 12 impossible */
    RNDL_SEEN_CONTEXTS = 18, /* three widths of the distribution times six amounts of what it holds unseen */
    RNDL_SEEN_REACH = 31,    /* values on each side of the centre that are looked up, at most */
    RNDL_SEEN_NOWHERE = 255  /* reach of a table that the stage leaves as it is */
};

typedef struct rndl_colours rndl_colours;

/* Bytes of memory, all zero, that the state of a tile (or of a group of pictures) of so many pixels needs. */
size_t rndl_colours_bytes(size_t pixels);

/* Makes a fresh state of such memory, aligned to 64 bytes. */
rndl_colours *rndl_colours_start(void *memory, size_t pixels);

/* How far the stage looks on both sides of the centre, for each table; the last two tables get RNDL_SEEN_NOWHERE. */
void rndl_colours_reach(const rndl_tables *tables, uint8_t *reach);

/* Samples of one group, a band of it or all, and what is known about them. */
typedef struct {
    int32_t colour; /* 0 Y, 1 Co, 2 Cg */
    size_t n;
    int32_t *values;             /* Y less 128 */
    const int32_t *index;        /* checked: each names a table */
    const int32_t *centre;
    const int32_t *luma, *co;    /* of the same pixels; what comes after the band's own colour is not looked at */
    uint64_t *distances;         /* n of working memory */
    uint32_t *escaped;           /* n of working memory */
} rndl_band;

/* Writes a band: at most RNDL_BYTES_PER_SYMBOL a sample. Values outside their colour's range: RNDL_BEYOND, before. */
enum rndl_result rndl_colours_put(rndl_colours *colours, rndl_writer *writer, const rndl_band *band,
                                  const rndl_tables *tables, const uint8_t *reach);

/* Reads the values of a band that rndl_colours_put wrote. */
enum rndl_result rndl_colours_take(rndl_colours *colours, rndl_reader *reader, const rndl_band *band,
                                   const rndl_tables *tables, const uint8_t *reach);

/* Counts the colours of a group, once all of its bands are coded: of a band only colour, n, values, luma and co. */
enum rndl_result rndl_colours_count(rndl_colours *colours, const rndl_band *group);

/* What was put so far of a colour cost with the stage and would have cost without it, in 1/256 of a bit, escapes aside. */
void rndl_colours_cost(const rndl_colours *colours, int32_t colour, uint64_t *with_stage, uint64_t *without);

#endif
