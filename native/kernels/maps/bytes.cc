#include "../simd/bytes.h"

#include "../kernel_list.h"

namespace ibn::kernels::IBN_ISA {
namespace {

// Sums have so many binary places: with eight bits of a byte and one for what overshoots they fill 32 bits.
constexpr int kPlaces = 22;
constexpr int32_t kHalf = 1 << (kPlaces - 1);
constexpr int kPixels = kLanes / 4;
constexpr int kVectors = 64 / kLanes;

IBN_INLINE IVec loadInts(const int32_t* from) {
  IVec found;
  __builtin_memcpy(&found, from, sizeof(found));
  return found;
}

template <int kBytes>
IBN_INLINE void filter(const uint8_t* in, uint8_t* out, int64_t width, const Taps& taps) {
  for (int64_t x = 0; x < width; x++) {
    const uint8_t* from = in + kBytes * static_cast<int64_t>(taps.first[x]);
    const int32_t* weights = taps.weights + x * taps.stride;
    IVec sums = {};
    for (int32_t i = 0; i < taps.count[x]; i += kPixels) {
      sums += widenPixels<kBytes>(from) * loadInts(weights);
      from += int64_t{kPixels} * kBytes;
      weights += kLanes;
    }
    storeBytes(out + 4 * x, (sumPixels(sums) + kHalf) >> kPlaces);
  }
}

// Written a whole vector at a time, each over what the one before wrote too much.
IBN_INLINE int64_t packVectors([[maybe_unused]] const uint8_t* in, [[maybe_unused]] int64_t width,
                               [[maybe_unused]] uint8_t* out) {
  int64_t x = 0;
#ifdef __SSSE3__
  const __m128i places = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
  for (; 3 * x + 16 <= 3 * width; x += 4) {
    const __m128i pixels = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + 4 * x));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 3 * x), _mm_shuffle_epi8(pixels, places));
  }
#endif
  return x;
}

template <int kChannels>
IBN_INLINE void join(const uint8_t* in, int64_t stride, int64_t width, uint8_t* out) {
  for (int64_t x = 0; x < width; x++) {
    uint32_t pixel = 0;
    for (int c = 0; c < kChannels; c++) pixel |= static_cast<uint32_t>(in[c * stride + x]) << (8 * c);
    __builtin_memcpy(out + 4 * x, &pixel, 4);
  }
}

template <int kChannels>
IBN_INLINE void part(const uint8_t* in, int64_t width, uint8_t* out, int64_t stride) {
  for (int c = 0; c < kChannels; c++) {
    for (int64_t x = 0; x < width; x++) {
      uint32_t pixel;
      __builtin_memcpy(&pixel, in + 4 * x, 4);
      out[c * stride + x] = static_cast<uint8_t>(pixel >> (8 * c));
    }
  }
}

}  // namespace

void joinPlanes(const uint8_t* in, int64_t stride, int channels, uint8_t* out, int64_t width) {
  if (channels == 1) return join<1>(in, stride, width, out);
  if (channels == 2) return join<2>(in, stride, width, out);
  if (channels == 3) return join<3>(in, stride, width, out);
  join<4>(in, stride, width, out);
}

void partPlanes(const uint8_t* in, uint8_t* out, int64_t stride, int channels, int64_t width) {
  if (channels == 1) return part<1>(in, width, out, stride);
  if (channels == 2) return part<2>(in, width, out, stride);
  if (channels == 3) return part<3>(in, width, out, stride);
  part<4>(in, width, out, stride);
}

void packPixels(const uint8_t* in, uint8_t* out, int64_t width) {
  for (int64_t x = packVectors(in, width, out); x < width; x++) {
    for (int c = 0; c < 3; c++) out[3 * x + c] = in[4 * x + c];
  }
}

void filterPixels(const uint8_t* in, int pixel_bytes, uint8_t* out, int64_t width, const Taps& taps) {
  if (pixel_bytes == 4) {
    filter<4>(in, out, width, taps);
  } else {
    filter<3>(in, out, width, taps);
  }
}

void filterRows(const uint8_t* in, int64_t row_stride, uint8_t* out, int64_t bytes, const int32_t* weights,
                int64_t count) {
  for (int64_t at = 0; at < bytes; at += kVectors * kLanes) {
    IVec sums[kVectors];
    for (IVec& sum : sums) sum = IVec{} + kHalf;
    const uint8_t* from = in + at;
    for (int64_t row = 0; row < count; row++, from += row_stride) {
      for (int i = 0; i < kVectors; i++) sums[i] += widen(from + kLanes * i) * weights[row];
    }
    for (int i = 0; i < kVectors; i++) storeAllBytes(out + at + kLanes * i, sums[i] >> kPlaces);
  }
}

}  // namespace ibn::kernels::IBN_ISA
