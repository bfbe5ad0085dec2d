// Threads that run kernels. They are the engine's own: kernels are short, and libtorch's OpenMP team would be
// woken and put to sleep for each.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "../../kernels/kernels.h"

namespace ibn::engine {

// The calling thread alone.
class SerialTeam final : public kernels::Team {
 public:
  int threads() const override { return 1; }
  void run(int64_t count, kernels::Task task) override {
    for (int64_t i = 0; i < count; i++) task(i, 0);
  }
};

// The thread that calls run(), always the same one, and `threads - 1` helpers. Between two runs that follow
// each other closely helpers spin; after that they sleep. Tasks must not throw.
class ThreadTeam final : public kernels::Team {
 public:
  explicit ThreadTeam(int threads);
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;
  ~ThreadTeam() override;

  int threads() const override { return static_cast<int>(helpers_.size()) + 1; }
  void run(int64_t count, kernels::Task task) override;

 private:
  void help(int thread);
  bool workOnce(int thread);
  void waitForRun(uint32_t seen);
  void waitUntilDone(uint32_t count);
  void publish(uint32_t count, const kernels::Task& task);
  void stop();

  // The number of the run in the upper half, the next index in the lower. An index is taken by
  // compare-and-swap: a helper that comes late cannot take one of a later run with the task of an earlier
  // one.
  std::atomic<uint64_t> ticket_{0};
  std::atomic<const kernels::Task*> task_{nullptr};
  std::atomic<uint32_t> count_{0};
  std::atomic<uint32_t> done_{0};
  std::atomic<uint32_t> sleepers_{0};
  std::atomic<bool> caller_sleeps_{false};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable started_;
  std::condition_variable finished_;
  int64_t spin_ns_ = 0;
  std::vector<std::thread> helpers_;
};

}  // namespace ibn::engine
