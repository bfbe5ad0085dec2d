// The kernels beside the convolutions, for the table (kernels.h tells what each does).
#pragma once
#include "kernels.h"
#include "simd/simd.h"

namespace ibn::kernels::IBN_ISA {

Int8Conv* makeInt8Conv(const ConvSpec& spec, const Int8Weight& weight, const Quantization& input);
Linear* makeLinear(int64_t in, int64_t out, Type type, const float* weight, const float* bias);
void maxPool(Type type, const Map& in, const Map& out, const Window& window, const Affine& pre, Team& team);
void avgPool(Type type, const Map& in, const Map& out, const Window& window, bool count_include_pad,
             const Affine& pre, Team& team);
void globalMean(Type type, const Map& in, const Affine& pre, float* out, Team& team);
void apply(Type type, const Map& in, const Map& out, const Affine& pre, const float* gate, const Map* add,
           bool relu, Team& team);
void pointwise(Type type, const PointwiseCall& call, Team& team);
void resize(Type type, const Map& in, const Map& out, const Axis& rows, const Axis& columns, Team& team);
void argmax(Type type, const Map& in, int64_t* out, Team& team);
void softmax(Type type, const Map& in, const Map& out, bool logarithm, Team& team);
void layerNorm(Type type, const Map& in, const Map& out, const float* weight, const float* bias, float eps,
               Team& team);
void reduceChannels(Type type, const Map& in, const Map& out, Reduction reduction, Team& team);
void statistics(Type type, const Map& in, float* mean, float* variance, Team& team);
void instanceAffine(int64_t batch, int64_t channels, const float* mean, const float* variance,
                    int64_t in_stride, const float* weight, const float* bias, float eps, float* scale,
                    float* shift, int64_t out_stride);
void planeStatistics(const Dense& map, const void* in, float* mean, float* variance, Team& team);
void planeApply(const Dense& map, const void* in, void* out, const float* scale, const float* shift,
                const void* add, bool relu, Team& team);
void normGradientSums(const NormGradient& call, Team& team);
void normGradientInput(const NormGradient& call, Team& team);
void fromPlanar(Type type, const float* in, const Map& out, Team& team);
void toPlanar(Type type, const Map& in, float* out, Team& team);
void copy(Type type, const Map& in, const Map& out, Team& team);
void filterPixels(const uint8_t* in, int pixel_bytes, uint8_t* out, int64_t width, const Taps& taps);
void filterRows(const uint8_t* in, int64_t row_stride, uint8_t* out, int64_t bytes, const int32_t* weights,
                int64_t count);
void joinPlanes(const uint8_t* in, int64_t stride, int channels, uint8_t* out, int64_t width);
void partPlanes(const uint8_t* in, uint8_t* out, int64_t stride, int channels, int64_t width);
void packPixels(const uint8_t* in, uint8_t* out, int64_t width);

}  // namespace ibn::kernels::IBN_ISA
