#include "../kernel_list.h"
#include "../simd/loops.h"

namespace ibn::kernels::IBN_ISA {
namespace {

typedef float Quad __attribute__((vector_size(16), aligned(4), may_alias));

// A tile is kSide pixels by kSide channels: a cache line of float32 either way.
constexpr int64_t kSide = 16;
constexpr int64_t kRun = 128;
typedef float Tile[kSide][kSide];

IBN_INLINE void transposeQuads(const float* from, float* to) {
  Quad row[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) row[i] = *reinterpret_cast<const Quad*>(from + i * kSide);
  const Quad a = __builtin_shufflevector(row[0], row[1], 0, 4, 1, 5);
  const Quad b = __builtin_shufflevector(row[2], row[3], 0, 4, 1, 5);
  const Quad c = __builtin_shufflevector(row[0], row[1], 2, 6, 3, 7);
  const Quad d = __builtin_shufflevector(row[2], row[3], 2, 6, 3, 7);
  *reinterpret_cast<Quad*>(to) = __builtin_shufflevector(a, b, 0, 1, 4, 5);
  *reinterpret_cast<Quad*>(to + kSide) = __builtin_shufflevector(a, b, 2, 3, 6, 7);
  *reinterpret_cast<Quad*>(to + 2 * kSide) = __builtin_shufflevector(c, d, 0, 1, 4, 5);
  *reinterpret_cast<Quad*>(to + 3 * kSide) = __builtin_shufflevector(c, d, 2, 3, 6, 7);
}

// The first `rows` rows and `columns` columns of `from`.
IBN_INLINE void transpose(const Tile& from, Tile& to, int64_t rows, int64_t columns) {
  for (int64_t r = 0; r < rows; r += 4)
    for (int64_t c = 0; c < columns; c += 4) transposeQuads(&from[r][c], &to[c][r]);
}

// Rows of `columns` elements, `from_stride` and `to_stride` apart.
template <class From, class To>
IBN_INLINE void copyRows(const From* from, int64_t from_stride, To* to, int64_t to_stride, int64_t rows,
                         int64_t columns) {
  for (int64_t r = 0; r < rows; r++) {
    forChannels<1>(0, columns, [&](int64_t c, auto, auto lanes) IBN_BODY {
      lanes.store(to + r * to_stride + c, lanes.load(from + r * from_stride + c));
    });
  }
}

IBN_INLINE int64_t atMost(int64_t value, int64_t most) {
  return value < most ? value : most;
}

// Calls body(pixel, pixels, channel, channels) for each tile of the pixels [first, end). A run of kRun pixels
// goes channel by channel, so that planes are read and written by several cache lines at a time.
template <class Body>
IBN_INLINE void forTiles(const Map& map, int64_t first, int64_t end, const Body& body) {
  for (int64_t run = first; run < end; run += kRun) {
    const int64_t run_end = run + atMost(end - run, kRun);
    for (int64_t c = 0; c < map.channels; c += kSide) {
      const int64_t channels = atMost(map.channels - c, kSide);
      for (int64_t p = run; p < run_end; p += kSide) {
        const int64_t pixels = atMost(run_end - p, kSide);
        if (pixels == kSide && channels == kSide) {
          body(p, kSide, c, kSide);  // constants, which the compiler unrolls
        } else {
          body(p, pixels, c, channels);
        }
      }
    }
  }
}

template <class T>
void readPlanar(const float* in, const Map& out, int64_t image, int64_t first, int64_t end) {
  const int64_t plane = out.pixels(), stride = out.pixel_stride;
  const float* from = in + image * plane * out.channels;
  T* to = imageOf<T>(out, image);
  Tile planar = {}, tile;
  forTiles(out, first, end, [&](int64_t p, int64_t pixels, int64_t c, int64_t channels) IBN_BODY {
    copyRows(from + c * plane + p, plane, &planar[0][0], kSide, channels, pixels);
    transpose(planar, tile, channels, pixels);
    copyRows(&tile[0][0], kSide, to + p * stride + c, stride, pixels, channels);
  });
}

template <class T>
void writePlanar(const Map& in, float* out, int64_t image, int64_t first, int64_t end) {
  const int64_t plane = in.pixels(), stride = in.pixel_stride;
  const T* from = imageOf<T>(in, image);
  float* to = out + image * plane * in.channels;
  Tile planar, tile = {};
  forTiles(in, first, end, [&](int64_t p, int64_t pixels, int64_t c, int64_t channels) IBN_BODY {
    copyRows(from + p * stride + c, stride, &tile[0][0], kSide, pixels, channels);
    transpose(tile, planar, pixels, channels);
    copyRows(&planar[0][0], kSide, to + c * plane + p, plane, channels, pixels);
  });
}

}  // namespace

void fromPlanar(Type type, const float* in, const Map& out, Team& team) {
  const auto run = type == Type::kFloat32 ? readPlanar<float> : readPlanar<bfloat16>;
  forRanges(out.batch, out.pixels(), kRun, imageBytes(type, out), team,
            [&](int64_t image, int64_t first, int64_t end) { run(in, out, image, first, end); });
}

void toPlanar(Type type, const Map& in, float* out, Team& team) {
  const auto run = type == Type::kFloat32 ? writePlanar<float> : writePlanar<bfloat16>;
  forRanges(in.batch, in.pixels(), kRun, imageBytes(type, in), team,
            [&](int64_t image, int64_t first, int64_t end) { run(in, out, image, first, end); });
}

void copy(Type type, const Map& in, const Map& out, Team& team) {
  const auto size = static_cast<int64_t>(sizeOf(type));
  const int64_t in_stride = in.pixel_stride * size, out_stride = out.pixel_stride * size;
  const int64_t bytes = in.channels * size;
  const bool packed = in_stride == bytes && out_stride == bytes;
  forRanges(
      in.batch, in.pixels(), 1, imageBytes(type, in), team, [&](int64_t image, int64_t first, int64_t end) {
        const char* from = static_cast<const char*>(in.data) + (image * in.pixels() + first) * in_stride;
        char* to = static_cast<char*>(out.data) + (image * out.pixels() + first) * out_stride;
        if (packed) {
          __builtin_memcpy(to, from, static_cast<size_t>((end - first) * bytes));
          return;
        }
        for (int64_t pixel = first; pixel < end; pixel++, from += in_stride, to += out_stride)
          __builtin_memcpy(to, from, static_cast<size_t>(bytes));
      });
}

}  // namespace ibn::kernels::IBN_ISA
