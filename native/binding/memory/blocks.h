// Memory for many storages that are filled at once.
#pragma once
#include <c10/core/Storage.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace ibn {

// Gives storages of the announced sizes, in their order. Small ones lie together in blocks, which large pages
// fill; a block goes with the last of its storages.
class Blocks {
 public:
  explicit Blocks(const std::vector<int64_t>& sizes);
  c10::Storage take(int64_t size);

 private:
  void start();

  // Bytes of small storages that are still to come.
  int64_t left_ = 0;
  std::shared_ptr<c10::DataPtr> block_;
  int64_t size_ = 0;
  int64_t used_ = 0;
};

}  // namespace ibn
