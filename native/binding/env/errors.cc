#include "errors.h"

#include <napi.h>

#include <c10/util/Exception.h>
#include <c10/util/Logging.h>

#include <atomic>
#include <cstdlib>
#include <optional>

#include "../device/device.h"
#include "../dispatch/schema.h"
#include "env.h"
#include "js_value.h"

namespace ibn {

namespace {

napi_value makeString(napi_env env, const std::string& text) {
  napi_value value = nullptr;
  napi_create_string_utf8(env, text.c_str(), text.size(), &value);
  return value;
}

void setCode(napi_env env, napi_value error, const std::string& code) {
  napi_set_named_property(env, error, "code", makeString(env, code));
}

napi_value makeOptions(napi_env env, const std::string& code, const BoundOp* op, const std::string& cause) {
  napi_value options = nullptr;
  napi_create_object(env, &options);
  setCode(env, options, code);
  if (op != nullptr) napi_set_named_property(env, options, "op", makeString(env, op->name));
  if (!cause.empty()) napi_set_named_property(env, options, "cause", makeString(env, cause));
  return options;
}

// Throws an instance of the JavaScript class behind `class_ref`.
void throwInstance(napi_env env, napi_ref class_ref, const std::string& message, const std::string& code,
                   napi_value options) {
  napi_value constructor = nullptr;
  if (class_ref != nullptr) napi_get_reference_value(env, class_ref, &constructor);
  napi_value error = nullptr;
  napi_value arguments[] = {makeString(env, message), options};
  if (constructor == nullptr || napi_new_instance(env, constructor, 2, arguments, &error) != napi_ok) {
    napi_throw_error(env, code.c_str(), message.c_str());
    return;
  }
  napi_throw(env, error);
}

void throwTorchError(napi_env env, const std::string& message, const std::string& code, const BoundOp* op,
                     const std::string& cause) {
  throwInstance(env, EnvData::get(env).torch_error, message, code, makeOptions(env, code, op, cause));
}

void setNumber(napi_env env, napi_value object, const char* name, int64_t value) {
  napi_value number = nullptr;
  napi_create_double(env, static_cast<double>(value), &number);
  napi_set_named_property(env, object, name, number);
}

bool isCudaMemory(const std::string& text) {
  return text.find("CUDA out of memory") != std::string::npos ||
         text.find("CUDA error: out of memory") != std::string::npos;
}

// The number of the device that the allocator's message is about: "GPU 0 has a total capacity of ..."; -1
// without.
int64_t deviceIn(const std::string& text) {
  const size_t place = text.find("GPU ");
  if (place == std::string::npos || text.find_first_of("0123456789", place) != place + 4) return -1;
  return std::strtoll(text.c_str() + place + 4, nullptr, 10);
}

// With the allocator's figures as they were when it failed. What JavaScript no longer reaches is freed, so
// that a smaller attempt finds all the memory there is.
void throwCudaMemory(napi_env env, const std::string& message, const BoundOp* op, const std::string& cause) {
  napi_value options = makeOptions(env, "ERR_CUDA_OUT_OF_MEMORY", op, cause);
  if (const auto memory = cudaMemory(deviceIn(message))) {
    setNumber(env, options, "device", memory->device);
    setNumber(env, options, "allocatedBytes", memory->allocated);
    setNumber(env, options, "reservedBytes", memory->reserved);
    setNumber(env, options, "freeBytes", memory->free);
    setNumber(env, options, "totalBytes", memory->total);
  }
  EnvData::collectGarbage(env);
  throwInstance(env, EnvData::get(env).cuda_memory_error, message, "ERR_CUDA_OUT_OF_MEMORY", options);
}

// 'Expected a Tensor for "x"' becomes 'Expected a Tensor for aten::cat argument "x"'.
std::string nameArgument(std::string message, const BoundOp* op) {
  const size_t place = message.find(" for \"");
  if (op != nullptr && place != std::string::npos) message.insert(place + 5, op->name + " argument ");
  return message;
}

void throwInvalidArgument(napi_env env, const InvalidArgument& error, const BoundOp* op) {
  const std::string message = nameArgument(error.what(), op);
  if (error.code() == "ERR_INVALID_ARG_TYPE") {
    napi_throw_type_error(env, error.code().c_str(), message.c_str());
  } else if (error.code() == "ERR_OUT_OF_RANGE") {
    napi_throw_range_error(env, error.code().c_str(), message.c_str());
  } else {
    throwTorchError(env, message, error.code(), op, "");
  }
}

// A schema mismatch lists every backend over many lines; the first line says what is wrong.
std::string firstLine(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

std::string describeHandle(napi_env env, napi_value value) {
  const Box* box = EnvData::get(env).unbox(env, value);
  if (box == nullptr) return "a handle of another module";
  if (box->kind == BoxKind::kDisposed) return "something disposed";
  if (box->kind == BoxKind::kTensor) return "a Tensor";
  if (box->value.isStorage()) return "an UntypedStorage";
  if (box->value.isGenerator()) return "a Generator";
  if (box->value.isStream()) return "a Stream";
  return "an OpaqueValue";
}

std::string codeOf(const c10::Error& error, const std::string& text) {
  const bool no_memory = dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr ||
                         text.find("can't allocate memory") != std::string::npos;
  if (no_memory) return "ERR_OUT_OF_MEMORY";
  // Python's classes for what libtorch throws.
  if (dynamic_cast<const c10::IndexError*>(&error) != nullptr) return "ERR_TORCH_INDEX";
  if (dynamic_cast<const c10::ValueError*>(&error) != nullptr) return "ERR_TORCH_VALUE";
  if (dynamic_cast<const c10::TypeError*>(&error) != nullptr) return "ERR_TORCH_TYPE";
  if (dynamic_cast<const c10::NotImplementedError*>(&error) != nullptr) return "ERR_TORCH_NOT_IMPLEMENTED";
  if (dynamic_cast<const c10::LinAlgError*>(&error) != nullptr) return "ERR_TORCH_LINALG";
  return "ERR_TORCH";
}

std::atomic<ErrorExplainer> explainer{nullptr};

// Whether the error was explained, and thrown so.
bool throwExplained(napi_env env, const std::string& text, const BoundOp* op) {
  const ErrorExplainer explain = explainer;
  const std::string message = explain == nullptr ? "" : explain(text);
  if (!message.empty()) throwTorchError(env, message, "ERR_DISTRIBUTED_PEER", op, text);
  return !message.empty();
}

void throwLibtorchError(napi_env env, const c10::Error& error, const BoundOp* op) {
  const std::string prefix = op == nullptr ? "" : op->name + ": ";
  const std::string text = error.what_without_backtrace();
  const std::string cause = wantsBacktraces() ? error.what() : text;
  if (throwExplained(env, text, op)) return;
  const std::string problem = cudaProblemBehind(text);
  if (!problem.empty()) {
    throwTorchError(env, prefix + problem, "ERR_CUDA_UNAVAILABLE", op, cause);
  } else if (isCudaMemory(text)) {
    throwCudaMemory(env, prefix + firstLine(text), op, cause);
  } else {
    throwTorchError(env, prefix + firstLine(text), codeOf(error, text), op, cause);
  }
}

}  // namespace

bool wantsBacktraces() {
  static const bool wanted = [] {
    const char* setting = std::getenv("TORCH_SHOW_CPP_STACKTRACES");
    return setting != nullptr && std::string(setting) == "1";
  }();
  return wanted;
}

void skipBacktraces() {
  if (!wantsBacktraces()) c10::SetStackTraceFetcher([] { return std::string(); });
}

void setErrorExplainer(ErrorExplainer given) {
  explainer = given;
}

InvalidArgument disposedError(const Box& box) {
  const std::string origin = box.origin == nullptr ? "" : "; it was created by " + box.origin->name;
  if (box.disposed_value) {
    return {"ERR_TENSOR_DISPOSED",
            "A storage or generator was disposed. Use it before dispose() or the end of its scope()"};
  }
  return {"ERR_TENSOR_DISPOSED", "Tensor was disposed" + origin +
                                     ". Use it before dispose() or the end of its scope(), or keep() it"};
}

void throwCurrentException(napi_env env, const BoundOp* op) {
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (pending) return;
  const std::string prefix = op == nullptr ? "" : op->name + ": ";
  try {
    throw;
  } catch (const Napi::Error& error) {
    // Not ThrowAsJavaScriptException: it throws again while a worker is being terminated.
    napi_throw(env, error.Value());
  } catch (const JavaScriptError& error) {
    error.rethrow(env);
  } catch (const InvalidArgument& error) {
    throwInvalidArgument(env, error, op);
  } catch (const c10::Error& error) {
    throwLibtorchError(env, error, op);
  } catch (const std::bad_alloc&) {
    throwTorchError(env, prefix + "out of memory", "ERR_OUT_OF_MEMORY", op, "");
  } catch (const std::exception& error) {
    if (throwExplained(env, error.what(), op)) return;
    throwTorchError(env, prefix + firstLine(error.what()), "ERR_TORCH", op, error.what());
  } catch (...) {
    throwTorchError(env, prefix + "unknown native exception", "ERR_TORCH", op, "");
  }
}

namespace {
// A number or bigint as JavaScript prints it.
std::string written(napi_env env, napi_value number) {
  napi_value text = nullptr;
  char buffer[48];
  size_t length = 0;
  if (napi_coerce_to_string(env, number, &text) != napi_ok ||
      napi_get_value_string_utf8(env, text, buffer, sizeof(buffer), &length) != napi_ok) {
    return "a number";
  }
  return {buffer, length};
}
}  // namespace

std::string describe(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  bool is_array = false;
  napi_is_array(env, value, &is_array);
  if (is_array) return "an Array";
  switch (type) {
    case napi_undefined:
      return "undefined";
    case napi_null:
      return "null";
    case napi_boolean:
      return "a boolean";
    case napi_number:
    case napi_bigint:
      return written(env, value);
    case napi_string:
      return "a string";
    case napi_function:
      return "a function";
    case napi_external:
      return describeHandle(env, value);
    default:
      return "an object";
  }
}

}  // namespace ibn
