#include "memory.h"

#include <malloc.h>

#include <atomic>
#include <mutex>

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>

namespace ibn {

namespace {

std::atomic<int64_t> live{0};
std::atomic<int64_t> peak{0};

void countAllocation(int64_t bytes) {
  const int64_t now = live.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  int64_t seen = peak.load(std::memory_order_relaxed);
  while (now > seen && !peak.compare_exchange_weak(seen, now, std::memory_order_relaxed)) {
  }
}

class CountingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* data = c10::alloc_cpu(bytes);
    if (data != nullptr) countAllocation(static_cast<int64_t>(malloc_usable_size(data)));
    return {data, data, &CountingAllocator::free, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &CountingAllocator::free; }
  void copy_data(void* destination, const void* source, size_t bytes) const override {
    default_copy_data(destination, source, bytes);
  }

 private:
  static void free(void* data) {
    if (data == nullptr) return;
    live.fetch_sub(static_cast<int64_t>(malloc_usable_size(data)), std::memory_order_relaxed);
    c10::free_cpu(data);
  }
};

}  // namespace

void installCountingAllocator() {
  static std::once_flag once;
  // Leaked on purpose: tensors of other threads may outlive static destructors.
  static auto* allocator = new CountingAllocator();
  std::call_once(once, [] { c10::SetCPUAllocator(allocator, 1); });
}

int64_t liveCpuBytes() {
  return live.load(std::memory_order_relaxed);
}
int64_t peakCpuBytes() {
  return peak.load(std::memory_order_relaxed);
}
void resetPeakCpuBytes() {
  peak.store(liveCpuBytes(), std::memory_order_relaxed);
}

}  // namespace ibn
