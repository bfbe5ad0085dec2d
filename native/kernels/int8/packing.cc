#include "packing.h"

namespace ibn::kernels::IBN_ISA {

namespace {

IBN_INLINE void storeQuantized(uint8_t* to, UVec v) {
  storeBytes(to, v);
}
IBN_INLINE void storeQuantized(int16_t* to, UVec v) {
  *reinterpret_cast<HVecU*>(to) = narrow(v);
}

IBN_INLINE void copyBytes(const uint8_t* from, uint8_t* to, int64_t count) {
  __builtin_memcpy(to, from, static_cast<size_t>(count));
}
IBN_INLINE void copyBytes(const uint8_t* from, int16_t* to, int64_t count) {
  for (int64_t i = 0; i < count; i++) to[i] = from[i];
}

}  // namespace

void Int8Packing::pad(Activation8* to, int64_t pixels) const {
  for (int64_t i = 0; i < pixels * spec_.in_channels; i++) to[i] = zero_;
}

void Int8Packing::lines(const Int8Call& call, int64_t image, int64_t from, int64_t to,
                        Activation8* packed) const {
  const Map& in = call.input.map;
  const int64_t channels = spec_.in_channels;
  const int64_t lines = extent(0, to - from), width = extent(1, call.output.map.width);
  const int64_t down = spec_.kernel[0] == 1 ? spec_.stride[0] : 1,
                apart = spec_.kernel[1] == 1 ? spec_.stride[1] : 1;
  const int64_t padding = spec_.padding[1];
  // Pixels of a packed line before the map, and up to its end.
  int64_t before = ceilDiv(padding, apart), inside = ceilDiv(in.width + padding, apart);
  if (before > width) before = width;
  if (inside > width) inside = width;
  for (int64_t line = 0; line < lines; line++, packed += width * channels) {
    const int64_t y = from * spec_.stride[0] - spec_.padding[0] + line * down;
    const bool outside = y < 0 || y >= in.height;
    pad(packed, outside ? width : before);
    if (outside) continue;
    if (inside > before)
      run(call, image, y, before * apart - padding, inside - before, apart, packed + before * channels);
    pad(packed + inside * channels, width - inside);
  }
}

void Int8Packing::pixels(const Int8Call& call, int64_t image, int64_t from, int64_t to,
                         Activation8* packed) const {
  const int64_t width = call.input.map.width;
  while (from < to) {
    const int64_t x = from % width, count = to - from < width - x ? to - from : width - x;
    run(call, image, from / width, x, count, 1, packed);
    packed += count * spec_.in_channels;
    from += count;
  }
}

// `count` pixels of line `y`, `step` apart from `x` on, all inside the map.
void Int8Packing::run(const Int8Call& call, int64_t image, int64_t y, int64_t x, int64_t count, int64_t step,
                      Activation8* to) const {
  if (call.planar) return planarRun(call, image, y, x, count, step, to);
  const Map& in = call.input.map;
  const int64_t channels = spec_.in_channels, apart = step * in.pixel_stride;
  const int64_t offset = image * in.imageStride() + (y * in.width + x) * in.pixel_stride;
  if (call.input.type == Type::kFloat32) {
    const float* from = static_cast<const float*>(in.data) + offset;
    for (int64_t i = 0; i < count; i++, to += channels, from += apart)
      quantize(from, to, call.pre, image, channels);
    return;
  }
  const uint8_t* from = static_cast<const uint8_t*>(in.data) + offset;
  if (apart == channels) return copyBytes(from, to, count * channels);
  for (int64_t i = 0; i < count; i++, to += channels, from += apart) copyBytes(from, to, channels);
}

void Int8Packing::quantize(const float* from, Activation8* to, const Affine& pre, int64_t image,
                           int64_t count) const {
  const bool scaled = pre.scale != nullptr;
  const float* scale = scaled ? pre.scale + image * pre.image_stride : nullptr;
  const float* shift = scaled ? pre.shift + image * pre.image_stride : nullptr;
  int64_t c = 0;
  for (; c + kLanes <= count; c += kLanes) {
    Vec v = load(from + c);
    if (scaled) v = v * load(scale + c) + load(shift + c);
    storeQuantized(to + c, quantizer_(pre.relu ? relu(v) : v));
  }
  for (; c < count; c++) {
    float v = from[c];
    if (scaled) v = v * scale[c] + shift[c];
    if (pre.relu) v = v < 0 ? 0 : v;
    to[c] = quantizer_(v);
  }
}

// The network's input, which nothing normalises.
void Int8Packing::planarRun(const Int8Call& call, int64_t image, int64_t y, int64_t x, int64_t count,
                            int64_t step, Activation8* to) const {
  const Map& in = call.input.map;
  const int64_t channels = spec_.in_channels;
  const float* from =
      static_cast<const float*>(in.data) + image * in.channels * in.pixels() + y * in.width + x;
  for (int64_t c = 0; c < channels; c++, from += in.pixels())
    for (int64_t i = 0; i < count; i++) to[i * channels + c] = quantizer_(from[i * step]);
}

}  // namespace ibn::kernels::IBN_ISA
