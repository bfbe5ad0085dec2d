#include "blocks.h"

#include <sys/mman.h>
#include <unistd.h>

#include <c10/core/CPUAllocator.h>

#include <algorithm>

namespace ibn {

namespace {

constexpr int64_t kBlockAlignment = 64;
constexpr int64_t kBlock = int64_t{32} << 20;
constexpr size_t kLargePage = size_t{2} << 20;

using Shared = std::shared_ptr<c10::DataPtr>;

int64_t roundUp(int64_t size) {
  return (size + kBlockAlignment - 1) / kBlockAlignment * kBlockAlignment;
}

bool ownsBlock(int64_t size) {
  return size == 0 || size >= kBlock / 2;
}

// Memory that is about to be filled comes in large pages where the system has them: a fault for each 4 KiB
// takes longer than copying them.
void preferLargePages(void* start, size_t bytes) {
  if (bytes < kLargePage) return;
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t before = (page - reinterpret_cast<uintptr_t>(start) % page) % page;
  madvise(static_cast<char*>(start) + before, (bytes - before) / page * page, MADV_HUGEPAGE);
}

c10::DataPtr allocate(int64_t size) {
  c10::DataPtr data = c10::GetCPUAllocator()->allocate(static_cast<size_t>(size));
  preferLargePages(data.get(), static_cast<size_t>(size));
  return data;
}

c10::Storage storageOf(c10::DataPtr data, int64_t size) {
  return c10::Storage(c10::make_intrusive<c10::StorageImpl>(
      c10::StorageImpl::use_byte_size_t(), static_cast<size_t>(size), std::move(data), nullptr, false));
}

}  // namespace

Blocks::Blocks(const std::vector<int64_t>& sizes) {
  for (const int64_t size : sizes) left_ += ownsBlock(size) ? 0 : roundUp(size);
}

c10::Storage Blocks::take(int64_t size) {
  if (ownsBlock(size)) return storageOf(allocate(size), size);
  if (used_ + size > size_) start();
  uint8_t* data = static_cast<uint8_t*>(block_->get()) + used_;
  used_ += roundUp(size);
  left_ -= roundUp(size);
  const auto release = [](void* context) { delete static_cast<Shared*>(context); };
  return storageOf({data, new Shared(block_), release, at::kCPU}, size);
}

void Blocks::start() {
  size_ = std::min(kBlock, left_);
  block_ = std::make_shared<c10::DataPtr>(allocate(size_));
  used_ = 0;
}

}  // namespace ibn
