// Choice of a convolution's algorithm.
#include "common.h"

namespace ibn::kernels::IBN_ISA {

namespace {

// Below this, transforms cost more than the products they save.
constexpr int64_t kFewChannels = 24;
// Below this, a 4x4 tile wastes much at the edges, and its weights, four times as large, fill the memory and
// take long to read. Deep layers of 14x14 lose up to a quarter of their speed by it where each thread has
// images of its own, and a network of 100 MB saves 26.
constexpr int64_t kSmallMap = 200;

// Below this, the products of bfloat16 are cheaper than what a 4x4 tile saves of those of float32.
constexpr int64_t kSmallHalfMap = 400;

const char* choose(const ConvSpec& spec, Type type, int64_t height, int64_t width) {
  if (spec.in_channels < kFewChannels || spec.out_channels < kFewChannels) return "gemm";
  const int64_t pixels = spec.outSize(0, height) * spec.outSize(1, width);
  if (type == Type::kBFloat16) return pixels < kSmallHalfMap ? "gemm" : "winograd4";
  return pixels < kSmallMap ? "winograd2" : "winograd4";
}

// Groups as wide as a vector waste nothing in a panel either, and float32 then reads less.
bool prefersGrouped(const ConvSpec& spec, Type type) {
  return type == Type::kBFloat16 || spec.in_channels / spec.groups < kLanes;
}

bool same(const char* a, const char* b) {
  return __builtin_strcmp(a, b) == 0;
}

}  // namespace

Conv* makeConv(const ConvSpec& spec, Type type, int64_t height, int64_t width, const ConvWeight& weight,
               const float* bias, const char* algorithm) {
  const bool any = same(algorithm, "auto");
  const char* chosen = any ? choose(spec, type, height, width) : algorithm;
  Conv* conv = nullptr;
  if (any ? prefersGrouped(spec, type) : same(chosen, "grouped"))
    conv = makeGroupedConv(spec, type, height, width, weight, bias);
  if (conv == nullptr && same(chosen, "winograd2"))
    conv = makeWinogradConv(spec, type, height, width, weight, bias, 2);
  if (conv == nullptr && same(chosen, "winograd4"))
    conv = makeWinogradConv(spec, type, height, width, weight, bias, 4);
  if (conv == nullptr && (any || same(chosen, "gemm")))
    conv = makeGemmConv(spec, type, height, width, weight, bias);
  return conv;
}

}  // namespace ibn::kernels::IBN_ISA
