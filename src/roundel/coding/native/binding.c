/* The C core for CPython: arguments are anything with the buffer protocol, so no NumPy headers are needed.
   Work runs without the interpreter's lock; a writer or reader that two threads use at once is refused. */
#include "binding.h"

#include <string.h>

#include "colours.h"
#include "dependent.h"
#include "memory.h"
#include "mixture.h"
#include "neighbours.h"

/* A contiguous buffer of `width`-byte items; their number, or -1 with an exception set. */
Py_ssize_t rndl_items_of(PyObject *object, Py_buffer *view, Py_ssize_t width, int writable, const char *name) {
    if (PyObject_GetBuffer(object, view, writable ? PyBUF_CONTIG : PyBUF_CONTIG_RO)) return -1;
    if (view->itemsize == width) return view->len / width;
    PyErr_Format(PyExc_ValueError, "%s has items of %zd bytes, expected %zd", name, view->itemsize, width);
    PyBuffer_Release(view);
    return -1;
}

PyObject *rndl_failed(module_state *state, enum rndl_result result) {
    switch (result) {
    case RNDL_BAD_INDEX: PyErr_SetString(state->BadIndex, "a table index names no table"); break;
    case RNDL_DAMAGED: PyErr_SetString(state->Damaged, "a value that no encoder writes"); break;
    default: PyErr_SetString(state->Beyond, "an escaped value beyond 32 bits"); break;
    }
    return NULL;
}

/* ---- Tables ---- */

static PyObject *tables_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    PyObject *frequencies, *starts, *offsets;
    static char *names[] = {"frequencies", "starts", "offsets", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOO", names, &frequencies, &starts, &offsets)) return NULL;
    Py_buffer f, s, o;
    Py_ssize_t total = rndl_items_of(frequencies, &f, 4, 0, "frequencies");
    if (total < 0) return NULL;
    Py_ssize_t edges = rndl_items_of(starts, &s, 8, 0, "starts");
    if (edges < 0) return PyBuffer_Release(&f), NULL;
    Py_ssize_t count = rndl_items_of(offsets, &o, 4, 0, "offsets");
    if (count < 0) return PyBuffer_Release(&s), PyBuffer_Release(&f), NULL;
    TablesObject *self = NULL;
    if (count < 1 || count > 1 << 16 || edges != count + 1) {
        PyErr_SetString(PyExc_ValueError, "starts and offsets do not fit together");
        goto done;
    }
    self = (TablesObject *)type->tp_alloc(type, 0);
    if (!self) goto done;
    size_t lookup = (size_t)count * RNDL_LOOKUP;
    size_t bytes = (size_t)s.len + (size_t)o.len + 2 * (size_t)f.len + 4 * lookup + 2 * (size_t)total + (size_t)count;
    char *memory = self->memory = PyMem_RawMalloc(bytes);
    if (!memory) {
        PyErr_NoMemory();
        Py_CLEAR(self);
        goto done;
    }
    rndl_tables *t = &self->tables;
    t->count = (int32_t)count;
    t->starts = memcpy(memory, s.buf, (size_t)s.len);
    t->offsets = memcpy(memory + s.len, o.buf, (size_t)o.len);
    t->frequencies = memcpy(memory + s.len + o.len, f.buf, (size_t)f.len);
    uint32_t *cumulative = (uint32_t *)(memory + s.len + o.len + f.len), *found = cumulative + total;
    t->cumulative = cumulative;
    t->lookup = found;
    if (rndl_tables_prepare(t, (size_t)total, cumulative, found)) {
        PyErr_SetString(PyExc_ValueError, "probability tables break a rule");
        Py_CLEAR(self);
        goto done;
    }
    self->costs = (uint16_t *)(found + lookup);
    self->reach = (uint8_t *)(self->costs + total);
    rndl_colours_reach(t, self->reach);
    rndl_neighbours_costs(t, self->costs);
done:
    PyBuffer_Release(&o);
    PyBuffer_Release(&s);
    PyBuffer_Release(&f);
    return (PyObject *)self;
}

static void tables_dealloc(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    PyMem_RawFree(((TablesObject *)object)->memory);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyType_Slot tables_slots[] = {
    {Py_tp_doc, "Tables(frequencies uint32, starts int64, offsets int32): checked and ready to code with."},
    {Py_tp_new, tables_new},
    {Py_tp_dealloc, tables_dealloc},
    {0, NULL},
};
static PyType_Spec tables_spec = {"roundel.coding._native.Tables", sizeof(TablesObject), 0, Py_TPFLAGS_DEFAULT, tables_slots};

/* ---- Lists: the arguments that writing and reading share ---- */

typedef struct {
    Py_buffer symbols, index;
    Py_ssize_t n;
    rndl_tables *tables;
    void *scratch;
    long second; /* -1 in a list that is not dependent */
} list_arguments;

/* A distance between tables in `second` makes it a dependent list. */
static int list_open(module_state *state, PyObject *const *args, Py_ssize_t nargs, int writable, list_arguments *list) {
    if ((nargs != 3 && nargs != 4) || Py_TYPE(args[2]) != state->Tables) {
        PyErr_SetString(PyExc_TypeError, "expected symbols int32, table_index int32, tables, or the same and a number");
        return -1;
    }
    list->second = -1;
    if (nargs == 4) {
        list->second = PyLong_AsLong(args[3]);
        if (list->second < 0 || list->second > INT32_MAX) {
            if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "a distance between tables is out of range");
            return -1;
        }
    }
    list->n = rndl_items_of(args[0], &list->symbols, 4, writable, "symbols");
    if (list->n < 0) return -1;
    Py_ssize_t indices = rndl_items_of(args[1], &list->index, 4, 0, "table_index");
    if (indices < 0) {
        PyBuffer_Release(&list->symbols);
        return -1;
    }
    list->tables = &((TablesObject *)args[2])->tables;
    list->scratch = NULL;
    if (indices != list->n || (uint64_t)indices > UINT32_MAX)
        PyErr_Format(PyExc_ValueError, "%zd symbols with %zd table indices", list->n, indices);
    else if (!(list->scratch = PyMem_RawMalloc(rndl_scratch_bytes((size_t)list->n, list->tables->count))))
        PyErr_NoMemory();
    if (list->scratch) return 0;
    PyBuffer_Release(&list->index);
    PyBuffer_Release(&list->symbols);
    return -1;
}

static void list_close(list_arguments *list) {
    PyMem_RawFree(list->scratch);
    PyBuffer_Release(&list->index);
    PyBuffer_Release(&list->symbols);
}

int rndl_busy(int *flag) {
    if (*flag) {
        PyErr_SetString(PyExc_RuntimeError, "two threads use one stream");
        return 1;
    }
    *flag = 1;
    return 0;
}

/* ---- Writer ---- */

static PyObject *writer_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    if (!PyArg_ParseTuple(args, "") || (kwargs && PyDict_GET_SIZE(kwargs))) return NULL;
    WriterObject *self = (WriterObject *)type->tp_alloc(type, 0);
    if (self) rndl_writer_start(&self->writer);
    return (PyObject *)self;
}

static void writer_dealloc(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    PyMem_RawFree(((WriterObject *)object)->writer.bytes);
    type->tp_free(object);
    Py_DECREF(type);
}

int rndl_reserve(WriterObject *self, size_t n) {
    size_t needed = self->writer.length + n * RNDL_BYTES_PER_SYMBOL + 8;
    if (needed <= self->capacity) return 0;
    if (needed < 2 * self->capacity) needed = 2 * self->capacity;
    uint8_t *bytes = PyMem_RawRealloc(self->writer.bytes, needed);
    if (!bytes) {
        PyErr_NoMemory();
        return -1;
    }
    self->writer.bytes = bytes;
    self->capacity = needed;
    return 0;
}

static PyObject *writer_put(PyObject *object, PyTypeObject *type, PyObject *const *args, Py_ssize_t nargs, PyObject *names) {
    WriterObject *self = (WriterObject *)object;
    module_state *state = PyType_GetModuleState(type);
    list_arguments list;
    (void)names;
    if (list_open(state, args, nargs, 0, &list)) return NULL;
    if (rndl_busy(&self->busy)) return list_close(&list), NULL;
    PyObject *answer = NULL;
    if (!rndl_reserve(self, (size_t)list.n)) {
        enum rndl_result result;
        Py_BEGIN_ALLOW_THREADS
        result = list.second >= 0
            ? rndl_put_dependent(&self->writer, list.symbols.buf, list.index.buf, (size_t)list.n, (int32_t)list.second,
                                 list.tables, list.scratch)
            : rndl_put(&self->writer, list.symbols.buf, list.index.buf, (size_t)list.n, list.tables, list.scratch);
        Py_END_ALLOW_THREADS
        answer = result ? rndl_failed(state, result) : Py_NewRef(Py_None);
    }
    self->busy = 0;
    list_close(&list);
    return answer;
}

static PyObject *writer_close(PyObject *object, PyObject *none) {
    WriterObject *self = (WriterObject *)object;
    (void)none;
    if (rndl_busy(&self->busy)) return NULL;
    PyObject *answer = NULL;
    if (!rndl_reserve(self, 0)) {
        size_t length = rndl_writer_close(&self->writer);
        answer = PyBytes_FromStringAndSize((const char *)self->writer.bytes, (Py_ssize_t)length);
        rndl_writer_start(&self->writer);
    }
    self->busy = 0;
    return answer;
}

static PyMethodDef writer_methods[] = {
    {"put", (PyCFunction)(void (*)(void))writer_put, METH_METHOD | METH_FASTCALL | METH_KEYWORDS,
     "put(symbols, table_index, tables[, second]): append a list, or with `second` a dependent one."},
    {"close", writer_close, METH_NOARGS, "The bytes of all that was put; the writer starts anew."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot writer_slots[] = {
    {Py_tp_doc, "Encodes lists of symbols into one stream."},
    {Py_tp_new, writer_new},
    {Py_tp_dealloc, writer_dealloc},
    {Py_tp_methods, writer_methods},
    {0, NULL},
};
static PyType_Spec writer_spec = {"roundel.coding._native.Writer", sizeof(WriterObject), 0, Py_TPFLAGS_DEFAULT, writer_slots};

/* ---- Reader ---- */

static PyObject *reader_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    PyObject *data;
    if (!PyArg_ParseTuple(args, "O", &data) || (kwargs && PyDict_GET_SIZE(kwargs))) return NULL;
    ReaderObject *self = (ReaderObject *)type->tp_alloc(type, 0);
    if (!self) return NULL;
    if (rndl_items_of(data, &self->data, 1, 0, "data") < 0) {
        memset(&self->data, 0, sizeof self->data);
        Py_DECREF(self);
        return NULL;
    }
    rndl_reader_start(&self->reader, self->data.buf, (size_t)self->data.len);
    return (PyObject *)self;
}

static void reader_dealloc(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    PyBuffer_Release(&((ReaderObject *)object)->data);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyObject *reader_take(PyObject *object, PyTypeObject *type, PyObject *const *args, Py_ssize_t nargs, PyObject *names) {
    ReaderObject *self = (ReaderObject *)object;
    module_state *state = PyType_GetModuleState(type);
    list_arguments list;
    (void)names;
    if (list_open(state, args, nargs, 1, &list)) return NULL;
    if (rndl_busy(&self->busy)) return list_close(&list), NULL;
    enum rndl_result result;
    Py_BEGIN_ALLOW_THREADS
    result = list.second >= 0
        ? rndl_take_dependent(&self->reader, list.symbols.buf, list.index.buf, (size_t)list.n, (int32_t)list.second,
                              list.tables, list.scratch)
        : rndl_take(&self->reader, list.symbols.buf, list.index.buf, (size_t)list.n, list.tables, list.scratch);
    Py_END_ALLOW_THREADS
    self->busy = 0;
    list_close(&list);
    return result ? rndl_failed(state, result) : Py_NewRef(Py_None);
}

static PyMethodDef reader_methods[] = {
    {"take", (PyCFunction)(void (*)(void))reader_take, METH_METHOD | METH_FASTCALL | METH_KEYWORDS,
     "take(symbols, table_index, tables[, second]): fill symbols with the next list."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot reader_slots[] = {
    {Py_tp_doc, "Reader(data): decodes what a Writer wrote."},
    {Py_tp_new, reader_new},
    {Py_tp_dealloc, reader_dealloc},
    {Py_tp_methods, reader_methods},
    {0, NULL},
};
static PyType_Spec reader_spec = {"roundel.coding._native.Reader", sizeof(ReaderObject), 0, Py_TPFLAGS_DEFAULT, reader_slots};

/* One list from each of several readers: where tiles are small, a call for each would cost more than its symbols. */
static PyObject *take_each(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    module_state *state = PyModule_GetState(module);
    list_arguments list;
    if (nargs != 4 || !PyList_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "expected readers, symbols int32, table_index int32, tables");
        return NULL;
    }
    if (list_open(state, args + 1, 3, 1, &list)) return NULL;
    Py_ssize_t count = PyList_GET_SIZE(args[0]), held = 0;
    ReaderObject **readers = PyMem_RawMalloc((size_t)(count + 1) * sizeof *readers);
    if (!readers)
        PyErr_NoMemory();
    else if (!count || list.n % count)
        PyErr_Format(PyExc_ValueError, "%zd symbols from %zd readers", list.n, count);
    else
        for (; held < count; held++) { /* held: another thread may change the list meanwhile */
            readers[held] = (ReaderObject *)PyList_GET_ITEM(args[0], held);
            if (Py_TYPE(readers[held]) != state->Reader) {
                PyErr_SetString(PyExc_TypeError, "not a list of readers");
                break;
            }
            if (rndl_busy(&readers[held]->busy)) break;
            Py_INCREF(readers[held]);
        }
    enum rndl_result result = RNDL_OK;
    int good = count && held == count;
    if (good) {
        size_t each = (size_t)(list.n / count);
        int32_t *symbols = list.symbols.buf;
        const int32_t *index = list.index.buf;
        Py_BEGIN_ALLOW_THREADS
        for (size_t r = 0; r < (size_t)count && !result; r++)
            result = rndl_take(&readers[r]->reader, symbols + r * each, index + r * each, each, list.tables, list.scratch);
        Py_END_ALLOW_THREADS
    }
    while (held) {
        readers[--held]->busy = 0;
        Py_DECREF(readers[held]);
    }
    PyMem_RawFree(readers);
    list_close(&list);
    if (!good) return NULL;
    return result ? rndl_failed(state, result) : Py_NewRef(Py_None);
}

/* ---- Module ---- */

static PyObject *mixture(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
    static const char *names[] = {"mean", "log_scale", "tail", "index", "centre"};
    Py_buffer views[5];
    Py_ssize_t n = 0;
    int opened = 0;
    (void)self;
    if (nargs != 5) {
        PyErr_SetString(PyExc_TypeError, "expected mean, log_scale, tail, index, centre");
        return NULL;
    }
    for (; opened < 5; opened++) {
        Py_ssize_t found = rndl_items_of(args[opened], &views[opened], 4, opened > 2, names[opened]);
        if (found < 0) break;
        if (opened && found != n) {
            PyErr_SetString(PyExc_ValueError, "arrays of different sizes");
            opened++;
            break;
        }
        n = found;
    }
    int good = !PyErr_Occurred();
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        rndl_mixture(views[0].buf, views[1].buf, views[2].buf, views[3].buf, views[4].buf, (size_t)n);
        Py_END_ALLOW_THREADS
    }
    while (opened) PyBuffer_Release(&views[--opened]);
    return good ? Py_NewRef(Py_None) : NULL;
}

static PyMethodDef functions[] = {
    {"mixture", (PyCFunction)(void (*)(void))mixture, METH_FASTCALL,
     "mixture(mean, log_scale, tail, index, centre): fill the last two; all int32."},
    {"take_each", (PyCFunction)(void (*)(void))take_each, METH_FASTCALL,
     "take_each(readers, symbols, table_index, tables): fill symbols with a list from each, all of one length."},
    {NULL, NULL, 0, NULL},
};

static int add_type(PyObject *m, PyType_Spec *spec, const char *name, PyTypeObject **kept) {
    PyObject *type = PyType_FromModuleAndSpec(m, spec, NULL);
    if (!type) return -1;
    if (kept) *kept = (PyTypeObject *)Py_NewRef(type);
    int result = PyModule_AddObjectRef(m, name, type);
    Py_DECREF(type);
    return result;
}

static int add_error(PyObject *m, const char *full, const char *name, PyObject **kept) {
    *kept = PyErr_NewException(full, PyExc_ValueError, NULL);
    return *kept ? PyModule_AddObjectRef(m, name, *kept) : -1;
}

static int execute(PyObject *m) {
    module_state *state = PyModule_GetState(m);
    rndl_keep_memory();
    if (add_error(m, "roundel.coding._native.Damaged", "Damaged", &state->Damaged)) return -1;
    if (add_error(m, "roundel.coding._native.BadIndex", "BadIndex", &state->BadIndex)) return -1;
    if (add_error(m, "roundel.coding._native.Beyond", "Beyond", &state->Beyond)) return -1;
    if (add_type(m, &tables_spec, "Tables", &state->Tables)) return -1;
    if (add_type(m, &rndl_cell_spec, "Cell", NULL)) return -1;
    if (add_type(m, &rndl_squares_spec, "Squares", NULL)) return -1;
    if (add_type(m, &writer_spec, "Writer", &state->Writer)) return -1;
    if (PyModule_AddFunctions(m, rndl_decide_functions)) return -1;
    if (PyModule_AddFunctions(m, rndl_dependent_functions)) return -1;
    if (PyModule_AddFunctions(m, rndl_details_functions)) return -1;
    if (PyModule_AddFunctions(m, rndl_indices_functions)) return -1;
    if (PyModule_AddFunctions(m, rndl_samples_functions)) return -1;
    if (PyModule_AddFunctions(m, rndl_wavelet_functions)) return -1;
    return add_type(m, &reader_spec, "Reader", &state->Reader);
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, execute}, {0, NULL}};
static struct PyModuleDef module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "roundel.coding._native",
    .m_doc = "The coder in C.",
    .m_size = sizeof(module_state),
    .m_methods = functions,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__native(void) { return PyModuleDef_Init(&module); }
