/* The neighbours' stage for CPython: sizes are checked here, the order of calls too. */
#include "binding.h"

#include "mixture.h"
#include "neighbours.h"

typedef struct {
    PyObject_HEAD
    rndl_neighbours *state;
    void *memory;
    size_t pictures, left, waiting; /* left: of the open group; waiting: predicted, not yet learned */
    int32_t colours, halvings;
    int opened, busy;
} NeighboursObject;

static PyObject *neighbours_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    Py_ssize_t pictures, height, width;
    int halvings, colours;
    if (!PyArg_ParseTuple(args, "nnnii", &pictures, &height, &width, &halvings, &colours) ||
        (kwargs && PyDict_GET_SIZE(kwargs)))
        return NULL;
    if (pictures < 1 || height < 1 || width < 1 || halvings < 0 || halvings > 31 || (colours != 1 && colours != 3)) {
        PyErr_SetString(PyExc_ValueError, "a size is out of range");
        return NULL;
    }
    rndl_space space = {(size_t)pictures, (size_t)height, (size_t)width, halvings, colours};
    size_t bytes = rndl_neighbours_bytes(&space);
    if (!bytes) return PyErr_NoMemory();
    NeighboursObject *self = (NeighboursObject *)type->tp_alloc(type, 0);
    if (!self) return NULL;
    self->memory = PyMem_RawCalloc(1, bytes + 64);
    if (!self->memory) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    self->state = rndl_neighbours_start((char *)self->memory + (-(uintptr_t)self->memory & 63), &space);
    self->halvings = halvings;
    self->pictures = (size_t)pictures;
    self->colours = colours;
    return (PyObject *)self;
}

static void neighbours_dealloc(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    PyMem_RawFree(((NeighboursObject *)object)->memory);
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

static PyObject *neighbours_first(PyObject *object, PyTypeObject *type, PyObject *const *args, Py_ssize_t nargs, PyObject *names) {
    NeighboursObject *self = (NeighboursObject *)object;
    Py_buffer view;
    (void)type, (void)names;
    if (nargs != 2) return refused("expected colour, values");
    long colour = PyLong_AsLong(args[0]);
    if (colour == -1 && PyErr_Occurred()) return NULL;
    Py_ssize_t n = rndl_items_of(args[1], &view, 4, 0, "values");
    if (n < 0) return NULL;
    PyObject *answer = NULL;
    if (colour < 0 || colour >= self->colours || (size_t)n != self->pictures || self->opened)
        refused("not the first pixel of each picture");
    else if (!in_range((int32_t)colour, view.buf, (size_t)n))
        refused("a sample is beyond its range");
    else if (!rndl_busy(&self->busy)) {
        rndl_neighbours_first(self->state, (int32_t)colour, view.buf);
        self->busy = 0;
        answer = Py_NewRef(Py_None);
    }
    PyBuffer_Release(&view);
    return answer;
}

static PyObject *neighbours_open(PyObject *object, PyTypeObject *type, PyObject *const *args, Py_ssize_t nargs, PyObject *names) {
    NeighboursObject *self = (NeighboursObject *)object;
    long n[4];
    (void)type, (void)names;
    if (nargs != 4) return refused("expected level, phase, colour, white");
    for (int i = 0; i < 4; i++) {
        n[i] = PyLong_AsLong(args[i]);
        if (n[i] == -1 && PyErr_Occurred()) return NULL;
    }
    if (n[0] < self->halvings || n[0] > 31 || n[1] < 0 || n[1] > 2 || n[2] < 0 || n[2] >= self->colours || n[3] < 0 || n[3] > 1)
        return refused("no such group");
    if (rndl_busy(&self->busy)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    self->left = rndl_neighbours_open(self->state, (int32_t)n[0], (int32_t)n[1], (int32_t)n[2], (int32_t)n[3]);
    Py_END_ALLOW_THREADS
    self->opened = 1 + (int)n[2];
    self->waiting = 0;
    self->busy = 0;
    return PyLong_FromSize_t(self->left);
}

static PyObject *neighbours_predict(PyObject *object, PyTypeObject *type, PyObject *const *args, Py_ssize_t nargs, PyObject *names) {
    static const char *called[] = {"mean", "log_scale", "tail", "index", "centre"};
    NeighboursObject *self = (NeighboursObject *)object;
    Py_buffer views[5];
    Py_ssize_t n = 0;
    int count = 0;
    PyObject *answer = NULL;
    (void)type, (void)names;
    if (nargs != 5) return refused("expected mean, log_scale, tail, index, centre");
    for (; count < 5; count++) {
        Py_ssize_t items = rndl_items_of(args[count], &views[count], 4, count > 2, called[count]);
        if (items < 0) goto done;
        if (count && items != n) {
            refused("arrays of different sizes");
            count++;
            goto done;
        }
        n = items;
    }
    if (!self->opened || self->waiting || (size_t)n > self->left || (size_t)n > rndl_neighbours_room(self->state)) {
        refused("not the next band of a group");
        goto done;
    }
    if (rndl_busy(&self->busy)) goto done;
    Py_BEGIN_ALLOW_THREADS
    (void)rndl_neighbours_predict(self->state, (size_t)n, views[0].buf, views[1].buf, views[2].buf, views[3].buf, views[4].buf);
    Py_END_ALLOW_THREADS
    self->left -= (size_t)n;
    self->waiting = (size_t)n;
    self->busy = 0;
    answer = Py_NewRef(Py_None);
done:
    while (count) PyBuffer_Release(&views[--count]);
    return answer;
}

static PyObject *neighbours_learn(PyObject *object, PyTypeObject *type, PyObject *const *args, Py_ssize_t nargs, PyObject *names) {
    NeighboursObject *self = (NeighboursObject *)object;
    module_state *module = PyType_GetModuleState(type);
    Py_buffer view;
    PyObject *answer = NULL;
    (void)names;
    if (nargs != 2 || Py_TYPE(args[1]) != module->Tables) return refused("expected values, tables");
    const TablesObject *by = (TablesObject *)args[1];
    const rndl_tables *tables = &by->tables;
    Py_ssize_t n = rndl_items_of(args[0], &view, 4, 0, "values");
    if (n < 0) return NULL;
    if ((size_t)n != self->waiting || !self->opened) refused("not the band that was predicted");
    else if (!in_range(self->opened - 1, view.buf, (size_t)n)) refused("a sample is beyond its range");
    else if (tables->count < RNDL_MIXTURES) refused("these are no mixtures");
    else if (!rndl_busy(&self->busy)) {
        Py_BEGIN_ALLOW_THREADS
        rndl_neighbours_learn(self->state, view.buf, tables, by->costs);
        Py_END_ALLOW_THREADS
        self->waiting = 0;
        self->busy = 0;
        answer = Py_NewRef(Py_None);
    }
    PyBuffer_Release(&view);
    return answer;
}

static PyObject *neighbours_cost(PyObject *object, PyObject *none) {
    uint64_t with_stage, without;
    (void)none;
    rndl_neighbours_cost(((NeighboursObject *)object)->state, &with_stage, &without);
    return Py_BuildValue("(KK)", (unsigned long long)with_stage, (unsigned long long)without);
}

#define FAST(name) (PyCFunction)(void (*)(void))neighbours_##name, METH_METHOD | METH_FASTCALL | METH_KEYWORDS
static PyMethodDef neighbours_methods[] = {
    {"first", FAST(first), "first(colour, values): the first pixel's samples, one of each picture."},
    {"open", FAST(open), "open(level, phase, colour, white): begin a group; the number of its samples."},
    {"predict", FAST(predict), "predict(mean, log_scale, tail, index, centre): fill the last two for the next band."},
    {"learn", FAST(learn), "learn(values, tables): the samples of the band that was predicted."},
    {"cost", neighbours_cost, METH_NOARGS, "What was learned so far cost, and would have without the stage, in 1/256 of a bit."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot neighbours_slots[] = {
    {Py_tp_doc, "Neighbours(pictures, height, width, halvings, colours): corrects what the nets say of samples."},
    {Py_tp_new, neighbours_new},
    {Py_tp_dealloc, neighbours_dealloc},
    {Py_tp_methods, neighbours_methods},
    {0, NULL},
};
PyType_Spec rndl_neighbours_spec = {"roundel.coding._native.Neighbours", sizeof(NeighboursObject), 0, Py_TPFLAGS_DEFAULT, neighbours_slots};
