// An op of libtorch in a plan. Maps go in as float32 (N, C, H, W) tensors over the arena (copies where the
// plan is bfloat16); the result is copied out of libtorch's memory.
#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <optional>

#include "../convert.h"
#include "../schema.h"
#include "step.h"

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

BoundOp bind(const Field& field) {
  const std::string name = field.get("operator").text();
  const std::string overload = field.get("overload").text();
  auto op = c10::Dispatcher::singleton().findSchema({name, overload});
  if (!op) throw field.get("operator").wrong("an op of this libtorch");
  BoundOp bound(*op);
  if (!bound.single_tensor || !isPure(op->schema())) {
    throw field.get("operator").wrong("an op that returns one tensor and writes to none");
  }
  return bound;
}

class AtenStep final : public Step {
 public:
  AtenStep(const Field& field, const Layout& layout) : bound_(bind(field)) {
    const std::vector<Field> given = field.get("args").items();
    if (given.size() > bound_.arguments.size()) {
      throw field.get("args").wrong("at most " + std::to_string(bound_.arguments.size()) + " arguments",
                                    std::to_string(given.size()));
    }
    for (size_t i = 0; i < bound_.arguments.size(); i++) {
      arguments_.push_back(
          readArgument(bound_.arguments[i], i < given.size() ? &given[i] : nullptr, field, layout));
    }
    const bool reads = std::any_of(arguments_.begin(), arguments_.end(), [](const Argument& argument) {
      return argument.kind != Argument::kLiteral;
    });
    if (!reads) throw field.get("args").wrong("a value among the arguments");
    output_ = layout.value(field.get("output"));
  }

  bool usesLibtorch() const override { return true; }
  const char* algorithm() const override { return bound_.name.c_str(); }

  void run(const Frame& frame, kernels::Team& /*team*/) const override {
    const c10::InferenceMode guard(true);
    std::vector<c10::IValue> stack;
    stack.reserve(arguments_.size());
    for (const Argument& argument : arguments_) stack.push_back(toIValue(argument, frame));
    bound_.handle.callBoxed(&stack);
    const at::Tensor result = stack.at(0).toTensor();
    const at::Tensor output = tensorOf(frame, output_);
    if (result.sizes() != output.sizes()) {
      throw InvalidArgument("ERR_PLAN", "Expected a result of shape " + shapeText(output.sizes()) + " for " +
                                            bound_.name + " at \"" + name + "\", got " +
                                            shapeText(result.sizes()));
    }
    output.copy_(result);
  }

 private:
  struct Argument {
    enum Kind : uint8_t { kLiteral, kValue, kInput } kind = kLiteral;
    size_t index = kNone;
    c10::IValue literal;
  };

  static Argument readArgument(const ArgSpec& spec, const Field* field, const Field& step,
                               const Layout& layout) {
    Argument argument;
    if (field != nullptr && (field->has("value") || field->has("input"))) {
      if (spec.type.kind != Kind::kTensor) throw field->wrong("no tensor for \"" + spec.name + "\"", "one");
      argument.kind = field->has("value") ? Argument::kValue : Argument::kInput;
      argument.index = field->has("value") ? layout.value(field->get("value")) : layout.input(*field);
      return argument;
    }
    const std::optional<Field> literal =
        field == nullptr ? std::nullopt : std::optional<Field>(field->get("literal"));
    if (literal && !isUndefined(*literal)) {
      const Call& call = literal->call();
      argument.literal = ibn::toIValue(call.env, call.data, spec.type, spec.name, literal->value());
    } else if (spec.has_default) {
      argument.literal = spec.default_value;
    } else if (!spec.type.optional) {
      throw step.get("args").wrong("an argument \"" + spec.name + "\"", "nothing");
    }
    return argument;
  }

  static bool isUndefined(const Field& field) {
    napi_valuetype type = napi_undefined;
    napi_typeof(field.call().env, field.value(), &type);
    return type == napi_undefined;
  }

  static at::Tensor tensorOf(const Frame& frame, size_t value) {
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

  static c10::IValue toIValue(const Argument& argument, const Frame& frame) {
    if (argument.kind == Argument::kLiteral) return argument.literal;
    if (argument.kind == Argument::kValue) return tensorOf(frame, argument.index).to(at::kFloat);
    const Shape& shape = frame.layout.inputs[argument.index];
    // Ops that write were refused.
    auto* data =
        const_cast<float*>(frame.inputs[argument.index]);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    return at::from_blob(data, {frame.batch, shape.channels, shape.height, shape.width}, at::kFloat);
  }

  BoundOp bound_;
  std::vector<Argument> arguments_;
  size_t output_ = kNone;
};

}  // namespace

StepPtr readAten(const Field& field, const Layout& layout) {
  return std::make_unique<AtenStep>(field, layout);
}

}  // namespace ibn::engine
