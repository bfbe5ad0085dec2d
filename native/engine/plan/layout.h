// Where the values of a plan lie in memory.
#pragma once
#include <string>
#include <vector>

#include "../../kernels/kernels.h"
#include "field.h"

namespace ibn::engine {

struct Shape {
  int64_t channels = 0, height = 0, width = 0;
  bool operator==(const Shape&) const = default;
  int64_t elements() const { return channels * height * width; }
  std::string text() const;
};

// Maps have elements of the plan's type, or quantised ones; vectors float32, indices one int64 for each
// pixel.
enum class BufferKind : uint8_t { kMap, kVector, kIndices };

struct Buffer {
  BufferKind kind = BufferKind::kMap;
  Shape shape;
  int64_t offset = 0;
  // Of a map's elements.
  kernels::Type type = kernels::Type::kFloat32;
  kernels::Quantization quantization;
};

// A range of a buffer's channels.
struct Value {
  size_t buffer = 0;
  int64_t from = 0;
  int64_t channels = 0;
};

// What elements of a map stand for: a scale above 0 and a zero point of 0 to 255.
kernels::Quantization readQuantization(const Field& field);

// Inputs, buffers and values of a plan, checked: every buffer lies in the arena, every value in its buffer.
class Layout {
 public:
  explicit Layout(const Field& plan);

  kernels::Type type = kernels::Type::kFloat32;
  std::vector<Shape> inputs;
  std::vector<Buffer> buffers;
  std::vector<Value> values;
  int64_t arena_bytes = 0;  // for one image

  // The index in a field; all but `any` also check what it stands for.
  size_t input(const Field& field) const;
  size_t any(const Field& field) const;
  // A map or a vector.
  size_t value(const Field& field) const;
  size_t indices(const Field& field, int64_t height, int64_t width) const;
  size_t map(const Field& field) const;
  size_t map(const Field& field, const Shape& shape) const;
  // A map of float32 or a quantised one; no other function gives the latter.
  size_t quantizable(const Field& field) const;
  size_t quantizable(const Field& field, const Shape& shape) const;
  size_t vector(const Field& field) const;
  size_t vector(const Field& field, int64_t channels) const;
  // A vector without gaps from image to image, as kernels read and write them.
  size_t wholeVector(const Field& field) const;
  size_t wholeVector(const Field& field, int64_t channels) const;

  BufferKind kind(size_t value) const { return buffers[values[value].buffer].kind; }
  bool isMap(size_t value) const { return kind(value) == BufferKind::kMap; }
  bool isQuantized(size_t value) const { return buffers[values[value].buffer].type == kernels::Type::kUInt8; }
  Shape shape(size_t value) const;
  bool overlap(size_t a, size_t b) const;
};

// The memory of one batch.
struct Frame {
  const Layout& layout;
  char* arena;
  int64_t batch;
  const float* const* inputs;  // NCHW
  void* scratch;

  kernels::Map map(size_t value) const;
  kernels::QuantizedMap quantizable(size_t value) const;
  // A map, or a vector as one of one pixel; its elements are of `typeOf`.
  kernels::Map pixels(size_t value) const;
  kernels::Type typeOf(size_t value) const {
    return layout.isMap(value) ? layout.type : kernels::Type::kFloat32;
  }
  float* vector(size_t value) const;
  int64_t* indices(size_t value) const;
  int64_t vectorStride(size_t value) const {
    return layout.buffers[layout.values[value].buffer].shape.channels;
  }

 private:
  char* start(const Value& value, size_t element) const;
};

constexpr int64_t kMostChannels = int64_t{1} << 20;
constexpr int64_t kMostPixels = int64_t{1} << 16;  // along a side
constexpr int64_t kMostArena = int64_t{1} << 40;

}  // namespace ibn::engine
