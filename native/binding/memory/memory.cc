#include "memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>

namespace ibn {

namespace {

constexpr size_t kAlignment = 64;  // what libtorch's kernels are written for
constexpr size_t kLarge = size_t{128} << 10;
constexpr size_t kPage = 4096;
constexpr int64_t kLeastCache = int64_t{256} << 20;
constexpr int64_t kMostCache = int64_t{1} << 30;

std::atomic<int64_t> live{0};
std::atomic<int64_t> peak{0};
std::atomic<int64_t> step_peak{0};  // since the last backward

// Before each block: where it begins and how long it is.
struct alignas(kAlignment) Header {
  void* raw;
  size_t bytes;
  bool mapped;
};
static_assert(sizeof(Header) == kAlignment);

Header* headerOf(void* data) {
  return static_cast<Header*>(data) - 1;
}

void raise(std::atomic<int64_t>& highest, int64_t now) {
  int64_t seen = highest.load(std::memory_order_relaxed);
  while (now > seen && !highest.compare_exchange_weak(seen, now, std::memory_order_relaxed)) {
  }
}

void count(int64_t bytes) {
  const int64_t now = live.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  raise(peak, now);
  raise(step_peak, now);
}

[[noreturn]] void failAllocation(size_t bytes) {
  C10_THROW_ERROR(OutOfMemoryError, "CPU allocator: can't allocate memory: you tried to allocate " +
                                        std::to_string(bytes) + " bytes");
}

// What the process may use at most: the machine's memory, or the part that its container has.
int64_t machineMemory() {
  int64_t least = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    int64_t limit = 0;
    if (std::ifstream(path) >> limit && limit > 0) least = std::min(least, limit);
  }
  return least;
}

// What the user set, in bytes, or -1.
int64_t chosenLimit() {
  const char* setting = std::getenv("IBN_NET_CPU_CACHE_MB");
  return setting == nullptr ? -1 : std::max<int64_t>(0, std::strtoll(setting, nullptr, 10)) << 20;
}

int64_t cacheLimit() {
  const int64_t chosen = chosenLimit();
  return chosen >= 0 ? chosen : std::clamp(machineMemory() / 16, kLeastCache, kMostCache);
}

// Freed large blocks, taken again by the next request of about their size. A network asks for the same sizes
// over and over; giving them back to the system each time would cost a page fault for every 4 KiB
// (docs/memory.md). A program that trains may keep more: what the highest point of its last two steps, and a
// quarter more, leaves beside what is alive. The quarter is for blocks that are larger than what is asked.
class BlockCache {
 public:
  BlockCache() : limit_(cacheLimit()), most_(chosenLimit() >= 0 ? limit_ : machineMemory() / 4) {}

  // A kept block of at least `bytes` and at most a quarter more, or nullptr.
  Header* take(size_t bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = by_size_.lower_bound(bytes);
    if (found == by_size_.end() || found->first > bytes + bytes / 4) return nullptr;
    Header* header = *found->second;
    bytes_ -= static_cast<int64_t>(header->bytes);
    by_age_.erase(found->second);
    by_size_.erase(found);
    return header;
  }

  void keep(Header* header) {
    const auto bytes = static_cast<int64_t>(header->bytes);
    const int64_t allowed = room();
    if (bytes > allowed) return unmap(header);
    Headers dropped;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      dropped = shrink(allowed - bytes);
      by_size_.emplace(header->bytes, by_age_.insert(by_age_.end(), header));
      bytes_ += bytes;
    }
    unmapAll(dropped);
  }

  // Before new memory is mapped: what is kept and nobody asks for would come on top of it.
  void makeRoom(size_t bytes) {
    Headers dropped;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      dropped = shrink(std::max(limit_, room() - static_cast<int64_t>(bytes)));
    }
    unmapAll(dropped);
  }

  void clear() {
    Headers dropped;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      dropped = shrink(0);
    }
    unmapAll(dropped);
  }

  void forgetSteps() {
    steps_.store(0, std::memory_order_relaxed);
    last_step_.store(0, std::memory_order_relaxed);
  }

  void noteStep(int64_t highest) {
    const int64_t before = last_step_.exchange(highest, std::memory_order_relaxed);
    steps_.store(std::max(before, highest), std::memory_order_relaxed);
  }

  int64_t bytes() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return bytes_;
  }

 private:
  using Headers = std::vector<Header*>;

  // How many bytes may be kept now.
  int64_t room() const {
    const int64_t highest = steps_.load(std::memory_order_relaxed);
    const int64_t left = highest + highest / 4 - live.load(std::memory_order_relaxed);
    return std::max(limit_, std::min(most_, left));
  }

  static void unmap(Header* header) { munmap(header->raw, header->bytes); }

  // Without the lock: the system takes milliseconds for a large block, and other threads would wait for them.
  static void unmapAll(const Headers& headers) {
    for (Header* header : headers) unmap(header);
  }

  // Forgets the blocks kept longest until at most `limit` bytes remain. The caller unmaps them.
  Headers shrink(int64_t limit) {
    Headers dropped;
    while (bytes_ > limit && !by_age_.empty()) {
      Header* oldest = by_age_.front();
      auto [entry, end] = by_size_.equal_range(oldest->bytes);
      while (entry != end && *entry->second != oldest) ++entry;
      by_size_.erase(entry);
      by_age_.pop_front();
      bytes_ -= static_cast<int64_t>(oldest->bytes);
      dropped.push_back(oldest);
    }
    return dropped;
  }

  using Age = std::list<Header*>;
  std::mutex mutex_;
  Age by_age_;
  std::multimap<size_t, Age::iterator> by_size_;
  int64_t bytes_ = 0;
  std::atomic<int64_t> last_step_{0};
  std::atomic<int64_t> steps_{0};  // the highest point of the last two steps
  const int64_t limit_;
  const int64_t most_;
};

// Leaked on purpose, as the allocator is: tensors of other threads may outlive static destructors.
BlockCache& cache() {
  static auto* instance = new BlockCache();
  return *instance;
}

void* mapPages(size_t bytes) {
  return mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

Header* allocateLarge(size_t bytes) {
  const size_t needed = (bytes + sizeof(Header) + kPage - 1) / kPage * kPage;
  if (Header* kept = cache().take(needed)) return kept;
  cache().makeRoom(needed);
  void* raw = mapPages(needed);
  if (raw == MAP_FAILED) {
    cache().forgetSteps();
    cache().clear();
    raw = mapPages(needed);
  }
  if (raw == MAP_FAILED) failAllocation(bytes);
  auto* header = static_cast<Header*>(raw);
  *header = {raw, needed, true};
  return header;
}

// malloc and align by hand: glibc before 2.38 does not reuse the exact hole that an aligned block leaves.
Header* allocateSmall(size_t bytes) {
  const size_t needed = bytes + sizeof(Header) + kAlignment;
  void* raw = std::malloc(needed);
  if (raw == nullptr) failAllocation(bytes);
  size_t space = needed;
  void* aligned = raw;
  std::align(kAlignment, bytes + sizeof(Header), aligned, space);
  auto* header = static_cast<Header*>(aligned);
  *header = {raw, needed, false};
  return header;
}

class CpuAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* data = nullptr;
    if (bytes > SIZE_MAX / 2) failAllocation(bytes);
    if (bytes > 0) {
      Header* header = bytes >= kLarge ? allocateLarge(bytes) : allocateSmall(bytes);
      count(static_cast<int64_t>(header->bytes));
      data = header + 1;
    }
    return {data, data, &CpuAllocator::free, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &CpuAllocator::free; }
  void copy_data(void* destination, const void* source, size_t bytes) const override {
    default_copy_data(destination, source, bytes);
  }

 private:
  static void free(void* data) {
    if (data == nullptr) return;
    Header* header = headerOf(data);
    live.fetch_sub(static_cast<int64_t>(header->bytes), std::memory_order_relaxed);
    if (header->mapped) {
      cache().keep(header);
    } else {
      std::free(header->raw);
    }
  }
};

}  // namespace

void installAllocator() {
  static auto* allocator = new CpuAllocator();
  static std::once_flag once;
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
int64_t cachedCpuBytes() {
  return cache().bytes();
}
void emptyCpuCache() {
  cache().clear();
}
void forgetTraining() {
  cache().forgetSteps();
}
void noteBackward() {
  cache().noteStep(step_peak.exchange(liveCpuBytes(), std::memory_order_relaxed));
}

}  // namespace ibn
