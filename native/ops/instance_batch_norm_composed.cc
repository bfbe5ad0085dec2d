// Out of torch's own ops: what the CPU runs in dtypes that its kernels do not take, what kernels are compared
// with, and what a second derivative is taken of.
#include <ATen/ATen.h>
#include <torch/library.h>

#include "instance_batch_norm.h"

namespace ibn::ops {

namespace {

// Of each channel, (N or 1, C, 1, 1).
struct Statistics {
  at::Tensor mean, rstd;
};

at::Tensor instancePart(const Norm& norm, const at::Tensor& x) {
  return x.narrow(1, norm.start, norm.instances());
}

at::Tensor batchPart(const Norm& norm, const at::Tensor& x) {
  const int64_t after = x.size(1) - norm.end;
  if (norm.start == 0) return x.narrow(1, norm.end, after);
  if (after == 0) return x.narrow(1, 0, norm.start);
  return at::cat({x.narrow(1, 0, norm.start), x.narrow(1, norm.end, after)}, 1);
}

// Channels in their order again; the parts' first dimensions may be 1.
at::Tensor join(const Norm& norm, const at::Tensor& instance, const at::Tensor& batch) {
  if (norm.batches() == 0) return instance;
  if (norm.instances() == 0) return batch;
  const int64_t samples = instance.size(0) == 1 ? batch.size(0) : instance.size(0);  // perhaps none
  const auto widen = [&](const at::Tensor& part) { return part.expand({samples, -1, -1, -1}); };
  const at::Tensor rest = widen(batch);
  const at::Tensor before = rest.narrow(1, 0, norm.start);
  const at::Tensor after = rest.narrow(1, norm.start, norm.batches() - norm.start);
  return at::cat({before, widen(instance), after}, 1);
}

at::Tensor asColumn(const at::Tensor& vector, at::ScalarType type) {
  return vector.to(type).view({1, -1, 1, 1});
}

// Weights or biases of all channels; `otherwise` where there are none.
at::Tensor affinePart(const Norm& norm, const at::Tensor& instance, const at::Tensor& batch, double otherwise,
                      const at::TensorOptions& options) {
  const auto part = [&](const at::Tensor& vector, int64_t length, bool present) {
    if (present && vector.defined()) return asColumn(vector, options.dtype().toScalarType());
    return at::full({1, length, 1, 1}, otherwise, options);
  };
  return join(norm, part(instance, norm.instances(), true),
              part(batch, norm.batches(), norm.mode != BatchMode::kPass));
}

at::ScalarType accumulatorOf(const at::Tensor& input) {
  return input.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

at::Tensor summed(const Norm& norm) {
  return norm.residual.defined() ? norm.input + norm.residual : norm.input;
}

Statistics batchStatistics(const Norm& norm, const at::Tensor& x) {
  const auto options = x.options();
  if (norm.mode == BatchMode::kPass) {
    return {at::zeros({1, norm.batches(), 1, 1}, options), at::ones({1, norm.batches(), 1, 1}, options)};
  }
  if (norm.mode == BatchMode::kRunning) {
    TORCH_CHECK(norm.running_mean.defined() || norm.batches() == 0,
                "Expected running_mean and running_var, got none");
    if (norm.batches() == 0) return {};
    return {asColumn(norm.running_mean, x.scalar_type()),
            at::rsqrt(asColumn(norm.running_var, x.scalar_type()) + norm.batch_eps)};
  }
  const at::Tensor part = batchPart(norm, x);
  const auto [variance, mean] = at::var_mean(part, at::OptionalIntArrayRef({0, 2, 3}), at::Scalar(0), true);
  updateRunning(norm, mean, variance, part.size(0) * part.size(2) * part.size(3));
  return {mean, at::rsqrt(variance + norm.batch_eps)};
}

Statistics instanceStatistics(const Norm& norm, const at::Tensor& x) {
  const auto [variance, mean] =
      at::var_mean(instancePart(norm, x), at::OptionalIntArrayRef({2, 3}), at::Scalar(0), true);
  return {mean, at::rsqrt(variance + norm.instance_eps)};
}

// (2, n), in the kernels' order.
at::Tensor packStatistics(const Norm& norm, const Statistics& instance, const Statistics& batch) {
  const auto row = [&](const at::Tensor& of_instance, const at::Tensor& of_batch) {
    std::vector<at::Tensor> parts;
    if (norm.instances() > 0) parts.push_back(of_instance.reshape({-1}));
    if (norm.batches() > 0) parts.push_back(of_batch.reshape({-1}));
    return at::cat(parts);
  };
  return at::stack({row(instance.mean, batch.mean), row(instance.rstd, batch.rstd)});
}

at::Tensor unpackRow(const Norm& norm, const at::Tensor& row) {
  const int64_t count = norm.input.size(0) * norm.instances();
  return join(norm, row.narrow(0, 0, count).view({norm.input.size(0), norm.instances(), 1, 1}),
              row.narrow(0, count, norm.batches()).view({1, norm.batches(), 1, 1}));
}

// Without the output its sign is found anew.
at::Tensor passedByRelu(const Norm& norm, const at::Tensor& grad, const at::Tensor& normal,
                        const at::Tensor& weight, const at::Tensor& output) {
  at::Tensor sign = output;
  if (!sign.defined()) {
    const at::Tensor bias = affinePart(norm, norm.instance_bias, norm.batch_bias, 0, normal.options());
    sign = (normal * weight + bias).to(norm.input.scalar_type());
  }
  return at::where(sign <= 0, at::zeros_like(grad), grad);
}

Normalised forwardCpu(const Norm& norm, bool keep_statistics) {
  if (isForKernels(norm)) return forwardKernels(norm, keep_statistics);
  Normalised result = composed(norm);
  if (!keep_statistics) result.statistics = at::Tensor();
  return result;
}

Gradients backwardCpu(const Norm& norm, const at::Tensor& grad, const at::Tensor& statistics,
                      const at::Tensor& output) {
  const auto run = isForKernels(norm) ? backwardKernels : backwardComposed;
  return run(norm, grad, statistics, output);
}

}  // namespace

void updateRunning(const Norm& norm, const at::Tensor& mean, const at::Tensor& variance, int64_t count) {
  if (!norm.running_mean.defined() || count == 0) return;
  const at::NoGradGuard no_grad;
  const double bias = static_cast<double>(count) / static_cast<double>(count - 1);
  const auto mix = [&](const at::Tensor& running, const at::Tensor& value) {
    running.mul_(1 - norm.momentum)
        .add_(value.detach().reshape({-1}).to(running.scalar_type()), norm.momentum);
  };
  mix(norm.running_mean, mean);
  mix(norm.running_var, variance * bias);
}

Normalised composed(const Norm& norm) {
  if (norm.input.numel() == 0) return normaliseNothing(norm);
  const at::Tensor z = summed(norm);
  const at::Tensor x = z.to(accumulatorOf(z));
  Statistics instance;
  Statistics batch;
  if (norm.instances() > 0) instance = instanceStatistics(norm, x);
  if (norm.batches() > 0) batch = batchStatistics(norm, x);
  const at::Tensor mean = join(norm, instance.mean, batch.mean);
  const at::Tensor rstd = join(norm, instance.rstd, batch.rstd);
  const at::Tensor weight = affinePart(norm, norm.instance_weight, norm.batch_weight, 1, x.options());
  const at::Tensor bias = affinePart(norm, norm.instance_bias, norm.batch_bias, 0, x.options());
  at::Tensor y = (x - mean) * (rstd * weight) + bias;
  if (norm.addend.defined()) y = y + norm.addend;
  if (norm.relu) y = at::relu(y);
  const at::Tensor output = y.to(z.scalar_type()).contiguous(norm.input.suggest_memory_format());
  return {output, packStatistics(norm, instance, batch)};
}

// By hand, so that what autograd does with the fused kernels' statistics can be tested without a GPU.
Gradients backwardComposed(const Norm& norm, const at::Tensor& grad, const at::Tensor& statistics,
                           const at::Tensor& output) {
  const at::ScalarType type = accumulatorOf(norm.input);
  const at::Tensor z = summed(norm);
  const at::Tensor x = z.to(type);
  const at::Tensor rstd = unpackRow(norm, statistics[1]);
  const at::Tensor normal = (x - unpackRow(norm, statistics[0])) * rstd;
  const at::Tensor weight = affinePart(norm, norm.instance_weight, norm.batch_weight, 1, x.options());
  const at::Tensor passed = norm.relu ? passedByRelu(norm, grad, normal, weight, output) : grad;
  const at::Tensor through = passed.to(type);
  const at::Tensor direct = through.sum({2, 3}, true);
  const at::Tensor weighted = (through * normal).sum({2, 3}, true);
  const auto share = [&](const at::Tensor& sums) {
    const double size = static_cast<double>(x.size(2) * x.size(3));
    const at::Tensor batch = batchPart(norm, sums);
    const at::Tensor whole = norm.mode == BatchMode::kBatch
                                 ? batch.sum({0}, true) / (size * static_cast<double>(x.size(0)))
                                 : at::zeros_like(batch);
    return join(norm, instancePart(norm, sums) / size, whole);
  };
  const at::Tensor input = rstd * weight * (through - share(direct) - normal * share(weighted));
  const at::Tensor affine = at::stack({weighted.sum({0, 2, 3}), direct.sum({0, 2, 3})});
  return {input.to(norm.input.scalar_type()).contiguous(norm.input.suggest_memory_format()), affine,
          norm.adds ? passed : at::Tensor()};
}

TORCH_LIBRARY_IMPL(ibn, CPU, m) {
  m.impl("_instance_batch_norm_forward",
         torch::CppFunction::makeFromBoxedFunction<&forwardKernel<forwardCpu>>());
  m.impl("_instance_batch_norm_backward",
         torch::CppFunction::makeFromBoxedFunction<&backwardKernel<backwardCpu>>());
}

}  // namespace ibn::ops
