// The weights of a convolution in the order its inner loop reads them.
#pragma once
#include "common.h"

namespace ibn::kernels::IBN_ISA {

// Groups as the loops see them: `count` blocks of `in` and `out` channels, each of `joined` groups. Groups
// narrower than a vector are joined, with zeros between them.
struct Blocks {
  int64_t count, in, out, joined;
  explicit Blocks(const ConvSpec& spec) : count(spec.groups), joined(1) {
    in = spec.in_channels / spec.groups;
    out = spec.out_channels / spec.groups;
    while (count % 2 == 0 && out * 2 <= kLanes) {
      count /= 2;
      in *= 2;
      out *= 2;
      joined *= 2;
    }
  }
};

// For each block, panels of kPanel output channels; in a panel, `rows` runs of k of `steps` steps each.
template <class T>
class Panels {
 public:
  Panels(const ConvSpec& spec, const Blocks& blocks, const ConvWeight& weight, const float* bias);

  int64_t count() const { return count_; }  // of a block
  int64_t steps() const { return steps_; }
  int64_t depth() const { return depth_; }
  // Columns of the window that are runs of their own: where pixels are not neighbours.
  int64_t columns() const { return columns_; }
  bool evenRuns() const { return run_ % kStep<T> == 0; }
  size_t bytes() const { return weights_.bytes() + bias_.bytes(); }
  int64_t blockElements() const { return count_ * kPanel * depth_; }
  int64_t paddedChannels() const { return blocks_.count * count_ * kPanel; }
  int64_t channels(int64_t panel) const {
    const int64_t left = blocks_.out - panel * kPanel;
    return left < kPanel ? left : kPanel;
  }
  int vectors(int64_t panel) const { return static_cast<int>(ceilDiv(channels(panel), kLanes)); }
  const T* weights(int64_t block, int64_t panel) const {
    return weights_.template as<T>() + block * blockElements() + panel * kPanel * depth_;
  }
  const float* bias(int64_t block, int64_t panel) const {
    return bias_.template as<float>() + (block * count_ + panel) * kPanel;
  }

 private:
  void pack(int64_t block, const ConvWeight& weight, const float* bias);
  T* at(int64_t block, int64_t o, int64_t i, int64_t tap) const;

  ConvSpec spec_;
  Blocks blocks_;
  bool merged_;
  int64_t columns_, run_, steps_, count_, depth_;
  AlignedBuffer weights_, bias_;
};

}  // namespace ibn::kernels::IBN_ISA
