// Settings of libtorch's backends, kept in its global context: torch.backends.
#include <ATen/Context.h>

#include "call.h"

namespace ibn {

namespace {

struct Flag {
  const char* name;
  bool (*get)(at::Context& context);
  void (*set)(at::Context& context, bool value);
};

constexpr Flag kBackendFlags[] = {
    {"cudnn.enabled", [](at::Context& c) { return c.userEnabledCuDNN(); },
     [](at::Context& c, bool value) { c.setUserEnabledCuDNN(value); }},
    {"cudnn.benchmark", [](at::Context& c) { return c.benchmarkCuDNN(); },
     [](at::Context& c, bool value) { c.setBenchmarkCuDNN(value); }},
    {"cudnn.deterministic", [](at::Context& c) { return c.deterministicCuDNN(); },
     [](at::Context& c, bool value) { c.setDeterministicCuDNN(value); }},
    {"cudnn.allowTF32", [](at::Context& c) { return c.allowTF32CuDNN(); },
     [](at::Context& c, bool value) { c.setAllowTF32CuDNN(value); }},
    {"cuda.matmul.allowTF32", [](at::Context& c) { return c.allowTF32CuBLAS(); },
     [](at::Context& c, bool value) { c.setAllowTF32CuBLAS(value); }},
    {"deterministicAlgorithms", [](at::Context& c) { return c.deterministicAlgorithms(); },
     [](at::Context& c, bool value) { c.setDeterministicAlgorithms(value, false); }},
};

const Flag& flagOf(const Call& call) {
  const std::string name = call.string(0, "name");
  for (const Flag& flag : kBackendFlags) {
    if (name == flag.name) return flag;
  }
  throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected a setting of a backend, got \"" + name + "\"");
}

Napi::Value backendFlag(Call& call) {
  return Napi::Boolean::New(call.env, flagOf(call).get(at::globalContext()));
}

Napi::Value setBackendFlag(Call& call) {
  flagOf(call).set(at::globalContext(), call.boolean(1));
  return call.undefined();
}

Napi::Value benchmarkLimit(Call& call) {
  return call.number(at::globalContext().benchmarkLimitCuDNN());
}

Napi::Value setBenchmarkLimit(Call& call) {
  at::globalContext().setBenchmarkLimitCuDNN(static_cast<int>(call.integer(0, "benchmarkLimit")));
  return call.undefined();
}

// cudnnVersion(): 91002 for 9.10.2; null where there is no cuDNN.
Napi::Value cudnnVersion(Call& call) {
  if (!at::Context::hasCuDNN()) return call.env.Null();
  return call.number(static_cast<double>(at::Context::versionCuDNN()));
}

Napi::Value float32MatmulPrecision(Call& call) {
  switch (at::globalContext().float32MatmulPrecision()) {
    case at::Float32MatmulPrecision::HIGHEST:
      return Napi::String::New(call.env, "highest");
    case at::Float32MatmulPrecision::HIGH:
      return Napi::String::New(call.env, "high");
    default:
      return Napi::String::New(call.env, "medium");
  }
}

Napi::Value setFloat32MatmulPrecision(Call& call) {
  const std::string precision = call.string(0, "precision");
  // libtorch 2.13 writes past the end of a string to lower the case of a word that it does not know.
  if (precision != "highest" && precision != "high" && precision != "medium") {
    throw InvalidArgument("ERR_OUT_OF_RANGE",
                          "Expected \"highest\", \"high\" or \"medium\" for \"precision\"");
  }
  at::globalContext().setFloat32MatmulPrecision(precision);
  return call.undefined();
}

}  // namespace

void defineBackends(Napi::Object exports) {
  define<backendFlag>(exports, "backendFlag");
  define<setBackendFlag>(exports, "setBackendFlag");
  define<benchmarkLimit>(exports, "cudnnBenchmarkLimit");
  define<setBenchmarkLimit>(exports, "setCudnnBenchmarkLimit");
  define<cudnnVersion>(exports, "cudnnVersion");
  define<float32MatmulPrecision>(exports, "float32MatmulPrecision");
  define<setFloat32MatmulPrecision>(exports, "setFloat32MatmulPrecision");
}

}  // namespace ibn
