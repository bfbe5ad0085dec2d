// Promises for work on a device: copies to the CPU, and all that a stream was given. A thread of the process
// asks the events of all that is under way, so the event loop never waits and no thread spins.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/Event.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "device.h"

namespace ibn {

namespace {

// One promise. Made and settled on the JavaScript thread; looked at on the waiter's in between.
class Transfer {
 public:
  Transfer(at::Tensor source, at::Tensor result, std::unique_ptr<c10::Event> event)
      : source_(std::move(source)), result_(std::move(result)), event_(std::move(event)) {}

  static napi_value start(napi_env env, std::shared_ptr<Transfer> transfer);

  // Waiter's thread: whether it ended, well or not; JavaScript is told then.
  bool settled() {
    try {
      if (event_ && !event_->query()) return false;
    } catch (...) {
      error_ = std::current_exception();
    }
    // The source was only kept from being used again before the copy has read it.
    event_.reset();
    source_.reset();
    tell();
    return true;
  }

 private:
  using Held = std::shared_ptr<Transfer>;

  void tell() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (function_ == nullptr) return;
    napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking);
    napi_release_threadsafe_function(function_, napi_tsfn_release);
    function_ = nullptr;
  }

  // The last call that Node makes for the function, also when the environment ends before the work does.
  static void finalize(napi_env, void* data, void*) {
    const std::unique_ptr<Held> held(static_cast<Held*>(data));
    const std::lock_guard<std::mutex> lock((*held)->mutex_);
    (*held)->function_ = nullptr;
  }

  static void callJs(napi_env env, napi_value, void* context, void*);
  void settle(napi_env env);

  at::Tensor source_;
  at::Tensor result_;
  std::unique_ptr<c10::Event> event_;
  std::exception_ptr error_;
  napi_deferred deferred_ = nullptr;
  std::mutex mutex_;
  napi_threadsafe_function function_ = nullptr;
};

using TransferPtr = std::shared_ptr<Transfer>;

class Waiter {
 public:
  // Leaked on purpose: its thread may outlive static destructors.
  static Waiter& get() {
    static auto* waiter = new Waiter();
    return *waiter;
  }

  // Before `add`: throws where there is no thread to be had.
  void start() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!running_) std::thread([this] { run(); }).detach();
    running_ = true;
  }

  void add(TransferPtr transfer) {
    const std::lock_guard<std::mutex> lock(mutex_);
    added_.push_back(std::move(transfer));
    ready_.notify_one();
  }

 private:
  using Pause = std::chrono::microseconds;
  static constexpr Pause kShortest{20};
  static constexpr Pause kLongest{500};

  [[noreturn]] void run() {
    std::vector<TransferPtr> pending;
    Pause pause = kShortest;
    for (;;) {
      if (take(pending, pause)) pause = kShortest;
      const size_t before = pending.size();
      std::erase_if(pending, [](const TransferPtr& transfer) { return transfer->settled(); });
      pause = pending.size() < before ? kShortest : std::min(pause * 2, kLongest);
    }
  }

  // Moves what was added to `pending`, at once when there is nothing else to do, else after `pause`.
  bool take(std::vector<TransferPtr>& pending, Pause pause) {
    std::unique_lock<std::mutex> lock(mutex_);
    const auto some = [this] { return !added_.empty(); };
    if (pending.empty()) ready_.wait(lock, some);
    if (!some()) ready_.wait_for(lock, pause, some);
    if (!some()) return false;
    std::move(added_.begin(), added_.end(), std::back_inserter(pending));
    added_.clear();
    return true;
  }

  std::mutex mutex_;
  std::condition_variable ready_;
  std::vector<TransferPtr> added_;
  bool running_ = false;
};

napi_value Transfer::start(napi_env env, TransferPtr transfer) {
  Waiter::get().start();
  napi_value promise = nullptr;
  napi_value name = nullptr;
  napi_create_promise(env, &transfer->deferred_, &promise);
  napi_create_string_utf8(env, "ibn-net transfer", NAPI_AUTO_LENGTH, &name);
  auto* held = new TransferPtr(transfer);
  if (napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, held, finalize, held, callJs,
                                      &transfer->function_) != napi_ok) {
    delete held;
    throw InvalidArgument("ERR_TORCH", "Could not wait for the device");
  }
  Waiter::get().add(std::move(transfer));
  return promise;
}

// Without an environment it is going away and can run nothing.
void Transfer::callJs(napi_env env, napi_value, void* context, void*) {
  if (env == nullptr) return;
  try {
    (*static_cast<Held*>(context))->settle(env);
  } catch (...) {  // NOLINT(bugprone-empty-catch): a worker that is being terminated can report nothing
  }
}

void Transfer::settle(napi_env env) {
  napi_value value = nullptr;
  if (!error_) {
    EnvData& data = EnvData::get(env);
    napi_get_undefined(env, &value);
    if (result_.defined()) value = data.wrap(env, std::move(result_), nullptr);
    napi_resolve_deferred(env, deferred_, value);
    data.flush(env);
    return;
  }
  try {
    std::rethrow_exception(error_);
  } catch (...) {
    throwCurrentException(env, nullptr);
  }
  napi_get_and_clear_last_exception(env, &value);
  napi_reject_deferred(env, deferred_, value);
}

// Dense, so that the copy is one move of bytes that the device does alone, and without lazy bits, which the
// CPU would otherwise have to apply to bytes that have not come yet.
at::Tensor plain(const at::Tensor& tensor) {
  if (tensor.layout() != at::kStrided) {
    throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected a strided tensor; call toDense() first");
  }
  const at::Tensor resolved = tensor.detach().resolve_conj().resolve_neg();
  return resolved.is_non_overlapping_and_dense() ? resolved : resolved.contiguous();
}

// copyToHost(tensor): a promise of the tensor in page-locked memory, without its graph; of the same memory
// when it is the CPU's already.
Napi::Value copyToHost(Call& call) {
  const at::Tensor& tensor = call.tensor(0);
  const at::NoGradGuard no_grad;
  if (!tensor.is_cuda()) {
    if (!tensor.is_cpu()) {
      throw InvalidArgument("ERR_OUT_OF_RANGE",
                            "Expected a tensor on cpu or cuda, got one on " + tensor.device().str());
    }
    auto transfer = std::make_shared<Transfer>(at::Tensor(), tensor.detach(), nullptr);
    return {call.env, Transfer::start(call.env, std::move(transfer))};
  }
  const at::Tensor source = plain(tensor);
  at::Tensor host = at::empty_like(source, source.options().device(at::kCPU).pinned_memory(true));
  host.copy_(source, true);
  auto event = std::make_unique<c10::Event>(at::kCUDA);
  event->record(cudaGuard().getStream(source.device()));
  return {call.env,
          Transfer::start(call.env, std::make_shared<Transfer>(source, std::move(host), std::move(event)))};
}

// streamDone(stream): a promise that is kept when all that the stream was given until now is done.
Napi::Value streamDone(Call& call) {
  const Box* box = call.data.unbox(call.env, call.at(0));
  if (box == nullptr || box->kind != BoxKind::kValue || !box->value.isStream()) {
    throw InvalidArgument("ERR_INVALID_ARG_TYPE", "Expected a Stream, got " + describe(call.env, call.at(0)));
  }
  auto event = std::make_unique<c10::Event>(at::kCUDA);
  event->record(box->value.toStream());
  return {call.env, Transfer::start(
                        call.env, std::make_shared<Transfer>(at::Tensor(), at::Tensor(), std::move(event)))};
}

}  // namespace

void defineTransfer(Napi::Object exports) {
  define<copyToHost>(exports, "copyToHost");
  define<streamDone>(exports, "streamDone");
}

}  // namespace ibn
