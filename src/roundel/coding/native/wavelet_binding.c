/* The lossy model's functions for CPython; arrays are buffers, sizes are checked here. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "lifting.h"
#include "wavelet.h"

enum { MOST = 6 };

/* Buffers of the first `count` arguments, each of `sizes[i]` items of `widths[i]` bytes; those from `written` on are
   written to. 0, or -1 with an exception set and nothing held. */
static int open_all(PyObject *const *args, Py_buffer *views, int count, const Py_ssize_t *sizes, const int *widths,
                    int written) {
    int i = 0;
    for (; i < count; i++) {
        if (PyObject_GetBuffer(args[i], &views[i], i >= written ? PyBUF_CONTIG : PyBUF_CONTIG_RO)) break;
        if (views[i].itemsize == widths[i] && views[i].len == sizes[i] * widths[i]) continue;
        PyErr_Format(PyExc_ValueError, "argument %d has %zd items of %zd bytes, expected %zd of %d", i + 1,
                     views[i].itemsize ? views[i].len / views[i].itemsize : 0, views[i].itemsize, sizes[i], widths[i]);
        PyBuffer_Release(&views[i]);
        break;
    }
    if (i == count) return 0;
    while (i) PyBuffer_Release(&views[--i]);
    return -1;
}

static void close_all(Py_buffer *views, int count) {
    while (count) PyBuffer_Release(&views[--count]);
}

/* Whole numbers 0 .. 2^30 after `arrays` arguments; -1 with an exception set where there is something else. */
static int numbers(PyObject *const *args, Py_ssize_t nargs, int arrays, int count, Py_ssize_t *out) {
    if (nargs != arrays + count) {
        PyErr_Format(PyExc_TypeError, "expected %d arguments", arrays + count);
        return -1;
    }
    for (int i = 0; i < count; i++) {
        out[i] = PyLong_AsSsize_t(args[arrays + i]);
        if (out[i] == -1 && PyErr_Occurred()) return -1;
        if (out[i] < 0 || out[i] > 1 << 30) {
            PyErr_SetString(PyExc_ValueError, "a size is out of range");
            return -1;
        }
    }
    return 0;
}

static PyObject *merge(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
    Py_ssize_t n[2];
    Py_buffer v[MOST];
    (void)self;
    if (numbers(args, nargs, 3, 2, n)) return NULL;
    Py_ssize_t area = n[0] * n[1], sizes[] = {3 * area, 9 * area, 12 * area};
    if (open_all(args, v, 3, sizes, (const int[]){2, 2, 2}, 2)) return NULL;
    void *scratch = PyMem_RawMalloc(rndl_merge_scratch((size_t)n[0], (size_t)n[1]) + 1);
    if (scratch && area) {
        Py_BEGIN_ALLOW_THREADS
        rndl_merge(v[0].buf, v[1].buf, v[2].buf, (size_t)n[0], (size_t)n[1], scratch);
        Py_END_ALLOW_THREADS
    }
    PyMem_RawFree(scratch);
    close_all(v, 3);
    return scratch ? Py_NewRef(Py_None) : PyErr_NoMemory();
}

static PyObject *rgb(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
    Py_ssize_t n;
    Py_buffer v[MOST];
    (void)self;
    if (nargs != 4) return PyErr_Format(PyExc_TypeError, "expected 4 arguments");
    n = PyLong_AsSsize_t(args[3]);
    if (n < 0) return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_ValueError, "a size is out of range");
    Py_ssize_t sizes[] = {3 * n, 3 * n, 3 * n};
    if (open_all(args, v, 3, sizes, (const int[]){2, 2, 1}, 1)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    rndl_rgb(v[0].buf, v[1].buf, v[2].buf, (size_t)n);
    Py_END_ALLOW_THREADS
    close_all(v, 3);
    Py_RETURN_NONE;
}

static PyObject *repair(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
    Py_ssize_t gain, n;
    Py_buffer v[MOST];
    (void)self;
    if (nargs != 5) return PyErr_Format(PyExc_TypeError, "expected 5 arguments");
    gain = PyLong_AsSsize_t(args[3]);
    n = PyLong_AsSsize_t(args[4]);
    if (PyErr_Occurred()) return NULL;
    if (n < 0 || gain < 0 || gain > 1 << 23) return PyErr_Format(PyExc_ValueError, "a size or gain is out of range");
    Py_ssize_t sizes[] = {n, n, n};
    if (open_all(args, v, 3, sizes, (const int[]){2, 1, 1}, 2)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    rndl_repair(v[0].buf, v[1].buf, (int32_t)gain, v[2].buf, (size_t)n);
    Py_END_ALLOW_THREADS
    close_all(v, 3);
    Py_RETURN_NONE;
}

static PyObject *fold(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
    Py_ssize_t n[4]; /* h, w, c, s */
    Py_buffer v[MOST];
    (void)self;
    if (numbers(args, nargs, 3, 4, n)) return NULL;
    if (!n[3] || n[0] % n[3] || n[1] % n[3] || n[2] > RNDL_CELL_ROW / n[3]) return PyErr_Format(PyExc_ValueError, "sides are not whole cells");
    Py_ssize_t total = n[0] * n[1] * n[2], sizes[] = {total, n[2], total};
    if (open_all(args, v, 3, sizes, (const int[]){2, 4, 2}, 2)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    rndl_fold(v[0].buf, v[1].buf, v[2].buf, (size_t)n[0], (size_t)n[1], (size_t)n[2], (size_t)n[3]);
    Py_END_ALLOW_THREADS
    close_all(v, 3);
    Py_RETURN_NONE;
}

static PyObject *unfold(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
    Py_ssize_t n[4]; /* h, w, c, s */
    Py_buffer v[MOST];
    (void)self;
    if (numbers(args, nargs, 2, 4, n)) return NULL;
    Py_ssize_t total = n[0] * n[1] * n[2] * n[3] * n[3], sizes[] = {total, total};
    if (open_all(args, v, 2, sizes, (const int[]){2, 2}, 1)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    rndl_unfold(v[0].buf, v[1].buf, (size_t)n[0], (size_t)n[1], (size_t)n[2], (size_t)n[3]);
    Py_END_ALLOW_THREADS
    close_all(v, 2);
    Py_RETURN_NONE;
}

static PyObject *cells(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
    Py_ssize_t n[3]; /* h, w, back */
    Py_buffer v[MOST];
    (void)self;
    if (numbers(args, nargs, 2, 3, n)) return NULL;
    if (n[0] % 4 || n[1] % 4) return PyErr_Format(PyExc_ValueError, "sides are not whole cells");
    Py_ssize_t total = 3 * n[0] * n[1], sizes[] = {total, total};
    if (open_all(args, v, 2, sizes, (const int[]){1, 1}, 1)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    rndl_cells(v[0].buf, v[1].buf, (size_t)n[0], (size_t)n[1], n[2] != 0);
    Py_END_ALLOW_THREADS
    close_all(v, 2);
    Py_RETURN_NONE;
}

static PyObject *signed_(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
    Py_ssize_t n[4]; /* places, c, stride, wide */
    Py_buffer v[MOST];
    (void)self;
    if (numbers(args, nargs, 3, 4, n)) return NULL;
    if (n[1] > n[2] || 2 * n[1] > n[3]) return PyErr_Format(PyExc_ValueError, "channels do not fit");
    Py_ssize_t sizes[] = {n[0] * n[2], 256, n[0] * n[3]};
    if (open_all(args, v, 3, sizes, (const int[]){2, 1, 1}, 2)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    rndl_signed(v[0].buf, v[1].buf, v[2].buf, (size_t)n[0], (size_t)n[1], (size_t)n[2], (size_t)n[3]);
    Py_END_ALLOW_THREADS
    close_all(v, 3);
    Py_RETURN_NONE;
}

/* Fields of a colour of the chessboard; 2 is all. */
static Py_ssize_t count(const Py_ssize_t *n) {
    Py_ssize_t area = n[0] * n[1];
    return n[2] * (n[3] == 2 ? area : n[3] == 0 ? (area + 1) / 2 : area / 2);
}

static PyObject *places(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
    Py_ssize_t n[4]; /* h, w, c, fields */
    Py_buffer v[MOST];
    (void)self;
    if (numbers(args, nargs, 4, 4, n)) return NULL;
    Py_ssize_t total = count(n), sizes[] = {2 * n[0] * n[1] * n[2], 64 * 7, total, total};
    if (open_all(args, v, 4, sizes, (const int[]){1, 4, 4, 1}, 2)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    rndl_places(v[0].buf, (size_t)n[0], (size_t)n[1], (size_t)n[2], (int)n[3], v[1].buf, v[2].buf, v[3].buf);
    Py_END_ALLOW_THREADS
    close_all(v, 4);
    Py_RETURN_NONE;
}

/* Working memory of a level with a low band (h, w), or NULL with an exception set. */
static void *scratch_of(Py_ssize_t h, Py_ssize_t w) {
    if (!h || !w || h > (1 << 28) / w) return PyErr_Format(PyExc_ValueError, "a size is out of range");
    void *scratch = PyMem_RawMalloc(rndl_lifting_bytes((size_t)h, (size_t)w));
    return scratch ? scratch : PyErr_NoMemory();
}

static PyObject *split(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
    Py_ssize_t n[2];
    Py_buffer v[MOST];
    (void)self;
    if (numbers(args, nargs, 5, 2, n)) return NULL;
    float scale = (float)PyFloat_AsDouble(args[4]);
    if (PyErr_Occurred()) return NULL;
    void *scratch = scratch_of(n[0], n[1]);
    if (!scratch) return NULL;
    Py_ssize_t area = n[0] * n[1], sizes[] = {12 * area, 9, 3 * area, 9 * area};
    int wrong = open_all(args, v, 4, sizes, (const int[]){4, 4, 4, 4}, 2);
    if (!wrong) {
        Py_BEGIN_ALLOW_THREADS
        rndl_split(v[0].buf, v[1].buf, v[2].buf, v[3].buf, scale, (size_t)n[0], (size_t)n[1], scratch);
        Py_END_ALLOW_THREADS
        close_all(v, 4);
    }
    PyMem_RawFree(scratch);
    return wrong ? NULL : Py_NewRef(Py_None);
}

static PyObject *pulled(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
    Py_ssize_t n[3]; /* h, w, planes */
    Py_buffer v[MOST];
    (void)self;
    if (numbers(args, nargs, 4, 3, n)) return NULL;
    if (n[2] > 3) return PyErr_Format(PyExc_ValueError, "a size is out of range");
    void *scratch = scratch_of(n[0], n[1]);
    if (!scratch) return NULL;
    Py_ssize_t area = n[0] * n[1], sizes[] = {4 * n[2] * area, 3 * n[2], 9 * area, 9 * area};
    int wrong = open_all(args, v, 4, sizes, (const int[]){4, 4, 4, 4}, 3);
    if (!wrong) {
        Py_BEGIN_ALLOW_THREADS
        rndl_pulled(v[0].buf, v[1].buf, v[2].buf, v[3].buf, (size_t)n[2], (size_t)n[0], (size_t)n[1], scratch);
        Py_END_ALLOW_THREADS
        close_all(v, 4);
    }
    PyMem_RawFree(scratch);
    return wrong ? NULL : Py_NewRef(Py_None);
}

static PyObject *joined(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
    Py_ssize_t n[4]; /* h, w, planes, white */
    Py_buffer v[MOST];
    (void)self;
    if (numbers(args, nargs, 6, 4, n)) return NULL;
    float scale = (float)PyFloat_AsDouble(args[5]);
    if (PyErr_Occurred()) return NULL;
    if (n[2] > 3) return PyErr_Format(PyExc_ValueError, "a size is out of range");
    void *scratch = scratch_of(n[0], n[1]);
    if (!scratch) return NULL;
    int silent = args[1] == Py_None, count = silent ? 2 : 5;
    Py_ssize_t area = n[0] * n[1], whole[] = {n[2] * area, 9 * area, 9 * area, 9, 4 * n[2] * area};
    Py_ssize_t bare[] = {whole[0], whole[4]};
    PyObject *const alone[] = {args[0], args[4]};
    int wrong = open_all(silent ? alone : args, v, count, silent ? bare : whole,
                         silent ? (const int[]){4, 4} : (const int[]){4, 2, 4, 4, 4}, count - 1);
    if (!wrong) {
        Py_BEGIN_ALLOW_THREADS
        rndl_joined(v[0].buf, silent ? NULL : v[1].buf, silent ? NULL : v[2].buf, silent ? NULL : v[3].buf,
                    v[count - 1].buf, scale, (size_t)n[2], n[3] != 0, (size_t)n[0], (size_t)n[1], scratch);
        Py_END_ALLOW_THREADS
        close_all(v, count);
    }
    PyMem_RawFree(scratch);
    return wrong ? NULL : Py_NewRef(Py_None);
}

static PyObject *opponent(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
    Py_buffer v[MOST];
    (void)self;
    if (nargs != 5) return PyErr_Format(PyExc_TypeError, "expected 5 arguments");
    float grey = (float)PyFloat_AsDouble(args[3]);
    Py_ssize_t n = PyLong_AsSsize_t(args[4]);
    if (PyErr_Occurred()) return NULL;
    if (n < 0 || n > 1 << 30) return PyErr_Format(PyExc_ValueError, "a size is out of range");
    Py_ssize_t sizes[] = {3 * n, 9, 3 * n};
    if (open_all(args, v, 3, sizes, (const int[]){4, 4, 4}, 2)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    rndl_opponent(v[0].buf, v[1].buf, grey, v[2].buf, (size_t)n);
    Py_END_ALLOW_THREADS
    close_all(v, 3);
    Py_RETURN_NONE;
}

PyMethodDef rndl_wavelet_functions[] = {
    {"opponent", (PyCFunction)(void (*)(void))opponent, METH_FASTCALL, "opponent(pixels, matrix, out, grey, n)"},
    {"split", (PyCFunction)(void (*)(void))split, METH_FASTCALL, "split(x, factors, low, details, scale, h, w)"},
    {"pulled", (PyCFunction)(void (*)(void))pulled, METH_FASTCALL, "pulled(x, factors, y, out, h, w, planes)"},
    {"joined", (PyCFunction)(void (*)(void))joined, METH_FASTCALL, "joined(low, values or None, y, factors, x, scale, h, w, planes, white)"},
    {"merge", (PyCFunction)(void (*)(void))merge, METH_FASTCALL, "merge(low, details, out, h, w)"},
    {"rgb", (PyCFunction)(void (*)(void))rgb, METH_FASTCALL, "rgb(opponent, samples, pixels, n)"},
    {"repair", (PyCFunction)(void (*)(void))repair, METH_FASTCALL, "repair(samples, corrections, pixels, gain, n)"},
    {"fold", (PyCFunction)(void (*)(void))fold, METH_FASTCALL, "fold(symbols, multipliers, out, h, w, c, s)"},
    {"unfold", (PyCFunction)(void (*)(void))unfold, METH_FASTCALL, "unfold(cells, out, h, w, c, s)"},
    {"cells", (PyCFunction)(void (*)(void))cells, METH_FASTCALL, "cells(pixels, out, h, w, back)"},
    {"signed", (PyCFunction)(void (*)(void))signed_, METH_FASTCALL, "signed(values, table, out, n, c, stride, wide)"},
    {"places", (PyCFunction)(void (*)(void))places, METH_FASTCALL, "places(said, table, index, turned, h, w, c, fields)"},
    {NULL, NULL, 0, NULL},
};
