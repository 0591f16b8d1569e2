/* Neighbours: a tile's own history corrects what the lossless nets say of a sample, from the samples around it.
   docs/format.md, "Neighbours".

   The mean moves by a linear prediction of its error, fitted by least squares to what came before and shrunk by how
   well it has foretold so far. The scale moves by whole steps, learned from which ones would have cost fewer bits. */
#ifndef ROUNDEL_NEIGHBOURS_H
#define ROUNDEL_NEIGHBOURS_H

#include "coder.h"

typedef struct rndl_neighbours rndl_neighbours;

/* What is walked: `pictures` of height x width, without the `halvings` finest levels, in 1 or 3 colours. */
typedef struct {
    size_t pictures, height, width;
    int32_t halvings, colours;
} rndl_space;

/* Bytes of memory, all zero, that the state of a tile needs; 0 where that is too much. */
size_t rndl_neighbours_bytes(const rndl_space *space);

/* Makes a fresh state of such memory, aligned to 64 bytes. */
rndl_neighbours *rndl_neighbours_start(void *memory, const rndl_space *space);

/* The first pixel's samples of a colour, one of each picture; before any group. */
void rndl_neighbours_first(rndl_neighbours *state, int32_t colour, const int32_t *values);

/* Begins a group, its samples in the order that the walk has: the number of them. Phases: 0 d, 1 b, 2 c. The level is
   not below `halvings`. */
size_t rndl_neighbours_open(rndl_neighbours *state, int32_t level, int32_t phase, int32_t colour, int32_t white);

/* Table index and centre of the group's next n samples, from what the nets say of them; RNDL_BEYOND: there are fewer. */
enum rndl_result rndl_neighbours_predict(rndl_neighbours *state, size_t n, const int32_t *mean,
                                         const int32_t *log_scale, const int32_t *tail, int32_t *index,
                                         int32_t *centre);

/* Bits, in 1/256, of each slot of tables, as many as there are frequencies. */
void rndl_neighbours_costs(const rndl_tables *tables, uint16_t *costs);

/* The values of the samples that were predicted last, within the ranges of their colour. `tables` are the mixtures', with
   their costs. */
void rndl_neighbours_learn(rndl_neighbours *state, const int32_t *values, const rndl_tables *tables,
                           const uint16_t *costs);

/* Adds up what those values cost, escapes aside; before they are learned from. */
void rndl_neighbours_measure(rndl_neighbours *state, const int32_t *values, const rndl_tables *tables,
                             const uint16_t *costs);

/* Bits, in 1/256, that the samples measured so far cost with the stage and would have cost without, escapes aside. */
void rndl_neighbours_cost(const rndl_neighbours *state, uint64_t *with_stage, uint64_t *without);

#endif
