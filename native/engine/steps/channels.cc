// Steps over the channels of each pixel, or over a vector's elements.
#include "../plan/step.h"

namespace ibn::engine {

namespace {

// From one value to another of the same kind.
class ChannelStep : public Step {
 public:
  ChannelStep(const Field& field, const Layout& layout) : input_(layout.value(field.get("input"))) {
    const Field output = field.get("output");
    output_ = layout.value(output);
    if (layout.isMap(input_) != layout.isMap(output_)) throw output.wrong("a value of the input's kind");
  }

 protected:
  // `channels`: of the output.
  void checkOutput(const Field& field, const Layout& layout, int64_t channels) const {
    Shape wanted = layout.shape(input_);
    wanted.channels = channels;
    const Shape got = layout.shape(output_);
    if (got != wanted) throw field.get("output").wrong("a value of " + wanted.text(), got.text());
  }
  int64_t channels(const Layout& layout) const { return layout.shape(input_).channels; }

  size_t input_;
  size_t output_ = kNone;
};

class SoftmaxStep final : public ChannelStep {
 public:
  SoftmaxStep(const Field& field, const Layout& layout)
      : ChannelStep(field, layout), logarithm_(field.get("log").boolean()) {
    checkOutput(field, layout, channels(layout));
  }

  void run(const Frame& frame, kernels::Team& team) const override {
    table().softmax(frame.typeOf(input_), frame.pixels(input_), frame.pixels(output_), logarithm_, team);
  }

 private:
  bool logarithm_;
};

class LayerNormStep final : public ChannelStep {
 public:
  LayerNormStep(const Field& field, const Layout& layout)
      : ChannelStep(field, layout), eps_(static_cast<float>(field.get("eps").number())) {
    const int64_t count = channels(layout);
    checkOutput(field, layout, count);
    if (!field.get("weight").isNull()) weight_ = readConstant(field.get("weight"), count);
    if (!field.get("bias").isNull()) bias_ = readConstant(field.get("bias"), count);
  }

  void run(const Frame& frame, kernels::Team& team) const override {
    table().layerNorm(frame.typeOf(input_), frame.pixels(input_), frame.pixels(output_), dataOf(weight_),
                      dataOf(bias_), eps_, team);
  }

  size_t weightBytes() const override { return (weight_.size() + bias_.size()) * sizeof(float); }

 private:
  static const float* dataOf(const std::vector<float>& values) {
    return values.empty() ? nullptr : values.data();
  }

  float eps_;
  std::vector<float> weight_;
  std::vector<float> bias_;
};

class ReduceStep final : public ChannelStep {
 public:
  ReduceStep(const Field& field, const Layout& layout)
      : ChannelStep(field, layout), reduction_(readReduction(field.get("reduction"))) {
    checkOutput(field, layout, 1);
    if (layout.overlap(input_, output_)) throw field.get("output").wrong("channels apart from the input's");
  }

  void run(const Frame& frame, kernels::Team& team) const override {
    table().reduceChannels(frame.typeOf(input_), frame.pixels(input_), frame.pixels(output_), reduction_,
                           team);
  }

 private:
  static kernels::Reduction readReduction(const Field& field) {
    const std::string name = field.text();
    if (name == "sum") return kernels::Reduction::kSum;
    if (name == "mean") return kernels::Reduction::kMean;
    if (name == "max") return kernels::Reduction::kMaximum;
    if (name == "min") return kernels::Reduction::kMinimum;
    throw field.wrong(R"("sum", "mean", "max" or "min")");
  }

  kernels::Reduction reduction_;
};

}  // namespace

StepPtr readSoftmax(const Field& field, const Layout& layout) {
  return std::make_unique<SoftmaxStep>(field, layout);
}

StepPtr readLayerNorm(const Field& field, const Layout& layout) {
  return std::make_unique<LayerNormStep>(field, layout);
}

StepPtr readReduce(const Field& field, const Layout& layout) {
  return std::make_unique<ReduceStep>(field, layout);
}

}  // namespace ibn::engine
