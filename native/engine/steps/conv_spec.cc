#include "conv_spec.h"

namespace ibn::engine {

namespace {

constexpr int64_t kMostWindow = int64_t{1} << 12;

void checkWeight(const Field& field, const Shape& in, int64_t groups, at::IntArrayRef sizes) {
  const bool fits = sizes[0] > 0 && sizes[0] % groups == 0 && sizes[1] == in.channels / groups;
  const bool has_window = sizes[2] > 0 && sizes[2] <= kMostWindow && sizes[3] > 0 && sizes[3] <= kMostWindow;
  if (fits && has_window) return;
  throw field.wrong(
      "a weight for " + std::to_string(in.channels) + " channels in " + std::to_string(groups) + " groups",
      shapeText(sizes));
}

}  // namespace

kernels::ConvSpec readConvSpec(const Field& field, const Shape& in, at::IntArrayRef weight) {
  kernels::ConvSpec spec;
  spec.groups = field.get("groups").integer(1, in.channels);
  if (in.channels % spec.groups != 0) {
    throw field.get("groups").wrong("a divisor of " + std::to_string(in.channels));
  }
  checkWeight(field.get("weight"), in, spec.groups, weight);
  spec.in_channels = in.channels;
  spec.out_channels = weight[0];
  for (size_t i = 0; i < 2; i++) spec.kernel[i] = weight[2 + i];
  field.get("stride").pair(1, kMostWindow, spec.stride);
  field.get("padding").pair(0, kMostWindow, spec.padding);
  field.get("dilation").pair(1, kMostWindow, spec.dilation);
  return spec;
}

Shape readConvOutput(const Field& field, const Shape& in, const kernels::ConvSpec& spec) {
  const int64_t sides[2] = {in.height, in.width};
  for (int i = 0; i < 2; i++) {
    const int64_t window = spec.dilation[i] * (spec.kernel[i] - 1) + 1;
    if (window > sides[i] + 2 * spec.padding[i]) {
      throw field.get("weight").wrong("a window within the padded map",
                                      std::to_string(window) + " over " + std::to_string(sides[i]));
    }
  }
  return {spec.out_channels, spec.outSize(0, in.height), spec.outSize(1, in.width)};
}

kernels::Map planarMap(const Frame& frame, size_t input, const Shape& shape) {
  kernels::Map map;
  // Kernels only read their input.
  map.data = const_cast<float*>(frame.inputs[input]);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  map.batch = frame.batch;
  map.height = shape.height;
  map.width = shape.width;
  map.channels = shape.channels;
  map.pixel_stride = shape.channels;
  return map;
}

ConvEnds readConvEnds(const Field& field, const Layout& layout, const Shape& out,
                      const std::function<size_t(const Field&)>& map) {
  ConvEnds ends;
  ends.add = optional(field.get("add"), map);
  ends.relu = field.get("relu").boolean();
  const auto vector = [&](const Field& f) { return layout.wholeVector(f, out.channels); };
  ends.mean = optional(field.get("mean"), vector);
  ends.variance = optional(field.get("variance"), vector);
  if (ends.mean != kNone && ends.relu) throw field.get("relu").wrong("no relu beside statistics");
  if (ends.mean == kNone && ends.variance != kNone)
    throw field.get("mean").wrong("a mean beside the variance");
  return ends;
}

}  // namespace ibn::engine
