/* A lossless tile, or a group of pictures, that learns from itself: its groups of samples are coded in bands, between
   which what is learned changes. docs/format.md, "Seen colours", "Neighbours". */
#ifndef ROUNDEL_CELL_H
#define ROUNDEL_CELL_H

#include "colours.h"
#include "neighbours.h"

/* Tables, and what the stages know of each. */
typedef struct {
    rndl_tables tables;
    const uint8_t *reach;  /* rndl_colours_reach */
    const uint16_t *costs; /* rndl_neighbours_costs */
} rndl_learner;

/* A group of the walk: its samples, what the nets say of them, and the colours before, at the same positions. */
typedef struct {
    int32_t level, phase, colour, white;
    size_t n;
    int32_t *values;
    const int32_t *mean, *log_scale, *tail;
    const int32_t *luma, *co;
} rndl_group;

enum { RNDL_NEIGHBOURS = 8 }; /* flag: neighbours correct what the nets say; bit c: seen colours correct colour c */

typedef struct {
    int32_t flags;
    rndl_colours *colours;       /* where the flags ask for them */
    rndl_neighbours *neighbours;
} rndl_cell;

/* Bytes of memory, all zero, aligned to 64 bytes; 0 where the space is too large. */
size_t rndl_cell_bytes(int32_t flags, const rndl_space *space);

rndl_cell rndl_cell_start(int32_t flags, const rndl_space *space, void *memory);

/* The first pixel's samples of a colour, one of each picture, within their range. */
void rndl_cell_first(const rndl_cell *cell, int32_t colour, const int32_t *values);

/* Bytes of working memory, aligned to 8 bytes, for a group of n samples. */
size_t rndl_cell_scratch_bytes(size_t n, int32_t tables);

/* Tables and centres of a group whose values are known, as neighbours place it. RNDL_BEYOND: not the group's number. */
enum rndl_result rndl_cell_place(const rndl_cell *cell, const rndl_group *group, const rndl_learner *by, int32_t *index,
                                 int32_t *centre);

/* Writes a group with these tables and centres: at most RNDL_BYTES_PER_SYMBOL a sample. */
enum rndl_result rndl_cell_put(const rndl_cell *cell, rndl_writer *writer, const rndl_group *group, const int32_t *index,
                               const int32_t *centre, const rndl_learner *by, void *scratch);

/* Reads the values of a group. */
enum rndl_result rndl_cell_take(const rndl_cell *cell, rndl_reader *reader, const rndl_group *group,
                                const rndl_learner *by, void *scratch);

#endif
