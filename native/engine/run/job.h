// What run() asks for, and the queue of an engine.
#pragma once
#include <ATen/core/Tensor.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace ibn::engine {

class ClientLink;

// Inputs are copies, contiguous float32; outputs are allocated beforehand. The JavaScript thread makes it,
// the engine fills it, and the JavaScript thread takes it back through its client's link.
struct Job {
  int64_t id = 0;
  int64_t images = 0;
  std::vector<at::Tensor> inputs;
  std::vector<at::Tensor> outputs;
  std::shared_ptr<ClientLink> client;
  // Nobody waits for it any more: it is skipped, and stops between two steps if it runs.
  std::atomic<bool> cancelled{false};
  std::exception_ptr error;
  std::chrono::steady_clock::time_point queued_at;
};

using JobPtr = std::shared_ptr<Job>;

class JobQueue {
 public:
  explicit JobQueue(size_t most) : most_(most) {}

  // Keeps a place for the push() or unreserve() that follows. When the queue is full: how many wait.
  std::optional<size_t> reserve();
  void unreserve();
  // Takes the place that was reserved.
  void push(JobPtr job);
  // The first job, with those behind it that fit into `most_images` together; waits up to `delay` from the
  // first one's arrival for more to come. Empty once the queue is closed.
  std::vector<JobPtr> take(int64_t most_images, std::chrono::microseconds delay);
  void remove(const Job& job);
  void removeOf(const ClientLink& client);
  // Ends every wait. Jobs that are left are dropped.
  void close();
  size_t size();

 private:
  bool joinNext(std::vector<JobPtr>& batch, int64_t& images, int64_t most_images);

  const size_t most_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<JobPtr> jobs_;
  size_t reserved_ = 0;
  bool closed_ = false;
};

}  // namespace ibn::engine
