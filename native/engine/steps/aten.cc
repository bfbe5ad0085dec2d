// An op of libtorch in a plan. Maps go in as float32 (N, C, H, W) tensors over the arena (copies where the
// plan is bfloat16); the result is copied out of libtorch's memory. A step may hold several calls, whose
// other values (of any dtype and rank) live while it runs.
#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <optional>

#include "../../binding/dispatch/convert.h"
#include "../../binding/dispatch/schema.h"
#include "../plan/step.h"

namespace ibn::engine {

namespace {

at::ScalarType scalarType(kernels::Type type) {
  return type == kernels::Type::kFloat32 ? at::kFloat : at::kBFloat16;
}

// A file must not be able to call what writes into its arguments or reaches beyond them.
bool isPure(const c10::FunctionSchema& schema) {
  const auto writes = [](const c10::Argument& argument) {
    return argument.alias_info() != nullptr && argument.alias_info()->isWrite();
  };
  return std::none_of(schema.arguments().begin(), schema.arguments().end(), writes);
}

bool givesTensors(const BoundOp& op) {
  const auto& returns = op.returns;
  const auto isTensor = [](const TypeSpec& type) { return type.kind == Kind::kTensor; };
  if (returns.size() == 1 && returns[0].kind == Kind::kList) return isTensor(returns[0].element[0]);
  return !returns.empty() && std::all_of(returns.begin(), returns.end(), isTensor);
}

BoundOp bind(const Field& field) {
  const std::string name = field.get("operator").text();
  const std::string overload = field.get("overload").text();
  auto op = c10::Dispatcher::singleton().findSchema({name, overload});
  if (!op) throw field.get("operator").wrong("an op of this libtorch");
  BoundOp bound(*op);
  if (!givesTensors(bound) || !isPure(op->schema())) {
    throw field.get("operator").wrong("an op that returns tensors and writes to none");
  }
  return bound;
}

// What one call gave, in order; the members of a list where it gave one.
using Results = std::vector<at::Tensor>;

at::Tensor mapOf(const Frame& frame, size_t value) {
  if (!frame.layout.isMap(value)) {
    const int64_t channels = frame.layout.values[value].channels;
    return at::from_blob(frame.vector(value), {frame.batch, channels}, {frame.vectorStride(value), 1},
                         at::kFloat);
  }
  const kernels::Map map = frame.map(value);
  return at::from_blob(map.data, {map.batch, map.channels, map.height, map.width},
                       {map.imageStride(), 1, map.width * map.pixel_stride, map.pixel_stride},
                       scalarType(frame.layout.type));
}

at::Tensor inputOf(const Frame& frame, size_t index) {
  const Shape& shape = frame.layout.inputs[index];
  // Ops that write were refused.
  auto* data = const_cast<float*>(frame.inputs[index]);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  return at::from_blob(data, {frame.batch, shape.channels, shape.height, shape.width}, at::kFloat);
}

bool isUndefined(const Field& field) {
  napi_valuetype type = napi_undefined;
  napi_typeof(field.call().env, field.value(), &type);
  return type == napi_undefined;
}

// One argument of a call: a literal, a value or input of the plan, a result of an earlier call, or a list of
// those.
class Argument {
 public:
  // `calls`: how many calls come before.
  Argument(const ArgSpec& spec, const Field* field, const Field& call, const Layout& layout, int64_t calls) {
    if (field != nullptr && field->has("list")) {
      readList(spec, *field, call, layout, calls);
    } else if (field == nullptr || !readTensor(spec.type, spec.name, *field, layout, calls)) {
      readLiteral(spec, field, call);
    }
  }

  bool readsPlan() const {
    return kind_ == kValue || kind_ == kInput ||
           std::any_of(list_.begin(), list_.end(), [](const Argument& item) { return item.readsPlan(); });
  }

  c10::IValue at(const Frame& frame, const std::vector<Results>& done) const {
    if (kind_ == kLiteral) return literal_;
    if (kind_ != kList) return tensor(frame, done);
    c10::List<at::Tensor> tensors;
    for (const Argument& item : list_) tensors.push_back(item.tensor(frame, done));
    return tensors;
  }

 private:
  enum Kind : uint8_t { kLiteral, kValue, kInput, kResult, kList };

  Argument(const TypeSpec& type, const std::string& name, const Field& field, const Layout& layout,
           int64_t calls) {
    if (!readTensor(type, name, field, layout, calls)) throw field.wrong("a value in a list");
  }

  bool readTensor(const TypeSpec& type, const std::string& name, const Field& field, const Layout& layout,
                  int64_t calls) {
    if (field.has("value")) {
      kind_ = kValue;
      index_ = layout.value(field.get("value"));
    } else if (field.has("input")) {
      kind_ = kInput;
      index_ = layout.input(field);
    } else if (field.has("call")) {
      kind_ = kResult;
      index_ = static_cast<size_t>(field.get("call").integer(0, calls - 1));
      result_ = static_cast<size_t>(field.get("result").integer(0, kMostResults));
    } else {
      return false;
    }
    if (type.kind != ibn::Kind::kTensor) throw field.wrong("no tensor for \"" + name + "\"", "one");
    return true;
  }

  void readList(const ArgSpec& spec, const Field& field, const Field& call, const Layout& layout,
                int64_t calls) {
    if (spec.type.kind != ibn::Kind::kList) throw call.wrong("no list for \"" + spec.name + "\"", "one");
    kind_ = kList;
    for (const Field& item : field.get("list").items()) {
      list_.push_back(Argument(spec.type.element[0], spec.name, item, layout, calls));
    }
  }

  void readLiteral(const ArgSpec& spec, const Field* field, const Field& call) {
    const std::optional<Field> literal =
        field == nullptr ? std::nullopt : std::optional<Field>(field->get("literal"));
    if (literal && !isUndefined(*literal)) {
      const Call& js = literal->call();
      literal_ = ibn::toIValue(js.env, js.data, spec.type, spec.name, literal->value());
    } else if (spec.has_default) {
      literal_ = spec.default_value;
    } else if (!spec.type.optional) {
      throw call.get("args").wrong("an argument \"" + spec.name + "\"", "nothing");
    }
  }

  at::Tensor tensor(const Frame& frame, const std::vector<Results>& done) const {
    if (kind_ == kValue) return mapOf(frame, index_).to(at::kFloat);
    if (kind_ == kInput) return inputOf(frame, index_);
    const Results& results = done[index_];
    if (result_ < results.size()) return results[result_];
    throw InvalidArgument("ERR_PLAN", "Expected a result that the call has, got " + std::to_string(result_));
  }

  static constexpr int64_t kMostResults = 1 << 16;

  Kind kind_ = kLiteral;
  size_t index_ = kNone;
  size_t result_ = 0;
  c10::IValue literal_;
  std::vector<Argument> list_;
};

// One op with its arguments.
class AtenCall {
 public:
  AtenCall(const Field& field, const Layout& layout, int64_t before) : bound_(bind(field)) {
    const std::vector<Field> given = field.get("args").items();
    if (given.size() > bound_.arguments.size()) {
      throw field.get("args").wrong("at most " + std::to_string(bound_.arguments.size()) + " arguments",
                                    std::to_string(given.size()));
    }
    for (size_t i = 0; i < bound_.arguments.size(); i++) {
      arguments_.emplace_back(bound_.arguments[i], i < given.size() ? &given[i] : nullptr, field, layout,
                              before);
    }
  }

  bool readsPlan() const {
    return std::any_of(arguments_.begin(), arguments_.end(),
                       [](const Argument& argument) { return argument.readsPlan(); });
  }

  const std::string& name() const { return bound_.name; }

  Results run(const Frame& frame, const std::vector<Results>& done) const {
    std::vector<c10::IValue> stack;
    stack.reserve(arguments_.size());
    for (const Argument& argument : arguments_) stack.push_back(argument.at(frame, done));
    bound_.handle.callBoxed(&stack);
    if (stack.size() == 1 && stack[0].isTensorList()) return stack[0].toTensorVector();
    Results results;
    for (const c10::IValue& value : stack) results.push_back(value.toTensor());
    return results;
  }

 private:
  BoundOp bound_;
  std::vector<Argument> arguments_;
};

// One call, after others that it needs and nothing else does.
class AtenStep final : public Step {
 public:
  AtenStep(const Field& field, const Layout& layout) {
    if (field.has("before")) {
      for (const Field& call : field.get("before").items()) addCall(call, layout);
      result_ = static_cast<size_t>(field.get("result").integer(0, 1 << 16));
    }
    addCall(field, layout);
    const bool reads =
        std::any_of(calls_.begin(), calls_.end(), [](const AtenCall& call) { return call.readsPlan(); });
    if (!reads) throw field.get("args").wrong("a value among the arguments");
    output_ = layout.value(field.get("output"));
  }

  bool usesLibtorch() const override { return true; }
  const char* algorithm() const override { return calls_.back().name().c_str(); }

  void run(const Frame& frame, kernels::Team& /*team*/) const override {
    const c10::InferenceMode guard(true);
    std::vector<Results> done;
    done.reserve(calls_.size());
    for (const AtenCall& call : calls_) done.push_back(call.run(frame, done));
    const at::Tensor output = mapOf(frame, output_);
    const Results& last = done.back();
    if (result_ >= last.size() || last[result_].sizes() != output.sizes()) {
      const std::string got = result_ < last.size() ? shapeText(last[result_].sizes()) : "no such result";
      throw InvalidArgument("ERR_PLAN", "Expected a result of shape " + shapeText(output.sizes()) + " for " +
                                            calls_.back().name() + " at \"" + name + "\", got " + got);
    }
    output.copy_(last[result_]);
  }

 private:
  void addCall(const Field& field, const Layout& layout) {
    calls_.emplace_back(field, layout, static_cast<int64_t>(calls_.size()));
  }

  std::vector<AtenCall> calls_;
  size_t result_ = 0;
  size_t output_ = kNone;
};

}  // namespace

StepPtr readAten(const Field& field, const Layout& layout) {
  return std::make_unique<AtenStep>(field, layout);
}

}  // namespace ibn::engine
