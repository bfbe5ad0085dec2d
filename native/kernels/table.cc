#include "kernel_list.h"

#define IBN_QUOTE(name) #name
#define IBN_NAME(name) IBN_QUOTE(name)

namespace ibn::kernels::IBN_ISA {

Conv* makeConv(const ConvSpec& spec, Type type, int64_t height, int64_t width, const ConvWeight& weight,
               const float* bias, const char* algorithm);

const Table& kernelTable() {
  static constexpr Table table = {
      .name = IBN_NAME(IBN_ISA),
      .makeConv = makeConv,
      .makeInt8Conv = makeInt8Conv,
      .makeLinear = makeLinear,
      .maxPool = maxPool,
      .avgPool = avgPool,
      .globalMean = globalMean,
      .apply = apply,
      .pointwise = pointwise,
      .resize = resize,
      .argmax = argmax,
      .statistics = statistics,
      .instanceAffine = instanceAffine,
      .planeStatistics = planeStatistics,
      .planeApply = planeApply,
      .normGradientSums = normGradientSums,
      .normGradientInput = normGradientInput,
      .fromPlanar = fromPlanar,
      .toPlanar = toPlanar,
      .copy = copy,
      .softmax = softmax,
      .layerNorm = layerNorm,
      .reduceChannels = reduceChannels,
      .filterPixels = filterPixels,
      .filterRows = filterRows,
      .joinPlanes = joinPlanes,
      .partPlanes = partPlanes,
      .packPixels = packPixels,
  };
  return table;
}

}  // namespace ibn::kernels::IBN_ISA
