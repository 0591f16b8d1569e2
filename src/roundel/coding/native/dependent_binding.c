/* The encoder's decisions of dependent quantisation for CPython. */
#include "binding.h"

#include "dependent.h"

enum { ARRAYS = 7, WRITTEN = 2 };

/* Sizes of the arrays by that of the first; 0, or -1 with an exception set. */
static int fit(const Py_ssize_t *n, Py_ssize_t slots) {
    int same = n[1] == n[0] && n[2] == n[0] && n[3] == n[0] && n[4] == n[0];
    if (same && n[6] == slots && n[0] <= UINT32_MAX && (!n[0] || (n[5] && n[0] % n[5] == 0))) return 0;
    PyErr_SetString(PyExc_ValueError, "arrays of sizes that do not fit together");
    return -1;
}

static PyObject *decide(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    static const char *names[ARRAYS] = {"values", "odd", "y", "turned", "table_index", "worth", "bits"};
    static const int widths[ARRAYS] = {4, 1, 4, 1, 4, 4, 4};
    module_state *state = PyModule_GetState(module);
    if (nargs != ARRAYS + 2 || Py_TYPE(args[ARRAYS]) != state->Tables) {
        PyErr_SetString(PyExc_TypeError, "expected values, odd, y, turned, table_index, worth, bits, tables, second");
        return NULL;
    }
    const rndl_tables *tables = &((TablesObject *)args[ARRAYS])->tables;
    long second = PyLong_AsLong(args[ARRAYS + 1]);
    if (second == -1 && PyErr_Occurred()) return NULL;
    Py_buffer views[ARRAYS];
    Py_ssize_t n[ARRAYS];
    int opened = 0;
    for (; opened < ARRAYS; opened++)
        if ((n[opened] = rndl_items_of(args[opened], &views[opened], widths[opened], opened < WRITTEN, names[opened])) < 0) break;
    PyObject *answer = NULL;
    if (opened == ARRAYS && !fit(n, (Py_ssize_t)tables->starts[tables->count])) {
        void *scratch = PyMem_RawMalloc(rndl_decide_bytes((size_t)n[0], tables->count));
        rndl_prices prices = {views[6].buf, views[5].buf, n[0] ? (size_t)(n[0] / n[5]) : 1};
        enum rndl_result result = RNDL_BAD_INDEX;
        if (!scratch) PyErr_NoMemory();
        else if (second >= 0 && second <= INT32_MAX) {
            Py_BEGIN_ALLOW_THREADS
            result = rndl_decide(views[2].buf, views[3].buf, views[4].buf, (size_t)n[0], (int32_t)second, tables, &prices,
                                 views[0].buf, views[1].buf, scratch);
            Py_END_ALLOW_THREADS
        }
        PyMem_RawFree(scratch);
        if (!result) answer = Py_NewRef(Py_None);
        else if (scratch) PyErr_SetString(state->BadIndex, "a table index names no table");
    }
    while (opened) PyBuffer_Release(&views[--opened]);
    return answer;
}

PyMethodDef rndl_dependent_functions[] = {
    {"decide", (PyCFunction)(void (*)(void))decide, METH_FASTCALL,
     "decide(values, odd, y, turned, table_index, worth, bits, tables, second): fill values, int32, and odd, uint8; "
     "y, worth and bits are float32, turned uint8."},
    {NULL, NULL, 0, NULL},
};
