#include "schema.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <unordered_set>

#include "../call.h"
#include "dispatch.h"
#include "numbers.h"

namespace ibn {

namespace {

Kind kindOf(const c10::TypePtr& type) {
  switch (type->kind()) {
    case c10::TypeKind::TensorType:
      return Kind::kTensor;
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
      return Kind::kInt;
    case c10::TypeKind::FloatType:
    case c10::TypeKind::SymFloatType:
      return Kind::kFloat;
    case c10::TypeKind::BoolType:
    case c10::TypeKind::SymBoolType:
      return Kind::kBool;
    case c10::TypeKind::NumberType:
      return Kind::kScalar;
    case c10::TypeKind::StringType:
      return Kind::kString;
    case c10::TypeKind::DeviceObjType:
      return Kind::kDevice;
    case c10::TypeKind::ScalarTypeType:
      return Kind::kScalarType;
    case c10::TypeKind::LayoutType:
      return Kind::kLayout;
    case c10::TypeKind::MemoryFormatType:
      return Kind::kMemoryFormat;
    case c10::TypeKind::QSchemeType:
      return Kind::kQScheme;
    case c10::TypeKind::GeneratorType:
      return Kind::kGenerator;
    case c10::TypeKind::StorageType:
      return Kind::kStorage;
    case c10::TypeKind::StreamObjType:
      return Kind::kStream;
    case c10::TypeKind::AnyType:
      return Kind::kAny;
    case c10::TypeKind::ClassType:
      return Kind::kOpaque;
    case c10::TypeKind::ListType:
      return Kind::kList;
    default:
      return Kind::kUnsupported;
  }
}

bool isPure(const c10::FunctionSchema& schema) {
  if (schema.returns().empty()) return false;
  const auto aliased = [](const c10::Argument& argument) { return argument.alias_info() != nullptr; };
  return std::none_of(schema.arguments().begin(), schema.arguments().end(), aliased) &&
         std::none_of(schema.returns().begin(), schema.returns().end(), aliased);
}

bool returnsWrittenArguments(const c10::FunctionSchema& schema) {
  return !schema.returns().empty() &&
         std::all_of(schema.returns().begin(), schema.returns().end(), [](const c10::Argument& result) {
           return result.alias_info() != nullptr && result.alias_info()->isWrite();
         });
}

bool writesArguments(const c10::FunctionSchema& schema) {
  return std::any_of(schema.arguments().begin(), schema.arguments().end(), [](const c10::Argument& argument) {
    return argument.alias_info() != nullptr && argument.alias_info()->isWrite();
  });
}

// In-place ops other than these keep the sizes of what they write.
bool resizesSelf(const std::string& name) {
  static const std::unordered_set<std::string> names = {"aten::resize_",         "aten::resize_as_",
                                                        "aten::_resize_output_", "aten::set_",
                                                        "aten::set_data",        "aten::as_strided_"};
  return names.count(name) != 0;
}

std::vector<size_t> resizedArguments(const c10::FunctionSchema& schema) {
  std::vector<size_t> places;
  for (size_t i = 0; i < schema.arguments().size(); i++) {
    const c10::Argument& argument = schema.arguments()[i];
    const bool written = argument.alias_info() != nullptr && argument.alias_info()->isWrite();
    if (written && (argument.kwarg_only() || resizesSelf(schema.name()))) places.push_back(i);
  }
  return places;
}

bool takesSizes(const c10::FunctionSchema& schema) {
  return schema.arguments().size() == 2 && schema.returns().size() == 1 && !writesArguments(schema) &&
         schema.arguments()[0].real_type()->kind() == c10::TypeKind::TensorType &&
         *schema.arguments()[1].real_type() == *c10::ListType::create(c10::SymIntType::get()) &&
         schema.returns()[0].real_type()->kind() == c10::TypeKind::TensorType;
}

std::string aliasSet(const c10::Argument& argument) {
  if (argument.alias_info() == nullptr) return "";
  std::string name;
  for (const auto& symbol : argument.alias_info()->beforeSets()) name += symbol.toUnqualString();
  return argument.alias_info()->isWrite() ? name + "!" : name;
}

constexpr char kAten[] = "aten::";
constexpr char kOwn[] = "ibn::";

bool startsWith(const std::string& text, const std::string& start) {
  return text.compare(0, start.size(), start) == 0;
}

// Python's binding takes numbers for any tensor of these ops. Here not for one that is written: what is
// written to a number is lost.
bool isNumberPlace(const c10::FunctionSchema& schema, size_t index) {
  const c10::Argument& argument = schema.arguments()[index];
  const bool written = argument.alias_info() != nullptr && argument.alias_info()->isWrite();
  return !written && startsWith(schema.name(), kAten) &&
         argument.real_type()->kind() == c10::TypeKind::TensorType &&
         takesNumbers(schema.name().substr(sizeof(kAten) - 1));
}

Napi::Object describeArgument(Napi::Env env, const c10::Argument& argument) {
  Napi::Object object = Napi::Object::New(env);
  object["name"] = argument.name();
  object["type"] = argument.real_type()->str();
  if (argument.N()) object["size"] = *argument.N();
  if (argument.kwarg_only()) object["kwargOnly"] = true;
  if (argument.default_value()) object["hasDefault"] = true;
  const std::string alias = aliasSet(argument);
  if (!alias.empty()) object["alias"] = alias;
  if (makeTypeSpec(argument.real_type(), argument.N()).kind == Kind::kUnsupported)
    object["unsupported"] = true;
  return object;
}

Napi::Array describeAll(Napi::Env env, const std::vector<c10::Argument>& list) {
  Napi::Array array = Napi::Array::New(env, list.size());
  for (uint32_t i = 0; i < list.size(); i++) array[i] = describeArgument(env, list[i]);
  return array;
}

}  // namespace

TypeSpec makeTypeSpec(const c10::TypePtr& type, std::optional<int32_t> fixed_size) {
  TypeSpec spec;
  spec.type = type;
  if (type->kind() == c10::TypeKind::OptionalType) {
    spec = makeTypeSpec(type->castRaw<c10::OptionalType>()->getElementType(), fixed_size);
    spec.optional = true;
    return spec;
  }
  spec.kind = kindOf(type);
  spec.fixed_size = fixed_size;
  if (spec.kind == Kind::kList) {
    spec.element.push_back(makeTypeSpec(type->castRaw<c10::ListType>()->getElementType()));
    if (spec.element[0].kind == Kind::kUnsupported) spec.kind = Kind::kUnsupported;
  }
  return spec;
}

BoundOp::BoundOp(c10::OperatorHandle op) : handle(std::move(op)) {
  const c10::FunctionSchema& schema = handle.schema();
  name = schema.overload_name().empty() ? schema.name() : schema.name() + "." + schema.overload_name();
  for (const c10::Argument& argument : schema.arguments()) {
    ArgSpec spec;
    spec.name = argument.name();
    spec.type = makeTypeSpec(argument.real_type(), argument.N());
    spec.type.takes_number = isNumberPlace(schema, arguments.size());
    has_numbers |= spec.type.takes_number || spec.type.kind == Kind::kScalar;
    spec.has_default = argument.default_value().has_value();
    if (spec.has_default) spec.default_value = *argument.default_value();
    arguments.push_back(std::move(spec));
  }
  for (const c10::Argument& result : schema.returns()) returns.push_back(makeTypeSpec(result.real_type()));
  single_tensor = returns.size() == 1 && returns[0].kind == Kind::kTensor;
  returns_alias = returnsWrittenArguments(schema);
  own = startsWith(name, kAten) || startsWith(name, kOwn);
  pure = own && isPure(schema);
  resized = resizedArguments(schema);
  trusts_out = name == "aten::rrelu_with_noise.out";
  if (!takesSizes(schema)) return;
  try {
    on_sizes = handle.typed<at::Tensor(const at::Tensor&, c10::SymIntArrayRef)>();
  } catch (const c10::Error&) {  // NOLINT(bugprone-empty-catch)
    // Its kernel has another C++ signature: the boxed call works all the same.
  }
}

namespace {

std::optional<c10::OperatorHandle> find(const Call& call) {
  return c10::Dispatcher::singleton().findSchema({call.string(0, "name"), call.string(1, "overload")});
}

// Told of every op in the order of registration, under the dispatcher's lock.
class NameCollector final : public c10::OpRegistrationListener {
 public:
  explicit NameCollector(std::vector<c10::OperatorName>& names) : names_(names) {}
  void onOperatorRegistered(const c10::OperatorHandle& op) override { names_.push_back(op.operator_name()); }
  void onOperatorDeregistered(const c10::OperatorHandle& /*op*/) override {}

 private:
  std::vector<c10::OperatorName>& names_;
};

// Names of all ops that the dispatcher knew when they were last asked for, by op; an op's overloads in the
// order of their registration, in which Python tries them too.
class OpNames {
 public:
  std::vector<std::string> overloads(const std::string& name) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (names_.empty()) fill();
    std::vector<std::string> found;
    const c10::OperatorName wanted(name, "");
    auto next = std::lower_bound(names_.begin(), names_.end(), wanted, precedes);
    for (; next != names_.end() && next->name == name; ++next) {
      if (c10::Dispatcher::singleton().findSchema(*next)) found.push_back(next->overload_name);
    }
    return found;
  }
  void refresh() {
    const std::lock_guard<std::mutex> lock(mutex_);
    fill();
  }

 private:
  static bool precedes(const c10::OperatorName& a, const c10::OperatorName& b) { return a.name < b.name; }
  void fill() {
    names_.clear();
    // Tells of what is registered already; the listener goes with the handle.
    c10::Dispatcher::singleton().addRegistrationListener(std::make_unique<NameCollector>(names_));
    std::stable_sort(names_.begin(), names_.end(), precedes);
  }
  std::mutex mutex_;
  std::vector<c10::OperatorName> names_;
};

OpNames& opNames() {
  static auto* names = new OpNames();
  return *names;
}

// listOverloads("aten::add"): ["Tensor", "Scalar", ...] in the order of registration; undefined when there is
// no such op.
Napi::Value listOverloads(Call& call) {
  const std::vector<std::string> names = opNames().overloads(call.string(0, "name"));
  if (names.empty()) return call.undefined();
  Napi::Array array = Napi::Array::New(call.env, names.size());
  for (uint32_t i = 0; i < names.size(); i++) array[i] = names[i];
  return array;
}

// refreshOverloads(): finds ops that were registered since.
Napi::Value refreshOverloads(Call& call) {
  opNames().refresh();
  return call.undefined();
}

// Every op of the dispatcher that has a schema, sorted: ["aten::add.Tensor", ...].
Napi::Value listOps(Call& call) {
  auto& dispatcher = c10::Dispatcher::singleton();
  std::vector<std::string> names;
  for (const c10::OperatorName& name : dispatcher.getAllOpNames()) {
    if (dispatcher.findSchema(name).has_value()) names.push_back(c10::toString(name));
  }
  std::sort(names.begin(), names.end());
  Napi::Array array = Napi::Array::New(call.env, names.size());
  for (uint32_t i = 0; i < names.size(); i++) array[i] = names[i];
  return array;
}

// The schema of one op, or undefined: { name, overload, arguments, returns, returnsArguments }.
Napi::Value getSchema(Call& call) {
  const auto op = find(call);
  if (!op) return call.undefined();
  const c10::FunctionSchema& schema = op->schema();
  Napi::Object object = Napi::Object::New(call.env);
  object["name"] = schema.name();
  object["overload"] = schema.overload_name();
  Napi::Array arguments = describeAll(call.env, schema.arguments());
  for (uint32_t i = 0; i < schema.arguments().size(); i++) {
    if (isNumberPlace(schema, i)) arguments.Get(i).As<Napi::Object>()["takesNumber"] = true;
  }
  object["arguments"] = arguments;
  object["returns"] = describeAll(call.env, schema.returns());
  object["returnsArguments"] = returnsWrittenArguments(schema);
  return object;
}

// hasKernel("aten::add", "Tensor", "CUDA"): whether the op has a kernel of its own for that dispatch key.
Napi::Value hasKernel(Call& call) {
  const auto op = find(call);
  const c10::DispatchKey key = c10::parseDispatchKey(call.string(2, "key"));
  return Napi::Boolean::New(call.env, op.has_value() && op->hasKernelForDispatchKey(key));
}

Napi::Value makeFunction(Call& call, BoundOp& op, napi_callback callback) {
  napi_value function = nullptr;
  napi_create_function(call.env, op.name.c_str(), NAPI_AUTO_LENGTH, callback, &op, &function);
  return {call.env, function};
}

BoundOp* bind(Call& call) {
  auto op = find(call);
  if (!op) return nullptr;
  call.data.ops.push_back(std::make_shared<BoundOp>(*op));
  return call.data.ops.back().get();
}

// getOp("aten::add", "Tensor"): a function that takes the arguments in schema order.
Napi::Value getOp(Call& call) {
  BoundOp* op = bind(call);
  return op == nullptr ? call.undefined() : makeFunction(call, *op, CallOp);
}

// getSizesOp("aten::view", ""): for an op of a tensor and sizes a function that takes the sizes as numbers,
// (tensor, 2, 3) for (tensor, [2, 3]); undefined for others.
Napi::Value getSizesOp(Call& call) {
  BoundOp* op = bind(call);
  return op == nullptr || !op->on_sizes ? call.undefined() : makeFunction(call, *op, CallOnSizes);
}

}  // namespace

void defineSchema(Napi::Object exports) {
  define<listOps>(exports, "listOps");
  define<getSchema>(exports, "getSchema");
  define<hasKernel>(exports, "hasKernel");
  define<getOp>(exports, "getOp");
  define<getSizesOp>(exports, "getSizesOp");
  define<listOverloads>(exports, "listOverloads");
  define<refreshOverloads>(exports, "refreshOverloads");
}

}  // namespace ibn
