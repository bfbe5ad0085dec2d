// The functions of single elements that a `pointwise` kernel applies, by the names that plans have for them
// (torch's), with how many numbers each takes. functions.cc has what they compute.
#pragma once
#include "../kernels.h"

// X(name in a plan, type in functions.cc, numbers)
#define IBN_FUNCTIONS(X)           \
  X("relu", Relu, 0)               \
  X("leaky_relu", LeakyRelu, 1)    \
  X("elu", Elu, 3)                 \
  X("clamp", Clamp, 2)             \
  X("clamp_min", ClampMin, 1)      \
  X("clamp_max", ClampMax, 1)      \
  X("sigmoid", Sigmoid, 0)         \
  X("log_sigmoid", LogSigmoid, 0)  \
  X("hardsigmoid", Hardsigmoid, 0) \
  X("tanh", Tanh, 0)               \
  X("gelu", Gelu, 0)               \
  X("gelu_tanh", GeluTanh, 0)      \
  X("silu", Silu, 0)               \
  X("mish", Mish, 0)               \
  X("hardswish", Hardswish, 0)     \
  X("softplus", Softplus, 2)       \
  X("affine", Linear, 2)           \
  X("pow", Power, 1)               \
  X("square", Square, 0)           \
  X("sqrt", SquareRoot, 0)         \
  X("rsqrt", InverseSquareRoot, 0) \
  X("reciprocal", Reciprocal, 0)   \
  X("abs", Absolute, 0)            \
  X("exp", Exponential, 0)         \
  X("log", Logarithm, 0)           \
  X("erf", ErrorFunction, 0)

namespace ibn::kernels {

struct FunctionName {
  const char* name;
  int arguments;
};

#define IBN_FUNCTION_NAME(name, type, arguments) {name, arguments},
// A stage of a pointwise kernel names one by its place here.
inline constexpr FunctionName kFunctions[] = {IBN_FUNCTIONS(IBN_FUNCTION_NAME)};
#undef IBN_FUNCTION_NAME
inline constexpr int kFunctionCount = sizeof(kFunctions) / sizeof(kFunctions[0]);

}  // namespace ibn::kernels
