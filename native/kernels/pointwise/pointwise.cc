// Functions of single elements and of two. Elements go through a buffer in blocks: operands are brought there
// as dense float32, functions run over it one after the other, and the result is taken from there. What is
// dense float32 already is read and written where it lies.
#include "../kernel_list.h"
#include "../simd/elements.h"
#include "../simd/loops.h"
#include "../simd/vector_math.h"

namespace ibn::kernels::IBN_ISA {
namespace {

// Elements of a block: three buffers of them stay in the first cache.
constexpr int64_t kBlock = 1024;

// Some pixels of an image, or some channels of one.
struct Span {
  int64_t image, pixel, pixels, channel, channels;
  int64_t count() const { return pixels * channels; }
};

struct Sizes {
  int64_t width, channels;
};

// One pixel's channels, or one value for all of them, as float32.
template <class T, bool kScaled>
IBN_INLINE void readPixel(const T* from, bool single, const Pre<kScaled>& pre, const Span& part, float* to) {
  if (single) {
    const Vec value = pre.at(0, Part{1})(Part{1}.load(from));
    const Vec all = splat(value[0]);
    forChannels<1>(0, part.channels, [&](int64_t c, auto, auto lanes) IBN_BODY { lanes.store(to + c, all); });
    return;
  }
  forChannels<1>(0, part.channels, [&](int64_t c, auto, auto lanes) IBN_BODY {
    lanes.store(to + c, pre.at(part.channel + c, lanes)(lanes.load(from + part.channel + c)));
  });
}

template <class T, bool kScaled>
void readPart(const Operand& operand, const Affine& affine, const Span& part, const Sizes& sizes, float* to) {
  const Pre<kScaled> pre(affine, part.image);
  const T* from = static_cast<const T*>(operand.data) + part.image * operand.image_stride;
  int64_t row = part.pixel / sizes.width, column = part.pixel % sizes.width;
  for (int64_t i = 0; i < part.pixels; i++, to += part.channels) {
    readPixel(from + row * operand.row_stride + column * operand.pixel_stride, operand.single, pre, part, to);
    if (++column == sizes.width) {
      column = 0;
      row++;
    }
  }
}

// Whether the elements of a part follow each other in memory as the output's do.
IBN_INLINE bool isDense(const Operand& operand, const Span& part, const Sizes& sizes) {
  if (operand.type != Type::kFloat32 || operand.single) return false;
  if (part.pixels == 1) return true;
  const bool in_row = part.pixel % sizes.width + part.pixels <= sizes.width;
  return operand.pixel_stride == part.channels &&
         (in_row || operand.row_stride == sizes.width * operand.pixel_stride);
}

// Where the part lies as dense float32: in `buffer`, or where it is.
const float* dense(const Operand& operand, const Affine& pre, const Span& part, const Sizes& sizes,
                   float* buffer) {
  if (pre.none() && isDense(operand, part, sizes)) {
    const int64_t row = part.pixel / sizes.width, column = part.pixel % sizes.width;
    return static_cast<const float*>(operand.data) + part.image * operand.image_stride +
           row * operand.row_stride + column * operand.pixel_stride + part.channel;
  }
  const bool scaled = pre.scale != nullptr;
  if (operand.type == Type::kFloat32) {
    (scaled ? readPart<float, true> : readPart<float, false>)(operand, pre, part, sizes, buffer);
  } else {
    (scaled ? readPart<bfloat16, true> : readPart<bfloat16, false>)(operand, pre, part, sizes, buffer);
  }
  return buffer;
}

template <class T>
void writePart(const float* from, const Map& out, const Span& part) {
  T* to = imageOf<T>(out, part.image) + part.pixel * out.pixel_stride + part.channel;
  for (int64_t i = 0; i < part.pixels; i++, from += part.channels, to += out.pixel_stride) {
    forChannels<1>(0, part.channels,
                   [&](int64_t c, auto, auto lanes) IBN_BODY { lanes.store(to + c, lanes.load(from + c)); });
  }
}

struct Add {
  static IBN_INLINE Vec of(Vec a, Vec b) { return a + b; }
};
struct Subtract {
  static IBN_INLINE Vec of(Vec a, Vec b) { return a - b; }
};
struct Multiply {
  static IBN_INLINE Vec of(Vec a, Vec b) { return a * b; }
};
struct Divide {
  static IBN_INLINE Vec of(Vec a, Vec b) { return a / b; }
};
// NaN where either is, as torch has it.
struct Maximum {
  static IBN_INLINE Vec of(Vec a, Vec b) { return a == a ? vmax(a, b) : a; }
};
struct Minimum {
  static IBN_INLINE Vec of(Vec a, Vec b) { return a == a ? vmin(a, b) : a; }
};

template <class Op>
void combineAs(const float* a, const float* b, float* to, int64_t count) {
  forChannels<1>(0, count, [&](int64_t i, auto, auto lanes) IBN_BODY {
    lanes.store(to + i, Op::of(lanes.load(a + i), lanes.load(b + i)));
  });
}

auto combineFor(Combine combine) {
  if (combine == Combine::kAdd) return combineAs<Add>;
  if (combine == Combine::kSubtract) return combineAs<Subtract>;
  if (combine == Combine::kMultiply) return combineAs<Multiply>;
  if (combine == Combine::kDivide) return combineAs<Divide>;
  return combine == Combine::kMaximum ? combineAs<Maximum> : combineAs<Minimum>;
}

void runPart(Type type, const PointwiseCall& call, const Span& part) {
  alignas(64) float own[kBlock], others[kBlock];
  const Map& out = call.output;
  const Sizes sizes{out.width, out.channels};
  const bool direct = type == Type::kFloat32 && (part.pixels == 1 || out.pixel_stride == part.channels);
  float* to = own;
  if (direct) to = imageOf<float>(out, part.image) + part.pixel * out.pixel_stride + part.channel;
  const float* value = dense(call.input, call.pre, part, sizes, own);
  if (call.combine != Combine::kNone) {
    const float* other = dense(call.other, Affine{}, part, sizes, others);
    combineFor(call.combine)(value, other, to, part.count());
    value = to;
  }
  for (int i = 0; i < call.stage_count; i++) {
    functionAt(call.stages[i].function)(value, to, part.count(), call.stages[i].numbers);
    value = to;
  }
  if (direct && value == to) return;
  (type == Type::kFloat32 ? writePart<float> : writePart<bfloat16>)(value, out, part);
}

}  // namespace

void pointwise(Type type, const PointwiseCall& call, Team& team) {
  const Map& out = call.output;
  const int64_t most = kBlock / out.channels, step = most < 1 ? 1 : most;
  forRanges(out.batch, out.pixels(), 1, imageBytes(type, out), team,
            [&](int64_t image, int64_t first, int64_t end) {
              for (int64_t pixel = first; pixel < end; pixel += step) {
                const int64_t pixels = end - pixel < step ? end - pixel : step;
                for (int64_t c = 0; c < out.channels; c += kBlock) {
                  const int64_t left = out.channels - c;
                  runPart(type, call, {image, pixel, pixels, c, left < kBlock ? left : kBlock});
                }
              }
            });
}

}  // namespace ibn::kernels::IBN_ISA
