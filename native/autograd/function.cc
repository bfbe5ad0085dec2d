// Nodes whose backward is a JavaScript function: what autograd.Function makes.
#include <torch/csrc/autograd/custom_function.h>

#include <unordered_set>

#include "lists.h"
#include "node.h"
#include "parts.h"

namespace ibn {

namespace {

using torch::autograd::SavedVariable;
using torch::autograd::variable_list;
using torch::autograd::VariableInfo;

// The tensors that a forward saved. The node has it, and the context in JavaScript; the context is held by
// the node, so that this must not hold the node.
class Saved final : public torch::CustomClassHolder {
 public:
  void fill(const NodePtr& node, const variable_list& tensors) {
    auto list = std::make_shared<std::vector<SavedVariable>>();
    for (const at::Tensor& tensor : tensors) {
      list->emplace_back(tensor, /*is_output=*/tensor.defined() && tensor.grad_fn().get() == node.get());
    }
    const std::lock_guard lock(mutex_);
    node_ = WeakNode(node);
    tensors_ = std::move(list);
  }

  void free() {
    const std::lock_guard lock(mutex_);
    tensors_.reset();
    node_ = WeakNode(NodePtr());
  }

  variable_list unpack() {
    std::unique_lock lock(mutex_);
    const auto tensors = tensors_;
    const NodePtr node = node_.lock();
    lock.unlock();  // hooks may run
    TORCH_CHECK(tensors, torch::autograd::ERR_BACKWARD_TWICE);
    variable_list list;
    list.reserve(tensors->size());
    for (const SavedVariable& tensor : *tensors) list.push_back(tensor.unpack(node));
    return list;
  }

 private:
  std::mutex mutex_;
  std::shared_ptr<const std::vector<SavedVariable>> tensors_;  // null when they were freed
  WeakNode node_ = WeakNode(NodePtr());
};

class FunctionNode final : public Releasing<torch::autograd::Node> {
 public:
  FunctionNode(std::string name, std::shared_ptr<JsValue> backward, c10::intrusive_ptr<Saved> saved,
               bool materialize)
      : name_(std::move(name)),
        backward_(std::move(backward)),
        saved_(std::move(saved)),
        materialize_(materialize) {}

  std::string name() const override { return name_; }
  void release_variables() override { saved_->free(); }
  // The outputs, for the zeros that stand for gradients they do not get.
  void describe(const std::vector<std::optional<at::Tensor>>& outputs) {
    for (const auto& output : outputs) outputs_.push_back(output ? VariableInfo(*output) : VariableInfo());
  }

 protected:
  variable_list apply(variable_list&& gradients) override {
    const auto backward = backward_;
    variable_list results;
    backward->thread().run([&] { results = call(*backward, std::move(gradients)); });
    return results;
  }

  void letGo() override {
    backward_.reset();
    saved_->free();
  }

 private:
  variable_list call(const JsValue& backward, variable_list gradients) const {
    if (materialize_) materialize(gradients);
    napi_env env = backward.env();
    const HandleScope scope(env);
    EnvData& data = EnvData::get(env);
    napi_value given = handlesOf(env, data, gradients);
    gradients.clear();
    return tensorsOf(env, data, backward.call({given}));
  }

  void materialize(variable_list& gradients) const {
    at::OptionalDeviceGuard guard;
    for (size_t i = 0; i < gradients.size(); i++) {
      if (!gradients[i].defined() && !outputs_[i].is_empty) gradients[i] = outputs_[i].zeros(guard);
    }
  }

  const std::string name_;
  std::shared_ptr<JsValue> backward_;
  const c10::intrusive_ptr<Saved> saved_;
  const bool materialize_;
  std::vector<VariableInfo> outputs_;
};

using Marks = std::unordered_set<at::TensorImpl*>;

Marks marksOf(const variable_list& tensors) {
  Marks marks;
  for (const at::Tensor& tensor : tensors) marks.insert(tensor.unsafeGetTensorImpl());
  return marks;
}

std::vector<std::optional<at::Tensor>> optionals(const variable_list& tensors) {
  std::vector<std::optional<at::Tensor>> list;
  for (const at::Tensor& tensor : tensors)
    list.emplace_back(tensor.defined() ? std::optional(tensor) : std::nullopt);
  return list;
}

using Jvp = std::function<variable_list(const variable_list&, const variable_list&)>;

// The tangents of the outputs by those of the inputs, through a JavaScript function on this thread.
Jvp jvpOf(std::shared_ptr<JsValue> fn) {
  return [fn = std::move(fn)](const variable_list&, const variable_list& tangents) {
    napi_env env = fn->env();
    const HandleScope scope(env);
    EnvData& data = EnvData::get(env);
    return tensorsOf(env, data, fn->call({handlesOf(env, data, tangents)}));
  };
}

// The outputs as parts of the graph: `node` made them, or nothing that is differentiated where it is null.
std::vector<std::optional<at::Tensor>> wrapOutputs(const variable_list& inputs,
                                                   const variable_list& constants,
                                                   const variable_list& changed,
                                                   const std::vector<std::optional<at::Tensor>>& outputs,
                                                   const NodePtr& node, const Jvp& jvp) {
  for (const at::Tensor& tensor : changed) torch::autograd::impl::bump_version(tensor);
  return torch::autograd::_wrap_outputs(
      inputs, marksOf(constants), marksOf(changed), outputs, node, jvp, {},
      [](const at::Tensor& tensor) { return tensor.view_as(tensor); }, /*pure_view=*/false);
}

// What stands for an output now; undefined where it stands for itself.
at::Tensor replacementOf(const std::optional<at::Tensor>& output, const std::optional<at::Tensor>& wrapped) {
  if (!wrapped || (output && wrapped->is_same(*output))) return {};
  return *wrapped;
}

// endFunction(name, inputs, outputs, nonDifferentiable, dirty, saved, materialize, backward, jvp): makes the
// outputs of a forward what its backward differentiates. Returns the tensors that stand for outputs, null
// where an output stands for itself, and a handle for savedTensors, null where nothing is differentiated.
Napi::Value endFunction(Call& call) {
  const variable_list inputs = tensorList(call, 1);
  const auto outputs = optionals(tensorList(call, 2));
  const variable_list constants = tensorList(call, 3);
  const variable_list changed = tensorList(call, 4);
  const variable_list to_save = tensorList(call, 5);
  NodePtr node;
  auto saved = c10::make_intrusive<Saved>();
  const bool recorded = c10::GradMode::is_enabled() && torch::autograd::any_variable_requires_grad(inputs);
  if (recorded) {
    node = makeNode<FunctionNode>(call.string(0, "name"), functionOf(call, 7), saved, call.boolean(6));
    node->set_next_edges(torch::autograd::collect_next_edges(inputs));
  }
  const auto wrapped = wrapOutputs(inputs, constants, changed, outputs, node, jvpOf(functionOf(call, 8)));
  if (recorded) {
    static_cast<FunctionNode&>(*node).describe(wrapped);
    saved->fill(node, to_save);
  }
  variable_list replaced;
  for (size_t i = 0; i < outputs.size(); i++) replaced.push_back(replacementOf(outputs[i], wrapped[i]));
  Napi::Array result = Napi::Array::New(call.env, 2);
  result[0U] = Napi::Value(call.env, handlesOf(call.env, call.data, replaced));
  result[1U] = recorded ? Napi::Value(call.env, wrapObject(call, std::move(saved))) : call.env.Null();
  return result;
}

// savedTensors(saved): handles, null for none.
Napi::Value savedTensors(Call& call) {
  return {call.env, handlesOf(call.env, call.data, objectOf<Saved>(call, 0)->unpack())};
}

}  // namespace

void defineFunction(Napi::Object exports) {
  definePart<endFunction>(exports, "endFunction");
  definePart<savedTensors>(exports, "savedTensors");
}

}  // namespace ibn
