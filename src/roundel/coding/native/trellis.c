/* The encoder's side of dependent quantisation: of all paths through the states, the cheapest (Viterbi). */
#include "dependent.h"

#define FAR 1e30f

/* The cheapest value of a quantiser for each parity that the state will follow; FAR where there is none. */
typedef struct {
    float cost[2];
    int32_t value[2];
} choice;

/* Of a symbol, the sign as it is coded. */
static float bits_of(int64_t symbol, int32_t t, const rndl_tables *tables, const float *bits, int *parity) {
    int64_t begin = tables->starts[t], first = tables->offsets[t], last = tables->starts[t + 1] - begin - 1;
    int64_t slot = symbol - first;
    if (slot >= 0 && slot < last) {
        *parity = (int)(symbol & 1);
        return bits[begin + slot];
    }
    *parity = 0;
    uint64_t e = rndl_distance(symbol, first, first + last - 1);
    int kind = 0;
    while ((e + 1) >> (kind + 1)) kind++;
    return bits[begin + last] + 2 + 1.5f * (float)kind;
}

static choice cheapest(float y, int turned, int odd, int32_t t, float worth, const rndl_tables *tables, const float *bits) {
    choice best = {{FAR, FAR}, {0, 0}};
    float size = y < 0 ? -y : y;
    int sign = y < 0 ? -1 : 1, low = (int)((size + (float)odd) / 2);
    for (int k = 0; k <= low + 1; k = k < low ? low : k + 1) { /* 0, and those on both sides of y */
        int parity, value = 2 * k - (odd && k);
        float error = size - (float)value;
        float cost = bits_of((sign < 0) != turned ? -k : k, t, tables, bits, &parity);
        cost = error * error + worth * cost;
        if (cost < best.cost[parity]) {
            best.cost[parity] = cost;
            best.value[parity] = sign * value;
        }
    }
    return best;
}

size_t rndl_decide_bytes(size_t n, int32_t tables) {
    return rndl_scratch_bytes(n, tables) + n * (4 * sizeof(int32_t) + RNDL_STATES) + 8;
}

enum rndl_result rndl_decide(const float *y, const uint8_t *turned, const int32_t *index, size_t n, int32_t second,
                             const rndl_tables *tables, const rndl_prices *prices, int32_t *values, uint8_t *odd,
                             void *scratch) {
    if (!n) return RNDL_OK;
    rndl_list list;
    if (second < 0 || second > tables->count) return RNDL_BAD_INDEX;
    if (rndl_list_sort(&list, index, n, tables->count - second, scratch)) return RNDL_BAD_INDEX;
    int32_t(*found)[4] = (int32_t(*)[4])((char *)scratch + (rndl_scratch_bytes(n, tables->count) + 7) / 8 * 8);
    uint8_t(*from)[RNDL_STATES] = (uint8_t(*)[RNDL_STATES])(found + n);
    float cost[RNDL_STATES] = {0, FAR, FAR, FAR, FAR, FAR, FAR, FAR};
    for (size_t i = 0; i < n; i++) {
        uint32_t at = list.order[i];
        choice own[2];
        for (int o = 0; o < 2; o++) {
            own[o] = cheapest(y[at], turned[at], o, index[at] + (o ? second : 0), prices->worth[at / prices->channels],
                              tables, prices->bits);
            found[i][2 * o] = own[o].value[0], found[i][2 * o + 1] = own[o].value[1];
        }
        float next[RNDL_STATES], least = FAR;
        for (int s = 0; s < RNDL_STATES; s++) next[s] = 4 * FAR;
        for (int s = 0; s < RNDL_STATES; s++)
            for (int parity = 0; parity < 2; parity++) {
                float total = cost[s] + own[s & 1].cost[parity];
                int to = RNDL_NEXT[s][parity];
                if (total < next[to]) {
                    next[to] = total;
                    from[i][to] = (uint8_t)(2 * s + parity);
                }
            }
        for (int s = 0; s < RNDL_STATES; s++) least = next[s] < least ? next[s] : least;
        for (int s = 0; s < RNDL_STATES; s++) cost[s] = next[s] - least < FAR ? next[s] - least : FAR;
    }
    int state = 0;
    for (int s = 1; s < RNDL_STATES; s++)
        if (cost[s] < cost[state]) state = s;
    for (size_t i = n; i--;) {
        int back = from[i][state], before = back >> 1;
        values[list.order[i]] = found[i][2 * (before & 1) + (back & 1)];
        odd[list.order[i]] = before & 1;
        state = before;
    }
    return RNDL_OK;
}
