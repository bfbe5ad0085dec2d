// The backend for the CPU: libtorch's ProcessGroupGloo.
#pragma once
#include <chrono>

#include <torch/csrc/distributed/c10d/Backend.hpp>

namespace ibn::distributed {

// Connects to all other ranks, which takes until they have come or the timeout has passed.
c10::intrusive_ptr<c10d::Backend> makeGlooBackend(const c10::intrusive_ptr<c10d::Store>& store, int rank,
                                                  int size, std::chrono::milliseconds timeout);

}  // namespace ibn::distributed
