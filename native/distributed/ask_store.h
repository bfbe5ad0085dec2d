// Questions to a store whose host may be gone.
#pragma once
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace ibn::distributed {

// An answer that another thread gives. std::future's waits want a newer libstdc++ than the packed binding
// may.
template <typename T>
class Answer {
 public:
  void give(std::optional<T> value) {
    const std::lock_guard<std::mutex> lock(mutex_);
    value_ = std::move(value);
    given_ = true;
    ready_.notify_all();
  }

  std::optional<T> await(std::chrono::milliseconds patience) {
    std::unique_lock<std::mutex> lock(mutex_);
    ready_.wait_for(lock, patience, [this] { return given_; });
    return std::move(value_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::optional<T> value_;
  bool given_ = false;
};

// What `ask` gives, or `otherwise` where the store does not answer in time, its host being the one that is
// gone. `ask` may outlive the call: it owns what it uses.
template <typename T>
T askStore(std::function<T()> ask, T otherwise, std::chrono::milliseconds patience) {
  auto answer = std::make_shared<Answer<T>>();
  std::thread([answer, ask = std::move(ask)] {
    try {
      answer->give(ask());
    } catch (...) {  // The store is gone with its host.
      answer->give(std::nullopt);
    }
  }).detach();
  return answer->await(patience).value_or(std::move(otherwise));
}

}  // namespace ibn::distributed
