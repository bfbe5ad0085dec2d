// The rows layout, (N, H, W, C), torch's channels_last: a block holds some neighbouring channels of rows in
// registers. A thread reads the same channels in each of its rows.
#pragma once
#include "statistics.cuh"

namespace ibn::cuda {

template <typename T, int V, int K>
struct RowTile {
  Pack<T, V> packs[K];
};

// Where a thread's part of a unit lies.
template <int V>
struct RowPlace {
  // Its first row in the unit, the distance to the next, and how many rows the unit has.
  int row, step, count;
  // Elements between its rows.
  int64_t stride;
  // Of its first channel, and whether there is one: the last tile may be narrower.
  int32_t c;
  bool live;
  // Lanes side by side.
  int width, lane;
  int64_t sample, offset, part;

  __device__ __forceinline__ RowPlace(const Problem& problem, const Grid& grid, const Unit& unit) {
    const Region& region = grid.regions[unit.region];
    const Channels& channels = problem.channels;
    width = 1 << region.log_width;
    lane = threadIdx.x & (width - 1);
    row = threadIdx.x >> region.log_width;
    step = blockDim.x >> region.log_width;
    count = static_cast<int>(unit.count);
    stride = int64_t{step} * channels.count;
    const int32_t index = unit.tile * width + lane;
    live = index < region.lanes;
    c = region.lane(live ? index : 0) * V;
    sample = unit.run;
    offset = (unit.run * region.length + unit.first + row) * channels.count + c;
    part = region.partial + (unit.run * region.chunks + unit.chunk) * channels.count;
  }

  __device__ __forceinline__ bool has(int k) const { return live && row + k * step < count; }
};

// The channel of column i of a unit, or -1 where there is none or another region owns it.
template <int V>
__device__ __forceinline__ int32_t columnChannel(const Problem& problem, const Grid& grid, const Unit& unit,
                                                 int i) {
  const Region& region = grid.regions[unit.region];
  const int32_t index = (unit.tile << region.log_width) + i / V;
  if (i >= V << region.log_width || index >= region.lanes) return -1;
  const int32_t c = region.lane(index) * V + i % V;
  return grid.owner(problem.channels, c) == unit.region ? c : -1;
}

template <typename T, int V, int K>
__device__ __forceinline__ void loadRows(RowTile<T, V, K>& tile, const void* data, const RowPlace<V>& place) {
  const T* address = static_cast<const T*>(data) + place.offset;
#pragma unroll
  for (int k = 0; k < K; k++) {
    if (place.has(k)) tile.packs[k] = loadPack<T, V>(address + k * place.stride);
  }
}

template <typename T, int V, int K>
__device__ __forceinline__ void loadRowInput(RowTile<T, V, K>& tile, const void* input, const void* residual,
                                             const RowPlace<V>& place) {
  loadRows(tile, input, place);
  if (residual == nullptr) return;
  const T* address = static_cast<const T*>(residual) + place.offset;
#pragma unroll
  for (int k = 0; k < K; k++) {
    if (!place.has(k)) continue;
    const Pack<T, V> added = loadPack<T, V>(address + k * place.stride);
#pragma unroll
    for (int i = 0; i < V; i++) tile.packs[k].at[i] = sumOf(tile.packs[k].at[i], added.at[i]);
  }
}

// Whole accesses where the region owns all channels of the lane, single elements where it owns some.
template <typename T, int V, int K>
__device__ __forceinline__ void storeRows(const RowTile<T, V, K>& tile, void* data, const RowPlace<V>& place,
                                          const Problem& problem, const Grid& grid, int region) {
  T* address = static_cast<T*>(data) + place.offset;
  unsigned owned = 0;
#pragma unroll
  for (int i = 0; i < V; i++) {
    if (grid.owner(problem.channels, place.c + i) == region) owned |= 1U << i;
  }
  if (owned == (1U << V) - 1) {
#pragma unroll
    for (int k = 0; k < K; k++) {
      if (place.has(k)) storePack<T, V>(address + k * place.stride, tile.packs[k]);
    }
    return;
  }
#pragma unroll
  for (int k = 0; k < K; k++) {
    if (!place.has(k)) continue;
#pragma unroll
    for (int i = 0; i < V; i++) {
      if (owned >> i & 1U) storeTo(address + k * place.stride + i, tile.packs[k].at[i]);
    }
  }
}

template <int V>
__device__ __forceinline__ void readColumns(float (&values)[V], const float* columns, int lane) {
#pragma unroll
  for (int i = 0; i < V; i++) values[i] = columns[lane * V + i];
}

template <typename T, int V, int K>
__global__ void __launch_bounds__(kMaxThreads) rowsForward(const Forward forward, const Grid grid) {
  __shared__ float scratch[kMaxWarps * kMaxColumns];
  __shared__ float means[kMaxColumns];
  __shared__ float scales[kMaxColumns];
  __shared__ float shifts[kMaxColumns];
  const Problem& problem = forward.problem;
  const bool relu = forward.parameters.relu;
  const int64_t units = grid.units();
  for (int64_t u = blockIdx.x; u < units; u += gridDim.x) {
    const Unit unit = grid.locate(u);
    const Action action = grid.regions[unit.region].action;
    const RowPlace<V> place(problem, grid, unit);
    const int32_t column = columnChannel<V>(problem, grid, unit, threadIdx.x);
    RowTile<T, V, K> tile;
    loadRowInput(tile, forward.input, forward.residual, place);

    Moments moments = {static_cast<float>(unit.count), 0, 0};
    float mean[V];
    if (action == Action::kWhole || action == Action::kPartial) {
      float sums[V] = {};
#pragma unroll
      for (int k = 0; k < K; k++) {
        if (!place.has(k)) continue;
#pragma unroll
        for (int i = 0; i < V; i++) sums[i] += toFloat(tile.packs[k].at[i]);
      }
      moments.mean = sumOverRows<V>(sums, place.width, scratch) / moments.count;
      if (static_cast<int>(threadIdx.x) < place.width * V) means[threadIdx.x] = moments.mean;
      __syncthreads();
      readColumns<V>(mean, means, place.lane);
      repack(tile.packs);
      float squares[V] = {};
#pragma unroll
      for (int k = 0; k < K; k++) {
        if (!place.has(k)) continue;
#pragma unroll
        for (int i = 0; i < V; i++) {
          const float deviation = toFloat(tile.packs[k].at[i]) - mean[i];
          squares[i] = fmaf(deviation, deviation, squares[i]);
        }
      }
      moments.squares = sumOverRows<V>(squares, place.width, scratch);
      repack(tile.packs);
    }
    if (action == Action::kPartial) {
      if (column >= 0) storeTo(forward.partial + place.part + column, Pair{moments.mean, moments.squares});
      __syncthreads();
      continue;
    }
    if (column >= 0) {
      const bool computed = isComputed(problem.channels, column);
      Statistic statistic;
      if (!computed) {
        statistic = runningStatistic(forward, column);
      } else if (action == Action::kWhole) {
        statistic = {moments.mean,
                     reciprocalDeviation(moments.squares / moments.count, forward.parameters.instance_eps)};
      } else {
        statistic = keptStatistic(forward.mean, forward.rstd, problem, place.sample, column);
      }
      // One block writes what is the same for the whole batch.
      const bool writes = computed ? action == Action::kWhole : place.sample == 0 && unit.chunk == 0;
      if (writes) keepStatistic(forward, place.sample, column, statistic);
      const Affine affine = affineOf(problem, forward.parameters, column, statistic);
      means[threadIdx.x] = affine.mean;
      scales[threadIdx.x] = affine.scale;
      shifts[threadIdx.x] = affine.shift;
    }
    __syncthreads();
    float scale[V];
    float shift[V];
    readColumns<V>(mean, means, place.lane);
    readColumns<V>(scale, scales, place.lane);
    readColumns<V>(shift, shifts, place.lane);
#pragma unroll
    for (int k = 0; k < K; k++) {
      if (!place.has(k)) continue;
#pragma unroll
      for (int i = 0; i < V; i++) {
        const float y = normalise(toFloat(tile.packs[k].at[i]), {mean[i], scale[i], shift[i]});
        tile.packs[k].at[i] = fromFloat<T>(relu ? rectify(y) : y);
      }
    }
    storeRows(tile, forward.output, place, problem, grid, unit.region);
    __syncthreads();
  }
}

template <typename T, int V, int K>
__global__ void __launch_bounds__(kMaxThreads)
    rowsBackward(const Backward backward, const Grid grid, const Pair* slice_sums) {
  __shared__ float scratch[kMaxWarps * kMaxColumns];
  // Mean, scale, shift, offset and slope of each column.
  __shared__ float columns[5][kMaxColumns];
  const Problem& problem = backward.problem;
  const Parameters& parameters = backward.parameters;
  const int64_t units = grid.units();
  for (int64_t u = blockIdx.x; u < units; u += gridDim.x) {
    const Unit unit = grid.locate(u);
    const Action action = grid.regions[unit.region].action;
    const RowPlace<V> place(problem, grid, unit);
    const int32_t column = columnChannel<V>(problem, grid, unit, threadIdx.x);
    RowTile<T, V, K> grad;
    RowTile<T, V, K> input;
    loadRows(grad, backward.grad_output, place);
    loadRowInput(input, backward.input, backward.residual, place);

    Statistic statistic = {0, 0};
    Affine affine = {0, 0, 0};
    if (column >= 0) {
      statistic = keptStatistic(backward.mean, backward.rstd, problem, place.sample, column);
      affine = affineOf(problem, parameters, column, statistic);
    }
    // Columns of the other region, too: what they hold is read, though never stored.
    if (threadIdx.x < kMaxColumns) {
      columns[0][threadIdx.x] = affine.mean;
      columns[1][threadIdx.x] = affine.scale;
      columns[2][threadIdx.x] = affine.shift;
    }
    __syncthreads();
    float mean[V];
    float scale[V];
    float shift[V];
    readColumns<V>(mean, columns[0], place.lane);
    readColumns<V>(scale, columns[1], place.lane);
    readColumns<V>(shift, columns[2], place.lane);

    Pair sums = {0, 0};
    if (action != Action::kCombined) {
      float direct[V] = {};
      float weighted[V] = {};
#pragma unroll
      for (int k = 0; k < K; k++) {
        if (!place.has(k)) continue;
#pragma unroll
        for (int i = 0; i < V; i++) {
          const float x = toFloat(input.packs[k].at[i]);
          const float through =
              throughRelu<T>(toFloat(grad.packs[k].at[i]), x, {mean[i], scale[i], shift[i]}, parameters.relu);
          direct[i] += through;
          weighted[i] = fmaf(through, x - mean[i], weighted[i]);
        }
      }
      sums.first = sumOverRows<V>(direct, place.width, scratch);
      __syncthreads();
      sums.second = sumOverRows<V>(weighted, place.width, scratch) * statistic.rstd;
      if (column >= 0) storeTo(backward.partial + place.part + column, sums);
      if (action == Action::kPartial) {
        __syncthreads();
        continue;
      }
      repack(input.packs);
      repack(grad.packs);
    }
    if (column >= 0) {
      const Gradient gradient =
          combinedGradient(backward, slice_sums, action, place.sample, column, affine, statistic.rstd, sums);
      columns[3][threadIdx.x] = gradient.offset;
      columns[4][threadIdx.x] = gradient.slope;
    }
    __syncthreads();
    float offset[V];
    float slope[V];
    readColumns<V>(offset, columns[3], place.lane);
    readColumns<V>(slope, columns[4], place.lane);
#pragma unroll
    for (int k = 0; k < K; k++) {
      if (!place.has(k)) continue;
#pragma unroll
      for (int i = 0; i < V; i++) {
        const float x = toFloat(input.packs[k].at[i]);
        const Affine own = {mean[i], scale[i], shift[i]};
        const float through = throughRelu<T>(toFloat(grad.packs[k].at[i]), x, own, parameters.relu);
        grad.packs[k].at[i] = fromFloat<T>(gradientAt(through, x, {own, offset[i], slope[i]}));
      }
    }
    storeRows(grad, backward.grad_input, place, problem, grid, unit.region);
    __syncthreads();
  }
}

}  // namespace ibn::cuda
