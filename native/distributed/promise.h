// Promises for what other threads do: waiting for peers never holds the event loop.
#pragma once
#include <exception>
#include <functional>
#include <memory>

#include "../binding/call.h"

namespace ibn::distributed {

// Makes the promise's value on the JavaScript thread; what it throws rejects the promise.
using Finish = std::function<napi_value(napi_env env)>;

// One promise. Made on a JavaScript thread, settled once from any thread. While it is open, its environment's
// loop is kept alive; when the environment ends first, nothing is called.
class Promise {
 public:
  using Ptr = std::shared_ptr<Promise>;
  static Ptr make(napi_env env);
  napi_value value() const { return promise_; }  // on the JavaScript thread, in the call that made it

  void resolve(Finish finish) { settle(std::move(finish), nullptr); }
  void reject(std::exception_ptr error) { settle(nullptr, std::move(error)); }

 private:
  static void finalize(napi_env env, void* data, void* hint);
  static void callJs(napi_env env, napi_value function, void* context, void* data);
  void settle(Finish finish, std::exception_ptr error);

  napi_value promise_ = nullptr;
  napi_deferred deferred_ = nullptr;
  std::mutex mutex_;
  napi_threadsafe_function function_ = nullptr;
  Finish finish_;
  std::exception_ptr error_;
};

// Runs `job`, which may block, on a thread of its own; what it gives makes the value.
Napi::Value runAside(const Call& call, std::function<Finish()> job);

// A value of undefined.
napi_value nothing(napi_env env);

}  // namespace ibn::distributed
