// A device's properties. libtorch has no device-neutral function for them, and the runtime's structure of
// them changes between CUDA 12 and 13; the driver's functions do not change, and no header is needed for
// them.
#include <dlfcn.h>

#include <array>
#include <cstdio>
#include <string>

#include "device.h"

namespace ibn {

namespace {

// Numbers of CUdevice_attribute in cuda.h; libtorch's names, as JavaScript spells them.
struct Attribute {
  const char* name;
  int number;
};
constexpr Attribute kAttributes[] = {
    {"major", 75},
    {"minor", 76},
    {"multiProcessorCount", 16},
    {"maxThreadsPerBlock", 1},
    {"maxThreadsPerMultiProcessor", 39},
    {"warpSize", 10},
    {"regsPerMultiprocessor", 82},
    {"sharedMemoryPerBlock", 8},
    {"sharedMemoryPerBlockOptin", 97},
    {"sharedMemoryPerMultiprocessor", 81},
    {"l2CacheSize", 38},
    {"clockRate", 13},
    {"memoryClockRate", 36},
    {"memoryBusWidth", 37},
    {"pciBusId", 33},
    {"pciDeviceId", 34},
    {"pciDomainId", 50},
};
constexpr Attribute kFlagAttributes[] = {{"isIntegrated", 18}, {"isMultiGpuBoard", 84}};

using Uuid = std::array<unsigned char, 16>;

// libcuda.so.1, which the CUDA runtime has opened before. Never closed.
class Driver {
 public:
  static const Driver& get() {
    static const auto* driver = new Driver();
    return *driver;
  }

  std::string name(int device) const {
    std::array<char, 256> text{};
    check(name_(text.data(), static_cast<int>(text.size()) - 1, device), "cuDeviceGetName");
    return text.data();
  }
  size_t totalMemory(int device) const {
    size_t bytes = 0;
    check(total_(&bytes, device), "cuDeviceTotalMem");
    return bytes;
  }
  int attribute(int number, int device) const {
    int value = 0;
    check(attribute_(&value, number, device), "cuDeviceGetAttribute");
    return value;
  }
  Uuid uuid(int device) const {
    Uuid bytes{};
    check(uuid_(bytes.data(), device), "cuDeviceGetUuid");
    return bytes;
  }
  // As cudaDriverGetVersion gives it: 13000 for 13.0.
  int version() const {
    int value = 0;
    check(version_(&value), "cuDriverGetVersion");
    return value;
  }
  int device(int ordinal) const {
    int value = 0;
    check(get_(&value, ordinal), "cuDeviceGet");
    return value;
  }

 private:
  Driver() {
    library_ = dlopen("libcuda.so.1", RTLD_LAZY);
    if (library_ == nullptr)
      throw InvalidArgument("ERR_CUDA_UNAVAILABLE",
                            "The NVIDIA driver's library libcuda.so.1 could not be opened");
    check(find<int (*)(unsigned)>("cuInit")(0), "cuInit");
    get_ = find<int (*)(int*, int)>("cuDeviceGet");
    name_ = find<int (*)(char*, int, int)>("cuDeviceGetName");
    total_ = find<int (*)(size_t*, int)>("cuDeviceTotalMem_v2");
    attribute_ = find<int (*)(int*, int, int)>("cuDeviceGetAttribute");
    uuid_ = find<int (*)(unsigned char*, int)>("cuDeviceGetUuid");
    version_ = find<int (*)(int*)>("cuDriverGetVersion");
  }

  template <typename Function>
  Function find(const char* name) const {
    void* symbol = dlsym(library_, name);
    if (symbol == nullptr)
      throw InvalidArgument("ERR_CUDA_UNAVAILABLE", std::string("The NVIDIA driver has no ") + name);
    return reinterpret_cast<Function>(symbol);
  }

  static void check(int status, const char* function) {
    if (status == 0) return;
    throw InvalidArgument("ERR_CUDA", std::string(function) + " failed with error " + std::to_string(status));
  }

  void* library_ = nullptr;
  int (*get_)(int*, int) = nullptr;
  int (*name_)(char*, int, int) = nullptr;
  int (*total_)(size_t*, int) = nullptr;
  int (*attribute_)(int*, int, int) = nullptr;
  int (*uuid_)(unsigned char*, int) = nullptr;
  int (*version_)(int*) = nullptr;
};

// As nvidia-smi prints it, without its "GPU-".
std::string formatUuid(const Uuid& bytes) {
  std::string text;
  for (size_t i = 0; i < bytes.size(); i++) {
    std::array<char, 3> digits{};
    std::snprintf(digits.data(), digits.size(), "%02x", bytes[i]);
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += digits.data();
  }
  return text;
}

}  // namespace

Napi::Object driverProperties(Napi::Env env, int ordinal) {
  const Driver& driver = Driver::get();
  const int device = driver.device(ordinal);
  Napi::Object result = Napi::Object::New(env);
  result["name"] = driver.name(device);
  result["uuid"] = formatUuid(driver.uuid(device));
  result["totalMemory"] = static_cast<double>(driver.totalMemory(device));
  result["driverVersion"] = driver.version();
  for (const Attribute& item : kAttributes) result[item.name] = driver.attribute(item.number, device);
  for (const Attribute& item : kFlagAttributes) {
    result[item.name] = Napi::Boolean::New(env, driver.attribute(item.number, device) != 0);
  }
  return result;
}

}  // namespace ibn
