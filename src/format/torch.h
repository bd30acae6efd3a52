/* What torch.load reads (weights_only too): a zip of stored records, each at a multiple of 64
 * bytes. data.pkl is a pickle that rebuilds a tensor from its storage, data/0. Source: torch 2.15
 * (torch/serialization.py; caffe2/serialize/inline_container.cc for the order of the records and
 * the serialization id). */
#ifndef TAC_FORMAT_TORCH_H
#define TAC_FORMAT_TORCH_H

#include "base/str.h"

/* tac_torch_put: appends the bytes that torch.save writes to a buffer for a float32 tensor
 * (rows, cols). TACIT_EINPUT from 4 GB on. */
enum tacit_status tac_torch_put(struct tac_buf *out, const float *values, size_t rows, size_t cols,
                                struct tacit_err *err) TAC_MUST_USE;

#endif
