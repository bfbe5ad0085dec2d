// CUDA: allocates what the kernels of libibn_cuda.so write, and calls them by way of the dispatcher. Only
// device-neutral API is used, so this is in every binding; without that library the inner op has no kernel,
// and says so.
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include "../cuda/plan.h"
#include "../cuda/tensor_layout.h"
#include "instance_batch_norm.h"

namespace ibn::ops {

namespace {

cuda::ElementType elementType(const at::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case at::kFloat:
      return cuda::ElementType::kFloat;
    case at::kHalf:
      return cuda::ElementType::kHalf;
    case at::kBFloat16:
      return cuda::ElementType::kBfloat16;
    default:
      TORCH_CHECK(false, "Expected float32, float16 or bfloat16 for input on CUDA, got ",
                  tensor.scalar_type());
  }
}

at::MemoryFormat formatOf(cuda::Layout layout) {
  return layout == cuda::Layout::kRows ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
}

// The norm with its tensors dense in one layout: the input's own, or the one it suggests.
Norm dense(Norm norm, cuda::Layout& layout) {
  const auto own = cuda::layoutOf(norm.input.sizes().data(), norm.input.strides().data());
  if (!own) norm.input = norm.input.contiguous(norm.input.suggest_memory_format());
  layout =
      cuda::layoutOf(norm.input.sizes().data(), norm.input.strides().data()).value_or(cuda::Layout::kPlanes);
  if (norm.residual.defined()) norm.residual = norm.residual.contiguous(formatOf(layout));
  for (at::Tensor* vector :
       {&norm.instance_weight, &norm.instance_bias, &norm.batch_weight, &norm.batch_bias}) {
    if (vector->defined()) *vector = vector->contiguous();
  }
  return norm;
}

cuda::Problem problemOf(const Norm& norm, cuda::Layout layout) {
  const at::Tensor& input = norm.input;
  cuda::Problem problem = {};
  problem.layout = layout;
  problem.type = elementType(input);
  const bool none = norm.instances() == 0;
  problem.channels = {static_cast<int32_t>(input.size(1)), none ? 0 : static_cast<int32_t>(norm.start),
                      none ? 0 : static_cast<int32_t>(norm.end), static_cast<cuda::BatchMode>(norm.mode)};
  problem.samples = input.size(0);
  problem.size = input.size(2) * input.size(3);
  return problem;
}

const void* addressOf(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.const_data_ptr() : nullptr;
}

c10::IValue workspaceOf(const cuda::Plan& plan, const at::Tensor& input) {
  if (plan.floats == 0) return {};
  return at::empty({plan.floats}, input.options().dtype(at::kFloat));
}

c10::OperatorHandle findKernel(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "");
}

Normalised forwardCuda(const Norm& given, bool keep_statistics) {
  cuda::Layout layout = cuda::Layout::kPlanes;
  const Norm norm = dense(given, layout);
  const cuda::Problem problem = problemOf(norm, layout);
  Normalised result;
  result.output = at::empty_like(norm.input);
  if (keep_statistics) {
    result.statistics = at::empty({2, problem.statistics()}, norm.input.options().dtype(at::kFloat));
  }
  const bool aligned = cuda::isAligned(problem, addressOf(norm.input), addressOf(norm.residual),
                                       static_cast<const void*>(result.output.const_data_ptr()));
  torch::jit::Stack stack = toStack(norm);
  stack.emplace_back(result.output);
  stack.push_back(keep_statistics ? c10::IValue(result.statistics) : c10::IValue());
  stack.push_back(workspaceOf(cuda::planForward(problem, aligned), norm.input));
  static const c10::OperatorHandle op = findKernel("ibn::_instance_batch_norm_out");
  op.callBoxed(&stack);
  return result;
}

Gradients backwardCuda(const Norm& given, const at::Tensor& given_grad, const at::Tensor& statistics,
                       const at::Tensor& /*output*/) {
  cuda::Layout layout = cuda::Layout::kPlanes;
  const Norm norm = dense(given, layout);
  const cuda::Problem problem = problemOf(norm, layout);
  const at::Tensor grad = given_grad.contiguous(formatOf(layout));
  const at::TensorOptions floats = norm.input.options().dtype(at::kFloat);
  Gradients result;
  result.input = at::empty_like(norm.input);
  const bool empty = norm.input.numel() == 0;
  result.affine =
      empty ? at::zeros({2, norm.input.size(1)}, floats) : at::empty({2, norm.input.size(1)}, floats);
  const bool aligned =
      cuda::isAligned(problem, addressOf(norm.input), addressOf(norm.residual), addressOf(grad),
                      static_cast<const void*>(result.input.const_data_ptr()));
  torch::jit::Stack stack = toStack(norm);
  stack.emplace_back(grad);
  stack.emplace_back(statistics);
  stack.emplace_back(result.input);
  stack.emplace_back(result.affine);
  stack.push_back(workspaceOf(cuda::planBackward(problem, aligned), norm.input));
  static const c10::OperatorHandle op = findKernel("ibn::_instance_batch_norm_backward_out");
  op.callBoxed(&stack);
  return result;
}

}  // namespace

TORCH_LIBRARY_IMPL(ibn, CUDA, m) {
  m.impl("_instance_batch_norm_forward",
         torch::CppFunction::makeFromBoxedFunction<&forwardKernel<forwardCuda>>());
  m.impl("_instance_batch_norm_backward",
         torch::CppFunction::makeFromBoxedFunction<&backwardKernel<backwardCuda>>());
}

}  // namespace ibn::ops
