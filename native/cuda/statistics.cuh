// The arithmetic of normalisation, in float32 throughout.
#pragma once
#include "elements.cuh"

namespace ibn::cuda {

constexpr unsigned kWholeWarp = 0xffffffffu;
constexpr int kWarp = 32;
constexpr int kMaxThreads = 512;
constexpr int kMaxWarps = kMaxThreads / kWarp;
// Channels that a block of the rows layout has side by side.
constexpr int kMaxColumns = 64;

// Mean and sum of squared deviations of `count` elements.
struct Moments {
  float count, mean, squares;
};

// Chan's rule; the parts' order does not change the result but for rounding.
__device__ __forceinline__ Moments merge(const Moments& a, const Moments& b) {
  if (b.count == 0) return a;
  if (a.count == 0) return b;
  const float count = a.count + b.count;
  const float difference = b.mean - a.mean;
  const float share = b.count / count;
  return {count, fmaf(difference, share, a.mean),
          a.squares + b.squares + difference * difference * a.count * share};
}

// y = (x - mean) * scale + shift. Not x * scale + (shift - mean * scale), which cancels where the mean is
// large.
struct Affine {
  float mean, scale, shift;
};

__device__ __forceinline__ float normalise(float x, const Affine& affine) {
  return fmaf(x - affine.mean, affine.scale, affine.shift);
}

// NaN stays, as in torch.
__device__ __forceinline__ float rectify(float y) {
  return y < 0.0F ? 0.0F : y;
}

__device__ __forceinline__ float reciprocalDeviation(float variance, float eps) {
  return 1.0F / sqrtf(variance + eps);
}

__device__ __forceinline__ float weightOf(const Problem& problem, const Parameters& parameters, int32_t c) {
  const Channels& channels = problem.channels;
  if (channels.isInstance(c)) return loadOr(parameters.instance_weight, c - channels.start, 1.0F);
  if (channels.mode == BatchMode::kPass) return 1.0F;
  return loadOr(parameters.batch_weight, channels.batchIndex(c), 1.0F);
}

__device__ __forceinline__ float biasOf(const Problem& problem, const Parameters& parameters, int32_t c) {
  const Channels& channels = problem.channels;
  if (channels.isInstance(c)) return loadOr(parameters.instance_bias, c - channels.start, 0.0F);
  if (channels.mode == BatchMode::kPass) return 0.0F;
  return loadOr(parameters.batch_bias, channels.batchIndex(c), 0.0F);
}

__device__ __forceinline__ float epsOf(const Problem& problem, const Parameters& parameters, int32_t c) {
  return problem.channels.isInstance(c) ? parameters.instance_eps : parameters.batch_eps;
}

// What channel c of a sample is normalised by.
struct Statistic {
  float mean, rstd;
};

__device__ __forceinline__ Statistic runningStatistic(const Forward& forward, int32_t c) {
  const Channels& channels = forward.problem.channels;
  if (channels.mode == BatchMode::kPass) return {0.0F, 1.0F};
  const int32_t index = channels.batchIndex(c);
  const float variance = loadAs(forward.running_type, forward.running_var, index);
  return {loadAs(forward.running_type, forward.running_mean, index),
          reciprocalDeviation(variance, forward.parameters.batch_eps)};
}

__device__ __forceinline__ void keepStatistic(const Forward& forward, int64_t sample, int32_t c,
                                              const Statistic& statistic) {
  if (forward.mean == nullptr) return;
  const int64_t index = forward.problem.statisticOf(sample, c);
  storeTo(forward.mean + index, statistic.mean);
  storeTo(forward.rstd + index, statistic.rstd);
}

__device__ __forceinline__ Statistic keptStatistic(const float* mean, const float* rstd,
                                                   const Problem& problem, int64_t sample, int32_t c) {
  const int64_t index = problem.statisticOf(sample, c);
  return {loadConstant(mean + index), loadConstant(rstd + index)};
}

__device__ __forceinline__ Affine affineOf(const Problem& problem, const Parameters& parameters, int32_t c,
                                           const Statistic& statistic) {
  return {statistic.mean, statistic.rstd * weightOf(problem, parameters, c), biasOf(problem, parameters, c)};
}

// Whether the statistics of channel c are those of a slice or of the batch, and so depend on the input.
__device__ __forceinline__ bool isComputed(const Channels& channels, int32_t c) {
  return channels.isInstance(c) || channels.mode == BatchMode::kBatch;
}

// grad_input = scale * grad - offset - (x - mean) * slope.
struct Gradient {
  Affine affine;
  float offset, slope;
};

__device__ __forceinline__ float gradientAt(float grad, float x, const Gradient& gradient) {
  const float direct = fmaf(gradient.affine.scale, grad, -gradient.offset);
  return fmaf(gradient.affine.mean - x, gradient.slope, direct);
}

// The gradient of channel c of a sample. `own` are the sums of grad, and of grad times (x - mean) * rstd,
// over the slice where a unit holds it whole; else the sums come from the workspace, or for the batch from
// the weights' gradients.
__device__ __forceinline__ Gradient combinedGradient(const Backward& backward, const Pair* slice_sums,
                                                     Action action, int64_t sample, int32_t c,
                                                     const Affine& affine, float rstd, const Pair& own) {
  const Problem& problem = backward.problem;
  if (!isComputed(problem.channels, c)) return {affine, 0.0F, 0.0F};
  Pair sums = own;
  int64_t count = problem.size;
  if (!problem.channels.isInstance(c)) {
    sums = {loadConstant(backward.grad_bias + c), loadConstant(backward.grad_weight + c)};
    count *= problem.samples;
  } else if (action == Action::kCombined) {
    sums = loadConstantPair(slice_sums + sample * problem.channels.count + c);
  }
  const float share = affine.scale / static_cast<float>(count);
  return {affine, share * sums.first, share * rstd * sums.second};
}

// The gradient before the ReLU; the comparison is with what forward wrote.
template <typename T>
__device__ __forceinline__ float throughRelu(float grad, float x, const Affine& affine, bool relu) {
  if (!relu) return grad;
  return toFloat(fromFloat<T>(normalise(x, affine))) <= 0.0F ? 0.0F : grad;
}

// The sum of each thread's values over the threads of a group, for every one of them. `scratch` holds N
// floats for each warp of the block.
template <int N>
__device__ __forceinline__ void sumOverGroup(float (&values)[N], int group, float* scratch) {
#pragma unroll
  for (int i = 0; i < N; i++) {
#pragma unroll
    for (int offset = kWarp / 2; offset > 0; offset /= 2) {
      values[i] += __shfl_xor_sync(kWholeWarp, values[i], offset);
    }
  }
  if (group == kWarp) return;
  if (threadIdx.x % kWarp == 0) {
#pragma unroll
    for (int i = 0; i < N; i++) scratch[threadIdx.x / kWarp * N + i] = values[i];
  }
  __syncthreads();
#pragma unroll
  for (int i = 0; i < N; i++) {
    float sum = 0;
    for (int warp = 0; warp < group / kWarp; warp++) sum += scratch[warp * N + i];
    values[i] = sum;
  }
  // The next sum writes where slower threads may still read.
  __syncthreads();
}

// Sums over the threads of a block that hold the same lane: thread i < width * V gets the sum of column i,
// the (i % V)th value of the threads of lane i / V. `scratch` holds width * V floats for each warp.
template <int V>
__device__ __forceinline__ float sumOverRows(const float (&values)[V], int width, float* scratch) {
  const int columns = width * V;
  const int lane = threadIdx.x % kWarp;
#pragma unroll
  for (int i = 0; i < V; i++) {
    float value = values[i];
    for (int offset = kWarp / 2; offset >= width; offset /= 2) {
      value += __shfl_xor_sync(kWholeWarp, value, offset);
    }
    if (lane < width) scratch[threadIdx.x / kWarp * columns + lane * V + i] = value;
  }
  __syncthreads();
  float sum = 0;
  if (static_cast<int>(threadIdx.x) < columns) {
    for (int warp = 0; warp < static_cast<int>(blockDim.x) / kWarp; warp++)
      sum += scratch[warp * columns + threadIdx.x];
  }
  return sum;
}

}  // namespace ibn::cuda
