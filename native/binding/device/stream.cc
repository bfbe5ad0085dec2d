// Streams and events of CUDA: c10::Stream and c10::Event in the environment's boxes.
#include <c10/core/Event.h>

#include "device.h"

namespace ibn {

namespace {

// Used on its JavaScript thread only; destroyed there, perhaps inside garbage collection.
class EventBox final : public torch::CustomClassHolder {
 public:
  explicit EventBox(c10::EventFlag flag) : event(at::kCUDA, flag) {}
  c10::Event event;
};

const c10::IValue& valueOf(const Call& call, size_t index, const char* expected) {
  Box* box = call.data.unbox(call.env, call.at(index));
  if (box != nullptr && box->kind == BoxKind::kDisposed) throw disposedError(*box);
  if (box != nullptr && box->kind == BoxKind::kValue) return box->value;
  throw InvalidArgument("ERR_INVALID_ARG_TYPE",
                        std::string("Expected ") + expected + ", got " + describe(call.env, call.at(index)));
}

c10::Stream streamOf(const Call& call, size_t index) {
  const c10::IValue& value = valueOf(call, index, "a Stream");
  if (value.isStream()) return value.toStream();
  throw InvalidArgument("ERR_INVALID_ARG_TYPE", "Expected a Stream");
}

c10::Event& eventOf(const Call& call, size_t index) {
  const c10::IValue& value = valueOf(call, index, "an Event");
  if (value.isCapsule()) {
    const auto box = c10::dynamic_intrusive_pointer_cast<EventBox>(value.toCapsule());
    if (box) return box->event;  // the handle's value keeps it alive
  }
  throw InvalidArgument("ERR_INVALID_ARG_TYPE", "Expected an Event");
}

Napi::Value wrapStream(Call& call, c10::Stream stream) {
  return {call.env, call.data.wrapValue(call.env, c10::IValue(stream))};
}

// newStream(device, priority): from libtorch's pool; a lower number is more urgent.
Napi::Value newStream(Call& call) {
  const auto guard = cudaGuard();
  const auto priority = static_cast<int>(call.integer(1, "priority"));
  return wrapStream(call, guard.getNewStream(cudaDevice(guard, call, 0), priority));
}

Napi::Value currentStream(Call& call) {
  const auto guard = cudaGuard();
  return wrapStream(call, guard.getStream(cudaDevice(guard, call, 0)));
}

Napi::Value defaultStream(Call& call) {
  const auto guard = cudaGuard();
  return wrapStream(call, guard.getDefaultStream(cudaDevice(guard, call, 0)));
}

// setStream(stream): the current one of its device, which becomes the current device.
Napi::Value setStream(Call& call) {
  const auto guard = cudaGuard();
  const c10::Stream stream = streamOf(call, 0);
  guard.setDevice(stream.device());
  guard.exchangeStream(stream);
  return call.undefined();
}

// exchangeStream(stream): the current device stays. Returns its device's stream until now.
Napi::Value exchangeStream(Call& call) {
  return wrapStream(call, cudaGuard().exchangeStream(streamOf(call, 0)));
}

Napi::Value streamDevice(Call& call) {
  return call.number(streamOf(call, 0).device_index());
}

// streamPointer(stream): its cudaStream_t, 0 for the default stream.
Napi::Value streamPointer(Call& call) {
  const auto pointer = reinterpret_cast<uintptr_t>(streamOf(call, 0).native_handle());
  return Napi::BigInt::New(call.env, static_cast<uint64_t>(pointer));
}

Napi::Value isSameStream(Call& call) {
  return Napi::Boolean::New(call.env, streamOf(call, 0) == streamOf(call, 1));
}

Napi::Value queryStream(Call& call) {
  return Napi::Boolean::New(call.env, streamOf(call, 0).query());
}

Napi::Value synchronizeStream(Call& call) {
  streamOf(call, 0).synchronize();
  return call.undefined();
}

// newEvent(enableTiming)
Napi::Value newEvent(Call& call) {
  cudaGuard();
  const auto flag = call.boolean(0) ? c10::EventFlag::BACKEND_DEFAULT : c10::EventFlag::PYTORCH_DEFAULT;
  c10::IValue value = c10::IValue::make_capsule(c10::make_intrusive<EventBox>(flag));
  return {call.env, call.data.wrapValue(call.env, std::move(value))};
}

Napi::Value recordEvent(Call& call) {
  eventOf(call, 0).record(streamOf(call, 1));
  return call.undefined();
}

Napi::Value blockStream(Call& call) {
  eventOf(call, 0).block(streamOf(call, 1));
  return call.undefined();
}

Napi::Value queryEvent(Call& call) {
  return Napi::Boolean::New(call.env, eventOf(call, 0).query());
}

Napi::Value synchronizeEvent(Call& call) {
  eventOf(call, 0).synchronize();
  return call.undefined();
}

Napi::Value elapsedTime(Call& call) {
  return call.number(eventOf(call, 0).elapsedTime(eventOf(call, 1)));
}

}  // namespace

void defineDeviceStream(Napi::Object exports) {
  define<newStream>(exports, "cudaNewStream");
  define<currentStream>(exports, "cudaCurrentStream");
  define<defaultStream>(exports, "cudaDefaultStream");
  define<setStream>(exports, "cudaSetStream");
  define<exchangeStream>(exports, "cudaExchangeStream");
  define<streamDevice>(exports, "streamDevice");
  define<streamPointer>(exports, "streamPointer");
  define<isSameStream>(exports, "isSameStream");
  define<queryStream>(exports, "queryStream");
  define<synchronizeStream>(exports, "synchronizeStream");
  define<newEvent>(exports, "cudaNewEvent");
  define<recordEvent>(exports, "recordEvent");
  define<blockStream>(exports, "blockStream");
  define<queryEvent>(exports, "queryEvent");
  define<synchronizeEvent>(exports, "synchronizeEvent");
  define<elapsedTime>(exports, "elapsedTime");
}

}  // namespace ibn
