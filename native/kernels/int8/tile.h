// The innermost loop of the convolutions of integers: a block of rows times a panel of weights, in registers.
//
// Processors with dot products of bytes (VNNI) take four k at a time, as bytes. Others take pairs of 16 bits:
// their products of bytes would saturate.
#pragma once
#include "../conv/tile.h"
#include "bytes.h"

namespace ibn::kernels::IBN_ISA {

#if defined(__AVX512VNNI__) || defined(__AVXVNNI__)
using Activation8 = uint8_t;
using Weight8 = int8_t;
constexpr const char* kInt8Algorithm = "int8-vnni";
#else
using Activation8 = int16_t;
using Weight8 = int16_t;
constexpr const char* kInt8Algorithm = "int8-pairs";
#endif
// How many k a step of the loop takes.
constexpr int64_t kStep8 = 4 / static_cast<int64_t>(sizeof(Activation8));

struct Int8TileCall {
  const Activation8* a;  // row r begins at a + r * row_stride
  int64_t row_stride;
  int64_t taps[2], tap_stride[2];  // k runs over rows and columns of the window, `steps` steps each
  int64_t steps;
  const Weight8* b;
  // Of the panel's channels. Sums begin with what the zero point adds to each.
  const int32_t* start;
  const float* scale;
  const float* bias;
  float* out;          // or null, and
  uint8_t* out_bytes;  // else
  int64_t out_stride;
  Quantizer quantizer;       // of out_bytes
  int64_t channels;          // of the panel that exist
  const float* add;          // or
  const uint8_t* add_bytes;  // or both null
  int64_t add_stride;
  Quantization add_quantization;
  bool relu;
  float* mean;        // or null: receives the mean of the rows, and
  float* deviation;   // the sum of squared differences from it
  const char* ahead;  // memory to bring into the second-level cache meanwhile
};

using Int8TileFn = void (*)(const Int8TileCall&);

typedef uint32_t Scalar8 __attribute__((may_alias, aligned(1)));

IBN_INLINE UVec loadWeights8(const Weight8* p) {
  UVec result;
  __builtin_memcpy(&result, p, sizeof(result));
  return result;
}

IBN_INLINE IVec multiplyAdd8(uint32_t a, UVec w, IVec sum) {
  [[maybe_unused]] const auto all = static_cast<int32_t>(a);
#if defined(__AVX512VNNI__)
  return reinterpret_cast<IVec>(_mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sum), _mm512_set1_epi32(all),
                                                    reinterpret_cast<__m512i>(w)));
#elif defined(__AVXVNNI__)
  return reinterpret_cast<IVec>(_mm256_dpbusd_avx_epi32(
      reinterpret_cast<__m256i>(sum), _mm256_set1_epi32(all), reinterpret_cast<__m256i>(w)));
#elif IBN_LANES == 16
  return sum +
         reinterpret_cast<IVec>(_mm512_madd_epi16(_mm512_set1_epi32(all), reinterpret_cast<__m512i>(w)));
#elif defined(__AVX2__)
  return sum +
         reinterpret_cast<IVec>(_mm256_madd_epi16(_mm256_set1_epi32(all), reinterpret_cast<__m256i>(w)));
#elif defined(__SSE2__)
  return sum + reinterpret_cast<IVec>(_mm_madd_epi16(_mm_set1_epi32(all), reinterpret_cast<__m128i>(w)));
#else
  const auto pair = reinterpret_cast<const IVec&>(w);
  const IVec even = (pair << 16) >> 16, odd = pair >> 16;
  return sum + even * static_cast<int16_t>(a & 0xffffU) + odd * static_cast<int16_t>(a >> 16);
#endif
}

template <int MR, int NV>
IBN_INLINE void int8Step(const Activation8* const (&rows)[(MR + 2) / 3], int64_t row_stride, int64_t offset,
                         const Weight8* b, IVec (&sum)[MR][NV]) {
  UVec w[NV];
#pragma GCC unroll 4
  for (int v = 0; v < NV; v++) w[v] = loadWeights8(b + v * kLanes * kStep8);
#pragma GCC unroll 16
  for (int r = 0; r < MR; r++) {
    const uint32_t a = *reinterpret_cast<const Scalar8*>(rows[r / 3] + (r % 3) * row_stride + offset);
#pragma GCC unroll 4
    for (int v = 0; v < NV; v++) sum[r][v] = multiplyAdd8(a, w[v], sum[r][v]);
  }
}

template <int MR, int NV>
IBN_INLINE void int8Sums(const Int8TileCall& c, IVec (&sum)[MR][NV]) {
  constexpr int64_t kWidth = NV * kLanes * kStep8;
  const Weight8* b = c.b;
  const char* ahead = c.ahead;
  for (int64_t tap = 0; tap < c.taps[0] * c.taps[1]; tap++) {
    const Activation8* a = c.a + tap / c.taps[1] * c.tap_stride[0] + tap % c.taps[1] * c.tap_stride[1];
    // x86 adds at most twice a register to a base: three rows share one pointer.
    const Activation8* rows[(MR + 2) / 3];
#pragma GCC unroll 8
    for (int i = 0; i < (MR + 2) / 3; i++) rows[i] = a + int64_t{3} * i * c.row_stride;
    int64_t step = 0;
    for (; step + kUnroll <= c.steps; step += kUnroll) {
#pragma GCC unroll 4
      for (int64_t u = 0; u < kUnroll; u++)
        int8Step<MR, NV>(rows, c.row_stride, u * kStep8, b + u * kWidth, sum);
      b += kUnroll * kWidth;
#pragma GCC unroll 4
      for (int64_t line = 0; line < kAheadLines; line++) __builtin_prefetch(ahead + line * kLineBytes, 0, 2);
      ahead += kAheadLines * kLineBytes;
#pragma GCC unroll 8
      for (int i = 0; i < (MR + 2) / 3; i++) rows[i] += kUnroll * kStep8;
    }
    for (; step < c.steps; step++, b += kWidth) {
      int8Step<MR, NV>(rows, c.row_stride, 0, b, sum);
#pragma GCC unroll 8
      for (int i = 0; i < (MR + 2) / 3; i++) rows[i] += kStep8;
    }
  }
}

// Row `r` in vector `v`, of which `lanes` exist, of the map that is added.
IBN_INLINE Vec int8Addend(const Int8TileCall& c, int r, int v, int64_t lanes) {
  const int64_t at = r * c.add_stride + v * kLanes;
  const bool whole = lanes >= kLanes;
  if (c.add != nullptr) return whole ? load(c.add + at) : loadPart(c.add + at, lanes);
  return whole ? loadBytes(c.add_bytes + at) : loadPartOfBytes(c.add_bytes + at, lanes);
}

// The sums of vector `v` as floats: scales, bias, and what is added, all times `unit`.
template <int MR, int NV>
IBN_INLINE void int8Values(const Int8TileCall& c, const IVec (&sum)[MR][NV], int v, int64_t lanes, float unit,
                           Vec (&value)[MR][1]) {
  const bool adds = c.add != nullptr || c.add_bytes != nullptr;
  const float add_scale = c.add_bytes == nullptr ? unit : c.add_quantization.scale * unit;
  const float zero = c.add_bytes == nullptr ? 0 : static_cast<float>(c.add_quantization.zero_point);
  const Vec scale = load(c.scale + v * kLanes) * splat(unit);
  const Vec bias = load(c.bias + v * kLanes) * splat(unit) - splat(zero * add_scale);
#pragma GCC unroll 16
  for (int r = 0; r < MR; r++) value[r][0] = toFloats(sum[r][v]) * scale + bias;
  if (!adds) return;
#pragma GCC unroll 16
  for (int r = 0; r < MR; r++) value[r][0] += int8Addend(c, r, v, lanes) * splat(add_scale);
}

template <int MR>
IBN_INLINE void int8StoreBytes(const Int8TileCall& c, int v, int64_t lanes, const Vec (&value)[MR][1]) {
  const Vec least = splat(c.quantizer.least(c.relu));
#pragma GCC unroll 16
  for (int r = 0; r < MR; r++) {
    uint8_t* to = c.out_bytes + r * c.out_stride + v * kLanes;
    const UVec bytes = c.quantizer.scaled(value[r][0], least);
    if (lanes >= kLanes)
      storeBytes(to, bytes);
    else
      storePartOfBytes(to, bytes, lanes);
  }
}

template <int MR>
IBN_INLINE void int8StoreFloats(const Int8TileCall& c, int v, int64_t lanes, Vec (&value)[MR][1]) {
  if (c.relu) {
#pragma GCC unroll 16
    for (int r = 0; r < MR; r++) value[r][0] = relu(value[r][0]);
  }
  if (c.mean != nullptr)
    tileStatistics<float, MR, 1>(value, 0, c.mean + v * kLanes, c.deviation + v * kLanes);
#pragma GCC unroll 16
  for (int r = 0; r < MR; r++) {
    float* to = c.out + r * c.out_stride + v * kLanes;
    if (lanes >= kLanes)
      store(to, value[r][0]);
    else
      storePart(to, value[r][0], lanes);
  }
}

template <int MR, int NV>
void int8Tile(const Int8TileCall& c) {
  IVec sum[MR][NV];
#pragma GCC unroll 4
  for (int v = 0; v < NV; v++) {
    IVec start;
    __builtin_memcpy(&start, c.start + v * kLanes, sizeof(start));
#pragma GCC unroll 16
    for (int r = 0; r < MR; r++) sum[r][v] = start;
  }
  int8Sums<MR, NV>(c, sum);
  const float unit = c.out == nullptr ? c.quantizer.inverse() : 1;
#pragma GCC unroll 4
  for (int v = 0; v < NV; v++) {
    const int64_t lanes = c.channels - v * kLanes;
    if (lanes <= 0) break;
    Vec value[MR][1];
    int8Values<MR, NV>(c, sum, v, lanes, unit, value);
    if (c.out == nullptr)
      int8StoreBytes<MR>(c, v, lanes, value);
    else
      int8StoreFloats<MR>(c, v, lanes, value);
  }
}

// The tile of `rows` rows and `vectors` vectors.
Int8TileFn int8TileFor(int64_t rows, int vectors);

}  // namespace ibn::kernels::IBN_ISA
