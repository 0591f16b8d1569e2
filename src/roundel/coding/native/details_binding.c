/* Groups of a level's coefficients for CPython; arrays are buffers, sizes are checked here. */
#include "binding.h"

#include "details.h"

enum { SAID, VALUES, LUMA, KNOWN, TABLES, LIMITS, MAGNITUDES, ARRAYS, NUMBERS = 8, SHIFTS = 31 };
/* What take_details returns. */
enum { TAKEN, EXCEEDED, MOVED };

static PyObject *refused(const char *why) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, why);
    return NULL;
}

/* take_details(reader, said, values, luma, known, shifted, limits, magnitudes, tables, h, w, first, channels, fields,
   flags, second, shift): 0, or 1 where a value exceeds its limit, 2 where scale indices are moved too far. */
static PyObject *take_details(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    static const char *names[ARRAYS] = {"said", "values", "luma", "known", "shifted", "limits", "magnitudes"};
    static const int widths[ARRAYS] = {1, 2, 1, 1, 4, 4, 1};
    module_state *state = PyModule_GetState(module);
    if (nargs != 2 + ARRAYS + NUMBERS || Py_TYPE(args[0]) != state->Reader || Py_TYPE(args[1 + ARRAYS]) != state->Tables) {
        PyErr_SetString(PyExc_TypeError, "expected reader, seven arrays, tables, eight numbers");
        return NULL;
    }
    ReaderObject *reader = (ReaderObject *)args[0];
    const rndl_tables *tables = &((TablesObject *)args[1 + ARRAYS])->tables;
    Py_ssize_t v[NUMBERS]; /* h, w, first, channels, fields, flags, second, shift */
    for (int i = 0; i < NUMBERS; i++) {
        v[i] = PyLong_AsSsize_t(args[2 + ARRAYS + i]);
        if (v[i] < 0 || v[i] > 1 << 24) return refused("a number is out of range");
    }
    Py_ssize_t area = v[0] * v[1], channels = v[3];
    if (!channels || v[2] + channels > RNDL_DETAILS || v[4] > 2 || area > (1 << 30) / RNDL_DETAILS)
        return refused("a number is out of range");
    Py_ssize_t sizes[ARRAYS] = {2 * area * channels, area * RNDL_DETAILS, area * RNDL_LUMA_SEEN, area * RNDL_SEEN,
                                SHIFTS * RNDL_INDICES * RNDL_SKEWS, channels, 256};
    Py_buffer views[ARRAYS];
    int opened = 0;
    for (; opened < ARRAYS; opened++) {
        int written = opened >= VALUES && opened <= KNOWN;
        Py_ssize_t n = rndl_items_of(args[1 + opened], &views[opened], widths[opened], written, names[opened]);
        if (n < 0) break;
        if (n == sizes[opened]) continue;
        PyErr_Format(PyExc_ValueError, "%s has %zd items, expected %zd", names[opened], n, sizes[opened]);
        opened++;
        break;
    }
    rndl_group group = {(size_t)v[0], (size_t)v[1], (size_t)v[2], (size_t)channels, (int)v[4], (int32_t)v[5], (int32_t)v[6],
                        NULL, NULL, NULL};
    PyObject *answer = NULL;
    void *scratch = NULL;
    size_t bytes = rndl_details_bytes(rndl_group_places(&group), tables->count), least = rndl_scratch_bytes(1, tables->count);
    if (!PyErr_Occurred() && !(scratch = PyMem_RawMalloc(bytes > least ? bytes : least))) PyErr_NoMemory();
    if (scratch && !rndl_busy(&reader->busy)) {
        rndl_level level = {views[VALUES].buf, views[LUMA].buf, views[KNOWN].buf};
        int beyond = 0, moved;
        int32_t shift = 0, shift_table = (int32_t)v[7];
        enum rndl_result result;
        group.limits = views[LIMITS].buf;
        group.magnitudes = views[MAGNITUDES].buf;
        Py_BEGIN_ALLOW_THREADS
        result = rndl_take(&reader->reader, &shift, &shift_table, 1, tables, scratch);
        moved = shift < -(SHIFTS / 2) || shift > SHIFTS / 2;
        if (!result && !moved) {
            group.table = (const int32_t *)views[TABLES].buf + (SHIFTS / 2 + shift) * RNDL_INDICES * RNDL_SKEWS;
            result = rndl_take_details(&reader->reader, views[SAID].buf, &group, tables, &level, &beyond, scratch);
        }
        Py_END_ALLOW_THREADS
        reader->busy = 0;
        answer = result ? rndl_failed(state, result) : PyLong_FromLong(moved ? MOVED : beyond ? EXCEEDED : TAKEN);
    }
    PyMem_RawFree(scratch);
    while (opened) PyBuffer_Release(&views[--opened]);
    return answer;
}

PyMethodDef rndl_details_functions[] = {
    {"take_details", (PyCFunction)(void (*)(void))take_details, METH_FASTCALL,
     "take_details(reader, said, values, luma, known, shifted, limits, magnitudes, tables, h, w, first, channels, fields, "
     "flags, second, shift): fill a group of a level; 1 where a value exceeds its limit, 2 a shift, else 0."},
    {NULL, NULL, 0, NULL},
};
