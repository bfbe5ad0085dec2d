// Which kernels run for a problem, in order, on one stream. `launch<Kernel>(stream, blocks, threads,
// arguments...)` is the platform's.
#pragma once
#include "combine.cuh"
#include "planes.cuh"
#include "rows.cuh"

namespace ibn::cuda {

#if defined(__CUDACC__)
template <auto Kernel, typename... Arguments>
void launch(Stream stream, int64_t blocks, int threads, const Arguments&... arguments) {
  Kernel<<<static_cast<unsigned>(blocks), static_cast<unsigned>(threads), 0, stream>>>(arguments...);
}
#endif

namespace detail {

inline int64_t combinationBlocks(const Problem& problem, int64_t samples) {
  return ceilDiv(problem.channels.count, kWarp) * samples;
}

template <typename T, int V, int K>
void launchForward(const Forward& forward, const Plan& plan, const Grid& grid, const Limits& limits,
                   Stream stream) {
  const int64_t units = grid.units();
  if (units == 0) return;
  if (forward.problem.layout == Layout::kPlanes) {
    const int64_t blocks = std::min(ceilDiv(units, plan.threads / plan.group), limits.blocks);
    launch<planesForward<T, V, K>>(stream, blocks, plan.threads, forward, grid, plan.group);
  } else if constexpr (K > 1) {
    launch<rowsForward<T, V, K>>(stream, std::min(units, limits.blocks), plan.threads, forward, grid);
  }
}

template <typename T, int V, int K>
void launchBackward(const Backward& backward, const Plan& plan, const Grid& grid, const Pair* slice_sums,
                    const Limits& limits, Stream stream) {
  const int64_t units = grid.units();
  if (units == 0) return;
  if (backward.problem.layout == Layout::kPlanes) {
    const int64_t blocks = std::min(ceilDiv(units, plan.threads / plan.group), limits.blocks);
    launch<planesBackward<T, V, K>>(stream, blocks, plan.threads, backward, grid, plan.group, slice_sums);
  } else if constexpr (K > 1) {
    launch<rowsBackward<T, V, K>>(stream, std::min(units, limits.blocks), plan.threads, backward, grid,
                                  slice_sums);
  }
}

// Calls fn<T, V, K> for the plan's kernel.
template <typename T, Slots S, typename Fn>
void chooseKernel(const Plan& plan, Fn fn) {
  constexpr int V = kAccessBytes / sizeof(T);
  if (plan.vector == 1) return fn.template operator()<T, 1, S.usual>();
  if (plan.slots == S.small) return fn.template operator()<T, V, S.small>();
  if (plan.slots == S.usual) return fn.template operator()<T, V, S.usual>();
  return fn.template operator()<T, V, S.large>();
}

template <Slots S, typename Fn>
void chooseKernel(ElementType type, const Plan& plan, Fn fn) {
  switch (type) {
    case ElementType::kHalf:
      return chooseKernel<Half, S>(plan, fn);
    case ElementType::kBfloat16:
      return chooseKernel<Bfloat16, S>(plan, fn);
    default:
      return chooseKernel<float, S>(plan, fn);
  }
}

}  // namespace detail

// Normalises. `workspace` has plan.floats floats; the plan is that of the problem and the tensors' alignment.
inline void runForward(Forward forward, const Plan& plan, float* workspace, Stream stream,
                       const Limits& limits = {}) {
  if (plan.empty) return;
  const Problem& problem = forward.problem;
  const bool combines_batch = plan.first.regions[1].action == Action::kPartial;
  forward.partial = reinterpret_cast<Pair*>(workspace);
  if ((plan.split || combines_batch) && forward.mean == nullptr) {
    forward.mean = workspace + plan.statistics;
    forward.rstd = forward.mean + problem.statistics();
  }
  const auto pass = [&](const Grid& grid) {
    detail::chooseKernel<kForwardSlots>(problem.type, plan, [&]<typename T, int V, int K>() {
      detail::launchForward<T, V, K>(forward, plan, grid, limits, stream);
    });
  };
  pass(plan.first);
  if (!plan.split && !combines_batch) return;
  const int64_t whole = combines_batch ? detail::combinationBlocks(problem, 1) : 0;
  const int64_t blocks = whole + (plan.split ? detail::combinationBlocks(problem, problem.samples) : 0);
  launch<combineForward>(stream, std::min(blocks, limits.blocks), kCombineThreads, forward, plan.first, whole,
                         blocks);
  pass(plan.last);
}

// The gradients of the input, and of each channel's weight and bias.
inline void runBackward(Backward backward, const Plan& plan, float* workspace, Stream stream,
                        const Limits& limits = {}) {
  if (plan.empty) return;
  const Problem& problem = backward.problem;
  backward.partial = reinterpret_cast<Pair*>(workspace);
  Pair* slice_sums = plan.split ? reinterpret_cast<Pair*>(workspace + plan.slice_sums) : nullptr;
  const auto pass = [&](const Grid& grid) {
    detail::chooseKernel<kBackwardSlots>(problem.type, plan, [&]<typename T, int V, int K>() {
      detail::launchBackward<T, V, K>(backward, plan, grid, slice_sums, limits, stream);
    });
  };
  pass(plan.first);
  const int64_t whole = detail::combinationBlocks(problem, 1);
  const int64_t blocks = whole + (plan.split ? detail::combinationBlocks(problem, problem.samples) : 0);
  launch<combineBackward>(stream, std::min(blocks, limits.blocks), kCombineThreads, backward, plan.first,
                          slice_sums, whole, blocks);
  pass(plan.last);
}

}  // namespace ibn::cuda
