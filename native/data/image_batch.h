// The images of one batch, on their way from files to rows of a tensor.
#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/ivalue.h>

#include "crew.h"
#include "mailbox.h"
#include "recipe.h"

namespace ibn::data {

// A file, or a part of one (`length` from `offset`; 0 for all).
struct Source {
  std::string path;
  int64_t offset = 0;
  int64_t length = 0;
};

struct Item {
  Source source;
  std::unique_ptr<uint8_t[]> memory;
  size_t size = 0;
  JpegSize pixels;
  // Why it is not read here, in words.
  std::string problem;
  Recipe recipe;
  at::Tensor row;  // undefined where nothing is to be done

  Bytes bytes() const { return {memory.get(), size}; }
};

// Made and asked on the JavaScript thread, between `open` and `prepare` and after; threads have it meanwhile.
class ImageBatch final : public torch::CustomClassHolder {
 public:
  explicit ImageBatch(std::vector<Item> images) : items(std::move(images)) {}

  std::vector<Item> items;
  Values values;
  std::atomic<size_t> left{0};
  bool is_busy = false;  // on the JavaScript thread: a letter is expected
};

using ImageBatchPtr = c10::intrusive_ptr<ImageBatch>;

// Reads the files and their sizes, then calls settle(id, sizes): height and width of each, 0 where it is not
// read here.
void open(Crew& crew, const std::shared_ptr<Mailbox>& mailbox, int64_t id, const ImageBatchPtr& batch);

// Fills the rows, then calls settle(id, problems): null for an image that is done.
void prepare(Crew& crew, const std::shared_ptr<Mailbox>& mailbox, int64_t id, const ImageBatchPtr& batch);

}  // namespace ibn::data
