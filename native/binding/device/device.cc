// Devices: which there are, the current one, their memory and random numbers.
#include "device.h"

#include <ATen/Context.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/util/Exception.h>

#include <array>

namespace ibn {

namespace {

constexpr const char* kUnavailable = "ERR_CUDA_UNAVAILABLE";
constexpr const char* kNotAvailable = "CUDA is not available: ";
constexpr const char* kCpuBuild =
    "this libtorch is a CPU build; get the CUDA build with: npx ibn-net install-libtorch --cuda";

bool isLinked() {
  return c10::impl::hasDeviceGuardImpl(at::kCUDA);
}

// The first line of libtorch's text, its links and advice for Python left out.
std::string reasonOf(const std::string& text) {
  std::string reason = text.substr(0, text.find('\n'));
  for (const char* end : {" Alternatively, go to", " This could be because", " PyTorch splits its backend"}) {
    reason = reason.substr(0, reason.find(end));
  }
  while (!reason.empty() && (reason.back() == '.' || reason.back() == ' ')) reason.pop_back();
  return reason;
}

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

// How libtorch's initialisation fails, and the CUDA runtime where libtorch did not ask first.
constexpr std::array<const char*, 9> kInitFailures = {"Found no NVIDIA driver",
                                                      "No CUDA GPUs are available",
                                                      "driver on your system is too old",
                                                      "driver initialization failed",
                                                      "Cannot initialize CUDA without",
                                                      "CUDA unknown error",
                                                      "CUDA driver version is insufficient",
                                                      "no CUDA-capable device",
                                                      "CUDA error: initialization error"};

// What says that there is no CUDA, without a reason.
constexpr std::array<const char*, 5> kAbsences = {
    "with support for cuda devices", "from the 'CUDA' backend", "Cannot access accelerator device",
    "pin_memory=True requires a CUDA", "without ATen_cuda library"};

template <size_t Count>
bool containsAny(const std::string& text, const std::array<const char*, Count>& parts) {
  for (const char* part : parts) {
    if (contains(text, part)) return true;
  }
  return false;
}

std::string advice(const std::string& reason) {
  if (contains(reason, "too old")) return "update the NVIDIA driver, then check it with: nvidia-smi";
  if (contains(reason, "No CUDA GPUs"))
    return "check that nvidia-smi lists the GPU and that CUDA_VISIBLE_DEVICES does not hide it";
  return "check that nvidia-smi lists the GPU";
}

c10::DeviceAllocator* allocator() {
  return c10::getDeviceAllocator(at::kCUDA);
}

bool isInitialized() {
  return isLinked() && allocator()->initialized();
}

}  // namespace

std::string cudaProblem() {
  if (!isLinked()) return kCpuBuild;
  try {
    at::globalContext().lazyInitDevice(at::kCUDA);
    return "";
  } catch (const std::exception& error) {
    const auto* known = dynamic_cast<const c10::Error*>(&error);
    const std::string reason = reasonOf(known == nullptr ? error.what() : known->what_without_backtrace());
    return reason + "; " + advice(reason);
  }
}

std::string cudaProblemBehind(const std::string& text) {
  const bool failed = containsAny(text, kInitFailures);
  if (!failed && !containsAny(text, kAbsences)) return "";
  const std::string problem = cudaProblem();
  if (problem.empty()) return "";
  return (failed ? kNotAvailable : reasonOf(text) + "; ") + problem;
}

c10::impl::VirtualGuardImpl cudaGuard() {
  const std::string problem = cudaProblem();
  if (!problem.empty()) throw InvalidArgument(kUnavailable, kNotAvailable + problem);
  return c10::impl::VirtualGuardImpl(at::kCUDA);
}

c10::Device cudaDevice(const c10::impl::VirtualGuardImpl& guard, const Call& call, size_t index) {
  if (call.info[index].IsNull() || call.info[index].IsUndefined()) return guard.getDevice();
  const int64_t number = call.integer(index, "device");
  if (number < 0 || number >= guard.deviceCount()) {
    throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected a CUDA device from 0 to " +
                                                  std::to_string(guard.deviceCount() - 1) +
                                                  " for \"device\", got " + std::to_string(number));
  }
  return {at::kCUDA, static_cast<c10::DeviceIndex>(number)};
}

int64_t liveCudaBytes() noexcept {
  try {
    if (!isInitialized()) return 0;
    const c10::Device device = c10::impl::VirtualGuardImpl(at::kCUDA).getDevice();
    return allocator()->getDeviceStats(device.index()).allocated_bytes[0].current;
  } catch (...) {
    return 0;
  }
}

std::optional<DeviceMemory> cudaMemory(int64_t device) noexcept {
  try {
    if (!isInitialized()) return std::nullopt;
    const auto index = device >= 0 ? static_cast<c10::DeviceIndex>(device)
                                   : c10::impl::VirtualGuardImpl(at::kCUDA).getDevice().index();
    const auto stats = allocator()->getDeviceStats(index);
    const auto [free, total] = allocator()->getMemoryInfo(index);
    return DeviceMemory{index, stats.allocated_bytes[0].current, stats.reserved_bytes[0].current,
                        static_cast<int64_t>(free), static_cast<int64_t>(total)};
  } catch (...) {
    return std::nullopt;
  }
}

namespace {

Napi::Value problem(Call& call) {
  const std::string text = cudaProblem();
  return text.empty() ? call.env.Null() : Napi::Value(call.env, fromString(call.env, text));
}

Napi::Value deviceCount(Call& call) {
  return call.number(isLinked() ? c10::impl::VirtualGuardImpl(at::kCUDA).deviceCount() : 0);
}

Napi::Value currentDevice(Call& call) {
  return call.number(cudaGuard().getDevice().index());
}

Napi::Value setDevice(Call& call) {
  const auto guard = cudaGuard();
  guard.setDevice(cudaDevice(guard, call, 0));
  return call.undefined();
}

Napi::Value synchronize(Call& call) {
  const auto guard = cudaGuard();
  guard.synchronizeDevice(cudaDevice(guard, call, 0).index());
  return call.undefined();
}

Napi::Value initialized(Call& call) {
  return Napi::Boolean::New(call.env, isInitialized());
}

Napi::Value properties(Call& call) {
  const auto guard = cudaGuard();
  return driverProperties(call.env, cudaDevice(guard, call, 0).index());
}

using Stat = c10::CachingAllocator::Stat;
using StatArray = c10::CachingAllocator::StatArray;

void setStat(Napi::Object result, const std::string& name, const Stat& stat) {
  result[name + ".current"] = static_cast<double>(stat.current);
  result[name + ".peak"] = static_cast<double>(stat.peak);
  result[name + ".allocated"] = static_cast<double>(stat.allocated);
  result[name + ".freed"] = static_cast<double>(stat.freed);
}

void setStats(Napi::Object result, const std::string& name, const StatArray& stats) {
  constexpr std::array<const char*, 3> kPools = {".all", ".small_pool", ".large_pool"};
  for (size_t i = 0; i < kPools.size(); i++) setStat(result, name + kPools[i], stats[i]);
}

// Not in every libtorch.
template <typename Stats>
void setRejections(Napi::Object result, const Stats& stats) {
  if constexpr (requires { stats.num_oom_rejections; }) {
    result["num_oom_rejections"] = static_cast<double>(stats.num_oom_rejections);
  }
}

// cudaMemoryStats(device): torch.cuda.memory_stats' keys; empty before CUDA is first used, as there.
Napi::Value cudaMemoryStats(Call& call) {
  Napi::Object result = Napi::Object::New(call.env);
  if (!isInitialized()) return result;
  const auto guard = cudaGuard();
  const auto stats = allocator()->getDeviceStats(cudaDevice(guard, call, 0).index());
  setStats(result, "active", stats.active);
  setStats(result, "active_bytes", stats.active_bytes);
  setStats(result, "allocated_bytes", stats.allocated_bytes);
  setStats(result, "allocation", stats.allocation);
  setStats(result, "inactive_split", stats.inactive_split);
  setStats(result, "inactive_split_bytes", stats.inactive_split_bytes);
  setStats(result, "requested_bytes", stats.requested_bytes);
  setStats(result, "reserved_bytes", stats.reserved_bytes);
  setStats(result, "segment", stats.segment);
  setStat(result, "oversize_allocations", stats.oversize_allocations);
  setStat(result, "oversize_segments", stats.oversize_segments);
  result["max_split_size"] = static_cast<double>(stats.max_split_size);
  result["num_alloc_retries"] = static_cast<double>(stats.num_alloc_retries);
  result["num_device_alloc"] = static_cast<double>(stats.num_device_alloc);
  result["num_device_free"] = static_cast<double>(stats.num_device_free);
  result["num_ooms"] = static_cast<double>(stats.num_ooms);
  result["num_sync_all_streams"] = static_cast<double>(stats.num_sync_all_streams);
  setRejections(result, stats);
  return result;
}

Napi::Value resetPeakStats(Call& call) {
  const auto guard = cudaGuard();
  allocator()->resetPeakStats(cudaDevice(guard, call, 0).index());
  return call.undefined();
}

Napi::Value resetAccumulatedStats(Call& call) {
  const auto guard = cudaGuard();
  allocator()->resetAccumulatedStats(cudaDevice(guard, call, 0).index());
  return call.undefined();
}

// memoryInfo(device): [free, total] bytes, as the device has them.
Napi::Value memoryInfo(Call& call) {
  const auto guard = cudaGuard();
  const auto [free, total] = allocator()->getMemoryInfo(cudaDevice(guard, call, 0).index());
  Napi::Array result = Napi::Array::New(call.env, 2);
  result[0U] = static_cast<double>(free);
  result[1U] = static_cast<double>(total);
  return result;
}

Napi::Value emptyCache(Call& call) {
  if (isInitialized()) allocator()->emptyCache();
  return call.undefined();
}

// defaultGenerator(device): a handle of the generator that ops on the device draw from.
Napi::Value defaultGenerator(Call& call) {
  const auto guard = cudaGuard();
  at::Generator generator = at::globalContext().defaultGenerator(cudaDevice(guard, call, 0));
  return {call.env, call.data.wrapValue(call.env, std::move(generator))};
}

}  // namespace

void defineDevice(Napi::Object exports) {
  define<problem>(exports, "cudaProblem");
  define<deviceCount>(exports, "cudaDeviceCount");
  define<currentDevice>(exports, "cudaCurrentDevice");
  define<setDevice>(exports, "cudaSetDevice");
  define<synchronize>(exports, "cudaSynchronize");
  define<initialized>(exports, "cudaInitialized");
  define<properties>(exports, "cudaDeviceProperties");
  define<cudaMemoryStats>(exports, "cudaMemoryStats");
  define<resetPeakStats>(exports, "cudaResetPeakMemoryStats");
  define<resetAccumulatedStats>(exports, "cudaResetAccumulatedMemoryStats");
  define<memoryInfo>(exports, "cudaMemoryInfo");
  define<emptyCache>(exports, "cudaEmptyCache");
  define<defaultGenerator>(exports, "cudaDefaultGenerator");
}

}  // namespace ibn
