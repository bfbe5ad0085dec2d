// Steps whose result has other sizes, or is no float: resized maps, places of maxima.
#include <algorithm>
#include <cmath>

#include "../plan/step.h"

namespace ibn::engine {

namespace {

enum class Mode : uint8_t { kNearest, kNearestExact, kBilinear };

Mode readMode(const Field& field) {
  const std::string name = field.text();
  if (name == "nearest") return Mode::kNearest;
  if (name == "nearest-exact") return Mode::kNearestExact;
  if (name == "bilinear") return Mode::kBilinear;
  throw field.wrong(R"("nearest", "nearest-exact" or "bilinear")");
}

// Where the rows or columns of the output come from, as libtorch 2.13 has it (ATen/native/UpSample.h), in
// float.
class Side {
 public:
  Side() = default;
  // `scale`: pixels of the input for one of the output.
  Side(Mode mode, bool align_corners, float scale, int64_t in, int64_t out) {
    for (int64_t i = 0; i < out; i++) {
      if (in == out) {
        add(i, 0, in);
      } else if (mode == Mode::kBilinear) {
        addBetween(align_corners, scale, i, in);
      } else {
        add(nearest(mode, scale, i, in, out), 0, in);
      }
    }
    if (mode != Mode::kBilinear) share_.clear();
  }

  kernels::Axis axis() const {
    return {first_.data(), second_.data(), share_.empty() ? nullptr : share_.data()};
  }

 private:
  static int64_t floorOf(float place, int64_t size) {
    const auto last = static_cast<float>(size - 1);
    return static_cast<int64_t>(std::min(std::floor(place), last));
  }

  static int64_t nearest(Mode mode, float scale, int64_t index, int64_t in, int64_t out) {
    if (mode == Mode::kNearestExact) return floorOf((static_cast<float>(index) + 0.5F) * scale, in);
    return out == 2 * in ? index / 2 : floorOf(static_cast<float>(index) * scale, in);
  }

  void addBetween(bool align_corners, float scale, int64_t index, int64_t size) {
    const auto at = static_cast<float>(index);
    const float place = align_corners ? scale * at : std::max(0.0F, scale * (at + 0.5F) - 0.5F);
    const int64_t before = floorOf(place, size);
    add(before, std::clamp(place - static_cast<float>(before), 0.0F, 1.0F), size);
  }

  void add(int64_t before, float share, int64_t size) {
    first_.push_back(static_cast<int32_t>(before));
    second_.push_back(static_cast<int32_t>(std::min(before + 1, size - 1)));
    share_.push_back(share);
  }

  std::vector<int32_t> first_;
  std::vector<int32_t> second_;
  std::vector<float> share_;
};

class ResizeStep final : public Step {
 public:
  ResizeStep(const Field& field, const Layout& layout)
      : type_(layout.type), input_(layout.map(field.get("input"))), output_(layout.map(field.get("output"))) {
    const Shape in = layout.shape(input_);
    const Shape out = layout.shape(output_);
    if (in.channels != out.channels) {
      throw field.get("output").wrong(std::to_string(in.channels) + " channels", out.text());
    }
    if (layout.overlap(input_, output_)) throw field.get("output").wrong("channels apart from the input's");
    const Mode mode = readMode(field.get("mode"));
    const bool align_corners = field.get("alignCorners").boolean();
    const std::vector<Field> scale = field.get("scale").items();
    if (scale.size() != 2) throw field.get("scale").wrong("two numbers", std::to_string(scale.size()));
    rows_ = Side(mode, align_corners, readScale(scale[0]), in.height, out.height);
    columns_ = Side(mode, align_corners, readScale(scale[1]), in.width, out.width);
  }

  void run(const Frame& frame, kernels::Team& team) const override {
    table().resize(type_, frame.map(input_), frame.map(output_), rows_.axis(), columns_.axis(), team);
  }

 private:
  static float readScale(const Field& field) {
    const double scale = field.number();
    if (scale < 0 || scale > static_cast<double>(kMostPixels)) throw field.wrong("a number from 0 to 65536");
    return static_cast<float>(scale);
  }

  kernels::Type type_;
  size_t input_;
  size_t output_;
  Side rows_;
  Side columns_;
};

// The largest channel of each pixel, or the largest element of a vector.
class ArgmaxStep final : public Step {
 public:
  ArgmaxStep(const Field& field, const Layout& layout) : input_(layout.value(field.get("input"))) {
    const Shape shape = layout.shape(input_);
    output_ = layout.indices(field.get("output"), shape.height, shape.width);
  }

  void run(const Frame& frame, kernels::Team& team) const override {
    table().argmax(frame.typeOf(input_), frame.pixels(input_), frame.indices(output_), team);
  }

 private:
  size_t input_;
  size_t output_ = kNone;
};

}  // namespace

StepPtr readResize(const Field& field, const Layout& layout) {
  return std::make_unique<ResizeStep>(field, layout);
}

StepPtr readArgmax(const Field& field, const Layout& layout) {
  return std::make_unique<ArgmaxStep>(field, layout);
}

}  // namespace ibn::engine
