#include "panels.h"

namespace ibn::kernels::IBN_ISA {

template <class T>
Panels<T>::Panels(const ConvSpec& spec, const Blocks& blocks, const ConvWeight& weight, const float* bias)
    : spec_(spec),
      blocks_(blocks),
      merged_(spec.dilation[1] == 1),
      columns_(merged_ ? 1 : spec.kernel[1]),
      run_(merged_ ? spec.kernel[1] * blocks.in : blocks.in),
      steps_(ceilDiv(run_, kStep<T>)),
      count_(ceilDiv(blocks.out, kPanel)),
      depth_(spec.kernel[0] * columns_ * steps_ * kStep<T>),
      weights_(static_cast<size_t>(blocks.count * blockElements()) * sizeof(T)),
      bias_(static_cast<size_t>(paddedChannels()) * sizeof(float)) {
  for (int64_t block = 0; block < blocks_.count; block++) pack(block, weight, bias);
}

template <class T>
void Panels<T>::pack(int64_t block, const ConvWeight& weight, const float* bias) {
  const int64_t in_group = spec_.in_channels / spec_.groups;
  const int64_t taps = spec_.kernel[0] * spec_.kernel[1];
  float* biases = bias_.as<float>() + block * count_ * kPanel;
  for (int64_t o = 0; o < blocks_.out; o++) {
    const int64_t channel = block * blocks_.out + o;
    if (bias != nullptr) biases[o] = bias[channel];
    const int64_t group = o / (blocks_.out / blocks_.joined);
    for (int64_t i = 0; i < in_group; i++)
      for (int64_t tap = 0; tap < taps; tap++)
        *at(block, o, group * in_group + i, tap) = fromFloat<T>(weight.at(channel, i * taps + tap));
  }
}

// The weight of output channel `o`, input channel `i` and `tap`.
template <class T>
T* Panels<T>::at(int64_t block, int64_t o, int64_t i, int64_t tap) const {
  const int64_t panel = o / kPanel, lane = o % kPanel, width = vectors(panel) * kLanes;
  const int64_t kh = tap / spec_.kernel[1], kw = tap % spec_.kernel[1];
  const int64_t row = merged_ ? kh : kh * columns_ + kw;
  const int64_t k = merged_ ? kw * blocks_.in + i : i;
  const int64_t step = row * steps_ + k / kStep<T>;
  return weights_.as<T>() + block * blockElements() + panel * kPanel * depth_ +
         (step * width + lane) * kStep<T> + k % kStep<T>;
}

template class Panels<float>;
template class Panels<bfloat16>;

}  // namespace ibn::kernels::IBN_ISA
