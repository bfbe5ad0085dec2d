#include "backing_store.h"

#include <dlfcn.h>

#include <cstdlib>

namespace v8 {
class BackingStore;
}  // namespace v8

namespace ibn {

namespace {

// v8::ArrayBuffer::GetBackingStore, a member: its object is the first argument. A napi_value is the pointer
// that V8's handles are made of.
using GetBackingStore = std::shared_ptr<v8::BackingStore> (*)(napi_value buffer);
// v8::BackingStore::IsResizableByUserJavaScript and IsShared.
using Question = bool (*)(const v8::BackingStore* store);

struct Functions {
  GetBackingStore get = nullptr;
  Question is_resizable = nullptr;
  Question is_shared = nullptr;
};

template <typename Function>
Function find(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
}

// Only what Node-API promises was asked for.
bool isStable() {
  const char* setting = std::getenv("IBN_NET_STABLE_NODE_API");
  return setting != nullptr && setting[0] == '1';
}

Functions findFunctions() {
  // Its name has the type of the pointer: a V8 built on another C++ library has no such function.
  const bool same_pointer =
      find<void*>("_ZN2v811ArrayBuffer3NewEPNS_7IsolateESt10shared_ptrINS_12BackingStoreEE") != nullptr;
  if (!same_pointer || isStable()) return {};
  return {find<GetBackingStore>("_ZN2v811ArrayBuffer15GetBackingStoreEv"),
          find<Question>("_ZNK2v812BackingStore27IsResizableByUserJavaScriptEv"),
          find<Question>("_ZNK2v812BackingStore8IsSharedEv")};
}

const Functions& functions() {
  static const Functions found = findFunctions();
  return found;
}

}  // namespace

bool canHoldMemory() {
  const Functions& f = functions();
  return f.get != nullptr && f.is_resizable != nullptr && f.is_shared != nullptr;
}

bool movesMemory() {
  static const bool moves =
      find<void*>("_ZN2v88internal12BackingStore10ReallocateEPNS0_7IsolateEm") != nullptr ||
      find<void*>(
          "_ZN2v812BackingStore10ReallocateEPNS_7IsolateESt10unique_ptrIS0_St14default_deleteIS0_EEm") !=
          nullptr;
  return moves;
}

HeldMemory holdMemory(napi_value buffer) {
  const Functions& f = functions();
  return f.get == nullptr ? nullptr : f.get(buffer);
}

bool canShrink(napi_value buffer) {
  const Functions& f = functions();
  if (f.get == nullptr || f.is_resizable == nullptr || f.is_shared == nullptr) return false;
  const auto store = f.get(buffer);
  return f.is_resizable(store.get()) && !f.is_shared(store.get());
}

}  // namespace ibn
