#include "mixing.h"

#include "logs.h"

enum {
    SLOT_BITS_MIN = 12,
    SLOT_BITS_MAX = 18,
    COUNT_MAX = 15,       /* of a history, each way */
    SEEN_MAX = 255,       /* decisions that a history's meaning counts */
    LAST_SEEN_MAX = 127,
    RATE = 3,
    WEIGHT_MAX = 1 << 20,
    WEIGHT = 9830,        /* at first, 0.15 */
    WEIGHT_GIVEN = 21845, /* of what the caller foretells */
    STEP = 256            /* of the last correction, in odds */
};

int32_t rndl_mixing_slot_bits(uint64_t pixels) {
    int32_t bits = SLOT_BITS_MIN;
    while (bits < SLOT_BITS_MAX && (uint64_t)1 << bits < pixels / 4) bits++;
    return bits;
}

size_t rndl_mixing_bytes(int32_t slot_bits) {
    return sizeof(rndl_mixing) + (RNDL_MIX_CONTEXTS * sizeof(uint16_t) << slot_bits);
}

/* A history counts decisions of both kinds up to 15; the other kind's count falls to about half. */
static uint8_t after(int history, int decision) {
    int count[2] = {history >> 4, history & 15};
    int *same = &count[decision], *other = &count[!decision];
    if (*same < COUNT_MAX) ++*same;
    if (*other > 2) *other = *other / 2 + 1 + (*other > 9);
    return (uint8_t)(count[0] << 4 | count[1]);
}

rndl_mixing *rndl_mixing_start(void *memory, int32_t slot_bits) {
    rndl_mixing *m = memory;
    uint16_t *slots = (uint16_t *)(m + 1);
    m->slot_bits = slot_bits;
    for (int i = 0; i < RNDL_MIX_CONTEXTS; i++, slots += (size_t)1 << slot_bits) m->slots[i] = slots;
    for (int p = 0; p < 4096; p++)
        m->odds[p] = (int16_t)(log2_of((uint64_t)(2 * p + 1)) - log2_of((uint64_t)(8191 - 2 * p)));
    int32_t next = -RNDL_ODDS_MAX;
    for (int32_t p = 1; p < 65536; p++)
        for (int32_t odds = log2_of((uint64_t)p) - log2_of((uint64_t)(65536 - p)); next <= odds; next++)
            m->probability[next + RNDL_ODDS_MAX] = (uint16_t)p;
    for (uint32_t seen = 0; seen < 256; seen++) m->share[seen] = 131072 / (2 * seen + 3);
    for (int history = 0; history < 256; history++) {
        uint32_t zeros = (uint32_t)history >> 4, ones = (uint32_t)history & 15;
        uint32_t chance = ((10 * ones + 4) << 22) / (10 * (zeros + ones) + 8) << 10;
        for (int i = 0; i < RNDL_MIX_CONTEXTS; i++)
            for (int kind = 0; kind < RNDL_MIX_KINDS; kind++) m->meaning[i][kind][history] = chance;
        m->next[history][0] = after(history, 0);
        m->next[history][1] = after(history, 1);
    }
    for (int set = 0; set < RNDL_MIX_SETS; set++)
        for (int choice = 0; choice < RNDL_MIX_CHOICES; choice++) {
            int32_t *weights = m->weights[set][choice];
            for (int i = 0; i < RNDL_MIX_CONTEXTS; i++) weights[i] = WEIGHT;
            weights[RNDL_MIX_CONTEXTS] = WEIGHT_GIVEN;
        }
    for (int i = 0; i < RNDL_MIX_LAST; i++)
        for (int step = 0; step < RNDL_MIX_STEPS; step++) {
            int32_t odds = (step - RNDL_MIX_STEPS / 2) * STEP;
            odds = odds < -RNDL_ODDS_MAX ? -RNDL_ODDS_MAX : odds > RNDL_ODDS_MAX ? RNDL_ODDS_MAX : odds;
            m->last[i][step] = (uint32_t)m->probability[odds + RNDL_ODDS_MAX] << 16;
        }
    return m;
}

/* The slot of a context: the one that is marked with it, of the two where it may be, else the one that knows less. */
static inline uint16_t *slot_of(uint16_t *at, uint16_t *beside, uint16_t mark) {
    if ((*at & 0xFF00) == mark) return at;
    if ((*beside & 0xFF00) == mark) return beside;
    if ((*beside >> 4 & 15) + (*beside & 15) < (*at >> 4 & 15) + (*at & 15)) at = beside;
    *at = mark;
    return at;
}

/* One decision of a probability of ones of p / 65536. */
static inline int code(rndl_decisions *decisions, uint32_t p, int decision) {
    uint32_t ones = p << 8, zeros = (1u << RNDL_PRECISION) - ones;
    if (decisions->to) {
        rndl_encode(decisions->to, decision ? zeros : 0, decision ? ones : zeros);
        return decision;
    }
    rndl_reader *from = decisions->from;
    uint64_t unit = from->width >> RNDL_PRECISION;
    if (from->code >= unit << RNDL_PRECISION) decisions->damaged = 1, from->code = 0;
    decision = from->code >= unit * zeros;
    rndl_consume(from, unit, decision ? zeros : 0, decision ? ones : zeros);
    return decision;
}

int rndl_mix(rndl_mixing *m, rndl_decisions *decisions, const rndl_question *q, int decision) {
    uint16_t *slot[RNDL_MIX_CONTEXTS];
    uint32_t hash[RNDL_MIX_CONTEXTS];
    int32_t input[RNDL_MIX_INPUTS], *weights[RNDL_MIX_SETS], said[RNDL_MIX_SETS], sum = 0;
    for (int i = 0; i < RNDL_MIX_CONTEXTS; i++) {
        uint32_t h = (q->context[i] + q->node * 0x9E3779B1u) * 0x2C1B3C6Du;
        hash[i] = (h ^ h >> 16) * 0x297A2D39u;
#if defined(__GNUC__)
        __builtin_prefetch(m->slots[i] + (hash[i] >> (32 - m->slot_bits)), 1);
#endif
    }
    for (int i = 0; i < RNDL_MIX_CONTEXTS; i++) {
        uint32_t at = hash[i] >> (32 - m->slot_bits);
        slot[i] = slot_of(m->slots[i] + at, m->slots[i] + (at ^ 1), (uint16_t)((hash[i] >> 4 & 255) << 8));
        uint8_t history = (uint8_t)*slot[i];
        input[i] = history ? m->odds[m->meaning[i][q->kind][history] >> 20] : 0;
    }
    input[RNDL_MIX_CONTEXTS] = q->given;
    input[RNDL_MIX_CONTEXTS + 1] = 256;
    for (int set = 0; set < RNDL_MIX_SETS; set++) {
        weights[set] = m->weights[set][q->choice[set]];
        int32_t odds = 0;
        for (int i = 0; i < RNDL_MIX_INPUTS; i++) odds += (weights[set][i] >> 6) * input[i];
        odds >>= 10;
        odds = odds < -RNDL_ODDS_MAX ? -RNDL_ODDS_MAX : odds > RNDL_ODDS_MAX ? RNDL_ODDS_MAX : odds;
        said[set] = m->probability[odds + RNDL_ODDS_MAX];
        sum += odds;
    }
    int32_t odds = sum >> 2, place = odds + RNDL_MIX_STEPS / 2 * STEP, step = place / STEP, part = place % STEP;
    uint32_t *last = &m->last[q->last][step];
    uint32_t seen = ((last[0] >> 10) * (uint32_t)(STEP - part) + (last[1] >> 10) * (uint32_t)part) >> 14;
    uint32_t p = (m->probability[odds + RNDL_ODDS_MAX] + seen + 1) >> 1;
    decision = code(decisions, p < 1 ? 1 : p > 65535 ? 65535 : p, decision);

    rndl_chance(m, last + (part >= STEP / 2), decision, LAST_SEEN_MAX);
    for (int set = 0; set < RNDL_MIX_SETS; set++) {
        int32_t error = ((decision << 16) - said[set]) * RATE;
        for (int i = 0; i < RNDL_MIX_INPUTS; i++) {
            int32_t w = weights[set][i] + ((input[i] * error + 32768) >> 16);
            weights[set][i] = w < -WEIGHT_MAX ? -WEIGHT_MAX : w > WEIGHT_MAX ? WEIGHT_MAX : w;
        }
    }
    for (int i = 0; i < RNDL_MIX_CONTEXTS; i++) {
        uint8_t history = (uint8_t)*slot[i];
        rndl_chance(m, &m->meaning[i][q->kind][history], decision, SEEN_MAX);
        *slot[i] = (uint16_t)((*slot[i] & 0xFF00) | m->next[history][decision]);
    }
    return decision;
}
