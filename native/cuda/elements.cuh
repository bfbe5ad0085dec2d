// Elements in memory and in registers. The host tests bring their own platform: the CUDA words of these files
// run on an emulator there, which checks every access.
#pragma once
#include <cstring>

#include "plan.h"

#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#else
#include "emulator.h"
#endif

namespace ibn::cuda {

#if defined(__CUDACC__)

using Half = __half;
using Bfloat16 = __nv_bfloat16;
using Stream = cudaStream_t;

__device__ __forceinline__ float toFloat(float value) {
  return value;
}
__device__ __forceinline__ float toFloat(Half value) {
  return __half2float(value);
}
__device__ __forceinline__ float toFloat(Bfloat16 value) {
  return __bfloat162float(value);
}

template <typename T>
__device__ __forceinline__ T fromFloat(float value);
template <>
__device__ __forceinline__ float fromFloat<float>(float value) {
  return value;
}
template <>
__device__ __forceinline__ Half fromFloat<Half>(float value) {
  return __float2half_rn(value);
}
template <>
__device__ __forceinline__ Bfloat16 fromFloat<Bfloat16>(float value) {
  return __float2bfloat16_rn(value);
}

// For memory that no thread of the kernel writes.
template <typename T>
__device__ __forceinline__ T loadConstant(const T* address) {
  return __ldg(address);
}
template <typename T>
__device__ __forceinline__ T loadShared(const T* address) {
  return *address;
}
template <typename T>
__device__ __forceinline__ void storeTo(T* address, T value) {
  *address = value;
}
// Assigned, a store of 128 bits may be taken apart into four.
__device__ __forceinline__ void storeTo(uint4* address, uint4 value) {
  __stwb(address, value);
}

#endif

// Neighbouring elements that are read or written at once.
template <typename T, int V>
struct alignas(sizeof(T) * V) Pack {
  T at[V];
};

template <typename T, int V>
__device__ __forceinline__ Pack<T, V> loadPack(const T* address) {
  Pack<T, V> pack;
  if constexpr (sizeof(pack) == kAccessBytes) {
    const uint4 bits = loadConstant(reinterpret_cast<const uint4*>(address));
    memcpy(&pack, &bits, sizeof(pack));
  } else {
    static_assert(V == 1);
    pack.at[0] = loadConstant(address);
  }
  return pack;
}

template <typename T, int V>
__device__ __forceinline__ void storePack(T* address, const Pack<T, V>& pack) {
  if constexpr (sizeof(pack) == kAccessBytes) {
    uint4 bits;
    memcpy(&bits, &pack, sizeof(pack));
    storeTo(reinterpret_cast<uint4*>(address), bits);
  } else {
    static_assert(V == 1);
    storeTo(address, pack.at[0]);
  }
}

// Has the compiler take elements from their packed registers again: kept as floats from one phase to the next they would
// need twice the room, and spill.
template <typename T, int V, int K>
__device__ __forceinline__ void repack([[maybe_unused]] Pack<T, V> (&packs)[K]) {
#if defined(__CUDA_ARCH__)
  if constexpr (sizeof(T) < sizeof(float) && V > 1) {
#pragma unroll
    for (int k = 0; k < K; k++) {
      uint4 bits;
      memcpy(&bits, &packs[k], sizeof(bits));
      asm("" : "+r"(bits.x), "+r"(bits.y), "+r"(bits.z), "+r"(bits.w));
      memcpy(&packs[k], &bits, sizeof(bits));
    }
  }
#endif
}

__device__ __forceinline__ Pair loadConstantPair(const Pair* address) {
  const float* floats = &address->first;
  return {loadConstant(floats), loadConstant(floats + 1)};
}

// The sum of two elements, rounded to their type.
template <typename T>
__device__ __forceinline__ T sumOf(T a, T b) {
  return fromFloat<T>(toFloat(a) + toFloat(b));
}

__device__ __forceinline__ float loadAs(ElementType type, const void* data, int64_t index) {
  switch (type) {
    case ElementType::kHalf:
      return toFloat(loadConstant(static_cast<const Half*>(data) + index));
    case ElementType::kBfloat16:
      return toFloat(loadConstant(static_cast<const Bfloat16*>(data) + index));
    default:
      return loadConstant(static_cast<const float*>(data) + index);
  }
}

__device__ __forceinline__ float loadOr(const Vector& vector, int32_t index, float otherwise) {
  return vector.data == nullptr ? otherwise : loadAs(vector.type, vector.data, index);
}

// Memory that the kernel itself writes.
__device__ __forceinline__ float loadMutable(ElementType type, const void* data, int64_t index) {
  switch (type) {
    case ElementType::kHalf:
      return toFloat(loadShared(static_cast<const Half*>(data) + index));
    case ElementType::kBfloat16:
      return toFloat(loadShared(static_cast<const Bfloat16*>(data) + index));
    default:
      return loadShared(static_cast<const float*>(data) + index);
  }
}

__device__ __forceinline__ void storeAs(ElementType type, void* data, int64_t index, float value) {
  switch (type) {
    case ElementType::kHalf:
      return storeTo(static_cast<Half*>(data) + index, fromFloat<Half>(value));
    case ElementType::kBfloat16:
      return storeTo(static_cast<Bfloat16*>(data) + index, fromFloat<Bfloat16>(value));
    default:
      return storeTo(static_cast<float*>(data) + index, value);
  }
}

}  // namespace ibn::cuda
