// What the shim calls for each JavaScript environment.
#include <napi.h>

#include "cold.h"
#include "env.h"
#include "memory.h"
#include "schema.h"

namespace {

void registerAll(Napi::Object exports) {
  ibn::defineTensor(exports);
  ibn::defineStorage(exports);
  ibn::defineAutograd(exports);
  ibn::defineRuntime(exports);
  exports["listOps"] = Napi::Function::New<ibn::ListOps>(exports.Env(), "listOps");
  exports["getSchema"] = Napi::Function::New<ibn::GetSchema>(exports.Env(), "getSchema");
  exports["getOp"] = Napi::Function::New<ibn::GetOp>(exports.Env(), "getOp");
}

}  // namespace

extern "C" __attribute__((visibility("default"))) napi_value ibn_register_binding(napi_env env,
                                                                                  napi_value exports) {
  ibn::installCountingAllocator();
  ibn::EnvData::create(env);
  try {
    registerAll(Napi::Object(env, exports));
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException();
    return nullptr;
  }
  return exports;
}
