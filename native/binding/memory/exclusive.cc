// Which tensors may change places: memory is taken instead of copied only where nobody could tell.
#include <unordered_map>

#include "../call.h"

namespace ibn {

namespace {

// Who stands opposite to a tensor in pairs of tensors.
class Partners {
 public:
  void add(const at::Tensor& one, const at::Tensor& other) {
    const auto [found, is_new] = partners_.emplace(one.unsafeGetTensorImpl(), other.unsafeGetTensorImpl());
    if (!is_new && found->second != other.unsafeGetTensorImpl()) found->second = nullptr;
  }
  // Whether it is the same one in every pair.
  bool isSteady(const at::Tensor& one) const { return partners_.at(one.unsafeGetTensorImpl()) != nullptr; }

 private:
  std::unordered_map<const c10::TensorImpl*, const c10::TensorImpl*> partners_;
};

bool isAlike(const at::Tensor& to, const at::Tensor& from) {
  return to.layout() == at::kStrided && from.layout() == at::kStrided && to.device() == from.device() &&
         to.scalar_type() == from.scalar_type() && to.sizes() == from.sizes() &&
         to.strides() == from.strides() && to.is_conj() == from.is_conj() && to.is_neg() == from.is_neg() &&
         !to.is_quantized();
}

// No other tensor, view or storage object has this memory.
bool isAlone(const at::Tensor& tensor) {
  return tensor.has_storage() && tensor.storage().use_count() == 1;
}

// Which storages several of some tensors share.
class Sharing {
 public:
  void add(const at::Tensor& tensor) {
    if (!tensor.has_storage()) return;
    const auto [found, is_new] =
        owners_.emplace(tensor.storage().unsafeGetStorageImpl(), tensor.unsafeGetTensorImpl());
    if (!is_new && found->second != tensor.unsafeGetTensorImpl()) found->second = nullptr;
  }
  bool includes(const at::Tensor& tensor) const {
    return tensor.has_storage() && owners_.at(tensor.storage().unsafeGetStorageImpl()) == nullptr;
  }

 private:
  std::unordered_map<const c10::StorageImpl*, const c10::TensorImpl*> owners_;
};

// Taking part of a storage would keep all of it.
bool fillsStorage(const at::Tensor& tensor) {
  return tensor.storage_offset() == 0 && tensor.storage().nbytes() == tensor.nbytes();
}

// exclusivePairs(targets, sources, owned): the indices of the pairs where the target can have the source's
// memory for its own: both are alike and have the same partner wherever they occur, the source has its memory
// for itself, and the target shares its own with none of the targets and those `owned` beside them.
Napi::Value exclusivePairs(Call& call) {
  const auto targets = call.info[0].As<Napi::Array>();
  const auto sources = call.info[1].As<Napi::Array>();
  const auto owned = call.info[2].As<Napi::Array>();
  Partners of_target;
  Partners of_source;
  Sharing module;
  for (uint32_t i = 0; i < targets.Length(); i++) {
    const at::Tensor& to = call.data.tensor(call.env, targets.Get(i));
    const at::Tensor& from = call.data.tensor(call.env, sources.Get(i));
    of_target.add(to, from);
    of_source.add(from, to);
    module.add(to);
  }
  for (uint32_t i = 0; i < owned.Length(); i++) module.add(call.data.tensor(call.env, owned.Get(i)));
  std::vector<int64_t> exclusive;
  for (uint32_t i = 0; i < targets.Length(); i++) {
    const at::Tensor& to = call.data.tensor(call.env, targets.Get(i));
    const at::Tensor& from = call.data.tensor(call.env, sources.Get(i));
    // A target on meta has no memory to lose.
    const bool gives_way = to.is_meta() || (isAlike(to, from) && !module.includes(to));
    const bool steady = of_target.isSteady(to) && of_source.isSteady(from);
    if (gives_way && steady && isAlone(from) && fillsStorage(from)) exclusive.push_back(i);
  }
  return call.ints(exclusive);
}

}  // namespace

void defineExclusive(Napi::Object exports) {
  define<exclusivePairs>(exports, "exclusivePairs");
}

}  // namespace ibn
