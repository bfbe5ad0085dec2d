#include "reading.h"

#include <cstring>

namespace ibn::data {

namespace {

constexpr int32_t kMostLength = 1 << 20;
constexpr int64_t kMostPixelsRead = int64_t{1} << 28;
constexpr size_t kStepNumbers = 5;

InvalidArgument wrong(const std::string& expected) {
  return InvalidArgument("ERR_OUT_OF_RANGE", "Expected " + expected);
}

std::string readPath(const Napi::Value& value) {
  if (value.IsBuffer()) {
    const auto bytes = value.As<Napi::Buffer<char>>();
    return {bytes.Data(), bytes.Length()};
  }
  if (value.IsString()) return value.As<Napi::String>().Utf8Value();
  throw InvalidArgument("ERR_INVALID_ARG_TYPE", "Expected a path");
}

Item readSource(const Napi::Value& value) {
  Item item;
  if (value.IsArray()) {
    const auto parts = value.As<Napi::Array>();
    item.source.path = readPath(parts.Get(0U));
    item.source.offset = parts.Get(1U).ToNumber().Int64Value();
    item.source.length = parts.Get(2U).ToNumber().Int64Value();
    if (item.source.offset < 0 || item.source.length < 0) throw wrong("a part of a file");
    return item;
  }
  if (!value.IsTypedArray()) throw InvalidArgument("ERR_INVALID_ARG_TYPE", "Expected bytes or a file");
  const auto bytes = value.As<Napi::Uint8Array>();
  item.size = bytes.ByteLength();
  item.memory.reset(new uint8_t[item.size]);
  if (item.size > 0) std::memcpy(item.memory.get(), bytes.Data(), item.size);
  return item;
}

// Numbers of recipes, one after the other.
class Numbers {
 public:
  explicit Numbers(const Napi::Value& value) {
    if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array) {
      throw InvalidArgument("ERR_INVALID_ARG_TYPE", "Expected an Int32Array of recipes");
    }
    const auto array = value.As<Napi::Int32Array>();
    numbers_.assign(array.Data(), array.Data() + array.ElementLength());
  }

  int32_t next(int32_t least, int32_t most) {
    if (at_ >= numbers_.size()) throw wrong("more numbers of recipes");
    const int32_t number = numbers_[at_++];
    if (number >= least && number <= most) return number;
    throw wrong(std::to_string(least) + " to " + std::to_string(most) + " in a recipe, got " +
                std::to_string(number));
  }
  size_t left() const { return numbers_.size() - at_; }

 private:
  std::vector<int32_t> numbers_;
  size_t at_ = 0;
};

Step readStep(Numbers& numbers) {
  Step step;
  step.kind = static_cast<StepKind>(numbers.next(0, static_cast<int32_t>(StepKind::kFlipDown)));
  step.region.top = numbers.next(-kMostLength, kMostLength);
  step.region.left = numbers.next(-kMostLength, kMostLength);
  const bool has_size = step.kind <= StepKind::kBicubic;
  step.region.height = numbers.next(has_size ? 1 : 0, kMostLength);
  step.region.width = numbers.next(has_size ? 1 : 0, kMostLength);
  if (step.region.height * step.region.width > kMostPixelsRead) throw wrong("a smaller image");
  return step;
}

// The eighths, the number of steps, the steps.
Recipe readRecipe(Numbers& numbers) {
  Recipe recipe;
  recipe.scale = numbers.next(1, 8);
  const auto steps = static_cast<size_t>(numbers.next(0, kMostLength));
  if (steps * kStepNumbers > numbers.left()) throw wrong("more numbers of recipes");
  for (size_t i = 0; i < steps; i++) recipe.steps.push_back(readStep(numbers));
  return recipe;
}

at::Tensor readRow(const Call& call, const Napi::Value& value, at::ScalarType type) {
  const at::Tensor& row = call.data.tensor(call.env, value);
  if (row.is_cpu() && row.layout() == at::kStrided && row.scalar_type() == type && row.dim() == 3 &&
      row.size(0) == 3 && row.is_contiguous() && row.numel() > 0) {
    return row;
  }
  throw wrong("a contiguous row of the batch, of shape (3, H, W)");
}

Values readValues(const Call& call, const Napi::Value& value) {
  if (value.IsNull()) return {};
  const at::Tensor& table = call.data.tensor(call.env, value);
  constexpr int64_t kValues = int64_t{3} * 256;
  if (!table.is_cpu() || table.scalar_type() != at::kFloat || table.numel() != kValues ||
      !table.is_contiguous()) {
    throw wrong("float32 values of shape (3, 256)");
  }
  const auto* from = static_cast<const float*>(table.const_data_ptr());
  return {from, from + kValues};
}

}  // namespace

std::vector<Item> readSources(const Call& call, size_t index) {
  if (!call.info[index].IsArray())
    throw InvalidArgument("ERR_INVALID_ARG_TYPE", "Expected an array of images");
  const auto list = call.info[index].As<Napi::Array>();
  std::vector<Item> items;
  items.reserve(list.Length());
  for (uint32_t i = 0; i < list.Length(); i++) items.push_back(readSource(list.Get(i)));
  if (items.empty()) throw wrong("at least one image");
  return items;
}

void readWork(const Call& call, size_t index, ImageBatch& batch) {
  if (!call.info[index].IsArray()) throw InvalidArgument("ERR_INVALID_ARG_TYPE", "Expected an array of rows");
  const auto rows = call.info[index].As<Napi::Array>();
  if (rows.Length() != batch.items.size()) throw wrong("a row for each image");
  Numbers numbers(call.info[index + 1]);
  Values values = readValues(call, call.info[index + 2]);
  std::vector<std::pair<at::Tensor, Recipe>> work(batch.items.size());
  for (uint32_t i = 0; i < rows.Length(); i++) {
    const Napi::Value row = rows.Get(i);
    if (row.IsNull()) continue;
    if (batch.items[i].memory == nullptr) throw wrong("an image that was opened");
    work[i] = {readRow(call, row, values.empty() ? at::kByte : at::kFloat), readRecipe(numbers)};
  }
  batch.values = std::move(values);
  for (size_t i = 0; i < work.size(); i++) {
    batch.items[i].row = std::move(work[i].first);
    batch.items[i].recipe = std::move(work[i].second);
  }
}

}  // namespace ibn::data
