// Convolutions of integers as products of input rows and weight panels, for any window, stride and dilation;
// divided among threads as those of floats are.
#include "../conv/division.h"
#include "packing.h"
#include "panels.h"

namespace ibn::kernels::IBN_ISA {

namespace {

class GemmInt8Conv final : public Int8Conv {
 public:
  GemmInt8Conv(const ConvSpec& spec, const Int8Weight& weight, const Quantization& input)
      : spec_(spec), flat_(isFlat(spec)), packing_(spec, input), panels_(spec, weight, input) {}

  const char* algorithm() const override { return kInt8Algorithm; }
  size_t weightBytes() const override { return panels_.bytes(); }

  size_t scratchBytes(int64_t batch, int64_t height, int64_t width, int threads) const override {
    const size_t apart = neededBytes(batch, spec_.outSize(0, height), spec_.outSize(1, width), threads);
    const size_t merged = flat_ ? neededBytes(1, 1, batch * height * width, threads) : 0;
    return apart > merged ? apart : merged;
  }

  void run(const Int8Call& call, Team& team) const override {
    // Images without anything of their own are one long line: a 7x7 map alone does not fill its last tile.
    const bool shared = call.mean == nullptr && (call.pre.scale == nullptr || call.pre.image_stride == 0);
    if (!flat_ || !shared || call.planar || call.output.map.batch == 1) return runImages(call, team);
    Int8Call merged = call;
    const QuantizedMap add = call.add == nullptr ? QuantizedMap{} : inOneLine(*call.add);
    merged.input = inOneLine(call.input);
    merged.output = inOneLine(call.output);
    if (call.add != nullptr) merged.add = &add;
    runImages(merged, team);
  }

 private:
  static QuantizedMap inOneLine(const QuantizedMap& map) {
    QuantizedMap line = map;
    line.map.width = map.map.batch * map.map.pixels();
    line.map.batch = line.map.height = 1;
    return line;
  }

  using Scratch = BandScratch<Activation8>;
  struct Work {
    const Int8Call& call;
    Division division;
    Scratch scratch = {};
    bool pack = false;
    Quantizer quantizer;
  };
  struct Place {
    int64_t image, panel, tile;
  };

  size_t neededBytes(int64_t batch, int64_t out_height, int64_t out_width, int threads) const {
    ScratchCutter cutter(nullptr);
    cut(cutter, divide(batch, out_height, out_width, threads), batch, threads);
    return cutter.used();
  }

  void runImages(const Int8Call& call, Team& team) const {
    const Map& out = call.output.map;
    Work w{call, divide(out.batch, out.height, out.width, team.threads())};
    if (call.scratch == nullptr) outOfMemory();
    ScratchCutter cutter(call.scratch);
    w.scratch = cut(cutter, w.division, out.batch, team.threads());
    w.pack = sizeof(Activation8) != sizeof(uint8_t) || !flat_ || call.input.type != Type::kUInt8 ||
             !panels_.evenRuns();
    w.quantizer = Quantizer(call.output.quantization);
    const Division& d = w.division;
    w.scratch.begin(d, team.threads(), call.mean != nullptr);
    team.run(out.batch * d.bands * d.splits, [&](int64_t index, int thread) { runTask(w, index, thread); });
    if (call.mean != nullptr) join(w, team);
  }

  int64_t packedElements(int64_t lines, int64_t width) const {
    const int64_t elements = flat_ ? width * spec_.in_channels : packing_.elements(lines, width);
    return roundUp(elements + kStep8, 64);
  }

  Division divide(int64_t batch, int64_t out_height, int64_t out_width, int threads) const {
    Division d(flat_, out_height, out_width);
    const int64_t image = packedElements(d.lines, d.width);
    d.divide({batch, image * static_cast<int64_t>(sizeof(Activation8)), panels_.elements() > image,
              panels_.count(), kPanel * panels_.depth() * static_cast<int64_t>(sizeof(Weight8))},
             threads);
    return d;
  }

  Scratch cut(ScratchCutter& cutter, const Division& d, int64_t batch, int threads) const {
    const int64_t packed = flat_ ? packedElements(1, d.longest()) : packedElements(d.longest(), d.width);
    return Scratch::cut(cutter, d, packed, batch, panels_.paddedChannels(), threads);
  }

  // A band of an image.
  const Activation8* packBand(const Work& w, int64_t image, int64_t band, int thread) const {
    const Scratch& s = w.scratch;
    const Division& d = w.division;
    Activation8* packed = s.packed + thread * s.packed_size;
    const int64_t key = image * d.bands + band;
    if (s.packed_key[thread] == key) return packed;
    s.packed_key[thread] = key;
    const int64_t from = d.start(band), to = d.start(band + 1);
    if (flat_) return packPixels(w, image, from, to - from, thread);
    packing_.lines(w.call, image, from, to, packed);
    clearTail(packed + packing_.elements(to - from, d.width));
    return packed;
  }

  // Some pixels of a flat map. The last step may read some elements more.
  const Activation8* packPixels(const Work& w, int64_t image, int64_t from, int64_t count, int thread) const {
    Activation8* packed = w.scratch.packed + thread * w.scratch.packed_size;
    packing_.pixels(w.call, image, from, from + count, packed);
    clearTail(packed + count * spec_.in_channels);
    return packed;
  }
  static void clearTail(Activation8* to) {
    for (int64_t i = 0; i < kStep8; i++) to[i] = 0;
  }

  void runTask(const Work& w, int64_t index, int thread) const {
    const Division& d = w.division;
    const int64_t split = index % d.splits, band = index / d.splits % d.bands;
    const int64_t image = index / (d.splits * d.bands);
    const int64_t first = pieceStart(panels_.count(), d.splits, split),
                  last = pieceStart(panels_.count(), d.splits, split + 1);
    const Place place{image, first, w.call.mean == nullptr ? 0 : w.scratch.first_tile[band]};
    const int64_t from = d.start(band), to = d.start(band + 1);
    if (flat_)
      runPixels(w, place, last, from, to, band, thread);
    else
      runLines(w, place, last, from, to, packBand(w, image, band, thread));
  }

  Int8TileCall tileCall(const Work& w, int64_t line_elements) const {
    Int8TileCall c{};
    c.row_stride = packing_.stride(1) * spec_.in_channels;
    c.taps[0] = spec_.kernel[0];
    c.taps[1] = panels_.columns();
    c.tap_stride[0] = spec_.dilation[0] * line_elements;
    c.tap_stride[1] = spec_.dilation[1] * spec_.in_channels;
    c.steps = panels_.steps();
    c.out_stride = w.call.output.map.pixel_stride;
    c.quantizer = w.quantizer;
    c.relu = w.call.relu;
    if (w.call.add != nullptr) {
      c.add_stride = w.call.add->map.pixel_stride;
      c.add_quantization = w.call.add->quantization;
    }
    return c;
  }

  void runPixels(const Work& w, Place place, int64_t last, int64_t from, int64_t to, int64_t band,
                 int thread) const {
    const bool light = w.division.light;
    const int64_t width = to - from, pieces = light ? ceilDiv(width, kTileRows) : 1;
    Int8TileCall c = tileCall(w, 0);
    if (!w.pack) c.row_stride = w.call.input.map.pixel_stride;
    const int64_t first = place.panel;
    for (int64_t i = 0; i < pieces; i++) {
      const int64_t x = pieceStart(width, pieces, i), rows = pieceStart(width, pieces, i + 1) - x;
      c.a = !w.pack ? directly(w, place.image, from + x)
            : light ? packPixels(w, place.image, from + x, rows, thread)
                    : packBand(w, place.image, band, thread);
      for (int64_t panel = first; panel < last; panel++) {
        Prefetcher<Weight8> ahead = i == 0 ? following(panel, last) : Prefetcher<Weight8>();
        runLine(w, c, {place.image, panel, place.tile + i}, from + x, rows, ahead);
      }
    }
  }

  static const Activation8* directly(const Work& w, int64_t image, int64_t pixel) {
    const Map& in = w.call.input.map;
    return static_cast<const Activation8*>(in.data) + image * in.imageStride() + pixel * in.pixel_stride;
  }

  Prefetcher<Weight8> following(int64_t panel, int64_t last) const {
    return panel + 1 < last ? Prefetcher<Weight8>(panels_.weights(panel + 1), kPanel * panels_.depth())
                            : Prefetcher<Weight8>();
  }

  void runLines(const Work& w, const Place& place, int64_t last, int64_t from, int64_t to,
                const Activation8* packed) const {
    const int64_t line_elements = packing_.extent(1, w.division.width) * spec_.in_channels;
    const int64_t pieces = ceilDiv(w.division.width, kTileRows);
    Int8TileCall c = tileCall(w, line_elements);
    for (int64_t panel = place.panel; panel < last; panel++) {
      Prefetcher<Weight8> ahead = following(panel, last);
      for (int64_t y = from; y < to; y++) {
        c.a = packed + (y - from) * packing_.stride(0) * line_elements;
        runLine(w, c, {place.image, panel, place.tile + (y - from) * pieces}, y * w.division.width,
                w.division.width, ahead);
      }
    }
  }

  // Where a pixel's panel begins in a map.
  template <class T>
  static T* elementsOf(const QuantizedMap& map, Type type, int64_t image, int64_t pixel, int64_t channel) {
    if (map.type != type) return nullptr;
    return static_cast<T*>(map.map.data) + image * map.map.imageStride() + pixel * map.map.pixel_stride +
           channel;
  }

  // `width` pixels of the output from `pixel` on, one panel of channels.
  void runLine(const Work& w, Int8TileCall c, const Place& place, int64_t pixel, int64_t width,
               Prefetcher<Weight8>& ahead) const {
    const int64_t channel = place.panel * kPanel;
    const int vectors = panels_.vectors(place.panel);
    c.channels = panels_.channels(place.panel);
    c.b = panels_.weights(place.panel);
    c.start = panels_.start(place.panel);
    c.scale = panels_.scale(place.panel);
    c.bias = panels_.bias(place.panel);
    const Partials partials = w.scratch.partialsOf(place.image, w.division, panels_.paddedChannels());
    const Activation8* a = c.a;
    const int64_t pieces = ceilDiv(width, kTileRows);
    for (int64_t i = 0; i < pieces; i++) {
      const int64_t x = pieceStart(width, pieces, i), rows = pieceStart(width, pieces, i + 1) - x;
      c.a = a + x * c.row_stride;
      c.out = elementsOf<float>(w.call.output, Type::kFloat32, place.image, pixel + x, channel);
      c.out_bytes = elementsOf<uint8_t>(w.call.output, Type::kUInt8, place.image, pixel + x, channel);
      if (w.call.add != nullptr) {
        c.add = elementsOf<float>(*w.call.add, Type::kFloat32, place.image, pixel + x, channel);
        c.add_bytes = elementsOf<uint8_t>(*w.call.add, Type::kUInt8, place.image, pixel + x, channel);
      }
      if (w.call.mean != nullptr) {
        c.mean = partials.mean(place.tile + i) + channel;
        c.deviation = partials.deviation(place.tile + i) + channel;
      }
      c.ahead = ahead.take(c);
      int8TileFor(rows, vectors)(c);
    }
  }

  void join(const Work& w, Team& team) const {
    const Int8Call& call = w.call;
    team.run(call.output.map.batch * panels_.count(), [&](int64_t index, int) {
      const int64_t image = index / panels_.count(), channel = index % panels_.count() * kPanel;
      const Partials partials = w.scratch.partialsOf(image, w.division, panels_.paddedChannels());
      float* mean = call.mean + image * spec_.out_channels;
      float* variance = call.variance == nullptr ? nullptr : call.variance + image * spec_.out_channels;
      joinStatistics(partials, w.scratch.tile_rows, w.division.tiles, channel,
                     channel + panels_.channels(index % panels_.count()), mean, variance);
    });
  }

  ConvSpec spec_;
  bool flat_;
  Int8Packing packing_;
  Int8Panels panels_;
};

}  // namespace

Int8Conv* makeInt8Conv(const ConvSpec& spec, const Int8Weight& weight, const Quantization& input) {
  return new GemmInt8Conv(spec, weight, input);
}

}  // namespace ibn::kernels::IBN_ISA
