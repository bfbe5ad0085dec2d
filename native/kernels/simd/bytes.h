// Bytes in vectors of integers.
#pragma once
#include "simd.h"

namespace ibn::kernels::IBN_ISA {

using Ints4 = int32_t __attribute__((vector_size(16), may_alias));

// kLanes bytes.
IBN_INLINE IVec widen(const uint8_t* from) {
#if IBN_LANES == 16
  return reinterpret_cast<IVec>(
      _mm512_maskz_cvtepu8_epi32(-1, _mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
#elif defined(__AVX2__)
  return reinterpret_cast<IVec>(
      _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from))));
#else
  return IVec{from[0], from[1], from[2], from[3]};
#endif
}

// kLanes / 4 pixels of kBytes bytes each; the fourth lane of three bytes is of no account. May read 16 bytes.
template <int kBytes>
IBN_INLINE IVec widenPixels(const uint8_t* from) {
  if constexpr (kBytes == 4) return widen(from);
#if IBN_LANES == 16 || defined(__AVX2__)
  const __m128i spread = _mm_setr_epi8(0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8, 9, 10, 11, 11);
  const __m128i pixels = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)), spread);
#if IBN_LANES == 16
  return reinterpret_cast<IVec>(_mm512_maskz_cvtepu8_epi32(-1, pixels));
#else
  return reinterpret_cast<IVec>(_mm256_cvtepu8_epi32(pixels));
#endif
#else
  return widen(from);
#endif
}

// The sum of the pixels in a vector.
IBN_INLINE Ints4 sumPixels(IVec lanes) {
#if IBN_LANES == 16
  const IVec halves =
      lanes + __builtin_shufflevector(lanes, lanes, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
  return __builtin_shufflevector(halves, halves, 0, 1, 2, 3) +
         __builtin_shufflevector(halves, halves, 4, 5, 6, 7);
#elif IBN_LANES == 8
  return __builtin_shufflevector(lanes, lanes, 0, 1, 2, 3) +
         __builtin_shufflevector(lanes, lanes, 4, 5, 6, 7);
#else
  return lanes;
#endif
}

// Four integers as bytes, those beyond 0 to 255 as the nearest of these.
IBN_INLINE void storeBytes(uint8_t* to, Ints4 values) {
#ifdef __SSE2__
  const __m128i words = _mm_packs_epi32(reinterpret_cast<__m128i>(values), reinterpret_cast<__m128i>(values));
  const int32_t bytes = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
  __builtin_memcpy(to, &bytes, 4);
#else
  for (int i = 0; i < 4; i++)
    to[i] = static_cast<uint8_t>(values[i] < 0 ? 0 : values[i] > 255 ? 255 : values[i]);
#endif
}

// kLanes of them.
IBN_INLINE void storeAllBytes(uint8_t* to, IVec values) {
#if IBN_LANES == 16
  const __m512i positive =
      _mm512_maskz_max_epi32(-1, reinterpret_cast<__m512i>(values), _mm512_setzero_si512());
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_maskz_cvtusepi32_epi8(-1, positive));
#elif IBN_LANES == 8
  storeBytes(to, __builtin_shufflevector(values, values, 0, 1, 2, 3));
  storeBytes(to + 4, __builtin_shufflevector(values, values, 4, 5, 6, 7));
#else
  storeBytes(to, values);
#endif
}

}  // namespace ibn::kernels::IBN_ISA
