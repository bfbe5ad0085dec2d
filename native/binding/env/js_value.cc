#include "js_value.h"

#include <stdexcept>

namespace ibn {

namespace {
// References are to objects: an object of one element has any value.
constexpr uint32_t kOnly = 0;
}  // namespace

JsValue::JsValue(napi_env env, napi_value value) : thread_(JsThread::here()), env_(env) {
  napi_value holder = nullptr;
  napi_create_array_with_length(env, 1, &holder);
  napi_set_element(env, holder, kOnly, value);
  napi_create_reference(env, holder, 1, &reference_);
  thread_->holdings++;
}

JsValue::~JsValue() {
  thread_->holdings--;
  if (reference_ != nullptr) thread_->forget(env_, reference_);
}

napi_value JsValue::get() const {
  napi_value holder = nullptr;
  napi_value value = nullptr;
  napi_get_reference_value(env_, reference_, &holder);
  napi_get_element(env_, holder, kOnly, &value);
  return value;
}

napi_value JsValue::call(const std::vector<napi_value>& arguments) const {
  napi_env env = env_;
  napi_value receiver = nullptr;
  napi_value result = nullptr;
  napi_value thrown = nullptr;
  napi_get_undefined(env, &receiver);
  if (napi_call_function(env, receiver, get(), arguments.size(), arguments.data(), &result) == napi_ok) {
    return result;
  }
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (pending && napi_get_and_clear_last_exception(env, &thrown) == napi_ok) {
    throw JavaScriptError(std::make_shared<JsValue>(env, thrown));
  }
  throw std::runtime_error("JavaScript is being ended");
}

void JavaScriptError::rethrow(napi_env env) const {
  napi_value thrown = thrown_->get();
  if (thrown != nullptr) napi_throw(env, thrown);
}

}  // namespace ibn
