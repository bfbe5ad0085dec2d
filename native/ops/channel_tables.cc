#include "channel_tables.h"

#include <ATen/ops/add.h>

namespace ibn::ops {

namespace {

struct Pair {
  float weight, bias;
};

Pair affineOf(const Norm& norm, int64_t channel) {
  if (isInstance(norm, channel)) {
    const int64_t i = channel - norm.start;
    return {valueOf(norm.instance_weight, i, 1), valueOf(norm.instance_bias, i, 0)};
  }
  if (norm.mode == BatchMode::kPass) return {1, 0};
  const int64_t i = batchIndex(norm, channel);
  return {valueOf(norm.batch_weight, i, 1), valueOf(norm.batch_bias, i, 0)};
}

}  // namespace

at::MemoryFormat formatOf(const Norm& norm) {
  return norm.input.suggest_memory_format();
}

kernels::Dense denseOf(const Norm& norm) {
  const at::Tensor& input = norm.input;
  return {input.scalar_type() == at::kFloat ? kernels::Type::kFloat32 : kernels::Type::kBFloat16,
          formatOf(norm) != at::MemoryFormat::ChannelsLast, input.size(0), input.size(1),
          input.size(2) * input.size(3)};
}

Norm prepared(Norm norm) {
  const at::MemoryFormat format = formatOf(norm);
  if (norm.residual.defined()) norm.input = at::add(norm.input, norm.residual);
  norm.input = norm.input.contiguous(format);
  if (norm.addend.defined()) norm.addend = norm.addend.contiguous(format);
  for (at::Tensor* vector : {&norm.instance_weight, &norm.instance_bias, &norm.batch_weight, &norm.batch_bias,
                             &norm.running_mean, &norm.running_var}) {
    if (vector->defined()) *vector = vector->to(at::kFloat).contiguous();
  }
  return norm;
}

float valueOf(const at::Tensor& vector, int64_t index, float otherwise) {
  return vector.defined() ? vector.const_data_ptr<float>()[index] : otherwise;
}

bool isInstance(const Norm& norm, int64_t channel) {
  return channel >= norm.start && channel < norm.end;
}

int64_t batchIndex(const Norm& norm, int64_t channel) {
  return channel < norm.start ? channel : channel - norm.instances();
}

int64_t place(const Norm& norm, int64_t sample, int64_t channel) {
  if (isInstance(norm, channel)) return sample * norm.instances() + channel - norm.start;
  return norm.input.size(0) * norm.instances() + batchIndex(norm, channel);
}

Affines::Affines(const Norm& norm, const at::Tensor& statistics)
    : mean(norm, 1), scale(norm, 1), shift(norm, 1) {
  const float* means = statistics.const_data_ptr<float>();
  const float* rstds = means + norm.statistics();
  for (int64_t n = 0; n < norm.input.size(0); n++) {
    for (int64_t c = 0; c < norm.input.size(1); c++) {
      const auto [weight, bias] = affineOf(norm, c);
      const int64_t at = place(norm, n, c);
      const float factor = rstds[at] * weight;
      mean.of(n)[c] = means[at];
      scale.of(n)[c] = factor;
      shift.of(n)[c] = bias - means[at] * factor;
    }
  }
}

}  // namespace ibn::ops
