#include "job.h"

#include <algorithm>

namespace ibn::engine {

std::optional<size_t> JobQueue::reserve() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (jobs_.size() + reserved_ >= most_) return jobs_.size() + reserved_;
  reserved_++;
  return std::nullopt;
}

void JobQueue::unreserve() {
  const std::lock_guard<std::mutex> lock(mutex_);
  reserved_--;
}

void JobQueue::push(JobPtr job) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    reserved_--;
    job->queued_at = std::chrono::steady_clock::now();
    jobs_.push_back(std::move(job));
  }
  changed_.notify_one();
}

// Moves the first job to the batch if it fits.
bool JobQueue::joinNext(std::vector<JobPtr>& batch, int64_t& images, int64_t most_images) {
  if (jobs_.empty() || images + jobs_.front()->images > most_images) return false;
  images += jobs_.front()->images;
  batch.push_back(std::move(jobs_.front()));
  jobs_.pop_front();
  return true;
}

std::vector<JobPtr> JobQueue::take(int64_t most_images, std::chrono::microseconds delay) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return closed_ || !jobs_.empty(); });
  if (closed_) return {};
  std::vector<JobPtr> batch{std::move(jobs_.front())};
  jobs_.pop_front();
  int64_t images = batch[0]->images;
  const auto deadline = batch[0]->queued_at + delay;
  while (images < most_images && !closed_) {
    if (joinNext(batch, images, most_images)) continue;
    if (!jobs_.empty() || delay.count() == 0) break;
    if (changed_.wait_until(lock, deadline) == std::cv_status::timeout && jobs_.empty()) break;
  }
  return batch;
}

void JobQueue::remove(const Job& job) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::erase_if(jobs_, [&](const JobPtr& queued) { return queued.get() == &job; });
}

void JobQueue::removeOf(const ClientLink& client) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::erase_if(jobs_, [&](const JobPtr& queued) { return queued->client.get() == &client; });
}

void JobQueue::close() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
    jobs_.clear();
  }
  changed_.notify_all();
}

size_t JobQueue::size() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return jobs_.size();
}

}  // namespace ibn::engine
