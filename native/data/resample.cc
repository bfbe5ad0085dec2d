#include "resample.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include "../kernels/kernels.h"

namespace ibn::data {

namespace {

// What Pillow works with: pixels of four bytes, columns first, then rows, bytes between the two.
constexpr int kPixel = 4;
// Images taller than so many times their width are shortened before their columns are made.
constexpr int64_t kTall = 100;
constexpr double kOne = 1 << 22;
constexpr double kPi = 3.14159265358979323846;

double triangle(double x) {
  x = std::abs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

double sinc(double x) {
  if (x == 0.0) return 1.0;
  x *= kPi;
  return std::sin(x) / x;
}

double lanczos(double x) {
  return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
}

struct Curve {
  double (*value)(double);
  double support;
};

Curve curveOf(Filter filter) {
  switch (filter) {
    case Filter::kBilinear:
      return {triangle, 1.0};
    case Filter::kBicubic:
      return {cubic, 2.0};
    case Filter::kLanczos:
      return {lanczos, 3.0};
  }
  return {triangle, 1.0};
}

int32_t fixedPoint(double weight) {
  return static_cast<int32_t>(weight * kOne + (weight < 0 ? -0.5 : 0.5));
}

int64_t towardsZero(double value) {
  return static_cast<int64_t>(std::trunc(value));
}

int64_t roundUp(int64_t value, int64_t step) {
  return (value + step - 1) / step * step;
}

// How one axis is made of another; each weight stands `copies` times.
class Axis {
 public:
  Axis(int64_t from, int64_t to, Filter filter, int64_t copies)
      : is_same_(from == to), copies_(copies), first_(to), count_(to) {
    const Curve curve = curveOf(filter);
    const double scale = static_cast<double>(from) / static_cast<double>(to);
    const double stretch = std::max(scale, 1.0);
    const double support = curve.support * stretch;
    std::vector<double> values(2 * static_cast<int64_t>(std::ceil(support)) + 1);
    stride_ = copies * roundUp(static_cast<int64_t>(values.size()), 4);
    weights_.resize(to * stride_);
    for (int64_t i = 0; i < to; i++) {
      const double center = (static_cast<double>(i) + 0.5) * scale;
      const auto first = std::max<int64_t>(0, towardsZero(center - support + 0.5));
      const auto count = std::min(from, towardsZero(center + support + 0.5)) - first;
      first_[i] = static_cast<int32_t>(first);
      count_[i] = static_cast<int32_t>(count);
      for (int64_t j = 0; j < count; j++)
        values[j] = curve.value((static_cast<double>(first + j) - center + 0.5) * (1.0 / stretch));
      setWeights(i, values);
    }
  }

  bool isSame() const { return is_same_; }
  int64_t begin() const { return is_same_ ? 0 : first_.front(); }
  int64_t end(int64_t length) const { return is_same_ ? length : first_.back() + count_.back(); }
  int64_t first(int64_t i) const { return first_[i]; }
  int64_t count(int64_t i) const { return count_[i]; }
  const int32_t* weights(int64_t i) const { return weights_.data() + i * stride_; }
  kernels::Taps taps() const { return {first_.data(), count_.data(), weights_.data(), stride_}; }

 private:
  void setWeights(int64_t i, const std::vector<double>& values) {
    double sum = 0;
    for (int64_t j = 0; j < count_[i]; j++) sum += values[j];
    for (int64_t j = 0; j < count_[i]; j++) {
      int32_t* weight = weights_.data() + i * stride_ + j * copies_;
      std::fill(weight, weight + copies_, fixedPoint(sum == 0.0 ? values[j] : values[j] / sum));
    }
  }

  bool is_same_;
  int64_t copies_;
  std::vector<int32_t> first_;
  std::vector<int32_t> count_;
  int64_t stride_ = 0;
  std::vector<int32_t> weights_;
};

// Up to four channels of one image: where their bytes lie.
template <typename Byte>
struct Planes {
  Byte* bytes;
  int64_t channels, channel_stride, row_stride, pixel_stride;

  bool isPacked() const { return channels == 3 && channel_stride == 1 && pixel_stride == 3; }
  Byte* row(int64_t y) const { return bytes + y * row_stride; }
};

// Pixels of four bytes.
void readRow(const Planes<const uint8_t>& in, int64_t y, int64_t width, uint8_t* pixels) {
  const uint8_t* from = in.row(y);
  if (in.pixel_stride == 1) {
    const int channels = static_cast<int>(in.channels);
    return kernels::table().joinPlanes(from, in.channel_stride, channels, pixels, width);
  }
  for (int64_t x = 0; x < width; x++, from += in.pixel_stride) {
    for (int64_t c = 0; c < in.channels; c++) pixels[kPixel * x + c] = from[c * in.channel_stride];
  }
}

void writeRow(const Planes<uint8_t>& out, int64_t y, int64_t width, const uint8_t* pixels) {
  uint8_t* to = out.row(y);
  if (out.isPacked()) return kernels::table().packPixels(pixels, to, width);
  if (out.pixel_stride == 1) {
    const int channels = static_cast<int>(out.channels);
    return kernels::table().partPlanes(pixels, to, out.channel_stride, channels, width);
  }
  for (int64_t x = 0; x < width; x++, to += out.pixel_stride) {
    for (int64_t c = 0; c < out.channels; c++) to[c * out.channel_stride] = pixels[kPixel * x + c];
  }
}

struct Shape {
  int64_t height, width;
};

// The rows of an image that `rows` needs, as wide as `columns` makes them, in pixels of four bytes.
class NarrowRows {
 public:
  NarrowRows(const Planes<const uint8_t>& in, Shape from, int64_t width, const Axis& rows,
             const Axis& columns)
      : in_(in),
        from_(from),
        top_(rows.begin()),
        stride_(roundUp(kPixel * width, kBlock)),
        bytes_((rows.end(from.height) - top_) * stride_) {
    std::vector<uint8_t> wide(kPixel * from.width + kBehind);
    for (int64_t y = top_; y < rows.end(from.height); y++) {
      if (columns.isSame())
        readRow(in, y, width, row(y));
      else
        filterRow(y, width, columns, wide.data());
    }
  }

  int64_t stride() const { return stride_; }
  uint8_t* row(int64_t y) { return bytes_.data() + (y - top_) * stride_; }

 private:
  static constexpr int64_t kBlock = 64;
  static constexpr int64_t kBehind = 16;

  // Packed pixels are read where they lie, but for the last rows, behind which there is nothing to be read.
  void filterRow(int64_t y, int64_t width, const Axis& columns, uint8_t* wide) {
    const int64_t behind = (from_.height - 1 - y) * in_.row_stride;
    if (in_.isPacked() && behind >= kBehind) {
      kernels::table().filterPixels(in_.row(y), 3, row(y), width, columns.taps());
      return;
    }
    readRow(in_, y, from_.width, wide);
    kernels::table().filterPixels(wide, kPixel, row(y), width, columns.taps());
  }

  const Planes<const uint8_t>& in_;
  const Shape from_;
  const int64_t top_;
  const int64_t stride_;
  std::vector<uint8_t> bytes_;
};

void resampleImage(const Planes<const uint8_t>& in, Shape from, const Planes<uint8_t>& out, Shape to,
                   const Axis& rows, const Axis& columns) {
  NarrowRows narrow(in, from, to.width, rows, columns);
  std::vector<uint8_t> found(narrow.stride());
  for (int64_t y = 0; y < to.height; y++) {
    if (rows.isSame()) {
      writeRow(out, y, to.width, narrow.row(y));
      continue;
    }
    kernels::table().filterRows(narrow.row(rows.first(y)), narrow.stride(), found.data(), narrow.stride(),
                                rows.weights(y), rows.count(y));
    writeRow(out, y, to.width, found.data());
  }
}

template <typename Byte>
Planes<Byte> planesOf(const at::Tensor& image, Byte* bytes, int64_t item, int64_t channel) {
  return {bytes + item * image.stride(0) + channel * image.stride(1),
          std::min<int64_t>(kPixel, image.size(1) - channel), image.stride(1), image.stride(2),
          image.stride(3)};
}

}  // namespace

at::Tensor resample(const at::Tensor& image, int64_t height, int64_t width, Filter filter) {
  const Shape from{image.size(2), image.size(3)};
  const Shape to{height, width};
  if (from.height > kTall * from.width && height < from.height && width != from.width)
    return resample(resample(image, height, from.width, filter), height, width, filter);
  const Axis rows(from.height, height, filter, 1);
  const Axis columns(from.width, width, filter, kPixel);
  at::Tensor found = at::empty({image.size(0), image.size(1), height, width},
                               image.options().memory_format(image.suggest_memory_format()));
  const auto* in = static_cast<const uint8_t*>(image.const_data_ptr());
  auto* out = static_cast<uint8_t*>(found.mutable_data_ptr());
  for (int64_t item = 0; item < image.size(0); item++) {
    for (int64_t channel = 0; channel < image.size(1); channel += kPixel) {
      resampleImage(planesOf(image, in, item, channel), from, planesOf(found, out, item, channel), to, rows,
                    columns);
    }
  }
  return found;
}

}  // namespace ibn::data
