// The innermost loop of every convolution: a block of rows times a panel of weights, kept in registers.
//
// A panel holds, for each k, the weights of NV vectors of output channels side by side. float32 goes one k at
// a time; bfloat16 goes in pairs of k, as the processor's dot product does.
#pragma once
#include "../simd/simd.h"
#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

namespace ibn::kernels::IBN_ISA {

// Registers: kTileRows * kTileVectors sums, kTileVectors weights and one element of the input.
#if IBN_LANES == 16
constexpr int kTileRows = 14;
#elif defined(__aarch64__)
constexpr int kTileRows = 12;
#else
constexpr int kTileRows = 6;
#endif
constexpr int kTileVectors = 2;
constexpr int64_t kPanel = kTileVectors * kLanes;

// How many k a step of the loop takes.
template <class T>
constexpr int64_t kStep = 1;
template <>
inline constexpr int64_t kStep<bfloat16> = 2;

template <class T>
struct TileCall {
  const T* a;  // row r begins at a + r * row_stride
  int64_t row_stride;
  int64_t taps[2], tap_stride[2];  // k runs over rows and columns of the window, `steps` steps each
  int64_t steps;
  const T* b;
  const float* bias;  // of the panel's channels
  T* out;
  int64_t out_stride;
  int64_t channels;  // of the panel that exist
  const T* add;      // or null
  int64_t add_stride;
  bool relu;
  float* mean;        // or null: receives the mean of the rows, and
  float* deviation;   // the sum of squared differences from it
  const char* ahead;  // memory to bring into the second-level cache meanwhile: kAheadLines each kUnroll steps
};

// A panel of as many steps is in after two calls.
constexpr int64_t kUnroll = 4, kAheadLines = 4, kLineBytes = 64;

// Weights that come next, brought into the second-level cache piece by piece while others are worked on: the
// processor's own prefetching begins anew at each page.
template <class T>
class Prefetcher {
 public:
  Prefetcher() = default;
  Prefetcher(const T* weights, int64_t elements)
      : at_(reinterpret_cast<const char*>(weights)), end_(at_ + elements * static_cast<int64_t>(sizeof(T))) {}

  // What this call of a tile shall bring in: nothing new once all is.
  template <class Call>
  const char* take(const Call& call) {
    if (at_ >= end_) return reinterpret_cast<const char*>(call.b);
    const char* from = at_;
    at_ += call.taps[0] * call.taps[1] * (call.steps / kUnroll) * kAheadLines * kLineBytes;
    return from;
  }

 private:
  const char *at_ = nullptr, *end_ = nullptr;
};

template <class T>
using TileFn = void (*)(const TileCall<T>&);

template <class T>
struct Element;

template <>
struct Element<float> {
  typedef float Scalar __attribute__((may_alias, aligned(4)));
  static IBN_INLINE Vec weights(const float* p) { return load(p); }
  static IBN_INLINE Vec multiplyAdd(Scalar a, Vec w, Vec sum) { return a * w + sum; }
};

template <>
struct Element<bfloat16> {
  typedef uint32_t Scalar __attribute__((may_alias, aligned(2)));
#ifdef __AVX512BF16__
  static IBN_INLINE __m512bh weights(const bfloat16* p) {
    return reinterpret_cast<__m512bh>(_mm512_loadu_si512(p));
  }
  static IBN_INLINE Vec multiplyAdd(Scalar a, __m512bh w, Vec sum) {
    return reinterpret_cast<Vec>(
        _mm512_dpbf16_ps(reinterpret_cast<__m512>(sum),
                         reinterpret_cast<__m512bh>(_mm512_set1_epi32(static_cast<int32_t>(a))), w));
  }
#else
  static IBN_INLINE UVec weights(const bfloat16* p) {
    UVec result;
    __builtin_memcpy(&result, p, sizeof(result));
    return result;
  }
  static IBN_INLINE Vec multiplyAdd(Scalar a, UVec w, Vec sum) {
    const uint32_t bits[2] = {a << 16, a & 0xffff0000U};
    float x[2];
    __builtin_memcpy(x, bits, sizeof(x));
    const UVec even = w << 16, odd = w & 0xffff0000U;
    return x[1] * reinterpret_cast<const Vec&>(odd) + (x[0] * reinterpret_cast<const Vec&>(even) + sum);
  }
#endif
};

template <class T, int MR, int NV>
IBN_INLINE void tileStep(const T* const (&rows)[(MR + 2) / 3], int64_t row_stride, int64_t offset, const T* b,
                         Vec (&sum)[MR][NV]) {
  using E = Element<T>;
  using Scalar = typename E::Scalar;
  decltype(E::weights(b)) w[NV];
#pragma GCC unroll 4
  for (int v = 0; v < NV; v++) w[v] = E::weights(b + v * kLanes * kStep<T>);
#pragma GCC unroll 16
  for (int r = 0; r < MR; r++) {
    const Scalar a = *reinterpret_cast<const Scalar*>(rows[r / 3] + (r % 3) * row_stride + offset);
#pragma GCC unroll 4
    for (int v = 0; v < NV; v++) sum[r][v] = E::multiplyAdd(a, w[v], sum[r][v]);
  }
}

template <class T, int MR, int NV>
IBN_INLINE void tileSums(const TileCall<T>& c, Vec (&sum)[MR][NV]) {
  constexpr int64_t kWidth = NV * kLanes * kStep<T>;
  const T* b = c.b;
  const char* ahead = c.ahead;
  for (int64_t tap = 0; tap < c.taps[0] * c.taps[1]; tap++) {
    const T* a = c.a + tap / c.taps[1] * c.tap_stride[0] + tap % c.taps[1] * c.tap_stride[1];
    // x86 adds at most twice a register to a base: three rows share one pointer.
    const T* rows[(MR + 2) / 3];
#pragma GCC unroll 8
    for (int i = 0; i < (MR + 2) / 3; i++) rows[i] = a + 3 * i * c.row_stride;
    int64_t step = 0;
    for (; step + kUnroll <= c.steps; step += kUnroll) {
#pragma GCC unroll 4
      for (int64_t u = 0; u < kUnroll; u++)
        tileStep<T, MR, NV>(rows, c.row_stride, u * kStep<T>, b + u * kWidth, sum);
      b += kUnroll * kWidth;
#pragma GCC unroll 4
      for (int64_t line = 0; line < kAheadLines; line++) __builtin_prefetch(ahead + line * kLineBytes, 0, 2);
      ahead += kAheadLines * kLineBytes;
#pragma GCC unroll 8
      for (int i = 0; i < (MR + 2) / 3; i++) rows[i] += kUnroll * kStep<T>;
    }
    for (; step < c.steps; step++, b += kWidth) {
      tileStep<T, MR, NV>(rows, c.row_stride, 0, b, sum);
#pragma GCC unroll 8
      for (int i = 0; i < (MR + 2) / 3; i++) rows[i] += kStep<T>;
    }
  }
}

// Mean of the column `v` of `sum`, as it is written, and the sum of squared differences from it. Taken from
// the differences from the first row: a constant column has no deviation.
template <class T, int MR, int NV>
IBN_INLINE void tileStatistics(const Vec (&sum)[MR][NV], int v, float* mean, float* deviation) {
  const Vec first = asStored<T>(sum[0][v]);
  Vec row[MR], total = {};
#pragma GCC unroll 16
  for (int r = 0; r < MR; r++) row[r] = asStored<T>(sum[r][v]) - first;
#pragma GCC unroll 16
  for (int r = 1; r < MR; r++) total += row[r];
  const Vec m = total * splat(1.0F / MR);
  Vec squares = {};
#pragma GCC unroll 16
  for (int r = 0; r < MR; r++) squares += (row[r] - m) * (row[r] - m);
  store(mean, first + m);
  store(deviation, squares);
}

template <class T, int MR, int NV>
void tile(const TileCall<T>& c) {
  Vec sum[MR][NV];
#pragma GCC unroll 4
  for (int v = 0; v < NV; v++) {
    const Vec bias = load(c.bias + v * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < MR; r++) sum[r][v] = bias;
  }
  tileSums<T, MR, NV>(c, sum);
  const bool whole = c.channels >= NV * kLanes;
#pragma GCC unroll 4
  for (int v = 0; v < NV; v++) {
    const int64_t lanes = c.channels - v * kLanes;
    if (lanes <= 0) break;
    if (c.add != nullptr) {
#pragma GCC unroll 16
      for (int r = 0; r < MR; r++) {
        const T* p = c.add + r * c.add_stride + v * kLanes;
        sum[r][v] += whole ? load(p) : loadPart(p, lanes < kLanes ? lanes : kLanes);
      }
    }
    if (c.relu) {
#pragma GCC unroll 16
      for (int r = 0; r < MR; r++) sum[r][v] = relu(sum[r][v]);
    }
    if (c.mean != nullptr) tileStatistics<T, MR, NV>(sum, v, c.mean + v * kLanes, c.deviation + v * kLanes);
    if (whole) {
#pragma GCC unroll 16
      for (int r = 0; r < MR; r++) store(c.out + r * c.out_stride + v * kLanes, sum[r][v]);
    } else {
      for (int r = 0; r < MR; r++)
        storePart(c.out + r * c.out_stride + v * kLanes, sum[r][v], lanes < kLanes ? lanes : kLanes);
    }
  }
}

// The tile of `rows` rows and `vectors` vectors.
template <class T>
TileFn<T> tileFor(int64_t rows, int vectors);

extern template TileFn<float> tileFor<float>(int64_t, int);
extern template TileFn<bfloat16> tileFor<bfloat16>(int64_t, int);

}  // namespace ibn::kernels::IBN_ISA
