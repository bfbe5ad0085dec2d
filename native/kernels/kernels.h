// Kernels of compiled plans on the CPU. They know neither libtorch nor Node.
//
// Every file of this folder and its rooms but dispatch.cc is compiled once for each instruction set, in a
// namespace of its own (simd/simd.h); `table()` gives the functions of the best set that this processor has.
// Such a file must instantiate no template of the standard library: the linker keeps one copy of an inline
// function, and it could keep the one with instructions that an older processor lacks.
#pragma once
#include <cstddef>
#include <cstdint>

// Inline functions of this file must leave no copy of their own in an object file (see above).
#define IBN_ALWAYS_INLINE __attribute__((always_inline)) inline

namespace ibn::kernels {

// Only quantised convolutions read and write kUInt8.
enum class Type : uint8_t { kFloat32, kBFloat16, kUInt8 };

IBN_ALWAYS_INLINE constexpr size_t sizeOf(Type type) {
  return type == Type::kFloat32 ? 4 : type == Type::kBFloat16 ? 2 : 1;
}

// A function of (index, thread) that outlives the call it is given to.
class Task {
 public:
  template <class F>
  IBN_ALWAYS_INLINE Task(const F& function)  // NOLINT(google-explicit-constructor)
      : object_(&function), call_([](const void* object, int64_t index, int thread) {
          (*static_cast<const F*>(object))(index, thread);
        }) {}
  IBN_ALWAYS_INLINE void operator()(int64_t index, int thread) const { call_(object_, index, thread); }

 private:
  const void* object_;
  void (*call_)(const void*, int64_t, int);
};

// Threads that work on one kernel together.
class Team {
 public:
  virtual ~Team();
  virtual int threads() const = 0;
  // Runs `task` for 0 to count - 1, each once, threads taking the next index as they come free; returns when
  // all are done. `thread` is 0 to threads() - 1.
  virtual void run(int64_t count, Task task) = 0;
};

// Images in channels_last order. Elements lie `pixel_stride` apart from pixel to pixel (at least `channels`:
// more where the map is a range of channels of a wider one), rows and images follow without gaps.
struct Map {
  void* data = nullptr;
  int64_t batch = 0, height = 0, width = 0, channels = 0;
  int64_t pixel_stride = 0;

  IBN_ALWAYS_INLINE int64_t pixels() const { return height * width; }
  IBN_ALWAYS_INLINE int64_t imageStride() const { return height * width * pixel_stride; }
};

// What a kernel does to each element it reads: x * scale[c] + shift[c], then max(0, .) if `relu`. Without
// `scale` only `relu` acts. Padding is zero after it.
struct Affine {
  const float* scale = nullptr;
  const float* shift = nullptr;
  int64_t image_stride = 0;  // from one image's scale and shift to the next; 0: all images share them
  bool relu = false;

  IBN_ALWAYS_INLINE bool none() const { return scale == nullptr && !relu; }
};

struct ConvSpec {
  int64_t in_channels = 0, out_channels = 0;
  int64_t kernel[2] = {1, 1}, stride[2] = {1, 1}, padding[2] = {0, 0}, dilation[2] = {1, 1};
  int64_t groups = 1;

  IBN_ALWAYS_INLINE int64_t outSize(int dim, int64_t size) const {
    return (size + 2 * padding[dim] - dilation[dim] * (kernel[dim] - 1) - 1) / stride[dim] + 1;
  }
};

// (out, in / groups, kH, kW), each output channel times its scale.
struct ConvWeight {
  const float* data = nullptr;
  const double* scale = nullptr;  // null: as they are
  int64_t filter = 0;             // elements of one output channel

  IBN_ALWAYS_INLINE float at(int64_t out, int64_t index) const {
    const float value = data[out * filter + index];
    return scale == nullptr ? value : static_cast<float>(static_cast<double>(value) * scale[out]);
  }
};

struct ConvCall {
  Map input;
  bool planar = false;  // the input is float32 in NCHW order (pixel_stride is not used)
  Map output;
  Affine pre;                 // of the input
  const Map* add = nullptr;   // a map like the output, added to the result; may be the output itself
  bool relu = false;          // after the addition
  float* mean = nullptr;      // [batch][channels]: of what is written, over each image; not with `relu`
  float* variance = nullptr;  // beside `mean`: the biased variance; may be null where only the mean is wanted
  void* scratch = nullptr;    // scratchBytes(), aligned to 64
};

// A convolution with its weights in the order the kernel reads them.
template <class Call>
class ConvKernel {
 public:
  virtual ~ConvKernel();
  // For maps of these sizes; grows with `batch`.
  virtual size_t scratchBytes(int64_t batch, int64_t height, int64_t width, int threads) const = 0;
  virtual void run(const Call& call, Team& team) const = 0;
  virtual const char* algorithm() const = 0;
  virtual size_t weightBytes() const = 0;
};
extern template class ConvKernel<ConvCall>;
using Conv = ConvKernel<ConvCall>;

// An element q of 0 to 255 stands for (q - zero_point) * scale.
struct Quantization {
  float scale = 1;
  int32_t zero_point = 0;
};

// A map of float32, or of kUInt8 with what its elements stand for.
struct QuantizedMap {
  Map map;
  Type type = Type::kFloat32;
  Quantization quantization;
};

// (out, in, kH, kW), symmetric: each stands for itself times its output channel's scale.
struct Int8Weight {
  const int8_t* data = nullptr;
  const float* scale = nullptr;
  const float* bias = nullptr;  // or null
};

struct Int8Call {
  QuantizedMap input;
  bool planar = false;  // the input is float32 in NCHW order (pixel_stride is not used)
  QuantizedMap output;
  Affine pre;                         // of an input of float32, before it is quantised
  const QuantizedMap* add = nullptr;  // added to the result; may be the output itself
  bool relu = false;                  // after the addition
  float* mean = nullptr;              // as of a ConvCall; only with an output of float32
  float* variance = nullptr;
  void* scratch = nullptr;  // scratchBytes(), aligned to 64
};

// A convolution of integers: its input of 8 bits, or quantised so as it is read, its sums of 32 bits, exact.
// What it writes is those times the scales, plus bias and addition, in float32, and then quantised where the
// output is. A NaN is quantised to the least value.
extern template class ConvKernel<Int8Call>;
using Int8Conv = ConvKernel<Int8Call>;

// Products that a sum of 32 bits surely holds.
constexpr int64_t kMostInt8Products = (int64_t{1} << 31) / (int64_t{255} * 128) - 1;

struct Window {
  int64_t kernel[2] = {1, 1}, stride[2] = {1, 1}, padding[2] = {0, 0};
};

enum class Activation : uint8_t { kNone, kRelu, kSigmoid };

// y = activation(x weight^T + bias) for float32 rows.
class Linear {
 public:
  virtual ~Linear();
  virtual void run(const float* x, float* y, int64_t rows, Activation activation, Team& team) const = 0;
  virtual size_t weightBytes() const = 0;
};

// What `pointwise` reads for each element of its output: the element at the same place, or one that stands
// for many, whose strides are 0. Strides are in elements.
struct Operand {
  const void* data = nullptr;
  Type type = Type::kFloat32;
  int64_t image_stride = 0, row_stride = 0, pixel_stride = 0;
  bool single = false;  // one channel for all
};

enum class Combine : uint8_t { kNone, kAdd, kSubtract, kMultiply, kDivide, kMaximum, kMinimum };

// Where the rows or columns of a resized map come from: `share` of each is of the second one. Without shares
// it is the first.
struct Axis {
  const int32_t* first = nullptr;
  const int32_t* second = nullptr;
  const float* share = nullptr;
};

// A function of `kFunctions` (functions.h) with its numbers.
struct Stage {
  int function = 0;
  float numbers[3] = {};
};

struct PointwiseCall {
  Operand input;
  Affine pre;  // of the input
  Combine combine = Combine::kNone;
  Operand other;  // unless kNone
  const Stage* stages = nullptr;
  int stage_count = 0;
  Map output;  // may lie where an operand of its sizes does
};

enum class Reduction : uint8_t { kSum, kMean, kMaximum, kMinimum };

// Which pixels of a row each pixel of another is a sum of: `count[i]` of them from `first[i]` on, by the
// weights from `weights + i * stride` on: 22 binary places, each four times, and then zeros for three pixels
// more.
struct Taps {
  const int32_t* first = nullptr;
  const int32_t* count = nullptr;
  const int32_t* weights = nullptr;
  int64_t stride = 0;
};

// A dense map of `batch` images: NCHW order if `planar`, else channels_last.
struct Dense {
  Type type = Type::kFloat32;
  bool planar = false;
  int64_t batch = 0, channels = 0, pixels = 0;
};

// The gradient of relu(input * scale[c] + shift[c] + addend), where scale and shift come of statistics of the
// input. All float arrays are [batch][channels] or as they say.
struct NormGradient {
  Dense map;
  const void* input = nullptr;
  const void* gradient = nullptr;  // of the output
  bool relu = false;
  const void* output = nullptr;  // the ReLU passes what is above 0 here; null: where input * scale + shift is
  const float *scale = nullptr, *shift = nullptr;
  const float* mean = nullptr;
  void* passed = nullptr;          // what the ReLU passes, written beside the sums; only with `output`
  float* sums = nullptr;           // [batch][2][channels]: of what passes, and of that times (input - mean)
  const float* factors = nullptr;  // [batch][3][channels]
  void* grad_input = nullptr;      // what passes * factors[0] + (input - mean) * factors[1] + factors[2]
};

struct Table {
  const char* name;  // "avx512bf16", "avx512vnni", "avx512", "avxvnni", "avx2" or "baseline"
  // Algorithm: "auto", or one of those that Conv::algorithm() gives; nullptr when that one cannot do `spec`.
  // `height` and `width` are of the input; `bias` may be null.
  Conv* (*makeConv)(const ConvSpec& spec, Type type, int64_t height, int64_t width, const ConvWeight& weight,
                    const float* bias, const char* algorithm);
  // nullptr for groups, and for more than kMostInt8Products an output.
  Int8Conv* (*makeInt8Conv)(const ConvSpec& spec, const Int8Weight& weight, const Quantization& input);
  // Weights are kept in `type`; `weight` is (out, in).
  Linear* (*makeLinear)(int64_t in, int64_t out, Type type, const float* weight, const float* bias);
  void (*maxPool)(Type type, const Map& in, const Map& out, const Window& window, const Affine& pre,
                  Team& team);
  // The divisor is the window's size, or the part of it inside the map when `count_include_pad` is false.
  void (*avgPool)(Type type, const Map& in, const Map& out, const Window& window, bool count_include_pad,
                  const Affine& pre, Team& team);
  // The mean of each channel: out [batch][channels].
  void (*globalMean)(Type type, const Map& in, const Affine& pre, float* out, Team& team);
  // out = pre(in) * gate[batch][channel] + add, then max(0, .) if `relu`. `gate` and `add` may be null; `out`
  // may be `in` or `add`.
  void (*apply)(Type type, const Map& in, const Map& out, const Affine& pre, const float* gate,
                const Map* add, bool relu, Team& team);
  // stages(combine(pre(input), other)), element by element.
  void (*pointwise)(Type type, const PointwiseCall& call, Team& team);
  // Each pixel of `out` from one or from four of `in`. Both axes have shares, or none has.
  void (*resize)(Type type, const Map& in, const Map& out, const Axis& rows, const Axis& columns, Team& team);
  // The channel that is largest, the first of several, a NaN before all else: [batch][pixels].
  void (*argmax)(Type type, const Map& in, int64_t* out, Team& team);
  // Mean and biased variance of each channel of each image, in one pass over the map: [batch][channels].
  void (*statistics)(Type type, const Map& in, float* mean, float* variance, Team& team);
  // scale = weight / sqrt(variance + eps), shift = bias - mean * scale, for [batch][channels]. `weight` and
  // `bias` may be null. Results are written `out_stride` apart from image to image.
  void (*instanceAffine)(int64_t batch, int64_t channels, const float* mean, const float* variance,
                         int64_t in_stride, const float* weight, const float* bias, float eps, float* scale,
                         float* shift, int64_t out_stride);
  // The last two for planes, one after another: `statistics`, and out = in * scale + shift + add, then max(0,
  // .) if `relu`. `add` may be null; scale and shift are [batch][channels].
  void (*planeStatistics)(const Dense& map, const void* in, float* mean, float* variance, Team& team);
  void (*planeApply)(const Dense& map, const void* in, void* out, const float* scale, const float* shift,
                     const void* add, bool relu, Team& team);
  // The sums of a NormGradient (and what its ReLU passes), then its input's gradient.
  void (*normGradientSums)(const NormGradient& call, Team& team);
  void (*normGradientInput)(const NormGradient& call, Team& team);
  // Between NCHW float32 and a map.
  void (*fromPlanar)(Type type, const float* in, const Map& out, Team& team);
  void (*toPlanar)(Type type, const Map& in, float* out, Team& team);
  // Between maps of the same type.
  void (*copy)(Type type, const Map& in, const Map& out, Team& team);
  // The next three go over the channels of each pixel; `out` of the first two may be `in`.
  // e^in / sum(e^in), or the logarithm of that.
  void (*softmax)(Type type, const Map& in, const Map& out, bool logarithm, Team& team);
  // (in - mean) / sqrt(variance + eps) * weight + bias; `weight` and `bias` may be null.
  void (*layerNorm)(Type type, const Map& in, const Map& out, const float* weight, const float* bias,
                    float eps, Team& team);
  // To a map of one channel.
  void (*reduceChannels)(Type type, const Map& in, const Map& out, Reduction reduction, Team& team);
  // Rows of bytes as Pillow sums them, in pixels of four bytes. `in` of the first may have three, and 16
  // bytes behind its row are read.
  void (*filterPixels)(const uint8_t* in, int pixel_bytes, uint8_t* out, int64_t width, const Taps& taps);
  // The sum of `count` rows from `in` on, each by its weight; `bytes` is a multiple of 64.
  void (*filterRows)(const uint8_t* in, int64_t row_stride, uint8_t* out, int64_t bytes,
                     const int32_t* weights, int64_t count);
  // Between such pixels and one to four planes, `stride` bytes from each other, or pixels of three bytes.
  void (*joinPlanes)(const uint8_t* in, int64_t stride, int channels, uint8_t* out, int64_t width);
  void (*partPlanes)(const uint8_t* in, uint8_t* out, int64_t stride, int channels, int64_t width);
  void (*packPixels)(const uint8_t* in, uint8_t* out, int64_t width);
};

// The best of this processor, or the one that IBN_NET_CPU_CAPABILITY names ("default" is "baseline", as in
// torch's ATEN_CPU_CAPABILITY). Throws std::invalid_argument for a name that `tables()` lacks.
const Table& table();
// All that this processor can run, best first, for tests; ends with nullptr.
const Table* const* tables();

// For kernels, which cannot throw standard exceptions themselves.
[[noreturn]] void outOfMemory();

}  // namespace ibn::kernels
