// A compiled model at work: a program, a thread with its team, and a queue. Handles in any number of
// JavaScript environments share it; it stops when the last one goes.
#pragma once
#include <atomic>
#include <memory>
#include <string>

#include "plan/program.h"
#include "run/executor.h"
#include "run/job.h"

namespace ibn::engine {

struct Settings {
  int threads = 1;
  int64_t micro_batch = 1;
  int64_t most_images = 1;  // joined from several jobs
  std::chrono::microseconds delay{0};
  size_t most_jobs = 1;
  const kernels::Table* table = nullptr;
};

struct EngineStats {
  int64_t arena_bytes = 0;
  int64_t weight_bytes = 0;
  int64_t queued = 0;
  int64_t batches = 0;
  int64_t images = 0;
};

class Engine : public std::enable_shared_from_this<Engine> {
 public:
  // Starts the thread, which first packs the weights: jobs wait for it, and fail with its error.
  static std::shared_ptr<Engine> start(std::unique_ptr<Program> program, const Settings& settings);
  // The engine that share() named, if it still runs.
  static std::shared_ptr<Engine> find(const std::string& token);

  Engine(std::unique_ptr<Program> program, const Settings& settings);

  // Any thread may call these.
  const std::string& share();
  bool attach();  // false once the engine stops
  void detach(const ClientLink& client);
  // Before a job is made, which costs copies: a place in the queue. When it is full: how many wait.
  std::optional<size_t> reserve() { return queue_.reserve(); }
  void unreserve() { queue_.unreserve(); }
  void submit(JobPtr job) { queue_.push(std::move(job)); }
  void drop(Job& job);
  void stop();
  EngineStats stats();

  const Program& program() const { return *program_; }
  const Settings& settings() const { return settings_; }
  // What lib/ wants to know of the model in every thread, as it gave it before it shared the engine.
  void describe(std::string text) { description_ = std::move(text); }
  const std::string& description() const { return description_; }
  bool isPacked() const { return packed_.load(std::memory_order_acquire); }
  // Any thread. Stops an engine that is not ready yet, and returns when it reads no weights any more.
  void abandonPacking();

 private:
  void main();
  void work(Executor& executor, const std::exception_ptr& failure);
  std::exception_ptr pack(kernels::Team& team);
  void endPacking();

  const std::unique_ptr<Program> program_;
  const Settings settings_;
  std::string description_;
  JobQueue queue_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> packed_{false};
  bool reads_weights_ = true;
  std::condition_variable weights_read_;
  std::atomic<int64_t> arena_bytes_{0};
  std::atomic<int64_t> batches_{0};
  std::atomic<int64_t> images_{0};
  std::mutex mutex_;
  int64_t clients_ = 0;
  bool ended_ = false;
  std::string token_;
};

}  // namespace ibn::engine
