#include "common.h"

#include <sys/mman.h>

#include <cstdlib>

namespace ibn::kernels::IBN_ISA {

namespace {

// Fewer, larger pages for weights that are read once a run. Only advice, so errors mean nothing.
void adviseHugePages(void* memory, size_t bytes) {
#ifdef MADV_HUGEPAGE
  constexpr uintptr_t kPage = 4096, kHugePage = uintptr_t{2} << 20;
  const size_t before = reinterpret_cast<uintptr_t>(memory) % kPage;
  if (bytes >= kHugePage) madvise(static_cast<char*>(memory) - before, before + bytes, MADV_HUGEPAGE);
#endif
}

}  // namespace

AlignedBuffer::AlignedBuffer(size_t bytes) : data_(nullptr), bytes_(bytes) {
  const size_t rounded = (bytes + 63) / 64 * 64;
  data_ = std::aligned_alloc(64, rounded == 0 ? 64 : rounded);
  if (data_ == nullptr) outOfMemory();
  adviseHugePages(data_, rounded);
  __builtin_memset(data_, 0, rounded);
}

AlignedBuffer::~AlignedBuffer() {
  std::free(data_);
}

namespace {

template <class T>
struct RawOf {
  using Type = VecU;
};
template <>
struct RawOf<bfloat16> {
  using Type = HVecU;
};

}  // namespace

template <class T>
void readPixel(const T* from, T* to, int64_t channels, const Affine& pre, int64_t image, int64_t first) {
  if (pre.none()) {
    using Raw = typename RawOf<T>::Type;
    int64_t c = 0;
    for (; c + kLanes <= channels; c += kLanes)
      *reinterpret_cast<Raw*>(to + c) = *reinterpret_cast<const Raw*>(from + c);
    for (; c < channels; c++) to[c] = from[c];
    return;
  }
  const bool scaled = pre.scale != nullptr;
  const float* scale = scaled ? pre.scale + image * pre.image_stride + first : nullptr;
  const float* shift = scaled ? pre.shift + image * pre.image_stride + first : nullptr;
  int64_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) {
    Vec v = load(from + c);
    if (scaled) v = v * load(scale + c) + load(shift + c);
    store(to + c, pre.relu ? relu(v) : v);
  }
  for (; c < channels; c++) {
    float v = toFloat(from[c]);
    if (scaled) v = v * scale[c] + shift[c];
    if (pre.relu) v = v < 0 ? 0 : v;
    to[c] = fromFloat<T>(v);
  }
}

template void readPixel<float>(const float*, float*, int64_t, const Affine&, int64_t, int64_t);
template void readPixel<bfloat16>(const bfloat16*, bfloat16*, int64_t, const Affine&, int64_t, int64_t);

void joinStatistics(const Partials& partials, const int32_t* rows, int64_t tiles, int64_t from, int64_t to,
                    float* mean, float* variance) {
  int64_t pixels = 0;
  for (int64_t t = 0; t < tiles; t++) pixels += rows[t];
  const Vec share = splat(1.0F / static_cast<float>(pixels));
  for (int64_t c = from; c < to; c += kLanes) {  // partials are padded to whole vectors
    const Vec first = load(partials.mean(0) + c);
    Vec total = {};
    for (int64_t t = 0; t < tiles; t++)
      total += (load(partials.mean(t) + c) - first) * splat(static_cast<float>(rows[t]));
    const Vec m = first + total * share;
    Vec squares = {};
    if (variance != nullptr) {
      for (int64_t t = 0; t < tiles; t++) {
        const Vec d = load(partials.mean(t) + c) - m;
        squares += load(partials.deviation(t) + c) + d * d * splat(static_cast<float>(rows[t]));
      }
    }
    const int64_t lanes = to - c < kLanes ? to - c : kLanes;
    storePart(mean + c, m, lanes);
    if (variance != nullptr) storePart(variance + c, squares * share, lanes);
  }
}

}  // namespace ibn::kernels::IBN_ISA
