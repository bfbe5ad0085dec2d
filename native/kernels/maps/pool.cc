#include "../kernel_list.h"
#include "../simd/loops.h"

namespace ibn::kernels::IBN_ISA {
namespace {

// The part of a window that lies inside the map, in one dimension.
struct Span {
  int64_t from, to;
  int64_t padded;  // of the window and the padding around the map together
  Span(const Window& window, int dim, int64_t index, int64_t size) {
    const int64_t start = index * window.stride[dim] - window.padding[dim];
    const int64_t end = start + window.kernel[dim];
    const int64_t limit = size + window.padding[dim];
    padded = (end < limit ? end : limit) - start;
    from = start > 0 ? start : 0;
    to = end < size ? end : size;
  }
};

// NaN where either is, as torch's max_pool2d has it.
IBN_INLINE Vec maxOrNaN(Vec sum, Vec v) {
  const Vec larger = vmax(sum, v);
  return sum == sum ? larger : sum;
}

struct Maximum {
  static IBN_INLINE Vec first() { return splat(-__builtin_inff()); }
  // relu waits for the end: it is the same there.
  template <class Channel>
  static IBN_INLINE Vec next(Vec sum, Vec v, const Channel& pre) {
    return maxOrNaN(sum, pre.linear(v));
  }
  template <class Channel>
  static IBN_INLINE Vec last(Vec sum, Vec, const Channel& pre) {
    return vmax(pre.least, sum);
  }
};

struct Average {
  static IBN_INLINE Vec first() { return Vec{}; }
  template <class Channel>
  static IBN_INLINE Vec next(Vec sum, Vec v, const Channel& pre) {
    return sum + pre(v);
  }
  template <class Channel>
  static IBN_INLINE Vec last(Vec sum, Vec share, const Channel&) {
    return sum * share;
  }
};

// A row of the output.
template <class Op, class T, bool kScaled>
void poolRow(const Map& in, const Map& out, const Window& window, bool count_include_pad,
             const Affine& affine, int64_t image, int64_t row) {
  const Pre<kScaled> pre(affine, image);
  const Span y(window, 0, row, in.height);
  const T* from = imageOf<T>(in, image);
  T* to = imageOf<T>(out, image) + row * out.width * out.pixel_stride;
  for (int64_t column = 0; column < out.width; column++, to += out.pixel_stride) {
    const Span x(window, 1, column, in.width);
    const int64_t size = count_include_pad ? y.padded * x.padded : (y.to - y.from) * (x.to - x.from);
    const Vec share = splat(1.0F / static_cast<float>(size));
    forChannels<4>(0, in.channels, [&](int64_t c, auto count, auto lanes) IBN_BODY {
      constexpr int vectors = decltype(count)::value;
      typename Pre<kScaled>::Channel channel[vectors];
      Vec sum[vectors];
#pragma GCC unroll 4
      for (int v = 0; v < vectors; v++) {
        channel[v] = pre.at(c + v * kLanes, lanes);
        sum[v] = Op::first();
      }
      for (int64_t h = y.from; h < y.to; h++) {
        const T* p = from + (h * in.width + x.from) * in.pixel_stride + c;
        for (int64_t w = x.from; w < x.to; w++, p += in.pixel_stride) {
#pragma GCC unroll 4
          for (int v = 0; v < vectors; v++) sum[v] = Op::next(sum[v], lanes.load(p + v * kLanes), channel[v]);
        }
      }
#pragma GCC unroll 4
      for (int v = 0; v < vectors; v++) lanes.store(to + c + v * kLanes, Op::last(sum[v], share, channel[v]));
    });
  }
}

template <class Op, class T>
void pool(const Map& in, const Map& out, const Window& window, bool count_include_pad, const Affine& pre,
          Team& team) {
  const auto row = pre.scale == nullptr ? poolRow<Op, T, false> : poolRow<Op, T, true>;
  const int64_t bytes = in.pixels() * in.channels * static_cast<int64_t>(sizeof(T));
  forRanges(in.batch, out.height, 1, bytes, team, [&](int64_t image, int64_t first, int64_t end) {
    for (int64_t y = first; y < end; y++) row(in, out, window, count_include_pad, pre, image, y);
  });
}

}  // namespace

void maxPool(Type type, const Map& in, const Map& out, const Window& window, const Affine& pre, Team& team) {
  const auto run = type == Type::kFloat32 ? pool<Maximum, float> : pool<Maximum, bfloat16>;
  run(in, out, window, true, pre, team);
}

void avgPool(Type type, const Map& in, const Map& out, const Window& window, bool count_include_pad,
             const Affine& pre, Team& team) {
  const auto run = type == Type::kFloat32 ? pool<Average, float> : pool<Average, bfloat16>;
  run(in, out, window, count_include_pad, pre, team);
}

}  // namespace ibn::kernels::IBN_ISA
