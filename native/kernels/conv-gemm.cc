// Convolution as products of input rows and weight panels, for any window, stride, dilation and groups.
//
// A 1x1 convolution reads the map itself. Others, and those that normalise what they read, first copy a band
// of the image into a thread's scratch, padding included; there the elements of a window's row follow one
// another, so that a row of the window is one run of k. Groups narrower than a vector are joined, with zeros
// between them.
#include "conv-common.h"

namespace ibn::kernels::IBN_ISA {

namespace {

constexpr int64_t kLightBytes = 448 << 10;  // of weights
constexpr int64_t kBandBytes =
    256 << 10;  // of packed input: leaves room for weights in a 1 MB second-level cache

// Groups as the loops see them: `count` blocks of `in` and `out` channels, each of `joined` groups.
struct Blocks {
  int64_t count, in, out, joined;
  explicit Blocks(const ConvSpec& spec) : count(spec.groups), joined(1) {
    in = spec.in_channels / spec.groups;
    out = spec.out_channels / spec.groups;
    while (count % 2 == 0 && out * 2 <= kLanes) {
      count /= 2;
      in *= 2;
      out *= 2;
      joined *= 2;
    }
  }
};

// How one call is divided. `lines` output lines of `width` pixels an image: the whole map is one line for a
// 1x1 convolution without stride or padding.
struct Division {
  int64_t lines, width;
  int64_t bands;       // pieces of an image
  int64_t splits;      // pieces of a block's panels
  int64_t tiles;       // of an image
  int64_t band_tiles;  // at most, in one band
};

template <class T>
class GemmConv final : public Conv {
 public:
  GemmConv(const ConvSpec& spec, const float* weight, const float* bias)
      : spec_(spec),
        blocks_(spec),
        flat_(isFlat(spec)),
        merged_(spec.dilation[1] == 1),
        taps_w_(merged_ ? 1 : spec.kernel[1]),
        run_(merged_ ? spec.kernel[1] * blocks_.in : blocks_.in),
        steps_(ceilDiv(run_, kStep<T>)),
        panels_(ceilDiv(blocks_.out, kPanel)),
        depth_(spec.kernel[0] * taps_w_ * steps_ * kStep<T>),
        weights_(static_cast<size_t>(blocks_.count * blockWeights()) * sizeof(T)),
        bias_(static_cast<size_t>(blocks_.count * panels_ * kPanel) * sizeof(float)) {
    for (int64_t block = 0; block < blocks_.count; block++) packBlock(block, weight, bias);
  }

  const char* algorithm() const override { return "gemm"; }
  size_t weightBytes() const override { return weights_.bytes() + bias_.bytes(); }

  size_t scratchBytes(int64_t batch, int64_t height, int64_t width, int threads) const override {
    Cutter cutter(nullptr);
    const Division d = divide(batch, spec_.outSize(0, height), spec_.outSize(1, width), threads);
    cut(cutter, d, batch, threads);
    return cutter.used();
  }

  void run(const ConvCall& call, Team& team) const override {
    Work w{call, divide(call.output.batch, call.output.height, call.output.width, team.threads())};
    if (call.scratch == nullptr) outOfMemory();
    Cutter cutter(call.scratch);
    w.scratch = cut(cutter, w.division, call.output.batch, team.threads());
    w.pack = !flat_ || call.planar || !call.pre.none() || run_ % kStep<T> != 0;
    const Division& d = w.division;
    for (int t = 0; t < team.threads(); t++) w.scratch.packed_key[t] = -1;
    if (call.mean != nullptr) countTiles(d, w.scratch);
    const int64_t count = call.output.batch * d.bands * blocks_.count * d.splits;
    team.run(count, [&](int64_t index, int thread) { runTask(w, index, thread); });
    if (call.mean != nullptr) join(w, team);
  }

 private:
  struct Scratch {
    T* packed;
    int64_t packed_size;
    int64_t* packed_key;  // what each thread has packed
    float* partials;      // [batch][tiles][2][channels]
    int32_t* first_tile;  // of each band, and one past the last
    int32_t* tile_rows;   // of each tile of an image
  };
  struct Work {
    const ConvCall& call;
    Division division;
    Scratch scratch = {};
    bool pack = false;
  };

  static bool isFlat(const ConvSpec& s) {
    for (int d = 0; d < 2; d++)
      if (s.kernel[d] != 1 || s.stride[d] != 1 || s.padding[d] != 0) return false;
    return true;
  }

  int64_t blockWeights() const { return panels_ * kPanel * depth_; }
  int panelVectors(int64_t panel) const {
    return static_cast<int>(ceilDiv(panel + 1 < panels_ ? kPanel : blocks_.out - panel * kPanel, kLanes));
  }
  int64_t paddedChannels() const { return blocks_.count * panels_ * kPanel; }

  // What is packed of a window of one pixel: only the pixels that the stride leaves.
  int64_t step(int dim) const { return spec_.kernel[dim] == 1 ? spec_.stride[dim] : 1; }
  int64_t stride(int dim) const { return spec_.kernel[dim] == 1 ? 1 : spec_.stride[dim]; }
  int64_t packedExtent(int dim, int64_t out) const {
    return (out - 1) * stride(dim) + (spec_.kernel[dim] - 1) * spec_.dilation[dim] + 1;
  }
  int64_t packedElements(int64_t lines, int64_t width) const {
    if (flat_) return roundUp(width * blocks_.in + kStep<T>, 64);
    return roundUp(packedExtent(0, lines) * packedExtent(1, width) * blocks_.in + kStep<T>, 64);
  }

  Division divide(int64_t batch, int64_t out_height, int64_t out_width, int threads) const {
    Division d{};
    d.lines = flat_ ? 1 : out_height;
    d.width = flat_ ? out_height * out_width : out_width;
    const int64_t units = flat_ ? ceilDiv(d.width, kTileRows) : d.lines;  // the smallest pieces of an image
    const int64_t image = flat_ ? packedElements(1, d.width) : packedElements(d.lines, d.width);
    d.bands = ceilDiv(image * static_cast<int64_t>(sizeof(T)), kBandBytes);
    d.splits = 1;
    const int64_t wanted = threads == 1 ? 1 : kTasksPerThread * threads;
    const bool heavy = blockWeights() > image;  // reading weights again costs more than reading input again
    for (int round = 0; round < 2; round++) {
      const int64_t have = batch * blocks_.count * d.bands * d.splits;
      if (have >= wanted) break;
      const int64_t factor = ceilDiv(wanted, have);
      if ((round == 0) == heavy)
        d.splits = panels_ < factor ? panels_ : factor;
      else
        d.bands *= factor;
      if (d.bands > units) d.bands = units;
    }
    if (d.bands > units) d.bands = units;
    for (int64_t band = 0; band < d.bands; band++) {
      const int64_t tiles = bandTiles(d, band);
      d.tiles += tiles;
      if (tiles > d.band_tiles) d.band_tiles = tiles;
    }
    return d;
  }

  // Lines of a band, or the pixels of the only line.
  int64_t bandStart(const Division& d, int64_t band) const {
    return pieceStart(flat_ ? d.width : d.lines, d.bands, band);
  }
  int64_t bandTiles(const Division& d, int64_t band) const {
    const int64_t size = bandStart(d, band + 1) - bandStart(d, band);
    return flat_ ? ceilDiv(size, kTileRows) : size * ceilDiv(d.width, kTileRows);
  }

  Scratch cut(Cutter& cutter, const Division& d, int64_t batch, int threads) const {
    Scratch s{};
    const int64_t longest = ceilDiv(flat_ ? d.width : d.lines, d.bands);
    s.packed_size = flat_ ? packedElements(1, longest) : packedElements(longest, d.width);
    s.packed = cutter.take<T>(s.packed_size * threads);
    s.packed_key = cutter.take<int64_t>(threads);
    s.partials = cutter.take<float>(batch * d.tiles * 2 * paddedChannels());
    s.first_tile = cutter.take<int32_t>(d.bands + 1);
    s.tile_rows = cutter.take<int32_t>(d.tiles);
    return s;
  }

  void countTiles(const Division& d, const Scratch& s) const {
    int32_t tile = 0;
    for (int64_t band = 0; band < d.bands; band++) {
      s.first_tile[band] = tile;
      const int64_t size = bandStart(d, band + 1) - bandStart(d, band);
      const int64_t lines = flat_ ? 1 : size, width = flat_ ? size : d.width;
      const int64_t pieces = ceilDiv(width, kTileRows);
      for (int64_t line = 0; line < lines; line++)
        for (int64_t i = 0; i < pieces; i++)
          s.tile_rows[tile++] =
              static_cast<int32_t>(pieceStart(width, pieces, i + 1) - pieceStart(width, pieces, i));
    }
    s.first_tile[d.bands] = tile;
  }

  void packBlock(int64_t block, const float* weight, const float* bias) {
    const int64_t in_group = spec_.in_channels / spec_.groups;
    const int64_t taps = spec_.kernel[0] * spec_.kernel[1];
    float* biases = bias_.as<float>() + block * panels_ * kPanel;
    for (int64_t o = 0; o < blocks_.out; o++) {
      const int64_t channel = block * blocks_.out + o;
      if (bias != nullptr) biases[o] = bias[channel];
      const int64_t group = o / (blocks_.out / blocks_.joined);
      for (int64_t i = 0; i < in_group; i++)
        for (int64_t tap = 0; tap < taps; tap++)
          *weightAt(block, o, group * in_group + i, tap) =
              fromFloat<T>(weight[(channel * in_group + i) * taps + tap]);
    }
  }

  // Where the weight of output channel `o`, input channel `i` and `tap` lies in the panels of a block.
  T* weightAt(int64_t block, int64_t o, int64_t i, int64_t tap) {
    const int64_t panel = o / kPanel, lane = o % kPanel, width = panelVectors(panel) * kLanes;
    const int64_t kh = tap / spec_.kernel[1], kw = tap % spec_.kernel[1];
    const int64_t row = merged_ ? kh : kh * taps_w_ + kw;
    const int64_t k = merged_ ? kw * blocks_.in + i : i;
    const int64_t step = row * steps_ + k / kStep<T>;
    return weights_.as<T>() + block * blockWeights() + panel * kPanel * depth_ +
           (step * width + lane) * kStep<T> + k % kStep<T>;
  }

  // `count` pixels of line `y`, `step` apart from `x` on, all inside the map; their channels of `block`.
  void packRun(const ConvCall& call, int64_t image, int64_t block, int64_t y, int64_t x, int64_t count,
               int64_t step, T* to) const {
    const Map& in = call.input;
    const int64_t first = block * blocks_.in, channels = blocks_.in;
    if (call.planar) {
      const float* from =
          static_cast<const float*>(in.data) + (image * in.channels + first) * in.pixels() + y * in.width + x;
      for (int64_t c = 0; c < channels; c++, from += in.pixels())
        for (int64_t i = 0; i < count; i++) to[i * channels + c] = fromFloat<T>(from[i * step]);
      if (call.pre.none()) return;
      for (int64_t i = 0; i < count; i++, to += channels) readPixel(to, to, channels, call.pre, image, first);
      return;
    }
    const T* from = static_cast<const T*>(in.data) + image * in.imageStride() +
                    (y * in.width + x) * in.pixel_stride + first;
    if (call.pre.none() && step * in.pixel_stride == channels) {
      __builtin_memcpy(to, from, static_cast<size_t>(count * channels) * sizeof(T));
      return;
    }
    for (int64_t i = 0; i < count; i++, to += channels, from += step * in.pixel_stride)
      readPixel(from, to, channels, call.pre, image, first);
  }

  void packFlat(const ConvCall& call, int64_t image, int64_t block, int64_t from, int64_t to,
                T* packed) const {
    const int64_t width = call.input.width;
    while (from < to) {
      const int64_t x = from % width, count = to - from < width - x ? to - from : width - x;
      packRun(call, image, block, from / width, x, count, 1, packed);
      packed += count * blocks_.in;
      from += count;
    }
  }

  void packLines(const ConvCall& call, int64_t image, int64_t block, int64_t from, int64_t to,
                 T* packed) const {
    const int64_t lines = packedExtent(0, to - from), width = packedExtent(1, call.output.width);
    const int64_t channels = blocks_.in, apart = step(1), padding = spec_.padding[1];
    // Pixels of a packed line before the map, and up to its end.
    int64_t before = ceilDiv(padding, apart), inside = ceilDiv(call.input.width + padding, apart);
    if (before > width) before = width;
    if (inside > width) inside = width;
    for (int64_t line = 0; line < lines; line++, packed += width * channels) {
      const int64_t y = from * spec_.stride[0] - spec_.padding[0] + line * step(0);
      const bool outside = y < 0 || y >= call.input.height;
      const int64_t left = outside ? width : before;
      zero(packed, left * channels);
      if (outside) continue;
      if (inside > before)
        packRun(call, image, block, y, before * apart - padding, inside - before, apart,
                packed + before * channels);
      zero(packed + inside * channels, (width - inside) * channels);
    }
  }

  static void zero(T* to, int64_t count) { __builtin_memset(to, 0, static_cast<size_t>(count) * sizeof(T)); }

  const T* pack(const Work& w, int64_t image, int64_t block, int64_t band, int thread) const {
    const Scratch& s = w.scratch;
    const Division& d = w.division;
    T* packed = s.packed + thread * s.packed_size;
    const int64_t key = (image * blocks_.count + block) * d.bands + band;
    if (s.packed_key[thread] == key) return packed;
    s.packed_key[thread] = key;
    const int64_t from = bandStart(d, band), to = bandStart(d, band + 1);
    if (flat_) return packPiece(w, image, block, from, to - from, thread);
    packLines(w.call, image, block, from, to, packed);
    zero(packed + packedExtent(0, to - from) * packedExtent(1, d.width) * blocks_.in, kStep<T> - 1);
    return packed;
  }

  // Some pixels of a flat map. bfloat16 reads one element more where a run is odd.
  const T* packPiece(const Work& w, int64_t image, int64_t block, int64_t from, int64_t count,
                     int thread) const {
    T* packed = w.scratch.packed + thread * w.scratch.packed_size;
    packFlat(w.call, image, block, from, from + count, packed);
    zero(packed + count * blocks_.in, kStep<T> - 1);
    return packed;
  }

  void runTask(const Work& w, int64_t index, int thread) const {
    const Division& d = w.division;
    const int64_t split = index % d.splits, block = index / d.splits % blocks_.count;
    const int64_t band = index / (d.splits * blocks_.count) % d.bands;
    const int64_t image = index / (d.splits * blocks_.count * d.bands);
    const int64_t from = bandStart(d, band), to = bandStart(d, band + 1);
    const int64_t first = pieceStart(panels_, d.splits, split),
                  last = pieceStart(panels_, d.splits, split + 1);
    // Light weights stay in the cache: then whole pixels are written one after another.
    const bool light =
        flat_ && (last - first) * kPanel * depth_ * static_cast<int64_t>(sizeof(T)) <= kLightBytes;
    TileCall<T> c{};
    if (w.pack) {
      if (!light) c.a = pack(w, image, block, band, thread);
      c.row_stride = stride(1) * blocks_.in;
    } else {
      const Map& in = w.call.input;
      c.a = static_cast<const T*>(in.data) + image * in.imageStride() + from * in.pixel_stride +
            block * blocks_.in;
      c.row_stride = in.pixel_stride;
    }
    const int64_t line_elements = flat_ ? 0 : packedExtent(1, d.width) * blocks_.in;
    c.taps[0] = spec_.kernel[0];
    c.taps[1] = taps_w_;
    c.tap_stride[0] = spec_.dilation[0] * line_elements;
    c.tap_stride[1] = spec_.dilation[1] * blocks_.in;
    c.steps = steps_;
    c.out_stride = w.call.output.pixel_stride;
    c.relu = w.call.relu;
    const int64_t tile = w.call.mean == nullptr ? 0 : w.scratch.first_tile[band];
    if (!flat_) {
      runLines(w, c, {image, block, first, tile}, last, from, to, line_elements);
      return;
    }
    const int64_t width = to - from, pieces = light ? ceilDiv(width, kTileRows) : 1;
    for (int64_t i = 0; i < pieces; i++) {
      const int64_t x = pieceStart(width, pieces, i);
      TileCall<T> piece = c;
      const int64_t rows = pieceStart(width, pieces, i + 1) - x;
      if (light && w.pack)
        piece.a = packPiece(w, image, block, from + x, rows, thread);
      else
        piece.a += x * c.row_stride;
      for (int64_t panel = first; panel < last; panel++)
        runLine(w, piece, {image, block, panel, tile + i}, from + x, rows);
    }
  }

  struct Place {
    int64_t image, block, panel, tile;
  };

  void runLines(const Work& w, const TileCall<T>& c, const Place& place, int64_t last_panel, int64_t from,
                int64_t to, int64_t line_elements) const {
    const int64_t pieces = ceilDiv(w.division.width, kTileRows);
    for (int64_t panel = place.panel; panel < last_panel; panel++) {
      TileCall<T> line = c;
      for (int64_t y = from; y < to; y++) {
        line.a = c.a + (y - from) * stride(0) * line_elements;
        runLine(w, line, {place.image, place.block, panel, place.tile + (y - from) * pieces},
                y * w.division.width, w.division.width);
      }
    }
  }

  // `width` pixels of the output from `pixel` on, one panel of channels.
  void runLine(const Work& w, TileCall<T> c, const Place& place, int64_t pixel, int64_t width) const {
    const Map& out = w.call.output;
    const int64_t panel = place.block * panels_ + place.panel;
    const int64_t channel = place.block * blocks_.out + place.panel * kPanel;
    const int64_t left = blocks_.out - place.panel * kPanel;
    const int vectors = panelVectors(place.panel);
    c.channels = left < kPanel ? left : kPanel;
    c.b = weights_.as<T>() + place.block * blockWeights() + place.panel * kPanel * depth_;
    c.bias = bias_.as<float>() + panel * kPanel;
    T* out_line =
        static_cast<T*>(out.data) + place.image * out.imageStride() + pixel * out.pixel_stride + channel;
    const Map* add = w.call.add;
    const T* add_line = add == nullptr ? nullptr
                                       : static_cast<const T*>(add->data) + place.image * add->imageStride() +
                                             pixel * add->pixel_stride + channel;
    c.add_stride = add == nullptr ? 0 : add->pixel_stride;
    const Partials partials{w.scratch.partials + place.image * w.division.tiles * 2 * paddedChannels(),
                            paddedChannels()};
    const T* a = c.a;
    const int64_t pieces = ceilDiv(width, kTileRows);
    for (int64_t i = 0; i < pieces; i++) {
      const int64_t x = pieceStart(width, pieces, i), rows = pieceStart(width, pieces, i + 1) - x;
      c.a = a + x * c.row_stride;
      c.out = out_line + x * out.pixel_stride;
      c.add = add == nullptr ? nullptr : add_line + x * c.add_stride;
      if (w.call.mean != nullptr) {
        c.mean = partials.mean(place.tile + i) + panel * kPanel;
        c.deviation = partials.deviation(place.tile + i) + panel * kPanel;
      }
      tileFor<T>(rows, vectors)(c);
    }
  }

  void join(const Work& w, Team& team) const {
    const ConvCall& call = w.call;
    const int64_t per_image = blocks_.count * panels_;
    team.run(call.output.batch * per_image, [&](int64_t index, int) {
      const int64_t image = index / per_image, block = index % per_image / panels_, panel = index % panels_;
      const int64_t left = blocks_.out - panel * kPanel;
      const int64_t channels = left < kPanel ? left : kPanel;
      // Statistics of a block begin at a panel's start, its channels where the last block's end.
      const Partials partials{w.scratch.partials + image * w.division.tiles * 2 * paddedChannels(),
                              paddedChannels()};
      const int64_t at = (block * panels_ + panel) * kPanel;
      const int64_t to = image * spec_.out_channels + block * blocks_.out + panel * kPanel;
      const Partials shifted{partials.data + at, partials.channels};
      joinStatistics(shifted, w.scratch.tile_rows, w.division.tiles, 0, channels, call.mean + to,
                     call.variance == nullptr ? nullptr : call.variance + to);
    });
  }

  ConvSpec spec_;
  Blocks blocks_;
  bool flat_, merged_;
  int64_t taps_w_, run_, steps_, panels_, depth_;
  Block weights_, bias_;
};

}  // namespace

Conv* makeGemmConv(const ConvSpec& spec, Type type, int64_t, int64_t, const float* weight,
                   const float* bias) {
  if (type == Type::kFloat32) return new GemmConv<float>(spec, weight, bias);
  return new GemmConv<bfloat16>(spec, weight, bias);
}

}  // namespace ibn::kernels::IBN_ISA
