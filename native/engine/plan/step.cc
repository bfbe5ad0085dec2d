#include "step.h"

#include <unordered_map>

namespace ibn::engine {

namespace {

using Read = StepPtr (*)(const Field&, const Layout&);

const std::unordered_map<std::string, Read>& readers() {
  static const auto* table = new std::unordered_map<std::string, Read>{
      {"conv", readConv},
      {"int8Conv", readInt8Conv},
      {"int8Linear", readInt8Linear},
      {"maxPool", [](const Field& field, const Layout& layout) { return readPool(field, layout, true); }},
      {"avgPool", [](const Field& field, const Layout& layout) { return readPool(field, layout, false); }},
      {"globalMean", readGlobalMean},
      {"linear", readLinear},
      {"apply", readApply},
      {"pointwise", readPointwise},
      {"resize", readResize},
      {"argmax", readArgmax},
      {"softmax", readSoftmax},
      {"layerNorm", readLayerNorm},
      {"reduce", readReduce},
      {"statistics", readStatistics},
      {"instanceAffine", readInstanceAffine},
      {"groupAffine", readInstanceAffine},
      {"fromPlanar", readFromPlanar},
      {"copy", readCopy},
      {"aten", readAten},
  };
  return *table;
}

}  // namespace

StepPtr readStep(const Field& field, const Layout& layout) {
  const Field op = field.get("op");
  const auto found = readers().find(op.text());
  if (found == readers().end()) throw op.wrong("a step of this version");
  StepPtr step = found->second(field, layout);
  step->op = found->first;
  step->name = field.get("name").text();
  return step;
}

std::vector<float> readConstant(const Field& field, int64_t count) {
  const at::Tensor tensor = field.tensor({count});
  const auto* data = tensor.const_data_ptr<float>();
  return {data, data + count};
}

Prologue::Prologue(const Field& field, const Layout& layout, int64_t channels) {
  if (field.isNull()) return;
  relu_ = field.get("relu").boolean();
  const Field scale = field.get("scale");
  const Field shift = field.get("shift");
  if (scale.isNull() && shift.isNull()) return;
  scales_ = true;
  if (scale.has("value")) {
    readValues(scale, shift, layout, channels);
  } else {
    readConstants(scale, shift, channels);
  }
}

void Prologue::readConstants(const Field& scale, const Field& shift, int64_t channels) {
  const auto count = static_cast<size_t>(channels);
  scale_ = scale.isNull() ? std::vector<float>(count, 1) : readConstant(scale.get("constant"), channels);
  shift_ = shift.isNull() ? std::vector<float>(count, 0) : readConstant(shift.get("constant"), channels);
}

void Prologue::readValues(const Field& scale, const Field& shift, const Layout& layout, int64_t channels) {
  scale_value_ = layout.vector(scale.get("value"), channels);
  shift_value_ = layout.vector(shift.get("value"), channels);
  const auto width = [&](size_t value) { return layout.buffers[layout.values[value].buffer].shape.channels; };
  if (width(scale_value_) != width(shift_value_)) {
    throw shift.wrong("a vector in a buffer of " + std::to_string(width(scale_value_)) + " channels",
                      std::to_string(width(shift_value_)));
  }
}

kernels::Affine Prologue::at(const Frame& frame) const {
  kernels::Affine affine;
  affine.relu = relu_;
  if (!scales_) return affine;
  if (scale_value_ == kNone) {
    affine.scale = scale_.data();
    affine.shift = shift_.data();
  } else {
    affine.scale = frame.vector(scale_value_);
    affine.shift = frame.vector(shift_value_);
    affine.image_stride = frame.vectorStride(scale_value_);
  }
  return affine;
}

}  // namespace ibn::engine
