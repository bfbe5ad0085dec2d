// What the CPU's kernels are given: tensors as they read them, and tables of numbers of each channel of each
// sample.
#pragma once
#include <vector>

#include "../kernels/kernels.h"
#include "instance_batch_norm.h"

namespace ibn::ops {

// Numbers of each channel of each sample.
class Table {
 public:
  Table(const Norm& norm, int64_t rows)
      : stride_(rows * norm.input.size(1)), values_(static_cast<size_t>(norm.input.size(0) * stride_)) {}
  float* data() { return values_.data(); }
  float* of(int64_t sample) { return values_.data() + sample * stride_; }

 private:
  int64_t stride_;
  std::vector<float> values_;
};

at::MemoryFormat formatOf(const Norm& norm);
kernels::Dense denseOf(const Norm& norm);

// The norm of the sum of input and residual, with tensors as the kernels read them.
Norm prepared(Norm norm);

// An element of a float vector, or `otherwise` where there is none.
float valueOf(const at::Tensor& vector, int64_t index, float otherwise);
bool isInstance(const Norm& norm, int64_t channel);
// A batch channel's place among them.
int64_t batchIndex(const Norm& norm, int64_t channel);
// Where a channel's statistics of a sample stand in a row of them.
int64_t place(const Norm& norm, int64_t sample, int64_t channel);

// What forward does to a channel of a sample, of its statistics.
struct Affines {
  Table mean, scale, shift;

  Affines(const Norm& norm, const at::Tensor& statistics);
};

}  // namespace ibn::ops
