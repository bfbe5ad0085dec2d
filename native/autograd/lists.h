// Lists of tensors between JavaScript and autograd.
#pragma once
#include <vector>

#include "../binding/call.h"
#include "../binding/env/js_value.h"

namespace ibn {

// An array of handles; null and undefined stand for no tensor. In hooks a worker may be ending: these throw
// plain errors then, which any thread may drop.
std::vector<at::Tensor> tensorsOf(napi_env env, EnvData& data, napi_value array);
// Argument `index` of a call, the same.
std::vector<at::Tensor> tensorList(const Call& call, size_t index);
// An array of handles, null for no tensor.
napi_value handlesOf(napi_env env, EnvData& data, const std::vector<at::Tensor>& tensors);

// Objects of autograd's that JavaScript holds by a handle.
template <typename T>
napi_value wrapObject(const Call& call, c10::intrusive_ptr<T> object) {
  return call.data.wrapValue(call.env, c10::IValue::make_capsule(std::move(object)));
}

template <typename T>
c10::intrusive_ptr<T> objectOf(const Call& call, size_t index) {
  const Box* box = call.data.unbox(call.env, call.at(index));
  if (box != nullptr && box->kind == BoxKind::kValue && box->value.isCapsule()) {
    auto object = c10::dynamic_intrusive_pointer_cast<T>(box->value.toCapsule());
    if (object) return object;
  }
  throw InvalidArgument("ERR_INVALID_ARG_TYPE", "Expected a handle of autograd's");
}

// Argument `index`, a function, held for libtorch.
std::shared_ptr<JsValue> functionOf(const Call& call, size_t index);

}  // namespace ibn
