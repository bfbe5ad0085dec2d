// Threads that prepare images for one DataLoader.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

namespace ibn::data {

// Shared with its threads, which end some time after `stop`. Tasks throw nothing.
class Crew : public std::enable_shared_from_this<Crew> {
 public:
  using Task = std::function<void()>;

  static std::shared_ptr<Crew> start(int threads);
  // Any thread. Does nothing once it is stopped.
  void add(Task task);
  // Drops what waits; what runs goes on to its end.
  void stop();

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> waiting_;
  bool stopped_ = false;
};

}  // namespace ibn::data
