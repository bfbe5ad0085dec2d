#include "dispatch.h"

#include <ATen/core/grad_mode.h>
#include <c10/core/DispatchKeySet.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include "convert.h"
#include "env.h"
#include "errors.h"
#include "schema.h"

namespace ibn {

namespace {

constexpr size_t kMaxArguments = 64;

// The environment's stack, emptied when the call ends, also by an exception.
class StackScope {
 public:
  explicit StackScope(std::vector<c10::IValue>& stack) : stack_(stack) {}
  ~StackScope() { stack_.clear(); }
  StackScope(const StackScope&) = delete;
  StackScope& operator=(const StackScope&) = delete;

 private:
  std::vector<c10::IValue>& stack_;
};

bool isUndefined(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  return type == napi_undefined;
}

void pushDefault(const BoundOp& op, const ArgSpec& spec, std::vector<c10::IValue>& stack) {
  if (spec.has_default) {
    stack.push_back(spec.default_value);
  } else if (spec.type.optional) {
    stack.emplace_back();
  } else {
    throw InvalidArgument("ERR_INVALID_ARG_TYPE", op.name + ": missing argument \"" + spec.name + "\"");
  }
}

// Keys whose fallbacks act before a composite op would be taken apart: with Autograd excluded they come too
// soon.
constexpr c10::DispatchKeySet kLazyBits({c10::DispatchKey::Conjugate, c10::DispatchKey::Negative,
                                         c10::DispatchKey::ZeroTensor});

bool needsAutograd(const at::Tensor& tensor, bool recording) {
  return (recording && tensor.requires_grad()) || tensor.key_set().has_any(kLazyBits);
}

// Returns whether the call must go through the Autograd keys for this argument's sake.
bool pushArgument(napi_env env, EnvData& data, const BoundOp& op, const ArgSpec& spec, napi_value value,
                  bool recording) {
  if (spec.type.kind == Kind::kTensor) {
    Box* box = data.unbox(env, value);
    if (box != nullptr && box->kind == BoxKind::kTensor) {
      data.stack.emplace_back(box->tensor);
      return needsAutograd(box->tensor, recording);
    }
  }
  if ((spec.has_default || spec.type.optional) && isUndefined(env, value)) {
    pushDefault(op, spec, data.stack);
    return false;
  }
  data.stack.push_back(toIValue(env, data, spec.type, spec.name, value));
  if (spec.type.kind != Kind::kList) return false;
  const TypeSpec& item = spec.type.element[0];
  return item.kind == Kind::kTensor || item.kind == Kind::kList;  // not looked into: taken as requiring grad
}

napi_value popResults(napi_env env, EnvData& data, const BoundOp& op) {
  auto& stack = data.stack;
  if (op.single_tensor) return data.wrap(env, std::move(stack[0]).toTensor(), &op);
  if (op.returns.size() == 1) return fromIValue(env, data, op.returns[0], std::move(stack[0]), &op);
  napi_value array = nullptr;
  napi_create_array_with_length(env, op.returns.size(), &array);
  for (uint32_t i = 0; i < op.returns.size(); i++) {
    napi_set_element(env, array, i, fromIValue(env, data, op.returns[i], std::move(stack[i]), &op));
  }
  return array;
}

napi_value report(napi_env env, const BoundOp& op) {
  try {
    throwCurrentException(env, &op);
  } catch (...) {  // NOLINT(bugprone-empty-catch): a worker that is being terminated can report nothing
  }
  return nullptr;
}

// What JavaScript calls an op with.
class Arguments {
 public:
  Arguments(napi_env env, napi_callback_info info) {
    napi_get_cb_info(env, info, &count_, values_, nullptr, &op_);
  }
  size_t count() const { return count_; }  // may be more than kMaxArguments
  napi_value operator[](size_t index) const { return values_[index]; }
  const BoundOp& op() const { return *static_cast<const BoundOp*>(op_); }

 private:
  napi_value values_[kMaxArguments];
  size_t count_ = kMaxArguments;
  void* op_ = nullptr;
};

}  // namespace

napi_value CallOp(napi_env env, napi_callback_info info) {
  const Arguments given(env, info);
  const BoundOp& op = given.op();
  EnvData& data = EnvData::get(env);
  try {
    const StackScope scope(data.stack);
    const bool recording = c10::GradMode::is_enabled();
    bool needs_autograd = false;
    for (size_t i = 0; i < op.arguments.size(); i++) {
      if (i < given.count()) {
        needs_autograd |= pushArgument(env, data, op, op.arguments[i], given[i], recording);
      } else {
        pushDefault(op, op.arguments[i], data.stack);
      }
    }
    if (op.pure && !needs_autograd) {
      const c10::impl::ExcludeDispatchKeyGuard below_autograd(c10::autograd_dispatch_keyset);
      op.handle.callBoxed(&data.stack);
    } else {
      op.handle.callBoxed(&data.stack);
    }
    if (op.returns_alias || op.returns.empty()) return nullptr;
    napi_value result = popResults(env, data, op);
    data.settle(env);
    return result;
  } catch (...) {
    return report(env, op);
  }
}

napi_value CallOnSizes(napi_env env, napi_callback_info info) {
  const Arguments given(env, info);
  const BoundOp& op = given.op();
  EnvData& data = EnvData::get(env);
  try {
    if (!op.on_sizes.has_value() || given.count() == 0 || given.count() > kMaxArguments) {
      throw InvalidArgument("ERR_OUT_OF_RANGE",
                            "Expected a tensor and at most " + std::to_string(kMaxArguments - 1) + " sizes");
    }
    const at::Tensor& self = data.tensor(env, given[0]);
    c10::SmallVector<c10::SymInt, 6> sizes;
    for (size_t i = 1; i < given.count(); i++) sizes.emplace_back(toInt(env, given[i], op.arguments[1].name));
    at::Tensor result;
    if (needsAutograd(self, c10::GradMode::is_enabled())) {
      result = op.on_sizes->call(self, sizes);
    } else {
      const c10::impl::ExcludeDispatchKeyGuard below_autograd(c10::autograd_dispatch_keyset);
      result = op.on_sizes->call(self, sizes);
    }
    napi_value wrapped = data.wrap(env, std::move(result), &op);
    data.settle(env);
    return wrapped;
  } catch (...) {
    return report(env, op);
  }
}

}  // namespace ibn
