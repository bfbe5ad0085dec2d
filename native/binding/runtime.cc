// The process: threads, random numbers, versions, memory, devices.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <dlfcn.h>
#include <torch/csrc/api/include/torch/version.h>

#include <algorithm>
#include <array>

#include "call.h"
#include "device/device.h"
#include "memory/memory.h"

namespace ibn {

namespace {

Napi::Value versions(Call& call) {
  Napi::Object result = Napi::Object::New(call.env);
  result["compiled"] = TORCH_VERSION;
  result["cpuCapability"] = at::get_cpu_capability();
  result["parallel"] = at::get_parallel_info();
  result["config"] = at::show_config();
  return result;
}

Napi::Value getNumThreads(Call& call) {
  return call.number(at::get_num_threads());
}

Napi::Value setNumThreads(Call& call) {
  const int64_t count = call.integer(0, "threads");
  if (count < 1 || count > 4096) {
    throw InvalidArgument("ERR_OUT_OF_RANGE",
                          "Expected 1 to 4096 for \"threads\", got " + std::to_string(count));
  }
  at::set_num_threads(static_cast<int>(count));
  return call.undefined();
}

Napi::Value getNumInteropThreads(Call& call) {
  return call.number(static_cast<double>(at::get_num_interop_threads()));
}

// As Python: -2^63 to 2^64 - 1, negative ones as their two's complement.
uint64_t seedOf(Call& call, size_t index) {
  uint64_t seed = 0;
  bool lossless = false;
  if (napi_get_value_bigint_uint64(call.env, call.at(index), &seed, &lossless) == napi_ok && lossless)
    return seed;
  return static_cast<uint64_t>(call.integer(index, "seed"));
}

Napi::Value manualSeed(Call& call) {
  at::manual_seed(seedOf(call, 0));
  return call.undefined();
}

at::Generator generatorOf(Call& call, size_t index) {
  if (call.info[index].IsNull() || call.info[index].IsUndefined())
    return at::detail::getDefaultCPUGenerator();
  const Box* box = call.data.unbox(call.env, call.at(index));
  if (box != nullptr && box->kind == BoxKind::kDisposed) throw disposedError(*box);
  if (box == nullptr || box->kind != BoxKind::kValue || !box->value.isGenerator()) {
    throw InvalidArgument("ERR_INVALID_ARG_TYPE",
                          "Expected a Generator, got " + describe(call.env, call.at(index)));
  }
  return box->value.toGenerator();
}

// initialSeed(generator): the seed that a generator (null: the CPU's default one) was given.
Napi::Value initialSeed(Call& call) {
  return Napi::BigInt::New(call.env, generatorOf(call, 0).current_seed());
}

// makeGenerator(device)
Napi::Value makeGenerator(Call& call) {
  const c10::Device device(call.string(0, "device"));
  if (device.is_cuda()) cudaGuard();
  if (!device.is_cpu()) at::globalContext().lazyInitDevice(device.type());
  at::Generator generator =
      device.is_cpu()
          ? at::detail::createCPUGenerator()
          : at::globalContext().getAcceleratorHooksInterface(device.type()).getNewGenerator(device.index());
  return {call.env, call.data.wrapValue(call.env, generator)};
}

Napi::Value generatorSeed(Call& call) {
  at::Generator generator = generatorOf(call, 0);
  const std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_current_seed(seedOf(call, 1));
  return call.undefined();
}

Napi::Value generatorState(Call& call) {
  at::Generator generator = generatorOf(call, 0);
  const std::lock_guard<std::mutex> lock(generator.mutex());
  return call.wrap(generator.get_state());
}

Napi::Value setGeneratorState(Call& call) {
  at::Generator generator = generatorOf(call, 0);
  const std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_state(call.tensor(1));
  return call.undefined();
}

// The next 624 numbers of a Mersenne Twister (Matsumoto and Nishimura, 1998), not yet tempered.
void twist(std::array<uint32_t, at::MERSENNE_STATE_N>& state) {
  constexpr size_t kSize = at::MERSENNE_STATE_N;
  constexpr size_t kMiddle = at::MERSENNE_STATE_M;
  const auto mixed = [](uint32_t high, uint32_t low) {
    const uint32_t both = (high & 0x80000000U) | (low & 0x7fffffffU);
    return (both >> 1) ^ (-(low & 1U) & 0x9908b0dfU);
  };
  size_t i = 0;
  for (; i < kSize - kMiddle; i++) state[i] = state[i + kMiddle] ^ mixed(state[i], state[i + 1]);
  for (; i < kSize - 1; i++) state[i] = state[i + kMiddle - kSize] ^ mixed(state[i], state[i + 1]);
  state[kSize - 1] = state[kMiddle - 1] ^ mixed(state[kSize - 1], state[0]);
}

// A minute's worth; more than any network has weights.
constexpr int64_t kMostSkipped = int64_t{1} << 34;

// skipRandom(count): the CPU's default generator afterwards is as if it had drawn `count` numbers of 32 bits.
Napi::Value skipRandom(Call& call) {
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  int64_t count = call.integer(0, "count");
  if (count < 0 || count > kMostSkipped) {
    throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected 0 to " + std::to_string(kMostSkipped) +
                                                  " for \"count\", got " + std::to_string(count));
  }
  const std::lock_guard<std::mutex> lock(generator.mutex());
  auto* impl = at::check_generator<at::CPUGeneratorImpl>(generator);
  at::mt19937 engine = impl->engine();
  at::mt19937_data_pod data = engine.data();
  while (count > 0) {
    const int64_t ready = std::min<int64_t>(count, data.left_ - 1);
    data.left_ -= static_cast<int>(ready);
    data.next_ += static_cast<uint32_t>(ready);
    count -= ready;
    if (count == 0) break;
    twist(data.state_);
    data.left_ = at::MERSENNE_STATE_N;
    data.next_ = 1;
    count--;
  }
  engine.set_data(data);
  impl->set_engine(engine);
  return call.undefined();
}

Napi::Value memoryStats(Call& call) {
  Napi::Object result = Napi::Object::New(call.env);
  result["tensors"] = static_cast<double>(call.data.liveTensors());
  result["bytes"] = static_cast<double>(call.data.liveBytes());
  result["cpuBytes"] = static_cast<double>(liveCpuBytes());
  result["peakCpuBytes"] = static_cast<double>(peakCpuBytes());
  result["cachedCpuBytes"] = static_cast<double>(cachedCpuBytes());
  return result;
}

Napi::Value emptyCpuCache(Call& call) {
  ibn::forgetTraining();
  ibn::emptyCpuCache();
  return call.undefined();
}

Napi::Value resetPeakMemoryStats(Call& call) {
  resetPeakCpuBytes();
  return call.undefined();
}

// setTorchError(class, outOfMemoryClass): the JavaScript classes of libtorch's errors.
Napi::Value setTorchError(Call& call) {
  napi_create_reference(call.env, call.at(0), 1, &call.data.torch_error);
  napi_create_reference(call.env, call.at(1), 1, &call.data.cuda_memory_error);
  return call.undefined();
}

// setWarningHandler(fn): called with the text of each of libtorch's warnings.
Napi::Value setWarningHandler(Call& call) {
  napi_create_reference(call.env, call.at(0), 1, &call.data.warning_handler);
  return call.undefined();
}

// Loads a library that registers ops (torch.ops.load_library).
Napi::Value loadLibrary(Call& call) {
  const std::string path = call.string(0, "path");
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    const char* reason = dlerror();
    throw InvalidArgument("ERR_DLOPEN_FAILED", path + ": " + (reason == nullptr ? "dlopen failed" : reason));
  }
  return call.undefined();
}

}  // namespace

void defineRuntime(Napi::Object exports) {
  define<versions>(exports, "versions");
  define<getNumThreads>(exports, "getNumThreads");
  define<setNumThreads>(exports, "setNumThreads");
  define<getNumInteropThreads>(exports, "getNumInteropThreads");
  define<manualSeed>(exports, "manualSeed");
  define<initialSeed>(exports, "initialSeed");
  define<makeGenerator>(exports, "makeGenerator");
  define<generatorSeed>(exports, "generatorSeed");
  define<generatorState>(exports, "generatorState");
  define<setGeneratorState>(exports, "setGeneratorState");
  define<skipRandom>(exports, "skipRandom");
  define<memoryStats>(exports, "memoryStats");
  define<emptyCpuCache>(exports, "emptyCpuCache");
  define<resetPeakMemoryStats>(exports, "resetPeakMemoryStats");
  define<setTorchError>(exports, "setTorchError");
  define<setWarningHandler>(exports, "setWarningHandler");
  define<loadLibrary>(exports, "loadLibrary");
}

}  // namespace ibn
