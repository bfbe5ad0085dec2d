// Between the passes: puts the partial results of many units together. A block has 32 channels side by side,
// so that neighbouring threads read neighbouring pairs.
#pragma once
#include "statistics.cuh"

namespace ibn::cuda {

constexpr int kCombineRows = 8;
constexpr int kCombineThreads = kWarp * kCombineRows;

// A block's work: some parts of a region for 32 channels.
struct Combination {
  int64_t sample;
  int32_t c;
  // Whether it is one slice of a sample that is put together, and not a channel of the whole batch.
  bool slice;

  __device__ __forceinline__ Combination(const Problem& problem, int64_t index, int64_t whole_blocks) {
    const int64_t tiles = (problem.channels.count + kWarp - 1) / kWarp;
    slice = index >= whole_blocks;
    const int64_t local = slice ? index - whole_blocks : index;
    sample = local / tiles;
    c = static_cast<int32_t>(local % tiles * kWarp + threadIdx.x % kWarp);
  }
};

// torch keeps the unbiased variance (aten/src/ATen/native/cuda/Normalization.cuh, 2.13).
__device__ __forceinline__ void updateRunning(const Forward& forward, int32_t c, const Moments& moments) {
  const int32_t index = forward.problem.channels.batchIndex(c);
  const auto mix = [&](void* data, float value) {
    if (data == nullptr) return;
    const float old = loadMutable(forward.running_type, data, index);
    storeAs(forward.running_type, data, index, (1.0F - forward.momentum) * old + forward.momentum * value);
  };
  mix(forward.running_mean, moments.mean);
  mix(forward.running_var, moments.squares / (moments.count - 1.0F));
}

// `whole_blocks` blocks are for channels of the batch, the rest for slices.
__global__ void __launch_bounds__(kCombineThreads)
    combineForward(const Forward forward, const Grid grid, const int64_t whole_blocks, const int64_t blocks) {
  __shared__ float scratch[3][kCombineThreads];
  const Problem& problem = forward.problem;
  for (int64_t index = blockIdx.x; index < blocks; index += gridDim.x) {
    const Combination work(problem, index, whole_blocks);
    const Region& region = grid.regions[work.slice ? 0 : 1];
    const int64_t parts = work.slice ? region.chunks : region.parts();
    const int64_t first =
        region.partial + (work.slice ? work.sample * region.chunks : 0) * problem.channels.count;
    const bool live = work.c < problem.channels.count && problem.channels.isInstance(work.c) == work.slice;
    Moments moments = {0, 0, 0};
    for (int64_t part = threadIdx.x / kWarp; live && part < parts; part += kCombineRows) {
      const Pair pair = loadConstantPair(forward.partial + first + part * problem.channels.count + work.c);
      const float count = static_cast<float>(region.chunkLength(part % region.chunks));
      moments = merge(moments, {count, pair.first, pair.second});
    }
    scratch[0][threadIdx.x] = moments.count;
    scratch[1][threadIdx.x] = moments.mean;
    scratch[2][threadIdx.x] = moments.squares;
    __syncthreads();
    if (threadIdx.x < kWarp && live) {
      for (int other = threadIdx.x + kWarp; other < kCombineThreads; other += kWarp) {
        moments = merge(moments, {scratch[0][other], scratch[1][other], scratch[2][other]});
      }
      const float rstd =
          reciprocalDeviation(moments.squares / moments.count, epsOf(problem, forward.parameters, work.c));
      keepStatistic(forward, work.sample, work.c, {moments.mean, rstd});
      if (!work.slice) updateRunning(forward, work.c, moments);
    }
    __syncthreads();
  }
}

// Channels' totals over the batch go to the gradients of weights and biases, slices' sums to `slice_sums`.
__global__ void __launch_bounds__(kCombineThreads)
    combineBackward(const Backward backward, const Grid grid, Pair* slice_sums, const int64_t whole_blocks,
                    const int64_t blocks) {
  __shared__ float scratch[2][kCombineThreads];
  const Problem& problem = backward.problem;
  for (int64_t index = blockIdx.x; index < blocks; index += gridDim.x) {
    const Combination work(problem, index, whole_blocks);
    const bool inside = work.c < problem.channels.count;
    const bool live = inside && (!work.slice || problem.channels.isInstance(work.c));
    const Region& region = grid.regions[inside ? grid.owner(problem.channels, work.c) : 0];
    const int64_t parts = work.slice ? region.chunks : region.parts();
    const int64_t first =
        region.partial + (work.slice ? work.sample * region.chunks : 0) * problem.channels.count;
    Pair sums = {0, 0};
    for (int64_t part = threadIdx.x / kWarp; live && part < parts; part += kCombineRows) {
      const Pair pair = loadConstantPair(backward.partial + first + part * problem.channels.count + work.c);
      sums.first += pair.first;
      sums.second += pair.second;
    }
    scratch[0][threadIdx.x] = sums.first;
    scratch[1][threadIdx.x] = sums.second;
    __syncthreads();
    if (threadIdx.x < kWarp && live) {
      for (int other = threadIdx.x + kWarp; other < kCombineThreads; other += kWarp) {
        sums.first += scratch[0][other];
        sums.second += scratch[1][other];
      }
      if (work.slice) {
        storeTo(slice_sums + work.sample * problem.channels.count + work.c, sums);
      } else {
        storeTo(backward.grad_bias + work.c, sums.first);
        storeTo(backward.grad_weight + work.c, sums.second);
      }
    }
    __syncthreads();
  }
}

}  // namespace ibn::cuda
