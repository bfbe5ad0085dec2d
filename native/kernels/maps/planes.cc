// Statistics and affines of maps in NCHW order, where a channel of an image is one row of elements.
#include "../kernel_list.h"
#include "../simd/loops.h"
#include "../simd/rows.h"

namespace ibn::kernels::IBN_ISA {
namespace {

// Two passes over the plane, which a cache holds.
template <class T>
void planeMoments(const T* plane, int64_t pixels, float& mean, float& variance) {
  const float first = toFloat(plane[0]);  // of the differences from it: a constant plane has no variance
  const float share = 1.0F / static_cast<float>(pixels);
  const float m =
      first + share * sumOf(pixels, [&](auto at) IBN_BODY { return at(plane) - at.splat(first); });
  mean = m;
  variance = share * sumOf(pixels, [&](auto at) IBN_BODY {
               const auto d = at(plane) - at.splat(m);
               return d * d;
             });
}

template <class T>
void statisticsOf(const Dense& map, const void* in, int64_t plane, float* mean, float* variance) {
  planeMoments(static_cast<const T*>(in) + plane * map.pixels, map.pixels, mean[plane], variance[plane]);
}

template <class T, bool kAdd>
IBN_INLINE void applyRow(const T* from, T* to, const T* add, int64_t pixels, float scale, float shift,
                         bool relu) {
  const Vec a = splat(scale), b = splat(shift), least = bound(relu);
  forChannels<1>(0, pixels, [&](int64_t i, auto, auto lanes) IBN_BODY {
    Vec v = lanes.load(from + i) * a + b;
    if constexpr (kAdd) v += lanes.load(add + i);
    lanes.store(to + i, vmax(least, v));
  });
}

template <class T>
void applyPlane(const Dense& map, const void* in, void* out, const void* add, int64_t plane, float scale,
                float shift, bool relu) {
  const int64_t first = plane * map.pixels;
  const T* from = static_cast<const T*>(in) + first;
  T* to = static_cast<T*>(out) + first;
  if (add == nullptr) return applyRow<T, false>(from, to, nullptr, map.pixels, scale, shift, relu);
  applyRow<T, true>(from, to, static_cast<const T*>(add) + first, map.pixels, scale, shift, relu);
}

}  // namespace

void planeStatistics(const Dense& map, const void* in, float* mean, float* variance, Team& team) {
  const auto run = map.type == Type::kFloat32 ? statisticsOf<float> : statisticsOf<bfloat16>;
  forPlanes(map, team,
            [&](int64_t image, int64_t c) { run(map, in, image * map.channels + c, mean, variance); });
}

void planeApply(const Dense& map, const void* in, void* out, const float* scale, const float* shift,
                const void* add, bool relu, Team& team) {
  const auto run = map.type == Type::kFloat32 ? applyPlane<float> : applyPlane<bfloat16>;
  forPlanes(map, team, [&](int64_t image, int64_t c) {
    const int64_t plane = image * map.channels + c;
    run(map, in, out, add, plane, scale[plane], shift[plane], relu);
  });
}

}  // namespace ibn::kernels::IBN_ISA
