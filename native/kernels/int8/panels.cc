#include "panels.h"

namespace ibn::kernels::IBN_ISA {

Int8Panels::Int8Panels(const ConvSpec& spec, const Int8Weight& weight, const Quantization& input)
    : spec_(spec),
      merged_(spec.dilation[1] == 1),
      columns_(merged_ ? 1 : spec.kernel[1]),
      run_(merged_ ? spec.kernel[1] * spec.in_channels : spec.in_channels),
      steps_(ceilDiv(run_, kStep8)),
      count_(ceilDiv(spec.out_channels, kPanel)),
      depth_(spec.kernel[0] * columns_ * steps_ * kStep8),
      weights_(static_cast<size_t>(elements()) * sizeof(Weight8)),
      start_(static_cast<size_t>(paddedChannels()) * sizeof(int32_t)),
      scale_(static_cast<size_t>(paddedChannels()) * sizeof(float)),
      bias_(static_cast<size_t>(paddedChannels()) * sizeof(float)) {
  const int64_t filter = spec.in_channels * spec.kernel[0] * spec.kernel[1];
  for (int64_t channel = 0; channel < spec.out_channels; channel++) {
    pack(weight.data + channel * filter, channel, input.zero_point);
    scale_.as<float>()[channel] = weight.scale[channel] * input.scale;
    if (weight.bias != nullptr) bias_.as<float>()[channel] = weight.bias[channel];
  }
}

// sum((q - zero) w) is sum(q w) - zero * sum(w); the second comes first.
void Int8Panels::pack(const int8_t* filter, int64_t channel, int32_t zero_point) {
  const int64_t taps = spec_.kernel[0] * spec_.kernel[1];
  int32_t total = 0;
  for (int64_t i = 0; i < spec_.in_channels; i++)
    for (int64_t tap = 0; tap < taps; tap++) {
      const int8_t value = filter[i * taps + tap];
      *at(channel, i, tap) = value;
      total += value;
    }
  start_.as<int32_t>()[channel] = -zero_point * total;
}

Weight8* Int8Panels::at(int64_t o, int64_t i, int64_t tap) const {
  const int64_t panel = o / kPanel, lane = o % kPanel, width = vectors(panel) * kLanes;
  const int64_t kh = tap / spec_.kernel[1], kw = tap % spec_.kernel[1];
  const int64_t row = merged_ ? kh : kh * columns_ + kw;
  const int64_t k = merged_ ? kw * spec_.in_channels + i : i;
  const int64_t step = row * steps_ + k / kStep8;
  return weights_.as<Weight8>() + panel * kPanel * depth_ + (step * width + lane) * kStep8 + k % kStep8;
}

}  // namespace ibn::kernels::IBN_ISA
