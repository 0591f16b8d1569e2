/* What a lossless tile learns from itself, for CPython: sizes are checked here, and the values that it is told. */
#include "binding.h"

#include "cell.h"
#include "mixture.h"

typedef struct {
    PyObject_HEAD
    rndl_cell cell;
    void *memory;
    size_t pictures;
    int32_t colours, halvings;
    int begun, busy; /* begun: a group was walked */
} CellObject;

static PyObject *cell_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    Py_ssize_t pictures, height, width;
    int flags, halvings, colours;
    if (!PyArg_ParseTuple(args, "innnii", &flags, &pictures, &height, &width, &halvings, &colours) ||
        (kwargs && PyDict_GET_SIZE(kwargs)))
        return NULL;
    if (flags < 0 || flags > 15 || pictures < 1 || height < 1 || width < 1 || halvings < 0 || halvings > 31 ||
        (colours != 1 && colours != 3)) {
        PyErr_SetString(PyExc_ValueError, "a size is out of range");
        return NULL;
    }
    rndl_space space = {(size_t)pictures, (size_t)height, (size_t)width, halvings, colours};
    size_t bytes = rndl_cell_bytes(flags, &space);
    if (!bytes) return PyErr_NoMemory();
    CellObject *self = (CellObject *)type->tp_alloc(type, 0);
    if (!self) return NULL;
    self->memory = PyMem_RawCalloc(1, bytes + 64);
    if (!self->memory) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    self->cell = rndl_cell_start(flags, &space, (char *)self->memory + (-(uintptr_t)self->memory & 63));
    self->pictures = (size_t)pictures;
    self->colours = colours;
    self->halvings = halvings;
    return (PyObject *)self;
}

static void cell_dealloc(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    PyMem_RawFree(((CellObject *)object)->memory);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyObject *refused(const char *why) {
    PyErr_SetString(PyExc_ValueError, why);
    return NULL;
}

/* Whether all samples are within a colour's range. */
static int in_range(int32_t colour, const int32_t *values, size_t n) {
    int32_t low = colour ? -255 : -128, high = colour ? 255 : 127;
    for (size_t i = 0; i < n; i++)
        if (values[i] < low || values[i] > high) return 0;
    return 1;
}

static PyObject *cell_first(PyObject *object, PyTypeObject *type, PyObject *const *args, Py_ssize_t nargs, PyObject *names) {
    CellObject *self = (CellObject *)object;
    Py_buffer view;
    (void)type, (void)names;
    if (nargs != 2) return refused("expected colour, values");
    long colour = PyLong_AsLong(args[0]);
    if (colour == -1 && PyErr_Occurred()) return NULL;
    Py_ssize_t n = rndl_items_of(args[1], &view, 4, 0, "values");
    if (n < 0) return NULL;
    PyObject *answer = NULL;
    if (colour < 0 || colour >= self->colours || (size_t)n != self->pictures || self->begun)
        refused("not the first pixel of each picture");
    else if (!in_range((int32_t)colour, view.buf, (size_t)n))
        refused("a sample is beyond its range");
    else if (!rndl_busy(&self->busy)) {
        rndl_cell_first(&self->cell, (int32_t)colour, view.buf);
        self->busy = 0;
        answer = Py_NewRef(Py_None);
    }
    PyBuffer_Release(&view);
    return answer;
}

/* A group's arrays: values, three that say where they lie, and the colours before. */
enum { VALUES, MEAN, LOG_SCALE, TAIL, INDEX = MEAN, CENTRE, LUMA = 4, CO, ARRAYS };

typedef struct {
    rndl_group group;
    rndl_learner by;
    const int32_t *index, *centre;
    void *scratch;
    Py_buffer views[ARRAYS];
    int used[ARRAYS];
} arguments;

static void close_arguments(arguments *given) {
    for (int i = 0; i < ARRAYS; i++)
        if (given->used[i]) PyBuffer_Release(&given->views[i]);
    PyMem_RawFree(given->scratch);
}

/* One array, of as many samples as the others; 0, or -1 with an exception set. */
static int add(arguments *given, int which, PyObject *object, int writable) {
    static const char *called[] = {"values", "mean", "log_scale", "tail", "luma", "co"};
    Py_ssize_t n = rndl_items_of(object, &given->views[which], 4, writable, called[which]);
    if (n < 0) return -1;
    given->used[which] = 1;
    if (which == VALUES) given->group.n = (size_t)n;
    if ((size_t)n != given->group.n) PyErr_SetString(PyExc_ValueError, "arrays of different sizes");
    else if ((uint64_t)n > UINT32_MAX) PyErr_SetString(PyExc_ValueError, "a group has fewer than 2^32 samples");
    else return 0;
    return -1;
}

/* The colours before a group's own. */
static int add_before(arguments *given, PyObject *luma, PyObject *co) {
    if (given->group.colour > 0 && add(given, LUMA, luma, 0)) return -1;
    if (given->group.colour > 1 && add(given, CO, co, 0)) return -1;
    given->group.luma = given->used[LUMA] ? given->views[LUMA].buf : NULL;
    given->group.co = given->used[CO] ? given->views[CO].buf : NULL;
    return 0;
}

static int add_tables(arguments *given, module_state *module, PyObject *object) {
    if (Py_TYPE(object) != module->Tables) return PyErr_SetString(PyExc_TypeError, "expected tables"), -1;
    const TablesObject *tables = (TablesObject *)object;
    given->by = (rndl_learner){tables->tables, tables->reach, tables->costs};
    if (tables->tables.count < RNDL_MIXTURES) return PyErr_SetString(PyExc_ValueError, "these are no mixtures"), -1;
    given->scratch = PyMem_RawMalloc(rndl_cell_scratch_bytes(given->group.n, tables->tables.count));
    return given->scratch ? 0 : (PyErr_NoMemory(), -1);
}

/* A group's place in the walk: a tuple of pass, level, phase, colour and white. */
static int add_place(arguments *given, const CellObject *self, PyObject *place) {
    long n[5];
    if (!PyTuple_Check(place) || PyTuple_GET_SIZE(place) != 5) return refused("expected a group"), -1;
    for (int i = 0; i < 5; i++) {
        n[i] = PyLong_AsLong(PyTuple_GET_ITEM(place, i));
        if (n[i] == -1 && PyErr_Occurred()) return -1;
    }
    if (n[1] < self->halvings || n[1] > 31 || n[2] < 0 || n[2] > 2 || n[3] < 0 || n[3] >= self->colours || n[4] < 0 || n[4] > 1)
        return refused("no such group"), -1;
    given->group.level = (int32_t)n[1], given->group.phase = (int32_t)n[2];
    given->group.colour = (int32_t)n[3], given->group.white = (int32_t)n[4];
    return 0;
}

static int add_told(arguments *given, PyObject *const *told) {
    for (int i = 0; i < 3; i++)
        if (add(given, MEAN + i, told[i], 0)) return -1;
    given->group.mean = given->views[MEAN].buf;
    given->group.log_scale = given->views[LOG_SCALE].buf;
    given->group.tail = given->views[TAIL].buf;
    return 0;
}

/* Another thread may hold the stream; 0, or -1 with an exception set, and then neither is held. */
static int hold(CellObject *self, int *stream) {
    if (rndl_busy(&self->busy)) return -1;
    if (!rndl_busy(stream)) return 0;
    self->busy = 0;
    return -1;
}

static PyObject *cell_place(PyObject *object, PyTypeObject *type, PyObject *const *args, Py_ssize_t nargs, PyObject *names) {
    CellObject *self = (CellObject *)object;
    arguments given = {0};
    Py_buffer placed[2];
    PyObject *answer = NULL;
    enum rndl_result result;
    int opened = 0;
    (void)names;
    if (nargs != 8) return refused("expected group, values, mean, log_scale, tail, index, centre, tables");
    if (add_place(&given, self, args[0]) || add(&given, VALUES, args[1], 0) || add_told(&given, args + 2)) goto done;
    given.group.values = given.views[VALUES].buf;
    for (; opened < 2; opened++) {
        Py_ssize_t n = rndl_items_of(args[5 + opened], &placed[opened], 4, 1, "index and centre");
        if (n < 0) goto done;
        if ((size_t)n == given.group.n) continue;
        opened++;
        refused("arrays of different sizes");
        goto done;
    }
    if (add_tables(&given, PyType_GetModuleState(type), args[7])) goto done;
    if (!in_range(given.group.colour, given.group.values, given.group.n)) {
        refused("a sample is beyond its range");
        goto done;
    }
    if (rndl_busy(&self->busy)) goto done;
    self->begun = 1;
    Py_BEGIN_ALLOW_THREADS
    result = rndl_cell_place(&self->cell, &given.group, &given.by, placed[0].buf, placed[1].buf);
    Py_END_ALLOW_THREADS
    answer = result ? rndl_failed(PyType_GetModuleState(type), result) : Py_NewRef(Py_None);
    self->busy = 0;
done:
    while (opened) PyBuffer_Release(&placed[--opened]);
    close_arguments(&given);
    return answer;
}

static PyObject *cell_put(PyObject *object, PyTypeObject *type, PyObject *const *args, Py_ssize_t nargs, PyObject *names) {
    CellObject *self = (CellObject *)object;
    module_state *module = PyType_GetModuleState(type);
    arguments given = {0};
    PyObject *answer = NULL;
    enum rndl_result result;
    (void)names;
    if (nargs != 8 || Py_TYPE(args[0]) != module->Writer)
        return refused("expected writer, colour, values, index, centre, luma, co, tables");
    WriterObject *writer = (WriterObject *)args[0];
    long colour = PyLong_AsLong(args[1]);
    if (colour == -1 && PyErr_Occurred()) return NULL;
    if (colour < 0 || colour >= self->colours) return refused("no such colour");
    given.group.colour = (int32_t)colour;
    if (add(&given, VALUES, args[2], 0) || add(&given, INDEX, args[3], 0) || add(&given, CENTRE, args[4], 0) ||
        add_before(&given, args[5], args[6]) || add_tables(&given, module, args[7]))
        goto done;
    given.group.values = given.views[VALUES].buf;
    const int32_t *index = given.views[INDEX].buf;
    for (size_t i = 0; i < given.group.n; i++)
        if ((uint32_t)index[i] >= (uint32_t)given.by.tables.count) {
            rndl_failed(module, RNDL_BAD_INDEX);
            goto done;
        }
    if (hold(self, &writer->busy)) goto done;
    if (!rndl_reserve(writer, given.group.n)) {
        Py_BEGIN_ALLOW_THREADS
        result = rndl_cell_put(&self->cell, &writer->writer, &given.group, index, given.views[CENTRE].buf, &given.by,
                                 given.scratch);
        Py_END_ALLOW_THREADS
        answer = result ? rndl_failed(PyType_GetModuleState(type), result) : Py_NewRef(Py_None);
    }
    writer->busy = self->busy = 0;
done:
    close_arguments(&given);
    return answer;
}

static PyObject *cell_take(PyObject *object, PyTypeObject *type, PyObject *const *args, Py_ssize_t nargs, PyObject *names) {
    CellObject *self = (CellObject *)object;
    module_state *module = PyType_GetModuleState(type);
    arguments given = {0};
    PyObject *answer = NULL;
    enum rndl_result result;
    (void)names;
    if (nargs != 9 || Py_TYPE(args[0]) != module->Reader)
        return refused("expected reader, group, values, mean, log_scale, tail, luma, co, tables");
    ReaderObject *reader = (ReaderObject *)args[0];
    if (add_place(&given, self, args[1]) || add(&given, VALUES, args[2], 1) || add_told(&given, args + 3) ||
        add_before(&given, args[6], args[7]) || add_tables(&given, module, args[8]))
        goto done;
    given.group.values = given.views[VALUES].buf;
    if (hold(self, &reader->busy)) goto done;
    self->begun = 1;
    Py_BEGIN_ALLOW_THREADS
    result = rndl_cell_take(&self->cell, &reader->reader, &given.group, &given.by, given.scratch);
    Py_END_ALLOW_THREADS
    answer = result ? rndl_failed(PyType_GetModuleState(type), result) : Py_NewRef(Py_None);
    reader->busy = self->busy = 0;
done:
    close_arguments(&given);
    return answer;
}

static PyObject *cell_cost(PyObject *object, PyObject *none) {
    const rndl_cell *cell = &((CellObject *)object)->cell;
    uint64_t cost[4][2] = {{0}};
    (void)none;
    for (int32_t colour = 0; cell->colours && colour < 3; colour++)
        rndl_colours_cost(cell->colours, colour, &cost[colour][0], &cost[colour][1]);
    if (cell->neighbours) rndl_neighbours_cost(cell->neighbours, &cost[3][0], &cost[3][1]);
    PyObject *answer = PyTuple_New(4);
    for (int i = 0; answer && i < 4; i++) {
        PyObject *pair = Py_BuildValue("KK", (unsigned long long)cost[i][0], (unsigned long long)cost[i][1]);
        if (!pair) Py_CLEAR(answer);
        else PyTuple_SET_ITEM(answer, i, pair);
    }
    return answer;
}

#define FAST(name) (PyCFunction)(void (*)(void))cell_##name, METH_METHOD | METH_FASTCALL | METH_KEYWORDS
static PyMethodDef cell_methods[] = {
    {"first", FAST(first), "first(colour, values): the first pixel's samples, one of each picture."},
    {"place", FAST(place),
     "place(group, values, mean, log_scale, tail, index, centre, tables): fill index and centre, as neighbours have them."},
    {"put", FAST(put),
     "put(writer, colour, values, index, centre, luma, co, tables): append a group with these tables."},
    {"take", FAST(take),
     "take(reader, group, values, mean, log_scale, tail, luma, co, tables): fill values with the next group."},
    {"cost", cell_cost, METH_NOARGS,
     "What was put of each colour, and what was placed, cost, and would have without the stage, in 1/256 of a bit."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot cell_slots[] = {
    {Py_tp_doc, "Cell(flags, pictures, height, width, halvings, colours): what a lossless tile learns from itself."},
    {Py_tp_new, cell_new},
    {Py_tp_dealloc, cell_dealloc},
    {Py_tp_methods, cell_methods},
    {0, NULL},
};
PyType_Spec rndl_cell_spec = {"roundel.coding._native.Cell", sizeof(CellObject), 0, Py_TPFLAGS_DEFAULT, cell_slots};
