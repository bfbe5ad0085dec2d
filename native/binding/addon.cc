// What the shim calls for each JavaScript environment.
#include <napi.h>

#include "call.h"
#include "env/env.h"
#include "env/errors.h"
#include "memory/memory.h"

namespace {

void registerAll(Napi::Object exports) {
  ibn::defineTensor(exports);
  ibn::defineStorage(exports);
  ibn::defineAutograd(exports);
  ibn::defineRuntime(exports);
  ibn::defineBulk(exports);
  ibn::defineExclusive(exports);
  ibn::defineDevice(exports);
  ibn::defineDeviceStream(exports);
  ibn::defineTransfer(exports);
  ibn::defineAutocast(exports);
  ibn::defineBackends(exports);
  ibn::defineSchema(exports);
  ibn::defineTorchScript(exports);
  ibn::defineEngine(exports);
  ibn::defineImages(exports);
  ibn::defineDistributed(exports);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) napi_value ibn_register_binding(napi_env env,
                                                                                  napi_value exports) {
  ibn::installAllocator();
  ibn::skipBacktraces();
  ibn::EnvData::create(env);
  try {
    registerAll(Napi::Object(env, exports));
  } catch (const Napi::Error& error) {
    napi_throw(env, error.Value());
    return nullptr;
  }
  return exports;
}
