#include "division.h"

namespace ibn::kernels::IBN_ISA {

namespace {

constexpr int64_t kLightBytes = 448 << 10;  // of weights
constexpr int64_t kBandBytes =
    256 << 10;  // of packed input: leaves room for weights in a 1 MB second-level cache

}  // namespace

bool isFlat(const ConvSpec& spec) {
  for (int d = 0; d < 2; d++)
    if (spec.kernel[d] != 1 || spec.stride[d] != 1 || spec.padding[d] != 0) return false;
  return true;
}

int64_t Division::tilesOf(int64_t band) const {
  const int64_t size = start(band + 1) - start(band);
  return flat ? ceilDiv(size, kTileRows) : size * ceilDiv(width, kTileRows);
}

void Division::divide(const Load& load, int threads) {
  const int64_t units = flat ? ceilDiv(width, kTileRows) : lines;  // the smallest pieces of an image
  const int64_t wanted = threads == 1 ? 1 : kTasksPerThread * threads;
  bands = ceilDiv(load.input_bytes, kBandBytes);
  for (int round = 0; round < 2; round++) {
    const int64_t have = load.images * bands * splits;
    if (have >= wanted) break;
    const int64_t factor = ceilDiv(wanted, have);
    if ((round == 0) == load.heavy)
      splits = load.panels < factor ? load.panels : factor;
    else
      bands *= factor;
    if (bands > units) bands = units;
  }
  if (bands > units) bands = units;
  for (int64_t band = 0; band < bands; band++) tiles += tilesOf(band);
  light = flat && ceilDiv(load.panels, splits) * load.panel_bytes <= kLightBytes;
}

void Division::countTiles(int32_t* first_tile, int32_t* tile_rows) const {
  int32_t tile = 0;
  for (int64_t band = 0; band < bands; band++) {
    first_tile[band] = tile;
    const int64_t size = start(band + 1) - start(band);
    const int64_t band_lines = flat ? 1 : size, line = flat ? size : width;
    const int64_t pieces = ceilDiv(line, kTileRows);
    for (int64_t y = 0; y < band_lines; y++)
      for (int64_t i = 0; i < pieces; i++)
        tile_rows[tile++] =
            static_cast<int32_t>(pieceStart(line, pieces, i + 1) - pieceStart(line, pieces, i));
  }
  first_tile[bands] = tile;
}

}  // namespace ibn::kernels::IBN_ISA
