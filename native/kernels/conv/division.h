// How a convolution as products of rows and panels is divided among threads: for floats and for integers.
#pragma once
#include "common.h"

namespace ibn::kernels::IBN_ISA {

// What there is to divide.
struct Load {
  int64_t images;       // times blocks of channels
  int64_t input_bytes;  // of an image, packed
  bool heavy;           // reading weights again costs more than reading input again
  int64_t panels;       // of a block
  int64_t panel_bytes;
};

// `lines` output lines of `width` pixels an image: the whole map is one line for a 1x1 convolution without
// stride or padding, which is flat.
struct Division {
  Division(bool is_flat, int64_t out_height, int64_t out_width)
      : flat(is_flat), lines(is_flat ? 1 : out_height), width(is_flat ? out_height * out_width : out_width) {}

  bool flat;
  int64_t lines, width;
  int64_t bands = 1;   // pieces of an image
  int64_t splits = 1;  // pieces of a block's panels
  int64_t tiles = 0;   // of an image
  // The weights of every split stay in the cache: then whole pixels are written one after another. One answer
  // for all of a call's splits, since a thread packs either a band or a tile, in one place.
  bool light = false;

  void divide(const Load& load, int threads);

  // Lines of a band, or the pixels of the only line.
  int64_t start(int64_t band) const { return pieceStart(flat ? width : lines, bands, band); }
  int64_t longest() const { return ceilDiv(flat ? width : lines, bands); }
  int64_t tilesOf(int64_t band) const;
  // first_tile: of each band, and one past the last; tile_rows: of each tile of an image.
  void countTiles(int32_t* first_tile, int32_t* tile_rows) const;
};

bool isFlat(const ConvSpec& spec);

// What a call needs beside its maps. `Element` is that of packed input.
template <class Element>
struct BandScratch {
  Element* packed;
  int64_t packed_size;
  int64_t* packed_key;  // what each thread has packed
  float* partials;      // [batch][tiles][2][channels]
  int32_t* first_tile;
  int32_t* tile_rows;

  static BandScratch cut(ScratchCutter& cutter, const Division& d, int64_t packed_size, int64_t batch,
                         int64_t channels, int threads) {
    BandScratch s{};
    s.packed_size = packed_size;
    s.packed = cutter.take<Element>(packed_size * threads);
    s.packed_key = cutter.take<int64_t>(threads);
    s.partials = cutter.take<float>(batch * d.tiles * 2 * channels);
    s.first_tile = cutter.take<int32_t>(d.bands + 1);
    s.tile_rows = cutter.take<int32_t>(d.tiles);
    return s;
  }

  // Before the tasks of a call.
  void begin(const Division& d, int threads, bool has_statistics) const {
    for (int t = 0; t < threads; t++) packed_key[t] = -1;
    if (has_statistics) d.countTiles(first_tile, tile_rows);
  }

  Partials partialsOf(int64_t image, const Division& d, int64_t channels) const {
    return {partials + image * d.tiles * 2 * channels, channels};
  }
};

}  // namespace ibn::kernels::IBN_ISA
