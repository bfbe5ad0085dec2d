#include "crew.h"

#include "../engine/run/engine_threads.h"

namespace ibn::data {

std::shared_ptr<Crew> Crew::start(int threads) {
  auto crew = std::make_shared<Crew>();
  try {
    for (int i = 0; i < threads; i++) {
      engine::startThread([crew] { crew->work(); }, [crew] { crew->stop(); });
    }
  } catch (...) {
    crew->stop();
    throw;
  }
  return crew;
}

void Crew::add(Task task) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stopped_) return;
    waiting_.push_back(std::move(task));
  }
  changed_.notify_one();
}

void Crew::stop() {
  std::deque<Task> dropped;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
    dropped.swap(waiting_);
  }
  changed_.notify_all();
}

void Crew::work() {
  for (;;) {
    Task task;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
      if (stopped_) return;
      task = std::move(waiting_.front());
      waiting_.pop_front();
    }
    task();
  }
}

}  // namespace ibn::data
