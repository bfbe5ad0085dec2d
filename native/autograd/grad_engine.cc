// The engine of backward: libtorch's own, with JavaScript's hooks for saved tensors and its stacks for
// anomalies.
#include <torch/csrc/autograd/anomaly_mode.h>
#include <torch/csrc/autograd/engine.h>

#include "../binding/memory/memory.h"
#include "lists.h"
#include "node.h"
#include "parts.h"
#include "saved_hooks.h"

namespace ibn {

namespace {

using torch::autograd::AnomalyMetadata;
using torch::autograd::AnomalyMode;

// Where the forward of a node ran: JavaScript's stack at that time.
class ForwardStack final : public AnomalyMetadata {
 public:
  void store_stack() override {
    const auto& thread = JsThread::here();
    if (!thread || thread->stack_reader == nullptr) return;
    napi_env env = thread->stack_env;
    const HandleScope scope(env);
    napi_value reader = nullptr;
    napi_get_reference_value(env, thread->stack_reader, &reader);
    stack_ = toString(env, JsValue(env, reader).call({}), "stack");
    thread_ = thread;
  }

  void print_stack(const std::string& node) override {
    if (thread_) thread_->noteAnomaly(text(node));
  }

  void assign_parent(const NodePtr& parent) override { parent_ = parent; }

 private:
  std::string text(const std::string& node) const {
    std::string text = node + "\n" + stack_;
    // A node that a backward pass recorded: what that pass was the backward of.
    if (parent_) {
      if (const auto* outer = dynamic_cast<const ForwardStack*>(parent_->metadata())) {
        text += "\n\n" + outer->text(parent_->name());
      }
    }
    return text;
  }

  std::string stack_;
  std::shared_ptr<JsThread> thread_;
  NodePtr parent_;
};

class JsEngine final : public torch::autograd::Engine {
 public:
  JsEngine() = default;
  torch::autograd::variable_list execute(const torch::autograd::edge_list& roots,
                                         const torch::autograd::variable_list& inputs, bool keep_graph,
                                         bool create_graph, bool accumulate_grad,
                                         const torch::autograd::edge_list& outputs) override {
    auto gradients = Engine::execute(roots, inputs, keep_graph, create_graph, accumulate_grad, outputs);
    noteBackward();
    return gradients;
  }
  std::unique_ptr<AnomalyMetadata> make_anomaly_metadata() override {
    return std::make_unique<ForwardStack>();
  }
  std::unique_ptr<torch::autograd::SavedVariableHooks> get_default_saved_variable_hooks() override {
    return currentSavedHooks();
  }
};

// Never destroyed: its threads wait on it.
torch::autograd::Engine& engine() {
  static auto* const engine = new JsEngine();
  return *engine;
}

// setStackReader(fn): gives the JavaScript stack as text.
Napi::Value setStackReader(Call& call) {
  JsThread& thread = *JsThread::here();
  napi_create_reference(call.env, call.at(0), 1, &thread.stack_reader);
  thread.stack_env = call.env;
  return call.undefined();
}

// setAnomaly(enabled, checkNan): of the whole process.
Napi::Value setAnomaly(Call& call) {
  AnomalyMode::set_enabled(call.boolean(0), call.boolean(1));
  return call.undefined();
}

Napi::Value isAnomalyEnabled(Call& call) {
  return Napi::Boolean::New(call.env, AnomalyMode::is_enabled());
}

Napi::Value isAnomalyCheckNan(Call& call) {
  return Napi::Boolean::New(call.env, AnomalyMode::should_check_nan());
}

// takeAnomaly(): the name of the node that failed last, and the stack of its forward, in lines; empty
// without.
Napi::Value takeAnomaly(Call& call) {
  return {call.env, fromString(call.env, JsThread::here()->takeAnomaly())};
}

}  // namespace

void defineEngineHooks(Napi::Object exports) {
  torch::autograd::set_default_engine_stub(engine);
  definePart<setStackReader>(exports, "setStackReader");
  definePart<setAnomaly>(exports, "setAnomaly");
  definePart<isAnomalyEnabled>(exports, "isAnomalyEnabled");
  definePart<isAnomalyCheckNan>(exports, "isAnomalyCheckNan");
  definePart<takeAnomaly>(exports, "takeAnomaly");
}

}  // namespace ibn
