// CUDA through libtorch's device-neutral interfaces: one binding serves the CPU and the CUDA build of a
// libtorch.
#pragma once
#include <napi.h>

#include <cstdint>
#include <optional>
#include <string>

#include <c10/core/Device.h>
#include <c10/core/Stream.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "../call.h"

namespace ibn {

// Why CUDA cannot be used and what to do; empty where it can.
std::string cudaProblem();

// The same, if libtorch's message `text` says in one of its ways that there is no CUDA; empty otherwise.
std::string cudaProblemBehind(const std::string& text);

// Devices and streams of CUDA, initialised. Throws ERR_CUDA_UNAVAILABLE.
c10::impl::VirtualGuardImpl cudaGuard();

// Argument `index`: the number of a device; null or undefined: the current one. Throws for one that is not
// there.
c10::Device cudaDevice(const c10::impl::VirtualGuardImpl& guard, const Call& call, size_t index);

// Bytes of tensors alive on the current CUDA device; 0 before CUDA is first used.
int64_t liveCudaBytes() noexcept;

// What a CUDA device (-1: the current one) and its allocator have; nothing before CUDA is first used.
struct DeviceMemory {
  int64_t device = 0;
  int64_t allocated = 0;
  int64_t reserved = 0;
  int64_t free = 0;
  int64_t total = 0;
};
std::optional<DeviceMemory> cudaMemory(int64_t device = -1) noexcept;

// Facts of device `ordinal` from the driver's own library, whose functions have had one form for many years.
Napi::Object driverProperties(Napi::Env env, int ordinal);

}  // namespace ibn
