// Backward of norms in training: two passes over the map, the ReLU's mask found on the way.
#include "../kernel_list.h"
#include "../simd/loops.h"
#include "../simd/rows.h"

namespace ibn::kernels::IBN_ISA {
namespace {

// How the ReLU's mask is found.
enum class Mask { kNone, kOutput, kInput };

// Pixels that one turn takes, so that what belongs to a channel is loaded once for all of them.
constexpr int kTurn = 8;

// torch's threshold_backward: a NaN passes.
template <class V>
IBN_INLINE V passing(V gradient, V output) {
  return output <= V{} ? V{} : gradient;
}

// `base` and `elements` on, of null too, which nobody reads then.
template <class T, class Base>
IBN_INLINE T* after(Base* base, int64_t elements) {
  const auto address = reinterpret_cast<uintptr_t>(base) + static_cast<uintptr_t>(elements) * sizeof(T);
  return reinterpret_cast<T*>(address);  // NOLINT(performance-no-int-to-ptr)
}

// The tensors of a call from one element on.
template <class T>
struct Rows {
  const T *input, *gradient, *output;
  T *passed, *grad_input;

  IBN_INLINE Rows(const NormGradient& call, int64_t element)
      : input(static_cast<const T*>(call.input) + element),
        gradient(static_cast<const T*>(call.gradient) + element),
        output(after<const T>(call.output, element)),
        passed(after<T>(call.passed, element)),
        grad_input(after<T>(call.grad_input, element)) {}
};

// The arrays of a call for one image.
struct Channels {
  const float *mean, *scale, *shift, *factors;
  float* sums;
  int64_t count;

  IBN_INLINE Channels(const NormGradient& call, int64_t image)
      : mean(call.mean + image * call.map.channels),
        scale(after<const float>(call.scale, image * call.map.channels)),
        shift(after<const float>(call.shift, image * call.map.channels)),
        factors(after<const float>(call.factors, image * 3 * call.map.channels)),
        sums(after<float>(call.sums, image * 2 * call.map.channels)),
        count(call.map.channels) {}
};

// What the ReLU passes at `at`, for the input `x` there.
template <Mask kMask, class T, class Lanes>
IBN_INLINE Vec passedAt(const Rows<T>& rows, int64_t at, Lanes lanes, Vec x, Vec scale, Vec shift) {
  const Vec g = lanes.load(rows.gradient + at);
  if constexpr (kMask == Mask::kOutput) return passing(g, lanes.load(rows.output + at));
  if constexpr (kMask == Mask::kInput) return passing(g, Vec(x * scale + shift));
  return g;
}

template <Mask kMask, int kRows, bool kStores, class T>
IBN_INLINE void addRows(const Rows<T>& rows, int64_t from, const Channels& arrays, int64_t first,
                        int64_t end) {
  const int64_t stride = arrays.count;
  forChannels<1>(first, end, [&](int64_t c, auto, auto lanes) IBN_BODY {
    const Vec mean = lanes.load(arrays.mean + c);
    Vec scale = {}, shift = {}, sum = {}, weighted = {};
    if constexpr (kMask == Mask::kInput) {
      scale = lanes.load(arrays.scale + c);
      shift = lanes.load(arrays.shift + c);
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; r++) {
      const int64_t at = from + r * stride + c;
      const Vec x = lanes.load(rows.input + at);
      const Vec g = passedAt<kMask>(rows, at, lanes, x, scale, shift);
      if constexpr (kStores) lanes.store(rows.passed + at, g);
      sum += g;
      weighted += g * (x - mean);
    }
    lanes.store(arrays.sums + c, lanes.load(arrays.sums + c) + sum);
    lanes.store(arrays.sums + stride + c, lanes.load(arrays.sums + stride + c) + weighted);
  });
}

template <Mask kMask, bool kStores, class T>
void sumPixels(const NormGradient& call, int64_t image, int64_t first, int64_t end) {
  const Channels arrays(call, image);
  const Rows<T> rows(call, image * call.map.pixels * arrays.count);
  const auto bytes = static_cast<size_t>(end - first) * sizeof(float);
  __builtin_memset(arrays.sums + first, 0, bytes);
  __builtin_memset(arrays.sums + arrays.count + first, 0, bytes);
  int64_t pixel = 0;
  for (; pixel + kTurn <= call.map.pixels; pixel += kTurn)
    addRows<kMask, kTurn, kStores>(rows, pixel * arrays.count, arrays, first, end);
  for (; pixel < call.map.pixels; pixel++)
    addRows<kMask, 1, kStores>(rows, pixel * arrays.count, arrays, first, end);
}

template <Mask kMask, int kRows, class T>
IBN_INLINE void gradientRows(const Rows<T>& rows, int64_t from, const Channels& arrays, int64_t first,
                             int64_t end) {
  const int64_t stride = arrays.count;
  forChannels<1>(first, end, [&](int64_t c, auto, auto lanes) IBN_BODY {
    const Vec mean = lanes.load(arrays.mean + c), direct = lanes.load(arrays.factors + c);
    const Vec slope = lanes.load(arrays.factors + stride + c);
    const Vec constant = lanes.load(arrays.factors + 2 * stride + c);
    Vec scale = {}, shift = {};
    if constexpr (kMask == Mask::kInput) {
      scale = lanes.load(arrays.scale + c);
      shift = lanes.load(arrays.shift + c);
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; r++) {
      const int64_t at = from + r * stride + c;
      const Vec x = lanes.load(rows.input + at);
      const Vec g = passedAt<kMask>(rows, at, lanes, x, scale, shift);
      lanes.store(rows.grad_input + at, g * direct + ((x - mean) * slope + constant));
    }
  });
}

template <Mask kMask, class T>
void gradientPixels(const NormGradient& call, int64_t image, int64_t first, int64_t end) {
  const Channels arrays(call, image);
  const Rows<T> rows(call, image * call.map.pixels * arrays.count);
  int64_t pixel = 0;
  for (; pixel + kTurn <= call.map.pixels; pixel += kTurn)
    gradientRows<kMask, kTurn>(rows, pixel * arrays.count, arrays, first, end);
  for (; pixel < call.map.pixels; pixel++)
    gradientRows<kMask, 1>(rows, pixel * arrays.count, arrays, first, end);
}

// In a plane what belongs to the channel is the same for all elements.
template <Mask kMask, class T, class At>
IBN_INLINE auto passedInPlane(const Rows<T>& rows, At at, float scale, float shift) {
  const auto g = at(rows.gradient);
  if constexpr (kMask == Mask::kOutput) return passing(g, at(rows.output));
  if constexpr (kMask == Mask::kInput)
    return passing(g, static_cast<decltype(g)>(at(rows.input) * at.splat(scale) + at.splat(shift)));
  if constexpr (kMask == Mask::kNone) return g;
}

template <Mask kMask, bool kStores, class T>
void sumPlane(const NormGradient& call, int64_t image, int64_t c) {
  const Channels arrays(call, image);
  const int64_t pixels = call.map.pixels;
  const Rows<T> rows(call, (image * arrays.count + c) * pixels);
  const float mean = arrays.mean[c];
  const float scale = kMask == Mask::kInput ? arrays.scale[c] : 0;
  const float shift = kMask == Mask::kInput ? arrays.shift[c] : 0;
  if constexpr (kStores) {
    forChannels<1>(0, pixels, [&](int64_t i, auto, auto lanes) IBN_BODY {
      lanes.store(rows.passed + i, passedAt<kMask>(rows, i, lanes, Vec{}, Vec{}, Vec{}));
    });
  }
  arrays.sums[c] =
      sumOf(pixels, [&](auto at) IBN_BODY { return passedInPlane<kMask>(rows, at, scale, shift); });
  arrays.sums[arrays.count + c] = sumOf(pixels, [&](auto at) IBN_BODY {
    return passedInPlane<kMask>(rows, at, scale, shift) * (at(rows.input) - at.splat(mean));
  });
}

template <Mask kMask, class T>
void gradientPlane(const NormGradient& call, int64_t image, int64_t c) {
  const Channels arrays(call, image);
  const int64_t pixels = call.map.pixels;
  const Rows<T> rows(call, (image * arrays.count + c) * pixels);
  const Vec mean = splat(arrays.mean[c]), direct = splat(arrays.factors[c]);
  const Vec slope = splat(arrays.factors[arrays.count + c]);
  const Vec constant = splat(arrays.factors[2 * arrays.count + c]);
  const Vec scale = splat(kMask == Mask::kInput ? arrays.scale[c] : 0);
  const Vec shift = splat(kMask == Mask::kInput ? arrays.shift[c] : 0);
  forChannels<1>(0, pixels, [&](int64_t i, auto, auto lanes) IBN_BODY {
    const Vec x = lanes.load(rows.input + i);
    const Vec g = passedAt<kMask>(rows, i, lanes, x, scale, shift);
    lanes.store(rows.grad_input + i, g * direct + ((x - mean) * slope + constant));
  });
}

Mask maskOf(const NormGradient& call) {
  if (!call.relu) return Mask::kNone;
  return call.output == nullptr ? Mask::kInput : Mask::kOutput;
}

template <Mask kMask, bool kStores, class T>
void sums(const NormGradient& call, Team& team) {
  if (call.map.planar) {
    forPlanes(call.map, team, [&](int64_t image, int64_t c) { sumPlane<kMask, kStores, T>(call, image, c); });
  } else {
    forDense(call.map, team, [&](int64_t image, int64_t first, int64_t end) {
      sumPixels<kMask, kStores, T>(call, image, first, end);
    });
  }
}

template <class T>
void sumsOf(const NormGradient& call, Team& team) {
  const Mask mask = maskOf(call);
  if (mask == Mask::kNone) return sums<Mask::kNone, false, T>(call, team);
  if (mask == Mask::kInput) return sums<Mask::kInput, false, T>(call, team);
  if (call.passed == nullptr) return sums<Mask::kOutput, false, T>(call, team);
  sums<Mask::kOutput, true, T>(call, team);
}

template <Mask kMask, class T>
void gradient(const NormGradient& call, Team& team) {
  if (call.map.planar) {
    forPlanes(call.map, team, [&](int64_t image, int64_t c) { gradientPlane<kMask, T>(call, image, c); });
  } else {
    forDense(call.map, team, [&](int64_t image, int64_t first, int64_t end) {
      gradientPixels<kMask, T>(call, image, first, end);
    });
  }
}

template <class T>
void gradientOf(const NormGradient& call, Team& team) {
  const Mask mask = maskOf(call);
  if (mask == Mask::kNone) return gradient<Mask::kNone, T>(call, team);
  if (mask == Mask::kInput) return gradient<Mask::kInput, T>(call, team);
  gradient<Mask::kOutput, T>(call, team);
}

}  // namespace

void normGradientSums(const NormGradient& call, Team& team) {
  call.map.type == Type::kFloat32 ? sumsOf<float>(call, team) : sumsOf<bfloat16>(call, team);
}

void normGradientInput(const NormGradient& call, Team& team) {
  call.map.type == Type::kFloat32 ? gradientOf<float>(call, team) : gradientOf<bfloat16>(call, team);
}

}  // namespace ibn::kernels::IBN_ISA
