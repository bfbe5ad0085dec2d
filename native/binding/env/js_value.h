// Values of JavaScript that libtorch holds, and errors of JavaScript on their way through it.
#pragma once
#include <node_api.h>

#include <exception>
#include <memory>
#include <vector>

#include "js_thread.h"

namespace ibn {

// Holds one value. Made on its thread; the last holder may let go on any, and inside garbage collection.
class JsValue {
 public:
  JsValue(napi_env env, napi_value value);
  ~JsValue();
  JsValue(const JsValue&) = delete;
  JsValue& operator=(const JsValue&) = delete;

  JsThread& thread() const { return *thread_; }
  napi_env env() const { return env_; }
  // On its thread.
  napi_value get() const;
  // On its thread: calls the value, a function. Throws JavaScriptError.
  napi_value call(const std::vector<napi_value>& arguments) const;

 private:
  std::shared_ptr<JsThread> thread_;
  napi_env env_;
  napi_ref reference_ = nullptr;
};

// What JavaScript threw, whichever value; it comes out of libtorch as it went in.
class JavaScriptError : public std::exception {
 public:
  explicit JavaScriptError(std::shared_ptr<JsValue> thrown) : thrown_(std::move(thrown)) {}
  const char* what() const noexcept override { return "JavaScript threw an error"; }
  // On its thread: throws it on in JavaScript.
  void rethrow(napi_env env) const;

 private:
  std::shared_ptr<JsValue> thrown_;
};

// Handles made in its life are freed with it.
class HandleScope {
 public:
  explicit HandleScope(napi_env env) : env_(env) { napi_open_handle_scope(env, &scope_); }
  ~HandleScope() { napi_close_handle_scope(env_, scope_); }
  HandleScope(const HandleScope&) = delete;
  HandleScope& operator=(const HandleScope&) = delete;

 private:
  napi_env env_;
  napi_handle_scope scope_ = nullptr;
};

}  // namespace ibn
