// Vectors of one instruction set. CMake compiles the kernels once per set with IBN_ISA as the namespace and
// the compiler's flags to match; without it the widest set that the flags allow is taken.
#pragma once
#include <cstdint>
#include <cstring>
#ifdef __SSE2__
#include <immintrin.h>
#endif

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512DQ__)
#define IBN_LANES 16
#ifndef IBN_ISA
#define IBN_ISA avx512
#endif
#elif defined(__AVX2__) && defined(__FMA__)
#define IBN_LANES 8
#ifndef IBN_ISA
#define IBN_ISA avx2
#endif
#else
#define IBN_LANES 4
#ifndef IBN_ISA
#define IBN_ISA baseline
#endif
#endif

#define IBN_INLINE inline __attribute__((always_inline))

namespace ibn::kernels::IBN_ISA {

constexpr int64_t kLanes = IBN_LANES;

typedef float Vec __attribute__((vector_size(IBN_LANES * 4), may_alias));
typedef float VecU __attribute__((vector_size(IBN_LANES * 4), aligned(4), may_alias));
typedef int32_t IVec __attribute__((vector_size(IBN_LANES * 4), may_alias));
typedef uint16_t HVec __attribute__((vector_size(IBN_LANES * 2), may_alias));
typedef uint16_t HVecU __attribute__((vector_size(IBN_LANES * 2), aligned(2), may_alias));
typedef uint32_t UVec __attribute__((vector_size(IBN_LANES * 4), may_alias));

struct bfloat16 {
  uint16_t bits;
};

IBN_INLINE Vec splat(float value) {
  return value - Vec{};
}
// The second where either is NaN. Written with operators, a maximum with a constant becomes two instructions.
IBN_INLINE Vec vmax(Vec a, Vec b) {
#if IBN_LANES == 16
  return reinterpret_cast<Vec>(
      _mm512_maskz_max_ps(-1, reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b)));
#elif defined(__AVX__)
  return reinterpret_cast<Vec>(_mm256_max_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b)));
#elif defined(__SSE2__)
  return reinterpret_cast<Vec>(_mm_max_ps(reinterpret_cast<__m128>(a), reinterpret_cast<__m128>(b)));
#else
  return a > b ? a : b;
#endif
}
// max(0, v); NaN stays NaN.
IBN_INLINE Vec relu(Vec v) {
  return vmax(Vec{}, v);
}
IBN_INLINE Vec load(const float* p) {
  return *reinterpret_cast<const VecU*>(p);
}
IBN_INLINE void store(float* p, Vec v) {
  *reinterpret_cast<VecU*>(p) = v;
}

IBN_INLINE float toFloat(bfloat16 value) {
  const uint32_t bits = static_cast<uint32_t>(value.bits) << 16;
  float result;
  __builtin_memcpy(&result, &bits, 4);
  return result;
}
IBN_INLINE float toFloat(float value) {
  return value;
}

// Rounds to nearest, ties to even; NaN stays NaN.
IBN_INLINE bfloat16 toBFloat16(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, 4);
  if (value != value) return {static_cast<uint16_t>((bits >> 16) | 0x40)};
  return {static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16)};
}

template <class T>
IBN_INLINE T fromFloat(float value);
template <>
IBN_INLINE float fromFloat<float>(float value) {
  return value;
}
template <>
IBN_INLINE bfloat16 fromFloat<bfloat16>(float value) {
  return toBFloat16(value);
}

IBN_INLINE UVec widen(HVec v) {
#if IBN_LANES == 16
  return reinterpret_cast<UVec>(_mm512_maskz_cvtepu16_epi32(-1, reinterpret_cast<__m256i>(v)));
#elif defined(__AVX2__)
  return reinterpret_cast<UVec>(_mm256_cvtepu16_epi32(reinterpret_cast<__m128i>(v)));
#else
  return __builtin_convertvector(v, UVec);
#endif
}
// Each lane is below 65536.
IBN_INLINE HVec narrow(UVec v) {
#if IBN_LANES == 16
  return reinterpret_cast<HVec>(_mm512_maskz_cvtepi32_epi16(-1, reinterpret_cast<__m512i>(v)));
#elif defined(__AVX2__)
  const __m256i packed = _mm256_packus_epi32(reinterpret_cast<__m256i>(v), reinterpret_cast<__m256i>(v));
  return reinterpret_cast<HVec>(_mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 8)));
#else
  return __builtin_convertvector(v, HVec);
#endif
}

IBN_INLINE Vec fromBFloat16(HVec v) {
  return reinterpret_cast<Vec>(widen(v) << 16);
}
// As the scalar one, but the processor's own instruction takes numbers below 2^-126 for zero.
IBN_INLINE HVec toBFloat16(Vec v) {
#ifdef __AVX512BF16__
  return reinterpret_cast<HVec>(_mm512_cvtneps_pbh(reinterpret_cast<__m512>(v)));
#else
  const UVec bits = reinterpret_cast<UVec>(v);
  const UVec rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  const UVec quiet = (bits >> 16) | 0x40;
  return narrow(v == v ? rounded : quiet);
#endif
}

IBN_INLINE Vec load(const bfloat16* p) {
  return fromBFloat16(*reinterpret_cast<const HVecU*>(p));
}
IBN_INLINE void store(bfloat16* p, Vec v) {
  *reinterpret_cast<HVecU*>(p) = toBFloat16(v);
}

// What a map of T has of `v` when it is read again.
template <class T>
IBN_INLINE Vec asStored(Vec v) {
  if constexpr (sizeof(T) == sizeof(float)) return v;
  return fromBFloat16(toBFloat16(v));
}

// Copies fewer than 2 * `kCount` elements, in pieces that halve: a loop would become a call of memcpy.
template <int kCount, class T>
IBN_INLINE void copyPart(T* to, const T* from, int64_t count) {
  if (count & kCount) __builtin_memcpy(to, from, kCount * sizeof(T));
  if constexpr (kCount > 1) {
    const int64_t done = count & kCount;
    copyPart<kCount / 2>(to + done, from + done, count);
  }
}

// The first `count` lanes, 0 to kLanes; the others are zero.
template <class T>
IBN_INLINE Vec loadPart(const T* p, int64_t count) {
#if IBN_LANES == 16
  const auto mask = static_cast<__mmask16>((1U << count) - 1);
  if constexpr (sizeof(T) == 4)
    return reinterpret_cast<Vec>(_mm512_maskz_loadu_ps(mask, p));
  else
    return fromBFloat16(reinterpret_cast<HVec>(_mm256_maskz_loadu_epi16(mask, p)));
#else
  T lanes[kLanes] = {};
  copyPart<kLanes>(lanes, p, count);
  return load(lanes);
#endif
}
template <class T>
IBN_INLINE void storePart(T* p, Vec v, int64_t count) {
#if IBN_LANES == 16
  const auto mask = static_cast<__mmask16>((1U << count) - 1);
  if constexpr (sizeof(T) == 4)
    _mm512_mask_storeu_ps(p, mask, reinterpret_cast<__m512>(v));
  else
    _mm256_mask_storeu_epi16(p, mask, reinterpret_cast<__m256i>(toBFloat16(v)));
#else
  T lanes[kLanes];
  store(lanes, v);
  copyPart<kLanes>(p, lanes, count);
#endif
}

}  // namespace ibn::kernels::IBN_ISA
