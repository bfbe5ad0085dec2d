// CUDA's words on the host. Each thread of a block is a fiber that runs until the next barrier or shuffle;
// every access to global memory is checked for bounds and alignment, each store for two writers of one byte.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <tuple>

#define __host__
#define __device__
#define __global__ inline
#define __forceinline__ inline
#define __launch_bounds__(threads)
// Blocks run one after another, on one thread.
#define __shared__ static

#include <cmath>

namespace emulator {

struct Dim {
  unsigned x;
};
extern Dim thread_idx, block_idx, block_dim, grid_dim;

void synchronizeBlock();
float shuffleXor(float value, int mask);
// Ends the program with a message.
[[noreturn]] void fail(const char* text);
// How memory is accessed: read as constant throughout a launch, read, or written.
enum class Access { kConstant, kRead, kWrite };
// Checks that [address, address + bytes) lies in one allocation, aligned to `alignment`.
void checkAccess(const void* address, size_t bytes, size_t alignment, Access access);
// Counts 16-byte accesses and all accesses of the kernels since the start.
struct Counts {
  int64_t wide, narrow;
};
extern Counts counts;

// Bytes with guards around them; `offset` bytes past a boundary of 16.
class Memory {
 public:
  Memory(size_t bytes, size_t offset);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  void* data() const { return data_; }
  // Whether each byte was written by a kernel.
  bool isWritten() const;

 private:
  void* block_;
  void* data_;
  size_t bytes_;
};

void run(int64_t blocks, int threads, const std::function<void()>& kernel);

}  // namespace emulator

#define threadIdx emulator::thread_idx
#define blockIdx emulator::block_idx
#define blockDim emulator::block_dim
#define gridDim emulator::grid_dim
#define __syncthreads emulator::synchronizeBlock

inline float __shfl_xor_sync(unsigned mask, float value, int offset) {
  if (mask != 0xffffffffU) emulator::fail("a shuffle of part of a warp");
  return emulator::shuffleXor(value, offset);
}

struct alignas(16) uint4 {
  uint32_t x, y, z, w;
};

namespace ibn::cuda {

struct Half {
  uint16_t bits;
};
struct Bfloat16 {
  uint16_t bits;
};
struct Stream {};

float toFloat(Half value);
float toFloat(Bfloat16 value);
inline float toFloat(float value) {
  return value;
}
template <typename T>
T fromFloat(float value);
template <>
inline float fromFloat<float>(float value) {
  return value;
}
template <>
Half fromFloat<Half>(float value);
template <>
Bfloat16 fromFloat<Bfloat16>(float value);

template <typename T>
T loadConstant(const T* address) {
  emulator::checkAccess(address, sizeof(T), alignof(T), emulator::Access::kConstant);
  return *address;
}
template <typename T>
T loadShared(const T* address) {
  emulator::checkAccess(address, sizeof(T), alignof(T), emulator::Access::kRead);
  return *address;
}
template <typename T>
void storeTo(T* address, T value) {
  emulator::checkAccess(address, sizeof(T), alignof(T), emulator::Access::kWrite);
  *address = value;
}

template <auto Kernel, typename... Arguments>
void launch(Stream, int64_t blocks, int threads, const Arguments&... arguments) {
  emulator::run(blocks, threads, [&] { Kernel(arguments...); });
}

}  // namespace ibn::cuda
