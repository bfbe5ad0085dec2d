#include "../kernel_list.h"
#include "../simd/loops.h"

namespace ibn::kernels::IBN_ISA {
namespace {

struct ApplyCall {
  const Map& in;
  const Map& out;
  const Affine& pre;
  const float* gate;
  const Map* add;
  bool relu;
};

template <class T, bool kScaled, bool kGate, bool kAdd>
void applyPixels(const ApplyCall& call, int64_t image, int64_t first, int64_t end) {
  constexpr bool one_relu = !kGate && !kAdd;  // pre's and the last one meet
  const Pre<kScaled> pre(call.pre, image);
  const Vec least = bound(call.relu || (one_relu && call.pre.relu));
  const int64_t channels = call.in.channels;
  const float* gate = kGate ? call.gate + image * channels : nullptr;
  const T* from = imageOf<T>(call.in, image) + first * call.in.pixel_stride;
  const int64_t add_stride = kAdd ? call.add->pixel_stride : 0;
  const T* add = kAdd ? imageOf<T>(*call.add, image) + first * add_stride : nullptr;
  T* to = imageOf<T>(call.out, image) + first * call.out.pixel_stride;
  for (int64_t pixel = first; pixel < end; pixel++) {
    forChannels<1>(0, channels, [&](int64_t c, auto, auto lanes) IBN_BODY {
      const auto channel = pre.at(c, lanes);
      Vec v = channel.linear(lanes.load(from + c));
      if constexpr (!one_relu) v = vmax(channel.least, v);
      if constexpr (kGate) v *= lanes.load(gate + c);
      if constexpr (kAdd) v += lanes.load(add + c);
      lanes.store(to + c, vmax(least, v));
    });
    from += call.in.pixel_stride;
    to += call.out.pixel_stride;
    if constexpr (kAdd) add += add_stride;
  }
}

template <class T, bool kScaled>
auto applyFor(bool gate, bool add) {
  if (gate) return add ? applyPixels<T, kScaled, true, true> : applyPixels<T, kScaled, true, false>;
  return add ? applyPixels<T, kScaled, false, true> : applyPixels<T, kScaled, false, false>;
}

template <class T>
auto applyFor(bool scaled, bool gate, bool add) {
  return scaled ? applyFor<T, true>(gate, add) : applyFor<T, false>(gate, add);
}

}  // namespace

void apply(Type type, const Map& in, const Map& out, const Affine& pre, const float* gate, const Map* add,
           bool relu, Team& team) {
  const ApplyCall call{in, out, pre, gate, add, relu};
  const bool scaled = pre.scale != nullptr;
  const auto pixels = type == Type::kFloat32 ? applyFor<float>(scaled, gate != nullptr, add != nullptr)
                                             : applyFor<bfloat16>(scaled, gate != nullptr, add != nullptr);
  forRanges(in.batch, in.pixels(), 1, imageBytes(type, in), team,
            [&](int64_t image, int64_t first, int64_t end) { pixels(call, image, first, end); });
}

void instanceAffine(int64_t batch, int64_t channels, const float* mean, const float* variance,
                    int64_t in_stride, const float* weight, const float* bias, float eps, float* scale,
                    float* shift, int64_t out_stride) {
  for (int64_t image = 0; image < batch; image++) {
    for (int64_t c = 0; c < channels; c++) {
      const float factor =
          (weight == nullptr ? 1.0F : weight[c]) / __builtin_sqrtf(variance[image * in_stride + c] + eps);
      const float offset = bias == nullptr ? 0.0F : bias[c];
      shift[image * out_stride + c] = offset - mean[image * in_stride + c] * factor;
      scale[image * out_stride + c] = factor;
    }
  }
}

}  // namespace ibn::kernels::IBN_ISA
