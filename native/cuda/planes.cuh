// The planes layout, (N, C, H, W): a group of threads holds a plane, or a part of one, in registers.
#pragma once
#include "statistics.cuh"

namespace ibn::cuda {

// A run of elements: single ones up to a boundary of 16 bytes, whole accesses, single ones.
struct Span {
  int head, vectors, tail;

  IBN_HD Span(uint64_t address, int element_size, int vector, int64_t count) {
    const int past = static_cast<int>(address / element_size % vector);
    const int64_t before = (vector - past) % vector;
    head = static_cast<int>(before < count ? before : count);
    vectors = static_cast<int>((count - head) / vector);
    tail = static_cast<int>(count - head - int64_t{vectors} * vector);
  }
};

// A thread's share of a span: every `group`th access, and perhaps a single element at either end.
template <typename T, int V, int K>
struct PlaneTile {
  Pack<T, V> packs[K];
  T edges[2];

  __device__ __forceinline__ void load(const T* data, const Span& span, int thread, int group) {
#pragma unroll
    for (int k = 0; k < K; k++) {
      const int index = thread + k * group;
      if (index < span.vectors) packs[k] = loadPack<T, V>(data + span.head + int64_t{index} * V);
    }
    if (V == 1) return;
    if (thread < span.head) edges[0] = loadConstant(data + thread);
    if (thread < span.tail) edges[1] = loadConstant(data + span.head + int64_t{span.vectors} * V + thread);
  }

  // Adds the residual, access by access: a second tile would not fit beside a large one.
  __device__ __forceinline__ void add(const T* data, const Span& span, int thread, int group) {
#pragma unroll
    for (int k = 0; k < K; k++) {
      const int index = thread + k * group;
      if (index >= span.vectors) continue;
      const Pack<T, V> added = loadPack<T, V>(data + span.head + int64_t{index} * V);
#pragma unroll
      for (int i = 0; i < V; i++) packs[k].at[i] = sumOf(packs[k].at[i], added.at[i]);
    }
    if (V == 1) return;
    if (thread < span.head) edges[0] = sumOf(edges[0], loadConstant(data + thread));
    if (thread < span.tail) {
      edges[1] = sumOf(edges[1], loadConstant(data + span.head + int64_t{span.vectors} * V + thread));
    }
  }

  // Calls fn(element, element of `other`) for each element that the thread has.
  template <typename Fn>
  __device__ __forceinline__ void zip(PlaneTile& other, const Span& span, int thread, int group, Fn fn) {
#pragma unroll
    for (int k = 0; k < K; k++) {
      if (thread + k * group < span.vectors) {
#pragma unroll
        for (int i = 0; i < V; i++) fn(packs[k].at[i], other.packs[k].at[i]);
      }
    }
    if (V == 1) return;
    if (thread < span.head) fn(edges[0], other.edges[0]);
    if (thread < span.tail) fn(edges[1], other.edges[1]);
  }

  template <typename Fn>
  __device__ __forceinline__ void each(const Span& span, int thread, int group, Fn fn) {
    zip(*this, span, thread, group, [&](T& element, T&) { fn(element); });
  }

  __device__ __forceinline__ void store(T* data, const Span& span, int thread, int group) const {
#pragma unroll
    for (int k = 0; k < K; k++) {
      const int index = thread + k * group;
      if (index < span.vectors) storePack<T, V>(data + span.head + int64_t{index} * V, packs[k]);
    }
    if (V == 1) return;
    if (thread < span.head) storeTo(data + thread, edges[0]);
    if (thread < span.tail) storeTo(data + span.head + int64_t{span.vectors} * V + thread, edges[1]);
  }
};

// The place of a unit's first element.
struct PlanePlace {
  int32_t c;
  int64_t offset, part;

  __device__ __forceinline__ PlanePlace(const Problem& problem, const Grid& grid, const Unit& unit) {
    const Region& region = grid.regions[unit.region];
    c = region.lane(unit.tile);
    offset = (unit.run * problem.channels.count + c) * problem.size + unit.first;
    part = region.partial + (unit.run * region.chunks + unit.chunk) * problem.channels.count + c;
  }
};

template <typename T, int V, int K>
__device__ __forceinline__ void loadPlaneInput(PlaneTile<T, V, K>& tile, const void* input,
                                               const void* residual, int64_t offset, const Span& span,
                                               int thread, int group) {
  tile.load(static_cast<const T*>(input) + offset, span, thread, group);
  if (residual != nullptr) tile.add(static_cast<const T*>(residual) + offset, span, thread, group);
}

template <typename T, int V, int K>
__device__ __forceinline__ Moments momentsOf(PlaneTile<T, V, K>& tile, const Span& span, float count,
                                             int thread, int group, float* scratch) {
  float sum[1] = {0};
  tile.each(span, thread, group, [&](T& x) { sum[0] += toFloat(x); });
  sumOverGroup(sum, group, scratch);
  repack(tile.packs);
  const float mean = sum[0] / count;
  float squares[1] = {0};
  tile.each(span, thread, group, [&](T& x) {
    const float deviation = toFloat(x) - mean;
    squares[0] = fmaf(deviation, deviation, squares[0]);
  });
  sumOverGroup(squares, group, scratch);
  repack(tile.packs);
  return {count, mean, squares[0]};
}

template <typename T, int V, int K>
__global__ void __launch_bounds__(kMaxThreads)
    planesForward(const Forward forward, const Grid grid, const int group) {
  __shared__ float scratch[kMaxWarps];
  const Problem& problem = forward.problem;
  const int thread = threadIdx.x % group;
  const int groups = blockDim.x / group;
  const int64_t units = grid.units();
  const int64_t step = int64_t{gridDim.x} * groups;
  for (int64_t u = int64_t{blockIdx.x} * groups + threadIdx.x / group; u < units; u += step) {
    const Unit unit = grid.locate(u);
    const Action action = grid.regions[unit.region].action;
    const PlanePlace place(problem, grid, unit);
    const T* address = static_cast<const T*>(forward.input) + place.offset;
    const Span span(reinterpret_cast<uint64_t>(address), sizeof(T), V, unit.count);
    PlaneTile<T, V, K> tile;
    loadPlaneInput(tile, forward.input, forward.residual, place.offset, span, thread, group);

    Statistic statistic;
    if (action == Action::kWhole || action == Action::kPartial) {
      const Moments moments = momentsOf(tile, span, static_cast<float>(unit.count), thread, group, scratch);
      if (action == Action::kPartial) {
        if (thread == 0) storeTo(forward.partial + place.part, Pair{moments.mean, moments.squares});
        continue;
      }
      statistic = {moments.mean, reciprocalDeviation(moments.squares / moments.count,
                                                     epsOf(problem, forward.parameters, place.c))};
    } else if (action == Action::kGiven) {
      statistic = runningStatistic(forward, place.c);
    } else {
      statistic = keptStatistic(forward.mean, forward.rstd, problem, unit.run, place.c);
    }
    // The statistics of a batch do not depend on the sample: one block writes them.
    const bool keeps =
        action == Action::kWhole || (action == Action::kGiven && unit.run == 0 && unit.chunk == 0);
    if (keeps && thread == 0) keepStatistic(forward, unit.run, place.c, statistic);
    const Affine affine = affineOf(problem, forward.parameters, place.c, statistic);
    const bool relu = forward.parameters.relu;
    tile.each(span, thread, group, [&](T& x) {
      const float y = normalise(toFloat(x), affine);
      x = fromFloat<T>(relu ? rectify(y) : y);
    });
    tile.store(static_cast<T*>(forward.output) + place.offset, span, thread, group);
  }
}

template <typename T, int V, int K>
__global__ void __launch_bounds__(kMaxThreads)
    planesBackward(const Backward backward, const Grid grid, const int group, const Pair* slice_sums) {
  __shared__ float scratch[2 * kMaxWarps];
  const Problem& problem = backward.problem;
  const Parameters& parameters = backward.parameters;
  const int thread = threadIdx.x % group;
  const int groups = blockDim.x / group;
  const int64_t units = grid.units();
  const int64_t step = int64_t{gridDim.x} * groups;
  for (int64_t u = int64_t{blockIdx.x} * groups + threadIdx.x / group; u < units; u += step) {
    const Unit unit = grid.locate(u);
    const Action action = grid.regions[unit.region].action;
    const PlanePlace place(problem, grid, unit);
    const T* address = static_cast<const T*>(backward.input) + place.offset;
    const Span span(reinterpret_cast<uint64_t>(address), sizeof(T), V, unit.count);
    PlaneTile<T, V, K> input;
    PlaneTile<T, V, K> grad;
    grad.load(static_cast<const T*>(backward.grad_output) + place.offset, span, thread, group);
    loadPlaneInput(input, backward.input, backward.residual, place.offset, span, thread, group);

    const Statistic statistic = keptStatistic(backward.mean, backward.rstd, problem, unit.run, place.c);
    const Affine affine = affineOf(problem, parameters, place.c, statistic);
    Pair sums = {0, 0};
    if (action != Action::kCombined) {
      float values[2] = {0, 0};
      grad.zip(input, span, thread, group, [&](T& g, T& x) {
        const float value = toFloat(x);
        const float through = throughRelu<T>(toFloat(g), value, affine, parameters.relu);
        values[0] += through;
        values[1] = fmaf(through, value - affine.mean, values[1]);
      });
      sumOverGroup(values, group, scratch);
      sums = {values[0], values[1] * statistic.rstd};
      if (thread == 0) storeTo(backward.partial + place.part, sums);
      if (action == Action::kPartial) continue;
      repack(input.packs);
      repack(grad.packs);
    }
    const Gradient gradient =
        combinedGradient(backward, slice_sums, action, unit.run, place.c, affine, statistic.rstd, sums);
    grad.zip(input, span, thread, group, [&](T& g, T& x) {
      const float value = toFloat(x);
      const float through = throughRelu<T>(toFloat(g), value, affine, parameters.relu);
      g = fromFloat<T>(gradientAt(through, value, gradient));
    });
    grad.store(static_cast<T*>(backward.grad_input) + place.offset, span, thread, group);
  }
}

}  // namespace ibn::cuda
