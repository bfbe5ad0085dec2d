// JPEG files by libjpeg-turbo: their size, and the pixels of a part of them.
//
// Only whole and ordinary files are read here, without a warning of the library's; what else there is
// (damage, CMYK, 12 bits) is left to lib/data/image, which knows what Pillow makes of it. A build without the
// library reads none.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace ibn::data {

// A part of an image, in pixels.
struct Region {
  int64_t top = 0;
  int64_t left = 0;
  int64_t height = 0;
  int64_t width = 0;
};

struct Bytes {
  const uint8_t* data = nullptr;
  size_t size = 0;
};

struct JpegSize {
  int64_t height = 0;
  int64_t width = 0;
};

// libjpeg's name and version, empty where the build has none.
std::string jpegLibrary();

// Why the file is not read here, in words; empty where it is, and `size` is set.
std::string readJpegSize(const Bytes& file, JpegSize& size);

// Fills `pixels` (rows of `region`, three bytes a pixel) with what a decoder of the whole image gives there.
// With `scale` below 8 the image is that many eighths as large, each side rounded up, and so is what `region`
// counts in.
std::string decodeJpeg(const Bytes& file, int scale, const Region& region, uint8_t* pixels);

}  // namespace ibn::data
