// Backward of the CPU's kernels: sums over the map, then its gradient.
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "channel_tables.h"
#include "torch_team.h"

namespace ibn::ops {

namespace {

// grad_input = passed * scale - (sum of passed + normal * sum of passed * normal) / size * scale, over a
// sample's channel or a batch's; without statistics of its own a channel has the first part alone.
struct Backward {
  const Norm& norm;
  Affines affines;
  at::Tensor statistics;
  Table sums, factors;
  at::Tensor affine;  // (2, C): of weights and biases

  Backward(const Norm& given, const at::Tensor& given_statistics)
      : norm(given),
        affines(given, given_statistics),
        statistics(given_statistics),
        sums(given, 2),
        factors(given, 3),
        affine(at::empty({2, given.input.size(1)}, given_statistics.options())) {}

  float rstd(int64_t sample, int64_t channel) const {
    return statistics.const_data_ptr<float>()[norm.statistics() + place(norm, sample, channel)];
  }

  // Sums over samples of a channel, the second in normalised units.
  void joined(int64_t c, double& direct, double& weighted) {
    direct = weighted = 0;
    for (int64_t n = 0; n < norm.input.size(0); n++) {
      direct += sums.of(n)[c];
      weighted += static_cast<double>(sums.of(n)[norm.input.size(1) + c]) * rstd(n, c);
    }
  }

  void setFactors(int64_t n, int64_t c, double direct, double weighted, double size) {
    const int64_t channels = norm.input.size(1);
    const float scale = affines.scale.of(n)[c];
    float* out = factors.of(n) + c;
    out[0] = scale;
    out[channels] = static_cast<float>(-scale * weighted * rstd(n, c) / size);
    out[2 * channels] = static_cast<float>(-scale * direct / size);
  }

  // After the sums.
  void finish() {
    const int64_t samples = norm.input.size(0), channels = norm.input.size(1);
    const auto pixels = static_cast<double>(norm.input.size(2) * norm.input.size(3));
    float* out = affine.mutable_data_ptr<float>();
    for (int64_t c = 0; c < channels; c++) {
      double direct, weighted;
      joined(c, direct, weighted);
      out[c] = static_cast<float>(weighted);
      out[channels + c] = static_cast<float>(direct);
      for (int64_t n = 0; n < samples; n++) {
        if (isInstance(norm, c)) {
          const float* own = sums.of(n);
          setFactors(n, c, own[c], static_cast<double>(own[channels + c]) * rstd(n, c), pixels);
        } else if (norm.mode == BatchMode::kBatch) {
          setFactors(n, c, direct, weighted, pixels * static_cast<double>(samples));
        } else {
          setFactors(n, c, 0, 0, 1);
        }
      }
    }
  }
};

kernels::NormGradient callOf(const Norm& norm, Backward& state, const at::Tensor& grad,
                             const at::Tensor& output) {
  kernels::NormGradient call;
  call.map = denseOf(norm);
  call.input = norm.input.const_data_ptr();
  call.gradient = grad.const_data_ptr();
  call.relu = norm.relu;
  if (output.defined()) call.output = output.const_data_ptr();
  call.scale = state.affines.scale.data();
  call.shift = state.affines.shift.data();
  call.mean = state.affines.mean.data();
  call.sums = state.sums.data();
  call.factors = state.factors.data();
  return call;
}

// Whether nobody else holds the gradient: it makes room for what is computed of it, which spares a map's
// memory and a third of the writing.
bool isSpare(const at::Tensor& grad) {
  return grad.use_count() == 1 && grad.storage().use_count() == 1;
}

}  // namespace

Gradients backwardKernels(const Norm& given, const at::Tensor& given_grad, const at::Tensor& statistics,
                          const at::Tensor& given_output) {
  const bool is_spare = isSpare(given_grad);
  const Norm norm = prepared(given);
  const at::MemoryFormat format = formatOf(norm);
  const at::Tensor grad = given_grad.contiguous(format);
  const at::Tensor output = given_output.defined() ? given_output.contiguous(format) : at::Tensor();
  const auto likeGrad = [&] { return is_spare ? grad : at::empty_like(grad); };
  TorchTeam team;
  Backward state(norm, statistics);
  kernels::NormGradient call = callOf(norm, state, grad, output);
  Gradients result;
  if (norm.adds) result.addend = output.defined() ? likeGrad() : grad;
  if (output.defined()) call.passed = result.addend.mutable_data_ptr();
  kernels::table().normGradientSums(call, team);
  state.finish();
  if (output.defined()) {
    call.gradient = call.passed;
    call.relu = false;
  }
  result.input = norm.adds ? at::empty_like(grad) : likeGrad();
  call.grad_input = result.input.mutable_data_ptr();
  kernels::table().normGradientInput(call, team);
  result.affine = state.affine;
  return result;
}

}  // namespace ibn::ops
