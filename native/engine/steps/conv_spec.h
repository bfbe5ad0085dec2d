// What the steps of convolutions have in common.
#pragma once
#include "../plan/step.h"

namespace ibn::engine {

// Window, stride, padding, dilation and groups of a step whose weight has these sizes, checked against the
// input.
kernels::ConvSpec readConvSpec(const Field& field, const Shape& in, at::IntArrayRef weight);
// The output that they give.
Shape readConvOutput(const Field& field, const Shape& in, const kernels::ConvSpec& spec);
// An input of the network, in NCHW order.
kernels::Map planarMap(const Frame& frame, size_t input, const Shape& shape);

}  // namespace ibn::engine
