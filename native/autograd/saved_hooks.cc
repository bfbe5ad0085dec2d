#include "saved_hooks.h"

#include <torch/csrc/autograd/graph_task.h>

#include "lists.h"
#include "parts.h"

namespace ibn {

namespace {

// One saved tensor.
class PackedTensor final : public torch::autograd::SavedVariableHooks {
 public:
  explicit PackedTensor(std::shared_ptr<SavedHooks> hooks) : hooks_(std::move(hooks)) {}

  void call_pack_hook(const at::Tensor& tensor) override {
    hooks_->pack->thread().run([&] {
      napi_env env = hooks_->pack->env();
      const HandleScope scope(env);
      // Without its graph, of which an output that is kept would be a part that keeps the whole.
      napi_value handle = EnvData::get(env).wrap(env, tensor.detach(), nullptr);
      packed_ = std::make_shared<JsValue>(env, hooks_->pack->call({handle}));
      if (hooks_->frees) dispose(env, handle);
    });
  }

  at::Tensor call_unpack_hook() override {
    at::Tensor tensor;
    const int pass = torch::autograd::get_current_graph_task_id();
    hooks_->unpack->thread().run([&] {
      napi_env env = hooks_->unpack->env();
      const HandleScope scope(env);
      napi_value number = fromInt(env, pass);
      napi_value handle = hooks_->unpack->call({packed_->get(), number});
      tensor = EnvData::get(env).tensor(env, handle);
      if (hooks_->frees) dispose(env, handle);
    });
    return tensor;
  }

 private:
  static void dispose(napi_env env, napi_value handle) {
    EnvData& data = EnvData::get(env);
    data.dispose(data.unbox(env, handle));
  }

  const std::shared_ptr<SavedHooks> hooks_;
  std::shared_ptr<JsValue> packed_;
};

// pushSavedHooks(pack, unpack, frees): for tensors that are saved from now on.
Napi::Value pushSavedHooks(Call& call) {
  JsThread::here()->saved_hooks.push_back(
      std::make_shared<SavedHooks>(functionOf(call, 0), functionOf(call, 1), call.boolean(2)));
  return call.undefined();
}

Napi::Value popSavedHooks(Call& call) {
  if (!JsThread::here()->saved_hooks.empty()) JsThread::here()->saved_hooks.pop_back();
  return call.undefined();
}

}  // namespace

std::unique_ptr<torch::autograd::SavedVariableHooks> currentSavedHooks() {
  const auto& thread = JsThread::here();
  if (!thread || thread->saved_hooks.empty()) return nullptr;
  return std::make_unique<PackedTensor>(thread->saved_hooks.back());
}

void defineSavedHooks(Napi::Object exports) {
  definePart<pushSavedHooks>(exports, "pushSavedHooks");
  definePart<popSavedHooks>(exports, "popSavedHooks");
}

}  // namespace ibn
