// Weights stay where they are while an engine packs them: they may be memory that JavaScript owns.
#pragma once
#include <node_api.h>

#include <ATen/core/ivalue.h>
#include <c10/core/Storage.h>

#include <memory>
#include <vector>

#include "engine.h"

namespace ibn::engine {

// While any Pins hold a storage, resize_ of its tensors is refused, which would free what the engine reads.
// Made and destroyed on the JavaScript thread that the tensors belong to.
class Pins final : public torch::CustomClassHolder {
 public:
  explicit Pins(std::vector<c10::Storage> storages);
  Pins(const Pins&) = delete;
  Pins& operator=(const Pins&) = delete;
  ~Pins() override;

 private:
  std::vector<c10::Storage> storages_;
};

// JavaScript thread. The environment, whose array buffers the weights may lie in, does not end before the
// engine has packed them, or has stopped.
void endWithEnvironment(napi_env env, const std::shared_ptr<Engine>& engine);

}  // namespace ibn::engine
