// Winograd's minimal filtering for 3x3 windows (Lavin and Gray 2015): F(2x2, 3x3) takes 16 products for 4
// outputs, F(4x4, 3x3) 36 for 16, where the direct form takes 36 and 144.
#pragma once
#include "../simd/simd.h"

namespace ibn::kernels::IBN_ISA {

// Where tiles of `outputs` lie along a dimension. Tiles of pixels that leave the same rest by the dilation
// follow each other; where the size is no multiple of it, the first `rest` of these maps have one pixel more.
class WinogradSpan {
 public:
  struct Tile {
    int64_t from, count;  // its first output, and how many there are, `dilation` apart
  };

  WinogradSpan() = default;
  WinogradSpan(int64_t size, int64_t dilation, int64_t outputs)
      : dilation_(dilation),
        outputs_(outputs),
        rest_(size % dilation),
        pixels_(size / dilation),
        long_tiles_((pixels_ + 1 + outputs - 1) / outputs),
        tiles_((pixels_ + outputs - 1) / outputs) {}

  int64_t tiles() const { return rest_ * long_tiles_ + (dilation_ - rest_) * tiles_; }

  Tile at(int64_t tile) const {
    const bool is_long = tile < rest_ * long_tiles_;
    const int64_t behind = is_long ? tile : tile - rest_ * long_tiles_;
    const int64_t each = is_long ? long_tiles_ : tiles_;
    const int64_t map = behind / each + (is_long ? 0 : rest_), begin = behind % each * outputs_;
    const int64_t left = (is_long ? pixels_ + 1 : pixels_) - begin;
    return {map + begin * dilation_, left < outputs_ ? left : outputs_};
  }

 private:
  int64_t dilation_ = 1, outputs_ = 1, rest_ = 0, pixels_ = 0, long_tiles_ = 0, tiles_ = 0;
};

// `M` outputs a side, from tiles of `M + 2` inputs a side.
template <int M>
struct Winograd;

template <>
struct Winograd<2> {
  static constexpr int kTile = 4;
  static constexpr double kFilter[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};

  static IBN_INLINE void input(const Vec (&d)[4], Vec (&out)[4]) {
    out[0] = d[0] - d[2];
    out[1] = d[1] + d[2];
    out[2] = d[2] - d[1];
    out[3] = d[1] - d[3];
  }
  static IBN_INLINE void output(const Vec (&m)[4], Vec (&out)[2]) {
    out[0] = m[0] + m[1] + m[2];
    out[1] = m[1] - m[2] - m[3];
  }
};

// Points 0, 1, -1, 2, -2.
template <>
struct Winograd<4> {
  static constexpr int kTile = 6;
  static constexpr double kFilter[6][3] = {{1.0 / 4, 0, 0},
                                           {-1.0 / 6, -1.0 / 6, -1.0 / 6},
                                           {-1.0 / 6, 1.0 / 6, -1.0 / 6},
                                           {1.0 / 24, 1.0 / 12, 1.0 / 6},
                                           {1.0 / 24, -1.0 / 12, 1.0 / 6},
                                           {0, 0, 1}};

  static IBN_INLINE void input(const Vec (&d)[6], Vec (&out)[6]) {
    const Vec four = splat(4), two = splat(2), minus_five = splat(-5);
    const Vec even = d[4] - four * d[2], odd = d[3] - four * d[1];
    const Vec near = d[4] - d[2], far = two * (d[3] - d[1]);
    out[0] = four * d[0] + (minus_five * d[2] + d[4]);
    out[1] = even + odd;
    out[2] = even - odd;
    out[3] = near + far;
    out[4] = near - far;
    out[5] = four * d[1] + (minus_five * d[3] + d[5]);
  }
  static IBN_INLINE void output(const Vec (&m)[6], Vec (&out)[4]) {
    const Vec sum1 = m[1] + m[2], sum2 = m[3] + m[4], difference1 = m[1] - m[2], difference2 = m[3] - m[4];
    out[0] = m[0] + sum1 + sum2;
    out[1] = difference1 + splat(2) * difference2;
    out[2] = sum1 + splat(4) * sum2;
    out[3] = difference1 + splat(8) * difference2 + m[5];
  }
};

}  // namespace ibn::kernels::IBN_ISA
