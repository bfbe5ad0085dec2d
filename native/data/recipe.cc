#include "recipe.h"

#include <algorithm>
#include <cstring>
#include <string>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include "resample.h"

namespace ibn::data {

namespace {

constexpr int64_t kChannels = 3;

// An image in the making: (1, 3, H, W), pixel by pixel, and whether it will be mirrored.
struct Picture {
  at::Tensor pixels;
  bool across = false;
  bool down = false;

  int64_t height() const { return pixels.size(2); }
  int64_t width() const { return pixels.size(3); }
};

at::Tensor emptyPixels(int64_t height, int64_t width) {
  return at::empty({1, kChannels, height, width},
                   at::TensorOptions().dtype(at::kByte).memory_format(at::MemoryFormat::ChannelsLast));
}

bool isInside(const Region& region, int64_t height, int64_t width) {
  return region.top >= 0 && region.left >= 0 && region.top + region.height <= height &&
         region.left + region.width <= width;
}

// Pictures are mirrored when they are written out: until then places count from the other side.
Region beforeFlips(Region region, const Picture& picture) {
  if (picture.across) region.left = picture.width() - region.left - region.width;
  if (picture.down) region.top = picture.height() - region.top - region.height;
  return region;
}

void crop(Picture& picture, Region region) {
  region = beforeFlips(region, picture);
  if (region.height == picture.height() && region.width == picture.width() && region.top == 0 &&
      region.left == 0)
    return;
  at::Tensor found = emptyPixels(region.height, region.width);
  auto* to = static_cast<uint8_t*>(found.mutable_data_ptr());
  const auto* from = static_cast<const uint8_t*>(picture.pixels.const_data_ptr());
  if (!isInside(region, picture.height(), picture.width())) std::memset(to, 0, found.nbytes());
  const int64_t first = std::max<int64_t>(0, -region.left);
  const int64_t last = std::min(region.width, picture.width() - region.left);
  for (int64_t y = std::max<int64_t>(0, -region.top);
       y < std::min(region.height, picture.height() - region.top); y++) {
    if (last <= first) break;
    const int64_t source = (region.top + y) * picture.width() + region.left + first;
    std::memcpy(to + kChannels * (y * region.width + first), from + kChannels * source,
                static_cast<size_t>(kChannels * (last - first)));
  }
  picture.pixels = std::move(found);
}

// A filter's result for a mirrored image is not always the mirrored result: an image is turned first.
void applyFlips(Picture& picture) {
  std::vector<int64_t> dims;
  if (picture.across) dims.push_back(3);
  if (picture.down) dims.push_back(2);
  if (!dims.empty()) picture.pixels = picture.pixels.flip(dims).contiguous(at::MemoryFormat::ChannelsLast);
  picture.across = picture.down = false;
}

void resize(Picture& picture, const Step& step) {
  const auto& [top, left, height, width] = step.region;
  if (height == picture.height() && width == picture.width()) return;
  applyFlips(picture);
  const Filter filter = step.kind == StepKind::kBilinear ? Filter::kBilinear : Filter::kBicubic;
  picture.pixels = resample(picture.pixels, height, width, filter);
}

void apply(Picture& picture, const Step& step) {
  switch (step.kind) {
    case StepKind::kCrop:
      return crop(picture, step.region);
    case StepKind::kBilinear:
    case StepKind::kBicubic:
      return resize(picture, step);
    case StepKind::kFlipAcross:
      picture.across = !picture.across;
      return;
    case StepKind::kFlipDown:
      picture.down = !picture.down;
      return;
  }
}

// Rows of pixels into planes of channels.
template <typename Value, typename Read>
void writePlanes(const Picture& picture, Value* to, const Read& read) {
  const int64_t height = picture.height();
  const int64_t width = picture.width();
  const int64_t plane = height * width;
  const auto* from = static_cast<const uint8_t*>(picture.pixels.const_data_ptr());
  const int64_t step = picture.across ? -kChannels : kChannels;
  for (int64_t y = 0; y < height; y++) {
    const int64_t source = picture.down ? height - 1 - y : y;
    const uint8_t* pixel = from + kChannels * (source * width + (picture.across ? width - 1 : 0));
    Value* row = to + y * width;
    for (int64_t x = 0; x < width; x++, pixel += step) {
      row[x] = read(0, pixel[0]);
      row[plane + x] = read(1, pixel[1]);
      row[2 * plane + x] = read(2, pixel[2]);
    }
  }
}

void write(const Picture& picture, const Values& values, at::Tensor& row) {
  if (values.empty()) {
    writePlanes(picture, static_cast<uint8_t*>(row.mutable_data_ptr()),
                [](int, uint8_t byte) { return byte; });
    return;
  }
  const float* table = values.data();
  writePlanes(picture, static_cast<float*>(row.mutable_data_ptr()),
              [table](int channel, uint8_t byte) { return table[256 * channel + byte]; });
}

// A crop that comes first is all that is decoded.
bool beginsWithCrop(const Recipe& recipe, const JpegSize& size) {
  return !recipe.steps.empty() && recipe.steps[0].kind == StepKind::kCrop &&
         isInside(recipe.steps[0].region, size.height, size.width);
}

JpegSize scaled(const JpegSize& size, int scale) {
  const auto part = [scale](int64_t length) { return (length * scale + 7) / 8; };
  return {part(size.height), part(size.width)};
}

}  // namespace

std::string prepare(const Bytes& file, const JpegSize& size, const Recipe& recipe, const Values& values,
                    at::Tensor& row) {
  const at::NoGradGuard no_grad;
  const JpegSize found = scaled(size, recipe.scale);
  const bool is_part = beginsWithCrop(recipe, found);
  const Region region = is_part ? recipe.steps[0].region : Region{0, 0, found.height, found.width};
  Picture picture{emptyPixels(region.height, region.width)};
  std::string problem =
      decodeJpeg(file, recipe.scale, region, static_cast<uint8_t*>(picture.pixels.mutable_data_ptr()));
  if (!problem.empty()) return problem;
  for (size_t i = is_part ? 1 : 0; i < recipe.steps.size(); i++) apply(picture, recipe.steps[i]);
  if (picture.height() != row.size(1) || picture.width() != row.size(2))
    return "it became another size than expected";
  picture.pixels = picture.pixels.contiguous(at::MemoryFormat::ChannelsLast);
  write(picture, values, row);
  return "";
}

}  // namespace ibn::data
