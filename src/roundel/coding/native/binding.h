/* What the files of the Python extension share. */
#ifndef ROUNDEL_BINDING_H
#define ROUNDEL_BINDING_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "coder.h"

typedef struct {
    PyObject *Damaged, *BadIndex, *Beyond;
    PyTypeObject *Tables, *Writer, *Reader;
} module_state;

typedef struct {
    PyObject_HEAD
    rndl_tables tables;
    uint8_t *reach;  /* of seen colours */
    uint16_t *costs; /* of neighbours */
    void *memory;
} TablesObject;

typedef struct {
    PyObject_HEAD
    rndl_writer writer;
    size_t capacity;
    int busy;
} WriterObject;

typedef struct {
    PyObject_HEAD
    rndl_reader reader;
    Py_buffer data;
    int busy;
} ReaderObject;

/* Sets the exception of a result that is not RNDL_OK; NULL. */
PyObject *rndl_failed(module_state *state, enum rndl_result result);

/* A contiguous buffer of `width`-byte items; their number, or -1 with an exception set. */
Py_ssize_t rndl_items_of(PyObject *object, Py_buffer *view, Py_ssize_t width, int writable, const char *name);

/* Makes room for n more symbols and the end; 0, or -1 with an exception set. */
int rndl_reserve(WriterObject *self, size_t n);

/* Takes an object for a thread; -1 with an exception set where another one has it. */
int rndl_busy(int *flag);

extern PyMethodDef rndl_decide_functions[];    /* decide_binding.c */
extern PyMethodDef rndl_dependent_functions[]; /* dependent_binding.c */
extern PyMethodDef rndl_details_functions[];   /* details_binding.c */
extern PyMethodDef rndl_indices_functions[];   /* indices_binding.c */
extern PyMethodDef rndl_samples_functions[];   /* samples_binding.c */
extern PyMethodDef rndl_wavelet_functions[];   /* wavelet_binding.c */
extern PyType_Spec rndl_cell_spec;             /* cell_binding.c */
extern PyType_Spec rndl_squares_spec;          /* squares_binding.c */

#endif
