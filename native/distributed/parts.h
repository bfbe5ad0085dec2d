// The parts of this folder, and how they read what they are given.
#pragma once
#include <chrono>

#include "../binding/call.h"

namespace ibn::distributed {

void defineStores(Napi::Object exports);
void defineGroups(Napi::Object exports);
void defineCollectives(Napi::Object exports);
void defineReducer(Napi::Object exports);
void defineSyncBatchNorm(Napi::Object exports);

inline std::chrono::milliseconds millisecondsOf(const Call& call, size_t index) {
  return std::chrono::milliseconds(call.integer(index, "timeout"));
}

// An object of c10d's, or of this folder's, that JavaScript holds by a handle.
template <typename T>
c10::intrusive_ptr<T> capsuleOf(const Call& call, size_t index, const char* what) {
  const Box* box = call.data.unbox(call.env, call.at(index));
  if (box != nullptr && box->kind == BoxKind::kValue && box->value.isCapsule()) {
    auto object = c10::dynamic_intrusive_pointer_cast<T>(box->value.toCapsule());
    if (object) return object;
  }
  throw InvalidArgument("ERR_INVALID_ARG_TYPE",
                        std::string("Expected ") + what + ", got " + describe(call.env, call.at(index)));
}

}  // namespace ibn::distributed
