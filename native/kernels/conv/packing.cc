#include "packing.h"

namespace ibn::kernels::IBN_ISA {

template <class T>
void Packing<T>::lines(const ConvCall& call, int64_t image, int64_t first, int64_t from, int64_t to,
                       T* packed) const {
  const int64_t lines = extent(0, to - from), width = extent(1, call.output.width);
  const int64_t down = spec_.kernel[0] == 1 ? spec_.stride[0] : 1,
                apart = spec_.kernel[1] == 1 ? spec_.stride[1] : 1;
  const int64_t padding = spec_.padding[1];
  // Pixels of a packed line before the map, and up to its end.
  int64_t before = ceilDiv(padding, apart), inside = ceilDiv(call.input.width + padding, apart);
  if (before > width) before = width;
  if (inside > width) inside = width;
  for (int64_t line = 0; line < lines; line++, packed += width * channels_) {
    const int64_t y = from * spec_.stride[0] - spec_.padding[0] + line * down;
    const bool outside = y < 0 || y >= call.input.height;
    clear(packed, (outside ? width : before) * channels_);
    if (outside) continue;
    if (inside > before)
      run(call, image, first, y, before * apart - padding, inside - before, apart,
          packed + before * channels_);
    clear(packed + inside * channels_, (width - inside) * channels_);
  }
}

template <class T>
void Packing<T>::pixels(const ConvCall& call, int64_t image, int64_t first, int64_t from, int64_t to,
                        T* packed) const {
  const int64_t width = call.input.width;
  while (from < to) {
    const int64_t x = from % width, count = to - from < width - x ? to - from : width - x;
    run(call, image, first, from / width, x, count, 1, packed);
    packed += count * pixel_stride_;
    from += count;
  }
}

// `count` pixels of line `y`, `step` apart from `x` on, all inside the map.
template <class T>
void Packing<T>::run(const ConvCall& call, int64_t image, int64_t first, int64_t y, int64_t x, int64_t count,
                     int64_t step, T* to) const {
  if (call.planar) return planarRun(call, image, first, y, x, count, step, to);
  const Map& in = call.input;
  const T* from = static_cast<const T*>(in.data) + image * in.imageStride() +
                  (y * in.width + x) * in.pixel_stride + first;
  if (call.pre.none() && step * in.pixel_stride == channels_ && pixel_stride_ == channels_) {
    __builtin_memcpy(to, from, static_cast<size_t>(count * channels_) * sizeof(T));
    return;
  }
  for (int64_t i = 0; i < count; i++, to += pixel_stride_, from += step * in.pixel_stride)
    readPixel(from, to, channels_, call.pre, image, first);
}

template <class T>
void Packing<T>::planarRun(const ConvCall& call, int64_t image, int64_t first, int64_t y, int64_t x,
                           int64_t count, int64_t step, T* to) const {
  const Map& in = call.input;
  const float* from =
      static_cast<const float*>(in.data) + (image * in.channels + first) * in.pixels() + y * in.width + x;
  for (int64_t c = 0; c < channels_; c++, from += in.pixels())
    for (int64_t i = 0; i < count; i++) to[i * pixel_stride_ + c] = fromFloat<T>(from[i * step]);
  if (call.pre.none()) return;
  for (int64_t i = 0; i < count; i++, to += pixel_stride_)
    readPixel(to, to, channels_, call.pre, image, first);
}

template class Packing<float>;
template class Packing<bfloat16>;

}  // namespace ibn::kernels::IBN_ISA
