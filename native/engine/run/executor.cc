#include "executor.h"

#include <c10/core/CPUAllocator.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace ibn::engine {

namespace {

constexpr size_t kHugePage = size_t{2} << 20;

// Fewer, larger pages: kernels go through all of an arena again and again. Only advice, so errors mean
// nothing.
void adviseHugePages(void* memory, size_t bytes) {
#ifdef MADV_HUGEPAGE
  void* start = memory;
  size_t size = bytes;
  if (std::align(kHugePage, kHugePage, start, size) == nullptr) return;
  madvise(start, size / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
}

int64_t ceilDiv(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

}  // namespace

void* Arena::reserve(size_t bytes) {
  if (bytes > bytes_) {
    memory_.clear();
    bytes_ = 0;
    memory_ = c10::GetCPUAllocator()->allocate(bytes);
    bytes_ = bytes;
    adviseHugePages(memory_.get(), bytes);
  }
  return memory_.get();
}

size_t Executor::Workspace::bytesFor(const Program& program, int64_t images, int threads) {
  if (images != asked_images || threads != asked_threads) {
    asked_bytes = program.memoryBytes(images, threads);
    asked_images = images;
    asked_threads = threads;
  }
  return asked_bytes;
}

Executor::Executor(const Program& program, ThreadTeam& team, int64_t micro_batch)
    : program_(program),
      team_(team),
      micro_batch_(micro_batch),
      workspaces_(static_cast<size_t>(team.threads())) {}

void Executor::run(const std::vector<JobPtr>& jobs, const std::atomic<bool>& stopping) {
  jobs_ = &jobs;
  stopping_ = &stopping;
  int64_t images = 0;
  for (const JobPtr& job : jobs) images += job->images;
  // Libtorch's ops bring threads of their own: they are called from the engine's thread alone.
  const bool alone = team_.threads() == 1 || program_.usesLibtorch();
  const int64_t per_thread = alone ? 0 : images / team_.threads();
  runApart(per_thread);
  const int64_t done = per_thread * team_.threads();
  runTogether(done, images - done);
}

// As even as it goes, larger pieces first.
std::vector<Executor::Chunk> Executor::cut(int64_t first, int64_t count, int64_t pieces) {
  std::vector<Chunk> chunks;
  for (int64_t i = 0; i < pieces; i++) {
    const int64_t size = count / pieces + (i < count % pieces ? 1 : 0);
    chunks.push_back({first, size});
    first += size;
  }
  return chunks;
}

void Executor::runApart(int64_t per_thread) {
  if (per_thread == 0) return;
  const int64_t threads = team_.threads();
  const std::vector<Chunk> chunks = cut(0, per_thread * threads, ceilDiv(per_thread, micro_batch_) * threads);
  team_.run(static_cast<int64_t>(chunks.size()), [&](int64_t index, int thread) {
    SerialTeam alone;
    runChunk(chunks[static_cast<size_t>(index)], workspaces_[static_cast<size_t>(thread)], alone);
  });
}

void Executor::runTogether(int64_t first, int64_t count) {
  if (count == 0) return;
  for (const Chunk& chunk : cut(first, count, ceilDiv(count, micro_batch_))) {
    runChunk(chunk, workspaces_[0], team_);
  }
}

void Executor::runChunk(const Chunk& chunk, Workspace& workspace, kernels::Team& team) noexcept {
  const std::vector<Slice> slices = slicesOf(chunk);
  try {
    compute(chunk, slices, workspace, team);
  } catch (...) {
    fail(slices);
  }
}

void Executor::compute(const Chunk& chunk, const std::vector<Slice>& slices, Workspace& workspace,
                       kernels::Team& team) {
  std::vector<const float*> inputs;
  inputs.reserve(program_.layout().inputs.size());
  for (size_t i = 0; i < program_.layout().inputs.size(); i++)
    inputs.push_back(inputOf(slices, i, workspace));
  const size_t before = workspace.arena.bytes();
  void* memory = workspace.arena.reserve(workspace.bytesFor(program_, chunk.count, team.threads()));
  arena_bytes_ += static_cast<int64_t>(workspace.arena.bytes() - before);
  const auto stop = [&] {
    return stopping_->load(std::memory_order_relaxed) ||
           std::all_of(slices.begin(), slices.end(), [](const Slice& slice) {
             return slice.job->cancelled.load(std::memory_order_relaxed);
           });
  };
  if (!program_.run(memory, chunk.count, inputs.data(), team, stop)) return;
  for (size_t output = 0; output < program_.outputs().size(); output++) {
    for (const Slice& slice : slices) {
      const at::Tensor& result = slice.job->outputs[output];
      const auto image_bytes = static_cast<int64_t>(result.nbytes()) / slice.job->images;
      char* to = static_cast<char*>(result.mutable_data_ptr()) + slice.first * image_bytes;
      program_.writeOutput(output, memory, chunk.count, slice.in_chunk, slice.count, to, team);
    }
  }
}

std::vector<Executor::Slice> Executor::slicesOf(const Chunk& chunk) const {
  std::vector<Slice> slices;
  int64_t start = 0;
  for (const JobPtr& job : *jobs_) {
    const int64_t from = std::max(chunk.first, start);
    const int64_t to = std::min(chunk.first + chunk.count, start + job->images);
    if (from < to) slices.push_back({job.get(), from - start, from - chunk.first, to - from});
    start += job->images;
  }
  return slices;
}

// The images of a chunk one after the other: in the job's own tensor if they are all of one.
const float* Executor::inputOf(const std::vector<Slice>& slices, size_t input, Workspace& workspace) const {
  const int64_t elements = program_.layout().inputs[input].elements();
  const auto source = [&](const Slice& slice) {
    return slice.job->inputs[input].const_data_ptr<float>() + slice.first * elements;
  };
  if (slices.size() == 1) return source(slices[0]);
  workspace.gathered.resize(program_.layout().inputs.size());
  std::vector<float>& gathered = workspace.gathered[input];
  gathered.resize(static_cast<size_t>((slices.back().in_chunk + slices.back().count) * elements));
  for (const Slice& slice : slices) {
    std::memcpy(gathered.data() + slice.in_chunk * elements, source(slice),
                static_cast<size_t>(slice.count * elements) * sizeof(float));
  }
  return gathered.data();
}

void Executor::fail(const std::vector<Slice>& slices) {
  const std::lock_guard<std::mutex> lock(errors_);
  for (const Slice& slice : slices) slice.job->error = std::current_exception();
}

}  // namespace ibn::engine
