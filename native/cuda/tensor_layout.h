// Which layout a tensor's sizes and strides are of.
#pragma once
#include <cstdint>
#include <optional>

#include "problem.h"

namespace ibn::cuda {

namespace detail {

// Whether the strides are those of a dense tensor whose dimensions lie in `order`, the slowest first.
// Dimensions of size 1 may have any stride.
inline bool isDense(const int64_t* sizes, const int64_t* strides, const int (&order)[4]) {
  int64_t expected = 1;
  for (int i = 3; i >= 0; i--) {
    const int dim = order[i];
    if (sizes[dim] != 1 && strides[dim] != expected) return false;
    expected *= sizes[dim];
  }
  return true;
}

}  // namespace detail

// Of a tensor (N, C, H, W). Where both fit, as for maps of one pixel, rows: there threads share channels.
inline std::optional<Layout> layoutOf(const int64_t* sizes, const int64_t* strides) {
  if (sizes[0] * sizes[1] * sizes[2] * sizes[3] == 0) return Layout::kPlanes;
  const bool planes = detail::isDense(sizes, strides, {0, 1, 2, 3});
  const bool rows = detail::isDense(sizes, strides, {0, 2, 3, 1});
  if (rows && (!planes || sizes[2] * sizes[3] == 1)) return Layout::kRows;
  if (planes) return Layout::kPlanes;
  return std::nullopt;
}

}  // namespace ibn::cuda
