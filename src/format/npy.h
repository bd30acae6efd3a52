/* .npy: one float matrix as NumPy keeps it. Six bytes of magic, a version, the header's length, the
 * header as a Python dictionary (descr, fortran_order, shape), then the elements. Source:
 * numpy/lib/format.py, versions 1.0 to 3.0. */
#ifndef TAC_FORMAT_NPY_H
#define TAC_FORMAT_NPY_H

#include "base/file.h"

/* tac_npy_read: *out (rows, cols), the caller's to free. Elements '<f4', '<f2' or '<f8' (rounded to
 * nearest) in C order; shape (rows, cols) or (1, rows, cols), none of them 0; as many bytes behind
 * the header as that takes. Anything else is TACIT_EINPUT and named: Fortran order, objects, big
 * endian, other dtypes, a double that float32 is too narrow for. NaN and infinity are read. */
enum tacit_status tac_npy_read(float **out, size_t *rows, size_t *cols, const char *path,
                               struct tacit_err *err) TAC_MUST_USE;

/* tac_npy_put: appends the bytes that numpy.save writes for float32 values
 * (rows, cols). */
enum tacit_status tac_npy_put(struct tac_buf *out, const float *values, size_t rows, size_t cols,
                              struct tacit_err *err) TAC_MUST_USE;

#endif
