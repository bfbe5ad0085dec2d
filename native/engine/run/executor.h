// Runs batches of jobs on a team of threads.
#pragma once
#include <c10/core/Allocator.h>

#include <atomic>
#include <mutex>
#include <vector>

#include "../plan/program.h"
#include "job.h"
#include "team.h"

namespace ibn::engine {

// Memory that grows to what was asked for at most.
class Arena {
 public:
  // At least `bytes`, aligned to 64; what was there is lost.
  void* reserve(size_t bytes);
  size_t bytes() const { return bytes_; }

 private:
  c10::DataPtr memory_;
  size_t bytes_ = 0;
};

// Used by the engine's thread, which is thread 0 of the team.
//
// As many images as threads, or more: each thread takes whole sub-batches through the network by itself, in
// an arena of its own. What is left over, or a batch of fewer images: all threads work on each kernel
// together.
class Executor {
 public:
  Executor(const Program& program, ThreadTeam& team, int64_t micro_batch);

  // Fills the jobs' outputs, or sets their errors. Stops early when `stopping` becomes true.
  void run(const std::vector<JobPtr>& jobs, const std::atomic<bool>& stopping);

  int64_t arenaBytes() const { return arena_bytes_.load(std::memory_order_relaxed); }

 private:
  // Images [first, first + count) of the batch.
  struct Chunk {
    int64_t first, count;
  };
  // The part of a chunk that is of one job.
  struct Slice {
    Job* job;
    int64_t first;     // in the job
    int64_t in_chunk;  // in the chunk
    int64_t count;
  };
  struct Workspace {
    Arena arena;
    std::vector<std::vector<float>> gathered;  // per input, for chunks of several jobs

    // What the last size of chunk needed: asking every kernel again takes as long as a small one runs.
    int64_t asked_images = 0;
    int asked_threads = 0;
    size_t asked_bytes = 0;
    size_t bytesFor(const Program& program, int64_t images, int threads);
  };

  static std::vector<Chunk> cut(int64_t first, int64_t count, int64_t pieces);
  void runApart(int64_t per_thread);
  void runTogether(int64_t first, int64_t count);
  void runChunk(const Chunk& chunk, Workspace& workspace, kernels::Team& team) noexcept;
  void compute(const Chunk& chunk, const std::vector<Slice>& slices, Workspace& workspace,
               kernels::Team& team);
  std::vector<Slice> slicesOf(const Chunk& chunk) const;
  const float* inputOf(const std::vector<Slice>& slices, size_t input, Workspace& workspace) const;
  void fail(const std::vector<Slice>& slices);

  const Program& program_;
  ThreadTeam& team_;
  const int64_t micro_batch_;
  std::vector<Workspace> workspaces_;
  const std::vector<JobPtr>* jobs_ = nullptr;
  const std::atomic<bool>* stopping_ = nullptr;
  std::mutex errors_;
  std::atomic<int64_t> arena_bytes_{0};
};

}  // namespace ibn::engine
