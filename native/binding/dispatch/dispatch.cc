#include "dispatch.h"

#include <ATen/core/grad_mode.h>
#include <c10/core/DispatchKeySet.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include "../env/env.h"
#include "../env/errors.h"
#include "convert.h"
#include "failed_resize.h"
#include "numbers.h"
#include "schema.h"
#include "tangents.h"

namespace ibn {

namespace {

constexpr size_t kFewArguments = 64;  // kept on the stack

// The operands of one call, in memory that the environment keeps for the next. A call made meanwhile, by a
// getter of an argument, finds none there and makes its own.
class Operands {
 public:
  explicit Operands(EnvData& data) : stack(std::move(data.spare_stack)), data_(data) {}
  ~Operands() {
    stack.clear();
    stack.swap(data_.spare_stack);
  }
  Operands(const Operands&) = delete;
  Operands& operator=(const Operands&) = delete;

  std::vector<c10::IValue> stack;

 private:
  EnvData& data_;
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
                  bool recording, std::vector<c10::IValue>& stack) {
  if (spec.type.kind == Kind::kTensor) {
    Box* box = data.unbox(env, value);
    if (box != nullptr && box->kind == BoxKind::kTensor) {
      stack.emplace_back(box->tensor);
      return needsAutograd(box->tensor, recording);
    }
  }
  if ((spec.has_default || spec.type.optional) && isUndefined(env, value)) {
    pushDefault(op, spec, stack);
    return false;
  }
  stack.push_back(toIValue(env, data, spec.type, spec.name, value));
  if (spec.type.kind != Kind::kList) return false;
  const TypeSpec& item = spec.type.element[0];
  return item.kind == Kind::kTensor || item.kind == Kind::kList;  // not looked into: taken as requiring grad
}

napi_value popResults(napi_env env, EnvData& data, const BoundOp& op, std::vector<c10::IValue>& stack) {
  if (op.single_tensor) return data.wrap(env, std::move(stack[0]).toTensor(), &op);
  if (op.returns.size() == 1) return fromIValue(env, data, op.returns[0], std::move(stack[0]), &op);
  napi_value array = nullptr;
  napi_create_array_with_length(env, op.returns.size(), &array);
  for (uint32_t i = 0; i < op.returns.size(); i++) {
    napi_set_element(env, array, i, fromIValue(env, data, op.returns[i], std::move(stack[i]), &op));
  }
  return array;
}

// What JavaScript calls an op with.
class Arguments {
 public:
  Arguments(napi_env env, napi_callback_info info) {
    napi_get_cb_info(env, info, &count_, few_, nullptr, &op_);
    if (count_ <= kFewArguments) return;
    many_.resize(count_);
    napi_get_cb_info(env, info, &count_, many_.data(), nullptr, nullptr);
    values_ = many_.data();
  }
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;

  size_t count() const { return count_; }
  napi_value operator[](size_t index) const { return values_[index]; }
  const BoundOp& op() const { return *static_cast<const BoundOp*>(op_); }

 private:
  napi_value few_[kFewArguments];
  std::vector<napi_value> many_;
  napi_value* values_ = few_;
  size_t count_ = kFewArguments;
  void* op_ = nullptr;
};

napi_value callBoxed(napi_env env, EnvData& data, const BoundOp& op, const Arguments& given) {
  Operands operands(data);
  auto& stack = operands.stack;
  const bool recording = c10::GradMode::is_enabled();
  bool needs_autograd = has_tangents;
  for (size_t i = 0; i < op.arguments.size(); i++) {
    if (i < given.count()) {
      needs_autograd |= pushArgument(env, data, op, op.arguments[i], given[i], recording, stack);
    } else {
      pushDefault(op, op.arguments[i], stack);
    }
  }
  if (op.has_numbers) settleNegativeZeros(op, stack);
  if (op.pure && !needs_autograd) {
    const c10::impl::ExcludeDispatchKeyGuard below_autograd(c10::autograd_dispatch_keyset);
    op.handle.callBoxed(&stack);
  } else if (op.resized.empty()) {
    op.handle.callBoxed(&stack);
  } else {
    ResizeGuard guard(op, stack);
    fitOut(op, stack);
    op.handle.callBoxed(&stack);
    guard.succeeded();
  }
  if (op.returns_alias || op.returns.empty()) return nullptr;
  return popResults(env, data, op, stack);
}

napi_value report(napi_env env, const BoundOp& op) {
  try {
    throwCurrentException(env, &op);
  } catch (...) {  // NOLINT(bugprone-empty-catch): a worker that is being terminated can report nothing
  }
  return nullptr;
}

}  // namespace

napi_value CallOp(napi_env env, napi_callback_info info) {
  const Arguments given(env, info);
  const BoundOp& op = given.op();
  EnvData& data = EnvData::get(env);
  try {
    napi_value result = callBoxed(env, data, op, given);
    // May run JavaScript, which finds nothing of this call.
    data.flush(env);
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
    if (!op.on_sizes.has_value() || given.count() == 0) {
      throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected a tensor and sizes");
    }
    const at::Tensor& self = data.tensor(env, given[0]);
    c10::SmallVector<c10::SymInt, 6> sizes;
    for (size_t i = 1; i < given.count(); i++) sizes.emplace_back(toInt(env, given[i], op.arguments[1].name));
    at::Tensor result;
    if (!op.own || has_tangents || needsAutograd(self, c10::GradMode::is_enabled())) {
      result = op.on_sizes->call(self, sizes);
    } else {
      const c10::impl::ExcludeDispatchKeyGuard below_autograd(c10::autograd_dispatch_keyset);
      result = op.on_sizes->call(self, sizes);
    }
    napi_value wrapped = data.wrap(env, std::move(result), &op);
    data.flush(env);
    return wrapped;
  } catch (...) {
    return report(env, op);
  }
}

}  // namespace ibn
