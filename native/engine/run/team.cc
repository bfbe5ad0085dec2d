#include "team.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>

namespace ibn::engine {

namespace {

constexpr uint64_t kIndexMask = 0xffffffff;
// No index to take: while a run is being described.
constexpr uint64_t kClosed = kIndexMask;
constexpr int64_t kMostIndices = int64_t{1} << 30;
// Longer than what lies between two kernels of one batch, shorter than what a user would notice as load.
constexpr int64_t kSpinNs = 60'000;
constexpr int kSpinsPerClock = 32;

uint32_t runOf(uint64_t ticket) {
  return static_cast<uint32_t>(ticket >> 32);
}

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Spins until `ready()`, at most `ns`; returns whether it is.
template <class Ready>
bool spin(int64_t ns, const Ready& ready) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::nanoseconds(ns);
  do {
    for (int i = 0; i < kSpinsPerClock; i++) {
      if (ready()) return true;
      relax();
    }
  } while (Clock::now() < end);
  return ready();
}

}  // namespace

ThreadTeam::ThreadTeam(int threads) {
  // With fewer processors than threads, who spins keeps another from working.
  const auto processors = static_cast<int>(std::thread::hardware_concurrency());
  spin_ns_ = threads <= std::max(1, processors) ? kSpinNs : 0;
  try {
    for (int i = 1; i < threads; i++) {
      helpers_.emplace_back([this, i] { help(i); });
    }
  } catch (...) {
    stop();
    throw;
  }
}

ThreadTeam::~ThreadTeam() {
  stop();
}

void ThreadTeam::stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  started_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

void ThreadTeam::run(int64_t count, kernels::Task task) {
  if (helpers_.empty() || count <= 1 || count > kMostIndices) {
    for (int64_t i = 0; i < count; i++) task(i, 0);
    return;
  }
  publish(static_cast<uint32_t>(count), task);
  while (workOnce(0)) {
  }
  waitUntilDone(static_cast<uint32_t>(count));
}

void ThreadTeam::publish(uint32_t count, const kernels::Task& task) {
  const uint64_t run = (runOf(ticket_.load(std::memory_order_relaxed)) + uint64_t{1}) << 32;
  ticket_.store(run | kClosed, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  task_.store(&task, std::memory_order_relaxed);
  count_.store(count, std::memory_order_relaxed);
  done_.store(0, std::memory_order_relaxed);
  ticket_.store(run);
  if (sleepers_.load() == 0) return;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
  }
  started_.notify_all();
}

// Takes one index of the current run and works on it; false when there is none left.
bool ThreadTeam::workOnce(int thread) {
  uint64_t ticket = ticket_.load(std::memory_order_acquire);
  for (;;) {
    const kernels::Task* task = task_.load(std::memory_order_relaxed);
    const uint32_t count = count_.load(std::memory_order_relaxed);
    // What was read belongs to the ticket's run if the ticket is still the same.
    std::atomic_thread_fence(std::memory_order_acquire);
    const uint64_t index = ticket & kIndexMask;
    if (index == kClosed || index >= count) {
      const uint64_t now = ticket_.load(std::memory_order_acquire);
      if (now == ticket && index != kClosed) return false;
      ticket = now;
      continue;
    }
    if (!ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel,
                                       std::memory_order_acquire)) {
      continue;
    }
    (*task)(static_cast<int64_t>(index), thread);
    if (done_.fetch_add(1) + 1 == count && caller_sleeps_.load()) {
      {
        const std::lock_guard<std::mutex> lock(mutex_);
      }
      finished_.notify_one();
    }
    return true;
  }
}

void ThreadTeam::waitUntilDone(uint32_t count) {
  const auto ready = [&] { return done_.load(std::memory_order_acquire) == count; };
  if (spin(spin_ns_, ready)) return;
  std::unique_lock<std::mutex> lock(mutex_);
  caller_sleeps_ = true;
  finished_.wait(lock, [&] { return done_.load() == count; });
  caller_sleeps_ = false;
}

void ThreadTeam::waitForRun(uint32_t seen) {
  const auto ready = [&] { return runOf(ticket_.load(std::memory_order_acquire)) != seen; };
  if (spin(spin_ns_, ready)) return;
  std::unique_lock<std::mutex> lock(mutex_);
  sleepers_++;
  started_.wait(lock, [&] { return stopping_.load() || runOf(ticket_.load()) != seen; });
  sleepers_--;
}

void ThreadTeam::help(int thread) {
#ifdef __linux__
  pthread_setname_np(pthread_self(), "ibn-team");
#endif
  uint32_t seen = 0;
  while (!stopping_) {
    waitForRun(seen);
    seen = runOf(ticket_.load(std::memory_order_acquire));
    while (workOnce(thread)) {
    }
  }
}

}  // namespace ibn::engine
