#include "env.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <string>

#include <c10/util/Exception.h>

#include "../device/device.h"
#include "../dispatch/schema.h"
#include "../memory/memory.h"
#include "errors.h"

namespace ibn {

namespace {
constexpr int64_t kViewBytes = 64;
constexpr int64_t kForceCollection = int64_t{1} << 38;

uintptr_t baseOf(const void* pointer, size_t slab_bytes) {
  return reinterpret_cast<uintptr_t>(pointer) & ~(static_cast<uintptr_t>(slab_bytes) - 1);
}
}  // namespace

int64_t ownedBytes(const at::Tensor& tensor) {
  const bool shared = tensor.use_count() != 1 || !tensor.has_storage() || tensor.storage().use_count() != 1;
  if (shared || tensor.storage().data() == nullptr) return kViewBytes;
  return kViewBytes + static_cast<int64_t>(tensor.storage().nbytes());
}

void BoxArena::grow() {
  void* slab = std::aligned_alloc(kSlabBytes, kSlabBytes);
  if (slab == nullptr) throw std::bad_alloc();
  slabs_.push_back(slab);
  bases_.insert(reinterpret_cast<uintptr_t>(slab));
  auto* boxes = static_cast<Box*>(slab);
  for (size_t i = kSlabBytes / sizeof(Box); i-- > 0;) {
    Box* box = new (boxes + i) Box();
    box->next_free = free_;
    free_ = box;
  }
}

Box* BoxArena::allocate() {
  if (free_ == nullptr) grow();
  Box* box = free_;
  free_ = box->next_free;
  return box;
}

void BoxArena::release(Box* box) {
  box->kind = BoxKind::kFree;
  box->next_free = free_;
  free_ = box;
}

bool BoxArena::owns(const void* pointer) const {
  const uintptr_t base = baseOf(pointer, kSlabBytes);
  if (base != last_base_) {
    if (bases_.count(base) == 0) return false;
    last_base_ = base;
  }
  const uintptr_t offset = reinterpret_cast<uintptr_t>(pointer) - base;
  return offset % sizeof(Box) == 0 && offset / sizeof(Box) < kSlabBytes / sizeof(Box);
}

BoxArena::~BoxArena() {
  for (void* slab : slabs_) {
    auto* boxes = static_cast<Box*>(slab);
    for (size_t i = 0; i < kSlabBytes / sizeof(Box); i++) boxes[i].~Box();
    std::free(slab);
  }
}

namespace {
// The thread's warning handler: queues, since libtorch may warn where no JavaScript can run.
class WarningQueue final : public c10::WarningHandler {
 public:
  void process(const c10::Warning& warning) override {
    if (queue != nullptr) queue->push_back(warning.msg());
  }
  std::vector<std::string>* queue = nullptr;
};

thread_local WarningQueue warning_queue;
}  // namespace

EnvData& EnvData::create(napi_env env) {
  auto* data = new EnvData();
  warning_queue.queue = &data->warnings;
  c10::WarningUtils::set_warning_handler(&warning_queue);
  napi_set_instance_data(env, data, finalizeEnv, nullptr);
  napi_value global = nullptr;
  napi_value array_buffer = nullptr;
  napi_get_global(env, &global);
  napi_get_named_property(env, global, "ArrayBuffer", &array_buffer);
  napi_create_reference(env, array_buffer, 1, &data->array_buffer);
  return *data;
}

// Node may finalize instance data before or after the handles: whichever comes last deletes.
void EnvData::finalizeEnv(napi_env, void* data, void*) {
  auto* self = static_cast<EnvData*>(data);
  c10::WarningUtils::set_warning_handler(nullptr);
  warning_queue.queue = nullptr;
  self->closing_ = true;
  if (self->handles_ == 0) delete self;
}

EnvData& EnvData::get(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return *static_cast<EnvData*>(data);
}

napi_value EnvData::wrap(napi_env env, at::Tensor tensor, const BoundOp* origin) {
  napi_value result = nullptr;
  if (!tensor.defined()) {
    napi_get_null(env, &result);
    return result;
  }
  Box* box = arena_.allocate();
  box->kind = BoxKind::kTensor;
  box->origin = origin;
  box->tensor = std::move(tensor);
  box->bytes = ownedBytes(box->tensor);
  if (box->tensor.is_cuda() && box->tensor.has_storage()) {
    cuda_made_ += static_cast<int64_t>(box->tensor.storage().nbytes());
  }
  pending_bytes_ += box->bytes;
  live_bytes_ += box->bytes;
  live_tensors_++;
  return carry(env, box);
}

napi_value EnvData::carry(napi_env env, Box* box) {
  napi_value result = nullptr;
  if (napi_create_external(env, box, finalize, this, &result) != napi_ok) {
    clear(box);
    arena_.release(box);
    throw InvalidArgument("ERR_TORCH", "Could not create a handle");
  }
  handles_++;
  return result;
}

napi_value EnvData::wrapValue(napi_env env, c10::IValue value) {
  Box* box = arena_.allocate();
  box->kind = BoxKind::kValue;
  box->value = std::move(value);
  box->bytes = 0;
  box->origin = nullptr;
  return carry(env, box);
}

// Runs inside garbage collection: frees, and calls nothing of Node's.
void EnvData::finalize(napi_env, void* data, void* hint) {
  auto* self = static_cast<EnvData*>(hint);
  auto* box = static_cast<Box*>(data);
  self->clear(box);
  self->arena_.release(box);
  if (--self->handles_ == 0 && self->closing_) delete self;
}

void EnvData::clear(Box* box) {
  if (box->kind == BoxKind::kTensor) {
    pending_bytes_ -= box->bytes;
    live_bytes_ -= box->bytes;
    live_tensors_--;
    box->tensor.reset();
  } else if (box->kind == BoxKind::kValue) {
    account(box, 0);
    box->value = c10::IValue();
  }
}

void EnvData::dispose(Box* box) {
  box->disposed_value = box->kind == BoxKind::kValue;
  clear(box);
  box->kind = BoxKind::kDisposed;
}

Box* EnvData::unbox(napi_env env, napi_value value) const {
  void* data = nullptr;
  if (napi_get_value_external(env, value, &data) != napi_ok || !arena_.owns(data)) return nullptr;
  return static_cast<Box*>(data);
}

at::Tensor& EnvData::tensor(napi_env env, napi_value value) const {
  Box* box = unbox(env, value);
  if (box == nullptr) throw InvalidArgument("ERR_INVALID_ARG_TYPE", "Expected a Tensor");
  if (box->kind == BoxKind::kTensor) return box->tensor;
  if (box->kind == BoxKind::kDisposed) throw disposedError(*box);
  throw InvalidArgument("ERR_INVALID_ARG_TYPE", "Expected a Tensor");
}

void EnvData::applyBytes(napi_env env) {
  int64_t total = 0;
  const int64_t change = pending_bytes_;
  pending_bytes_ = 0;
  napi_adjust_external_memory(env, change, &total);
}

// May run JavaScript (process.emitWarning): never called inside garbage collection.
void EnvData::emitWarnings(napi_env env) {
  std::vector<std::string> texts;
  texts.swap(warnings);
  napi_value handler = nullptr;
  if (warning_handler == nullptr || napi_get_reference_value(env, warning_handler, &handler) != napi_ok)
    return;
  for (const std::string& text : texts) {
    napi_value argument = nullptr;
    napi_value receiver = nullptr;
    napi_create_string_utf8(env, text.data(), text.size(), &argument);
    napi_get_undefined(env, &receiver);
    napi_call_function(env, receiver, handler, 1, &argument, nullptr);
  }
}

void EnvData::collectGarbage(napi_env env) {
  int64_t total = 0;
  napi_adjust_external_memory(env, kForceCollection, &total);
  napi_adjust_external_memory(env, -kForceCollection, &total);
}

// A few small tensors can hold a graph of gigabytes that V8 knows nothing of. When libtorch's live bytes pass
// a limit, pretend an allocation large enough for a full collection, then raise the limit above what stayed
// alive. A collection that ends an incremental marking keeps all that was made since it began, so a fruitless
// one is repeated.
void EnvData::checkPressure(napi_env env) {
  const int64_t before = liveCpuBytes();
  if (before < pressure_limit_) return;
  for (int attempt = 0; attempt < 2 && liveCpuBytes() > before / 2; attempt++) collectGarbage(env);
  pressure_limit_ = std::max(kFirstPressure, liveCpuBytes() + std::max(kFirstPressure, liveCpuBytes() / 2));
}

// The same on a device, whose memory is smaller. The limit begins at a quarter of it.
void EnvData::checkCudaPressure(napi_env env) {
  cuda_made_ = 0;
  const int64_t before = liveCudaBytes();
  if (cuda_first_limit_ == 0) {
    const auto memory = cudaMemory();
    if (memory) cuda_first_limit_ = cuda_limit_ = memory->total / 4;
  }
  if (cuda_first_limit_ == 0 || before < cuda_limit_) return;
  for (int attempt = 0; attempt < 2 && liveCudaBytes() > before / 2; attempt++) collectGarbage(env);
  cuda_limit_ =
      std::max(cuda_first_limit_, liveCudaBytes() + std::max(cuda_first_limit_, liveCudaBytes()) / 4);
}

}  // namespace ibn
