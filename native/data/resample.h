// Resizes images of bytes as Pillow does, to the last bit.
#pragma once
#include <cstdint>

#include <ATen/core/Tensor.h>

namespace ibn::data {

enum class Filter : uint8_t { kBilinear, kBicubic, kLanczos };

// A uint8 image (N, C, H, W) on the CPU, of any strides, in another size; contiguous, or channels_last where
// the image is. No side may be empty.
at::Tensor resample(const at::Tensor& image, int64_t height, int64_t width, Filter filter);

}  // namespace ibn::data
