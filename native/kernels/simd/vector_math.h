// Functions of a vector's lanes, written once for all instruction sets. Coefficients are least-maximum fits
// of our own; errors are relative to the result unless it says otherwise.
#pragma once
#include "simd.h"

namespace ibn::kernels::IBN_ISA {

// The second where either is NaN.
IBN_INLINE Vec vmin(Vec a, Vec b) {
  return -vmax(-a, -b);
}
IBN_INLINE Vec vabs(Vec v) {
  return reinterpret_cast<Vec>(reinterpret_cast<UVec>(v) & 0x7fffffffU);
}
IBN_INLINE Vec withSignOf(Vec v, Vec sign) {
  return reinterpret_cast<Vec>((reinterpret_cast<UVec>(v) & 0x7fffffffU) |
                               (reinterpret_cast<UVec>(sign) & 0x80000000U));
}

IBN_INLINE Vec squareRoot(Vec v) {
#if IBN_LANES == 16
  return reinterpret_cast<Vec>(_mm512_maskz_sqrt_ps(-1, reinterpret_cast<__m512>(v)));
#elif defined(__AVX__)
  return reinterpret_cast<Vec>(_mm256_sqrt_ps(reinterpret_cast<__m256>(v)));
#elif defined(__SSE2__)
  return reinterpret_cast<Vec>(_mm_sqrt_ps(reinterpret_cast<__m128>(v)));
#else
  Vec result;
  for (int i = 0; i < kLanes; i++) result[i] = __builtin_sqrtf(v[i]);
  return result;
#endif
}

// e to the power of v, within 2 units in the last place where the result is a normal number.
IBN_INLINE Vec exponential(Vec v) {
  constexpr float round = 12582912.0F;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
  const Vec x = -vmax(splat(-88.0F), -vmax(splat(-87.0F), v));
  const Vec shifted = x * splat(1.44269504F) + splat(round);
  const Vec n = shifted - splat(round);
  const Vec r = (x - n * splat(0.693359375F)) - n * splat(-2.12194440e-4F);
  Vec p = splat(1.0F / 5040);
  p = p * r + splat(1.0F / 720);
  p = p * r + splat(1.0F / 120);
  p = p * r + splat(1.0F / 24);
  p = p * r + splat(1.0F / 6);
  p = p * r + splat(0.5F);
  p = p * r * r + r + splat(1.0F);
  const UVec power = (reinterpret_cast<UVec>(shifted) + 127) << 23;
  return p * reinterpret_cast<Vec>(power);
}

// The same up to infinity and down to 0, where `exponential` stops at e^88 and e^-87.
IBN_INLINE Vec exponentialToInfinity(Vec v) {
  const Vec half = exponential(v * splat(0.5F));
  return half * half;
}

// e^v - 1, also where it is close to 0; up to e^88.
IBN_INLINE Vec exponentialMinusOne(Vec v) {
  Vec p = splat(1.0F / 40320);
  p = p * v + splat(1.0F / 5040);
  p = p * v + splat(1.0F / 720);
  p = p * v + splat(1.0F / 120);
  p = p * v + splat(1.0F / 24);
  p = p * v + splat(1.0F / 6);
  p = p * v + splat(0.5F);
  return vabs(v) < splat(0.5F) ? p * v * v + v : exponential(v) - splat(1.0F);
}

// The natural logarithm: -infinity of 0, NaN of what is below.
IBN_INLINE Vec logarithm(Vec v) {
  const auto tiny = v < splat(1.17549435e-38F);  // its exponent cannot be read
  const UVec bits = reinterpret_cast<UVec>(tiny ? v * splat(8388608.0F) : v);
  constexpr uint32_t root_of_half = 0x3f3504f3;  // v = m * 2^n with m from there to the root of 2
  const IVec exponent = reinterpret_cast<IVec>(bits - root_of_half) >> 23;
  const Vec n = __builtin_convertvector(exponent, Vec) - (tiny ? splat(23.0F) : Vec{});
  const Vec f = reinterpret_cast<Vec>(bits - (reinterpret_cast<UVec>(exponent) << 23)) - splat(1.0F);
  Vec p = splat(-0.0785958618F);
  p = p * f + splat(0.128816381F);
  p = p * f + splat(-0.131287605F);
  p = p * f + splat(0.141811937F);
  p = p * f + splat(-0.166245535F);
  p = p * f + splat(0.200022861F);
  p = p * f + splat(-0.250008106F);
  p = p * f + splat(0.333333164F);
  const Vec small = n * splat(-2.12194440e-4F) + f * f * (p * f - splat(0.5F));
  const Vec result = n * splat(0.693359375F) + (f + small);
  const Vec special = v == Vec{} ? splat(-__builtin_inff()) : splat(__builtin_nanf(""));
  return v > Vec{} ? (v < splat(__builtin_inff()) ? result : v) : special;
}

// ln(1 + v) for v from 0 on, also where that is close to 0.
IBN_INLINE Vec logarithmOfOnePlus(Vec v) {
  const Vec sum = splat(1.0F) + v;
  const Vec rounded = sum - splat(1.0F);
  return rounded == Vec{} ? v : logarithm(sum) * (v / rounded);
}

IBN_INLINE Vec hyperbolicTangent(Vec v) {
  const Vec t = exponentialMinusOne(splat(2.0F) * vmin(splat(20.0F), vabs(v)));
  return withSignOf(t / (t + splat(2.0F)), v);
}

IBN_INLINE Vec logistic(Vec v) {
  return splat(1.0F) / (splat(1.0F) + exponential(-v));
}

// erf: below 1 as v times a polynomial of v^2, else 1 - e^-q(|v|), within 1e-7 of the value.
IBN_INLINE Vec errorFunction(Vec v) {
  const Vec square = v * v;
  Vec p = splat(7.88912148e-05F);
  p = p * square + splat(-8.02084163e-04F);
  p = p * square + splat(5.18953521e-03F);
  p = p * square + splat(-2.68544443e-02F);
  p = p * square + splat(1.12836003e-01F);
  p = p * square + splat(-3.76126260e-01F);
  p = p * square + splat(1.12837911F);
  const Vec a = vmin(splat(4.0F), vabs(v));
  Vec q = splat(1.36613453e-05F);
  q = q * a + splat(-3.23926099e-04F);
  q = q * a + splat(3.48474155e-03F);
  q = q * a + splat(-2.28166338e-02F);
  q = q * a + splat(1.03779025e-01F);
  q = q * a + splat(6.38462901e-01F);
  q = q * a + splat(1.12638867F);
  q = q * a + splat(6.16952952e-04F);
  const Vec far = withSignOf(splat(1.0F) - exponential(-q), v);
  return vabs(v) < splat(1.0F) ? p * v : far;
}

}  // namespace ibn::kernels::IBN_ISA
