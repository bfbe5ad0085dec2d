#include "tile.h"

namespace ibn::kernels::IBN_ISA {

#if IBN_LANES == 16
#define IBN_TILES(T, NV)                                                               \
  {tile<T, 1, NV>,  tile<T, 2, NV>,  tile<T, 3, NV>,  tile<T, 4, NV>, tile<T, 5, NV>,  \
   tile<T, 6, NV>,  tile<T, 7, NV>,  tile<T, 8, NV>,  tile<T, 9, NV>, tile<T, 10, NV>, \
   tile<T, 11, NV>, tile<T, 12, NV>, tile<T, 13, NV>, tile<T, 14, NV>}
#elif defined(__aarch64__)
#define IBN_TILES(T, NV)                                                                             \
  {tile<T, 1, NV>, tile<T, 2, NV>, tile<T, 3, NV>, tile<T, 4, NV>,  tile<T, 5, NV>,  tile<T, 6, NV>, \
   tile<T, 7, NV>, tile<T, 8, NV>, tile<T, 9, NV>, tile<T, 10, NV>, tile<T, 11, NV>, tile<T, 12, NV>}
#else
#define IBN_TILES(T, NV) \
  {tile<T, 1, NV>, tile<T, 2, NV>, tile<T, 3, NV>, tile<T, 4, NV>, tile<T, 5, NV>, tile<T, 6, NV>}
#endif

template <class T>
TileFn<T> tileFor(int64_t rows, int vectors) {
  static constexpr TileFn<T> kTiles[2][kTileRows] = {IBN_TILES(T, 1), IBN_TILES(T, 2)};
  return kTiles[vectors - 1][rows - 1];
}

template TileFn<float> tileFor<float>(int64_t, int);
template TileFn<bfloat16> tileFor<bfloat16>(int64_t, int);

}  // namespace ibn::kernels::IBN_ISA
