// Batch normalisation over the batches of all ranks, with the collectives of torch/nn/modules/_functions.py
// (2.13), so that a Python rank on a GPU and one of ours go together. On the CPU, where libtorch has none of
// the ops, the same arithmetic is done by others.
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/batch_norm_backward_elemt.h>
#include <ATen/ops/batch_norm_backward_reduce.h>
#include <ATen/ops/batch_norm_elemt.h>
#include <ATen/ops/batch_norm_gather_stats_with_counts.h>
#include <ATen/ops/batch_norm_stats.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/var_mean.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include "group.h"
#include "parts.h"

namespace ibn::distributed {

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Statistics of each channel.
struct Stats {
  Tensor mean;
  Tensor invstd;
};

// [1, C, 1, ...] of a vector of channels.
Tensor perChannel(const Tensor& values, const Tensor& input) {
  std::vector<int64_t> sizes(input.dim(), 1);
  sizes[1] = values.size(0);
  return values.view(sizes);
}

// All dimensions but the channels'.
std::vector<int64_t> others(const Tensor& input) {
  std::vector<int64_t> dims{0};
  for (int64_t i = 2; i < input.dim(); i++) dims.push_back(i);
  return dims;
}

at::ScalarType accumulated(const Tensor& input) {
  const auto type = input.scalar_type();
  return type == at::kHalf || type == at::kBFloat16 ? at::kFloat : type;
}

Stats localStats(const Tensor& input, double eps) {
  if (!input.is_cpu()) {
    auto [mean, invstd] = at::batch_norm_stats(input, eps);
    return {mean, invstd};
  }
  auto [var, mean] = at::var_mean(input.to(accumulated(input)), others(input), /*correction=*/at::Scalar(0));
  return {mean, (var + eps).rsqrt()};
}

struct Running {
  Tensor mean;
  Tensor var;
  double momentum;
};

void update(Tensor& running, const Tensor& value, double momentum) {
  if (running.defined()) running.lerp_(value.to(running.scalar_type()), momentum);
}

// The statistics of all batches from those of each rank: means [W, C], invstds [W, C], counts [W].
Stats globalStats(const Tensor& input, const Tensor& means, const Tensor& invstds, const Tensor& counts,
                  Running running, double eps) {
  if (!input.is_cpu()) {
    const std::optional<Tensor> mean_buffer =
        running.mean.defined() ? std::make_optional(running.mean) : std::nullopt;
    const std::optional<Tensor> var_buffer =
        running.var.defined() ? std::make_optional(running.var) : std::nullopt;
    const Tensor typed = running.mean.defined() ? counts.to(running.mean.scalar_type()) : counts;
    auto [mean, invstd] = at::batch_norm_gather_stats_with_counts(input, means, invstds, mean_buffer,
                                                                  var_buffer, running.momentum, eps, typed);
    return {mean, invstd};
  }
  const Tensor wide = means.to(at::kDouble);
  const Tensor weights = counts.to(at::kDouble).unsqueeze(1);
  const Tensor total = weights.sum();
  const Tensor mean = (wide * weights).sum(0) / total;
  const Tensor vars = invstds.to(at::kDouble).pow(-2) - eps;
  const Tensor var = ((vars + (wide - mean).square()) * weights).sum(0) / total;
  update(running.mean, mean, running.momentum);
  update(running.var, var * total / (total - 1), running.momentum);
  return {mean.to(means.scalar_type()), (var + eps).rsqrt().to(means.scalar_type())};
}

Tensor normalized(const Tensor& input, const Tensor& weight, const Tensor& bias, const Stats& stats,
                  double eps) {
  const auto optional = [](const Tensor& t) { return t.defined() ? std::make_optional(t) : std::nullopt; };
  if (!input.is_cpu()) {
    return at::batch_norm_elemt(input, optional(weight), optional(bias), stats.mean, stats.invstd, eps);
  }
  const Tensor scale = weight.defined() ? stats.invstd * weight : stats.invstd;
  Tensor shift = -stats.mean * scale;
  if (bias.defined()) shift = shift + bias;
  const Tensor output = input.to(accumulated(input)) * perChannel(scale, input) + perChannel(shift, input);
  return output.to(input.scalar_type());
}

struct Sums {
  Tensor sum_dy;
  Tensor sum_dy_xmu;
  Tensor grad_weight;
  Tensor grad_bias;
};

Sums backwardSums(const Tensor& grad, const Tensor& input, const Stats& stats, const Tensor& weight) {
  if (!input.is_cpu()) {
    const auto optional = weight.defined() ? std::make_optional(weight) : std::nullopt;
    auto [sum_dy, sum_dy_xmu, grad_weight, grad_bias] =
        at::batch_norm_backward_reduce(grad, input, stats.mean, stats.invstd, optional, true, true, true);
    return {sum_dy, sum_dy_xmu, grad_weight, grad_bias};
  }
  const Tensor wide = grad.to(stats.mean.scalar_type());
  const Tensor centered = input.to(stats.mean.scalar_type()) - perChannel(stats.mean, input);
  const Tensor sum_dy = wide.sum(others(input));
  const Tensor sum_dy_xmu = (wide * centered).sum(others(input));
  return {sum_dy, sum_dy_xmu, sum_dy_xmu * stats.invstd, sum_dy};
}

// What flows to the input, from the sums over all ranks.
Tensor inputGradient(const Tensor& grad, const Tensor& input, const Stats& stats, const Tensor& weight,
                     const Tensor& sum_dy, const Tensor& sum_dy_xmu, const Tensor& counts) {
  if (!input.is_cpu()) {
    const auto optional =
        weight.defined() ? std::make_optional(weight.to(stats.mean.scalar_type())) : std::nullopt;
    return at::batch_norm_backward_elemt(grad, input, stats.mean, stats.invstd, optional, sum_dy, sum_dy_xmu,
                                         counts);
  }
  const Tensor total = counts.sum().to(stats.mean.scalar_type());
  const Tensor centered = input.to(stats.mean.scalar_type()) - perChannel(stats.mean, input);
  const Tensor slope = stats.invstd.square() * sum_dy_xmu / total;
  const Tensor scale = weight.defined() ? stats.invstd * weight.to(stats.mean.scalar_type()) : stats.invstd;
  const Tensor inner = grad.to(stats.mean.scalar_type()) - perChannel(sum_dy / total, input) -
                       centered * perChannel(slope, input);
  return (inner * perChannel(scale, input)).to(input.scalar_type());
}

// Every rank's vector, stacked: [W, n]. Gloo gathers lists, other backends into one tensor.
Tensor gathered(c10d::ProcessGroup& group, const Tensor& mine) {
  std::vector<Tensor> inputs{mine};
  std::vector<std::vector<Tensor>> outputs(1);
  for (int i = 0; i < group.getSize(); i++) outputs[0].push_back(at::empty_like(mine));
  group.allgather(outputs, inputs)->wait();
  return at::stack(outputs[0]);
}

Tensor summed(c10d::ProcessGroup& group, const Tensor& mine) {
  std::vector<Tensor> tensors{mine};
  group.allreduce(tensors)->wait();
  return mine;
}

bool isChannelsLast(const Tensor& tensor) {
  return (tensor.dim() == 4 && tensor.is_contiguous(at::MemoryFormat::ChannelsLast)) ||
         (tensor.dim() == 5 && tensor.is_contiguous(at::MemoryFormat::ChannelsLast3d));
}

Tensor packed(const Tensor& tensor) {
  return isChannelsLast(tensor) ? tensor : tensor.contiguous();
}

struct GroupHolder final : torch::CustomClassHolder {
  explicit GroupHolder(c10::intrusive_ptr<Group> group) : group(std::move(group)) {}
  c10::intrusive_ptr<Group> group;
};

Tensor combine(const Tensor& input, double eps) {
  const int64_t channels = input.size(1);
  const auto options = input.options().dtype(accumulated(input));
  if (input.numel() == 0) return at::zeros({2 * channels + 1}, options);
  const Stats local = localStats(input, eps);
  const auto count = at::full({1}, input.numel() / channels, local.mean.options());
  return at::cat({local.mean, local.invstd, count});
}

class SyncBatchNorm : public torch::autograd::Function<SyncBatchNorm> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& given, const Tensor& weight,
                        const Tensor& bias, const Running& running, double eps,
                        const c10::intrusive_ptr<Group>& handle) {
    const at::AutoDispatchBelowADInplaceOrView guard;
    const Tensor input = packed(given);
    const int64_t channels = input.size(1);
    const auto group = handle->open();
    Tensor combined = gathered(*group, combine(input, eps));
    // Ranks with an empty batch take part, and count for nothing.
    combined = combined.index({combined.select(1, 2 * channels) >= 1});
    const Tensor counts = combined.select(1, 2 * channels);
    const Stats stats =
        globalStats(input, combined.narrow(1, 0, channels).contiguous(),
                    combined.narrow(1, channels, channels).contiguous(), counts.contiguous(), running, eps);
    context->save_for_backward({input, weight, stats.mean, stats.invstd, counts.to(at::kInt)});
    context->saved_data["group"] = c10::IValue::make_capsule(c10::make_intrusive<GroupHolder>(handle));
    return input.numel() > 0 ? normalized(input, weight, bias, stats, eps) : at::empty_like(input);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const at::AutoDispatchBelowADInplaceOrView guard;
    const auto saved = context->get_saved_variables();
    const Tensor& input = saved[0];
    const Tensor& weight = saved[1];
    const Stats stats{saved[2], saved[3]};
    const Tensor grad = packed(gradients[0]);
    const auto group =
        c10::static_intrusive_pointer_cast<GroupHolder>(context->saved_data["group"].toCapsule())
            ->group->open();
    Sums sums;
    if (input.numel() > 0) {
      sums = backwardSums(grad, input, stats, weight);
    } else {
      sums.sum_dy = sums.sum_dy_xmu = at::zeros_like(stats.mean);
    }
    Tensor input_gradient;
    if (context->needs_input_grad(0)) {
      const int64_t channels = input.size(1);
      const Tensor both = summed(*group, at::cat({sums.sum_dy, sums.sum_dy_xmu}));
      if (input.numel() > 0) {
        input_gradient = inputGradient(grad, input, stats, weight, both.narrow(0, 0, channels),
                                       both.narrow(0, channels, channels), saved[4]);
      }
    }
    const auto typed = [&](const Tensor& g) {
      return g.defined() && weight.defined() ? g.to(weight.scalar_type()) : Tensor();
    };
    return {input_gradient, typed(sums.grad_weight), typed(sums.grad_bias), {}, {}, {}};
  }
};

Tensor optionalTensor(const Call& call, size_t index) {
  return call.info[index].IsNull() || call.info[index].IsUndefined() ? Tensor() : call.tensor(index);
}

// syncBatchNorm(group, input, weight, bias, runningMean, runningVar, eps, momentum)
Napi::Value syncBatchNorm(Call& call) {
  const Running running{optionalTensor(call, 4), optionalTensor(call, 5),
                        call.info[7].ToNumber().DoubleValue()};
  return call.wrap(SyncBatchNorm::apply(call.tensor(1), optionalTensor(call, 2), optionalTensor(call, 3),
                                        running, call.info[6].ToNumber().DoubleValue(), groupOf(call, 0)));
}

}  // namespace

void defineSyncBatchNorm(Napi::Object exports) {
  define<syncBatchNorm>(exports, "syncBatchNorm");
}

}  // namespace ibn::distributed
