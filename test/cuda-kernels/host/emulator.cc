#include "emulator.h"

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

namespace emulator {

Dim thread_idx, block_idx, block_dim, grid_dim;
Counts counts;

void fail(const char* text) {
  std::fprintf(stderr, "block %u thread %u: %s\n", block_idx.x, thread_idx.x, text);
  std::abort();
}

namespace {

constexpr size_t kStack = 64 * 1024;
constexpr size_t kGuard = 64;
constexpr unsigned char kFill = 0xA5;

enum class Wait { kNone, kBlock, kWarp, kDone };

struct Fiber {
  std::unique_ptr<char[]> stack;
  ucontext_t context;
  jmp_buf state;
  Wait wait;
  bool started;
  int mask;
  float value;
};

struct Allocation {
  size_t bytes;
  // The launch and the thread that wrote a byte last; a byte is written once in a launch.
  std::vector<int64_t> writer;
};

std::vector<Fiber> fibers;
jmp_buf scheduler;
const std::function<void()>* body;
std::map<uintptr_t, Allocation> allocations;
int64_t launches;

void yieldFor(Wait wait) {
  Fiber& self = fibers[thread_idx.x];
  self.wait = wait;
  if (_setjmp(self.state) == 0) _longjmp(scheduler, 1);
}

void fiberMain() {
  (*body)();
  fibers[thread_idx.x].wait = Wait::kDone;
  _longjmp(scheduler, 1);
}

void resume(unsigned index) {
  thread_idx.x = index;
  Fiber& fiber = fibers[index];
  if (_setjmp(scheduler) != 0) return;
  if (fiber.started) _longjmp(fiber.state, 1);
  fiber.started = true;
  setcontext(&fiber.context);
}

void prepare(unsigned index) {
  Fiber& fiber = fibers[index];
  if (!fiber.stack) fiber.stack = std::make_unique<char[]>(kStack);
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack.get();
  fiber.context.uc_stack.ss_size = kStack;
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, fiberMain, 0);
  fiber.started = false;
  fiber.wait = Wait::kNone;
}

// A warp goes on when all of its threads shuffle alike; a barrier, when all of the block are there.
void runWarp(unsigned first) {
  for (;;) {
    unsigned shuffling = 0;
    for (unsigned i = first; i < first + 32; i++) {
      if (fibers[i].wait == Wait::kNone) resume(i);
      if (fibers[i].wait == Wait::kWarp) shuffling++;
    }
    if (shuffling == 0) return;
    if (shuffling != 32) fail("a shuffle that not all threads of the warp reach");
    float values[32];
    for (unsigned i = 0; i < 32; i++) {
      const Fiber& fiber = fibers[first + i];
      if (fiber.mask != fibers[first].mask) fail("shuffles that differ within a warp");
      values[i] = fibers[first + (i ^ static_cast<unsigned>(fiber.mask))].value;
    }
    for (unsigned i = 0; i < 32; i++) {
      fibers[first + i].value = values[i];
      fibers[first + i].wait = Wait::kNone;
    }
  }
}

void runBlock() {
  for (unsigned i = 0; i < block_dim.x; i++) prepare(i);
  for (;;) {
    for (unsigned first = 0; first < block_dim.x; first += 32) runWarp(first);
    unsigned waiting = 0;
    for (unsigned i = 0; i < block_dim.x; i++) waiting += fibers[i].wait == Wait::kBlock ? 1 : 0;
    if (waiting == 0) return;
    if (waiting != block_dim.x) fail("a barrier that not all threads of the block reach");
    for (unsigned i = 0; i < block_dim.x; i++) fibers[i].wait = Wait::kNone;
  }
}

}  // namespace

void synchronizeBlock() {
  yieldFor(Wait::kBlock);
}

float shuffleXor(float value, int mask) {
  fibers[thread_idx.x].value = value;
  fibers[thread_idx.x].mask = mask;
  const unsigned index = thread_idx.x;
  yieldFor(Wait::kWarp);
  return fibers[index].value;
}

void checkAccess(const void* address, size_t bytes, size_t alignment, Access access) {
  const auto at = reinterpret_cast<uintptr_t>(address);
  if (at % alignment != 0) fail("an access that is not aligned");
  auto next = allocations.upper_bound(at);
  if (next == allocations.begin()) fail("an access outside all memory");
  auto& [start, allocation] = *--next;
  if (at + bytes > start + allocation.bytes) fail("an access past the end");
  (bytes == 16 ? counts.wide : counts.narrow)++;
  if (access == Access::kRead) return;
  for (size_t i = at - start; i < at - start + bytes; i++) {
    const bool written = allocation.writer[i] == launches;
    if (written && access == Access::kConstant) fail("a read as constant of what the launch wrote");
    if (written) fail("two writes to one place");
    if (access == Access::kWrite) allocation.writer[i] = launches;
  }
}

bool Memory::isWritten() const {
  const Allocation& allocation = allocations.at(reinterpret_cast<uintptr_t>(data_));
  return std::none_of(allocation.writer.begin(), allocation.writer.end(), [](int64_t by) { return by < 0; });
}

Memory::Memory(size_t bytes, size_t offset) : bytes_(bytes) {
  const size_t whole = (bytes + offset + 2 * kGuard + 15) / 16 * 16;
  block_ = std::aligned_alloc(16, whole);
  std::memset(block_, kFill, whole);
  data_ = static_cast<char*>(block_) + kGuard + offset;
  allocations[reinterpret_cast<uintptr_t>(data_)] = {bytes, std::vector<int64_t>(bytes, -1)};
}

Memory::~Memory() {
  const auto* end = static_cast<unsigned char*>(data_) + bytes_;
  for (size_t i = 0; i < kGuard / 2; i++) {
    if (end[i] != kFill) fail("bytes past an allocation were changed");
  }
  allocations.erase(reinterpret_cast<uintptr_t>(data_));
  std::free(block_);
}

void run(int64_t blocks, int threads, const std::function<void()>& kernel) {
  if (threads <= 0 || threads % 32 != 0 || threads > 1024) fail("a block of a size that cannot be");
  if (blocks <= 0 || blocks > 2147483647) fail("a grid of a size that cannot be");
  launches++;
  body = &kernel;
  if (fibers.size() < static_cast<size_t>(threads)) fibers.resize(threads);
  block_dim.x = threads;
  grid_dim.x = static_cast<unsigned>(blocks);
  for (int64_t i = 0; i < blocks; i++) {
    block_idx.x = static_cast<unsigned>(i);
    runBlock();
  }
}

}  // namespace emulator

namespace ibn::cuda {

float toFloat(Half value) {
  const uint32_t sign = (value.bits & 0x8000U) << 16;
  const uint32_t exponent = value.bits >> 10 & 31U;
  const uint32_t fraction = value.bits & 1023U;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000U | fraction << 13);
  if (exponent == 0) {
    const float magnitude = std::ldexp(static_cast<float>(fraction), -24);
    return sign != 0 ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

float toFloat(Bfloat16 value) {
  return std::bit_cast<float>(uint32_t{value.bits} << 16);
}

// To the nearest, halves to even.
template <>
Half fromFloat<Half>(float value) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const auto with = [&](uint32_t bits) { return Half{static_cast<uint16_t>(sign | bits)}; };
  if (std::isnan(value)) return with(0x7e00);
  const float magnitude = std::fabs(value);
  if (magnitude >= 65520.0F) return with(0x7c00);
  if (magnitude < std::ldexp(1.0F, -14)) {
    return with(static_cast<uint32_t>(std::nearbyint(std::ldexp(magnitude, 24))));
  }
  uint32_t bits = std::bit_cast<uint32_t>(magnitude);
  bits += 0xfffU + (bits >> 13 & 1U);
  return with((bits >> 13) - (112U << 10));
}

template <>
Bfloat16 fromFloat<Bfloat16>(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value)) return {static_cast<uint16_t>(bits >> 16 | 0x40U)};
  bits += 0x7fffU + (bits >> 16 & 1U);
  return {static_cast<uint16_t>(bits >> 16)};
}

}  // namespace ibn::cuda
