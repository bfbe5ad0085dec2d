// Bytes and the float32 that they stand for.
#pragma once
#include "../kernels.h"
#include "../simd/simd.h"

namespace ibn::kernels::IBN_ISA {

typedef uint8_t BVec __attribute__((vector_size(IBN_LANES), may_alias));

// The second where either is NaN.
IBN_INLINE Vec vmin(Vec a, Vec b) {
#if IBN_LANES == 16
  return reinterpret_cast<Vec>(
      _mm512_maskz_min_ps(-1, reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b)));
#elif defined(__AVX__)
  return reinterpret_cast<Vec>(_mm256_min_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b)));
#elif defined(__SSE2__)
  return reinterpret_cast<Vec>(_mm_min_ps(reinterpret_cast<__m128>(a), reinterpret_cast<__m128>(b)));
#else
  return a < b ? a : b;
#endif
}

IBN_INLINE Vec toFloats(IVec v) {
#if IBN_LANES == 16
  return reinterpret_cast<Vec>(_mm512_maskz_cvtepi32_ps(-1, reinterpret_cast<__m512i>(v)));
#else
  return __builtin_convertvector(v, Vec);
#endif
}

// kLanes bytes as float32.
IBN_INLINE Vec loadBytes(const uint8_t* p) {
#if IBN_LANES == 16
  return toFloats(reinterpret_cast<IVec>(
      _mm512_maskz_cvtepu8_epi32(-1, _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))));
#elif defined(__AVX2__)
  return toFloats(
      reinterpret_cast<IVec>(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)))));
#else
  BVec bytes;
  __builtin_memcpy(&bytes, p, sizeof(bytes));
  return __builtin_convertvector(bytes, Vec);
#endif
}
IBN_INLINE Vec loadPartOfBytes(const uint8_t* p, int64_t count) {
  uint8_t lanes[kLanes] = {};
  copyPart<kLanes>(lanes, p, count);
  return loadBytes(lanes);
}

// Each lane is 0 to 255.
IBN_INLINE void storeBytes(uint8_t* p, UVec v) {
#if IBN_LANES == 16
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm512_maskz_cvtepi32_epi8(-1, reinterpret_cast<__m512i>(v)));
#elif defined(__AVX2__)
  const __m256i wide = reinterpret_cast<__m256i>(v);
  const __m128i halves = _mm_packus_epi32(_mm256_castsi256_si128(wide), _mm256_extracti128_si256(wide, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(halves, halves));
#else
  const BVec bytes = __builtin_convertvector(v, BVec);
  __builtin_memcpy(p, &bytes, sizeof(bytes));
#endif
}
IBN_INLINE void storePartOfBytes(uint8_t* p, UVec v, int64_t count) {
  uint8_t lanes[kLanes];
  storeBytes(lanes, v);
  copyPart<kLanes>(p, lanes, count);
}

// Quantises: to the nearest integer, ties to even, and into the range.
class Quantizer {
 public:
  Quantizer() = default;
  IBN_INLINE explicit Quantizer(const Quantization& to)
      : inverse_(1.0F / to.scale),
        least_(static_cast<float>(-to.zero_point)),
        most_(static_cast<float>(kMost - to.zero_point)),
        offset_(static_cast<uint32_t>(to.zero_point) - kShiftBits) {}

  IBN_INLINE float inverse() const { return inverse_; }
  // The least number that is written as it is, or as 0 where negative ones are none.
  IBN_INLINE float least(bool relu) const { return relu && least_ < 0 ? 0 : least_; }

  IBN_INLINE UVec operator()(Vec v) const { return scaled(v * splat(inverse_), splat(least_)); }
  // Of what was multiplied by inverse() already; nothing below `least` is written.
  IBN_INLINE UVec scaled(Vec v, Vec least) const {
    // In a number this large the last bit is worth 1: the addition rounds.
    const Vec shifted = vmin(vmax(v, least), splat(most_)) + splat(kShift);
    return reinterpret_cast<const UVec&>(shifted) + offset_;
  }
  IBN_INLINE uint8_t operator()(float v) const {
    float bounded = v * inverse_;
    bounded = bounded > least_ ? bounded : least_;
    bounded = bounded < most_ ? bounded : most_;
    const float shifted = bounded + kShift;
    uint32_t bits;
    __builtin_memcpy(&bits, &shifted, sizeof(bits));
    return static_cast<uint8_t>(bits + offset_);
  }

 private:
  static constexpr int32_t kMost = 255;
  static constexpr float kShift = 12582912.0F;  // 1.5 * 2^23
  static constexpr uint32_t kShiftBits = 0x4B400000;

  float inverse_ = 1, least_ = 0, most_ = kMost;
  uint32_t offset_ = 0U - kShiftBits;
};

}  // namespace ibn::kernels::IBN_ISA
