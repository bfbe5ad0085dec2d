// A plan that is ready to run. It does not change once packed: any number of threads run it at once.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "step.h"

namespace ibn::engine {

struct Output {
  std::string name;
  size_t value = 0;
  std::vector<int64_t> sizes;  // of one image
};

class Program {
 public:
  // Reads and checks a description: { dtype, inputs, buffers, values, steps, outputs, arenaBytes }. On the
  // JavaScript thread.
  explicit Program(const Field& plan);

  // Gives every step its kernels. On any thread, before the first run. Whether it went to the end: it stops
  // between two steps when `stopping` becomes true.
  bool pack(const kernels::Table& table, kernels::Team& team, const std::atomic<bool>& stopping);

  // What run() needs for so many images and threads.
  size_t memoryBytes(int64_t batch, int threads) const;

  // Computes one batch in `memory`, aligned to 64. Stops early, leaving the values undefined, when `stop`
  // says so between two steps; returns whether it went to the end.
  bool run(void* memory, int64_t batch, const float* const* inputs, kernels::Team& team,
           const std::function<bool()>& stop) const;

  // Writes images [first, first + count) of an output, after run() with the same memory and batch: (N, C, H,
  // W) or (N, C), float32; indices are int64.
  void writeOutput(size_t output, void* memory, int64_t batch, int64_t first, int64_t count, void* to,
                   kernels::Team& team) const;

  // Sizes of an output with `batch` images.
  std::vector<int64_t> outputSizes(size_t output, int64_t batch) const;
  bool isIndices(size_t output) const { return layout_.kind(outputs_[output].value) == BufferKind::kIndices; }

  const Layout& layout() const { return layout_; }
  const std::vector<StepPtr>& steps() const { return steps_; }
  const std::vector<Output>& outputs() const { return outputs_; }
  bool usesLibtorch() const { return uses_libtorch_; }
  const char* instructionSet() const { return table_ == nullptr ? "" : table_->name; }
  size_t weightBytes() const;
  // Time spent in a step so far, all threads together.
  int64_t nanoseconds(size_t step) const { return nanoseconds_[step].load(std::memory_order_relaxed); }

 private:
  Layout layout_;
  std::vector<StepPtr> steps_;
  std::vector<Output> outputs_;
  bool uses_libtorch_ = false;
  const kernels::Table* table_ = nullptr;
  mutable std::vector<std::atomic<int64_t>> nanoseconds_;
};

}  // namespace ibn::engine
