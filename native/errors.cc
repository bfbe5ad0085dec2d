#include "errors.h"

#include <napi.h>

#include <c10/util/Exception.h>

#include "env.h"
#include "schema.h"

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

void throwTorchError(napi_env env, const std::string& message, const std::string& code, const BoundOp* op,
                     const std::string& cause) {
  napi_value options = nullptr;
  napi_create_object(env, &options);
  setCode(env, options, code);
  if (op != nullptr) napi_set_named_property(env, options, "op", makeString(env, op->name));
  if (!cause.empty()) napi_set_named_property(env, options, "cause", makeString(env, cause));
  napi_value constructor = nullptr;
  const EnvData& data = EnvData::get(env);
  if (data.torch_error != nullptr) napi_get_reference_value(env, data.torch_error, &constructor);
  napi_value error = nullptr;
  napi_value arguments[] = {makeString(env, message), options};
  if (constructor == nullptr || napi_new_instance(env, constructor, 2, arguments, &error) != napi_ok) {
    napi_throw_error(env, code.c_str(), message.c_str());
    return;
  }
  napi_throw(env, error);
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
  return "an OpaqueValue";
}

}  // namespace

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
  } catch (const InvalidArgument& error) {
    throwInvalidArgument(env, error, op);
  } catch (const c10::OutOfMemoryError& error) {
    throwTorchError(env, prefix + firstLine(error.what_without_backtrace()), "ERR_OUT_OF_MEMORY", op,
                    error.what());
  } catch (const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    const bool no_memory = text.find("can't allocate memory") != std::string::npos;
    throwTorchError(env, prefix + firstLine(text), no_memory ? "ERR_OUT_OF_MEMORY" : "ERR_TORCH", op,
                    error.what());
  } catch (const std::bad_alloc&) {
    throwTorchError(env, prefix + "out of memory", "ERR_OUT_OF_MEMORY", op, "");
  } catch (const std::exception& error) {
    throwTorchError(env, prefix + firstLine(error.what()), "ERR_TORCH", op, error.what());
  } catch (...) {
    throwTorchError(env, prefix + "unknown native exception", "ERR_TORCH", op, "");
  }
}

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
      return "a number";
    case napi_string:
      return "a string";
    case napi_function:
      return "a function";
    case napi_external:
      return describeHandle(env, value);
    case napi_bigint:
      return "a bigint";
    default:
      return "an object";
  }
}

}  // namespace ibn
