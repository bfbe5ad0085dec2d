// Sums over one row of elements, and the planes of maps in NCHW order.
#pragma once
#include "../kernels.h"
#include "loops.h"
#include "simd.h"

namespace ibn::kernels::IBN_ISA {

// Elements of rows from one place on, as a vector or as a single number.
struct VectorAt {
  int64_t place;
  template <class T>
  IBN_INLINE Vec operator()(const T* row) const {
    return load(row + place);
  }
  IBN_INLINE Vec splat(float value) const { return IBN_ISA::splat(value); }
};
struct NumberAt {
  int64_t place;
  template <class T>
  IBN_INLINE float operator()(const T* row) const {
    return toFloat(row[place]);
  }
  IBN_INLINE float splat(float value) const { return value; }
};

// The sum of term(at) over `count` places.
template <class Term>
IBN_INLINE float sumOf(int64_t count, const Term& term) {
  Vec sums[4] = {};
  int64_t i = 0;
  for (; i + 4 * kLanes <= count; i += 4 * kLanes) {
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++) sums[k] += term(VectorAt{i + k * kLanes});
  }
  for (; i + kLanes <= count; i += kLanes) sums[0] += term(VectorAt{i});
  const Vec all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  float total = 0;
  for (int64_t lane = 0; lane < kLanes; lane++) total += all[lane];
  for (; i < count; i++) total += term(NumberAt{i});
  return total;
}

// Calls body(image, from, to) for ranges of channels that cover every image.
template <class Body>
IBN_INLINE void forDense(const Dense& map, Team& team, const Body& body) {
  const int64_t bytes = map.pixels * map.channels * static_cast<int64_t>(sizeOf(map.type));
  forRanges(map.batch, map.channels, map.planar ? 1 : 64, bytes, team, body);
}

// Calls body(image, channel) for every channel of every image.
template <class Body>
IBN_INLINE void forPlanes(const Dense& map, Team& team, const Body& body) {
  forDense(map, team, [&](int64_t image, int64_t from, int64_t to) {
    for (int64_t c = from; c < to; c++) body(image, c);
  });
}

}  // namespace ibn::kernels::IBN_ISA
