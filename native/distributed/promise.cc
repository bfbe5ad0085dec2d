#include "promise.h"

#include <thread>

#include "peers.h"

namespace ibn::distributed {

napi_value nothing(napi_env env) {
  napi_value value = nullptr;
  napi_get_undefined(env, &value);
  return value;
}

Promise::Ptr Promise::make(napi_env env) {
  auto promise = std::make_shared<Promise>();
  auto* held = new Ptr(promise);
  napi_value name = nullptr;
  napi_create_string_utf8(env, "ibn-net distributed", NAPI_AUTO_LENGTH, &name);
  const napi_status status = napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, held,
                                                             finalize, nullptr, callJs, &promise->function_);
  if (status != napi_ok || napi_create_promise(env, &promise->deferred_, &promise->promise_) != napi_ok) {
    if (status != napi_ok) delete held;
    throw std::runtime_error("Could not make a promise: the environment is ending");
  }
  return promise;
}

// The last call that Node makes for the function, also when the environment ends first.
void Promise::finalize(napi_env, void* data, void*) {
  const std::unique_ptr<Ptr> held(static_cast<Ptr*>(data));
  const std::lock_guard<std::mutex> lock((*held)->mutex_);
  (*held)->function_ = nullptr;
}

void Promise::settle(Finish finish, std::exception_ptr error) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (function_ == nullptr) return;
  finish_ = std::move(finish);
  error_ = std::move(error);
  napi_call_threadsafe_function(function_, this, napi_tsfn_nonblocking);
  napi_release_threadsafe_function(function_, napi_tsfn_release);
  function_ = nullptr;
}

// Without an environment it is going away and can run nothing. The holder that `finalize` deletes is still
// there.
void Promise::callJs(napi_env env, napi_value, void*, void* data) {
  if (env == nullptr) return;
  auto* promise = static_cast<Promise*>(data);
  napi_value error = nullptr;
  try {
    if (promise->error_) std::rethrow_exception(promise->error_);
    napi_resolve_deferred(env, promise->deferred_, promise->finish_(env));
    EnvData::get(env).flush(env);
    return;
  } catch (...) {
    throwCurrentException(env, nullptr);
  }
  if (napi_get_and_clear_last_exception(env, &error) == napi_ok) {
    napi_reject_deferred(env, promise->deferred_, error);
  }
}

Napi::Value runAside(const Call& call, std::function<Finish()> job) {
  const Promise::Ptr promise = Promise::make(call.env);
  Napi::Value value(call.env, promise->value());
  std::thread([promise, job = std::move(job)] {
    try {
      promise->resolve(job());
    } catch (...) {
      promise->reject(explained(std::current_exception()));
    }
  }).detach();
  return value;
}

}  // namespace ibn::distributed
