#include "functions.h"

#include "../simd/elements.h"
#include "../simd/loops.h"
#include "../simd/vector_math.h"

namespace ibn::kernels::IBN_ISA {
namespace {

// Each is made once for many elements from the numbers of its stage. NaN stays NaN.

struct Relu {
  IBN_INLINE explicit Relu(const float* /*numbers*/) {}
  IBN_INLINE Vec operator()(Vec v) const { return relu(v); }
};

struct LeakyRelu {
  Vec slope;
  IBN_INLINE explicit LeakyRelu(const float* numbers) : slope(splat(numbers[0])) {}
  IBN_INLINE Vec operator()(Vec v) const { return v > Vec{} ? v : v * slope; }
};

// scale * x above 0, else scale * alpha * (e^(input_scale * x) - 1); of alpha, scale, input_scale.
struct Elu {
  Vec below, scale, input_scale;
  IBN_INLINE explicit Elu(const float* numbers)
      : below(splat(numbers[0] * numbers[1])), scale(splat(numbers[1])), input_scale(splat(numbers[2])) {}
  IBN_INLINE Vec operator()(Vec v) const {
    return v <= Vec{} ? exponentialMinusOne(v * input_scale) * below : v * scale;
  }
};

struct ClampMin {
  Vec least;
  IBN_INLINE explicit ClampMin(const float* numbers) : least(splat(numbers[0])) {}
  IBN_INLINE Vec operator()(Vec v) const { return vmax(least, v); }
};

struct ClampMax {
  Vec most;
  IBN_INLINE explicit ClampMax(const float* numbers) : most(splat(numbers[0])) {}
  IBN_INLINE Vec operator()(Vec v) const { return vmin(most, v); }
};

struct Clamp {
  ClampMin least;
  ClampMax most;
  IBN_INLINE explicit Clamp(const float* numbers) : least(numbers), most(numbers + 1) {}
  IBN_INLINE Vec operator()(Vec v) const { return most(least(v)); }
};

struct Sigmoid {
  IBN_INLINE explicit Sigmoid(const float* /*numbers*/) {}
  IBN_INLINE Vec operator()(Vec v) const { return logistic(v); }
};

struct LogSigmoid {
  IBN_INLINE explicit LogSigmoid(const float* /*numbers*/) {}
  IBN_INLINE Vec operator()(Vec v) const {
    return vmin(Vec{}, v) - logarithmOfOnePlus(exponential(-vabs(v)));
  }
};

// min(max(0, x + 3), 6) / 6
IBN_INLINE Vec hardGate(Vec v) {
  return vmin(splat(6.0F), vmax(Vec{}, v + splat(3.0F))) * splat(1.0F / 6);
}

struct Hardsigmoid {
  IBN_INLINE explicit Hardsigmoid(const float* /*numbers*/) {}
  IBN_INLINE Vec operator()(Vec v) const { return hardGate(v); }
};

struct Hardswish {
  IBN_INLINE explicit Hardswish(const float* /*numbers*/) {}
  IBN_INLINE Vec operator()(Vec v) const { return v * hardGate(v); }
};

struct Tanh {
  IBN_INLINE explicit Tanh(const float* /*numbers*/) {}
  IBN_INLINE Vec operator()(Vec v) const { return hyperbolicTangent(v); }
};

struct Gelu {
  IBN_INLINE explicit Gelu(const float* /*numbers*/) {}
  IBN_INLINE Vec operator()(Vec v) const {
    return v * splat(0.5F) * (splat(1.0F) + errorFunction(v * splat(0.707106781F)));
  }
};

struct GeluTanh {
  IBN_INLINE explicit GeluTanh(const float* /*numbers*/) {}
  IBN_INLINE Vec operator()(Vec v) const {
    const Vec inner = splat(0.797884561F) * (v + splat(0.044715F) * v * v * v);
    return splat(0.5F) * v * (splat(1.0F) + hyperbolicTangent(inner));
  }
};

struct Silu {
  IBN_INLINE explicit Silu(const float* /*numbers*/) {}
  IBN_INLINE Vec operator()(Vec v) const { return v / (splat(1.0F) + exponential(-v)); }
};

// x * tanh(ln(1 + e^x)), where tanh(ln(1 + e)) is n / (n + 2) with n = e (e + 2).
struct Mish {
  IBN_INLINE explicit Mish(const float* /*numbers*/) {}
  IBN_INLINE Vec operator()(Vec v) const {
    const Vec e = exponential(vmin(splat(20.0F), v));
    const Vec n = e * (e + splat(2.0F));
    return v * (n / (n + splat(2.0F)));
  }
};

// Of beta and threshold.
struct Softplus {
  Vec beta, threshold;
  IBN_INLINE explicit Softplus(const float* numbers)
      : beta(splat(numbers[0])), threshold(splat(numbers[1])) {}
  IBN_INLINE Vec operator()(Vec v) const {
    const Vec x = v * beta;
    return x > threshold ? v : logarithmOfOnePlus(exponential(x)) / beta;
  }
};

struct Linear {
  Vec scale, shift;
  IBN_INLINE explicit Linear(const float* numbers) : scale(splat(numbers[0])), shift(splat(numbers[1])) {}
  IBN_INLINE Vec operator()(Vec v) const { return v * scale + shift; }
};

struct Square {
  IBN_INLINE explicit Square(const float* /*numbers*/) {}
  IBN_INLINE Vec operator()(Vec v) const { return v * v; }
};

struct SquareRoot {
  IBN_INLINE explicit SquareRoot(const float* /*numbers*/) {}
  IBN_INLINE Vec operator()(Vec v) const { return squareRoot(v); }
};

struct InverseSquareRoot {
  IBN_INLINE explicit InverseSquareRoot(const float* /*numbers*/) {}
  IBN_INLINE Vec operator()(Vec v) const { return splat(1.0F) / squareRoot(v); }
};

struct Reciprocal {
  IBN_INLINE explicit Reciprocal(const float* /*numbers*/) {}
  IBN_INLINE Vec operator()(Vec v) const { return splat(1.0F) / v; }
};

struct Absolute {
  IBN_INLINE explicit Absolute(const float* /*numbers*/) {}
  IBN_INLINE Vec operator()(Vec v) const { return vabs(v); }
};

struct Exponential {
  IBN_INLINE explicit Exponential(const float* /*numbers*/) {}
  IBN_INLINE Vec operator()(Vec v) const { return exponentialToInfinity(v); }
};

struct Logarithm {
  IBN_INLINE explicit Logarithm(const float* /*numbers*/) {}
  IBN_INLINE Vec operator()(Vec v) const { return logarithm(v); }
};

struct ErrorFunction {
  IBN_INLINE explicit ErrorFunction(const float* /*numbers*/) {}
  IBN_INLINE Vec operator()(Vec v) const { return errorFunction(v); }
};

// Small whole exponents by products, others by logarithms. What is below 0 has a power for whole exponents
// only.
struct Power {
  float exponent;
  bool is_whole, is_odd, is_small;
  IBN_INLINE explicit Power(const float* numbers) : exponent(numbers[0]) {
    is_whole = __builtin_floorf(exponent) == exponent;
    const float half = exponent * 0.5F;
    is_odd = is_whole && __builtin_floorf(half) != half;
    is_small = is_whole && __builtin_fabsf(exponent) <= 8;
  }
  IBN_INLINE Vec operator()(Vec v) const {
    if (is_small) return product(v);
    const Vec size = exponentialToInfinity(splat(exponent) * logarithm(vabs(v)));
    const Vec below = is_whole ? (is_odd ? -size : size) : splat(__builtin_nanf(""));
    return v < Vec{} ? below : size;
  }

 private:
  IBN_INLINE Vec product(Vec v) const {
    Vec result = splat(1.0F), power = v;
    for (int left = static_cast<int>(__builtin_fabsf(exponent)); left > 0; left >>= 1, power *= power)
      if (left & 1) result *= power;
    return exponent < 0 ? splat(1.0F) / result : result;
  }
};

template <class Function>
void applyTo(const float* from, float* to, int64_t count, const float* numbers) {
  const Function function(numbers);
  forChannels<1>(0, count, [&](int64_t i, auto, auto lanes) IBN_BODY {
    lanes.store(to + i, function(lanes.load(from + i)));
  });
}

#define IBN_APPLY(name, type, arguments) applyTo<type>,
constexpr ApplyFunction kApply[] = {IBN_FUNCTIONS(IBN_APPLY)};
#undef IBN_APPLY
static_assert(sizeof(kApply) / sizeof(kApply[0]) == kFunctionCount);

}  // namespace

ApplyFunction functionAt(int index) {
  return kApply[index];
}

}  // namespace ibn::kernels::IBN_ISA
