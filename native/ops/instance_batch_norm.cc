#include "instance_batch_norm.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

#include <string>

namespace ibn::ops {

namespace {

at::Tensor tensorOf(const c10::IValue& value) {
  return value.isNone() ? at::Tensor() : value.toTensor();
}

c10::IValue valueOf(const at::Tensor& tensor) {
  return tensor.defined() ? c10::IValue(tensor) : c10::IValue();
}

void checkVector(const at::Tensor& vector, const char* name, int64_t length, const at::Tensor& input) {
  if (!vector.defined()) return;
  TORCH_CHECK(vector.dim() == 1 && vector.size(0) == length, "Expected shape [", length, "] for ", name,
              ", got ", vector.sizes());
  TORCH_CHECK(vector.device() == input.device(), "Expected ", name, " on ", input.device(),
              " as input is, got ", vector.device());
  TORCH_CHECK(at::isFloatingType(vector.scalar_type()), "Expected a floating dtype for ", name, ", got ",
              vector.scalar_type());
}

// A residual, or an addend.
void checkAdded(const at::Tensor& added, const char* name, const at::Tensor& input) {
  if (!added.defined()) return;
  TORCH_CHECK(added.sizes() == input.sizes(), "Expected shape ", input.sizes(), " for ", name, ", got ",
              added.sizes());
  TORCH_CHECK(added.scalar_type() == input.scalar_type(), "Expected ", input.scalar_type(), " for ", name,
              ", as input has, got ", added.scalar_type());
  TORCH_CHECK(added.device() == input.device(), "Expected ", name, " on ", input.device(),
              " as input is, got ", added.device());
}

c10::OperatorHandle find(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "");
}

// Below autograd: the whole of it is one call of the device's forward.
void evaluate(const c10::OperatorHandle&, torch::jit::Stack* stack) {
  Norm norm = fromStack(*stack, kPublicArguments, kPublicArguments);
  norm.mode = norm.running_mean.defined() ? BatchMode::kRunning : BatchMode::kPass;
  torch::jit::drop(*stack, kPublicArguments);
  torch::jit::push(*stack, forward(norm, false).output);
}

template <bool kAdds>
void train(const c10::OperatorHandle&, torch::jit::Stack* stack) {
  Norm norm = fromStack(*stack, kPublicArguments + 1, kPublicArguments + 1);
  if (kAdds) takeAddend(norm);
  norm.mode = BatchMode::kBatch;
  torch::jit::drop(*stack, kPublicArguments + 1);
  torch::jit::push(*stack, forward(norm, false).output);
}

}  // namespace

void takeAddend(Norm& norm) {
  norm.addend = std::exchange(norm.residual, at::Tensor());
  norm.adds = true;
}

Norm fromStack(const torch::jit::Stack& stack, size_t size, size_t arguments) {
  const c10::IValue* at = stack.data() + stack.size() - size;
  Norm norm;
  norm.input = at[0].toTensor();
  norm.residual = tensorOf(at[1]);
  norm.start = at[2].toInt();
  norm.end = at[3].toInt();
  norm.instance_weight = tensorOf(at[4]);
  norm.instance_bias = tensorOf(at[5]);
  norm.batch_weight = tensorOf(at[6]);
  norm.batch_bias = tensorOf(at[7]);
  norm.running_mean = tensorOf(at[8]);
  norm.running_var = tensorOf(at[9]);
  norm.instance_eps = at[10].toDouble();
  norm.batch_eps = at[11].toDouble();
  norm.relu = at[12].toBool();
  if (arguments > kPublicArguments) norm.momentum = at[13].toDouble();
  if (arguments == kNormArguments) norm.mode = static_cast<BatchMode>(at[14].toInt());
  return norm;
}

torch::jit::Stack toStack(const Norm& norm) {
  return {norm.input,
          valueOf(norm.residual),
          norm.start,
          norm.end,
          valueOf(norm.instance_weight),
          valueOf(norm.instance_bias),
          valueOf(norm.batch_weight),
          valueOf(norm.batch_bias),
          valueOf(norm.running_mean),
          valueOf(norm.running_var),
          norm.instance_eps,
          norm.batch_eps,
          norm.relu,
          norm.momentum,
          static_cast<int64_t>(norm.mode)};
}

void check(const Norm& norm) {
  const at::Tensor& input = norm.input;
  TORCH_CHECK(input.dim() == 4, "Expected 4 dimensions for input, got ", input.sizes());
  TORCH_CHECK(at::isFloatingType(input.scalar_type()), "Expected a floating dtype for input, got ",
              input.scalar_type());
  TORCH_CHECK(norm.start >= 0 && norm.start <= norm.end && norm.end <= input.size(1),
              "Expected a range within ", input.size(1), " channels for start and end, got ", norm.start,
              " to ", norm.end);
  checkAdded(norm.residual, "residual", input);
  checkAdded(norm.addend, "addend", input);
  checkVector(norm.instance_weight, "instance_weight", norm.instances(), input);
  checkVector(norm.instance_bias, "instance_bias", norm.instances(), input);
  checkVector(norm.batch_weight, "batch_weight", norm.batches(), input);
  checkVector(norm.batch_bias, "batch_bias", norm.batches(), input);
  checkVector(norm.running_mean, "running_mean", norm.batches(), input);
  checkVector(norm.running_var, "running_var", norm.batches(), input);
  TORCH_CHECK(norm.running_mean.defined() == norm.running_var.defined(),
              "Expected both or neither of running_mean and running_var, got one");
}

Normalised normaliseNothing(const Norm& norm) {
  const bool wide = norm.input.scalar_type() == at::kDouble;
  const auto options = norm.input.options().dtype(wide ? at::kDouble : at::kFloat);
  const at::Tensor output = at::empty_like(norm.input);
  return {output, at::zeros({2, norm.statistics()}, options)};
}

Normalised forward(const Norm& norm, bool keep_statistics) {
  check(norm);
  if (norm.input.numel() == 0) return normaliseNothing(norm);
  if (isForKernels(norm)) return forwardKernels(norm, keep_statistics);
  if (norm.adds) return composed(norm);
  torch::jit::Stack stack = toStack(norm);
  stack.emplace_back(keep_statistics);
  static const c10::OperatorHandle op = find("ibn::_instance_batch_norm_forward");
  op.callBoxed(&stack);
  return {stack[0].toTensor(), tensorOf(stack[1])};
}

Gradients backward(const Norm& norm, const at::Tensor& grad, const at::Tensor& statistics,
                   const at::Tensor& output) {
  if (norm.input.numel() == 0) {
    return {at::empty_like(norm.input), at::zeros({2, norm.input.size(1)}, statistics.options()),
            norm.adds ? grad : at::Tensor()};
  }
  if (isForKernels(norm)) return backwardKernels(norm, grad, statistics, output);
  if (norm.adds) return backwardComposed(norm, grad, statistics, output);
  torch::jit::Stack stack = toStack(norm);
  stack.emplace_back(grad);
  stack.emplace_back(statistics);
  static const c10::OperatorHandle op = find("ibn::_instance_batch_norm_backward");
  op.callBoxed(&stack);
  return {stack[0].toTensor(), stack[1].toTensor(), {}};
}

TORCH_LIBRARY(ibn, m) {
  const std::string parts =
      "int start, int end, Tensor? instance_weight, Tensor? instance_bias, Tensor? batch_weight, "
      "Tensor? batch_bias, ";
  const std::string common = "(Tensor input, Tensor? residual, " + parts;
  const std::string adding = "(Tensor input, Tensor addend, " + parts;
  const std::string read = "Tensor? running_mean, Tensor? running_var, ";
  const std::string written = "Tensor(a!)? running_mean, Tensor(b!)? running_var, ";
  const std::string defaults = "float instance_eps=1e-05, float batch_eps=1e-05, bool relu=False";
  const std::string inner =
      "float instance_eps, float batch_eps, bool relu, float momentum, int batch_mode, ";
  const auto define = [&m](const std::string& schema) { m.def(schema.c_str()); };
  define("instance_batch_norm" + common + read + defaults + ") -> Tensor");
  define("instance_batch_norm_train" + common + written + defaults + ", float momentum=0.1) -> Tensor");
  define("instance_batch_norm_add_train" + adding + written + defaults + ", float momentum=0.1) -> Tensor");
  define("_instance_batch_norm_forward" + common + written + inner +
         "bool keep_statistics) -> (Tensor, Tensor)");
  define("_instance_batch_norm_backward" + common + read + inner +
         "Tensor grad_output, Tensor statistics) -> (Tensor, Tensor)");
  // What libibn_cuda.so brings; it allocates nothing.
  define("_instance_batch_norm_out" + common + written + inner +
         "Tensor(c!) output, Tensor(d!)? statistics, Tensor(e!)? workspace) -> ()");
  define("_instance_batch_norm_backward_out" + common + read + inner +
         "Tensor grad_output, Tensor statistics, Tensor(c!) grad_input, Tensor(d!) grad_affine, "
         "Tensor(e!)? workspace) -> ()");
}

TORCH_LIBRARY_IMPL(ibn, CompositeExplicitAutograd, m) {
  m.impl("instance_batch_norm", torch::CppFunction::makeFromBoxedFunction<&evaluate>());
  m.impl("instance_batch_norm_train", torch::CppFunction::makeFromBoxedFunction<&train<false>>());
  m.impl("instance_batch_norm_add_train", torch::CppFunction::makeFromBoxedFunction<&train<true>>());
}

}  // namespace ibn::ops
