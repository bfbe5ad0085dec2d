// Functions of many elements, which lie one behind the other.
#pragma once
#include "../kernels.h"
#include "simd.h"

namespace ibn::kernels::IBN_ISA {

// `to` may be `from`.
using ApplyFunction = void (*)(const float* from, float* to, int64_t count, const float* numbers);

// The function at a place of `kFunctions`.
ApplyFunction functionAt(int index);

}  // namespace ibn::kernels::IBN_ISA
