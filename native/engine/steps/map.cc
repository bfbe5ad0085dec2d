// Steps that go over a map element by element.
#include <cstring>

#include "../plan/step.h"

namespace ibn::engine {

namespace {

class ApplyStep final : public Step {
 public:
  ApplyStep(const Field& field, const Layout& layout)
      : type_(layout.type), input_(layout.map(field.get("input"))) {
    const Shape shape = layout.shape(input_);
    output_ = layout.map(field.get("output"), shape);
    gate_ = optional(field.get("gate"),
                     [&](const Field& gate) { return layout.wholeVector(gate, shape.channels); });
    add_ = optional(field.get("add"), [&](const Field& add) { return layout.map(add, shape); });
    relu_ = field.get("relu").boolean();
    pre_ = Prologue(field.get("pre"), layout, shape.channels);
  }

  void run(const Frame& frame, kernels::Team& team) const override {
    kernels::Map add;
    if (add_ != kNone) add = frame.map(add_);
    table().apply(type_, frame.map(input_), frame.map(output_), pre_.at(frame),
                  gate_ == kNone ? nullptr : frame.vector(gate_), add_ == kNone ? nullptr : &add, relu_,
                  team);
  }

  size_t weightBytes() const override { return pre_.bytes(); }

 private:
  kernels::Type type_;
  bool relu_ = false;
  size_t input_;
  size_t output_ = kNone;
  size_t gate_ = kNone;
  size_t add_ = kNone;
  Prologue pre_;
};

class FromPlanarStep final : public Step {
 public:
  FromPlanarStep(const Field& field, const Layout& layout)
      : type_(layout.type), input_(layout.input(field.get("input"))) {
    output_ = layout.map(field.get("output"), layout.inputs[input_]);
  }

  void run(const Frame& frame, kernels::Team& team) const override {
    table().fromPlanar(type_, frame.inputs[input_], frame.map(output_), team);
  }

 private:
  kernels::Type type_;
  size_t input_;
  size_t output_ = kNone;
};

class CopyStep final : public Step {
 public:
  CopyStep(const Field& field, const Layout& layout)
      : type_(layout.type), input_(layout.value(field.get("input"))) {
    is_map_ = layout.isMap(input_);
    const Shape shape = layout.shape(input_);
    const Field output = field.get("output");
    output_ = is_map_ ? layout.map(output, shape) : layout.vector(output, shape.channels);
    if (layout.overlap(input_, output_)) throw output.wrong("channels apart from the input's");
    channels_ = shape.channels;
  }

  void run(const Frame& frame, kernels::Team& team) const override {
    if (is_map_) {
      table().copy(type_, frame.map(input_), frame.map(output_), team);
      return;
    }
    for (int64_t image = 0; image < frame.batch; image++) {
      std::memcpy(frame.vector(output_) + image * frame.vectorStride(output_),
                  frame.vector(input_) + image * frame.vectorStride(input_),
                  static_cast<size_t>(channels_) * sizeof(float));
    }
  }

 private:
  kernels::Type type_;
  bool is_map_ = false;
  size_t input_;
  size_t output_ = kNone;
  int64_t channels_ = 0;
};

}  // namespace

StepPtr readApply(const Field& field, const Layout& layout) {
  if (!layout.isMap(layout.value(field.get("input")))) return readVectorApply(field, layout);
  return std::make_unique<ApplyStep>(field, layout);
}

StepPtr readFromPlanar(const Field& field, const Layout& layout) {
  return std::make_unique<FromPlanarStep>(field, layout);
}

StepPtr readCopy(const Field& field, const Layout& layout) {
  return std::make_unique<CopyStep>(field, layout);
}

}  // namespace ibn::engine
