// Steps that take a map's pixels together: windows, means and statistics.
#include "../plan/step.h"

namespace ibn::engine {

namespace {

constexpr int64_t kMostPoolWindow = int64_t{1} << 12;

class PoolStep final : public Step {
 public:
  PoolStep(const Field& field, const Layout& layout, bool is_max) : is_max_(is_max), type_(layout.type) {
    input_ = layout.map(field.get("input"));
    const Shape in = layout.shape(input_);
    field.get("kernel").pair(1, kMostPoolWindow, window_.kernel);
    field.get("stride").pair(1, kMostPoolWindow, window_.stride);
    field.get("padding").pair(0, kMostPoolWindow, window_.padding);
    const Shape given = layout.shape(layout.map(field.get("output")));
    const Shape out{in.channels, outSize(field, 0, in.height, given.height),
                    outSize(field, 1, in.width, given.width)};
    output_ = layout.map(field.get("output"), out);
    if (layout.overlap(input_, output_)) throw field.get("output").wrong("channels apart from the input's");
    count_include_pad_ = field.get("countIncludePad").boolean();
    pre_ = Prologue(field.get("pre"), layout, in.channels);
  }

  void run(const Frame& frame, kernels::Team& team) const override {
    const kernels::Map in = frame.map(input_);
    const kernels::Map out = frame.map(output_);
    const kernels::Affine pre = pre_.at(frame);
    if (is_max_) {
      table().maxPool(type_, in, out, window_, pre, team);
    } else {
      table().avgPool(type_, in, out, window_, count_include_pad_, pre, team);
    }
  }

  size_t weightBytes() const override { return pre_.bytes(); }

 private:
  // The output tells ceil_mode, whose last window reaches beyond the padded map but begins inside it.
  int64_t outSize(const Field& field, int dim, int64_t size, int64_t given) const {
    const int64_t room = size + 2 * window_.padding[dim] - window_.kernel[dim];
    if (room < 0)
      throw field.get("kernel").wrong("a window within the padded map", shapeText(window_.kernel));
    if (2 * window_.padding[dim] > window_.kernel[dim]) {
      throw field.get("padding").wrong("at most half the kernel", shapeText(window_.padding));
    }
    const int64_t stride = window_.stride[dim];
    const bool has_last = room % stride != 0 && (room / stride + 1) * stride < size + window_.padding[dim];
    const int64_t whole = room / stride + 1;
    return has_last && given == whole + 1 ? given : whole;
  }

  bool is_max_;
  bool count_include_pad_ = true;
  kernels::Type type_;
  kernels::Window window_;
  size_t input_ = kNone;
  size_t output_ = kNone;
  Prologue pre_;
};

class GlobalMeanStep final : public Step {
 public:
  GlobalMeanStep(const Field& field, const Layout& layout)
      : type_(layout.type), input_(layout.map(field.get("input"))) {
    const int64_t channels = layout.shape(input_).channels;
    output_ = layout.wholeVector(field.get("output"), channels);
    pre_ = Prologue(field.get("pre"), layout, channels);
  }

  void run(const Frame& frame, kernels::Team& team) const override {
    table().globalMean(type_, frame.map(input_), pre_.at(frame), frame.vector(output_), team);
  }

  size_t weightBytes() const override { return pre_.bytes(); }

 private:
  kernels::Type type_;
  size_t input_;
  size_t output_ = kNone;
  Prologue pre_;
};

class StatisticsStep final : public Step {
 public:
  StatisticsStep(const Field& field, const Layout& layout)
      : type_(layout.type), input_(layout.map(field.get("input"))) {
    const int64_t channels = layout.shape(input_).channels;
    mean_ = layout.wholeVector(field.get("mean"), channels);
    variance_ = layout.wholeVector(field.get("variance"), channels);
  }

  void run(const Frame& frame, kernels::Team& team) const override {
    table().statistics(type_, frame.map(input_), frame.vector(mean_), frame.vector(variance_), team);
  }

 private:
  kernels::Type type_;
  size_t input_;
  size_t mean_ = kNone;
  size_t variance_ = kNone;
};

}  // namespace

StepPtr readPool(const Field& field, const Layout& layout, bool is_max) {
  return std::make_unique<PoolStep>(field, layout, is_max);
}

StepPtr readGlobalMean(const Field& field, const Layout& layout) {
  return std::make_unique<GlobalMeanStep>(field, layout);
}

StepPtr readStatistics(const Field& field, const Layout& layout) {
  return std::make_unique<StatisticsStep>(field, layout);
}

}  // namespace ibn::engine
