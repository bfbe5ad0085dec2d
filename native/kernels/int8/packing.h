// A convolution's input as the loops over integers read it: quantised, padding included, the pixels of a line
// one after another.
#pragma once
#include "../conv/common.h"
#include "tile.h"

namespace ibn::kernels::IBN_ISA {

// Of a window of one pixel only the pixels that the stride leaves are packed.
class Int8Packing {
 public:
  Int8Packing(const ConvSpec& spec, const Quantization& input)
      : spec_(spec), quantizer_(input), zero_(static_cast<Activation8>(input.zero_point)) {}

  // From one output to the next, in packed pixels.
  int64_t stride(int dim) const { return spec_.kernel[dim] == 1 ? 1 : spec_.stride[dim]; }
  // Packed pixels that `out` outputs read.
  int64_t extent(int dim, int64_t out) const {
    return (out - 1) * stride(dim) + (spec_.kernel[dim] - 1) * spec_.dilation[dim] + 1;
  }
  int64_t elements(int64_t lines, int64_t width) const {
    return extent(0, lines) * extent(1, width) * spec_.in_channels;
  }

  // What the output lines [from, to) read.
  void lines(const Int8Call& call, int64_t image, int64_t from, int64_t to, Activation8* packed) const;
  // The pixels [from, to) of the map.
  void pixels(const Int8Call& call, int64_t image, int64_t from, int64_t to, Activation8* packed) const;

 private:
  void run(const Int8Call& call, int64_t image, int64_t y, int64_t x, int64_t count, int64_t step,
           Activation8* to) const;
  void planarRun(const Int8Call& call, int64_t image, int64_t y, int64_t x, int64_t count, int64_t step,
                 Activation8* to) const;
  void quantize(const float* from, Activation8* to, const Affine& pre, int64_t image, int64_t count) const;
  void pad(Activation8* to, int64_t pixels) const;

  ConvSpec spec_;
  Quantizer quantizer_;
  Activation8 zero_;
};

}  // namespace ibn::kernels::IBN_ISA
