// What the kernels are asked to do: sizes, channels, and the tensors' addresses.
#pragma once
#include <cstdint>

#include "host_device.h"

namespace ibn::cuda {

enum class ElementType : int32_t { kFloat, kHalf, kBfloat16 };

IBN_HD int elementSize(ElementType type) {
  return type == ElementType::kFloat ? 4 : 2;
}

// Where a channel's elements lie: in planes, (N, C, H, W), or in rows, (N, H, W, C).
enum class Layout : int32_t { kPlanes, kRows };

// What becomes of the channels that are not normalised by instance.
enum class BatchMode : int32_t { kPass, kRunning, kBatch };

// Which channel is normalised how: [start, end) by instance, the rest by `mode`.
struct Channels {
  int32_t count;
  int32_t start;
  int32_t end;
  BatchMode mode;

  IBN_HD bool isInstance(int32_t c) const { return c >= start && c < end; }
  IBN_HD int32_t instances() const { return end - start; }
  IBN_HD int32_t batches() const { return count - instances(); }
  // The place of channel c among those not normalised by instance.
  IBN_HD int32_t batchIndex(int32_t c) const { return c < start ? c : c - instances(); }
};

struct Problem {
  Layout layout;
  ElementType type;
  Channels channels;
  int64_t samples;
  // Elements of a channel of a sample, H * W.
  int64_t size;

  IBN_HD int64_t elements() const { return samples * channels.count * size; }
  // Means (and, as many, reciprocal deviations) that the forward pass keeps: one for each sample and instance
  // channel, then one for each other channel.
  IBN_HD int64_t statistics() const { return samples * channels.instances() + channels.batches(); }
  IBN_HD int64_t statisticOf(int64_t sample, int32_t c) const {
    if (channels.isInstance(c)) return sample * channels.instances() + c - channels.start;
    return samples * channels.instances() + channels.batchIndex(c);
  }
};

// A vector with an element for each channel of one kind; none where data is null.
struct Vector {
  const void* data;
  ElementType type;
};

struct Parameters {
  Vector instance_weight, instance_bias, batch_weight, batch_bias;
  float instance_eps, batch_eps;
  bool relu;
};

struct Pair {
  float first, second;
};

struct Forward {
  Problem problem;
  Parameters parameters;
  // Added to the input first, rounded to its type as a separate addition would be.
  const void* input;
  const void* residual;
  void* output;
  // With running statistics they are read; with the batch's they are updated where they are not null.
  void* running_mean;
  void* running_var;
  ElementType running_type;
  float momentum;
  // Each Problem::statistics() long, or both null.
  float* mean;
  float* rstd;
  // Means and sums of squared deviations of parts, as Plan lays them out.
  Pair* partial;
};

struct Backward {
  Problem problem;
  Parameters parameters;
  const void* grad_output;
  const void* input;
  const void* residual;
  void* grad_input;
  const float* mean;
  const float* rstd;
  // Each as long as there are channels: sums of grad times the normalised input, and of grad.
  float* grad_weight;
  float* grad_bias;
  // Sums over parts of grad, and of grad times the normalised input.
  Pair* partial;
};

}  // namespace ibn::cuda
