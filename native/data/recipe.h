// What becomes of a decoded image before it is a row of a batch.
#pragma once
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "jpeg.h"

namespace ibn::data {

enum class StepKind : uint8_t { kCrop, kBilinear, kBicubic, kFlipAcross, kFlipDown };

// A crop has the four numbers of its region, which may reach beyond the image: there it is black. Resizing
// has a height and a width.
struct Step {
  StepKind kind = StepKind::kCrop;
  Region region;
};

struct Recipe {
  std::vector<Step> steps;
  // Eighths of the image's size that the JPEG is decoded at.
  int scale = 8;
};

// Values of each of three channels by what a byte says; empty for the bytes themselves.
using Values = std::vector<float>;

// Fills `row`, a contiguous (3, H, W) of uint8 or, with `values`, of float32, from a file of this size. Gives
// why it could not, in words; throws what libtorch throws.
std::string prepare(const Bytes& file, const JpegSize& size, const Recipe& recipe, const Values& values,
                    at::Tensor& row);

}  // namespace ibn::data
