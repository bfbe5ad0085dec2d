// c10d's stores, as JavaScript holds them.
#pragma once
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "../binding/call.h"

namespace ibn::distributed {

// The store behind argument `index`.
c10::intrusive_ptr<c10d::Store> storeOf(const Call& call, size_t index);

}  // namespace ibn::distributed
