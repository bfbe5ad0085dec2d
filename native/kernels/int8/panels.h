// The weights of a convolution of integers in the order its inner loop reads them: panels of kPanel output
// channels; in a panel, `rows` runs of k of `steps` steps each.
#pragma once
#include "../conv/common.h"
#include "tile.h"

namespace ibn::kernels::IBN_ISA {

class Int8Panels {
 public:
  Int8Panels(const ConvSpec& spec, const Int8Weight& weight, const Quantization& input);

  int64_t count() const { return count_; }
  int64_t steps() const { return steps_; }
  int64_t depth() const { return depth_; }
  // Columns of the window that are runs of their own: where pixels are not neighbours.
  int64_t columns() const { return columns_; }
  bool evenRuns() const { return run_ % kStep8 == 0; }
  int64_t elements() const { return count_ * kPanel * depth_; }
  int64_t paddedChannels() const { return count_ * kPanel; }
  int64_t channels(int64_t panel) const {
    const int64_t left = spec_.out_channels - panel * kPanel;
    return left < kPanel ? left : kPanel;
  }
  int vectors(int64_t panel) const { return static_cast<int>(ceilDiv(channels(panel), kLanes)); }
  const Weight8* weights(int64_t panel) const { return weights_.as<Weight8>() + panel * kPanel * depth_; }
  const int32_t* start(int64_t panel) const { return start_.as<int32_t>() + panel * kPanel; }
  const float* scale(int64_t panel) const { return scale_.as<float>() + panel * kPanel; }
  const float* bias(int64_t panel) const { return bias_.as<float>() + panel * kPanel; }
  size_t bytes() const { return weights_.bytes() + start_.bytes() + scale_.bytes() + bias_.bytes(); }

 private:
  void pack(const int8_t* filter, int64_t channel, int32_t zero_point);
  Weight8* at(int64_t o, int64_t i, int64_t tap) const;

  ConvSpec spec_;
  bool merged_;
  int64_t columns_, run_, steps_, count_, depth_;
  AlignedBuffer weights_, start_, scale_, bias_;
};

}  // namespace ibn::kernels::IBN_ISA
