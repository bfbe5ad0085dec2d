// The CPU's kernels, float32 and bfloat16: forward goes over the map twice, whatever is normalised by what.
// An instance's channels have a scale and a shift for each sample, the batch's the same for all.
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <cmath>

#include "channel_tables.h"
#include "torch_team.h"

namespace ibn::ops {

namespace {

using kernels::Dense;

bool needsMoments(const Norm& norm) {
  return norm.instances() > 0 || norm.mode == BatchMode::kBatch;
}

// Mean and biased variance of every channel of every sample.
void measure(const Norm& norm, Table& mean, Table& variance, TorchTeam& team) {
  const Dense map = denseOf(norm);
  void* data = const_cast<void*>(norm.input.const_data_ptr());
  if (map.planar) {
    kernels::table().planeStatistics(map, data, mean.data(), variance.data(), team);
    return;
  }
  const kernels::Map in{data, map.batch, map.pixels, 1, map.channels, map.channels};
  kernels::table().statistics(map.type, in, mean.data(), variance.data(), team);
}

// Samples' moments into the batch's (Chan, Golub, LeVeque 1979; all samples have as many elements).
void joinSamples(int64_t samples, int64_t channel, Table& mean, Table& variance, double& joined_mean,
                 double& joined_variance) {
  double sum = 0, within = 0, between = 0;
  for (int64_t n = 0; n < samples; n++) {
    sum += mean.of(n)[channel];
    within += variance.of(n)[channel];
  }
  joined_mean = sum / static_cast<double>(samples);
  for (int64_t n = 0; n < samples; n++) {
    const double d = mean.of(n)[channel] - joined_mean;
    between += d * d;
  }
  joined_variance = (within + between) / static_cast<double>(samples);
}

float reciprocalDeviation(double variance, double eps) {
  return static_cast<float>(1 / std::sqrt(variance + eps));
}

// The batch channels' part of the statistics; with the batch's own, `moments` is (2, channels): for the
// running ones.
void batchStatistics(const Norm& norm, Table& mean, Table& variance, float* means, float* rstds,
                     float* moments) {
  for (int64_t c = 0; c < norm.input.size(1); c++) {
    if (isInstance(norm, c)) continue;
    const int64_t i = batchIndex(norm, c);
    double m = 0, v = 1, eps = 0;
    if (norm.mode == BatchMode::kRunning) {
      m = valueOf(norm.running_mean, i, 0);
      v = valueOf(norm.running_var, i, 1);
      eps = norm.batch_eps;
    } else if (norm.mode == BatchMode::kBatch) {
      joinSamples(norm.input.size(0), c, mean, variance, m, v);
      eps = norm.batch_eps;
      moments[i] = static_cast<float>(m);
      moments[norm.batches() + i] = static_cast<float>(v);
    }
    means[i] = static_cast<float>(m);
    rstds[i] = reciprocalDeviation(v, eps);
  }
}

// (2, n), as Normalised has them. `given` has the running statistics that are updated.
at::Tensor statisticsOf(const Norm& norm, const Norm& given, TorchTeam& team) {
  Table mean(norm, 1), variance(norm, 1);
  if (needsMoments(norm)) measure(norm, mean, variance, team);
  const at::TensorOptions floats = norm.input.options().dtype(at::kFloat);
  const at::Tensor result = at::empty({2, norm.statistics()}, floats);
  float* means = result.mutable_data_ptr<float>();
  float* rstds = means + norm.statistics();
  for (int64_t n = 0; n < norm.input.size(0); n++) {
    for (int64_t c = norm.start; c < norm.end; c++) {
      *means++ = mean.of(n)[c];
      *rstds++ = reciprocalDeviation(variance.of(n)[c], norm.instance_eps);
    }
  }
  const at::Tensor moments = at::empty({2, norm.batches()}, floats);
  batchStatistics(norm, mean, variance, means, rstds, moments.mutable_data_ptr<float>());
  if (norm.mode == BatchMode::kBatch) {
    const int64_t count = norm.input.size(0) * norm.input.size(2) * norm.input.size(3);
    updateRunning(given, moments[0], moments[1], count);
  }
  return result;
}

void applyAffines(const Norm& norm, Affines& affines, const at::Tensor& output, TorchTeam& team) {
  const Dense map = denseOf(norm);
  const bool adds = norm.addend.defined();
  void* in = const_cast<void*>(norm.input.const_data_ptr());
  void* add = adds ? const_cast<void*>(norm.addend.const_data_ptr()) : nullptr;
  void* out = output.mutable_data_ptr();
  const auto& table = kernels::table();
  if (map.planar) {
    table.planeApply(map, in, out, affines.scale.data(), affines.shift.data(), add, norm.relu, team);
    return;
  }
  const auto mapOf = [&](void* data) {
    return kernels::Map{data, map.batch, map.pixels, 1, map.channels, map.channels};
  };
  const kernels::Map addend = mapOf(add);
  const kernels::Affine pre{affines.scale.data(), affines.shift.data(), map.channels, false};
  table.apply(map.type, mapOf(in), mapOf(out), pre, nullptr, adds ? &addend : nullptr, norm.relu, team);
}

}  // namespace

bool isForKernels(const Norm& norm) {
  const at::ScalarType type = norm.input.scalar_type();
  return norm.input.is_cpu() && (type == at::kFloat || type == at::kBFloat16);
}

Normalised forwardKernels(const Norm& given, bool keep_statistics) {
  const Norm norm = prepared(given);
  TorchTeam team;
  const at::Tensor statistics = statisticsOf(norm, given, team);
  Affines affines(norm, statistics);
  const at::Tensor output = at::empty_like(norm.input, norm.input.options(), formatOf(norm));
  applyAffines(norm, affines, output, team);
  return {output, keep_statistics ? statistics : at::Tensor()};
}

}  // namespace ibn::ops
