#include "program.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <mutex>

namespace ibn::engine {

namespace {

constexpr size_t kLine = 64;

size_t roundUp(size_t bytes) {
  return (bytes + kLine - 1) / kLine * kLine;
}

// Indices have the sizes that the network gives them, with one channel or without.
std::vector<int64_t> readSizes(const Field& field, const Layout& layout, size_t value) {
  const Shape shape = layout.shape(value);
  if (layout.kind(value) == BufferKind::kVector) return {shape.channels};
  if (layout.isMap(value)) return {shape.channels, shape.height, shape.width};
  const Field given = field.get("sizes");
  std::vector<int64_t> sizes;
  int64_t elements = 1;
  for (const Field& item : given.items()) {
    sizes.push_back(item.integer(1, kMostPixels));
    if (sizes.size() > 3) throw given.wrong("at most three sizes");
    elements *= sizes.back();
  }
  if (elements != shape.elements())
    throw given.wrong("sizes of " + std::to_string(shape.elements()) + " elements");
  return sizes;
}

}  // namespace

Program::Program(const Field& plan) : layout_(plan) {
  if (layout_.inputs.empty()) throw plan.get("inputs").wrong("at least one input", "none");
  for (const Field& field : plan.get("steps").items()) {
    steps_.push_back(readStep(field, layout_));
    uses_libtorch_ |= steps_.back()->usesLibtorch();
  }
  for (const Field& field : plan.get("outputs").items()) {
    const size_t value = layout_.any(field.get("value"));
    if (layout_.isQuantized(value)) throw field.get("value").wrong("a value of floats", "a quantised map");
    outputs_.push_back({field.get("name").text(), value, readSizes(field, layout_, value)});
  }
  if (outputs_.empty()) throw plan.get("outputs").wrong("at least one output", "none");
  nanoseconds_ = std::vector<std::atomic<int64_t>>(steps_.size());
}

bool Program::pack(const kernels::Table& table, kernels::Team& team, const std::atomic<bool>& stopping) {
  std::mutex mutex;
  std::exception_ptr failure;
  // The last first: they have the largest weights as a rule, which are in memory twice while they are packed.
  team.run(static_cast<int64_t>(steps_.size()), [&](int64_t index, int) {
    if (stopping.load(std::memory_order_relaxed)) return;
    try {
      steps_[steps_.size() - 1 - static_cast<size_t>(index)]->pack(table);
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex);
      failure = std::current_exception();
    }
  });
  if (failure) std::rethrow_exception(failure);
  if (stopping) return false;
  table_ = &table;
  return true;
}

size_t Program::memoryBytes(int64_t batch, int threads) const {
  size_t scratch = 0;
  for (const StepPtr& step : steps_) scratch = std::max(scratch, step->scratchBytes(batch, threads));
  return roundUp(static_cast<size_t>(layout_.arena_bytes * batch)) + roundUp(scratch);
}

bool Program::run(void* memory, int64_t batch, const float* const* inputs, kernels::Team& team,
                  const std::function<bool()>& stop) const {
  using Clock = std::chrono::steady_clock;
  auto* arena = static_cast<char*>(memory);
  const Frame frame{layout_, arena, batch, inputs,
                    arena + roundUp(static_cast<size_t>(layout_.arena_bytes * batch))};
  auto before = Clock::now();
  for (size_t i = 0; i < steps_.size(); i++) {
    if (stop()) return false;
    steps_[i]->run(frame, team);
    const auto after = Clock::now();
    nanoseconds_[i].fetch_add((after - before).count(), std::memory_order_relaxed);
    before = after;
  }
  return true;
}

void Program::writeOutput(size_t output, void* memory, int64_t batch, int64_t first, int64_t count, void* to,
                          kernels::Team& team) const {
  const Frame frame{layout_, static_cast<char*>(memory), batch, nullptr, nullptr};
  const size_t value = outputs_[output].value;
  if (layout_.isMap(value)) {
    kernels::Map map = frame.map(value);
    map.data = static_cast<char*>(map.data) +
               first * map.imageStride() * static_cast<int64_t>(kernels::sizeOf(layout_.type));
    map.batch = count;
    table_->toPlanar(layout_.type, map, static_cast<float*>(to), team);
    return;
  }
  if (isIndices(output)) {
    const int64_t pixels = layout_.shape(value).elements();
    std::memcpy(to, frame.indices(value) + first * pixels,
                static_cast<size_t>(count * pixels) * sizeof(int64_t));
    return;
  }
  const int64_t channels = layout_.values[value].channels;
  for (int64_t image = 0; image < count; image++) {
    std::memcpy(static_cast<float*>(to) + image * channels,
                frame.vector(value) + (first + image) * frame.vectorStride(value),
                static_cast<size_t>(channels) * sizeof(float));
  }
}

std::vector<int64_t> Program::outputSizes(size_t output, int64_t batch) const {
  std::vector<int64_t> sizes{batch};
  sizes.insert(sizes.end(), outputs_[output].sizes.begin(), outputs_[output].sizes.end());
  return sizes;
}

size_t Program::weightBytes() const {
  size_t bytes = 0;
  for (const StepPtr& step : steps_) bytes += step->weightBytes();
  return bytes;
}

}  // namespace ibn::engine
