// ibn::instance_batch_norm: a range of channels normalised by instance, the others by the batch, by running
// statistics or not at all; a residual added before, or an addend after, and a ReLU last. Registered with
// torch's dispatcher; the binding calls it as any other op. The schemas are in instance_batch_norm.cc; each
// device has a file of its own.
#pragma once
#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

#include <utility>

namespace ibn::ops {

// What becomes of the channels outside [start, end): the kernels' numbers.
enum class BatchMode : int64_t { kPass = 0, kRunning = 1, kBatch = 2 };

// One normalisation. Tensors that are not there are undefined.
struct Norm {
  at::Tensor input, residual, addend;
  int64_t start = 0, end = 0;
  at::Tensor instance_weight, instance_bias, batch_weight, batch_bias;
  at::Tensor running_mean, running_var;
  double instance_eps = 0, batch_eps = 0;
  bool relu = false;
  double momentum = 0;
  BatchMode mode = BatchMode::kPass;
  // Whether there is an addend: backward does without its values.
  bool adds = false;

  int64_t instances() const { return end - start; }
  int64_t batches() const { return input.size(1) - instances(); }
  // Statistics of each sample's instance channels, then of the other channels.
  int64_t statistics() const { return input.size(0) * instances() + batches(); }
};

// The ops' common arguments come first, in the order of Norm's members but for `addend`, which has the
// residual's place in the op that takes one. A public op has the first `kPublicArguments`.
constexpr size_t kPublicArguments = 13;
constexpr size_t kNormArguments = 15;
Norm fromStack(const torch::jit::Stack& stack, size_t size, size_t arguments = kNormArguments);
torch::jit::Stack toStack(const Norm& norm);
// Of the op that takes an addend where others have the residual.
void takeAddend(Norm& norm);

// Throws unless the tensors fit each other.
void check(const Norm& norm);

// The output, and (2, n): means and reciprocal deviations, for backward. The latter are undefined unless
// kept.
struct Normalised {
  at::Tensor output, statistics;
};

// Of an input without elements, as torch.batch_norm: running statistics stay as they are.
Normalised normaliseNothing(const Norm& norm);

// The gradient of the input, (2, C): those of each channel's weight and bias, and the addend's, if there is
// one.
struct Gradients {
  at::Tensor input, affine, addend;
};

// By way of the dispatcher: the device's kernels. With an addend: the CPU's, or torch's own ops.
Normalised forward(const Norm& norm, bool keep_statistics);
// `output` is needed with an addend and a ReLU alone.
Gradients backward(const Norm& norm, const at::Tensor& grad, const at::Tensor& statistics,
                   const at::Tensor& output);

// The CPU's kernels; whether they take the dtype.
bool isForKernels(const Norm& norm);
Normalised forwardKernels(const Norm& norm, bool keep_statistics);
Gradients backwardKernels(const Norm& norm, const at::Tensor& grad, const at::Tensor& statistics,
                          const at::Tensor& output);

// A device's functions as boxed kernels.
template <Normalised (*Forward)(const Norm&, bool)>
void forwardKernel(const c10::OperatorHandle&, torch::jit::Stack* stack) {
  const Norm norm = fromStack(*stack, kNormArguments + 1);
  const bool keep_statistics = stack->back().toBool();
  torch::jit::drop(*stack, kNormArguments + 1);
  Normalised result = Forward(norm, keep_statistics);
  torch::jit::push(*stack, std::move(result.output), std::move(result.statistics));
}

template <Gradients (*Backward)(const Norm&, const at::Tensor&, const at::Tensor&, const at::Tensor&)>
void backwardKernel(const c10::OperatorHandle&, torch::jit::Stack* stack) {
  const Norm norm = fromStack(*stack, kNormArguments + 2);
  const at::Tensor statistics = torch::jit::pop(*stack).toTensor();
  const at::Tensor grad = torch::jit::pop(*stack).toTensor();
  torch::jit::drop(*stack, kNormArguments);
  Gradients result = Backward(norm, grad, statistics, at::Tensor());
  torch::jit::push(*stack, std::move(result.input), std::move(result.affine));
}

// The same out of torch's own ops, on any device and in any floating dtype. Differentiable any number of
// times; running statistics are updated as ever.
Normalised composed(const Norm& norm);
Gradients backwardComposed(const Norm& norm, const at::Tensor& grad, const at::Tensor& statistics,
                           const at::Tensor& output);

// As torch, which keeps the unbiased variance. Mean and biased variance are over `count` elements.
void updateRunning(const Norm& norm, const at::Tensor& mean, const at::Tensor& variance, int64_t count);

}  // namespace ibn::ops
