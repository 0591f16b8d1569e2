#include "cell.h"

#include "mixture.h"

#define BANDS 16
#define BAND_MIN 64
#define ALIGNED 64
#define MOST_PIXELS ((size_t)1 << 30)

/* Samples of a band of a group of n. */
static size_t band_length(size_t n) {
    size_t length = (n + BANDS - 1) / BANDS;
    return length < BAND_MIN ? BAND_MIN : length;
}

static size_t aligned(size_t bytes) { return (bytes + ALIGNED - 1) & ~(size_t)(ALIGNED - 1); }

/* Pixels that are walked; 0 where there are too many. */
static size_t pixels_of(const rndl_space *space) {
    size_t height = ((space->height - 1) >> space->halvings) + 1, width = ((space->width - 1) >> space->halvings) + 1;
    if (height >= MOST_PIXELS / width || space->pictures >= MOST_PIXELS / (height * width)) return 0;
    return space->pictures * height * width;
}

size_t rndl_cell_bytes(int32_t flags, const rndl_space *space) {
    size_t pixels = pixels_of(space), bytes = ALIGNED;
    if (!pixels) return 0;
    if (flags & RNDL_NEIGHBOURS) {
        size_t needed = rndl_neighbours_bytes(space);
        if (!needed) return 0;
        bytes += aligned(needed);
    }
    return flags % RNDL_NEIGHBOURS ? bytes + rndl_colours_bytes(pixels) : bytes;
}

rndl_cell rndl_cell_start(int32_t flags, const rndl_space *space, void *memory) {
    rndl_cell cell = {flags, 0, 0};
    uint8_t *rest = memory;
    if (flags & RNDL_NEIGHBOURS) {
        cell.neighbours = rndl_neighbours_start(rest, space);
        rest += aligned(rndl_neighbours_bytes(space));
    }
    if (flags % RNDL_NEIGHBOURS) cell.colours = rndl_colours_start(rest, pixels_of(space));
    return cell;
}

void rndl_cell_first(const rndl_cell *cell, int32_t colour, const int32_t *values) {
    if (cell->neighbours) rndl_neighbours_first(cell->neighbours, colour, values);
}

typedef struct {
    uint64_t *distances;
    uint32_t *escaped;
    int32_t *index, *centre;
    void *list;
} working;

/* A group without either stage is one band, which may be longer than its length says. */
size_t rndl_cell_scratch_bytes(size_t n, int32_t tables) {
    size_t most = n < BAND_MIN ? BAND_MIN : n;
    return (sizeof(uint64_t) + sizeof(uint32_t) + 2 * sizeof(int32_t)) * most + 8 + rndl_scratch_bytes(most, tables);
}

static working divide(void *scratch, size_t length) {
    working memory;
    memory.distances = scratch;
    memory.escaped = (uint32_t *)(memory.distances + length);
    memory.index = (int32_t *)(memory.escaped + length);
    memory.centre = memory.index + length;
    memory.list = memory.distances + length + (3 * length + 1) / 2;
    return memory;
}

/* The samples of a group from i on. */
static rndl_band band_of(const rndl_group *group, size_t i, size_t length, const int32_t *index, const int32_t *centre,
                         const working *memory) {
    size_t count = group->n - i < length ? group->n - i : length;
    return (rndl_band){group->colour, count, group->values + i, index, centre, group->luma ? group->luma + i : 0,
                       group->co ? group->co + i : 0, memory->distances, memory->escaped};
}

static int opened(const rndl_cell *cell, const rndl_group *group) {
    return rndl_neighbours_open(cell->neighbours, group->level, group->phase, group->colour, group->white) == group->n;
}

enum rndl_result rndl_cell_place(const rndl_cell *cell, const rndl_group *group, const rndl_learner *by, int32_t *index,
                                 int32_t *centre) {
    size_t length = band_length(group->n);
    if (!cell->neighbours || !opened(cell, group)) return RNDL_BEYOND;
    for (size_t i = 0; i < group->n; i += length) {
        size_t count = group->n - i < length ? group->n - i : length;
        if (rndl_neighbours_predict(cell->neighbours, count, group->mean + i, group->log_scale + i, group->tail + i,
                                    index + i, centre + i))
            return RNDL_BEYOND;
        rndl_neighbours_measure(cell->neighbours, group->values + i, &by->tables, by->costs);
        rndl_neighbours_learn(cell->neighbours, group->values + i, &by->tables, by->costs);
    }
    return RNDL_OK;
}

/* Whether seen colours correct a group. */
static int seen(const rndl_cell *cell, const rndl_group *group) { return cell->colours && cell->flags >> group->colour & 1; }

static enum rndl_result count_group(const rndl_cell *cell, const rndl_group *group) {
    rndl_band whole = {group->colour, group->n, group->values, 0, 0, group->luma, group->co, 0, 0};
    return rndl_colours_count(cell->colours, &whole);
}

/* Samples that are coded before anything changes. */
static size_t length_of(const rndl_cell *cell, size_t n) { return cell->flags ? band_length(n) : n; }

enum rndl_result rndl_cell_put(const rndl_cell *cell, rndl_writer *writer, const rndl_group *group, const int32_t *index,
                               const int32_t *centre, const rndl_learner *by, void *scratch) {
    size_t length = length_of(cell, group->n);
    working memory = divide(scratch, length);
    for (size_t i = 0; i < group->n; i += length) {
        rndl_band band = band_of(group, i, length, index + i, centre + i, &memory);
        enum rndl_result result;
        if (seen(cell, group)) {
            result = rndl_colours_put(cell->colours, writer, &band, &by->tables, by->reach);
        } else {
            int32_t *symbols = memory.index;
            for (size_t k = 0; k < band.n; k++) symbols[k] = band.values[k] - band.centre[k];
            result = rndl_put(writer, symbols, band.index, band.n, &by->tables, memory.list);
        }
        if (result) return result;
    }
    return seen(cell, group) ? count_group(cell, group) : RNDL_OK;
}

/* The symbols of a band under their tables as they are, plus the centres. */
static enum rndl_result take_plain(rndl_reader *reader, const rndl_band *band, const rndl_tables *tables, void *scratch) {
    enum rndl_result result = rndl_take(reader, band->values, band->index, band->n, tables, scratch);
    int64_t low = band->colour ? -255 : -128, high = band->colour ? 255 : 127;
    int beyond = 0;
    for (size_t i = 0; i < band->n && !result; i++) {
        int64_t value = (int64_t)band->values[i] + band->centre[i];
        beyond |= value < low || value > high;
        band->values[i] = (int32_t)value;
    }
    return beyond ? RNDL_BEYOND : result;
}

enum rndl_result rndl_cell_take(const rndl_cell *cell, rndl_reader *reader, const rndl_group *group,
                                const rndl_learner *by, void *scratch) {
    size_t length = length_of(cell, group->n);
    working memory = divide(scratch, length);
    if (cell->neighbours && !opened(cell, group)) return RNDL_BEYOND;
    for (size_t i = 0; i < group->n; i += length) {
        rndl_band band = band_of(group, i, length, memory.index, memory.centre, &memory);
        const int32_t *mean = group->mean + i, *log_scale = group->log_scale + i, *tail = group->tail + i;
        enum rndl_result result = RNDL_OK;
        if (cell->neighbours)
            result = rndl_neighbours_predict(cell->neighbours, band.n, mean, log_scale, tail, memory.index, memory.centre);
        else
            rndl_mixture(mean, log_scale, tail, memory.index, memory.centre, band.n);
        if (!result)
            result = seen(cell, group) ? rndl_colours_take(cell->colours, reader, &band, &by->tables, by->reach)
                                       : take_plain(reader, &band, &by->tables, memory.list);
        if (result) return result;
        if (cell->neighbours) rndl_neighbours_learn(cell->neighbours, band.values, &by->tables, by->costs);
    }
    return seen(cell, group) ? count_group(cell, group) : RNDL_OK;
}
