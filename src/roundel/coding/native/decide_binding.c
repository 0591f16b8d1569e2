/* An encoder's decisions on groups of a level's coefficients for CPython; arrays are buffers, sizes are checked here. */
#include "binding.h"

#include "decide.h"

enum { SAID, Y, MAP, TABLE, LIMITS, MAGNITUDES, BITS, MOVED, SHIFT_BITS, OWN_BITS, /* read */
       LEVEL, LUMA, KNOWN, VALUES, TABLES, ODD, HELD, FLAGS, ARRAYS };              /* written */
enum { H, W, FIRST, CHANNELS, FIELDS, FLAG_TABLE, SECOND, SAMPLE, BLOCK, NUMBERS };
enum { SYMBOLS = 2 * RNDL_SHIFT_REACH + 1 };

static const char *NAMES[ARRAYS] = {"said", "y", "map", "table", "limits", "magnitudes", "bits", "moved", "shift bits",
                                    "own bits", "level", "luma", "known", "values", "tables", "odd", "held", "flags"};
static const int WIDTHS[ARRAYS] = {1, 4, 4, 4, 4, 1, 4, 4, 8, 8, 2, 1, 1, 4, 4, 1, 1, 4};

static int refused(const char *why) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, why);
    return -1;
}

static int numbers_of(PyObject *const *args, const rndl_tables *tables, Py_ssize_t *v) {
    for (int i = 0; i < NUMBERS; i++) {
        v[i] = PyLong_AsSsize_t(args[i]);
        if (v[i] < 0 || v[i] > 1 << 24) return refused("a number is out of range");
    }
    int fits = v[CHANNELS] && v[FIRST] + v[CHANNELS] <= RNDL_DETAILS && v[FIELDS] <= 2 && v[SAMPLE] && v[BLOCK] &&
               v[FLAG_TABLE] < tables->count && v[SECOND] < tables->count && v[H] * v[W] <= (1 << 30) / RNDL_DETAILS;
    return fits ? 0 : refused("a number is out of range");
}

/* Tables that hold nothing but what they may; `count` of them take part. */
static int sound(const Py_buffer *views, const rndl_tables *tables, Py_ssize_t count, Py_ssize_t second) {
    const int32_t *table = views[TABLE].buf, *moved = views[MOVED].buf;
    int64_t silent = -(int64_t)tables->offsets[0];
    if (count > tables->count - second || silent < 0 || silent >= tables->starts[1]) return 0;
    for (int i = 0; i < RNDL_INDICES * RNDL_SKEWS; i++)
        if ((i < RNDL_SKEWS) != !table[i] || table[i] < 0 || table[i] >= count) return 0;
    for (Py_ssize_t i = 0; i < RNDL_SHIFTS * count; i++)
        if ((i % count == 0) != !moved[i] || moved[i] < 0 || moved[i] >= count) return 0;
    return 1;
}

static PyObject *decide_details(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    module_state *state = PyModule_GetState(module);
    if (nargs != ARRAYS + 3 + NUMBERS || Py_TYPE(args[ARRAYS]) != state->Tables)
        return PyErr_Format(PyExc_TypeError, "expected %d arrays, tables, worth, least, %d numbers", ARRAYS, NUMBERS);
    const rndl_tables *tables = &((TablesObject *)args[ARRAYS])->tables;
    double worth = PyFloat_AsDouble(args[ARRAYS + 1]), least = PyFloat_AsDouble(args[ARRAYS + 2]);
    Py_ssize_t v[NUMBERS];
    if (PyErr_Occurred() || numbers_of(args + ARRAYS + 3, tables, v)) return NULL;
    rndl_group group = {(size_t)v[H], (size_t)v[W], (size_t)v[FIRST], (size_t)v[CHANNELS], (int)v[FIELDS],
                        (int32_t)v[FLAG_TABLE], (int32_t)v[SECOND], NULL, NULL, NULL};
    Py_ssize_t area = v[H] * v[W], places = (Py_ssize_t)rndl_group_places(&group), items, count = 0;
    Py_buffer views[ARRAYS];
    int opened = 0;
    for (; opened < ARRAYS; opened++) {
        PyObject *from = opened == MAP && args[MAP] == Py_None ? args[Y] : args[opened];
        if ((items = rndl_items_of(from, &views[opened], WIDTHS[opened], opened >= LEVEL, NAMES[opened])) < 0) break;
        if (opened == MOVED) count = items / RNDL_SHIFTS;
        const Py_ssize_t sizes[ARRAYS] = {
            2 * area * v[CHANNELS], area * RNDL_DETAILS, from == args[Y] ? area * RNDL_DETAILS : area,
            RNDL_INDICES * RNDL_SKEWS, v[CHANNELS], 256, (Py_ssize_t)tables->starts[tables->count], RNDL_SHIFTS * count,
            2 * count * SYMBOLS, RNDL_SHIFTS, area * RNDL_DETAILS, area * RNDL_LUMA_SEEN, area * RNDL_SEEN, places, places,
            places, places, places / RNDL_RUN + 1};
        if (items == sizes[opened]) continue;
        PyErr_Format(PyExc_ValueError, "%s has %zd items, expected %zd", NAMES[opened], items, sizes[opened]);
        opened++;
        break;
    }
    PyObject *answer = NULL;
    if (!PyErr_Occurred() && !sound(views, tables, count, v[SECOND])) refused("tables that do not fit together");
    if (!PyErr_Occurred()) {
        group.table = views[TABLE].buf, group.limits = views[LIMITS].buf, group.magnitudes = views[MAGNITUDES].buf;
        rndl_wanted wanted = {views[Y].buf, args[MAP] == Py_None ? NULL : views[MAP].buf, (float)worth, views[BITS].buf};
        rndl_moves moves = {views[MOVED].buf, views[SHIFT_BITS].buf, views[OWN_BITS].buf, (int32_t)count, (size_t)v[SAMPLE],
                            (size_t)v[BLOCK], least};
        rndl_level level = {views[LEVEL].buf, views[LUMA].buf, views[KNOWN].buf};
        rndl_decided decided = {views[VALUES].buf, views[TABLES].buf, views[ODD].buf, views[HELD].buf, views[FLAGS].buf,
                                0, 0, 0};
        enum rndl_result result = RNDL_OK;
        void *scratch;
        Py_BEGIN_ALLOW_THREADS
        rndl_live(views[SAID].buf, &group, &wanted, tables, &decided);
        scratch = PyMem_RawMalloc(rndl_decide_details_bytes(decided.n, &moves, tables->count));
        if (scratch) result = rndl_decide_details(views[SAID].buf, &group, &wanted, tables, &moves, &level, &decided, scratch);
        PyMem_RawFree(scratch);
        Py_END_ALLOW_THREADS
        if (!scratch) PyErr_NoMemory();
        else if (result) rndl_failed(state, result);
        else answer = Py_BuildValue("inn", (int)decided.shift, (Py_ssize_t)decided.n, (Py_ssize_t)decided.runs);
    }
    while (opened) PyBuffer_Release(&views[--opened]);
    return answer;
}

PyMethodDef rndl_decide_functions[] = {
    {"decide_details", (PyCFunction)(void (*)(void))decide_details, METH_FASTCALL,
     "decide_details(said, y, map or None, table, limits, magnitudes, bits, moved, shift bits, own bits, level, luma, "
     "known, values, tables, odd, held, flags, Tables, worth, least, h, w, first, channels, fields, flags, second, sample, "
     "block): fill a group of a level, and the lists of what the stream holds of it; shift, values and flags that are."},
    {NULL, NULL, 0, NULL},
};
