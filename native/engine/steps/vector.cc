// Steps from vectors to vectors.
#include <algorithm>

#include "../../binding/memory/mapped_file.h"
#include "../../binding/memory/memory.h"
#include "../plan/step.h"

namespace ibn::engine {

namespace {

class LinearStep final : public Step {
 public:
  LinearStep(const Field& field, const Layout& layout)
      : type_(layout.type),
        input_(layout.wholeVector(field.get("input"))),
        output_(layout.wholeVector(field.get("output"))) {
    in_ = layout.values[input_].channels;
    out_ = layout.values[output_].channels;
    if (layout.overlap(input_, output_)) throw field.get("output").wrong("a vector other than the input");
    weight_ = field.get("weight").tensor({out_, in_});
    if (!field.get("bias").isNull()) bias_ = field.get("bias").tensor({out_});
    activation_ = readActivation(field.get("activation"));
  }

  void pack(const kernels::Table& table) override {
    Step::pack(table);
    const auto* bias = bias_.defined() ? bias_.const_data_ptr<float>() : nullptr;
    const ReadOnce weight(weight_.const_data_ptr(), weight_.nbytes());
    linear_.reset(table.makeLinear(in_, out_, type_, weight.as<float>(), bias));
    weight_.reset();
    bias_.reset();
    emptyCpuCache();  // or it would keep what nobody needs again
  }

  void run(const Frame& frame, kernels::Team& team) const override {
    linear_->run(frame.vector(input_), frame.vector(output_), frame.batch, activation_, team);
  }

  size_t weightBytes() const override { return linear_ == nullptr ? 0 : linear_->weightBytes(); }

 private:
  static kernels::Activation readActivation(const Field& field) {
    const std::string name = field.text();
    if (name == "none") return kernels::Activation::kNone;
    if (name == "relu") return kernels::Activation::kRelu;
    if (name == "sigmoid") return kernels::Activation::kSigmoid;
    throw field.wrong("\"none\", \"relu\" or \"sigmoid\"");
  }

  kernels::Type type_;
  size_t input_;
  size_t output_;
  int64_t in_ = 0;
  int64_t out_ = 0;
  kernels::Activation activation_ = kernels::Activation::kNone;
  at::Tensor weight_;
  at::Tensor bias_;
  std::unique_ptr<kernels::Linear> linear_;
};

// pre(x) + add, then max(0, .), element by element; the output may be the memory of either.
class VectorApplyStep final : public Step {
 public:
  VectorApplyStep(const Field& field, const Layout& layout) : input_(layout.wholeVector(field.get("input"))) {
    channels_ = layout.values[input_].channels;
    output_ = layout.wholeVector(field.get("output"), channels_);
    if (!field.get("gate").isNull()) throw field.get("gate").wrong("no gate of a vector");
    add_ = optional(field.get("add"), [&](const Field& add) { return layout.wholeVector(add, channels_); });
    relu_ = field.get("relu").boolean();
    pre_ = Prologue(field.get("pre"), layout, channels_);
  }

  void run(const Frame& frame, kernels::Team& /*team*/) const override {
    const kernels::Affine pre = pre_.at(frame);
    for (int64_t image = 0; image < frame.batch; image++) {
      const int64_t start = image * channels_;
      const float* x = frame.vector(input_) + start;
      const float* add = add_ == kNone ? nullptr : frame.vector(add_) + start;
      float* y = frame.vector(output_) + start;
      for (int64_t c = 0; c < channels_; c++) {
        float value = x[c];
        if (pre.scale != nullptr) {
          const int64_t at = image * pre.image_stride + c;
          value = value * pre.scale[at] + pre.shift[at];
        }
        if (pre.relu) value = relu(value);
        if (add != nullptr) value += add[c];
        y[c] = relu_ ? relu(value) : value;
      }
    }
  }

  size_t weightBytes() const override { return pre_.bytes(); }

 private:
  // NaN stays NaN.
  static float relu(float value) { return value < 0 ? 0 : value; }

  size_t input_;
  size_t output_ = kNone;
  size_t add_ = kNone;
  int64_t channels_ = 0;
  bool relu_ = false;
  Prologue pre_;
};

class InstanceAffineStep final : public Step {
 public:
  InstanceAffineStep(const Field& field, const Layout& layout)
      : scale_(layout.vector(field.get("scale"))), shift_(layout.vector(field.get("shift"))) {
    channels_ = layout.values[scale_].channels;
    layout.vector(field.get("shift"), channels_);
    base_scale_ = readConstant(field.get("baseScale"), channels_);
    base_shift_ = readConstant(field.get("baseShift"), channels_);
    if (width(layout, scale_) != width(layout, shift_)) {
      throw field.get("shift").wrong("a vector in a buffer as wide as that of the scale");
    }
    for (const Field& part : field.get("parts").items()) readPart(part, layout);
  }

  void run(const Frame& frame, kernels::Team& /*team*/) const override {
    float* scale = frame.vector(scale_);
    float* shift = frame.vector(shift_);
    const int64_t stride = frame.vectorStride(scale_);
    for (int64_t image = 0; image < frame.batch; image++) {
      std::copy(base_scale_.begin(), base_scale_.end(), scale + image * stride);
      std::copy(base_shift_.begin(), base_shift_.end(), shift + image * stride);
    }
    for (const Part& part : parts_) {
      Statistics given{frame.vector(part.mean) + part.from, frame.vector(part.variance) + part.from,
                       frame.vectorStride(part.mean)};
      std::vector<float> joined;
      if (part.groups > 0) given = joinGroups(given, part, frame.batch, joined);
      table().instanceAffine(frame.batch, part.count, given.mean, given.variance, given.stride,
                             dataOf(part.weight), dataOf(part.bias), part.eps, scale + part.channel,
                             shift + part.channel, stride);
    }
  }

  size_t weightBytes() const override {
    size_t count = base_scale_.size() + base_shift_.size();
    for (const Part& part : parts_) count += part.weight.size() + part.bias.size();
    return count * sizeof(float);
  }

 private:
  struct Part {
    int64_t channel, count, from;
    size_t mean, variance;
    std::vector<float> weight, bias;
    float eps;
    int64_t groups;  // 0: each channel by itself
  };
  struct Statistics {
    const float* mean;
    const float* variance;
    int64_t stride;
  };

  // Those of its group for each channel, in `memory`: the variance is the mean of the channels' and that of
  // their means.
  static Statistics joinGroups(const Statistics& of, const Part& part, int64_t batch,
                               std::vector<float>& memory) {
    const int64_t size = part.count / part.groups;
    memory.resize(static_cast<size_t>(2 * batch * part.count));
    float* means = memory.data();
    float* variances = means + batch * part.count;
    for (int64_t image = 0; image < batch; image++) {
      for (int64_t first = 0; first < part.count; first += size) {
        const float* mean = of.mean + image * of.stride + first;
        const float* variance = of.variance + image * of.stride + first;
        double sum = 0;
        for (int64_t c = 0; c < size; c++) sum += mean[c];
        const double middle = sum / static_cast<double>(size);
        double squares = 0;
        for (int64_t c = 0; c < size; c++) squares += variance[c] + (mean[c] - middle) * (mean[c] - middle);
        const int64_t at = image * part.count + first;
        std::fill_n(means + at, size, static_cast<float>(middle));
        std::fill_n(variances + at, size, static_cast<float>(squares / static_cast<double>(size)));
      }
    }
    return {means, variances, part.count};
  }

  static const float* dataOf(const std::vector<float>& values) {
    return values.empty() ? nullptr : values.data();
  }

  static int64_t width(const Layout& layout, size_t value) {
    return layout.buffers[layout.values[value].buffer].shape.channels;
  }

  static int64_t readGroups(const Field& field, int64_t channels) {
    const int64_t groups = field.integer(1, channels);
    if (channels % groups != 0) throw field.wrong("a divisor of " + std::to_string(channels));
    return groups;
  }

  void readPart(const Field& field, const Layout& layout) {
    Part part{};
    part.channel = field.get("channel").integer(0, channels_ - 1);
    part.count = field.get("count").integer(1, channels_ - part.channel);
    part.mean = layout.vector(field.get("mean"));
    part.variance = layout.vector(field.get("variance"));
    const int64_t given = std::min(layout.values[part.mean].channels, layout.values[part.variance].channels);
    part.from = field.get("from").integer(0, given - part.count);
    if (width(layout, part.mean) != width(layout, part.variance)) {
      throw field.get("variance").wrong("a vector in a buffer as wide as that of the mean");
    }
    if (!field.get("weight").isNull()) part.weight = readConstant(field.get("weight"), part.count);
    if (!field.get("bias").isNull()) part.bias = readConstant(field.get("bias"), part.count);
    part.eps = static_cast<float>(field.get("eps").number());
    if (field.has("groups")) part.groups = readGroups(field.get("groups"), part.count);
    parts_.push_back(std::move(part));
  }

  size_t scale_;
  size_t shift_;
  int64_t channels_ = 0;
  std::vector<float> base_scale_;
  std::vector<float> base_shift_;
  std::vector<Part> parts_;
};

}  // namespace

StepPtr readLinear(const Field& field, const Layout& layout) {
  return std::make_unique<LinearStep>(field, layout);
}

StepPtr readVectorApply(const Field& field, const Layout& layout) {
  return std::make_unique<VectorApplyStep>(field, layout);
}

StepPtr readInstanceAffine(const Field& field, const Layout& layout) {
  return std::make_unique<InstanceAffineStep>(field, layout);
}

}  // namespace ibn::engine
