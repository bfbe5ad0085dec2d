// Helpers for the functions of the binding that are not op calls: one guard, argument access by index.
#pragma once
#include <napi.h>

#include <cstring>
#include <string>
#include <vector>

#include "dispatch/convert.h"
#include "env/env.h"
#include "env/errors.h"

namespace ibn {

// A call of a binding function. Missing arguments read as undefined.
struct Call {
  explicit Call(const Napi::CallbackInfo& callback)
      : info(callback), env(callback.Env()), data(EnvData::get(env)) {}
  const Napi::CallbackInfo& info;
  Napi::Env env;
  EnvData& data;

  napi_value at(size_t index) const { return info[index]; }
  at::Tensor& tensor(size_t index) const { return data.tensor(env, info[index]); }
  int64_t integer(size_t index, const char* name) const { return toInt(env, info[index], name); }
  std::vector<int64_t> integers(size_t index, const char* name) const {
    return toInts(env, info[index], name);
  }
  std::string string(size_t index, const char* name) const { return toString(env, info[index], name); }
  bool boolean(size_t index) const { return info[index].ToBoolean().Value(); }
  Napi::Value number(double value) const { return Napi::Number::New(env, value); }
  Napi::Value wrap(at::Tensor tensor) const { return {env, data.wrap(env, std::move(tensor), nullptr)}; }
  Napi::Value ints(c10::ArrayRef<int64_t> values) const {
    Napi::Array array = Napi::Array::New(env, values.size());
    for (uint32_t i = 0; i < values.size(); i++) array[i] = Napi::Value(env, fromInt(env, values[i]));
    return array;
  }
  Napi::Value undefined() const { return env.Undefined(); }
  // An ArrayBuffer with a copy of these bytes; an error where there is no memory for it.
  Napi::ArrayBuffer arrayBuffer(const void* bytes, size_t size) const;
};

inline Napi::ArrayBuffer Call::arrayBuffer(const void* bytes, size_t size) const {
  // Through JavaScript: napi_create_arraybuffer ends the process where memory is short.
  napi_value type = nullptr;
  napi_value length = nullptr;
  napi_value buffer = nullptr;
  void* memory = nullptr;
  napi_get_reference_value(env, data.array_buffer, &type);
  napi_create_double(env, static_cast<double>(size), &length);
  if (napi_new_instance(env, type, 1, &length, &buffer) != napi_ok ||
      napi_get_arraybuffer_info(env, buffer, &memory, nullptr) != napi_ok) {
    napi_value ignored = nullptr;
    napi_get_and_clear_last_exception(env, &ignored);
    throw InvalidArgument("ERR_OUT_OF_MEMORY",
                          "Could not allocate an ArrayBuffer of " + std::to_string(size) + " bytes");
  }
  if (size > 0) std::memcpy(memory, bytes, size);
  return {env, buffer};
}

using ColdFn = Napi::Value (*)(Call&);

// Runs `Fn`; any C++ exception becomes a JavaScript one. Nothing leaves: while a worker is being terminated
// every Node-API call fails, also those that report a failure.
template <ColdFn Fn>
napi_value guarded(napi_env env, napi_callback_info info) {
  try {
    const Napi::CallbackInfo wrapped(env, info);
    try {
      Call call(wrapped);
      const Napi::Value result = Fn(call);
      call.data.flush(env);
      return result;
    } catch (...) {
      throwCurrentException(env, nullptr);
    }
  } catch (...) {  // NOLINT(bugprone-empty-catch)
  }
  return nullptr;
}

template <ColdFn Fn>
void define(Napi::Object exports, const char* name) {
  napi_value function = nullptr;
  napi_create_function(exports.Env(), name, NAPI_AUTO_LENGTH, guarded<Fn>, nullptr, &function);
  napi_set_named_property(exports.Env(), exports, name, function);
}

void defineTensor(Napi::Object exports);
void defineStorage(Napi::Object exports);
void defineAutograd(Napi::Object exports);
void defineRuntime(Napi::Object exports);
void defineSchema(Napi::Object exports);
void defineBulk(Napi::Object exports);
void defineExclusive(Napi::Object exports);
void defineDevice(Napi::Object exports);
void defineDeviceStream(Napi::Object exports);
void defineTransfer(Napi::Object exports);
void defineAutocast(Napi::Object exports);
void defineBackends(Napi::Object exports);
void defineTorchScript(Napi::Object exports);
void defineEngine(Napi::Object exports);
void defineImages(Napi::Object exports);
void defineDistributed(Napi::Object exports);

}  // namespace ibn
