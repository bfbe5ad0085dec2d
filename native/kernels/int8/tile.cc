#include "tile.h"

namespace ibn::kernels::IBN_ISA {

#if IBN_LANES == 16
#define IBN_INT8_TILES(NV)                                                                  \
  {int8Tile<1, NV>,  int8Tile<2, NV>,  int8Tile<3, NV>,  int8Tile<4, NV>, int8Tile<5, NV>,  \
   int8Tile<6, NV>,  int8Tile<7, NV>,  int8Tile<8, NV>,  int8Tile<9, NV>, int8Tile<10, NV>, \
   int8Tile<11, NV>, int8Tile<12, NV>, int8Tile<13, NV>, int8Tile<14, NV>}
#elif defined(__aarch64__)
#define IBN_INT8_TILES(NV)                                                                                 \
  {int8Tile<1, NV>, int8Tile<2, NV>, int8Tile<3, NV>, int8Tile<4, NV>,  int8Tile<5, NV>,  int8Tile<6, NV>, \
   int8Tile<7, NV>, int8Tile<8, NV>, int8Tile<9, NV>, int8Tile<10, NV>, int8Tile<11, NV>, int8Tile<12, NV>}
#else
#define IBN_INT8_TILES(NV) \
  {int8Tile<1, NV>, int8Tile<2, NV>, int8Tile<3, NV>, int8Tile<4, NV>, int8Tile<5, NV>, int8Tile<6, NV>}
#endif

Int8TileFn int8TileFor(int64_t rows, int vectors) {
  static constexpr Int8TileFn kTiles[2][kTileRows] = {IBN_INT8_TILES(1), IBN_INT8_TILES(2)};
  return kTiles[vectors - 1][rows - 1];
}

}  // namespace ibn::kernels::IBN_ISA
