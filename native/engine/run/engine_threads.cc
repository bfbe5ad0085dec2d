#include "engine_threads.h"

#include <atomic>
#include <cstdlib>
#include <list>
#include <mutex>
#include <thread>

namespace ibn::engine {

namespace {

struct Entry {
  std::thread thread;
  std::function<void()> stop;
  std::atomic<bool> done{false};
};

class Registry {
 public:
  void start(std::function<void()> main, std::function<void()> stop) {
    const std::lock_guard<std::mutex> lock(mutex_);
    joinDone();
    Entry& entry = entries_.emplace_back();
    entry.stop = std::move(stop);
    try {
      entry.thread = std::thread([&entry, main = std::move(main)]() mutable {
        main();
        main = nullptr;
        entry.done.store(true, std::memory_order_release);
      });
    } catch (...) {
      entries_.pop_back();
      throw;
    }
  }

  void stopAll() {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (Entry& entry : entries_) entry.stop();
    for (Entry& entry : entries_) entry.thread.join();
    entries_.clear();
  }

 private:
  void joinDone() {
    for (auto entry = entries_.begin(); entry != entries_.end();) {
      if (!entry->done.load(std::memory_order_acquire)) {
        ++entry;
        continue;
      }
      entry->thread.join();
      entry = entries_.erase(entry);
    }
  }

  std::mutex mutex_;
  std::list<Entry> entries_;
};

// Leaked on purpose: threads may still end while static objects are destroyed.
Registry& registry() {
  static auto* instance = [] {
    std::atexit([] { registry().stopAll(); });
    return new Registry();
  }();
  return *instance;
}

}  // namespace

void startThread(std::function<void()> main, std::function<void()> stop) {
  registry().start(std::move(main), std::move(stop));
}

}  // namespace ibn::engine
