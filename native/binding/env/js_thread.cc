#include "js_thread.h"

#include <thread>

#include <ATen/Parallel.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/Exception.h>

#include "../device/device.h"

namespace ibn {

namespace {

// Backward passes inside one another that run on the JavaScript thread. libtorch moves those from the 61st on
// to threads of its own, while the one before waits.
constexpr int kMostNested = 50;

bool isCudaInUse() {
  return cudaMemory().has_value();
}

// The current device, and the current stream of each device, of the thread that makes this.
class Streams {
 public:
  Streams() {
    if (!isCudaInUse()) return;
    const c10::impl::VirtualGuardImpl guard(at::kCUDA);
    device_ = guard.getDevice();
    for (c10::DeviceIndex i = 0; i < guard.deviceCount(); i++) {
      streams_.push_back(guard.getStream(c10::Device(at::kCUDA, i)));
    }
  }
  // Makes them those of the running thread.
  void use() const {
    if (!device_) return;
    const c10::impl::VirtualGuardImpl guard(at::kCUDA);
    guard.setDevice(*device_);
    for (const c10::Stream& stream : streams_) guard.exchangeStream(stream);
  }

 private:
  std::optional<c10::Device> device_;
  std::vector<c10::Stream> streams_;
};

// Where warnings go on a thread that stands in for the JavaScript thread.
class WarningList final : public c10::WarningHandler {
 public:
  explicit WarningList(std::vector<c10::Warning>& list) : list_(list) {}
  void process(const c10::Warning& warning) override { list_.push_back(warning); }

 private:
  std::vector<c10::Warning>& list_;
};

}  // namespace

// A job for the JavaScript thread, on the stack of the thread that waits for it.
struct JsThread::Request {
  explicit Request(const Job& job) : job(job) {}
  const Job& job;
  const at::ThreadLocalState modes;
  std::exception_ptr error;
  bool done = false;
  // Work for the waiting thread: what the job itself asked libtorch for. Where it is that of a device, only
  // it can run that device's part.
  const Job* work = nullptr;
};

// Work of libtorch's under way on another thread.
struct JsThread::Work {
  const Job& job;
  std::exception_ptr error;
  bool done = false;
};

std::shared_ptr<JsThread>& JsThread::here() {
  thread_local std::shared_ptr<JsThread> thread;
  return thread;
}

void JsThread::open(napi_env env) {
  if (!here()) here() = std::make_shared<JsThread>();
  if (here()->envs_.insert(env).second) napi_add_env_cleanup_hook(env, close, env);
}

void JsThread::close(void* env) {
  here()->leave(static_cast<napi_env>(env));
  if (here()->envs_.empty()) here().reset();
}

void JsThread::run(const Job& job) {
  if (isHere()) return job();
  Request request(job);
  std::unique_lock lock(mutex_);
  TORCH_CHECK(serving_ > 0 && !envs_.empty(),
              "Expected the JavaScript thread to wait for libtorch while a hook of its runs");
  waiting_.push_back(&request);
  changed_.notify_all();
  waitFor(lock, request);
  if (request.error) std::rethrow_exception(request.error);
}

void JsThread::waitFor(std::unique_lock<std::mutex>& lock, Request& request) {
  while (!request.done) {
    changed_.wait(lock, [&] { return request.done || request.work != nullptr; });
    if (request.work == nullptr) continue;
    const Job& work = *std::exchange(request.work, nullptr);
    lock.unlock();
    work();
    lock.lock();
  }
}

bool JsThread::staysHere() const {
  if (holdings == 0) return true;
  return current_ == nullptr && nested_ < kMostNested && !isCudaInUse();
}

void JsThread::serve(const Job& job) {
  struct Nesting {
    explicit Nesting(int& depth) : depth_(depth) { depth_++; }
    ~Nesting() { depth_--; }
    int& depth_;
  };
  const bool stays = staysHere();
  const Nesting nesting(nested_);
  if (stays) return job();
  Work work{job, nullptr};
  serveUntil(work);
  if (work.error) std::rethrow_exception(work.error);
}

void JsThread::serveUntil(Work& work) {
  const Job carry_out = [&] {
    try {
      work.job();
    } catch (...) {
      work.error = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    work.done = true;
    changed_.notify_all();
  };
  std::vector<c10::Warning> warnings;
  std::thread helper;
  std::unique_lock lock(mutex_);
  serving_++;
  if (current_ != nullptr) {
    current_->work = &carry_out;
    changed_.notify_all();
  } else {
    helper = std::thread(
        [&, modes = at::ThreadLocalState(), streams = Streams(), threads = at::get_num_threads()] {
          WarningList list(warnings);
          const c10::WarningUtils::WarningHandlerGuard handler(&list);
          const at::ThreadLocalStateGuard guard(modes);
          at::set_num_threads(threads);
          streams.use();
          carry_out();
        });
  }
  while (!work.done) {
    changed_.wait(lock, [&] { return work.done || !waiting_.empty(); });
    if (waiting_.empty()) continue;
    Request& request = *waiting_.front();
    waiting_.pop_front();
    lock.unlock();
    answer(request);
    lock.lock();
    request.done = true;
    changed_.notify_all();
  }
  if (--serving_ == 0) refuseWaiting();
  lock.unlock();
  if (helper.joinable()) helper.join();
  for (const c10::Warning& warning : warnings) c10::warn(warning);
}

// Another thread's part of a pass that has failed already.
void JsThread::refuseWaiting() {
  for (Request* request : waiting_) {
    request->error = std::make_exception_ptr(std::runtime_error("the backward pass has ended"));
    request->done = true;
  }
  waiting_.clear();
  changed_.notify_all();
}

void JsThread::answer(Request& request) {
  Request* const outer = std::exchange(current_, &request);
  try {
    const at::ThreadLocalStateGuard guard(request.modes);
    request.job();
  } catch (...) {
    request.error = std::current_exception();
  }
  current_ = outer;
}

void JsThread::forget(napi_env env, napi_ref reference) {
  const std::lock_guard lock(mutex_);
  if (!envs_.contains(env)) return;
  forgotten_.push_back({env, reference});
  has_forgotten_ = true;
}

void JsThread::deleteForgotten() {
  if (!has_forgotten_.load(std::memory_order_relaxed)) return;
  std::vector<Reference> references;
  {
    const std::lock_guard lock(mutex_);
    references.swap(forgotten_);
    has_forgotten_ = false;
  }
  for (const Reference& reference : references) napi_delete_reference(reference.env, reference.value);
}

void JsThread::leave(napi_env env) {
  saved_hooks.clear();
  if (stack_env == env) stack_reader = nullptr;
  const std::lock_guard lock(mutex_);
  envs_.erase(env);
  std::erase_if(forgotten_, [env](const Reference& reference) { return reference.env == env; });
}

void JsThread::noteAnomaly(std::string text) {
  const std::lock_guard lock(mutex_);
  anomaly_ = std::move(text);
}

std::string JsThread::takeAnomaly() {
  const std::lock_guard lock(mutex_);
  return std::exchange(anomaly_, {});
}

}  // namespace ibn
