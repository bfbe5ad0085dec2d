#include "../kernel_list.h"
#include "../simd/loops.h"

namespace ibn::kernels::IBN_ISA {
namespace {

// Pixels that one turn takes: their vectors stay in registers between the mean and the deviations.
constexpr int kTurn = 8;

// Rows [from, from + kRows * stride), for the channels [first, end).
template <int kRows, class T, bool kScaled>
IBN_INLINE void addMeans(const T* from, int64_t stride, int64_t first, int64_t end, const Pre<kScaled>& pre,
                         float* total) {
  forChannels<1>(first, end, [&](int64_t c, auto, auto lanes) IBN_BODY {
    const auto channel = pre.at(c, lanes);
    Vec sum = lanes.load(total + c);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; r++) sum += channel(lanes.load(from + r * stride + c));
    lanes.store(total + c, sum);
  });
}

template <class T, bool kScaled>
void meanOf(const Map& in, const Affine& affine, int64_t image, int64_t first, int64_t end, float* out) {
  const Pre<kScaled> pre(affine, image);
  const int64_t pixels = in.pixels(), stride = in.pixel_stride;
  const T* from = imageOf<T>(in, image);
  float* total = out + image * in.channels;
  __builtin_memset(total + first, 0, static_cast<size_t>(end - first) * sizeof(float));
  int64_t pixel = 0;
  for (; pixel + kTurn <= pixels; pixel += kTurn)
    addMeans<kTurn>(from + pixel * stride, stride, first, end, pre, total);
  for (; pixel < pixels; pixel++) addMeans<1>(from + pixel * stride, stride, first, end, pre, total);
  const Vec share = splat(1.0F / static_cast<float>(pixels));
  forChannels<1>(first, end, [&](int64_t c, auto, auto lanes) IBN_BODY {
    lanes.store(total + c, lanes.load(total + c) * share);
  });
}

// Joins kRows more pixels to `before` of them. `squares` is the sum of squared differences from `mean`
// (Chan, Golub, LeVeque 1979).
template <int kRows, class T>
IBN_INLINE void joinRows(const T* from, int64_t stride, int64_t first, int64_t end, int64_t before,
                         float* mean, float* squares) {
  const auto total = static_cast<float>(before + kRows);
  const Vec share = splat(kRows / total), both = splat(static_cast<float>(before) * kRows / total);
  forChannels<1>(first, end, [&](int64_t c, auto, auto lanes) IBN_BODY {
    Vec row[kRows], sum = {}, square = {};
#pragma GCC unroll 8
    for (int r = 0; r < kRows; r++) row[r] = lanes.load(from + r * stride + c);
    // Of the differences from the first: a constant channel has no variance.
#pragma GCC unroll 8
    for (int r = 1; r < kRows; r++) sum += row[r] - row[0];
    const Vec m = row[0] + sum * splat(1.0F / kRows);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; r++) square += (row[r] - m) * (row[r] - m);
    const Vec old = lanes.load(mean + c), d = m - old;
    lanes.store(mean + c, old + d * share);
    lanes.store(squares + c, lanes.load(squares + c) + (square + d * d * both));
  });
}

template <class T>
void statisticsOf(const Map& in, int64_t image, int64_t first, int64_t end, float* means, float* variances) {
  const int64_t pixels = in.pixels(), stride = in.pixel_stride;
  const T* from = imageOf<T>(in, image);
  float* mean = means + image * in.channels;
  float* squares = variances + image * in.channels;
  __builtin_memset(mean + first, 0, static_cast<size_t>(end - first) * sizeof(float));
  __builtin_memset(squares + first, 0, static_cast<size_t>(end - first) * sizeof(float));
  int64_t pixel = 0;
  for (; pixel + kTurn <= pixels; pixel += kTurn)
    joinRows<kTurn>(from + pixel * stride, stride, first, end, pixel, mean, squares);
  for (; pixel < pixels; pixel++)
    joinRows<1>(from + pixel * stride, stride, first, end, pixel, mean, squares);
  const Vec share = splat(1.0F / static_cast<float>(pixels));
  forChannels<1>(first, end, [&](int64_t c, auto, auto lanes) IBN_BODY {
    lanes.store(squares + c, lanes.load(squares + c) * share);
  });
}

template <class T>
void anyMeanOf(const Map& in, const Affine& pre, int64_t image, int64_t first, int64_t end, float* out) {
  const auto run = pre.scale == nullptr ? meanOf<T, false> : meanOf<T, true>;
  run(in, pre, image, first, end, out);
}

}  // namespace

void globalMean(Type type, const Map& in, const Affine& pre, float* out, Team& team) {
  const auto run = type == Type::kFloat32 ? anyMeanOf<float> : anyMeanOf<bfloat16>;
  forRanges(in.batch, in.channels, 64, imageBytes(type, in), team,
            [&](int64_t image, int64_t first, int64_t end) { run(in, pre, image, first, end, out); });
}

void statistics(Type type, const Map& in, float* mean, float* variance, Team& team) {
  const auto run = type == Type::kFloat32 ? statisticsOf<float> : statisticsOf<bfloat16>;
  forRanges(in.batch, in.channels, 64, imageBytes(type, in), team,
            [&](int64_t image, int64_t first, int64_t end) { run(in, image, first, end, mean, variance); });
}

}  // namespace ibn::kernels::IBN_ISA
