// 3x3 convolutions of many narrow groups (4 to kLanes channels each, as in ResNeXt), a vector of groups at a
// time.
//
// Each lane is an output channel. Input channel i of every group is spread over the lanes of its group, and
// serves the three outputs of a line that it is part of: nothing is multiplied by the zeros between groups,
// and one value read makes three products.
#include "packing.h"

namespace ibn::kernels::IBN_ISA {

namespace {

constexpr int64_t kBandBytes = 48 << 10;  // of packed input
// Outputs of a line that are summed in registers, beside three weights and the input.
#if IBN_LANES == 16 || defined(__aarch64__)
constexpr int kRows = 14;
#else
constexpr int kRows = 7;
#endif
constexpr int kFewRows = 7;

template <class T>
struct LineCall {
  const T* a;            // packed pixels of kLanes channels
  int64_t line_stride;   // from one packed line to the next
  const float* weights;  // [window row][input channel of a group][window column][kLanes]
  Vec bias;
  int64_t rows;  // outputs
  T* out;
  int64_t out_stride;
  const T* add;  // or null
  int64_t add_stride;
  bool relu;
  float* mean;  // or null, and then the sum of squared differences from it
  float* deviation;
};

#define IBN_SPREAD(lane) ((lane) / C * C + I)

// Channel I of each group of C lanes, in all lanes of the group.
template <int C, int I>
IBN_INLINE Vec spread(Vec v) {
#if IBN_LANES == 16
  return __builtin_shufflevector(v, v, IBN_SPREAD(0), IBN_SPREAD(1), IBN_SPREAD(2), IBN_SPREAD(3),
                                 IBN_SPREAD(4), IBN_SPREAD(5), IBN_SPREAD(6), IBN_SPREAD(7), IBN_SPREAD(8),
                                 IBN_SPREAD(9), IBN_SPREAD(10), IBN_SPREAD(11), IBN_SPREAD(12),
                                 IBN_SPREAD(13), IBN_SPREAD(14), IBN_SPREAD(15));
#elif IBN_LANES == 8
  return __builtin_shufflevector(v, v, IBN_SPREAD(0), IBN_SPREAD(1), IBN_SPREAD(2), IBN_SPREAD(3),
                                 IBN_SPREAD(4), IBN_SPREAD(5), IBN_SPREAD(6), IBN_SPREAD(7));
#else
  return __builtin_shufflevector(v, v, IBN_SPREAD(0), IBN_SPREAD(1), IBN_SPREAD(2), IBN_SPREAD(3));
#endif
}

// Adds the products of one input channel of a window's row. Output r reads the pixels r * S to r * S + 2.
template <int S, int R, class Read>
IBN_INLINE void addChannel(const float* weights, const Read& read, Vec (&sum)[R]) {
  const Vec w[3] = {load(weights), load(weights + kLanes), load(weights + 2 * kLanes)};
#pragma GCC unroll 32
  for (int p = 0; p <= (R - 1) * S + 2; p++) {
    const Vec x = read(p);
#pragma GCC unroll 4
    for (int k = 0; k < 3; k++)
      if (p >= k && (p - k) % S == 0 && (p - k) / S < R) sum[(p - k) / S] += x * w[k];
  }
}

// Weights of one input channel of a window's row.
constexpr int64_t kChannel = 3 * kLanes;

template <class T, int C, int S, int R, int I = 0>
IBN_INLINE void addSpread(const T* a, const float* weights, Vec (&sum)[R]) {
  addChannel<S, R>(weights + I * kChannel, [&](int p) { return spread<C, I>(load(a + p * kLanes)); }, sum);
  if constexpr (I + 1 < C) addSpread<T, C, S, R, I + 1>(a, weights, sum);
}

template <int R, class T>
IBN_INLINE void writeLine(const LineCall<T>& c, Vec (&sum)[R]) {
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
    if (r >= c.rows) break;
    if (c.add != nullptr) sum[r] += load(c.add + r * c.add_stride);
    if (c.relu) sum[r] = relu(sum[r]);
    store(c.out + r * c.out_stride, sum[r]);
  }
  if (c.mean == nullptr) return;
  // As in tile.h.
  const Vec first = asStored<T>(sum[0]);
  Vec total = {}, squares = {};
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
    sum[r] = asStored<T>(sum[r]) - first;
    if (r < c.rows) total += sum[r];
  }
  const Vec mean = total * splat(1.0F / static_cast<float>(c.rows));
#pragma GCC unroll 16
  for (int r = 0; r < R; r++)
    if (r < c.rows) squares += (sum[r] - mean) * (sum[r] - mean);
  store(c.mean, first + mean);
  store(c.deviation, squares);
}

template <class T, int C, int S, int R>
void line(const LineCall<T>& c) {
  Vec sum[R];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) sum[r] = c.bias;
  for (int row = 0; row < 3; row++) {
    const T* a = c.a + row * c.line_stride;
    const float* weights = c.weights + row * (C * kChannel);
    if constexpr (C == kLanes) {
      for (int i = 0; i < C; i++)
        addChannel<S, R>(
            weights + i * kChannel, [&](int p) { return splat(toFloat(a[p * kLanes + i])); }, sum);
    } else {
      addSpread<T, C, S, R>(a, weights, sum);
    }
  }
  writeLine(c, sum);
}

template <class T>
using LineFn = void (*)(const LineCall<T>&);

template <class T, int C>
LineFn<T> lineOf(int64_t stride, int64_t rows) {
  if (stride == 1) return rows > kFewRows ? line<T, C, 1, kRows> : line<T, C, 1, kFewRows>;
  return rows > kFewRows ? line<T, C, 2, kRows> : line<T, C, 2, kFewRows>;
}

template <class T>
LineFn<T> lineFor(int64_t channels, int64_t stride, int64_t rows) {
  if (channels == kLanes) return lineOf<T, kLanes>(stride, rows);
#if IBN_LANES == 16
  if (channels == 8) return lineOf<T, 8>(stride, rows);
#endif
#if IBN_LANES > 4
  if (channels == 4) return lineOf<T, 4>(stride, rows);
#endif
  return nullptr;
}

struct Division {
  int64_t bands, band_lines;  // of an image
  int64_t pieces;             // of a line
  int64_t tiles;              // pieces of an image
};

template <class T>
class GroupedConv final : public Conv {
 public:
  GroupedConv(const ConvSpec& spec, const ConvWeight& weight, const float* bias)
      : spec_(spec),
        group_(spec.in_channels / spec.groups),
        vectors_(spec.out_channels / kLanes),
        packing_(spec, kLanes, kLanes),
        weights_(static_cast<size_t>(spec.out_channels * group_ * 9) * sizeof(float)),
        bias_(static_cast<size_t>(spec.out_channels) * sizeof(float)) {
    for (int64_t o = 0; o < spec.out_channels; o++) {
      if (bias != nullptr) bias_.as<float>()[o] = bias[o];
      for (int64_t i = 0; i < group_; i++)
        for (int64_t tap = 0; tap < 9; tap++) *at(o, i, tap / 3, tap % 3) = weight.at(o, i * 9 + tap);
    }
  }

  const char* algorithm() const override { return "grouped"; }
  size_t weightBytes() const override { return weights_.bytes() + bias_.bytes(); }

  size_t scratchBytes(int64_t batch, int64_t height, int64_t width, int threads) const override {
    ScratchCutter cutter(nullptr);
    const Division d = divide(batch, spec_.outSize(0, height), spec_.outSize(1, width), threads);
    cut(cutter, d, batch, spec_.outSize(1, width), threads);
    return cutter.used();
  }

  void run(const ConvCall& call, Team& team) const override {
    const Map& out = call.output;
    if (call.scratch == nullptr) outOfMemory();
    Work w{call, divide(out.batch, out.height, out.width, team.threads())};
    ScratchCutter cutter(call.scratch);
    w.scratch = cut(cutter, w.division, out.batch, out.width, team.threads());
    const Division& d = w.division;
    for (int64_t tile = 0; call.mean != nullptr && tile < d.tiles; tile++)
      w.scratch.tile_rows[tile] = static_cast<int32_t>(pieceStart(out.width, d.pieces, tile % d.pieces + 1) -
                                                       pieceStart(out.width, d.pieces, tile % d.pieces));
    team.run(out.batch * vectors_ * d.bands, [&](int64_t index, int thread) {
      const int64_t vector = index / d.bands % vectors_;
      runBand(w, index / (d.bands * vectors_), vector, index % d.bands, thread);
    });
    if (call.mean != nullptr) join(w, team);
  }

 private:
  struct Scratch {
    T* packed;  // of each thread
    int64_t packed_size;
    float* partials;
    int32_t* tile_rows;
  };
  struct Work {
    const ConvCall& call;
    Division division;
    Scratch scratch = {};
  };

  float* at(int64_t o, int64_t i, int64_t row, int64_t column) const {
    const int64_t vector = o / kLanes, line = (vector * 3 + row) * group_ + i;
    return weights_.as<float>() + (line * 3 + column) * kLanes + o % kLanes;
  }

  Division divide(int64_t batch, int64_t height, int64_t width, int threads) const {
    Division d{};
    const int64_t bytes = packing_.elements(height, width) * static_cast<int64_t>(sizeof(T));
    d.bands = ceilDiv(bytes, kBandBytes);
    const int64_t wanted = threads == 1 ? 1 : kTasksPerThread * threads, have = batch * vectors_;
    if (have * d.bands < wanted) d.bands = ceilDiv(wanted, have);
    if (d.bands > height) d.bands = height;
    d.band_lines = ceilDiv(height, d.bands);
    d.pieces = ceilDiv(width, kRows);
    d.tiles = height * d.pieces;
    return d;
  }

  Scratch cut(ScratchCutter& cutter, const Division& d, int64_t batch, int64_t width, int threads) const {
    Scratch s{};
    // The last piece of a line is computed whole, and reads past its end.
    s.packed_size = roundUp(packing_.elements(d.band_lines, width) + 2 * kLanes * kRows, 64);
    s.packed = cutter.take<T>(s.packed_size * threads);
    s.partials = cutter.take<float>(batch * d.tiles * 2 * spec_.out_channels);
    s.tile_rows = cutter.take<int32_t>(d.tiles);
    return s;
  }

  Partials partialsOf(const Work& w, int64_t image) const {
    return {w.scratch.partials + image * w.division.tiles * 2 * spec_.out_channels, spec_.out_channels};
  }

  void runBand(const Work& w, int64_t image, int64_t vector, int64_t band, int thread) const {
    const Division& d = w.division;
    const Map& out = w.call.output;
    const int64_t from = pieceStart(out.height, d.bands, band),
                  to = pieceStart(out.height, d.bands, band + 1);
    T* packed = w.scratch.packed + thread * w.scratch.packed_size;
    packing_.lines(w.call, image, vector * kLanes, from, to, packed);
    LineCall<T> c{};
    c.line_stride = packing_.extent(1, out.width) * kLanes;
    c.weights = weights_.as<float>() + vector * 9 * group_ * kLanes;
    c.bias = load(bias_.as<float>() + vector * kLanes);
    c.out_stride = out.pixel_stride;
    c.add_stride = w.call.add == nullptr ? 0 : w.call.add->pixel_stride;
    c.relu = w.call.relu;
    for (int64_t y = from; y < to; y++) {
      c.a = packed + (y - from) * spec_.stride[0] * c.line_stride;
      runLine(w, c, image, vector, y);
    }
  }

  void runLine(const Work& w, const LineCall<T>& call, int64_t image, int64_t vector, int64_t y) const {
    const Map& out = w.call.output;
    const Map* add = w.call.add;
    const int64_t channel = vector * kLanes, pieces = w.division.pieces;
    for (int64_t i = 0; i < pieces; i++) {
      const int64_t x = pieceStart(out.width, pieces, i), pixel = y * out.width + x;
      LineCall<T> c = call;
      c.rows = pieceStart(out.width, pieces, i + 1) - x;
      c.a += x * spec_.stride[1] * kLanes;
      c.out = static_cast<T*>(out.data) + image * out.imageStride() + pixel * out.pixel_stride + channel;
      if (add != nullptr)
        c.add = static_cast<const T*>(add->data) + image * add->imageStride() + pixel * add->pixel_stride +
                channel;
      if (w.call.mean != nullptr) {
        c.mean = partialsOf(w, image).mean(y * pieces + i) + channel;
        c.deviation = partialsOf(w, image).deviation(y * pieces + i) + channel;
      }
      lineFor<T>(group_, spec_.stride[1], c.rows)(c);
    }
  }

  void join(const Work& w, Team& team) const {
    const ConvCall& call = w.call;
    team.run(call.output.batch * vectors_, [&](int64_t index, int) {
      const int64_t image = index / vectors_, from = index % vectors_ * kLanes;
      const int64_t at = image * spec_.out_channels;
      joinStatistics(partialsOf(w, image), w.scratch.tile_rows, w.division.tiles, from, from + kLanes,
                     call.mean + at, call.variance == nullptr ? nullptr : call.variance + at);
    });
  }

  ConvSpec spec_;
  int64_t group_, vectors_;
  Packing<T> packing_;
  AlignedBuffer weights_, bias_;
};

bool fits(const ConvSpec& s) {
  const int64_t group = s.in_channels / s.groups;
  for (int d = 0; d < 2; d++)
    if (s.kernel[d] != 3 || s.dilation[d] != 1 || s.stride[d] > 2 || s.stride[d] != s.stride[0]) return false;
  return s.groups > 1 && s.out_channels == s.in_channels && s.out_channels % kLanes == 0 && group <= kLanes &&
         lineFor<float>(group, 1, 1) != nullptr;
}

}  // namespace

Conv* makeGroupedConv(const ConvSpec& spec, Type type, int64_t, int64_t, const ConvWeight& weight,
                      const float* bias) {
  if (!fits(spec)) return nullptr;
  if (type == Type::kFloat32) return new GroupedConv<float>(spec, weight, bias);
  return new GroupedConv<bfloat16>(spec, weight, bias);
}

}  // namespace ibn::kernels::IBN_ISA
