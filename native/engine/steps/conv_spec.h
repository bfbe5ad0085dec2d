// What the steps of convolutions have in common.
#pragma once
#include <functional>

#include "../plan/step.h"

namespace ibn::engine {

// Window, stride, padding, dilation and groups of a step whose weight has these sizes, checked against the
// input.
kernels::ConvSpec readConvSpec(const Field& field, const Shape& in, at::IntArrayRef weight);
// The output that they give.
Shape readConvOutput(const Field& field, const Shape& in, const kernels::ConvSpec& spec);
// An input of the network, in NCHW order.
kernels::Map planarMap(const Frame& frame, size_t input, const Shape& shape);

// What is done with the products: an addition, a ReLU, statistics.
struct ConvEnds {
  size_t add = kNone;
  size_t mean = kNone;
  size_t variance = kNone;
  bool relu = false;

  // All but the addition, whose map each kind of step reads in its own way.
  template <class Call>
  void set(Call& call, const Frame& frame) const {
    call.relu = relu;
    if (mean != kNone) call.mean = frame.vector(mean);
    if (variance != kNone) call.variance = frame.vector(variance);
    call.scratch = frame.scratch;
  }
};

// `map` reads a value of the output's shape.
ConvEnds readConvEnds(const Field& field, const Layout& layout, const Shape& out,
                      const std::function<size_t(const Field&)>& map);

}  // namespace ibn::engine
