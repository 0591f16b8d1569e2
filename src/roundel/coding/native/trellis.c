/* The encoder's side of dependent quantisation: of all paths through the states, the cheapest (Viterbi). */
#include "dependent.h"

#define FAR 1e30f

/* The cheapest value of a quantiser for each parity that the state will follow; FAR where there is none. */
typedef struct {
    float cost[2];
    int32_t value[2];
} choice;

/* A table and its bits. */
typedef struct {
    const float *bits; /* of symbol 0 */
    int64_t first, last; /* symbols that have a slot of their own */
    float escape;
} priced;

static priced priced_of(const rndl_tables *tables, int32_t t, const float *bits) {
    int64_t begin = tables->starts[t], first = tables->offsets[t], slots = tables->starts[t + 1] - begin - 1;
    return (priced){bits + begin - first, first, first + slots - 1, bits[begin + slots]};
}

/* Of an escape, about. */
static float bits_beyond(int64_t symbol, const priced *table) {
    uint64_t e = rndl_distance(symbol, table->first, table->last);
    int kind = 0;
    while ((e + 1) >> (kind + 1)) kind++;
    return table->escape + 2 + 1.5f * (float)kind;
}

/* y as it is coded. */
static inline choice cheapest(float y, int odd, float worth, const priced *table) {
    choice best = {{FAR, FAR}, {0, 0}};
    float size = y < 0 ? -y : y;
    int sign = y < 0 ? -1 : 1, low = (int)((size + (float)odd) / 2);
    for (int k = 0; k <= low + 1; k = k < low ? low : k + 1) { /* 0, and those on both sides of y */
        int64_t symbol = sign * k;
        int within = symbol >= table->first && symbol <= table->last, parity = within & k, value = 2 * k - (odd && k);
        float error = size - (float)value;
        float cost = error * error + worth * (within ? table->bits[symbol] : bits_beyond(symbol, table));
        if (cost < best.cost[parity]) {
            best.cost[parity] = cost;
            best.value[parity] = sign * value;
        }
    }
    return best;
}

/* The two ways into each state, in the order ARRIVAL: from which state, and by which choice, 2 * quantiser + parity. */
static const uint8_t ARRIVAL[RNDL_STATES] = {0, 2, 5, 7, 1, 3, 6, 4};
static const uint8_t FROM[2][RNDL_STATES] = {{0, 0, 1, 1, 2, 2, 3, 3}, {4, 4, 7, 7, 6, 6, 5, 5}};
static const uint8_t BY[2][RNDL_STATES] = {{0, 1, 2, 3, 0, 1, 2, 3}, {1, 0, 3, 2, 1, 0, 3, 2}};

/* A step of all paths: their costs, by state, and which of the two ways each came by, a bit for each place of ARRIVAL. */
static inline uint8_t step(float cost[RNDL_STATES], const float own[4]) {
    float next[RNDL_STATES], least = 4 * FAR;
    unsigned second = 0;
    for (int j = 0; j < RNDL_STATES; j++) {
        float a = cost[FROM[0][j]] + own[BY[0][j]], b = cost[FROM[1][j]] + own[BY[1][j]];
        second |= (unsigned)(b < a) << j;
        next[j] = b < a ? b : a;
    }
    for (int j = 0; j < RNDL_STATES; j++) least = next[j] < least ? next[j] : least;
    for (int j = 0; j < RNDL_STATES; j++) cost[ARRIVAL[j]] = next[j] - least < FAR ? next[j] - least : FAR;
    return (uint8_t)second;
}

size_t rndl_decide_bytes(size_t n, int32_t tables) {
    return rndl_scratch_bytes(n, tables) + n * (4 * sizeof(int32_t) + 1) + 8;
}

enum rndl_result rndl_decide(const float *y, const uint8_t *turned, const int32_t *index, size_t n, int32_t second,
                             const rndl_tables *tables, const rndl_prices *prices, int32_t *values, uint8_t *odd,
                             void *scratch) {
    if (!n) return RNDL_OK;
    rndl_list list;
    if (second < 0 || second > tables->count) return RNDL_BAD_INDEX;
    if (rndl_list_sort(&list, index, n, tables->count - second, scratch)) return RNDL_BAD_INDEX;
    int32_t(*found)[4] = (int32_t(*)[4])((char *)scratch + (rndl_scratch_bytes(n, tables->count) + 7) / 8 * 8);
    uint8_t *ways = (uint8_t *)(found + n);
    float cost[RNDL_STATES] = {0, FAR, FAR, FAR, FAR, FAR, FAR, FAR};
    int32_t table = -1;
    priced own[2] = {{0}};
    for (size_t i = 0; i < n; i++) {
        uint32_t at = list.order[i];
        if (index[at] != table) {
            table = index[at];
            for (int o = 0; o < 2; o++) own[o] = priced_of(tables, table + (o ? second : 0), prices->bits);
        }
        float wanted = turned[at] ? -y[at] : y[at], worth = prices->worth[prices->channels == n ? 0 : at / prices->channels];
        choice first = cheapest(wanted, 0, worth, &own[0]), other = cheapest(wanted, 1, worth, &own[1]);
        found[i][0] = first.value[0], found[i][1] = first.value[1];
        found[i][2] = other.value[0], found[i][3] = other.value[1];
        ways[i] = step(cost, (const float[4]){first.cost[0], first.cost[1], other.cost[0], other.cost[1]});
    }
    uint8_t place[RNDL_STATES];
    for (int j = 0; j < RNDL_STATES; j++) place[ARRIVAL[j]] = (uint8_t)j;
    int state = 0;
    for (int s = 1; s < RNDL_STATES; s++)
        if (cost[s] < cost[state]) state = s;
    for (size_t i = n; i--;) {
        int j = place[state], way = ways[i] >> j & 1, by = BY[way][j];
        uint32_t at = list.order[i];
        values[at] = turned[at] ? -found[i][by] : found[i][by];
        odd[at] = (uint8_t)(by >> 1);
        state = FROM[way][j];
    }
    return RNDL_OK;
}
