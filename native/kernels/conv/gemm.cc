// Convolution as products of input rows and weight panels, for any window, stride, dilation and groups.
//
// A 1x1 convolution reads the map itself. Others, and those that normalise what they read, first copy a band
// of the image into a thread's scratch, padding included; there the elements of a window's row follow one
// another, so that a row of the window is one run of k.
#include "packing.h"
#include "panels.h"

namespace ibn::kernels::IBN_ISA {

namespace {

constexpr int64_t kLightBytes = 448 << 10;  // of weights
constexpr int64_t kBandBytes =
    256 << 10;  // of packed input: leaves room for weights in a 1 MB second-level cache

constexpr int64_t kSetBytes = 4096;

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
  GemmConv(const ConvSpec& spec, const ConvWeight& weight, const float* bias)
      : spec_(spec),
        blocks_(spec),
        flat_(isFlat(spec)),
        packing_(spec, blocks_.in, flat_ ? apart(blocks_.in) : blocks_.in),
        panels_(spec, blocks_, weight, bias) {}

  const char* algorithm() const override { return "gemm"; }
  size_t weightBytes() const override { return panels_.bytes(); }

  size_t scratchBytes(int64_t batch, int64_t height, int64_t width, int threads) const override {
    const size_t apart = neededBytes(batch, spec_.outSize(0, height), spec_.outSize(1, width), threads);
    const size_t merged = flat_ ? neededBytes(1, 1, batch * height * width, threads) : 0;
    return apart > merged ? apart : merged;
  }

  void run(const ConvCall& call, Team& team) const override {
    // Images without anything of their own are one long line: a 7x7 map alone does not fill its last tile.
    const bool shared = call.mean == nullptr && (call.pre.scale == nullptr || call.pre.image_stride == 0);
    if (!flat_ || !shared || call.planar || call.output.batch == 1) return runImages(call, team);
    ConvCall merged = call;
    const Map add = call.add == nullptr ? Map{} : inOneLine(*call.add);
    merged.input = inOneLine(call.input);
    merged.output = inOneLine(call.output);
    if (call.add != nullptr) merged.add = &add;
    runImages(merged, team);
  }

 private:
  static Map inOneLine(const Map& map) {
    Map line = map;
    line.width = map.batch * map.pixels();
    line.batch = line.height = 1;
    return line;
  }

  size_t neededBytes(int64_t batch, int64_t out_height, int64_t out_width, int threads) const {
    ScratchCutter cutter(nullptr);
    cut(cutter, divide(batch, out_height, out_width, threads), batch, threads);
    return cutter.used();
  }

  void runImages(const ConvCall& call, Team& team) const {
    Work w{call, divide(call.output.batch, call.output.height, call.output.width, team.threads())};
    if (call.scratch == nullptr) outOfMemory();
    ScratchCutter cutter(call.scratch);
    w.scratch = cut(cutter, w.division, call.output.batch, team.threads());
    w.pack =
        !flat_ || call.planar || !call.pre.none() || !panels_.evenRuns() || collides(call.input.pixel_stride);
    const Division& d = w.division;
    for (int t = 0; t < team.threads(); t++) w.scratch.packed_key[t] = -1;
    if (call.mean != nullptr) countTiles(d, w.scratch);
    const int64_t count = call.output.batch * d.bands * blocks_.count * d.splits;
    team.run(count, [&](int64_t index, int thread) { runTask(w, index, thread); });
    if (call.mean != nullptr) join(w, team);
  }

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

  // Rows this far apart share a set of the first-level cache, which has fewer ways than a tile has rows.
  static bool collides(int64_t stride) { return stride * static_cast<int64_t>(sizeof(T)) % kSetBytes == 0; }
  static int64_t apart(int64_t channels) {
    return collides(channels) ? channels + 64 / static_cast<int64_t>(sizeof(T)) : channels;
  }

  int64_t packedElements(int64_t lines, int64_t width) const {
    const int64_t elements = flat_ ? width * packing_.pixelStride() : packing_.elements(lines, width);
    return roundUp(elements + kStep<T>, 64);
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
    const bool heavy =
        panels_.blockElements() > image;  // reading weights again costs more than reading input again
    for (int round = 0; round < 2; round++) {
      const int64_t have = batch * blocks_.count * d.bands * d.splits;
      if (have >= wanted) break;
      const int64_t factor = ceilDiv(wanted, have);
      if ((round == 0) == heavy)
        d.splits = panels_.count() < factor ? panels_.count() : factor;
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

  Scratch cut(ScratchCutter& cutter, const Division& d, int64_t batch, int threads) const {
    Scratch s{};
    const int64_t longest = ceilDiv(flat_ ? d.width : d.lines, d.bands);
    s.packed_size = flat_ ? packedElements(1, longest) : packedElements(longest, d.width);
    s.packed = cutter.take<T>(s.packed_size * threads);
    s.packed_key = cutter.take<int64_t>(threads);
    s.partials = cutter.take<float>(batch * d.tiles * 2 * panels_.paddedChannels());
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

  const T* pack(const Work& w, int64_t image, int64_t block, int64_t band, int thread) const {
    const Scratch& s = w.scratch;
    const Division& d = w.division;
    T* packed = s.packed + thread * s.packed_size;
    const int64_t key = (image * blocks_.count + block) * d.bands + band;
    if (s.packed_key[thread] == key) return packed;
    s.packed_key[thread] = key;
    const int64_t from = bandStart(d, band), to = bandStart(d, band + 1);
    if (flat_) return packPiece(w, image, block, from, to - from, thread);
    packing_.lines(w.call, image, block * blocks_.in, from, to, packed);
    clear(packed + packing_.elements(to - from, d.width), kStep<T> - 1);
    return packed;
  }

  // Some pixels of a flat map. bfloat16 reads one element more where a run is odd.
  const T* packPiece(const Work& w, int64_t image, int64_t block, int64_t from, int64_t count,
                     int thread) const {
    T* packed = w.scratch.packed + thread * w.scratch.packed_size;
    packing_.pixels(w.call, image, block * blocks_.in, from, from + count, packed);
    clear(packed + count * packing_.pixelStride(), kStep<T> - 1);
    return packed;
  }

  void runTask(const Work& w, int64_t index, int thread) const {
    const Division& d = w.division;
    const int64_t split = index % d.splits, block = index / d.splits % blocks_.count;
    const int64_t band = index / (d.splits * blocks_.count) % d.bands;
    const int64_t image = index / (d.splits * blocks_.count * d.bands);
    const int64_t from = bandStart(d, band), to = bandStart(d, band + 1);
    const int64_t first = pieceStart(panels_.count(), d.splits, split),
                  last = pieceStart(panels_.count(), d.splits, split + 1);
    // Light weights stay in the cache: then whole pixels are written one after another.
    const bool light =
        flat_ && (last - first) * kPanel * panels_.depth() * static_cast<int64_t>(sizeof(T)) <= kLightBytes;
    TileCall<T> c{};
    if (w.pack) {
      if (!light) c.a = pack(w, image, block, band, thread);
      c.row_stride = packing_.stride(1) * packing_.pixelStride();
    } else {
      const Map& in = w.call.input;
      c.a = static_cast<const T*>(in.data) + image * in.imageStride() + from * in.pixel_stride +
            block * blocks_.in;
      c.row_stride = in.pixel_stride;
    }
    const int64_t line_elements = flat_ ? 0 : packing_.extent(1, d.width) * blocks_.in;
    c.taps[0] = spec_.kernel[0];
    c.taps[1] = panels_.columns();
    c.tap_stride[0] = spec_.dilation[0] * line_elements;
    c.tap_stride[1] = spec_.dilation[1] * blocks_.in;
    c.steps = panels_.steps();
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
      for (int64_t panel = first; panel < last; panel++) {
        Prefetcher<T> ahead = i == 0 ? following(block, panel, last) : Prefetcher<T>();
        runLine(w, piece, {image, block, panel, tile + i}, from + x, rows, ahead);
      }
    }
  }

  struct Place {
    int64_t image, block, panel, tile;
  };

  Prefetcher<T> following(int64_t block, int64_t panel, int64_t last) const {
    return panel + 1 < last ? Prefetcher<T>(panels_.weights(block, panel + 1), kPanel * panels_.depth())
                            : Prefetcher<T>();
  }

  void runLines(const Work& w, const TileCall<T>& c, const Place& place, int64_t last_panel, int64_t from,
                int64_t to, int64_t line_elements) const {
    const int64_t pieces = ceilDiv(w.division.width, kTileRows);
    for (int64_t panel = place.panel; panel < last_panel; panel++) {
      TileCall<T> line = c;
      Prefetcher<T> ahead = following(place.block, panel, last_panel);
      for (int64_t y = from; y < to; y++) {
        line.a = c.a + (y - from) * packing_.stride(0) * line_elements;
        runLine(w, line, {place.image, place.block, panel, place.tile + (y - from) * pieces},
                y * w.division.width, w.division.width, ahead);
      }
    }
  }

  // `width` pixels of the output from `pixel` on, one panel of channels.
  void runLine(const Work& w, TileCall<T> c, const Place& place, int64_t pixel, int64_t width,
               Prefetcher<T>& ahead) const {
    const Map& out = w.call.output;
    const int64_t column = (place.block * panels_.count() + place.panel) * kPanel;
    const int64_t channel = place.block * blocks_.out + place.panel * kPanel;
    const int vectors = panels_.vectors(place.panel);
    c.channels = panels_.channels(place.panel);
    c.b = panels_.weights(place.block, place.panel);
    c.bias = panels_.bias(place.block, place.panel);
    T* out_line =
        static_cast<T*>(out.data) + place.image * out.imageStride() + pixel * out.pixel_stride + channel;
    const Map* add = w.call.add;
    const T* add_line = add == nullptr ? nullptr
                                       : static_cast<const T*>(add->data) + place.image * add->imageStride() +
                                             pixel * add->pixel_stride + channel;
    c.add_stride = add == nullptr ? 0 : add->pixel_stride;
    const Partials partials{
        w.scratch.partials + place.image * w.division.tiles * 2 * panels_.paddedChannels(),
        panels_.paddedChannels()};
    const T* a = c.a;
    const int64_t pieces = ceilDiv(width, kTileRows);
    for (int64_t i = 0; i < pieces; i++) {
      const int64_t x = pieceStart(width, pieces, i), rows = pieceStart(width, pieces, i + 1) - x;
      c.a = a + x * c.row_stride;
      c.out = out_line + x * out.pixel_stride;
      c.add = add == nullptr ? nullptr : add_line + x * c.add_stride;
      if (w.call.mean != nullptr) {
        c.mean = partials.mean(place.tile + i) + column;
        c.deviation = partials.deviation(place.tile + i) + column;
      }
      c.ahead = ahead.take(c);
      tileFor<T>(rows, vectors)(c);
    }
  }

  void join(const Work& w, Team& team) const {
    const ConvCall& call = w.call;
    const int64_t count = panels_.count(), per_image = blocks_.count * count;
    team.run(call.output.batch * per_image, [&](int64_t index, int) {
      const int64_t image = index / per_image, block = index % per_image / count, panel = index % count;
      // Statistics of a block begin at a panel's start, its channels where the last block's end.
      const Partials partials{w.scratch.partials + image * w.division.tiles * 2 * panels_.paddedChannels(),
                              panels_.paddedChannels()};
      const int64_t at = (block * count + panel) * kPanel;
      const int64_t to = image * spec_.out_channels + block * blocks_.out + panel * kPanel;
      const Partials shifted{partials.data + at, partials.channels};
      joinStatistics(shifted, w.scratch.tile_rows, w.division.tiles, 0, panels_.channels(panel),
                     call.mean + to, call.variance == nullptr ? nullptr : call.variance + to);
    });
  }

  ConvSpec spec_;
  Blocks blocks_;
  bool flat_;
  Packing<T> packing_;
  Panels<T> panels_;
};

}  // namespace

Conv* makeGemmConv(const ConvSpec& spec, Type type, int64_t, int64_t, const ConvWeight& weight,
                   const float* bias) {
  if (type == Type::kFloat32) return new GemmConv<float>(spec, weight, bias);
  return new GemmConv<bfloat16>(spec, weight, bias);
}

}  // namespace ibn::kernels::IBN_ISA
