// Storages: untyped bytes under tensors, among them ranges of a mapped file.
#include <sys/mman.h>

#include <ATen/EmptyTensor.h>
#include <c10/core/CPUAllocator.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "../call.h"
#include "mapped_file.h"

namespace ibn {

namespace {

c10::Storage storageOf(const Call& call, size_t index) {
  Box* box = call.data.unbox(call.env, call.at(index));
  if (box != nullptr && box->kind == BoxKind::kDisposed) throw disposedError(*box);
  if (box == nullptr || box->kind != BoxKind::kValue || !box->value.isStorage()) {
    throw InvalidArgument("ERR_INVALID_ARG_TYPE",
                          "Expected an UntypedStorage, got " + describe(call.env, call.at(index)));
  }
  return box->value.toStorage();
}

// The storage's memory, which stays where it is from now on: others will point into it.
uint8_t* pinnedMemory(const c10::Storage& storage) {
  if (!storage.device().is_cpu()) throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected a CPU storage");
  if (storage.nbytes() > 0 && storage.data() == nullptr) {
    throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected a storage with memory");
  }
  storage.unsafeGetStorageImpl()->set_resizable(false);
  return static_cast<uint8_t*>(storage.mutable_data());
}

c10::Storage makeStorage(c10::DataPtr data, size_t size) {
  return c10::Storage(c10::make_intrusive<c10::StorageImpl>(c10::StorageImpl::use_byte_size_t(), size,
                                                            std::move(data), nullptr, false));
}

// mapFile(path): [handle, size]
Napi::Value mapFile(Call& call) {
  const std::string path = call.string(0, "path");
  if (path.find('\0') != std::string::npos) {
    throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected a path without null characters for \"path\"");
  }
  auto mapping = std::make_unique<MappedFile>(path);
  Napi::Array result = Napi::Array::New(call.env, 2);
  const size_t size = mapping->size();
  void* start = mapping->data();
  const auto release = [](void* context) { delete static_cast<MappedFile*>(context); };
  // Carried as a storage over the whole file, so that one kind of handle serves both.
  c10::DataPtr data(start, mapping.release(), release, at::kCPU);
  result[0U] = Napi::Value(call.env, call.data.wrapValue(call.env, makeStorage(std::move(data), size)));
  result[1U] = static_cast<double>(size);
  return result;
}

// Some pages, given back to the system with the storage over them.
struct Pages {
  void* start;
  size_t size;
};

// pagesStorage(nbytes): a storage of zeros on pages of its own, which the allocator does not keep for later.
Napi::Value pagesStorage(Call& call) {
  const int64_t size = call.integer(0, "nbytes");
  if (size < 0)
    throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected a size >= 0, got " + std::to_string(size));
  if (size == 0)
    return {call.env, call.data.wrapValue(call.env, makeStorage(c10::DataPtr(nullptr, at::kCPU), 0))};
  const auto bytes = static_cast<size_t>(size);
  void* start = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) throw InvalidArgument("ERR_OUT_OF_MEMORY", std::strerror(errno));
  const auto release = [](void* context) {
    const auto* pages = static_cast<Pages*>(context);
    munmap(pages->start, pages->size);
    delete pages;
  };
  c10::DataPtr data(start, new Pages{start, bytes}, release, at::kCPU);
  return {call.env, call.data.wrapValue(call.env, makeStorage(std::move(data), bytes))};
}

// storageWrite(storage, byteOffset, bytes): copies a Uint8Array into the storage.
Napi::Value storageWrite(Call& call) {
  const c10::Storage storage = storageOf(call, 0);
  const int64_t offset = call.integer(1, "byteOffset");
  if (!call.info[2].IsTypedArray()) throw InvalidArgument("ERR_INVALID_ARG_TYPE", "Expected a Uint8Array");
  void* data = nullptr;
  size_t length = 0;
  napi_get_typedarray_info(call.env, call.at(2), nullptr, &length, &data, nullptr, nullptr);
  const size_t size = call.info[2].As<Napi::TypedArray>().ByteLength();
  const size_t total = storage.nbytes();
  if (offset < 0 || static_cast<size_t>(offset) > total || size > total - static_cast<size_t>(offset)) {
    throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected a range within " + std::to_string(total) + " bytes");
  }
  if (size > 0) std::memcpy(pinnedMemory(storage) + offset, data, size);
  return call.undefined();
}

// storageRange(storage, byteOffset, nbytes): a storage over part of another one's memory, which it keeps
// alive.
Napi::Value storageRange(Call& call) {
  const c10::Storage whole = storageOf(call, 0);
  const int64_t offset = call.integer(1, "byteOffset");
  const int64_t size = call.integer(2, "nbytes");
  const auto total = static_cast<int64_t>(whole.nbytes());
  if (offset < 0 || size < 0 || offset > total || size > total - offset) {
    throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected a range within " + std::to_string(total) +
                                                  " bytes, got offset " + std::to_string(offset) +
                                                  " and size " + std::to_string(size));
  }
  auto* start = pinnedMemory(whole) + offset;
  auto* keep = new c10::Storage(whole);
  const auto release = [](void* context) { delete static_cast<c10::Storage*>(context); };
  return {call.env, call.data.wrapValue(
                        call.env, makeStorage({start, keep, release, at::kCPU}, static_cast<size_t>(size)))};
}

Napi::Value storageFromCopy(Call& call) {
  if (!call.info[0].IsTypedArray()) throw InvalidArgument("ERR_INVALID_ARG_TYPE", "Expected a Uint8Array");
  void* data = nullptr;
  size_t length = 0;
  napi_get_typedarray_info(call.env, call.at(0), nullptr, &length, &data, nullptr, nullptr);
  const size_t size = call.info[0].As<Napi::TypedArray>().ByteLength();
  c10::DataPtr memory = c10::GetCPUAllocator()->allocate(size);
  if (size > 0) std::memcpy(memory.get(), data, size);
  return {call.env, call.data.wrapValue(call.env, makeStorage(std::move(memory), size))};
}

Napi::Value storageBytes(Call& call) {
  return {call.env, fromInt(call.env, static_cast<int64_t>(storageOf(call, 0).nbytes()))};
}

Napi::Value storagePointer(Call& call) {
  return Napi::BigInt::New(call.env,
                           static_cast<uint64_t>(reinterpret_cast<uintptr_t>(storageOf(call, 0).data())));
}

// storageCopy(storage, byteOffset, nbytes): an ArrayBuffer with a copy.
Napi::Value storageCopy(Call& call) {
  const c10::Storage storage = storageOf(call, 0);
  const int64_t offset = call.integer(1, "byteOffset");
  const int64_t size = call.integer(2, "nbytes");
  const auto total = static_cast<int64_t>(storage.nbytes());
  const uint8_t* start = pinnedMemory(storage);
  if (offset < 0 || size < 0 || offset > total || size > total - offset) {
    throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected a range within " + std::to_string(total) + " bytes");
  }
  return call.arrayBuffer(start + offset, static_cast<size_t>(size));
}

// storageView(storage): an ArrayBuffer over the storage's memory, which it keeps alive; a copy where the
// engine forbids external buffers.
Napi::Value storageView(Call& call) {
  const c10::Storage storage = storageOf(call, 0);
  uint8_t* start = pinnedMemory(storage);
  if (storage.nbytes() == 0) return call.arrayBuffer(nullptr, 0);
  auto* keep = new c10::Storage(storage);
  const auto release = [](napi_env, void*, void* hint) { delete static_cast<c10::Storage*>(hint); };
  napi_value buffer = nullptr;
  const napi_status status =
      napi_create_external_arraybuffer(call.env, start, storage.nbytes(), release, keep, &buffer);
  if (status == napi_ok) return {call.env, buffer};
  delete keep;
  return call.arrayBuffer(start, storage.nbytes());
}

Napi::Value storageOfTensor(Call& call) {
  return {call.env, call.data.wrapValue(call.env, call.tensor(0).storage())};
}

// Where the last element of (size, stride) ends, in bytes; every step checked for overflow.
int64_t checkedEnd(int64_t item, int64_t offset, const std::vector<int64_t>& size,
                   const std::vector<int64_t>& stride) {
  int64_t last = offset;
  for (size_t i = 0; i < size.size(); i++) {
    int64_t step = 0;
    if (size[i] < 0 || stride[i] < 0)
      throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected sizes and strides >= 0");
    if (size[i] == 0) return 0;
    if (__builtin_mul_overflow(size[i] - 1, stride[i], &step) || __builtin_add_overflow(last, step, &last)) {
      throw InvalidArgument("ERR_OUT_OF_RANGE", "Sizes and strides overflow");
    }
  }
  int64_t end = 0;
  if (__builtin_add_overflow(last, 1, &last) || __builtin_mul_overflow(last, item, &end)) {
    throw InvalidArgument("ERR_OUT_OF_RANGE", "Sizes and strides overflow");
  }
  return end;
}

// tensorFromStorage(storage, dtype, storageOffset, size, stride)
Napi::Value tensorFromStorage(Call& call) {
  const c10::Storage storage = storageOf(call, 0);
  const at::ScalarType type = toScalarType(call.env, call.at(1), "dtype");
  refuseQuantized(type);
  const uint8_t* start = pinnedMemory(storage);
  const int64_t offset = call.integer(2, "storageOffset");
  const std::vector<int64_t> size = call.integers(3, "size");
  const std::vector<int64_t> stride = call.integers(4, "stride");
  if (offset < 0) throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected storageOffset >= 0");
  if (size.size() != stride.size()) {
    throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected as many strides as sizes, got " +
                                                  std::to_string(stride.size()) + " and " +
                                                  std::to_string(size.size()));
  }
  const auto item = static_cast<int64_t>(c10::elementSize(type));
  const int64_t end = checkedEnd(item, offset, size, stride);
  if (end > static_cast<int64_t>(storage.nbytes())) {
    throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected a storage of at least " + std::to_string(end) +
                                                  " bytes, got one of " + std::to_string(storage.nbytes()));
  }
  if (reinterpret_cast<uintptr_t>(start) % static_cast<uintptr_t>(item) != 0) {
    throw InvalidArgument("ERR_OUT_OF_RANGE",
                          "Expected memory aligned to the dtype's size; copy the storage first");
  }
  auto tensor = at::detail::make_tensor<c10::TensorImpl>(
      c10::Storage(storage), c10::DispatchKeySet(c10::DispatchKey::CPU), c10::scalarTypeToTypeMeta(type));
  tensor.unsafeGetTensorImpl()->set_storage_offset(offset);
  tensor.unsafeGetTensorImpl()->set_sizes_and_strides(size, stride);
  return call.wrap(std::move(tensor));
}

}  // namespace

void defineStorage(Napi::Object exports) {
  define<mapFile>(exports, "mapFile");
  define<pagesStorage>(exports, "pagesStorage");
  define<storageWrite>(exports, "storageWrite");
  define<storageRange>(exports, "storageRange");
  define<storageFromCopy>(exports, "storageFromCopy");
  define<storageBytes>(exports, "storageBytes");
  define<storagePointer>(exports, "storagePointer");
  define<storageCopy>(exports, "storageCopy");
  define<storageView>(exports, "storageView");
  define<storageOfTensor>(exports, "storageOfTensor");
  define<tensorFromStorage>(exports, "tensorFromStorage");
}

}  // namespace ibn
