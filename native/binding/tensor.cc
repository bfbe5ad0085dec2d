// Tensor metadata, and memory shared or copied between JavaScript buffers and tensors.
#include <cstring>

#include <ATen/TracerMode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include "call.h"
#include "memory/backing_store.h"

namespace ibn {

namespace {

// The bytes of a TypedArray, Buffer or ArrayBuffer, and the buffer that has them. They may be gone
// after any JavaScript, such as a getter of another argument: taken again when all else is read.
struct Bytes {
  uint8_t* data = nullptr;
  size_t size = 0;
  napi_value buffer = nullptr;
};

size_t itemBytes(napi_typedarray_type type) {
  switch (type) {
    case napi_int8_array:
    case napi_uint8_array:
    case napi_uint8_clamped_array:
      return 1;
    case napi_int32_array:
    case napi_uint32_array:
    case napi_float32_array:
      return 4;
    case napi_float64_array:
    case napi_bigint64_array:
    case napi_biguint64_array:
      return 8;
    default:
      return 2;  // 16 bits, float16 among them
  }
}

bool isKind(napi_env env, napi_value value, napi_status (*check)(napi_env, napi_value, bool*)) {
  bool result = false;
  return check(env, value, &result) == napi_ok && result;
}

Bytes bytesOf(Napi::Env env, napi_value value) {
  Bytes bytes;
  void* data = nullptr;
  size_t offset = 0;
  if (isKind(env, value, napi_is_typedarray)) {
    napi_typedarray_type type = napi_uint8_array;
    size_t length = 0;
    napi_get_typedarray_info(env, value, &type, &length, &data, &bytes.buffer, &offset);
    bytes.size = length * itemBytes(type);
  } else if (isKind(env, value, napi_is_arraybuffer)) {
    napi_get_arraybuffer_info(env, value, &data, &bytes.size);
    bytes.buffer = value;
  } else {
    throw InvalidArgument(
        "ERR_INVALID_ARG_TYPE",
        "Expected a TypedArray, Buffer or ArrayBuffer for \"data\", got " + describe(env, value));
  }
  bytes.data = static_cast<uint8_t*>(data);
  return bytes;
}

int64_t countElements(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(count, size, &count)) {
      throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected sizes of at least 0 for \"shape\", got a size of " +
                                                    std::to_string(size));
    }
  }
  return count;
}

// Checks that `shape` of `dtype` fits in `size` bytes from `offset`.
size_t checkedBytes(const std::vector<int64_t>& shape, at::ScalarType dtype, size_t offset, size_t size) {
  const int64_t count = countElements(shape);
  const auto item = static_cast<int64_t>(c10::elementSize(dtype));
  int64_t bytes = 0;
  if (__builtin_mul_overflow(count, item, &bytes) || offset > size ||
      static_cast<uint64_t>(bytes) > size - offset) {
    throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected a buffer of at least " +
                                                  std::to_string(count * item) + " bytes from offset " +
                                                  std::to_string(offset) + ", got one of " +
                                                  std::to_string(size) + " bytes");
  }
  return static_cast<size_t>(bytes);
}

// Memory that is not libtorch's has no quantizer: such a tensor would crash at its first use.
at::ScalarType plainDtype(Call& call, size_t index) {
  const at::ScalarType type = toScalarType(call.env, call.at(index), "dtype");
  refuseQuantized(type);
  return type;
}

Napi::Value sizes(Call& call) {
  return call.ints(call.tensor(0).sizes());
}
Napi::Value strides(Call& call) {
  return call.ints(call.tensor(0).strides());
}
Napi::Value dim(Call& call) {
  return call.number(static_cast<double>(call.tensor(0).dim()));
}
Napi::Value numel(Call& call) {
  return {call.env, fromInt(call.env, call.tensor(0).numel())};
}
Napi::Value storageOffset(Call& call) {
  return {call.env, fromInt(call.env, call.tensor(0).storage_offset())};
}
Napi::Value itemsize(Call& call) {
  return call.number(static_cast<double>(call.tensor(0).element_size()));
}

Napi::Value dtype(Call& call) {
  return {call.env, fromString(call.env, dtypeName(call.tensor(0).scalar_type()))};
}

Napi::Value device(Call& call) {
  return {call.env, fromString(call.env, call.tensor(0).device().str())};
}

Napi::Value layout(Call& call) {
  std::string text = c10::str(call.tensor(0).layout());
  for (char& letter : text) letter = static_cast<char>(std::tolower(letter));
  if (text == "sparse") text = "sparse_coo";
  if (text.rfind("sparsec", 0) == 0 || text.rfind("sparseb", 0) == 0) text.insert(6, "_");
  return {call.env, fromString(call.env, text == "mkldnn" ? "_mkldnn" : text)};
}

Napi::Value isContiguous(Call& call) {
  const auto format = static_cast<c10::MemoryFormat>(
      call.info[1].IsUndefined() ? 0
                                 : toIValue(call.env, call.data, makeTypeSpec(c10::MemoryFormatType::get()),
                                            "memoryFormat", call.at(1))
                                       .toInt());
  return Napi::Boolean::New(call.env, call.tensor(0).is_contiguous(format));
}

Napi::Value isSame(Call& call) {
  return Napi::Boolean::New(call.env, call.tensor(0).is_same(call.tensor(1)));
}
Napi::Value alias(Call& call) {
  return call.wrap(call.tensor(0));
}

Napi::Value isDisposed(Call& call) {
  const Box* box = call.data.unbox(call.env, call.at(0));
  return Napi::Boolean::New(call.env, box == nullptr || box->kind != BoxKind::kTensor);
}

Napi::Value dispose(Call& call) {
  Box* box = call.data.unbox(call.env, call.at(0));
  if (box != nullptr && box->kind != BoxKind::kDisposed) call.data.dispose(box);
  return call.undefined();
}

// canShareBuffers(): whether fromBuffer works in this runtime.
Napi::Value canShareBuffers(Call& call) {
  return Napi::Boolean::New(call.env, canHoldMemory());
}

Napi::Value movesBuffers(Call& call) {
  return Napi::Boolean::New(call.env, movesMemory());
}

void refuseChangeable(const Bytes& bytes) {
  if (!canHoldMemory()) {
    throw InvalidArgument("ERR_UNSUPPORTED_RUNTIME",
                          "Expected a runtime that lets a tensor hold a buffer's memory, as Node.js does; "
                          "use tensor(), which copies");
  }
  if (canShrink(bytes.buffer)) {
    throw InvalidArgument("ERR_INVALID_ARG_TYPE",
                          "Expected memory of fixed size for \"data\", got a resizable ArrayBuffer; use "
                          "tensor(), which copies");
  }
}

// fromBuffer(data, dtype, shape, byteOffset): a tensor over the buffer's own memory, which it holds even when
// the buffer is transferred.
Napi::Value fromBuffer(Call& call) {
  bytesOf(call.env, call.at(0));
  const at::ScalarType type = plainDtype(call, 1);
  const std::vector<int64_t> shape = call.integers(2, "shape");
  const int64_t given = call.integer(3, "offset");
  if (given < 0) {
    throw InvalidArgument("ERR_OUT_OF_RANGE",
                          "Expected an offset of at least 0, got " + std::to_string(given));
  }
  const auto offset = static_cast<size_t>(given);
  const Bytes bytes = bytesOf(call.env, call.at(0));
  refuseChangeable(bytes);
  checkedBytes(shape, type, offset, bytes.size);
  uint8_t* start = bytes.data + offset;
  if (reinterpret_cast<uintptr_t>(start) % c10::elementSize(type) != 0) {
    throw InvalidArgument("ERR_OUT_OF_RANGE",
                          "Expected memory aligned to the dtype's size for \"offset\", got an "
                          "unaligned address; use tensor(), which copies");
  }
  auto release = [held = holdMemory(bytes.buffer)](void*) {};
  const at::tracer::impl::NoTracerDispatchMode untraced;
  return call.wrap(at::from_blob(start, shape, std::move(release), at::TensorOptions(type)));
}

// fromCopy(data, dtype, shape): a tensor with a copy of the buffer's bytes.
Napi::Value fromCopy(Call& call) {
  bytesOf(call.env, call.at(0));
  const at::ScalarType type = plainDtype(call, 1);
  const std::vector<int64_t> shape = call.integers(2, "shape");
  const Bytes bytes = bytesOf(call.env, call.at(0));
  const size_t size = checkedBytes(shape, type, 0, bytes.size);
  // A trace takes it for a constant: recorded as empty, it would lose what is copied here.
  const at::tracer::impl::NoTracerDispatchMode untraced;
  at::Tensor tensor = at::empty(shape, at::TensorOptions(type));
  if (size > 0) std::memcpy(tensor.data_ptr(), bytes.data, size);
  return call.wrap(std::move(tensor));
}

// readBytes(tensor): an ArrayBuffer with a copy of a contiguous CPU tensor's elements.
Napi::Value readBytes(Call& call) {
  const at::Tensor& tensor = call.tensor(0);
  if (!tensor.is_cpu() || !tensor.is_contiguous()) {
    throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected a contiguous CPU tensor");
  }
  // Zero tensors of forward differentiation have a size and no memory.
  if (tensor.nbytes() > 0 && tensor.const_data_ptr() == nullptr) {
    throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected a tensor with memory; clone() it first");
  }
  // Elements of less than a byte are counted as bytes.
  const size_t end = (tensor.storage_offset() + tensor.numel()) * tensor.itemsize();
  if (tensor.numel() > 0 && tensor.storage().nbytes() < end) {
    throw InvalidArgument("ERR_OUT_OF_RANGE",
                          "Expected elements of whole bytes, got several in one; dequantize() it first");
  }
  return call.arrayBuffer(tensor.const_data_ptr(), tensor.nbytes());
}

}  // namespace

void defineTensor(Napi::Object exports) {
  define<sizes>(exports, "sizes");
  define<strides>(exports, "strides");
  define<dim>(exports, "dim");
  define<numel>(exports, "numel");
  define<storageOffset>(exports, "storageOffset");
  define<itemsize>(exports, "itemsize");
  define<dtype>(exports, "dtype");
  define<device>(exports, "device");
  define<layout>(exports, "layout");
  define<isContiguous>(exports, "isContiguous");
  define<isSame>(exports, "isSame");
  define<alias>(exports, "alias");
  define<isDisposed>(exports, "isDisposed");
  define<dispose>(exports, "dispose");
  define<canShareBuffers>(exports, "canShareBuffers");
  define<movesBuffers>(exports, "movesBuffers");
  define<fromBuffer>(exports, "fromBuffer");
  define<fromCopy>(exports, "fromCopy");
  define<readBytes>(exports, "readBytes");
}

}  // namespace ibn
