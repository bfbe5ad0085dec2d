// What lib/ says of images and what shall become of them, checked: nothing here may lead outside of memory.
#pragma once
#include <vector>

#include "../binding/call.h"
#include "image_batch.h"

namespace ibn::data {

// An array of bytes (Uint8Array, copied) or [path, offset, length].
std::vector<Item> readSources(const Call& call, size_t index);

// Sets rows, recipes and values of a batch from three arguments; see `imagesPrepare`.
void readWork(const Call& call, size_t index, ImageBatch& batch);

}  // namespace ibn::data
