// Functions of single elements, and of two whose sizes are broadcast.
#include "../../kernels/pointwise/functions.h"
#include "../plan/step.h"

namespace ibn::engine {

namespace {

constexpr size_t kMostStages = 64;

kernels::Combine readCombine(const Field& field) {
  using kernels::Combine;
  if (field.isNull()) return Combine::kNone;
  const std::string name = field.text();
  if (name == "add") return Combine::kAdd;
  if (name == "sub") return Combine::kSubtract;
  if (name == "mul") return Combine::kMultiply;
  if (name == "div") return Combine::kDivide;
  if (name == "maximum") return Combine::kMaximum;
  if (name == "minimum") return Combine::kMinimum;
  throw field.wrong(R"("add", "sub", "mul", "div", "maximum", "minimum" or null)");
}

int readFunction(const Field& field) {
  const std::string name = field.text();
  for (int i = 0; i < kernels::kFunctionCount; i++) {
    if (name == kernels::kFunctions[i].name) return i;
  }
  throw field.wrong("a function of this version");
}

kernels::Stage readStage(const Field& field) {
  kernels::Stage stage;
  stage.function = readFunction(field.get("name"));
  const std::vector<Field> given = field.get("args").items();
  const auto wanted = static_cast<size_t>(kernels::kFunctions[stage.function].arguments);
  if (given.size() != wanted) {
    throw field.get("args").wrong(std::to_string(wanted) + " numbers", std::to_string(given.size()));
  }
  for (size_t i = 0; i < wanted; i++) stage.numbers[i] = static_cast<float>(given[i].number());
  return stage;
}

std::vector<kernels::Stage> readStages(const Field& field) {
  const std::vector<Field> given = field.items();
  if (given.size() > kMostStages) throw field.wrong("at most 64 functions", std::to_string(given.size()));
  std::vector<kernels::Stage> stages;
  stages.reserve(given.size());
  for (const Field& item : given) stages.push_back(readStage(item));
  return stages;
}

// (C, H, W) to the order of maps.
std::vector<float> channelsLast(const at::Tensor& tensor) {
  const auto* data = tensor.const_data_ptr<float>();
  const int64_t channels = tensor.size(0);
  const int64_t pixels = tensor.size(1) * tensor.size(2);
  std::vector<float> numbers(static_cast<size_t>(tensor.numel()));
  for (int64_t c = 0; c < channels; c++) {
    for (int64_t p = 0; p < pixels; p++)
      numbers[static_cast<size_t>(p * channels + c)] = data[c * pixels + p];
  }
  return numbers;
}

// What is read for the elements of an output: a value of the plan, or numbers of the step's own.
class Source {
 public:
  // `field` is a value.
  void readValue(const Field& field, const Layout& layout, size_t output) {
    value_ = layout.value(field);
    shape_ = layout.shape(value_);
    is_map_ = layout.isMap(value_);
    if (is_map_ && !layout.isMap(output)) throw field.wrong("a vector, as the output is one", "a map");
    checkFits(field, layout.shape(output));
  }

  // `field` is { value } or { constant }, the latter (C, H, W).
  void read(const Field& field, const Layout& layout, size_t output) {
    if (field.has("value")) {
      readValue(field.get("value"), layout, output);
      return;
    }
    const Field constant = field.get("constant");
    const at::Tensor tensor = constant.tensorOfRank(3);
    shape_ = {tensor.size(0), tensor.size(1), tensor.size(2)};
    checkFits(constant, layout.shape(output));
    numbers_ = channelsLast(tensor);
  }

  kernels::Operand at(const Frame& frame, const kernels::Map& output) const {
    kernels::Operand operand;
    operand.single = shape_.channels == 1 && output.channels > 1;
    int64_t stride = shape_.channels;
    if (value_ == kNone) {
      operand.data = numbers_.data();
    } else {
      const kernels::Map map = frame.pixels(value_);
      operand.data = map.data;
      operand.type = frame.typeOf(value_);
      operand.image_stride = map.imageStride();
      stride = map.pixel_stride;
    }
    if (shape_.height > 1) operand.row_stride = shape_.width * stride;
    if (shape_.width > 1) operand.pixel_stride = stride;
    return operand;
  }

  bool isMap() const { return is_map_; }
  int64_t channels() const { return shape_.channels; }
  size_t bytes() const { return numbers_.size() * sizeof(float); }

 private:
  void checkFits(const Field& field, const Shape& output) const {
    const auto fits = [](int64_t size, int64_t of) { return size == of || size == 1; };
    if (!fits(shape_.channels, output.channels) || !fits(shape_.height, output.height) ||
        !fits(shape_.width, output.width)) {
      throw field.wrong("sizes that are 1 or those of " + output.text(), shape_.text());
    }
  }

  size_t value_ = kNone;
  bool is_map_ = false;
  Shape shape_;
  std::vector<float> numbers_;
};

class PointwiseStep final : public Step {
 public:
  PointwiseStep(const Field& field, const Layout& layout) : output_(layout.value(field.get("output"))) {
    input_.readValue(field.get("input"), layout, output_);
    combine_ = readCombine(field.get("combine"));
    const Field other = field.get("other");
    if (other.isNull() != (combine_ == kernels::Combine::kNone)) {
      throw other.wrong("a second operand where there is a \"combine\", else null");
    }
    if (!other.isNull()) other_.read(other, layout, output_);
    const Field pre = field.get("pre");
    if (!pre.isNull() && !input_.isMap()) throw pre.wrong("null for a vector");
    pre_ = Prologue(pre, layout, input_.channels());
    stages_ = readStages(field.get("functions"));
  }

  void run(const Frame& frame, kernels::Team& team) const override {
    kernels::PointwiseCall call;
    call.output = frame.pixels(output_);
    call.input = input_.at(frame, call.output);
    call.pre = pre_.at(frame);
    call.combine = combine_;
    if (combine_ != kernels::Combine::kNone) call.other = other_.at(frame, call.output);
    call.stages = stages_.data();
    call.stage_count = static_cast<int>(stages_.size());
    table().pointwise(frame.typeOf(output_), call, team);
  }

  size_t weightBytes() const override { return pre_.bytes() + other_.bytes(); }

 private:
  kernels::Combine combine_ = kernels::Combine::kNone;
  size_t output_;
  Source input_;
  Source other_;
  Prologue pre_;
  std::vector<kernels::Stage> stages_;
};

}  // namespace

StepPtr readPointwise(const Field& field, const Layout& layout) {
  return std::make_unique<PointwiseStep>(field, layout);
}

}  // namespace ibn::engine
