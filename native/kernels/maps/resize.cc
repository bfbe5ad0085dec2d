#include "../kernel_list.h"
#include "../simd/loops.h"

namespace ibn::kernels::IBN_ISA {
namespace {

template <class T>
void nearestRow(const T* from, const Map& in, T* to, const Map& out, const Axis& columns) {
  for (int64_t x = 0; x < out.width; x++, to += out.pixel_stride) {
    const T* pixel = from + columns.first[x] * in.pixel_stride;
    forChannels<1>(0, in.channels,
                   [&](int64_t c, auto, auto lanes) IBN_BODY { lanes.store(to + c, lanes.load(pixel + c)); });
  }
}

// Between two rows of the input, of which `share` is the second one's.
template <class T>
void linearRow(const T* upper, const T* lower, float share, const Map& in, T* to, const Map& out,
               const Axis& columns) {
  for (int64_t x = 0; x < out.width; x++, to += out.pixel_stride) {
    const int64_t left = columns.first[x] * in.pixel_stride, right = columns.second[x] * in.pixel_stride;
    const float of_right = columns.share[x], of_left = 1.0F - of_right;
    const Vec a = splat((1.0F - share) * of_left), b = splat((1.0F - share) * of_right);
    const Vec c = splat(share * of_left), d = splat(share * of_right);
    forChannels<1>(0, in.channels, [&](int64_t i, auto, auto lanes) IBN_BODY {
      const Vec sum = lanes.load(upper + left + i) * a + lanes.load(upper + right + i) * b;
      lanes.store(to + i, sum + (lanes.load(lower + left + i) * c + lanes.load(lower + right + i) * d));
    });
  }
}

template <class T>
void resizeRow(const Map& in, const Map& out, const Axis& rows, const Axis& columns, int64_t image,
               int64_t row) {
  const T* from = imageOf<T>(in, image);
  const int64_t stride = in.width * in.pixel_stride;
  T* to = imageOf<T>(out, image) + row * out.width * out.pixel_stride;
  if (rows.share == nullptr) {
    nearestRow(from + rows.first[row] * stride, in, to, out, columns);
  } else {
    linearRow(from + rows.first[row] * stride, from + rows.second[row] * stride, rows.share[row], in, to, out,
              columns);
  }
}

}  // namespace

void resize(Type type, const Map& in, const Map& out, const Axis& rows, const Axis& columns, Team& team) {
  const auto run = type == Type::kFloat32 ? resizeRow<float> : resizeRow<bfloat16>;
  forRanges(out.batch, out.height, 1, imageBytes(type, out), team,
            [&](int64_t image, int64_t first, int64_t end) {
              for (int64_t y = first; y < end; y++) run(in, out, rows, columns, image, y);
            });
}

}  // namespace ibn::kernels::IBN_ISA
