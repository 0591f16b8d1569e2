/* Groups of a level's coefficients for CPython; arrays are buffers, sizes are checked here. */
#include "binding.h"

#include "details.h"

enum { SAID, VALUES, LUMA, KNOWN, TABLE, LIMITS, MAGNITUDES, ARRAYS, NUMBERS = 7 };

static PyObject *refused(const char *why) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, why);
    return NULL;
}

/* take_details(reader, said, values, luma, known, table, limits, magnitudes, tables, h, w, first, channels, fields,
   flags, second): whether no value exceeds its limit. */
static PyObject *take_details(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    static const char *names[ARRAYS] = {"said", "values", "luma", "known", "table", "limits", "magnitudes"};
    static const int widths[ARRAYS] = {1, 4, 1, 1, 4, 4, 1};
    module_state *state = PyModule_GetState(module);
    if (nargs != 2 + ARRAYS + NUMBERS || Py_TYPE(args[0]) != state->Reader || Py_TYPE(args[1 + ARRAYS]) != state->Tables) {
        PyErr_SetString(PyExc_TypeError, "expected reader, seven arrays, tables, seven numbers");
        return NULL;
    }
    ReaderObject *reader = (ReaderObject *)args[0];
    const rndl_tables *tables = &((TablesObject *)args[1 + ARRAYS])->tables;
    Py_ssize_t v[NUMBERS]; /* h, w, first, channels, fields, flags, second */
    for (int i = 0; i < NUMBERS; i++) {
        v[i] = PyLong_AsSsize_t(args[2 + ARRAYS + i]);
        if (v[i] < 0 || v[i] > 1 << 24) return refused("a number is out of range");
    }
    Py_ssize_t area = v[0] * v[1], channels = v[3];
    if (!channels || v[2] + channels > RNDL_DETAILS || v[4] > 2 || area > (1 << 30) / RNDL_DETAILS)
        return refused("a number is out of range");
    Py_ssize_t sizes[ARRAYS] = {2 * area * channels, area * RNDL_DETAILS, area * RNDL_LUMA_SEEN, area * RNDL_SEEN,
                                RNDL_INDICES * RNDL_SKEWS, channels, 256};
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
    if (!PyErr_Occurred() && !(scratch = PyMem_RawMalloc(rndl_details_bytes(rndl_group_places(&group), tables->count))))
        PyErr_NoMemory();
    if (scratch && !rndl_busy(&reader->busy)) {
        rndl_level level = {views[VALUES].buf, views[LUMA].buf, views[KNOWN].buf};
        int beyond = 0;
        enum rndl_result result;
        group.table = views[TABLE].buf;
        group.limits = views[LIMITS].buf;
        group.magnitudes = views[MAGNITUDES].buf;
        Py_BEGIN_ALLOW_THREADS
        result = rndl_take_details(&reader->reader, views[SAID].buf, &group, tables, &level, &beyond, scratch);
        Py_END_ALLOW_THREADS
        reader->busy = 0;
        answer = result ? rndl_failed(state, result) : Py_NewRef(beyond ? Py_False : Py_True);
    }
    PyMem_RawFree(scratch);
    while (opened) PyBuffer_Release(&views[--opened]);
    return answer;
}

PyMethodDef rndl_details_functions[] = {
    {"take_details", (PyCFunction)(void (*)(void))take_details, METH_FASTCALL,
     "take_details(reader, said, values, luma, known, table, limits, magnitudes, tables, h, w, first, channels, fields, "
     "flags, second): fill a group of a level; whether no value exceeds its limit."},
    {NULL, NULL, 0, NULL},
};
