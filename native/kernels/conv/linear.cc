#include "../kernel_list.h"
#include "../simd/loops.h"
#include "../simd/vector_math.h"
#include "common.h"

namespace ibn::kernels::IBN_ISA {
namespace {

// Rows that share each weight that is read: their sums and the weights fit the registers.
#if IBN_LANES == 16
constexpr int kRows = 8;
#elif IBN_LANES == 8 || defined(__aarch64__)
constexpr int kRows = 6;
#else
constexpr int kRows = 4;
#endif
// Below this many multiplications one thread does all.
constexpr int64_t kShared = 1 << 17;

IBN_INLINE Vec activate(Vec v, Activation activation) {
  if (activation == Activation::kRelu) return relu(v);
  if (activation == Activation::kSigmoid) return logistic(v);
  return v;
}

// Not part of the loops, which would each hold a copy.
__attribute__((noinline)) void finish(float* y, Vec v, int64_t lanes, Activation activation) {
  storePart(y, activate(v, activation), lanes < kLanes ? lanes : kLanes);
}

// Weights lie in panels of one vector of outputs: [panel][in][kLanes].
template <class T>
struct LinearCall {
  const T* weight;
  const float* bias;
  const float* x;
  float* y;
  int64_t in, out;
  Activation activation;
};

// kM rows from `row` on and kN panels from `panel` on.
template <class T, int kM, int kN>
void multiply(const LinearCall<T>& call, int64_t row, int64_t panel) {
  const int64_t in = call.in;
  const float* x = call.x + row * in;
  const T* w = call.weight + panel * in * kLanes;
  Vec sum[kM][kN];
#pragma GCC unroll 8
  for (int n = 0; n < kN; n++) {
    const Vec bias = load(call.bias + (panel + n) * kLanes);
#pragma GCC unroll 8
    for (int m = 0; m < kM; m++) sum[m][n] = bias;
  }
  for (int64_t k = 0; k < in; k++) {
    Vec weight[kN];
#pragma GCC unroll 8
    for (int n = 0; n < kN; n++) weight[n] = load(w + (n * in + k) * kLanes);
#pragma GCC unroll 8
    for (int m = 0; m < kM; m++) {
      const Vec value = splat(x[m * in + k]);
#pragma GCC unroll 8
      for (int n = 0; n < kN; n++) sum[m][n] += value * weight[n];
    }
  }
#pragma GCC unroll 8
  for (int n = 0; n < kN; n++) {
    const int64_t first = (panel + n) * kLanes;
#pragma GCC unroll 8
    for (int m = 0; m < kM; m++)
      finish(call.y + (row + m) * call.out + first, sum[m][n], call.out - first, call.activation);
  }
}

template <class T, int kM, int kN>
void multiplyRows(const LinearCall<T>& call, int64_t row, int64_t rows, int64_t panel) {
  if constexpr (kM > 0) {
    if (rows == kM) return multiply<T, kM, kN>(call, row, panel);
    multiplyRows<T, kM - 1, kN>(call, row, rows, panel);
  }
}

// All rows, for the panels [first, end).
template <class T, int kMostRows, int kN>
void multiplyPanels(const LinearCall<T>& call, int64_t rows, int64_t first, int64_t end) {
  int64_t panel = first;
  for (; panel + kN <= end; panel += kN)
    for (int64_t row = 0; row < rows; row += kMostRows)
      multiplyRows<T, kMostRows, kN>(call, row, rows - row < kMostRows ? rows - row : kMostRows, panel);
  if constexpr (kN > 1) multiplyPanels<T, kMostRows, kN / 2>(call, rows, panel, end);
}

template <class T>
class PackedLinear final : public Linear {
 public:
  PackedLinear(int64_t in, int64_t out, const float* weight, const float* bias)
      : in_(in),
        out_(out),
        panels_(ceilDiv(out, kLanes)),
        weight_(static_cast<size_t>(panels_ * in * kLanes) * sizeof(T)),
        bias_(static_cast<size_t>(panels_ * kLanes) * sizeof(float)) {
    for (int64_t o = 0; o < out; o++) {
      T* to = weight_.as<T>() + o / kLanes * in * kLanes + o % kLanes;
      for (int64_t k = 0; k < in; k++) to[k * kLanes] = fromFloat<T>(weight[o * in + k]);
      if (bias != nullptr) bias_.as<float>()[o] = bias[o];
    }
  }

  void run(const float* x, float* y, int64_t rows, Activation activation, Team& team) const override {
    const LinearCall<T> call{weight_.as<T>(), bias_.as<float>(), x, y, in_, out_, activation};
    const auto multiply = rows == 1 ? multiplyPanels<T, 1, 4> : multiplyPanels<T, kRows, 2>;
    const bool shared = team.threads() > 1 && rows * in_ * out_ >= kShared;
    const int64_t most = ceilDiv(panels_, 4), wanted = shared ? 4 * team.threads() : 1;
    const int64_t pieces = most < wanted ? most : wanted;
    team.run(pieces, [&](int64_t piece, int) {
      const int64_t end = 4 * pieceStart(most, pieces, piece + 1);
      multiply(call, rows, 4 * pieceStart(most, pieces, piece), end < panels_ ? end : panels_);
    });
  }

  size_t weightBytes() const override { return weight_.bytes() + bias_.bytes(); }

 private:
  int64_t in_, out_, panels_;
  AlignedBuffer weight_, bias_;
};

}  // namespace

Linear* makeLinear(int64_t in, int64_t out, Type type, const float* weight, const float* bias) {
  if (type == Type::kFloat32) return new PackedLinear<float>(in, out, weight, bias);
  return new PackedLinear<bfloat16>(in, out, weight, bias);
}

}  // namespace ibn::kernels::IBN_ISA
