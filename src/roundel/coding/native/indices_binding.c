/* Pictures of few colours for CPython; see indices.h. */
#include "binding.h"

#include "indices.h"

/* index (uint16, height * width) and palette (bytes), opened; -1 with an exception set. */
static int picture_open(PyObject *index, PyObject *palette, PyObject *height, PyObject *width, int writable, Py_buffer *views,
                        rndl_picture *picture) {
    size_t h = PyLong_AsSize_t(height), w = PyErr_Occurred() ? 0 : PyLong_AsSize_t(width);
    if (PyErr_Occurred()) return -1;
    Py_ssize_t n = rndl_items_of(index, &views[0], 2, writable, "index");
    if (n < 0) return -1;
    Py_ssize_t bytes = rndl_items_of(palette, &views[1], 1, writable, "palette");
    if (bytes >= 0) {
        int whole = h && w && h <= UINT32_MAX / w / 16 && h * w == (size_t)n;
        if (whole && bytes % 3 == 0 && bytes && bytes <= 3 * RNDL_COLOURS_MAX && (!writable || bytes == 3 * RNDL_COLOURS_MAX)) {
            *picture = (rndl_picture){h, w, (int32_t)(bytes / 3), views[1].buf, views[0].buf};
            return 0;
        }
        PyErr_SetString(PyExc_ValueError, "index, palette and sizes do not fit together");
        PyBuffer_Release(&views[1]);
    }
    PyBuffer_Release(&views[0]);
    return -1;
}

static void picture_close(Py_buffer *views) {
    PyBuffer_Release(&views[1]);
    PyBuffer_Release(&views[0]);
}

static PyObject *put(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
    Py_buffer views[2];
    rndl_picture picture;
    rndl_writer writer;
    (void)self;
    if (nargs != 5) return PyErr_Format(PyExc_TypeError, "expected index, palette, height, width, limit");
    size_t limit = PyLong_AsSize_t(args[4]);
    if (PyErr_Occurred() || picture_open(args[0], args[1], args[2], args[3], 0, views, &picture)) return NULL;
    PyObject *answer = NULL;
    void *memory = PyMem_RawCalloc(rndl_indices_bytes(picture.height, picture.width), 1);
    rndl_writer_start(&writer);
    writer.bytes = limit < PY_SSIZE_T_MAX / 2 ? PyMem_RawMalloc(limit + RNDL_INDICES_ROOM) : NULL;
    if (memory && writer.bytes) {
        int whole;
        Py_BEGIN_ALLOW_THREADS
        whole = rndl_indices_put(&writer, &picture, limit, memory);
        Py_END_ALLOW_THREADS
        size_t length = whole ? rndl_writer_close(&writer) : 0;
        answer = whole && length <= limit ? PyBytes_FromStringAndSize((const char *)writer.bytes, (Py_ssize_t)length)
                                          : Py_NewRef(Py_None);
    } else
        PyErr_NoMemory();
    PyMem_RawFree(writer.bytes);
    PyMem_RawFree(memory);
    picture_close(views);
    return answer;
}

static PyObject *take(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
    Py_buffer views[2], data;
    rndl_picture picture;
    rndl_reader reader;
    if (nargs != 5) return PyErr_Format(PyExc_TypeError, "expected data, index, palette, height, width");
    if (rndl_items_of(args[0], &data, 1, 0, "data") < 0) return NULL;
    PyObject *answer = NULL;
    if (!picture_open(args[1], args[2], args[3], args[4], 1, views, &picture)) {
        void *memory = PyMem_RawCalloc(rndl_indices_bytes(picture.height, picture.width), 1);
        if (memory) {
            enum rndl_result result;
            rndl_reader_start(&reader, data.buf, (size_t)data.len);
            Py_BEGIN_ALLOW_THREADS
            result = rndl_indices_take(&reader, &picture, memory);
            Py_END_ALLOW_THREADS
            if (result)
                PyErr_SetString(((module_state *)PyModule_GetState(self))->Damaged, "a value that no encoder writes");
            else
                answer = PyLong_FromLong(picture.colours);
        } else
            PyErr_NoMemory();
        PyMem_RawFree(memory);
        picture_close(views);
    }
    PyBuffer_Release(&data);
    return answer;
}

PyMethodDef rndl_indices_functions[] = {
    {"indices_put", (PyCFunction)(void (*)(void))put, METH_FASTCALL,
     "indices_put(index, palette, height, width, limit): bytes, or None if there are more than limit."},
    {"indices_take", (PyCFunction)(void (*)(void))take, METH_FASTCALL,
     "indices_take(data, index, palette, height, width): fill the next two; the number of colours."},
    {NULL, NULL, 0, NULL},
};
