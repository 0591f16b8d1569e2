/* Samples of up to 16 bits for CPython; see samples.h. */
#include "binding.h"

#include "samples.h"

/* samples (uint16, height * width * colours), opened; -1 with an exception set. */
static int square_open(PyObject *samples, PyObject *const *sizes, int writable, Py_buffer *view, rndl_square *square) {
    size_t n[3];
    for (int i = 0; i < 3; i++) {
        n[i] = PyLong_AsSize_t(sizes[i]);
        if (PyErr_Occurred()) return -1;
    }
    Py_ssize_t items = rndl_items_of(samples, view, 2, writable, "samples");
    if (items < 0) return -1;
    if ((n[2] == 1 || n[2] == 3) && n[0] && n[1] && n[0] <= UINT32_MAX / 64 / n[1] && n[0] * n[1] * n[2] == (size_t)items) {
        *square = (rndl_square){n[0], n[1], (int32_t)n[2], view->buf};
        return 0;
    }
    PyErr_SetString(PyExc_ValueError, "samples and sizes do not fit together");
    PyBuffer_Release(view);
    return -1;
}

static PyObject *put(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
    Py_buffer view;
    rndl_square square;
    rndl_writer writer;
    (void)self;
    if (nargs != 5) return PyErr_Format(PyExc_TypeError, "expected samples, height, width, colours, limit");
    size_t limit = PyLong_AsSize_t(args[4]);
    if (PyErr_Occurred() || square_open(args[0], args + 1, 0, &view, &square)) return NULL;
    PyObject *answer = NULL;
    void *memory = PyMem_RawCalloc(rndl_samples_bytes(&square), 1);
    rndl_writer_start(&writer);
    writer.bytes = limit < PY_SSIZE_T_MAX / 2 ? PyMem_RawMalloc(limit + RNDL_SAMPLES_ROOM) : NULL;
    if (memory && writer.bytes) {
        int whole;
        Py_BEGIN_ALLOW_THREADS
        whole = rndl_samples_put(&writer, &square, limit, memory);
        Py_END_ALLOW_THREADS
        size_t length = whole ? rndl_writer_close(&writer) : 0;
        answer = whole && length <= limit ? PyBytes_FromStringAndSize((const char *)writer.bytes, (Py_ssize_t)length)
                                          : Py_NewRef(Py_None);
    } else
        PyErr_NoMemory();
    PyMem_RawFree(writer.bytes);
    PyMem_RawFree(memory);
    PyBuffer_Release(&view);
    return answer;
}

static PyObject *take(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
    Py_buffer view, data;
    rndl_square square;
    rndl_reader reader;
    if (nargs != 5) return PyErr_Format(PyExc_TypeError, "expected data, samples, height, width, colours");
    if (rndl_items_of(args[0], &data, 1, 0, "data") < 0) return NULL;
    PyObject *answer = NULL;
    if (!square_open(args[1], args + 2, 1, &view, &square)) {
        void *memory = PyMem_RawCalloc(rndl_samples_bytes(&square), 1);
        if (memory) {
            enum rndl_result result;
            rndl_reader_start(&reader, data.buf, (size_t)data.len);
            Py_BEGIN_ALLOW_THREADS
            result = rndl_samples_take(&reader, &square, memory);
            Py_END_ALLOW_THREADS
            if (result)
                PyErr_SetString(((module_state *)PyModule_GetState(self))->Damaged, "a value that no encoder writes");
            else
                answer = Py_NewRef(Py_None);
        } else
            PyErr_NoMemory();
        PyMem_RawFree(memory);
        PyBuffer_Release(&view);
    }
    PyBuffer_Release(&data);
    return answer;
}

PyMethodDef rndl_samples_functions[] = {
    {"samples_put", (PyCFunction)(void (*)(void))put, METH_FASTCALL,
     "samples_put(samples, height, width, colours, limit): bytes, or None if there are more than limit."},
    {"samples_take", (PyCFunction)(void (*)(void))take, METH_FASTCALL,
     "samples_take(data, samples, height, width, colours): fill the samples."},
    {NULL, NULL, 0, NULL},
};
