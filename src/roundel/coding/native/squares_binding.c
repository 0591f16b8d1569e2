/* The squares of a phase for CPython: arrays are checked here. */
#include "binding.h"

#include "squares.h"

typedef struct {
    PyObject_HEAD
    rndl_squares squares;
    size_t count[2];
} SquaresObject;

static PyObject *squares_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    Py_ssize_t n[7];
    if (!PyArg_ParseTuple(args, "nnnnnnn", n, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6) ||
        (kwargs && PyDict_GET_SIZE(kwargs)))
        return NULL;
    for (int i = 0; i < 7; i++)
        if (n[i] < 1) return PyErr_SetString(PyExc_ValueError, "a size is out of range"), NULL;
    rndl_squares squares = {(size_t)n[0], (size_t)n[1], (size_t)n[2], (size_t)n[3], (size_t)n[4], (size_t)n[5], (size_t)n[6], NULL};
    if (n[3] < n[1] || n[4] < n[2] || squares.row_bytes < squares.features + RNDL_RESIDUALS)
        return PyErr_SetString(PyExc_ValueError, "sizes do not fit together"), NULL;
    size_t bytes = rndl_squares_bytes(&squares);
    if (!bytes || !(squares.residuals = PyMem_RawMalloc(bytes))) return PyErr_NoMemory();
    SquaresObject *self = (SquaresObject *)type->tp_alloc(type, 0);
    if (!self) return PyMem_RawFree(squares.residuals), NULL;
    self->squares = squares;
    for (int white = 0; white < 2; white++) self->count[white] = rndl_squares_count(&squares, white);
    rndl_squares_start(&self->squares);
    return (PyObject *)self;
}

static void squares_dealloc(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    PyMem_RawFree(((SquaresObject *)object)->squares.residuals);
    type->tp_free(object);
    Py_DECREF(type);
}

/* A number below `end`, or -1 with an exception set. */
static int number_of(PyObject *object, long end) {
    long number = PyLong_AsLong(object);
    if (number >= 0 && number < end) return (int)number;
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "there is no such group");
    return -1;
}

/* An array of exactly n items; 0, or -1 with an exception set. */
static int array_of(PyObject *object, Py_buffer *view, Py_ssize_t width, size_t n, int writable, const char *name) {
    Py_ssize_t found = rndl_items_of(object, view, width, writable, name);
    if (found >= 0 && (size_t)found == n) return 0;
    if (found >= 0) {
        PyErr_Format(PyExc_ValueError, "%s has %zd items, expected %zu", name, found, n);
        PyBuffer_Release(view);
    }
    return -1;
}

static PyObject *wrong(const char *expected) {
    PyErr_Format(PyExc_TypeError, "expected %s", expected);
    return NULL;
}

static size_t grid_of(const rndl_squares *s) { return s->pictures * s->grid_height * s->grid_width; }

static PyObject *squares_rows(PyObject *object, PyObject *const *args, Py_ssize_t nargs) {
    SquaresObject *self = (SquaresObject *)object;
    const rndl_squares *s = &self->squares;
    Py_buffer features, rows;
    if (nargs != 3) return wrong("white, features, rows");
    int white = number_of(args[0], 2);
    if (white < 0 || array_of(args[1], &features, 1, grid_of(s) * s->features, 0, "features")) return NULL;
    if (array_of(args[2], &rows, 1, self->count[white] * s->row_bytes, 1, "rows")) return PyBuffer_Release(&features), NULL;
    Py_BEGIN_ALLOW_THREADS
    rndl_squares_rows(s, white, features.buf, rows.buf);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&rows);
    PyBuffer_Release(&features);
    return Py_NewRef(Py_None);
}

static PyObject *squares_around(PyObject *object, PyObject *const *args, Py_ssize_t nargs) {
    SquaresObject *self = (SquaresObject *)object;
    const rndl_squares *s = &self->squares;
    Py_buffer rows;
    if (nargs != 2) return wrong("group, rows");
    int group = number_of(args[0], RNDL_GROUPS);
    if (group < 0 || array_of(args[1], &rows, 1, self->count[group & 1] * s->row_bytes, 1, "rows")) return NULL;
    Py_BEGIN_ALLOW_THREADS
    rndl_squares_around(s, group, rows.buf);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&rows);
    return Py_NewRef(Py_None);
}

static PyObject *squares_means(PyObject *object, PyObject *const *args, Py_ssize_t nargs) {
    SquaresObject *self = (SquaresObject *)object;
    Py_buffer linear, mean;
    if (nargs != 3) return wrong("group, linear, mean");
    int group = number_of(args[0], RNDL_GROUPS);
    if (group < 0 || array_of(args[1], &linear, 4, grid_of(&self->squares), 0, "linear")) return NULL;
    if (array_of(args[2], &mean, 4, self->count[group & 1], 1, "mean")) return PyBuffer_Release(&linear), NULL;
    Py_BEGIN_ALLOW_THREADS
    rndl_squares_means(&self->squares, group, linear.buf, mean.buf);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&mean);
    PyBuffer_Release(&linear);
    return Py_NewRef(Py_None);
}

static PyObject *squares_put(PyObject *object, PyObject *const *args, Py_ssize_t nargs) {
    SquaresObject *self = (SquaresObject *)object;
    const rndl_squares *s = &self->squares;
    Py_buffer mean, values, plane;
    if (nargs != 4) return wrong("group, mean, values, plane");
    int group = number_of(args[0], RNDL_GROUPS);
    if (group < 0) return NULL;
    size_t n = self->count[group & 1];
    if (array_of(args[1], &mean, 4, n, 0, "mean")) return NULL;
    if (array_of(args[2], &values, 4, n, 0, "values")) return PyBuffer_Release(&mean), NULL;
    if (array_of(args[3], &plane, 2, s->pictures * s->height * s->width, 1, "plane"))
        return PyBuffer_Release(&values), PyBuffer_Release(&mean), NULL;
    Py_BEGIN_ALLOW_THREADS
    rndl_squares_put(s, group, mean.buf, values.buf, plane.buf);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&plane);
    PyBuffer_Release(&values);
    PyBuffer_Release(&mean);
    return Py_NewRef(Py_None);
}

static PyMethodDef squares_methods[] = {
    {"rows", (PyCFunction)(void (*)(void))squares_rows, METH_FASTCALL, "rows(white, features, rows): fill the last."},
    {"around", (PyCFunction)(void (*)(void))squares_around, METH_FASTCALL, "around(group, rows): residuals into rows."},
    {"means", (PyCFunction)(void (*)(void))squares_means, METH_FASTCALL, "means(group, linear, mean): add linear means."},
    {"put", (PyCFunction)(void (*)(void))squares_put, METH_FASTCALL, "put(group, mean, values, plane): a group's values."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot squares_slots[] = {
    {Py_tp_doc, "Squares(pictures, height, width, grid_height, grid_width, features, row_bytes): of a phase."},
    {Py_tp_new, squares_new},
    {Py_tp_dealloc, squares_dealloc},
    {Py_tp_methods, squares_methods},
    {0, NULL},
};
PyType_Spec rndl_squares_spec = {"roundel.coding._native.Squares", sizeof(SquaresObject), 0, Py_TPFLAGS_DEFAULT, squares_slots};
