// The derivative, for every device: forward keeps the statistics, backward is one call. A second derivative
// is that of the same arithmetic out of torch's own ops.
#include <ATen/ATen.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "instance_batch_norm.h"

namespace ibn::ops {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using MaybeTensor = std::optional<at::Tensor>;

// The tensors that have gradients, in the order of the Function's arguments.
constexpr size_t kDifferentiable = 7;
// All but the addend.
constexpr size_t kKept = 6;

MaybeTensor orNone(const at::Tensor& tensor) {
  return tensor.defined() ? MaybeTensor(tensor) : std::nullopt;
}

std::array<at::Tensor, kDifferentiable> differentiable(const Norm& norm) {
  return {norm.input,        norm.residual,   norm.instance_weight, norm.instance_bias,
          norm.batch_weight, norm.batch_bias, norm.addend};
}

void setDifferentiable(Norm& norm, const variable_list& tensors) {
  norm.input = tensors[0];
  norm.residual = tensors[1];
  norm.instance_weight = tensors[2];
  norm.instance_bias = tensors[3];
  norm.batch_weight = tensors[4];
  norm.batch_bias = tensors[5];
}

// The addend itself is not kept: the output, which the next layer keeps too, tells what the ReLU passed.
void save(AutogradContext* context, const Norm& norm, const Normalised& result) {
  const auto tensors = differentiable(norm);
  variable_list saved(tensors.begin(), tensors.begin() + kKept);
  saved.push_back(result.statistics);
  saved.push_back(norm.adds && norm.relu ? result.output : at::Tensor());
  context->save_for_backward(saved);
  context->saved_data["numbers"] = c10::List<double>(
      {norm.instance_eps, norm.batch_eps, static_cast<double>(norm.relu), static_cast<double>(norm.start),
       static_cast<double>(norm.end), static_cast<double>(norm.mode), static_cast<double>(norm.adds)});
}

Norm restore(AutogradContext* context, const variable_list& saved) {
  const auto numbers = context->saved_data["numbers"].toDoubleList();
  Norm norm;
  setDifferentiable(norm, saved);
  norm.instance_eps = numbers[0];
  norm.batch_eps = numbers[1];
  norm.relu = numbers[2] != 0.0;
  norm.start = static_cast<int64_t>(numbers[3]);
  norm.end = static_cast<int64_t>(numbers[4]);
  norm.mode = static_cast<BatchMode>(static_cast<int64_t>(numbers[5]));
  norm.adds = numbers[6] != 0.0;
  return norm;
}

// Gradients of the channels' weights or biases that are instance-normalised, or of the others, as the
// parameter is.
at::Tensor parameterGradient(const Norm& norm, const at::Tensor& all, const at::Tensor& parameter,
                             bool instance) {
  if (!parameter.defined()) return {};
  if (instance) return all.narrow(0, norm.start, norm.instances()).to(parameter.scalar_type());
  const int64_t after = all.size(0) - norm.end;
  at::Tensor part;
  if (norm.start == 0) {
    part = all.narrow(0, norm.end, after);
  } else if (after == 0) {
    part = all.narrow(0, 0, norm.start);
  } else {
    part = at::cat({all.narrow(0, 0, norm.start), all.narrow(0, norm.end, after)});
  }
  return part.to(parameter.scalar_type());
}

variable_list fusedGradients(const Norm& norm, const at::Tensor& grad, const at::Tensor& statistics,
                             const at::Tensor& output) {
  const Gradients gradients = backward(norm, grad, statistics, output);
  const at::Tensor weight = gradients.affine[0];
  const at::Tensor bias = gradients.affine[1];
  const bool trained = norm.mode != BatchMode::kPass;
  return {gradients.input,
          norm.residual.defined() ? gradients.input : at::Tensor(),
          parameterGradient(norm, weight, norm.instance_weight, true),
          parameterGradient(norm, bias, norm.instance_bias, true),
          trained ? parameterGradient(norm, weight, norm.batch_weight, false) : at::Tensor(),
          trained ? parameterGradient(norm, bias, norm.batch_bias, false) : at::Tensor(),
          gradients.addend};
}

// Differentiable once more. Statistics that were given stay given: as running ones whose eps is none.
variable_list composedGradients(Norm norm, const at::Tensor& given, const at::Tensor& statistics,
                                const at::Tensor& output) {
  if (norm.mode == BatchMode::kRunning) {
    const int64_t first = norm.input.size(0) * norm.instances();
    norm.running_mean = statistics[0].narrow(0, first, norm.batches());
    norm.running_var = statistics[1].narrow(0, first, norm.batches()).pow(-2);
    norm.batch_eps = 0;
  }
  at::Tensor grad = given;
  if (output.defined()) {
    grad = at::where(output <= 0, at::zeros_like(given), given);
    norm.relu = false;
  }
  variable_list wanted;
  const auto tensors = differentiable(norm);
  for (const at::Tensor& tensor : tensors) {
    if (tensor.defined() && tensor.requires_grad()) wanted.push_back(tensor);
  }
  variable_list found;
  if (!wanted.empty()) {
    found = torch::autograd::grad({composed(norm).output}, wanted, {grad}, /*retain_graph=*/true,
                                  /*create_graph=*/true, /*allow_unused=*/true);
  }
  variable_list gradients;
  size_t next = 0;
  for (const at::Tensor& tensor : tensors) {
    gradients.push_back(tensor.defined() && tensor.requires_grad() ? found[next++] : at::Tensor());
  }
  if (norm.adds) gradients.back() = grad;
  return gradients;
}

struct InstanceBatchNorm : torch::autograd::Function<InstanceBatchNorm> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& /*input*/,
                            const MaybeTensor& /*residual*/, const MaybeTensor& /*instance_weight*/,
                            const MaybeTensor& /*instance_bias*/, const MaybeTensor& /*batch_weight*/,
                            const MaybeTensor& /*batch_bias*/, const MaybeTensor& /*addend*/,
                            const Norm& norm) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const Normalised result = ops::forward(norm, true);
    save(context, norm, result);
    return result.output;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const Norm norm = restore(context, saved);
    const at::Tensor& statistics = saved[kKept];
    variable_list gradients = c10::GradMode::is_enabled()
                                  ? composedGradients(norm, grads[0], statistics, saved[kKept + 1])
                                  : fusedGradients(norm, grads[0], statistics, saved[kKept + 1]);
    gradients.emplace_back();  // the Norm's
    return gradients;
  }
};

bool needsGradient(const Norm& norm) {
  if (!c10::GradMode::is_enabled()) return false;
  for (const at::Tensor& tensor : differentiable(norm)) {
    if (tensor.defined() && tensor.requires_grad()) return true;
  }
  return false;
}

// The kernel writes through the dispatcher's back; whoever saved these must notice.
void countWrite(const at::Tensor& tensor) {
  if (tensor.defined() && !tensor.is_inference()) tensor.unsafeGetTensorImpl()->bump_version();
}

template <size_t Arguments, bool kAdds = false>
void kernel(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  Norm norm = fromStack(*stack, Arguments, Arguments);
  if (kAdds) takeAddend(norm);
  constexpr bool kTrains = Arguments > kPublicArguments;
  if (!needsGradient(norm)) {
    const at::AutoDispatchBelowADInplaceOrView below;
    op.callBoxed(stack);
  } else {
    norm.mode = kTrains                       ? BatchMode::kBatch
                : norm.running_mean.defined() ? BatchMode::kRunning
                                              : BatchMode::kPass;
    torch::jit::drop(*stack, Arguments);
    torch::jit::push(*stack,
                     InstanceBatchNorm::apply(norm.input, orNone(norm.residual), orNone(norm.instance_weight),
                                              orNone(norm.instance_bias), orNone(norm.batch_weight),
                                              orNone(norm.batch_bias), orNone(norm.addend), norm));
  }
  if (!kTrains) return;
  countWrite(norm.running_mean);
  countWrite(norm.running_var);
}

}  // namespace

TORCH_LIBRARY_IMPL(ibn, Autograd, m) {
  m.impl("instance_batch_norm", torch::CppFunction::makeFromBoxedFunction<&kernel<kPublicArguments>>());
  m.impl("instance_batch_norm_train",
         torch::CppFunction::makeFromBoxedFunction<&kernel<kPublicArguments + 1>>());
  m.impl("instance_batch_norm_add_train",
         torch::CppFunction::makeFromBoxedFunction<&kernel<kPublicArguments + 1, true>>());
}

}  // namespace ibn::ops
