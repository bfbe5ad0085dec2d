// Choice of a convolution's algorithm.
#include "common.h"
#include "winograd.h"

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

// Products of Winograd's form that those of the direct one must be worth. A wide dilation leaves maps of few
// pixels, of which tiles waste much.
constexpr int64_t kMostProducts = 2;

bool isDilated(const ConvSpec& spec) {
  return spec.dilation[0] != 1 || spec.dilation[1] != 1;
}

// How many there are for each pair of channels, with tiles of `outputs` a side.
int64_t products(const ConvSpec& spec, int64_t height, int64_t width, int64_t outputs) {
  const WinogradSpan rows(spec.outSize(0, height), spec.dilation[0], outputs);
  const WinogradSpan columns(spec.outSize(1, width), spec.dilation[1], outputs);
  return rows.tiles() * columns.tiles() * (outputs + 2) * (outputs + 2);
}

const char* choose(const ConvSpec& spec, Type type, int64_t height, int64_t width) {
  if (spec.in_channels < kFewChannels || spec.out_channels < kFewChannels) return "gemm";
  const int64_t pixels = spec.outSize(0, height) * spec.outSize(1, width);
  if (type == Type::kBFloat16 && pixels < kSmallHalfMap) return "gemm";
  const int64_t two = products(spec, height, width, 2), four = products(spec, height, width, 4);
  const bool is_large = pixels >= kSmallMap && (!isDilated(spec) || four <= two);
  if (isDilated(spec) && kMostProducts * (is_large ? four : two) > 9 * pixels) return "gemm";
  return is_large || type == Type::kBFloat16 ? "winograd4" : "winograd2";
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
