// A convolution's input as its inner loops read it: normalised, padding included, the pixels of a line one
// after another.
#pragma once
#include "common.h"

namespace ibn::kernels::IBN_ISA {

// Of a window of one pixel only the pixels that the stride leaves are packed.
template <class T>
class Packing {
 public:
  // `channels` of the input at a time. Packed pixels lie `pixel_stride` apart; `lines` wants no gaps.
  Packing(const ConvSpec& spec, int64_t channels, int64_t pixel_stride)
      : spec_(spec), channels_(channels), pixel_stride_(pixel_stride) {}

  // From one output to the next, in packed pixels.
  int64_t stride(int dim) const { return spec_.kernel[dim] == 1 ? 1 : spec_.stride[dim]; }
  // Packed pixels that `out` outputs read.
  int64_t extent(int dim, int64_t out) const {
    return (out - 1) * stride(dim) + (spec_.kernel[dim] - 1) * spec_.dilation[dim] + 1;
  }
  int64_t pixelStride() const { return pixel_stride_; }
  int64_t elements(int64_t lines, int64_t width) const {
    return extent(0, lines) * extent(1, width) * pixel_stride_;
  }

  // What the output lines [from, to) read, of the channels from `first` on.
  void lines(const ConvCall& call, int64_t image, int64_t first, int64_t from, int64_t to, T* packed) const;
  // The pixels [from, to) of the map.
  void pixels(const ConvCall& call, int64_t image, int64_t first, int64_t from, int64_t to, T* packed) const;

 private:
  void run(const ConvCall& call, int64_t image, int64_t first, int64_t y, int64_t x, int64_t count,
           int64_t step, T* to) const;
  void planarRun(const ConvCall& call, int64_t image, int64_t first, int64_t y, int64_t x, int64_t count,
                 int64_t step, T* to) const;

  ConvSpec spec_;
  int64_t channels_, pixel_stride_;
};

template <class T>
IBN_INLINE void clear(T* to, int64_t count) {
  __builtin_memset(to, 0, static_cast<size_t>(count) * sizeof(T));
}

}  // namespace ibn::kernels::IBN_ISA
