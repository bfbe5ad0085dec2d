// The parts of what the binding has of autograd.
#pragma once
#include "../binding/call.h"
#include "../binding/env/js_thread.h"

namespace ibn {

void defineGradHooks(Napi::Object exports);
void defineSavedHooks(Napi::Object exports);
void defineFunction(Napi::Object exports);
void defineEngineHooks(Napi::Object exports);
void defineForwardMode(Napi::Object exports);

template <ColdFn Fn>
Napi::Value thenDeleteForgotten(Call& call) {
  const Napi::Value result = Fn(call);
  JsThread::here()->deleteForgotten();
  return result;
}

// As `define`, for functions that also delete what libtorch let go meanwhile.
template <ColdFn Fn>
void definePart(Napi::Object exports, const char* name) {
  define<thenDeleteForgotten<Fn>>(exports, name);
}

}  // namespace ibn
