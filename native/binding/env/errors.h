// Errors on their way to JavaScript.
#pragma once
#include <node_api.h>

#include <exception>
#include <string>

namespace ibn {

struct Box;
struct BoundOp;

// Bad input found in native code. The code decides the JavaScript class: ERR_INVALID_ARG_TYPE a TypeError,
// ERR_OUT_OF_RANGE a RangeError, anything else a TorchError.
class InvalidArgument : public std::exception {
 public:
  InvalidArgument(std::string code, std::string message)
      : code_(std::move(code)), message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }
  const std::string& code() const { return code_; }

 private:
  std::string code_;
  std::string message_;
};

InvalidArgument disposedError(const Box& box);

// Whether libtorch's errors shall name their C++ frames: TORCH_SHOW_CPP_STACKTRACES=1, as in Python.
bool wantsBacktraces();
// Else has libtorch not look for them: naming the frames of one error takes 6 to 8 ms.
void skipBacktraces();

// What an error's text means to a person, empty where nothing is known. Kept for the life of the process.
using ErrorExplainer = std::string (*)(const std::string& text);
// Errors it explains get that message and the code ERR_DISTRIBUTED_PEER, their own text being the cause.
void setErrorExplainer(ErrorExplainer explainer);

// Turns the exception in flight into a pending JavaScript exception with the caller's JavaScript stack.
// libtorch's errors become TorchError: first line as message, full text as cause, `op` the schema name.
void throwCurrentException(napi_env env, const BoundOp* op);

// "a string", "an Array", ...: what `value` is, for messages.
std::string describe(napi_env env, napi_value value);

}  // namespace ibn
