#include "../kernel_list.h"
#include "../simd/loops.h"

namespace ibn::kernels::IBN_ISA {
namespace {

// Whether `v` goes before `best`: it is larger, or the first NaN.
IBN_INLINE auto isBetter(Vec v, Vec best) {
  return (v > best) | ((v != v) & (best == best));
}
IBN_INLINE bool isBetter(float v, float best) {
  return v > best || (v != v && best == best);
}

// Of lanes, then of what no vector holds; the first of several that are largest.
template <class T>
int64_t largestOf(const T* from, int64_t channels) {
  float best = toFloat(from[0]);
  int64_t place = 0, c = 1;
  if (channels >= 2 * kLanes) {
    Vec largest = load(from);
    IVec step = {}, places = {};
    for (c = kLanes; c + kLanes <= channels; c += kLanes) {
      const Vec v = load(from + c);
      const auto better = isBetter(v, largest);
      step += 1;
      largest = better ? v : largest;
      places = better ? step : places;
    }
    best = largest[0];
    place = places[0] * kLanes;
    for (int lane = 1; lane < kLanes; lane++) {
      const int64_t at = places[lane] * kLanes + lane;
      const float v = largest[lane];
      if (isBetter(best, v) || (!isBetter(v, best) && at > place)) continue;
      best = v;
      place = at;
    }
  }
  for (; c < channels; c++) {
    const float v = toFloat(from[c]);
    if (!isBetter(v, best)) continue;
    best = v;
    place = c;
  }
  return place;
}

template <class T>
void placesOf(const Map& in, int64_t image, int64_t first, int64_t end, int64_t* out) {
  const T* from = imageOf<T>(in, image) + first * in.pixel_stride;
  for (int64_t pixel = first; pixel < end; pixel++, from += in.pixel_stride)
    out[image * in.pixels() + pixel] = largestOf(from, in.channels);
}

}  // namespace

void argmax(Type type, const Map& in, int64_t* out, Team& team) {
  const auto run = type == Type::kFloat32 ? placesOf<float> : placesOf<bfloat16>;
  forRanges(in.batch, in.pixels(), 1, imageBytes(type, in), team,
            [&](int64_t image, int64_t first, int64_t end) { run(in, image, first, end, out); });
}

}  // namespace ibn::kernels::IBN_ISA
