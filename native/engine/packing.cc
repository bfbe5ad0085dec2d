#include "packing.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>

namespace ibn::engine {

namespace {

struct Pinned {
  size_t count = 0;
  bool was_resizable = false;
};

struct PinnedStorages {
  std::mutex mutex;
  std::unordered_map<const c10::StorageImpl*, Pinned> storages;
};

// Leaked on purpose, as threads may outlive main().
PinnedStorages& pinned() {
  static auto* instance = new PinnedStorages();
  return *instance;
}

using Packing = std::vector<std::weak_ptr<Engine>>;

struct Environments {
  std::mutex mutex;
  std::unordered_map<napi_env, std::unique_ptr<Packing>> packing;
};

Environments& environments() {
  static auto* instance = new Environments();
  return *instance;
}

std::unique_ptr<Packing> forget(napi_env env) {
  const std::lock_guard<std::mutex> lock(environments().mutex);
  const auto found = environments().packing.find(env);
  if (found == environments().packing.end()) return nullptr;
  std::unique_ptr<Packing> packing = std::move(found->second);
  environments().packing.erase(found);
  return packing;
}

// Hooks run before V8 frees array buffers.
void endPacking(void* env) {
  const auto packing = forget(static_cast<napi_env>(env));
  if (packing == nullptr) return;
  for (const auto& weak : *packing) {
    if (const auto engine = weak.lock()) engine->abandonPacking();
  }
}

bool isReady(const std::weak_ptr<Engine>& weak) {
  const auto engine = weak.lock();
  return engine == nullptr || engine->isPacked();
}

}  // namespace

Pins::Pins(std::vector<c10::Storage> storages) : storages_(std::move(storages)) {
  const std::lock_guard<std::mutex> lock(pinned().mutex);
  for (const c10::Storage& storage : storages_) {
    c10::StorageImpl* impl = storage.unsafeGetStorageImpl();
    Pinned& entry = pinned().storages[impl];
    if (entry.count++ > 0) continue;
    entry.was_resizable = impl->resizable();
    impl->set_resizable(false);
  }
}

Pins::~Pins() {
  const std::lock_guard<std::mutex> lock(pinned().mutex);
  for (const c10::Storage& storage : storages_) {
    c10::StorageImpl* impl = storage.unsafeGetStorageImpl();
    const auto found = pinned().storages.find(impl);
    if (--found->second.count > 0) continue;
    impl->set_resizable(found->second.was_resizable);
    pinned().storages.erase(found);
  }
}

void endWithEnvironment(napi_env env, const std::shared_ptr<Engine>& engine) {
  const std::lock_guard<std::mutex> lock(environments().mutex);
  std::unique_ptr<Packing>& packing = environments().packing[env];
  if (packing == nullptr) {
    packing = std::make_unique<Packing>();
    napi_add_env_cleanup_hook(env, endPacking, env);
  }
  std::erase_if(*packing, isReady);
  packing->push_back(engine);
}

}  // namespace ibn::engine
