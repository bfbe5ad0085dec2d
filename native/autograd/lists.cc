#include "lists.h"

#include <stdexcept>

namespace ibn {

namespace {

void check(napi_status status) {
  if (status != napi_ok)
    throw std::runtime_error("Expected an array of handles, or JavaScript is being ended");
}

bool isAbsent(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  check(napi_typeof(env, value, &type));
  return type == napi_undefined || type == napi_null;
}

}  // namespace

std::vector<at::Tensor> tensorsOf(napi_env env, EnvData& data, napi_value array) {
  uint32_t length = 0;
  check(napi_get_array_length(env, array, &length));
  std::vector<at::Tensor> list;
  list.reserve(length);
  for (uint32_t i = 0; i < length; i++) {
    napi_value item = nullptr;
    check(napi_get_element(env, array, i, &item));
    list.push_back(isAbsent(env, item) ? at::Tensor() : data.tensor(env, item));
  }
  return list;
}

std::vector<at::Tensor> tensorList(const Call& call, size_t index) {
  return tensorsOf(call.env, call.data, call.at(index));
}

napi_value handlesOf(napi_env env, EnvData& data, const std::vector<at::Tensor>& tensors) {
  napi_value array = nullptr;
  check(napi_create_array_with_length(env, tensors.size(), &array));
  for (uint32_t i = 0; i < tensors.size(); i++) {
    check(napi_set_element(env, array, i, data.wrap(env, tensors[i], nullptr)));
  }
  return array;
}

std::shared_ptr<JsValue> functionOf(const Call& call, size_t index) {
  if (!call.info[index].IsFunction()) {
    throw InvalidArgument("ERR_INVALID_ARG_TYPE",
                          "Expected a function, got " + describe(call.env, call.at(index)));
  }
  return std::make_shared<JsValue>(call.env, call.at(index));
}

}  // namespace ibn
