// What goes over the channels of each pixel: softmax, layer norm, sums and extremes.
#include "../kernel_list.h"
#include "../simd/loops.h"
#include "../simd/vector_math.h"

namespace ibn::kernels::IBN_ISA {
namespace {

IBN_INLINE Vec within(Whole /*lanes*/, Vec v, Vec /*otherwise*/) {
  return v;
}
// Lanes that no channel is in are `otherwise`.
IBN_INLINE Vec within(Part lanes, Vec v, Vec otherwise) {
  IVec lane;
  for (int i = 0; i < kLanes; i++) lane[i] = i;
  return lane < static_cast<int32_t>(lanes.count) ? v : otherwise;
}

// The second of NaN and a number is NaN, too.
struct Larger {
  static IBN_INLINE Vec none() { return splat(-__builtin_inff()); }
  static IBN_INLINE Vec of(Vec a, Vec b) { return a == a ? vmax(a, b) : a; }
  static IBN_INLINE float of(float a, float b) { return b > a || b != b ? (a == a ? b : a) : a; }
};
struct Smaller {
  static IBN_INLINE Vec none() { return splat(__builtin_inff()); }
  static IBN_INLINE Vec of(Vec a, Vec b) { return a == a ? vmin(a, b) : a; }
  static IBN_INLINE float of(float a, float b) { return b < a || b != b ? (a == a ? b : a) : a; }
};
struct Sum {
  static IBN_INLINE Vec none() { return Vec{}; }
  static IBN_INLINE Vec of(Vec a, Vec b) { return a + b; }
  static IBN_INLINE float of(float a, float b) { return a + b; }
};

// Op over value(v) of all channels v.
template <class Op, class T, class Value>
IBN_INLINE float over(const T* from, int64_t channels, const Value& value) {
  Vec all = Op::none();
  forChannels<1>(0, channels, [&](int64_t c, auto, auto lanes) IBN_BODY {
    all = Op::of(all, within(lanes, value(lanes.load(from + c)), Op::none()));
  });
  float result = all[0];
  for (int i = 1; i < kLanes; i++) result = Op::of(result, all[i]);
  return result;
}

struct Same {
  IBN_INLINE Vec operator()(Vec v) const { return v; }
};

template <class T>
void softmaxOf(const T* from, T* to, int64_t channels, bool logarithmic) {
  const Vec most = splat(over<Larger>(from, channels, Same{}));
  const float total = over<Sum>(from, channels, [&](Vec v) IBN_BODY { return exponential(v - most); });
  if (logarithmic) {
    const Vec shift = most + logarithm(splat(total));
    forChannels<1>(0, channels, [&](int64_t c, auto, auto lanes) IBN_BODY {
      lanes.store(to + c, lanes.load(from + c) - shift);
    });
    return;
  }
  const Vec share = splat(1.0F / total);
  forChannels<1>(0, channels, [&](int64_t c, auto, auto lanes) IBN_BODY {
    lanes.store(to + c, exponential(lanes.load(from + c) - most) * share);
  });
}

struct NormCall {
  const float* weight;
  const float* bias;
  float eps;
};

template <class T>
void normOf(const T* from, T* to, int64_t channels, const NormCall& call) {
  const float share = 1.0F / static_cast<float>(channels);
  const Vec mean = splat(over<Sum>(from, channels, Same{}) * share);
  const float squares = over<Sum>(from, channels, [&](Vec v) IBN_BODY { return (v - mean) * (v - mean); });
  const Vec factor = splat(1.0F / __builtin_sqrtf(squares * share + call.eps));
  forChannels<1>(0, channels, [&](int64_t c, auto, auto lanes) IBN_BODY {
    Vec v = (lanes.load(from + c) - mean) * factor;
    if (call.weight != nullptr) v *= lanes.load(call.weight + c);
    if (call.bias != nullptr) v += lanes.load(call.bias + c);
    lanes.store(to + c, v);
  });
}

template <class T>
float reduced(const T* from, int64_t channels, Reduction reduction) {
  if (reduction == Reduction::kMaximum) return over<Larger>(from, channels, Same{});
  if (reduction == Reduction::kMinimum) return over<Smaller>(from, channels, Same{});
  const float sum = over<Sum>(from, channels, Same{});
  return reduction == Reduction::kMean ? sum / static_cast<float>(channels) : sum;
}

// Calls body(from, to) for each pixel of `in` and `out`.
template <class T, class Body>
void forPixels(const Map& in, const Map& out, Team& team, const Body& body) {
  const int64_t bytes = in.pixels() * in.channels * static_cast<int64_t>(sizeof(T));
  forRanges(in.batch, in.pixels(), 1, bytes, team, [&](int64_t image, int64_t first, int64_t end) {
    const T* from = imageOf<T>(in, image) + first * in.pixel_stride;
    T* to = imageOf<T>(out, image) + first * out.pixel_stride;
    for (int64_t pixel = first; pixel < end; pixel++, from += in.pixel_stride, to += out.pixel_stride)
      body(from, to);
  });
}

template <class T>
void softmaxPixels(const Map& in, const Map& out, bool logarithmic, Team& team) {
  forPixels<T>(in, out, team, [&](const T* from, T* to) { softmaxOf(from, to, in.channels, logarithmic); });
}

template <class T>
void normPixels(const Map& in, const Map& out, const NormCall& call, Team& team) {
  forPixels<T>(in, out, team, [&](const T* from, T* to) { normOf(from, to, in.channels, call); });
}

template <class T>
void reducePixels(const Map& in, const Map& out, Reduction reduction, Team& team) {
  forPixels<T>(in, out, team,
               [&](const T* from, T* to) { *to = fromFloat<T>(reduced(from, in.channels, reduction)); });
}

}  // namespace

void softmax(Type type, const Map& in, const Map& out, bool logarithm, Team& team) {
  (type == Type::kFloat32 ? softmaxPixels<float> : softmaxPixels<bfloat16>)(in, out, logarithm, team);
}

void layerNorm(Type type, const Map& in, const Map& out, const float* weight, const float* bias, float eps,
               Team& team) {
  const NormCall call{weight, bias, eps};
  (type == Type::kFloat32 ? normPixels<float> : normPixels<bfloat16>)(in, out, call, team);
}

void reduceChannels(Type type, const Map& in, const Map& out, Reduction reduction, Team& team) {
  (type == Type::kFloat32 ? reducePixels<float> : reducePixels<bfloat16>)(in, out, reduction, team);
}

}  // namespace ibn::kernels::IBN_ISA
