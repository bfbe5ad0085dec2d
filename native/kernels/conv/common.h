// What the convolution algorithms share: packed panels of weights, reading input through an affine, and
// statistics.
#pragma once
#include "../kernels.h"
#include "tile.h"

namespace ibn::kernels::IBN_ISA {

IBN_INLINE int64_t ceilDiv(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}
IBN_INLINE int64_t roundUp(int64_t a, int64_t b) {
  return ceilDiv(a, b) * b;
}

// Where piece `index` of `count` begins when `total` is divided as evenly as it goes.
IBN_INLINE int64_t pieceStart(int64_t total, int64_t count, int64_t index) {
  return total * index / count;
}

// Enough for threads that fall behind to be helped.
constexpr int64_t kTasksPerThread = 4;

// Memory aligned to a cache line, freed with its owner.
class AlignedBuffer {
 public:
  explicit AlignedBuffer(size_t bytes);
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;
  ~AlignedBuffer();
  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }
  size_t bytes() const { return bytes_; }

 private:
  void* data_;
  size_t bytes_;
};

// Cuts a block of memory into aligned pieces; without memory it only counts.
class ScratchCutter {
 public:
  explicit ScratchCutter(void* memory) : base_(static_cast<char*>(memory)) {}
  template <class T>
  T* take(int64_t count) {
    const int64_t at = used_;
    used_ += roundUp(count * static_cast<int64_t>(sizeof(T)), 64);
    return base_ == nullptr ? nullptr : reinterpret_cast<T*>(base_ + at);
  }
  size_t used() const { return static_cast<size_t>(used_); }

 private:
  char* base_;
  int64_t used_ = 0;
};

// Reads `channels` elements from `from`, with `pre` of image `image` from channel `first` on, into `to`.
template <class T>
void readPixel(const T* from, T* to, int64_t channels, const Affine& pre, int64_t image, int64_t first);

// One partial mean and deviation per tile, laid out [tile][2][channels].
struct Partials {
  float* data = nullptr;
  int64_t channels = 0;  // rounded up to panels
  float* mean(int64_t tile) const { return data + tile * 2 * channels; }
  float* deviation(int64_t tile) const { return mean(tile) + channels; }
};

// Joins the tiles of one image for channels [from, to): `rows(tile)` pixels each (Chan, Golub, LeVeque 1979).
void joinStatistics(const Partials& partials, const int32_t* rows, int64_t tiles, int64_t from, int64_t to,
                    float* mean, float* variance);

// Each algorithm returns nullptr when it cannot do `spec`.
Conv* makeGemmConv(const ConvSpec& spec, Type type, int64_t height, int64_t width, const ConvWeight& weight,
                   const float* bias);
Conv* makeGroupedConv(const ConvSpec& spec, Type type, int64_t height, int64_t width,
                      const ConvWeight& weight, const float* bias);
Conv* makeWinogradConv(const ConvSpec& spec, Type type, int64_t height, int64_t width,
                       const ConvWeight& weight, const float* bias, int outputs);

}  // namespace ibn::kernels::IBN_ISA
