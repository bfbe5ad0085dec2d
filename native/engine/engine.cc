#include "engine.h"

#include <pthread.h>

#include <random>
#include <unordered_map>

#include "client.h"
#include "run/engine_threads.h"

namespace ibn::engine {

namespace {

// Engines by the token that another thread may attach with. Leaked on purpose, as threads may outlive main().
struct Shared {
  std::mutex mutex;
  std::unordered_map<std::string, std::weak_ptr<Engine>> engines;
};

Shared& shared() {
  static auto* instance = new Shared();
  return *instance;
}

std::string randomToken() {
  std::random_device random;
  std::string token;
  for (int i = 0; i < 4; i++) {
    char part[9];
    std::snprintf(part, sizeof part, "%08x", random());
    token += part;
  }
  return token;
}

}  // namespace

std::shared_ptr<Engine> Engine::start(std::unique_ptr<Program> program, const Settings& settings) {
  auto engine = std::make_shared<Engine>(std::move(program), settings);
  const std::weak_ptr<Engine> weak = engine;
  startThread([engine] { engine->main(); },
              [weak] {
                if (const auto running = weak.lock()) running->stop();
              });
  return engine;
}

Engine::Engine(std::unique_ptr<Program> program, const Settings& settings)
    : program_(std::move(program)), settings_(settings), queue_(settings.most_jobs) {}

const std::string& Engine::share() {
  const std::lock_guard<std::mutex> own(mutex_);
  if (token_.empty()) {
    token_ = randomToken();
    const std::lock_guard<std::mutex> lock(shared().mutex);
    shared().engines.emplace(token_, weak_from_this());
  }
  return token_;
}

std::shared_ptr<Engine> Engine::find(const std::string& token) {
  const std::lock_guard<std::mutex> lock(shared().mutex);
  const auto found = shared().engines.find(token);
  return found == shared().engines.end() ? nullptr : found->second.lock();
}

bool Engine::attach() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (ended_) return false;
  clients_++;
  return true;
}

void Engine::detach(const ClientLink& client) {
  queue_.removeOf(client);
  bool last = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    last = --clients_ == 0;
    ended_ |= last;
  }
  if (!last) return;
  stop();
  if (token_.empty()) return;
  const std::lock_guard<std::mutex> lock(shared().mutex);
  shared().engines.erase(token_);
}

void Engine::drop(Job& job) {
  job.cancelled = true;
  queue_.remove(job);
}

void Engine::stop() {
  stopping_ = true;
  queue_.close();
}

std::exception_ptr Engine::pack(kernels::Team& team) {
  std::exception_ptr failure;
  try {
    const kernels::Table& table = settings_.table == nullptr ? kernels::table() : *settings_.table;
    packed_.store(program_->pack(table, team, stopping_), std::memory_order_release);
  } catch (...) {
    failure = std::current_exception();
  }
  endPacking();
  return failure;
}

void Engine::endPacking() {
  const std::lock_guard<std::mutex> lock(mutex_);
  reads_weights_ = false;
  weights_read_.notify_all();
}

void Engine::abandonPacking() {
  if (!isPacked()) stop();
  std::unique_lock<std::mutex> lock(mutex_);
  weights_read_.wait(lock, [this] { return !reads_weights_; });
}

void Engine::main() {
#ifdef __linux__
  pthread_setname_np(pthread_self(), "ibn-engine");
#endif
  try {
    ThreadTeam team(settings_.threads);
    const std::exception_ptr failure = pack(team);
    Executor executor(*program_, team, settings_.micro_batch);
    work(executor, failure);
  } catch (...) {
    // No threads or no memory to begin with.
    endPacking();
    ThreadTeam alone(1);
    Executor executor(*program_, alone, 1);
    work(executor, std::current_exception());
  }
  arena_bytes_ = 0;
}

void Engine::work(Executor& executor, const std::exception_ptr& failure) {
  for (;;) {
    std::vector<JobPtr> jobs = queue_.take(settings_.most_images, settings_.delay);
    if (jobs.empty()) return;
    if (!failure) executor.run(jobs, stopping_);
    arena_bytes_ = executor.arenaBytes();
    batches_++;
    for (JobPtr& job : jobs) {
      images_ += job->images;
      if (failure) job->error = failure;
      if (!stopping_) job->client->deliver(std::move(job));
    }
  }
}

EngineStats Engine::stats() {
  EngineStats stats;
  stats.arena_bytes = arena_bytes_;
  stats.weight_bytes = isPacked() ? static_cast<int64_t>(program_->weightBytes()) : 0;
  stats.queued = static_cast<int64_t>(queue_.size());
  stats.batches = batches_;
  stats.images = images_;
  return stats;
}

}  // namespace ibn::engine
