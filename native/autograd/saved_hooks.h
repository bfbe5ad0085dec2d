// Hooks for the tensors that ops save for backward, as torch.autograd.graph.saved_tensors_hooks.
#pragma once
#include <torch/csrc/autograd/saved_variable_hooks.h>

#include <memory>

#include "../binding/env/js_value.h"

namespace ibn {

// pack(tensor) gives any value instead of a tensor that is saved; unpack(value, pass) gives the tensor back,
// in the backward pass of that number (-1: in none).
class SavedHooks {
 public:
  SavedHooks(std::shared_ptr<JsValue> pack, std::shared_ptr<JsValue> unpack, bool frees)
      : pack(std::move(pack)), unpack(std::move(unpack)), frees(frees) {}
  const std::shared_ptr<JsValue> pack;
  const std::shared_ptr<JsValue> unpack;
  const bool frees;  // the handles given to pack and given by unpack, when they were read
};

// For a tensor that is saved now, on this thread; null where it has no hooks.
std::unique_ptr<torch::autograd::SavedVariableHooks> currentSavedHooks();

}  // namespace ibn
