// What autograd needs beyond ops: gradients, backward, and the thread's modes.
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>

#include "lists.h"
#include "parts.h"

namespace ibn {

namespace {

Napi::Value requiresGrad(Call& call) {
  return Napi::Boolean::New(call.env, call.tensor(0).requires_grad());
}

Napi::Value setRequiresGrad(Call& call) {
  at::Tensor& tensor = call.tensor(0);
  const bool value = call.boolean(1);
  if (value && !at::isFloatingType(tensor.scalar_type()) && !at::isComplexType(tensor.scalar_type())) {
    throw InvalidArgument("ERR_TORCH", "only Tensors of floating point dtype can require gradients");
  }
  if (!value && !tensor.is_leaf()) {
    throw InvalidArgument(
        "ERR_TORCH",
        "you can only change requires_grad flags of leaf variables. If you want to use a computed "
        "variable in a subgraph that doesn't require differentiation use detach()");
  }
  tensor.set_requires_grad(value);
  return call.undefined();
}

Napi::Value isLeaf(Call& call) {
  return Napi::Boolean::New(call.env, call.tensor(0).is_leaf());
}

Napi::Value gradFnName(Call& call) {
  const auto& node = call.tensor(0).grad_fn();
  return node ? Napi::Value(call.env, fromString(call.env, node->name())) : call.env.Null();
}

Napi::Value grad(Call& call) {
  return call.wrap(call.tensor(0).grad());
}

Napi::Value setGrad(Call& call) {
  at::Tensor& tensor = call.tensor(0);
  if (call.info[1].IsNull() || call.info[1].IsUndefined()) {
    tensor.mutable_grad().reset();
    return call.undefined();
  }
  const at::Tensor& value = call.tensor(1);
  if (value.sizes() != tensor.sizes()) {
    throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected grad of shape " + c10::str(tensor.sizes()) +
                                                  ", got " + c10::str(value.sizes()));
  }
  if (value.scalar_type() != tensor.scalar_type() || value.device() != tensor.device()) {
    throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected grad with the tensor's dtype and device");
  }
  tensor.mutable_grad() = value;
  return call.undefined();
}

// backward(tensors, gradients, retainGraph, createGraph, inputs)
Napi::Value backward(Call& call) {
  const auto tensors = tensorList(call, 0);
  const auto gradients = tensorList(call, 1);
  const auto inputs = tensorList(call, 4);
  const bool retain = call.boolean(2);
  const bool create = call.boolean(3);
  JsThread::here()->serve([&] { torch::autograd::backward(tensors, gradients, retain, create, inputs); });
  return call.undefined();
}

// gradOf(outputs, inputs, gradients, retainGraph, createGraph, allowUnused)
Napi::Value gradOf(Call& call) {
  const auto outputs = tensorList(call, 0);
  const auto inputs = tensorList(call, 1);
  const auto gradients = tensorList(call, 2);
  const bool retain = call.boolean(3);
  const bool create = call.boolean(4);
  const bool unused = call.boolean(5);
  std::vector<at::Tensor> grads;
  JsThread::here()->serve(
      [&] { grads = torch::autograd::grad(outputs, inputs, gradients, retain, create, unused); });
  return {call.env, handlesOf(call.env, call.data, grads)};
}

Napi::Value isGradEnabled(Call& call) {
  return Napi::Boolean::New(call.env, c10::GradMode::is_enabled());
}

Napi::Value setGradEnabled(Call& call) {
  c10::GradMode::set_enabled(call.boolean(0));
  return call.undefined();
}

Napi::Value isInferenceModeEnabled(Call& call) {
  return Napi::Boolean::New(call.env, c10::InferenceMode::is_enabled());
}

Napi::Value enterInferenceMode(Call& call) {
  call.data.guards.push_back(std::make_shared<c10::InferenceMode>(call.boolean(0)));
  return call.undefined();
}

Napi::Value exitInferenceMode(Call& call) {
  if (!call.data.guards.empty()) call.data.guards.pop_back();
  return call.undefined();
}

}  // namespace

void defineAutograd(Napi::Object exports) {
  JsThread::open(exports.Env());
  defineGradHooks(exports);
  defineSavedHooks(exports);
  defineFunction(exports);
  defineEngineHooks(exports);
  defineForwardMode(exports);
  definePart<requiresGrad>(exports, "requiresGrad");
  definePart<setRequiresGrad>(exports, "setRequiresGrad");
  definePart<isLeaf>(exports, "isLeaf");
  definePart<gradFnName>(exports, "gradFnName");
  definePart<grad>(exports, "grad");
  definePart<setGrad>(exports, "setGrad");
  definePart<backward>(exports, "backward");
  definePart<gradOf>(exports, "gradOf");
  definePart<isGradEnabled>(exports, "isGradEnabled");
  definePart<setGradEnabled>(exports, "setGradEnabled");
  definePart<isInferenceModeEnabled>(exports, "isInferenceModeEnabled");
  definePart<enterInferenceMode>(exports, "enterInferenceMode");
  definePart<exitInferenceMode>(exports, "exitInferenceMode");
}

}  // namespace ibn
