#include "layout.h"

#include <cmath>

namespace ibn::engine {

namespace {

constexpr int64_t kBufferAlignment = 64;

Shape readShape(const Field& field) {
  Shape shape;
  shape.channels = field.get("channels").integer(1, kMostChannels);
  shape.height = field.get("height").integer(1, kMostPixels);
  shape.width = field.get("width").integer(1, kMostPixels);
  return shape;
}

kernels::Type readType(const Field& field) {
  const std::string name = field.text();
  if (name == "float32") return kernels::Type::kFloat32;
  if (name == "bfloat16") return kernels::Type::kBFloat16;
  throw field.wrong("\"float32\" or \"bfloat16\"");
}

int64_t bytesOf(const Buffer& buffer) {
  const size_t element = buffer.kind == BufferKind::kMap       ? kernels::sizeOf(buffer.type)
                         : buffer.kind == BufferKind::kIndices ? sizeof(int64_t)
                                                               : sizeof(float);
  return buffer.shape.elements() * static_cast<int64_t>(element);
}

BufferKind readKind(const Field& field) {
  const std::string kind = field.text();
  if (kind == "map") return BufferKind::kMap;
  if (kind == "vector") return BufferKind::kVector;
  if (kind == "indices") return BufferKind::kIndices;
  throw field.wrong(R"("map", "vector" or "indices")");
}

// Convolutions of integers read and write no bfloat16.
void readElements(const Field& field, Buffer& buffer) {
  if (buffer.kind != BufferKind::kMap || buffer.type != kernels::Type::kFloat32) {
    throw field.wrong("none but of a map in a plan of float32");
  }
  buffer.quantization = readQuantization(field);
  buffer.type = kernels::Type::kUInt8;
}

Buffer readBuffer(const Field& field, kernels::Type type, int64_t arena_bytes) {
  Buffer buffer;
  buffer.kind = readKind(field.get("kind"));
  buffer.shape = readShape(field);
  if (buffer.kind == BufferKind::kIndices && buffer.shape.channels != 1) {
    throw field.wrong("one channel of indices", buffer.shape.text());
  }
  if (buffer.kind == BufferKind::kVector && buffer.shape.height * buffer.shape.width != 1) {
    throw field.wrong("height and width 1 of a vector", buffer.shape.text());
  }
  buffer.offset = field.get("offset").integer(0, arena_bytes);
  if (buffer.offset % kBufferAlignment != 0) throw field.get("offset").wrong("a multiple of 64");
  buffer.type = type;
  if (field.has("quantization")) readElements(field.get("quantization"), buffer);
  const int64_t bytes = bytesOf(buffer);
  if (bytes > arena_bytes - buffer.offset) {
    throw field.wrong("a buffer within the arena of " + std::to_string(arena_bytes) + " bytes",
                      std::to_string(bytes) + " bytes at " + std::to_string(buffer.offset));
  }
  return buffer;
}

Value readValue(const Field& field, const std::vector<Buffer>& buffers) {
  Value value;
  const auto last = static_cast<int64_t>(buffers.size()) - 1;
  value.buffer = static_cast<size_t>(field.get("buffer").integer(0, last));
  const int64_t all = buffers[value.buffer].shape.channels;
  value.from = field.get("from").integer(0, all - 1);
  value.channels = field.get("channels").integer(1, all - value.from);
  return value;
}

}  // namespace

kernels::Quantization readQuantization(const Field& field) {
  constexpr int64_t kMostByte = 255;
  kernels::Quantization result;
  result.scale = static_cast<float>(field.get("scale").number());
  // The inverse is finite, too.
  if (!std::isnormal(result.scale) || result.scale < 0 || !std::isfinite(1 / result.scale)) {
    throw field.get("scale").wrong("a number above 0 that float32 has");
  }
  result.zero_point = static_cast<int32_t>(field.get("zeroPoint").integer(0, kMostByte));
  return result;
}

std::string Shape::text() const {
  return shapeText({channels, height, width});
}

Layout::Layout(const Field& plan) {
  type = readType(plan.get("dtype"));
  arena_bytes = plan.get("arenaBytes").integer(0, kMostArena);
  for (const Field& field : plan.get("inputs").items()) inputs.push_back(readShape(field));
  for (const Field& field : plan.get("buffers").items()) {
    buffers.push_back(readBuffer(field, type, arena_bytes));
  }
  for (const Field& field : plan.get("values").items()) values.push_back(readValue(field, buffers));
}

size_t Layout::input(const Field& field) const {
  return static_cast<size_t>(field.get("input").integer(0, static_cast<int64_t>(inputs.size()) - 1));
}

size_t Layout::any(const Field& field) const {
  return static_cast<size_t>(field.integer(0, static_cast<int64_t>(values.size()) - 1));
}

size_t Layout::value(const Field& field) const {
  const size_t index = any(field);
  if (kind(index) == BufferKind::kIndices) throw field.wrong("a map or a vector", "indices");
  if (isQuantized(index)) throw field.wrong("a map or a vector of floats", "a quantised map");
  return index;
}

size_t Layout::indices(const Field& field, int64_t height, int64_t width) const {
  const size_t index = any(field);
  const Shape wanted{1, height, width};
  if (kind(index) != BufferKind::kIndices || shape(index) != wanted) {
    throw field.wrong("indices of " + wanted.text(), shape(index).text());
  }
  return index;
}

size_t Layout::map(const Field& field) const {
  const size_t index = value(field);
  if (!isMap(index)) throw field.wrong("a map", "a vector");
  return index;
}

size_t Layout::map(const Field& field, const Shape& wanted) const {
  const size_t index = map(field);
  if (shape(index) != wanted) throw field.wrong("a map of " + wanted.text(), shape(index).text());
  return index;
}

size_t Layout::quantizable(const Field& field) const {
  const size_t index = any(field);
  if (!isMap(index)) throw field.wrong("a map", "something else");
  return index;
}

size_t Layout::quantizable(const Field& field, const Shape& wanted) const {
  const size_t index = quantizable(field);
  if (shape(index) != wanted) throw field.wrong("a map of " + wanted.text(), shape(index).text());
  return index;
}

size_t Layout::vector(const Field& field) const {
  const size_t index = value(field);
  if (isMap(index)) throw field.wrong("a vector", "a map");
  return index;
}

size_t Layout::vector(const Field& field, int64_t channels) const {
  const size_t index = vector(field);
  if (values[index].channels != channels) {
    throw field.wrong("a vector of " + std::to_string(channels), std::to_string(values[index].channels));
  }
  return index;
}

size_t Layout::wholeVector(const Field& field) const {
  const size_t index = vector(field);
  const Value& found = values[index];
  if (found.channels != buffers[found.buffer].shape.channels) {
    throw field.wrong("all channels of a vector", std::to_string(found.channels));
  }
  return index;
}

size_t Layout::wholeVector(const Field& field, int64_t channels) const {
  vector(field, channels);
  return wholeVector(field);
}

Shape Layout::shape(size_t index) const {
  const Shape& whole = buffers[values[index].buffer].shape;
  return {values[index].channels, whole.height, whole.width};
}

bool Layout::overlap(size_t a, size_t b) const {
  const Value& x = values[a];
  const Value& y = values[b];
  return x.buffer == y.buffer && x.from < y.from + y.channels && y.from < x.from + x.channels;
}

// A batch has each buffer at `batch` times its offset: what lies apart for one image does so for many.
char* Frame::start(const Value& value, size_t element) const {
  const Buffer& buffer = layout.buffers[value.buffer];
  return arena + batch * buffer.offset + value.from * static_cast<int64_t>(element);
}

kernels::Map Frame::map(size_t index) const {
  const Value& value = layout.values[index];
  const Shape& shape = layout.buffers[value.buffer].shape;
  kernels::Map result;
  result.data = start(value, kernels::sizeOf(layout.buffers[value.buffer].type));
  result.batch = batch;
  result.height = shape.height;
  result.width = shape.width;
  result.channels = value.channels;
  result.pixel_stride = shape.channels;
  return result;
}

kernels::QuantizedMap Frame::quantizable(size_t index) const {
  const Buffer& buffer = layout.buffers[layout.values[index].buffer];
  return {map(index), buffer.type, buffer.quantization};
}

kernels::Map Frame::pixels(size_t index) const {
  if (layout.isMap(index)) return map(index);
  kernels::Map result;
  result.data = vector(index);
  result.batch = batch;
  result.height = result.width = 1;
  result.channels = layout.values[index].channels;
  result.pixel_stride = vectorStride(index);
  return result;
}

int64_t* Frame::indices(size_t index) const {
  return reinterpret_cast<int64_t*>(start(layout.values[index], sizeof(int64_t)));
}

float* Frame::vector(size_t index) const {
  return reinterpret_cast<float*>(start(layout.values[index], sizeof(float)));
}

}  // namespace ibn::engine
