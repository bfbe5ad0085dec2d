// Convolution as products of input rows and weight panels, for any window, stride, dilation and groups.
//
// A 1x1 convolution reads the map itself. Others, and those that normalise what they read, first copy a band
// of the image into a thread's scratch, padding included; there the elements of a window's row follow one
// another, so that a row of the window is one run of k.
#include "division.h"
#include "packing.h"
#include "panels.h"

namespace ibn::kernels::IBN_ISA {

namespace {

constexpr int64_t kSetBytes = 4096;

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
    w.scratch.begin(d, team.threads(), call.mean != nullptr);
    const int64_t count = call.output.batch * d.bands * blocks_.count * d.splits;
    team.run(count, [&](int64_t index, int thread) { runTask(w, index, thread); });
    if (call.mean != nullptr) join(w, team);
  }

  using Scratch = BandScratch<T>;
  struct Work {
    const ConvCall& call;
    Division division;
    Scratch scratch = {};
    bool pack = false;
  };

  static constexpr int64_t size() { return sizeof(T); }

  // Rows this far apart share a set of the first-level cache, which has fewer ways than a tile has rows.
  static bool collides(int64_t stride) { return stride * size() % kSetBytes == 0; }
  static int64_t apart(int64_t channels) { return collides(channels) ? channels + 64 / size() : channels; }

  int64_t packedElements(int64_t lines, int64_t width) const {
    const int64_t elements = flat_ ? width * packing_.pixelStride() : packing_.elements(lines, width);
    return roundUp(elements + kStep<T>, 64);
  }

  Division divide(int64_t batch, int64_t out_height, int64_t out_width, int threads) const {
    Division d(flat_, out_height, out_width);
    const int64_t image = packedElements(d.lines, d.width);
    d.divide({batch * blocks_.count, image * size(), panels_.blockElements() > image, panels_.count(),
              kPanel * panels_.depth() * size()},
             threads);
    return d;
  }

  Scratch cut(ScratchCutter& cutter, const Division& d, int64_t batch, int threads) const {
    const int64_t packed = flat_ ? packedElements(1, d.longest()) : packedElements(d.longest(), d.width);
    return Scratch::cut(cutter, d, packed, batch, panels_.paddedChannels(), threads);
  }

  const T* pack(const Work& w, int64_t image, int64_t block, int64_t band, int thread) const {
    const Scratch& s = w.scratch;
    const Division& d = w.division;
    T* packed = s.packed + thread * s.packed_size;
    const int64_t key = (image * blocks_.count + block) * d.bands + band;
    if (s.packed_key[thread] == key) return packed;
    s.packed_key[thread] = key;
    const int64_t from = d.start(band), to = d.start(band + 1);
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
    const int64_t from = d.start(band), to = d.start(band + 1);
    const int64_t first = pieceStart(panels_.count(), d.splits, split),
                  last = pieceStart(panels_.count(), d.splits, split + 1);
    TileCall<T> c{};
    if (w.pack) {
      if (!d.light) c.a = pack(w, image, block, band, thread);
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
    const int64_t width = to - from, pieces = d.light ? ceilDiv(width, kTileRows) : 1;
    for (int64_t i = 0; i < pieces; i++) {
      const int64_t x = pieceStart(width, pieces, i);
      TileCall<T> piece = c;
      const int64_t rows = pieceStart(width, pieces, i + 1) - x;
      if (d.light && w.pack)
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
    const Partials partials = w.scratch.partialsOf(place.image, w.division, panels_.paddedChannels());
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
      const Partials partials = w.scratch.partialsOf(image, w.division, panels_.paddedChannels());
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
