// Hooks on gradients: JavaScript functions that backward calls.
#include <torch/csrc/autograd/variable.h>

#include "lists.h"
#include "parts.h"

namespace ibn {

namespace {

// One registered hook. Its function is let go when it is removed, wherever libtorch keeps the hook.
class HookBox final : public torch::CustomClassHolder {
 public:
  explicit HookBox(std::shared_ptr<JsValue> function) : function_(std::move(function)) {}

  void remove() {
    const std::lock_guard lock(mutex_);
    function_.reset();
  }

  // hook(tensor), from any thread: a tensor instead of it, or an undefined one.
  at::Tensor call(const at::Tensor& tensor) const {
    at::Tensor result;
    if (const auto function = present()) {
      function->thread().run([&] { result = callHere(*function, tensor); });
    }
    return result;
  }

 private:
  static at::Tensor callHere(const JsValue& function, const at::Tensor& tensor) {
    napi_env env = function.env();
    const HandleScope scope(env);
    EnvData& data = EnvData::get(env);
    napi_value result = function.call({data.wrap(env, tensor, nullptr)});
    napi_valuetype type = napi_undefined;
    napi_typeof(env, result, &type);
    return type == napi_undefined ? at::Tensor() : data.tensor(env, result);
  }

  std::shared_ptr<JsValue> present() const {
    const std::lock_guard lock(mutex_);
    return function_;
  }

  mutable std::mutex mutex_;
  std::shared_ptr<JsValue> function_;
};

using Hook = c10::intrusive_ptr<HookBox>;

Hook makeHook(const Call& call) {
  return c10::make_intrusive<HookBox>(functionOf(call, 1));
}

class PostAccumulateHooks final : public torch::autograd::PostAccumulateGradHook {
 public:
  void operator()(const at::Tensor& tensor) override {
    for (const Hook& hook : std::vector<Hook>(hooks_)) hook->call(tensor);
  }
  void add(Hook hook) { hooks_.push_back(std::move(hook)); }

 private:
  std::vector<Hook> hooks_;
};

// registerHook(tensor, hook): a handle for removeHook.
Napi::Value registerHook(Call& call) {
  const at::Tensor& tensor = call.tensor(0);
  if (!tensor.requires_grad()) {
    throw InvalidArgument("ERR_TORCH", "cannot register a hook on a tensor that doesn't require gradient");
  }
  Hook hook = makeHook(call);
  tensor.register_hook([hook](const at::Tensor& gradient) -> at::Tensor { return hook->call(gradient); });
  return {call.env, wrapObject(call, std::move(hook))};
}

// registerPostAccumulateGradHook(tensor, hook): a handle for removeHook.
Napi::Value registerPostAccumulateGradHook(Call& call) {
  const at::Tensor& tensor = call.tensor(0);
  if (!tensor.requires_grad()) {
    throw InvalidArgument("ERR_TORCH", "cannot register a hook on a tensor that doesn't require gradient");
  }
  if (!tensor.is_leaf()) {
    throw InvalidArgument("ERR_TORCH", "post accumulate grad hooks cannot be registered on non-leaf tensors");
  }
  Hook hook = makeHook(call);
  auto& present = torch::autograd::impl::post_acc_grad_hooks(tensor);
  if (!present)
    torch::autograd::impl::set_post_acc_grad_hooks(tensor, std::make_unique<PostAccumulateHooks>());
  static_cast<PostAccumulateHooks&>(*torch::autograd::impl::post_acc_grad_hooks(tensor)).add(hook);
  return {call.env, wrapObject(call, std::move(hook))};
}

Napi::Value removeHook(Call& call) {
  objectOf<HookBox>(call, 0)->remove();
  return call.undefined();
}

Napi::Value retainGrad(Call& call) {
  call.tensor(0).retain_grad();
  return call.undefined();
}

Napi::Value retainsGrad(Call& call) {
  return Napi::Boolean::New(call.env, call.tensor(0).retains_grad());
}

}  // namespace

void defineGradHooks(Napi::Object exports) {
  definePart<registerHook>(exports, "registerHook");
  definePart<registerPostAccumulateGradHook>(exports, "registerPostAccumulateGradHook");
  definePart<removeHook>(exports, "removeHook");
  definePart<retainGrad>(exports, "retainGrad");
  definePart<retainsGrad>(exports, "retainsGrad");
}

}  // namespace ibn
