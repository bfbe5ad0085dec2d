// torch.autocast: regions in which ops choose their precision.
#include <ATen/autocast_mode.h>
#include <c10/core/Device.h>

#include "call.h"

namespace ibn {

namespace {

namespace autocast = at::autocast;

c10::DeviceType deviceType(const Call& call, size_t index) {
  const c10::DeviceType type = c10::Device(call.string(index, "device")).type();
  if (autocast::is_autocast_available(type)) return type;
  throw InvalidArgument("ERR_OUT_OF_RANGE",
                        "Expected a device with autocast, got \"" + call.string(index, "device") + "\"");
}

// A region, from its making to its end; the thread's state is then what it was (torch/amp/autocast_mode.py).
class Region {
 public:
  Region(c10::DeviceType type, at::ScalarType dtype, bool enabled, bool cache)
      : type_(type),
        enabled_(autocast::is_autocast_enabled(type)),
        dtype_(autocast::get_autocast_dtype(type)),
        cache_(autocast::is_autocast_cache_enabled()) {
    autocast::set_autocast_enabled(type, enabled);
    autocast::set_autocast_dtype(type, dtype);
    autocast::increment_nesting();
    autocast::set_autocast_cache_enabled(cache);
  }
  ~Region() {
    // Weights cast in the outermost region are kept until it ends.
    if (autocast::decrement_nesting() == 0) autocast::clear_cache();
    autocast::set_autocast_enabled(type_, enabled_);
    autocast::set_autocast_dtype(type_, dtype_);
    autocast::set_autocast_cache_enabled(cache_);
  }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

 private:
  c10::DeviceType type_;
  bool enabled_;
  at::ScalarType dtype_;
  bool cache_;
};

// enterAutocast(device, dtype, enabled, cacheEnabled); undefined: the present dtype, the present setting.
Napi::Value enterAutocast(Call& call) {
  const c10::DeviceType type = deviceType(call, 0);
  const at::ScalarType dtype = call.info[1].IsUndefined() ? autocast::get_autocast_dtype(type)
                                                          : toScalarType(call.env, call.at(1), "dtype");
  const bool cache = call.info[3].IsUndefined() ? autocast::is_autocast_cache_enabled() : call.boolean(3);
  call.data.guards.push_back(std::make_shared<Region>(type, dtype, call.boolean(2), cache));
  return call.undefined();
}

Napi::Value exitAutocast(Call& call) {
  if (!call.data.guards.empty()) call.data.guards.pop_back();
  return call.undefined();
}

Napi::Value isAutocastAvailable(Call& call) {
  const c10::DeviceType type = c10::Device(call.string(0, "device")).type();
  return Napi::Boolean::New(call.env, autocast::is_autocast_available(type));
}

Napi::Value isAutocastEnabled(Call& call) {
  return Napi::Boolean::New(call.env, autocast::is_autocast_enabled(deviceType(call, 0)));
}

Napi::Value getAutocastDtype(Call& call) {
  return {call.env, fromString(call.env, dtypeName(autocast::get_autocast_dtype(deviceType(call, 0))))};
}

Napi::Value isAutocastCacheEnabled(Call& call) {
  return Napi::Boolean::New(call.env, autocast::is_autocast_cache_enabled());
}

Napi::Value clearAutocastCache(Call& call) {
  autocast::clear_cache();
  return call.undefined();
}

}  // namespace

void defineAutocast(Napi::Object exports) {
  define<enterAutocast>(exports, "enterAutocast");
  define<exitAutocast>(exports, "exitAutocast");
  define<isAutocastAvailable>(exports, "isAutocastAvailable");
  define<isAutocastEnabled>(exports, "isAutocastEnabled");
  define<getAutocastDtype>(exports, "getAutocastDtype");
  define<isAutocastCacheEnabled>(exports, "isAutocastCacheEnabled");
  define<clearAutocastCache>(exports, "clearAutocastCache");
}

}  // namespace ibn
