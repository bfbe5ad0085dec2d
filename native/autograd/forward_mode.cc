// Forward-mode differentiation, and the batches of vmap that gradcheck looks at gradients with.
#include <ATen/LegacyVmapMode.h>
#include <c10/core/AutogradState.h>
#include <torch/csrc/autograd/forward_grad.h>

#include <optional>

#include "../binding/dispatch/tangents.h"
#include "parts.h"

namespace ibn {

namespace {

using torch::autograd::ForwardADLevel;

// A level of dual tensors. libtorch has one for the whole process, and refuses a second.
class DualLevel final {
 public:
  DualLevel() : index_(ForwardADLevel::get_next_idx()) { has_tangents = true; }
  ~DualLevel() {
    has_tangents = false;
    ForwardADLevel::release_idx(index_);
  }
  DualLevel(const DualLevel&) = delete;
  DualLevel& operator=(const DualLevel&) = delete;

  uint64_t index() const { return index_; }

 private:
  const uint64_t index_;
};

// The level that runs on this thread; a worker that ends in one ends it.
thread_local std::optional<DualLevel> running;

// enterDualLevel(): its number.
Napi::Value enterDualLevel(Call& call) {
  return Napi::Number::New(call.env, static_cast<double>(running.emplace().index()));
}

Napi::Value exitDualLevel(Call& call) {
  running.reset();
  return call.undefined();
}

// setForwardMode(enabled): whether ops propagate tangents; what it was before.
Napi::Value setForwardMode(Call& call) {
  auto& state = c10::AutogradState::get_tls_state();
  const bool before = state.get_fw_grad_mode();
  state.set_fw_grad_mode(call.boolean(0));
  return Napi::Boolean::New(call.env, before);
}

// enterVmap(): the level for aten::_add_batch_dim.
Napi::Value enterVmap(Call& call) {
  return Napi::Number::New(call.env, static_cast<double>(at::impl::VmapMode::increment_nesting()));
}

Napi::Value exitVmap(Call& call) {
  at::impl::VmapMode::decrement_nesting();
  return call.undefined();
}

}  // namespace

void defineForwardMode(Napi::Object exports) {
  definePart<enterDualLevel>(exports, "enterDualLevel");
  definePart<exitDualLevel>(exports, "exitDualLevel");
  definePart<setForwardMode>(exports, "setForwardMode");
  definePart<enterVmap>(exports, "enterVmap");
  definePart<exitVmap>(exports, "exitVmap");
}

}  // namespace ibn
