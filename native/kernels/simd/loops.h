// Loops over the channels of a pixel and over threads, shared by the kernels that only move or scale
// elements.
#pragma once
#include "../kernels.h"
#include "simd.h"

// On a lambda: its body is part of the loop that calls it.
#define IBN_BODY __attribute__((always_inline))

namespace ibn::kernels::IBN_ISA {

// How many lanes of a vector exist.
struct Whole {
  template <class T>
  IBN_INLINE Vec load(const T* p) const {
    return IBN_ISA::load(p);
  }
  template <class T>
  IBN_INLINE void store(T* p, Vec v) const {
    IBN_ISA::store(p, v);
  }
};
struct Part {
  int64_t count;
  template <class T>
  IBN_INLINE Vec load(const T* p) const {
    return loadPart(p, count);
  }
  template <class T>
  IBN_INLINE void store(T* p, Vec v) const {
    storePart(p, v, count);
  }
};

template <int N>
struct Count {
  static constexpr int value = N;
};

// Calls body(channel, count, lanes) for blocks of kBlock vectors, then for single ones, the last perhaps a
// part.
template <int kBlock, class Body>
IBN_INLINE void forChannels(int64_t from, int64_t to, const Body& body) {
  int64_t c = from;
  for (; c + kBlock * kLanes <= to; c += kBlock * kLanes) body(c, Count<kBlock>{}, Whole{});
  if constexpr (kBlock > 1) {
    for (; c + kLanes <= to; c += kLanes) body(c, Count<1>{}, Whole{});
  }
  if (c < to) body(c, Count<1>{}, Part{to - c});
}

// max(bound(relu), v) is relu(v), or v itself: a maximum is cheaper than a choice in the loop.
IBN_INLINE Vec bound(bool relu) {
  return splat(relu ? 0.0F : -__builtin_inff());
}

// An affine of one image. Without kScaled only its bound acts.
template <bool kScaled>
struct Pre {
  const float* scale = nullptr;
  const float* shift = nullptr;
  Vec least;

  IBN_INLINE Pre(const Affine& affine, int64_t image) : least(bound(affine.relu)) {
    if constexpr (kScaled) {
      scale = affine.scale + image * affine.image_stride;
      shift = affine.shift + image * affine.image_stride;
    }
  }
  // Of one vector of channels.
  struct Channel {
    Vec scale, shift, least;
    IBN_INLINE Vec linear(Vec v) const {
      if constexpr (kScaled) return v * scale + shift;
      return v;
    }
    IBN_INLINE Vec operator()(Vec v) const { return vmax(least, linear(v)); }
  };
  template <class Lanes>
  IBN_INLINE Channel at(int64_t c, Lanes lanes) const {
    if constexpr (kScaled) return {lanes.load(scale + c), lanes.load(shift + c), least};
    return {Vec{}, Vec{}, least};
  }
};

// Work below this many bytes is not worth another thread.
constexpr int64_t kPieceBytes = 65536;

IBN_INLINE int64_t piecesOf(int64_t batch, int64_t bytes, int64_t most, const Team& team) {
  const int64_t wanted = team.threads() == 1 ? 1 : int64_t{4} * team.threads() / batch;
  int64_t pieces = bytes / kPieceBytes;
  if (pieces > wanted) pieces = wanted;
  if (pieces > most) pieces = most;
  return pieces < 1 ? 1 : pieces;
}

// Calls body(image, from, to) for ranges that cover 0 to `size` of every image, in multiples of `unit`.
template <class Body>
IBN_INLINE void forRanges(int64_t batch, int64_t size, int64_t unit, int64_t image_bytes, Team& team,
                          const Body& body) {
  const int64_t units = (size + unit - 1) / unit;
  const int64_t pieces = piecesOf(batch, image_bytes, units, team);
  team.run(batch * pieces, [&](int64_t index, int) {
    const int64_t piece = index % pieces;
    const int64_t end = units * (piece + 1) / pieces * unit;
    body(index / pieces, units * piece / pieces * unit, end < size ? end : size);
  });
}

IBN_INLINE int64_t imageBytes(Type type, const Map& map) {
  return map.pixels() * map.channels * static_cast<int64_t>(sizeOf(type));
}

template <class T>
IBN_INLINE T* imageOf(const Map& map, int64_t image) {
  return static_cast<T*>(map.data) + image * map.imageStride();
}

}  // namespace ibn::kernels::IBN_ISA
