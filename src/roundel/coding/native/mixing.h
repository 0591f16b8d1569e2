/* Binary decisions under probabilities that several contexts foretell together: docs/format.md, "Mixed decisions".

   Each context remembers how often decisions went which way in it, coarsely, as a history of one byte; what a history
   means is learned; the histories' opinions, as logarithms of odds, are added with weights that are learned too. All in
   integers. The state is all zero but for what rndl_mixing_start fills in, and belongs to one tile. */
#ifndef ROUNDEL_MIXING_H
#define ROUNDEL_MIXING_H

#include "coder.h"

enum {
    RNDL_MIX_CONTEXTS = 8,
    RNDL_MIX_INPUTS = RNDL_MIX_CONTEXTS + 2, /* the contexts, what the caller foretells, and a constant */
    RNDL_MIX_SETS = 4,                       /* of weights, each chosen by something else; their answers' mean counts */
    RNDL_MIX_KINDS = 4,                      /* of decisions, which share no histories' meanings */
    RNDL_MIX_CHOICES = 1024,                 /* weights of a set */
    RNDL_MIX_LAST = 1024,                    /* contexts of the last correction */
    RNDL_MIX_STEPS = 33,                     /* its steps along the odds */
    RNDL_ODDS_MAX = 4095                     /* logarithms of odds, base 2, in 1/256 */
};

typedef struct {
    int32_t slot_bits;
    uint16_t *slots[RNDL_MIX_CONTEXTS]; /* 2^slot_bits: history, and in the upper byte what tells contexts apart */
    uint32_t meaning[RNDL_MIX_CONTEXTS][RNDL_MIX_KINDS][256]; /* of a history: its probability, see rndl_chance */
    int32_t weights[RNDL_MIX_SETS][RNDL_MIX_CHOICES][RNDL_MIX_INPUTS]; /* 1 is 2^16 */
    uint32_t last[RNDL_MIX_LAST][RNDL_MIX_STEPS];
    int16_t odds[4096];      /* of a probability in 1/4096 */
    uint16_t probability[2 * RNDL_ODDS_MAX + 1]; /* of odds, in 1/65536 */
    uint32_t share[256];     /* how far a probability moves that has seen so many decisions */
    uint8_t next[256][2];    /* a history after a decision */
} rndl_mixing;

/* A decision to be coded. */
typedef struct {
    uint32_t context[RNDL_MIX_CONTEXTS]; /* hashes */
    uint32_t node;                       /* which question is asked in these contexts */
    int32_t kind;
    int32_t given;                       /* odds that the caller foretells; 0 if it knows nothing */
    uint32_t choice[RNDL_MIX_SETS];
    uint32_t last;
} rndl_question;

/* Where decisions go to or come from: one of both is 0. */
typedef struct {
    rndl_writer *to;
    rndl_reader *from;
    int damaged;
} rndl_decisions;

/* So many slots a context suit so many pixels, as a power of two. */
int32_t rndl_mixing_slot_bits(uint64_t pixels);

/* Bytes of memory, all zero, that the state needs. */
size_t rndl_mixing_bytes(int32_t slot_bits);

/* Makes a fresh state of such memory, aligned to 8 bytes. */
rndl_mixing *rndl_mixing_start(void *memory, int32_t slot_bits);

/* Codes one decision, 0 or 1, and learns from it; what it is where decisions are written, not looked at where read. */
int rndl_mix(rndl_mixing *mixing, rndl_decisions *decisions, const rndl_question *question, int decision);

/* A probability that is learned: 22 bits of probability, 10 bits of decisions seen, at most `most` of them counted. */
static inline void rndl_chance(const rndl_mixing *mixing, uint32_t *chance, int decision, uint32_t most) {
    uint32_t seen = *chance & 1023;
    int32_t now = (int32_t)(*chance >> 10), goal = decision ? (1 << 22) - 1 : 0;
    now += (int32_t)((int64_t)(goal - now) * mixing->share[seen] >> 16);
    *chance = (uint32_t)now << 10 | (seen < most ? seen + 1 : seen);
}

#endif
