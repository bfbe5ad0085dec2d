// State of one JavaScript environment (the main thread or a worker), and the handles it owns.
//
// Every tensor that JavaScript holds is a Box from the environment's arena, carried by a Node-API external.
// The environment belongs to one thread and is only used there.
#pragma once
#include <node_api.h>

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

namespace ibn {

struct BoundOp;

enum class BoxKind : uint32_t {
  kFree = 0,
  kTensor = 0x7e450001,
  kValue = 0x7e450002,
  kDisposed = 0x7e450003
};

// A handle: a tensor, or any other value of libtorch (generator, storage, packed parameters).
struct Box {
  BoxKind kind = BoxKind::kFree;
  at::Tensor tensor;
  c10::IValue value;
  int64_t bytes = 0;                // what was reported to V8 for this handle
  bool disposed_value = false;      // what was disposed was no tensor
  const BoundOp* origin = nullptr;  // the op that made it, for messages
  Box* next_free = nullptr;
};

// Aligned slabs of boxes. A pointer from JavaScript is a box of ours only if its slab is, so an external made
// by another addon is refused instead of read.
class BoxArena {
 public:
  Box* allocate();
  void release(Box* box);
  bool owns(const void* pointer) const;
  ~BoxArena();

 private:
  static constexpr size_t kSlabBytes = size_t{1} << 18;
  void grow();
  Box* free_ = nullptr;
  std::vector<void*> slabs_;
  std::unordered_set<uintptr_t> bases_;
  static constexpr uintptr_t kNoBase = 1;  // of no slab: those are aligned
  mutable uintptr_t last_base_ = kNoBase;
};

class EnvData {
 public:
  static EnvData& get(napi_env env);
  // Makes the data of `env`. It is deleted with the environment, after the last handle's finalizer has run.
  static EnvData& create(napi_env env);

  // Gives `tensor` to JavaScript; an undefined tensor becomes null.
  napi_value wrap(napi_env env, at::Tensor tensor, const BoundOp* origin);
  napi_value wrapValue(napi_env env, c10::IValue value);
  // The box behind `value`, or nullptr when it is no handle of this environment.
  Box* unbox(napi_env env, napi_value value) const;
  // The tensor behind `value`; throws a Node-API exception via InvalidArgument when it is not a live tensor.
  at::Tensor& tensor(napi_env env, napi_value value) const;

  void dispose(Box* box);
  // Tells V8, at the next flush(), that the value behind `box` holds so many bytes. Not for tensors.
  void account(Box* box, int64_t bytes) {
    pending_bytes_ += bytes - box->bytes;
    box->bytes = bytes;
  }
  // Applies what happened since the last call: external memory for V8, warnings. May run JavaScript; never
  // called inside garbage collection.
  void flush(napi_env env) {
    if (pending_bytes_ > kFlushBytes || pending_bytes_ < -kFlushBytes) applyBytes(env);
    checkPressure(env);
    if (cuda_made_ > kCudaStep) checkCudaPressure(env);
    if (!warnings.empty()) emitWarnings(env);
  }

  // Frees what JavaScript no longer reaches. Not inside garbage collection.
  static void collectGarbage(napi_env env);

  int64_t liveTensors() const { return live_tensors_; }
  int64_t liveBytes() const { return live_bytes_; }

  std::vector<std::string> warnings;  // libtorch's, not yet given to JavaScript
  napi_ref warning_handler = nullptr;
  napi_ref torch_error = nullptr;        // the TorchError class of lib/errors.ts
  napi_ref cuda_memory_error = nullptr;  // its CudaOutOfMemoryError
  std::vector<c10::IValue> spare_stack;  // empty: memory for the operands of the next op call
  napi_ref array_buffer = nullptr;       // JavaScript's own class
  std::vector<std::shared_ptr<BoundOp>> ops;
  std::vector<std::shared_ptr<void>> guards;  // inference mode and autocast, innermost last

 private:
  static constexpr int64_t kFlushBytes = int64_t{8} << 20;
  static constexpr int64_t kFirstPressure = int64_t{384} << 20;
  static constexpr int64_t kCudaStep = int64_t{256} << 20;  // asking the allocator takes a microsecond
  EnvData() = default;
  ~EnvData() = default;
  static void finalize(napi_env env, void* data, void* hint);
  static void finalizeEnv(napi_env env, void* data, void* hint);
  napi_value carry(napi_env env, Box* box);
  void clear(Box* box);
  void applyBytes(napi_env env);
  void checkPressure(napi_env env);
  void checkCudaPressure(napi_env env);
  void emitWarnings(napi_env env);

  BoxArena arena_;
  int64_t pending_bytes_ = 0;
  int64_t live_tensors_ = 0;
  int64_t live_bytes_ = 0;
  int64_t pressure_limit_ = kFirstPressure;
  int64_t cuda_first_limit_ = 0;  // 0: not known yet
  int64_t cuda_limit_ = 0;
  int64_t cuda_made_ = 0;  // bytes under new handles since the allocator was last asked
  int64_t handles_ = 0;
  bool closing_ = false;
};

// Bytes that freeing this handle of `tensor` gives back: its storage when nothing else holds it.
int64_t ownedBytes(const at::Tensor& tensor);

}  // namespace ibn
