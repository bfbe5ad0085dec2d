// 3x3 convolutions of stride 1 by Winograd's minimal filtering, computed in float32 whatever the maps are.
//
// With dilation d the pixels whose rows and columns leave the same rests by d are a map of their own, and a
// tile lies in one of them.
//
// A task takes a block of tiles of one image: it transforms their inputs for all channels into its thread's
// scratch, multiplies them by the transformed weights one panel of output channels at a time, and transforms
// the products back while they are in the cache.
#include "winograd.h"
#include "common.h"

namespace ibn::kernels::IBN_ISA {

namespace {

constexpr int64_t kBlockBytes = 640 << 10;  // of transformed input

template <int M, class T>
class WinogradConv final : public Conv {
  static constexpr int kTile = Winograd<M>::kTile;
  static constexpr int kPoints = kTile * kTile;

 public:
  WinogradConv(const ConvSpec& spec, const ConvWeight& weight, const float* bias)
      : spec_(spec),
        in_(spec.in_channels),
        padded_in_(roundUp(spec.in_channels, kLanes)),
        panels_(ceilDiv(spec.out_channels, kPanel)),
        weights_(static_cast<size_t>(panels_ * kPoints * in_ * kPanel) * sizeof(float)),
        bias_(static_cast<size_t>(panels_ * kPanel) * sizeof(float)) {
    for (int64_t o = 0; o < spec.out_channels; o++) {
      if (bias != nullptr) bias_.as<float>()[o] = bias[o];
      for (int64_t i = 0; i < in_; i++) packFilter(weight, o, i);
    }
  }

  const char* algorithm() const override { return M == 4 ? "winograd4" : "winograd2"; }
  size_t weightBytes() const override { return weights_.bytes() + bias_.bytes(); }

  size_t scratchBytes(int64_t batch, int64_t height, int64_t width, int threads) const override {
    ScratchCutter cutter(nullptr);
    cut(cutter, divide(batch, spec_.outSize(0, height), spec_.outSize(1, width), threads), batch, threads);
    return cutter.used();
  }

  void run(const ConvCall& call, Team& team) const override {
    const int64_t batch = call.output.batch;
    Work w{call, divide(batch, call.output.height, call.output.width, team.threads())};
    if (call.scratch == nullptr) outOfMemory();
    ScratchCutter cutter(call.scratch);
    w.scratch = cut(cutter, w.division, batch, team.threads());
    const Division& d = w.division;
    for (int t = 0; t < team.threads(); t++) w.scratch.key[t] = -1;
    for (int64_t tile = 0; call.mean != nullptr && tile < d.tiles; tile++)
      w.scratch.tile_pixels[tile] =
          static_cast<int32_t>(d.rows.at(tile / d.across).count * d.columns.at(tile % d.across).count);
    team.run(batch * d.blocks * d.splits, [&](int64_t index, int thread) { runTask(w, index, thread); });
    if (call.mean != nullptr) join(w, team);
  }

 private:
  struct Division {
    WinogradSpan rows, columns;
    int64_t across, tiles;   // of an image
    int64_t blocks, splits;  // pieces of an image's tiles, of the panels
    int64_t block_tiles;     // at most, in one block
  };
  struct Scratch {
    float* input;     // of each thread: [point][tile][channel]
    float* products;  // of each thread: [point][tile][kPanel]
    int64_t* key;     // the block whose input each thread holds
    float* partials;
    int32_t* tile_pixels;
  };
  struct Work {
    const ConvCall& call;
    Division division;
    Scratch scratch = {};
  };

  Division divide(int64_t batch, int64_t height, int64_t width, int threads) const {
    Division d{};
    d.rows = WinogradSpan(height, spec_.dilation[0], M);
    d.columns = WinogradSpan(width, spec_.dilation[1], M);
    d.across = d.columns.tiles();
    d.tiles = d.rows.tiles() * d.across;
    const int64_t tile_bytes = kPoints * padded_in_ * static_cast<int64_t>(sizeof(float));
    const int64_t small = ceilDiv(d.tiles, kTileRows);
    d.blocks = ceilDiv(d.tiles * tile_bytes, kBlockBytes);
    d.splits = 1;
    const int64_t wanted = threads == 1 ? 1 : kTasksPerThread * threads;
    const bool heavy = static_cast<int64_t>(weights_.bytes()) > d.tiles * tile_bytes;
    if (batch * d.blocks < wanted && !heavy) d.blocks = ceilDiv(wanted, batch);
    if (d.blocks > small) d.blocks = small;
    if (batch * d.blocks < wanted) d.splits = ceilDiv(wanted, batch * d.blocks);
    if (d.splits > panels_) d.splits = panels_;
    d.block_tiles = ceilDiv(d.tiles, d.blocks);
    return d;
  }

  int64_t inputElements(const Division& d) const { return kPoints * d.block_tiles * padded_in_; }
  int64_t productElements(const Division& d) const { return kPoints * d.block_tiles * kPanel; }

  Scratch cut(ScratchCutter& cutter, const Division& d, int64_t batch, int threads) const {
    Scratch s{};
    s.input = cutter.take<float>(inputElements(d) * threads);
    s.products = cutter.take<float>(productElements(d) * threads);
    s.key = cutter.take<int64_t>(threads);
    s.partials = cutter.take<float>(batch * d.tiles * 2 * panels_ * kPanel);
    s.tile_pixels = cutter.take<int32_t>(d.tiles);
    return s;
  }

  void packFilter(const ConvWeight& weight, int64_t o, int64_t i) {
    constexpr auto& f = Winograd<M>::kFilter;
    float g[9];
    for (int tap = 0; tap < 9; tap++) g[tap] = weight.at(o, i * 9 + tap);
    double half[kTile][3];
    for (int r = 0; r < kTile; r++)
      for (int c = 0; c < 3; c++) half[r][c] = f[r][0] * g[c] + f[r][1] * g[3 + c] + f[r][2] * g[6 + c];
    const int64_t panel = o / kPanel, width = panelVectors(panel) * kLanes;
    float* to = weights_.as<float>() + panel * kPoints * in_ * kPanel + i * width + o % kPanel;
    for (int r = 0; r < kTile; r++)
      for (int c = 0; c < kTile; c++, to += in_ * width)
        *to = static_cast<float>(half[r][0] * f[c][0] + half[r][1] * f[c][1] + half[r][2] * f[c][2]);
  }

  int panelVectors(int64_t panel) const {
    return static_cast<int>(
        ceilDiv(panel + 1 < panels_ ? kPanel : spec_.out_channels - panel * kPanel, kLanes));
  }

  void runTask(const Work& w, int64_t index, int thread) const {
    const Division& d = w.division;
    const int64_t split = index % d.splits, block = index / d.splits % d.blocks;
    const int64_t image = index / (d.splits * d.blocks);
    const int64_t from = pieceStart(d.tiles, d.blocks, block), to = pieceStart(d.tiles, d.blocks, block + 1);
    float* input = w.scratch.input + thread * inputElements(d);
    const int64_t key = image * d.blocks + block;
    if (w.scratch.key[thread] != key) {
      w.scratch.key[thread] = key;
      for (int64_t tile = from; tile < to; tile++)
        transformInput(w, image, tile, input + (tile - from) * padded_in_);
    }
    float* products = w.scratch.products + thread * productElements(d);
    const int64_t first = pieceStart(panels_, d.splits, split),
                  last = pieceStart(panels_, d.splits, split + 1);
    for (int64_t panel = first; panel < last; panel++) {
      multiply(d, input, to - from, panel, last, products);
      for (int64_t tile = from; tile < to; tile++)
        transformOutput(w, image, tile, panel, products + (tile - from) * kPanel);
    }
  }

  void multiply(const Division& d, const float* input, int64_t tiles, int64_t panel, int64_t last,
                float* products) const {
    static constexpr float kNoBias[kPanel] = {};
    const int vectors = panelVectors(panel);
    TileCall<float> c{};
    c.row_stride = padded_in_;
    c.taps[0] = c.taps[1] = 1;
    c.steps = in_;
    c.bias = kNoBias;
    c.out_stride = kPanel;
    c.channels = vectors * kLanes;
    const float* weights = weights_.as<float>() + panel * kPoints * in_ * kPanel;
    const int64_t pieces = ceilDiv(tiles, kTileRows);
    const int64_t size =
        in_ * vectors * kLanes;  // of a point's weights; the next panel's follow the last point's
    for (int64_t point = 0; point < kPoints; point++) {
      c.b = weights + point * size;
      const bool more = point + 1 < kPoints || panel + 1 < last;
      Prefetcher<float> ahead(c.b + size, more ? size : 0);
      for (int64_t i = 0; i < pieces; i++) {
        const int64_t row = pieceStart(tiles, pieces, i);
        c.a = input + (point * d.block_tiles + row) * padded_in_;
        c.out = products + (point * d.block_tiles + row) * kPanel;
        c.ahead = ahead.take(c);
        tileFor<float>(pieceStart(tiles, pieces, i + 1) - row, vectors)(c);
      }
    }
  }

  // All channels of one tile; points lie `block_tiles * padded_in_` apart.
  void transformInput(const Work& w, int64_t image, int64_t tile, float* to) const {
    const Map& in = w.call.input;
    const Division& d = w.division;
    const int64_t y = d.rows.at(tile / d.across).from - spec_.padding[0];
    const int64_t x = d.columns.at(tile % d.across).from - spec_.padding[1];
    if (w.call.planar) return transformPlanar(w, image, y, x, to);
    const T* from =
        static_cast<const T*>(in.data) + image * in.imageStride() + (y * in.width + x) * in.pixel_stride;
    const bool whole = y >= 0 && x >= 0 && y + (kTile - 1) * spec_.dilation[0] < in.height &&
                       x + (kTile - 1) * spec_.dilation[1] < in.width;
    const Reader reader(w.call.pre, image);
    for (int64_t c = 0; c < in_; c += kLanes) {
      const int64_t lanes = in_ - c < kLanes ? in_ - c : kLanes;
      Vec v[kTile][kTile];
      if (whole && lanes == kLanes)
        readWhole(in, from + c, reader.at(c, lanes), v);
      else
        readPart(in, from + c, y, x, lanes, reader.at(c, lanes), v);
      transformInput(v, to + c, d.block_tiles * padded_in_);
    }
  }

  // The same from a map in NCHW order: seldom met, as the first layer has too few channels for this
  // algorithm.
  void transformPlanar(const Work& w, int64_t image, int64_t y, int64_t x, float* to) const {
    const Map& in = w.call.input;
    const Reader reader(w.call.pre, image);
    for (int64_t first = 0; first < in_; first += kLanes) {
      const int64_t lanes = in_ - first < kLanes ? in_ - first : kLanes;
      const float* from = static_cast<const float*>(in.data) + (image * in_ + first) * in.pixels();
      const Point point = reader.at(first, lanes);
      Vec v[kTile][kTile];
      for (int r = 0; r < kTile; r++)
        for (int c = 0; c < kTile; c++) {
          v[r][c] = Vec{};
          const int64_t row = y + r * spec_.dilation[0], column = x + c * spec_.dilation[1];
          if (row < 0 || column < 0 || row >= in.height || column >= in.width) continue;
          float values[kLanes] = {};
          for (int64_t i = 0; i < lanes; i++) values[i] = from[i * in.pixels() + row * in.width + column];
          v[r][c] = point(load(values));
        }
      transformInput(v, to + first, w.division.block_tiles * padded_in_);
    }
  }

  // The affine of one vector of channels.
  struct Point {
    Vec scale, shift;
    bool relu;
    IBN_INLINE Vec operator()(Vec v) const {
      const Vec result = v * scale + shift;
      return relu ? ::ibn::kernels::IBN_ISA::relu(result) : result;
    }
  };
  struct Reader {
    const float *scale, *shift;
    bool relu;
    Reader(const Affine& pre, int64_t image)
        : scale(pre.scale == nullptr ? nullptr : pre.scale + image * pre.image_stride),
          shift(pre.scale == nullptr ? nullptr : pre.shift + image * pre.image_stride),
          relu(pre.relu) {}
    Point at(int64_t c, int64_t lanes) const {
      if (scale == nullptr) return {splat(1), Vec{}, relu};
      return {loadPart(scale + c, lanes), loadPart(shift + c, lanes), relu};
    }
  };

  // Elements from a row of a tile to the next, and from a column.
  int64_t rowStep(const Map& map) const { return spec_.dilation[0] * map.width * map.pixel_stride; }
  int64_t columnStep(const Map& map) const { return spec_.dilation[1] * map.pixel_stride; }

  IBN_INLINE void readWhole(const Map& in, const T* from, const Point& point, Vec (&v)[kTile][kTile]) const {
    const int64_t row_step = rowStep(in), column_step = columnStep(in);
    for (int r = 0; r < kTile; r++)
      for (int c = 0; c < kTile; c++) v[r][c] = point(load(from + r * row_step + c * column_step));
  }

  void readPart(const Map& in, const T* from, int64_t y, int64_t x, int64_t lanes, const Point& point,
                Vec (&v)[kTile][kTile]) const {
    const int64_t row_step = rowStep(in), column_step = columnStep(in);
    for (int r = 0; r < kTile; r++)
      for (int c = 0; c < kTile; c++) {
        const int64_t row = y + r * spec_.dilation[0], column = x + c * spec_.dilation[1];
        const bool outside = row < 0 || column < 0 || row >= in.height || column >= in.width;
        v[r][c] = outside ? Vec{} : point(loadPart(from + r * row_step + c * column_step, lanes));
      }
  }

  static IBN_INLINE void transformInput(const Vec (&v)[kTile][kTile], float* to, int64_t point_stride) {
    Vec half[kTile][kTile];  // [column][row]
    for (int c = 0; c < kTile; c++) {
      Vec column[kTile];
      for (int r = 0; r < kTile; r++) column[r] = v[r][c];
      Winograd<M>::input(column, half[c]);
    }
    for (int r = 0; r < kTile; r++) {
      Vec row[kTile], out[kTile];
      for (int c = 0; c < kTile; c++) row[c] = half[c][r];
      Winograd<M>::input(row, out);
      for (int c = 0; c < kTile; c++) store(to + (r * kTile + c) * point_stride, out[c]);
    }
  }

  void transformOutput(const Work& w, int64_t image, int64_t tile, int64_t panel,
                       const float* products) const {
    const Map& out = w.call.output;
    const Division& d = w.division;
    const WinogradSpan::Tile down = d.rows.at(tile / d.across), along = d.columns.at(tile % d.across);
    const int64_t rows = down.count, columns = along.count;
    const int64_t pixel = down.from * out.width + along.from;
    const int vectors = panelVectors(panel);
    for (int v = 0; v < vectors; v++) {
      const int64_t channel = panel * kPanel + v * kLanes;
      const int64_t left = spec_.out_channels - channel, lanes = left < kLanes ? left : kLanes;
      Vec result[M][M];
      transformOutput(products + v * kLanes, d.block_tiles * kPanel, load(bias_.as<float>() + channel),
                      result);
      if (w.call.add != nullptr) {
        const Map& add = *w.call.add;
        const T* from =
            static_cast<const T*>(add.data) + image * add.imageStride() + pixel * add.pixel_stride + channel;
        for (int r = 0; r < rows; r++)
          for (int c = 0; c < columns; c++)
            result[r][c] += loadPart(from + r * rowStep(add) + c * columnStep(add), lanes);
      }
      if (w.call.mean != nullptr) measure(w, image, tile, channel, rows, columns, result);
      T* to = static_cast<T*>(out.data) + image * out.imageStride() + pixel * out.pixel_stride + channel;
      for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) {
          const Vec value = w.call.relu ? relu(result[r][c]) : result[r][c];
          storePart(to + r * rowStep(out) + c * columnStep(out), value, lanes);
        }
    }
  }

  static IBN_INLINE void transformOutput(const float* products, int64_t point_stride, Vec bias,
                                         Vec (&result)[M][M]) {
    Vec half[kTile][M];
    for (int r = 0; r < kTile; r++) {
      Vec row[kTile];
      for (int c = 0; c < kTile; c++) row[c] = load(products + (r * kTile + c) * point_stride);
      Winograd<M>::output(row, half[r]);
    }
    for (int c = 0; c < M; c++) {
      Vec column[kTile], out[M];
      for (int r = 0; r < kTile; r++) column[r] = half[r][c];
      Winograd<M>::output(column, out);
      for (int r = 0; r < M; r++) result[r][c] = out[r] + bias;
    }
  }

  void measure(const Work& w, int64_t image, int64_t tile, int64_t channel, int64_t rows, int64_t columns,
               const Vec (&result)[M][M]) const {
    const int64_t padded = panels_ * kPanel;
    const Partials partials{w.scratch.partials + image * w.division.tiles * 2 * padded, padded};
    const Vec first = asStored<T>(result[0][0]);  // as in tile.h
    Vec total = {}, squares = {};
    for (int r = 0; r < rows; r++)
      for (int c = 0; c < columns; c++) total += asStored<T>(result[r][c]) - first;
    const Vec mean = total * splat(1.0F / static_cast<float>(rows * columns));
    for (int r = 0; r < rows; r++)
      for (int c = 0; c < columns; c++) {
        const Vec difference = asStored<T>(result[r][c]) - first - mean;
        squares += difference * difference;
      }
    store(partials.mean(tile) + channel, first + mean);
    store(partials.deviation(tile) + channel, squares);
  }

  void join(const Work& w, Team& team) const {
    const ConvCall& call = w.call;
    team.run(call.output.batch * panels_, [&](int64_t index, int) {
      const int64_t image = index / panels_, from = index % panels_ * kPanel, padded = panels_ * kPanel;
      const int64_t to = from + kPanel < spec_.out_channels ? from + kPanel : spec_.out_channels;
      const Partials partials{w.scratch.partials + image * w.division.tiles * 2 * padded, padded};
      float* variance = call.variance == nullptr ? nullptr : call.variance + image * spec_.out_channels;
      joinStatistics(partials, w.scratch.tile_pixels, w.division.tiles, from, to,
                     call.mean + image * spec_.out_channels, variance);
    });
  }

  ConvSpec spec_;
  int64_t in_, padded_in_, panels_;
  AlignedBuffer weights_, bias_;
};

template <class T>
Conv* makeWinograd(const ConvSpec& spec, const ConvWeight& weight, const float* bias, int outputs) {
  if (outputs == 2) return new WinogradConv<2, T>(spec, weight, bias);
  return new WinogradConv<4, T>(spec, weight, bias);
}

}  // namespace

Conv* makeWinogradConv(const ConvSpec& spec, Type type, int64_t, int64_t, const ConvWeight& weight,
                       const float* bias, int outputs) {
  for (int d = 0; d < 2; d++)
    if (spec.kernel[d] != 3 || spec.stride[d] != 1) return nullptr;
  if (spec.groups != 1) return nullptr;
  if (type == Type::kFloat32) return makeWinograd<float>(spec, weight, bias, outputs);
  return makeWinograd<bfloat16>(spec, weight, bias, outputs);
}

}  // namespace ibn::kernels::IBN_ISA
